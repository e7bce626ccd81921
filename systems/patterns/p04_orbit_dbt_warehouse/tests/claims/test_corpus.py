"""Each answer of the corpus through the real command: exit code, message, the target as it was; or rows that are in."""

from __future__ import annotations

import re

import pytest
from orbit_bad_answers import ODD, REFUSED, Case, packed
from orbit_deliveries import dirty

from orrery.claims import Trial


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_bad_answers_end_as_the_table_says(case: Case, trial: Trial) -> None:
    result = trial.call(trial.arguments(trial.deliver(case.name, case.content)))
    assert result.exit_code == case.exit_code, result.stderr
    assert "Traceback" not in result.stderr
    assert re.search(case.message, result.stderr, re.DOTALL), result.stderr
    assert f"error {case.exit_code}: " in result.stderr
    assert {"looked in:", "found:", "to fix:"} <= set(re.findall(r"^  ([a-z ]+:)", result.stderr, re.MULTILINE))
    assert not any(trial.target.state().values())


def test_odd_answers_are_loaded(trial: Trial) -> None:
    for name, content in ODD.items():
        trial.deliver(name, packed(name, content))
    summary = trial.run(trial.folder / "inbox")
    in_turn = sorted(ODD.items())
    assert [(each["name"], each["rejected"]) for each in summary["files"]] == [(name, 0) for name, _ in in_turn]
    assert sum(each["kept"] for each in summary["files"]) == 30 * (len(ODD) - 1) + 1
    trial.holds(trial.scenario.oracle(in_turn))


def test_a_bad_answer_leaves_a_full_target_as_it_is(trial: Trial) -> None:
    trial.run(trial.deliver("good.json", dirty(1)))
    before = trial.target.state()
    for case in REFUSED:
        if case.id.startswith(("J14", "K10", "C37", "F10 a")):
            assert trial.call(trial.arguments(trial.deliver(case.name, case.content))).exit_code == case.exit_code
    assert trial.target.state() == before
