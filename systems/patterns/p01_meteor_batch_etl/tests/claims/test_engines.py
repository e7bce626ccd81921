"""pandas and DuckDB clean alike: the same table and the same refusals, for any text (property-based)."""

from __future__ import annotations

from typing import Any

import meteor_oracle as oracle
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from meteor_scenario import EDGES, HEADER

BLANKS = st.text(" \t", max_size=3)
WORDS = st.one_of(
    st.sampled_from(["", "-", "?", "A", "2 ?", "a  b", "->", "x,y", "é", "\u200b", "\u00a0", "\x1b", "S", "F"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters='\x00\r\n",'), max_size=8),
)
DATES = st.builds(
    "{:04d} {} {:>2}{}{}".format,
    st.one_of(st.integers(1957, 2030), st.sampled_from([0, 1, 1900, 1941, 1942, 2099, 2100, 9999])),
    st.sampled_from(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "jan", "Sept"]
    ),
    st.integers(0, 32),
    st.one_of(
        st.just(""),
        st.builds(" {:02d}{:02d}".format, st.integers(0, 25), st.integers(0, 61)),
        st.builds(" {:02d}{:02d}:{:02d}".format, st.integers(0, 25), st.integers(0, 61), st.integers(0, 62)),
    ),
    st.sampled_from(["", "?", " ?", "??"]),
)
SITES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "L-1011,", "A,B,", ","]),
    st.sampled_from(["CC", "NIIP-5", "V?", "", "JQ "]),
    st.sampled_from(["", " LC1", "       LC18A", " Pad 603?", " ?"]),
    st.sampled_from(["", " -> DZWI", "->", " -> A -> B?", "-> ?"]),
)


def padded(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}{}{}".format, BLANKS, values, BLANKS)


ROWS = st.lists(
    st.tuples(
        padded(WORDS),
        padded(st.one_of(DATES, DATES, WORDS)),
        *(padded(WORDS) for _ in range(5)),
        padded(WORDS),
        padded(st.one_of(SITES, WORDS)),
        padded(st.sampled_from(["S", "F", "S", "F", "U", "", "s", "-"])),
        padded(WORDS),
    ),
    min_size=1,
    max_size=12,
)


GOOD = ("A", "1957 Oct 4", "", "", "", "", "Atlas", "", "CC", "S", "")
# each lacks everything from some column on, and so breaks several rules at once: both must ask in the same order
FALLING = [GOOD[:at] + ("",) * (len(GOOD) - at) for at in range(len(GOOD) + 1)]


def quoted(value: str) -> str:
    return '"' + value + '"' if "," in value else value


@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(rows=FALLING)
@example(rows=[("A", text, *GOOD[2:]) for text in EDGES])
@given(rows=ROWS)
def test_engines_agree(judges: dict[str, Any], rows: list[tuple[str, ...]]) -> None:
    text = "\n".join(",".join(map(quoted, row)) for row in rows)
    content = HEADER + b"\n" + text.encode() + b"\n"
    results = {}
    for engine, judge in judges.items():
        blocks = [judge.judge(block.parse()) for block in judge.records([content], "a.csv")]
        table = [
            row | {"_line": int(line)}
            for each in blocks
            for row, line in zip(each.rows.to_pylist(), each.lines, strict=True)
        ]
        refused = [
            (each.line, each.column, each.rule, each.message, each.text) for block in blocks for each in block.refused
        ]
        results[engine] = (table, refused)
    for theirs, ours in zip(*(table + refused for table, refused in results.values()), strict=True):
        assert theirs == ours
    # and both say what the oracle says, up to what only the whole file shows (duplicates)
    verdict = oracle.judge(content, "a.csv")
    whole_file = {"duplicate_row", "key_conflict"}
    wanted = {(each.line, each.rule) for each in verdict.refused_rows if each.rule not in whole_file}
    assert {(line, rule) for line, _, rule, _, _ in results["duckdb"][1]} == wanted
