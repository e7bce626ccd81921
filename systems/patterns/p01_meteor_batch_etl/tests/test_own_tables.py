"""Tables of the user's own: whatever their columns are called, with a key and without, and when a contract changes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from own_rules import mapping, saved
from space_missions import COPIES, missions, written

from orrery.testing import Target


def contract(folder: Path, columns: list[str], key: list[str], name: str = "things") -> str:
    """A contract of text columns."""
    said = {"delimiter": ",", "quote": '"', "encoding": "utf-8", "header": True, "blanks": "kept", "missing": [""]}
    table = {
        "name": name,
        "physicalType": "file",
        "customProperties": [{"property": "csvDialect", "value": said}],
        "properties": [
            {"name": each, "physicalType": "text", "transformSourceObjects": [each], "primaryKey": each in key}
            for each in columns
        ],
    }
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "x", "version": "1.0.0", "status": "draft"}
    path = folder / f"{name}.odcs.yaml"
    path.write_text(yaml.safe_dump({**head, "schema": [table]}), encoding="utf-8")
    return str(path)


def csv(columns: list[str], *rows: str) -> bytes:
    return "\n".join([",".join(columns), *rows]).encode() + b"\n"


NAMES = ["content", "line", "rule", "contents", "first_line", "place", "repetition", "order", "select", "incoming"]


@pytest.mark.parametrize("key", [[], ["line"], ["rule"], ["contents", "content"]], ids=str)
def test_columns_may_be_called_like_what_the_loader_uses(
    orrery_run: Any, meteor: Any, target: Target, deliver: Any, tmp_path: Path, key: list[str]
) -> None:
    said = contract(tmp_path, NAMES, key)
    rows = [",".join(f"{name}{number}" for name in NAMES) for number in range(40)]
    for delivered in ([*rows, rows[3]], [*rows[5:], "new," + ",".join(NAMES[1:]), rows[7]]):
        path = deliver("a.csv", csv(NAMES, *delivered))
        told = orrery_run(["data", "validate", "meteor", str(path), "--contract", said, "--json"])
        summary = meteor("--data", f"launches={path}", "--contract", said)
        assert summary["refused_by_rule"] == ({"duplicate_row": 1} if key else {})
        assert {each["rule"]: each["count"] for each in told.json["misfits"]} == summary["refused_by_rule"]
        found = Counter(
            ",".join(row[name] for name in NAMES) for row in target.query("select * from p01_meteor.things")
        )
        assert found == (Counter(set(delivered)) if key else Counter(delivered))


def test_a_restated_file_leaves_the_rows_of_others_alone(
    meteor: Any, target: Target, deliver: Any, tmp_path: Path
) -> None:
    said = contract(tmp_path, ["id", "x"], [])
    for name, rows in (("a.csv", ["1,a", "2,b"]), ("b.csv", ["1,a", "3,c"]), ("b.csv", ["3,c"]), ("a.csv", ["9,z"])):
        meteor("--data", f"launches={deliver(name, csv(['id', 'x'], *rows))}", "--contract", said)
    assert sorted(row["id"] for row in target.query("select * from p01_meteor.things")) == ["3", "9"]


@pytest.mark.parametrize("keys", [([], ["id"]), (["id"], [])], ids=["a key that comes", "a key that goes"])
def test_a_contract_with_another_key_is_not_what_the_table_is(
    orrery_run: Any, meteor: Any, target: Target, deliver: Any, tmp_path: Path, keys: tuple[list[str], list[str]]
) -> None:
    before, after = keys
    path = deliver("a.csv", csv(["id", "x"], "1,a", "2,b"))
    meteor("--data", f"launches={path}", "--contract", contract(tmp_path, ["id", "x"], before))
    state = target.query("select ctid::text, xmin::text, * from p01_meteor.things")
    path = deliver("b.csv", csv(["id", "x"], "1,a", "1,a", "3,c"))
    said = contract(tmp_path, ["id", "x"], after)
    ended = orrery_run(["run", "meteor", "--data", f"launches={path}", "--contract", said])
    assert ended.exit_code == 3
    assert "its key is" in ended.stderr
    assert target.query("select ctid::text, xmin::text, * from p01_meteor.things") == state


def test_a_day_of_a_file_that_does_not_say_it_is_not_loaded(
    orrery_run: Any, meteor: Any, target: Target, deliver: Any, tmp_path: Path
) -> None:
    said = contract(tmp_path, ["id", "x"], [])
    path = deliver("a.csv", csv(["id", "x"], "1,a"))
    ended = orrery_run(["run", "meteor", "--data", f"launches={path}", "--contract", said, "--date", "2024-01-01"])
    assert ended.exit_code == 2
    assert "{date}" in ended.stderr
    for day in ("2024-01-01", "2024-01-02"):
        deliver(f"a-{day}.csv", csv(["id", "x"], f"{day},a"))
    whole = str(path.parent / "a-{date}.csv")
    meteor("--data", f"launches={whole}", "--contract", said, "--date", "2024-01-01..2024-01-02")
    assert sorted(row["id"] for row in target.query("select * from p01_meteor.things")) == ["2024-01-01", "2024-01-02"]


def test_the_limit_of_a_mapping_holds_the_file_back(
    orrery_run: Any, target: Target, deliver: Any, tmp_path: Path
) -> None:
    path = deliver("bom.csv", written(COPIES[0], missions()))
    said = saved(tmp_path, "a.map.yaml", mapping(refusedRowsLimit=0.001))
    ended = orrery_run(["run", "meteor", "--data", f"launches={path}", "--map", said])
    assert ended.exit_code == 3
    assert "unknown" in ended.stderr, "the gate says which rules were broken"
    assert target.rows() == []


def test_a_file_with_lines_of_comment_is_proposed_and_loaded_with_its_own_lines(
    orrery_run: Any, meteor: Any, target: Target, deliver: Any
) -> None:
    comment = b"# made by X\n" * 30
    path = deliver("a.csv", comment + csv(["id", "x"], "1,a", "# no more,than this", "2,b", "# odd"))
    told = orrery_run(["data", "infer", str(path), "--json"]).json
    assert (told["dialect"]["comment"], told["rows"], told["unreadable_rows"]) == ("#", 3, 1)
    said = ["--contract", told["draft"]]
    reported = orrery_run(["data", "validate", "meteor", str(path), *said, "--json"]).json
    summary = meteor("--data", f"launches={path}", *said)
    [file] = summary["files"]
    assert (file["read"], file["kept"], file["rejected"]) == (reported["read"], reported["fits"], 1) == (4, 3, 1)
    assert sorted(row["id"] for row in target.query("select * from p01_meteor.a")) == ["# no more", "1", "2"]
    [refused] = target.query("select * from p01_meteor.a_rejected")
    assert (refused["line"], refused["record_text"]) == (35, "# odd")
    assert refused["byte_offset"] == path.read_bytes().index(b"# odd")


def test_warnings_of_several_files_are_added_up(orrery_run: Any, deliver: Any, sample: bytes) -> None:
    lines = sample.splitlines()
    broken = [line.replace(b"1-y ISZ", "1-y \ufffd".encode()) for line in lines[:20]]
    for name in ("a.csv", "b.csv"):
        path = deliver(name, b"\n".join(broken) + b"\n")
    told = orrery_run(["data", "validate", "meteor", str(path.parent / "*.csv"), "--json"])
    assert told.json["warnings"] == {"payload_name:replacement_character": 2}
