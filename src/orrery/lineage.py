"""OpenLineage events (spec 2-0-2): of a run START, then COMPLETE or FAIL; of a design, before any run, one JobEvent.

Datasets carry their columns (schema facet), outputs the input columns that each of theirs is made from (columnLineage
facet). Both come from the contracts: `transformSourceObjects` names input columns, as `column`, as `input.column`
where two inputs have one of that name, or as `input.*` where something is made from all of them.

Written as plain data, because importing the standard's own client costs more than a small run; a test builds the same
events with that client and compares.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery import __version__
from orrery.manifest import Manifest

if TYPE_CHECKING:
    from orrery.contracts import Contract

PRODUCER = f"urn:orrery-data:{__version__}"
_SPEC = "https://openlineage.io/spec"
_FACETS = {
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "inputStatistics": "1-0-0/InputStatisticsInputDatasetFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "schema": "1-2-0/SchemaDatasetFacet",
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
}


def outline(contract: Contract) -> dict[str, Any]:
    """What a run keeps of a contract: `orrery diff` compares it, and the columns' lineage is told from it."""
    return {
        "file": contract.path.name,
        "version": contract.version,
        "columns": {each.name: each.type + " not null" * each.required for each in contract.columns},
        "sources": {each.name: list(each.sources) for each in contract.columns if each.sources},
    }


def write(path: Path, system: Manifest, summary: Mapping[str, Any]) -> None:
    """The events of a run that has ended, a line each.

    Args:
        summary: what `run.json` holds; `lineage_inputs` and `lineage_outputs` are lists of {namespace, name, rows},
            named as the standard's naming rules say (`file` and a path; `postgres://host:port` and
            `database.schema.table`). An input of a system that has several says in `input` which one it is.
    """
    run: dict[str, Any] = {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, str(summary["run_id"]))), "facets": {}}
    told = summary.get("columns_from", {})  # by the tool that made them; else it is as the contracts say
    outlines = {
        name: {**each, "sources": told[name]} if name in told else each
        for name, each in summary.get("contracts", {}).items()
    }
    given = [{"input": next(iter(system.inputs), None), **each} for each in summary.get("lineage_inputs", ())]
    made = [{**each, "table": _table(each["name"], outlines)} for each in summary.get("lineage_outputs", ())]
    inputs, outputs = _inputs(given, outlines), _outputs(made, given, system, outlines)
    ended = "COMPLETE" if summary["exit_code"] == 0 else "FAIL"
    failed = dict(run)
    if summary["error"]:
        message = f"{summary['error']['asked']} {summary['error']['found']}"
        failed["facets"] = _facet("errorMessage", message=message, programmingLanguage="Python")
    events = [
        {"eventType": kind, "run": facts, **_event("RunEvent", time, system, inputs, made_then)}
        for kind, time, facts, made_then in (
            ("START", summary["started_at"], run, []),
            (ended, summary["ended_at"], failed, outputs),
        )
    ]
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")


def designed(system: Manifest) -> dict[str, Any]:
    """The lineage that the manifest and its contracts promise, as the standard's JobEvent.

    No run has told yet where the target is: outputs are in the namespace `orrery`. The event's time is when the
    manifest was last written.
    """
    from orrery import contracts

    paths = {name: each.contract for name, each in system.inputs.items()} | dict(system.outputs)
    outlines = {name: outline(contracts.load(path)) for name, path in paths.items()}
    given = [{"namespace": "file", "name": str(each.sample), "input": name} for name, each in system.inputs.items()]
    made = [{"namespace": "orrery", "name": table, "table": table} for table in system.outputs]
    written = datetime.fromtimestamp((system.folder / "system.toml").stat().st_mtime, UTC).isoformat()
    return _event("JobEvent", written, system, _inputs(given, outlines), _outputs(made, given, system, outlines))


def _event(
    kind: str, time: str, system: Manifest, inputs: Sequence[dict[str, Any]], outputs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "eventTime": time,
        "producer": PRODUCER,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/{kind}",
        "job": {"namespace": "orrery", "name": system.slug, "facets": {}},
        "inputs": inputs,
        "outputs": outputs,
    }


def _table(name: str, outlines: Mapping[str, Any]) -> str | None:
    """The contract's table that a dataset is: `database.schema.table` without the database; the longest that fits."""
    return max((table for table in outlines if name.endswith(f".{table}")), key=len, default=None)


def _inputs(given: Sequence[Mapping[str, Any]], outlines: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "namespace": each["namespace"],
            "name": each["name"],
            "facets": _columns(outlines.get(each["input"])),
            "inputFacets": _facet("inputStatistics", rowCount=each["rows"]) if "rows" in each else {},
        }
        for each in given
    ]


def _outputs(
    made: Sequence[Mapping[str, Any]],
    given: Sequence[Mapping[str, Any]],
    system: Manifest,
    outlines: Mapping[str, Any],
) -> list[dict[str, Any]]:
    inputs = {name: outlines[name]["columns"] for name in system.inputs if name in outlines}
    outputs = []
    for each in made:
        outline = outlines.get(each["table"])
        fields = {
            column: {"inputFields": found}
            for column, sources in (outline["sources"] if outline else {}).items()
            if (found := [field for source in sources for field in _input_fields(source, inputs, given)])
        }
        outputs.append(
            {
                "namespace": each["namespace"],
                "name": each["name"],
                "facets": _columns(outline) | (_facet("columnLineage", fields=fields) if fields else {}),
                "outputFacets": _facet("outputStatistics", rowCount=each["rows"]) if "rows" in each else {},
            }
        )
    return outputs


def _input_fields(
    source: str, inputs: Mapping[str, Mapping[str, str]], given: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The columns of the datasets that a source means: `column`, `input.column`, or `input.*` for all of them."""
    prefix, _, rest = source.partition(".")
    if prefix in inputs and rest:
        meant = {prefix: list(inputs[prefix]) if rest == "*" else [rest]}
    else:
        meant = {name: [source] for name in inputs if source in inputs[name]}
    for each in given:
        for field in meant.get(each["input"], ()):
            place = {"namespace": each["namespace"], "name": each["name"], "field": field}
            yield {**place, "transformations": [{"type": "DIRECT"}]}


def _columns(outline: Mapping[str, Any] | None) -> dict[str, Any]:
    """A dataset's columns and types, without the constraints."""
    if outline is None:
        return {}
    fields = [{"name": name, "type": kind.removesuffix(" not null")} for name, kind in outline["columns"].items()]
    return _facet("schema", fields=fields)


def _facet(name: str, **body: Any) -> dict[str, Any]:
    url, title = f"{_SPEC}/facets/{_FACETS[name]}.json", _FACETS[name].partition("/")[2]
    return {name: {"_producer": PRODUCER, "_schemaURL": f"{url}#/$defs/{title}", **body}}
