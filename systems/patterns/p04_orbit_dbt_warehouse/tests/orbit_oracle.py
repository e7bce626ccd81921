"""What the orbit warehouse must hold after a sequence of delivered files, worked out from their bytes alone.

A second, independent reading of the specification in plain Python, to compare the SQL with.  `bodies` follows the
rows from the files to the current solution of each body, `tables` makes every mart as a full build does,
`incremental` follows the fact table through a full build and the incremental builds after it.
Rows are dicts under the column names of the specification; units as in `orbit_sky`; times are naive UTC.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import orbit_sky as sky
from orbit_classes import ORBIT_CLASSES, Classes
from orbit_marts import class_summary, near_earth_objects, refusals, small_body
from orbit_rows import Files
from orbit_rules import known
from orbit_solutions import Bodies, bodies

Row = dict[str, Any]
Steps = Sequence[tuple[Files, date | None]]
"""For each build the files delivered until then, all of them, and its as_of (None: the standard epoch)."""

BUILD_WINDOW_DAYS = 365
"""Days before as_of at which a full build starts, and days after it at which every build ends."""
LATE_WINDOW_DAYS = 90
"""Days before as_of at which an incremental build starts."""

# ---- as_of and the approaches -------------------------------------------------------------------------------------


def standard_epoch(current: Bodies) -> date | None:
    """The day on which most asteroids have their epoch (ties: the latest); without asteroids, the latest of all."""
    epochs: dict[str, Counter[int]] = defaultdict(Counter)
    for solution in current.solutions.values():
        epochs[solution.kind][math.floor(solution.elements.epoch_mjd)] += 1
    if asteroids := epochs["asteroid"]:
        return sky.date_from_mjd(max(asteroids, key=lambda day: (asteroids[day], day)))
    return sky.date_from_mjd(max(epochs["comet"])) if epochs["comet"] else None


def _approach_row(current: Bodies, designation: str, origin: str, approach: sky.Approach) -> Row:
    day = approach.at.date()
    distance_km = approach.distance_au * sky.AU_KM
    return {
        "close_approach_id": f"{designation}|{origin}|{day.isoformat()}",
        "designation": designation,
        "origin": origin,
        "approached_at": approach.at,
        "approached_on": day,
        "distance_au": approach.distance_au,
        "distance_km": distance_km,
        "distance_ld": distance_km / sky.LUNAR_DISTANCE_KM,
        "speed_km_s": approach.speed_km_s,
        "is_known_body": designation in current.solutions,
    }


def _delivered_rows(current: Bodies) -> list[Row]:
    """The approaches JPL delivered, however old."""
    rows = []
    for (designation, _), source in current.delivered.items():
        approach = sky.Approach(known(source.approached_at), known(source.numbers["dist"]), source.numbers["v_rel"])
        row = _approach_row(current, designation, "jpl", approach)
        row |= {"orbit_id": source.text("orbit_id"), "epoch_mjd": None, "days_from_epoch": None}
        rows.append(row | {"file_id": source.file_id})
    return rows


def _computed_rows(current: Bodies, first: date, last: date) -> list[Row]:
    """The approaches computed from the elements of the near-Earth bodies, dated first to last."""
    rows = []
    for solution in current.solutions.values():
        if not solution.is_near_earth:
            continue
        epoch_mjd = solution.elements.epoch_mjd
        for approach in sky.approaches(solution.elements, first, last):
            row = _approach_row(current, solution.designation, "computed", approach)
            row |= {"orbit_id": solution.source.text("orbit_id"), "epoch_mjd": epoch_mjd}
            row |= {"days_from_epoch": sky.mjd_from_utc(approach.at) - epoch_mjd}
            rows.append(row | {"file_id": solution.source.file_id})
    return rows


def _approach_key(row: Row) -> str:
    return str(row["close_approach_id"])


def _build(current: Bodies, as_of: date | None, before: list[Row] | None = None) -> list[Row]:
    """fct_close_approaches after a full build, or after an incremental build on the rows there were before."""
    as_of = as_of or standard_epoch(current)
    delivered = _delivered_rows(current)
    if as_of is None:
        # Without bodies there is nothing to compute; but nothing says either where an incremental build starts.
        if before is not None:
            raise ValueError("an incremental build without bodies needs an as_of")
        return sorted(delivered, key=_approach_key)
    start = as_of - timedelta(days=BUILD_WINDOW_DAYS if before is None else LATE_WINDOW_DAYS)
    rows = _computed_rows(current, start, as_of + timedelta(days=BUILD_WINDOW_DAYS))
    if before is None:
        rows += delivered
    else:
        rows += [row for row in delivered if row["approached_on"] >= start]
        rows += [row for row in before if row["approached_on"] < start]
    return sorted(rows, key=_approach_key)


def _late(current: Bodies, built: list[Row]) -> list[Row]:
    """What was delivered and is not built: also a later word on a day that is closed."""
    there = {(_approach_key(row), row["file_id"]) for row in built}
    rows = (row for row in _delivered_rows(current) if (_approach_key(row), row["file_id"]) not in there)
    return sorted(rows, key=_approach_key)


def _after_steps(steps: Steps) -> tuple[Bodies, list[Row]]:
    built: list[Row] | None = None
    for files, as_of in steps:
        current = bodies(files)
        built = _build(current, as_of, built)
    if built is None:
        raise ValueError("no build")
    return current, built


def incremental(steps: Steps) -> list[Row]:
    """fct_close_approaches after a full build of the first step and incremental builds of the ones after it."""
    return _after_steps(steps)[1]


def late(steps: Steps) -> list[Row]:
    """late_close_approaches after the same builds."""
    return _late(*_after_steps(steps))


# ---- everything ---------------------------------------------------------------------------------------------------


def rejected(files: Files, classes: Classes = ORBIT_CLASSES) -> list[Row]:
    """answers_rejected without the number of the file and the message."""
    return [{column: row[column] for column in row if column != "file_id"} for row in refusals(bodies(files, classes))]


def tables(files: Files, as_of: date | None = None, classes: Classes = ORBIT_CLASSES) -> dict[str, list[Row]]:
    """Every mart of section 4 as a full build makes it, by table name; answers_rejected without its messages."""
    current = bodies(files, classes)
    facts = _build(current, as_of)
    dim = [small_body(current.solutions[designation]) for designation in sorted(current.solutions)]
    class_rows = [
        {"class_code": code, "name": name, "kind": kind, "definition": definition}
        for code, name, kind, definition in sorted(classes)
    ]
    return {
        "dim_orbit_class": class_rows,
        "dim_small_body": dim,
        "near_earth_objects": near_earth_objects(dim, facts, as_of or standard_epoch(current)),
        "orbit_class_summary": class_summary(dim, classes),
        "fct_close_approaches": facts,
        "late_close_approaches": _late(current, facts),
        "answers_rejected": refusals(current),
    }
