"""What a day's file of launches looks like, made from the log, for `orrery simulate`.

A delivery holds the launches of the thirty days up to its day, as dumps do; a run for the day takes that day's out of
it. The log ends in 2017, so the years repeat: a day is played by the same day 28 years earlier (the weekdays fall
alike), as often as it takes to come into the log.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

FIRST, LAST = 1958, 2016  # years that the log has whole
PERIOD = 28
SPAN = timedelta(days=30)


def of_day(log: bytes, day: date, version: int) -> bytes:
    """The file of a day, as CSV.

    Args:
        log: the launch log.
        version: 0 has a mistake in it (its last launch failed), 1 is as in the log.
    """
    header, *records = log.splitlines()
    year = day.year
    while not FIRST < year <= LAST:
        year += PERIOD if year <= FIRST else -PERIOD
    played = day.replace(year=year)
    inside = [record for record in records if played - SPAN < launched_on(record) <= played]
    shift = day.year - year
    rows = [in_another_year(record, shift) for record in inside] or [in_another_year(records[0], shift)]
    if version == 0:
        rows[-1] = rows[-1].replace(b",S,", b",F,")
    return b"\n".join([header, *rows]) + b"\n"


def launched_on(record: bytes) -> date:
    """The day of a launch, of the log's text; long ago where the log writes it in another way."""
    text = record.split(b",", 2)[1].decode()
    try:
        return datetime.strptime(" ".join(text.split()[:3]), "%Y %b %d").replace(tzinfo=UTC).date()
    except ValueError:
        return date.min


def in_another_year(record: bytes, shift: int) -> bytes:
    """A record with its year moved in the designators and in the date."""
    fields = record.split(b",")
    for place in (0, 1, 2):
        year, rest = fields[place].lstrip()[:4], fields[place].lstrip()[4:]
        if year.isdigit():
            fields[place] = b"%04d%s" % (int(year) + shift, rest)
    return b",".join(fields)
