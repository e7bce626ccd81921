"""What names a row: single columns first, then two or three together; and rows that are there more than once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from orrery.inference.columns import Column, Texts

REPEATED = 0.1  # share of rows; where more repeat another one, a key would throw away what was measured twice
LONGEST = 200  # bytes; a text that is longer says something, and names nothing
LIKELY = 6  # columns that are put together, those with the most different values first


@dataclass
class Key:
    """The proposed key.

    Attributes:
        columns: none where nothing names a row.
        duplicates: rows that say in every loaded column what another row says.
    """

    columns: list[Column] = field(default_factory=list)
    duplicates: int = 0
    evidence: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def propose(texts: Texts, columns: Sequence[Column]) -> Key:
    """The key of a file, as its rows show it."""
    loaded = [column for column in columns if not column.is_ignored]
    found = Key()
    if not loaded:
        return found
    different = _different(texts, loaded)
    found.duplicates = texts.rows - different
    if found.duplicates:
        found.evidence.append(
            f"{found.duplicates:,} of {texts.rows:,} rows repeat another one in every column that is loaded"
        )
    if found.duplicates > REPEATED * texts.rows:
        found.doubts.append("so many rows repeat others that no key is proposed: rows are told by all they say")
        return found
    usable = [each for each in loaded if each.values == each.rows and each.shape.kind != "double precision"]
    usable = [each for each in usable if _longest(texts, each) <= LONGEST]
    usable.sort(key=lambda each: (-each.distinct, each.position))
    for size in (1, 2, 3):
        pool = usable if size == 1 else usable[:LIKELY]
        fitting = [group for group in combinations(pool, size) if _different(texts, group) == different]
        if fitting:
            found.columns = sorted(min(fitting, key=_likeliness), key=lambda each: each.position)
            names = " + ".join(each.header for each in found.columns)
            found.evidence.append(f"{names}: {different:,} different in {texts.rows:,} rows")
            others = [
                " + ".join(each.header for each in group)
                for group in fitting
                if set(map(id, group)) != set(map(id, found.columns))
            ]
            if others:
                found.doubts.append(f"so do {'; '.join(others[:3])}: which of them names a row?")
            break
    alone = max(loaded, key=lambda each: each.distinct)
    if len(found.columns) != 1 and alone.distinct >= 0.95 * different and _longest(texts, alone) <= LONGEST:
        most = f"{alone.distinct:,} different values in {different:,} different rows"
        found.doubts.append(f"{alone.header} alone has {most}: if it is the key, the rows that share one are refused")
    if not found.columns:
        found.doubts.append(
            "no column, and no two or three, name a row: the table has no key, and rows are told by all they say"
        )
    elif found.duplicates:
        found.doubts.append("with that key the first of repeated rows is loaded, and the others are refused")
    elif all(each.shape.kind.startswith(("numeric", "double")) for each in found.columns):
        found.doubts.append("a measured number is an odd key: it may be by chance that none is there twice")
    return found


def _likeliness(group: Iterable[Column]) -> tuple[int, int]:
    """Columns that are called like keys first, measured numbers last, else in the file's order."""
    group = list(group)
    words = {word for column in group for word in column.name.split("_")}
    named = not words & {"id", "key", "code", "number", "nr", "uuid", "designator"}
    measured = sum(column.shape.kind.startswith(("numeric", "time", "date")) for column in group)
    return (named + measured, sum(column.position for column in group))


def _different(texts: Texts, group: Sequence[Column]) -> int:
    listed = ", ".join(column.at for column in group)
    return int(texts.ask(f"select count(*) from (select distinct {listed} from text)")[0][0])


def _longest(texts: Texts, column: Column) -> int:
    return int(texts.ask(f"select coalesce(max(strlen({column.at})), 0) from text")[0][0])
