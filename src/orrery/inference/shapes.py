"""What a column's values may be: candidates of type and form, from a sample; the whole column decides between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from orrery.forms import Form, look

MARKS = ("-", "--", "?", "..", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "\\n", "unknown", "tbd")
BOOLEANS = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("ja", "nein"), ("oui", "non"), ("si", "no"))
MONEY = ("$", "€", "£", "¥", "₹", "US$", "USD", "EUR", "GBP", "JPY", "CHF", "CNY", "INR", "RUB")
UNITS = ("%", "km", "m", "cm", "mm", "kg", "g", "t", "lb", "ft", "mi", "s", "h", "min", "ms", "K", "M", "B", "°C", "°F")
DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y",
    "%b %d %Y", "%a %b %d, %Y", "%a, %d %b %Y", "%A, %B %d, %Y", "%Y %b %d", "%Y-%b-%d", "%Y%m%d",
)  # fmt: skip
TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%H%M", "%H%M:%S")
ZONES = ("", " UTC", "UTC", "Z", "%z", " %z", " GMT")


@dataclass(frozen=True)
class Shape:
    """A candidate: a type, and the form in which it is written (without its source).

    Attributes:
        said: the form as `csvForm` writes it.
    """

    kind: str
    said: tuple[tuple[str, Any], ...] = ()

    def form(self, source: str) -> Form:
        """The form of a column of a file."""
        said: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in self.said}
        return Form(sources=(source,), **said)

    def __str__(self) -> str:
        return ", ".join([self.kind, *(f"{key}: {value!r}" for key, value in self.said)])

    def as_csv_form(self) -> dict[str, Any]:
        """The form as a contract writes it."""
        return dict(self.said)


def candidates(values: Sequence[str]) -> Iterator[Shape]:
    """Types that a sample of distinct values (none missing) reads as, the narrowest first."""
    if not values:
        return
    words = {value.lower() for value in values}
    for number, (yes, no) in enumerate(BOOLEANS):
        if words == {yes, no}:
            yield Shape("boolean", () if number < 4 else (("is_true", [yes]), ("is_false", [no])))
    yield from _numbers(values)
    yield from moments(values)


def _numbers(values: Sequence[str]) -> Iterator[Shape]:
    strip = _strip(values)
    said: tuple[tuple[str, Any], ...] = (("strip", strip),) if strip else ()
    bare = [re.sub("|".join(map(re.escape, strip)), "", value).strip() for value in values] if strip else values
    for thousands, decimal in ((None, "."), (",", "."), (None, ","), (".", ","), (" ", "."), (" ", ","), ("'", ".")):
        group = f"(?:[0-9]+|[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+)" if thousands else "[0-9]+"
        point = re.escape(decimal)
        number = re.compile(rf"[+-]?(?:{group}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?")
        read = [value for value in bare if number.fullmatch(value)]
        if len(read) * 50 < len(values) * 49:
            continue
        form = (
            *said,
            *((("thousands", thousands),) if thousands else ()),
            *((("decimal", ","),) if decimal == "," else ()),
        )
        yield from (Shape(kind, form) for kind in _kinds(read, thousands or "", decimal))


def _kinds(values: Sequence[str], thousands: str, decimal: str) -> Iterator[str]:
    """The types that hold such numbers exactly: integer, bigint, a numeric of their digits, else double precision."""
    if any("e" in value.lower() for value in values):
        if any(decimal in value or "-" in value[1:] or "+" in value[1:] for value in values):  # 12e5 alone is a code
            yield "double precision"
        return
    plain = [value.replace(thousands, "").lstrip("+-") if thousands else value.lstrip("+-") for value in values]
    whole = max(len(value.partition(decimal)[0].lstrip("0")) for value in plain)
    scale = max(len(value.partition(decimal)[2].rstrip("0")) for value in plain)
    if all(not value.partition(decimal)[1] for value in plain) or (scale == 0 and whole <= 18):
        yield from ("integer", "bigint")
    if scale <= 30 and whole + scale <= 38 and (scale <= 6 or whole + scale > 15):
        yield f"numeric({min(max(whole + 4, 10) + scale, 38)},{scale})"  # with room for larger ones to come
    if whole <= 15:
        yield "double precision"


def _strip(values: Sequence[str]) -> list[str]:
    """Currency signs and units that most values have, in one place each; anything else (a code's letter) is no unit."""
    number = re.compile(
        r"(?P<before>[^0-9+\-.,\s()]{0,4})\s?[+-]?[0-9.,' ]*[0-9][0-9.,']*\s?(?P<behind>[^0-9+\-.,\s()]{0,4})"
    )
    found = [number.fullmatch(value) for value in values]
    before = {each["before"] for each in found if each and each["before"]}
    behind = {each["behind"] for each in found if each and each["behind"]}
    often = sum(1 for each in found if each and (each["before"] or each["behind"]))
    if 2 * often < len(values) or not before <= set(MONEY) or not behind <= {*MONEY, *UNITS}:
        return []
    if len(before) > 1 or len(behind - set(MONEY)) > 1:  # two currencies, or two units, are not one column's
        return []
    return sorted(before | behind)


# --- dates ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def formats() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Every strptime format that is tried, with the look of what it reads."""
    timed = (f"{d}{s}{t}{z}" for d, s, t, z in product(DATES, (" ", "T"), TIMES, ZONES))
    return tuple((each, _look(each)) for each in (*DATES, *timed))


def _look(how: str) -> re.Pattern[str]:
    return re.compile(look(how) or "(?!)")


def moments(values: Sequence[str]) -> Iterator[Shape]:
    """One to four formats that together read nearly all values."""
    if not all(any(letter.isdigit() for letter in value) and 6 <= len(value) <= 40 for value in values[:20]):
        return
    left, chosen = list(values), list[str]()
    looks = [(how, look) for how, look in formats() if any(look.fullmatch(value) for value in values)]
    while looks and left and len(chosen) < 4:
        counts = ((sum(1 for value in left if look.fullmatch(value)), how, look) for how, look in looks)
        often, how, look = max(counts, key=lambda each: (each[0], -len(each[1])))
        if not often:
            break
        chosen.append(how)
        left = [value for value in left if not look.fullmatch(value)]
    if not chosen or len(left) * 50 > len(values):
        return
    has_time = any(re.search("%[HI]", how) for how in chosen)
    has_zone = any(how.endswith(("UTC", "Z", "GMT", "%z")) for how in chosen if re.search("%[HI]", how))
    kind = "timestamptz" if has_zone else "timestamp" if has_time else "date"
    for turned in _orders(chosen):
        yield Shape(kind, (("formats", turned),))


def _orders(chosen: list[str]) -> Iterator[list[str]]:
    """The formats, and the same with day and month changed about."""
    yield chosen
    other = [swapped(how) for how in chosen]
    if other != chosen:
        yield other


def swapped(how: str) -> str:
    """A format with day and month as numbers the other way round."""
    if "%m" not in how or how.startswith("%Y"):
        return how
    return how.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")
