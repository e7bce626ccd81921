"""Where a delimited file begins: its first bytes, and what stands above its header.

Lines of comment are passed over in pieces: however many or long they are, no more than some pieces is held.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from orrery.records import RECORD_LIMIT, refuse

_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


@dataclass(frozen=True)
class Beginning:
    """The bytes from the header on, as far as they were read: enough of them to hold it.

    Attributes:
        base: where they begin in the file.
        line: the line that they begin with, from 1.
        is_all: there are no more behind them.
    """

    buffer: bytes
    base: int
    line: int
    is_all: bool


def begin(stream: Iterator[bytes], name: str, *, encoding: str = "utf-8", comment: str | None = None) -> Beginning:
    """Read a file to its header; the stream goes on behind what was read.

    Args:
        comment: what lines of comment before the header begin with.

    Raises:
        BadInput: empty, UTF-16, a mark of another encoding than it shall have, nothing but comment.
    """
    buffer, more = _filled(b"", stream)
    for mark, wide in _WIDE_BOMS.items():
        if buffer.startswith(mark):
            refuse(name, "line 1", f"{wide}, by its byte-order mark", f"iconv -f {wide} -t UTF-8 {name}")
    if not buffer:
        refuse(name, "byte 0", "the file is empty", "deliver the file again, whole")
    base = len(_BOM) if buffer.startswith(_BOM) else 0
    if base and encoding != "utf-8":
        found = f"the mark of UTF-8; the contract says {encoding}"
        refuse(name, "byte 0", found, "encoding: utf-8 in its csvDialect")
    buffer, line = buffer[base:], 1
    if comment is None:
        return Beginning(buffer, base, line, not more)
    mark = comment.encode()
    # a CR at the end of what was read may be the first half of a CRLF
    whole = re.compile(re.escape(mark) + rb"[^\r\n]*(?:\r\n|\n|\r(?!\Z))")
    while buffer.startswith(mark):
        position = 0
        while found_line := whole.match(buffer, position):
            position, line = found_line.end(), line + 1
        base, buffer = base + position, buffer[position:]
        if buffer.startswith(mark):
            if not more:
                refuse(name, f"line {line}", "lines of comment, and no header behind them", "deliver it again, whole")
            # what is left is one line without an end: of it the mark will do
            kept = mark + b"\r" * buffer.endswith(b"\r") if len(buffer) > RECORD_LIMIT else buffer
            base, buffer = base + len(buffer) - len(kept), kept
        buffer, more = _filled(buffer, stream) if more else (buffer, more)
    if not buffer and not more:
        refuse(name, f"line {line}", "lines of comment, and no header behind them", "deliver it again, whole")
    return Beginning(buffer, base, line, not more)


def _filled(buffer: bytes, stream: Iterator[bytes]) -> tuple[bytes, bool]:
    """What is there with as much behind it as a record may be long, and whether there may be more."""
    pieces, size = [buffer], len(buffer)
    while size <= RECORD_LIMIT:
        piece = next(stream, None)
        if piece is None:
            return b"".join(pieces), False
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces), True
