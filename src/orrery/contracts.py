"""ODCS contracts: what may come in, what goes out; from them the dialect, the checks, the tables.

A contract is parsed and validated by the standard's own library (open-data-contract-standard). Here it is
turned into what a pipeline needs:

* `dialect`: how a delimited file is written (custom property `csvDialect`); never detected, always said.
* `checks`: one SQL condition a rule, evaluated together in one pass by DuckDB. Severity `error` refuses the row,
  `warning` counts it.
* `ddl()`: the table of an output, with its primary key.

Four custom properties are ours: `csvDialect`; `refusedRowsLimit`, the share of rows (0 to 1) that may be refused before
the gate closes; `ignoredColumns`, those of the file that nobody loads; and of a column `csvForm` (forms.py).
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery import documents
from orrery.documents import unusable

if TYPE_CHECKING:
    from open_data_contract_standard.model import DataQuality, SchemaObject, SchemaProperty

SHARE_RULE_FROM = 20  # rows; below that a share says nothing, only "all of them" does


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written."""

    delimiter: str
    quote: str
    missing: tuple[str, ...]  # values that stand for "not known", beside each other: '' and '-'
    blanks_are_layout: bool  # blanks and tabs at the ends are taken off, runs inside become one blank
    encoding: str = "utf-8"  # or a single-byte superset of ASCII, by Python's name
    comment: str | None = None  # what lines that stand above the header begin with
    is_by_record: bool = False  # a record counts as one line, whatever line ends its values hold: so it came from JSON


@dataclass(frozen=True)
class Column:
    """A column: its name, PostgreSQL type, whether it must be there, the input columns it is made from, and how."""

    name: str
    type: str
    required: bool
    primary_key: bool
    sources: tuple[str, ...] = ()
    form: Mapping[str, Any] = field(default_factory=dict)  # csvForm as it is written; forms.py reads it


@dataclass(frozen=True)
class Check:
    """A rule about one column: `broken` is SQL that is true for the rows that break it."""

    column: str
    rule: str
    broken: str
    message: str
    severity: str


@dataclass(frozen=True)
class Contract:
    """One table or file, as its contract describes it."""

    path: Path
    id: str
    version: str
    name: str
    columns: tuple[Column, ...]
    checks: tuple[Check, ...]
    dialect: Dialect | None
    refused_rows_limit: float
    minimum_rows: int
    is_file: bool = False
    ignored: tuple[str, ...] = ()  # columns of the file that nobody loads

    @property
    def column_names(self) -> list[str]:
        """The columns' names, in order."""
        return [column.name for column in self.columns]

    @property
    def key(self) -> list[str]:
        """The columns of the primary key."""
        return [column.name for column in self.columns if column.primary_key]

    def written_as(self) -> Dialect:
        """The dialect; a contract without one cannot be read from a file."""
        if self.dialect is None:
            raise unusable(self.path, "does not say how the file is written", "no custom property csvDialect")
        return self.dialect

    def source_of(self, column: str) -> str | None:
        """The input column that an output column is made from."""
        return next((" + ".join(each.sources) or None for each in self.columns if each.name == column), None)

    def first_broken(self) -> str:
        """SQL that names the first broken rule of severity error as `column:rule`, or null.

        Columns that are made from no input column (a load's number, say) are the writer's own and not checked.
        """
        cases = [
            f"when {check.broken} then '{check.column}:{check.rule}'"
            for check in self.checks
            if check.severity == "error" and self.source_of(check.column)
        ]
        return f"case {' '.join(cases)} end" if cases else "null"

    def warnings(self) -> Mapping[str, str]:
        """For each rule of severity warning the SQL that counts its rows."""
        return {
            f"{check.column}:{check.rule}": f"count(*) filter (where {check.broken})"
            for check in self.checks
            if check.severity == "warning"
        }

    def ddl(self, table: str) -> str:
        """`create table if not exists` for an output; `table` is `schema.name`, already checked by the manifest."""
        lines = [f'    "{column.name}" {column.type}{" not null" * column.required}' for column in self.columns]
        if self.key:
            lines.append(f"    primary key ({quoted(self.key)})")
        return f"create table if not exists {table} (\n" + ",\n".join(lines) + "\n)"


