"""A short drill of Meteor: each fault once, two runs at once, and the comparison that must see what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import meteor_scenario as scenario
import pytest

from orrery import catalogue, faults
from orrery.claims import Told, differences
from orrery.drills import campaign, checks, trials
from orrery.drills.trials import Case, Ground
from orrery.testing import Target, orrery

METEOR = catalogue.find("p01_meteor")
FILES = [("a.csv", scenario.dirty(1))]
TOLD = scenario.told(FILES)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, list[Case]]]:
    with campaign.prepared(METEOR, tmp_path_factory.mktemp("drill") / "home", seed=3) as made:
        yield made


@pytest.mark.parametrize(
    ("fault", "point"),
    [
        ("kill", "copy.after"),
        ("kill", "commit.before"),
        ("kill", "commit.after"),
        ("term", "copy.after"),
        ("raise", "load.before"),
        ("enospc", "copy.after"),
        ("enospc", "succeed.after"),
        ("backend", "copy.after"),
        ("backend", "commit.before"),
        ("cut", "commit.before"),
        ("postmaster", "copy.after"),
        ("zombie", "commit.before"),
        ("stop", "stage.after"),
    ],
)
def test_a_fault_leaves_nothing_lost_and_nothing_doubled(
    ground: tuple[Ground, list[Case]], fault: str, point: str
) -> None:
    drilled, [_, restated, *_] = ground
    checks.fault_is_survived(drilled, restated, fault, point)


def test_two_runs_at_once_end_as_one_after_the_other(ground: tuple[Ground, list[Case]]) -> None:
    checks.pairs_end_in_turn(ground[0])


def test_every_step_has_its_pair_of_points(ground: tuple[Ground, list[Case]]) -> None:
    drilled, cases = ground
    for case in cases:
        points = campaign.trace(drilled, case)
        for step in drilled.fork.printed()["steps"]:
            assert [point for point in points if step["name"].startswith(point.removesuffix(".before"))], step["name"]
        befores = {point.removesuffix(".before") for point in points if point.endswith(".before")}
        kinds = {
            kind for kind in befores if any(step["name"].startswith(kind) for step in drilled.fork.printed()["steps"])
        }
        assert {f"{kind}.after" for kind in kinds} <= set(points)
        assert {"commit.before", "commit.after", "stage.after", "copy.after", "keep.after"} <= set(points)


# --- the comparison's own mutants: each must be seen -------------------------------------------------------------


def rows_of(told: Told) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if not name.startswith("_")} for row in told.rows]


def rejects_of(told: Told) -> list[dict[str, Any]]:
    names = ("file_name", "line", "byte_offset", "rule", "record_text")
    return [dict(zip(names, each, strict=True)) for each in sorted(told.refused)]


def swapped(rows: list[dict[str, Any]], column: str) -> list[dict[str, Any]]:
    """Two rows with their values of one column changed about."""
    first = rows[0]
    other = next(row for row in rows if row[column] != first[column])
    return [
        {**row, column: other[column]} if row is first else {**row, column: first[column]} if row is other else row
        for row in rows
    ]


MUTANTS = {
    "a row is lost": (lambda rows: rows[1:], lambda rejects: rejects),
    "a row is doubled": (lambda rows: [*rows, rows[5]], lambda rejects: rejects),
    "a row is lost and another doubled": (lambda rows: [rows[5], *rows[1:]], lambda rejects: rejects),
    "two rows have their outcomes changed about": (lambda rows: swapped(rows, "outcome"), lambda rejects: rejects),
    "nothing becomes an empty text": (
        lambda rows: [{**row, "pad": row["pad"] or ""} for row in rows],
        lambda rejects: rejects,
    ),
    "a time is a second late": (
        lambda rows: [
            {**rows[0], "launched_at": rows[0]["launched_at"].replace(second=(rows[0]["launched_at"].second + 1) % 60)},
            *rows[1:],
        ],
        lambda rejects: rejects,
    ),
    "a letter has another case": (
        lambda rows: [{**rows[0], "vehicle": rows[0]["vehicle"].swapcase()}, *rows[1:]],
        lambda rejects: rejects,
    ),
    "a doubt is forgotten": (
        lambda rows: [{**row, "is_launched_at_doubtful": False} for row in rows],
        lambda rejects: rejects,
    ),
    "a refusal is lost": (lambda rows: rows, lambda rejects: rejects[1:]),
    "a refusal is doubled": (lambda rows: rows, lambda rejects: [*rejects, rejects[0]]),
    "a refusal is a line lower": (
        lambda rows: rows,
        lambda rejects: [{**rejects[0], "line": rejects[0]["line"] + 1}, *rejects[1:]],
    ),
    "a refusal names another rule": (
        lambda rows: rows,
        lambda rejects: [{**rejects[0], "rule": rejects[-1]["rule"] + "x"}, *rejects[1:]],
    ),
    "nothing was loaded": (lambda rows: rows[:0], lambda rejects: rejects[:0]),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_comparison_sees_each_mutant(mutant: str) -> None:
    assert differences(TOLD, rows_of(TOLD), rejects_of(TOLD)) == []
    of_rows, of_rejects = MUTANTS[mutant]
    assert differences(TOLD, of_rows(rows_of(TOLD)), of_rejects(rejects_of(TOLD))) != []


def test_a_trial_that_ends_otherwise_is_red(ground: tuple[Ground, list[Case]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Against an oracle that wants other rows, and a ledger that is not in order, every look must be red."""
    drilled, [_, restated, *_] = ground
    real = drilled.scenario

    def other(files: Any) -> Told:
        told = real.oracle(files)
        return replace(told, rows=told.rows[1:])

    monkeypatch.setattr(drilled, "scenario", replace(real, oracle=other))
    monkeypatch.setattr(trials, "broken_invariants", lambda *_: ["L9: made up"])
    wrong = "; ".join(trials.attempt(drilled, restated, "kill", "copy.after").wrong)
    assert "neither as before nor as after" in wrong
    assert "run again: rows doubled or made up: 1" in wrong
    assert "L9: made up" in wrong
    drilled.there = None


