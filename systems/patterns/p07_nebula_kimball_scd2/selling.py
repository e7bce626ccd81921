"""The shop's sample: real orders of two shops, and round them a made-up life of every customer and product.

Also how rows are written in a delivery. What is made up, and wrong on purpose, is told by data/invented.toml.
"""

from __future__ import annotations

import csv
import gzip
import io
import tomllib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_DOWN, Decimal
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from . import generating
from .generating import CUSTOMERS, PLACE, PRODUCTS, Change, Image, Kind, Life, Row

INVENTED = Path(__file__).resolve().parent / "data" / "invented.toml"
COLUMNS: dict[str, tuple[str, ...]] = {
    "customers": CUSTOMERS.columns,
    "products": PRODUCTS.columns,
    "orders": (
        *("order_id", "line_no", "customer_id", "product_id", "ordered_at", "quantity", "amount"),
        *("channel", "payment", "promotions"),
    ),
    "order_events": ("order_id", "event", "happened_at"),
    "returns": ("return_id", "order_id", "line_no", "returned_at", "quantity", "amount", "reason"),
}
# how many of paid, shipped and delivered an order of this status has behind it
STEPS = {"Shipped": 3, "Resolved": 3, "Disputed": 3, "On Hold": 1, "Cancelled": 1, "In Process": 0, "": 3}
DAY = timedelta(days=1)
ENDS = {"C": datetime(1998, 7, 1, tzinfo=UTC), "S": datetime(2005, 6, 1, tzinfo=UTC)}  # of the two shops' files
Rows = list[dict[str, Any]]  # of the Parquet file


class Line(NamedTuple):
    """A real order line."""

    order_id: str
    line_no: int
    customer_id: str
    product_id: str
    ordered_on: datetime
    quantity: int
    amount: Decimal
    status: str  # '' in CDNOW's file, as is product_id


class Told(NamedTuple):
    """A row of a delivery, and when it is told; if it is to be refused, by which column and rule."""

    at: datetime
    row: Row
    column: str = ""
    rule: str = ""


@dataclass(frozen=True, eq=False)
class Sample:
    """The files, unpacked, by name; the truth about the members; where a row is to be refused, and why."""

    files: dict[str, bytes]
    customers: list[Life]
    products: list[Life]
    faults: list[tuple[str, int, str, str]]  # file, line (the header is line 1), column, rule


def sample(cdnow: bytes, sales: bytes, seed: int) -> Sample:
    """Make the shop's files of CDNOW_master.txt (gzip) and the sales dashboard's order lines (Parquet)."""
    made_up: dict[str, Any] = tomllib.loads(INVENTED.read_text(encoding="utf-8"))
    rows = records(sales)
    lines = sold(rows)
    every = lines + bought(cdnow)
    people = customers(generating.seeded(seed, "customers"), rows, every, made_up)
    goods = products(generating.seeded(seed, "products"), rows, made_up)
    told = {
        "customers": _changes(generating.seeded(seed, "told of customers"), CUSTOMERS, people),
        "products": _changes(generating.seeded(seed, "told of products"), PRODUCTS, goods),
        "orders": _orders(generating.seeded(seed, "orders"), lines, made_up),
        "order_events": _events(generating.seeded(seed, "events"), lines),
        "returns": _returns(generating.seeded(seed, "returns"), every, made_up),
    }
    files, faults = {}, []
    for name, tidy in told.items():
        rng = generating.seeded(seed, "untidy", name)
        again = [each for each in tidy if rng.random() < 0.02]
        repeated = [Told(at + rng.randrange(60) * DAY, rewritten(COLUMNS[name], row, rng)) for at, row, *_ in again]
        mixed = sorted(tidy + repeated + _untidy(rng, tidy, name, made_up), key=lambda each: each.at)
        files[name] = table(COLUMNS[name], (each.row for each in mixed))
        faults += [(name, n, each.column, each.rule) for n, each in enumerate(mixed, start=2) if each.rule]
    return Sample(files, people, goods, faults)


def records(sales: bytes) -> Rows:
    """The rows of the sales, each with its customer's number: S001 is the first of the alphabet."""
    read = pq.read_table(pa.BufferReader(sales))
    days = read["order_date"].cast(pa.date32()).to_pylist()
    rows: Rows = read.drop_columns("order_date").to_pylist()
    numbers = {name: f"S{n:03}" for n, name in enumerate(sorted({row["customer_name"] for row in rows}), start=1)}
    for row, day in zip(rows, days, strict=True):
        row.update(day=_midnight(day), customer_id=numbers[row["customer_name"]])
    return rows


def sold(rows: Rows) -> list[Line]:
    """The order lines of the sales, in order; amounts, which are floats there, in cents."""
    lines = [
        Line(
            str(row["order_number"]), row["order_line_number"], row["customer_id"], row["product_code"], row["day"],
            row["quantity_ordered"], Decimal(f"{row['sales']:.2f}"), row["status"],
        )
        for row in rows
    ]  # fmt: skip
    return sorted(lines, key=lambda line: (line.ordered_on, line.order_id, line.line_no))


