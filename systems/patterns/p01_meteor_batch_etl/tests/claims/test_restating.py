"""Files that come again with another content, and files of many days."""

from __future__ import annotations

from typing import Any

import meteor_oracle as oracle
import pytest
from meteor_scenario import BAD, HEADER, same_as_oracle

from orrery.testing import Target


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_restated_file_is_a_difference(meteor: Any, target: Target, deliver: Any, sample: bytes, engine: str) -> None:
    records = sample.splitlines()[1:401]
    first = b"\n".join([HEADER, *records, *BAD[:3]]) + b"\n"
    gone, changed = records[:20], [record.replace(b",S,", b",F,", 1) for record in records[20:60]]
    new = sample.splitlines()[500:530]
    second = b"\n".join([HEADER, *changed, *records[60:], *new, *BAD[:1]]) + b"\n"
    meteor("--data", f"launches={deliver('a.csv', first)}", "--set", f"engine={engine}")
    before = {row["launch_id"]: row for row in target.query("select xmin::text, * from p01_meteor.launches")}
    summary = meteor("--data", f"launches={deliver('a.csv', second)}", "--set", f"engine={engine}")
    same_as_oracle(target, ("a.csv", first), ("a.csv", second))
    really_changed = sum(old != new_ for old, new_ in zip(records[20:60], changed, strict=True))
    counts = {name: summary["files"][0][name] for name in ("inserted", "updated", "deleted")}
    assert counts == {"inserted": len(new), "updated": really_changed, "deleted": len(gone)}
    after = {row["launch_id"]: row for row in target.query("select xmin::text, * from p01_meteor.launches")}
    untouched = [key for key in after if key in before and after[key]["file_id"] == before[key]["file_id"]]
    assert len(untouched) == 400 - len(gone) - really_changed
    assert all(after[key]["xmin"] == before[key]["xmin"] for key in untouched)
    assert len(target.rejects()) == 1


def test_backfill_equals_one_load(meteor: Any, target: Target, deliver: Any, sample: bytes) -> None:
    def loaded() -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if name != "file_id"} for row in target.rows()]

    verdict = oracle.judge(sample, "launch_log.csv")
    lines = sample.splitlines()
    dates = [f"1969-07-{number:02d}" for number in range(1, 31)]
    wanted = [row for row in verdict.accepted if row["launched_at"].date().isoformat() in dates]
    # the days of one file that has those of the whole year, taken one by one, are those days of the file
    year = [lines[row["_line"] - 1] for row in verdict.accepted if row["launched_at"].year == 1969]
    assert len(year) > 2 * len(wanted) > 0
    whole = deliver("1969.csv", b"\n".join([HEADER, *year]) + b"\n")
    meteor("--data", f"launches={whole}", "--date", "1969-07-01..1969-07-30")
    assert oracle.checksum(loaded()) == oracle.checksum(wanted)
    # and thirty files of a day each, taken one by one, are what they are together
    whole.unlink()
    target.reset()
    for day in dates:
        mark = day[-2:].encode()
        records = [lines[row["_line"] - 1] for row in wanted if row["launched_at"].date().isoformat() == day]
        records = records or [b"1969-X%s,1969 Jul %s 0000,,,,,Nil,,CC,F,x" % (mark, mark)]
        path = deliver(f"launches-{day}.csv", b"\n".join([HEADER, *records]) + b"\n")
    meteor("--data", f"launches={path.parent / 'launches-{date}.csv'}", "--date", "1969-07-01..1969-07-30")
    backfilled = loaded()
    assert len(backfilled) >= 30
    target.reset()
    meteor("--data", f"launches={path.parent}")
    assert loaded() == backfilled
