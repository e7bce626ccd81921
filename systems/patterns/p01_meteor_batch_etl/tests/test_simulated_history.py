"""Forty simulated days end where the files that came say, whatever came late, twice, wrong first, or never."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import meteor_oracle as oracle
import pytest

from orrery import catalogue, simulating, testing
from orrery.cli.render import Quiet
from orrery.engines import postgres_server
from orrery.ledger import Ledger
from orrery.testing import Target

FIRST, DAYS, SEED = date(2024, 1, 1), 40, 1
METEOR = catalogue.find("p01_meteor")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("simulated") / "history"
    yield simulating.simulate(METEOR, home, FIRST, DAYS, SEED, Quiet())
    postgres_server.stop(home)


def test_the_table_holds_what_the_last_file_of_each_day_says(history: dict[str, Any]) -> None:
    target = Target(Path(history["home"]), METEOR)
    try:
        found = Counter(tuple(value for name, value in row.items() if name != "file_id") for row in target.rows())
        assert not target.broken_invariants()
    finally:
        target.connection.close()
    wanted: Counter[tuple[Any, ...]] = Counter()
    files = sorted((Path(history["home"]) / "inbox").iterdir())
    for path in files:
        for row in oracle.judge(path.read_bytes(), path.name).accepted:
            if row["launched_at"].date().isoformat() in path.name:
                wanted[tuple(value for name, value in row.items() if not name.startswith("_"))] += 1
    assert found == wanted
    assert found.total() > 5
    assert len(files) == len({each["day"] for each in history["arrivals"]}) < DAYS, "one day's file never came"


def test_everything_that_can_happen_to_a_file_happened(history: dict[str, Any]) -> None:
    happened = dict(simulating.counted(history))
    assert set(happened) >= {"schedule: loaded", "schedule: no file", "late: loaded", "restated: loaded"}
    assert happened["schedule: loaded"] + happened["schedule: no file"] == DAYS
    assert "twice: nothing new" in dict(simulating.counted(history))


def test_the_ledger_tells_the_simulated_time(history: dict[str, Any]) -> None:
    ledger = Ledger(Path(history["home"]) / "ledger.sqlite")
    runs = list(reversed(ledger.runs()))
    ledger.close()
    assert [run["started_at"][:10] for run in runs] == [each["on"] for each in history["runs"]]
    assert [run["scope"] for run in runs] == [each["for"] for each in history["runs"]]
    assert all(run["started_at"][11:13] == "02" for run in runs)
    target = Target(Path(history["home"]), METEOR)
    sql = "select distinct loaded_at::date::text as day from p01_meteor.loads where run_id <> 'target' order by 1"
    days = [row["day"] for row in target.query(sql)]
    target.connection.close()
    assert days == sorted({each["on"] for each in history["runs"] if each["outcome"] == "loaded"})


def test_a_seed_makes_the_same_history_again() -> None:
    assert simulating.arrivals(FIRST, 365, 1) == simulating.arrivals(FIRST, 365, 1)
    assert simulating.arrivals(FIRST, 365, 1) != simulating.arrivals(FIRST, 365, 2)


def test_the_command_says_how_to_look_at_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path / "home"))
    ended = testing.orrery("simulate", "meteor", "--from", "2024-03-01", "--days", "2")
    assert ended.exit_code == 0, ended.stderr
    home = tmp_path / "home" / "simulations" / "p01_meteor"
    assert f"export ORRERY_HOME={home}\n" in ended.stdout
    assert postgres_server.status(home) is None, "a simulation leaves no server behind"
    assert testing.orrery("simulate", "meteor", "--from", "2024-3-1").exit_code == 2
