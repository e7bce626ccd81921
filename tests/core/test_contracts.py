"""Contracts: validated by the standard's library, and everything that is asked has a check that answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from orrery import catalogue, contracts, lineage
from orrery.errors import ContractBroken, ExitCode

GOOD = (catalogue.find("p01_meteor").folder / "contracts" / "launches_clean.odcs.yaml").read_text(encoding="utf-8")
IN = (catalogue.find("p01_meteor").folder / "contracts" / "launches.odcs.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("kind: DataContract", "kind: DataContract\nkind: DataContract"), "'kind' is written twice"),
        (GOOD.replace("status: active", "status: &a active\ntenant: *a"), "alias"),
        (GOOD.replace("status: active", "\tstatus: active"), "cannot be read"),
        (GOOD.replace("status: active", "stauts: active"), "stauts"),
        (GOOD.replace("primaryKey: true", "primarykey: true"), "primarykey"),
        (GOOD.replace("version: 1.1.0", "version: 1.10"), "version"),
        (GOOD.replace("required: true", "required: maybe", 1), "required"),
        (GOOD.replace("{maxLength: 256}", "{minLenght: 256}"), "minLenght"),
        (GOOD.replace("metric: invalidValues", "metric: duplicateValues", 1), "duplicateValues"),
        (GOOD.replace("severity: warning", "severity: loud", 1), "loud"),
        (GOOD.replace("physicalType: text", "", 1), "physicalType"),
        (IN.replace('delimiter: ","', 'delimiter: "||"'), "csvDialect"),
        (IN.replace("encoding: utf-8", "encoding: guess"), "csvDialect"),
        (IN.replace("value: 0.10", "value: 110"), "refusedRowsLimit"),
        (IN.replace("metric: rowCount", "metric: freshness"), "freshness"),
        (IN.replace("property: refusedRowsLimit", "property: refusedRowLimit"), "refusedRowLimit"),
        ("- a list", "is not ODCS"),
        ("", "is not ODCS"),
    ],
)
def test_a_broken_contract_is_refused_when_it_is_loaded(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "x.odcs.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractBroken) as caught:
        contracts.load(path)
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert told in str(caught.value)


def test_the_gate_knows_shares_and_emptiness() -> None:
    contract = contracts.load(catalogue.find("p01_meteor").inputs["launches"].contract)
    assert contracts.gate(contract, read=0, refused=0) is not None
    assert contracts.gate(contract, read=19, refused=18) is None  # too few for a share to say anything
    assert contracts.gate(contract, read=19, refused=19) is not None
    assert contracts.gate(contract, read=20, refused=2) is None  # the limit itself passes
    assert contracts.gate(contract, read=20, refused=3) is not None


def test_checks_are_one_pass_of_sql_that_can_fail() -> None:
    import duckdb

    contract = contracts.load(catalogue.find("p01_meteor").outputs["p01_meteor.launches"])
    good = {column.name: "'x'" for column in contract.columns}
    good |= {name: "false" for name in good if name.startswith("is_")}
    good |= {"launched_at": "timestamptz '2000-01-01'", "launched_at_precision": "'day'", "outcome": "'success'"}

    def broken(**changes: str) -> object:
        values = ", ".join(f"{value} as {name}" for name, value in {**good, **changes}.items())
        return duckdb.sql(f"select {contract.first_broken()} from (select {values})").fetchall()[0][0]

    assert broken() is None
    assert broken(vehicle="null") == "vehicle:missing"
    assert broken(launch_id="repeat('x', 256)") is None
    assert broken(launch_id="repeat('x', 257)") == "launch_id:too_long"
    assert broken(launched_at="timestamptz '1942-01-01 00:00:00Z'") is None
    assert broken(launched_at="timestamptz '1941-12-31 23:59:59Z'") == "launched_at:launched_at_out_of_range"
    assert broken(launched_at="timestamptz '2100-01-01 00:00:00Z'") == "launched_at:launched_at_out_of_range"
    assert broken(outcome="'Success'") == "outcome:unknown"
    assert broken(launch_id="null", vehicle="null") == "launch_id:missing"  # the first rule, in the contract's order


def test_a_table_that_is_not_as_its_contract_is_named() -> None:
    contract = contracts.load(catalogue.find("p01_meteor").outputs["p01_meteor.files"])
    actual = [(column.name, column.type, column.required) for column in contract.columns]
    assert contracts.differences(contract, actual) == []
    assert contracts.differences(contract, actual[1:]) == ["file_id is missing"]
    assert contracts.differences(contract, [*actual, ("more", "text", False)]) == ["more is not in the contract"]
    assert contracts.differences(contract, [("file_id", "integer", True), *actual[1:]]) == [
        "file_id is integer, the contract says bigint"
    ]


def test_a_run_keeps_of_a_contract_its_version_columns_and_sources() -> None:
    outline = lineage.outline(contracts.load(catalogue.find("p01_meteor").outputs["p01_meteor.launches"]))
    assert (outline["file"], outline["version"]) == ("launches_clean.odcs.yaml", "1.1.0")
    assert (outline["columns"]["launched_at"], outline["columns"]["pad"]) == ("timestamptz not null", "text")
    assert (outline["sources"]["pad"], "file_id" in outline["sources"]) == (["Site"], False)
