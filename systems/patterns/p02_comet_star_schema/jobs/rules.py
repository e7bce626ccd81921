"""What the rows of a catalogue mean: names, numbers with their error bars, units, dates; and which rule they break.

The first rule that is broken refuses a row. Numbers stay the text that they are: PostgreSQL reads them as exact
decimals. The catalogue's own units are Jupiter's and the Sun's masses and radii, days, AU, kelvin, parsec, Gyr and
degrees.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

Field = tuple[str, Mapping[str, str]]  # the text of an element, and its attributes
Fields = Mapping[str, Field]

NAME_LIMIT = 200  # characters
LAST_YEAR = 2049  # that dim_date has the days of
# of a planet's lists the first of these counts: what takes back weighs more than what confirms
STATUS = {
    "Retracted planet candidate": "retracted",
    "Controversial": "controversial",
    "Kepler Objects of Interest": "candidate",
    "Solar System": "solar_system",
    "Confirmed planets": "confirmed",
}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_DAY = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{2})", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)

MESSAGES = {
    "name": "it has no name",
    "too_long": f"longer than {NAME_LIMIT} characters",
    "invisible_characters": "it holds characters that cannot be seen",
    "number": "not a number",
    "negative_error": "an error bar below 0",
    "unit": "not in the unit of the catalogue",
    "range": "outside of what can be",
    "year": "not a year from 1600 to 2100",
    "date": "not a day from 2000 to 2049, written YY/MM/DD",
    "status": "no list says whether it is confirmed",
    "no_system": "its system has no name that can be used",
    "duplicate_name": "another row of the file has the same name",
}


class Broken(Exception):
    """A row that breaks a rule, and in which column."""

    def __init__(self, column: str, rule: str) -> None:
        super().__init__(f"{column}: {rule}")
        self.column, self.rule = column, rule


# --- texts, numbers, days ------------------------------------------------------------------------------------------


def text_of(fields: Fields, tag: str) -> str | None:
    """A text without its layout, or None."""
    found = fields.get(tag)
    text = _plain(found[0]) if found else ""
    if len(text) > NAME_LIMIT:
        raise Broken(tag, "too_long")
    if not (text.isascii() and text.isprintable()) and any(unicodedata.category(e) in ("Cc", "Cf") for e in text):
        raise Broken(tag, "invisible_characters")
    return text or None


def _plain(text: str) -> str:
    """XML's white space only: a no-break blank is a character like others."""
    return _LAYOUT.sub(" ", text).strip(" ")


_LAYOUT = re.compile(r"[ \t\r\n]+")


def name_of(fields: Fields) -> str:
    """The first name; a row must have one."""
    name = text_of(fields, "name")
    if name is None:
        raise Broken("name", "name")
    return name


def number(text: str, tag: str) -> str | None:
    """A number as it is written, or None; `tag` is the element that it is from."""
    text = _plain(text)
    if not text:
        return None
    if len(text) > 40 or not _NUMBER.fullmatch(text):
        raise Broken(tag, "number")
    return text


@dataclass(frozen=True)
class Measure:
    """A number of a row: its element, its unit (none: it has none), what it may be, whether it has error bars."""

    tag: str
    unit: str | None = None
    may_be: Callable[[Decimal], bool] | None = None
    has_errors: bool = False

    def of(self, fields: Fields) -> list[str | None]:
        """The value, and its error bars where it has them (minus, plus)."""
        found = fields.get(self.tag)
        if found is None:
            return [None] * (3 if self.has_errors else 1)
        text, attributes = found
        value = number(text, self.tag)
        if "unit" in attributes and attributes["unit"] != self.unit:
            raise Broken(self.tag, "unit")
        if value is not None and self.may_be and not self.may_be(Decimal(value)):
            raise Broken(self.tag, "range")
        errors = (
            [self.error(attributes.get(each, "")) for each in ("errorminus", "errorplus")] if attributes else [None] * 2
        )
        return [value, *(errors if value is not None else (None, None))] if self.has_errors else [value]

    def error(self, text: str) -> str | None:
        """An error bar: a number that is not below 0."""
        found = number(text, self.tag)
        if found is not None and found.startswith("-") and Decimal(found) < 0:
            raise Broken(self.tag, "negative_error")
        return found


def _positive(value: Decimal) -> bool:
    return value > 0


def _not_negative(value: Decimal) -> bool:
    return value >= 0


OF_STAR = (
    Measure("mass", "MS", _positive),
    Measure("radius", "RS", _positive),
    Measure("temperature", "K", _positive),
    Measure("metallicity"),
    Measure("magV"),
    Measure("age", "Gyr", _not_negative),
)
OF_PLANET = (
    Measure("mass", "MJ", _not_negative, has_errors=True),
    Measure("radius", "RJ", _not_negative, has_errors=True),
    Measure("period", "d", _positive, has_errors=True),
    Measure("semimajoraxis", "AU", _positive, has_errors=True),
    Measure("eccentricity", None, lambda value: 0 <= value < 1, has_errors=True),
    Measure("inclination", "deg", lambda value: -360 <= value <= 360, has_errors=True),
    Measure("temperature", "K", _not_negative, has_errors=True),
)
DISTANCE = Measure("distance", "pc", _positive)
MAGNITUDE = Measure("magV")


def status_of(lists: Sequence[str]) -> str:
    """Whether a planet is confirmed, by the lists that it is on."""
    named = {_plain(each) for each in lists}
    for name, status in STATUS.items():
        if name in named:
            return status
    raise Broken("list", "status")


def year_of(fields: Fields) -> str | None:
    """The year of the discovery."""
    text = _plain(fields.get("discoveryyear", ("", {}))[0])
    if text and not (_YEAR.fullmatch(text) and 1600 <= int(text) <= 2100):
        raise Broken("discoveryyear", "year")
    return text or None


def day_of(fields: Fields) -> str | None:
    """The day of the last update, YYYY-MM-DD."""
    text = _plain(fields.get("lastupdate", ("", {}))[0])
    if not text:
        return None
    found = _DAY.fullmatch(text)
    try:
        day = dt.date(2000 + int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        day = None
    if day is None or day.year > LAST_YEAR:
        raise Broken("lastupdate", "date")
    return day.isoformat()
