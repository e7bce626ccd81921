"""The contracts say what dbt has built: columns, types, what must be there, and what each column is made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from orbit_deliveries import approach, approaches, dirty

from orrery import contracts
from orrery.claims import Trial

# of a contract (PostgreSQL's names): what the project's YAML calls it, and DuckDB's catalogue
TYPES = {
    "text": ("text", "VARCHAR"),
    "bigint": ("bigint", "BIGINT"),
    "double precision": ("double", "DOUBLE"),
    "boolean": ("boolean", "BOOLEAN"),
    "date": ("date", "DATE"),
    "timestamp": ("timestamp", "TIMESTAMP"),
    "timestamptz": ("", "TIMESTAMP WITH TIME ZONE"),
}


def of_dbt(folder: Path, name: str, kind: str) -> dict[str, dict[str, Any]]:
    """Models or sources by `schema.table`, of an artefact."""
    found = json.loads((folder / name).read_text(encoding="utf-8"))
    nodes = [each for each in found[kind].values() if each.get("resource_type", "model") in ("model", "source")]
    places = [each.get("metadata", each) for each in nodes]
    return {f"{at['schema']}.{at['name']}": each for at, each in zip(places, nodes, strict=True)}


def not_null_tests(folder: Path, model: str) -> set[str]:
    """Columns of a model that a test of dbt's holds to be there."""
    nodes = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["nodes"].values()
    tests = [each for each in nodes if each["resource_type"] == "test" and each.get("attached_node") == model]
    return {each["column_name"] for each in tests if (each["test_metadata"] or {}).get("name") == "not_null"}


def test_contracts_are_what_dbt_built(trial: Trial) -> None:
    trial.deliver("cad.json", approaches(approach("433", "2459801.25", "0.41")))
    trial.deliver("a.json", dirty(1))
    summary = trial.run(trial.folder / "inbox")
    kept = trial.target.home / "runs" / summary["run_id"] / "dbt"
    models = of_dbt(kept, "manifest.json", "nodes")
    catalogue = of_dbt(kept, "catalog.json", "nodes") | of_dbt(kept, "catalog.json", "sources")
    outputs = {table: contracts.load(path) for table, path in trial.target.system.outputs.items()}
    assert outputs.keys() - models.keys() == {table for table in outputs if table.startswith("p04_orbit_raw.")}
    for table, contract in outputs.items():
        built = sorted(catalogue[table]["columns"].values(), key=lambda column: column["index"])
        assert [(each["name"], each["type"]) for each in built] == [
            (column.name, TYPES[column.type][1]) for column in contract.columns
        ], table
        if table in models:
            model = models[table]
            filled = {name for name, each in model["columns"].items() if each["constraints"]}
            if model["config"]["materialized"] == "view":  # which can have no constraints, only tests
                filled = not_null_tests(kept, model["unique_id"])
            assert {name: (each["data_type"], name in filled) for name, each in model["columns"].items()} == {
                column.name: (TYPES[column.type][0], column.required) for column in contract.columns
            }, table


def test_contracts_name_the_sources_that_the_compiled_sql_has(trial: Trial) -> None:
    summary = trial.run(trial.deliver("a.json", dirty(1)))
    kept = trial.target.home / "runs" / summary["run_id"] / "dbt"
    answers = set(contracts.load(trial.target.system.inputs["answers"].contract).column_names)
    compiled = {
        table: {
            column: sorted({f"answers.{name}" for _, name in sources if name in answers})
            for column, sources in columns.items()
        }
        for table, columns in json.loads((kept / "columns.json").read_text(encoding="utf-8")).items()
    }
    marts = {table: path for table, path in trial.target.system.outputs.items() if table in compiled}
    assert len(marts) == 7
    for table, path in marts.items():
        assert compiled[table] == {each.name: sorted(each.sources) for each in contracts.load(path).columns}, table
        assert summary["columns_from"][table] == compiled[table]


def test_as_many_rows_may_be_refused_as_the_contract_says(trial: Trial) -> None:
    folder = trial.target.system.folder
    project = yaml.safe_load((folder / "dbt_project" / "dbt_project.yml").read_text(encoding="utf-8"))
    limit = contracts.load(trial.target.system.inputs["answers"].contract).refused_rows_limit
    assert project["vars"]["refused_rows_limit"] == limit == 0.1
