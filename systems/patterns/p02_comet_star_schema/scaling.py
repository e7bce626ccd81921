"""The catalogue at any size, no name twice and no row refused: what `orrery bench comet` and bench/comet.py load."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

SYSTEM = re.compile(rb"\t*<system>.*?</system>\n?", re.DOTALL)
ROW = re.compile(rb"<(?:system|star|binary|planet)>")
PLANET = re.compile(rb"<planet>")
# systems of the sample in which a row is refused: a number that is none, an error bar below 0, a name twice
REFUSED = {b"HD 38529", b"DP Leo", b"Kepler-412", b"CoRoT-27"}
NAME = re.compile(rb"<system>\s*<name>(.*?)</name>")
# what fills the last places, where no system of the sample is small enough: one row, one planet
BARE = b"\t<system><name>Bare</name></system>\n"
ALONE = b"\t<system><name>Alone</name><planet><name>Alone b</name><list>Confirmed planets</list></planet></system>\n"


def repeated(sample: Path, to: Path, rows: int) -> None:
    """Write a catalogue of so many row elements: the sample as often as it takes, each time with other names."""
    _write(to, _systems(sample, rows, ROW, BARE))


def with_planets(sample: Path, to: Path, planets: int) -> None:
    """Write a catalogue of so many planets, in the same way."""
    _write(to, _systems(sample, planets, PLANET, ALONE))


def corrected(sample: Path, to: Path, planets: int, of: int, edition: int) -> None:
    """Write so many planets (or a few more) of the catalogue that has `of` of them, from all over it, corrected.

    Args:
        edition: from 1 to 28; each says something else of every planet. Of several elements the first counts.
    """
    said = b"<planet><mass>1.%02d</mass><lastupdate>26/01/%02d</lastupdate>" % (edition, edition)
    _write(to, (PLANET.sub(said, each) for each in _spread(_systems(sample, of, PLANET, ALONE), planets, of)))


def _systems(sample: Path, wanted: int, counted: re.Pattern[bytes], filling: bytes) -> Iterator[bytes]:
    """Systems with so many elements of the counted kind, each name with the number of its turn."""
    fragments = [each for each in SYSTEM.findall(gzip.decompress(sample.read_bytes())) if _name(each) not in REFUSED]
    of_sample = [(each, len(counted.findall(each))) for each in fragments]
    left, whole = wanted, sum(number for _, number in of_sample)
    for turn in range(wanted // whole + 1):  # the last turn is not whole: what is too large for it is passed over
        ending = b" #%d</name>" % turn
        for fragment, number in of_sample:
            if 0 < number <= left:
                left -= number
                yield fragment.replace(b"</name>", ending)
    for turn in range(left):
        yield filling.replace(b"</name>", b" #%d</name>" % turn)


def _name(system: bytes) -> bytes:
    found = NAME.search(system)
    return found[1] if found else b""


def _spread(systems: Iterable[bytes], planets: int, of: int) -> Iterator[bytes]:
    """Systems at equal distances, with so many planets together."""
    seen = taken = 0
    for each in systems:
        number = len(PLANET.findall(each))
        seen += number
        if taken * of < planets * seen and taken < planets:
            taken += number
            yield each


def _write(to: Path, systems: Iterable[bytes]) -> None:
    with to.open("wb") as out:
        out.write(b"<systems>\n")
        out.writelines(systems)
        out.write(b"</systems>\n")
