"""The columns of a file: what each is, counted over every value by the forms that a load would use."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery import delimited, forms
from orrery.beginnings import begin
from orrery.feeds import RESERVED
from orrery.files import Delivered
from orrery.inference import shapes
from orrery.inference.dialects import Written, content
from orrery.inference.shapes import Shape
from orrery.records import refuse, walk_record

if TYPE_CHECKING:
    import duckdb

    from orrery.delimited import Refused

SAMPLE = 400  # distinct values that candidates are made from
ENOUGH = 50  # values; from here on a few that do not read make no text of a column
MISFITS = 0.02  # share of values that may not read


@dataclass
class Column:
    """One column of a file.

    Attributes:
        header: as in the file; `column_<n>` where it has none.
        name: for a table.
        values: those that are not missing.
        examples: the most frequent values, with their counts.
        misfits: values that do not read as the shape: line and text of the first.
        marks: texts that stand for "not known" in this column.
        is_ignored: not worth loading: without a name and empty, or only the number of the row.
    """

    position: int
    header: str
    name: str
    rows: int
    values: int = 0
    distinct: int = 0
    shape: Shape = field(default_factory=lambda: Shape("text"))
    examples: list[tuple[str, int]] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    misfits: list[tuple[int, str]] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    is_ignored: bool = False

    @property
    def at(self) -> str:
        """The column's name in the table `text`."""
        return f"t{self.position}"


class Texts:
    """A whole file as text, in a DuckDB on disk: memory stays flat."""

    def __init__(
        self, duck: duckdb.DuckDBPyConnection, delivered: Delivered, written: Written, told: Callable[[str], None]
    ) -> None:
        self.duck, self.delivered, self.written, self.told = duck, delivered, written, told
        self.refused: list[Refused] = []
        self.refused_rows = self.rows = 0
        self.headers = self._headers()
        self.missing: list[str] = [""]
        self.has_layout = self._fill()

    def _headers(self) -> list[str]:
        blocks, raw = content(self.delivered, self.written)
        begun = begin(blocks, self.delivered.name, comment=raw.comment)
        where = f"line {begun.line}"
        _, fields, _ = walk_record(begun.buffer, 0, raw, at_end=True)
        texts = [field.decode(self.written.encoding, "replace").strip() for field in fields]
        texts = [
            text[1:-1].replace('""', '"').strip() if text[:1] == text[-1:] == '"' and len(text) > 1 else text
            for text in texts
        ]
        filled = [text for text in texts if text]
        data = [text for text in filled if re.fullmatch(r"[+-]?[0-9][0-9.,:/ -]*|-", text)]
        if not filled or 2 * len(data) >= len(filled):
            refuse(
                self.delivered.name,
                where,
                f"no header: {', '.join(texts)[:120]!r}",
                "put a line with the columns' names on top: sed -i '1i name,name,…' FILE",
            )
        if len(texts) > 2 and 2 * len(filled) <= len(texts):
            refuse(
                self.delivered.name,
                where,
                f"{len(texts) - len(filled)} of {len(texts)} columns have no name: a title above the header?",
                f"take the lines above the header out (sed -i 1d {self.delivered.name}), or name the columns",
            )
        return [text or f"column_{number}" for number, text in enumerate(texts, start=1)]

    def _fill(self) -> bool:
        """Read the file strictly; what no reader could read is kept as refused. Gives whether values are padded."""
        columns = {f"t{position}": (header,) for position, header in enumerate(self.headers)}
        typed = ", ".join(f"{each} varchar" for each in columns)
        self.duck.execute(f"create table text (line bigint, {typed})")
        blocks, dialect = content(self.delivered, self.written)
        for block in delimited.read(blocks, dialect, columns, self.delivered.name):
            chunk = block.parse()
            self.refused_rows += len(chunk.refused)
            self.refused += chunk.refused[: max(0, 5 - len(self.refused))]
            self.duck.register("chunk", chunk.table.append_column("line", [chunk.lines]))
            self.duck.execute(f"insert into text select line, {', '.join(columns)} from chunk")
            self.rows += len(chunk.lines)
            self.told(f"{self.rows:,} rows read")
        if not self.rows:
            refuse(self.delivered.name, "line 2", "a header and no rows", "infer wants rows to look at")
        padded = " or ".join(rf"regexp_matches({each}, '^[ \t]|[ \t]$|[ \t][ \t]')" for each in columns)
        [(found,)] = self.duck.execute(f"select count(*) from text where {padded}").fetchall()
        if found:
            self.written.evidence.append(
                f"{found:,} rows hold blanks at the ends of values, or several in a row: layout"
            )
            for each in columns:
                trimmed = rf"regexp_replace(trim({each}, ' ' || chr(9)), '[ \t]+', ' ', 'g')"
                self.duck.execute(f"update text set {each} = {trimmed} where {each} <> {trimmed}")
        return bool(found)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over `text`."""
        return self.duck.execute(sql).fetchall()

    def known(self, column: Column) -> str:
        """SQL that is true where a column has a value."""
        return f"{column.at} not in ({', '.join(map(forms.quoted, [*self.missing, *column.marks]))})"


@contextmanager
def opened(delivered: Delivered, written: Written, told: Callable[[str], None]) -> Iterator[Texts]:
    """A file, loaded as text for as long as it is looked at.

    Args:
        told: is told how far the work is.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="orrery-infer-") as folder:
        duck = duckdb.connect(
            Path(folder) / "text.duckdb", config={"memory_limit": "1GB", "preserve_insertion_order": "false"}
        )
        duck.execute("set timezone = 'UTC'")
        try:
            yield Texts(duck, delivered, written, told)
        finally:
            duck.close()


