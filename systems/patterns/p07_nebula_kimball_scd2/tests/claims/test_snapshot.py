"""dbt's own snapshot beside the model, on the same input: what it gets wrong, in numbers.

The snapshot (dbt_project/snapshots) is taken after each batch, of the shop's current row of each customer. The same lives
are delivered in three ways. What the snapshot will have is worked out from the truth and the batches alone.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

from nebula_batches import Shop, shop_in
from nebula_modules import module

generating, selling = module("generating"), module("selling")
KIND = generating.CUSTOMERS
SNAPSHOT = "p07_nebula_batch.customers_snapshot"
LIVES, BATCHES = 200, 3
# in which batch each instant of a life is told; what is told of one instant comes together
WAYS = {
    "in order": (0, 1, 2),  # one change of a key a batch
    "two in one batch": (0, 0, 1),
    "late": (0, 2, 1),  # one change of a key a batch; the second comes after the third
}
RUN = datetime(9999, 1, 1, tzinfo=UTC)  # in place of the time at which a snapshot was taken
Row = tuple[Any, ...]  # key, from, to (None: still), the type-2 columns


class Counted(NamedTuple):
    """Versions that truly were; those that the model has; of the snapshot those that are right, end wrong, are lost."""

    truth: int
    model: int
    right: int
    wrong_end: int
    lost: int


def lives(way: str) -> list[Any]:
    """The same random lives for each way, under keys of their own; in each something happens as often as is told."""
    chances = (generating.seeded("snapshot", n) for n in count())
    found = (generating.history(chance, f"{way}-{n}", KIND, steps=BATCHES) for n, chance in enumerate(chances))
    return list(islice((life for life in found if len(told_at(life, way)) == BATCHES), LIVES))


def told_at(life: Any, way: str) -> dict[datetime, int]:
    """The instants of a life in order, and in which batch each is told."""
    instants = sorted({change.changed_at for change in life.changes})
    return dict(zip(instants, WAYS[way], strict=False))


def seen(life: Any, way: str) -> list[datetime]:
    """The instants that were the last one told when a snapshot was taken, in order."""
    batches = ([at for at, told in told_at(life, way).items() if told <= batch] for batch in range(BATCHES))
    return sorted({told[-1] for told in batches if told})


def expected(life: Any, way: str) -> list[Row]:
    """What a snapshot by timestamp has: a row for each instant that it saw, up to the next one.

    It learns that a customer left from the row's absence, so that the end is when it looked.
    """
    rows: list[Row] = []
    for at in seen(life, way):
        held = life.at(at)
        if rows and rows[-1][2] is None:
            rows[-1] = (*rows[-1][:2], at if held else RUN, *rows[-1][3:])
        if held:
            rows.append((life.key, at, None, *held.values))
    return rows


def joined(rows: Iterable[Row]) -> set[Row]:
    """Neighbours with the same type-2 columns as one: a snapshot has a row for a new name, too."""
    found: list[Row] = []
    for row in sorted(rows, key=lambda row: row[:2]):
        goes_on = found and (found[-1][0], found[-1][2], found[-1][3:]) == (row[0], row[1], row[3:])
        found.append((*found.pop()[:2], *row[2:]) if goes_on else row)
    return set(found)


def test_dbts_snapshot_loses_what_the_model_keeps(warehouse_home: Path, tmp_path: Path) -> None:
    by_way = {way: lives(way) for way in WAYS}
    with shop_in(warehouse_home, tmp_path) as shop:
        for batch in range(BATCHES):
            rows = [
                selling.row_of(KIND, change)
                for way, each in by_way.items()
                for life in each
                for change in life.changes
                if told_at(life, way)[change.changed_at] == batch
            ]
            shop.land([(f"customers-{batch}.csv", selling.table(KIND.columns, rows))])
            shop.build()
            assert shop.publish() > 0
            shop.snapshot()
        model = shop.published("dim_customer", [KIND.key, "valid_from", "valid_to", *KIND.versioned])
        columns = f"{KIND.key}, dbt_valid_from, dbt_valid_to, {', '.join(KIND.versioned)}"
        kept = [
            (key, since, RUN if until and until.year > 2024 else until, *values)
            for key, since, until, *values in shop.query(f"select {columns} from {SNAPSHOT}")
        ]
    assert Counter(kept) == Counter(row for way in WAYS for life in by_way[way] for row in expected(life, way))
    counted = {}
    for way, each in by_way.items():
        truth = {(v.key, v.valid_from, v.valid_to, *v.values) for life in each for v in life.versions}
        ours = Counter(row for row in model if row[0].startswith(f"{way}-"))
        assert ours == Counter(truth)
        mine = [row for row in kept if row[0].startswith(f"{way}-")]
        begun = {(*row[:2], *row[3:]) for row in mine}
        lost = {row for row in truth if (*row[:2], *row[3:]) not in begun}
        never = {(v.key, v.valid_from) for life in each for v in life.versions if v.valid_from not in seen(life, way)}
        assert {row[:2] for row in lost} == never
        right = truth & joined(mine) - lost
        if way == "in order":  # as far as a snapshot can: when somebody left is not in what it looks at
            left = {v.valid_to for life in each for v in life.versions if v.valid_to and not life.at(v.valid_to)}
            assert {row[2] for row in truth - right} == left
        counted[way] = Counted(len(truth), ours.total(), len(right), len(truth - right - lost), len(lost))
    assert counted == {
        "in order": Counted(truth=324, model=324, right=273, wrong_end=51, lost=0),
        "two in one batch": Counted(truth=324, model=324, right=142, wrong_end=18, lost=164),
        "late": Counted(truth=324, model=324, right=140, wrong_end=97, lost=87),
    }


def test_two_snapshots_at_once(warehouse_home: Path, tmp_path: Path) -> None:
    keys = 100
    batches = [list(generating.moved(keys, share, 7, number)) for number, share in enumerate((1.0, 0.5, 0.5))]
    _, moved, then = ({row[0] for row in rows} for rows in batches)
    with shop_in(warehouse_home, tmp_path) as shop:
        tell(shop, batches[0])
        shop.snapshot()
        assert current(shop) == {1: keys}
        tell(shop, batches[1])
        at_once(shop)
        assert current(shop) == {1: keys - len(moved), 2: len(moved)}
        [(rows, distinct)] = shop.query(f"select count(*), count(distinct dbt_scd_id) from {SNAPSHOT}")
        assert (rows, distinct) == (keys + 2 * len(moved), keys + len(moved))
        tell(shop, batches[2])
        shop.snapshot()  # alone; it does not heal
        assert current(shop) == {1: keys - len(moved), 2: len(moved)}
        [(after,)] = shop.query(f"select count(*) from {SNAPSHOT}")
        assert after - rows == len(then) + len(then & moved)
    # who moved, rows too many, and who of them moved again: two rows more instead of one
    assert (len(moved), rows - distinct, len(then & moved)) == (49, 49, 46)


def tell(shop: Shop, rows: list[Any]) -> None:
    """A delivery of customers."""
    shop.land([(f"customers-{shop.file_id}.csv", selling.table(KIND.columns, rows))])


def current(shop: Shop) -> dict[int, int]:
    """How many customers have so many current rows."""
    open_rows = f"select count(*) as n from {SNAPSHOT} where dbt_valid_to is null group by customer_id"
    return dict(shop.query(f"select n, count(*) from ({open_rows}) as a group by n"))


def at_once(shop: Shop) -> None:
    """Two snapshots, neither of which writes before both have looked: they may read the table, but not yet write it."""
    waiting = f"select count(*) from pg_locks where relation = '{SNAPSHOT}'::regclass and not granted"
    for target in ("one", "two"):  # what dbt has read of the project, so that it need not do so twice
        shutil.copytree(shop.folder / "target", shop.folder / target)
    with ThreadPoolExecutor(2) as pool:
        with shop.connection.transaction():
            shop.query(f"lock table {SNAPSHOT} in share mode")
            running = [pool.submit(shop.snapshot, target) for target in ("one", "two")]
            limit = time.monotonic() + 120
            while shop.query(waiting) != [(2,)] and not any(each.done() for each in running):
                assert time.monotonic() < limit
                time.sleep(0.05)
        for each in running:
            each.result()
