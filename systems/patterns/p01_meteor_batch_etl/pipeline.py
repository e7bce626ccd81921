"""Meteor: launch records from CSV files into PostgreSQL, once a day, every refused row kept.

delivered files → records → typed launches → checked launches → one transaction in PostgreSQL
                     └─ refused rows, with line, rule and text ─┘
"""

from __future__ import annotations

from typing import Any

from orrery import contracts, effects, files
from orrery.effects import Writer
from orrery.engines import postgres
from orrery.errors import GateClosed
from orrery.files import Delivered
from orrery.run import Run

from .judging import Judge
from .loading import FileLedger, FileLoad

TABLES = ("p01_meteor.launches", "p01_meteor.launches_rejected", "p01_meteor.files")


def main(run: Run) -> None:
    """Find what was delivered, load what is new, in one transaction."""
    with run.step("find files") as step:
        paths, ignored = files.find(run.given("launches")[0], run.interval)
        delivered = [files.fingerprint(path) for path in paths]
        step.bytes_read = sum(each.size for each in delivered)
        step.rows(read=len(paths) + ignored, kept=len(paths), filtered=ignored)

    tables = {table: run.contract(table) for table in TABLES}
    with effects.sole_writer(run, "warehouse", tables) as writer:
        ledger = FileLedger(writer, run)
        new, known = ledger.split(delivered)
        run.note(files_known=known, **ledger.target())
        if not new:
            run.note(nothing_new=True)
            return
        judge = Judge(run)
        with writer.transaction() as load_id:
            loaded = [load(run, ledger, load_id, each, judge) for each in new]
        run.note(files=loaded, **ledger.target(), written=written(writer, loaded))
        paths_of = {each.name: str(each.path.absolute()) for each in new}
        run.note(
            lineage_inputs=[
                {"namespace": "file", "name": paths_of[each["name"]], "rows": each["read"]} for each in loaded
            ],
            lineage_outputs=[
                writer.dataset(TABLES[0], rows=sum(each["kept"] for each in loaded)),
                writer.dataset(TABLES[1], rows=sum(each["rejected"] for each in loaded)),
            ],
        )


def written(writer: Writer, loaded: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What this run wrote and how it can be recognised later: `orrery check` reads the same rows again."""
    all_is_known = len(loaded) == 1 and loaded[0]["checksum"] is not None
    checksums = {each["file_id"]: each.pop("checksum") for each in loaded}
    marks = []
    for file_id, checksum in checksums.items():
        mark = {"table": TABLES[0], "column": "file_id", "value": file_id}
        if all_is_known:
            marks.append({**mark, "rows": loaded[0]["kept"], "checksum": str(checksum)})
        else:
            marks.append({**mark, **postgres.checksum_of(writer.binding, **mark)})
    return marks


def load(run: Run, ledger: FileLedger, load_id: int, delivered: Delivered, judge: Judge) -> dict[str, Any]:
    """Load one file: read, clean, check, write; gives what became of its rows."""
    with run.step(f"load {delivered.name}") as step:
        loading = FileLoad(run, ledger, load_id, delivered, judge)
        counted = loading.load()
        if closed := contracts.gate(judge.incoming, read=counted["read"], refused=counted["rejected"]):
            raise GateClosed(
                f"{delivered.name} is held back: nothing of this run was loaded.",
                looked=f"{judge.incoming.path.name}, {delivered.name}",
                found=closed,
                fix=f"look at {run.results / 'rejects.parquet'}; the limit is refusedRowsLimit in the contract",
            )
        step.bytes_read = delivered.size
        step.rows(
            read=counted["read"], kept=counted["kept"], rejected=counted["rejected"], filtered=counted["filtered"]
        )
    return {"name": delivered.name, "sha256": delivered.sha256, "file_id": loading.file_id, **counted}
