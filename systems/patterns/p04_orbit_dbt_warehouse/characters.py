"""The characters of an answer of JPL's, as far as they are needed: where a reader stands, and what is wrong there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from .several import DECODER

if TYPE_CHECKING:
    from .answers import Answer

STEP = 1 << 20  # bytes that are decoded at a time
BLANK = re.compile(r"[ \t\n\r]*")
AGAIN = (
    'ask for it again; wanted is what sbdb_query.api and cad.api answer: {…, "fields": […], "data": [[…], …]}; '
    "another table: orrery data map orbit FILE"
)


class Text:
    """The bytes of a file as characters, one for one (Latin-1), as far as they are needed."""

    def __init__(self, answer: Answer, blocks: Iterator[bytes]) -> None:
        self.answer, self.blocks = answer, blocks
        self.text, self.at, self.is_over = "", 0, False
        self.before = 0  # bytes of the file that are not in `text` any more
        self.line = 1

    @property
    def offset(self) -> int:
        """Bytes of the file before the next character."""
        return self.before + self.at

    def begin(self) -> None:
        """Read the first of it."""
        self._more()
        if self.text.startswith("\xef\xbb\xbf"):  # a byte-order mark
            self.skip(3)

    def next(self) -> str:
        """The next character that is no blank, not taken; empty at the end."""
        while True:
            end = BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]
            self.skip(end - self.at)
            if self.at < len(self.text) or not self._more():
                return self.text[self.at : self.at + 1]

    def skip(self, number: int) -> None:
        """Take so many characters."""
        self.line += self.text.count("\n", self.at, self.at + number)
        self.at += number

    def expect(self, wanted: str) -> None:
        """Take the next character that is no blank; raises BadInput where it is another one."""
        if self.next() != wanted:
            self.refuse(f" ({wanted!r} is wanted)", f"{self.here(80)!r}" if self.here(1) else "the file ends here")
        self.skip(1)

    def value(self, limit: int) -> tuple[Any, str]:
        """A JSON value of at most `limit` bytes, and its text."""
        self.next()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except RecursionError:
                self.refuse("", "nested too deeply")
            except json.JSONDecodeError as error:
                if len(self.text) - self.at <= limit and self._more():
                    continue
                self._broken(error, limit)
            if end == len(self.text) and self._more():  # a number may go on
                continue
            raw = self.text[self.at : end]
            self.skip(end - self.at)
            return value, raw

    def _broken(self, error: json.JSONDecodeError, limit: int) -> NoReturn:
        if len(self.text) - self.at > limit:
            self.refuse("", f"what begins here is longer than {limit >> 20} MB, or does not end")
        is_cut = self.is_over and (error.pos >= len(self.text) or error.msg.startswith("Unterminated"))
        around = self.text[max(error.pos - 20, 0) : error.pos + 20]
        self.refuse("", f"the file ends in the middle of this: {around!r}" if is_cut else f"{error.msg}: {around!r}")

    def here(self, number: int) -> str:
        """The next characters, not taken, as far as they have been read."""
        return self.text[self.at : self.at + number]

    def refuse(self, more: str, found: str) -> NoReturn:
        """The file as a whole, with this place."""
        self.answer.refuse(f"line {self.line}, byte {self.offset:,}{more}", found, AGAIN)

    def _more(self) -> bool:
        """Read on; whether there was more."""
        pieces, size = [], 0
        while size < STEP and not self.is_over:
            piece = next(self.blocks, None)
            if piece is None:
                self.is_over = True
            else:
                pieces.append(piece)
                size += len(piece)
        if not size:
            return False
        self.before += self.at
        self.text, self.at = self.text[self.at :] + b"".join(pieces).decode("latin-1"), 0
        return True
