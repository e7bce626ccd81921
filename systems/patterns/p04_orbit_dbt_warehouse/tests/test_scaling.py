"""`orrery bench orbit`: larger answers are what they say, every row is kept, and no server is started."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from orrery import benchmark, catalogue

ORBIT = catalogue.find("p04_orbit")
SAMPLE = ORBIT.inputs["answers"].sample


@pytest.mark.parametrize("rows", [1, 999, 12_000])
def test_a_larger_answer_has_so_many_bodies_and_none_twice(tmp_path: Path, rows: int) -> None:
    catalogue.function(ORBIT, "scaling:repeated")(SAMPLE, tmp_path / "made", rows)
    made = json.loads((tmp_path / "made").read_text(encoding="utf-8"))
    bodies = [dict(zip(made["fields"], row, strict=True)) for row in made["data"]]
    assert made["count"] == len(bodies) == rows
    assert len({body["full_name"].split()[0] for body in bodies}) == rows
    assert len({body["a"] for body in bodies}) == rows
    near = [body for body in bodies if float(body["q"]) < 1.3]
    assert len(near) == -(-rows // 1_000)
    assert {body["epoch_mjd"] for body in near} == {"59800"}


def test_an_answer_that_goes_on_repeats_no_body(tmp_path: Path) -> None:
    numbered = catalogue.function(ORBIT, "scaling:numbered")
    for name, first, rows in (("all", 1, 30), ("begin", 1, 20), ("end", 21, 10)):
        numbered(SAMPLE, tmp_path / name, first, rows)
    every, begin, end = (json.loads((tmp_path / name).read_text())["data"] for name in ("all", "begin", "end"))
    assert every == begin + end


def test_every_body_is_kept_and_no_server_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    called, command = [], benchmark._orrery

    def watched(home: Path, *words: str) -> str:
        called.append(words[0])
        return command(home, *words)

    monkeypatch.setattr(benchmark, "_orrery", watched)
    found = benchmark.curve(ORBIT, [1], base=2_001, runs=1, settings={}, told=lambda _: None)
    assert called == ["run"]
    assert [size["rows"] for size in found["sizes"]] == [2_001]
    assert set(found["host"]["engines"]) == {"duckdb"}
    assert list((tmp_path / "temporary").iterdir()) == []
