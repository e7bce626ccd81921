"""Each input of the corpus through the real command: exit code, message, rows, refusals; the target untouched on refusal."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from meteor_bad_inputs import CASES, Case

from orrery.testing import Result, Target


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_inputs_end_as_the_table_says(
    case: Case, orrery_run: Callable[[list[str]], Result], target: Target, deliver: Any
) -> None:
    before = target.state()
    result = orrery_run(["run", "meteor", "--data", f"launches={deliver(case.name, case.content)}"])
    assert result.exit_code == case.exit_code, result.stderr
    assert "Traceback" not in result.stderr
    if case.exit_code:
        assert re.search(case.message, result.stderr), result.stderr
        assert f"error {case.exit_code}: {case.name}" in result.stderr
        assert {"looked in:", "found:", "to fix:"} <= set(re.findall(r"^  ([a-z ]+:)", result.stderr, re.MULTILINE))
        after = target.state()
        assert {table: rows for table, rows in after.items() if rows} == {t: r for t, r in before.items() if r}
        return
    assert len(target.rows()) == case.accepted
    assert [(each["line"], each["rule"]) for each in target.rejects()] == case.refused
