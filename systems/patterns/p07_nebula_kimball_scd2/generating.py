"""Random lives of customers and products, with the truth beside the rows that tell of them; and the shop's sample.

A life is simulated forward in time. What held, and from when to when, is written down as it happens; the change rows
are made beside it. So whatever puts a history together from rows can be compared with a history that never was rows.

    python -m systems.patterns.p07_nebula_kimball_scd2.generating      makes data/shop again: same seed, same bytes
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

SEED = 7  # of the sample
Row = tuple[str, ...]  # the cells of a line of CSV; '' is null (selling.py writes them)
Image = dict[str, str | None]  # what an upsert tells, by column
T = TypeVar("T")


@dataclass(frozen=True)
class Kind:
    """What is told of the members of a dimension, and which column remembers in which way."""

    key: str
    told: tuple[str, ...]  # the columns behind key, changed_at, change_no and op
    original: str | None  # type 0
    corrected: tuple[str, ...]  # type 1
    versioned: tuple[str, ...]  # type 2
    regraded: str  # type 3
    states: tuple[tuple[str | None, ...], ...]  # the type-2 columns together, at least two
    pools: dict[str, tuple[str | None, ...]]  # of types 1 and 3, at least two each; {key} becomes the member's own

    @property
    def columns(self) -> tuple[str, ...]:
        """The header of a delivery."""
        return (self.key, "changed_at", "change_no", "op", *self.told)


PLACE = ("street", "city", "state", "postal_code", "country", "territory")
CUSTOMERS = Kind(
    "customer_id",
    ("name", "email", "segment", *PLACE, "registered_on"),
    "registered_on",
    ("name", "email"),
    PLACE,
    "segment",
    (
        ("1 Long Street", "Springfield", "IL", "62701", "USA", None),
        ("1 Long Street", "Springfield", "MA", "01101", "USA", None),
        ("1 Long Street", "Springfield", None, "01101", "USA", None),  # differs by a null only
        ("1 Long Street", "Springfield", "01101", None, "USA", None),  # by the place of a null
        ("1 Long Street", "Springfield", "01101", "None", "USA", None),
        ("1 Long Street|Springfield", "01101", None, None, "USA", None),  # by where a value ends
        ('"De Zon", Markt 2', "Delft", None, "2611 GS", "Netherlands", "EMEA"),
        ("Königstraße 5", "Fürth", "Bayern", None, "Germany", "EMEA"),
        (None, None, None, None, "Japan", "Japan"),
        (None, None, None, None, None, None),
    ),
    {
        "name": ("Ada Moreno", "Bo Lindqvist", "Chidi Okafor", "O'Hara, Anna"),
        "email": ("{key}@example.com", "{key}@example.org", None),
        "segment": ("bronze", "silver", "gold", None),
    },
)
PRODUCTS = Kind(
    "product_id",
    ("name", "product_line", "supplier", "status", "msrp"),
    None,
    ("name",),
    ("product_line", "supplier", "status"),
    "msrp",
    tuple(
        (line, supplier, status)
        for line in ("Ships", "Trains", "Planes")
        for supplier in ("Alder & Sons", "Birch Models", None)
        for status in ("in range", "running out", None)
    ),
    {"name": ("Model {key}", "Model {key}, boxed", "{key}"), "msrp": ("19.90", "20.00", "95.00", None)},
)


@dataclass(frozen=True, slots=True)
class Change:
    """A change as the shop's system tells it: the whole image of an upsert; None is a delete."""

    key: str
    changed_at: datetime  # UTC
    change_no: int
    image: Image | None


@dataclass(frozen=True, slots=True)
class Version:
    """A state that really held, from valid_from on and before valid_to (None: it still does)."""

    key: str
    valid_from: datetime
    valid_to: datetime | None
    values: tuple[str | None, ...]  # in the order of Kind.versioned
    reason: str  # 'new', 'changed' or 'returned'


@dataclass(frozen=True, slots=True)
class Life:
    """The truth about a member, and what was told of it, in the order in which it happened."""

    key: str
    versions: tuple[Version, ...]  # none where nobody ever was there for any time
    original: str | None  # type 0
    corrected: tuple[str | None, ...]  # type 1, in the order of Kind.corrected
    regraded: str | None  # type 3
    previous: str | None
    changes: tuple[Change, ...]

    def at(self, instant: datetime) -> Version | None:
        """The state that held at an instant."""
        inside = (v for v in self.versions if v.valid_from <= instant and (v.valid_to is None or instant < v.valid_to))
        return next(inside, None)


