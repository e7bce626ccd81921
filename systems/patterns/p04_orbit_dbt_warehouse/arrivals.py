"""What a day's answer looks like, made from the sample, for `orrery simulate`.

Each day has sixty asteroids, two of them near-Earth ones that come every day, the others those of a turn through all;
their elements are those of the day: the epoch is its midnight, and the mean anomaly has gone on from the sample's.
"""

from __future__ import annotations

import gzip
import json
import random
from datetime import date
from functools import lru_cache
from typing import Any

SIZE, AGAIN = 60, 3  # asteroids a day, and how many of them come on the next day, too
DAY_ZERO = date(1858, 11, 17)  # of the Modified Julian Date
MISTAKES = (("e", "0,0786"), ("class", "mba"), ("i", None))

Body = dict[str, Any]


def of_day(sample: bytes, day: date, version: int) -> bytes:
    """The answer of a day.

    Args:
        sample: the asteroids, gzip.
        version: 0 has mistakes in three rows, 1 is as it should be.
    """
    near, others = asteroids(sample)
    number = SIZE - len(near)
    first = day.toordinal() * (number - AGAIN) % (len(others) - number)
    bodies = [moved(body, day) for body in (*others[first : first + number], *near)]
    if version == 0:
        for body, (name, wrong) in zip(bodies, MISTAKES, strict=False):
            body[name] = wrong
    rows = ",\n".join(json.dumps(list(body.values()), separators=(",", ":")) for body in bodies)
    head = json.dumps({"signature": signature(sample), "fields": list(bodies[0])}, separators=(",", ":"))[:-1]
    return f'{head},"data":[\n{rows}\n],"count":{len(bodies)}}}\n'.encode()


def moved(body: Body, day: date) -> Body:
    """The body with the elements of a day, and a magnitude that somebody has measured again."""
    epoch = (day - DAY_ZERO).days
    chance = random.Random(f"{body['full_name']} {day}")  # noqa: S311 (the same day has the same answer)
    found = {**body, "epoch_mjd": str(epoch), "H": f"{float(body['H']) + chance.choice((-0.01, 0, 0.01)):.2f}"}
    if body["ma"] is not None:
        turned = (epoch - float(body["epoch_mjd"])) / (365.25 * float(body["per_y"])) * 360
        found["ma"] = f"{(float(body['ma']) + turned) % 360:.9f}"
    return found


@lru_cache(maxsize=1)
def asteroids(sample: bytes) -> tuple[list[Body], list[Body]]:
    """The near-Earth asteroids of the sample, and the others in an order of chance."""
    given = json.loads(gzip.decompress(sample))
    bodies = [dict(zip(given["fields"], row, strict=True)) for row in given["data"]]
    others = [body for body in bodies if body["neo"] != "Y"]
    random.Random(1).shuffle(others)  # noqa: S311 (the same each time)
    return [body for body in bodies if body["neo"] == "Y"], others


def signature(sample: bytes) -> dict[str, str]:
    """Which service answered, as the sample says it."""
    found: dict[str, str] = json.loads(gzip.decompress(sample))["signature"]
    return found
