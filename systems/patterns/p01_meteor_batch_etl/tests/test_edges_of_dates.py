"""The edges of days and hours, where both engines and the oracle must agree."""

from __future__ import annotations

from typing import Any

import meteor_oracle as oracle
import pytest
from meteor_scenario import EDGES, HEADER


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
@pytest.mark.parametrize("text", EDGES)
def test_the_edges_of_days_and_hours(judges: dict[str, Any], engine: str, text: str) -> None:
    content = HEADER + b"\nA," + text.encode() + b",,p,,,Atlas,,CC LC1,S,x\n"
    [block] = [judges[engine].judge(each.parse()) for each in judges[engine].records([content], "a.csv")]
    verdict = oracle.judge(content, "a.csv")
    assert [each.rule for each in block.refused] == [each.rule for each in verdict.refused_rows]
    assert [row["launched_at"] for row in block.rows.to_pylist()] == [row["launched_at"] for row in verdict.accepted]
