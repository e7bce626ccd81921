"""Reads delimited text strictly: by the dialect of the contract, and with the position of every record.

Bytes are cut into records before anything is parsed, so that a record which cannot be right (bytes that are
not UTF-8, a NUL, a quote in the wrong place, a field too many) is refused alone, with its line, its offset and
its text, and never shifts the ones behind it. What is left goes to Arrow's CSV parser, all columns as text;
the number of rows that come back must be the number that went in.

Cutting (`read`) goes from block to block; parsing a block (`Block.parse`) needs no other and can be done in a thread.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orrery.beginnings import begin
from orrery.errors import IntegrityBroken
from orrery.layout import without_layout
from orrery.records import BLOCK, LINE_END, Cut, by_record, cut, refuse, walk_record

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from orrery.beginnings import Beginning
    from orrery.contracts import Dialect

FIELD_LIMIT = 256 << 10  # bytes; a longer field ends the row
COLUMN_LIMIT = 2_000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Refused:
    """A row that is not loaded: where it stands, the first rule it broke, and its text as it came."""

    line: int
    byte_offset: int
    column: str | None
    rule: str
    message: str
    text: str


@dataclass(frozen=True)
class Chunk:
    """Some consecutive records that have the right shape.

    Attributes:
        table: one text column a column of the contract, in the contract's order; marks for missing are null.
        lines: for each row the line it starts on (header = 1).
        starts, ends: for each row its bytes within `block`.
        refused: records of the same stretch that were refused for their shape.
        blank: empty lines that were passed over.
    """

    table: pa.Table
    lines: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    block: bytes
    base: int
    refused: list[Refused]
    blank: int
    encoding: str

    @property
    def read(self) -> int:
        """Records of this stretch, well-formed or not."""
        return len(self.lines) + len(self.refused)

    def head(self, rows: int) -> Chunk:
        """The first rows of the right shape."""
        lines, starts, ends = self.lines[:rows], self.starts[:rows], self.ends[:rows]
        return Chunk(self.table.slice(0, rows), lines, starts, ends, self.block, self.base, [], 0, self.encoding)

    def refuse(self, row: int, column: str | None, rule: str, message: str) -> Refused:
        """The refusal of one row of the table, with its text as it stood in the file."""
        start, end = int(self.starts[row]), int(self.ends[row])
        line, offset = int(self.lines[row]), self.base + start
        return Refused(line, offset, column, rule, message, self.shown(start, end))

    def shown(self, start: int, end: int) -> str:
        """Bytes of the block as text that a table can hold."""
        return shown(self.block[start:end], self.encoding)


@dataclass(frozen=True)
class Block:
    """Some consecutive records, cut and not yet parsed.

    Attributes:
        octets: the bytes that `cut` speaks of; `base` is where they begin in the file.
        header: the header's bytes; `present` are its columns, in the file's order, `columns` those that are wanted.
    """

    name: str
    dialect: Dialect
    header: bytes
    present: list[str]
    columns: Collection[str]
    octets: bytes
    base: int
    cut: Cut

    def parse(self) -> Chunk:
        """Take out what cannot be right, parse the rest, and count again.

        Raises:
            IntegrityBroken: another number of rows came back from the parser than was cut.
        """
        import numpy as np

        blank, good, refused = self._shaped()
        table = self._table(good)
        if table.num_rows != np.count_nonzero(good):
            raise IntegrityBroken(
                f"{self.name} was cut into {np.count_nonzero(good):,} records and parsed into {table.num_rows:,}.",
                looked=f"{self.name}, from byte {self.base:,}",
                found="the two ways to read it disagree",
                fix="please report this file: nothing of it was loaded",
            )
        lines, starts, ends = (each[good] for each in (self.cut.lines, self.cut.starts, self.cut.ends))
        passed, encoding = int(np.count_nonzero(blank)), self.dialect.encoding
        return Chunk(table, lines, starts, ends, self.octets, self.base, refused, passed, encoding)

    def _shaped(self) -> tuple[np.ndarray, np.ndarray, list[Refused]]:
        """Which records are blank, which have the right shape, and the refusals of the others."""
        cut, buffer = self.cut, self.octets
        blank = _blank(cut, buffer, len(self.present))
        rules = _shape_rules(cut, buffer, self.header, self.dialect, len(self.present))
        refused = []
        for row, (rule, message) in sorted(rules.items()):
            if not blank[row]:
                start, end = int(cut.starts[row]), int(cut.ends[row])
                text = shown(buffer[start:end], self.dialect.encoding)
                refused.append(Refused(int(cut.lines[row]), self.base + start, None, rule, message, text))
        good = ~blank
        good[list(rules)] = False
        return blank, good, refused

    def _table(self, good: np.ndarray) -> pa.Table:
        """The good records through Arrow's CSV parser, every column as text."""
        import pyarrow as pa
        from pyarrow import csv

        if not good.any():
            return pa.table({column: pa.array([], pa.string()) for column in self.columns})
        if good.all() and (not self.cut.has_line_ends_inside or b"\r" not in self.octets):
            clean = self.octets[: self.cut.consumed]
        else:
            spans = zip(self.cut.starts[good], self.cut.ends[good], strict=True)
            clean = b"\n".join(self.octets[start:end] for start, end in spans) + b"\n"
        if self.dialect.encoding != "utf-8":
            clean = clean.decode(self.dialect.encoding).encode()
        table = csv.read_csv(
            pa.py_buffer(clean),
            read_options=csv.ReadOptions(column_names=self.present, use_threads=False, block_size=len(clean)),
            parse_options=csv.ParseOptions(
                delimiter=self.dialect.delimiter,
                quote_char=self.dialect.quote,
                newlines_in_values=self.cut.has_line_ends_inside,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(self.present, pa.string()),
                include_columns=list(self.columns),
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        marks, is_layout = self.dialect.missing, self.dialect.blanks_are_layout
        return pa.table(
            {
                column: without_layout(table[column].combine_chunks(), marks, blanks_are_layout=is_layout)
                for column in self.columns
            }
        )


def shown(raw: bytes, encoding: str = "utf-8") -> str:
    r"""Bytes as text that a table can hold: what is none in the encoding, and NUL, as \\xNN."""
    return raw.decode(encoding, "backslashreplace").replace("\x00", "\\x00")


def read(
    blocks: Iterable[bytes],
    dialect: Dialect,
    columns: Mapping[str, Sequence[str]],
    name: str,
    ignored: Collection[str] = (),
) -> Iterator[Block]:
    """Cut a stream of bytes.

    Args:
        blocks: the decompressed bytes, in pieces of any size.
        columns: for each column that is wanted its spellings; the header must have one of them, in any order.
        name: the file, for messages.
        ignored: names of columns that may be there and are not wanted. One without a name is `column_<n>`, from 1.

    Raises:
        BadInput: the file as a whole cannot be this contract's: empty, UTF-16, wrong header, a quote never closed.
    """
    stream = iter(blocks)
    begun = begin(stream, name, encoding=dialect.encoding, comment=dialect.comment)
    buffer, more = begun.buffer, not begun.is_all
    header_end, present = _header(begun, dialect, columns, name, ignored)
    header, rest = buffer[:header_end].rstrip(b"\r\n"), buffer[header_end:]
    lines = 1 if dialect.is_by_record else len(LINE_END.findall(buffer[:header_end]))
    base, line = begun.base + header_end, begun.line + lines
    while more or rest:
        pieces = [rest]
        while more and (len(pieces) == 1 or sum(map(len, pieces)) < BLOCK):  # at least one, or nothing would move on
            following = next(stream, None)
            more = following is not None
            pieces.append(following or b"")
        buffer = b"".join(pieces)
        found = cut(buffer, line, dialect, name, at_end=not more)
        if dialect.is_by_record:
            found = by_record(found, line)
        if len(found.starts):
            yield Block(name, dialect, header, present, columns, buffer, base, found)
        base, line, rest = base + found.consumed, found.next_line, buffer[found.consumed :]


def _header(
    begun: Beginning, dialect: Dialect, columns: Mapping[str, Sequence[str]], name: str, ignored: Collection[str]
) -> tuple[int, list[str]]:
    """Where the header ends, and the wanted column for each one of the file, in the file's order."""
    where = f"line {begun.line}"
    end, fields, _ = walk_record(begun.buffer, 0, dialect, at_end=begun.is_all)
    if end is None:
        refuse(name, where, "the header never ends (a quote is not closed?)", "mend the first line")
    if len(fields) > COLUMN_LIMIT:
        refuse(name, where, f"{len(fields):,} columns; the limit is {COLUMN_LIMIT:,}", "send fewer columns")
    try:
        names = [without_quotes(field.decode(dialect.encoding), dialect.quote) for field in fields]
    except UnicodeDecodeError as error:
        found = f"a header that is not {dialect.encoding.upper()}"
        refuse(name, f"{where}, byte {error.start}", found, f"iconv -t UTF-8 {name}, or another encoding in csvDialect")
    unnamed = [number for number, each in enumerate(names, start=1) if not each]
    names = [each or f"column_{number}" for number, each in enumerate(names, start=1)]
    wanted = {spelled: column for column, spellings in columns.items() for spelled in spellings}
    expected = [spellings[0] for spellings in columns.values()]
    if len(names) == 1 and len(columns) > 1:
        refuse(
            name,
            f"{where}, delimiter {dialect.delimiter!r}",
            f"1 column found, {len(columns)} expected: {shown(fields[0])[:80]!r}",
            "deliver it as the contract says (csvDialect), or let `orrery data infer FILE` draft one for this file",
        )
    if not set(names) & set(wanted):
        refuse(
            name,
            where,
            f"no header: {', '.join(names)[:120]!r}",
            f"begin with: {','.join(expected)}; a file of another kind: orrery data infer FILE, or data map",
        )
    known = {*wanted, *ignored}
    for number in unnamed:
        if f"column_{number}" not in known:
            refuse(name, where, f"column {number} has no name", "name it, or leave the column out")
    _each_once(name, where, [each for each in names if each not in ignored], wanted)
    there = {wanted[each] for each in names if each in wanted}
    missing = [spellings[0] for column, spellings in columns.items() if column not in there]
    unknown = [each for each in names if each not in known]
    if missing or unknown:
        said = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(unknown)}"] * bool(unknown)
        refuse(name, where, "; ".join(said)[:400], f"the columns are {', '.join(expected)}")
    return end, [wanted.get(each, f"ignored {number}") for number, each in enumerate(names)]


def without_quotes(text: str, quote: str) -> str:
    """A name of the header, without the quotes and the blanks around it."""
    is_quoted = len(text) > 1 and text[0] == text[-1] == quote
    return (text[1:-1].replace(quote * 2, quote) if is_quoted else text).strip()


def _each_once(name: str, where: str, names: Iterable[str], wanted: Mapping[str, str]) -> None:
    """Two columns of one name, or two spellings of one column, would leave open which of them is meant."""
    folded: dict[str, str] = {}
    for each in names:
        for key in {unicodedata.normalize("NFC", each).casefold(), f"column {wanted.get(each, each)}"}:
            if key in folded:
                refuse(name, where, f"two columns of one name: {folded[key]!r} and {each!r}", "rename one of them")
            folded[key] = each


def _blank(cut: Cut, buffer: bytes, width: int) -> np.ndarray:
    """Lines with nothing on them but blanks."""
    blank: np.ndarray = cut.starts == cut.ends
    if width > 1:
        for row in (cut.widths == 1).nonzero()[0]:
            blank[row] = blank[row] or not buffer[cut.starts[row] : cut.ends[row]].strip(b" \t")
    return blank


def _is_text(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _shape_rules(cut: Cut, buffer: bytes, header: bytes, dialect: Dialect, width: int) -> dict[int, tuple[str, str]]:
    """For each record that cannot be right the first rule it breaks, in the order of the rules."""
    import numpy as np

    nul, bom = "a NUL byte, which no text column can hold", "a byte-order mark in the middle: two files in one?"
    misplaced = "a quote inside an unquoted field, or text behind a closing one"
    odd_widths = np.flatnonzero(cut.widths != width).tolist()
    in_order: tuple[tuple[str, Iterable[tuple[int, str]]], ...] = (
        (f"not_{dialect.encoding.replace('-', '')}", _undecodable(cut, buffer, dialect.encoding)),
        ("nul_byte", ((row, nul) for row, _ in _records_with(b"\x00", cut, buffer))),
        ("bom_inside", ((row, bom) for row, raw in _records_with(_BOM, cut, buffer) if raw.startswith(_BOM))),
        ("quote_misplaced", ((row, misplaced) for row in np.flatnonzero(cut.misplaced).tolist())),
        ("field_count", ((row, f"{cut.widths[row]} fields; the header has {width}") for row in odd_widths)),
        ("field_too_long", _long_fields(cut, buffer, dialect)),
        ("header_repeated", _headers(cut, buffer, header)),
    )
    broken: dict[int, tuple[str, str]] = {}
    for rule, found in in_order:
        for row, message in found:
            broken.setdefault(row, (rule, message))
    return broken


def _records_with(part: bytes, cut: Cut, buffer: bytes) -> Iterator[tuple[int, bytes]]:
    """The records that hold some bytes, each once, with its text."""
    import numpy as np

    # what is behind the last whole record belongs to the next block
    positions = [found.start() for found in re.compile(re.escape(part)).finditer(buffer, 0, cut.consumed)]
    for row in np.unique(np.searchsorted(cut.starts, positions, side="right") - 1).tolist():
        yield row, buffer[cut.starts[row] : cut.ends[row]]


def _undecodable(cut: Cut, buffer: bytes, encoding: str) -> Iterator[tuple[int, str]]:
    whole = buffer[: cut.consumed]
    if whole.isascii() or _is_text(whole, encoding):
        return
    for row, (start, end) in enumerate(zip(cut.starts.tolist(), cut.ends.tolist(), strict=True)):
        try:
            buffer[start:end].decode(encoding)
        except UnicodeDecodeError as error:
            octet = buffer[start + error.start]
            yield row, f"not {encoding.upper()}: byte {error.start + 1} of the record is 0x{octet:02X}"


def _long_fields(cut: Cut, buffer: bytes, dialect: Dialect) -> Iterator[tuple[int, str]]:
    for row in (cut.ends - cut.starts > FIELD_LIMIT).nonzero()[0].tolist():
        _, fields, _ = walk_record(buffer[cut.starts[row] : cut.ends[row]], 0, dialect, at_end=True)
        longest = max(map(len, fields))
        if longest > FIELD_LIMIT:
            yield row, f"a field of {longest:,} bytes; the limit is {FIELD_LIMIT:,}"


def _headers(cut: Cut, buffer: bytes, header: bytes) -> Iterator[tuple[int, str]]:
    for row in (cut.ends - cut.starts == len(header)).nonzero()[0].tolist():
        if buffer[cut.starts[row] : cut.ends[row]] == header:
            yield row, "the header again: two files in one?"
