"""Files that are restated, rotated, swapped, late or large: whichever way they go in, the table is what the oracle says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import meteor_oracle as oracle
import pytest
from meteor_scenario import HEADER, same_as_oracle

from orrery import catalogue
from orrery.testing import Target


@pytest.fixture
def every_file_is_large(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that small files are loaded in the ways of large ones: the key built later, most rows replaced."""
    catalogue.entry(target.system)
    loading = sys.modules[f"orrery_systems_{target.system.folder.name}.loading"]
    monkeypatch.setattr(loading, "LARGE", 0)


@pytest.mark.usefixtures("every_file_is_large")
@pytest.mark.parametrize(
    ("stay", "change", "new", "repeated"),
    [(0, 300, 0, 0), (100, 250, 50, 0), (0, 200, 200, 0), (100, 200, 30, 3), (300, 20, 10, 0)],
    ids=["all change", "most change", "half is new", "with duplicates", "few change"],
)
def test_a_rewritten_table_is_the_same_difference(
    stay: int, change: int, new: int, repeated: int, meteor: Any, target: Target, deliver: Any, sample: bytes
) -> None:
    """Whatever share of a large file changes, and whichever way it goes in for that."""
    records = [record + b"!" for record in sample.splitlines()[1:] if not record.endswith(b'"')]
    other, first = records[:40], records[40:460]
    second = [*(record + b"*" for record in first[:change]), *first[change : change + stay], *records[500 : 500 + new]]
    second += second[:repeated]
    files = [("other.csv", other), ("a.csv", [*first, other[0]]), ("a.csv", [*second, other[1]])]
    contents = [(name, b"\n".join([HEADER, *part]) + b"\n") for name, part in files]
    for name, content in contents:
        before = {row["launch_id"]: row for row in target.query("select xmin::text, * from p01_meteor.launches")}
        summary = meteor("--data", f"launches={deliver(name, content)}")
    same_as_oracle(target, *contents)
    counts = {name: summary["files"][0][name] for name in ("inserted", "updated", "deleted")}
    gone = len(first) - change - stay + 1  # with the one that came from the other file and is not repeated
    assert counts == {"inserted": new, "updated": change + 1, "deleted": gone}
    after = {row["launch_id"]: row for row in target.query("select xmin::text, * from p01_meteor.launches")}
    untouched = [key for key in after if key in before and after[key]["xmin"] == before[key]["xmin"]]
    assert len(untouched) == stay + len(other) - 2
    keys = target.query("select conname from pg_constraint where conrelid = 'p01_meteor.launches'::regclass")
    assert "launches_pkey" in {row["conname"] for row in keys}


@pytest.mark.usefixtures("every_file_is_large")
def test_a_reader_or_a_view_on_the_table_only_makes_the_load_slower(
    meteor: Any, target: Target, deliver: Any, sample: bytes
) -> None:
    """The key cannot be set aside then; the rows come in all the same."""
    records = [record for record in sample.splitlines()[1:401] if not record.endswith(b'"')]
    first, second = (b"\n".join([HEADER, *(r + mark for r in records)]) + b"\n" for mark in (b"", b"*"))
    meteor("--data", f"launches={deliver('a.csv', first)}")
    reader = Target(target.home, target.system)
    with reader.connection.transaction():
        assert len(reader.rows()) == len(records)
        summary = meteor("--data", f"launches={deliver('a.csv', second)}")
    reader.connection.close()
    assert summary["files"][0]["updated"] == len(records)
    same_as_oracle(target, ("a.csv", first), ("a.csv", second))
    target.connection.execute(
        "create view p01_meteor.leaning as select launch_id, site from p01_meteor.launches group by launch_id"
    )
    meteor("--data", f"launches={deliver('a.csv', first)}")
    same_as_oracle(target, ("a.csv", first))


def test_a_launch_belongs_to_the_file_that_delivered_it_last(
    meteor: Any, target: Target, deliver: Any, sample: bytes
) -> None:
    """Three files that overlap, restated in turn: a launch goes only when the file that brought it last drops it."""
    records = sample.splitlines()[1:31]
    contents = [
        ("a.csv", records[:20]),
        ("b.csv", records[10:30]),  # says the same of ten of them
        ("a.csv", records[:5]),  # drops those ten, and five of its own
        ("c.csv", [records[12].replace(b",S,", b",F,"), *records[:3]]),
        ("b.csv", records[15:30]),
    ]
    loaded = []
    for name, part in contents:
        content = b"\n".join([HEADER, *part]) + b"\n"
        loaded.append((name, content))
        meteor("--data", f"launches={deliver(name, content)}")
        same_as_oracle(target, *loaded)
    assert len(target.rows()) == 5 + 15 + 1