# What can happen at an instant: the columns that change, the rows that are told before the true one and hold for no
# time (None is a delete, 1 an image that is none of his), and whether the member is there afterwards.
HAPPENINGS: dict[str, tuple[str, tuple[int | None, ...], bool]] = {
    "appears": ("", (), True),
    "moves": ("versioned", (), True),
    "is renamed": ("corrected", (), True),
    "is regraded": ("regraded", (), True),
    "changes altogether": ("versioned corrected regraded", (), True),
    "is told again": ("", (), True),
    "leaves": ("", (), False),
    "moves, told wrongly first": ("versioned", (1,), True),
    "moves, told as leaving first": ("versioned", (None,), True),
    "stays, told wrongly first": ("", (1, 1), True),
    "stays, told as leaving first": ("", (None,), True),
    "leaves, told as moving first": ("", (1,), False),
}


def seeded(*parts: object) -> Random:
    """Chance, the same for the same parts."""
    return Random(" ".join(map(str, parts)))  # noqa: S311 (not for secrets)


def history(rng: Random, key: str, kind: Kind = CUSTOMERS, steps: int = 8) -> Life:
    """A random life of at most so many instants within forty days, in which everything may happen."""
    image = {column: written_for(key, rng.choice(kind.pools[column])) for column in kind.told if column in kind.pools}
    image |= dict(zip(kind.versioned, rng.choice(kind.states), strict=True))
    if kind.original:
        image[kind.original] = None
    when = instants(rng, rng.randint(1, steps), datetime(2024, 2, 10, tzinfo=UTC), datetime(2024, 3, 21, tzinfo=UTC))
    return simulated(rng, kind, key, image, [(at, rng.choice(list(HAPPENINGS))) for at in when], careless=0.4)


def instants(rng: Random, number: int, start: datetime, end: datetime) -> list[datetime]:
    """So many different instants in order; one in four is a midnight, one in four is down to the microsecond."""
    found: set[datetime] = set()
    while len(found) < number:
        at = start + timedelta(seconds=rng.randrange(int((end - start).total_seconds())))
        fine = rng.randrange(4)
        found.add(at.replace(hour=0, minute=0, second=0) if fine == 0 else at.replace(microsecond=(fine == 1) * 123457))
    return sorted(found)


def simulated(
    rng: Random, kind: Kind, key: str, image: Image, happenings: Iterable[tuple[datetime, str]], careless: float = 0.0
) -> Life:
    """Live through what happens, one instant after the other.

    Args:
        image: what is told when the member appears.
        happenings: instants in order, no two the same, and names of HAPPENINGS.
        careless: how often an upsert tells no day or another one in the type-0 column (as sources do), and how often
            the change numbers of a life are in no order; what is told when the member appears is right.
    """
    image, first_told = dict(image), image.get(kind.original or "")
    versions, told = list[Version](), list[list[tuple[datetime, Image | None]]]()
    original = previous = None
    is_here, was_told, last = False, False, image
    for at, name in happenings:
        changing, before, stays = HAPPENINGS[name]
        old = image[kind.regraded]
        for part in changing.split():
            _other(rng, kind, key, image, part)
        rows: list[Image | None] = [dict(image) if lie else None for lie in before]
        for row in rows:
            for part in ("versioned", "corrected", "regraded") if row else ():
                _other(rng, kind, key, row or {}, part)
        rows.append(dict(image) if stays else None)
        for row in rows if kind.original else ():
            if row and (original or not first_told) and rng.random() < careless:
                row[kind.original or ""] = rng.choice((None, first_told, "2001-02-03", "2019-12-31"))
            original = original or (row or {}).get(kind.original or "")
        told.append([(at, row) for row in rows])
        if is_here and (not stays or "versioned" in changing):
            versions[-1] = replace(versions[-1], valid_to=at)
        if stays:
            if not is_here or "versioned" in changing:
                reason = "changed" if is_here else "returned" if versions else "new"
                versions.append(Version(key, at, None, tuple(image[c] for c in kind.versioned), reason))
            if was_told and "regraded" in changing:
                previous = old
            was_told, last = True, dict(image)
        is_here = stays
    corrected = tuple(last[column] for column in kind.corrected)
    changes = tuple(_numbered(rng, key, told, careless))
    return Life(key, tuple(versions), original, corrected, last[kind.regraded], previous, changes)


