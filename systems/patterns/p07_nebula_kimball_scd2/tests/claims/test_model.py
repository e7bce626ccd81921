"""The whole model on PostgreSQL, by dbt: after any batches the published tables are what the oracle says."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from nebula_batches import Shop, differing, shop_in
from nebula_modules import SYSTEM, module
from nebula_oracle import tables
from nebula_oracle_deliveries import Told, cut, seeded, some
from nebula_violations import violations

generating, selling = module("generating"), module("selling")
KINDS = {"customer": generating.CUSTOMERS, "product": generating.PRODUCTS}
LIVES = 150
WORLDS = 60  # small worlds beside each other, so that one build looks at many histories
KEYS = ("customer_id", "product_id", "order_id", "return_id")


def worlds(seed: int) -> list[Told]:
    """Rows of many small worlds that have nothing to do with each other."""
    chance = seeded(seed)
    return [
        (kind, {**row, **{key: f"{row[key]}-{world}" for key in KEYS if row.get(key) not in (None, "")}})
        for world in range(WORLDS)
        for kind, row in some(chance, 40)
    ]


def lives(name: str) -> list[Any]:
    """Random lives, simulated forward, each with its truth."""
    kind = KINDS[name]
    return [generating.history(generating.seeded("model", n), f"L{n}", kind, steps=12) for n in range(LIVES)]


def told_of(name: str) -> list[Told]:
    """What the shop's system told of them."""
    kind = KINDS[name]
    rows = [selling.row_of(kind, change, generating.seeded("told")) for life in lives(name) for change in life.changes]
    return [(f"{name}s", dict(zip(kind.columns, row, strict=True))) for row in rows]


@pytest.fixture(scope="module")
def shop(warehouse_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop after three batches, cut at random, with repetitions, in any order."""
    chance = seeded(7)
    piles: list[list[Told]] = [[], [], []]
    for told in [*worlds(7), *told_of("customer"), *told_of("product")]:
        chance.choice(piles).append(told)
    with shop_in(warehouse_home, tmp_path_factory.mktemp("shop")) as found:
        for number, pile in enumerate(piles):
            found.land([(f"{number}-{name}", content) for name, content in cut(pile, chance)])
            found.build()
            assert found.publish() > 0
        yield found


def test_batches_in_any_order_end_as_the_oracle_says(shop: Shop) -> None:
    assert differing(shop) == []


@pytest.mark.parametrize("name", ["customer", "product"])
def test_a_history_is_the_truth_that_never_was_rows(shop: Shop, name: str) -> None:
    kind = KINDS[name]
    columns = [kind.key, "valid_from", "valid_to", *kind.versioned, "change_reason"]
    there = {row for row in shop.published(f"dim_{name}", columns) if row[0].startswith("L")}
    truth = {
        (each.key, each.valid_from, each.valid_to, *each.values, each.reason)
        for life in lives(name)
        for each in life.versions
    }
    assert len(truth) > LIVES
    assert there == truth


def test_days_are_whole_years_around_the_facts(shop: Shop) -> None:
    wanted = tables(shop.delivered)["dim_date"]
    columns = list(wanted[0])
    assert sorted(shop.published("dim_date", columns)) == sorted(tuple(row.values()) for row in wanted)


def test_the_bus_matrix_says_which_dimensions_a_fact_has(shop: Shop) -> None:
    with (SYSTEM / "bus_matrix.csv").open(encoding="utf-8", newline="") as file:
        matrix = list(csv.DictReader(file))
    keys = dict(shop.query(
        "select conrelid::regclass::text || ' ' || confrelid::regclass::text, count(*) from pg_constraint"
        " where contype = 'f' and connamespace = 'p07_nebula'::regnamespace group by 1"
    ))  # fmt: skip
    facts = {name for (name,) in shop.query(
        "select table_name from information_schema.tables where table_schema = 'p07_nebula' and table_name like 'fct%'"
    )}  # fmt: skip
    assert {row["fact table"] for row in matrix} == facts
    for row in matrix:
        for dimension in ("dim_date", "dim_customer", "dim_product", "dim_order_profile"):
            is_there = f"p07_nebula.{row['fact table']} p07_nebula.{dimension}" in keys
            assert is_there == (row[dimension] == "x"), (row["fact table"], dimension)
        group = (row["fact table"], "promotion_group_key")  # of a bridge: a group is several rows there
        has_group = shop.query(
            "select count(*) from information_schema.columns where table_schema = 'p07_nebula'"
            " and (table_name, column_name) = (%s, %s)", group,
        )  # fmt: skip
        assert has_group == [(int(row["bridge_promotion_group"] == "x"),)], group


@pytest.mark.parametrize("name", ["customer", "product"])
def test_no_history_overlaps_or_has_a_gap_that_is_not_marked(shop: Shop, name: str) -> None:
    columns = [
        column
        for (column,) in shop.query(
            "select column_name from information_schema.columns where table_schema = 'p07_nebula'"
            " and table_name = %s order by ordinal_position", (f"dim_{name}",),
        )
    ]  # fmt: skip
    rows = [dict(zip(columns, row, strict=True)) for row in shop.published(f"dim_{name}", columns)]
    rows = [{**row, "valid_to": row["valid_to"] or "infinity"} for row in rows]
    assert len(rows) > 100
    assert violations(rows, f"{name}_id") == []


def test_everything_derived_again_writes_nothing(shop: Shop) -> None:
    shop.build("--vars", "{everything: 'yes'}")
    assert shop.publish() == 0
    assert differing(shop) == []


@pytest.mark.parametrize(
    ("member", "change", "constraint"),
    [
        ("customer", "valid_from = valid_from - interval '1 microsecond' where version_no = 2", "s_do_not_overlap"),
        ("customer", "valid_to = 'infinity', is_current = true where not is_current", "one_current_"),
        ("customer", "valid_to = valid_from where version_no = 1", "_check"),
        ("product", "valid_from = valid_from - interval '1 microsecond' where version_no = 2", "s_do_not_overlap"),
        ("product", "valid_to = 'infinity', is_current = true where not is_current", "one_current_"),
        ("product", "valid_to = valid_from where version_no = 1", "_check"),
    ],
    ids=["overlap", "two current", "empty", "products overlap", "two current products", "empty product"],
)
def test_the_database_itself_lets_no_history_be_broken(shop: Shop, member: str, change: str, constraint: str) -> None:
    # two open versions overlap, too: then it is chance which of the two constraints says so
    other = f"{member}s_do_not_overlap" if constraint == "one_current_" else "none"
    without = f"alter table p07_nebula.dim_{member} drop constraint if exists {other}"
    broken = f"update p07_nebula.dim_{member} set {change} and {member}_key > 0"
    with pytest.raises(psycopg.errors.IntegrityError) as refused, shop.connection.transaction():
        shop.query(f"{without}; {broken}")
    assert constraint in str(refused.value)
