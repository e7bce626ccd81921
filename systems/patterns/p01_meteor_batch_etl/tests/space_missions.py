"""A table of space missions as it goes round the web: made up here, seeded, with the dirt that its copies have."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

COMPANIES = ["SpaceX", "CASC", "Roscosmos", "Arianespace", "ISRO", "Énergia"]
PLACES = [
    "LC-39A, Kennedy Space Center, Florida, USA",
    "Site 9401 (SLS-2), Jiuquan Satellite Launch Center, China",
    "ELA-3, Guiana Space Centre, French Guiana, France",
    "Rampa 2, Base Aérea de Alcântara, Maranhão, Brazil",
]
COSTS = ["50.0 ", "1,160.0 ", "29.75 ", "450.0 ", "2,500.5 "]
STATES = ["Success", "Failure", "Partial Failure", "Prelaunch Failure"]
DATED, DAY = "%a %b %d, %Y %H:%M UTC", "%a %b %d, %Y"


@dataclass(frozen=True)
class Copy:
    """One of the copies: how it spells its header, and how it is written."""

    name: str
    header: tuple[str, ...]
    encoding: str = "utf-8"
    line_end: str = "\n"
    delimiter: str = ","
    has_empty_column: bool = False


COLUMNS = ("Company Name", "Location", "Datum", "Detail", "Status Rocket")
COPIES = (
    Copy("bom.csv", ("", *COLUMNS, " Rocket", "Status Mission"), encoding="utf-8-sig", line_end="\r\n"),
    Copy("plain.csv", ("Unnamed: 0", *COLUMNS, "Rocket", "Status Mission")),
    Copy("latin.csv", ("Index", *COLUMNS, "Rocket_Cost", "Status Mission"), encoding="latin-1"),
    Copy("windows.csv", ("Column1", *COLUMNS, "Cost of the  mission", "Status Mission"), "cp1252", "\r\n", ";"),
    Copy("empty.csv", ("", *COLUMNS, " Rocket", "Status Mission"), has_empty_column=True),
)


def missions(number: int = 400, seed: int = 7) -> list[tuple[str, ...]]:
    """Rows without the index column; the sixth is there twice."""
    chance = random.Random(seed)  # noqa: S311 (a seed, so that a failure can be seen again)
    rows = []
    for each in range(number):
        at = datetime(1957, 10, 4) + timedelta(days=chance.randrange(22_000), minutes=chance.randrange(1440))  # noqa: DTZ001
        rows.append(
            (
                chance.choice(COMPANIES),
                chance.choice(PLACES),
                at.strftime(DATED if chance.random() > 0.03 else DAY),
                f"Rocket {each % 37} | Payload {each}",
                chance.choice(["StatusActive", "StatusRetired"]),
                "" if chance.random() < 0.78 else chance.choice(COSTS),
                chance.choices(STATES, [89, 8, 2.5, 0.5])[0],
            )
        )
    return [*rows, rows[5]]


def written(copy: Copy, rows: list[tuple[str, ...]]) -> bytes:
    """The bytes of a copy."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator=copy.line_end, delimiter=copy.delimiter)
    extra = ("",) if copy.has_empty_column else ()
    out.writerow((*copy.header, *extra))
    for number, row in enumerate(rows):
        out.writerow((str(number), *row, *extra))
    return text.getvalue().encode(copy.encoding)


def moment(text: str) -> datetime:
    """What a date of the table means, by the standard library."""
    return datetime.strptime(text, DATED if text.endswith("UTC") else DAY).replace(tzinfo=UTC)
