"""A contract as a draft that a person reads and edits: each column with its evidence and its doubts as comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from orrery.errors import BadInput
from orrery.inference.columns import Column, Texts, table_names
from orrery.inference.keys import Key

_LOGICAL = {
    "boolean": "boolean",
    "date": "date",
    "text": "string",
    "timestamp": "timestamp",
    "timestamptz": "timestamp",
}


def contract(texts: Texts, columns: Iterable[Column], key: Key, how: str) -> str:
    """An ODCS contract of a file, for a table of its own.

    Args:
        how: the command that made it, for the first line.
    """
    stem = re.sub(r"(\.(csv|tsv|txt|dat|json|jsonl|ndjson|gz|zst))+$", "", texts.delivered.name, flags=re.IGNORECASE)
    [name] = table_names([stem], reserved=())
    ignored = [column.header for column in columns if column.is_ignored]
    lines = [
        f"# A draft, made by `{how}` out of {texts.rows:,} rows. Lines that begin with '# ?' are doubts.",
        *_said(texts.written.evidence, texts.written.doubts),
        "apiVersion: v3.2.0",
        "kind: DataContract",
        f"id: {name.replace('_', '-')}",
        f"name: {flow(texts.delivered.name)}",
        "version: 1.0.0",
        "status: draft",
        "schema:",
        f"  - name: {flow(name)}",
        "    logicalType: object",
        "    physicalType: file",
        "    customProperties:",
        "      - property: csvDialect",
        f"        value: {flow(dialect(texts))}",
        "      - property: refusedRowsLimit",
        "        value: 0.10",
    ]
    if ignored:
        lines += ["      - property: ignoredColumns", f"        value: {flow(ignored)}"]
    for column in columns:
        if column.is_ignored:
            lines += _said([f"{column.header}: {', '.join(column.evidence)}"], column.doubts, "        ")
    lines += ["    properties:", *_said(key.evidence, key.doubts, "      ", "key: ")]
    for column in columns:
        if not column.is_ignored:
            lines += _property(column, key)
    return "\n".join(lines) + "\n"


def _property(column: Column, key: Key) -> list[str]:
    shape = column.shape
    lines = [
        *_said(column.evidence, column.doubts, "      ", f"{column.header}: "),
        f"      - name: {flow(column.name)}",
        f"        logicalType: {_LOGICAL.get(shape.kind, 'integer' if 'int' in shape.kind else 'number')}",
        f"        physicalType: {shape.kind}",
    ]
    if column in key.columns:
        position = key.columns.index(column) + 1
        lines += ["        required: true", "        primaryKey: true", f"        primaryKeyPosition: {position}"]
    lines.append(f"        transformSourceObjects: {flow([column.header])}")
    form = written_form(column)
    if form:
        lines.append(f"        customProperties: [{{property: csvForm, value: {flow(form)}}}]")
    return lines


def written_form(column: Column) -> dict[str, Any]:
    """`csvForm` of a column: how its values are written, and what in it stands for "not known"."""
    return {**column.shape.as_csv_form(), **({"missing": column.marks} if column.marks else {})}


def dialect(texts: Texts) -> dict[str, Any]:
    """`csvDialect` of a file."""
    return {
        "delimiter": texts.written.delimiter,
        "quote": '"',
        "encoding": texts.written.encoding,
        "header": True,
        "blanks": "layout" if texts.has_layout else "kept",
        "missing": texts.missing,
        **({"comment": texts.written.comment} if texts.written.comment else {}),
    }


def _said(evidence: Iterable[str], doubts: Iterable[str], indent: str = "", about: str = "") -> list[str]:
    """Sentences as comments of YAML: evidence after '#', doubts after '# ?'."""
    sentences = [("# ", each) for each in evidence] + [("# ? ", each) for each in doubts]
    return [indent + mark + about + " ".join(each.split()) for mark, each in sentences]


def flow(value: Any) -> str:
    """A value on one line of YAML."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def save(text: str, path: Path, *, force: bool) -> None:
    """Write a draft.

    Raises:
        BadInput: a file is there already, or cannot be written.
    """
    try:
        with path.open("w" if force else "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise BadInput(
            f"{path} is there already: nothing was written.",
            looked=str(path.absolute()),
            found="a file, which you may have edited",
            fix="--out another name, or --force to write over it",
        ) from None
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written.", looked=str(path.absolute()), found=error.strerror or "", fix="--out FILE"
        ) from error


def mapping(
    head: Mapping[str, Any], filled: Mapping[str, Mapping[str, Any]], said: Mapping[str, list[str]], how: str
) -> str:
    """A mapping of a foreign file, with what speaks for each column.

    Args:
        head: the keys before `columns`.
        filled: for each column of the target its form.
        said: comments for a column of the target, or under '' for the file; those that begin with '? ' are doubts.
    """
    lines = [
        f"# A proposal, made by `{how}`. Read it, mend it, then write confirmed: true.",
        *(f"# {each}" for each in said.get("", [])),
        *(f"{key}: {flow(value)}" for key, value in head.items()),
        "columns:",
    ]
    for name, form in filled.items():
        lines += [f"  # {' '.join(each.split())}" for each in said.get(name, [])]
        lines.append(f"  {name}: {flow(form)}")
    return "\n".join(lines) + "\n"