def quoted(names: Iterable[str], of: str = "") -> str:
    """Names of columns as SQL lists them; `of` is the table that they belong to."""
    return ", ".join(f'{of}{"." if of else ""}"{name}"' for name in names)


def load(path: Path) -> Contract:
    """Read and validate a contract; once, as long as the file stays as it is.

    Raises:
        ContractBroken: not YAML, not ODCS, a key written twice, or a rule that no check here can answer.
    """
    return _load(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=64)
def _load(path: Path, _age: int) -> Contract:
    from open_data_contract_standard.model import OpenDataContractStandard
    from pydantic import ValidationError

    raw = documents.read(path)
    try:
        parsed = OpenDataContractStandard.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise unusable(path, "is not ODCS", f"{where}: {first['msg']}") from error
    if unread := list(_unread(raw, parsed.model_dump(by_alias=True, exclude_unset=True))):
        raise unusable(path, "has a key that ODCS does not know", ", ".join(unread))
    objects = parsed.schema_ or []
    if len(objects) != 1 or parsed.kind != "DataContract" or not parsed.version:
        raise unusable(path, "must describe one table or file", f"kind {parsed.kind}, {len(objects)} objects in schema")
    table = objects[0]
    own = _custom(path, table, {"csvDialect", "refusedRowsLimit", "ignoredColumns"})
    properties = table.properties or []
    return Contract(
        path=path,
        id=parsed.id or "",
        version=parsed.version,
        name=table.name or "",
        columns=tuple(_column(path, each) for each in properties),
        checks=tuple(check for each in properties for check in _checks(path, each)),
        dialect=dialect(path, own["csvDialect"]) if "csvDialect" in own else None,
        refused_rows_limit=share(path, own.get("refusedRowsLimit", 1.0)),
        minimum_rows=_minimum_rows(path, table),
        is_file=table.physicalType == "file",
        ignored=texts(path, "ignoredColumns", own.get("ignoredColumns", [])),
    )


def _custom(path: Path, of: SchemaObject | SchemaProperty, known: set[str]) -> dict[str, Any]:
    """The custom properties of a table or column, by their names."""
    own = {str(each.property): each.value for each in of.customProperties or []}
    if unknown := set(own) - known:
        raise unusable(path, "has a custom property that nothing here reads", ", ".join(sorted(unknown)))
    return own


def _unread(given: Any, understood: Any, where: str = "") -> Iterator[str]:
    """Keys that the standard's library passed over in silence (it is strict about the top level only)."""
    if isinstance(given, dict) and isinstance(understood, dict):
        for key, value in given.items():
            if key not in understood:
                yield f"{where}{key}"
            else:
                yield from _unread(value, understood[key], f"{where}{key}.")
    elif isinstance(given, list) and isinstance(understood, list):
        for number, (one, other) in enumerate(zip(given, understood, strict=False)):
            yield from _unread(one, other, f"{where}{number}.")


def _column(path: Path, given: SchemaProperty) -> Column:
    if not given.name or not given.physicalType:
        raise unusable(path, "has a column without name or physicalType", repr(given.name))
    form = _custom(path, given, {"csvForm"}).get("csvForm", {})
    if not isinstance(form, dict):
        raise unusable(path, f"wants a mapping in csvForm of '{given.name}'", repr(form)[:120])
    sources = tuple(given.transformSourceObjects or [])
    kind = given.physicalType.replace(", ", ",")  # as PostgreSQL writes numeric(12,2)
    return Column(given.name, kind, bool(given.required), bool(given.primaryKey), sources, form)


