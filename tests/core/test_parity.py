"""Two profiles hold the same, row by row: each kind of difference is found and told, and nothing else is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from tiny_system import TINY

from orrery import parity, profiles
from orrery.errors import BadInput
from orrery.parity import Compared

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: tiny-{name}
name: {name}
version: 1.0.0
status: active
schema:
  - name: {name}
    logicalType: object
    physicalType: table
    properties:
      - {{name: a, logicalType: integer, physicalType: bigint, required: true{key}}}
"""
KEY = ", primaryKey: true, primaryKeyPosition: {}"
PAIR = "create schema p99_tiny; create table p99_tiny.facts as select * from (values {rows}) as t (a, b)"
SAME = "(1, 'x'), (2, null)"


class Two:
    """Two warehouses of a system that has made the table `facts` in both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outputs: dict[str, Path] = {}
        self.output("p99_tiny.facts", KEY.format(1))

    def output(self, table: str, key: str) -> None:
        path = self.folder / f"{table}.odcs.yaml"
        path.write_text(CONTRACT.format(name=table.partition(".")[2], key=key), encoding="utf-8")
        self.outputs[table] = path

    def profile(self, name: str) -> profiles.Profile:
        path = self.folder / f"{name}.toml"
        server = self.folder / f"{name}.duckdb"
        path.write_text(f'[analytics]\nengine = "duckdb"\nserver = "{server}"\nfidelity = "real"\n', encoding="utf-8")
        return profiles.load(str(path), self.folder)

    def compared(self, one: str, other: str) -> list[Compared]:
        for name, sql in (("one", one), ("other", other)):
            (self.folder / f"{name}.duckdb").unlink(missing_ok=True)
            with duckdb.connect(str(self.folder / f"{name}.duckdb")) as connection:
                connection.execute(sql)
        return parity.compare(replace(TINY, outputs=self.outputs), self.profile("one"), self.profile("other"))

    def differences(self, one: str, other: str) -> tuple[str, ...]:
        """Of `facts`, with these rows here and those there."""
        [found] = self.compared(PAIR.format(rows=one), PAIR.format(rows=other))
        assert found.count == len(found.differences)
        return found.differences


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        (SAME, SAME, ()),
        (SAME, "(2, null), (1, 'x')", ()),
        (SAME, "(1, 'x'), (2, '')", ("a 2: b None here, '' there",)),
        (SAME, "(1, 'x')", ("only here: a 2",)),
        ("(1, 'x')", SAME, ("only there: a 2",)),
        (SAME, f"{SAME}, (2, null)", ("a key is there more than once",)),
        ("(1, '\u00e9')", "(1, 'e\u0301')", ("a 1: b '\u00e9' here, 'e\u0301' there",)),
        ("(1, 1e300)", "(1, 1.0000000001e300)", ()),
        ("(1, 1.0::double)", "(1, 1.00000001::double)", ("a 1: b 1.0 here, 1.00000001 there",)),
        ("(1, 0.0::double)", "(1, 1e-13)", ()),
        ("(1, 2.0::double)", "(1, 2::bigint)", ()),
        ("(1, 2.5::double)", "(1, 2.50::decimal(9, 2))", ()),
        ("(1, 'nan'::double)", "(1, 'nan'::double)", ()),
        ("(1, 'inf'::double)", "(1, '-inf'::double)", ("a 1: b inf here, -inf there",)),
        ("(1, 10000000000)", "(1, 10000000001)", ("a 1: b 10000000000 here, 10000000001 there",)),
        ("(1, true)", "(1, false)", ("a 1: b True here, False there",)),
        ("(1, timestamptz '2022-01-01 02:00:00+02')", "(1, timestamp '2022-01-01 00:00:00')", ()),
    ],
)
def test_a_difference_is_found_and_told_and_nothing_else_is_one(
    here: str, there: str, told: tuple[str, ...], two: Two
) -> None:
    assert two.differences(here, there) == told


def test_a_column_that_only_one_of_them_has_is_told(two: Two) -> None:
    wide = PAIR.format(rows=SAME) + "; alter table p99_tiny.facts add column c text"
    for one, other in ((PAIR.format(rows=SAME), wide), (wide, PAIR.format(rows=SAME))):
        [found] = two.compared(one, other)
        assert found.differences == (f"column c: only {'there' if other == wide else 'here'}",)


def test_many_differences_are_counted_and_the_first_are_told(two: Two) -> None:
    [found] = two.compared(*(PAIR.format(rows=", ".join(f"({n}, '{x}')" for n in range(50))) for x in "ab"))
    assert (found.rows, found.count, len(found.differences)) == ((50, 50), 50, parity.SHOWN)


def test_tables_without_a_key_and_of_other_schemas_are_passed_over(two: Two) -> None:
    two.output("p99_tiny.without_a_key", "")
    two.output("p99_tiny_raw.landed", KEY.format(1))
    more = "; create table p99_tiny.without_a_key as select {n} as a; create schema p99_tiny_raw;"
    more += " create table p99_tiny_raw.landed as select {n} as a"
    found = two.compared(*(PAIR.format(rows=SAME) + more.format(n=n) for n in (1, 2)))
    assert [(each.table, each.count) for each in found] == [("p99_tiny.facts", 0)]


def test_a_table_that_one_of_them_has_not_made_is_bad_input(two: Two) -> None:
    with pytest.raises(BadInput, match=r"has made no p99_tiny\.facts there") as caught:
        two.compared(PAIR.format(rows=SAME), "create schema p99_tiny")
    assert "profile other" in caught.value.looked
