"""Our events are those that the standard's own client would have written."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from openlineage.client import event_v2, serde, set_producer
from openlineage.client.facet_v2 import (
    error_message_run,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
)

from orrery import catalogue, lineage

METEOR = catalogue.find("p01_meteor")
ERROR = {"asked": "case.csv cannot be loaded: nothing of it was.", "found": "the file is empty"}
SUMMARY: dict[str, Any] = {
    "run_id": "20260101T000000-p01_meteor-abcdef",
    "exit_code": 0,
    "error": None,
    "started_at": "2026-01-01T00:00:00+00:00",
    "ended_at": "2026-01-01T00:00:05+00:00",
    "lineage_inputs": [{"namespace": "file", "name": "/in/a.csv", "rows": 10}],
    "lineage_outputs": [{"namespace": "postgres://h:5432", "name": "d.p01_meteor.launches", "rows": 9}],
}


def by_the_client(summary: dict[str, Any]) -> list[Any]:
    set_producer(lineage.PRODUCER)
    statistics = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=10)
    inputs = [event_v2.InputDataset("file", "/in/a.csv", inputFacets={"inputStatistics": statistics})]
    made = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=9)
    name = "d.p01_meteor.launches"
    outputs = [event_v2.OutputDataset("postgres://h:5432", name, outputFacets={"outputStatistics": made})]
    told = error_message_run.ErrorMessageRunFacet(
        message="case.csv cannot be loaded: nothing of it was. the file is empty", programmingLanguage="Python"
    )
    end = event_v2.RunState.FAIL if summary["error"] else event_v2.RunState.COMPLETE
    run_id = str(uuid.uuid5(uuid.NAMESPACE_URL, summary["run_id"]))
    events = [
        event_v2.RunEvent(
            eventTime=time,
            producer=lineage.PRODUCER,
            eventType=kind,
            run=event_v2.Run(run_id, facets=facets),
            job=event_v2.Job(namespace="orrery", name="p01_meteor"),
            inputs=inputs,
            outputs=given,
        )
        for time, kind, facets, given in (
            (summary["started_at"], event_v2.RunState.START, {}, []),
            (summary["ended_at"], end, {"errorMessage": told} if summary["error"] else {}, outputs),
        )
    ]
    return [json.loads(serde.Serde.to_json(event)) for event in events]


@pytest.mark.parametrize("summary", [SUMMARY, {**SUMMARY, "exit_code": 2, "error": ERROR}], ids=["good", "failed"])
def test_events_are_those_of_the_standards_client(summary: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "openlineage.jsonl"
    lineage.write(path, METEOR, summary)
    ours = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert ours == by_the_client(summary)