def _checks(path: Path, given: SchemaProperty) -> Iterator[Check]:
    name = f'"{given.name}"'
    options = dict(given.logicalTypeOptions or {})
    column = given.name or ""
    if given.required or given.primaryKey:
        yield Check(column, "missing", f"{name} is null", f"{column} is missing", "error")
    if (longest := options.pop("maxLength", None)) is not None:
        yield Check(
            column, "too_long", f"length({name}) > {int(longest)}", f"longer than {longest} characters", "error"
        )
    if (pattern := options.pop("pattern", None)) is not None:
        yield _pattern_check(column, "form", str(pattern), "error")
    if (above := options.pop("exclusiveMinimum", None)) is not None:
        broken = f"{name} <= {_literal(above)}"
        yield Check(column, f"{column}_out_of_range", broken, f"not above {above}", "error")
    low, high, most = (options.pop(each, None) for each in ("minimum", "exclusiveMaximum", "maximum"))
    if (low, high, most) != (None, None, None):
        sides = [f"{name} < {_literal(low)}"] * (low is not None) + [f"{name} >= {_literal(high)}"] * (high is not None)
        sides += [f"{name} > {_literal(most)}"] * (most is not None)
        upper = most if high is None else f"before {high}"
        message = f"below {low}" if upper is None else f"not from {'the beginning' if low is None else low} to {upper}"
        yield Check(column, f"{column}_out_of_range", " or ".join(sides), message, "error")
    if given.enum:
        values = [str(each.value if hasattr(each, "value") else each) for each in given.enum]
        listed = ", ".join(_literal(value) for value in values)
        yield Check(column, "unknown", f"{name} not in ({listed})", f"not one of {', '.join(values)}", "error")
    if options:
        raise unusable(path, f"asks of '{column}' what no check here answers", ", ".join(sorted(options)))
    for rule in given.quality or []:
        yield _quality_check(path, column, rule)


def _quality_check(path: Path, column: str, rule: DataQuality) -> Check:
    arguments = dict(rule.arguments or {})
    pattern = arguments.pop("pattern", None)
    if rule.metric != "invalidValues" or pattern is None or arguments or rule.mustBe != 0:
        raise unusable(
            path,
            f"has a quality rule for '{column}' that no check here answers",
            f"metric {rule.metric}, arguments {rule.arguments}, mustBe {rule.mustBe}",
        )
    if rule.severity not in ("error", "warning"):
        raise unusable(path, f"wants severity error or warning in a rule for '{column}'", repr(rule.severity))
    return _pattern_check(column, rule.name or "form", str(pattern), rule.severity, rule.description)


def _pattern_check(column: str, rule: str, pattern: str, severity: str, message: str | None = None) -> Check:
    broken = f'not regexp_full_match("{column}", {_literal(pattern)})'
    return Check(column, rule, broken, message or f"not of the form {pattern}", severity)


def dialect(path: Path, given: Any) -> Dialect:
    """How a file is written, from `csvDialect` of a contract or a mapping.

    Raises:
        ContractBroken: a key too many or missing, or something that the reader cannot do.
    """
    known = {"delimiter", "quote", "missing", "encoding", "header", "blanks"}
    if not isinstance(given, dict) or set(given) - {"comment"} != known:
        wanted = f"wants in csvDialect exactly {', '.join(sorted(known))}; and comment, if there is any"
        raise unusable(path, wanted, repr(given)[:120])
    single = all(isinstance(given[key], str) and len(given[key].encode()) == 1 for key in ("delimiter", "quote"))
    marks = isinstance(given["missing"], list) and all(isinstance(mark, str) for mark in given["missing"])
    blanks = given["blanks"] in ("layout", "kept")
    comment = given.get("comment")
    is_mark = comment is None or _is_mark(comment, (given["delimiter"], given["quote"]))
    encoding = _encoding(given["encoding"])
    if not (single and marks and blanks and is_mark and encoding and given["header"] is True):
        raise unusable(
            path,
            "says in csvDialect what the reader cannot do",
            f"{given!r:.160}; delimiter and quote are one byte, encoding utf-8 or a single-byte one (latin-1, "
            "windows-1252), header true, blanks layout or kept, missing a list of texts, comment a sign like '#'",
        )
    is_layout = given["blanks"] == "layout"
    return Dialect(given["delimiter"], given["quote"], tuple(given["missing"]), is_layout, encoding or "", comment)


