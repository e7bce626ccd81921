"""How the columns of a foreign file may fill a system's table: by names, by words, by what the values look like.

What a table's columns are called elsewhere is the system's to know, and stands in its `own_data.toml` as data: a list
of `[[fill]]`, tried in order; the first that a column of the file answers to is proposed. Beside the keys of a form
(`before`, `after`, `values`, `times`, `plus`, `strip`, `constant`) a rule has: `names`, `look`, `case` (names are
compared with their case) and `above` (most values are numbers above it), what answers to it; `or_else`, names of a
column that is taken where the first is missing; `number`, for a number that the table keeps as text; `precision_of`,
`compose` and `error_of`, another column of the table that it belongs to (an error bar is called like its value, with
something behind); and `doubt`, a sentence for whoever reads the draft.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orrery.contracts import Column as Target
from orrery.contracts import Contract
from orrery.errors import ManifestBroken
from orrery.inference.columns import Column, Texts
from orrery.inference.shapes import DATES

LOOKS = ("moment", "words", "number", "any")
_KEYS = {
    "column", "names", "look", "case", "above", "or_else", "number", "before", "after", "values", "times", "plus",
    "strip", "constant", "precision_of", "error_of", "compose", "doubt",
}  # fmt: skip


@dataclass
class Proposal:
    """A mapping that somebody should look at.

    Attributes:
        filled: for each column of the target its form, with `from`.
        said: for each column of the target why, and what is doubtful ('? ' in front).
        missing: required columns that nothing fills.
        empty: other columns of the target that nothing fills.
        unused: columns of the file that fill nothing.
    """

    filled: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def propose(texts: Texts, columns: Sequence[Column], target: Contract, known: Path) -> Proposal:
    """A mapping from a file's columns to a table's.

    Args:
        known: the system's `own_data.toml`.
    """
    found = Proposal()
    rules = _rules(known, target)
    for rule in rules:
        if rule["column"] not in found.filled:
            _propose(texts, columns, rule, found, target)
    for rule in rules:
        if rule["column"] not in found.filled and "compose" in rule:
            _compose(texts, columns, rule, found)
    wanted = [column for column in target.columns if column.name != "file_id"]
    found.filled = {each.name: found.filled[each.name] for each in wanted if each.name in found.filled}
    left = [each for each in wanted if each.name not in found.filled]
    found.missing = [each.name for each in left if each.required]
    found.empty = [each.name for each in left if not each.required]
    used = {source for form in found.filled.values() for source in _sources(form)}
    found.unused = [column.header for column in columns if column.header not in used]
    return found


def _rules(path: Path, target: Contract) -> list[dict[str, Any]]:
    """The rules of a system.

    Raises:
        ManifestBroken: not TOML, a key that is not known, a column that the table does not have.
    """
    try:
        rules = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=str)["fill"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise ManifestBroken(
            "What columns are called elsewhere cannot be read.", looked=str(path), found=str(error), fix="mend it"
        ) from error
    for rule in rules:
        is_known = rule.get("column") in target.column_names and rule.get("look", "any") in LOOKS
        if set(rule) - _KEYS or not is_known:
            raise ManifestBroken(
                "A rule of [[fill]] is not understood.",
                looked=str(path),
                found=repr(rule)[:200],
                fix=f"keys: {', '.join(sorted(_KEYS))}; column is one of {target.name}",
            )
    return list(rules)


def _propose(
    texts: Texts, columns: Sequence[Column], rule: Mapping[str, Any], found: Proposal, target: Contract
) -> None:
    """Propose what a rule says, if there is a column for it."""
    name = rule["column"]
    if "constant" in rule:
        found.filled[name] = {"constant": rule["constant"]}
        found.said[name] = ["the same for every row: the file says nothing of it", *_doubts_of(rule)]
    elif "precision_of" in rule:
        moment = found.filled.get(rule["precision_of"], {})
        if "formats" in moment:
            found.filled[name] = {**moment, "precision": True}
            found.said[name] = [f"by the form in which {moment['from']!r} is written"]
    for wanted in rule.get("names", []):
        for column in columns:
            if not (_answers(texts, column, wanted, rule) and _is_beside(column, rule, found)):
                continue
            names = {_plain(name) for name in rule.get("or_else", [])}
            other = next((each for each in columns if _plain(each.header) in names and each.values), None)
            if _fill(texts, column, other, rule, found, target):
                return


def _answers(texts: Texts, column: Column, wanted: str, rule: Mapping[str, Any]) -> bool:
    """Whether a column of the file answers to one of a rule's names."""
    keeps = bool(rule.get("case"))
    if _plain(column.header, case=keeps) != _plain(wanted, case=keeps) or not column.values:
        return False
    if "above" in rule:
        sql = f"select count(*) from text where try_cast({column.at} as double) > {float(rule['above'])}"
        return bool(2 * texts.ask(sql)[0][0] > column.values and _looks(column, rule.get("look", "any")))
    return _looks(column, rule.get("look", "any"))


def _is_beside(column: Column, rule: Mapping[str, Any], found: Proposal) -> bool:
    """Whether an error bar is one of the value that is taken, and not of another column's (in another unit, say)."""
    value = found.filled.get(rule.get("error_of", ""), {}).get("from")
    return "error_of" not in rule or (value is not None and _plain(column.header).startswith(_plain(value)))


