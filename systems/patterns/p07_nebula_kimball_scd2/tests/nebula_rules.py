"""Typed rows: what a record says, or the first rule that it breaks; then the conflicts over everything delivered.

A record is judged column by column in the order of the specification, and in a column first whether it is told, then
its form, then its range.  It is refused once, for the first rule that it breaks.
Amounts are decimals with two places, instants are aware and UTC, days are dates, promotions sorted tuples of codes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nebula_fields import Breach, amount, compact_day, day, instant, integer, key, one_of, promotions
from nebula_files import COLUMNS, Files, Place, Record, records
from nebula_rows import CustomerChange, OrderEvent, OrderLine, ProductChange, Return

Row = dict[str, Any]

_LARGEST_INTEGER, _LARGEST_BIGINT = 2**31 - 1, 2**63 - 1  # integer and bigint of PostgreSQL
READERS: Mapping[str, Mapping[str, Callable[[str], Any]]] = {
    "customers": {
        "customer_id": key,
        "changed_at": instant,
        "change_no": integer(1, _LARGEST_BIGINT),
        "op": one_of("unknown_op", "upsert", "delete"),
        "registered_on": day,
    },
    "products": {
        "product_id": key,
        "changed_at": instant,
        "change_no": integer(1, _LARGEST_BIGINT),
        "op": one_of("unknown_op", "upsert", "delete"),
        "msrp": amount,
    },
    "orders": {
        **dict.fromkeys(("order_id", "customer_id", "product_id"), key),
        "line_no": integer(1, _LARGEST_INTEGER),
        "ordered_at": instant,
        "quantity": integer(0, _LARGEST_INTEGER),
        "amount": amount,
        "promotions": promotions,
    },
    "order_events": {
        "order_id": key,
        "event": one_of("unknown_event", "paid", "shipped", "delivered", "cancelled"),
        "happened_at": instant,
    },
    "returns": {
        **dict.fromkeys(("return_id", "order_id"), key),
        "line_no": integer(1, _LARGEST_INTEGER),
        "returned_at": instant,
        "quantity": integer(1, _LARGEST_INTEGER),
        "amount": amount,
    },
    "cdnow": {
        "customer_id": key,
        "date": compact_day,
        "number_of_cds": integer(0, _LARGEST_INTEGER),
        "dollar_value": amount,
    },
}
"""How the fields are read; the other columns are texts as they are."""
REQUIRED = {
    "customers": {"customer_id", "changed_at", "change_no", "op"},
    "products": {"product_id", "changed_at", "change_no", "op"},
    "orders": {"order_id", "line_no", "customer_id", "ordered_at", "quantity", "amount"},
    "order_events": {"order_id", "event", "happened_at"},
    "returns": {"return_id", "order_id", "line_no", "returned_at", "quantity", "amount"},
    "cdnow": set(COLUMNS["cdnow"]),
}
REQUIRED_OF_UPSERTS = {"customers": {"name"}, "products": {"name", "product_line"}}
_MAKE = {
    "customers": CustomerChange._make,
    "products": ProductChange._make,
    "orders": OrderLine._make,
    "order_events": OrderEvent._make,
    "returns": Return._make,
}
KEYS = {"customers": 3, "products": 3, "orders": 2, "order_events": 2, "returns": 1}
"""How many of the first columns are the key of a row."""
CONFLICTS = {
    "customers": ("conflicting_change", "change_no"),
    "products": ("conflicting_change", "change_no"),
    "orders": ("conflicting_line", "line_no"),
    "order_events": ("conflicting_event", "event"),
    "returns": ("conflicting_return", "return_id"),
}
"""The rule that rows of one key and different contents break, and the column it is noted at."""


def _read(record: Record) -> tuple[str, Any] | tuple[None, tuple[str, str]]:
    """The kind and the typed row of a record; or None with the rule that it breaks and the column."""
    kind, told = record.kind, record.fields
    if told is None:
        return None, ("field_count", "")
    readers, required = READERS[kind], REQUIRED[kind]
    of_upserts = REQUIRED_OF_UPSERTS.get(kind, set())
    values: list[Any] = []
    for column, text in zip(COLUMNS[kind], told, strict=True):
        reader = readers.get(column)
        if not text:
            if column in required or (column in of_upserts and values[3] == "upsert"):
                return None, ("missing", column)
            values.append(() if reader is promotions else None)
            continue
        try:
            values.append(reader(text) if reader else text)
        except Breach as breach:
            return None, (str(breach), column)
    if kind == "cdnow":
        order_id = f"CDNOW-{record.place.line:06}"
        customer, at, quantity, paid = values
        return "orders", OrderLine(order_id, 1, f"C{customer}", None, at, quantity, paid, "web", None, ())
    return kind, _MAKE[kind](values)


@dataclass
class Accepted:
    """The distinct rows that break no rule and are in no conflict, by kind; and every refusal, sorted."""

    customers: list[CustomerChange] = field(default_factory=list)
    products: list[ProductChange] = field(default_factory=list)
    orders: list[OrderLine] = field(default_factory=list)
    order_events: list[OrderEvent] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)


def _distinct(files: Files) -> Iterator[Record]:
    """The records of the files; a file that came again under its name counts once, a name alone says nothing."""
    for name, content in dict.fromkeys(files):
        yield from records(name, content)


def accepted(files: Files) -> Accepted:
    """Everything that was delivered, judged.  A refusal has file, line, column, rule and text."""
    places: dict[str, dict[Any, list[Place]]] = {kind: {} for kind in KEYS}
    refused: set[tuple[Place, str, str]] = set()
    for record in _distinct(files):
        kind, said = _read(record)
        if kind is None:
            refused.add((record.place, *said))
        else:
            places[kind].setdefault(said, []).append(record.place)
    result = Accepted()
    for kind, length in KEYS.items():
        contents: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for row in places[kind]:
            contents[row[:length]].append(row)
        for rows in contents.values():
            if len(rows) == 1:
                getattr(result, kind).append(rows[0])
            else:
                refused |= {(place, *CONFLICTS[kind]) for row in rows for place in places[kind][row]}
    result.rejected = [
        {"file": place.file, "line": place.line, "column": column, "rule": rule, "text": place.text}
        for place, rule, column in sorted(refused)
    ]
    return result
