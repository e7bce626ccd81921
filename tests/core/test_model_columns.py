"""Columns of models are followed to those of dbt's sources, through all that lies between; what cannot be read is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from orrery.engines import model_columns

SOURCES = {"orders": ("id", "customer", "price", "tax"), "people": ("id", "name", "born")}
Traced = dict[str, dict[str, list[tuple[str, str]]]]


def described(schema: str, name: str, columns: tuple[str, ...]) -> dict[str, Any]:
    """A relation as catalog.json has it."""
    place = {"database": "dev", "schema": schema, "name": name}
    return {"metadata": place, "columns": {each: {"name": each, "type": "bigint"} for each in columns}}


def traced(models: Mapping[str, tuple[str, tuple[str, ...]]], dialect: str = "duckdb") -> Traced:
    """What is told of models, each its compiled SQL and the columns that the catalogue has of it."""
    manifest = {
        "metadata": {"adapter_type": dialect},
        "nodes": {
            f"model.p.{name}": {
                "resource_type": "model",
                "compiled_code": sql,
                "database": "dev",
                "schema": "mart",
                "name": name,
                "depends_on": {
                    "nodes": [f"model.p.{each}" for each in models if f"mart.{each}" in sql and each != name]
                },
            }
            for name, (sql, _) in models.items()
        },
        "sources": {f"source.p.raw.{name}": {"schema": "raw", "name": name} for name in SOURCES},
    }
    catalogue = {
        "nodes": {
            f"model.p.{name}": described("mart", name, columns) for name, (_, columns) in models.items() if columns
        },
        "sources": {f"source.p.raw.{name}": described("raw", name, columns) for name, columns in SOURCES.items()},
    }
    return model_columns.of_project(manifest, catalogue)


def one(sql: str) -> dict[str, str]:
    """Of one model: each column with what it is made from, as `table.column` with a blank between."""
    found = traced({"m": (sql, ("z",))})["mart.m"]
    return {
        column: " ".join(f"{table.removeprefix('raw.')}.{name}" for table, name in made)
        for column, made in found.items()
    }


QUERIES = {
    "plain": ("select id as a, price + tax as b, 1 as c from dev.raw.orders", "orders.id|orders.price orders.tax|"),
    "a star": ("select * from dev.raw.people", "people.id|people.name|people.born"),
    "all but one": ("select * exclude (born) from dev.raw.people", "people.id|people.name"),
    "CTEs": (
        "with a as (select * from dev.raw.orders), b as (select id, price * 2 as p from a) select p, id from b",
        "orders.price|orders.id",
    ),
    "a union": (
        "select id, name as x from dev.raw.people union all select customer, price from dev.raw.orders",
        "orders.customer people.id|orders.price people.name",
    ),
    "a join": (
        "select o.id as a, coalesce(p.name, o.tax) as b from dev.raw.orders o left join dev.raw.people p on p.id = 1",
        "orders.id|orders.tax people.name",
    ),
    "a window": (
        "select sum(price) over (partition by customer order by id) as s from dev.raw.orders",
        "orders.customer orders.id orders.price",
    ),
    "a query in a query": (
        "select (select max(born) from dev.raw.people as p where p.id = o.customer) as m from dev.raw.orders as o",
        "people.born",
    ),
    "recursion": (
        "with recursive r as (select id from dev.raw.people union all select id + 1 from r where id < 9) select id from r",
        "people.id",
    ),
    "letters of both cases": ('select ID as "Big", Tax from DEV.raw.ORDERS', "orders.id|orders.tax"),
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_column_is_followed_through(query: str) -> None:
    sql, made = QUERIES[query]
    assert "|".join(one(sql).values()) == made


def test_it_is_followed_through_models_to_the_sources_alone() -> None:
    models = {
        "view_of": ("select id as number, price, tax from dev.raw.orders", ("number", "price", "tax")),
        "middle": ("select number, price + tax as paid from dev.mart.view_of", ("number", "paid")),
        "top": (
            "select middle.paid, people.name, middle.number = people.id as same from dev.mart.middle, dev.raw.people",
            ("paid", "name", "same"),
        ),
    }
    assert traced(models)["mart.top"] == {
        "paid": [("raw.orders", "price"), ("raw.orders", "tax")],
        "name": [("raw.people", "name")],
        "same": [("raw.orders", "id"), ("raw.people", "id")],
    }


@pytest.mark.parametrize("dialect", ["duckdb", "snowflake"])
def test_a_view_that_the_catalogue_does_not_have_is_followed_all_the_same(dialect: str) -> None:
    models: dict[str, tuple[str, tuple[str, ...]]] = {
        "top": ("with v as (select * from dev.mart.view_of) select * from v", ("number", "paid")),
        "view_of": ("with o as (select * from dev.raw.orders) select id as number, price + tax as paid from o", ()),
    }
    wanted = {"number": [("raw.orders", "id")], "paid": [("raw.orders", "price"), ("raw.orders", "tax")]}
    assert traced(models, dialect)["mart.top"] == wanted


def test_a_model_that_reads_itself_ends() -> None:
    sql = "select id, price from dev.raw.orders union all select id, price from dev.mart.it"
    assert traced({"it": (sql, ("id", "price"))})["mart.it"]["price"] == [("raw.orders", "price")]


@pytest.mark.timeout(60)
def test_a_long_chain_that_a_macro_made_is_followed_in_no_time() -> None:
    """Each step takes all of the one before and uses its newest column twice, as Newton's steps do."""
    steps = "".join(
        f", s{n} as (select s.*, x{n - 1} - sin(x{n - 1}) as x{n} from s{n - 1} as s)" for n in range(1, 40)
    )
    found = one(f"with s0 as (select id, price + tax as x0 from dev.raw.orders){steps} select x39, id from s39")
    assert found == {"x39": "orders.price orders.tax", "id": "orders.id"}


UNREAD = {
    "no SQL": "select from where",
    "another language": "{{ config() }} select 1",
    "two statements": "select id from dev.raw.orders; select 2",
    "no query": "create table x as select 1 as a",
    "nested too deeply": f"select {'(' * 2000}id{')' * 2000} as z from dev.raw.orders",
    "halves of different lengths": "select x from (select id as y from dev.raw.people union select 1 as y, 2) as u",
    "a table nobody described": "select * from dev.raw.nobody",
}


@pytest.mark.parametrize("query", UNREAD)
def test_what_cannot_be_read_has_no_columns_and_the_others_keep_theirs(query: str) -> None:
    found = traced({"odd": (UNREAD[query], ("z",)), "good": ("select id from dev.raw.orders", ("id",))})
    assert found["mart.good"] == {"id": [("raw.orders", "id")]}
    assert not any(found["mart.odd"].values())


def test_names_of_snowflake_are_those_of_the_contracts() -> None:
    upper = {"top": ('select "ID" as number, PRICE as paid from DEV.RAW.ORDERS', ("NUMBER", "PAID"))}
    wanted = {"number": [("raw.orders", "id")], "paid": [("raw.orders", "price")]}
    assert traced(upper, "snowflake")["mart.top"] == wanted
