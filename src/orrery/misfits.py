"""The misfit report: what of a file a run would refuse, and why, before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery import contracts, files
from orrery.judging import Judge

if TYPE_CHECKING:
    from orrery.delimited import Block, Refused
    from orrery.feeds import Feed
    from orrery.files import Delivered

_ADVICE = {
    "form": "say in {where} how '{column}' is written (values, strip, thousands, formats …), or mend the rows",
    "missing": "deliver it, or make '{column}' not required in {where}",
    "unknown": "name the word under values or enum of '{column}' in {where}, or mend the rows",
    "field_count": "mend the rows (a delimiter or a quote too many or too few), or csvDialect in {where}",
    "quote_misplaced": "mend the rows (a quote inside a field is doubled, the field quoted), or csvDialect in {where}",
    "duplicate_row": "nothing, if the first is enough: a run loads it and refuses the others",
    "duplicate_name": "leave one of them, or make '{column}' of columns that tell them apart, in {where}",
    "key_conflict": "choose a key in {where} that names each row, or mend the rows",
}

_REPEATED = {
    "duplicate_row": "the same row as another before it, in every column",
    "key_conflict": "another row has its key, and says something else",
}


@dataclass
class Misfit:
    """Rows that break one rule.

    Attributes:
        column: of the file; None where the record as a whole breaks the rule.
        first: some of the rows: line, byte offset, message and text; of repeated ones the line of the first, too.
    """

    file: str
    column: str | None
    rule: str
    message: str
    change: str
    count: int = 0
    first: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Report:
    """What a run would make of files: rows that fit, rows that do not, and whether the gate would close."""

    table: str
    read: int = 0
    fits: int = 0
    misfits: list[Misfit] = field(default_factory=list)
    warnings: dict[str, int] = field(default_factory=dict)
    held_back: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """The report as plain data."""
        return asdict(self)


def report(feed: Feed, paths: Sequence[Path], *, rows: int, told: Callable[[str], None]) -> Report:
    """Read files as a run would, and load nothing.

    Args:
        rows: how many of the rows that break a rule are shown.
        told: is told how far the work is.

    Raises:
        BadInput: a file that is refused as a whole.
    """
    found = Report(feed.table)
    for path in paths:
        _Examination(feed, files.fingerprint(path), rows, told).into(found)
    return found


class _Examination:
    """One file: read once for its forms and checks, and again where keys are there more than once."""

    def __init__(self, feed: Feed, delivered: Delivered, rows: int, told: Callable[[str], None]) -> None:
        self.feed, self.delivered, self.rows, self.told = feed, delivered, rows, told
        self.judge = Judge(feed)
        self.kinds: dict[tuple[str | None, str], Misfit] = {}

    def into(self, found: Report) -> None:
        """Add what this file is to the report."""
        read = 0
        for block in self.blocks():
            judged = self.judge.judge(block.parse())
            read += judged.read
            self.told(f"{self.delivered.name}: {read:,} rows read")
            self.add(judged.refused)
            for rule, count in judged.warnings.items():
                found.warnings[rule] = found.warnings.get(rule, 0) + count
            if self.judge.contract.key:
                self.judge.remember(judged)
        if self.judge.contract.key and read:
            self.add_repeated(self.judge.repeated())
        refused = sum(each.count for each in self.kinds.values())
        found.read += read
        found.fits += read - refused
        found.misfits += sorted(self.kinds.values(), key=lambda each: -each.count)
        if closed := contracts.gate(self.feed.incoming, read=read, refused=refused):
            found.held_back.append(f"{self.delivered.name}: {closed}")

    def blocks(self) -> Iterator[Block]:
        """The file from its beginning."""
        return self.judge.records(files.blocks(self.delivered, lambda _: None), self.delivered.name)

    def add(self, refused: Sequence[Refused], **more: int) -> None:
        """Count refusals, and keep the first of each kind; `more` is said of each."""
        for each in refused:
            kind = (each.column, each.rule)
            if kind not in self.kinds:
                self.kinds[kind] = Misfit(self.delivered.name, *kind, each.message, _advice(self.feed, each))
            misfit = self.kinds[kind]
            misfit.count += 1
            if len(misfit.first) < self.rows:
                place = {"line": each.line, "byte_offset": each.byte_offset, **more}
                misfit.first.append({**place, "message": each.message, "text": each.text})

    def add_repeated(self, repeated: Mapping[int, tuple[str, int]]) -> None:
        """The rows whose key another row has: their text is read from the file again."""
        contract = self.judge.contract
        source = " + ".join(contract.source_of(name) or name for name in contract.key)
        messages = _REPEATED | dict([self.feed.repeated] if self.feed.repeated else [])
        for block in self.blocks() if repeated else ():
            chunk = block.parse()
            for row, line in enumerate(chunk.lines.tolist()):
                if line in repeated:
                    rule, first = repeated[line]
                    self.add([chunk.refuse(row, source, rule, messages[rule])], first_line=first)


def _advice(feed: Feed, each: Refused) -> str:
    """What to change, for rows that break a rule."""
    where = feed.incoming.path.name
    if each.rule == f"not_{feed.incoming.written_as().encoding.replace('-', '')}":
        return f"encoding in csvDialect of {where}: `orrery data infer` finds which"
    told = _ADVICE.get(each.rule, "mend the rows in the file, or the rule in {where}")
    return told.format(where=where, column=each.column or "")
