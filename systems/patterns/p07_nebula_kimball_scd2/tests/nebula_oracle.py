"""What Nebula's published tables must hold after any deliveries, worked out from the bytes of the files alone.

A second, independent reading of the specification in plain Python, to compare the database with.  Rows are dicts under
the column names of the specification.  Surrogate keys are no two builds' business, so that facts have in their place
what they stand for: (natural key, valid_from) of a version of customer or product, or -1 or -2; the values of a profile;
the sorted codes of a promotion group.  Instants are aware and UTC, amounts and weights decimals, an open valid_to is
`INFINITY`.  The members -1 and -2 of dim_customer, dim_product and dim_promotion are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import nebula_facts as facts
from nebula_history import BEGINNING, CUSTOMER, INFINITY, PRODUCT, PointInTime, dimension, replayed
from nebula_rules import accepted

if TYPE_CHECKING:
    from nebula_files import Files

Row = dict[str, Any]
Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def tables(files: Files) -> dict[str, list[Row]]:
    """Every published table by name, each sorted by its natural key."""
    taken = accepted(files)
    customers, products = dimension(taken.customers, CUSTOMER), dimension(taken.products, PRODUCT)
    shop = facts.Shop(taken, PointInTime(customers, CUSTOMER), PointInTime(products, PRODUCT))
    order_lines, returns, fulfilment = facts.order_lines(shop), facts.returns(shop), facts.order_fulfilment(shop)
    return {
        "dim_customer": customers,
        "dim_product": products,
        "dim_date": facts.dates([order_lines, returns, fulfilment]),
        "dim_order_profile": facts.order_profiles(taken.orders),
        "dim_promotion": facts.promotions(taken.orders),
        "bridge_promotion_group": facts.promotion_groups(taken.orders),
        "fct_order_lines": order_lines,
        "fct_returns": returns,
        "fct_order_fulfilment": fulfilment,
        "fct_customer_month": facts.customer_month(shop),
        "late_facts": facts.late_facts(shop),
        "rejected": taken.rejected,
    }


def versions_at(published: Tables, instant: datetime) -> dict[str, list[Row]]:
    """The rows of dim_customer and dim_product that are valid at an instant; of tables however made, less members."""
    return {
        name: [
            dict(row)
            for row in published[name]
            if row["valid_from"] != BEGINNING
            and row["valid_from"] <= instant
            and (row["valid_to"] == INFINITY or instant < row["valid_to"])
        ]
        for name in ("dim_customer", "dim_product")
    }


def state_at(files: Files, instant: datetime) -> dict[str, dict[str, Row]]:
    """The type-2 columns by dimension and key at an instant, by playing the changes until then once more.

    It knows nothing of versions, so that it is a check of `versions_at`.
    """
    taken = accepted(files)
    return {
        "dim_customer": replayed(taken.customers, CUSTOMER, instant),
        "dim_product": replayed(taken.products, PRODUCT, instant),
    }
