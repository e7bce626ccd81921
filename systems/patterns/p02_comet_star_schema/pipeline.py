"""Comet: the exoplanet catalogue into an operational schema and a star schema, by jobs/load.sh.

delivered files → unpacked rows → operational schema, third normal form → star schema: one transaction in PostgreSQL
                   └─ refused rows, with line, rule and text ─┘

The script does the work and runs without this module, from cron. Here it is called, followed, and asked what it did.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orrery import files, handover
from orrery.contracts import Contract
from orrery.delimited import Refused
from orrery.engines import postgres
from orrery.errors import BadInput, GateClosed
from orrery.handover import Ended, Tool
from orrery.run import Run

from . import own

FACT, REJECTED, FILES = "p02_comet.fct_discovery", "p02_comet.catalogue_rejected", "p02_comet.files"


def main(run: Run) -> None:
    """Find what was delivered, unpack what is new, have the script load it in one transaction."""
    if run.request.contract is not None:
        raise BadInput(
            "Comet loads planets into its star, and no other table.",
            looked="--contract",
            found=str(run.request.contract),
            fix="orrery data map comet FILE drafts a mapping; orrery run meteor takes a contract for any table",
        )
    with run.step("find files") as step:
        paths, ignored = files.find(run.given("catalogue")[0], run.interval, run.request.endings("catalogue"))
        step.bytes_read = size = sum(path.stat().st_size for path in paths)
        step.rows(read=len(paths) + ignored, kept=len(paths), filtered=ignored)

    landing = run.work() / "landing"
    landing.mkdir()
    with handover.to_tool(run, "warehouse", tables(run), at_step="COMET_AT_STEP") as tool:
        run.contracts["catalogue"] = run.contract("catalogue")  # a mapping puts its own in its place
        unpack = own.unpacked if run.request.mapping else unpacked
        known = unpack(run, tool, paths, landing)
        run.note(files_known=known)
        with run.step("load") as step:
            ended = loaded_by(run, tool, landing)
            loaded = [counted(words) for words in ended.facts("file")]
            step.peak_mb, step.bytes_read = ended.peak_mb, size
            step.rows(**{key: sum(each[key] for each in loaded) for key in ("read", "kept", "rejected")})
        told(run, tool, ended, loaded, {path.name: str(path.absolute()) for path in paths})


def loaded_by(run: Run, tool: Tool, landing: Path) -> Ended:
    """The load itself; who has a mapping is told which limit of it holds a file back."""
    try:
        return tool.load(script(run, "--landed", str(landing)), surroundings(run, tool), run.following("load"))
    except GateClosed as error:
        if run.request.mapping:
            name = run.request.mapping.name
            error.fix = (
                f"mend the file or {name}, or let more pass: refusedRowsLimit: 0.9 in it (data validate shows them)"
            )
        raise


def tables(run: Run) -> dict[str, Contract]:
    """What the script makes, with the contract of each table."""
    return {name: run.contract(name) for name in run.system.outputs}


def script(run: Run, *arguments: str) -> list[str]:
    """The call of jobs/load.sh."""
    full = ["--full"] if run.settings["mode"] == "full" and arguments[0] == "--landed" else []
    return ["bash", str(run.folder / "jobs" / "load.sh"), *full, *arguments]


def surroundings(run: Run, tool: Tool) -> Mapping[str, str]:
    """The environment of the script: the database, where it may write, and this run's name and token."""
    given = {"PYTHON": sys.executable, "PSQL": str(postgres.psql() or "psql"), "PGAPPNAME": run.run_id}
    given |= {"COMET_STATE": str(run.work()), "COMET_LOG": "-", "COMET_PROGRESS": "yes", "COMET_RUN_ID": run.run_id}
    given |= {"COMET_TOKEN": run.token, "COMET_LOADED_AT": run.now().isoformat()}
    given["COMET_WAIT"] = str(int(run.request.wait_seconds))
    says = run.feed("catalogue").incoming if run.request.mapping else run.contract("catalogue")
    given["COMET_REFUSED_LIMIT"] = str(says.refused_rows_limit)
    return {**postgres.tool_environment(tool.binding), **given}


def unpacked(run: Run, tool: Tool, paths: list[Path], landing: Path) -> list[dict[str, str]]:
    """Unpack the files that are new; gives those that are known, with the name they were loaded under."""
    with run.step("unpack") as step:
        command = script(run, "--unpack", str(landing), "--", *(str(path.absolute()) for path in paths))
        ended = tool.call(command, surroundings(run, tool), run.following("unpack"))
        counts = [(int(read), int(refused)) for _, read, refused in ended.facts("unpacked")]
        read, refused = (sum(each) for each in zip(*counts, strict=True)) if counts else (0, 0)
        step.peak_mb = ended.peak_mb
        step.rows(read=read, kept=read - refused, rejected=refused)
    return [{"name": name, "loaded_as": loaded_as} for name, loaded_as in ended.facts("known")]


def counted(words: list[str]) -> dict[str, Any]:
    """What the script says of a file that it has loaded."""
    file_id, _, name, sha256, read, kept, rejected = words
    counts = {"read": int(read), "kept": int(kept), "rejected": int(rejected), "filtered": 0}
    return {"name": name, "sha256": sha256, "file_id": int(file_id), **counts}


def told(run: Run, tool: Tool, ended: Ended, loaded: list[dict[str, Any]], paths: Mapping[str, str]) -> None:
    """What the load made, for the run's record, its last lines, and `orrery check`."""
    run.note(target=target(tool))
    if ended.facts("outcome") != [["loaded"]]:
        run.note(nothing_new=True)
        return
    for each in loaded:
        run.rejects.add(each["name"], refused(tool, each["file_id"]))
    changes = {
        table: {what: int(ended.facts(f"{short}_{what}")[0][0]) for what in ("inserted", "updated", "deleted")}
        for table, short in ((FACT, "facts"), ("p02_comet.dim_star", "stars"))
    }
    load_id = int(ended.facts("load_id")[0][0])
    with postgres.connect(tool.binding, application=run.run_id) as connection:
        written = [postgres.counted_by_server(connection, FACT, "load_id", load_id)]
        for table in (REJECTED, FILES):
            written += [postgres.counted_by_server(connection, table, "file_id", each["file_id"]) for each in loaded]
        at = connection.info
        place = {"namespace": f"postgres://{at.host}:{at.port}"}
        rows = {table: counts["inserted"] + counts["updated"] for table, counts in changes.items()}
        rows |= {REJECTED: sum(each["rejected"] for each in loaded), FILES: len(loaded)}
        outputs = [
            {**place, "name": f"{at.dbname}.{table}", **({"rows": rows[table]} if table in rows else {})}
            for table in run.system.outputs
        ]
    inputs = [{"namespace": "file", "name": paths[each["name"]], "rows": each["read"]} for each in loaded]
    run.note(files=loaded, changes=changes, written=written, lineage_inputs=inputs, lineage_outputs=outputs)


def target(tool: Tool) -> dict[str, Any]:
    """How many rows are there now."""
    [(rows, rejected)] = tool.query(f"select (select count(*) from {FACT}), (select count(*) from {REJECTED})")
    counts = {"rows": rows, "rejected_rows": rejected}
    return {"table": FACT, "rejected_table": REJECTED, **counts, "look_at": "discoveries"}


def refused(tool: Tool, file_id: int) -> list[Refused]:
    """The refused rows of a file, in the order of their lines."""
    sql = f"""select line, byte_offset, "column", rule, message, record_text from {REJECTED}
        where file_id = %s order by line, byte_offset"""
    return [Refused(*row) for row in tool.query(sql, (file_id,))]
