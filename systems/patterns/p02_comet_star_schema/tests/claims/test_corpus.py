"""Each delivery of the corpus through the real command: exit code, message, planets, refusals; the target as it was."""

from __future__ import annotations

import re

import pytest
from comet_bad_inputs import CASES, Case
from comet_scenario import dirty

from orrery.claims import Trial


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_deliveries_end_as_the_table_says(case: Case, trial: Trial) -> None:
    result = trial.call(trial.arguments(trial.deliver(case.name, case.content)))
    assert result.exit_code == case.exit_code, result.stderr
    assert "Traceback" not in result.stderr
    if case.exit_code:
        assert re.search(case.message, result.stderr), result.stderr
        assert f"error {case.exit_code}: {case.name}" in result.stderr
        assert {"looked in:", "found:", "to fix:"} <= set(re.findall(r"^  ([a-z ]+:)", result.stderr, re.MULTILINE))
        assert not any(trial.target.state().values())
        return
    assert len(trial.rows()) == case.planets
    assert [(each["line"], each["rule"]) for each in trial.target.rejects()] == list(case.refused)


def test_a_bad_delivery_leaves_a_full_target_as_it_is(trial: Trial) -> None:
    trial.run(trial.deliver("good.xml", dirty(1)))
    before = trial.target.state()
    for case in CASES:
        if case.exit_code and case.id.startswith(("C16", "P18", "K10", "C37")):
            assert trial.call(trial.arguments(trial.deliver(case.name, case.content))).exit_code == case.exit_code
    assert trial.target.state() == before
