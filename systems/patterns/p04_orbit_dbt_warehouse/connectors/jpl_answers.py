"""Tells whether something is an answer of JPL's, and keeps it as it came.

An answer is a JSON object with `signature`, `fields`, `data` (rows, arrays) and `count`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from polite_http import Failure, said, told

# numbers stay as they are written: none is calculated with, and one of 5000 digits is no reason to fail
DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
LATER = "ask again later; see whether --base is the service"


@dataclass(frozen=True)
class Page:
    """An answer that was looked at.

    Attributes:
        rows: as they are; a row that is odd is for its reader to refuse.
        count: of `count`, none without it: in cad.api the rows that are there, in sbdb_query.api all that the query
            finds, on whatever page. Text in cad.api up to 1.4, a number since.
    """

    fields: Sequence[str]
    rows: Sequence[Any]
    count: int | None

    def value(self, row: Any, field: str) -> str:
        """Of a field in a row; empty where it is not there, or null."""
        at = self.fields.index(field)
        return str(row[at] or "") if isinstance(row, list) and len(row) > at else ""


def looked_at(body: bytes, kind: str | None, where: str, source: str, fields: Iterable[str]) -> Page:
    """An answer that can be used.

    Args:
        kind: the content type, empty where none was told; none for a file that was kept.
        where: the URL or file, for messages.
        source: what its signature is to say.
        fields: that are to be there; without any only the count is wanted.

    Raises:
        Failure: 2, it cannot be used.
    """

    def refuse(found: str, fix: str = LATER) -> NoReturn:
        fix = "begin again: the same command with --again" if kind is None else fix
        raise Failure(2, "JPL's answer cannot be used.", where, found, fix)

    if kind and "json" not in kind.partition(";")[0].lower():
        refuse(f"no JSON but {said(kind)}: {said(told(body))}")
    answer = _parsed(body, refuse)
    complaint = answer.get("message") or answer.get("error")
    if complaint and "data" not in answer:
        code = said(str(answer.get("code", "")))
        refuse(f"an error of the service: {code} {said(str(complaint))}", "correct the query")
    signature = answer.get("signature")
    says = signature.get("source") if isinstance(signature, dict) else None
    if says != source:
        refuse(f"the signature of {said(str(says))!r}; wanted is {source!r}")
    count = answer.get("count")
    if count is not None and not re.fullmatch("[0-9]{1,15}", str(count)):
        refuse(f"a count that is no number: {said(str(count))!r}")
    number = None if count is None else int(count)
    named, rows = answer.get("fields") or [], answer.get("data")
    if rows is None and (number == 0 or not fields):  # so cad.api answers where nothing is found
        return Page([], [], number)
    if not isinstance(rows, list) or not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        refuse(f"no fields and data, but {said(', '.join(answer)) or 'nothing'}")
    if rows and (missing := [each for each in fields if each not in named]):
        refuse(f"fields without {', '.join(missing)}", "the service changed: this program has to be changed too")
    return Page(named, rows, number)


def _parsed(body: bytes, refuse: Callable[[str], NoReturn]) -> dict[str, Any]:
    """The object that it holds; `refuse` is called, and raises, where it holds none."""
    text = ""
    try:
        text = body.decode("utf-8-sig")
        answer, end = DECODER.raw_decode(text, len(text) - len(text.lstrip(" \t\r\n")))
    except UnicodeDecodeError as error:
        refuse(f"not UTF-8 at byte {error.start:,}")
    except RecursionError:
        refuse("JSON nested too deeply")
    except json.JSONDecodeError as error:
        begin = said(told(body)) if text.lstrip().startswith("<") else said(text[:100])
        refuse(f"no JSON, or JSON that was cut: {error.msg} at character {error.pos:,}; it begins {begin!r}")
    if not isinstance(answer, dict) or text[end:].strip():
        refuse(f"no JSON object, or more than one: {said(text[:100])!r}")
    return dict(answer)


def keep(path: Path, body: bytes) -> None:
    """Write a file so that it is there whole, or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name too
    finally:
        os.close(folder)
