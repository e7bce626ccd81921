"""The dimensions that remember: from the changes of a key to its versions, and which of them was valid when."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from nebula_rows import CustomerChange, ProductChange

Row = dict[str, Any]
Change = CustomerChange | ProductChange
VersionKey = tuple[str, datetime] | int
"""(natural key, valid_from) of a version, which stands for its surrogate key; or a member of the dimension."""

BEGINNING, INFINITY = "-infinity", "infinity"
"""The valid_from of members, and the valid_to of them and of versions that are open."""
UNKNOWN, NOT_APPLICABLE = -1, -2


class Types(NamedTuple):
    """The columns of a dimension by the way in which they change."""

    key: str
    type_0: tuple[str, ...]
    type_1: tuple[str, ...]
    type_2: tuple[str, ...]
    type_3: str


CUSTOMER = Types(
    "customer_id",
    ("registered_on",),
    ("name", "email"),
    ("street", "city", "state", "postal_code", "country", "territory"),
    "segment",
)
PRODUCT = Types("product_id", (), ("name",), ("product_line", "supplier", "status"), "msrp")
BY_KEY = {types.key: types for types in (CUSTOMER, PRODUCT)}


def _by_time(change: Change) -> tuple[datetime, int]:
    return change.changed_at, change.change_no


def by_key(changes: Iterable[Change]) -> dict[str, list[Change]]:
    """The changes of each key, by changed_at and change_no."""
    histories: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        histories[change[0]].append(change)
    for history in histories.values():
        history.sort(key=_by_time)
    return histories


def _same_everywhere(history: Sequence[Change], upserts: Sequence[Change], types: Types) -> Row:
    """The values of types 0, 1 and 3, which every version of the key has."""
    row: Row = {}
    for column in types.type_0:
        told = (getattr(change, column) for change in history)
        row[column] = next((value for value in told if value is not None), None)
    for column in (*types.type_1, types.type_3):
        row[column] = getattr(upserts[-1], column)
    before = (getattr(upsert, types.type_3) for upsert in reversed(upserts))
    row[f"previous_{types.type_3}"] = next((value for value in before if value != row[types.type_3]), None)
    return row


def versions(history: Sequence[Change], types: Types) -> list[Row]:
    """The versions of one key, made from all its changes by time; none where it was never told."""
    # A dict keeps the last of those that share their instant.
    walk = list({change.changed_at: change for change in history}.values())
    rows: list[Row] = []
    open_row: Row | None = None
    for change in walk:
        tracked = {column: getattr(change, column) for column in types.type_2}
        if change.op == "delete":
            if open_row is not None:
                open_row["valid_to"] = change.changed_at
            open_row = None
            continue
        if open_row is not None and tracked == {column: open_row[column] for column in types.type_2}:
            continue
        reason = "new" if not rows else "returned" if open_row is None else "changed"
        if open_row is not None:
            open_row["valid_to"] = change.changed_at
        open_row = {types.key: change[0], **tracked, "valid_from": change.changed_at, "valid_to": INFINITY}
        open_row |= {"version_no": len(rows) + 1, "change_reason": reason}
        rows.append(open_row)
    if not rows:
        return []
    same = _same_everywhere(history, [change for change in walk if change.op == "upsert"], types)
    return [row | same | {"is_current": row["valid_to"] == INFINITY} for row in rows]


def dimension(changes: Iterable[Change], types: Types) -> list[Row]:
    """All versions, by key and time.  The members -1 and -2 are not among them."""
    histories = by_key(changes)
    return [row for key in sorted(histories) for row in versions(histories[key], types)]


class PointInTime:
    """Which version of a key is valid at an instant."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], types: Types) -> None:
        self._starts: dict[str, list[datetime]] = defaultdict(list)
        self._ends: dict[str, list[Any]] = defaultdict(list)
        for row in rows:  # by key and time
            self._starts[row[types.key]].append(row["valid_from"])
            self._ends[row[types.key]].append(row["valid_to"])

    def version(self, key: str | None, at: datetime) -> VersionKey:
        """The version, UNKNOWN where none is valid then, NOT_APPLICABLE for no key."""
        if key is None:
            return NOT_APPLICABLE
        starts = self._starts.get(key, [])
        place = bisect_right(starts, at) - 1
        if place < 0:
            return UNKNOWN
        end = self._ends[key][place]
        return (key, starts[place]) if end == INFINITY or at < end else UNKNOWN


def replayed(changes: Iterable[Change], types: Types, at: datetime) -> dict[str, Row]:
    """The type-2 columns of the keys that are there at an instant, straight from the changes until then."""
    there: dict[str, Row] = {}
    for key, history in by_key(changes).items():
        until = [change for change in history if change.changed_at <= at]
        if until and until[-1].op == "upsert":
            there[key] = {column: getattr(until[-1], column) for column in types.type_2}
    return there
