"""The dbt projects of all systems: dbt 2 reads them as dbt 1 does, and BigQuery's SQL comes out of them without an account."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml

from orrery import catalogue, environments, profiles
from orrery.engines import dbt

PROJECTS = {system.slug: system.folder / "dbt_project" for system in catalogue.systems()}
PROJECTS = {slug: folder for slug, folder in PROJECTS.items() if folder.is_dir()}
pytestmark = [pytest.mark.catalogue, pytest.mark.timeout(900)]


def targets(folder: Path) -> list[str]:
    [profile] = yaml.safe_load((folder / "profiles.yml").read_text(encoding="utf-8")).values()
    return list(profile["outputs"])


def called(
    program: list[str], folder: Path, written: Path, *arguments: str, more: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """dbt's manifest after a command, which must end well."""
    places = ["--project-dir", folder, "--profiles-dir", folder, "--target-path", written, "--log-path", written]
    done = subprocess.run(
        [*program, *arguments, *map(str, places)],
        cwd=written,
        env=profiles.tool_environment({**dbt.QUIET, "DO_NOT_TRACK": "1", **(more or {})}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return dict(json.loads((written / "manifest.json").read_text(encoding="utf-8")))


# of BigQuery's reference: what the projects may call; sqlglot takes other engines' functions and types for its own
FUNCTIONS = frozenset(
    {
        *("abs", "cos", "div", "floor", "greatest", "least", "power", "sign", "sin", "sqrt"),
        *("array_agg", "array_length", "avg", "count", "lag", "lead", "max", "min", "row_number", "sum", "unnest"),
        *("date_add", "date_diff", "datetime_add", "datetime_diff", "format_date"),
        *("cast", "coalesce", "nullif", "safe_cast", "safe_offset"),
        *("regexp_contains", "regexp_replace", "replace", "split", "trim"),
    }
)
NO_FUNCTIONS = frozenset({"and", "as", "by", "else", "exists", "from", "in", "interval", "not", "on", "or", "over"})
NO_FUNCTIONS |= {"select", "then", "using", "values", "when", "where"}
OTHERS = re.compile(r"\bas (double|text|varchar|real|float|timestamp_[nlt]+z|timestamptz)\s*\)|[\w)'\"]::\s*\w")
ONE = [sys.executable, "-P", "-c", "from dbt.cli.main import cli; cli()"]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The program of dbt 2, in an environment of its own."""
    python = environments.python(tmp_path_factory.mktemp("two"), "dbt-2", print)
    return [str(python.with_name("dbt"))]


def nodes(manifest: Mapping[str, Any]) -> set[str]:
    kinds = ("nodes", "unit_tests", "sources", "exposures")
    return {name for kind in kinds for name in manifest[kind]}


@pytest.mark.parametrize("slug", PROJECTS)
def test_dbt_2_finds_in_it_what_dbt_1_finds(slug: str, two: list[str], tmp_path: Path) -> None:
    folder = shutil.copytree(PROJECTS[slug], tmp_path / "project")  # dbt 2 writes into its .gitignore
    (tmp_path / "one").mkdir()
    found = nodes(called(ONE, folder, tmp_path / "one", "parse"))
    assert len(found) > 20
    for target in targets(folder):
        (tmp_path / target).mkdir()
        more = {"DBT_ALLOW_EXPERIMENTAL_ADAPTERS": "true"}  # PostgreSQL's, in dbt 2
        assert nodes(called(two, folder, tmp_path / target, "parse", "--target", target, more=more)) == found, target


@pytest.mark.parametrize("slug", [slug for slug, folder in PROJECTS.items() if "bigquery" in targets(folder)])
def test_its_sql_for_bigquery_is_bigquerys(slug: str, tmp_path: Path) -> None:
    nobody = tmp_path / "nobody.json"  # credentials are looked at when a query is sent, and none is
    nobody.write_text('{"type": "authorized_user", "client_id": "", "client_secret": "", "refresh_token": ""}')
    asks_what_is_there = "config.materialized:incremental"
    arguments = ["--target", "bigquery", "--no-introspect", "--no-populate-cache", "--exclude", asks_what_is_there]
    more = {"GOOGLE_APPLICATION_CREDENTIALS": str(nobody), "GOOGLE_CLOUD_PROJECT": "nobody"}
    manifest = called(ONE, PROJECTS[slug], tmp_path, "compile", *arguments, "resource_type:unit_test", more=more)
    compiled = {name: node["compiled_code"] for name, node in manifest["nodes"].items() if node.get("compiled_code")}
    models = {name for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    incremental = {name for name in models if manifest["nodes"][name]["config"]["materialized"] == "incremental"}
    assert models - compiled.keys() == incremental
    for name, sql in compiled.items():
        [parsed] = sqlglot.parse(sql, read="bigquery", error_level=sqlglot.ErrorLevel.RAISE)
        assert parsed is not None
        code = re.sub(r"'(?:[^'\\]|\\.|'')*'", "''", re.sub(r"--.*", "", sql)).lower()
        called_there = set(re.findall(r"\b([a-z_]\w*)\s*\(", code)) - NO_FUNCTIONS
        named = set(re.findall(r"\b(\w+) as \(", code))  # a common table expression
        assert called_there - named <= FUNCTIONS, f"{name}: not BigQuery's: {called_there - named - FUNCTIONS}"
        assert not OTHERS.search(code), f"{name}: another engine's: {OTHERS.search(code)}"
