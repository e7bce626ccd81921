"""Nebula: what a shop's systems tell, in any order, into a Kimball model whose dimensions remember; by dbt.

deliveries → typed rows, kept for ever → dbt build: the histories they touch, the facts these move → one transaction
                └─ refused rows, with line, rule and text                                             that publishes
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orrery import effects, files
from orrery.contracts import Contract
from orrery.delimited import Refused
from orrery.effects import Writer
from orrery.engines import postgres
from orrery.errors import BadInput, GateClosed
from orrery.files import Delivered
from orrery.judging import Judge
from orrery.run import Run

from . import building, landing, publishing
from .landing import Landed

LINES, REJECTED = "p07_nebula.fct_order_lines", "p07_nebula.deliveries_rejected"


def main(run: Run) -> None:
    """Find what was delivered, land what is new, have dbt derive what it touches, publish that at once."""
    if run.request.contract is not None:
        raise BadInput(
            "Nebula loads what a shop tells of customers, products and orders, and no other table.",
            looked="--contract",
            found=str(run.request.contract),
            fix="orrery data map nebula FILE --input customers drafts a mapping; orrery run meteor takes any contract",
        )
    delivered = find(run)
    with effects.sole_writer(run, "warehouse", {}, existing=tables(run)) as writer:
        landing.begin(run, writer)
        new, known = landing.split(writer, delivered)
        run.note(files_known=known, target=target(writer))
        if not new and run.settings["mode"] != "full":
            run.note(nothing_new=True)
            return
        judges = {kind: Judge(run.feed(kind)) for kind in dict.fromkeys(kind for kind, _ in new)}
        try:
            landed = [landing.land(run, writer, kind, each, judges[kind]) for kind, each in new]
            building.build(run, writer)
            contradict(run, writer, landed, judges)
        except (BadInput, GateClosed):
            landing.clear(writer)
            raise
        with writer.transaction() as load_id:
            publish(run, writer, load_id)
            told(run, writer, landed)


def find(run: Run) -> list[tuple[str, Delivered]]:
    """Every delivered file with its kind; who brings files of their own gets those, and no sample beside them."""
    found: list[tuple[str, Delivered]] = []
    with run.step("find files") as step:
        passed = 0
        for kind in run.request.data or run.system.inputs:
            paths, ignored = files.find(run.given(kind)[0], run.interval, run.request.endings(kind))
            found += [(kind, files.fingerprint(path)) for path in paths]
            passed += ignored
        step.bytes_read = sum(each.size for _, each in found)
        step.rows(read=len(found) + passed, kept=len(found), filtered=passed)
    return found


def tables(run: Run) -> dict[str, Contract]:
    """What sql/raw.sql and sql/marts.sql make, with the contract of each table."""
    return {name: run.contract(name) for name in run.system.outputs}


def publish(run: Run, writer: Writer, load_id: int) -> None:
    """Bring the batch into the published tables, inside the run's transaction."""
    columns = {table: run.contract(f"p07_nebula.{table}").column_names for table in publishing.TABLES}
    with run.step("publish") as step:
        changes = publishing.publish(writer.connection, columns, load_id)
        written = sum(sum(each.values()) for each in changes.values())
        step.rows(read=written, kept=written)
    run.note(changes={f"p07_nebula.{table}": each for table, each in changes.items() if any(each.values())})


def told(run: Run, writer: Writer, landed: list[Landed]) -> None:
    """What the run made, for its record, its last lines, and `orrery check`."""
    counted = landing.counted(writer, landed)
    loaded: list[dict[str, Any]] = []
    marked = [(each.table, each.file_id) for each in landed] or landing.newest(writer)
    marks = [
        postgres.counted_by_server(writer.connection, table, "file_id", file_id)
        for raw, file_id in marked
        for table in (raw, REJECTED)
    ]
    for each in landed:
        kept, rejected = counted[each.file_id]
        name = each.delivered.name
        about = {"name": name, "sha256": each.delivered.sha256, "file_id": each.file_id, "kind": each.kind}
        loaded.append({**about, "read": each.read, "kept": kept, "rejected": rejected, "filtered": 0})
    run.contracts |= {name: run.contract(name) for name in run.system.outputs}
    outputs = [writer.dataset(table, rows=sum(each.values())) for table, each in run.notes["changes"].items()]
    inputs = [
        {"namespace": "file", "name": str(each.delivered.path.absolute()), "rows": each.read, "input": each.kind}
        for each in landed
    ]
    run.note(files=loaded, written=marks, target=target(writer), lineage_inputs=inputs, lineage_outputs=outputs)


def contradict(run: Run, writer: Writer, landed: list[Landed], judges: Mapping[str, Judge]) -> None:
    """Refuse the rows that others contradict, as the batch found them; they count for what a file may have refused.

    Raises:
        GateClosed: too many of a file.
    """
    sql = (
        "select line, byte_offset, column_name, rule, message, record_text"
        f" from {landing.BATCH}.deliveries_rejected where file_id = %(file_id)s order by line"
    )
    for each in landed:
        refused = [Refused(*row) for row in writer.query(sql, {"file_id": each.file_id})]
        conflicts = [row for row in refused if row.rule.startswith("conflicting")]
        run.rejects.add(each.delivered.name, conflicts, of="conflicts")
        landing.gate(run, judges[each.kind], each.delivered, each.read, len(refused))


def target(writer: Writer) -> dict[str, Any]:
    """How many rows are published now."""
    [(rows, rejected)] = writer.query(f"select (select count(*) from {LINES}), (select count(*) from {REJECTED})")
    counts = {"rows": rows, "rejected_rows": rejected}
    return {"table": LINES, "rejected_table": REJECTED, **counts, "look_at": "sales_then_and_now"}