def describe(texts: Texts) -> list[Column]:
    """Every column, in the file's order."""
    names = table_names(texts.headers)
    found = [
        Column(position, header, name, texts.rows)
        for position, (header, name) in enumerate(zip(texts.headers, names, strict=True))
    ]
    for column in found:
        column.marks = _marks(texts, column)
    for column in found:
        texts.told(f"column {column.position + 1} of {len(found)}: {column.header}")
        _count(texts, column)
        if not column.values:
            column.is_ignored = column.header == f"column_{column.position + 1}"
            column.evidence.append("wholly empty")
            if not column.is_ignored:
                column.doubts.append("wholly empty: kept as text; ignore it if nothing will ever come")
            continue
        _choose(texts, column)
        if _is_row_number(texts, column):
            column.is_ignored = True
            column.evidence.append("it only counts the rows")
            column.doubts.append("taken for the number of the row, and ignored; load it if it means something")
    return found


def _count(texts: Texts, column: Column) -> None:
    known, at = texts.known(column), column.at
    [(column.values, column.distinct)] = texts.ask(f"select count(*), count(distinct {at}) from text where {known}")
    column.examples = texts.ask(f"select {at}, count(*) from text where {known} group by 1 order by 2 desc, 1 limit 13")
    empty = column.rows - column.values
    if empty:
        column.evidence.append(f"missing in {empty:,} of {column.rows:,} rows")


def _marks(texts: Texts, column: Column) -> list[str]:
    """Texts of a column that stand for "not known": marks in a column that is otherwise of a type."""
    marks = ", ".join(map(forms.quoted, shapes.MARKS))
    found = [
        text for (text,) in texts.ask(f"select distinct {column.at} from text where lower({column.at}) in ({marks})")
    ]
    if not found:
        return []
    rest = _sample(texts, column, without=found)
    if rest and next(shapes.candidates(rest), None) is not None:
        column.evidence.append(f"{', '.join(map(repr, sorted(found)))} taken for missing, in this column alone")
        return sorted(found)
    column.doubts.append(
        f"{', '.join(map(repr, sorted(found)))}: text like any other; add it to missing if it means not known"
    )
    return []


def _sample(texts: Texts, column: Column, without: Sequence[str]) -> list[str]:
    out = ", ".join(map(forms.quoted, ["", *without]))
    rows = texts.ask(
        f"select {column.at} from (select {column.at}, min(line) as line from text where {column.at} not in ({out})"
        f" group by 1 order by hash({column.at}) limit {SAMPLE}) order by line"
    )
    return [text for (text,) in rows]


