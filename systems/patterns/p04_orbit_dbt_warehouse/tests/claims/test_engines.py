"""One dbt project on two engines: DuckDB, and Snowflake's dialect on an emulator; the marts of both are the oracle's."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from orbit_deliveries import approach, approaches, dirty
from orbit_marts_compared import differing
from orbit_oracle import incremental, late, tables
from orbit_scenario import CLASSES
from snowflake.connector.errors import Error as SnowflakeError

from orrery.claims import Files, Trial
from orrery.engines import duckdb as engine
from orrery.testing import Target

EMULATED = ("--profile", "emulated")


@pytest.fixture
def emulated(target: Target) -> Iterator[Target]:
    """Orbit's target on the emulator, empty; its invariants are looked at in the end, too."""
    found = Target(target.home, target.system, "emulated")
    found.reset()
    yield found
    broken = found.broken_invariants()
    found.close()
    assert not broken


def wanted(steps: list[Files]) -> dict[str, list[dict[str, object]]]:
    """What the oracle makes of deliveries that come one after the other."""
    grown = [([each for files in steps[: at + 1] for each in files], None) for at in range(len(steps))]
    made = tables(grown[-1][0], classes=CLASSES)
    return {**made, "fct_close_approaches": incremental(grown), "late_close_approaches": late(grown)}


def deliver(trial: Trial, files: Files) -> Path:
    for path in (trial.folder / "inbox").glob("*"):
        path.unlink()
    for name, content in files:
        trial.deliver(name, content)
    return trial.folder / "inbox"


def compared(trial: Trial) -> tuple[int, list[tuple[str, int]]]:
    """`orrery check orbit --against emulated`: exit code, and the differences of each mart."""
    found = trial.call(["check", "orbit", "--against", "emulated", "--json"])
    assert found.exit_code in (0, 6), found.stderr
    return found.exit_code, [(each["table"], each["count"]) for each in found.json if each["count"]]


def by_hand(trial: Trial, albedo: str) -> float:
    """Somebody gives Eros another albedo; what it was before."""
    with engine.connect(engine.path(trial.target.binding, "p04_orbit"), read_only=False) as connection:
        eros = "p04_orbit.dim_small_body {} where designation = '433'"
        [(before,)] = connection.execute(f"select albedo from {eros.format('')}").fetchall()
        connection.execute(f"update {eros.format(f'set albedo = {albedo}')}")
    return float(before)


def one_at_a_time(trial: Trial, emulated: Target, path: Path) -> None:
    """While a run is at it, nobody can begin, and none can while somebody else is, from whichever machine they come."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ORRERY_FAULT", "begin.after:stop")
        first = trial.start(path, *EMULATED)
    while psutil.Process(first.pid).status() != psutil.STATUS_STOPPED:
        assert first.poll() is None, first.communicate()
        time.sleep(0.05)
    with pytest.raises(SnowflakeError), emulated.taken():
        pass
    first.send_signal(signal.SIGCONT)
    told = first.communicate(timeout=300)[1]
    assert first.returncode == 0, told
    with emulated.taken():
        second = trial.start(path, *EMULATED)
        told = second.communicate(timeout=300)[1]
    assert second.returncode == 5, told
    assert "Another run of p04_orbit is writing to this warehouse" in told


def killed_in_mid_build(trial: Trial, _emulated: Target, path: Path) -> None:
    """Some marts are those of the new delivery by then, and others are not."""
    runs = trial.target.home / "runs"
    known = set(runs.iterdir())
    process = trial.start(path, *EMULATED)
    built = '"node": "dim_small_body", "of": "model", "status": "success"'
    while not any(built in each.read_text() for each in runs.glob("*/events.jsonl") if each.parent not in known):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_marts_of_two_engines_are_equal(trial: Trial, emulated: Target) -> None:
    first = [
        ("asteroids.json", dirty(1)),
        ("cad.json", approaches(approach("433", "2459801.25", "0.41"), approach("1P", "x", "1"))),
    ]
    second = [("asteroids.json", dirty(2)), ("cad-2.json", approaches(approach("433", "2459640.75", "0.35")))]
    columns, rows = [], [wanted([first]), wanted([first, second])]
    for files, expected, otherwise in zip((first, second), rows, (one_at_a_time, killed_in_mid_build), strict=True):
        path = deliver(trial, files)
        columns.append(trial.run(path)["columns_from"])
        otherwise(trial, emulated, path)
        columns.append(trial.run(path, *EMULATED).get("columns_from"))
        assert differing(trial.target, expected) == []
        assert differing(emulated, expected) == []
        assert compared(trial) == (0, [])
    assert len(rows[1]["late_close_approaches"]) == 1
    assert columns[2] == columns[3] == columns[0]
    # one value that somebody changed by hand is found
    before = by_hand(trial, "0.5")
    assert compared(trial) == (6, [("p04_orbit.dim_small_body", 1)])
    by_hand(trial, repr(before))
    assert compared(trial) == (0, [])
