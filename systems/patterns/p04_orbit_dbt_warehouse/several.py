"""Takes many rows of an answer at a time, where all of them are ordinary: most of what a row costs is Python's.

A row is ordinary when it is a list of as many texts, numbers and nulls as there are fields, in ASCII and without
escaped characters. `answers.py` reads the others one by one, with the same decoder.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from orrery.json_values import DECODER

_BETWEEN = re.compile(r"\][ \t\n\r]*,[ \t\n\r]*\[")
_SPECIAL = re.compile(r"[^\x00-\x7f]|\\u")
_PLAIN = {str, type(None)}


@dataclass(frozen=True)
class Part:
    """Some rows of `data` that follow each other, column by column.

    Attributes:
        lines, byte_offsets: of each row's first character, from 1 and from 0.
        texts: the rows as they stand in the file.
        columns: for each field the values, as text, null where they are null or the row is odd.
        odd: for each row null, `not_a_row`, `ragged_row` or `bad_character`.
    """

    lines: Sequence[int]
    byte_offsets: Sequence[int]
    texts: Sequence[str]
    columns: Sequence[Sequence[str | None]]
    odd: Sequence[str | None]


def take(text: str, begin: int, line: int, offset: int, width: int) -> tuple[Part | None, int]:
    """The ordinary rows that are whole in a text, and where the last of them ends.

    Where rows meet is seen before it is known, because a text may hold `],[` as well. The decoder then tells: it finds
    as many rows as there are such places only if each of them is one (no list begins with another whole list).

    Args:
        text: of the file, its bytes as characters; a row begins at `begin`.
        line, offset: of that place in the file.
        width: how many values a row has.

    Returns:
        None for the rows up to that place where one of them is not ordinary: they must be read one by one.
    """
    is_plain = text.isascii() and text.find("\\u", begin) < 0  # much faster than to search
    special = None if is_plain else _SPECIAL.search(text, begin)
    between = list(_BETWEEN.finditer(text, begin, special.start() if special else len(text)))
    if not between:
        return None, begin
    end = between[-1].start() + 1
    was_collecting = gc.isenabled()
    gc.disable()  # it would look for cycles among thousands of new lists, again and again; a row has none
    try:
        rows = DECODER.decode(f"[{text[begin:end]}]")
    except (ValueError, RecursionError):  # broken, a key twice, nested too deeply: whoever reads it alone tells
        return None, end
    finally:
        if was_collecting:
            gc.enable()
    if len(rows) != len(between) or set(map(type, rows)) != {list} or set(map(len, rows)) != {width}:
        return None, end
    columns = list(zip(*rows, strict=True))
    if not all(_PLAIN.issuperset(map(type, column)) for column in columns):
        return None, end
    begins = [begin, *(each.end() - 1 for each in between[:-1])]
    texts = [text[at : each.start() + 1] for at, each in zip(begins, between, strict=True)]
    lines = [line] * len(rows)
    if "\n" in text[begin:end]:
        breaks = (text.count("\n", at, after) for at, after in pairwise(begins))
        lines = list(accumulate(breaks, initial=line))
    return Part(lines, [offset + at - begin for at in begins], texts, columns, [None] * len(rows)), end
