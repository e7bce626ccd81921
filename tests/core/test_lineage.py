"""Our events are those that the standard's own client would have written."""

from __future__ import annotations

import dataclasses
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from openlineage.client import event_v2, serde, set_producer
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    error_message_run,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from orrery import catalogue, contracts, lineage, lineage_tree
from orrery.manifest import Manifest

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
    "contracts": {
        "launches": {"columns": {"Launch": "text not null", "Site": "text"}, "sources": {}},
        "p01_meteor.launches": {
            "columns": {"launch_id": "text not null", "pad": "text", "file_id": "bigint not null"},
            "sources": {"launch_id": ["Launch"], "pad": ["Site", "launches.Launch"]},
        },
    },
}


def columns(**types: str) -> schema_dataset.SchemaDatasetFacet:
    fields = [schema_dataset.SchemaDatasetFacetFields(name, kind, fields=None) for name, kind in types.items()]
    return schema_dataset.SchemaDatasetFacet(fields=fields)


def made_from(*places: tuple[str, str, str]) -> column_lineage_dataset.Fields:
    direct = [column_lineage_dataset.Transformation("DIRECT")]
    return column_lineage_dataset.Fields([column_lineage_dataset.InputField(*place, direct) for place in places])


def by_the_client(summary: dict[str, Any]) -> list[Any]:
    set_producer(lineage.PRODUCER)
    statistics = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=10)
    given = {"schema": columns(Launch="text", Site="text")}
    inputs = [event_v2.InputDataset("file", "/in/a.csv", facets=given, inputFacets={"inputStatistics": statistics})]
    made = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=9)
    name = "d.p01_meteor.launches"
    launch, site = ("file", "/in/a.csv", "Launch"), ("file", "/in/a.csv", "Site")
    fields = {"launch_id": made_from(launch), "pad": made_from(site, launch)}
    facets = {
        "schema": columns(launch_id="text", pad="text", file_id="bigint"),
        "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields, dataset=None),
    }
    outputs = [
        event_v2.OutputDataset("postgres://h:5432", name, facets=facets, outputFacets={"outputStatistics": made})
    ]
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


def test_a_run_that_kept_no_contracts_has_datasets_without_columns(tmp_path: Path) -> None:
    path = tmp_path / "openlineage.jsonl"
    lineage.write(path, METEOR, {name: value for name, value in SUMMARY.items() if name != "contracts"})
    start, end = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert [each["facets"] for each in (*start["inputs"], *end["inputs"], *end["outputs"])] == [{}, {}, {}]


def properties(path: Path) -> list[dict[str, Any]]:
    """The columns of a contract as its YAML has them."""
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["schema"][0]["properties"])


def every_column_of(row: dict[str, Any]) -> list[str]:
    sources: list[str] = row["transformSourceObjects"]
    if sources == ["launches.*"]:
        return [each["name"] for each in properties(METEOR.inputs["launches"].contract)]
    return sources


def test_the_design_is_the_contracts_own_as_the_client_would_write_it() -> None:
    set_producer(lineage.PRODUCER)
    ours = lineage.designed(METEOR)
    sample = METEOR.inputs["launches"]
    outputs = []
    for table, path in METEOR.outputs.items():
        rows = properties(path)
        fields = {
            row["name"]: made_from(*(("file", str(sample.sample), source) for source in every_column_of(row)))
            for row in rows
            if "transformSourceObjects" in row
        }
        facets: dict[str, Any] = {"schema": columns(**{row["name"]: row["physicalType"] for row in rows})}
        if fields:
            facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields, dataset=None)
        outputs.append(event_v2.OutputDataset("orrery", table, facets=facets))
    given = {"schema": columns(**{row["name"]: row["physicalType"] for row in properties(sample.contract)})}
    event = event_v2.JobEvent(
        eventTime=ours["eventTime"],
        producer=lineage.PRODUCER,
        job=event_v2.Job(namespace="orrery", name="p01_meteor"),
        inputs=[event_v2.InputDataset("file", str(sample.sample), facets=given)],
        outputs=outputs,
    )
    assert ours == json.loads(serde.Serde.to_json(event))