def _choose(texts: Texts, column: Column) -> None:
    """The first candidate that reads every value, or nearly; text where none does."""
    if _is_code(texts, column):
        return
    sample = _sample(texts, column, column.marks)
    fitting: list[tuple[Shape, int]] = []
    for shape in shapes.candidates(sample):
        read = _read(texts, column, shape)
        if read == column.values or (column.values >= ENOUGH and read >= (1 - MISFITS) * column.values):
            fitting.append((shape, read))
    if not fitting:
        _describe_text(column)
        odd = [value for value in sample if not re.fullmatch(r"[^A-Za-z]*[0-9][^A-Za-z]*", value)]
        if 2 * len(odd) < len(sample) and odd:
            share = 1 - len(odd) / len(sample)
            column.doubts.append(
                f"{share:.0%} of its values look like numbers or dates; {odd[0][:40]!r} and others keep it text"
            )
        return
    best = max(read for _, read in fitting)
    column.shape = next(shape for shape, read in fitting if read == best)
    rivals = [shape for shape, read in fitting if read == best and _contradicts(shape, column.shape)]
    said = column.shape.as_csv_form()
    if rivals:
        column.doubts.append(
            f"day or month first? {column.shape} and {rivals[0]} both read all {best:,} values: "
            f"it stays text; if one is right, write physicalType: {rivals[0].kind} and that formats as csvForm"
        )
        column.shape = Shape("text")
        return
    column.evidence.append(f"{best:,} of {column.values:,} values read as {column.shape}")
    for how in said.get("formats", []) if len(said.get("formats", [])) > 1 else []:
        alone = _read(texts, column, Shape(column.shape.kind, (("formats", [how]),)))
        column.evidence.append(f"{alone:,} as {how}")
    for shape in (shape for shape, read in fitting if read == best and _is_else(texts, column, shape)):
        column.doubts.append(f"it could as well be {shape}: look at {column.examples[0][0]!r}")
        break
    _doubt_times(column, said)
    _doubt_thousands(texts, column)
    if best < column.values:
        column.misfits = _misfits(texts, column)
        first = "; ".join(f"line {line:,}: {text[:40]!r}" for line, text in column.misfits)
        column.doubts.append(
            f"{column.values - best:,} values do not read so, and their rows would be refused ({first})"
        )


def _contradicts(one: Shape, other: Shape) -> bool:
    """Whether two forms read the same texts as different things: day and month, a comma for thousands or decimals."""
    formats, others = dict(one.said).get("formats"), dict(other.said).get("formats")
    return bool(formats and others and formats != others)


def _is_else(texts: Texts, column: Column, shape: Shape) -> bool:
    """Whether another shape that reads all values makes something else of them: a date, or other numbers."""
    said, chosen = dict(shape.said), dict(column.shape.said)
    if "formats" in said or "formats" in chosen:
        return "formats" in said and "formats" not in chosen
    if said.get("decimal") == chosen.get("decimal") or column.shape.kind == "boolean":
        return False
    one, other = (_values(texts, column, each) for each in (column.shape, shape))
    same = "cast(one.v as double) = cast(other.v as double)"
    return bool(
        texts.ask(f"select count(*) from {one} as one join {other} as other using (line) where not {same}")[0][0]
    )


def _doubt_times(column: Column, said: dict[str, Any]) -> None:
    if column.shape.kind == "timestamp":
        column.doubts.append("no zone is written: make it timestamptz with a zone if you know which")
    if any("%y" in how for how in said.get("formats", [])):
        column.doubts.append("years of two digits: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068")
    if "%" in said.get("strip", []):
        column.doubts.append("per cent: the number as it is written; times: 0.01 makes a share of it")


