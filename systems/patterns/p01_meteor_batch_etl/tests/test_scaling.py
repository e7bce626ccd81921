"""`orrery bench meteor`: larger inputs are what they say, every size is really loaded, and nothing of the user's is used."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orrery import benchmark, catalogue
from orrery.errors import BadInput, IntegrityBroken
from orrery.testing import Result

METEOR = catalogue.find("p01_meteor")
SAMPLE = METEOR.inputs["launches"].sample


def records(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("rows", [1, 5667, 12_000])
def test_a_larger_file_has_so_many_rows_and_no_key_twice(tmp_path: Path, rows: int) -> None:
    catalogue.function(METEOR, "scaling:repeated")(SAMPLE, tmp_path / "made.csv", rows)
    original, made = records(SAMPLE), records(tmp_path / "made.csv")
    assert made[0] == original[0]
    assert len(made) == rows + 1
    assert len({row[0] for row in made[1:]}) == rows
    assert all(row[1:] == original[1 + at % 5667][1:] for at, row in enumerate(made[1:]))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary folders are made; nothing is left there, and no process works there, when the test is over."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
    working = [each.info["cwd"] or "" for each in psutil.process_iter(["cwd"])]
    assert [cwd for cwd in working if cwd.startswith(str(folder))] == []


def test_bench_measures_each_size_and_leaves_the_users_state_alone(
    orrery_run: Callable[[list[str]], Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, temporary: Path
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("ORRERY_HOME", str(home))
    seen, command = [], benchmark._orrery

    def watched(place: Path, *arguments: str) -> str:
        ledger = place / "ledger.sqlite"
        before, told = ledger.exists(), command(place, *arguments)
        seen.append((arguments[0], place, before, ledger.exists()))
        return told

    monkeypatch.setattr(benchmark, "_orrery", watched)
    words = ["bench", "meteor", "--scale", "2,1", "--base", "3000", "--runs", "1", "--set", "engine=duckdb"]
    ran = orrery_run([*words, "--json"])
    assert ran.exit_code == 0, ran.stderr
    sizes = ran.json["sizes"]
    assert [(each["scale"], each["rows"], len(each["seconds"])) for each in sizes] == [(1, 3000, 1), (2, 6000, 1)]
    for each in sizes:
        assert each["rows_per_second"] == pytest.approx(each["rows"] / each["seconds"][0], rel=0.01)
        assert each["peak_mb"] > 50
    runs = [each for each in seen if each[0] == "run"]
    assert len({place for _, place, _, _ in runs}) == 2
    assert [(before, after) for _, _, before, after in runs] == [(False, True)] * 2  # each in a folder that is new
    assert ran.json["host"]["engines"]["postgres"].startswith("18.")
    assert ran.json["settings"] == {"engine": "duckdb"}
    kept = sorted(path.relative_to(home).as_posix() for path in home.rglob("*"))
    assert kept == ["bench", "bench/curve-meteor-duckdb.json", "bench/curve-meteor-duckdb.svg"]
    assert json.loads((home / "bench" / "curve-meteor-duckdb.json").read_text(encoding="utf-8")) == ran.json


def test_of_several_runs_the_median_time_and_the_largest_memory_count() -> None:
    size = benchmark._size(4, 1000, [(9.0, 50.0), (1.0, 70.4), (2.0, 60.0)])
    assert (size["seconds"], size["median"], size["peak_mb"], size["rows_per_second"]) == (
        [1.0, 2.0, 9.0],
        2.0,
        70,
        500,
    )


@pytest.mark.usefixtures("temporary")
def test_a_size_that_is_not_loaded_whole_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(sample: Path, to: Path, rows: int) -> None:
        header, first, *_ = sample.read_bytes().splitlines(keepends=True)
        to.write_bytes(header + first * rows)

    repeated = catalogue.function(METEOR, "scaling:repeated")
    monkeypatch.setattr(sys.modules[repeated.__module__], "repeated", twice)
    with pytest.raises(IntegrityBroken, match="was to load 7 rows"):
        benchmark.curve(METEOR, [1], base=7, runs=1, settings={}, told=lambda _: None)


@pytest.mark.parametrize(
    "words", [["--scale", "1,1"], ["--scale", "0"], ["--scale", "1,x"], ["--set", "engine=none"], ["--base", "0"]]
)
def test_what_cannot_be_measured_is_refused_at_once(
    orrery_run: Callable[[list[str]], Result], words: list[str]
) -> None:
    assert orrery_run(["bench", "meteor", *words]).exit_code == 2


def test_a_system_that_cannot_grow_its_sample_says_what_to_write() -> None:
    given = dataclasses.replace(METEOR.inputs["launches"], scaled=None)
    system = dataclasses.replace(METEOR, inputs={"launches": given})
    with pytest.raises(BadInput, match="cannot be measured") as caught:
        benchmark.curve(system, [1], base=1, runs=1, settings={}, told=lambda _: None)
    assert 'scaled = "module:function"' in str(caught.value)
