"""The edges of days and hours, where both engines and the oracle must agree."""

from __future__ import annotations

from typing import Any

import oracle
import pytest
from scenario import HEADER


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
@pytest.mark.parametrize(
    "text",
    [
        *("1957 Oct 4 2400", "1957 Oct 4 2401", "1957 Oct 4 2426", "1957 Oct 4 2400:00", "1957 Oct 4 2400:01"),
        *("1957 Oct 4 2359:60", "1957 Oct 4 2359:61", "1957 Oct 4 2360", "1957 Oct 4 2500", "1957 Oct 4 0000"),
        *("0000 Jan 1", "1957 Feb 29", "1960 Feb 29", "1957 Oct 0", "1957 Oct 00", "1957 Oct 32", "1957 Apr 31 0101"),
        *("9999 Dec 31 2400", "1957 oct 4", "1957 Oct 4 05", "1957 Oct 4 05055", "1957 Oct 4 ??", "1957 Oct 004"),
    ],
)
def test_the_edges_of_days_and_hours(judges: dict[str, Any], engine: str, text: str) -> None:
    content = HEADER + b"\nA," + text.encode() + b",,p,,,Atlas,,CC LC1,S,x\n"
    [block] = [judges[engine].judge(each.parse()) for each in judges[engine].records([content], "a.csv")]
    verdict = oracle.judge(content, "a.csv")
    assert [each.rule for each in block.refused] == [each.rule for each in verdict.refused_rows]
    assert [row["launched_at"] for row in block.rows.to_pylist()] == [row["launched_at"] for row in verdict.accepted]
