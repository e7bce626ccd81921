"""Which source columns each column of a dbt model is made from, as the compiled SQL says (by sqlglot).

dbt knows which model refers to which; columns it does not follow. A column that is made by a way that the parser does
not know has no sources here, and the model still has those that dbt tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

Column = tuple[str, str]  # `schema.table`, column


def of_project(manifest: Mapping[str, Any], catalogue: Mapping[str, Any]) -> dict[str, dict[str, list[Column]]]:
    """For each model (`schema.table`) and column the columns of dbt's sources that it is made from.

    Args:
        manifest, catalogue: dbt's artefacts, of one build.
    """
    dialect = manifest["metadata"]["adapter_type"]
    described = {**catalogue["nodes"], **catalogue["sources"]}
    schema: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for each in described.values():
        place = each["metadata"]
        columns = {column["name"]: column["type"] for column in each["columns"].values()}
        schema.setdefault(place["database"], {}).setdefault(place["schema"], {})[place["name"]] = columns
    direct: dict[str, dict[str, set[Column]]] = {}
    for unique_id, node in _parents_first(manifest["nodes"]):
        if node["resource_type"] == "model" and node.get("compiled_code"):
            found = _of_query(node["compiled_code"], schema, dialect)
            direct[_relation(described, unique_id, node)] = found
            if found and unique_id not in described:  # not every catalogue has the views
                names = dict.fromkeys(found, "text")
                schema.setdefault(node["database"], {}).setdefault(node["schema"], {})[node["name"]] = names
    sources = {_relation(described, unique_id, node) for unique_id, node in manifest["sources"].items()}
    return {
        model: {column: sorted(_traced(parents, direct, sources)) for column, parents in columns.items()}
        for model, columns in direct.items()
    }


def _parents_first(nodes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    graph = {unique_id: node.get("depends_on", {}).get("nodes", ()) for unique_id, node in nodes.items()}
    for unique_id in TopologicalSorter(graph).static_order():
        if unique_id in nodes:
            yield unique_id, nodes[unique_id]


def _relation(described: Mapping[str, Any], unique_id: str, node: Mapping[str, Any]) -> str:
    place = described.get(unique_id, {}).get("metadata", {})
    return f"{place.get('schema', node['schema'])}.{place.get('name', node['name'])}".lower()


def _of_query(sql: str, schema: dict[str, Any], dialect: str) -> dict[str, set[Column]]:
    """The columns of tables that each column of a query is made from."""
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    found: dict[str, set[Column]] = {}
    try:
        query = qualify(parse_one(sql, dialect=dialect), schema=schema, dialect=dialect, validate_qualify_columns=False)
        scope = build_scope(query)
        if not isinstance(query, exp.Query):
            return {}
        for name in query.named_selects:
            made = lineage(name, query, schema={}, scope=scope, dialect=dialect, trim_selects=False)
            found[name.lower()] = {
                (f"{table.db}.{table.name}".lower(), node.name.rpartition(".")[2].strip('"').lower())
                for node in made.walk()
                if isinstance(table := node.source, exp.Table) and table.name
            }
    except (SqlglotError, ValueError, RecursionError):  # SQL that the parser does not know, or not so deeply nested
        return {}
    found.pop("*", None)  # all columns of something whose columns nobody told
    return found


def _traced(columns: set[Column], direct: Mapping[str, Mapping[str, set[Column]]], sources: set[str]) -> set[Column]:
    """Columns of sources behind columns of models."""
    found: set[Column] = set()
    waiting, seen = list(columns), set(columns)
    while waiting:
        table, column = waiting.pop()
        if table in sources:
            found.add((table, column))
        new = [each for each in _parents(direct, table, column) if each not in seen]
        seen.update(new)
        waiting += new
    return found


def _parents(direct: Mapping[str, Mapping[str, set[Column]]], table: str, column: str) -> Iterator[Column]:
    yield from direct.get(table, {}).get(column, ())
