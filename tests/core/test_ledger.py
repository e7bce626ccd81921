"""The ledger: only drawn arrows, one open run a scope, a chain that shows every change."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orrery import inspection
from orrery.errors import BadInput, IntegrityBroken
from orrery.ledger import NEXT, Ledger, Owner

OWNER = Owner.this_process()


def entered(ledger: Ledger, number: int = 1, scope: str = "all") -> str:
    run = {"run_id": f"r{number}", "system": "p01_meteor", "scope": scope, "profile": "embedded", "token": f"t{number}"}
    ledger.open_run(run, OWNER, at=f"2026-01-01T00:00:{number:02}+00:00", monotonic=float(number))
    return run["run_id"]


def move(ledger: Ledger, run_id: str, *states: str) -> None:
    for state in states:
        ledger.move(run_id, state, at="2026-01-01T00:01:00+00:00", monotonic=99.0)


def wrong(ledger: Ledger) -> list[str]:
    return [finding.invariant[:2] for finding in inspection.of_ledger(ledger) if not finding.holds]


def test_only_drawn_arrows_are_taken(tmp_path: Path) -> None:
    every = {*NEXT, *(state for states in NEXT.values() for state in states)}
    way = {
        "PENDING": [],
        "RUNNING": ["RUNNING"],
        "STAGED": ["RUNNING", "STAGED"],
        "COMMITTING": ["RUNNING", "STAGED", "COMMITTING"],
        "UNKNOWN": ["RUNNING", "STAGED", "COMMITTING", "UNKNOWN"],
        "SUCCEEDED": ["RUNNING", "SUCCEEDED"],
        "FAILED": ["FAILED"],
        "QUARANTINED": ["RUNNING", "QUARANTINED"],
    }
    number = 0
    for state, steps in way.items():
        for to in every:
            number += 1
            ledger = Ledger(tmp_path / f"{number}.sqlite")
            run_id = entered(ledger)
            move(ledger, run_id, *steps)
            if to in NEXT.get(state, set()):
                move(ledger, run_id, to)
            else:
                with pytest.raises(IntegrityBroken):
                    move(ledger, run_id, to)
            ledger.close()


def test_one_open_run_a_scope(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    entered(ledger, 1)
    entered(ledger, 2, scope="2024-01-01")
    with pytest.raises(sqlite3.IntegrityError):
        entered(ledger, 3)
    move(ledger, "r1", "FAILED")
    entered(ledger, 4)
    assert [row["attempt"] for row in ledger.runs()] == [2, 1, 1]
    assert wrong(ledger) == []


@pytest.mark.parametrize(
    "damage",
    [
        "update events set body = '{ }' where sequence = 2",
        "update events set at = '2020-01-01' where sequence = 1",
        "delete from events where sequence = 2",
        "delete from events where sequence = 1",
        "update events set kind = 'FAILED', sequence = 9 where sequence = 2",
    ],
)
def test_the_chain_shows_every_change(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    move(ledger, entered(ledger), "RUNNING", "FAILED")
    assert wrong(ledger) == []
    with sqlite3.connect(path) as other:
        other.execute(damage)
    assert "L7" in wrong(ledger)


def test_rows_that_do_not_add_up_and_gaps_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    run_id = entered(ledger)
    rows = {"read": 10, "kept": 8, "rejected": 2, "deduplicated": 0, "filtered": 0}
    ledger.add_step(run_id, 1, {"name": "load", "rows": rows, "bytes": 1, "seconds": 0.1, "peak_mb": 1.0})
    assert wrong(ledger) == []
    with sqlite3.connect(path) as other:
        other.execute("update steps set rows_kept = 7")
        other.execute("update runs set attempt = 3")
    assert wrong(ledger) == ["L4", "L6"]
    with sqlite3.connect(path) as other:
        other.execute("update runs set attempt = 0")
    assert wrong(ledger) == ["L4", "L6"]


def test_time_runs_forward_by_the_clock_that_nobody_sets(tmp_path: Path) -> None:
    for monotonic, last, told in ((2.0, 2.0, []), (0.5, 0.5, ["L6"]), (2.0, 1.5, ["L6"])):
        ledger = Ledger(tmp_path / f"{monotonic}-{last}.sqlite")
        run_id = entered(ledger)
        [first] = ledger.events()
        assert first["monotonic"] == 1.0
        ledger.move(run_id, "RUNNING", at="2025-12-31T23:00:00+00:00", monotonic=monotonic)  # an hour back, by the wall
        ledger.move(run_id, "FAILED", at="2025-12-31T23:00:01+00:00", monotonic=last)
        assert wrong(ledger) == told


def test_a_dead_owner_is_told_from_a_living_one_and_from_a_later_one_with_its_pid(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    import psutil

    owner = Owner.of(psutil.Process(child.pid))
    assert owner.is_alive()
    assert not Owner(owner.pid, owner.started - 100, owner.boot_id).is_alive()
    assert not Owner(owner.pid, owner.started, "another boot").is_alive()
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert not owner.is_alive()
    ledger = Ledger(tmp_path / "ledger.sqlite")
    run = {"run_id": "r", "system": "p01_meteor", "scope": "all", "profile": "embedded", "token": "t"}
    ledger.open_run(run, owner, at="2026-01-01T00:00:00+00:00", monotonic=1.0)
    assert wrong(ledger) == ["L1"]


def test_an_owner_is_the_same_when_the_clock_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    platform = pytest.importorskip("psutil._pslinux", reason="elsewhere the kernel keeps the moment of a start itself")
    owner, booted = Owner.this_process(), psutil.boot_time()
    monkeypatch.setattr(platform, "boot_time", lambda: booted + 3600)
    assert psutil.boot_time() == booted + 3600
    assert owner.is_alive()


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    with sqlite3.connect(path) as other:
        other.execute("pragma user_version = 99")
    with pytest.raises(BadInput, match="newer"):
        Ledger(path)
    path = tmp_path / "other.sqlite"
    path.write_bytes(b"not a database at all, whatever it is" * 100)
    with pytest.raises(IntegrityBroken):
        Ledger(path)
