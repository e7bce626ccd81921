"""Has dbt build in the copy, asks what it made, and stops the run where dbt says no."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from orrery.engines import dbt, model_columns
from orrery.engines.dbt import Project
from orrery.errors import DependencyDown
from orrery.looks import Edition, Look
from orrery.run import Run

from . import own

PROJECT = "dbt_project"
BUILDS = """
create table if not exists p04_orbit.builds (
    run_id         text not null,
    project_sha256 text not null,
    around_sha256  text not null,   -- of what is no model: dbt_project.yml, profiles.yml, macros
    as_of          text not null,   -- the day that approaches are looked for around; empty: the standard epoch
    command        text not null
)
"""


def last_build(look: Look) -> dict[str, Any]:
    """What the build that is there was made with; empty before the first, and after one that died half-way."""
    if "builds" not in look.relations("p04_orbit"):
        return {}
    names, rows = look.query(
        "select builds.*, loads.run_id is not null as is_complete from p04_orbit.builds"
        " left join p04_orbit.loads on builds.run_id = loads.run_id order by load_id desc nulls first limit 1"
    )
    last = dict(zip(names, rows[0], strict=True)) if rows else {}
    return last if last.get("is_complete") else {}


def what_to_build(run: Run, built: Mapping[str, Any], *, has_new: bool) -> list[str] | None:
    """The arguments of `dbt build`: everything, or a changed model with its children; None: nothing has changed.

    dbt sees that a model has changed, and a macro that it names; not a variable, nor a macro found by its name's form.
    """
    if run.settings["mode"] == "full":
        return ["--full-refresh"]
    if has_new or not built or built["as_of"] != as_of(run):
        return []
    if built["project_sha256"] == project_sha256(run):
        return None
    state = run.request.home / "runs" / built["run_id"] / "dbt"
    if built["around_sha256"] != project_sha256(run, around=True) or not (state / "manifest.json").exists():
        return []
    return ["--select", "state:modified+", "--state", str(state)]


def as_of(run: Run) -> str:
    """The day that approaches are looked for around, where the run has one."""
    return run.interval.isoformat() if run.interval else ""


def project_sha256(run: Run, *, around: bool = False) -> str:
    """The hash of everything in the project that a build depends on; or of what stands around its models."""
    digest = hashlib.sha256()
    for name, content in dbt.fingerprint(run.folder / PROJECT):
        if around and name.partition("/")[0] in ("models", "seeds", "tests"):
            continue
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def project(run: Run, edition: Edition) -> Project:
    """The dbt project, bound to where the run builds."""
    day = {"ORBIT_AS_OF": as_of(run)} if as_of(run) else {}
    return Project(run, run.folder / PROJECT, {**edition.environment, **day, **own.environment(run)})


def build(run: Run, edition: Edition, wanted: list[str]) -> None:
    """Build, and document what is there then; unit tests and pages are of the code, so they wait for that to change.

    Raises:
        GateClosed: a test of the project found rows, or a model is not as its contract says.
    """
    made, code = project(run, edition), project_sha256(run)
    if made.was_done("unit tests", code):
        wanted = [*wanted, "--exclude-resource-type", "unit_test"]
    command = made.shown("build", *wanted)
    with edition.session() as session:  # before dbt: where tables are replaced in place, a build that dies is seen
        session.query(BUILDS)
        session.query("delete from p04_orbit.builds where run_id not in (select run_id from p04_orbit.loads)")
        about = [run.run_id, code, project_sha256(run, around=True), as_of(run), command]
        session.query("insert into p04_orbit.builds values (?, ?, ?, ?, ?)", about)
    with run.step("build") as step:
        ended = made.build("build", *wanted)
        step.peak_mb = ended.peak_mb
        run.note(dbt={"command": command, "exit_code": ended.exit_code, **dbt.outline(ended)})
        failing = {each.name: found(edition, each.compiled) for each in ended.of("test") if not each.is_good}
        if error := made.refusal(ended, failing):
            if run.request.mapping and own.LIMIT in error.looked:
                error.fix = own.mend(run)
            raise error
        read, rejected = judged(edition)
        step.rows(read=read, kept=read - rejected, rejected=rejected)
    if "--select" not in wanted and project_sha256(run) == code:  # all of them, and nobody has changed it meanwhile
        made.done("unit tests", code)
    with edition.session() as session:
        dbt.count(session, ended)
    run.note(dbt={"command": command, "exit_code": ended.exit_code, **dbt.outline(ended)})
    dbt.tell(run, ended)
    if not made.was_done("pages", code):
        made.undone("pages")
        document(run, made)
        if project_sha256(run) == code:
            made.done("pages", code)
    made.keep()


def document(run: Run, made: Project) -> None:
    """The catalogue of what is there, the pages of the project, and what each column is made from."""
    with run.step("document") as step:
        ended = made.docs("document")
        if ended.exit_code:
            raise DependencyDown(
                "dbt could not write the catalogue of what it has built: nothing was published.",
                looked=str(made.folder),
                found=" ".join(ended.said[-1:])[:400] or f"exit code {ended.exit_code}",
                fix=made.shown("docs", "generate"),
            )
        step.peak_mb = ended.peak_mb
        catalogue = made.artefact("catalog.json")
        relations = len(catalogue["nodes"])
        step.rows(read=relations, kept=relations)
    columns = model_columns.of_project(made.artefact("manifest.json"), catalogue)
    (made.target / dbt.COLUMNS).write_text(json.dumps(columns, indent=1) + "\n", encoding="utf-8")


def columns_from(run: Run) -> dict[str, dict[str, list[str]]]:
    """For each mart and column what of the answers it is made from."""
    path = run.results / "dbt" / dbt.COLUMNS
    made = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    of_answers = {column.name for column in run.contract("answers").columns}
    return {
        table: {
            column: sorted({f"answers.{name}" for _, name in sources if name in of_answers})
            for column, sources in made.get(table, {}).items()
        }
        for table in run.system.outputs
        if table in made
    }


def found(edition: Edition, compiled: str) -> list[str]:
    """The first rows that a failing test finds, a line each."""
    if not compiled:
        return []
    with edition.session() as session:
        names, rows = session.query(f"select * from ({compiled.strip().rstrip(';')}) as found limit {dbt.SHOWN}")
    return [", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True)) for row in rows]


def judged(edition: Edition) -> tuple[int, int]:
    """How many raw rows there are, and how many of them are refused."""
    sum_of = "select sum(rows_judged) from p04_orbit_intermediate.int_deliveries"
    with edition.session() as session:
        [(read, rejected)] = session.query(f"select ({sum_of}), (select count(*) from p04_orbit.answers_rejected)")[1]
    return int(read or 0), int(rejected)
