"""What a day's delivery looks like, made from the catalogue, for `orrery simulate`.

The catalogue says of each planet when it was last looked at. A day's file holds the systems of which a planet was: the
days of 2006 to 2014 are played again, as often as it takes, at most twenty systems a day.
"""

from __future__ import annotations

import gzip
import re
from datetime import date
from functools import lru_cache

SYSTEM = re.compile(rb"<system>.*?</system>", re.DOTALL)
UPDATED = re.compile(rb"<lastupdate>([0-9/]{8})</lastupdate>")
MASS = re.compile(rb"(<mass[^>]*>)([0-9.]+)(?=</mass>)")


def of_day(catalogue: bytes, day: date, version: int) -> bytes:
    """The file of a day, as XML.

    Args:
        catalogue: the sample, gzip.
        version: 0 has a mistake in it (a mass ten times too large), 1 is as in the catalogue.
    """
    days = by_day(catalogue)
    systems = days[day.toordinal() % len(days)]
    if version == 0:
        systems = [MASS.sub(rb"\g<1>1\g<2>", systems[0]), *systems[1:]]
    return b"<systems>\n" + b"\n".join(systems) + b"\n</systems>\n"


@lru_cache(maxsize=1)
def by_day(catalogue: bytes) -> list[list[bytes]]:
    """The systems of each day on which the catalogue changed; a large day is cut into several."""
    found: dict[bytes, list[bytes]] = {}
    for system in SYSTEM.findall(gzip.decompress(catalogue)):
        for day in dict.fromkeys(UPDATED.findall(system)):
            found.setdefault(day, []).append(system)
    return [found[day][at : at + 20] for day in sorted(found) for at in range(0, len(found[day]), 20)]
