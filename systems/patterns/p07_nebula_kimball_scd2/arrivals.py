"""What a day's file of changes looks like, made from the sample, for `orrery simulate`.

The sample's changes are of 1995 to 2005; its days are played again, as often as it takes, at most forty rows a day.
"""

from __future__ import annotations

import csv
import gzip
import io
from datetime import date
from functools import lru_cache

MOST = 40  # rows a day
CHANGE_NO, CITY = 2, 8  # columns


def of_day(sample: bytes, day: date, version: int) -> bytes:
    """The file of a day, as CSV.

    Args:
        sample: customers, gzip.
        version: 0 says a wrong city of its last customer; 1 says so too, and corrects it by a later change_no.
    """
    header, days = by_day(sample)
    *rows, last = days[day.toordinal() % len(days)]
    wrong = [*last[:CITY], "Nowhere", *last[CITY + 1 :]]
    correction = [*last[:CHANGE_NO], str(int(last[CHANGE_NO]) + 1000), *last[CHANGE_NO + 1 :]]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows, wrong, *[correction] * version])
    return text.getvalue().encode()


@lru_cache(maxsize=1)
def by_day(sample: bytes) -> tuple[list[str], list[list[list[str]]]]:
    """The header, and the good upserts of each day on which the sample has some."""
    header, *rows = csv.reader(io.StringIO(gzip.decompress(sample).decode(), newline=""))
    found: dict[str, list[list[str]]] = {}
    for row in rows:
        if row[0] and row[CHANGE_NO].isdecimal() and row[3] == "upsert" and row[4] and row[1][:2] in ("19", "20"):
            found.setdefault(row[1][:10], []).append(row)
    return header, [found[day][:MOST] for day in sorted(found) if len(found[day]) > 2]
