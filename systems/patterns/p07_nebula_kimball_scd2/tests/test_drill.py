"""A short drill of Nebula: killed at each boundary, disturbed in the build and at the commit; two runs at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from orrery import catalogue
from orrery.drills import campaign, checks
from orrery.drills.trials import Case, Ground

NEBULA = catalogue.find("p07_nebula")
# in their order; each run has to get over what all those before it left
BEFORE_THE_COMMIT = (
    *("prepare.before", "settle.after", "land.before", "copy.after", "land.after", "build.before", "model.done"),
    *("build.after", "publish.table", "commit.before"),
)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, dict[str, Case]]]:
    with campaign.prepared(NEBULA, tmp_path_factory.mktemp("drill") / "home", seed=3) as (made, cases):
        yield made, {case.name: case for case in cases}


def test_killed_at_one_boundary_after_the_other(ground: tuple[Ground, dict[str, Case]]) -> None:
    drilled, cases = ground
    there, coming = drilled.bring(cases["restated"], "embedded")
    assert there is not None
    before, after = (
        drilled.scenario.oracle(files)
        for files in ([(drilled.earlier, there)], [(drilled.earlier, there), ("a.csv", coming)])
    )
    drilled.deliver(coming)
    arguments = drilled.arguments("a.csv")
    for point in BEFORE_THE_COMMIT:
        assert drilled.fork.run(arguments, f"{point}:kill") == -signal.SIGKILL, point
        assert drilled.differs(before) == [], point
    assert drilled.fork.run(arguments, "commit.after:kill") == -signal.SIGKILL
    assert drilled.differs(after) == []
    state = drilled.target.state()
    assert drilled.fork.run(arguments) == 0, drilled.fork.told()
    assert drilled.fork.printed()["nothing_new"] is True
    assert drilled.target.state() == state
    assert drilled.target.broken_invariants() == []


@pytest.mark.parametrize(
    ("fault", "point"),
    [
        ("raise", "land.after"),
        ("backend", "model.done"),
        ("postmaster", "model.done"),
        ("cut", "model.done"),
        ("zombie", "model.done"),
        ("zombie", "commit.before"),
    ],
)
def test_a_fault_leaves_nothing_lost_and_nothing_doubled(
    ground: tuple[Ground, dict[str, Case]], fault: str, point: str
) -> None:
    drilled, cases = ground
    checks.fault_is_survived(drilled, cases["first"], fault, point)


def test_two_runs_at_once_end_as_one_after_the_other(ground: tuple[Ground, dict[str, Case]]) -> None:
    checks.pairs_end_in_turn(ground[0], pairs=1)


def test_every_cell_of_the_matrix_names_what_proves_it() -> None:
    checks.every_cell_is_proven(Path(__file__).parent)
