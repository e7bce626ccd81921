"""Thirty simulated days end where the files that came say, whatever came late, twice, wrong first, or never."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from comet_scenario import PACKED, VIEW, told

from orrery import catalogue, simulating
from orrery.claims import differences
from orrery.cli.render import Quiet
from orrery.engines import postgres_server
from orrery.testing import Target

FIRST, DAYS, SEED = date(2024, 1, 1), 30, 1
COMET = catalogue.find("p02_comet")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("simulated") / "history"
    yield simulating.simulate(COMET, home, FIRST, DAYS, SEED, Quiet())
    postgres_server.stop(home)


def test_the_star_holds_what_came_in_the_order_of_coming(history: dict[str, Any]) -> None:
    of_day = catalogue.function(COMET, "arrivals:of_day")
    files = []
    for run in history["runs"]:
        there = [each for each in history["arrivals"] if each["day"] == run["for"] and each["seen_on"] <= run["on"]]
        if there:
            version = there[-1]["version"]
            files.append((f"catalogue-{run['for']}.xml", of_day(PACKED, date.fromisoformat(run["for"]), version)))
    target = Target(Path(history["home"]), COMET)
    try:
        assert differences(told(files), target.rows(VIEW), target.rejects()) == []
        assert not target.broken_invariants()
        days = target.query("select distinct loaded_at::date as day from p02_comet.loads where run_id <> 'target'")
    finally:
        target.connection.close()
    assert {row["day"] for row in days} <= {FIRST + timedelta(days=number) for number in range(DAYS + 9)}
    assert len(files) > DAYS - 3


def test_everything_that_can_happen_to_a_file_happened(history: dict[str, Any]) -> None:
    happened = dict(simulating.counted(history))
    assert set(happened) >= {"schedule: loaded", "restated: loaded"}
    assert {each["outcome"] for each in history["runs"]} == {"loaded", "nothing new", "no file"}
