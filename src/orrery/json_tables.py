"""JSON tables as delimited text, in flat memory: an object with `fields` and `data`, an array of objects, or NDJSON.

Whether a file is JSON is told by its first bytes. What comes out is read like every other file: a header, then one
record for each one of the file, so that line n + 1 of what is read is record n. Numbers keep their literal, nested
values are their JSON text, null is what stands for "not known". A row of `data` that has not as many values as there
are fields stays so: the reader refuses it alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from orrery import json_values
from orrery.json_values import Values
from orrery.records import refuse

if TYPE_CHECKING:
    from orrery.contracts import Dialect

HEAD = 64 << 10  # bytes that may be blanks before the second sign
KEYS_FROM = 1000  # objects whose keys make the header, …
KEYS_BYTES = 32 << 20  # … as long as these are no longer
STEP = 1 << 20  # bytes that are given on at a time
_BOM = b"\xef\xbb\xbf"
_TWO_SIGNS = re.compile(rb"[ \t\r\n]*[^ \t\r\n][ \t\r\n]*[^ \t\r\n]")
# not every bracket: a header may be [id],[name]
_BEGINS = re.compile(rb"""[ \t\r\n]*(?:\{[ \t\r\n]*(?:["'}]|\Z)|\[[ \t\r\n]*(?:[\[{\]"0-9-]|\Z))""")
_WANTED = 'wanted: {"fields": […], "data": [[…], …]}, an array of objects, or one object a line; jq makes one of others'
Record = Sequence[str | None]


def as_delimited(blocks: Iterable[bytes], dialect: Dialect, name: str) -> tuple[Iterator[bytes], Dialect]:
    """The bytes of a file as delimited text, and how that is written; a file that is no JSON stays as it is.

    Args:
        blocks: the decompressed bytes, in pieces of any size.
        dialect: what is written: its delimiter, its quote, and of what stands for "not known" the first.
        name: of the file, for messages.

    Raises:
        BadInput: while the bytes are taken: broken or cut, no table, a key twice or unknown, nested too deeply.
    """
    stream, head = iter(blocks), b""
    while len(head) < HEAD and not (len(head) > len(_BOM) and _TWO_SIGNS.match(head.removeprefix(_BOM))):
        piece = next(stream, None)
        if piece is None:
            break
        head += piece
    stream = chain([head], stream)
    if not _BEGINS.match(head.removeprefix(_BOM)):
        return stream, dialect
    written = replace(dialect, encoding="utf-8", comment=None, is_by_record=True)
    return _lines(_records(stream, name), written), written


# --- delimited text ------------------------------------------------------------------------------------------------


def _lines(records: Iterator[Record], dialect: Dialect) -> Iterator[bytes]:
    """The header and every record as lines, many at a time."""
    header = next(records)
    pieces, size = [], 0
    for record in chain([header], records):
        pieces.append(_line(record, len(header), dialect))
        size += len(pieces[-1]) + 40  # what Python keeps beside the bytes of a short line
        if size > STEP:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join(pieces)


def _line(record: Record, width: int, dialect: Dialect) -> bytes:
    """A record with its line end; half a surrogate becomes bytes that are no text."""
    delimiter, quote = dialect.delimiter, dialect.quote
    null = "" if "" in dialect.missing or not dialect.missing else dialect.missing[0]
    values = [null if value is None else value for value in record]
    text = delimiter.join(values)
    is_plain = quote not in text and "\n" not in text and "\r" not in text and text[:1] != "\ufeff"
    if not is_plain or text.count(delimiter) >= len(values):
        signs = (delimiter, quote, "\n", "\r", "\ufeff")
        quoted = [f"{quote}{value.replace(quote, quote * 2)}{quote}" for value in values]
        needs = [any(sign in value for sign in signs) for value in values]
        text = delimiter.join(one if need else value for one, need, value in zip(quoted, needs, values, strict=True))
    if len(values) < 2 and not (text.strip(" \t") if width > 1 else text):
        text = quote * 2  # an empty line would be passed over
    return f"{text}\n".encode("utf-8", "surrogatepass")


# --- records -------------------------------------------------------------------------------------------------------


def _records(stream: Iterator[bytes], name: str) -> Iterator[Record]:
    """The header, then every record."""
    values = Values(stream, name)
    if values.next() == "[":
        yield from _of_objects(values, _elements(values))
    else:
        begun, first, fields, is_table = values.line, dict[str, str | None](), None, False
        for key in _keys(values, first):
            if key == "data" and fields is not None and values.next() == "[":
                is_table, first[key] = True, None
                yield from _of_rows(values, fields)
                continue
            value = values.value()
            first[key] = _text(value, values.raw)
            fields = value if key == "fields" else fields
        if not is_table:
            yield from _of_objects(values, chain([first], _one_a_line(values, first, begun)))
    if values.next():
        values.refuse("something stands behind the end of the table", "take it out, or make two files of it")


def _keys(values: Values, seen: dict[str, str | None]) -> Iterator[str]:
    """The keys of an object; whoever takes one takes its value from the text, and puts it into `seen`."""
    values.expect("{")
    while values.next() != "}":
        if seen:
            values.expect(",")
        if values.next() != '"':
            values.expect('"')
        key = values.value()
        if key in seen:
            values.refuse(f"a key that is there twice: {key[:60]!r}", "leave one of them", values.begun)
        values.expect(":")
        yield key
    values.expect("}")


def _elements(values: Values) -> Iterator[Any]:
    """The elements of an array."""
    values.expect("[")
    is_first = True
    while values.next() != "]":
        if not is_first:
            values.expect(",")
        is_first = False
        yield _texts(values.value(), values.raw)
    values.expect("]")


def _one_a_line(values: Values, first: dict[str, str | None], begun: int) -> Iterator[Any]:
    """The objects behind the first one, which begins on the line `begun`; alone it must be a line, and flat."""
    is_flat = bool(first) and not any(value and value[0] in "[{" for value in first.values())
    if not values.next() and (values.ended > begun or not is_flat):
        if {"fields", "data"} <= set(first):
            found, fix = "`data` stands before `fields`, or is no array", f"jq '{{fields, data}}' {values.name}"
        else:
            found, fix = f"an object that is no table: its keys are {', '.join(first)[:80] or 'none'}", _WANTED
        refuse(values.name, f"JSON, line {begun}", found, fix)
    while values.next():
        if values.line == values.ended:
            values.refuse("something stands behind an object, on its line", _WANTED)
        yield _texts(values.value(), values.raw)


def _of_rows(values: Values, fields: Any) -> Iterator[Record]:
    """`fields`, and the rows of `data`."""
    is_list = isinstance(fields, list) and fields and all(isinstance(each, str) for each in fields)
    if not is_list or len(set(fields)) < len(fields):
        values.refuse(f"`fields` is no list of different names: {str(fields)[:80]}", _WANTED)
    yield fields
    width = len(fields)
    for row in _elements(values):
        texts = row if isinstance(row, list) else [values.raw]
        is_odd = texts is not row or not row
        yield [*texts, *[""] * (2 - len(texts))] if is_odd and width == 1 else texts


def _of_objects(values: Values, objects: Iterator[Any]) -> Iterator[Record]:
    """The keys of the first objects, in the order in which they come, and every object as a record of them."""
    begun, size = [], 0
    for each in objects:
        begun.append(_object(values, each))
        size += len(values.raw)
        if len(begun) == KEYS_FROM or size > KEYS_BYTES:
            break
    header = list(dict.fromkeys(key for each in begun for key in each))
    if not header:
        values.refuse("no table: " + ("objects without a key" if begun else "an array with nothing in it"), _WANTED)
    yield header
    yield from ([each.get(key) for key in header] for each in begun)
    known = set(header)
    for each in objects:
        if not known.issuperset(_object(values, each)):
            unknown = next(key for key in each if key not in known)
            found = f"a key that none of the first {len(begun):,} objects has: {unknown[:60]!r}"
            values.refuse(found, "put an object that has it in front (with null, say), or take it out", values.begun)
        yield [each.get(key) for key in header]


def _object(values: Values, record: Any) -> dict[str, str | None]:
    """A record that must be an object."""
    if not isinstance(record, dict):
        values.refuse(f"no object, where each record should be one: {values.raw[:60]!r}", _WANTED, values.begun)
    return record


def _texts(value: Any, raw: str) -> Any:
    """A record as texts: of an object by its keys, of an array in its order; another value as its JSON text."""
    if isinstance(value, dict):
        return dict(zip(value, _all_texts(list(value.values()), raw), strict=True))
    return _all_texts(value, raw) if isinstance(value, list) else raw


def _all_texts(values: list[Any], raw: str) -> list[str | None]:
    is_nested = any(isinstance(each, dict | list) for each in values)
    written = json_values.parts(raw) if is_nested else [""] * len(values)
    return [_text(value, text) for value, text in zip(values, written, strict=True)]


def _text(value: Any, raw: str) -> str | None:
    """A value as text; of a nested one its JSON text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return raw
