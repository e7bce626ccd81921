"""Simulated days end where the answers that came say, whatever came late, twice, wrong first, or never."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from orbit_deliveries import SAMPLE
from orbit_marts_compared import differing
from orbit_oracle import incremental, late, tables
from orbit_scenario import CLASSES

from orrery import catalogue, simulating
from orrery.claims import Files
from orrery.cli.render import Quiet
from orrery.testing import Target

FIRST, DAYS, SEED = date(2024, 1, 1), 6, 37
ORBIT = catalogue.find("p04_orbit")
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return simulating.simulate(ORBIT, tmp_path_factory.mktemp("simulated") / "history", FIRST, DAYS, SEED, Quiet())


def steps_of(history: dict[str, Any]) -> list[tuple[Files, date]]:
    """For each run that had a file what had come until then, and the day that it was for."""
    of_day, sample = catalogue.function(ORBIT, "arrivals:of_day"), (SAMPLE / "asteroids.json.gz").read_bytes()
    steps: list[tuple[Files, date]] = []
    for run in history["runs"]:
        there = [each for each in history["arrivals"] if each["day"] == run["for"] and each["seen_on"] <= run["on"]]
        if there:
            day = date.fromisoformat(run["for"])
            before = steps[-1][0] if steps else []
            file = (f"answers-{day}.json", of_day(sample, day, there[-1]["version"]))
            steps.append(([*before, file], day))
    return steps


def test_the_marts_hold_what_came_in_the_order_of_coming(history: dict[str, Any]) -> None:
    steps = steps_of(history)
    files, day = steps[-1]
    # the dimensions are as a full build makes them; approaches before the window are those of builds before
    wanted = tables(files, day, CLASSES)
    wanted |= {"fct_close_approaches": incremental(steps), "late_close_approaches": late(steps)}
    target = Target(Path(history["home"]), ORBIT)
    try:
        assert differing(target, wanted) == []
        assert not target.broken_invariants()
        days = target.query("select distinct cast(loaded_at as date) as day from p04_orbit.loads where load_id > 0")
    finally:
        target.close()
    assert {row["day"] for row in days} <= {FIRST + timedelta(days=number) for number in range(DAYS + 9)}
    assert len(wanted["near_earth_objects"]) == 2
    assert {row["rule"] for row in wanted["answers_rejected"]} >= {"epoch_moved_back"}
    assert any(row["next_approach_on"] for row in wanted["near_earth_objects"])


def test_everything_that_can_happen_to_a_file_happened(history: dict[str, Any]) -> None:
    assert {each["because"] for each in history["runs"]} >= {"schedule", "late", "restated"}
    assert {each["outcome"] for each in history["runs"]} >= {"loaded", "no file"}
