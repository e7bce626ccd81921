"""Cuts a block of delimited bytes into records: where each begins and ends, on which line, with how many fields.

Done on whole blocks with NumPy: between two records the number of quotes so far is even. That holds only while
every quote opens a field, closes one or is one of a pair; a block where one does not is walked field by field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from orrery.errors import BadInput

if TYPE_CHECKING:
    import numpy as np

    from orrery.contracts import Dialect

RECORD_LIMIT = 1 << 20  # bytes; a longer record ends the file
BLOCK = 8 << 20  # bytes a block should have before it is worth cutting
LINE_END = re.compile(rb"\r\n|\n|\r")


def refuse(name: str, where: str, found: str, fix: str) -> NoReturn:
    """Refuse a whole file; nothing of it is loaded."""
    raise BadInput(f"{name} cannot be loaded: nothing of it was.", looked=f"{name}, {where}", found=found, fix=fix)


def walk_record(buffer: bytes, start: int, dialect: Dialect, *, at_end: bool) -> tuple[int | None, list[bytes], bool]:
    """One record by the rules of quoting: where the next begins, its fields, whether a quote is misplaced.

    The end is None where the record is not complete in `buffer`.
    """
    quote, delimiter = dialect.quote.encode(), dialect.delimiter.encode()
    stop = re.compile(b"[\\r\\n" + re.escape(delimiter) + b"]")
    fields: list[bytes] = []
    position, misplaced = start, False
    while True:
        begin = position
        if buffer.startswith(quote, position):
            closing = position + 1
            while True:
                closing = buffer.find(quote, closing)
                if closing < 0:
                    return None, fields, misplaced
                if not buffer.startswith(quote, closing + 1):
                    break
                closing += 2
            position = closing + 1
        found = stop.search(buffer, position)
        after = found.start() if found else len(buffer)
        misplaced = misplaced or (after > position and (position > begin or quote in buffer[position:after]))
        fields.append(buffer[begin:after])
        if found is None:
            return (len(buffer) if at_end else None), fields, misplaced
        if found.group() == delimiter:
            position = after + 1
            continue
        if found.group() == b"\r" and after + 1 == len(buffer) and not at_end:
            return None, fields, misplaced
        return after + (2 if buffer.startswith(b"\r\n", after) else 1), fields, misplaced


@dataclass(frozen=True)
class Cut:
    """The records of one block; positions are bytes within it.

    Attributes:
        misplaced: records with a quote inside an unquoted field, or with text behind a closing quote.
        consumed: how much of the block the records make up; the rest belongs to the next one.
    """

    starts: np.ndarray
    ends: np.ndarray
    lines: np.ndarray
    widths: np.ndarray
    misplaced: np.ndarray
    consumed: int
    next_line: int
    has_line_ends_inside: bool


def cut(buffer: bytes, line: int, dialect: Dialect, name: str, *, at_end: bool) -> Cut:
    """Cut a block that begins with a record, on line `line`.

    Raises:
        BadInput: a quote that is never closed, or a record beyond the limit.
    """
    import numpy as np

    octets = np.frombuffer(buffer, dtype=np.uint8)
    quotes = np.flatnonzero(octets == ord(dialect.quote)) if dialect.quote.encode() in buffer else None
    marks, ends = _line_ends(buffer, octets, at_end=at_end)
    stops = marks
    if quotes is not None:
        outside = _outside(marks, quotes)
        stops, ends = marks[outside], ends[outside]
    if at_end and buffer and (not len(stops) or stops[-1] != len(buffer) - 1):
        stops, ends = np.append(stops, len(buffer)), np.append(ends, len(buffer))  # no line end behind the last
    consumed = int(min(stops[-1] + 1, len(buffer))) if len(stops) else 0
    # one quote in the wrong place turns everything behind it inside out: then no record seems to end
    seems_endless = not at_end and len(buffer) - consumed > RECORD_LIMIT
    if quotes is not None and (
        seems_endless or not _quotes_are_regular(octets, quotes, consumed, dialect, at_end=at_end)
    ):
        found = _walk(buffer, line, dialect, name, at_end=at_end)
    else:
        starts = np.concatenate(([0], stops[:-1] + 1)) if len(stops) else stops
        delimiters = np.flatnonzero(octets[:consumed] == ord(dialect.delimiter))
        if quotes is not None:
            delimiters = delimiters[_outside(delimiters, quotes)]
        found = Cut(
            starts=starts,
            ends=ends,
            lines=line + np.searchsorted(marks, starts),
            widths=np.diff(np.searchsorted(delimiters, stops), prepend=0) + 1,
            misplaced=np.zeros(len(stops), bool),
            consumed=consumed,
            next_line=line + int(np.searchsorted(marks, consumed)),
            has_line_ends_inside=len(stops) < len(marks),
        )
    longest = int((found.ends - found.starts).max(initial=0))
    if longest > RECORD_LIMIT:
        first = int(found.lines[(found.ends - found.starts) > RECORD_LIMIT][0])
        _too_long(name, first, f"a record of {longest:,} bytes; the limit is {RECORD_LIMIT:,}")
    if not at_end and len(buffer) - found.consumed > max(RECORD_LIMIT, BLOCK // 2):
        _too_long(name, found.next_line, f"no end of the record within {len(buffer) - found.consumed:,} bytes")
    return found


def by_record(found: Cut, line: int) -> Cut:
    """The same records, each on a line of its own from `line` on, whatever line ends they hold."""
    import numpy as np

    count = len(found.starts)
    return replace(found, lines=np.arange(line, line + count), next_line=line + count)


def _outside(positions: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Which of the positions have an even number of quotes before them."""
    import numpy as np

    turns = np.bincount(np.searchsorted(positions, quotes), minlength=len(positions) + 1)
    outside: np.ndarray = np.cumsum(turns[:-1]) % 2 == 0
    return outside


