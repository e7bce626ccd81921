"""A short drill of Comet: each fault once, between the steps of the script and of its SQL; two runs at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orrery import catalogue, effects
from orrery.drills import campaign, checks
from orrery.drills.trials import Case, Ground

COMET = catalogue.find("p02_comet")
OF_THE_TOOL = {
    *(
        "unpack.before",
        "unpack.after",
        "begin.before",
        "begin.after",
        "systems.before",
        "hosts.before",
        "planets.before",
    ),
    *("removals.before", "dimensions.before", "facts.before", "commit.before", "commit.after"),
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, list[Case]]]:
    with campaign.prepared(COMET, tmp_path_factory.mktemp("drill") / "home", seed=3) as made:
        yield made


@pytest.mark.parametrize(
    ("fault", "point"),
    [
        ("kill", "facts.before"),
        ("kill", "commit.before"),
        ("kill", "commit.after"),
        ("term", "planets.before"),
        ("raise", "hosts.before"),
        ("enospc", "removals.before"),
        ("enospc", "succeed.after"),
        ("backend", "dimensions.before"),
        ("backend", "unpack.before"),
        ("cut", "commit.before"),
        ("postmaster", "commit.before"),
        ("zombie", "commit.before"),
        ("stop", "begin.after"),
    ],
)
def test_a_fault_leaves_nothing_lost_and_nothing_doubled(
    ground: tuple[Ground, list[Case]], fault: str, point: str
) -> None:
    drilled, [_, restated, *_] = ground
    checks.fault_is_survived(drilled, restated, fault, point)


def test_two_runs_at_once_end_as_one_after_the_other(ground: tuple[Ground, list[Case]]) -> None:
    checks.pairs_end_in_turn(ground[0])


def test_the_steps_of_script_and_sql_are_fault_points(ground: tuple[Ground, list[Case]]) -> None:
    drilled, [first, *_] = ground
    points = campaign.trace(drilled, first)
    assert set(points) >= OF_THE_TOOL
    kinds = {point.rpartition(".")[0] for point in points}
    for step in drilled.fork.printed()["steps"]:
        assert {f"{step['name']}.before", f"{step['name']}.after"} <= set(points), kinds


def test_every_cell_of_the_matrix_names_what_proves_it() -> None:
    checks.every_cell_is_proven(Path(__file__).parent)


def test_the_script_takes_the_lock_that_runs_take() -> None:
    text = (COMET.folder / "jobs" / "load.sh").read_text(encoding="utf-8")
    assert f"readonly lock_number={effects.lock_key('p02_comet')} " in text