def _is_mark(given: Any, taken: Sequence[str]) -> bool:
    """Whether lines of comment can begin so: one sign of ASCII that means nothing else."""
    is_sign = isinstance(given, str) and len(given) == 1 and given.isascii() and given.isprintable()
    return is_sign and not given.isalnum() and given != " " and given not in taken


def _encoding(given: Any) -> str | None:
    """Python's name of an encoding whose delimiters and line ends are the bytes of ASCII, or None."""
    ascii_ = bytes(range(128))
    try:
        name = codecs.lookup(given).name
        if name == "utf-8" or (ascii_.decode(name) == ascii_.decode("ascii") and _is_single_byte(name)):
            return name
    except (LookupError, TypeError, UnicodeError):
        return None
    return None


def _is_single_byte(encoding: str) -> bool:
    """Whether every byte is a character of its own (or none at all)."""
    return all(len(bytes([octet]).decode(encoding, "replace")) == 1 for octet in range(128, 256)) and (
        len(b"\xc3\xa9\xe3\x81\x82".decode(encoding, "replace")) == 5
    )


def share(path: Path, given: Any) -> float:
    """A number from 0 to 1. Raises ContractBroken for anything else."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise unusable(path, "wants a share from 0 to 1 in refusedRowsLimit", repr(given))
    return float(given)


def texts(path: Path, key: str, given: Any) -> tuple[str, ...]:
    """A list of texts. Raises ContractBroken for anything else."""
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise unusable(path, f"wants a list of texts in {key}", repr(given)[:120])
    return tuple(given)


def _minimum_rows(path: Path, table: SchemaObject) -> int:
    fewest = 0
    for rule in table.quality or []:
        if rule.metric != "rowCount" or rule.mustBeGreaterThan is None:
            raise unusable(path, "has a rule for the table that no check here answers", f"metric {rule.metric}")
        fewest = max(fewest, int(rule.mustBeGreaterThan) + 1)
    return fewest


def _literal(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def gate(contract: Contract, *, read: int, refused: int) -> str | None:
    """Why the rows of a file must not pass as a whole, or None: too few of them, too many refused."""
    if read < contract.minimum_rows:
        return f"{read:,} rows; the contract wants at least {contract.minimum_rows:,}"
    if read and refused == read:
        return f"all {read:,} rows were refused"
    if read >= SHARE_RULE_FROM and refused / read > contract.refused_rows_limit:
        share = refused / read
        return (
            f"{refused:,} of {read:,} rows were refused ({share:.1%}); the limit is {contract.refused_rows_limit:.0%}"
        )
    return None


def differences(
    contract: Contract, actual: Sequence[tuple[str, str, bool]], key: Sequence[str] | None = None
) -> list[str]:
    """How a table differs from its contract: by its columns (name, type, is it not null) and its primary key."""
    have = {name: (kind, required) for name, kind, required in actual}
    wanted = {column.name: column for column in contract.columns}
    missing = [f"{name} is missing" for name in wanted if name not in have]
    extra = [f"{name} is not in the contract" for name in have if name not in wanted]
    retyped = [
        f"{name} is {have[name][0]}, the contract says {column.type}"
        for name, column in wanted.items()
        if name in have and have[name][0] != column.type
    ]
    if key is not None and list(key) != contract.key:
        retyped.append(f"its key is {', '.join(key) or 'none'}, not {', '.join(contract.key) or 'none'}")
    return missing + extra + retyped