@pytest.mark.parametrize("large", [4 << 20, 0], ids=["merged", "replaced"])
def test_rotated_and_swapped_files_keep_their_rows(
    large: int, meteor: Any, target: Target, deliver: Any, sample: bytes, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A content that moves to another name while its own file gets a new one is still delivered."""
    catalogue.entry(target.system)
    monkeypatch.setattr(sys.modules[f"orrery_systems_{target.system.folder.name}.loading"], "LARGE", large)
    records = sample.splitlines()[1:101]
    x, y, z = (b"\n".join([HEADER, *records[at : at + 30]]) + b"\n" for at in (0, 30, 60))
    folder = tmp_path / "inbox"

    def launches(*contents: bytes) -> set[str]:
        return {row["launch_id"] for each in contents for row in oracle.judge(each, "a.csv").accepted}

    def delivered(**files: bytes) -> set[str]:
        for name, content in files.items():
            deliver(f"{name}.csv", content)
        meteor("--data", f"launches={folder}")
        return {row["launch_id"] for row in target.rows()}

    assert delivered(a=x) == launches(x)
    assert delivered(a=y, b=x) == launches(x, y)  # rotated
    before = target.state()
    assert delivered(a=y, b=x) == launches(x, y)
    assert target.state() == before
    assert delivered(a=x, b=y) == launches(x, y)  # swapped
    assert delivered(a=z, b=y) == launches(z, y)
    assert delivered(a=x, b=y) == launches(x, y)  # back to an earlier content
    assert delivered(a=y) == launches(y)  # a says now what b says


@pytest.mark.parametrize("large", [4 << 20, 0], ids=["merged", "replaced"])
def test_an_earlier_day_that_comes_late_does_not_overrule_a_later_one(
    large: int, meteor: Any, target: Target, deliver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.entry(target.system)
    monkeypatch.setattr(sys.modules[f"orrery_systems_{target.system.folder.name}.loading"], "LARGE", large)

    def of_day(day: int, launch: str) -> bytes:
        rows = [b"%s,2001 Feb %d 0101,,day %d,,,Atlas,,CC LC1,S,x" % (launch.encode(), day, day)]
        rows += [b"2001-%d%02d,2001 Feb %d 0101,,p,,,Atlas,,CC LC1,S,x" % (day, n, day) for n in range(3)]
        return b"\n".join([HEADER, *rows]) + b"\n"

    for day in (3, 2):  # the launch was put off: the second says so, and comes first
        deliver(f"launches-2001-02-0{day}.csv", of_day(day, "2001-K"))
        template = deliver("x.csv", b"").parent / "launches-{date}.csv"
        summary = meteor("--data", f"launches={template}", "--date", f"2001-02-0{day}")
    [loaded] = summary["files"]
    assert (loaded["read"], loaded["kept"], loaded["inserted"], loaded["filtered"]) == (4, 3, 3, 1)
    names = {row["launch_id"]: row["payload_name"] for row in target.rows()}
    assert names["2001-K"] == "day 3"
    assert len(names) == 7
    everything = of_day(3, "2001-K").replace(b"day 3", b"put right")
    meteor("--data", f"launches={deliver('all.csv', everything)}")
    assert {row["launch_id"]: row["payload_name"] for row in target.rows()}["2001-K"] == "put right"


@pytest.mark.usefixtures("every_file_is_large")
def test_a_row_twice_that_stays_as_it_is_is_refused_too(
    meteor: Any, target: Target, deliver: Any, sample: bytes
) -> None:
    records = [record for record in sample.splitlines()[1:101] if not record.endswith(b'"')][:60]
    first = b"\n".join([HEADER, *records]) + b"\n"
    second = b"\n".join([HEADER, *(record + b"*" for record in records[:50]), *records[50:], records[55]]) + b"\n"
    for content in (first, second):
        meteor("--data", f"launches={deliver('a.csv', content)}")
    same_as_oracle(target, ("a.csv", first), ("a.csv", second))
    assert [(row["line"], row["rule"]) for row in target.rejects()] == [(62, "duplicate_row")]


def test_a_copy_that_took_fewer_rows_than_were_sent_ends_the_run(
    orrery_run: Callable, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.entry(target.system)
    copying = sys.modules[f"orrery_systems_{target.system.folder.name}.copying"]
    real = copying.FileCopy.copy
    monkeypatch.setattr(copying.FileCopy, "copy", lambda self, *words: real(self, *words[:-1], words[-1] + 1))
    result = orrery_run(["run", "meteor"])
    assert result.exit_code == 6, result.stderr
    assert "5,667 rows of 5,668" in result.stderr
    assert target.rows() == []


@pytest.mark.parametrize(
    "change",
    [
        "update p01_meteor.launches set vehicle = 'another' where launch_id = (select min(launch_id) from p01_meteor.launches)",
        "delete from p01_meteor.launches where launch_id = (select min(launch_id) from p01_meteor.launches)",
        "delete from p01_meteor.launches_rejected where line = (select min(line) from p01_meteor.launches_rejected)",
        "update p01_meteor.launches_rejected set rule = 'another' where line = (select min(line) from p01_meteor.launches_rejected)",
        "update p01_meteor.files set rows_kept = rows_kept + 1",
    ],
)
def test_what_somebody_changes_by_hand_is_found_by_check(
    orrery_run: Any, warehouse_home: Any, target: Target, deliver: Any, change: str
) -> None:
    import meteor_scenario as scenario

    assert orrery_run(["run", "meteor", "--data", f"launches={deliver('a.csv', scenario.dirty(1))}"]).exit_code == 0
    assert orrery_run(["check", "meteor"]).exit_code == 0
    with target.connection.transaction(force_rollback=False):
        target.connection.execute(change)
    ended = orrery_run(["check", "meteor", "--json"])
    assert ended.exit_code == 6
    assert [each["invariant"][:2] for each in ended.json if not each["holds"]] == ["L5"]
    target.reset()
