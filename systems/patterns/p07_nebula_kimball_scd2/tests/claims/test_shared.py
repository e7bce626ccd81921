"""What Nebula claims as every system does (orrery.claims), against an oracle that shares no code with it."""

from __future__ import annotations

import gzip

from nebula_scenario import BAD, DATA, SAMPLE, file_of

from orrery import claims
from orrery.claims import Trial


def test_rows_are_conserved(trial: Trial) -> None:
    claims.rows_are_conserved(trial)


def test_rerun_changes_nothing(trial: Trial) -> None:
    claims.rerun_changes_nothing(trial)


def test_two_runs_never_interleave(trial: Trial) -> None:
    claims.two_runs_never_interleave(trial)


def test_killed_load_ends_as_undisturbed(trial: Trial) -> None:
    claims.killed_load_ends_as_undisturbed(trial)


def test_own_files_are_loaded_or_named(trial: Trial) -> None:
    lines = SAMPLE.splitlines()[1:]
    one, two, four = (file_of(*lines[at : at + 300], *BAD[:2]) for at in (0, 300, 600))
    claims.own_files_are_loaded_or_named(
        trial,
        files={
            "one.csv.gz": gzip.compress(one),
            ".three.csv": b"unfinished",
            "four.csv": b"\xef\xbb\xbf" + four,
            "two.csv": two.replace(b"\n", b"\r\n"),
        },
        plain=[("four.csv", b"\xef\xbb\xbf" + four), ("one.csv.gz", one), ("two.csv", two.replace(b"\n", b"\r\n"))],
        foreign=b'planet,mass\nEarth,"1,0"\n',
    )


def test_runs_as_an_ordinary_user() -> None:
    claims.runs_as_an_ordinary_user("nebula")


def test_steps_show_what_they_cost(trial: Trial) -> None:
    summary = trial.run(None)
    for step in summary["steps"]:
        assert step["rows"]["read"] == sum(step["rows"].values()) - step["rows"]["read"], step
        assert 0 <= step["seconds"] <= summary["seconds"], step
        assert 20 < step["peak_mb"] < 4000, step
    of = {step["name"]: step for step in summary["steps"]}
    for name, rows in (("customers.csv.gz", 31701), ("orders.csv.gz", 2898), ("CDNOW_master.txt.gz", 69659)):
        kind = {"customers.csv.gz": "shop", "orders.csv.gz": "shop"}.get(name, "cdnow")
        assert of[f"land {name}"]["rows"]["read"] == rows
        assert of[f"land {name}"]["bytes"] == (DATA / kind / name).stat().st_size
    changes = summary["changes"].values()
    assert of["publish"]["rows"]["read"] == sum(sum(each.values()) for each in changes) > 300_000
    assert of["build"]["seconds"] > 1
    assert summary["dbt"]["exit_code"] == 0
    assert len(summary["dbt"]["models"]) == of["build"]["rows"]["read"] > 30
