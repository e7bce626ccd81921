#!/usr/bin/env python3
"""Unpacks the Open Exoplanet Catalogue into text files that PostgreSQL's COPY reads: one for each kind of row.

    unpack.py --into FOLDER [--known FILE] CATALOGUE.xml[.gz] …
    unpack.py --into FOLDER --texts

A row is a <system>, <binary>, <star> or <planet>. Each is written to systems.tsv, hosts.tsv (stars and pairs of stars)
or planets.tsv, or with the rule that it breaks and its text to refused.tsv; files.tsv says what was read. What stands
in --known (a line each: sha256, file name, t for the last that came) is passed over. `--texts` adds the texts of rows
that were found out later (duplicates.tsv) to refused.tsv. Memory does not grow with the file. Exit code 2: a file that
cannot be read; nothing may be loaded then.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import io
import os
import sys
import time
from pathlib import Path
from typing import BinaryIO, NoReturn
from xml.parsers import expat

import rows
from copy_text import line as row_of_text
from sources import FULL, PIECE, Unreadable, opened, sha256

SYSTEM_LIMIT = 16 << 20  # bytes of one <system>
DEPTH_LIMIT = 50
ENCODINGS = {"utf-8", "ascii", "iso8859-1"}
KINDS = ("systems", "hosts", "planets", "refused", "files")


class Progress:
    """Says every second how far a file is, to who asked for it (COMET_PROGRESS): bytes done, bytes in all, rows."""

    def __init__(self, path: str) -> None:
        self.total, self.last = Path(path).stat().st_size, time.monotonic()
        self.is_wanted = bool(os.environ.get("COMET_PROGRESS"))

    def at(self, done: int, rows_read: int) -> None:
        """It is so far now."""
        if self.is_wanted and time.monotonic() - self.last >= 1:
            self.last = time.monotonic()
            print(f"progress {done} {self.total} {rows_read}", file=sys.stderr, flush=True)


class Catalogue:
    """Reads one file, a block at a time, and hands on each system with everything in it.

    By expat itself, which tells the byte of each element; a DTD is refused, so there is no entity that could grow or
    reach outside.
    """

    def __init__(self, path: str, out: rows.Writer) -> None:
        self.path, self.out, self.progress = path, out, Progress(path)
        self.encoding = "utf-8"
        self.stack: list[rows.Row] = []
        self.depth = self.ignored = self.systems = 0
        self.root = ""
        self.field, self.attributes = "", dict[str, str]()
        self.text: list[str] = []
        self.buffer, self.base = bytearray(), 0  # what was read since the open system began
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text.append
        self.parser.XmlDeclHandler = self.declared
        self.parser.StartDoctypeDeclHandler = self.doctype

    def read(self, source: BinaryIO) -> None:
        """The whole file."""
        first = source.read(PIECE)
        seen = first.removeprefix(codecs.BOM_UTF8).lstrip()
        if not seen:
            raise Unreadable(self.path, self.path, "it is empty", "deliver it again")
        if seen[:16].lower().startswith((b"<!doctype html", b"<html")):
            raise Unreadable(self.path, self.path, "a page of the web (HTML)", "fetch the catalogue itself")
        if not seen.startswith(b"<"):
            what = "a zip" if seen.startswith(b"PK") else "zstd" if seen.startswith(b"\x28\xb5\x2f\xfd") else "no XML"
            raise Unreadable(
                self.path, self.path, f"{what}: it begins with {bytes(seen[:16])!r}", "deliver XML, plain or gzip"
            )
        try:
            while first:
                self.buffer += first
                self.parser.Parse(first, False)
                self.forget()
                self.progress.at(source.tell(), self.out.read)
                first = source.read(PIECE)
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            where = f"line {error.lineno:,}, column {error.offset + 1:,}"
            raise Unreadable(
                self.path,
                where,
                expat.ErrorString(error.code),
                "deliver it again, whole; its first line says its encoding",
            ) from error
        if not self.systems:
            raise Unreadable(self.path, self.path, "no <system> in it", "deliver a catalogue that holds something")

    def forget(self) -> None:
        """Drop what was read before the system that is open."""
        keep = self.stack[0].offset if self.stack else self.base + len(self.buffer)
        if self.base + len(self.buffer) - keep > SYSTEM_LIMIT:
            self.refuse(f"a <system> of more than {SYSTEM_LIMIT:,} bytes", "is an end tag missing?")
        del self.buffer[: keep - self.base]
        self.base = keep

    def refuse(self, found: str, fix: str) -> NoReturn:
        """The file cannot be read, where the parser stands."""
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        raise Unreadable(self.path, f"line {line:,}, column {column:,}", found, fix)

    # --- what the parser meets ------------------------------------------------------------------------------

    def declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        """The XML declaration: which encoding."""
        try:
            self.encoding = codecs.lookup(encoding or "utf-8").name
        except LookupError:
            self.encoding = str(encoding)
        if self.encoding not in ENCODINGS:
            self.refuse(f"the encoding {encoding}", "save it as UTF-8")

    def doctype(self, *_declared: object) -> None:
        """A DTD: none is let in."""
        self.refuse("a DOCTYPE", "take it out: entities of a catalogue are not read, from nowhere")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """A start tag: a row, or a field of the row that is open, or nothing of ours."""
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            self.refuse(
                f"more than {DEPTH_LIMIT} elements in each other", "deliver a catalogue of Open Exoplanet's form"
            )
        if self.ignored:
            self.ignored += 1
        elif self.stack and tag in rows.INSIDE[self.stack[-1].tag]:
            self.open(tag)
        elif self.stack:
            self.field, self.attributes, self.ignored = tag, attributes, 1
            self.text.clear()
        elif tag == "system" and self.root in ("", "systems"):
            self.root = self.root or tag
            self.open(tag)
        elif not self.root and tag == "systems":
            self.root = tag
        elif not self.root:
            self.refuse(f"the outermost element is <{tag}>", "deliver <systems> or a <system>")
        else:
            self.ignored = 1

    def open(self, tag: str) -> None:
        """A row begins."""
        row = rows.Row(tag, self.parser.CurrentLineNumber, self.parser.CurrentByteIndex)
        if self.stack:
            self.stack[-1].inside.append(row)
        self.stack.append(row)

    def end(self, _tag: str) -> None:
        """An end tag: the field is kept, or the row is whole; with a system its rows are written."""
        self.depth -= 1
        if self.ignored:
            self.ignored -= 1
            if not self.ignored and self.stack:
                self.stack[-1].keep(self.field, "".join(self.text), self.attributes)
            return
        if not self.stack:
            return
        row = self.stack.pop()
        at = self.parser.CurrentByteIndex - self.base
        row.length = self.buffer.index(b">", at) + 1 + self.base - row.offset
        if not self.stack:
            self.systems += 1
            self.out.write(row, self.texts_of)

    def texts_of(self, row: rows.Row) -> str:
        """A row as it stands in the file."""
        begin = row.offset - self.base
        return bytes(self.buffer[begin : begin + row.length]).decode(self.encoding, "backslashreplace")


# --- the command ---------------------------------------------------------------------------------------------------


def unpack(paths: list[str], into: Path, known: list[list[str]]) -> None:
    """Write the rows of all files that are not known; tell of each what became of it.

    Args:
        known: what is loaded: sha256, file name, and `t` for the last that came.
    """
    named = [Path(path).name for path in paths]
    for path, name in zip(paths, named, strict=True):
        if not name.isprintable():
            raise Unreadable(path, repr(path), "a file name with characters that cannot be seen", "rename the file")
        if named.count(name) > 1 and len({each for each in paths if Path(each).name == name}) > 1:
            raise Unreadable(
                path, path, "two files of this name, and a file is known by its name", "rename one of them"
            )
    names = {name: digest for digest, name, _ in known}
    last = next(((digest, name) for digest, name, is_last in known if is_last == "t"), ("", ""))
    with contextlib.ExitStack() as stack:
        outs = {
            kind: stack.enter_context((into / f"{kind}.tsv").open("w", encoding="utf-8", newline="\n"))
            for kind in KINDS
        }
        for number, path in enumerate(paths, start=1):
            digest, name = sha256(path), Path(path).name
            if digest in (names.get(name), last[0]):
                tell("known", name, name if names.get(name) == digest else last[1])
                continue
            names[name], last = digest, (digest, name)
            writer = rows.Writer(outs, str(number))
            with opened(path) as source:
                catalogue = Catalogue(path, writer)
                catalogue.read(source)
            if sha256(path) != digest:
                raise Unreadable(path, path, "it changed while it was read", "deliver it again when it is whole")
            about = [str(number), name, digest, "", "t", catalogue.encoding, str(Path(path).absolute())]
            outs["files"].write(row_of_text(about))
            tell("unpacked", name, str(writer.read), str(writer.refused))


def add_texts(into: Path) -> None:
    """Rows that turned out to be refused after they were unpacked: add their texts to refused.tsv, from the files."""
    found = [line.rstrip("\n").split("\t") for line in (into / "duplicates.tsv").open(encoding="utf-8")]
    paths = [line.split("\t") for line in (into / "files.tsv").read_text(encoding="utf-8").splitlines()]
    with (into / "duplicates_refused.tsv").open("w", encoding="utf-8", newline="\n") as out:
        for number, *_rest, encoding, path in paths:
            mine = sorted((each for each in found if each[0] == number), key=lambda each: (int(each[2]), -int(each[3])))
            with opened(path) as source:
                at, begin, held = 0, 0, b""  # where the file is read to, and the last row that no other holds
                for _, line, offset, length, rule, message in mine:
                    if int(offset) >= at:
                        while at < int(offset):
                            at += len(source.read(min(int(offset) - at, PIECE)))
                        begin, held = at, source.read(int(length))
                        at += len(held)
                    text = held[int(offset) - begin :][: int(length)].decode(encoding, "backslashreplace")
                    out.write(row_of_text([number, line, offset, "name", rule, message, text[: rows.TEXT_LIMIT]]))


def tell(*words: str) -> None:
    """A line of what has become of a file, tabs between the words."""
    print("\t".join(words), flush=True)


def failed(code: int, *said: str) -> int:
    """Tell what went wrong in four parts; gives the exit code."""
    labels = (f"error {code}: ", "  looked in:  ", "  found:      ", "  to fix:     ")
    print(*(f"{label}{text}" for label, text in zip(labels, said, strict=True)), sep="\n", file=sys.stderr)
    return code


def main() -> int:
    """The command line."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    asked.add_argument("--into", type=Path, required=True, help="an empty folder")
    asked.add_argument("--known", type=Path, help="what is loaded: a line of sha256, file name, t or f")
    asked.add_argument("--texts", action="store_true", help="add the texts of duplicates.tsv")
    asked.add_argument("files", nargs="*")
    given = asked.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        if given.texts:
            add_texts(given.into)
        else:
            lines = given.known.read_text(encoding="utf-8").removesuffix("\n").split("\n") if given.known else []
            unpack(given.files, given.into, [line.split("\t") for line in lines if line])
    except Unreadable as error:
        return failed(2, str(error), error.where, error.found, error.fix)
    except OSError as error:
        if error.errno not in FULL:
            raise
        return failed(8, "There is no room left.", str(given.into), error.strerror or "", "make room, then load again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
