"""How a file is written: encoding, line ends, delimiter; each with its evidence, counted over the whole file."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from orrery import files, json_tables
from orrery.beginnings import begin
from orrery.contracts import Dialect
from orrery.files import Delivered
from orrery.records import LINE_END, refuse

HEAD = 256 << 10  # bytes that are looked at for the delimiter
DELIMITERS = (",", ";", "\t", "|")
COMMENT = "#"
_NUMBER = re.compile(r"\s*[+-]?[0-9][0-9.,eE+:/-]*\s*")
OTHER_SCRIPTS = ["cp1251", "koi8_r", "iso8859_5", "cp866", "cp1253", "iso8859_7"]  # Cyrillic and Greek


@dataclass
class Written:
    """How a file is written.

    Attributes:
        width: fields of most records.
        comment: what lines of comment before the header begin with, if there are any.
        is_json: it is JSON, and read as delimited text.
        evidence, doubts: sentences for a person.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    width: int = 1
    comment: str | None = None
    is_json: bool = False
    evidence: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


@dataclass
class _Bytes:
    """What the bytes of a whole file tell, gathered piece by piece."""

    size: int = 0
    nul: int = 0
    is_utf8: bool = True
    high: int = 0
    controls: int = 0  # 0x80 to 0x9F: letters in windows-1252, control characters in latin-1
    crlf: int = 0
    lf: int = 0
    head: bytes = b""
    odd: bytes = b""  # stretches with bytes beyond ASCII


def look(delivered: Delivered) -> Written:
    """Read a file once and say how it is written.

    Raises:
        BadInput: empty, UTF-16, another format, binary.
    """
    if content(delivered, Written())[1].is_by_record:
        said = "JSON, by its first bytes; read as a table: line 1 is its header, line n + 1 its record n"
        return Written(is_json=True, evidence=[said])
    seen = _gather(delivered)
    name = delivered.name
    if not seen.size:
        refuse(name, "byte 0", "the file is empty", "name a file that holds something")
    for mark, wide in ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if seen.head.startswith(mark):
            refuse(name, "line 1", f"{wide}, by its byte-order mark", f"iconv -f {wide} -t UTF-8 {name}")
    if seen.nul * 5 > seen.size:
        refuse(
            name,
            "byte 0",
            f"{seen.nul:,} of {seen.size:,} bytes are NUL: UTF-16, or no text",
            f"iconv -f UTF-16LE -t UTF-8 {name}",
        )
    _preamble(name, seen.head)
    written = Written()
    _encoding(seen, written)
    ends = [f"{count:,} {what}" for what, count in (("CRLF", seen.crlf), ("LF", seen.lf)) if count]
    written.evidence.append(f"lines end in {' and '.join(ends) or 'nothing: one line'}")
    if seen.crlf and seen.lf:
        written.doubts.append("line ends are mixed: two files in one, or line ends inside quoted fields?")
    if seen.nul:
        written.doubts.append(f"{seen.nul:,} NUL bytes: their rows will be refused")
    head, above = _comment(delivered, seen.head.removeprefix(codecs.BOM_UTF8))
    if above and _header_is_among(name, above, head, written.encoding):
        head, above = b"\n".join([*above, head]), []
    if above:
        written.comment = COMMENT
        written.evidence.append(f"{len(above):,} lines of comment before the header, each begins with {COMMENT!r}")
    _delimiter(head.decode(written.encoding, "replace"), written)
    return written


def content(delivered: Delivered, written: Written) -> tuple[Iterator[bytes], Dialect]:
    """The bytes of a file as delimited text, and how they are to be read: everything as it stands there."""
    dialect = Dialect(
        written.delimiter, '"', (), blanks_are_layout=False, encoding=written.encoding, comment=written.comment
    )
    return json_tables.as_delimited(files.blocks(delivered, lambda _: None), dialect, delivered.name)


def _comment(delivered: Delivered, head: bytes) -> tuple[bytes, list[bytes]]:
    """The head of the file from the header on, and the lines of comment above it."""
    if not head.startswith(COMMENT.encode()):
        return head, []
    begun = begin(files.blocks(delivered, lambda _: None), delivered.name, encoding="utf-8", comment=COMMENT)
    above = LINE_END.split(head, maxsplit=begun.line - 1)[: begun.line - 1]
    return begun.buffer[:HEAD], above + [b""] * (begun.line - 1 - len(above))


def _header_is_among(name: str, above: list[bytes], head: bytes, encoding: str) -> bool:
    """Whether the header itself begins like a comment: it has as many fields as the rows have.

    Raises:
        BadInput: it stands among other lines of comment.
    """
    found = Written(encoding=encoding)
    _delimiter(head.decode(encoding, "replace"), found)
    like = [number for number, line in enumerate(above, start=1) if len(_fields(line, found)) == found.width]
    if len(above) > 1 and like:
        below = _fields(LINE_END.split(head, maxsplit=1)[0], found)
        if found.width > 1 and not any(_NUMBER.fullmatch(each) for each in below):
            return False  # a sentence with as many commas: what stands below it is no row
        refuse(
            name,
            f"line {like[-1]}",
            "lines of comment, one of which looks like the header",
            f"take the others out, and the {COMMENT} before the header",
        )
    return bool(like)