def _too_long(name: str, line: int, found: str) -> NoReturn:
    refuse(name, f"line {line}", found, "mend that line: a quote that is not closed swallows what follows")


def _quotes_are_regular(
    octets: np.ndarray, quotes: np.ndarray, consumed: int, dialect: Dialect, *, at_end: bool
) -> bool:
    """Whether every quote opens, closes or is one of a pair; if not, counting quotes proves nothing."""
    import numpy as np

    limit = len(octets) if at_end else consumed
    quotes = quotes[quotes < limit]
    if len(quotes) % 2:
        return False
    edge = np.array([ord(dialect.delimiter), 10, 13], dtype=np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before = np.isin(octets[np.maximum(opening - 1, 0)], edge) | (opening == 0)
    after = np.isin(octets[np.minimum(closing + 1, limit - 1)], edge) | (closing == limit - 1)
    paired = closing[:-1] + 1 == opening[1:]
    before[1:] |= paired
    after[:-1] |= paired
    return bool(before.all() and after.all()) and (limit > 0 or not len(octets))


def _walk(buffer: bytes, line: int, dialect: Dialect, name: str, *, at_end: bool) -> Cut:
    """The slow way, record by record, for a block where a quote stands in the wrong place."""
    import numpy as np

    found: list[tuple[int, int, int, int, bool]] = []
    position = 0
    while position < len(buffer):
        end, fields, misplaced = walk_record(buffer, position, dialect, at_end=at_end)
        if end is None:
            if at_end:
                before = buffer[position : position + sum(len(field) + 1 for field in fields)]
                opened = line + len(LINE_END.findall(before))
                fix = f"close it; the record begins on line {line}"
                refuse(name, f"line {opened}", "a quote that is never closed: it swallows the rest of the file", fix)
            break
        ended = buffer[position:end]
        width = 2 if ended.endswith(b"\r\n") else 1 if ended.endswith((b"\n", b"\r")) else 0
        found.append((position, end - width, line, len(fields), misplaced))
        line += len(LINE_END.findall(ended))
        position = end
    columns = zip(*found, strict=True) if found else ([] for _ in range(5))
    starts, ends, lines, widths, misplaced_ones = (np.array(column, dtype=np.int64) for column in columns)
    return Cut(starts, ends, lines, widths, misplaced_ones.astype(bool), position, line, True)


def _line_ends(buffer: bytes, octets: np.ndarray, *, at_end: bool) -> tuple[np.ndarray, np.ndarray]:
    """The last byte of every line end (LF, CRLF, CR), and where the text before it ends."""
    import numpy as np

    feeds = np.flatnonzero(octets == 10)
    if b"\r" not in buffer:
        return feeds, feeds
    returns = np.flatnonzero(octets == 13)
    following = octets[np.minimum(returns + 1, len(octets) - 1)]
    alone = returns[(following != 10) & ((returns < len(octets) - 1) | at_end)]
    marks = np.sort(np.concatenate((feeds, alone)))
    after_return = (octets[marks] == 10) & (marks > 0) & (octets[np.maximum(marks - 1, 0)] == 13)
    return marks, marks - after_return
