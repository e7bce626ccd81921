"""The lineage of one OpenLineage event as lines of text: inputs, their columns, what is made from each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orrery.errors import BadInput
from orrery.ledger import Ledger
from orrery.manifest import Manifest

FILES_SHOWN = 5  # of those that have the same columns


def events(system: Manifest, home: Path, run: str | None = None) -> tuple[str | None, list[dict[str, Any]]]:
    """A run's id and its events: of the last run that wrote, of the one that is meant, or of the design (no id).

    Raises:
        BadInput: no such run, or one that was killed before it could write its events.
    """
    from orrery import differing, lineage

    if run is not None:
        past, _ = differing.pick(home, run, run, system.slug)
        path = past.folder / "openlineage.jsonl"
        if not path.exists():
            raise BadInput(
                f"{past.row['run_id']} left no lineage.",
                looked=str(path),
                found="no such file: the run was killed, or `orrery clean --runs` removed it",
                fix=f"orrery lineage {system.name.lower()} shows the last one that wrote",
            )
        return str(past.row["run_id"]), _read(path)
    if (home / "ledger.sqlite").exists():
        ledger = Ledger(home / "ledger.sqlite")
        try:
            runs = [row["run_id"] for row in ledger.runs(system.slug) if row["state"] == "SUCCEEDED"]
        finally:
            ledger.close()
        for run_id in runs:
            path = home / "runs" / run_id / "openlineage.jsonl"
            if path.exists() and (found := _read(path))[-1]["outputs"]:
                return run_id, found
    return None, [lineage.designed(system)]


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def lines(event: Mapping[str, Any]) -> Iterator[str]:
    """The tree. Files with the same columns stand together; a table that is made from every column is named once."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for each in event["inputs"]:
        groups.setdefault(tuple(_columns(each)), []).append(each)
    for columns, files in groups.items():
        for each in files[:FILES_SHOWN]:
            yield f"{each['name']}{_rows(each['inputFacets'].get('inputStatistics'), 'read')}"
        if len(files) > FILES_SHOWN:
            yield f"… and {len(files) - FILES_SHOWN:,} more with the same columns"
        made = _made_from(event, {(each["namespace"], each["name"]) for each in files})
        of_all = [name for name, sources in made.items() if len(columns) > 1 and sources == set(columns)]
        leaves = [
            (column, [name for name in made if column in made[name] and name not in of_all]) for column in columns
        ]
        told = [(column, _named_once(names) or "nothing") for column, names in leaves if names or not of_all]
        yield from _branches(told + [("every column", _named_once(of_all))] * bool(of_all))
    for each in event["outputs"]:
        yield f"{each['name']}{_rows(each['outputFacets'].get('outputStatistics'), 'written')}"
        fields = each["facets"].get("columnLineage", {}).get("fields", {})
        own = [column for column in _columns(each) if column not in fields]
        yield from _branches([("by the system", ", ".join(own))] * bool(own))


def _columns(dataset: Mapping[str, Any]) -> list[str]:
    return [field["name"] for field in dataset["facets"].get("schema", {}).get("fields", ())]


def _made_from(event: Mapping[str, Any], files: set[tuple[str, str]]) -> dict[str, set[str]]:
    """For each output column (`table.column`) the columns of these files that it is made from."""
    return {
        f"{each['name']}.{column}": {
            source["field"] for source in facts["inputFields"] if (source["namespace"], source["name"]) in files
        }
        for each in event["outputs"]
        for column, facts in each["facets"].get("columnLineage", {}).get("fields", {}).items()
    }


def _named_once(names: list[str]) -> str:
    """`a.b.one, .two`: the table is written with its first column only."""
    shown, last = [], ""
    for name in names:
        table, _, column = name.rpartition(".")
        shown.append(f".{column}" if table == last else name)
        last = table
    return ", ".join(shown)


def _branches(leaves: list[tuple[str, str]]) -> Iterator[str]:
    width = max((len(name) for name, _ in leaves), default=0)
    for number, (name, told) in enumerate(leaves, start=1):
        yield f"{'└' if number == len(leaves) else '├'}── {name:{width}} → {told}"


def _rows(facet: Mapping[str, Any] | None, what: str) -> str:
    return f"  ({facet['rowCount']:,} rows {what})" if facet else ""
