"""Rows, files and mappings that are refused: each row with place and text, the others before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from orbit_deliveries import Body, dirty
from tables_of_bodies import SOME, as_array, as_csv, as_lines, edited, proposed, sbdb

from orrery.claims import Trial


def validated(trial: Trial, path: Path, draft: Path) -> Any:
    return trial.call(["data", "validate", "orbit", str(path), "--map", str(draft), "--json", "--rows", "999"]).json


def spoilt(bodies: Sequence[Body]) -> tuple[bytes, list[tuple[int, str, str]]]:
    """A table with every kind of bad row among good ones, and line, rule and column of each of these."""
    text = as_csv([sbdb(body) for body in bodies])
    header, *lines = text.splitlines(keepends=True)
    at = {name: number for number, name in enumerate(header.decode().strip().split(","))}

    def changed(line: bytes, column: str, value: str) -> bytes:
        fields = line.split(b",")
        fields[at[column]] = value.encode()
        return b",".join(fields)

    wrong = [
        (2, "field_count", "", b"ragged,1\n"),
        (5, "field_count", "", lines[5].rstrip() + b",one too many\n"),
        (8, "quote_misplaced", "", changed(lines[8], "full_name", 'a "quote" inside')),
        (11, "nul_byte", "", changed(lines[11], "full_name", "a\0b")),
        (14, "not_utf8", "", lines[14].replace(b"a", b"\xff", 1)),
        (17, "header_repeated", "", header),
        (20, "bom_inside", "", b"\xef\xbb\xbf" + lines[20]),
        (23, "form", "epoch", changed(lines[23], "epoch", "yesterday")),
        (26, "form", "per", changed(lines[26], "per", "1_000")),
        (29, "not_a_number", "e", changed(lines[29], "e", "0x1")),
        (32, "missing", "class", changed(lines[32], "class", "")),
        (35, "unknown_class", "class", changed(lines[35], "class", "Planet")),
        (38, "out_of_range", "i", changed(lines[38], "i", "180.5")),
        (41, "duplicate_designation", "full_name", lines[44]),
        (44, "duplicate_designation", "full_name", lines[44]),
    ]
    for number, _, _, line in wrong:
        lines[number] = line
    return header + b"".join(lines), [(number + 2, rule, column) for number, rule, column, _ in wrong]


def test_every_refused_row_is_listed_with_place_and_text_and_none_is_lost(trial: Trial) -> None:
    content, told = spoilt(SOME)
    _, draft = proposed(trial, trial.deliver("mine.csv", as_csv([sbdb(body) for body in SOME])))
    path = trial.deliver("mine.csv", content)
    edited(draft)
    misfits = validated(trial, path, draft)
    summary = trial.run(path, "--map", str(draft))
    lines = content.splitlines(keepends=True)
    rejects = sorted(trial.target.rejects(), key=lambda row: int(row["line"]))
    assert [(row["line"], row["rule"], row["column_name"]) for row in rejects] == told
    for row in rejects:
        raw = lines[row["line"] - 1]
        assert row["byte_offset"] == sum(map(len, lines[: row["line"] - 1]))
        assert row["record_text"] == raw.rstrip(b"\n").decode("utf-8", "backslashreplace").replace("\0", "\\x00")
        assert row["message"]
        assert "Refused" not in row["message"]
    [file] = summary["files"]
    assert (file["read"], file["kept"], file["rejected"]) == (len(SOME), len(SOME) - len(told), len(told))
    assert len(trial.rows()) == len(SOME) - len(told)
    # what validate has said before is what a row breaks alone
    said = [(row["line"], each["rule"]) for each in misfits["misfits"] for row in each["first"]]
    rules = {"unknown_class": "unknown"}
    alone = [
        (line, rules.get(rule, rule)) for line, rule, _ in told if rule not in ("out_of_range", "duplicate_designation")
    ]
    assert sorted(said) == alone
    # the same again is nothing new, under another name neither; by another mapping it is
    before = trial.target.state()
    for again in (path, trial.deliver("copy.csv", content)):
        ended = trial.run(again, "--map", str(draft))
        assert ended["nothing_new"] is True
        assert ended["files_known"] == [{"name": again.name, "loaded_as": "mine.csv"}]
    assert trial.target.state() == before
    mended = trial.run(
        path, "--map", str(edited(draft, columns={"per_y": None}, ignoredColumns=["per", *ignored(draft)]))
    )
    assert [each["rejected"] for each in mended["files"]] == [len(told) - 1]
    [there] = trial.target.query("select count(*) as files, max(signature_version) as by from p04_orbit_raw.files")
    assert there["by"] == f"map:{mended['fed_by']['sha256'][:12]}"


def ignored(draft: Path) -> list[str]:
    found: list[str] = yaml.safe_load(draft.read_text(encoding="utf-8"))["ignoredColumns"]
    return found


def test_the_limit_of_the_mapping_holds_for_its_files_and_for_no_others(trial: Trial) -> None:
    rows = [sbdb(body) for body in SOME[:60]]
    for each in rows[:18]:
        each["i"] = "200"  # dbt refuses them
    path = trial.deliver("mine.csv", as_csv(rows))
    _, draft = proposed(trial, path)
    held = trial.call(trial.arguments(path, "--map", str(edited(draft, refusedRowsLimit=0.2))))
    assert (held.exit_code, trial.rows()) == (3, [])
    assert "mine.map.yaml" in held.stderr
    assert "refusedRowsLimit" in held.stderr
    shape = trial.deliver("shape.csv", as_csv(rows[20:]) + b"ragged,1\n" * 30)
    held = trial.call(trial.arguments(shape, "--map", str(draft)))
    assert (held.exit_code, trial.rows()) == (3, [])
    assert "30 of 70 rows were refused (42.9%); the limit is 20%" in held.stderr
    assert "mine.map.yaml" in held.stderr
    passed = trial.run(path, "--map", str(edited(draft, refusedRowsLimit=0.3)))
    assert (passed["files"][0]["kept"], passed["files"][0]["rejected"]) == (42, 18)
    # a run without the mapping obeys the ten per cent of the project, and does not hold that file's rows against it
    trial.run(trial.deliver("a.json", dirty(3)))
    assert {row["file_name"] for row in trial.target.rejects()} == {"mine.csv", "a.json"}


GOOD = as_csv([sbdb(body) for body in SOME[:40]])
WRONG = [
    ("an empty file", b"", 2, "the file is empty"),
    ("a header alone", GOOD.splitlines(keepends=True)[0], 3, "0 rows; the contract wants at least 1"),
    ("a page of HTML", b"<html><body>busy</body></html>", 2, "no header|expected"),
    ("other columns", GOOD.replace(b"full_name", b"name", 1), 2, "missing: full_name; unknown: name"),
    ("UTF-16", GOOD.decode().encode("utf-16"), 2, "UTF-16"),
    ("a quote that is not closed", GOOD + b'"', 2, "never closed"),
    ("JSON that is cut", as_array([sbdb(SOME[0])])[:-3], 2, "JSON, line"),
    ("JSON with a key more", as_lines([sbdb(SOME[0]), {"x": 1}]), 2, "unknown: x"),
    ("JSON that is no table", b'{"code": "400",\n "message": "bad"}', 2, "no table: its keys are code, message"),
    ("Parquet", b"PAR1" + b"0" * 100, 2, "Parquet"),
]


def test_wrong_files_are_refused_and_the_target_stays_empty(trial: Trial) -> None:
    _, draft = proposed(trial, trial.deliver("good.csv", GOOD))
    edited(draft)
    for number, (what, content, code, found) in enumerate(WRONG):
        path = trial.deliver(f"wrong-{number}.csv", content)
        ended = trial.call(trial.arguments(path, "--map", str(draft)))
        assert ended.exit_code == code, (what, ended.stderr)
        assert any(each in ended.stderr for each in found.split("|")), (what, ended.stderr)
        assert "to fix:" in ended.stderr
        assert not any(trial.target.state().values()), what
    # without a mapping JPL's answers are read, and nothing else
    ended = trial.call(trial.arguments(trial.folder / "inbox" / "good.csv"))
    assert (ended.exit_code, "orrery data map orbit" in ended.stderr) == (2, True)


def test_wrong_mappings_are_refused(trial: Trial) -> None:
    path = trial.deliver("good.csv", GOOD)
    _, draft = proposed(trial, path)
    ended = trial.call(trial.arguments(path, "--map", str(draft)))
    assert (ended.exit_code, "confirmed: true" in ended.stderr) == (3, True)
    text = edited(draft).read_text(encoding="utf-8")
    for left_out, found in (
        (("class",), "class"),
        (("full_name",), "neither full_name nor pdes"),
        (("q", "a"), "neither q nor a"),
    ):
        draft.write_text(text, encoding="utf-8")
        mapping = edited(draft, columns=dict.fromkeys(left_out), ignoredColumns=[*ignored(draft), *left_out])
        ended = trial.call(trial.arguments(path, "--map", str(mapping)))
        assert ended.exit_code == 2
        assert found in ended.stderr
        assert "leaves out what every row must have" in ended.stderr
    assert not any(trial.target.state().values())
