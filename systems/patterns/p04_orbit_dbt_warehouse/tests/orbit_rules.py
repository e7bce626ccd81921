"""Judged rows: each kept, or refused by the first rule it breaks.

Units of the numbers are JPL's: au, degrees, days (MJD for epochs, JD for times), km, hours, magnitudes.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from orbit_rows import Files, LandedRow, delivered, landed
from orbit_sky import utc_from_jd

if TYPE_CHECKING:
    from orbit_classes import Classes

T = TypeVar("T")
Breach = tuple[str, str]
"""A broken rule and the column that breaks it."""


_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_EXTENT = re.compile(r"[0-9]{1,9}(\.[0-9]+)?( ?x ?[0-9]{1,9}(\.[0-9]+)?){1,2}")
_NUMBERED = re.compile(r"([1-9][0-9]*) .+")
_PROVISIONAL = re.compile(r"\(([^()]+)\)")
_PERIODIC_COMET = re.compile(r"([1-9][0-9]*[PDCXAI])(/.*)?")
_FRAGMENT = re.compile(r"-[A-Z]{1,2}[0-9]?\Z")
_COMET = re.compile(r"[PDCXAI]/(-?[0-9]+ [A-Z]+[0-9]*(-[A-Z]{1,2}[0-9]?)?)( \(.*\))?")

SMALL_BODY_NUMBERS = [
    "epoch_mjd",
    "e",
    "a",
    "q",
    "i",
    "om",
    "w",
    "ma",
    "tp",
    "per_y",
    "h",
    "g",
    "m1",
    "m2",
    "diameter",
    "albedo",
    "rot_per",
    "moid",
]
APPROACH_NUMBERS = ["jd", "dist", "dist_min", "dist_max", "v_rel", "v_inf", "h"]

InRange = Callable[[float], bool]


def _from_to(low: float, high: float) -> InRange:
    return lambda value: low <= value <= high


def _above_to(low: float, high: float) -> InRange:
    return lambda value: low < value <= high


def _positive(value: float) -> bool:
    return value > 0.0


def _not_negative(value: float) -> bool:
    return value >= 0.0


SMALL_BODY_RANGES: Mapping[str, InRange] = {  # in the order in which they are looked at
    "epoch_mjd": _from_to(-1_000_000.0, 100_000.0),
    "e": _from_to(0.0, 100.0),
    "a": lambda value: abs(value) >= 0.0001,
    "q": _from_to(0.0001, 1000.0),
    "i": _from_to(0.0, 180.0),
    **dict.fromkeys(("om", "w", "ma"), _from_to(0.0, 360.0)),
    "per_y": _positive,
    **dict.fromkeys(("h", "g", "m1", "m2"), _from_to(-50.0, 50.0)),
    "diameter": _above_to(0.0, 10_000.0),
    "albedo": _above_to(0.0, 2.0),
    "rot_per": _positive,
    "moid": _not_negative,
}
APPROACH_RANGES: Mapping[str, InRange] = {
    "jd": _from_to(2378496.5, 2597641.5),  # 1800-01-01 to 2400-01-01
    "dist": _above_to(0.0, 10.0),
    "dist_min": _not_negative,
    "dist_max": _not_negative,
    "v_rel": _positive,
    "v_inf": _positive,
    "h": _from_to(-50.0, 50.0),
}


@dataclass
class JudgedRow:
    """A landed row with what was read from it and, where it is refused, the rule it breaks first and the column."""

    landed: LandedRow
    numbers: dict[str, float | None] = field(default_factory=dict)
    designation: str | None = None
    approached_at: datetime | None = None
    rule: str | None = None
    column: str = ""

    @property
    def file_id(self) -> int:
        """The number of the file the row is in."""
        return self.landed.file.file_id

    def text(self, column: str) -> str | None:
        """The trimmed text of a column."""
        return self.landed.values[column]

    def refuse(self, breach: Breach | None) -> None:
        """Note the broken rule, if any."""
        if breach is not None:
            self.rule, self.column = breach


def known(value: T | None) -> T:
    """A value that the rules before have made sure of."""
    assert value is not None
    return value


def collapsed(text: str) -> str:
    """The text with each run of blanks as one blank."""
    return re.sub(" +", " ", text)


def designation_from_name(full_name: str) -> str | None:
    """The primary designation in a full name of JPL, None where the name has none of the known forms."""
    name = collapsed(full_name.strip(" "))
    if match := _NUMBERED.fullmatch(name) or _PROVISIONAL.fullmatch(name) or _COMET.fullmatch(name):
        return match[1]
    if match := _PERIODIC_COMET.fullmatch(name):
        fragment = _FRAGMENT.search(match[2] or "")
        return match[1] + (fragment[0] if fragment else "")
    return None


def number(text: str | None) -> float | None:
    """The double a text stands for; None where there is no text; ValueError where it is not a number."""
    if text is None:
        return None
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)


def _read_numbers(row: JudgedRow, columns: Iterable[str]) -> Breach | None:
    for column in columns:
        try:
            row.numbers[column] = number(row.text(column))
        except ValueError:
            return "not_a_number", column
    return None


def _out_of_range(row: JudgedRow, ranges: Mapping[str, InRange]) -> Breach | None:
    for column, holds in ranges.items():
        value = row.numbers[column]
        if value is not None and not holds(value):
            return "out_of_range", column
    return None


def _missing(row: JudgedRow, columns: Iterable[str]) -> Breach | None:
    return next((("missing", column) for column in columns if row.text(column) is None), None)


def _small_body_breach(row: JudgedRow, class_codes: set[str]) -> Breach | None:
    """The first of rules 1 to 9 that a small body breaks; fills designation and numbers on the way."""
    if row.landed.landing_error is not None:
        return row.landed.landing_error, ""
    full_name, pdes = row.text("full_name"), row.text("pdes")
    if full_name is None and pdes is None:
        return "no_designation", "full_name"
    row.designation = pdes if pdes is not None else designation_from_name(full_name or "")
    if row.designation is None:
        return "designation_form", "full_name"
    breach = _read_numbers(row, SMALL_BODY_NUMBERS) or _missing(row, ["epoch_mjd", "e", "i", "om", "w", "class"])
    if breach is not None:
        return breach
    e, a, q = known(row.numbers["e"]), row.numbers["a"], row.numbers["q"]
    if q is None and a is None:
        return "missing", "q"
    if breach := _out_of_range(row, SMALL_BODY_RANGES):
        return breach
    if a is not None and ((e < 1.0 and a < 0.0) or (e > 1.0 and a > 0.0)):
        return "out_of_range", "a"
    if q is None and a is not None and not SMALL_BODY_RANGES["q"](a * (1.0 - e)):
        return "out_of_range", "a"
    extent = row.text("extent")
    if extent is not None and not _EXTENT.fullmatch(extent):
        return "extent_form", "extent"
    if a is not None and q is not None and e < 1.0 and abs(q - a * (1.0 - e)) > 0.001 * max(1.0, q):
        return "elements_disagree", "q"
    if row.text("class") not in class_codes:
        return "unknown_class", "class"
    return ("unknown_flag", "neo") if row.text("neo") not in (None, "Y", "N") else None


def _approach_breach(row: JudgedRow) -> Breach | None:
    """The first of rules 1 to 5 that a close approach breaks; fills designation, numbers and time on the way."""
    if row.landed.landing_error is not None:
        return row.landed.landing_error, ""
    row.designation = row.text("des")
    if row.designation is None:
        return "no_designation", "des"
    breach = _read_numbers(row, APPROACH_NUMBERS) or _missing(row, ("jd", "dist"))
    breach = breach or _out_of_range(row, APPROACH_RANGES)
    if breach is None:
        row.approached_at = utc_from_jd(known(row.numbers["jd"]))
    return breach


def accepted(rows: Iterable[JudgedRow]) -> list[JudgedRow]:
    """The rows that have broken no rule so far."""
    return [row for row in rows if row.rule is None]


def _refuse_duplicates(rows: Iterable[JudgedRow], breach: Breach) -> None:
    """Refuse all rows that share file and designation (and, for an approach, the day) with another row."""
    groups: dict[tuple[Any, ...], list[JudgedRow]] = defaultdict(list)
    for row in accepted(rows):
        groups[row.file_id, row.designation, row.approached_at and row.approached_at.date()].append(row)
    for group in groups.values():
        if len(group) > 1:
            for row in group:
                row.refuse(breach)


def _refuse_moved_back(rows: Iterable[JudgedRow]) -> None:
    """Refuse solutions older than one of an earlier file, whether or not that one was itself moved back."""
    latest: dict[str | None, float] = {}
    for row in accepted(rows):  # these come by file_id; rule 10 leaves one a designation and file
        epoch = known(row.numbers["epoch_mjd"])
        if epoch < latest.get(row.designation, -math.inf):
            row.refuse(("epoch_moved_back", "epoch_mjd"))
        latest[row.designation] = max(epoch, latest.get(row.designation, -math.inf))


def judged(files: Files, classes: Classes) -> tuple[list[JudgedRow], list[JudgedRow]]:
    """All rows of the files that are there, small bodies and close approaches, by file_id and place in the file."""
    bodies: list[JudgedRow] = []
    approaches: list[JudgedRow] = []
    class_codes = {orbit_class.code for orbit_class in classes}
    for row in (JudgedRow(landed_row) for file in delivered(files) for landed_row in landed(file)):
        if row.landed.kind == "small_bodies":
            row.refuse(_small_body_breach(row, class_codes))
            bodies.append(row)
        else:
            row.refuse(_approach_breach(row))
            approaches.append(row)
    _refuse_duplicates(bodies, ("duplicate_designation", "full_name"))
    _refuse_moved_back(bodies)
    _refuse_duplicates(approaches, ("duplicate_approach", "jd"))
    return bodies, approaches
