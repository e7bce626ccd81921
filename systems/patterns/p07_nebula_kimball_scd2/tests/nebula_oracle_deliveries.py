"""Deliveries to ask the oracle about: by hand, and at random in a small world where changes often collide."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from nebula_files import COLUMNS

Told = tuple[str, Mapping[str, Any]]
"""The kind of a row and its columns as texts or numbers; a column that is left out is not told."""

CDNOW_HEADER = " customer_id  date number_of_cds  dollar_value"


def customer(changed_at: str, change_no: object = 1, op: str = "upsert", **columns: Any) -> Told:
    """A change of customer C1, who is called Ann."""
    row = {"customer_id": "C1", "name": "Ann" if op == "upsert" else ""}
    return "customers", row | {"changed_at": changed_at, "change_no": change_no, "op": op} | columns


def product(changed_at: str, change_no: object = 1, op: str = "upsert", **columns: Any) -> Told:
    """A change of product P1, a Lamp among the lights."""
    row = {"product_id": "P1", "name": "Lamp", "product_line": "lights"}
    return "products", row | {"changed_at": changed_at, "change_no": change_no, "op": op} | columns


def line(ordered_at: str, **columns: Any) -> Told:
    """Line 1 of order O1, by C1: one piece of P1 for 10.00."""
    row = {"order_id": "O1", "line_no": 1, "customer_id": "C1", "product_id": "P1", "quantity": 1, "amount": "10.00"}
    return "orders", row | {"ordered_at": ordered_at} | columns


def event(name: str, happened_at: str, order_id: str = "O1") -> Told:
    """Something that happened to O1."""
    return "order_events", {"order_id": order_id, "event": name, "happened_at": happened_at}


def back(returned_at: str, **columns: Any) -> Told:
    """Return R1 of line 1 of O1: one piece, 4.00 given back."""
    row = {"return_id": "R1", "order_id": "O1", "line_no": 1, "quantity": 1, "amount": "4.00"}
    return "returns", row | {"returned_at": returned_at} | columns


def written(kind: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    """A CSV file of one kind, its columns in this order."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or COLUMNS[kind])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def delivered(*told: Told) -> list[tuple[str, bytes]]:
    """These rows, in one file for each kind."""
    kinds = dict.fromkeys(kind for kind, _ in told)
    return [(f"{kind}.csv", written(kind, [row for of, row in told if of == kind])) for kind in kinds]


def cut(told: Sequence[Told], random: Random) -> list[tuple[str, bytes]]:
    """The same rows in some files, in any order of files, rows and columns; some rows and some files again."""
    again = [*told, *random.choices(told, k=random.randint(0, len(told)))]
    random.shuffle(again)
    piles: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    parts = random.randint(1, 4)
    for kind, row in again:
        piles.setdefault((kind, random.randrange(parts)), []).append(row)
    files = []
    for (kind, part), rows in piles.items():
        columns = random.sample(COLUMNS[kind], len(COLUMNS[kind]))
        files.append((f"{kind}-{part}.csv", written(kind, rows, columns)))
    files += random.choices(files, k=random.randint(0, 2))
    random.shuffle(files)
    return files


# ---- at random ----------------------------------------------------------------------------------------------------


def seeded(seed: int) -> Random:
    """The same chances each time."""
    return Random(seed)  # noqa: S311 (a seed, so that a failure can be seen again)


_SAME_INSTANTS = ["2024-01-{:02}", "2024-01-{:02}T00:00:00Z", "2024-01-{:02}T02:00+02:00"]


def _instant(random: Random) -> str:
    if random.random() < 0.1:
        return f"2024-0{random.randint(2, 4)}-01T00:00:00.00000{random.randint(0, 1)}Z"
    if random.random() < 0.02:  # in another year, where it is still this one
        return random.choice(["2024-12-31T23:30Z", "2025-01-01T00:30+01:00", "2023-12-31T22:00-03:00"])
    return random.choice(_SAME_INSTANTS).format(random.randint(1, 12))


def _change(random: Random, key: str, columns: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    values = {name: random.choice(among) for name, among in columns.items()}
    op = random.choices(["upsert", "delete", "replace"], [75, 22, 3])[0]
    row = {key: f"{random.randint(1, 3)}", "changed_at": _instant(random), "change_no": random.randint(1, 4), "op": op}
    return row | (values if op == "upsert" else {})


def some(random: Random, count: int) -> list[Told]:
    """So many rows of a small world: few keys, few instants, few values; some rows break a rule or contradict."""
    told: list[Told] = []
    for _ in range(count):
        kind = random.choices(["customers", "products", "orders", "order_events", "returns"], [40, 15, 25, 10, 10])[0]
        at, number = _instant(random), random.randint(1, 8)
        row: dict[str, Any]
        if kind == "customers":
            columns = {"name": "AB", "city": ["Bonn", "Ulm", ""], "segment": ["x", "y", ""]}
            row = _change(random, "customer_id", {**columns, "registered_on": ["", "2020-01-01", "2021-01-01"]})
        elif kind == "products":
            row = _change(random, "product_id", {"name": "AB", "product_line": "XY", "msrp": ["", "5", "6.50"]})
        elif kind == "orders":
            row = {"order_id": f"O{number}", "line_no": random.randint(0, 3), "customer_id": random.randint(1, 3)}
            row |= {"product_id": random.choice(["", 1, 2]), "ordered_at": at, "quantity": 1, "amount": number}
            row["promotions"] = random.choice(["", "A", "A|B", "B|A|A", "A|B|C|D|E|F", "a"])
            row |= {
                "channel": random.choice(["", "web", "a", "a|b"]),
                "payment": random.choice(["", "card", "c", "b|c"]),
            }
        elif kind == "order_events":
            what = random.choice(["paid", "shipped", "delivered", "cancelled", "lost"])
            row = {"order_id": f"O{number}", "event": what, "happened_at": at}
        else:
            row = {"return_id": f"R{random.randint(1, 30)}", "order_id": f"O{number}", "line_no": random.randint(1, 2)}
            row |= {"returned_at": at, "quantity": 1, "amount": "1.5"}
        told.append((kind, row))
    return told


def cdnow(*records: str) -> tuple[str, bytes]:
    """CDNOW's own file with these records."""
    return "CDNOW_master.txt", "".join(f"{record}\r\n" for record in (CDNOW_HEADER, *records)).encode()
