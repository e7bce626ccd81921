"""What Meteor claims as every system does (orrery.claims), against an oracle that shares no code with it."""

from __future__ import annotations

import gzip

import pytest
import zstandard
from meteor_scenario import SAMPLE, file_of, laid_out

from orrery import beginnings, claims, delimited, files, records
from orrery.claims import Trial
from orrery.records import BLOCK

by_both_engines = pytest.mark.parametrize("engine", ["pandas", "duckdb"])


@pytest.mark.parametrize(
    ("engine", "block"), [("pandas", BLOCK), ("duckdb", BLOCK), ("duckdb", 2000)], ids=["pandas", "duckdb", "edges"]
)
def test_rows_are_conserved(trial: Trial, engine: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also across the edges of blocks: of 8 MB by themselves, here of a few records."""
    monkeypatch.setattr(records, "BLOCK", block)
    monkeypatch.setattr(delimited, "BLOCK", block)
    monkeypatch.setattr(beginnings, "RECORD_LIMIT", block)  # of the header
    monkeypatch.setattr(files, "PIECE", block // 3)
    claims.rows_are_conserved(trial, "--set", f"engine={engine}")


@by_both_engines
def test_table_equals_the_oracle(trial: Trial, engine: str) -> None:
    files = [("launch_log.csv", SAMPLE), ("layout.csv", laid_out(seed=4))]
    claims.table_equals_the_oracle(trial, files, "--set", f"engine={engine}")


def test_rerun_changes_nothing(trial: Trial) -> None:
    claims.rerun_changes_nothing(trial)


def test_two_runs_never_interleave(trial: Trial) -> None:
    claims.two_runs_never_interleave(trial)


def test_killed_load_ends_as_undisturbed(trial: Trial) -> None:
    claims.killed_load_ends_as_undisturbed(trial)


def test_own_files_are_loaded_or_named(trial: Trial) -> None:
    rows = SAMPLE.splitlines()[1:]
    one, two, four = (file_of(*rows[at : at + 100]) for at in (0, 100, 200))
    claims.own_files_are_loaded_or_named(
        trial,
        files={
            "one.csv.gz": gzip.compress(one),
            "two.csv.zst": zstandard.compress(two.rstrip().replace(b"\n", b"\r\n")),
            ".three.csv.part": b"unfinished",
            "four.txt": b"\xef\xbb\xbf" + four,
        },
        plain=[("four.txt", four), ("one.csv.gz", one), ("two.csv.zst", two)],
        foreign=b'mission,price\nApollo 11,"1,234.5 "\n',
    )
    told = trial.call(["run", "meteor", "--data", f"launches={trial.folder / 'inbox' / 'other.csv'}"]).stderr
    assert "no header" in told
    assert "Launch_Date" in told


def test_steps_show_what_they_cost(trial: Trial) -> None:
    claims.steps_show_what_they_cost(trial, size=695_578, rows=5667)


def test_runs_as_an_ordinary_user() -> None:
    claims.runs_as_an_ordinary_user("meteor")