def _fields(line: bytes, found: Written) -> list[str]:
    text = line[: HEAD // 4].decode(found.encoding, "replace")  # that module takes no field beyond 128 KiB
    return next(csv.reader([text], delimiter=found.delimiter), [])


def _preamble(name: str, head: bytes) -> None:
    """Lines before the header, which the reader would take for it."""
    first = head.removeprefix(codecs.BOM_UTF8)
    if first.lower().startswith(b"sep="):
        refuse(name, "line 1", "a line for spreadsheets that says the delimiter", f"take it out: sed -i 1d {name}")
    if sum(octet < 9 or 13 < octet < 32 for octet in first[:1000]) > 20:
        refuse(name, "byte 0", "control characters: this is no delimited text", "name a file of text")


def _gather(delivered: Delivered) -> _Bytes:
    seen, decoder = _Bytes(), codecs.getincrementaldecoder("utf-8")()
    for piece in files.blocks(delivered, lambda _: None):
        seen.size += len(piece)
        seen.nul += piece.count(b"\0")
        seen.crlf += piece.count(b"\r\n")
        seen.lf += piece.count(b"\n") - piece.count(b"\r\n")
        seen.head += piece[: HEAD - len(seen.head)]
        if not piece.isascii():
            high = piece.translate(None, bytes(range(128)))
            seen.high += len(high)
            seen.controls += len(high) - len(high.translate(None, bytes(range(128, 160))))
            if len(seen.odd) < HEAD:
                seen.odd += b"\n".join(line for line in piece.split(b"\n") if not line.isascii())[: HEAD // 4]
        if seen.is_utf8:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                seen.is_utf8 = False
    return seen


def _encoding(seen: _Bytes, found: Written) -> None:
    if seen.is_utf8:
        what = "with a byte-order mark" if seen.head.startswith(codecs.BOM_UTF8) else "no byte-order mark"
        found.evidence.append(f"UTF-8: all {seen.size:,} bytes read so, {seen.high:,} of them beyond ASCII; {what}")
        return
    words = re.findall(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*", seen.odd)[:2000]
    lines = [line for line in seen.odd.split(b"\n") if not line.isascii()]
    good = sum(_is_utf8(line) for line in lines)
    if 10 * good >= 9 * len(lines):
        found.evidence.append(f"UTF-8, but for some lines: {good:,} of {len(lines):,} lines beyond ASCII read so")
        found.doubts.append("the lines that are not UTF-8 would be refused; `data validate` names them")
        return
    whole = [word for word in words if len(word) > 2 and 5 * sum(octet >= 128 for octet in word) >= 4 * len(word)]
    if 2 * len(whole) < len(words):  # letters with accents, and signs, among plain letters: a Latin script
        latin = ["cp1252", "cp1250"] if seen.controls else ["iso8859-1", "iso8859-2"]
        found.encoding = max(latin, key=lambda each: sum(word.decode(each, "replace").isalpha() for word in words))
        others = ", ".join(each for each in latin if each != found.encoding)
    else:
        from charset_normalizer import from_bytes

        best = from_bytes(seen.odd, cp_isolation=OTHER_SCRIPTS).best()
        found.encoding, others = codecs.lookup(best.encoding if best else "cp1251").name, "another of that script"
    shown = ", ".join(dict.fromkeys(word.decode(found.encoding, "replace") for word in words))[:80]
    found.evidence.append(f"{found.encoding}: {seen.high:,} bytes beyond ASCII, which are not UTF-8")
    found.doubts.append(
        f"encoding {found.encoding} is likely, not certain (else {others}): do these words read well? {shown}"
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(text: str, found: Written) -> None:
    """The delimiter by which most records have one same number of fields, the larger number first."""
    scores = []
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        widths: Counter[int] = Counter()
        with contextlib.suppress(csv.Error):  # a field that is too long for that module: what came before it will do
            widths.update(len(row) for row in reader if row)
        if widths:
            width, often = widths.most_common(1)[0]
            share = often / widths.total()
            scores.append((width > 1 and share > 0.5, round(share, 2), width, delimiter, widths))
    is_delimited, share, found.width, found.delimiter, widths = max(scores, key=lambda each: each[:3])
    others = [
        repr(delimiter)
        for is_likely, part, width, delimiter, _ in scores
        if is_likely and delimiter != found.delimiter and part >= share and 2 * width >= found.width
    ]
    if not is_delimited:
        found.delimiter, found.width = ",", 1
        found.doubts.append("no delimiter found: every record is one field, or the records are of all widths")
    found.evidence.append(
        f"delimiter {found.delimiter!r}: {share:.0%} of the first {widths.total():,} records have {found.width} fields"
    )
    if is_delimited and others:
        found.doubts.append(f"{', '.join(others)} would also give records of one width")
