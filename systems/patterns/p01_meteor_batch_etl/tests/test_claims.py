"""What Meteor claims (system.toml), against an oracle that shares no code with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import oracle
import pyarrow.parquet as pq
import pytest

from orrery.testing import Target

HEADER = b"Launch,Launch_Date,COSPAR,PL_Name,Orig_PL_Name,SATCAT,LV_Type,LV_SN,Site,Suc,Ref"
BAD = [
    b"2001-901,not a date,,,,,Atlas,,CC LC1,S,x",
    b"2001-902,2001 Feb 30 0101,,,,,Atlas,,CC LC1,S,x",
    b",2001 Feb 3 0101,,,,,Atlas,,CC LC1,S,x",
    b"2001-903,2001 Feb 3 0101,,,,,,,CC LC1,S,x",
    b"2001-904,2001 Feb 3 0101,,,,,Atlas,,CC LC1,X,x",
    b"2001-905,2001 Feb 3 0101,,,,,Atlas,,CC LC1,S",
    b"2001-906,2001 Feb 3 0101,,,,,Atlas,,CC LC1,S,x,y",
    b"2001-907,2001 Feb 3 0101,,\xff,,,Atlas,,CC LC1,S,x",
    b"2001-908,2001 Feb 3 0101,,\x00,,,Atlas,,CC LC1,S,x",
    b'2001-909,2001 Feb 3 0101,,5" gun,,,Atlas,,CC LC1,S,x',
    b"2001-910,1901 Feb 3 0101,,,,,Atlas,,CC LC1,S,x",
]


def dirty(sample: bytes, seed: int, rows: int = 300) -> bytes:
    """Real launches with every kind of bad record among them."""
    chance = random.Random(seed)  # noqa: S311 (not for secrets)
    records = chance.sample(sample.splitlines()[1:], rows)
    records += [*BAD, records[0], records[1].replace(b",S,", b",F,").replace(b",F,", b",S,")]
    chance.shuffle(records)
    return b"\n".join([HEADER, *records]) + b"\n"


def same_as_oracle(target: Target, *files: tuple[str, bytes]) -> None:
    """The target holds what the oracle makes of the files, to the value."""
    expected = oracle.target_after(list(files))
    names = [name for name in next(iter(expected.values())) if not name.startswith("_")]
    actual = [{name: row[name] for name in names} for row in target.rows()]
    assert oracle.checksum(actual) == oracle.checksum(list(expected.values()))


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_rows_are_conserved(meteor: Any, target: Target, deliver: Any, sample: bytes, engine: str) -> None:
    content = dirty(sample, seed=1)
    summary = meteor("--data", f"launches={deliver('a.csv', content)}", "--set", f"engine={engine}")
    verdict = oracle.judge(content, "a.csv")
    [loaded] = summary["files"]
    assert loaded["read"] == verdict.read == loaded["kept"] + loaded["rejected"]
    assert len(target.rows()) == loaded["kept"] == len(verdict.accepted)
    wanted = {(each.line, each.byte_offset, each.rule, each.text) for each in verdict.refused_rows}
    kept = {(row["line"], row["byte_offset"], row["rule"], row["record_text"]) for row in target.rejects()}
    assert kept == wanted
    assert loaded["rejected"] == len(target.rejects()) > 10
    parquet = pq.read_table(
        target.home / "runs" / summary["run_id"] / "rejects.parquet", page_checksum_verification=True
    )
    assert (
        set(zip(*(parquet[name].to_pylist() for name in ("line", "byte_offset", "rule", "text")), strict=True))
        == wanted
    )


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_table_equals_the_oracle(meteor: Any, target: Target, sample: bytes, engine: str) -> None:
    summary = meteor("--set", f"engine={engine}")
    assert summary["target"] == {"table": "p01_meteor.launches", "rows": 5667, "rejected_rows": 0}
    same_as_oracle(target, ("launch_log.csv", sample))


def test_rerun_changes_nothing(meteor: Any, target: Target, deliver: Any, sample: bytes) -> None:
    path = deliver("a.csv", dirty(sample, seed=2))
    meteor("--data", f"launches={path}")
    before = target.state()
    again = meteor("--data", f"launches={path}")
    assert again["nothing_new"] is True
    assert again["files_known"] == [{"name": "a.csv", "loaded_as": "a.csv"}]
    renamed = deliver("b.csv", path.read_bytes())
    assert meteor("--data", f"launches={renamed}")["files_known"] == [{"name": "b.csv", "loaded_as": "a.csv"}]
    assert target.state() == before


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
    verdict = oracle.judge(sample, "launch_log.csv")
    lines = sample.splitlines()
    days: dict[str, list[bytes]] = {}
    for row in verdict.accepted:
        day = row["launched_at"].date().isoformat()
        if "1969-07-01" <= day <= "1969-07-30":
            days.setdefault(day, []).append(lines[row["_line"] - 1])
    dates = [f"1969-07-{number:02d}" for number in range(1, 31)]
    for day in dates:
        records = days.get(day) or [
            b"1969-X%s,1969 Jul %s 0000,,,,,Nil,,CC,F,x" % (day[-2:].encode(), day[-2:].encode())
        ]
        path = deliver(f"launches-{day}.csv", b"\n".join([HEADER, *records]) + b"\n")
    template = path.parent / "launches-{date}.csv"
    meteor("--data", f"launches={template}", "--date", "1969-07-01..1969-07-30")
    backfilled = [{k: v for k, v in row.items() if k != "file_id"} for row in target.rows()]
    target.reset()
    meteor("--data", f"launches={path.parent}")
    assert [{k: v for k, v in row.items() if k != "file_id"} for row in target.rows()] == backfilled
    assert len(backfilled) >= 30
    # the days of one large file, taken one by one, are those days of the file
    target.reset()
    meteor("--date", "1969-07-01..1969-07-30")
    wanted = [row for row in verdict.accepted if row["launched_at"].date().isoformat() in dates]
    assert oracle.checksum(
        [{k: v for k, v in row.items() if k != "file_id"} for row in target.rows()]
    ) == oracle.checksum(wanted)


def test_own_files_are_loaded_or_named(
    meteor: Any, orrery_run: Callable, target: Target, deliver: Any, sample: bytes
) -> None:
    import gzip

    import zstandard

    lines = sample.splitlines()
    halves = [b"\n".join([HEADER, *lines[1:100]]) + b"\n", b"\r\n".join([HEADER, *lines[100:200]])]
    deliver("one.csv.gz", gzip.compress(halves[0]))
    deliver("two.csv.zst", zstandard.compress(halves[1]))
    deliver(".three.csv.part", b"unfinished")
    folder = deliver("four.txt", b"\xef\xbb\xbf" + b"\n".join([HEADER, *lines[200:250]])).parent
    summary = meteor("--data", f"launches={folder}")
    assert [each["name"] for each in summary["files"]] == ["four.txt", "one.csv.gz", "two.csv.zst"]
    same_as_oracle(
        target, ("one.csv", halves[0]), ("two.csv", halves[1]), ("four.txt", b"\n".join([HEADER, *lines[200:250]]))
    )
    before = target.state()
    other = deliver("other.csv", b'mission,price\nApollo 11,"1,234.5 "\n')
    result = orrery_run(["run", "meteor", "--data", f"launches={other}"])
    assert result.exit_code == 2
    assert "no header" in result.stderr
    assert "Launch_Date" in result.stderr
    assert target.state() == before


def test_steps_show_what_they_cost(meteor: Any, target: Target) -> None:
    steps = meteor()["steps"]
    assert [step["name"] for step in steps] == ["find files", "load launch_log.csv"]
    assert steps[1]["rows"]["read"] == 5667
    assert steps[1]["bytes"] == 695_578
    assert 0 < steps[1]["seconds"] < 60
    assert 20 < steps[1]["peak_mb"] < 2000
    assert target.rows()


def test_any_other_server_by_dsn_and_no_secret_is_left_anywhere(
    orrery_run: Callable, target: Target, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same assertions on a server that is only known by libpq's key words; its password is the canary."""
    from psycopg import sql

    from orrery import testing

    secret = "c4n4ry-0f-%40'\"\\ ü"
    server = target.connection.info
    target.connection.execute("drop role if exists loader")
    role = sql.SQL("create role loader login password {}").format(sql.Literal(secret))
    target.connection.execute(role)
    target.connection.execute("grant create on database orrery to loader")
    named = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "loader", "PGDATABASE": "orrery"}
    for name, value in {**named, "PGPASSWORD": secret}.items():
        monkeypatch.setenv(name, value)
    try:
        first = orrery_run(["run", "meteor", "--profile", "services", "--json"])
        assert first.exit_code == 0, first.stderr
        same_as_oracle(target, ("launch_log.csv", sample))
        again = orrery_run(["run", "meteor", "--profile", "services", "--json"])
        assert again.json["nothing_new"] is True
        checked = orrery_run(["check", "meteor", "--profile", "services", "--json"])
        assert checked.exit_code == 0, checked.stdout
        shown = orrery_run(["env", "meteor", "--profile", "services"])
        monkeypatch.setenv("PGPASSWORD", "wrong")
        denied = orrery_run(["run", "meteor", "--profile", "services"])
        assert denied.exit_code == 7, denied.stderr
        monkeypatch.setenv("PGPORT", "1")
        down = orrery_run(["run", "meteor", "--profile", "services"])
        assert down.exit_code == 4, down.stderr
        told = "".join(each.stdout + each.stderr for each in (first, again, checked, shown, denied, down))
        assert secret not in told
        assert testing.files_that_tell(target.home / "runs", [secret]) == []
        assert testing.files_that_tell(target.home, [secret]) == []
    finally:
        target.connection.execute("drop owned by loader")
        target.connection.execute("drop role loader")
        target.reset()
