"""Files of the user's own: a foreign file of launches by a mapping, any file by its contract, and what does not fit."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import space_missions
from own_rules import changed, contract, mapping, saved
from space_missions import COPIES, Copy, moment

from orrery.testing import Target

MISSIONS = "p01_meteor.missions"


def expected(rows: list[tuple[str, ...]]) -> Counter[tuple[Any, ...]]:
    """What a table of missions must hold, by the standard library alone; a row that is there twice is there twice."""
    found: Counter[tuple[Any, ...]] = Counter()
    for company, place, date, detail, _, cost, state in rows:
        price = Decimal(cost.strip().replace(",", "")) if cost.strip() else None
        found[company, place, moment(date), detail, price, "success" if state == "Success" else state] += 1
    return found


def held(target: Target) -> Counter[tuple[Any, ...]]:
    return Counter(
        tuple(value for name, value in row.items() if name != "file_id")
        for row in target.query(f"select * from {MISSIONS}")
    )


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.name)
def test_each_copy_comes_into_a_table_of_its_own(
    copy: Copy, meteor: Any, target: Target, deliver: Any, tmp_path: Path
) -> None:
    rows = space_missions.missions()
    path = deliver(copy.name, space_missions.written(copy, rows))
    said = ["--data", f"launches={path}", "--contract", saved(tmp_path, "missions.odcs.yaml", contract(copy))]
    summary = meteor(*said)
    assert summary["files"][0]["rejected"] == 0
    assert held(target) == expected(rows)
    again = meteor(*said)
    assert again["nothing_new"] is True
    assert target.query("select * from p01_meteor.missions_files")[0]["rows_kept"] == len(rows)


def test_a_restated_file_without_a_key_is_a_difference_too(
    meteor: Any, target: Target, deliver: Any, tmp_path: Path
) -> None:
    rows = space_missions.missions()
    changed = [*rows[:100], rows[50], rows[50], *rows[103:], ("X", *rows[0][1:])]
    said = ["--contract", saved(tmp_path, "missions.odcs.yaml", contract(COPIES[1]))]
    places = f"select ctid::text, xmin::text, detail from {MISSIONS}"
    meteor("--data", f"launches={deliver('a.csv', space_missions.written(COPIES[1], rows))}", *said)
    before = {tuple(row.values()) for row in target.query(places)}
    summary = meteor("--data", f"launches={deliver('a.csv', space_missions.written(COPIES[1], changed))}", *said)
    assert held(target) == expected(changed)
    gone, come = expected(rows) - expected(changed), expected(changed) - expected(rows)
    counts = {name: summary["files"][0][name] for name in ("inserted", "updated", "deleted")}
    assert counts == {"inserted": come.total(), "updated": 0, "deleted": gone.total()}
    after = {tuple(row.values()) for row in target.query(places)}
    assert len(before & after) == len(rows) - gone.total(), "a row that stays must not be rewritten"


def test_a_table_with_a_key_refuses_what_has_it_twice(
    orrery_run: Any, meteor: Any, target: Target, deliver: Any, tmp_path: Path
) -> None:
    rows = space_missions.missions()
    conflict = (*rows[8][:5], "77.0", rows[8][6])
    path = deliver("a.csv", space_missions.written(COPIES[1], [*rows, conflict]))
    said = saved(tmp_path, "missions.odcs.yaml", contract(COPIES[1], key=("detail", "launched_at")))
    told = orrery_run(["data", "validate", "meteor", str(path), "--contract", said, "--json"])
    assert {each["rule"]: each["count"] for each in told.json["misfits"]} == {"key_conflict": 2, "duplicate_row": 1}
    summary = meteor("--data", f"launches={path}", "--contract", said)
    assert summary["refused_by_rule"] == {"key_conflict": 2, "duplicate_row": 1}
    refused = target.query("select line, rule, column_name from p01_meteor.missions_rejected order by line")
    assert [row["line"] for row in refused] == [10, len(rows) + 1, len(rows) + 2]
    assert {row["column_name"] for row in refused} == {"Datum + Detail"}
    assert held(target) == expected([row for number, row in enumerate(rows[:-1]) if number != 8])


def test_a_foreign_file_of_launches_fills_meteors_table(
    meteor: Any, target: Target, deliver: Any, tmp_path: Path
) -> None:
    rows = space_missions.missions()
    path = deliver("bom.csv", space_missions.written(COPIES[0], rows))
    said = ["--data", f"launches={path}", "--map", saved(tmp_path, "a.map.yaml", mapping())]
    summary = meteor(*said)
    known = {"Success": "success", "Failure": "failure"}
    wanted = {
        f"{detail} / {date}": (
            moment(date),
            "minute" if date.endswith("UTC") else "day",
            *(part.strip() for part in detail.split("|")),
            place,
            known[state],
        )
        for _, place, date, detail, _, _, state in rows
        if state in known
    }
    found = {
        row["launch_id"]: tuple(
            row[name] for name in ("launched_at", "launched_at_precision", "vehicle", "payload_name", "site", "outcome")
        )
        for row in target.rows()
    }
    assert found == wanted
    others = sum(row[6] not in known for row in rows)
    assert summary["refused_by_rule"] == {"unknown": others, "duplicate_row": 1}
    refused = {row["line"]: row for row in target.rejects()}
    for line, row in enumerate(rows, start=2):
        assert (line in refused) == (row[6] not in known or line == len(rows) + 1)
        assert line not in refused or row[3] in refused[line]["record_text"]


def test_a_better_mapping_is_applied_to_a_file_that_is_there(
    meteor: Any, target: Target, deliver: Any, tmp_path: Path
) -> None:
    rows = space_missions.missions()
    path = deliver("bom.csv", space_missions.written(COPIES[0], rows))
    first = meteor("--data", f"launches={path}", "--map", saved(tmp_path, "a.map.yaml", mapping()))
    better = mapping()
    better["columns"]["outcome"]["values"]["Partial Failure"] = "failure"
    second = meteor("--data", f"launches={path}", "--map", saved(tmp_path, "a.map.yaml", better))
    partial = sum(row[6] == "Partial Failure" for row in rows)
    assert partial > 0
    assert second["files"][0]["inserted"] == partial
    assert second["files"][0]["updated"] == second["files"][0]["deleted"] == 0
    assert second["target"]["rows"] == first["target"]["rows"] + partial


def test_a_day_of_a_foreign_file_is_that_day_of_it(meteor: Any, target: Target, deliver: Any, tmp_path: Path) -> None:
    rows = space_missions.missions()
    path = deliver("bom.csv", space_missions.written(COPIES[0], rows))
    day = moment(rows[3][2]).date()
    said = saved(tmp_path, "a.map.yaml", mapping())
    meteor("--data", f"launches={path}", "--map", said, "--date", day.isoformat())
    wanted = {detail.split("|")[1].strip() for _, _, date, detail, *_ in rows if moment(date).date() == day}
    assert {row["payload_name"] for row in target.rows()} == wanted


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_what_validate_says_is_what_a_run_does(
    orrery_run: Any, meteor: Any, target: Target, deliver: Any, tmp_path: Path, sample: bytes, engine: str
) -> None:
    lines = sample.splitlines()
    broken = [lines[10].replace(b",S,", b",U,"), b"too,short", lines[20], lines[30].replace(b"1958", b"19x8")]
    path = deliver("a.csv", b"\n".join([*lines[:300], *broken]) + b"\n")
    before = target.state()
    ended = orrery_run(["data", "validate", "meteor", str(path), "--set", f"engine={engine}", "--json", "--rows", "9"])
    assert ended.exit_code == 3, ended.stderr
    assert target.state() == before, "nothing may be loaded"
    summary = meteor("--data", f"launches={path}", "--set", f"engine={engine}")
    told = Counter({each["rule"]: each["count"] for each in ended.json["misfits"]})
    assert told == summary["refused_by_rule"]
    assert told.total() == len(broken)
    assert ended.json["fits"] == summary["target"]["rows"]
    shown = {(row["line"], row["text"]) for each in ended.json["misfits"] for row in each["first"]}
    assert shown == {(row["line"], row["record_text"]) for row in target.rejects()}


def test_validate_of_a_file_that_fits_ends_with_0(orrery_run: Any, deliver: Any, sample: bytes) -> None:
    path = deliver("a.csv", b"\n".join(sample.splitlines()[:50]) + b"\n")
    ended = orrery_run(["data", "validate", "meteor", str(path)])
    assert ended.exit_code == 0
    assert ended.stdout.startswith("49 rows read: 49 fit p01_meteor.launches, 0 would be refused\n")


def test_nothing_is_loaded_by_a_mapping_that_nobody_confirmed(
    orrery_run: Any, target: Target, deliver: Any, tmp_path: Path
) -> None:
    path = deliver("bom.csv", space_missions.written(COPIES[0], space_missions.missions(20)))
    said = saved(tmp_path, "a.map.yaml", mapping(confirmed=False, refusedRowsLimit=1.0))
    ended = orrery_run(["run", "meteor", "--data", f"launches={path}", "--map", said])
    assert ended.exit_code == 3
    assert "confirmed: false" in ended.stderr
    assert target.rows() == []
    confirmed = orrery_run(["run", "meteor", "--data", f"launches={path}", "--map", said, "--confirm", "--json"])
    assert confirmed.exit_code == 0, confirmed.stderr
    assert confirmed.json["target"]["rows"] > 0


@pytest.mark.parametrize(
    ("kind", "path", "value", "told"),
    [
        ("map", "system", "p02_comet", "is for p02_comet"),
        ("map", "colour", "red", "is not a mapping"),
        ("map", "columns/vehicle", None, "leaves out what every row must have"),
        ("map", "columns/colour", {"from": "Detail"}, "'colour' that p01_meteor.launches does not have"),
        ("map", "columns/vehicle", "Detail", "something like {from: Header}"),
        ("map", "columns/vehicle", {"from": "Detail", "befor": "|"}, "unknown key 'befor'"),
        ("map", "columns/launched_at", {"from": "Datum"}, "without formats"),
        ("map", "csvDialect/encoding", "utf-16", "csvDialect what the reader cannot do"),
        ("map", "csvDialect/encoding", "shift_jis", "csvDialect what the reader cannot do"),
        ("map", "csvDialect/encoding", "cp1140", "csvDialect what the reader cannot do"),
        ("map", "ignoredColumns", ["column_1", "Company Name", "Rocket"], "unknown: Status Rocket"),
        ("map", "columns/site", {"from": "Place"}, "missing: Place"),
        ("map", "csvDialect/encoding", "latin-1", "the mark of UTF-8"),
        ("contract", "schema/0/physicalType", "table", "is not one of a file"),
        ("contract", "schema/0/name", "launches", "names its table 'launches'"),
        ("contract", "schema/0/name", "Missions; drop table x", "names its table"),
        ("contract", "schema/0/name", "x_rejected", "names its table"),
        ("contract", "schema/0/properties/0/name", "file_id", "has a column 'file_id'"),
        ("contract", "schema/0/properties/0/name", 'a"b', "has a column"),
        ("contract", "schema/0/properties/1/name", "company", "has a column 'company'"),
        ("contract", "schema/0/properties/0/physicalType", "money", "type 'money'"),
        ("contract", "schema/0/properties/2/customProperties", [], "without formats"),
        ("contract", "schema/0/properties/0/customProperties", [{"property": "csvFrom", "value": {}}], "csvFrom"),
        ("contract", "schema/0/properties/0/transformSourceObjects", None, "a column of the file or a constant"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_touched(
    orrery_run: Any, target: Target, deliver: Any, tmp_path: Path, kind: str, path: str, value: Any, told: str
) -> None:
    data = deliver("bom.csv", space_missions.written(COPIES[0], space_missions.missions(20)))
    said = saved(tmp_path, "a.yaml", changed(mapping() if kind == "map" else contract(COPIES[0]), path, value))
    ended = orrery_run(["run", "meteor", "--data", f"launches={data}", f"--{kind}", said])
    assert ended.exit_code in (2, 3), ended.stderr
    assert re.search(re.escape(told), ended.stderr), ended.stderr
    assert "Traceback" not in ended.stderr
    assert all(part in ended.stderr for part in ("looked in:", "found:", "to fix:"))
    tables = target.query("select tablename from pg_tables where schemaname = 'p01_meteor' and tablename <> 'loads'")
    assert [row for each in tables for row in target.query(f"select * from p01_meteor.{each['tablename']}")] == []


@pytest.mark.parametrize(
    "options", [["--map", "a", "--contract", "b", "--data", "launches=x"], ["--map", "a"], ["--contract", "b"]]
)
def test_a_mapping_or_a_contract_is_for_one_file_of_your_own(orrery_run: Any, options: list[str]) -> None:
    ended = orrery_run(["run", "meteor", *options])
    assert ended.exit_code == 2
    assert "--data launches=FILE" in ended.stderr


def test_a_byte_that_the_encoding_does_not_have_refuses_its_row(
    meteor: Any, target: Target, deliver: Any, tmp_path: Path
) -> None:
    rows = space_missions.missions(40)
    content = space_missions.written(COPIES[3], rows).replace(b'Payload 7"', b'\x81"').replace(b"Payload 7;", b"\x81;")
    path = deliver("windows.csv", content)
    meteor("--data", f"launches={path}", "--contract", saved(tmp_path, "m.odcs.yaml", contract(COPIES[3])))
    [refused] = target.query("select * from p01_meteor.missions_rejected")
    assert (refused["line"], refused["rule"]) == (9, "not_cp1252")
    assert r"\x81" in refused["record_text"]
    assert held(target) == expected([row for number, row in enumerate(rows) if number != 7])
