"""Meteor: launch records from CSV files into PostgreSQL, once a day, every refused row kept.

delivered files → records → typed launches → checked launches → one transaction in PostgreSQL
                     └─ refused rows, with line, rule and text ─┘
"""

from __future__ import annotations

from typing import Any

from orrery import contracts, effects, files
from orrery.contracts import Contract
from orrery.effects import Writer
from orrery.engines import postgres
from orrery.errors import GateClosed
from orrery.feeds import Feed
from orrery.files import Delivered
from orrery.judging import Judge
from orrery.run import Run

from .loading import FILES, FileLedger, FileLoad, ledger_of


def main(run: Run) -> None:
    """Find what was delivered, load what is new, in one transaction."""
    with run.step("find files") as step:
        paths, ignored = files.find(run.given("launches")[0], run.interval)
        delivered = [files.fingerprint(path) for path in paths]
        step.bytes_read = sum(each.size for each in delivered)
        step.rows(read=len(paths) + ignored, kept=len(paths), filtered=ignored)

    feed = run.feed("launches")  # the launch log, or what a mapping or a contract of the user's says
    with effects.sole_writer(run, "warehouse", tables(run, feed)) as writer:
        ledger = FileLedger(writer, run, feed)
        new, known = ledger.split(delivered)
        run.note(files_known=known, **ledger.target())
        if not new:
            run.note(nothing_new=True)
            return
        judge = Judge(feed, run.interval)
        with writer.transaction() as load_id:
            loaded = [load(run, ledger, load_id, each, judge) for each in new]
        run.note(files=loaded, **ledger.target(), written=written(writer, ledger, loaded))
        paths_of = {each.name: str(each.path.absolute()) for each in new}
        run.note(
            lineage_inputs=[
                {"namespace": "file", "name": paths_of[each["name"]], "rows": each["read"]} for each in loaded
            ],
            lineage_outputs=[
                writer.dataset(feed.table, rows=sum(each["kept"] for each in loaded)),
                writer.dataset(feed.rejected, rows=sum(each["rejected"] for each in loaded)),
            ],
        )


def tables(run: Run, feed: Feed) -> dict[str, Contract]:
    """The tables that a feed needs: its rows, what was refused of them, and the ledger of files."""
    return {
        feed.table: feed.contract,
        feed.rejected: run.contract("p01_meteor.launches_rejected"),
        ledger_of(feed, run): run.contract(FILES),
    }


def written(writer: Writer, ledger: FileLedger, loaded: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What this run wrote and how it can be recognised later: `orrery check` reads the same rows again."""
    feed = ledger.feed
    all_is_known = len(loaded) == 1 and loaded[0]["checksum"] is not None
    checksums = {each["file_id"]: each.pop("checksum") for each in loaded}
    marks = []
    for file_id, checksum in checksums.items():
        mark = {"table": feed.table, "column": "file_id", "value": file_id}
        if all_is_known:
            marks.append({**mark, "rows": loaded[0]["kept"], "checksum": str(checksum)})
        else:
            marks.append({**mark, **postgres.checksum_of(writer.binding, **mark)})
        beside = (feed.rejected, ledger.table)
        marks += [postgres.counted_by_server(writer.connection, table, "file_id", file_id) for table in beside]
    return marks


def load(run: Run, ledger: FileLedger, load_id: int, delivered: Delivered, judge: Judge) -> dict[str, Any]:
    """Load one file: read, clean, check, write; gives what became of its rows."""
    with run.step("load", of=delivered.name) as step:
        loading = FileLoad(run, ledger, load_id, delivered, judge)
        counted = loading.load()
        if closed := contracts.gate(judge.feed.incoming, read=counted["read"], refused=counted["rejected"]):
            often = ", ".join(f"{count:,} {rule}" for rule, count in run.rejects.rules.most_common(3))
            raise GateClosed(
                f"{delivered.name} is held back: nothing of this run was loaded.",
                looked=f"{judge.feed.incoming.path.name}, {delivered.name}",
                found=closed + f" (of this run: {often})" * bool(often),
                fix=f"orrery data validate {run.system.name.lower()} FILE shows the rows and what to change; "
                f"what may be refused is refusedRowsLimit in {judge.feed.incoming.path.name}"
                if counted["rejected"]
                else "deliver it again with its rows",
            )
        step.bytes_read = delivered.size
        step.rows(
            read=counted["read"], kept=counted["kept"], rejected=counted["rejected"], filtered=counted["filtered"]
        )
    return {"name": delivered.name, "sha256": delivered.sha256, "file_id": loading.file_id, **counted}
