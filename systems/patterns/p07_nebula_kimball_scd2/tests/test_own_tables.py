"""Tables of other systems through a mapping: what is proposed, what is refused, and what is in the model then."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import yaml

from orrery.claims import Trial

CRM = b"""Id,Account Name,Email,Customer Segment,Street Address,City,State/Province,Zip,Country,Last Modified,Created
A-1,Acme,a@example.com,gold,1 Main St,Ulm,BW,89073,Germany,2024-03-01 10:00:00,2020-05-06
A-2,Bolt,,silver,2 Side St,Bonn,NW,53111,Germany,2024-03-02 11:30:00,2021-01-31
A-3,Cord,,,3 End St,Kiel,,24103,Germany,1824-03-03 12:00:00,2021-02-01
"""
CRM += b"".join(b"B-%d,Dent,,,4 Far St,Jena,,07743,Germany,2024-03-03 12:00:00,2021-02-02\n" % n for n in range(40))
SALES = b"""Row ID;Order ID;Order Date;Ship Mode;Customer ID;Product ID;Sales;Quantity
1;CA-1;31.12.2023;First Class;A-1;P-1;1.261,96;2
2;CA-1;31.12.2023;First Class;A-1;P-2;731,94;3
3;CA-2;05.03.2024;Second Class;A-1;P-1;14,62;1
"""


@pytest.fixture
def mapped(trial: Trial) -> Trial:
    """A customer's table and a table of sales, in the inbox."""
    trial.deliver("crm.csv", CRM)
    trial.deliver("sales.csv", SALES)
    return trial


def run(trial: Trial, kind: str, *more: str) -> str:
    """Map a table as it is proposed, and load it; gives what the mapping's command printed."""
    path = trial.folder / "inbox" / f"{ {'customers': 'crm', 'orders': 'sales'}[kind] }.csv"
    said = trial.call(["data", "map", "nebula", str(path), "--input", kind])
    assert said.exit_code == 0, said.stderr
    mapping = trial.folder / f"{path.stem}.map.yaml"
    told = yaml.safe_load(mapping.read_text(encoding="utf-8")) | {"refusedRowsLimit": 0.5}
    mapping.write_text(yaml.safe_dump(told), encoding="utf-8")
    checked = trial.call(["data", "validate", "nebula", str(path), "--map", str(mapping), "--input", kind])
    assert "would be refused" in checked.stdout
    done = trial.call(["run", "nebula", "--data", f"{kind}={path}", "--map", str(mapping), "--confirm", *more])
    assert done.exit_code == 0, done.stderr
    return said.stdout


def test_a_table_of_customers_becomes_changes(mapped: Trial) -> None:
    proposed = run(mapped, "customers")
    assert "crm.map.yaml --input customers" not in proposed, "the first input is meant without a name"
    assert "crm.map.yaml" in proposed
    rows = [row for row in mapped.target.rows("p07_nebula.dim_customer") if row["customer_id"][:2] == "A-"]
    assert sorted(
        (row["customer_id"], row["name"], row["city"], row["segment"], row["valid_from"]) for row in rows
    ) == [
        ("A-1", "Acme", "Ulm", "gold", datetime(2024, 3, 1, 10, tzinfo=UTC)),
        ("A-2", "Bolt", "Bonn", "silver", datetime(2024, 3, 2, 11, 30, tzinfo=UTC)),
    ]
    assert {row["registered_on"] for row in rows} == {date(2020, 5, 6), date(2021, 1, 31)}
    assert [(row["line"], row["column_name"]) for row in mapped.target.rejects()] == [(4, "Last Modified")]


def test_a_table_of_sales_finds_the_version_that_was_valid(mapped: Trial) -> None:
    run(mapped, "customers")
    assert "--input orders" in run(mapped, "orders")
    rows = mapped.target.query(
        "select order_id, line_no, amount, valid_from is not null and customer_key > 0 as is_known"
        " from p07_nebula.fct_order_lines join p07_nebula.dim_customer using (customer_key) order by order_id, line_no"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("CA-1", 1, Decimal("1261.96"), False),  # A-1 is told of from March on
        ("CA-1", 2, Decimal("731.94"), False),
        ("CA-2", 3, Decimal("14.62"), True),
    ]


def test_a_mapping_of_cdnow_is_not_one(mapped: Trial) -> None:
    refused = mapped.call(["data", "map", "nebula", str(mapped.folder / "inbox" / "crm.csv"), "--input", "cdnow"])
    assert refused.exit_code == 2
    assert "takes no mapping for 'cdnow'" in refused.stderr
