"""JSON tables against the standard library: `json` says what a record is, `csv` and the reader what came of it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from orrery import delimited, json_tables, json_values
from orrery.contracts import Dialect
from orrery.errors import BadInput
from orrery.testing import Result, orrery

PLAIN = Dialect(",", '"', ("",), blanks_are_layout=False)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", '"', ",", "\r", "\n"]),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
NAMES = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5, unique=True)
TABLES = NAMES.flatmap(
    lambda names: st.tuples(
        st.just(names), st.lists(st.lists(VALUES, min_size=len(names), max_size=len(names)), min_size=1, max_size=6)
    )
)


def written(names: Sequence[str], rows: Sequence[Sequence[Any]], form: str, **how: Any) -> str:
    """A table as JSON."""
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    if form == "fields":
        return json.dumps({"signature": {"data": []}, "fields": names, "data": rows, "count": len(rows)}, **how)
    if form == "array":
        return json.dumps(objects, **how)
    return "\n".join(json.dumps(each, **{**how, "indent": None}) for each in [*objects, {names[0]: None}])


def cut(content: bytes, places: Sequence[int]) -> Iterator[bytes]:
    """The same bytes in pieces."""
    edges = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    return (content[begin:end] for begin, end in pairwise(edges))


def converted(content: bytes, dialect: Dialect = PLAIN, places: Sequence[int] = ()) -> tuple[bytes, Dialect]:
    text, said = json_tables.as_delimited(cut(content, places), dialect, "a.json")
    return b"".join(text), said


def as_text(value: Any) -> Any:
    """What `json` makes of a value, as the text of a field; of a nested one what is read in it again."""
    if isinstance(value, list | dict):
        return json.loads(json.dumps(value), parse_float=str, parse_int=str, parse_constant=str)
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


@settings(max_examples=250, deadline=None)
@given(
    table=TABLES,
    form=st.sampled_from(["fields", "array", "lines"]),
    is_ascii=st.booleans(),
    indent=st.sampled_from([None, 1]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf", b" \n\t"]),
    places=st.lists(st.integers(0, 10_000), max_size=8),
    step=st.sampled_from([1, 7, 1 << 20]),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_a_table_says_what_json_loads_says(
    table: tuple[list[str], list[list[Any]]],
    form: str,
    is_ascii: bool,
    indent: int | None,
    mark: bytes,
    places: list[int],
    step: int,
    delimiter: str,
) -> None:
    names, rows = table
    content = mark + written(names, rows, form, ensure_ascii=is_ascii, indent=indent).encode()
    with mock.patch.object(json_values, "STEP", step), mock.patch.object(json_tables, "STEP", step):
        text, said = converted(content, Dialect(delimiter, '"', ("",), blanks_are_layout=False), places)
    assert said.is_by_record
    header, *records = csv.reader(io.StringIO(text.decode(), newline=""), delimiter=delimiter, strict=True)
    assert header == names
    records = records[:-1] if form == "lines" else records
    assert len(records) == len(rows)
    for record, row in zip(records, rows, strict=True):
        for field, value in zip(record, row, strict=True):
            is_nested = isinstance(value, list | dict)
            found = json.loads(field, parse_float=str, parse_int=str, parse_constant=str) if is_nested else field
            assert found == as_text(value)


def read(content: bytes, names: Sequence[str], dialect: Dialect = PLAIN) -> tuple[list[Any], list[Any]]:
    """Line and values of every row, and line, rule and text of every refused one, as the reader gives them."""
    rows, refused = list[Any](), list[Any]()
    blocks, said = json_tables.as_delimited([content], dialect, "a.json")
    for block in delimited.read(blocks, said, {name: (name,) for name in names}, "a.json"):
        chunk = block.parse()
        rows += zip(chunk.lines.tolist(), map(tuple, map(dict.values, chunk.table.to_pylist())), strict=True)
        refused += [(each.line, each.rule, each.text) for each in chunk.refused]
    return rows, refused


def test_line_n_plus_1_is_record_n_whatever_line_ends_the_values_hold() -> None:
    rows = [["a\nb", 1], ["", None], ["c\r\nd\re", [1, {"x": "\n"}]], ["z", 1.50]]
    content = written(["p\nq", "n"], rows, "fields", indent=2).encode()
    found, refused = read(content, ["p\nq", "n"])
    assert refused == []
    assert [line for line, _ in found] == [2, 3, 4, 5]
    assert [values[0] for _, values in found] == ["a\nb", None, "c\r\nd\re", "z"]
    assert json.loads(found[2][1][1]) == [1, {"x": "\n"}]


def test_rows_that_cannot_be_are_refused_alone() -> None:
    lines = [
        '["a", 1]',
        '["b"]',
        "[]",
        '["c", 2, 3]',
        '"no row"',
        '["nul\\u0000", 4]',
        '["half\\ud800", 5]',
        '["d", 6]',
    ]
    content = ('{"fields": ["x", "y"], "data": [' + ",\n".join(lines) + "]}").encode()
    content = content.replace(b'"d"', b'"\xff"')
    rows, refused = read(content, ["x", "y"])
    assert rows == [(2, ("a", "1"))]
    rules = ["field_count"] * 4 + ["nul_byte", "not_utf8", "not_utf8"]
    assert sorted((line, rule) for line, rule, _ in refused) == list(enumerate(rules, start=3))
    texts = {line: text for line, _, text in refused}
    assert (texts[3], texts[4], texts[5], texts[6]) == ("b", '""', "c,2,3", '"""no row"""')
    rows, refused = read(b'{"fields": ["x"], "data": [["a"], [], 7, [""], [null], [" "]]}', ["x"])
    assert rows == [(2, ("a",)), (5, (None,)), (6, (None,)), (7, (" ",))]
    assert [(line, rule) for line, rule, _ in refused] == [(3, "field_count"), (4, "field_count")]


def test_keys_of_the_first_objects_make_the_header_in_any_order() -> None:
    with mock.patch.object(json_tables, "KEYS_FROM", 2):
        rows, _ = read(b'[{"b": 1}, {"a": 2, "b": 3}, {"a": 4}, {}]', ["b", "a"])
        assert [values for _, values in rows] == [("1", None), ("3", "2"), (None, "4"), (None, None)]
        with pytest.raises(BadInput) as refused:
            converted(b'[{"b": 1}, {"a": 2},\n {"c": 4}]')
    assert "a key that none of the first 2 objects has: 'c'" in refused.value.found
    assert "line 2, byte 22" in refused.value.looked


def test_what_is_not_known_is_written_as_the_dialect_says_it() -> None:
    content = b'[{"a": null, "b": ""}]'
    for missing, line in (((), b","), (("", "NA"), b","), (("NA",), b"NA,")):
        dialect = Dialect(",", '"', missing, blanks_are_layout=False, encoding="latin-1", comment="#")
        text, said = converted(content, dialect)
        assert text == b"a,b\n" + line + b"\n"
        assert (said.encoding, said.comment) == ("utf-8", None), "JSON is UTF-8, and has no comments"


@pytest.mark.parametrize(
    "content", [b"[id],[name]\n1,2\n", b"{id},x\n", b"a,b\n", b"", b"[", b" ", b'"[",2\n', b"[x\n", b"\xff\xfe[\0{\0"]
)
def test_what_does_not_begin_like_json_stays_as_it_is(content: bytes) -> None:
    if content == b"[":
        with pytest.raises(BadInput):
            converted(content)
        return
    assert converted(content, places=range(len(content))) == (content, PLAIN)


GOOD = b'[{"a": 1, "b": "x"},\n {"a": 2, "b": "y"}]'
BROKEN = [
    ("cut in a text", GOOD[:-4], r"ends in the middle", "line 2"),
    ("cut between records", GOOD[:20], r"the file ends, cut|ends in the middle", "line 1"),
    ("cut before its end", GOOD[:-1], r"cut before a ','", "line 2"),
    ("a comma too many", GOOD[:-1] + b",]", "Expecting value", "line 2, byte 41"),
    ("no comma", GOOD.replace(b",\n", b"\n"), "where ',' is wanted", "line 2"),
    ("single quotes", b"[{'a': 1}]", "Expecting property name", "line 1, byte 2"),
    ("single quotes in an object", b"{'a': 1}", "is wanted", "line 1, byte 1"),
    ("a key without quotes", b'{"a": 1, b: 2}', "is wanted", "line 1, byte 9"),
    ("a number that is none", b'[{"a": 01}]', "Expecting ',' delimiter", "line 1"),
    ("a tab in a text", b'[{"a": "\t"}]', "Invalid control character", "line 1"),
    ("a comment", GOOD + b"\n// the end", "something stands behind the end", "line 3"),
    ("two tables", GOOD + GOOD, "something stands behind the end", "line 2"),
    ("a key twice", b'[{"a": 1},\n{"a": 1, "a": 2}]', "there twice: 'a'", "line 2, byte 11"),
    ("a key twice in a nested value", b'[{"a": {"b": 1, "b": 2}}]', "there twice: 'b'", "line 1"),
    ("a key twice in the first line", b'{"a": 1, "a": 2}\n{"a": 3}', "there twice: 'a'", "line 1, byte 9"),
    ("nested too deeply", b'[{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "nested too deeply", "line 1"),
    ("nested too deeply, cut", b"[" * 200_000, "nested too deeply", "line 1"),
    ("an array of numbers", b"[1, 2]", "no object, where each record", "line 1, byte 1"),
    ("an array of arrays", b'[["a"], [1]]', "no object, where each record", "line 1, byte 1"),
    ("an array with a number in it", b'[{"a": 1},\n 5]', "no object.*'5'", "line 2, byte 12"),
    ("an empty array", b"[]", "an array with nothing in it", "line 1"),
    ("empty objects", b"[{}, {}]", "objects without a key", "line 1"),
    ("an empty object", b"{}", "no table: its keys are none", "line 1"),
    ("an object", b'{"code": 400,\n "message": "bad"}', "no table: its keys are code, message", "line 1"),
    ("an object with rows in it", b'{"items": [{"a": 1}]}', "no table: its keys are items", "line 1"),
    ("data before fields", b'{"data": [[1]], "fields": ["a"]}', "`data` stands before `fields`", "line 1"),
    ("data is no array", b'{"fields": ["a"], "data": {"a": 1}}', "or is no array", "line 1"),
    ("fields is a text", b'{"fields": "a", "data": [[1]]}', "no list of different names", "line 1"),
    ("fields holds a name twice", b'{"fields": ["a", "a"], "data": [[1, 2]]}', "no list of different names", "line 1"),
    ("a line with two objects", b'{"a": 1}\n{"a": 2} {"a": 3}\n', "behind an object, on its line", "line 2"),
    ("a line that is no object", b'{"a": 1}\n[2]\n', "no object", "line 2"),
    ("an object that is cut", b'{"a": 1}\n{"a": ', "ends in the middle|Expecting value", "line 2"),
]


@pytest.mark.parametrize(("content", "found", "where"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_is_no_table_is_refused_with_its_place(content: bytes, found: str, where: str) -> None:
    for places in ([], range(0, min(len(content), 200), 3)):
        with pytest.raises(BadInput) as refused:
            converted(content, places=places)
        assert re.search(found, refused.value.found), refused.value
        assert where in refused.value.looked
        assert refused.value.fix


def test_a_record_that_does_not_end_is_refused_and_not_kept() -> None:
    def endless() -> Iterator[bytes]:
        yield b'[{"a": "'
        for _ in range(100):
            yield b"x" * (1 << 20)

    with pytest.raises(BadInput) as refused:
        list(json_tables.as_delimited(endless(), PLAIN, "a.json")[0])
    assert "longer than 4,194,304 bytes" in refused.value.found


def test_memory_does_not_grow_with_the_table() -> None:
    def many(number: int) -> Iterator[bytes]:
        yield b'{"fields": ["a", "b"], "data": [[0, "x"]'
        for _ in range(number):
            yield b',\n[1, "2"]' * 1_000
        yield b"]}"

    peaks = []
    with mock.patch.object(json_values, "STEP", 1 << 14), mock.patch.object(json_tables, "STEP", 1 << 14):
        for number in (8, 32):
            tracemalloc.start()
            lines = sum(text.count(b"\n") for text in json_tables.as_delimited(many(number), PLAIN, "a")[0])
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert lines == 2 + number * 1_000
    assert peaks[1] < 1.2 * peaks[0] < 1 << 20


# --- as a user sees it ---------------------------------------------------------------------------------------------

COSTS = [{"id": n, "place": f"Zürich, {n % 7}", "cost": n / 4, "day": f"2024-01-{1 + n % 28:02d}"} for n in range(60)]
AS_JSON = {
    "array": json.dumps(COSTS, ensure_ascii=False).encode(),
    "spread": json.dumps(COSTS, indent=2).encode(),
    "lines": b"\n".join(json.dumps(each).encode() for each in COSTS),
    "fields": json.dumps({"fields": list(COSTS[0]), "data": [list(each.values()) for each in COSTS]}).encode(),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inferred(folder: Path, name: str, content: bytes) -> Result:
    (folder / name).write_bytes(content)
    return orrery("data", "infer", name, "--json", "--force", "--out", "a.odcs.yaml")


@pytest.mark.parametrize("form", AS_JSON)
@pytest.mark.parametrize(
    ("pack", "name"),
    [(bytes, "a.csv"), (gzip.compress, "a.json.gz"), (zstandard.compress, "a.dat")],
    ids=["plain", "gzip", "zstd"],
)
def test_json_is_told_by_its_bytes_and_inferred_like_the_same_table_as_text(
    here: Path, form: str, pack: Any, name: str
) -> None:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(COSTS[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(COSTS)
    wanted = inferred(here, "text.csv", text.getvalue().encode()).json
    found = inferred(here, name, pack(AS_JSON[form])).json
    assert found["evidence"] == [
        "JSON, by its first bytes; read as a table: line 1 is its header, line n + 1 its record n"
    ]
    assert {each["header"]: each["type"] for each in found["columns"]} == {
        each["header"]: each["type"] for each in wanted["columns"]
    }
    assert (found["rows"], found["key"], found["dialect"]) == (60, wanted["key"], wanted["dialect"])
    told = orrery("data", "validate", "meteor", name, "--contract", "a.odcs.yaml", "--json")
    assert (told.exit_code, told.json["read"], told.json["fits"]) == (0, 60, 60)


def test_a_folder_of_own_files_is_searched_for_json_too(here: Path) -> None:
    inferred(here, "a.json", AS_JSON["array"])
    folder = here / "inbox"
    folder.mkdir()
    for name in ("b.json", "c.json.gz", "d.jsonl", "e.ndjson", "f.csv", "g.xml", ".h.json", "i.json.part"):
        (folder / name).write_bytes(AS_JSON["lines"].replace(b'"id": 1,', b'"id": "one",'))
    told = orrery("data", "validate", "meteor", "inbox", "--contract", "a.odcs.yaml", "--json")
    assert told.exit_code == 3
    assert {
        (each["file"], each["column"], each["rule"], each["first"][0]["line"]) for each in told.json["misfits"]
    } == {(name, "id", "form", 3) for name in ("b.json", "c.json.gz", "d.jsonl", "e.ndjson", "f.csv")}


def test_json_that_is_broken_ends_with_place_and_fix(here: Path) -> None:
    (here / "a.json").write_bytes(GOOD[:-1])
    for command in (("data", "infer", "a.json"), ("data", "map", "meteor", "a.json")):
        told = orrery(*command)
        assert told.exit_code == 2
        assert "error 2: a.json cannot be loaded: nothing of it was." in told.stderr
        assert "a.json, JSON, line 2, byte 40" in told.stderr
        assert "to fix:" in told.stderr
