"""The properties of a dimension of SCD type 2, checked on its rows alone, however they were made.

Rows cannot tell everything: a boundary that is moved in both neighbours, or a last version that is gone like a deleted
key, leaves rows that have all these properties.  Comparing them with the oracle's finds those.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from nebula_history import BY_KEY, INFINITY, NOT_APPLICABLE, UNKNOWN, Types

Version = Mapping[str, Any]


def _starts_before(one: Any, other: Any) -> bool:
    """Whether an instant is before a bound, which may be open."""
    return other == INFINITY or (one != INFINITY and bool(one < other))


def _tracked(row: Version, types: Types) -> tuple[Hashable, ...]:
    return tuple(row[column] for column in types.type_2)


def _of_one(row: Version, number: int) -> Iterator[str]:
    if not _starts_before(row["valid_from"], row["valid_to"]):
        yield "valid_from is not before valid_to"
    if row["is_current"] != (row["valid_to"] == INFINITY):
        yield "is_current does not say whether it is open"
    if row["version_no"] != number:
        yield f"it is number {number} by time, not {row['version_no']}"
    reasons = ("new",) if number == 1 else ("changed", "returned")
    if row["change_reason"] not in reasons:
        yield f"change_reason {row['change_reason']!r} is none of {reasons}"


def _of_neighbours(row: Version, following: Version, types: Types) -> Iterator[str]:
    end, start = row["valid_to"], following["valid_from"]
    returned = following["change_reason"] == "returned"
    if end == INFINITY or start < end:
        yield "it overlaps the next version"
    elif end < start and not returned:
        yield "there is a gap before the next version, which has not returned"
    elif end == start and returned:
        yield "there is no gap before the next version, which has returned"
    if not returned and _tracked(row, types) == _tracked(following, types):
        yield "the next version differs in no column of type 2"


def _of_key(rows: Sequence[Version], types: Types) -> Iterator[str]:
    """What one key breaks, given its versions by time."""
    if sum(bool(row["is_current"]) for row in rows) > 1:
        yield "there are two current versions"
    for number, row in enumerate(rows, 1):
        yield from (f"version {number}: {each}" for each in _of_one(row, number))
    for number, (row, following) in enumerate(pairwise(rows), 1):
        yield from (f"version {number}: {each}" for each in _of_neighbours(row, following, types))
    previous = f"previous_{types.type_3}"
    for column in (*types.type_0, *types.type_1, types.type_3, previous):
        if len({row[column] for row in rows}) > 1:
            yield f"{column} is not the same on every version"
    if any(row[previous] is not None and row[previous] == row[types.type_3] for row in rows):
        yield f"{previous} is {types.type_3}"


def _of_hashes(rows: Sequence[Version], types: Types) -> Iterator[str]:
    """Rows that have a row_hash have the same one exactly if their type-2 columns are the same."""
    pairs = {(row["row_hash"], _tracked(row, types)) for row in rows if "row_hash" in row}
    for place, what in enumerate(("row_hash", "content of type 2")):
        seen: set[Hashable] = set()
        for pair in pairs:
            if pair[place] in seen:
                yield f"one {what} stands for several: {pair[place]!r}"
            seen.add(pair[place])


def violations(dim_rows: Iterable[Version], key: str) -> list[str]:
    """What is wrong with the rows of dim_customer (key `customer_id`) or dim_product (`product_id`), in any order.

    Beside the columns of the specification, rows may have their surrogate key (those of the members -1 and -2 are
    passed over, any other has to be a row's own) and row_hash.
    """
    types = BY_KEY[key]
    surrogate = key.replace("_id", "_key")
    rows = [row for row in dim_rows if row.get(surrogate) not in (UNKNOWN, NOT_APPLICABLE)]
    by_key: dict[Any, list[Version]] = defaultdict(list)
    for row in rows:
        by_key[row[key]].append(row)
    found = list(_of_hashes(rows, types))
    for value, versions in by_key.items():
        versions.sort(key=lambda row: row["valid_from"])
        found += [f"{key} {value!r}: {each}" for each in _of_key(versions, types)]
    surrogates = [row[surrogate] for row in rows if surrogate in row]
    if len(set(surrogates)) < len(surrogates):
        found.append(f"{surrogate}: one stands for several rows")
    return sorted(found)
