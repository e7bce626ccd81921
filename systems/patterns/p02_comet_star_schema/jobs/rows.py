"""The rows of a catalogue: which elements they are; each is written down, or refused with its place and its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

import rules
from copy_text import line
from rules import Broken

# row elements, and which rows may lie directly in them
INSIDE: dict[str, tuple[str, ...]] = {
    "system": ("star", "binary", "planet"),
    "binary": ("star", "binary", "planet"),
    "star": ("planet",),
    "planet": (),
}
TEXT_LIMIT = 4000  # characters kept of a refused row


@dataclass(slots=True)
class Row:
    """An element of the file, with its fields and the rows in it; length and offset in bytes."""

    tag: str
    line: int
    offset: int
    length: int = 0
    fields: dict[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    inside: list[Row] = field(default_factory=list)

    def keep(self, tag: str, text: str, attributes: Mapping[str, str]) -> None:
        """A field: of several the first counts, of lists all."""
        if tag == "list":
            self.lists.append(text)
        elif tag not in self.fields:
            self.fields[tag] = (text, attributes)


class Writer:
    """Writes the rows of a file, system by system; `outs` are the text files by kind, `number` is the file's."""

    def __init__(self, outs: Mapping[str, TextIO], number: str) -> None:
        self.outs, self.number = outs, number
        self.read = self.refused = 0

    def write(self, system: Row, text_of_row: Callable[[Row], str]) -> None:
        """A system with everything in it: each row to its file, or refused."""
        self.text_of_row = text_of_row
        name: str | None = None
        try:
            name = rules.name_of(system.fields)
            about = [
                rules.text_of(system.fields, "rightascension"),
                rules.text_of(system.fields, "declination"),
                *rules.DISTANCE.of(system.fields),
            ]
            self._keep("systems", system, [name, *about, "t"])
        except Broken as broken:
            self._refuse(system, broken)
            if name is not None:  # the file restates it all the same
                self._write("systems", system, [name, None, None, None, "f"])
        self._inside(system, name, None, None)

    def _inside(self, row: Row, system: str | None, host: tuple[str, str] | None, part_of: str | None) -> None:
        for each in row.inside:
            if system is None:
                self._refuse(each, Broken("system", "no_system"))
                self._inside(each, None, None, None)
            elif each.tag == "planet":
                self._attempt(each, partial(self._planet, each, system, host))
            else:
                named = _called(each)
                self._attempt(each, partial(self._host, each, system, named, part_of))
                below = (named, each.tag) if named else None
                self._inside(each, system, below, named if each.tag == "binary" else None)

    def _host(self, row: Row, system: str, named: str | None, part_of: str | None) -> None:
        name = named if named is not None else rules.name_of(row.fields)
        if row.tag == "binary":
            about: list[str | None] = [None, None, None, None, *rules.MAGNITUDE.of(row.fields), None, None]
        else:
            about = [value for measure in rules.OF_STAR for value in measure.of(row.fields)] + [
                rules.text_of(row.fields, "spectraltype")
            ]
        self._keep("hosts", row, [system, name, row.tag, part_of, *about])

    def _planet(self, row: Row, system: str, host: tuple[str, str] | None) -> None:
        name, status = rules.name_of(row.fields), rules.status_of(row.lists)
        method, year, day = (
            rules.text_of(row.fields, "discoverymethod"),
            rules.year_of(row.fields),
            rules.day_of(row.fields),
        )
        measures = [value for measure in rules.OF_PLANET for value in measure.of(row.fields)]
        of = [*host] if host else [None, None]
        self._keep("planets", row, [system, *of, name, status, method, None, year, day, *measures])

    def _attempt(self, row: Row, write: Callable[[], None]) -> None:
        try:
            write()
        except Broken as broken:
            self._refuse(row, broken)

    def _keep(self, kind: str, row: Row, values: list[str | None]) -> None:
        self.read += 1
        self._write(kind, row, values)

    def _write(self, kind: str, row: Row, values: list[str | None]) -> None:
        self.outs[kind].write(line([self.number, str(row.line), str(row.offset), str(row.length), *values]))

    def _refuse(self, row: Row, broken: Broken) -> None:
        self.read += 1
        self.refused += 1
        text = self.text_of_row(row)[:TEXT_LIMIT]
        place = [self.number, str(row.line), str(row.offset)]
        self.outs["refused"].write(line([*place, broken.column, broken.rule, rules.MESSAGES[broken.rule], text]))


def _called(row: Row) -> str | None:
    """What a star or a pair of stars is called, if it has a name that can be used; a pair after those in it."""
    try:
        found = rules.text_of(row.fields, "name")
    except Broken:
        return None
    if found is None and row.tag == "binary":
        parts = [_called(each) for each in row.inside if each.tag in ("star", "binary")]
        found = " + ".join(each for each in parts if each) or None
        if found and len(found) > rules.NAME_LIMIT:
            return None
    return found
