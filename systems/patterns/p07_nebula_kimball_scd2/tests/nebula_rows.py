"""The rows that the specification takes, typed; the first columns of each are its key.

Amounts are decimals with two places, instants are aware and UTC, promotions sorted tuples of codes.  None is a field
that is not told.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple


class CustomerChange(NamedTuple):
    """A row of customers."""

    customer_id: str
    changed_at: datetime
    change_no: int
    op: str
    name: str | None
    email: str | None
    segment: str | None
    street: str | None
    city: str | None
    state: str | None
    postal_code: str | None
    country: str | None
    territory: str | None
    registered_on: date | None


class ProductChange(NamedTuple):
    """A row of products."""

    product_id: str
    changed_at: datetime
    change_no: int
    op: str
    name: str | None
    product_line: str | None
    supplier: str | None
    status: str | None
    msrp: Decimal | None


class OrderLine(NamedTuple):
    """A row of orders, or of CDNOW's file."""

    order_id: str
    line_no: int
    customer_id: str
    product_id: str | None
    ordered_at: datetime
    quantity: int
    amount: Decimal
    channel: str | None
    payment: str | None
    promotions: tuple[str, ...]


class OrderEvent(NamedTuple):
    """A row of order_events."""

    order_id: str
    event: str
    happened_at: datetime


class Return(NamedTuple):
    """A row of returns."""

    return_id: str
    order_id: str
    line_no: int
    returned_at: datetime
    quantity: int
    amount: Decimal
    reason: str | None
