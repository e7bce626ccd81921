"""Larger deliveries for `orrery bench nebula` are what they say: no key twice, no row refused, customers who are there."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from orrery import benchmark, catalogue

NEBULA = catalogue.find("p07_nebula")
KEYS = {"customers": ("customer_id", "change_no"), "orders": ("order_id", "line_no")}


def made(kind: str, folder: Path, rows: int) -> list[dict[str, str]]:
    """The rows of a file of that size."""
    catalogue.function(NEBULA, f"scaling:{kind}")(NEBULA.inputs[kind].sample, folder / kind, rows)
    with (folder / kind).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("rows", [1, 4_000, 70_000])
def test_files_have_so_many_rows_and_orders_customers_who_are_told(tmp_path: Path, rows: int) -> None:
    customers, orders = (made(kind, tmp_path, rows) for kind in ("customers", "orders"))
    assert len(customers) == len(orders) == rows
    for kind, found in (("customers", customers), ("orders", orders)):
        assert len({tuple(row[name] for name in KEYS[kind]) for row in found}) == rows
    known = {row["customer_id"] for row in customers}
    assert {row["customer_id"] for row in orders} <= known


def test_every_row_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = benchmark.curve(NEBULA, [1], base=3_000, runs=1, settings={}, told=lambda _: None)
    assert [size["rows"] for size in found["sizes"]] == [3_000]
    assert set(found["host"]["engines"]) == {"postgres"}
