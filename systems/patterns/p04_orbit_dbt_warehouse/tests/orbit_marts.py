"""The marts beside the approaches: rows of bodies, classes and refusals."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Any

import orbit_sky as sky
from orbit_rules import collapsed

if TYPE_CHECKING:
    from orbit_classes import Classes
    from orbit_solutions import Bodies, Solution

Row = dict[str, Any]

ASSUMED_ALBEDO, BRIGHT_ALBEDO, DARK_ALBEDO = 0.14, 0.25, 0.05
"""Where no albedo is known: JPL's customary mean for near-Earth asteroids, and the range for the size."""
HAZARDOUS_MOID_AU, HAZARDOUS_MAGNITUDE = 0.05, 22.0


def _minimum_distance(solution: Solution) -> Row:
    given = solution.source.numbers["moid"]
    if given is not None:
        return {"moid_au": given, "moid_source": "jpl"}
    return {"moid_au": sky.nodal_distance(solution.elements), "moid_source": "nodal_distance"}


def _size(h: float | None, diameter: float | None, albedo: float | None) -> Row:
    """Diameter and its range in km, with the albedo, and where both come from."""
    smallest = largest = diameter
    albedo_source = None if albedo is None else "measured"
    if diameter is not None:
        source = "measured"
    elif h is None:
        source = "unknown"
    elif albedo is not None:
        source = "from_albedo"
        diameter = smallest = largest = sky.diameter_from_magnitude(h, albedo)
    else:
        source = "assumed_albedo"
        albedo, albedo_source = ASSUMED_ALBEDO, "assumed"
        diameter, smallest, largest = (
            sky.diameter_from_magnitude(h, p) for p in (ASSUMED_ALBEDO, BRIGHT_ALBEDO, DARK_ALBEDO)
        )
    return {
        "diameter_km": diameter,
        "diameter_min_km": smallest,
        "diameter_max_km": largest,
        "diameter_source": source,
        "albedo": albedo,
        "albedo_source": albedo_source,
    }


def _extent(text: str | None) -> Row:
    axes = [float(axis) for axis in re.findall(r"[0-9.]+", text or "")]
    x, y, z = [*axes, None, None, None][:3]
    return {"extent_x_km": x, "extent_y_km": y, "extent_z_km": z}


def small_body(solution: Solution) -> Row:
    """A row of dim_small_body."""
    orbit, source = solution.elements, solution.source
    is_asteroid = solution.kind == "asteroid"
    full_name, class_code, h = source.text("full_name"), source.text("class"), source.numbers["h"]
    derived = sky.derived_class_code(orbit) if is_asteroid else None
    minimum = _minimum_distance(solution)
    is_bright = h is not None and h <= HAZARDOUS_MAGNITUDE
    row: Row = {
        "designation": solution.designation,
        "full_name": None if full_name is None else collapsed(full_name),
        "kind": solution.kind,
        "class_code": class_code,
        "derived_class_code": derived,
        "is_class_confirmed": class_code == derived if is_asteroid else None,
        "is_near_earth": solution.is_near_earth,
        "neo_group": sky.near_earth_group(orbit) if is_asteroid else None,
        "is_potentially_hazardous": is_asteroid and is_bright and minimum["moid_au"] <= HAZARDOUS_MOID_AU,
        "orbit_id": source.text("orbit_id"),
        "epoch_mjd": orbit.epoch_mjd,
        "epoch_on": sky.date_from_mjd(orbit.epoch_mjd),
        "eccentricity": orbit.e,
        "perihelion_au": orbit.q,
        "semi_major_axis_au": orbit.a,
        "aphelion_au": orbit.aphelion,
        "period_years": solution.period_years,
        "inclination_deg": orbit.i,
        "node_deg": orbit.node,
        "argument_deg": orbit.w,
        "mean_anomaly_deg": orbit.ma,
        "perihelion_jd": orbit.tp,
        "tisserand_jupiter": sky.tisserand_jupiter(orbit),
        "absolute_magnitude": h,
        "rotation_hours": source.numbers["rot_per"],
        "file_id": source.file_id,
    }
    size = _size(h, source.numbers["diameter"], source.numbers["albedo"])
    return row | minimum | size | _extent(source.text("extent"))


NEAR_EARTH_COLUMNS = [
    "designation",
    "full_name",
    "kind",
    "neo_group",
    "is_potentially_hazardous",
    "perihelion_au",
    "eccentricity",
    "inclination_deg",
    "moid_au",
    "moid_source",
    "absolute_magnitude",
    "diameter_km",
    "diameter_source",
]


def near_earth_objects(dim: list[Row], facts: list[Row], as_of: date | None) -> list[Row]:
    """The near-Earth bodies with their next approach."""
    coming: dict[str, tuple[date, float]] = {}
    for fact in facts:
        if as_of is not None and fact["approached_on"] >= as_of:
            approach = (fact["approached_on"], fact["distance_au"])
            coming[fact["designation"]] = min(approach, coming.get(fact["designation"], approach))
    rows = []
    for body in dim:
        if body["is_near_earth"]:
            next_on, next_au = coming.get(body["designation"], (None, None))
            row = {column: body[column] for column in NEAR_EARTH_COLUMNS}
            rows.append(row | {"next_approach_on": next_on, "next_approach_au": next_au})
    return rows


def class_summary(dim: list[Row], classes: Classes) -> list[Row]:
    """One row a class that has bodies."""
    members: dict[str, list[Row]] = defaultdict(list)
    for body in dim:  # in text order of the designations, so that the first of equals is the one to name
        members[body["class_code"]].append(body)
    rows = []
    for code, name, kind, _ in classes:
        group = members[code]
        if not group:
            continue
        sized = [body for body in group if body["diameter_km"] is not None]
        largest = max(sized, key=lambda body: body["diameter_km"], default=None)
        rows.append(
            {
                "class_code": code,
                "name": name,
                "kind": kind,
                "bodies": len(group),
                "near_earth": sum(body["is_near_earth"] for body in group),
                "potentially_hazardous": sum(body["is_potentially_hazardous"] for body in group),
                "diameters_measured": sum(body["diameter_source"] == "measured" for body in group),
                "classes_confirmed": sum(body["is_class_confirmed"] is True for body in group),
                "largest_designation": largest and largest["designation"],
                "largest_diameter_km": largest and largest["diameter_km"],
                "median_perihelion_au": statistics.median(body["perihelion_au"] for body in group),
                "median_inclination_deg": statistics.median(body["inclination_deg"] for body in group),
            }
        )
    return sorted(rows, key=lambda row: row["class_code"])


def refusals(current: Bodies) -> list[Row]:
    """answers_rejected, without its messages."""
    rows = []
    for row in current.small_bodies + current.close_approaches:
        landed = row.landed
        if row.rule is not None:
            rows.append(
                {
                    "file_id": row.file_id,
                    "file_name": landed.file.file_name,
                    "kind": landed.kind,
                    "line": landed.line,
                    "byte_offset": landed.byte_offset,
                    "column_name": row.column,
                    "rule": row.rule,
                    "record_text": landed.record_text,
                }
            )
    return sorted(rows, key=lambda row: (row["file_id"], row["byte_offset"]))
