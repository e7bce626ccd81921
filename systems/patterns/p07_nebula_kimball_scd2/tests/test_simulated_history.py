"""Simulated days end where the files that came say, whatever came late, twice, wrong first, or never."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from nebula_batches import differing_refusals
from nebula_scenario import DATA, differing

from orrery import catalogue, simulating
from orrery.cli.render import Quiet
from orrery.engines import postgres_server
from orrery.testing import Target

FIRST, DAYS, SEED = date(2024, 1, 1), 6, 4
NEBULA = catalogue.find("p07_nebula")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("simulated") / "history"
    yield simulating.simulate(NEBULA, home, FIRST, DAYS, SEED, Quiet())
    postgres_server.stop(home)


def test_the_histories_are_those_of_all_that_came(history: dict[str, Any]) -> None:
    of_day = catalogue.function(NEBULA, "arrivals:of_day")
    sample = (DATA / "shop" / "customers.csv.gz").read_bytes()
    files = [
        (f"customers-{each['day']}.csv", of_day(sample, date.fromisoformat(each["day"]), each["version"]))
        for each in history["arrivals"]
    ]
    target = Target(Path(history["home"]), NEBULA)
    try:
        assert len(target.rows("p07_nebula.dim_customer")) > 50
        assert differing(target, files) == []
        assert differing_refusals(target.rejects(), files) == []
        assert not target.broken_invariants()
    finally:
        target.close()
    assert {each["outcome"] for each in history["runs"]} >= {"loaded"}
