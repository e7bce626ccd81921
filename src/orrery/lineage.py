"""OpenLineage events of a run, written with the standard's own library into `openlineage.jsonl`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orrery.manifest import Manifest

PRODUCER = "orrery-data"


def write(path: Path, system: Manifest, summary: Mapping[str, Any]) -> None:
    """START and COMPLETE (or FAIL) of a run, with its inputs and outputs and how many rows went out.

    Args:
        summary: what `run.json` holds; `inputs` is a list of {namespace, name}, `outputs` of
            {namespace, name, rows}.
    """
    from openlineage.client import event_v2, serde
    from openlineage.client.facet_v2 import output_statistics_output_dataset

    run = event_v2.Run(runId=str(uuid.uuid5(uuid.NAMESPACE_URL, str(summary["run_id"]))))
    job = event_v2.Job(namespace="orrery", name=system.slug)
    inputs = [event_v2.InputDataset(each["namespace"], each["name"]) for each in summary.get("lineage_inputs", [])]
    outputs = [
        event_v2.OutputDataset(
            each["namespace"],
            each["name"],
            outputFacets={
                "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                    rowCount=each["rows"]
                )
            },
        )
        for each in summary.get("lineage_outputs", [])
    ]
    end = event_v2.RunState.COMPLETE if summary["exit_code"] == 0 else event_v2.RunState.FAIL
    times = (summary["started_at"], summary["ended_at"])
    events = [
        event_v2.RunEvent(
            eventTime=time, producer=PRODUCER, eventType=state, run=run, job=job, inputs=inputs, outputs=outputs
        )
        for state, time in zip((event_v2.RunState.START, end), times, strict=True)
    ]
    lines = [json.dumps(json.loads(serde.Serde.to_json(event))) + "\n" for event in events]
    path.write_text("".join(lines), encoding="utf-8")
