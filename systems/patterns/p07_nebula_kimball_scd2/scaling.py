"""The shop's customers and orders at any size, no key twice and no row refused: what `orrery bench nebula` loads."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import date
from itertools import count, islice
from pathlib import Path

MADE_WRONG = 800  # change_no and line_no from here on are of rows that are to be refused, or contradict each other


def customers(sample: Path, to: Path, rows: int) -> None:
    """Write so many changes: the sample as often as it takes, each time of other customers."""
    _write(to, _header(sample), islice(_repeated(sample, "customer_id"), rows))


def orders(sample: Path, to: Path, rows: int) -> None:
    """Write so many order lines: the sample as often as it takes, each time other orders.

    The customers who have changes in a file of so many rows order one after the other, the sample's then again.
    """
    told = islice(_repeated(sample.with_name("customers.csv.gz"), "customer_id"), rows)
    known = list(dict.fromkeys(each["customer_id"] for each in told))
    numbers: dict[str, int] = {}

    def of_all_customers() -> Iterator[dict[str, str]]:
        for line in islice(_repeated(sample, "order_id"), rows):
            number = numbers.setdefault(line["order_id"], len(numbers))
            yield {**line, "customer_id": known[number % len(known)]}

    _write(to, _header(sample), of_all_customers())


def _repeated(sample: Path, key: str) -> Iterator[dict[str, str]]:
    """The good rows of the sample, each once, without an end; from the second turn on keys end in the turn's number."""
    with gzip.open(sample, "rt", encoding="utf-8", newline="") as lines:
        told = {(row[key], _number(row)): row for row in csv.DictReader(lines) if _is_good(row)}
    good = list(told.values())
    yield from good
    for turn in count(1):
        for row in good:
            yield {**row, key: f"{row[key]}-{turn}"}


def _is_good(row: dict[str, str]) -> bool:
    """Whether a row of the sample is none of those that were made wrong."""
    number = _number(row)
    if not number.isdecimal() or not 0 < int(number) < MADE_WRONG or not row["customer_id"]:
        return False
    if "op" not in row:
        return row["quantity"].isdecimal()
    has_image = row["op"] == "delete" or (row["op"] == "upsert" and row["name"] != "")
    return has_image and _is_instant(row["changed_at"])


def _number(row: dict[str, str]) -> str:
    """What with its key names a row."""
    return row.get("change_no", row.get("line_no", ""))


def _is_instant(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return len(text) == 10 or text.endswith("Z") or text[-6:-5] in ("+", "-")


def _header(sample: Path) -> list[str]:
    with gzip.open(sample, "rt", encoding="utf-8", newline="") as lines:
        return next(csv.reader(lines))


def _write(to: Path, header: list[str], rows: Iterator[dict[str, str]]) -> None:
    with to.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
