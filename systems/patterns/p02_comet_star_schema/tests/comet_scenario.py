"""What stands for Comet in the claims that all systems share: its files, and its oracle's word on them."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import comet_deliveries as deliveries
import comet_oracle as oracle

from orrery.claims import Files, Scenario, Told

FOLDER = Path(__file__).parent.parent
PACKED = (FOLDER / "data" / "open_exoplanet_catalogue.xml.gz").read_bytes()
SAMPLE = gzip.decompress(PACKED)
SURVEYS = {
    row["prefix"]: row["facility"]
    for row in csv.DictReader((FOLDER / "data" / "surveys.csv").read_text(encoding="utf-8").splitlines())
}
VIEW = "p02_comet.discoveries"


def dirty(seed: int) -> bytes:
    """Real systems, corrected, and with rows among them that break every rule."""
    return deliveries.dirty(seed, SAMPLE)


def large(mark: str) -> bytes:
    """The catalogue twice, each time with other names."""
    return deliveries.large(mark, SAMPLE, times=2)


def told(files: Files) -> Told:
    """The oracle's word on files that come one after the other."""
    state = oracle.after(files, SURVEYS)
    current: dict[str, bytes] = {}
    for name, content in files:
        if content not in (current.get(name), next(reversed(current.values()), None)):
            current.pop(name, None)
            current[name] = content
    last = {name: oracle.judge(content) for name, content in current.items()}
    refused = {
        (name, each.line, each.byte_offset, each.rule, each.text)
        for name, verdict in last.items()
        for each in verdict.refused_rows
    }
    read, kept = ({name: getattr(each, what) for name, each in last.items()} for what in ("read", "kept"))
    return Told(oracle.discoveries(state, SURVEYS), refused, read, kept)


COMET = Scenario(system="comet", input="catalogue", delivery=dirty, large=large, oracle=told, table=VIEW)
