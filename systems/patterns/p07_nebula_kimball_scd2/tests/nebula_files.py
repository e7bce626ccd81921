"""From the bytes of delivered files to records: each with its place, its kind and its fields, still texts."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

Files = Sequence[tuple[str, bytes]]
"""File names and contents in the order of arrival."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "customers": (
        *("customer_id", "changed_at", "change_no", "op", "name", "email", "segment"),
        *("street", "city", "state", "postal_code", "country", "territory", "registered_on"),
    ),
    "products": (
        *("product_id", "changed_at", "change_no", "op"),
        *("name", "product_line", "supplier", "status", "msrp"),
    ),
    "orders": (
        *("order_id", "line_no", "customer_id", "product_id", "ordered_at"),
        *("quantity", "amount", "channel", "payment", "promotions"),
    ),
    "order_events": ("order_id", "event", "happened_at"),
    "returns": ("return_id", "order_id", "line_no", "returned_at", "quantity", "amount", "reason"),
    "cdnow": ("customer_id", "date", "number_of_cds", "dollar_value"),
}
"""The kinds of files, and the columns of each in the order of the specification."""

_GZIP_MARK = b"\x1f\x8b"  # no text in UTF-8 begins so
_FIELD = re.compile(r"[^ \t]+")


class Place(NamedTuple):
    """Where a record begins, 1 being the line of the header, and its text as delivered, without its last line end."""

    file: str
    line: int
    text: str


class Record(NamedTuple):
    """A record of a file; the fields are in the order of `COLUMNS`, or None where their number is not the header's."""

    place: Place
    kind: str
    fields: Sequence[str] | None


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _cut(name: str, lines: Sequence[str]) -> Iterator[tuple[Place, list[str]]]:
    """The records of a file with their fields in the file's order, the header first; empty lines are no records."""
    if "," not in next(filter(str.strip, lines), ""):
        for number, line in enumerate(lines, 1):
            text = _without_line_end(line)
            if text:
                yield Place(name, number, text), _FIELD.findall(text)
        return
    reader = csv.reader(lines)
    before = 0
    for fields in reader:
        if fields:
            text = _without_line_end("".join(lines[before : reader.line_num]))
            yield Place(name, before + 1, text), fields
        before = reader.line_num


def _kind(name: str, header: Sequence[str]) -> str:
    for kind, columns in COLUMNS.items():
        if sorted(columns) == sorted(header):
            return kind
    known = "; ".join(f"{kind}: {', '.join(columns)}" for kind, columns in COLUMNS.items())
    raise ValueError(f"{name}: the columns {', '.join(header)} are those of no kind of file ({known})")


def records(name: str, content: bytes) -> Iterator[Record]:
    """The records of a file in its order.  Raises ValueError where the file as a whole is of no kind, or no UTF-8."""
    plain = gzip.decompress(content) if content.startswith(_GZIP_MARK) else content
    # Without newline="" a line end within quotes would become another one.
    lines = list(io.StringIO(plain.decode("utf-8-sig"), newline=""))
    cut = _cut(name, lines)
    _, header = next(cut, (None, []))
    kind = _kind(name, header)
    order = [header.index(column) for column in COLUMNS[kind]]
    for place, fields in cut:
        whole = len(fields) == len(header)
        yield Record(place, kind, [fields[index] for index in order] if whole else None)