def bought(cdnow: bytes) -> list[Line]:
    """CDNOW's purchases: an order each, called by the line of the file."""
    cells = [line.split() for line in gzip.decompress(cdnow).decode("ascii").splitlines()]
    return [
        Line(f"CDNOW-{n:06}", 1, f"C{key}", "", _midnight(date.fromisoformat(day)), int(discs), Decimal(dollars), "")
        for n, (key, day, discs, dollars) in enumerate(cells[1:], start=2)
    ]


def customers(rng: Random, rows: Rows, lines: Iterable[Line], made_up: dict[str, Any]) -> list[Life]:
    """A life of each customer: the sales' begin with their own names and addresses, CDNOW's with any of these."""
    real: dict[str, tuple[str, tuple[str | None, ...]]] = {}
    people, first = set(), dict[str, datetime]()
    for row in rows:
        street = ", ".join(filter(None, (row["address_line1"], row["address_line2"])))
        real[row["customer_id"]] = (row["customer_name"], (street, *(row[column] for column in PLACE[1:])))
        people.add((row["contact_first_name"], row["contact_last_name"]))
    for line in lines:
        first[line.customer_id] = min(line.ordered_on, first.get(line.customer_id, line.ordered_on))
    names = {f"{given} {family}" for given, _ in people for _, family in people}
    pools: dict[str, tuple[str | None, ...]] = {"name": tuple(sorted(filter(str.isascii, names)))}
    pools |= {column: tuple(value or None for value in made_up[column]) for column in ("email", "segment")}
    places = {place for _, place in real.values() if "".join(filter(None, place)).isprintable()}
    kind = replace(CUSTOMERS, states=tuple(sorted(places, key=str)), pools=pools)
    lives = []
    for key in sorted(first):
        name, place = real.get(key) or (rng.choice(pools["name"]), rng.choice(kind.states))
        registered = first[key] - DAY * rng.choice((0, 0, rng.randrange(1, 500)))
        image: Image = {**dict(zip(PLACE, place, strict=True)), "name": name}
        image["registered_on"] = registered.date().isoformat()
        image |= {column: generating.written_for(key, rng.choice(pools[column])) for column in ("email", "segment")}
        start = registered + timedelta(seconds=rng.randrange(86_400)) * (registered < first[key] and rng.random() < 0.5)
        if rng.random() < 0.04:  # his first row is about a day on which he has bought already
            start = first[key] + timedelta(hours=rng.randrange(1, 24 * 120))
        chance = rng.random() / (2 if key[0] == "S" else 1)  # of the few real ones more move
        plan: list[str] = next((p["happens"] for p in made_up["plans"] if (chance := chance - p["share"]) < 0), [])
        ahead = generating.instants(rng, len(plan), start + DAY, ENDS[key[0]])
        happenings = [(start, "appears"), *zip(ahead, plan, strict=True)]
        lives.append(generating.simulated(rng, kind, key, image, happenings, careless=0.02))
    return lives


def products(rng: Random, rows: Rows, made_up: dict[str, Any]) -> list[Life]:
    """A life of each product: it begins with the real line and price."""
    known = {row["product_code"]: (row["product_line"], Decimal(row["msrp"])) for row in rows}
    lives = []
    for number, (code, (line, price)) in enumerate(sorted(known.items())):
        lines = ("Classic Cars", "Vintage Cars") if line in {"Classic Cars", "Vintage Cars"} else (line,)
        states = tuple((a, b or None, c) for a in lines for b in made_up["suppliers"] for c in made_up["statuses"])
        name = f"{line} 1:{code[1:].replace('_', ' no. ')}"
        prices = tuple(f"{price * factor / 100:.2f}" for factor in (100, 90, 110, 115))
        kind = replace(PRODUCTS, states=states, pools={"name": (name, f"{name}, boxed"), "msrp": prices})
        told: Image = {"name": name, "msrp": prices[0], "product_line": line, "status": "in range"}
        image = told | {"supplier": rng.choice(states)[1]}
        first = min(row["day"] for row in rows if row["product_code"] == code)
        start = first + DAY * (30 if number % 40 == 7 else -rng.randrange(30, 200))  # three are told of too late
        plan = rng.choices(made_up["products"], k=rng.choice((0, 0, 1, 1, 2, 4)))
        ahead = generating.instants(rng, len(plan), start + DAY, ENDS["S"])
        lives.append(generating.simulated(rng, kind, code, image, [(start, "appears"), *zip(ahead, plan, strict=True)]))
    return lives


def _changes(rng: Random, kind: Kind, lives: Iterable[Life]) -> list[Told]:
    """The rows of all lives; one in seven that is not the first is told late, one in ten in another offset."""
    told = []
    for life in lives:
        for n, change in enumerate(life.changes):
            late = DAY * rng.randrange(1, 200) * (rng.random() < (0.15 if n else 0.01))
            told.append(Told(change.changed_at + late, row_of(kind, change, rng if rng.random() < 0.1 else None)))
    return told


