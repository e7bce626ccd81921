"""The launch log at any size, no designator twice: what `orrery bench meteor` and bench/meteor.py load."""

from __future__ import annotations

from pathlib import Path


def repeated(sample: Path, to: Path, rows: int) -> None:
    """Write so many launches: the sample as often as it takes, each time with other designators."""
    header, *records = sample.read_bytes().splitlines()
    with to.open("wb") as out:
        out.write(header + b"\n")
        for number in range(rows):
            turn, at = divmod(number, len(records))
            out.write(records[at].replace(b",", b"#%d," % turn, 1) + b"\n")