def _other(rng: Random, kind: Kind, key: str, image: Image, part: str) -> None:
    """Change the columns of a part to something that they were not."""
    if part == "versioned":
        while (new := rng.choice(kind.states)) == tuple(image[column] for column in kind.versioned):
            pass
        image.update(zip(kind.versioned, new, strict=True))
    else:
        column = kind.regraded if part == "regraded" else rng.choice(kind.corrected)
        while (other := written_for(key, rng.choice(kind.pools[column]))) == image[column]:
            pass
        image[column] = other


def written_for(key: str, value: str | None) -> str | None:
    """A value of a pool, for one member."""
    return value and value.replace("{key}", key.lower())


def _numbered(
    rng: Random, key: str, told: list[list[tuple[datetime, Image | None]]], careless: float
) -> Iterator[Change]:
    """Number the rows as the source does: within an instant in order; between instants it may have heard late."""
    heard = list(range(len(told)))
    if rng.random() < careless:
        rng.shuffle(heard)
    width = max(map(len, told), default=0)
    for place, rows in zip(heard, told, strict=True):
        for number, (at, image) in enumerate(rows, start=1):
            yield Change(key, at, place * width + number, image)


def deliveries(
    rows: Sequence[T], rng: Random, batches: int, repeated: float = 0.1, again: Callable[[T], T] = lambda row: row
) -> list[list[T]]:
    """Rows in any order, in so many batches (some may be empty), each at least once.

    Args:
        repeated: how many are told once more, as `again` has them.
    """
    told = [*rows, *(again(row) for row in rows if rng.random() < repeated)]
    rng.shuffle(told)
    cuts = sorted(rng.randint(0, len(told)) for _ in range(batches - 1))
    return [told[start:end] for start, end in zip([0, *cuts], [*cuts, len(told)], strict=True)]


def many(keys: int, changed_share: float, seed: int, rounds: int = 1) -> Iterator[Row]:
    """Rows of customers for a measurement: each key once, then in each round about this share of the keys moves.

    Every row makes a version. Keys are 'K' and eight digits, in no order; nothing is kept in memory.

    Args:
        rounds: at most 100, a day apart.
    """
    for number in range(rounds + 1):
        yield from moved(keys, changed_share if number else 1.0, seed, number)


def moved(keys: int, share: float, seed: int, number: int) -> Iterator[Row]:
    """The rows of one round of `many`; round 0 with a share of 1 has everybody's first."""
    places = [(f"{n} Long Street", f"City {n % 17}", "", f"{n:05}", f"Country {n % 5}", "") for n in range(101)]
    day = (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number)).date().isoformat()
    times = [f"{day}T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(1440)]
    limit, salt = int(share * 2**32), seeded(seed, "round", number).getrandbits(32)
    stride = next(n for n in range(int(keys * 0.618) | 1, 2 * keys + 2) if math.gcd(n, keys) == 1)
    change_no, segments = str(number + 1), ("bronze", "silver", "gold")
    for at in range(keys):
        key = at * stride % keys
        if (key * 2654435761 + salt) % 2**32 < limit:  # scatters, and needs no list of those that were chosen
            place = places[(key + number) % 101]
            yield (
                f"K{key:08}", times[key % 1440], change_no, "upsert", f"Name {key}", f"{key}@example.com",
                segments[key % 3], *place, "2020-01-01",
            )  # fmt: skip


def main() -> None:
    """Write the shop's files again, from the two real ones beside them."""
    from .selling import packed, sample

    folder = Path(__file__).resolve().parent / "data"
    real = [(folder / name).read_bytes() for name in ("cdnow/CDNOW_master.txt.gz", "sales/data.parquet")]
    for name, content in sample(real[0], real[1], SEED).files.items():
        (folder / "shop" / f"{name}.csv.gz").write_bytes(packed(content))


if __name__ == "__main__":
    main()
