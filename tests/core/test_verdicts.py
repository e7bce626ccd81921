"""What a drill calls wrong: each thing that can be seen of a trial, once as it must be and once as it must not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orrery.claims import mixed
from orrery.drills.verdicts import CODES, Seen, codes, wrong_after, wrong_at_last
from orrery.ledger import Ledger, Owner

START, SESSION = ["open.after"], ["open.after", "prepare.before"]
OPEN = [*SESSION, "begin.after", "copy.after", "commit.before"]
DONE = [*OPEN, "commit.after"]
KILLED = Seen("kill", -9, OPEN, as_before=True, as_after=False, states=1)


@pytest.mark.parametrize(
    ("fault", "passed", "right"),
    [
        ("kill", OPEN, {-9}),
        ("kill", DONE, {-9}),
        ("kill", [], {-9, 0}),
        ("term", OPEN, {130}),
        ("raise", DONE, {1}),
        ("enospc", START, {8}),
        ("enospc", OPEN, {8}),
        ("enospc", DONE, {0}),
        ("backend", START, {0}),
        ("backend", SESSION, {4}),
        ("backend", OPEN, {4}),
        ("backend", DONE, {0}),
        ("cut", START, {4}),
        ("cut", OPEN, {4}),
        ("cut", DONE, {0}),
        ("postmaster", OPEN, {0, 4}),
        ("zombie", OPEN, {5}),
        ("slow", OPEN, {0}),
        ("stop", OPEN, {0}),
    ],
)
def test_a_fault_has_its_exit_code_before_the_commit_and_after(fault: str, passed: list[str], right: set[int]) -> None:
    assert set(codes(fault, passed)) == right


def test_every_fault_has_a_code() -> None:
    assert all(codes(fault, OPEN) for fault in CODES)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"as_before": False, "as_after": True, "passed": DONE}, None),
        ({"as_before": False}, "neither as before nor as after"),
        ({"code": 0}, "exit 0 says that the file is in"),
        ({"code": 0, "as_after": True, "as_before": False}, "exit 0, not [-9]"),
        ({"code": 1}, "exit 1, not [-9]"),
        ({"fault": "enospc", "code": 8}, None),
        (
            {"fault": "enospc", "code": 8, "as_before": False, "as_after": True},
            "exit 8 says that the target is as before",
        ),
        ({"fault": "term", "code": 130, "as_before": False, "as_after": True, "passed": DONE}, None),
        ({"fault": "zombie", "code": 5, "as_before": False, "as_after": True, "states": 3}, None),
        ({"fault": "zombie", "code": 4, "as_before": False, "as_after": True}, "exit 4, not [5]"),
        ({"states": 2}, None),
        ({"states": 3}, "a reader saw 3 states"),
        ({"states": 1, "was_empty": True}, None),
        ({"states": 2, "was_empty": True}, "a reader saw 2 states"),
        ({"told": "Traceback (most recent call last)"}, "a traceback"),
    ],
)
def test_what_was_seen_is_right_or_says_what_is_wrong(changes: dict[str, Any], told: str | None) -> None:
    wrong = wrong_after(replace(KILLED, **changes))
    assert wrong == [] if told is None else any(told in each for each in wrong)


def test_the_last_run_has_nothing_to_do_says_so_and_writes_nothing() -> None:
    new = {"nothing_new": True}
    assert wrong_at_last(0, new, ["a row"], ["a row"]) == []
    assert wrong_at_last(4, new, ["a row"], ["a row"]) == ["the third run ended with 4"]
    assert wrong_at_last(0, {}, ["a row"], ["a row"]) == ["the third run did not say that nothing is new"]
    assert wrong_at_last(0, new, ["a row"], ["a row", "another"]) == ["the third run wrote to the target"]


def test_runs_that_were_mixed_are_seen(tmp_path: Path) -> None:
    for is_mixed in (False, True):
        home = tmp_path / str(is_mixed)
        ledger = Ledger(home / "ledger.sqlite")
        for number in (1, 2):
            run = {"run_id": f"r{number}", "system": "s", "scope": f"{number}", "profile": "p", "token": f"t{number}"}
            ledger.open_run(run, Owner.this_process(), at="2026-01-01T00:00:00+00:00", monotonic=1.0)
            ledger.move(f"r{number}", "RUNNING", at="2026-01-01T00:00:00+00:00", monotonic=1.0)
        if is_mixed:
            ledger.move("r1", "FAILED", at="2026-01-01T00:00:00+00:00", monotonic=2.0)
        ledger.close()
        assert bool(mixed(home)) is is_mixed
