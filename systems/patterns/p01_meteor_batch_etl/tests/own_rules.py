"""The contract and the mapping that somebody would write for a copy of space_missions.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from space_missions import DATED, DAY, Copy


def contract(copy: Copy, key: tuple[str, ...] = ()) -> dict[str, Any]:
    """The contract that somebody would write for a copy."""
    dated = {"formats": [DATED, DAY]}
    cost = {"thousands": ",", "spelled": ["Rocket", "Rocket_Cost", "Cost of the  mission"]}
    columns: list[tuple[str, str, str, dict[str, Any]]] = [
        ("company", "text", "Company Name", {}),
        ("order", "text", "Location", {}),  # a word of SQL's
        ("launched_at", "timestamptz", "Datum", dated),
        ("detail", "text", "Detail", {}),
        ("cost_musd", "numeric(10,2)", " Rocket", cost),
        ("outcome", "text", "Status Mission", {"values": {"Success": "success"}}),
    ]
    properties = [
        {
            "name": name,
            "physicalType": kind,
            "transformSourceObjects": [source],
            "primaryKey": name in key,
            "customProperties": [{"property": "csvForm", "value": form}] if form else [],
        }
        for name, kind, source, form in columns
    ]
    encoding = copy.encoding.removesuffix("-sig")
    said = {
        "csvDialect": {**dialect(encoding), "delimiter": copy.delimiter},
        "refusedRowsLimit": 0.1,
        "ignoredColumns": ["column_1", "Unnamed: 0", "Index", "Column1", "Status Rocket", "column_9"],
    }
    table = {
        "name": "missions",
        "physicalType": "file",
        "customProperties": [{"property": name, "value": value} for name, value in said.items()],
        "properties": properties,
    }
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "missions", "version": "1.0.0", "status": "draft"}
    return {**head, "schema": [table]}


def dialect(encoding: str = "utf-8") -> dict[str, Any]:
    return {"delimiter": ",", "quote": '"', "encoding": encoding, "header": True, "blanks": "layout", "missing": [""]}


def mapping(**changes: Any) -> dict[str, Any]:
    """The mapping that somebody would write for the first copy."""
    doubts = ("is_launched_at_doubtful", "is_serial_doubtful", "is_site_doubtful")
    columns = {
        "launch_id": {"from": ["Detail", "Datum"], "join": " / "},
        "launched_at": {"from": "Datum", "formats": [DATED, DAY]},
        "launched_at_precision": {"from": "Datum", "formats": [DATED, DAY], "precision": True},
        "vehicle": {"from": "Detail", "before": "|"},
        "payload_name": {"from": "Detail", "after": "|"},
        "site": {"from": "Location"},
        "outcome": {"from": "Status Mission", "values": {"Success": "success", "Failure": "failure"}},
        **{name: {"constant": "false"} for name in doubts},
    }
    return {
        "system": "p01_meteor",
        "input": "launches",
        "confirmed": True,
        "csvDialect": dialect(),
        "refusedRowsLimit": 0.10,
        "ignoredColumns": ["column_1", "Company Name", "Status Rocket", "Rocket"],
        "columns": columns,
        **changes,
    }


def saved(folder: Path, name: str, said: dict[str, Any]) -> str:
    path = folder / name
    path.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return str(path)


def changed(said: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one place changed; None takes the key out."""
    said = json.loads(json.dumps(said))
    *inner, last = path.split("/")
    place: Any = said
    for key in inner:
        place = place[int(key) if key.isdigit() else key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return said