def _fill(
    texts: Texts, column: Column, other: Column | None, rule: Mapping[str, Any], found: Proposal, target: Contract
) -> bool:
    """Propose a column, and where it is missing another one; False where its values are not what the rule wants."""
    name = rule["column"]
    into = next(each for each in target.columns if each.name == name)
    form: dict[str, Any] = {"from": column.header, **({"missing": column.marks} if column.marks else {})}
    said = [f"{column.header!r}: {column.values:,} of {column.rows:,} rows have it", *_doubts_of(rule)]
    if into.required and column.values < column.rows:
        said.append(f"? {column.rows - column.values:,} rows do not have it, and every row must: they are refused")
    if target.key == [name] and column.distinct < column.values:
        said.append(f"? {column.distinct:,} different in {column.values:,} rows: `data validate` shows what is refused")
    if other is not None:
        form |= {"from": [column.header, other.header], "join": "|", "before": "|"}
        said.append(f"where that is missing, {other.header!r}")
    for part in ("before", "after"):
        if part in rule:
            mark = rule[part].replace("'", "''")
            [(often,)] = texts.ask(f"select count(*) from text where contains({column.at}, '{mark}')")
            if 2 * often < column.values:
                return False
            form[part] = rule[part]
            said.append(f"{rule[part]!r} is in {often:,} of its values; what stands {part} it is taken")
    if rule.get("look") == "moment":
        form |= column.shape.as_csv_form()
        said += [each for each in column.evidence if "missing" not in each]
        said += [f"? {each}" for each in column.doubts if "zone" not in each]
        if column.shape.kind != "date" and into.type == "date":
            said.append(_cut_to_days(form))
        elif column.shape.kind == "timestamp":
            said.append("? no zone is written: UTC is taken; else say zone: Europe/Paris")
    _measure(column, rule, into, form, said)
    if "values" in rule:
        is_listed = any((check.column, check.rule) == (name, "unknown") for check in target.checks)
        words, doubts = _words(texts, column, rule["values"], is_listed=is_listed)
        if not words:
            return False
        form["values"] = words
        said += doubts
    found.filled[name], found.said[name] = form, said
    return True


def _cut_to_days(form: dict[str, Any]) -> str:
    """Make days of moments, where the day stands before its time; says what was done, or what is to do."""
    for mark in (" ", "T"):
        days = [how.partition(mark)[0] for how in form["formats"]]
        if all(day in DATES for day in days):
            form |= {"before": mark, "formats": list(dict.fromkeys(days))}
            return f"the day alone is taken, what stands before {mark!r}"
    return "? it has times of the day, the table wants days: cut them off with before or after"


def _measure(column: Column, rule: Mapping[str, Any], into: Target, form: dict[str, Any], said: list[str]) -> None:
    """How a number is written, and its unit; signs that are taken off."""
    is_wanted = _is_number(into.type) or rule.get("number", False)
    if is_wanted and _is_number(column.shape.kind):
        form |= column.shape.as_csv_form()
        doubts = [each for each in column.doubts if column.shape.said or "would be refused" in each]
        said += [f"? {each}" for each in doubts]
    elif is_wanted:
        said.append("? not all of its values are numbers: those rows are refused")
    if "times" in rule:
        form["times"] = str(rule["times"])
        said.append(f"times {form['times']}: another unit")
    if "plus" in rule:
        form["plus"] = str(rule["plus"])
        said.append(f"plus {form['plus']}: counted from another zero")
    if "strip" in rule:
        form["strip"] = list(dict.fromkeys([*form.get("strip", []), *rule["strip"]]))


def _doubts_of(rule: Mapping[str, Any]) -> list[str]:
    return [f"? {rule['doubt']}"] if "doubt" in rule else []


def _words(
    texts: Texts, column: Column, meanings: Mapping[str, Sequence[str]], *, is_listed: bool
) -> tuple[dict[str, str], list[str]]:
    """Which words of a column mean what; those that mean nothing known are doubts.

    Args:
        is_listed: the table takes no other words.
    """
    words, doubts = {}, []
    counts = texts.ask(
        f"select {column.at}, count(*) from text where {texts.known(column)} group by 1 order by 2 desc, 1 limit 50"
    )
    for text, count in counts:
        meant = next((to for to, spelled in meanings.items() if text.lower() in spelled), None)
        if meant is not None:
            words[text] = meant
        else:
            then = "those rows are refused unless you say what" if is_listed else "it stays as it is"
            doubts.append(f"? {text!r} ({count:,} rows) means nothing known here: {then}")
    return words, doubts[:8]


def _compose(texts: Texts, columns: Sequence[Column], rule: Mapping[str, Any], found: Proposal) -> None:
    """A key out of the columns that fill others, where the file has none of its own."""
    sources = list(dict.fromkeys(s for name in rule["compose"] for s in _sources(found.filled.get(name, {}))))
    at = [column.at for source in sources for column in columns if column.header == source]
    if not at:
        return
    [(rows,)] = texts.ask("select count(*) from (select distinct columns(* exclude (line)) from text)")
    [(different,)] = texts.ask(f"select count(*) from (select distinct {', '.join(at)} from text)")
    found.filled[rule["column"]] = {"from": sources, "join": " / "}
    found.said[rule["column"]] = [
        f"? the file has no {rule['column']}; {' + '.join(sources)} tell {different:,} of {rows:,} different rows apart"
    ]


def _looks(column: Column, look: str) -> bool:
    kind = column.shape.kind
    if look == "moment":
        return kind.startswith(("date", "timestamp"))
    if look == "words":
        return kind == "text" and 2 * column.values > column.rows
    if look == "number":
        return _is_number(kind)
    return True


def _is_number(kind: str) -> bool:
    return kind.startswith(("numeric", "double", "small", "int", "big"))


def _sources(form: Mapping[str, Any]) -> list[str]:
    given = form.get("from", [])
    return [given] if isinstance(given, str) else list(given)


def _plain(text: str, *, case: bool = False) -> str:
    """A name without blanks and signs."""
    return re.sub("[^A-Za-z0-9]+", " ", text if case else text.lower()).strip()