@pytest.mark.parametrize("system", catalogue.systems(), ids=lambda system: system.slug)
def test_every_source_that_a_contract_names_is_a_column_of_one_input(system: Manifest) -> None:
    inputs = {name: contracts.load(each.contract).column_names for name, each in system.inputs.items()}
    known = {column for names in inputs.values() for column in names if sum(column in n for n in inputs.values()) == 1}
    known |= {f"{name}.{column}" for name, names in inputs.items() for column in (*names, "*")}
    named = {
        source
        for path in system.outputs.values()
        for column in contracts.load(path).columns
        for source in column.sources
    }
    assert named - known == set()


def test_the_tree_says_what_is_made_from_each_column(tmp_path: Path) -> None:
    path = tmp_path / "openlineage.jsonl"
    several = [{"namespace": "file", "name": f"/in/{number}.csv", "rows": 1000 + number} for number in range(7)]
    lineage.write(path, METEOR, {**SUMMARY, "lineage_inputs": several})
    event = json.loads(path.read_text(encoding="utf-8").splitlines()[1])
    assert list(lineage_tree.lines(event)) == [
        "/in/0.csv  (1,000 rows read)",
        "/in/1.csv  (1,001 rows read)",
        "/in/2.csv  (1,002 rows read)",
        "/in/3.csv  (1,003 rows read)",
        "/in/4.csv  (1,004 rows read)",
        "… and 2 more with the same columns",
        "├── Launch       → d.p01_meteor.launches.launch_id",
        "└── every column → d.p01_meteor.launches.pad",
        "d.p01_meteor.launches  (9 rows written)",
        "└── by the system → file_id",
    ]


def test_of_several_inputs_a_column_is_made_from_the_one_that_has_it(tmp_path: Path) -> None:
    """`k` and `x` stand in one input each; `both` stands in two, and is named with its input."""
    system = dataclasses.replace(METEOR, inputs=dict.fromkeys(("left", "right"), METEOR.inputs["launches"]))
    summary = {
        **SUMMARY,
        "lineage_inputs": [
            {"namespace": "file", "name": "/in/l.csv", "rows": 1, "input": "left"},
            {"namespace": "file", "name": "/in/r.csv", "rows": 1, "input": "right"},
        ],
        "contracts": {
            "left": {"columns": {"k": "text", "both": "text"}, "sources": {}},
            "right": {"columns": {"x": "text", "both": "text"}, "sources": {}},
            "p01_meteor.launches": {
                "columns": {"k": "text", "x": "text", "b": "text"},
                "sources": {"k": ["k"], "x": ["x"], "b": ["right.both"]},
            },
        },
    }
    path = tmp_path / "openlineage.jsonl"
    lineage.write(path, system, summary)
    [made] = json.loads(path.read_text(encoding="utf-8").splitlines()[1])["outputs"]
    fields = made["facets"]["columnLineage"]["fields"]
    found = {
        column: [(each["name"], each["field"]) for each in facts["inputFields"]] for column, facts in fields.items()
    }
    assert found == {"k": [("/in/l.csv", "k")], "x": [("/in/r.csv", "x")], "b": [("/in/r.csv", "both")]}


@pytest.mark.parametrize(
    ("given", "tree"),
    [
        (["Launch"], ["└── Launch → d.p01_meteor.launches.launch_id"]),
        (["Launch", "Note"], ["├── Launch → d.p01_meteor.launches.launch_id", "└── Note   → nothing"]),
    ],
)
def test_the_tree_names_a_column_of_which_nothing_is_made(tmp_path: Path, given: list[str], tree: list[str]) -> None:
    path = tmp_path / "openlineage.jsonl"
    kept = {
        "launches": {"columns": dict.fromkeys(given, "text"), "sources": {}},
        "p01_meteor.launches": {"columns": {"launch_id": "text"}, "sources": {"launch_id": ["Launch"]}},
    }
    lineage.write(path, METEOR, {**SUMMARY, "contracts": kept})
    shown = list(lineage_tree.lines(json.loads(path.read_text(encoding="utf-8").splitlines()[1])))
    assert shown == ["/in/a.csv  (10 rows read)", *tree, "d.p01_meteor.launches  (9 rows written)"]
