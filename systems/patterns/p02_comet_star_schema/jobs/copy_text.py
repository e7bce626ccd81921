"""Rows as lines of COPY's text format, which PostgreSQL reads."""

from __future__ import annotations

from collections.abc import Sequence


def line(values: Sequence[str | None]) -> str:
    """A line of COPY's text format."""
    return "\t".join("\\N" if each is None else _escaped(each) for each in values) + "\n"


def _escaped(text: str) -> str:
    if text.isprintable() and "\\" not in text:
        return text
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "")
