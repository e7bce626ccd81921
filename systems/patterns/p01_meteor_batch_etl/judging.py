"""From the bytes of a file to typed, checked launches, a block at a time: memory does not grow with the file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orrery import delimited
from orrery.delimited import Block, Chunk, Refused
from orrery.engines import postgres
from orrery.run import Run

from .rules import INVISIBLE, MESSAGES

if TYPE_CHECKING:
    import duckdb

SURE = r"create macro sure(x) as nullif(case when suffix(x, '?') then regexp_replace(x, '( *\?)+$', '') else x end, '')"


@dataclass(frozen=True)
class Judged:
    """One block: the launches to load with the line of each, the rows refused, the rows of other days."""

    rows: pa.Table
    lines: np.ndarray
    refused: list[Refused]
    read: int
    filtered: int
    checksum: int
    warnings: dict[str, int]


class Judge:
    """Cleans by the chosen engine, then applies the contract's checks in one pass of DuckDB."""

    def __init__(self, run: Run) -> None:
        self.incoming = run.contract("launches")
        self.contract = run.contract("p01_meteor.launches")
        self.day = run.interval
        self.database = postgres.converter()
        self.database.execute(SURE)
        self.mine = threading.local()
        rules = (run.folder / "sql" / "clean.sql").read_text(encoding="utf-8").replace("{invisible}", INVISIBLE)
        engines: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
            "pandas": (cleaned_by_pandas, "chunk"),
            "duckdb": (lambda chunk: chunk, f"({rules})"),
        }
        self.prepare, source = engines[run.settings["engine"]]
        self.query = f"select * replace (coalesce(broken, {self.contract.first_broken()}) as broken) from {source}"

    def duck(self) -> duckdb.DuckDBPyConnection:
        """This thread's own connection to the one DuckDB."""
        if not hasattr(self.mine, "duck"):
            self.mine.duck = self.database.cursor()
        return self.mine.duck  # type: ignore[no-any-return]

    def records(self, blocks: Iterable[bytes], name: str) -> Iterator[Block]:
        """The records of a file, cut and not yet parsed."""
        return delimited.read(blocks, self.incoming.written_as(), self.incoming.column_names, name)

    def judge(self, chunk: Chunk) -> Judged:
        """Split a chunk into launches to load and rows to refuse; each row is in exactly one."""
        numbered = chunk.table.append_column("row", integers(np.arange(len(chunk.lines))))
        self.duck().register("chunk", self.prepare(numbered))
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
        if self.day is not None:
            wanted = of_day(good["launched_at"], self.day)
            filtered = good.num_rows - int(pc.sum(wanted).as_py() or 0)
            good = good.filter(wanted)
        rows = good.drop_columns(["row", "broken"])
        lines = chunk.lines[good["row"].to_numpy()]
        by_line = sorted(refused, key=lambda each: each.line)
        return Judged(rows, lines, by_line, chunk.read, filtered, *self.measured(rows))

    def refusal(self, chunk: Chunk, row: int, broken: str) -> Refused:
        """The refusal of a row for a rule of the cleaning, or for one of the contract."""
        column, rule = broken.split(":")
        contract_says = (
            check.message for check in self.contract.checks if (check.column, check.rule) == (column, rule)
        )
        message = MESSAGES.get(rule) or next(contract_says)
        return chunk.refuse(row, self.contract.source_of(column), rule, message)

    def measured(self, rows: pa.Table) -> tuple[int, dict[str, int]]:
        """The checksum of launches, and how many break a rule that only warns (they are loaded all the same)."""
        counts = self.contract.warnings()
        self.duck().register("good", rows)
        [(checksum, *found)] = (
            self.duck()
            .execute(f"select {', '.join([postgres.checksum(rows.column_names), *counts.values()])} from good")
            .fetchall()
        )
        return int(checksum), {name: count for name, count in zip(counts, found, strict=True) if count}


def cleaned_by_pandas(chunk: pa.Table) -> pa.Table:
    """cleaning.py over an Arrow chunk; the columns stay Arrow's."""
    import pandas as pd  # here, so that whoever cleans by DuckDB does not wait for it

    from .cleaning import clean

    launches = clean(chunk.to_pandas(types_mapper=pd.ArrowDtype))
    return pa.Table.from_pandas(launches, preserve_index=False).replace_schema_metadata(None)


def integers(values: np.ndarray) -> pa.Array:
    """Numbers as an Arrow column; `pa.array` would import pandas to see whether they are pandas' own."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values.astype(np.int64, copy=False))])


def of_day(moments: pa.ChunkedArray, day: date) -> pa.ChunkedArray:
    """Whether each moment (UTC) is on a day."""
    return pc.equal(
        moments.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(pa.date32(), safe=False),
        pa.scalar(day, pa.date32()),
    )
