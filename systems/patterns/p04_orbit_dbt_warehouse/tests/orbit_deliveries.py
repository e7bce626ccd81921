"""Answers to deliver: real rows with every kind of mistake among them, many rows, and approaches."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parent.parent / "data" / "answers"
SIGNATURE = {"source": "NASA/JPL SBDB (Small-Body DataBase) Query API", "version": "1.0"}
CAD = {"source": "NASA/JPL SBDB Close Approach Data API", "version": "1.5"}
CAD_FIELDS = ("des", "orbit_id", "jd", "cd", "dist", "dist_min", "dist_max", "v_rel", "v_inf", "t_sigma_f", "h")
Body = dict[str, Any]


def sample(name: str) -> bytes:
    """An answer of the sample, unpacked."""
    return gzip.decompress((SAMPLE / f"{name}.json.gz").read_bytes())


def bodies(name: str = "asteroids") -> list[Body]:
    """Its rows, by field."""
    given = json.loads(sample(name))
    return [dict(zip(given["fields"], row, strict=True)) for row in given["data"]]


ASTEROIDS, COMETS = bodies("asteroids"), bodies("comets")
FIELDS = tuple(ASTEROIDS[0])

# a near-Earth asteroid that could be: bright, and close to the Earth's orbit
EROS = next(body for body in ASTEROIDS if "Eros" in body["full_name"])

# one that crosses the orbit of Mars from within the main belt, of which the sample has none
CROSSER = {
    **EROS, "full_name": "999001 (2019 MC1)", "class": "MCA", "neo": "N", "a": "1.9", "e": ".2", "q": "1.52",
    "per_y": "2.62",
}  # fmt: skip


def row(body: Mapping[str, Any], fields: Sequence[str] = FIELDS) -> str:
    """A row as JPL writes it."""
    return json.dumps([body.get(name) for name in fields], separators=(",", ":"))


def answer(
    rows: Sequence[str], fields: Sequence[str] = FIELDS, signature: Mapping[str, str] = SIGNATURE, between: str = ",\n"
) -> bytes:
    """An answer out of rows of text, each on a line of its own."""
    head = json.dumps({"signature": signature, "fields": fields}, separators=(",", ":"))[:-1]
    return f'{head},"data":[{between.join(rows)}],"count":{len(rows)}}}'.encode()


def of(*given: Mapping[str, Any]) -> bytes:
    """An answer with these bodies."""
    return answer([row(body) for body in given])


def approach(des: str, jd: str, dist: str, **more: str | None) -> dict[str, Any]:
    """A row of the close-approach service."""
    usual = {"orbit_id": "12", "cd": "2022-Aug-09 12:00", "dist_min": dist, "dist_max": dist, "v_rel": "12.5"}
    return {"des": des, "jd": jd, "dist": dist, **usual, "v_inf": "12.4", "t_sigma_f": "< 00:01", "h": "20.1", **more}


def approaches(*given: Mapping[str, Any]) -> bytes:
    """An answer of the close-approach service; its count is a text, as there."""
    content = answer([row(each, CAD_FIELDS) for each in given], CAD_FIELDS, CAD)
    return content.replace(f'"count":{len(given)}'.encode(), f'"count":"{len(given)}"'.encode())


# --- mistakes: each with the rule that it breaks ------------------------------------------------------------------

MISTAKES: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("no_designation", {"full_name": "   "}),
    ("designation_form", {"full_name": "Ceres"}),
    ("not_a_number", {"e": "0,0786"}),
    ("not_a_number", {"a": "2.76 au"}),
    ("not_a_number", {"H": "nan"}),
    ("not_a_number", {"moid": "1_000"}),
    ("not_a_number", {"diameter": "0x10"}),
    ("not_a_number", {"ma": True}),
    ("not_a_number", {"w": [1, 2]}),
    ("not_a_number", {"q": float("nan")}),
    ("missing", {"class": None}),
    ("missing", {"i": ""}),
    ("out_of_range", {"i": "180.5"}),
    ("out_of_range", {"e": "-0.1"}),
    ("out_of_range", {"albedo": "0"}),
    ("extent_form", {"extent": "964 by 964"}),
    ("elements_disagree", {"q": "9.5"}),
    ("out_of_range", {"e": "1.6", "a": "2.2", "q": "1.32"}),
    ("unknown_class", {"class": "mba"}),
    ("unknown_flag", {"neo": "yes"}),
    # of two rules the first
    ("not_a_number", {"moid": "?", "i": ""}),
    ("missing", {"class": None, "i": "180.5"}),
    ("out_of_range", {"albedo": "3", "extent": "5", "neo": "yes"}),
)


def dirty(seed: int) -> bytes:
    """Some three hundred real bodies in an order of chance, corrected a little, and every mistake once."""
    chance = random.Random(seed)  # noqa: S311 (a seed, so that a failure can be seen again)
    good = [moved(body, chance) for body in chance.sample(ASTEROIDS[:3000], 300)]
    rows = [row(body) for body in good[3:]] + [row(EROS)]
    unlike = chance.sample(ASTEROIDS[3000:], len(MISTAKES) + 1)
    rows += [row({**body, **wrong}) for body, (_, wrong) in zip(unlike, MISTAKES, strict=False)]
    rows += [row(good[0]), row({**good[0], "H": "9.9"})]  # two of one designation
    rows += [row(good[1]).replace("(", "\\u0000("), row(good[2])[:-1] + ',"one too many"]', '"no row"']
    chance.shuffle(rows)
    return answer(rows, between=chance.choice((",", ",\n", " ,\r\n  ")))


def moved(body: Body, chance: random.Random) -> Body:
    """The same body a day later: another anomaly and magnitude."""
    return {**body, "ma": f"{chance.uniform(0, 360):.9f}", "H": f"{chance.uniform(3, 20):.2f}"}


def large(mark: str, times: int = 2) -> bytes:
    """The asteroids several times, each time under other numbers; with another mark, under others again."""
    base = 1_000_000 * (1 + "abcdefgh".index(mark))
    rows = []
    for number, body in enumerate(body for _ in range(times) for body in ASTEROIDS):
        rows.append(row({**body, "full_name": f"{base + number} (made of {body['orbit_id']})"}))
    return answer(rows)
