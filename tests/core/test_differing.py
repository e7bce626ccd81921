"""Two runs side by side: which are meant, what is told of them, and what is said to be unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orrery import differing
from orrery.delimited import Refused
from orrery.errors import BadInput, ExitCode
from orrery.ledger import Ledger, Owner
from orrery.rejects import Rejects

AT = "2026-01-01T00:00:00+00:00"
CONTRACT = {"version": "1.0.0", "columns": {"a": "text", "b": "bigint not null"}, "sources": {"a": ["A"]}}


def kept(home: Path, run_id: str, system: str = "p01_meteor", **record: Any) -> str:
    """A run that succeeded, with the `run.json` that is given; without one, as a killed run leaves none."""
    ledger = Ledger(home / "ledger.sqlite")
    entry = {"run_id": run_id, "system": system, "scope": "all", "profile": "embedded", "token": run_id}
    ledger.open_run(entry, Owner.this_process(), at=AT, monotonic=1.0)
    for state in ("RUNNING", "SUCCEEDED" if record else "FAILED"):
        ledger.move(run_id, state, at=AT, monotonic=2.0)
    ledger.close()
    folder = home / "runs" / run_id
    folder.mkdir(parents=True)
    if record:
        (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
        refuse(folder)
    return run_id


def refuse(folder: Path, *rows: tuple[str, int, str | None, str, str]) -> None:
    rejects = Rejects(folder / "rejects.parquet")
    for source, line, column, rule, text in rows:
        rejects.add(source, [Refused(line, 0, column, rule, "", text)])
    rejects.close()


def compared(home: Path, first: str = "previous", second: str = "latest", **options: int) -> dict[str, Any]:
    return differing.compare(*differing.pick(home, first, second), **options)


def loaded(name: str, **counts: int) -> dict[str, Any]:
    return {"name": name, "sha256": "0", **dict.fromkeys(differing.COUNTED, 0), **counts}


def test_latest_and_previous_are_of_one_system(tmp_path: Path) -> None:
    old, new = kept(tmp_path, "1-p01_meteor-a", x=1), kept(tmp_path, "2-p01_meteor-b", x=1)
    kept(tmp_path, "3-p02_comet-c", "p02_comet", x=1)
    with pytest.raises(BadInput, match="no previous run of p02_comet"):
        differing.pick(tmp_path, "previous", "latest")
    for first, second, system in (
        ("previous", "latest", "p01_meteor"), ("1", "latest", None), ("previous", "2-p01", None), ("a", "b", None),
    ):  # fmt: skip
        found = differing.pick(tmp_path, first, second, system)
        assert [run.row["run_id"] for run in found] == [old, new]


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("1", "3", "different systems"),
        ("latest", "1", "different systems"),
        ("2", "1", "'2' names 2 runs"),
        ("9", "1", "'9' names no runs"),
        ("previous", "1", "no previous run of p01_meteor"),
        ("1", "21", "different systems"),
    ],
)
def test_what_names_no_pair_of_runs_is_refused(tmp_path: Path, first: str, second: str, told: str) -> None:
    kept(tmp_path, "1-p01_meteor-a", x=1)
    kept(tmp_path, "20-p01_meteor-b", x=1)
    kept(tmp_path, "21-p01_meteor-c", x=1)
    kept(tmp_path, "3-p02_comet-d", "p02_comet", x=1)
    system = "p02_comet" if first == "latest" or second == "21" else None
    with pytest.raises(BadInput, match=told) as caught:
        differing.pick(tmp_path, first, second, system)
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_without_a_run_there_is_nothing_to_compare_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no previous run"):
        differing.pick(tmp_path / "home", "previous", "latest")
    assert list(tmp_path.iterdir()) == []


def test_schema_shows_versions_columns_types_and_sources(tmp_path: Path) -> None:
    now = {"version": "2.0.0", "columns": {"a": "text not null", "c": "date"}, "sources": {"a": ["A", "B"]}}
    kept(tmp_path, "1-p01_meteor-a", contracts={"p01_meteor.t": CONTRACT, "p01_meteor.u": CONTRACT})
    kept(tmp_path, "2-p01_meteor-b", contracts={"p01_meteor.t": now, "p01_meteor.u": CONTRACT, "in": CONTRACT})
    assert compared(tmp_path)["schema"] == [
        {
            "contract": "p01_meteor.t",
            "version": ["1.0.0", "2.0.0"],
            "columns": {"a": ["text", "text not null"], "b": ["bigint not null", None], "c": [None, "date"]},
            "sources": {"a": [["A"], ["A", "B"]]},
        }
    ]


@pytest.mark.parametrize(
    ("checksum", "duckdb", "same"),
    [("7", "1.5.5", True), ("8", "1.5.5", False), ("7", "1.6.0", None), ("7", None, None)],
)
def test_checksums_are_compared_only_within_one_duckdb(
    tmp_path: Path, checksum: str, duckdb: str | None, same: object
) -> None:
    def marks(*sums: str) -> list[dict[str, Any]]:
        return [{"table": "p01_meteor.t", "rows": 3, "checksum": each} for each in sums]

    kept(tmp_path, "1-p01_meteor-a", versions={"duckdb": "1.5.5"}, written=marks("3", "4"))
    kept(tmp_path, "2-p01_meteor-b", versions={"duckdb": duckdb} if duckdb else {}, written=marks("0", checksum))
    [written] = compared(tmp_path)["data"]["written"]
    assert (written["rows"], written["checksum"], written["same"]) == ([6, 6], ["7", checksum], same)


def test_refused_rows_are_new_or_gone_wherever_their_line_went(tmp_path: Path) -> None:
    first, second = (
        kept(tmp_path, f"{number}-p01_meteor-a", files=[loaded("f"), *map(loaded, more)], files_known=[{"name": known}])
        for number, more, known in ((1, ["once"], "later"), (2, ["fresh", "later"], "once"))
    )
    stays, moved = ("f", 3, None, "form", "x"), ("f", 9, None, "form", "x")
    refuse(
        tmp_path / "runs" / first, stays, ("f", 4, "a", "form", "x"), ("f", 5, "a", "form", "y"),
        ("once", 2, "a", "form", "z"),
    )  # fmt: skip
    refuse(
        tmp_path / "runs" / second, ("f", 4, "a", "form", "x"), ("f", 5, "a", "form", "x"), moved,
        ("fresh", 7, None, "width", "w"), ("later", 8, None, "width", "w"),
    )  # fmt: skip
    found = compared(tmp_path)
    rows = [(row["is"], row["source"], row["line"], row["column"], row["text"]) for row in found["refused"]["rows"]]
    assert rows == [("new", "f", 5, "a", "x"), ("new", "fresh", 7, None, "w"), ("gone", "f", 5, "a", "y")]
    assert (found["refused"]["new"], found["refused"]["gone"]) == (2, 1)
    assert "2 refused rows are of files that only one of the runs read; they are not compared." in found["remarks"]
    few = compared(tmp_path, refusals=1)["refused"]
    assert (few["new"], few["gone"], [row["line"] for row in few["rows"]]) == (2, 1, [5, 5])


def test_what_cannot_be_known_is_said_and_not_guessed(tmp_path: Path) -> None:
    kept(tmp_path, "1-p01_meteor-a", contracts={"p01_meteor.t": CONTRACT}, files=[loaded("f", read=5)])
    killed = kept(tmp_path, "2-p01_meteor-b")
    found = compared(tmp_path)
    assert found["schema"] is None
    assert found["refused"] == {"new": None, "gone": None, "rows": []}
    assert found["data"]["rows_of_the_run"]["read"] == [5, None]
    told = "\n".join(found["remarks"])
    assert f"{killed} is FAILED: what it read is not in the target." in told
    assert f"{killed} has no run.json" in told
    assert f"rejects.parquet of {killed} is not there" in told
    assert differing.NOT_KEPT in found["remarks"]


def test_a_rejects_file_that_was_never_finished_is_said_to_be_unreadable(tmp_path: Path) -> None:
    kept(tmp_path, "1-p01_meteor-a", x=1)
    half = kept(tmp_path, "2-p01_meteor-b", x=1)
    path = tmp_path / "runs" / half / "rejects.parquet"
    path.write_bytes(path.read_bytes()[:20])
    found = compared(tmp_path)
    assert found["refused"]["new"] is None
    assert any(half in remark and "cannot be compared" in remark for remark in found["remarks"])


def test_settings_versions_and_targets_are_shown_where_they_differ(tmp_path: Path) -> None:
    for number, engine, target in ((1, "pandas", "x"), (2, "duckdb", "y")):
        kept(tmp_path, f"{number}-p01_meteor-a", settings={"engine": engine, "same": "s"}, target_id=f"target {target}")
    found = compared(tmp_path)
    assert found["settings"] == {"settings engine": ["pandas", "duckdb"], "target": ["target x", "target y"]}
    assert "They wrote to two targets: the counts are those of each." in found["remarks"]


def test_steps_of_one_name_are_paired_in_their_order(tmp_path: Path) -> None:
    for run, reads in (("1-p01_meteor-a", [5, 7]), ("2-p01_meteor-b", [5, 8, 9])):
        kept(tmp_path, run, x=1)
        ledger = Ledger(tmp_path / "ledger.sqlite")
        for position, read in enumerate(reads):
            rows = {"read": read, "kept": read, "rejected": 0, "deduplicated": 0, "filtered": 0}
            step = {"name": "load", "rows": rows, "bytes": 1, "seconds": read / 10, "peak_mb": 1.5}
            ledger.add_step(run, position, step)
        ledger.close()
    steps = compared(tmp_path)["steps"]
    assert [each["rows_read"] for each in steps] == [[5, 5], [7, 8], [None, 9]]
    assert [each["seconds"] for each in steps] == [[0.5, 0.5], [0.7, 0.8], [None, 0.9]]
    assert {each["step"] for each in steps} == {"load"}


def test_a_file_is_the_same_content_or_another(tmp_path: Path) -> None:
    kept(tmp_path, "1-p01_meteor-a", files=[loaded("a"), loaded("b"), loaded("gone")])
    kept(tmp_path, "2-p01_meteor-b", files=[loaded("a"), {**loaded("b"), "sha256": "1"}])
    files = {each["name"]: (each["same_content"], each["was"]) for each in compared(tmp_path)["data"]["files"]}
    assert files == {
        "a": (True, ["loaded", "loaded"]),
        "b": (False, ["loaded", "loaded"]),
        "gone": (None, ["loaded", None]),
    }
