"""Whether a system's outputs are equal on two profiles: row by row, by the key of each contract."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orrery import contracts, looks
from orrery.errors import BadInput
from orrery.looks import Look
from orrery.manifest import Manifest
from orrery.profiles import Profile

CLOSE = 1e-9  # relative: two engines may round the last bits of a double differently
SHOWN = 3  # differences that are told of a table


@dataclass(frozen=True)
class Compared:
    """One output on both profiles.

    Attributes:
        rows: how many there are, here and there.
        differences: the first of them; none where the two are equal.
        count: how many differences there are.
    """

    table: str
    rows: tuple[int, int]
    differences: tuple[str, ...]
    count: int


def compare(system: Manifest, one: Profile, other: Profile) -> list[Compared]:
    """Every output of the system's own schema; not how it came there (`<slug>_raw` and the like), nor what has no key.

    Raises:
        BadInput: nothing of it is on one of the two.
    """
    role = next(iter(system.needs))
    first, second = (
        looks.look(profile.binding(role, system.slug), system.slug, f"orrery check {system.slug}")
        for profile in (one, other)
    )
    try:
        found = []
        for table, path in system.outputs.items():
            schema, _, name = table.partition(".")
            contract = contracts.load(path)
            if schema != system.slug or not contract.key:
                continue
            for look, profile in ((first, one), (second, other)):
                if name not in look.relations(schema):
                    raise BadInput(
                        f"{system.name} has made no {table} there, so there is nothing to compare.",
                        looked=f"profile {profile.name}",
                        found="no such table",
                        fix=f"orrery run {system.name.lower()} --profile {profile.name}",
                    )
            found.append(_compared(table, contract.key, _rows(first, table), _rows(second, table)))
        return found
    finally:
        first.close()
        second.close()


def _rows(look: Look, table: str) -> tuple[list[str], list[dict[str, Any]]]:
    names, rows = look.query(f"select * from {table}")
    return names, [dict(zip(names, map(_plain, row), strict=True)) for row in rows]


def _plain(value: Any) -> Any:
    """A value as every engine's driver could have given it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return value


def _compared(
    table: str,
    key: Sequence[str],
    one: tuple[Sequence[str], Sequence[Mapping[str, Any]]],
    other: tuple[Sequence[str], Sequence[Mapping[str, Any]]],
) -> Compared:
    (names, rows), (other_names, other_rows) = one, other
    here, there = ({tuple(row[name] for name in key): row for row in each} for each in (rows, other_rows))
    found = [f"column {name}: only here" for name in names if name not in other_names]
    found += [f"column {name}: only there" for name in other_names if name not in names]
    found += [f"only here: {_named(key, each)}" for each in sorted(here.keys() - there.keys(), key=str)]
    found += [f"only there: {_named(key, each)}" for each in sorted(there.keys() - here.keys(), key=str)]
    shared = [name for name in names if name in other_names]
    for each in sorted(here.keys() & there.keys(), key=str):
        row, twin = here[each], there[each]
        found += [
            f"{_named(key, each)}: {name} {row[name]!r} here, {twin[name]!r} there"
            for name in shared
            if not _same(row[name], twin[name])
        ]
    if len(rows) != len(here) or len(other_rows) != len(there):
        found.append("a key is there more than once")
    return Compared(table, (len(rows), len(other_rows)), tuple(found[:SHOWN]), len(found))


def _named(key: Sequence[str], value: Sequence[Any]) -> str:
    return ", ".join(f"{name} {each}" for name, each in zip(key, value, strict=True))


def _same(one: Any, other: Any) -> bool:
    """Whole numbers to the last digit, and floats nearly."""
    if isinstance(one, float | int) and isinstance(other, float | int) and float in (type(one), type(other)):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)