def _orders(rng: Random, lines: Iterable[Line], made_up: dict[str, Any]) -> list[Told]:
    """The real lines; channel and payment by order, its promotions on most of its lines."""
    told = []
    for order, of_order in groupby(lines, key=lambda line: line.order_id):
        how = (rng.choice(made_up["channels"]), rng.choice(made_up["payments"]))
        codes = rng.sample(made_up["codes"], rng.choice((0, 0, 0, 0, 1, 2, 3)))
        for _, number, customer, product, at, quantity, amount, _ in of_order:
            promotions = "|".join(rng.sample(codes, len(codes) * (rng.random() < 0.7)))
            row = (order, str(number), customer, product, at.date().isoformat(), str(quantity), str(amount))
            told.append(Told(at + DAY * 40 * (rng.random() < 0.02), (*row, *how, promotions)))
    return told


def _events(rng: Random, lines: Iterable[Line]) -> list[Told]:
    """What followed, as far as the order's real status has it."""
    told = []
    for order, (day, status) in {line.order_id: (line.ordered_on, line.status) for line in lines}.items():
        number = STEPS[status] - (status in {"Shipped", "Cancelled"} and rng.random() < 0.04)
        at = day
        for event in ("paid", "shipped", "delivered")[:number] + ("cancelled",) * (status == "Cancelled"):
            at = at + timedelta(seconds=rng.randrange(3_600, 5 * 86_400))
            row = (order, event, instant(at, rng if rng.random() < 0.1 else None))
            told.append(Told(at + DAY * 30 * (rng.random() < 0.05), row))
    return told


def _returns(rng: Random, lines: Iterable[Line], made_up: dict[str, Any]) -> list[Told]:
    """Of three lines in a hundred something comes back, if they were sent at all."""
    found = []
    for line in lines:
        if rng.random() < 0.03 and STEPS[line.status] == 3:
            at = line.ordered_on + timedelta(seconds=rng.randrange(16 * 86_400, 90 * 86_400))
            quantity = line.quantity if rng.random() < 0.6 else rng.randint(1, line.quantity)
            amount = (line.amount * quantity / line.quantity).quantize(Decimal("0.01"), ROUND_DOWN)
            found.append((at, line.order_id, str(line.line_no), str(quantity), str(amount)))
    told = []
    for n, (at, order, line_no, *much) in enumerate(sorted(found), start=1):
        when = instant(at, rng if rng.random() < 0.1 else None)
        told.append(Told(at, (f"R{n:05}", order, line_no, when, *much, rng.choice(made_up["reasons"]))))
    return told


def _untidy(rng: Random, tidy: Sequence[Told], name: str, made_up: dict[str, Any]) -> list[Told]:
    """Good rows with other cells: those that are to be refused, and those of orders that are not there."""
    told, good = [], [each for each in tidy if "delete" not in each.row]
    for entry in made_up["untidy"][name]:
        at, row, *_ = rng.choice(good)
        for n, cells in enumerate(entry["rows"]):
            other = tuple(cells.get(column, cell) for column, cell in zip(COLUMNS[name], row, strict=True))
            told.append(Told(at + 30 * DAY * n, other, entry.get("column", ""), entry.get("rule", "")))
    return told


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def row_of(kind: Kind, change: Change, rng: Random | None = None) -> Row:
    """A change as a line of CSV; with chance its instant may be written in any way that is allowed."""
    image = change.image or {}
    op = "delete" if change.image is None else "upsert"
    told = (image.get(column) or "" for column in kind.told)
    return (change.key, instant(change.changed_at, rng), str(change.change_no), op, *told)


def instant(at: datetime, rng: Random | None = None) -> str:
    """An instant as ISO 8601: in UTC, or with chance also in another offset or, if it is a midnight, as a day."""
    ways = rng.randrange(4) if rng else 3
    if ways == 0 and at == at.replace(hour=0, minute=0, second=0, microsecond=0):
        return at.date().isoformat()
    if ways == 1 and rng:
        return at.astimezone(timezone(timedelta(minutes=rng.choice((60, 120, -300, 330))))).isoformat()
    return at.isoformat() if ways == 2 else at.isoformat().replace("+00:00", "Z")


def rewritten(columns: Sequence[str], row: Row, rng: Random) -> Row:
    """The same row in other words: another offset, zeros behind a number, promotions in another order and twice."""
    cells = list(row)
    for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
        if cell and column.endswith("_at"):
            at = datetime.fromisoformat(cell)
            cells[place] = instant(at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC), rng)
        elif cell and column in {"amount", "msrp"}:
            cells[place] = cell.rstrip("0").rstrip(".") if "." in cell else f"{cell}.00"
        elif cell and column == "promotions":
            cells[place] = "|".join(reversed(f"{cell}|{cell}".split("|")))
    return tuple(cells)


def table(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """A CSV file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def packed(content: bytes) -> bytes:
    """As gzip, without a time and a name."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packing.compress(content) + packing.flush()
