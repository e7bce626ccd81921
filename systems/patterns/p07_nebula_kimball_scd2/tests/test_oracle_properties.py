"""The oracle on random deliveries: how they arrive does not matter; and no break in a dimension goes unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from nebula_history import INFINITY
from nebula_oracle import Row, state_at, tables, versions_at
from nebula_oracle_deliveries import cdnow, customer, cut, delivered, seeded, some
from nebula_rules import accepted
from nebula_violations import violations

MICROSECOND = timedelta(microseconds=1)
Change = Callable[[list[Row]], object]
KEYS = {"dim_customer": "customer_id", "dim_product": "product_id"}


def without_places(found: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """The tables, and of refusals what no cut of the files changes."""
    return {**found, "rejected": {(row["rule"], row["column"]) for row in found["rejected"]}}


# ---- arrival ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_order_cut_and_repetition_do_not_matter(seed: int) -> None:
    random = seeded(seed)
    told = some(random, random.randint(1, 120))
    shop = cdnow(" 1 20240101 1 1.00", " 2 20240102 1 -1")
    wanted = without_places(tables([shop, *delivered(*told)]))
    for _ in range(3):
        assert without_places(tables([*cut(told, random), shop, shop])) == wanted


@pytest.mark.parametrize("seed", range(20))
def test_what_is_refused_is_as_if_it_had_never_been_delivered(seed: int) -> None:
    told = some(seeded(seed), 120)
    found = tables(delivered(*told))
    refused = {(row["file"], row["line"]) for row in found["rejected"]}
    counted: dict[str, int] = {}
    good = []
    for kind, row in told:
        counted[kind] = counted.get(kind, 1) + 1  # its line: the header is the first
        if (f"{kind}.csv", counted[kind]) not in refused:
            good.append((kind, row))
    assert refused
    assert tables(delivered(*good)) == found | {"rejected": []}


@pytest.mark.parametrize("seed", range(40))
def test_the_versions_say_what_the_changes_until_then_say_and_have_all_properties(seed: int) -> None:
    files = delivered(*some(seeded(seed), 150))
    found, taken = tables(files), accepted(files)
    instants = {change.changed_at for of in (taken.customers, taken.products) for change in of}
    for instant in instants | {each - MICROSECOND for each in instants} | {datetime(2030, 1, 1, tzinfo=UTC)}:
        there = versions_at(found, instant)
        for name, state in state_at(files, instant).items():
            assert len(there[name]) == len(state)
            for row in there[name]:
                assert row.items() >= state[row[KEYS[name]]].items()
    for name, key in KEYS.items():
        assert violations(found[name], key) == []


# ---- violations ---------------------------------------------------------------------------------------------------

C1 = [
    customer("2024-01-01", city="Bonn"),
    customer("2024-02-01", city="Ulm"),
    customer("2024-03-01", city="Kiel"),
    customer("2024-04-01", op="delete"),
    customer("2024-05-01", city="Kiel", segment="b"),
]
C2 = [customer(f"2024-0{month}-01", customer_id="C2", name="Eve", city=str(month)) for month in (1, 2, 3)]
KEPT = [{"customer_key": number, "row_hash": f"{number}"} for number in range(1, 8)]


def rows() -> list[dict[str, Any]]:
    """Versions 1 to 4 of C1, of which 3 was deleted and 4 has returned with the same content; 1 to 3 of C2."""
    found = tables(delivered(*C1, *C2))["dim_customer"]
    made = [row | kept for row, kept in zip(found, KEPT, strict=True)]
    made[3]["row_hash"] = made[2]["row_hash"]
    return made


def swapped(one: int, other: int, *columns: str) -> Change:
    def swap(there: list[Row]) -> None:
        for column in columns:
            there[one][column], there[other][column] = there[other][column], there[one][column]

    return swap


def put(place: int, **values: Any) -> Change:
    return lambda there: there[place].update(values)


def moved(place: int, column: str, by: timedelta) -> Change:
    def move(there: list[Row]) -> None:
        there[place][column] += by

    return move


def equalled(there: list[Row]) -> None:
    for row in there[:4]:
        row["previous_segment"] = "b"


def both_moved(there: list[Row]) -> None:
    there[0]["valid_to"] += MICROSECOND
    there[1]["valid_from"] += MICROSECOND


def dropped(place: int) -> Change:
    return lambda there: there.pop(place)


def turned(there: list[Row]) -> None:
    there[1]["valid_from"], there[1]["valid_to"] = there[1]["valid_to"], there[1]["valid_from"]


BROKEN: list[tuple[str, Change, str]] = [
    ("a gap", moved(1, "valid_to", timedelta(days=-3)), "gap before the next version, which has not"),
    ("a gap of a microsecond", moved(0, "valid_to", -MICROSECOND), "version 1: there is a gap"),
    ("a late start", moved(1, "valid_from", MICROSECOND), "version 1: there is a gap"),
    ("an overlap of a microsecond", moved(0, "valid_to", MICROSECOND), "version 1: it overlaps"),
    ("an early start", moved(1, "valid_from", -MICROSECOND), "version 1: it overlaps"),
    ("an overlap with the last", moved(5, "valid_to", timedelta(days=40)), "version 2: it overlaps"),
    ("two current", put(0, valid_to=INFINITY, is_current=True), "two current versions"),
    ("two that say they are current", put(0, is_current=True), "two current versions"),
    ("none current", put(6, is_current=False), "is_current does not say"),
    ("a version of no time", put(1, valid_to=datetime(2024, 2, 1, tzinfo=UTC)), "is not before valid_to"),
    ("from and to turned round", turned, "is not before valid_to"),
    ("starts swapped", swapped(0, 1, "valid_from"), "it overlaps"),
    ("numbers swapped", swapped(0, 1, "version_no"), "number 1 by time, not 2"),
    ("is_current swapped", swapped(5, 6, "is_current"), "is_current does not say"),
    ("reasons swapped", swapped(0, 1, "change_reason"), "change_reason 'changed' is none of"),
    ("a return that is none", put(1, change_reason="returned"), "there is no gap before"),
    ("a return not told", put(3, change_reason="changed"), "which has not returned"),
    ("names swapped", swapped(0, 4, "name"), "name is not the same"),
    ("segments swapped with those before", put(2, segment=None, previous_segment="b"), "segment is not the same"),
    (
        "the previous is the current",
        lambda there: [row.update(previous_segment="b") for row in there],
        "is segm",
    ),
    ("cities swapped", swapped(1, 2, "city"), "one row_hash stands for several"),
    ("content of the one before", put(1, city="Bonn", row_hash="1"), "differs in no column"),
    ("the first dropped", dropped(0), "it is number 1 by time, not 2"),
    ("a middle one dropped", dropped(1), "there is a gap"),
    ("one twice", lambda there: there.append(dict(there[1])), "one stands for several rows"),
    ("one of another key", put(1, customer_id="C2"), "it overlaps"),
]


@pytest.mark.parametrize(("change", "message"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_a_break_is_found_in_any_order_of_rows(change: Change, message: str) -> None:
    there = rows()
    assert violations(there, "customer_id") == []
    change(there)
    seeded(1).shuffle(there)
    assert message in "\n".join(violations(there, "customer_id"))


def test_members_are_no_versions() -> None:
    members = [{"customer_key": key, "customer_id": None, "valid_from": "-infinity"} for key in (-1, -2)]
    assert violations([*members, *rows()], "customer_id") == []


UNSEEN: list[Change] = [
    both_moved,
    dropped(6),
    moved(2, "valid_to", MICROSECOND),  # when it was deleted
    swapped(4, 6, "city", "row_hash"),
]


@pytest.mark.parametrize("change", UNSEEN)
def test_a_break_that_leaves_all_properties_is_found_by_comparing(change: Change) -> None:
    there = rows()
    change(there)
    assert violations(there, "customer_id") == []
    assert there != rows()


@pytest.mark.parametrize("seed", range(30))
def test_random_breaks_are_found(seed: int) -> None:
    random = seeded(seed)
    found = tables(delivered(*some(random, 150)))["dim_customer"]
    inner = [
        place
        for place, (row, following) in enumerate(pairwise(found))
        if row["customer_id"] == following["customer_id"] and following["change_reason"] == "changed"
    ]
    assert inner
    for place in inner:
        changes: list[Change] = [
            moved(place, "valid_to", random.choice([-1, 1]) * MICROSECOND),
            moved(place + 1, "valid_from", random.choice([-1, 1]) * MICROSECOND),
            put(place, is_current=True),
            put(place, valid_to=INFINITY, is_current=True),
            swapped(place, place + 1, random.choice(["valid_from", "valid_to", "version_no"])),
            dropped(place),
        ]
        for change in changes:
            there = [dict(row) for row in found]
            change(there)
            assert violations(there, "customer_id"), place
