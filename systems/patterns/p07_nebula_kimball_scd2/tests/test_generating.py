"""The sample is what the generator makes of the real files, and its truth is what a replay of its rows comes to."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pytest
from nebula_modules import SYSTEM, module

DATA = SYSTEM / "data"
PROVENANCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted(DATA.glob("*/PROVENANCE.md")))


generating, selling = module("generating"), module("selling")
KINDS = {"customers": generating.CUSTOMERS, "products": generating.PRODUCTS}
KEYS = {"customers": 3, "products": 3, "orders": 2, "order_events": 2, "returns": 1}  # how many columns are the key's


@pytest.fixture(scope="module")
def made() -> Any:
    return selling.sample(*real_files(), generating.SEED)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def real_files() -> tuple[bytes, bytes]:
    return (DATA / "cdnow/CDNOW_master.txt.gz").read_bytes(), (DATA / "sales/data.parquet").read_bytes()


def test_the_committed_files_are_what_the_generator_makes(made: Any) -> None:
    committed = {path.name: gzip.decompress(path.read_bytes()) for path in (DATA / "shop").glob("*.csv.gz")}
    assert set(committed) == {f"{name}.csv.gz" for name in made.files}
    differing = [name for name, content in made.files.items() if committed[f"{name}.csv.gz"] != content]
    assert differing == []  # the packed bytes may differ by the release of zlib
    assert [name for name, content in made.files.items() if sha256(content) not in PROVENANCE] == []


def test_no_packed_file_knows_when_it_was_made_or_how_it_was_called() -> None:
    for path in DATA.rglob("*.gz"):
        flags, time = path.read_bytes()[3], path.read_bytes()[4:8]
        assert (path.name, flags, time) == (path.name, 0, bytes(4))
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 2_000_000


def test_the_real_files_are_those_of_the_provenance() -> None:
    cdnow, sales = real_files()
    text = gzip.decompress(cdnow)
    for content in (text, sales):
        assert sha256(content) in PROVENANCE
    lines = selling.bought(cdnow)
    assert (len(lines), len({line.customer_id for line in lines})) == (69_659, 23_570)
    assert (lines[0].order_id, lines[-1].order_id) == ("CDNOW-000002", "CDNOW-069660")
    assert text.count(b"\r\n") == 69_660
    assert sum(line.amount for line in lines) == Decimal("2500315.63")
    sold = selling.sold(selling.records(sales))
    counted = [len({line[column] for line in sold}) for column in (0, 2, 3)]
    assert (len(sold), counted) == (2_823, [307, 92, 109])


def test_every_real_order_line_is_in_the_sample_as_it_was(made: Any) -> None:
    real = {
        (line.order_id, str(line.line_no)): (line.customer_id, line.product_id, str(line.quantity), line.amount)
        for line in selling.sold(selling.records(real_files()[1]))
    }
    told = {tuple(row[:2]): (row[2], row[3], row[5], Decimal(row[6])) for row in accepted(made, "orders").values()}
    assert told == real


@pytest.mark.parametrize("name", ["customers", "products"])
def test_a_replay_of_the_sample_comes_to_its_truth(made: Any, name: str) -> None:
    of_key = defaultdict(list)
    for (key, at, number), row in accepted(made, name).items():
        image = dict(zip(KINDS[name].told, (cell or None for cell in row[4:]), strict=True))
        of_key[key].append((at, int(number), None if row[3] == "delete" else image))
    truth = {life.key: life for life in getattr(made, name)}
    assert set(of_key) == set(truth)
    for key, life in truth.items():
        assert replayed(KINDS[name], of_key[key]) == lived(life)


@pytest.mark.parametrize("name", ["customers", "products"])
def test_a_replay_of_a_random_history_comes_to_its_truth(name: str) -> None:
    seen: Counter[str] = Counter()
    for number in range(1_500):
        life = generating.history(generating.seeded("replay", number), f"K{number}", KINDS[name], steps=12)
        told = [(change.changed_at, change.change_no, change.image) for change in life.changes]
        generating.seeded(number).shuffle(told)
        assert replayed(KINDS[name], told) == lived(life)
        seen.update(version.reason for version in life.versions)
        seen.update(versions=len(life.versions), deletes=sum(image is None for *_, image in told))
        seen.update(unborn=not life.versions, gone=bool(life.versions) and life.versions[-1].valid_to is not None)
        seen.update(
            out_of_number=[n for _, n, _ in sorted(told, key=lambda each: each[0])] != sorted(n for _, n, _ in told)
        )
    assert min(seen.values()) > 20, seen  # each kind of thing happens


def test_the_state_at_an_instant_is_that_of_the_half_open_version() -> None:
    life = next(
        life for n in range(99) if len((life := generating.history(generating.seeded("at", n), "K")).versions) > 2
    )
    for version in life.versions:
        assert life.at(version.valid_from) == version
        if version.valid_to:
            assert life.at(version.valid_to) != version
    assert life.at(datetime.min.replace(tzinfo=UTC)) is None


def test_a_row_says_the_same_however_it_is_written() -> None:
    rng = generating.seeded("written")
    lives = [generating.history(rng, f"K{n}") for n in range(20)]
    columns = generating.CUSTOMERS.columns
    texts = set()
    for change in (change for life in lives for change in life.changes):
        plain = selling.row_of(generating.CUSTOMERS, change)
        for _ in range(5):
            told = selling.rewritten(columns, selling.row_of(generating.CUSTOMERS, change, rng), rng)
            texts.add(told[1])
            assert (instant(told[1]), told[2:]) == (change.changed_at, plain[2:])
    assert {text[-6:] for text in texts} > {"+00:00", "+01:00", "+02:00", "-05:00", "+05:30"}
    assert {len(text) for text in texts} == {10, 20, 25, 27, 32}  # a day; seconds; microseconds; Z or an offset
    row = ("1", "2", "C1", "", "2024-01-01", "1", "12.50", "", "", "B|A")
    again = selling.rewritten(selling.COLUMNS["orders"], row, rng)
    assert (content("orders", again), again[6], again[9]) == (content("orders", row), "12.5", "A|B|A|B")


def test_deliveries_hold_each_row_and_some_twice() -> None:
    rows = list(range(500))
    batches = generating.deliveries(rows, generating.seeded("cut"), 7, repeated=0.2)
    told = [row for batch in batches for row in batch]
    assert len(batches) == 7
    assert set(told) == set(rows)
    assert 550 < len(told) < 650
    assert told != sorted(told)
    assert generating.deliveries(rows, generating.seeded("cut"), 7, repeated=0.2) == batches
    again = generating.deliveries(rows, generating.seeded("cut"), 2, 1.0, lambda row: -row)
    assert Counter(row for batch in again for row in batch) == Counter([*rows, *(-row for row in rows)])


@pytest.mark.parametrize("keys", [1, 2, 1_000, 9_973])
def test_every_row_for_a_measurement_makes_a_version(keys: int) -> None:
    rows = list(generating.many(keys, 0.25, seed=3, rounds=4))
    assert {len(row) for row in rows} == {len(generating.CUSTOMERS.columns)}
    first, later = rows[:keys], rows[keys:]
    assert len({row[0] for row in first}) == keys
    assert abs(len(later) - keys) <= 4 + keys / 100
    last = {row[0]: row for row in first}
    for row in later:
        before = last[row[0]]
        assert (row[1] > before[1], row[7:13] != before[7:13]) == (True, True)
        last[row[0]] = row
    if keys > 2:
        assert [row[0] for row in first] != sorted(row[0] for row in first)


def test_the_customers_live_as_the_provenance_says(made: Any) -> None:
    lives = made.customers
    states = [{version.values for version in life.versions} for life in lives]
    assert 0.11 < sum(len(each) > 1 for each in states) / len(lives) < 0.13
    assert max(len(life.versions) for life in lives) > 15
    first = {}
    for line in [*selling.bought(real_files()[0]), *selling.sold(selling.records(real_files()[1]))]:
        first[line.customer_id] = min(line.ordered_on, first.get(line.customer_id, line.ordered_on))
    assert set(first) == {life.key for life in lives}
    assert all(instant(life.original) <= first[life.key] for life in lives)
    late = sum(life.versions[0].valid_from > first[life.key] for life in lives)
    assert 0.03 < late / len(lives) < 0.05
    assert counted(made) == {
        what: int(number.replace(",", ""))
        for what, number in re.findall(r"^\| ([a-z_, ]+?) +\| ([0-9,]+) +\|$", PROVENANCE, re.MULTILINE)
    }


def counted(made: Any) -> dict[str, int]:
    """What PROVENANCE tells in its tables of two columns."""
    found: Counter[str] = Counter()
    for name, text in made.files.items():
        refused = sum(file == name for file, *_ in made.faults)
        rows = text.count(b"\n") - 1
        found[f"{name}, rows"] = rows
        found[f"{name}, refused"] = refused
        found[f"{name}, repeated"] = rows - refused - len(accepted(made, name))
        found[f"{name}, distinct and accepted"] = len(accepted(made, name))
    for name in KINDS:
        lives = getattr(made, name)
        found[f"{name}, members"] = len(lives)
        found[f"{name}, versions"] = sum(len(life.versions) for life in lives)
        found[f"{name}, current"] = sum(life.versions[-1].valid_to is None for life in lives)
        found[f"{name}, with several states"] = sum(len({v.values for v in life.versions}) > 1 for life in lives)
        found[f"{name}, deletes"] = sum(change.image is None for life in lives for change in life.changes)
        found[f"{name}, versions after a delete"] = sum(v.reason == "returned" for life in lives for v in life.versions)
        found[f"{name}, told out of order"] = told_late(made, name)
        instants = Counter((life.key, change.changed_at) for life in lives for change in life.changes)
        found[f"{name}, instants with several changes"] = sum(number > 1 for number in instants.values())
    for file, _, column, rule in made.faults:
        found[f"{file}, {column}, {rule}"] += 1
    return dict(found)


def told_late(made: Any, name: str) -> int:
    """How many changes stand in the file behind a later one of their key."""
    latest: dict[str, datetime] = {}
    late = 0
    for key, at, _ in accepted(made, name):
        late += at < latest.get(key, at)
        latest[key] = max(at, latest.get(key, at))
    return late


def instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)


def content(name: str, row: tuple[str, ...] | list[str]) -> tuple[Any, ...]:
    """A row by value: instants, numbers and sets instead of their texts."""
    cells: list[Any] = list(row)
    for place, column in enumerate(selling.COLUMNS[name]):
        if cells[place] and column.endswith("_at"):
            cells[place] = instant(cells[place])
        elif cells[place] and column in {"amount", "msrp"}:
            cells[place] = Decimal(cells[place])
        elif column == "promotions":
            cells[place] = frozenset(filter(None, cells[place].split("|")))
    return tuple(cells)


@lru_cache
def accepted(made: Any, name: str) -> dict[tuple[Any, ...], list[str]]:
    """The rows of a file that are not to be refused, one of each key, in the order in which they are told first."""
    refused = {line for file, line, *_ in made.faults if file == name}
    rows: dict[tuple[Any, ...], list[str]] = {}
    contents = {}
    for line, row in enumerate(csv.reader(io.StringIO(made.files[name].decode(), newline="")), start=1):
        if line > 1 and line not in refused:
            told = content(name, row)
            key = told[: KEYS[name]]
            assert contents.setdefault(key, told) == told, key  # what contradicts itself is among the refused
            rows.setdefault(key, row)
    return rows


def lived(life: Any) -> tuple[Any, ...]:
    """The truth, in the form of a replay."""
    versions = [(v.valid_from, v.valid_to, v.values, v.reason) for v in life.versions]
    return (versions, life.original, life.corrected, life.regraded, life.previous) if versions else ()


def replayed(kind: Any, changes: list[tuple[datetime, int, dict[str, str | None] | None]]) -> tuple[Any, ...]:
    """What the rows come to, by the rules of SCD and nothing of the generator."""
    changes = sorted(changes, key=lambda change: change[:2])
    counting = list({at: (at, image) for at, _, image in changes}.items())
    versions: list[list[Any]] = []
    for at, (_, image) in counting:
        is_open = bool(versions) and versions[-1][1] is None
        values = image and tuple(image[column] for column in kind.versioned)
        if is_open and values != versions[-1][2]:
            versions[-1][1] = at
        if values and (not is_open or values != versions[-1][2]):
            versions.append([at, None, values, "changed" if is_open else "returned" if versions else "new"])
    if not versions:
        return ()
    upserts = [image for _, (_, image) in counting if image]
    told = [image.get(kind.original) for *_, image in changes if image]
    last = upserts[-1]
    others = [image[kind.regraded] for image in upserts if image[kind.regraded] != last[kind.regraded]]
    return (
        [tuple(version) for version in versions],
        next((value for value in told if value), None),
        tuple(last[column] for column in kind.corrected),
        last[kind.regraded],
        others[-1] if others else None,
    )
