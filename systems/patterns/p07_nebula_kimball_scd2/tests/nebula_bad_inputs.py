"""Deliveries that are bad, each with how it must end: exit code, message, rows landed, rows refused, values read.

A run that loads anything calls dbt: so bad rows stand by the dozen among good ones, exactly as many as may be refused.
Expectations are those of MODEL.md; the numbers are those of the list of bad inputs that all systems share. What
happens to whole files is in `FILES`, the same for every kind and spread over them.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import zstandard
from nebula_files import COLUMNS

BOM = b"\xef\xbb\xbf"
CDNOW_HEADER = b"customer_id date number_of_cds dollar_value"
BASE: Mapping[str, Mapping[str, str]] = {
    "customers": {"changed_at": "2004-01-01", "change_no": "1", "op": "upsert", "name": "N", "city": "Paris"},
    "products": {"changed_at": "2004-01-01", "change_no": "1", "op": "upsert", "name": "N", "product_line": "Ships"},
    "orders": {"line_no": "1", "customer_id": "C1", "ordered_at": "2004-01-01", "quantity": "1", "amount": "1.00"},
    "order_events": {"event": "paid", "happened_at": "2004-01-01"},
    "returns": {"order_id": "O1", "line_no": "1", "returned_at": "2004-01-01", "quantity": "1", "amount": "1.00"},
    "cdnow": {"customer_id": "00001", "date": "19970101", "number_of_cds": "1", "dollar_value": "11.77"},
}
"""A row of each kind that is right, without its key."""


@dataclass(frozen=True)
class Case:
    """One delivery, and how it must end.

    Attributes:
        message: what the error must say, as a pattern.
        kept: rows of the kind's raw table afterwards: also those that only other rows contradict.
        refused: line and rule of each refused row, in their order.
        reads: line, column and value of rows that are read in a way worth a look.
        says: a query of one value, and that value.
        beside: kind, name and content of files that come in the same run.
    """

    id: str
    kind: str
    name: str
    content: bytes
    exit_code: int = 0
    message: str = ""
    kept: int = 0
    refused: tuple[tuple[int, str], ...] = ()
    reads: tuple[tuple[int, str, Any], ...] = ()
    says: tuple[tuple[str, Any], ...] = ()
    beside: tuple[tuple[str, str, bytes], ...] = ()


@dataclass(frozen=True)
class Odd:
    """A row that is not as the others: changes to a good one, or a record as it is.

    Attributes:
        rule: the one that it breaks; empty where it is kept.
        reads: column and value of what it is read as.
        is_row: a blank line is none.
    """

    written: Mapping[str, str] | bytes
    rule: str = ""
    reads: tuple[tuple[str, Any], ...] = ()
    is_row: bool = True


def bad(rule: str, **changes: str) -> Odd:
    return Odd(changes, rule)


def each_bad(rule: str, column: str, *texts: str) -> list[Odd]:
    """Each of these texts in a column breaks the rule."""
    return [Odd({column: text}, rule) for text in texts]


def kept(**changes: str) -> Odd:
    return Odd(changes)


def each_read(column: str, values: Mapping[str, Any]) -> list[Odd]:
    """Each of these texts in a column is read as its value."""
    return [Odd({column: text}, reads=((column, value),)) for text, value in values.items()]


def as_text(column: str, *texts: str) -> list[Odd]:
    """Each of these texts in a column stays what it is."""
    return each_read(column, {text: text for text in texts})


def record(kind: str, changes: Mapping[str, str], key: str, columns: Sequence[str] | None = None) -> bytes:
    r"""A good row but for the changes; \udcNN is the byte NN, which is no UTF-8 alone."""
    columns = columns or COLUMNS[kind]
    values = {**BASE[kind], **changes}
    if kind != "cdnow":
        values = {COLUMNS[kind][0]: key, **values}
    return (" " if kind == "cdnow" else ",").join(values.get(each, "") for each in columns).encode(
        "utf-8", "surrogateescape"
    )


def header(kind: str, columns: Sequence[str] | None = None) -> bytes:
    return CDNOW_HEADER if kind == "cdnow" else ",".join(columns or COLUMNS[kind]).encode()


def file(kind: str, *changes: Mapping[str, str], rows: int = 0) -> bytes:
    """A file of good rows but for the changes of the first ones."""
    every = [*changes, *[{}] * (rows - len(changes))]
    return b"".join(each + b"\n" for each in (header(kind), *(record(kind, c, f"F{n}") for n, c in enumerate(every))))


@dataclass
class Mixed:
    """A file of odd rows among good ones, of which exactly a tenth is refused for what it says itself."""

    kind: str
    odd: Sequence[Odd]
    columns: Sequence[str] | None = None
    ends: Sequence[bytes] = (b"\n",)
    lines: list[bytes] = field(default_factory=list)

    def case(self, identity: str, name: str, says: tuple[tuple[str, Any], ...] = ()) -> Case:
        """The case of it."""
        own = [each for each in self.odd if each.rule and not each.rule.startswith("conflicting")]
        missing = 10 * len(own) - sum(each.is_row for each in self.odd)
        assert missing > len(self.odd), "too many rows that are kept"
        per_odd = -(-missing // len(self.odd))
        line, good, refused, reads = 2, 0, [], []
        self.lines = [header(self.kind, self.columns)]
        for number, each in enumerate(self.odd):
            written = each.written
            raw = written if isinstance(written, bytes) else self.row(written, f"X{number:03}")
            refused += [(line, each.rule)] * bool(each.rule)
            reads += [(line, column, value) for column, value in each.reads]
            here = min(per_odd, missing - good)
            self.lines += [raw, *(self.row({}, f"G{good + n:04}") for n in range(here))]
            line, good = line + 1 + raw.count(b"\n") + here, good + here
        landed = 10 * len(own) - len(own)
        return Case(identity, self.kind, name, b"", 0, "", landed, tuple(refused), tuple(reads), says)

    def row(self, changes: Mapping[str, str], key: str) -> bytes:
        """A row of this file."""
        return record(self.kind, changes, key, self.columns)

    def content(self) -> bytes:
        """Its bytes, with its line ends in turn."""
        return b"".join(each + self.ends[n % len(self.ends)] for n, each in enumerate(self.lines))
