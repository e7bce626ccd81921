"""The oracle on examples made by hand, each with what has to come out written down."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from nebula_files import COLUMNS
from nebula_history import INFINITY
from nebula_oracle import state_at, tables, versions_at
from nebula_oracle_deliveries import Told, back, cdnow, customer, delivered, event, line, product, written


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def cities(*told: Told) -> list[tuple[Any, ...]]:
    """Each version of the customers: when, where, why."""
    columns = ("valid_from", "valid_to", "city", "change_reason")
    return [tuple(row[column] for column in columns) for row in tables(delivered(*told))["dim_customer"]]


def only(table: str, *told: Told) -> dict[str, Any]:
    (row,) = tables(delivered(*told))[table]
    return row


JAN, FEB, MAR = at(2024, 1, 1), at(2024, 2, 1), at(2024, 3, 1)
BONN, ULM = customer("2024-01-01", city="Bonn"), customer("2024-03-01", city="Ulm")


# ---- versions -----------------------------------------------------------------------------------------------------


def test_every_column_of_a_version() -> None:
    told: dict[str, Any] = {
        "street": "Markt 1",
        "city": "Bonn",
        "state": "NW",
        "postal_code": "01",
        "country": "DE",
        "territory": "W",
    }
    assert only(
        "dim_customer", customer("2024-01-01", email="a@b", segment="s", registered_on="2020-05-06", **told)
    ) == {
        "customer_id": "C1",
        "registered_on": date(2020, 5, 6),
        "name": "Ann",
        "email": "a@b",
        **told,
        "segment": "s",
        "previous_segment": None,
        "valid_from": JAN,
        "valid_to": INFINITY,
        "is_current": True,
        "version_no": 1,
        "change_reason": "new",
    }


def test_a_late_change_cuts_the_version_it_falls_into() -> None:
    late = customer("2024-02-01", city="Kiel")
    assert cities(BONN, ULM) == [(JAN, MAR, "Bonn", "new"), (MAR, INFINITY, "Ulm", "changed")]
    assert cities(BONN, ULM, late) == [
        (JAN, FEB, "Bonn", "new"),
        (FEB, MAR, "Kiel", "changed"),
        (MAR, INFINITY, "Ulm", "changed"),
    ]


def test_a_late_change_parts_what_was_one_version_and_may_move_its_start() -> None:
    same = customer("2024-03-01", city="Bonn")
    assert cities(BONN, same) == [(JAN, INFINITY, "Bonn", "new")]
    assert cities(BONN, same, customer("2024-02-01", city="Kiel"))[1:] == [
        (FEB, MAR, "Kiel", "changed"),
        (MAR, INFINITY, "Bonn", "changed"),
    ]
    assert cities(same, customer("2024-02-01", city="Bonn")) == [(FEB, INFINITY, "Bonn", "new")]


def test_a_deleted_key_has_no_current_version_until_it_returns_with_the_same_content() -> None:
    gone = customer("2024-02-01", op="delete")
    assert cities(BONN, gone) == [(JAN, FEB, "Bonn", "new")]
    assert only("dim_customer", BONN, gone)["is_current"] is False
    assert cities(BONN, gone, customer("2024-03-01", city="Bonn")) == [
        (JAN, FEB, "Bonn", "new"),
        (MAR, INFINITY, "Bonn", "returned"),
    ]


def test_a_delete_leaves_the_name_and_the_segments_of_the_last_upsert() -> None:
    gone = customer("2024-03-01", op="delete", name="Eve", segment="c", registered_on="2020-01-01")
    row = only("dim_customer", customer("2024-01-01", segment="a"), customer("2024-02-01", segment="b"), gone)
    found = (row["name"], row["segment"], row["previous_segment"], row["registered_on"])
    assert found == ("Ann", "b", "a", date(2020, 1, 1))


def test_a_delete_told_late_ends_the_version_before_and_makes_the_next_a_return() -> None:
    assert cities(BONN, ULM, customer("2024-02-01", op="delete")) == [
        (JAN, FEB, "Bonn", "new"),
        (MAR, INFINITY, "Ulm", "returned"),
    ]


def test_a_delete_with_nothing_open_does_nothing() -> None:
    gone = customer("2024-01-01", op="delete")
    assert cities(gone) == []
    assert cities(gone, ULM) == [(MAR, INFINITY, "Ulm", "new")]
    twice = cities(BONN, customer("2024-02-01", op="delete"), customer("2024-02-02", op="delete"))
    assert twice == [(JAN, FEB, "Bonn", "new")]


def test_of_changes_at_one_instant_the_last_number_counts_however_the_instant_is_written() -> None:
    first = customer("2024-02-01T01:00:00+01:00", 9, city="Kiel", registered_on="2020-01-01")
    last = customer("2024-01-31T19:00-05:00", 10, city="Ulm", registered_on="2021-01-01", name="Eve")
    assert cities(BONN, last, first) == [(JAN, FEB, "Bonn", "new"), (FEB, INFINITY, "Ulm", "changed")]
    row = only("dim_customer", last, first)
    assert (row["name"], row["registered_on"]) == ("Eve", date(2020, 1, 1))
    assert cities(BONN, first, customer("2024-02-01", 10, "delete")) == [(JAN, FEB, "Bonn", "new")]


def test_equal_content_opens_no_version_and_what_is_not_tracked_changes_in_place() -> None:
    row = only("dim_customer", BONN, customer("2024-02-01", city="Bonn", name="Eve", segment="s"))
    assert (row["valid_from"], row["name"], row["segment"], row["version_no"]) == (JAN, "Eve", "s", 1)


def test_null_is_a_value_of_tracked_columns_and_equals_itself() -> None:
    nothing = [customer("2024-02-01"), customer("2024-02-02")]
    assert cities(BONN, *nothing) == [(JAN, FEB, "Bonn", "new"), (FEB, INFINITY, None, "changed")]


def test_a_conflict_in_a_later_file_takes_back_what_was_accepted() -> None:
    kiel, contradiction = customer("2024-02-01", city="Kiel"), customer("2024-02-01T00:00Z", city="Bern")
    files = [*delivered(BONN, ULM, kiel), ("later.csv", delivered(contradiction)[0][1])]
    found = tables(files)
    assert [row["city"] for row in tables(files[:1])["dim_customer"]] == ["Bonn", "Kiel", "Ulm"]
    assert [row["city"] for row in found["dim_customer"]] == ["Bonn", "Ulm"]
    assert found["rejected"] == [
        {
            "file": file,
            "line": number,
            "column": "change_no",
            "rule": "conflicting_change",
            "text": f"C1,{when},1,upsert,Ann,,,,{city},,,,,",
        }
        for file, number, when, city in [
            ("customers.csv", 4, "2024-02-01", "Kiel"),
            ("later.csv", 2, "2024-02-01T00:00Z", "Bern"),
        ]
    ]


@pytest.mark.parametrize(
    ("segments", "current", "previous"),
    [
        (["a"], "a", None),
        (["a", "a"], "a", None),
        (["a", "b"], "b", "a"),
        (["a", "b", "b"], "b", "a"),
        (["a", "b", "c"], "c", "b"),
        (["a", "b", "a"], "a", "b"),
        (["a", ""], None, "a"),
        (["a", "b", ""], None, "b"),
        (["a", "", "c"], "c", None),
        (["", ""], None, None),
    ],
)
def test_the_previous_segment_is_the_last_other_one(segments: list[str], current: str, previous: str) -> None:
    told = [customer(f"2024-01-0{day}", segment=each, city=str(day)) for day, each in enumerate(segments, 1)]
    rows = tables(delivered(*told))["dim_customer"]
    assert {(row["segment"], row["previous_segment"]) for row in rows} == {(current, previous)}


def test_types_0_and_1_are_the_first_told_and_the_last_on_every_version_also_over_a_delete() -> None:
    told = [
        customer("2024-01-01", city="Bonn", email="a@b"),
        customer("2024-01-02", city="Ulm", registered_on="2021-01-01", email="c@d"),
        customer("2024-01-03", op="delete"),
        customer("2024-01-04", city="Kiel", registered_on="2020-01-01", name="Eve"),
    ]
    rows = tables(delivered(*told))["dim_customer"]
    assert [(row["version_no"], row["change_reason"]) for row in rows] == [(1, "new"), (2, "changed"), (3, "returned")]
    assert {(row["registered_on"], row["name"], row["email"]) for row in rows} == {(date(2021, 1, 1), "Eve", None)}


def test_a_product_remembers_its_line_and_keeps_its_price_before() -> None:
    told = [product("2024-01-01", msrp="5"), product("2024-02-01", product_line="old", msrp="6.5", status="off")]
    rows = tables(delivered(*told))["dim_product"]
    assert [(row["product_line"], row["status"], row["valid_from"]) for row in rows] == [
        ("lights", None, JAN),
        ("old", "off", FEB),
    ]
    assert {(row["msrp"], row["previous_msrp"]) for row in rows} == {(Decimal("6.50"), Decimal("5.00"))}


def test_what_was_valid_then_is_what_the_changes_until_then_say() -> None:
    files = delivered(BONN, ULM, customer("2024-02-01", op="delete"))
    for instant, city in [(JAN, "Bonn"), (FEB - timedelta(microseconds=1), "Bonn"), (FEB, None), (MAR, "Ulm")]:
        assert [row["city"] for row in versions_at(tables(files), instant)["dim_customer"]] == [city] * (
            city is not None
        )
        assert [row["city"] for row in state_at(files, instant)["dim_customer"].values()] == [city] * (city is not None)


# ---- reading ------------------------------------------------------------------------------------------------------

BROKEN = [
    (customer("2024-01-01", customer_id=""), "customer_id", "missing"),
    (customer("2024-01-01", name=""), "name", "missing"),
    (product("2024-01-01", product_line=""), "product_line", "missing"),
    (customer("2024-01-01", op="merge"), "op", "unknown_op"),
    (customer("2024-01-01", 0), "change_no", "out_of_range"),
    (customer("2024-01-01", change_no="1.0"), "change_no", "not_a_number"),
    (customer("2024-01-01", change_no="9" * 5000), "change_no", "out_of_range"),
    (customer("2024-01-01T00:00"), "changed_at", "not_a_time"),
    (customer("2024-02-30"), "changed_at", "not_a_time"),
    (customer("2024-01-01T00:00:00.1234567Z"), "changed_at", "not_a_time"),
    (customer("2024-01-01T24:00Z"), "changed_at", "not_a_time"),
    (customer("0001-01-01T00:00+01:00"), "changed_at", "out_of_range"),
    (customer("1900-01-01T00:00+01:00"), "changed_at", "out_of_range"),
    (customer("2199-12-31T23:00-01:00"), "changed_at", "out_of_range"),
    (customer("2024-01-01", registered_on="1899-12-31"), "registered_on", "out_of_range"),
    (customer("2024-01-01", customer_id="a\u200bb"), "customer_id", "invisible_characters"),
    (line("2024-01-01", product_id="é" * 401), "product_id", "key_too_long"),
    (customer("2024-01-01", registered_on="2024-01-01T00:00Z"), "registered_on", "not_a_time"),
    (product("2024-01-01", msrp="-1"), "msrp", "out_of_range"),
    (line("2024-01-01", quantity="-1"), "quantity", "out_of_range"),
    (line("2024-01-01", amount="1.005"), "amount", "out_of_range"),
    (line("2024-01-01", amount="1000000000000"), "amount", "out_of_range"),
    (line("2024-01-01", amount="1e3"), "amount", "not_a_number"),
    (line("2024-01-01", amount="NaN"), "amount", "not_a_number"),
    (line("2024-01-01", promotions="A||B"), "promotions", "promotion_form"),
    (line("2024-01-01", promotions="a"), "promotions", "promotion_form"),
    (event("lost", "2024-01-01"), "event", "unknown_event"),
    (back("2024-01-01", quantity=0), "quantity", "out_of_range"),
    (line("x", quantity="x"), "ordered_at", "not_a_time"),  # the first of two
]


@pytest.mark.parametrize(("told", "column", "rule"), BROKEN)
def test_a_row_that_breaks_a_rule_is_refused_at_its_column(told: Told, column: str, rule: str) -> None:
    found = tables(delivered(told))
    assert [(row["line"], row["column"], row["rule"]) for row in found["rejected"]] == [(2, column, rule)]
    assert [name for name, rows in found.items() if len(rows) > 1 or (rows and name.startswith(("fct_", "late")))] == []


def test_a_row_with_too_many_fields_is_refused_at_the_line_where_it_begins() -> None:
    content = written("order_events", []) + b'\r\nO1,paid,"2024-\n01-01",\r\nO1,paid,2024-01-01\r\n'
    found = tables([("e.csv", content)])
    text = 'O1,paid,"2024-\n01-01",'
    assert found["rejected"] == [{"file": "e.csv", "line": 3, "column": "", "rule": "field_count", "text": text}]
    assert found["late_facts"] == [{"order_id": "O1", "event": "paid", "happened_at": JAN}]


def test_the_same_content_written_in_another_way_is_the_same_row() -> None:
    one = line("2024-01-01", amount="10", promotions="A|B")
    other = line("2024-01-01T05:30+0530", amount="+10.0", quantity="01", promotions="B|A|B")
    assert only("fct_order_lines", one, other, one)["promotion_group_key"] == ("A", "B")


def test_a_file_may_be_zipped_and_begin_with_a_mark_and_has_to_be_of_some_kind() -> None:
    name, content = delivered(BONN)[0]
    assert tables([(name + ".gz", gzip.compress(b"\xef\xbb\xbf" + content))]) == tables([(name, content)])
    with pytest.raises(ValueError, match="of no kind of file"):
        tables([("x.csv", b"customer_id,changed_at\r\n")])
    assert sorted(COLUMNS) == ["cdnow", "customers", "order_events", "orders", "products", "returns"]


def test_cdnows_records_are_order_lines() -> None:
    found = tables([cdnow(" 00001 19970101  1   11.77", " 00001 19970101  1   11.77", " 00002 19970230  1 1.00")])
    first, second = found["fct_order_lines"]
    assert (
        first
        == second | {"order_id": "CDNOW-000002"}
        == {
            "order_id": "CDNOW-000002",
            "line_no": 1,
            "customer_key": -1,
            "product_key": -2,
            "date_key": 19970101,
            "profile_key": ("web", "not told", False),
            "promotion_group_key": (),
            "ordered_at": at(1997, 1, 1),
            "quantity": 1,
            "amount": Decimal("11.77"),
        }
    )
    place = {"file": "CDNOW_master.txt", "line": 4, "text": " 00002 19970230  1 1.00"}
    assert found["rejected"] == [place | {"column": "date", "rule": "not_a_time"}]
