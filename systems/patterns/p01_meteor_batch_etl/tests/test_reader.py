"""The strict reader cuts any bytes as the oracle does, wherever pieces and blocks end (property-based)."""

from __future__ import annotations

import re
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from meteor_oracle_records import Unterminated, records

from orrery import delimited
from orrery.contracts import Dialect
from orrery.errors import BadInput

COLUMNS = {name: (name,) for name in "abc"}
DIALECT = Dialect(",", '"', ("", "-"), blanks_are_layout=True)
PLAIN = st.sampled_from([b"x", b"yy ", b" z", b"a  b", b"\t", b"-", b"", b'"q"', b"\xc3\xa9"])
ODD = st.sampled_from(
    [
        b'"a,b"',
        b'"l\nl"',
        b'"l\rl"',
        b'"l\r\nl"',
        b'""',
        b'"a""b"',
        b"\xff",
        b"\0",
        b'5"',
        b'"z" ',
        b'"',
        b"\xef\xbb\xbf",
    ]
)
FIELD = st.one_of(PLAIN, PLAIN, ODD, st.builds(lambda one, other: one + other, PLAIN, ODD))
RECORD = st.one_of(st.lists(FIELD, min_size=3, max_size=3), st.lists(FIELD, min_size=1, max_size=4)).map(b",".join)
END = st.sampled_from([b"\n", b"\r\n", b"\r"])


def unquoted(raw: bytes) -> str | None:
    text = raw.decode()
    text = text[1:-1].replace('""', '"') if text[:1] == '"' else text
    text = " ".join(part for part in re.split("[ \t]", text) if part)
    return None if text in ("", "-") else text


def rule_of(raw: bytes, fields: list[bytes], header: bytes, *, misplaced: bool) -> str | None:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    tests = {
        "nul_byte": b"\0" in raw,
        "bom_inside": raw.startswith(b"\xef\xbb\xbf"),
        "quote_misplaced": misplaced,
        "field_count": len(fields) != len(COLUMNS),
        "header_repeated": raw == header,
    }
    return next((rule for rule, is_so in tests.items() if is_so), None)


def expected(data: bytes) -> tuple[list[tuple[object, ...]], list[tuple[int, int, str]]] | None:
    """Rows with their lines, and refusals with line, offset and rule; None where the file is refused."""
    try:
        header, *rest = list(records(data))
    except Unterminated:
        return None
    rows: list[tuple[object, ...]] = []
    refused = []
    for record in rest:
        if len(record.fields) == 1 and not record.raw.strip(b" \t"):
            continue
        rule = rule_of(record.raw, record.fields, header.raw, misplaced=record.misplaced)
        if rule:
            refused.append((record.line, record.offset, rule))
        else:
            rows.append((record.line, *map(unquoted, record.fields)))
    return rows, refused


@settings(max_examples=600, deadline=None)
@given(
    lines=st.lists(st.tuples(RECORD, END), max_size=8),
    header_end=END,
    piece=st.sampled_from([1, 3, 7, 1000]),
    block=st.sampled_from([8, 16, 64, 1 << 20]),
    ends_open=st.booleans(),
)
def test_any_bytes_are_cut_as_the_oracle_cuts_them(
    lines: list[tuple[bytes, bytes]], header_end: bytes, piece: int, block: int, ends_open: bool
) -> None:
    data = b"a,b,c" + header_end + b"".join(record + end for record, end in lines)
    if ends_open:
        data = data.rstrip(b"\r\n")
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    rows: list[tuple[object, ...]] = []
    refused = []
    small = mock.patch("orrery.beginnings.RECORD_LIMIT", block)  # and as little for the header
    try:
        with small, mock.patch("orrery.delimited.BLOCK", block), mock.patch("orrery.records.BLOCK", block):
            chunks = [each.parse() for each in delimited.read(pieces, DIALECT, COLUMNS, "any.csv")]
    except BadInput:
        assert expected(data) is None
        return
    for chunk in chunks:
        rows += [(int(line), *row.values()) for line, row in zip(chunk.lines, chunk.table.to_pylist(), strict=True)]
        refused += [(one.line, one.byte_offset, one.rule) for one in chunk.refused]
    assert (rows, refused) == expected(data)
