"""Which files of a delivery are landed, when contents and names have changed places; and whether a build is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from orbit_deliveries import ASTEROIDS, EROS, of

from orrery import catalogue
from orrery.claims import Trial
from orrery.files import Delivered

last_build = catalogue.function(catalogue.find("p04_orbit"), "building:last_build")
split = catalogue.function(catalogue.find("p04_orbit"), "pipeline:split")


def delivered(name: str, sha256: str) -> Delivered:
    return Delivered(Path("inbox") / name, name, sha256, 1)


@pytest.mark.parametrize(
    ("there", "now", "landed"),
    [
        ({}, {"a": "X"}, ["a"]),
        ({"X": "a"}, {"a": "X"}, []),
        ({"X": "a"}, {"b": "X"}, []),
        ({"X": "a"}, {"a": "Y"}, ["a"]),
        ({"X": "c"}, {"b": "X", "c": "Z"}, ["b", "c"]),  # c takes the place of X, which came again as b
        ({"X": "a", "Y": "b"}, {"a": "Y", "b": "X"}, ["a", "b"]),
        ({"X": "a"}, {"b": "Y", "c": "Y"}, ["b"]),
    ],
)
def test_no_content_that_was_delivered_is_left_out_and_none_comes_twice(
    there: dict[str, str], now: dict[str, str], landed: list[str]
) -> None:
    files = [delivered(name, sha256) for name, sha256 in now.items()]
    new, _ = split(dict(there), files)
    assert [each.name for each in new] == landed
    after = {sha256: name for sha256, name in there.items() if name not in landed}
    after |= {each.sha256: each.name for each in new}
    assert {each.sha256 for each in files} <= after.keys()
    assert split(after, files)[0] == [], "the same again is nothing new"


class Look:
    """Of two builds, the last of which may have died before its token went in: it may have replaced some tables."""

    def __init__(self, *, is_whole: bool) -> None:
        self.there = duckdb.connect()
        self.there.execute(
            "create schema p04_orbit; create table p04_orbit.builds as select * from (values ('1', 'a'), ('2', 'b'))"
            " as made (run_id, project_sha256); create table p04_orbit.loads (load_id bigint, run_id text);"
            "insert into p04_orbit.loads values (7, '1')" + ", (8, '2')" * is_whole
        )

    def relations(self, _schema: str) -> set[str]:
        return {"builds", "loads"}

    def query(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        found = self.there.execute(sql)
        return [column[0] for column in found.description or []], found.fetchall()


def test_a_build_that_died_half_way_is_none_to_go_on_from() -> None:
    assert last_build(Look(is_whole=True))["project_sha256"] == "b"
    assert last_build(Look(is_whole=False)) == {}


def test_rows_that_a_gate_stops_are_told_and_kept_with_the_run(trial: Trial) -> None:
    content = of({**EROS, "e": "NaN"}, {**ASTEROIDS[0], "a": "1_000"})
    refused = trial.call(trial.arguments(trial.deliver("nan.json", content)))
    assert refused.exit_code == 3, refused.stderr
    assert "refused in this run: 2 not_a_number; the first at nan.json, line 1, byte 2" in refused.stderr
    assert "e is not a number." in refused.stderr
    kept = pq.read_table(trial.target.home / "runs" / refused.json["run_id"] / "rejects.parquet").to_pylist()
    assert [(each["rule"], each["column"]) for each in kept] == [("not_a_number", "e"), ("not_a_number", "a")]
    assert [row.encode() in content for row in (each["text"] for each in kept)] == [True, True]
