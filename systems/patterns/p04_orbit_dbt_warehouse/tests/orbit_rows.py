"""From the bytes of delivered files to landed rows: each with its place and its text, its values still texts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Files = Sequence[tuple[str, bytes]]
"""File names and contents in the order of arrival."""
Landing = tuple[str | None, dict[str, str | None]]
"""The landing error of a row and, where there is none, its values by column."""

FIELD_SPELLINGS = {"epoch.mjd": "epoch_mjd", "per.y": "per_y"}
COLUMNS = {
    "small_bodies": [
        "full_name",
        "spkid",
        "pdes",
        "neo",
        "pha",
        "h",
        "g",
        "m1",
        "m2",
        "diameter",
        "extent",
        "albedo",
        "rot_per",
        "orbit_id",
        "epoch_mjd",
        "e",
        "a",
        "q",
        "i",
        "om",
        "w",
        "ma",
        "tp",
        "per_y",
        "moid",
        "class",
    ],
    "close_approaches": [
        "des",
        "fullname",
        "orbit_id",
        "jd",
        "dist",
        "dist_min",
        "dist_max",
        "v_rel",
        "v_inf",
        "t_sigma_f",
        "h",
    ],
}
_UTF8_MARK = b"\xef\xbb\xbf"
_WHITE_SPACE = re.compile(r"[ \t\n\r]*")
_BAD_CHARACTER = re.compile("[\0\ud800-\udfff]")
# Numbers keep the text they have in the file.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


@dataclass(frozen=True)
class DeliveredFile:
    """A file that is in the warehouse."""

    file_id: int
    file_name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class LandedRow:
    """An element of `data`.  Values are trimmed of blanks; None where the field is missing, null or empty."""

    file: DeliveredFile
    kind: str
    line: int
    byte_offset: int
    record_text: str
    landing_error: str | None
    values: Mapping[str, str | None]


def delivered(files: Files) -> list[DeliveredFile]:
    """The files that are there in the end, by file_id; an id is never given a second time."""
    there: dict[str, DeliveredFile] = {}
    last_id = 0
    for name, content in files:
        digest = hashlib.sha256(content).digest()
        if any(hashlib.sha256(file.content).digest() == digest for file in there.values()):
            continue
        last_id += 1
        there[name] = DeliveredFile(last_id, name, content)
    return sorted(there.values(), key=lambda file: file.file_id)


def _after(text: str, pos: int, mark: str) -> int:
    """The position of the token that follows the mark; the mark has to stand at pos, "" only skips white space."""
    if not text.startswith(mark, pos):
        raise json.JSONDecodeError(f"{mark!r} expected", text, pos)
    return _WHITE_SPACE.match(text, pos + len(mark)).end()  # type: ignore[union-attr]  # it matches everywhere


def _array(text: str, pos: int) -> tuple[list[tuple[Any, int, int]], int]:
    """The elements of the array at pos, each with its start and end; and the position behind the array."""
    elements: list[tuple[Any, int, int]] = []
    pos = _after(text, pos, "[")
    while not text.startswith("]", pos):
        if elements:
            pos = _after(text, pos, ",")
        value, end = _DECODER.raw_decode(text, pos)
        elements.append((value, pos, end))
        pos = _after(text, end, "")
    return elements, pos + 1


def _answer(text: str) -> dict[str, Any]:
    """The members of a JPL answer; those of `data` each with start and end."""
    members: dict[str, Any] = {}
    pos = _after(text, _after(text, 0, ""), "{")
    while not text.startswith("}", pos):
        if members:
            pos = _after(text, pos, ",")
        name, end = _DECODER.raw_decode(text, pos)
        pos = _after(text, _after(text, end, ""), ":")
        members[name], end = _array(text, pos) if name == "data" else _DECODER.raw_decode(text, pos)
        pos = _after(text, end, "")
    return members


def _text_of(value: Any, literal: str) -> str | None:
    """A JSON value as it is landed, then trimmed: strings and numbers by content, everything else as written."""
    if value is None:
        return None
    return (value if isinstance(value, str) else literal).strip(" ") or None


def _land_row(row: Any, text: str, start: int, columns: Sequence[str | None]) -> Landing:
    """Look at the row that starts at `start`; a column is None for a field that is not kept."""
    if not isinstance(row, list):
        return "not_a_row", {}
    if len(row) != len(columns):
        return "ragged_row", {}
    if any(isinstance(value, str) and _BAD_CHARACTER.search(value) for value in row):
        return "bad_character", {}
    # Of true, false, arrays and objects only the text in the file will do; few rows have any.
    literals = [""] * len(row)
    if not all(value is None or isinstance(value, str) for value in row):
        literals = [text[begin:end] for _, begin, end in _array(text, start)[0]]
    values: dict[str, str | None] = {}
    for column, value, literal in zip(columns, row, literals, strict=True):
        if column is not None and column not in values:  # of two fields of one name the first counts
            values[column] = _text_of(value, literal)
    return None, values


def landed(file: DeliveredFile) -> Iterator[LandedRow]:
    """The rows of a file, in its order.  Raises where the file as a whole is no answer of JPL."""
    at_byte = len(_UTF8_MARK) if file.content.startswith(_UTF8_MARK) else 0
    text = file.content[at_byte:].decode("utf-8")
    answer = _answer(text)
    fields: list[str] = answer["fields"]
    kind = "close_approaches" if {"des", "jd", "dist"} <= set(fields) else "small_bodies"
    names = [FIELD_SPELLINGS.get(name, name).lower() for name in fields]
    columns = [name if name in COLUMNS[kind] else None for name in names]
    line, at = 1, 0
    for row, start, end in answer["data"]:
        line += text.count("\n", at, start)
        at_byte += len(text[at:start].encode("utf-8"))
        at = start
        error, values = _land_row(row, text, start, columns)
        yield LandedRow(file, kind, line, at_byte, text[start:end], error, dict.fromkeys(COLUMNS[kind]) | values)
