"""Cuts delimited bytes into records, one byte after the other: the oracle's reader, with the standard library alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    raw: bytes
    offset: int
    line: int
    fields: list[bytes]
    misplaced: bool


class Unterminated(Exception):
    """A quote that is never closed."""


def records(data: bytes) -> Iterable[Record]:
    """Cut bytes into records: a state machine over single bytes."""
    at, line = 0, 1
    while at < len(data):
        begin, first_line, fields, misplaced = at, line, [], False
        while True:  # one field
            start = at
            if data[at : at + 1] == b'"':
                at += 1
                while True:
                    if at >= len(data):
                        raise Unterminated
                    if data[at : at + 2] == b'""':
                        at += 2
                    elif data[at : at + 1] == b'"':
                        at += 1
                        break
                    else:
                        line += data[at] == 10 or (data[at] == 13 and data[at + 1 : at + 2] != b"\n")
                        at += 1
            tail = at
            while at < len(data) and data[at] not in b",\r\n":
                at += 1
            misplaced |= (tail > start and at > tail) or b'"' in data[tail:at]
            fields.append(data[start:at])
            if data[at : at + 1] != b",":
                break
            at += 1
        end = at
        at += 2 if data[at : at + 2] == b"\r\n" else 1 if at < len(data) else 0
        line += 1
        yield Record(data[begin:end], begin, first_line, fields, misplaced)
