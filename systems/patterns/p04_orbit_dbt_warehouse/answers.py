"""Reads an answer of JPL's (SBDB, CAD) part by part, in flat memory: a JSON object with `fields` and `data`.

A row keeps its place (line, byte offset) and its text. A file that is no such object, or ends too early, is refused as
a whole, because nobody can say where the next row would begin; a row that is only odd is given, with what is odd of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NoReturn

from orrery import json_values
from orrery.errors import BadInput, GateClosed
from orrery.json_values import Values

from . import several
from .several import Part

ROW_LIMIT = 1 << 20  # bytes of one row
HEAD_LIMIT = 16 << 20  # bytes of what stands beside the rows
AT_ONCE = 5_000  # rows of a part that were read one by one
AGAIN = (
    'ask for it again; wanted is what sbdb_query.api and cad.api answer: {…, "fields": […], "data": [[…], …]}; '
    "another table: orrery data map orbit FILE"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Row:
    """A row of `data` that was read by itself.

    Attributes:
        line, byte_offset: of its first character, from 1 and from 0.
        text: as it stands in the file.
        values: as text, null where it is null; none where something is odd.
        odd: null, `not_a_row`, `ragged_row` or `bad_character`.
    """

    line: int
    byte_offset: int
    text: str
    values: Sequence[str | None]
    odd: str | None


@dataclass
class Answer:
    """What stands beside the rows; complete when the last row has been taken.

    Attributes:
        fields: names, in the order of a row's values.
        source, version: of its signature.
    """

    name: str
    fields: list[str] = field(default_factory=list)
    source: str = ""
    version: str = ""
    rows_read: int = 0
    said: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def take(self, key: str, value: Any) -> None:
        """A key of the object, but `data`."""
        if key == "fields":
            is_list = isinstance(value, list) and value and all(isinstance(each, str) for each in value)
            if not is_list or len(set(value)) != len(value):
                self.refuse("`fields`", f"{json.dumps(value)[:120]}: not a list of different names", AGAIN)
            self.fields = value
        elif key == "signature" and isinstance(value, dict):
            said = (value.get("source"), value.get("version"))
            self.source, self.version = (each if isinstance(each, str) else "" for each in said)
        elif key in ("count", "code", "message"):
            self.said[key] = str(value)

    def complete(self) -> None:
        """Raises where the object does not say what an answer says."""
        if "message" in self.said and "data" not in self.seen:
            told = f"{self.said.get('code', '')} {self.said['message']}".strip()
            self.refuse("`message`", f"an error of the service instead of data: {told[:200]}", AGAIN)
        count = self.said.get("count", str(self.rows_read))
        # of a query of small bodies `count` is what there is in all, and this may be a page of it (limit, limit-from)
        is_number = re.fullmatch("[0-9]{1,15}", count) is not None
        is_page = "Query API" in self.source and is_number and self.rows_read < int(count)
        if count != str(self.rows_read) and not is_page:
            found = f"{self.rows_read:,} rows; `count` says {count[:20]}"
            self.refuse("`data`", found, "it was cut, or put together by hand: ask for it again")
        if not {"data", "count"} & self.seen:
            self.refuse("its keys", f"neither data nor count: {', '.join(sorted(self.seen))[:120] or 'none'}", AGAIN)
        if self.rows_read == 0:
            raise GateClosed(
                f"{self.name} holds no row.",
                looked=self.name,
                found="an answer without data" + f", of {self.source}" * bool(self.source),
                fix="deliver it again with its rows; a query that finds nothing is no delivery",
            )

    def refuse(self, where: str, found: str, fix: str) -> NoReturn:
        """The file as a whole."""
        raise BadInput(
            f"{self.name} is no answer of JPL's that could be read.",
            looked=f"{self.name}, {where}",
            found=found,
            fix=fix,
        )


class Text(Values):
    """The values of an answer; what is wrong with them is wrong with the whole file."""

    def __init__(self, answer: Answer, blocks: Iterator[bytes]) -> None:
        self.answer = answer
        super().__init__(blocks, answer.name)

    def value(self, limit: int = HEAD_LIMIT) -> Any:
        """The next value; raises BadInput also where it is not UTF-8."""
        found = super().value(limit)
        if not self.raw.isascii() and (wrong := _SURROGATE.search(self.raw)):
            before = self.raw[: wrong.start()]
            at = self.offset - len(self.raw[wrong.start() :].encode("utf-8", "surrogateescape"))
            line = self.line - self.raw.count("\n", wrong.start())
            self.refuse(f"not UTF-8, behind {before[-20:]!r}", "save it as UTF-8", f"JSON, line {line}, byte {at:,}")
        return found

    def here(self) -> str:
        """The next characters, not taken, as far as they have been read."""
        return self.text[self.at : self.at + 80]

    def refuse(self, found: str, fix: str = AGAIN, where: str = "") -> NoReturn:
        """The file as a whole."""
        self.answer.refuse(where or self.place, found, fix)


def read(name: str, blocks: Callable[[], Iterator[bytes]]) -> tuple[Answer, Iterator[Part]]:
    """The answer of a file, and its rows, some at a time.

    Args:
        name: of the file, for messages.
        blocks: gives its bytes, from the beginning each time it is called: a second time where `data` stands before
            `fields`.

    Returns:
        What stands before the rows has been taken when this returns; the rest when the rows are at their end.

    Raises:
        BadInput: no such object; also while the rows are taken. GateClosed: it has no rows.
    """
    answer = Answer(name)
    parts = _parts(answer, Text(answer, blocks()))
    first = next(parts, None)
    if first is not None and not answer.fields:
        for _ in parts:  # to its end, where the fields are
            continue
        if not answer.fields:
            answer.refuse("its keys", "`data` without `fields`", AGAIN)
        answer = Answer(name, fields=answer.fields)
        parts = _parts(answer, Text(answer, blocks()))
        first = next(parts, None)
    return answer, chain([] if first is None else [first], parts)


def _parts(answer: Answer, text: Text) -> Iterator[Part]:
    """Walk through the object; the rows where they come."""
    if text.next() != "{":
        text.refuse(f"it begins with {text.here()!r}" if text.here() else "it is empty")
    text.skip(1)
    while text.next() != "}":
        if answer.seen:
            text.expect(",")
        key = _beside_the_rows(text)
        if not isinstance(key, str) or key in answer.seen:
            text.refuse(f"a key that is no text, or is there twice: {str(key)[:80]!r}")
        answer.seen.add(key)
        text.expect(":")
        if key == "data":
            yield from _data(answer, text)
        else:
            answer.take(key, _beside_the_rows(text))
    text.skip(1)
    if text.next():
        text.refuse(f"something stands behind the object: {text.here()!r}")
    answer.complete()


def _beside_the_rows(text: Text) -> Any:
    """A key, or a value of what is no row: all of it must be characters that can be kept, and shown."""
    value = text.value()
    if "\\u" in text.raw and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        text.refuse(f"half of a character (a lone surrogate): {text.raw[:80]}", where=text.begun)
    return value


def _data(answer: Answer, text: Text) -> Iterator[Part]:
    text.expect("[")
    alone: list[Row] = []
    begin = 0  # bytes of the file: the rows before are read one by one
    while text.next() != "]":
        if answer.rows_read:
            text.expect(",")
            text.next()
        line, offset = text.line, text.offset
        if offset >= begin:
            part, end = several.take(text.text, text.at, line, offset, len(answer.fields))
            begin = text.before + end
            if part:
                yield from _together(answer, alone)
                answer.rows_read += len(part.lines)
                text.skip(end - text.at)
                yield part
                continue
        value = text.value(ROW_LIMIT)
        answer.rows_read += 1
        alone.append(_row(answer, line, offset, text.raw, value))
        if len(alone) == AT_ONCE:
            yield from _together(answer, alone)
    text.skip(1)
    yield from _together(answer, alone)


def _together(answer: Answer, rows: list[Row]) -> Iterator[Part]:
    """Rows that were read one by one, as a part; the list is empty then."""
    if rows:
        nothing = (None,) * len(answer.fields)
        columns = list(zip(*(row.values or nothing for row in rows), strict=True)) if answer.fields else []
        places = [row.line for row in rows], [row.byte_offset for row in rows]
        yield Part(*places, [row.text for row in rows], columns, [row.odd for row in rows])
        rows.clear()


def _row(answer: Answer, line: int, offset: int, raw: str, value: Any) -> Row:
    """A row from its value and its text."""
    if not isinstance(value, list):
        return Row(line, offset, raw, (), "not_a_row")
    if answer.fields and len(value) != len(answer.fields):
        return Row(line, offset, raw, (), "ragged_row")
    if any(each is not None and not isinstance(each, str) for each in value):  # true, a list: as they are written
        written = zip(value, json_values.parts(raw), strict=True)
        value = [each if each is None or isinstance(each, str) else as_written for each, as_written in written]
    if "\\u" in raw and any(each and ("\0" in each or _SURROGATE.search(each)) for each in value):
        return Row(line, offset, raw, (), "bad_character")
    return Row(line, offset, raw, value, None)
