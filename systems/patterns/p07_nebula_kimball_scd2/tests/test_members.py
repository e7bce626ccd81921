"""Keys that are called as the members -1 and -2 are keys like others; what is missing of the tables is made again."""

from __future__ import annotations

from pathlib import Path

from nebula_batches import differing, shop_in
from nebula_oracle_deliveries import Told, back, customer, delivered, line, product

from orrery.claims import Trial

MEMBERS = {("customer", -1), ("customer", -2), ("product", -1), ("product", -2)}
NAMES = ("(unknown)", "(not applicable)")


def test_keys_called_as_members_are_keys_like_others(warehouse_home: Path, tmp_path: Path) -> None:
    orders = [
        line(f"2024-01-0{day}", order_id=f"O{number}{day}", customer_id=name, product_id=name)
        for number, name in enumerate((*NAMES, "C9", "C1"))
        for day in (1, 3)
    ]
    told = [
        each
        for day, name in enumerate(NAMES, start=2)
        for each in (
            customer(f"2024-01-0{day}", customer_id=name),
            product(f"2024-01-0{day}", product_id=name),
            back("2024-01-05", return_id=name, order_id=f"O{day - 2}3"),
        )
    ]
    with shop_in(warehouse_home, tmp_path) as shop:
        for number, rows in enumerate(([*orders, customer("2024-01-01")], told, [customer("2024-01-09", 2, "delete")])):
            shop.land([(f"{number}-{name}", content) for name, content in delivered(*rows)])
            shop.build()
            shop.publish()
            assert differing(shop) == []
        there = shop.query("select 'customer', customer_key from p07_nebula.dim_customer where customer_key < 0")
        there += shop.query("select 'product', product_key from p07_nebula.dim_product where product_key < 0")
        assert set(there) == MEMBERS
        shop.build("--vars", "{everything: 'yes'}")
        assert shop.publish() == 0


def load(trial: Trial, name: str, told: list[Told], *more: str) -> None:
    """A run on customers, which must succeed."""
    path = trial.deliver(name, delivered(*told)[0][1])
    done = trial.call(["run", "nebula", "--json", "--data", f"customers={path}", *more])
    assert done.exit_code == 0, done.stderr


def test_what_is_missing_is_made_again(trial: Trial) -> None:
    first = [customer("2024-01-01")]
    load(trial, "a.csv", first)
    for gone in ("table p07_nebula_raw.builder", "view p07_nebula.sales_then_and_now"):
        trial.target.connection.execute(f"drop {gone}")
    load(trial, "b.csv", [customer("2024-01-02", 2)])
    assert trial.target.query("select count(*) as n from p07_nebula.sales_then_and_now") == [{"n": 0}]
    trial.target.connection.execute("delete from p07_nebula.dim_product where product_key = -1")
    load(trial, "a.csv", first, "--set", "mode=full")
    there = trial.target.query("select product_key from p07_nebula.dim_product order by product_key")
    assert [each["product_key"] for each in there] == [-2, -1]
    assert "not looked at" not in trial.call(["check", "nebula"]).stdout  # what was derived again is this run's


def test_the_number_of_a_file_that_was_taken_out_is_not_anothers(trial: Trial) -> None:
    """Its refusals stand until everything is derived again."""
    rows = [customer(f"2024-01-{day:02}", day) for day in range(1, 12)]
    load(trial, "a.csv", [*rows, customer("never", 99)])
    for table in ("customers", "refused", "files"):
        trial.target.connection.execute(f"delete from p07_nebula_raw.{table}")
    load(trial, "b.csv", [customer("2024-02-01")])
    numbers = trial.target.query("select distinct file_id from p07_nebula.deliveries_rejected")
    assert numbers == [{"file_id": 1}]
    there = trial.target.query("select file_id, rows_read, rows_kept from p07_nebula_raw.files")
    assert there == [{"file_id": 2, "rows_read": 1, "rows_kept": 1}]