def test_a_product_that_doubles_a_row_is_red(ground: tuple[Ground, list[Case]]) -> None:
    """The whole trial, against a target in which somebody doubles a row: it must not be green."""
    drilled, [_, restated, *_] = ground
    there, coming = drilled.bring(restated, "embedded")
    told = drilled.scenario.oracle([("a.csv", coming)])
    less = replace(told, rows=told.rows[1:])
    assert there != coming
    drilled.deliver(coming)
    assert drilled.fork.run(drilled.arguments("a.csv")) == 0
    drilled.there = coming
    assert drilled.differs(told) == []
    assert drilled.differs(less) != []


# --- fault points, and what is drilled where ----------------------------------------------------------------------


@pytest.mark.parametrize("text", ["copy.after", "copy.after:explode", "copy.after:kill:x"])
def test_a_plan_that_is_none_is_refused(text: str) -> None:
    from orrery.errors import BadInput

    with pytest.raises(BadInput, match="is not a fault"):
        faults.load(text)


def test_every_cell_of_the_matrix_names_what_proves_it() -> None:
    checks.every_cell_is_proven(Path(__file__).parent)


def test_the_command_lists_points_and_refuses_a_fault_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path / "home"))
    assert orrery("drill", "meteor", "--fault", "earthquake").exit_code == 2
    assert orrery("drill", "meteor", "--for", "long").exit_code == 2
    ended = orrery("drill", "meteor", "--for", "1s", "--moments", "0", "--pairs", "0", "--json")
    assert ended.exit_code == 0, ended.stderr
    assert ended.json["red"] == 0
    assert ended.json["verdicts"]
    assert "key.before" in ended.json["points"]["first, large"]
    assert "replaced.before" in ended.json["points"]["restated, large"]
    assert (tmp_path / "home" / "drills" / "p01_meteor" / "drill.json").is_file()


def test_a_clock_that_is_set_back_in_the_middle_changes_nothing(target: Target, tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    from orrery import profiles, run
    from orrery.cli.render import Quiet

    asked: list[int] = []

    def clock() -> datetime:
        asked.append(1)
        return datetime(2026, 3, 29, 1, 59, tzinfo=UTC) - timedelta(hours=len(asked) // 6)

    path = tmp_path / "a.csv"
    path.write_bytes(FILES[0][1])
    request = run.Request(
        METEOR, profiles.load("embedded", target.home), target.home, {"launches": (str(path),)}, clock=clock
    )
    run.start(request, Quiet())
    assert len(asked) > 12, "the clock was set back at least twice"
    assert differences(TOLD, target.rows(), target.rejects()) == []
    assert target.broken_invariants() == []
    assert run.start(request, Quiet())["nothing_new"] is True
