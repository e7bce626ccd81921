"""A short drill of Orbit: few faults, between the steps of a run and between the models of dbt; two runs at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orrery import catalogue
from orrery.drills import campaign, checks
from orrery.drills.trials import Case, Ground

ORBIT = catalogue.find("p04_orbit")
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, list[Case]]]:
    with campaign.prepared(ORBIT, tmp_path_factory.mktemp("drill") / "home", seed=3) as made:
        yield made


@pytest.mark.parametrize(
    ("fault", "point"),
    [
        ("kill", "copy.after"),
        ("kill", "model.done"),
        ("kill", "commit.before"),
        ("kill", "commit.after"),
        ("enospc", "land.before"),
        ("enospc", "commit.before"),
        ("raise", "build.after"),
        ("stop", "model.done"),
        ("slow", "commit.before"),
    ],
)
def test_a_fault_leaves_nothing_lost_and_nothing_doubled(
    ground: tuple[Ground, list[Case]], fault: str, point: str
) -> None:
    drilled, [_, restated, *_] = ground
    checks.fault_is_survived(drilled, restated, fault, point)


def test_two_runs_at_once_end_as_one_after_the_other(ground: tuple[Ground, list[Case]]) -> None:
    checks.pairs_end_in_turn(ground[0], pairs=1)


def test_every_cell_of_the_matrix_names_what_proves_it() -> None:
    checks.every_cell_is_proven(Path(__file__).parent)
