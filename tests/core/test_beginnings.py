"""Lines of comment before the header: passed over, and nothing else of a file is read in another way."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orrery import beginnings, contracts, delimited
from orrery.contracts import Dialect
from orrery.errors import BadInput, ContractBroken

COLUMNS = {"a": ("a",), "b": ("b",)}
PLAIN = Dialect(",", '"', ("",), blanks_are_layout=False)
COMMENTED = Dialect(",", '"', ("",), blanks_are_layout=False, comment="#")
END = st.sampled_from([b"\n", b"\r\n", b"\r"])
TEXT = st.sampled_from([b"", b" made by X", b'"', b",,,", b" " + b"x" * 50, b"#", "é".encode(), b"\xff", b"a,b"])
ROW = st.sampled_from([b"1,2", b"# 1,2", b"#", b'"#\n",2', b"#1,2,3", b"", b'"x""y",#'])


def rows_of(
    content: bytes, dialect: Dialect, piece: int = 1 << 20
) -> tuple[list[tuple[Any, ...]], list[tuple[int, int, str, str]]]:
    """Rows with line and text in the file, and refusals with line, offset, rule and text."""
    pieces = (content[at : at + piece] for at in range(0, len(content), piece))
    rows: list[tuple[Any, ...]] = []
    refused = []
    for block in delimited.read(pieces, dialect, COLUMNS, "any.csv"):
        chunk = block.parse()
        texts = [
            content[chunk.base + start : chunk.base + end] for start, end in zip(chunk.starts, chunk.ends, strict=True)
        ]
        read = zip(chunk.lines.tolist(), texts, chunk.table.to_pylist(), strict=True)
        rows += [(line, text, *row.values()) for line, text, row in read]
        refused += [(each.line, each.byte_offset, each.rule, each.text) for each in chunk.refused]
    return rows, refused


@settings(max_examples=400, deadline=None)
@given(
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    comments=st.lists(st.tuples(TEXT, END), max_size=6),
    header_end=END,
    lines=st.lists(st.tuples(ROW, END), max_size=6),
    piece=st.sampled_from([1, 2, 5, 1000]),
    limit=st.sampled_from([8, 16, 1 << 20]),
)
def test_below_the_comment_a_file_is_read_as_it_is_without_one(
    mark: bytes,
    comments: list[tuple[bytes, bytes]],
    header_end: bytes,
    lines: list[tuple[bytes, bytes]],
    piece: int,
    limit: int,
) -> None:
    above = b"".join(b"#" + text + end for text, end in comments)
    body = b"a,b" + header_end + b"".join(row + end for row, end in lines)
    wanted_rows, wanted_refused = rows_of(body, PLAIN)
    with mock.patch("orrery.beginnings.RECORD_LIMIT", limit):
        rows, refused = rows_of(mark + above + body, COMMENTED, piece)
    shift, further = len(re.findall(rb"\r\n|\r|\n", above)), len(mark + above)
    assert rows == [(line + shift, *rest) for line, *rest in wanted_rows]
    assert refused == [(line + shift, at + further, *rest) for line, at, *rest in wanted_refused]


def test_a_line_of_comment_behind_the_header_is_a_row_like_any_other() -> None:
    rows, refused = rows_of(b"# one\na,b\n# two\n#,3\n", COMMENTED)
    assert rows == [(4, b"#,3", "#", "3")]
    assert refused == [(3, 10, "field_count", "# two")]


def test_without_the_key_comment_is_no_comment() -> None:
    with pytest.raises(BadInput, match="line 1"):
        rows_of(b"# one\na,b\n1,2\n", PLAIN)


@pytest.mark.parametrize("comment", [b"# one\n", b"#" + b"x" * 5000], ids=["many lines", "one long line"])
def test_a_comment_of_any_length_takes_no_more_memory_than_a_record_may(comment: bytes) -> None:
    size, header = 64 << 20, b"\na,b\n1,2\n"

    def pieces() -> Iterator[bytes]:
        piece = (comment * ((1 << 20) // len(comment) + 1)).rstrip(b"\n") if b"\n" in comment else b"#" * (1 << 20)
        for _ in range(size // len(piece)):
            yield piece + b"\n" * (b"\n" in comment)
        yield header

    tracemalloc.start()
    try:
        begun = beginnings.begin(pieces(), "any.csv", comment="#")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    if b"\n" in comment:
        assert begun.buffer == header, "an empty line is no comment"
    else:
        assert begun.buffer == header[1:]
    assert peak < 12 << 20


@pytest.mark.parametrize(
    "content", [b"#", b"# one\n", b"# one\r", b"# one\n# two\r\n#", b"\xef\xbb\xbf# one\n"], ids=repr
)
def test_a_file_of_nothing_but_comment_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput) as refused:
        rows_of(content, COMMENTED)
    assert "no header" in str(refused.value.found)


def test_what_is_wrong_with_a_header_is_told_with_its_own_line() -> None:
    for header in (b"a,b,c", b"a,a,b", b"a,", b"a;b"):
        with pytest.raises(BadInput) as refused:
            rows_of(b"# one\n#\n" + header + b"\n1,2\n", COMMENTED)
        assert "any.csv, line 3" in refused.value.looked


@pytest.mark.parametrize("comment", ["", "##", ",", '"', "a", "1", " ", "\n", "é", 1, True, ["#"]], ids=repr)
def test_what_cannot_begin_a_comment_is_refused_in_a_dialect(comment: Any) -> None:
    said = {"delimiter": ",", "quote": '"', "missing": [""], "encoding": "utf-8", "header": True, "blanks": "kept"}
    with pytest.raises(ContractBroken):
        contracts.dialect(Path("a.odcs.yaml"), {**said, "comment": comment})


def test_a_dialect_may_say_what_a_comment_begins_with() -> None:
    said = {"delimiter": ",", "quote": '"', "missing": [""], "encoding": "utf-8", "header": True, "blanks": "kept"}
    path = Path("a.odcs.yaml")
    assert contracts.dialect(path, {**said, "comment": "%"}).comment == "%"
    assert contracts.dialect(path, said).comment is None
