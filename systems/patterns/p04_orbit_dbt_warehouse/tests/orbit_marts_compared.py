"""Compares the marts of a warehouse with the oracle's, row by row and value by value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from orrery.testing import Target

KEYS = {
    "dim_small_body": ("designation",),
    "dim_orbit_class": ("class_code",),
    "near_earth_objects": ("designation",),
    "orbit_class_summary": ("class_code",),
    "fct_close_approaches": ("close_approach_id",),
    "late_close_approaches": ("close_approach_id",),
    "answers_rejected": ("file_id", "byte_offset"),
}
CLOSE = 1e-9  # relative: the same formulas by another library may differ in the last bits


def differing(target: Target, wanted: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """How the marts differ from what is wanted; empty where they do not."""
    found: list[str] = []
    for table, rows in wanted.items():
        there = target.query(f"select * from p04_orbit.{table}")
        found += [f"{table}: {each}" for each in differences(rows, there, KEYS[table])]
    return found


def differences(
    wanted: Sequence[Mapping[str, Any]], there: Sequence[Mapping[str, Any]], key: Sequence[str]
) -> list[str]:
    """The first few ways in which two tables differ."""
    by_key = {tuple(row[name] for name in key): row for row in there}
    expected = {tuple(row[name] for name in key): row for row in wanted}
    found = [f"lost {each}" for each in expected.keys() - by_key.keys()]
    found += [f"made up {each}" for each in by_key.keys() - expected.keys()]
    found += [f"{len(there) - len(by_key)} rows twice"] * (len(there) != len(by_key))
    for each in expected.keys() & by_key.keys():
        for name, value in expected[each].items():
            if not same(value, by_key[each][name]):
                found.append(f"{each} {name}: {value!r} is wanted, {by_key[each][name]!r} there")
    return found[:10]


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, floats nearly so."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=1e-12)
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one == other.replace(tzinfo=None)
    return type(one) is type(other) and one == other
