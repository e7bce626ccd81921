"""What stands for Orbit in the claims that all systems share: its files, and its oracle's word on them."""

from __future__ import annotations

import csv
from collections import Counter
from functools import lru_cache
from pathlib import Path

import orbit_deliveries as deliveries
import orbit_oracle as oracle
from orbit_classes import ORBIT_CLASSES
from orbit_rows import delivered, landed

from orrery.claims import Files, Scenario, Told

FOLDER = Path(__file__).parent.parent
SEED = (FOLDER / "dbt_project" / "seeds" / "orbit_classes.csv").read_text(encoding="utf-8")
# code, name and kind are the oracle's own; the wording of a definition is the seed's
WORDING = {row["class_code"]: row["definition"] for row in csv.DictReader(SEED.splitlines())}
CLASSES = [each._replace(definition=WORDING.get(each.code, "")) for each in ORBIT_CLASSES]


@lru_cache(maxsize=8)
def tables(files: tuple[tuple[str, bytes], ...]) -> dict[str, list[oracle.Row]]:
    """Every mart after a full build."""
    return oracle.tables(files, classes=CLASSES)


def told(files: Files) -> Told:
    """The oracle's word on files that come one after the other."""
    made = tables(tuple(files))
    refused = {
        (row["file_name"], row["line"], row["byte_offset"], row["rule"], row["record_text"])
        for row in made["answers_rejected"]
    }
    read = {file.file_name: sum(1 for _ in landed(file)) for file in delivered(files)}
    lost = Counter(row["file_name"] for row in made["answers_rejected"])
    kept = {name: rows - lost[name] for name, rows in read.items()}
    # which number a file has depends on what came before it; where the marts are compared, that is looked at, too
    rows = [{name: value for name, value in row.items() if name != "file_id"} for row in made["dim_small_body"]]
    return Told(rows, refused, read, kept, digits=9)


ORBIT = Scenario(system="orbit", input="answers", delivery=deliveries.dirty, large=deliveries.large, oracle=told)
