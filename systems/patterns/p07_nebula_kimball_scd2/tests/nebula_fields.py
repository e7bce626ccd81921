"""Fields: each reader makes a value of a text that is not empty, or raises the rule that it breaks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache


class Breach(ValueError):
    """A field breaks the rule that is the message."""


_INTEGER = re.compile(r"([+-]?)0*([0-9]+)")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_COMPACT_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_TIME_OF_DAY = re.compile(
    r"[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?(?:Z|([+-])([0-9]{2})(?::?([0-9]{2}))?)"
)
_PROMOTION = re.compile(r"[A-Z0-9_-]{1,20}")
_CENT, _AMOUNTS_END = Decimal("0.01"), Decimal(10) ** 12
_MOST_OFFSET_HOURS = 15  # what PostgreSQL takes
_YEARS = range(1900, 2200)
_KEY_BYTES = 800
_UNSEEN = {*range(0x20), *range(0x7F, 0xA0), 0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F)}
_UNSEEN |= {*range(0x2060, 0x2065), 0xFEFF}


def integer(least: int, most: int) -> Callable[[str], int]:
    """Reads whole numbers within these bounds."""

    def read(text: str) -> int:
        match = _INTEGER.fullmatch(text)
        if match is None:
            raise Breach("not_a_number")
        # The length comes first: int() itself refuses texts of thousands of digits.
        if len(match[2]) > 19 or not least <= int(match[1] + match[2]) <= most:
            raise Breach("out_of_range")
        return int(match[1] + match[2])

    return read


def amount(text: str) -> Decimal:
    """A numeric(14,2) from 0; what has more decimals is refused and not rounded."""
    if not _DECIMAL.fullmatch(text):
        raise Breach("not_a_number")
    value = Decimal(text)
    if not 0 <= value < _AMOUNTS_END or value != value.quantize(_CENT):
        raise Breach("out_of_range")
    return abs(value.quantize(_CENT))


def _date(match: re.Match[str] | None) -> date:
    if match is None:
        raise Breach("not_a_time")
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        raise Breach("not_a_time") from None


def key(text: str) -> str:
    """A key of the source, whose characters can all be seen."""
    if any(ord(sign) in _UNSEEN for sign in text):
        raise Breach("invisible_characters")
    if len(text.encode()) > _KEY_BYTES:
        raise Breach("key_too_long")
    return text


def _in_range(year: int) -> None:
    if year not in _YEARS:
        raise Breach("out_of_range")


def day(text: str) -> date:
    """YYYY-MM-DD, of the years that are taken."""
    on = _date(_DAY.fullmatch(text))
    _in_range(on.year)
    return on


@lru_cache(maxsize=100_000)
def instant(text: str) -> datetime:
    """YYYY-MM-DD alone, or with T or a blank, HH:MM[:SS[.ffffff]] and Z, ±HH, ±HHMM or ±HH:MM."""
    on = _date(_DAY.fullmatch(text[:10]))
    if len(text) == 10:
        _in_range(on.year)
        return datetime(on.year, on.month, on.day, tzinfo=UTC)
    match = _TIME_OF_DAY.fullmatch(text, 10)
    if match is None or int(match[6] or 0) > _MOST_OFFSET_HOURS or int(match[7] or 0) > 59:
        raise Breach("not_a_time")
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    offset = timedelta(hours=int(match[6] or 0), minutes=int(match[7] or 0))
    zone = timezone(-offset if match[5] == "-" else offset)
    microsecond = int((match[4] or "").ljust(6, "0"))
    try:
        told = datetime(on.year, on.month, on.day, hour, minute, second, microsecond, zone)
    except ValueError:
        raise Breach("not_a_time") from None
    try:
        found = told.astimezone(UTC)
    except OverflowError:
        raise Breach("out_of_range") from None
    _in_range(found.year)
    return found


@lru_cache(maxsize=100_000)
def compact_day(text: str) -> datetime:
    """CDNOW's YYYYMMDD as its first instant."""
    on = _date(_COMPACT_DAY.fullmatch(text))
    _in_range(on.year)
    return datetime(on.year, on.month, on.day, tzinfo=UTC)


def one_of(rule: str, *words: str) -> Callable[[str], str]:
    """Reads one of these words, as they are spelled here."""

    def read(text: str) -> str:
        if text not in words:
            raise Breach(rule)
        return text

    return read


def promotions(text: str) -> tuple[str, ...]:
    """The set of codes, in text order."""
    codes = text.split("|")
    if not all(map(_PROMOTION.fullmatch, codes)):
        raise Breach("promotion_form")
    return tuple(sorted(set(codes)))
