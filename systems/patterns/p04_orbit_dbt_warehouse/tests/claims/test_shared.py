"""What Orbit claims as every system does (orrery.claims), against an oracle that shares no code with it."""

from __future__ import annotations

import gzip
import json
import signal
import time
from contextlib import closing
from typing import TYPE_CHECKING

import duckdb
import psutil
import pytest
from orbit_deliveries import SAMPLE, answer, bodies, dirty, row

from orrery import claims
from orrery.claims import Trial
from orrery.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen


def test_rows_are_conserved(trial: Trial) -> None:
    claims.rows_are_conserved(trial)


def test_rerun_changes_nothing(trial: Trial) -> None:
    claims.rerun_changes_nothing(trial)


@pytest.mark.timeout(600)
def test_two_runs_never_interleave(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    who_writes_by_hand_loses_nothing(trial, monkeypatch)
    trial.target.reset()
    claims.two_runs_never_interleave(trial)


def who_writes_by_hand_loses_nothing(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody with a shell of DuckDB takes no lock of ours: a run that has built meanwhile publishes nothing."""
    trial.run(trial.deliver("a.json", dirty(1)))
    process = faulted(trial, monkeypatch, trial.deliver("b.json", dirty(2)), "stage.after:stop")
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.05)
    with closing(duckdb.connect(str(warehouse(trial)))) as by_hand:
        by_hand.execute("create table p04_orbit.by_hand as select 42 as answer")
    process.send_signal(signal.SIGCONT)
    told = process.communicate(timeout=claims.SECONDS)[1]
    assert process.returncode == ExitCode.LOCKED, told
    assert trial.target.query("select * from p04_orbit.by_hand") == [{"answer": 42}]


def warehouse(trial: Trial) -> Path:
    """The file that is published."""
    return trial.target.home / "duckdb" / "p04_orbit_warehouse.duckdb"


def faulted(trial: Trial, monkeypatch: pytest.MonkeyPatch, path: Path, fault: str) -> Popen[str]:
    """A run in a process of its own, that meets a fault."""
    with monkeypatch.context() as patched:
        patched.setenv("ORRERY_FAULT", fault)
        return trial.start(path)


@pytest.mark.timeout(900)
def test_killed_load_ends_as_undisturbed(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    path = trial.deliver("a.json", dirty(1))
    for fault, is_in in (("commit.before:kill", False), ("commit.after:kill", True)):
        process = faulted(trial, monkeypatch, path, fault)
        told = process.communicate(timeout=claims.SECONDS)[1]
        assert process.returncode == -signal.SIGKILL, told
        assert bool(trial.rows()) == is_in, fault
    assert trial.run(path)["nothing_new"] is True
    assert not trial.target.broken_invariants()
    trial.holds(trial.scenario.oracle([("a.json", dirty(1))]))
    trial.target.reset()
    claims.killed_load_ends_as_undisturbed(trial, (signal.SIGKILL, signal.SIGTERM))


def test_steps_show_what_they_cost(trial: Trial) -> None:
    claims.steps_show_what_they_cost(trial, size=0, rows=10_867)
    [run] = trial.target.query("select run_id from p04_orbit.loads where load_id > 0")
    kept = trial.target.home / "runs" / run["run_id"] / "run.json"
    steps = json.loads(kept.read_text(encoding="utf-8"))["steps"]
    landed = [(step["rows"]["read"], step["bytes"]) for step in steps if step["name"].startswith("land")]
    assert landed == [
        (rows, path.stat().st_size) for rows, path in zip((7_099, 3_768), sorted(SAMPLE.iterdir()), strict=True)
    ]


def test_own_files_are_loaded_or_named(trial: Trial) -> None:
    asteroids, comets = bodies("asteroids"), bodies("comets")
    one, two = (answer([row(body) for body in asteroids[at : at + 200]]) for at in (0, 200))
    fields = ("n_obs_used", *reversed(comets[0]))  # the first of which Orbit has no use for
    three = answer([row(body, fields) for body in comets[:200]], fields)
    claims.own_files_are_loaded_or_named(
        trial,
        files={
            "one.json.gz": gzip.compress(one),
            ".two.json": b"unfinished",
            "two.json": b"\xef\xbb\xbf" + two,
            "three.json": three.replace(b",\n", b",\r\n"),
        },
        plain=[
            ("one.json.gz", one),
            ("three.json", three.replace(b",\n", b",\r\n")),
            ("two.json", b"\xef\xbb\xbf" + two),
        ],
        foreign=b"designation,e\nCeres,0.08\n",
    )


def test_runs_as_an_ordinary_user() -> None:
    claims.runs_as_an_ordinary_user("orbit", has_server=False)
