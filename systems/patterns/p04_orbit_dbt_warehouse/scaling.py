"""An answer of JPL's at any size, no designation twice and no row refused: what `orrery bench orbit` loads."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

ASTEROIDS = "asteroids.json.gz"
NEAR_EVERY = 1_000  # rows: the first of so many comes near the Earth
AT_A_TIME = 1_000  # rows of a write
_FAR = 1.4  # au: a row of the sample with a smaller perihelion, varied, might come near the Earth
# square roots of primes: no two columns move in step, and no value comes back
_STEPS = {
    "e": 2**0.5,
    "a": 3**0.5,
    "i": 5**0.5,
    "om": 7**0.5,
    "w": 11**0.5,
    "ma": 13**0.5,
    "H": 17**0.5,
    "moid": 19**0.5,
}


def repeated(sample: Path, to: Path, rows: int) -> None:
    """Write an answer of so many bodies: the sample's asteroids over and over, numbered on, their elements varied."""
    numbered(sample, to, 1, rows)


def numbered(sample: Path, to: Path, first: int, rows: int) -> None:
    """Write an answer of so many bodies, whose numbers go on from `first`: a number stands for the same body always."""
    answer = json.loads(gzip.decompress((sample / ASTEROIDS).read_bytes()))
    fields: list[str] = answer["fields"]
    patterns = [body for body in (dict(zip(fields, row, strict=True)) for row in answer["data"]) if _is_far(body)]
    epoch = Counter(body["epoch_mjd"] for body in patterns).most_common(1)[0][0]
    made = (
        json.dumps([body[each] for each in fields], separators=(",", ":"))
        for body in _bodies(patterns, epoch, first, rows)
    )
    head = {"signature": answer["signature"], "fields": fields}
    with to.open("w", encoding="utf-8") as out:
        out.write(json.dumps(head, separators=(",", ":")).removesuffix("}") + ',"data":[')
        before = ""
        while part := list(islice(made, AT_A_TIME)):
            out.write(before + ",".join(part))
            before = ","
        out.write(f'],"count":{rows}}}\n')


def _is_far(body: Mapping[str, Any]) -> bool:
    """Whether a row of the sample has all that is varied, on an ellipse that stays away from the Earth."""
    return all(body[each] is not None for each in _STEPS) and float(body["e"]) < 1 and float(body["q"]) > _FAR


def _bodies(patterns: list[dict[str, Any]], epoch: str, first: int, rows: int) -> Iterator[dict[str, Any]]:
    for number in range(first, first + rows):
        pattern = patterns[(number - 1) % len(patterns)]
        shares = {name: number * step % 1.0 for name, step in _STEPS.items()}
        if number % NEAR_EVERY == 1:
            varied = {**dict.fromkeys(pattern), **_near(shares), "orbit_id": pattern["orbit_id"], "epoch_mjd": epoch}
        else:
            varied = pattern | _far(pattern, shares)
        name = str(pattern["full_name"])[6:].strip()  # behind the column of the number
        yield varied | _turned(pattern, shares) | {"full_name": f"{number:>6} {name}"}


def _far(pattern: Mapping[str, Any], shares: Mapping[str, float]) -> dict[str, str]:
    """Size, shape and brightness almost as the pattern's; its class, flag and measured diameter stay."""
    e = float(pattern["e"]) * (1 - 0.05 * shares["e"])
    a = float(pattern["a"]) * (0.99 + 0.02 * shares["a"])
    return {
        **_ellipse(e, a),
        "H": f"{float(pattern['H']) + shares['H'] - 0.5:.2f}",
        "moid": f"{float(pattern['moid']) * (0.99 + 0.02 * shares['moid']):.6g}",
    }


def _near(shares: Mapping[str, float]) -> dict[str, str]:
    """An orbit that comes near the Earth's; about a quarter of them near and bright enough to be watched."""
    e, q = 0.1 + 0.6 * shares["e"], 0.55 + 0.74 * shares["a"]
    a = q / (1 - e)
    inner, outer = "IEO" if a * (1 + e) < 0.983 else "ATE", "APO" if q < 1.017 else "AMO"
    about = {"neo": "Y", "class": inner if a < 1 else outer, "H": f"{14 + 12 * shares['H']:.2f}"}
    return {**_ellipse(e, a), **about, "moid": _number(0.0005 + 0.45 * shares["moid"] ** 2)[:8]}


def _ellipse(e: float, a: float) -> dict[str, str]:
    """Eccentricity, half the long axis (au), perihelion (au) and period (years), which belong together."""
    return {"e": _number(e), "a": _number(a), "q": _number(a * (1 - e)), "per_y": _number(a**1.5)}


def _turned(pattern: Mapping[str, Any], shares: Mapping[str, float]) -> dict[str, str]:
    """The angles, in degrees: anywhere along the ecliptic, tilted almost as the pattern."""
    tilt = float(pattern["i"]) * (0.98 + 0.02 * shares["i"])
    return {"i": _number(tilt), **{name: _number(360 * shares[name]) for name in ("om", "w", "ma")}}


def _number(value: float) -> str:
    """As JPL writes it: sixteen digits, and no zero before the point."""
    return f"{value:.16f}".lstrip("0") if value < 1 else f"{value:.16g}"
