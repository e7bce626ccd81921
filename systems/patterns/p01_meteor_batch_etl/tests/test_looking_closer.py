"""`orrery diff` and `orrery lineage` on runs of Meteor: they tell what was done to the files, by hand, between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import space_missions
from own_rules import contract, mapping, saved

from orrery.testing import Result, Target

Orrery = Callable[[list[str]], Result]
Deliver = Callable[[str, bytes], Path]


@pytest.fixture
def restated(target: Target, meteor: Callable[..., Any], deliver: Deliver, sample: bytes) -> tuple[str, str]:
    """A file of 100 launches, then the same with a line lost, a date broken, a field lost; the ids of both runs."""
    lines = sample.splitlines(keepends=True)[:101]
    first = meteor("--data", f"launches={deliver('a.csv', b''.join(lines))}")["run_id"]
    lines[9] = lines[9].split(b",")[0] + b"\n"
    lines[5] = lines[5].replace(b"1958", b"19x8", 2)
    del lines[50]
    second = meteor("--data", f"launches={deliver('a.csv', b''.join(lines))}", "--set", "engine=duckdb")["run_id"]
    return first, second


def test_diff_tells_what_was_done_to_the_file(restated: tuple[str, str], orrery_run: Orrery) -> None:
    first, second = restated
    ran = orrery_run(["diff", first, second[:-2], "--json"])
    assert ran.exit_code == 0, ran.stderr
    found = ran.json
    assert [found["first"]["run_id"], found["second"]["run_id"]] == [first, second]
    assert found["data"]["rows_in_target"] == {
        "p01_meteor.launches": [100, 97],
        "p01_meteor.launches_rejected": [0, 2],
    }
    counts = {key: pair for key, pair in found["data"]["rows_of_the_run"].items() if pair != [0, 0]}
    assert counts == {"read": [100, 99], "kept": [100, 97], "rejected": [0, 2], "inserted": [100, 0], "deleted": [0, 3]}
    assert [(each["name"], each["same_content"]) for each in found["data"]["files"]] == [("a.csv", False)]
    new = [(each["is"], each["line"], each["column"], each["rule"]) for each in found["refused"]["rows"]]
    assert new == [("new", 6, "Launch_Date", "launch_date_form"), ("new", 10, None, "field_count")]
    assert found["refused"]["rows"][0]["text"].startswith("19x8 ")
    assert found["settings"] == {"settings engine": ["pandas", "duckdb"]}
    assert found["schema"] == []
    assert [each["step"] for each in found["steps"]] == ["find files", "load a.csv"]
    assert all(second > 0 for each in found["steps"][1:] for second in each["seconds"] + each["peak_mb"])


def test_diff_in_text_says_the_same_and_ends_with_zero(restated: tuple[str, str], orrery_run: Orrery) -> None:
    ran = orrery_run(["diff"])
    assert ran.exit_code == 0, ran.stderr
    lines = [" ".join(line.split()) for line in ran.stdout.splitlines()]
    assert "p01_meteor.launches: rows in the target then 100 97 -3" in lines
    assert "refused rows: 2 new, 0 gone" in lines
    assert "settings engine pandas duckdb" in lines
    assert "schema: the same" in lines
    assert "Which rows differ cannot be said" in ran.stderr


def test_the_same_rows_under_another_engine_have_the_same_checksum(
    target: Target, meteor: Callable[..., Any], deliver: Deliver, sample: bytes, orrery_run: Orrery
) -> None:
    path = deliver("a.csv", sample)
    for engine in ("pandas", "duckdb"):
        meteor("--data", f"launches={path}", "--set", f"engine={engine}")
        target.connection.execute("drop schema p01_meteor cascade")
    [written] = orrery_run(["diff", "--json"]).json["data"]["written"]
    assert (written["rows"], written["same"]) == ([5667, 5667], True)
    for path in target.home.glob("ledger.sqlite*"):  # it speaks of the schema that was dropped
        path.unlink()


def test_lineage_of_a_run_names_the_file_and_counts_its_rows(restated: tuple[str, str], orrery_run: Orrery) -> None:
    shown = orrery_run(["lineage", "meteor"])
    assert shown.exit_code == 0
    assert restated[1] in shown.stderr
    assert "/inbox/a.csv  (99 rows read)\n" in shown.stdout
    tree = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    site = ".platform, .site, .pad, .drop_zone, .is_site_doubtful"
    assert any(line.startswith("├── Site →") and line.endswith(site.removeprefix(".")) for line in tree)
    assert any(line.startswith("└── every column →") and line.endswith("rejected.record_text") for line in tree)
    events = orrery_run(["lineage", "meteor", "--run", restated[0], "--json"]).json
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    launches, rejected = events[1]["outputs"]
    assert [each["outputFacets"]["outputStatistics"]["rowCount"] for each in (launches, rejected)] == [100, 0]
    [source] = launches["facets"]["columnLineage"]["fields"]["launched_at"]["inputFields"]
    assert source["field"] == "Launch_Date"
    assert source["name"].endswith("/inbox/a.csv")
    assert len(rejected["facets"]["columnLineage"]["fields"]["record_text"]["inputFields"]) == 11


def test_a_run_that_found_nothing_new_leaves_the_lineage_of_the_last_that_wrote(
    target: Target, meteor: Callable[..., Any], orrery_run: Orrery
) -> None:
    wrote = meteor()["run_id"]
    nothing = meteor()["run_id"]
    assert wrote in orrery_run(["lineage", "meteor"]).stderr
    of_it = orrery_run(["lineage", "meteor", "--run", nothing])
    assert of_it.stdout == ""
    assert "it read and wrote nothing" in of_it.stderr
    assert orrery_run(["lineage", "meteor", "--run", "nothing-like-it"]).exit_code == 2


def test_lineage_of_a_users_own_file_has_the_columns_of_that_file(
    target: Target, meteor: Callable[..., Any], deliver: Deliver, tmp_path: Path, orrery_run: Orrery
) -> None:
    copy = space_missions.COPIES[0]
    path = deliver("missions.csv", space_missions.written(copy, space_missions.missions()))
    own = saved(tmp_path, "missions.odcs.yaml", contract(copy))
    foreign = saved(tmp_path, "missions.map.yaml", mapping())
    for option, rules, table, made, sources in (
        ("--contract", own, "missions", "detail", {"Detail"}),
        ("--map", foreign, "launches", "launch_id", {"Detail", "Datum"}),
    ):
        meteor("--data", f"launches={path}", option, rules)
        [_, end] = orrery_run(["lineage", "meteor", "--json"]).json
        [given] = end["inputs"]
        rows, rejected = end["outputs"]
        columns = {field["name"]: field["type"] for field in given["facets"]["schema"]["fields"]}
        assert {name.strip() for name in columns} < {name.strip() for name in copy.header}
        assert set(columns.values()) == {"text"}
        assert rows["name"].endswith(f"p01_meteor.{table}")
        found = rows["facets"]["columnLineage"]["fields"][made]["inputFields"]
        assert {(each["name"], each["field"]) for each in found} == {(str(path), source) for source in sources}
        whole = rejected["facets"]["columnLineage"]["fields"]["record_text"]["inputFields"]
        assert {each["field"] for each in whole} == set(columns)
    changed = orrery_run(["diff", "--json"]).json
    assert {"fed by file": ["missions.odcs.yaml", "missions.map.yaml"]}.items() <= changed["settings"].items()
    assert {each["contract"] for each in changed["schema"]} >= {"p01_meteor.missions", "p01_meteor.launches"}


def test_before_any_run_the_lineage_is_what_the_contracts_promise(
    orrery_run: Orrery, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "fresh"
    monkeypatch.setenv("ORRERY_HOME", str(home))
    shown = orrery_run(["lineage", "meteor"])
    assert shown.exit_code == 0
    assert "no run has written yet" in shown.stderr
    assert "LV_SN        → p01_meteor.launches.serial, .is_serial_doubtful\n" in shown.stdout
    assert not home.exists()
