"""How a file's launches come into PostgreSQL.

A file with new keys goes straight into the target; into an empty one before its primary key is built, which is
faster and finds the same duplicates. A file that restates keys waits in a temporary table, and only what differs
is written. Which of the two it is shows at the first key that is there already: the savepoint is taken back, and
the file is read again for the merge.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import psycopg

from orrery import files
from orrery.delimited import Block, Refused
from orrery.effects import Writer
from orrery.engines import postgres
from orrery.errors import IntegrityBroken
from orrery.files import Delivered
from orrery.run import Run

from .judging import Judge, Judged, integers

TARGET, REJECTED, FILES = "p01_meteor.launches", "p01_meteor.launches_rejected", "p01_meteor.files"
WORKERS = 2  # threads that judge; the one that writes waits for PostgreSQL most of the time
KEY_LATER_FROM = 4 << 20  # bytes of a file; below that building the key later gains nothing
DUPLICATE = {
    "duplicate_row": "the same launch as line {}, in every column",
    "key_conflict": "another row has this designator and says something else",
}


class FileLedger:
    """Which contents are in the target already (table `files`), by name, day and sha256."""

    def __init__(self, writer: Writer, run: Run) -> None:
        self.writer, self.run = writer, run
        self.day = run.interval.isoformat() if run.interval else ""
        rows = writer.query(
            f"select file_name, sha256 from {FILES} where is_current and day = %(day)s", {"day": self.day}
        )
        self.by_name = dict(rows)
        self.by_content = {sha256: name for name, sha256 in rows}

    def split(self, delivered: list[Delivered]) -> tuple[list[Delivered], list[dict[str, str]]]:
        """New contents to load, and those that are known: the same file again, or one that came under another name."""
        new: list[Delivered] = []
        known = []
        for each in delivered:
            first = self.by_content.get(each.sha256) or next(
                (one.name for one in new if one.sha256 == each.sha256), None
            )
            if first is None:
                new.append(each)
            else:
                known.append({"name": each.name, "loaded_as": first})
        return new, known

    def target(self) -> dict[str, Any]:
        """What is in the target now."""
        count = self.writer.query(f"select count(*) from {TARGET}")[0][0]
        refused = self.writer.query(f"select count(*) from {REJECTED}")[0][0]
        return {"target": {"table": TARGET, "rows": count, "rejected_rows": refused}}


class FileLoad:
    """One file on its way into the target, inside the run's transaction."""

    def __init__(self, run: Run, ledger: FileLedger, load_id: int, delivered: Delivered, judge: Judge) -> None:
        self.run, self.ledger, self.load_id, self.delivered, self.judge = run, ledger, load_id, delivered, judge
        self.connection = ledger.writer.connection
        self.columns = [name for name in judge.contract.column_names if name != "file_id"]
        self.is_restated = delivered.name in ledger.by_name
        last = ledger.writer.query(f"select coalesce(max(file_id), 0) + 1 from {FILES}")
        self.file_id = int(last[0][0])
        self.counts: dict[str, int] = {}
        self.checksum: int | None = 0
        self.warnings: Counter[str] = Counter()

    def load(self) -> dict[str, Any]:
        """Bring the file in; gives the counts of its rows."""
        if self.is_restated or not self.straight():
            self.merge()
        names = {"file_name": self.delivered.name, "day": self.ledger.day}
        self.connection.execute(
            f"update {FILES} set is_current = false where file_name = %(file_name)s and day = %(day)s and is_current",
            names,
        )
        kept = self.counts["read"] - self.counts["rejected"] - self.counts["filtered"]
        values = (self.file_id, self.load_id, *names.values(), self.delivered.sha256, True)
        self.connection.execute(
            f"insert into {FILES} values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (*values, self.counts["read"], kept, self.counts["rejected"], self.counts["filtered"]),
        )
        return {**self.counts, "kept": kept, "warnings": dict(self.warnings), "checksum": self.checksum}

    def straight(self) -> bool:
        """Into the target itself; False where a key of the file is there already, or twice in the file."""
        is_empty = not self.ledger.writer.query(f"select 1 from {TARGET} limit 1")
        key = self.key_to_build_later() if is_empty and self.delivered.size >= KEY_LATER_FROM else None
        try:
            with self.connection.transaction():
                if key:
                    self.connection.execute(f"alter table {TARGET} drop constraint {key}")
                self.take(TARGET, "file_id", lambda judged: np.full(len(judged.lines), self.file_id))
                if key:
                    columns = ", ".join(self.judge.contract.key)
                    self.connection.execute(f"alter table {TARGET} add constraint {key} primary key ({columns})")
        except psycopg.errors.UniqueViolation:
            return False
        kept = self.counts["read"] - self.counts["rejected"] - self.counts["filtered"]
        self.counts |= {"inserted": kept, "updated": 0, "deleted": 0}
        return True

    def key_to_build_later(self) -> str | None:
        """The name of the primary key, unless foreign keys of other tables lean on it."""
        rows = self.ledger.writer.query(
            "select quote_ident(conname) from pg_constraint where conrelid = %(table)s::regclass and contype = 'p'"
            " and not exists (select from pg_constraint where confrelid = %(table)s::regclass)",
            {"table": TARGET},
        )
        return rows[0][0] if rows else None

    def merge(self) -> None:
        """Through a temporary table: refuse what contradicts itself, then write only what differs."""
        columns = ", ".join(self.columns)
        self.connection.execute(
            f"create temporary table incoming on commit drop as"
            f" select {columns}, 0::bigint as line from {TARGET} limit 0"
        )
        self.take("incoming", "line", lambda judged: judged.lines)
        self.checksum = None  # of what the merge writes; not known before it has
        self.connection.execute("set local work_mem = '128MB'")
        self.connection.execute("analyze incoming")
        self.refuse_duplicates()
        shown = {
            "columns": columns,
            "incoming_columns": ", ".join(f"incoming.{name}" for name in self.columns),
            "target_columns": ", ".join(f"target.{name}" for name in self.columns),
        }
        values = {"file_name": self.delivered.name, "day": self.ledger.day, "file_id": self.file_id}
        for name, statement in self.statements("merge.sql"):
            self.counts[name] = self.connection.execute(statement.format(**shown), values).rowcount
        self.connection.execute(
            f"delete from {REJECTED} where file_id in"
            f" (select file_id from {FILES} where file_name = %(file_name)s and day = %(day)s)",
            values,
        )
        self.connection.execute("drop table incoming")

    def take(self, table: str, extra: str, values: Callable[[Judged], np.ndarray]) -> None:
        """Copy the file's launches into a table, and its refused rows beside the target; every count is checked."""
        self.counts = {"read": 0, "rejected": 0, "filtered": 0}
        self.checksum = 0
        self.warnings.clear()
        for judged, encoded in self.encoded(extra, values):
            self.copy(table, [*self.columns, extra], encoded, len(judged.lines))
            self.refuse(judged.refused)
            self.counts["read"] += judged.read
            self.counts["filtered"] += judged.filtered
            self.checksum += judged.checksum
            self.warnings.update(judged.warnings)

    def encoded(self, extra: str, values: Callable[[Judged], np.ndarray]) -> Iterator[tuple[Judged, bytes]]:
        """Judged blocks in the file's order, in PostgreSQL's binary form; the next are made while one is written."""

        def encode(block: Block) -> tuple[Judged, bytes]:
            judged = self.judge.judge(block.parse())
            rows = judged.rows.append_column(extra, integers(values(judged)))
            return judged, postgres.binary(self.judge.duck(), rows)

        waiting: deque[Future[tuple[Judged, bytes]]] = deque()
        with ThreadPoolExecutor(WORKERS) as pool:
            for block in self.judge.records(files.blocks(self.delivered, self.told), self.delivered.name):
                waiting.append(pool.submit(encode, block))
                if len(waiting) > WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def told(self, done: int) -> None:
        """Say how far the reading is."""
        self.run.reporter.step_progress(
            f"load {self.delivered.name}", done, self.delivered.size, self.counts.get("read", 0)
        )

    def copy(self, table: str, columns: list[str], encoded: bytes, rows: int) -> None:
        """One COPY; what PostgreSQL says it took must be what was sent."""
        cursor = self.connection.cursor()
        with cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin (format binary)") as copy:
            copy.write(encoded)
        if cursor.rowcount != rows:
            raise IntegrityBroken(
                f"PostgreSQL took {cursor.rowcount:,} rows of {rows:,}.",
                looked=f"copy {table}",
                found="another number than was sent",
                fix="nothing was kept; run again, and report it if it stays so",
            )

    def refuse(self, refused: list[Refused], of: str = "rows") -> None:
        """Keep refused rows: in the run's file, and beside the target."""
        self.run.rejects.add(self.delivered.name, refused, of=of)
        self.counts["rejected"] += len(refused)
        if refused:
            names = "file_id, line, file_name, byte_offset, column_name, rule, message, record_text"
            with self.connection.cursor().copy(f"copy {REJECTED} ({names}) from stdin") as copy:
                for each in refused:
                    place = (self.file_id, each.line, self.delivered.name, each.byte_offset)
                    copy.write_row((*place, each.column, each.rule, each.message, each.text))

    def refuse_duplicates(self) -> None:
        """Refuse the rows of this file that share a key; their text is read from the file again."""
        [(_, statement)] = self.statements("duplicates.sql")
        found = self.connection.execute(statement.format(columns=", ".join(self.columns))).rowcount
        if not found:
            return
        rows = self.ledger.writer.query("select line, rule, first_line from duplicates order by line")
        rules = {line: (rule, DUPLICATE[rule].format(first)) for line, rule, first in rows}
        source = self.judge.contract.source_of("launch_id")
        for block in self.judge.records(files.blocks(self.delivered, self.told), self.delivered.name):
            chunk = block.parse()
            hits = [row for row, line in enumerate(chunk.lines.tolist()) if line in rules]
            self.refuse([chunk.refuse(row, source, *rules[int(chunk.lines[row])]) for row in hits], of="duplicates")
        self.connection.execute("delete from incoming using duplicates where incoming.line = duplicates.line")

    def statements(self, name: str) -> list[tuple[str, str]]:
        """The statements of a file in sql/, each with the name that stands before it."""
        text = (self.run.folder / "sql" / name).read_text(encoding="utf-8")
        parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
        return list(zip(parts[1::2], parts[2::2], strict=True)) or [("all", text)]
