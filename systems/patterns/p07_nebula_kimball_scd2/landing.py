"""Lands deliveries as typed rows in the schema p07_nebula_raw: what dbt's sources are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orrery import contracts
from orrery.contracts import quoted
from orrery.delimited import Chunk, Refused
from orrery.effects import Writer
from orrery.engines import postgres
from orrery.errors import BadInput, GateClosed, IntegrityBroken
from orrery.faults import faultpoint
from orrery.files import Delivered
from orrery.judging import Judge, Judged, integers
from orrery.run import Run

TABLES = ("customers", "products", "orders", "order_events", "returns", "refused")
BATCH = "p07_nebula_batch"  # the schema that a run builds in, and by which its sessions are called


@dataclass(frozen=True)
class Landed:
    """A file whose rows are in the raw schema."""

    file_id: int
    kind: str
    delivered: Delivered
    table: str
    read: int


def begin(run: Run, writer: Writer) -> None:
    """The tables, where they are missing; without what a run landed that then died, and without a dbt that it left."""
    make_tables(run, writer)
    writer.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %(batch)s"
        " and datname = current_database() and usename = current_user",
        {"batch": BATCH},
    )
    with writer.connection.transaction():
        writer.connection.execute("update p07_nebula_raw.builder set run_id = %s", (run.run_id,))
        clear(writer)


def clear(writer: Writer) -> None:
    """Take out what was landed and never published."""
    with writer.connection.transaction():
        unfinished = "(select file_id from p07_nebula_raw.files where load_id is null)"
        for table in (*TABLES, "files"):
            writer.connection.execute(f"delete from p07_nebula_raw.{table} where file_id in {unfinished}")


def make_tables(run: Run, writer: Writer) -> None:
    """Tables, views, members as the scripts say: where one is missing or of another version, or all is made again."""
    scripts = [(run.folder / "sql" / f"{name}.sql").read_text(encoding="utf-8") for name in ("raw", "marts", "queries")]
    made_by = hashlib.sha256("".join(scripts).encode()).hexdigest()
    relations = re.findall(r"^create (?:table if not exists|or replace view) (\S+)", "".join(scripts), re.MULTILINE)
    [(mark, missing)] = writer.query(
        "select obj_description(to_regnamespace('p07_nebula')::oid, 'pg_namespace'),"
        " (select count(*) from unnest(%(tables)s::text[]) as named (name) where to_regclass(name) is null)",
        {"tables": relations},
    )
    if mark == made_by and not missing and run.settings["mode"] != "full":
        return
    with writer.connection.transaction():
        writer.connection.execute("set local client_min_messages = warning")
        for script in scripts:
            writer.connection.execute(script)
        writer.connection.execute(f"comment on schema p07_nebula is '{made_by}'")


def split(
    writer: Writer, delivered: Iterable[tuple[str, Delivered]]
) -> tuple[list[tuple[str, Delivered]], list[dict[str, str]]]:
    """The files to land, each with its kind, and those whose content is there already, by the name it came under."""
    rows = writer.query("select kind, sha256, name from p07_nebula_raw.files")
    there = {(kind, sha256): name for kind, sha256, name in rows}
    new, known = [], []
    for kind, each in delivered:
        if (kind, each.sha256) in there:
            known.append({"name": each.name, "loaded_as": there[kind, each.sha256]})
            continue
        if kind == "cdnow" and any(of == kind for of, _ in there):
            raise BadInput(
                f"{each.name} is another file of CDNOW's than the one that was loaded.",
                looked=str(each.path),
                found="a purchase there is called by its line: those of two files cannot be told apart",
                fix="deliver it as orders, with order_id, line_no, customer_id, ordered_at, quantity and amount",
            )
        there[kind, each.sha256] = each.name
        new.append((kind, each))
    return new, known


def land(run: Run, writer: Writer, kind: str, delivered: Delivered, judge: Judge) -> Landed:
    """Land one file: its good rows, and those that break a rule by themselves; one transaction.

    Raises:
        GateClosed: no rows, or more of them refused than the contract lets pass.
    """

    def told(done: int, size: int, rows: int) -> None:
        run.reporter.step_progress(f"land {delivered.name}", done, size, rows)

    with run.step("land", of=delivered.name) as step, writer.connection.transaction():
        # of a file that was taken out refusals stand until all is derived again: its number is not another's
        [(file_id,)] = writer.query(
            "select greatest((select max(file_id) from p07_nebula_raw.files),"
            " (select max(file_id) from p07_nebula.deliveries_rejected), 0) + 1"
        )
        read = rejected = 0
        for chunk, judged in judge.file(delivered, told):
            copy(writer, judge, kind, chunk, judged, file_id)
            refuse(writer, file_id, judged.refused)
            run.rejects.add(delivered.name, judged.refused)
            read, rejected = read + judged.read, rejected + len(judged.refused)
            faultpoint("copy.after")
        gate(run, judge, delivered, read, rejected)
        about = (file_id, kind, delivered.name, delivered.sha256, run.run_id, read, read - rejected)
        writer.connection.execute("insert into p07_nebula_raw.files values (%s, %s, %s, %s, %s, %s, %s, null)", about)
        step.bytes_read = delivered.size
        step.rows(read=read, kept=read - rejected, rejected=rejected)
    return Landed(file_id, kind, delivered, judge.feed.table, read)


def copy(writer: Writer, judge: Judge, kind: str, chunk: Chunk, judged: Judged, file_id: int) -> None:
    """One COPY of a block's good rows; what PostgreSQL says it took must be what was sent."""
    places = np.searchsorted(chunk.lines, judged.lines)
    starts, ends = chunk.starts[places], chunk.ends[places]
    texts = [chunk.shown(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    rows = judged.rows
    if kind == "cdnow":
        rows = rows.set_column(0, "order_id", called_by_line(judged.lines))
    loaders: dict[str, pa.Array] = {
        "file_id": integers(np.full(len(texts), file_id)),
        "line": integers(judged.lines),
        "byte_offset": integers(chunk.base + starts),
        "record_text": pa.array(texts, pa.string()),
    }
    for name, values in loaders.items():
        rows = rows.append_column(name, values)
    cursor = writer.connection.cursor()
    with cursor.copy(f"copy {judge.feed.table} ({quoted(rows.column_names)}) from stdin (format binary)") as stream:
        stream.write(postgres.binary(judge.duck(), rows))
    if cursor.rowcount != len(texts):
        raise IntegrityBroken(
            f"PostgreSQL took {cursor.rowcount:,} rows of {len(texts):,}.",
            looked=f"copy {judge.feed.table}",
            found="another number than was sent",
            fix="nothing was kept; run again, and report it if it stays so",
        )


def called_by_line(lines: np.ndarray) -> pa.Array:
    """The order that a purchase of CDNOW's is taken for: its line in the file is all the name that it has."""
    digits = pc.utf8_lpad(integers(lines).cast(pa.string()), width=6, padding="0")
    return pc.binary_join_element_wise("CDNOW-", digits, "")


def refuse(writer: Writer, file_id: int, refused: Sequence[Refused]) -> None:
    """Keep refused rows beside the raw tables, until they are published."""
    if not refused:
        return
    names = "file_id, line, byte_offset, column_name, rule, message, record_text"
    with writer.connection.cursor().copy(f"copy p07_nebula_raw.refused ({names}) from stdin") as stream:
        for each in refused:
            stream.write_row((file_id, each.line, each.byte_offset, each.column, each.rule, each.message, each.text))


def gate(run: Run, judge: Judge, delivered: Delivered, read: int, rejected: int) -> None:
    """Hold a file back that must not pass as a whole.

    Raises:
        GateClosed: no rows, or more of them refused than the contract lets pass.
    """
    closed = contracts.gate(judge.feed.incoming, read=read, refused=rejected)
    if closed is None:
        return
    often = ", ".join(f"{count:,} {rule}" for rule, count in run.rejects.rules.most_common(3))
    path = judge.feed.incoming.path
    shows = f"orrery data validate {run.system.name.lower()} FILE shows the rows and what to change"
    raise GateClosed(
        f"{delivered.name} is held back: nothing of this run was loaded.",
        looked=f"{path.name}, {delivered.name}",
        found=closed + f" (of this run: {often})" * bool(often),
        fix=f"{shows}; what may be refused is refusedRowsLimit in {path.name}"
        if rejected
        else "deliver it again with its rows",
    )


def newest(writer: Writer) -> list[tuple[str, int]]:
    """The raw table of the file that came last, and its number; none where there is no file."""
    rows = writer.query("select kind, file_id from p07_nebula_raw.files order by file_id desc limit 1")
    return [(f"p07_nebula_raw.{'orders' if kind == 'cdnow' else kind}", file_id) for kind, file_id in rows]


def counted(writer: Writer, landed: Sequence[Landed]) -> dict[int, tuple[int, int]]:
    """Of each file how many rows are kept and how many refused, also for what other rows say."""
    sql = (
        "select files.file_id, rows_kept, count(line) from p07_nebula_raw.files as files"
        " left join p07_nebula.deliveries_rejected as refused on refused.file_id = files.file_id"
        " where files.file_id = any(%(ids)s) group by files.file_id"
    )
    rows: list[tuple[Any, ...]] = writer.query(sql, {"ids": [each.file_id for each in landed]})
    return {file_id: (kept, refused) for file_id, kept, refused in rows}
