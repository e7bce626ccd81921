"""From the bytes of a file to typed, checked launches, a block at a time: memory does not grow with the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from orrery import delimited
from orrery.delimited import Chunk, Refused
from orrery.engines import postgres
from orrery.run import Run

from .cleaning import INVISIBLE, MESSAGES, clean

TIDY = r"""
create macro tidy(x) as nullif(nullif(trim(
    case when contains(x, '  ') or contains(x, chr(9)) then regexp_replace(x, '[ \t]+', ' ', 'g') else x end
), ''), '-')
"""
SURE = r"create macro sure(x) as nullif(case when x like '%?' then regexp_replace(x, '( *\?)+$', '') else x end, '')"


@dataclass(frozen=True)
class Judged:
    """One block: the launches to load with the line of each, the rows refused, the rows of other days."""

    rows: pa.Table
    lines: np.ndarray
    refused: list[Refused]
    read: int
    filtered: int


class Judge:
    """Cleans by the chosen engine, then applies the contract's checks in one pass of DuckDB."""

    def __init__(self, run: Run) -> None:
        self.incoming = run.contract("launches")
        self.contract = run.contract("p01_meteor.launches")
        self.day = run.interval
        self.read = 0
        self.warnings: Counter[str] = Counter()
        self.duck = postgres.converter()
        self.duck.execute(TIDY)
        self.duck.execute(SURE)
        rules = (run.folder / "sql" / "clean.sql").read_text(encoding="utf-8").replace("{invisible}", INVISIBLE)
        engines: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
            "pandas": (cleaned_by_pandas, "chunk"),
            "duckdb": (lambda chunk: chunk, f"({rules})"),
        }
        self.prepare, source = engines[run.settings["engine"]]
        self.query = f"select * replace (coalesce(broken, {self.contract.first_broken()}) as broken) from {source}"

    def chunks(self, blocks: Iterable[bytes], name: str) -> Iterator[Judged]:
        """Judge a file, block by block, in the order of its lines."""
        self.read = 0
        self.warnings.clear()
        for chunk in self.records(blocks, name):
            self.read += chunk.read
            yield self.judge(chunk)

    def records(self, blocks: Iterable[bytes], name: str) -> Iterator[Chunk]:
        """The records of a file that have the right shape, as text; those that have not are in `refused`."""
        return delimited.read(blocks, self.incoming.written_as(), self.incoming.column_names, name)

    def judge(self, chunk: Chunk) -> Judged:
        """Split a chunk into launches to load and rows to refuse; each row is in exactly one."""
        numbered = chunk.table.append_column("row", pa.array(np.arange(len(chunk.lines))))
        self.duck.register("chunk", self.prepare(numbered))
        judged = self.duck.execute(self.query).to_arrow_table()
        is_good = pc.is_null(judged["broken"])
        refused = chunk.refused + [
            self.refusal(chunk, row, broken)
            for row, broken in zip(*judged.filter(pc.invert(is_good)).select(["row", "broken"]).to_pydict().values(), strict=True)
        ]
        good = judged if pc.all(is_good).as_py() else judged.filter(is_good)
        filtered = 0
        if self.day is not None:
            wanted = of_day(good["launched_at"], self.day)
            filtered = good.num_rows - int(pc.sum(wanted).as_py() or 0)
            good = good.filter(wanted)
        self.count_warnings(good)
        rows = good.drop_columns(["row", "broken"])
        lines = chunk.lines[good["row"].to_numpy()]
        return Judged(rows, lines, sorted(refused, key=lambda each: each.line), chunk.read, filtered)

    def refusal(self, chunk: Chunk, row: int, broken: str) -> Refused:
        """The refusal of a row for a rule of the cleaning, or for one of the contract."""
        column, rule = broken.split(":")
        contract_says = (check.message for check in self.contract.checks if (check.column, check.rule) == (column, rule))
        message = MESSAGES.get(rule) or next(contract_says)
        return chunk.refuse(row, self.contract.source_of(column), rule, message)

    def count_warnings(self, good: pa.Table) -> None:
        """Rules that only warn: the rows are loaded, and counted."""
        counts = self.contract.warnings()
        if counts and good.num_rows:
            self.duck.register("good", good)
            found = self.duck.execute(f"select {', '.join(counts.values())} from good").fetchone() or ()
            self.warnings.update({name: count for name, count in zip(counts, found, strict=True) if count})


def cleaned_by_pandas(chunk: pa.Table) -> pa.Table:
    """cleaning.py over an Arrow chunk; the columns stay Arrow's."""
    launches = clean(chunk.to_pandas(types_mapper=pd.ArrowDtype))
    return pa.Table.from_pandas(launches, preserve_index=False).replace_schema_metadata(None)


def of_day(moments: pa.ChunkedArray, day: date) -> pa.ChunkedArray:
    """Whether each moment (UTC) is on a day."""
    return pc.equal(moments.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(pa.date32(), safe=False), pa.scalar(day, pa.date32()))
