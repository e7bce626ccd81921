"""Has dbt derive the batch: the histories that new rows touch, and the facts that these can move."""

from __future__ import annotations

from orrery.effects import Writer
from orrery.engines import dbt, postgres
from orrery.engines.dbt import Ended, Project
from orrery.run import Run

from .landing import BATCH


def build(run: Run, writer: Writer) -> Ended:
    """`dbt build` into the schema of the batch; gives how it ended.

    Raises:
        BadInput: a model cannot be built. GateClosed: a test of the project found rows. DependencyDown: dbt broke off.
    """
    named = dict(postgres.tool_environment(writer.binding))
    named |= {"NEBULA_BATCH": BATCH, "PGOPTIONS": f"-c nebula.run={run.run_id}"}
    project = Project(run, run.folder / "dbt_project", named)
    arguments = ["--exclude-resource-type", "snapshot"]  # it is there to be compared with
    arguments += ["--vars", "{everything: 'yes'}"] if run.settings["mode"] == "full" else []
    with run.step("build") as step:
        ended = project.build("build", *arguments)
        step.peak_mb = ended.peak_mb
        run.note(
            dbt={"command": project.shown("build", *arguments), "exit_code": ended.exit_code, **dbt.outline(ended)}
        )
        if error := project.refusal(ended, {}):
            raise error
        models = len(ended.of("model"))
        step.rows(read=models, kept=models)
    project.keep()
    return ended
