"""Has dbt derive the batch: the histories that new rows touch, and the facts that these can move."""

from __future__ import annotations

import re

from orrery.effects import Writer
from orrery.engines import dbt, postgres
from orrery.engines.dbt import Ended, Project
from orrery.errors import BadInput, DependencyDown, Locked, OrreryError
from orrery.run import Run

from .landing import BATCH

OVERTAKEN = "the batch is another run's now"  # as sql/raw.sql says it
# what dbt says of a session that was ended, and of a server that is not there or not yet there again
LOST = re.compile(
    "terminating connection|server closed the connection|connection to server|connection already closed"
    "|SSL connection has been closed|could not receive data|the database system is"
)


def build(run: Run, writer: Writer) -> Ended:
    """`dbt build` into the schema of the batch; gives how it ended.

    Raises:
        BadInput: a model cannot be built. GateClosed: a test of the project found rows. DependencyDown: dbt broke off,
            or lost the server. Locked: another run took over.
    """
    named = dict(postgres.tool_environment(writer.binding))
    named |= {"NEBULA_BATCH": BATCH, "PGOPTIONS": f"-c nebula.run={run.run_id}"}
    project = Project(run, run.folder / "dbt_project", named)
    arguments = ["--exclude-resource-type", "snapshot"]  # it is there to be compared with
    arguments += ["--vars", "{everything: 'yes'}"] if run.settings["mode"] == "full" else []
    with run.step("build") as step:
        try:
            ended = project.build("build", *arguments)
        except BadInput as error:
            raise disturbed(run, writer, error, error.found) from error
        step.peak_mb = ended.peak_mb
        run.note(
            dbt={"command": project.shown("build", *arguments), "exit_code": ended.exit_code, **dbt.outline(ended)}
        )
        if refusal := project.refusal(ended, {}):
            said = " ".join(node.message for node in ended.nodes if not node.is_good)
            raise disturbed(run, writer, refusal, said)
        models = len(ended.of("model"))
        step.rows(read=models, kept=models)
    project.keep()
    return ended


def disturbed(run: Run, writer: Writer, error: OrreryError, said: str) -> OrreryError:
    """Dbt's error, or what it comes from where dbt was only disturbed: nothing is wrong with project or data then."""
    is_lost = LOST.search(said) is not None
    if OVERTAKEN in said or (is_lost and is_overtaken(run, writer)):
        return Locked(
            "Another run took over while this one built: nothing of this one was published.",
            looked=error.looked,
            found=error.found,
            fix="orrery runs shows it; run again if a file is still missing",
        )
    if is_lost:
        asked = "PostgreSQL went away while dbt built: nothing was published."
        return DependencyDown(asked, looked=error.looked, found=error.found, fix="run again")
    return error


def is_overtaken(run: Run, writer: Writer) -> bool:
    """Whether another run builds now; asked anew, because who took over has ended this run's sessions."""
    try:
        with postgres.connect(writer.binding, application=run.run_id) as again:
            return again.execute("select run_id from p07_nebula_raw.builder").fetchone() != (run.run_id,)
    except OrreryError:
        return False  # the server cannot say; that it is gone is told instead
