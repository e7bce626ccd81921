"""One file's rows on their way into a table: judged, put into PostgreSQL's binary form, copied, counted."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from orrery import files
from orrery.contracts import quoted
from orrery.delimited import Block, Refused
from orrery.effects import Writer
from orrery.engines import postgres
from orrery.errors import IntegrityBroken
from orrery.faults import faultpoint
from orrery.files import Delivered
from orrery.judging import Judge, Judged, integers
from orrery.run import Run

WORKERS = 2  # threads that judge; the one that writes waits for PostgreSQL most of the time


class FileCopy:
    """Copies a file into a table, inside the run's transaction; `counts`, `checksum` and `warnings` say what came."""

    def __init__(self, run: Run, writer: Writer, delivered: Delivered, judge: Judge, file_id: int) -> None:
        self.run, self.writer, self.delivered, self.judge, self.file_id = run, writer, delivered, judge, file_id
        self.connection = writer.connection
        self.columns = [name for name in judge.contract.column_names if name != "file_id"]
        self.counts: dict[str, int] = {}
        self.checksum: int | None = 0
        self.warnings: Counter[str] = Counter()

    def take(self, table: str, number: str) -> None:
        """Copy the launches into a table, and the refused rows beside the target; every count is checked.

        Args:
            table: has the columns of a launch, and one more.
            number: that one: `file_id`, or `_line` of the file.
        """
        self.counts = {"read": 0, "rejected": 0, "filtered": 0}
        self.checksum = 0
        self.warnings.clear()
        for judged, encoded in self.encoded(number):
            self.copy(table, number, encoded, len(judged.lines))
            faultpoint("copy.after")
            self.refuse(judged.refused)
            self.counts["read"] += judged.read
            self.counts["filtered"] += judged.filtered
            self.checksum += judged.checksum
            self.warnings.update(judged.warnings)

    def encoded(self, number: str) -> Iterator[tuple[Judged, bytes]]:
        """Judged blocks in the file's order, in PostgreSQL's binary form; the next are made while one is written."""

        def encode(block: Block) -> tuple[Judged, bytes]:
            judged = self.judge.judge(block.parse())
            return judged, self.binary(judged, number)

        waiting: deque[Future[tuple[Judged, bytes]]] = deque()
        with ThreadPoolExecutor(WORKERS) as pool:
            for block in self.blocks():
                waiting.append(pool.submit(encode, block))
                if len(waiting) > WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def binary(self, judged: Judged, number: str) -> bytes:
        """A block as PostgreSQL's binary COPY takes it."""
        values = judged.lines if number == "_line" else np.full(len(judged.lines), self.file_id)
        return postgres.binary(self.judge.duck(), judged.rows.append_column(number, integers(values)))

    def blocks(self) -> Iterator[Block]:
        """The file from its beginning, a block at a time."""
        return self.judge.records(files.blocks(self.delivered, self.told), self.delivered.name)

    def told(self, done: int) -> None:
        """Say how far the reading is."""
        self.run.reporter.step_progress(
            f"load {self.delivered.name}", done, self.delivered.size, self.counts.get("read", 0)
        )

    def copy(self, table: str, number: str, encoded: bytes, rows: int) -> None:
        """One COPY; what PostgreSQL says it took must be what was sent."""
        cursor = self.connection.cursor()
        with cursor.copy(f"copy {table} ({quoted([*self.columns, number])}) from stdin (format binary)") as copy:
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
            with self.connection.cursor().copy(f"copy {self.judge.feed.rejected} ({names}) from stdin") as copy:
                for each in refused:
                    place = (self.file_id, each.line, self.delivered.name, each.byte_offset)
                    copy.write_row((*place, each.column, each.rule, each.message, each.text))

    def statements(self, name: str) -> list[tuple[str, str]]:
        """The statements of a file in sql/, each with the name that stands before it."""
        text = (self.run.folder / "sql" / name).read_text(encoding="utf-8")
        parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
        return list(zip(parts[1::2], parts[2::2], strict=True)) or [("all", text)]