def _doubt_thousands(texts: Texts, column: Column) -> None:
    """A mark that no value has together with a decimal point may be another decimal point in a mixed column."""
    said = dict(column.shape.said)
    mark, point = said.get("thousands"), said.get("decimal", ".")
    if not mark or column.shape.kind in ("integer", "bigint"):
        return
    has_mark, has_point = (f"contains({column.at}, '{each.replace(chr(39), chr(39) * 2)}')" for each in (mark, point))
    [(both, marked, first)] = texts.ask(
        f"select count(*) filter (where {has_mark} and {has_point}), count(*) filter (where {has_mark}),"
        f" min({column.at}) filter (where {has_mark}) from text where {texts.known(column)}"
    )
    if marked and not both:
        column.doubts.append(
            f"{mark!r} for thousands, or for decimals? {first[:40]!r} is one of {marked:,} values with it, the others"
            f" have {point!r}"
        )


def _describe_text(column: Column) -> None:
    if column.distinct <= 12 and column.values >= ENOUGH:
        words = " · ".join(f"{text[:30]} {count:,}" for text, count in column.examples)
        column.evidence.append(f"{column.distinct} different values: {words}")
    else:
        column.evidence.append(f"text, {column.distinct:,} different values")


def _is_code(texts: Texts, column: Column) -> bool:
    """Digits with zeros in front are a code, and no number."""
    zeros = f"regexp_full_match({column.at}, '0[0-9]+') and {texts.known(column)}"
    [(codes, first)] = texts.ask(f"select count(*), min({column.at}) from text where {zeros}")
    plus = f"regexp_full_match({column.at}, '[+][0-9]{{6,}}') and {texts.known(column)}"
    [(dialled,)] = texts.ask(f"select count(*) from text where {plus}")
    if dialled:
        column.evidence.append(f"{dialled:,} values begin with +, as telephone numbers do: kept as text")
        return True
    if codes and not re.match("[0-9]{8}$", first):
        column.evidence.append(f"{codes:,} values begin with 0, like {first!r}: a code, kept as text")
    return bool(codes)


def _values(texts: Texts, column: Column, shape: Shape) -> str:
    text = forms.text_of(shape.form(column.at), [column.at], texts.missing)
    value = forms.value_of(shape.form(column.at), shape.kind, "x")
    return f"(select line, x, {value} as v from (select line, {text} as x from text where {texts.known(column)}))"


def _read(texts: Texts, column: Column, shape: Shape) -> int:
    """How many values of a column read as a shape."""
    return int(texts.ask(f"select count(v) from {_values(texts, column, shape)}")[0][0])


def _misfits(texts: Texts, column: Column) -> list[tuple[int, str]]:
    values = _values(texts, column, column.shape)
    found = f"select line, x from {values} where v is null and x is not null order by line limit 3"
    return [(line, text) for line, text in texts.ask(found)]


def _is_row_number(texts: Texts, column: Column) -> bool:
    """Whether a column counts the rows (a few may be gone, or there twice), under a name that says nothing else."""
    if column.shape.kind not in ("integer", "bigint") or column.values < column.rows:
        return False
    if not re.fullmatch(r"(column_?[0-9]+|unnamed.*|index|row|row.?(number|nr|no)|#)", column.header.lower()):
        return False
    [(on, steps)] = texts.ask(
        "select count(*) filter (v = before + 1), count(before) from (select v, lag(v) over (order by line) as before"
        f" from (select line, try_cast({column.at} as bigint) as v from text))"
    )
    return bool(on >= 0.9 * steps)


def table_names(headers: Sequence[str], reserved: Sequence[str] = RESERVED) -> list[str]:
    """A name for a table's column for each header, no two alike and none reserved."""
    found: list[str] = []
    for number, header in enumerate(headers, start=1):
        plain = unicodedata.normalize("NFKD", header.casefold()).encode("ascii", "ignore").decode()
        name = re.sub("[^a-z0-9]+", "_", plain).strip("_")[:36] or f"column_{number}"
        name = f"n_{name}" if name[0].isdigit() else name
        name = f"{name}_value" if name in reserved else name
        taken = sum(each == name or (each.startswith(f"{name}_") and each[len(name) + 1 :].isdigit()) for each in found)
        found.append(f"{name}_{taken + 1}" if name in found else name)
    return found
