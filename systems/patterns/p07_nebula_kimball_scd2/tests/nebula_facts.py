"""The facts and the dimensions that facts alone make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from nebula_history import NOT_APPLICABLE, UNKNOWN, PointInTime

if TYPE_CHECKING:
    from nebula_rows import OrderLine, Return
    from nebula_rules import Accepted

Row = dict[str, Any]

NOT_TOLD = "not told"
EVENTS = ("paid", "shipped", "delivered", "cancelled")
"""By rank: the last that happened is the status, ordered before them all."""
_NOTHING = Decimal("0.00")
_HOURS = Decimal("0.01")
_WEIGHT = Decimal("0.000001")


@dataclass(frozen=True)
class Shop:
    """What the facts are made from."""

    accepted: Accepted
    customers: PointInTime
    products: PointInTime

    @cached_property
    def lines_by_key(self) -> dict[tuple[str, int], OrderLine]:
        """The order lines by (order_id, line_no)."""
        return {(line.order_id, line.line_no): line for line in self.accepted.orders}


def date_key(at: datetime | None) -> int:
    """The day as yyyymmdd, UNKNOWN for no instant."""
    return UNKNOWN if at is None else at.year * 10_000 + at.month * 100 + at.day


# ---- transactions -------------------------------------------------------------------------------------------------


def _profile(line: OrderLine) -> tuple[str, str, bool]:
    return line.channel or NOT_TOLD, line.payment or NOT_TOLD, bool(line.promotions)


def order_lines(shop: Shop) -> list[Row]:
    """fct_order_lines, by order_id and line_no; promotion_group_key is () for the group without promotions."""
    return [
        {
            "order_id": line.order_id,
            "line_no": line.line_no,
            "customer_key": shop.customers.version(line.customer_id, line.ordered_at),
            "product_key": shop.products.version(line.product_id, line.ordered_at),
            "date_key": date_key(line.ordered_at),
            "profile_key": _profile(line),
            "promotion_group_key": line.promotions,
            "ordered_at": line.ordered_at,
            "quantity": line.quantity,
            "amount": line.amount,
        }
        for line in sorted(shop.accepted.orders)
    ]


def returns(shop: Shop) -> list[Row]:
    """fct_returns, by return_id."""
    lines = shop.lines_by_key
    rows = []
    for back in sorted(shop.accepted.returns, key=lambda each: each.return_id):
        line = lines.get((back.order_id, back.line_no))
        at = back.returned_at
        rows.append(
            {
                "return_id": back.return_id,
                "order_id": back.order_id,
                "line_no": back.line_no,
                "customer_key": UNKNOWN if line is None else shop.customers.version(line.customer_id, at),
                "product_key": UNKNOWN if line is None else shop.products.version(line.product_id, at),
                "returned_date_key": date_key(at),
                "ordered_date_key": date_key(line and line.ordered_at),
                "quantity": back.quantity,
                "amount": back.amount,
                "reason": back.reason,
            }
        )
    return rows


# ---- snapshots ----------------------------------------------------------------------------------------------------


def _hours(start: datetime, end: datetime | None) -> Decimal | None:
    """From start to end, with two decimals, halves away from zero."""
    if end is None:
        return None
    return (Decimal((end - start) // timedelta(microseconds=1)) / 3_600_000_000).quantize(_HOURS, ROUND_HALF_UP)


def _total(rows: Sequence[OrderLine | Return]) -> Decimal:
    return sum([row.amount for row in rows], _NOTHING) if rows else _NOTHING


def order_fulfilment(shop: Shop) -> list[Row]:
    """fct_order_fulfilment, by order_id.  Its customer is that of the first line by ordered_at, then line_no."""
    orders: dict[str, list[OrderLine]] = defaultdict(list)
    happened: dict[str, dict[str, datetime]] = defaultdict(dict)
    returned: dict[str, list[Return]] = defaultdict(list)
    for line in shop.accepted.orders:
        orders[line.order_id].append(line)
    for event in shop.accepted.order_events:
        happened[event.order_id][event.event] = event.happened_at
    for back in shop.accepted.returns:
        returned[back.order_id].append(back)
    rows = []
    for order_id in sorted(orders):
        lines, events, backs = orders[order_id], happened.get(order_id, {}), returned.get(order_id, [])
        first = min(lines, key=lambda line: (line.ordered_at, line.line_no))
        row: Row = {"order_id": order_id, "customer_key": shop.customers.version(first.customer_id, first.ordered_at)}
        row["ordered_date_key"] = date_key(first.ordered_at)
        row |= {f"{event}_date_key": date_key(events.get(event)) for event in EVENTS}
        row["first_returned_date_key"] = date_key(min((back.returned_at for back in backs), default=None))
        row |= {"lines": len(lines), "quantity": sum(line.quantity for line in lines)}
        row |= {"amount": _total(lines), "returned_amount": _total(backs)}
        row["hours_to_ship"] = _hours(first.ordered_at, events.get("shipped"))
        row["hours_to_deliver"] = _hours(first.ordered_at, events.get("delivered"))
        row["status"] = ["ordered", *(event for event in EVENTS if event in events)][-1]
        rows.append(row)
    return rows


def late_facts(shop: Shop) -> list[Row]:
    """The events of orders that have no line, by order_id and event."""
    there = {line.order_id for line in shop.accepted.orders}
    return [event._asdict() for event in sorted(shop.accepted.order_events) if event.order_id not in there]


def _month(at: datetime) -> int:
    """Months since the year 0."""
    return at.year * 12 + at.month - 1


@lru_cache(maxsize=10_000)
def _last_instant(month: int) -> datetime:
    year, month_before = divmod(month + 1, 12)
    if year > date.max.year:
        return datetime.max.replace(tzinfo=UTC)
    return datetime(year, month_before + 1, 1, tzinfo=UTC) - timedelta(microseconds=1)


def customer_month(shop: Shop) -> list[Row]:
    """fct_customer_month, by customer_id and month_key; amount and cumulative_amount are before returns.

    A return counts for the customer of its line, so one whose line is not there counts for nobody; and there is no
    month for a return before the first order line.
    """
    sold: dict[str, dict[int, list[OrderLine]]] = defaultdict(lambda: defaultdict(list))
    returned: dict[str, dict[int, list[Return]]] = defaultdict(lambda: defaultdict(list))
    for line in shop.accepted.orders:
        sold[line.customer_id][_month(line.ordered_at)].append(line)
    lines = shop.lines_by_key
    for back in shop.accepted.returns:
        if line_of := lines.get((back.order_id, back.line_no)):
            returned[line_of.customer_id][_month(back.returned_at)].append(back)
    rows = []
    for customer_id in sorted(sold):
        months, backs = sold[customer_id], returned.get(customer_id, {})
        cumulative, last_order = _NOTHING, min(months)
        for month in range(min(months), max(*months, *backs, min(months)) + 1):
            in_month = months.get(month, [])
            amount = _total(in_month)
            cumulative += amount
            if in_month:
                last_order = month
            rows.append(
                {
                    "customer_id": customer_id,
                    "customer_key": shop.customers.version(customer_id, _last_instant(month)),
                    "month_key": month // 12 * 100 + month % 12 + 1,
                    "orders": len({line.order_id for line in in_month}),
                    "quantity": sum(line.quantity for line in in_month),
                    "amount": amount,
                    "returned_amount": _total(backs.get(month, [])),
                    "cumulative_amount": cumulative,
                    "months_since_order": month - last_order,
                }
            )
    return rows


# ---- dimensions ---------------------------------------------------------------------------------------------------


def order_profiles(lines: Iterable[OrderLine]) -> list[Row]:
    """dim_order_profile, by its values."""
    names = ("channel", "payment", "is_promoted")
    return [dict(zip(names, profile, strict=True)) for profile in sorted(set(map(_profile, lines)))]


def promotions(lines: Iterable[OrderLine]) -> list[Row]:
    """dim_promotion, by code, without its member -2."""
    return [{"code": code} for code in sorted({code for line in lines for code in line.promotions})]


def promotion_groups(lines: Iterable[OrderLine]) -> list[Row]:
    """bridge_promotion_group, by group and code; the group without promotions, (), is always there.

    All codes weigh the same, with six decimals; what that leaves of 1 falls to the first code in text order.
    """
    rows: list[Row] = [{"promotion_group_key": (), "code": NOT_APPLICABLE, "weight": Decimal(1)}]
    for group in sorted({line.promotions for line in lines} - {()}):
        share = Decimal(1_000_000 // len(group)) * _WEIGHT
        for code in group:
            weight = share if code != group[0] else 1 - share * (len(group) - 1)
            rows.append({"promotion_group_key": group, "code": code, "weight": weight})
    return rows


@lru_cache(maxsize=10_000)
def _date_row(ordinal: int) -> Row:
    day = date.fromordinal(ordinal)
    iso = day.isocalendar()
    return {
        "date_key": day.year * 10_000 + day.month * 100 + day.day,
        "full_date": day,
        "year": day.year,
        "quarter": (day.month + 2) // 3,
        "month": day.month,
        "month_key": day.year * 100 + day.month,
        "day_of_month": day.day,
        "day_of_year": day.timetuple().tm_yday,
        "iso_year": iso.year,
        "iso_week": iso.week,
        "iso_day_of_week": iso.weekday,
        "is_weekend": iso.weekday > 5,
    }


def dates(facts: Iterable[Sequence[Row]]) -> list[Row]:
    """dim_date for the days that these facts touch, by date_key; -1 has no other value."""
    touched = set()
    for rows in facts:
        for name in rows[0] if rows else ():
            if name.endswith("date_key"):
                touched |= {row[name] for row in rows}
    days = [dict.fromkeys(_date_row(1), None) | {"date_key": UNKNOWN}]
    if touched := touched - {UNKNOWN}:
        first, last = date(min(touched) // 10_000, 1, 1), date(max(touched) // 10_000, 12, 31)
        days += [_date_row(day).copy() for day in range(first.toordinal(), last.toordinal() + 1)]
    return days
