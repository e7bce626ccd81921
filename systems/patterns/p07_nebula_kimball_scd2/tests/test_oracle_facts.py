"""The oracle's facts on examples made by hand, each with what has to come out written down."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from nebula_oracle import tables
from nebula_oracle_deliveries import Told, back, customer, delivered, event, line, product

JAN, FEB = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
LAST_OF_JANUARY = "2024-01-31T23:59:59.999999Z"
HISTORY = [
    customer("2024-01-01", city="Bonn"),
    customer("2024-02-01", city="Ulm"),
    product("2024-01-01"),
    product("2024-02-01", product_line="old"),
]


def made(table: str, *told: Told) -> list[dict[str, Any]]:
    return tables(delivered(*told))[table]


def months(*told: Told, columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns.split()) for row in made("fct_customer_month", *told)]


@pytest.mark.parametrize(
    ("ordered_at", "customer_key", "product_key"),
    [
        ("2023-12-31T23:59:59.999999Z", -1, -1),
        ("2024-01-01", ("C1", JAN), ("P1", JAN)),
        (LAST_OF_JANUARY, ("C1", JAN), ("P1", JAN)),
        ("2024-02-01", ("C1", FEB), ("P1", FEB)),
        ("2024-02-01T00:59+01:00", ("C1", JAN), ("P1", JAN)),
        ("2024-03-01", -1, ("P1", FEB)),
    ],
)
def test_a_line_has_the_versions_that_were_valid_when_it_was_ordered(
    ordered_at: str, customer_key: object, product_key: object
) -> None:
    (row,) = made("fct_order_lines", *HISTORY, customer("2024-03-01", op="delete"), line(ordered_at))
    assert (row["customer_key"], row["product_key"]) == (customer_key, product_key)


def test_a_line_moves_to_the_version_that_comes_late_and_back_when_that_is_taken_back() -> None:
    late, contradiction = customer("2024-01-10", city="Kiel"), customer("2024-01-10", city="Bern")
    keys = []
    for told in ([], [late], [late, contradiction]):
        (row,) = made("fct_order_lines", *HISTORY, line("2024-01-20"), *told)
        keys.append(row["customer_key"])
    assert keys == [("C1", JAN), ("C1", datetime(2024, 1, 10, tzinfo=UTC)), ("C1", JAN)]


def test_a_product_that_is_not_told_is_another_member_than_one_that_is_not_there() -> None:
    told = [line("2024-01-01", product_id=""), line("2024-01-01", line_no=2, product_id="P9")]
    assert [row["product_key"] for row in made("fct_order_lines", *HISTORY, *told)] == [-2, -1]
    assert made("fct_returns", *HISTORY, told[0], back("2024-01-02"))[0]["product_key"] == -2


def test_lines_that_contradict_are_both_refused_and_their_return_waits() -> None:
    found = tables(delivered(line("2024-01-01"), line("2024-01-01", quantity=2), back("2024-01-02")))
    refused = [(row["line"], row["column"], row["rule"]) for row in found["rejected"]]
    assert refused == [(2, "line_no", "conflicting_line"), (3, "line_no", "conflicting_line")]
    assert (found["fct_order_lines"], found["fct_returns"][0]["customer_key"]) == ([], -1)


def test_events_and_returns_that_contradict_are_refused() -> None:
    told = [
        event("paid", "2024-01-01"),
        event("paid", "2024-01-02"),
        back("2024-01-02"),
        back("2024-01-02", reason="x"),
    ]
    assert [(row["column"], row["rule"]) for row in made("rejected", *told)] == [
        *[("event", "conflicting_event")] * 2,
        *[("return_id", "conflicting_return")] * 2,
    ]


def test_a_return_before_its_line_knows_nobody_until_the_line_comes() -> None:
    returned = back("2024-02-01T00:00:00Z", reason="broken")
    row = {
        "return_id": "R1",
        "order_id": "O1",
        "line_no": 1,
        "customer_key": -1,
        "product_key": -1,
        "returned_date_key": 20240201,
        "ordered_date_key": -1,
        "quantity": 1,
        "amount": Decimal("4.00"),
        "reason": "broken",
    }
    assert made("fct_returns", *HISTORY, returned) == [row]
    assert made("fct_order_fulfilment", *HISTORY, returned) == []
    assert made("fct_returns", *HISTORY, returned, line(LAST_OF_JANUARY)) == [
        row | {"customer_key": ("C1", FEB), "product_key": ("P1", FEB), "ordered_date_key": 20240131}
    ]


def test_an_event_before_its_line_is_kept_aside_until_the_line_comes() -> None:
    paid = event("paid", "2024-01-02")
    waits = {"order_id": "O1", "event": "paid", "happened_at": datetime(2024, 1, 2, tzinfo=UTC)}
    assert made("late_facts", paid) == [waits]
    assert made("dim_date", paid)[1:] == []
    assert made("late_facts", paid, line("2024-01-03")) == []
    assert made("fct_order_fulfilment", paid, line("2024-01-03"))[0]["paid_date_key"] == 20240102


def test_every_column_of_an_order() -> None:
    told = [
        line("2024-01-02", line_no=1, quantity=2, customer_id="C2"),
        line("2024-01-01T12:00Z", line_no=2, quantity=3, amount="5.50"),
        event("shipped", "2024-01-02T12:20Z"),
        event("delivered", "2024-01-01T11:59:59.999999Z"),
        back("2024-02-03", line_no=2),
        back("2024-02-02", line_no=7, return_id="R2", amount="1"),
    ]
    assert made("fct_order_fulfilment", *HISTORY, *told) == [
        {
            "order_id": "O1",
            "customer_key": ("C1", JAN),
            "ordered_date_key": 20240101,
            "paid_date_key": -1,
            "shipped_date_key": 20240102,
            "delivered_date_key": 20240101,
            "cancelled_date_key": -1,
            "first_returned_date_key": 20240202,
            "lines": 2,
            "quantity": 5,
            "amount": Decimal("15.50"),
            "returned_amount": Decimal("5.00"),
            "hours_to_ship": Decimal("24.33"),
            "hours_to_deliver": Decimal("0.00"),
            "status": "delivered",
        }
    ]


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ("", "ordered"),
        ("paid", "paid"),
        ("shipped paid", "shipped"),
        ("delivered", "delivered"),
        ("cancelled delivered paid", "cancelled"),
    ],
)
def test_the_status_is_the_highest_in_rank_and_not_the_last_in_time(events: str, status: str) -> None:
    told = [event(name, f"2024-01-0{day}") for day, name in enumerate(events.split(), 2)]
    assert made("fct_order_fulfilment", line("2024-01-01"), *told)[0]["status"] == status


def test_months_have_no_gaps_from_the_first_order_to_the_last_order_or_return() -> None:
    told = [
        line("2023-11-30T23:00-01:00"),  # December in UTC
        line("2023-12-05", line_no=2, amount="5"),
        line("2024-02-10", order_id="O2", quantity=4, amount="1.25"),
        back("2024-03-31T23:59:59.999999Z"),
        back("2024-02-11", return_id="R2", line_no=2, amount="1"),
        back("2023-11-01", return_id="R3", line_no=2, amount="2"),  # before anything was ordered
        back("2024-09-01", return_id="R4", line_no=3, amount="2"),  # of no line
    ]
    columns = "month_key orders quantity amount returned_amount cumulative_amount months_since_order"
    assert months(*told, columns=columns) == [
        (202312, 1, 2, Decimal("15.00"), 0, Decimal("15.00"), 0),
        (202401, 0, 0, 0, 0, Decimal("15.00"), 1),
        (202402, 1, 4, Decimal("1.25"), Decimal("1.00"), Decimal("16.25"), 0),
        (202403, 0, 0, 0, Decimal("4.00"), Decimal("16.25"), 1),
    ]


def test_a_month_has_the_version_of_its_last_instant() -> None:
    told = [line("2024-01-01"), line("2024-04-01", line_no=2), customer("2024-03-31T23:59:59.999999Z", op="delete")]
    assert months(*HISTORY, *told, columns="customer_id month_key customer_key") == [
        ("C1", 202401, ("C1", JAN)),
        ("C1", 202402, ("C1", FEB)),
        ("C1", 202403, -1),
        ("C1", 202404, -1),
    ]


def test_the_last_month_there_is() -> None:
    assert months(*HISTORY, line("2199-12-31"), columns="month_key customer_key") == [(219912, ("C1", FEB))]


def test_profiles_promotions_and_their_groups_are_those_that_occur() -> None:
    told = [
        line("2024-01-01", channel="web", promotions="B|C|A|A"),
        line("2024-01-01", line_no=2, promotions="C"),
        line("2024-01-01", line_no=3, payment="card"),
        line("2024-01-01", line_no=4, payment="card"),
    ]
    found = tables(delivered(*told))
    assert [tuple(row.values()) for row in found["dim_order_profile"]] == [
        ("not told", "card", False),
        ("not told", "not told", True),
        ("web", "not told", True),
    ]
    assert found["dim_promotion"] == [{"code": "A"}, {"code": "B"}, {"code": "C"}]
    assert [tuple(row.values()) for row in found["bridge_promotion_group"]] == [
        ((), -2, 1),
        (("A", "B", "C"), "A", Decimal("0.333334")),
        (("A", "B", "C"), "B", Decimal("0.333333")),
        (("A", "B", "C"), "C", Decimal("0.333333")),
        (("C",), "C", 1),
    ]
    lines = found["fct_order_lines"]
    assert [row["promotion_group_key"] for row in lines] == [("A", "B", "C"), ("C",), (), ()]
    assert lines[3]["profile_key"] == ("not told", "card", False)


def test_the_calendar_has_whole_years_from_the_first_to_the_last_touched() -> None:
    rows = made("dim_date", line("2022-12-31"), back("2024-01-01"))
    assert (len(rows), rows[0]["date_key"], rows[0]["year"]) == (1 + 365 + 365 + 366, -1, None)
    assert [rows[1]["date_key"], rows[-1]["date_key"]] == [20220101, 20241231]
    assert rows[365 + 1] == {
        "date_key": 20230101,
        "full_date": date(2023, 1, 1),
        "year": 2023,
        "quarter": 1,
        "month": 1,
        "month_key": 202301,
        "day_of_month": 1,
        "day_of_year": 1,
        "iso_year": 2022,
        "iso_week": 52,
        "iso_day_of_week": 7,
        "is_weekend": True,
    }


def test_without_deliveries_there_is_next_to_nothing() -> None:
    assert {name: len(rows) for name, rows in tables([]).items() if rows} == {
        "dim_date": 1,
        "bridge_promotion_group": 1,
    }
