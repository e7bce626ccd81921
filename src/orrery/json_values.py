"""Reads JSON value by value, in flat memory: each with its text as it stands in the file, and with its place.

What is no JSON ends the file: nobody can say where the next value would begin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from orrery.records import refuse

VALUE_LIMIT = 4 << 20  # bytes of one value
STEP = 1 << 20  # bytes that are looked at, at a time
_BLANK = re.compile(r"[ \t\n\r]*")
_PARTS = re.compile("-|-?I[a-z]*|N[a-zA-Z]*|[tfn][a-z]*")  # of true, null, -Infinity …, or one of them
_CUT = re.compile(r"(?:\.|[eE][+-]?)?")  # what may follow the digits of a number that is not all there yet
_AGAIN = "deliver it again, whole; `jq . FILE` finds what else is wrong with it"


class _Twice(ValueError):
    """A key that an object has twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


# numbers stay as they are written: 9007199254740993 is not to become …992
DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_object)


class Values:
    """The values of a file, taken in their order.

    Attributes:
        line: of the next character, from 1.
        ended: the line on which the last value, or sign, ended.
        raw: the last value as it stands in the file.
    """

    def __init__(self, blocks: Iterator[bytes], name: str) -> None:
        self.blocks, self.name = blocks, name
        self.text, self.at, self.is_over = "", 0, False  # bytes as characters, one for one (Latin-1)
        self.before = 0  # bytes of the file that are not in `text` any more
        self.line = self.ended = 1
        self.raw, self._begun = "", (1, 0)
        self._more()
        if self.text.startswith("\xef\xbb\xbf"):  # a byte-order mark
            self.skip(3)

    @property
    def offset(self) -> int:
        """Bytes of the file before the next character."""
        return self.before + self.at

    @property
    def place(self) -> str:
        """Line and byte of the next character."""
        return f"JSON, line {self.line}, byte {self.offset:,}"

    @property
    def begun(self) -> str:
        """Line and byte of the last value's first character."""
        return f"JSON, line {self._begun[0]}, byte {self._begun[1]:,}"

    def next(self) -> str:
        """The next character that is no blank, not taken; empty at the end."""
        while True:
            self.skip(_over(self.text, self.at) - self.at)
            if self.at < len(self.text) or not self._more():
                return self.text[self.at : self.at + 1]

    def skip(self, number: int) -> None:
        """Take characters."""
        self.line += self.text.count("\n", self.at, self.at + number)
        self.at += number

    def expect(self, wanted: str) -> None:
        """Take a sign, which must be there."""
        if self.next() != wanted:
            here = self.text[self.at : self.at + 60]
            self.refuse(f"{here!r} where {wanted!r} is wanted" if here else f"the file ends, cut before a {wanted!r}")
        self.skip(1)
        self.ended = self.line

    def value(self, limit: int = VALUE_LIMIT) -> Any:
        """A value of at most `limit` bytes, its numbers as texts; what is no UTF-8 stays, as halves of surrogates.

        Raises:
            BadInput: broken, cut, too long, nested too deeply, or an object that has a key twice.
        """
        self.next()
        self._begun = self.line, self.offset
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except RecursionError:
                self.refuse("nested too deeply", "a table's values are texts, numbers, true, false and null")
            except _Twice as error:
                self.refuse(f"a key that is there twice: {str(error)[:60]!r}", "leave one of them")
            except json.JSONDecodeError as error:
                self._go_on_or_refuse(error, limit)
                continue
            if not _CUT.fullmatch(self.text, end) or not self._more():  # at the end of what is there a number may go on
                break
        self.raw = self.text[self.at : end]
        if not self.raw.isascii():
            self.raw = self.raw.encode("latin-1").decode("utf-8", "surrogateescape")
            value = DECODER.decode(self.raw)
        self.skip(end - self.at)
        self.ended = self.line
        return value

    def _go_on_or_refuse(self, error: json.JSONDecodeError, limit: int) -> None:
        """Read on where the value only seems to be broken because it is not all there."""
        is_cut = error.msg.startswith("Unterminated") or error.pos >= len(self.text) - len("-Infinity")
        if is_cut and len(self.text) - self.at > limit:
            self.refuse(f"what begins here is longer than {limit:,} bytes, or does not end")
        if is_cut and self._more():
            return
        around, rest = self.text[max(error.pos - 20, 0) : error.pos + 20], self.text[error.pos :].strip(" \t\r\n")
        is_cut = error.msg.startswith("Unterminated") or not rest or _PARTS.fullmatch(rest) is not None
        self.skip(error.pos - self.at)
        self.refuse(f"the file ends in the middle of this: {around!r}" if is_cut else f"{error.msg}: {around!r}")

    def refuse(self, found: str, fix: str = _AGAIN, where: str = "") -> NoReturn:
        """The file as a whole."""
        refuse(self.name, where or self.place, found, fix)

    def _more(self) -> bool:
        """Read on; whether there was more."""
        pieces, size = list[bytes](), 0
        while size < STEP and not self.is_over:
            piece = next(self.blocks, None)
            self.is_over = piece is None
            pieces.append(piece or b"")
            size += len(pieces[-1])
        if not size:
            return False
        self.before += self.at
        self.text, self.at = self.text[self.at :] + b"".join(pieces).decode("latin-1"), 0
        return True


def parts(raw: str) -> list[str]:
    """The text of each value of an array or an object that has one."""
    found, at = list[str](), 1
    while True:
        at = _over(raw, at)
        if raw[0] == "{":
            at = _over(raw, _over(raw, DECODER.raw_decode(raw, at)[1]) + 1)
        begin = at
        at = DECODER.raw_decode(raw, at)[1]
        found.append(raw[begin:at])
        at = _over(raw, at)
        if raw[at] != ",":
            return found
        at += 1


def _over(text: str, at: int) -> int:
    """Where the blanks end that begin there."""
    return _BLANK.match(text, at).end()  # type: ignore[union-attr]  # it matches the empty text
