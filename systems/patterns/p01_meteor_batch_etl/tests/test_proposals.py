"""`data infer` and `data map` on files that they have not seen: what they propose loads, and what they count is so."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import space_missions
import yaml
from own_rules import DATED, DAY
from space_missions import COPIES, Copy, moment

from orrery import contracts
from orrery.testing import Target


def infer(orrery_run: Any, path: Path, *options: str) -> Any:
    ended = orrery_run(["data", "infer", str(path), "--json", *options])
    assert ended.exit_code == 0, ended.stderr
    return ended.json


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.name)
def test_what_infer_proposes_for_a_copy_loads_every_row_once(
    copy: Copy, orrery_run: Any, meteor: Any, target: Target, deliver: Any
) -> None:
    rows = space_missions.missions()
    content = space_missions.written(copy, rows)
    path = deliver(copy.name, content)
    told = infer(orrery_run, path)
    assert contracts.load(Path(told["draft"])).is_file, "the draft is a contract"
    assert target.rows() == [], "infer never loads"
    summary = meteor("--data", f"launches={path}", "--contract", told["draft"])
    table = summary["target"]["table"]
    assert summary["refused_by_rule"] == {"duplicate_row": 1}
    found = Counter(
        (row["company_name"], row["location"], row["datum"], row["detail"], row["status_mission"], str(row[cost]))
        for cost in [
            next(
                name
                for name in target.query(f"select * from {table}")[0]
                if name in ("rocket", "rocket_cost", "cost_of_the_mission")
            )
        ]
        for row in target.query(f"select * from {table}")
    )
    wanted = Counter(
        (company, place, moment(date), detail, state, price(cost))
        for company, place, date, detail, _, cost, state in set(rows)
    )
    assert found == wanted


def price(text: str) -> str:
    return f"{float(text.replace(',', '')):.2f}" if text else "None"


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.name)
def test_what_infer_counts_is_what_the_file_holds(copy: Copy, orrery_run: Any, deliver: Any) -> None:
    rows = space_missions.missions()
    content = space_missions.written(copy, rows)
    told = infer(orrery_run, deliver(copy.name, content))
    read = list(csv.reader(io.StringIO(content.decode(copy.encoding), newline=""), delimiter=copy.delimiter))
    assert told["rows"] == len(read) - 1 == len(rows)
    assert told["dialect"]["delimiter"] == copy.delimiter
    encoding = {"latin-1": "iso8859-1", "cp1252": "iso8859-1"}  # nothing in the file tells these two apart
    assert told["dialect"]["encoding"] == encoding.get(copy.encoding, "utf-8")
    for column in told["columns"]:
        values = [row[column["position"]].strip() for row in read[1:]]
        assert column["header"] == (read[0][column["position"]].strip() or f"column_{column['position'] + 1}")
        assert column["values"] == sum(value != "" for value in values)
        assert column["distinct"] == len(set(values) - {""})
    by_header = {column["header"]: column for column in told["columns"]}
    dates = [row[2] for row in rows]
    assert by_header["Datum"]["form"] == {"formats": [DATED, DAY]}
    assert f"{sum(date.endswith('UTC') for date in dates):,} as {DATED}" in by_header["Datum"]["evidence"]
    cost = next(column for column in told["columns"] if column["type"].startswith("numeric"))
    assert cost["form"] == {"thousands": ","}
    ignored = [column["header"] for column in told["columns"] if column["is_ignored"]]
    assert ignored == [copy.header[0] or "column_1", *(["column_9"] if copy.has_empty_column else [])]
    assert told["key"]["duplicates"] == 1


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.name)
def test_what_map_proposes_fills_meteors_table(
    copy: Copy, orrery_run: Any, meteor: Any, target: Target, deliver: Any
) -> None:
    rows = space_missions.missions()
    path = deliver(copy.name, space_missions.written(copy, rows))
    ended = orrery_run(["data", "map", "meteor", str(path), "--json"])
    assert ended.exit_code == 0, ended.stderr
    assert ended.json["missing"] == []
    assert {"Company Name", "Status Rocket"} <= set(ended.json["unused"])
    said = yaml.safe_load(Path(ended.json["draft"]).read_text(encoding="utf-8"))
    assert said["confirmed"] is False
    assert said["columns"]["outcome"]["values"] == {"Success": "success", "Failure": "failure"}
    doubts = " ".join(ended.json["said"]["outcome"])
    partial = sum(row[6] == "Partial Failure" for row in rows)
    assert f"'Partial Failure' ({partial:,} rows)" in doubts
    refused = orrery_run(["run", "meteor", "--data", f"launches={path}", "--map", ended.json["draft"]])
    assert (refused.exit_code, target.rows()) == (3, [])
    meteor("--data", f"launches={path}", "--map", ended.json["draft"], "--confirm")
    wanted = {
        (
            moment(date),
            *(part.strip() for part in detail.split("|")),
            place,
            {"Success": "success", "Failure": "failure"}[state],
        )
        for _, place, date, detail, _, _, state in rows
        if state in ("Success", "Failure")
    }
    names = ("launched_at", "vehicle", "payload_name", "site", "outcome")
    assert {tuple(row[name] for name in names) for row in target.rows()} == wanted
    assert len(target.rows()) == len(wanted)


def test_the_launch_log_itself_maps_to_itself(orrery_run: Any, deliver: Any, sample: bytes) -> None:
    ended = orrery_run(["data", "map", "meteor", str(deliver("launch_log.csv", sample)), "--json"])
    assert ended.exit_code == 0, ended.stderr
    filled = {to: form.get("from") for to, form in ended.json["filled"].items()}
    assert filled["launch_id"] == "Launch"
    assert filled["vehicle"] == "LV_Type"
    assert filled["outcome"] == "Suc"
    assert filled["cospar_id"] == "COSPAR"


def test_a_file_that_is_not_about_launches_says_what_is_missing(orrery_run: Any, deliver: Any) -> None:
    path = deliver("shop.csv", b"sku,price\n" + b"".join(b"A%d,%d.50\n" % (number, number) for number in range(60)))
    ended = orrery_run(["data", "map", "meteor", str(path)])
    assert ended.exit_code == 0, ended.stderr
    assert (
        "MISSING, and every row must have it: launch_id, launched_at, launched_at_precision, vehicle, site, outcome"
        in ended.stdout
    )
    draft = Path("shop.map.yaml").read_text(encoding="utf-8")
    assert "# ? MISSING" in draft
    run = orrery_run(["run", "meteor", "--data", f"launches={path}", "--map", "shop.map.yaml", "--confirm"])
    assert run.exit_code == 2
    assert "leaves out what every row must have" in run.stderr


def test_a_draft_that_somebody_edited_is_not_written_over(orrery_run: Any, deliver: Any) -> None:
    path = deliver("a.csv", b"name,size\nx,1\ny,2\n")
    infer(orrery_run, path)
    Path("a.odcs.yaml").write_text("mine", encoding="utf-8")
    again = orrery_run(["data", "infer", str(path)])
    assert again.exit_code == 2
    assert Path("a.odcs.yaml").read_text(encoding="utf-8") == "mine"
    assert orrery_run(["data", "infer", str(path), "--force"]).exit_code == 0
    first = Path("a.odcs.yaml").read_bytes()
    orrery_run(["data", "infer", str(path), "--force"])
    assert Path("a.odcs.yaml").read_bytes() == first, "the same file gives the same draft"


def test_every_type_that_infer_proposes_is_loaded_as_python_reads_it(
    orrery_run: Any, meteor: Any, target: Target, deliver: Any
) -> None:
    from datetime import UTC, date, datetime, timedelta
    from decimal import Decimal

    start = datetime(2024, 1, 1, 10, 30, 5, tzinfo=UTC)
    moments = [start + timedelta(hours=7 * number) for number in range(60)]
    header = "code,small,big,price,euro,ratio,share,is_open,day,at,at_utc,word,note\n"
    lines = [
        f'A{n:03d},{n},{n + 9 * 10**17},{n}.25,"{n}.000,5 €",{n}e-3,{n}.5%,{"yes" if n % 2 else "no"},'
        f'{moment:%d/%m/%Y},{moment:%Y-%m-%d %H:%M:%S},{moment:%Y-%m-%dT%H:%M:%SZ},w{n % 3},"a ""b""\n{n}"\n'
        for n, moment in enumerate(moments, start=1)
    ]
    path = deliver("types.csv", (header + "".join(lines)).encode())
    told = infer(orrery_run, path)
    kinds = {each["name"]: each["type"] for each in told["columns"]}
    assert [kinds[name].partition("(")[0] for name in ("small", "big", "price", "euro", "ratio", "is_open")] == [
        "integer", "bigint", "numeric", "numeric", "double precision", "boolean",
    ]  # fmt: skip
    assert [kinds[name] for name in ("day", "at", "at_utc", "word")] == ["date", "timestamp", "timestamptz", "text"]
    summary = meteor("--data", f"launches={path}", "--contract", told["draft"])
    assert summary["files"][0]["rejected"] == 0
    wanted = [
        {
            "code": f"A{n:03d}",
            "small": n,
            "big": n + 9 * 10**17,
            "price": Decimal(f"{n}.25"),
            "euro": Decimal(f"{n}000.5"),
            "ratio": n / 1000,
            "share": Decimal(f"{n}.5"),
            "is_open": n % 2 == 1,
            "day": date(moment.year, moment.month, moment.day),
            "at": moment.replace(tzinfo=None),
            "at_utc": moment,
            "word": f"w{n % 3}",
            "note": f'a "b"\n{n}',
            "file_id": 1,
        }
        for n, moment in enumerate(moments, start=1)
    ]
    assert target.query("select * from p01_meteor.types order by code") == wanted
    again = meteor("--data", f"launches={path}", "--contract", told["draft"])
    assert again["nothing_new"] is True
    assert orrery_run(["check", "meteor"]).exit_code == 0
