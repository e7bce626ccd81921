"""OpenLineage events of a run (spec 2-0-2), as `openlineage.jsonl`: START, then COMPLETE or FAIL.

Written as plain data, because importing the standard's own client costs more than a small run; a test builds the same
events with that client and compares.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orrery import __version__
from orrery.manifest import Manifest

PRODUCER = f"urn:orrery-data:{__version__}"
_SPEC = "https://openlineage.io/spec"
_FACETS = {
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "inputStatistics": "1-0-0/InputStatisticsInputDatasetFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
}


def write(path: Path, system: Manifest, summary: Mapping[str, Any]) -> None:
    """The events of a run that has ended.

    Args:
        summary: what `run.json` holds; `lineage_inputs` and `lineage_outputs` are lists of {namespace, name, rows},
            named as the standard's naming rules say (`file` and a path; `postgres://host:port` and
            `database.schema.table`).
    """
    run: dict[str, Any] = {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, str(summary["run_id"]))), "facets": {}}
    inputs = _datasets(summary.get("lineage_inputs", ()), "inputFacets", "inputStatistics")
    outputs = _datasets(summary.get("lineage_outputs", ()), "outputFacets", "outputStatistics")
    ended = "COMPLETE" if summary["exit_code"] == 0 else "FAIL"
    failed = dict(run)
    if summary["error"]:
        message = f"{summary['error']['asked']} {summary['error']['found']}"
        failed["facets"] = _facet("errorMessage", message=message, programmingLanguage="Python")
    events = [
        {
            "eventTime": time,
            "eventType": kind,
            "producer": PRODUCER,
            "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": facts,
            "job": {"namespace": "orrery", "name": system.slug, "facets": {}},
            "inputs": inputs,
            "outputs": made,
        }
        for kind, time, facts, made in (
            ("START", summary["started_at"], run, []),
            (ended, summary["ended_at"], failed, outputs),
        )
    ]
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")


def _datasets(found: Sequence[Mapping[str, Any]], where: str, facet: str) -> list[dict[str, Any]]:
    return [
        {
            "namespace": each["namespace"],
            "name": each["name"],
            "facets": {},
            where: _facet(facet, rowCount=each["rows"]),
        }
        for each in found
    ]


def _facet(name: str, **body: Any) -> dict[str, Any]:
    url, title = f"{_SPEC}/facets/{_FACETS[name]}.json", _FACETS[name].partition("/")[2]
    return {name: {"_producer": PRODUCER, "_schemaURL": f"{url}#/$defs/{title}", **body}}
