"""From the bytes of a file to typed, checked rows, a block at a time: memory does not grow with the file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from orrery import delimited, files, json_tables
from orrery.contracts import quoted

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa

    from orrery.delimited import Block, Chunk, Refused
    from orrery.feeds import Feed
    from orrery.files import Delivered


@dataclass(frozen=True)
class Judged:
    """One block: the rows to load with the line of each, the rows refused, the rows of other days.

    Attributes:
        rows: typed, the columns of the feed's table.
        warnings: for each rule that only warns (`column:rule`) how many of `rows` break it.
    """

    rows: pa.Table
    lines: np.ndarray
    refused: list[Refused]
    read: int
    filtered: int
    checksum: int
    warnings: dict[str, int]


class Judge:
    """Types the rows of a feed, then applies its contract's checks, in one pass of DuckDB."""

    def __init__(self, feed: Feed, day: date | None = None) -> None:
        """A judge of one feed.

        Args:
            day: rows of other days are passed over, where the feed knows the column that tells the day.
        """
        self.feed, self.contract = feed, feed.contract
        self.day = day if feed.day_column else None
        self.database = _database()
        for statement in feed.macros:
            self.database.execute(statement)
        self.mine = threading.local()
        checks = self.contract.first_broken()
        self.query = f"select * replace (coalesce(broken, {checks}) as broken) from ({feed.query})"

    def duck(self) -> duckdb.DuckDBPyConnection:
        """This thread's own connection to the one DuckDB."""
        if not hasattr(self.mine, "duck"):
            self.mine.duck = self.database.cursor()
        return self.mine.duck  # type: ignore[no-any-return]

    def records(self, blocks: Iterable[bytes], name: str) -> Iterator[Block]:
        """The records of a file, cut and not yet parsed; a user's own may be JSON."""
        feed, dialect = self.feed, self.feed.incoming.written_as()
        if feed.origin:
            blocks, dialect = json_tables.as_delimited(blocks, dialect, name)
        return delimited.read(blocks, dialect, feed.headers, name, feed.incoming.ignored)

    def file(self, delivered: Delivered, progress: Callable[[int, int, int], None]) -> Iterator[tuple[Chunk, Judged]]:
        """A whole file, a block at a time; `progress` is told the bytes read, of how many, and the rows."""
        done = rows = 0

        def on_bytes(number: int) -> None:
            nonlocal done
            done = number

        for block in self.records(files.blocks(delivered, on_bytes), delivered.name):
            chunk = block.parse()
            judged = self.judge(chunk)
            rows += judged.read
            progress(done, delivered.size, rows)
            yield chunk, judged

    def judge(self, chunk: Chunk) -> Judged:
        """Split a chunk into rows to load and rows to refuse; each is in exactly one."""
        import numpy as np
        import pyarrow.compute as pc

        numbered = chunk.table.append_column("row", integers(np.arange(len(chunk.lines))))
        self.duck().register("chunk", self.feed.prepare(numbered))
        judged = self.duck().execute(self.query).to_arrow_table()
        is_good = pc.is_null(judged["broken"])
        refused = chunk.refused + [
            self.refusal(chunk, row, broken)
            for row, broken in zip(
                *judged.filter(pc.invert(is_good)).select(["row", "broken"]).to_pydict().values(), strict=True
            )
        ]
        good = judged if pc.all(is_good).as_py() else judged.filter(is_good)
        filtered = 0
        if self.day is not None and self.feed.day_column:
            wanted = of_day(good[self.feed.day_column], self.day)
            filtered = good.num_rows - int(pc.sum(wanted).as_py() or 0)
            good = good.filter(wanted)
        rows = good.drop_columns(["row", "broken"])
        lines = chunk.lines[good["row"].to_numpy()]
        by_line = sorted(refused, key=lambda each: each.line)
        return Judged(rows, lines, by_line, chunk.read, filtered, *self.measured(rows))

    def refusal(self, chunk: Chunk, row: int, broken: str) -> Refused:
        """The refusal of a row for a form or a rule of the cleaning, or for a check of the contract."""
        column, rule = broken.split(":")
        contract_says = (
            check.message for check in self.contract.checks if (check.column, check.rule) == (column, rule)
        )
        said = self.feed.messages.get(broken) or self.feed.messages.get(rule) or next(contract_says)
        return chunk.refuse(row, self.contract.source_of(column), rule, said)

    def remember(self, judged: Judged) -> None:
        """Keep the keys of a block, each with its line and a hash of what its row says."""
        self.duck().register("judged", judged.rows.append_column("_line", integers(judged.lines)))
        select = f"select {quoted(self.contract.key)}, _line, hash({quoted(judged.rows.column_names)}) as _content"
        self.duck().execute(f"create table if not exists seen as {select} from judged limit 0")
        self.duck().execute(f"insert into seen {select} from judged")

    def repeated(self) -> dict[int, tuple[str, int]]:
        """The lines that a run refuses for their key: the rule, and the line of the first row that has it."""
        keys = quoted(self.contract.key)
        found = self.duck().execute(
            f"select _line, _contents, _first from seen join (select {keys}, count(distinct _content) as _contents,"
            f" min(_line) as _first from seen group by {keys} having count(*) > 1) using ({keys})"
        )
        told = {}
        for line, contents, first in found.fetchall():
            if self.feed.repeated:
                told[line] = (self.feed.repeated[0], first)
            elif contents > 1 or line > first:
                told[line] = ("duplicate_row" if contents == 1 else "key_conflict", first)
        return told

    def measured(self, rows: pa.Table) -> tuple[int, dict[str, int]]:
        """The checksum of rows, and how many break a rule that only warns (they are loaded all the same)."""
        from orrery.engines import postgres

        counts = self.contract.warnings()
        self.duck().register("good", rows)
        [(checksum, *found)] = (
            self.duck()
            .execute(f"select {', '.join([postgres.checksum(rows.column_names), *counts.values()])} from good")
            .fetchall()
        )
        return int(checksum), {name: count for name, count in zip(counts, found, strict=True) if count}


def _database() -> duckdb.DuckDBPyConnection:
    """DuckDB in memory; where PostgreSQL is installed, it can also write what a COPY of that takes."""
    import duckdb

    from orrery.engines import postgres
    from orrery.engines.duckdb import SETTINGS

    if postgres.is_installed():
        return postgres.converter()
    database = duckdb.connect(config={**SETTINGS, "threads": "1"})
    database.execute("set global timezone = 'UTC'")  # global: it holds for the threads' own cursors too
    return database


def integers(values: np.ndarray) -> pa.Array:
    """Numbers as an Arrow column; `pa.array` would import pandas to see whether they are pandas' own."""
    import numpy as np
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values.astype(np.int64, copy=False))])


def of_day(moments: pa.ChunkedArray, day: date) -> pa.ChunkedArray:
    """Whether each moment (UTC) is on a day."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.equal(
        moments.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(pa.date32(), safe=False),
        pa.scalar(day, pa.date32()),
    )
