"""dbt as it is: its exit codes, each of its errors in four parts, its nodes and artefacts, and nothing written elsewhere."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from tiny_system import ended, start

from orrery import looks
from orrery.cli import render
from orrery.engines import dbt
from orrery.errors import BadInput, DependencyDown, GateClosed, OrreryError
from orrery.run import Run

PROFILES = """
tiny:
  target: duckdb
  outputs:
    duckdb: {type: duckdb, path: "{{ env_var('DUCKDB_PATH') }}", schema: p99_tiny, threads: 1}
"""
GOOD = {
    "dbt_project.yml": "name: tiny\nprofile: tiny\nversion: 1.0.0\nseeds: {+quote_columns: false, +fast: false}\n",
    "profiles.yml": PROFILES,
    "seeds/fruits.csv": "name,price\napple,3\npear,4\nplum,-1\n",
    "models/cheap.sql": "select name, price from {{ ref('fruits') }} where price < {{ var('limit', 4) }}\n",
    "models/seen.sql": "{{ config(materialized='table') }}\nselect upper(name) as name, price from {{ ref('cheap') }}\n",
    "models/all.yml": """
models:
  - name: seen
    columns: [{name: name, data_tests: [not_null, unique]}]
unit_tests:
  - name: names_are_loud
    model: seen
    given: [{input: ref('cheap'), rows: [{name: fig, price: 1}]}]
    expect: {rows: [{name: FIG, price: 1}]}
""",
    "tests/nothing_is_free.sql": "{{ config(severity='warn') }}\nselect * from {{ ref('seen') }} where price <= 0\n",
}


def written(folder: Path, files: Mapping[str, str | None]) -> Path:
    """A project; a file that is None is left out."""
    for name, text in {**GOOD, **files}.items():
        if text is not None:
            path = folder / "a project's folder" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return folder / "a project's folder"


def built(folder: Path, home: Path, *arguments: str, reporter: render.Quiet | None = None) -> dict[str, Any]:
    """A run that builds a project in a warehouse, as a system does it; gives what the run noted."""
    noted: dict[str, Any] = {}

    def steps(run: Run) -> None:
        run.reporter = reporter or run.reporter
        with looks.sole_writer(run, "analytics") as warehouse, warehouse.edition() as edition:
            made = dbt.Project(run, folder, edition.environment)
            ended = made.build("build", *arguments)
            noted.update(code=ended.exit_code, environment=made.environment, peak_mb=ended.peak_mb)
            rows = {}
            with edition.session() as session:
                for each in ended.of("test"):
                    if each.status == "fail":
                        rows[each.name] = [str(row) for row in session.query(each.compiled)[1]]
                if error := made.refusal(ended, rows):
                    raise error
                dbt.count(session, ended)
            dbt.tell(run, ended)
            noted.update(nodes=ended.nodes, outline=dbt.outline(ended), docs=made.docs("docs"), kept=made.keep())

    noted["summary"] = start(home, steps)
    return noted


def contents(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The project that builds, and what there was around it."""
    folder = tmp_path_factory.mktemp("good")
    project = written(folder, {})
    before = contents(project)
    found = built(project, folder / "home")
    return {**found, "home": folder / "home", "project": project, "is_same": contents(project) == before}


def test_every_node_is_told_with_its_seconds_and_a_table_with_its_rows(good: dict[str, Any]) -> None:
    assert good["code"] == 0
    nodes = {node.name: node for node in good["nodes"]}
    assert {name: (each.kind, each.how, each.status, each.rows) for name, each in nodes.items()} == {
        "fruits": ("seed", "seed", "success", 3),
        "cheap": ("model", "view", "success", None),
        "seen": ("model", "table", "success", 2),
        "names_are_loud": ("unit_test", "unit", "pass", None),
        "not_null_seen_name": ("test", "test", "pass", None),
        "unique_seen_name": ("test", "test", "pass", None),
        "nothing_is_free": ("test", "test", "warn", None),
    }
    assert all(0 < node.seconds < 60 for node in good["nodes"])
    assert list(nodes).index("names_are_loud") < list(nodes).index("seen") < list(nodes).index("unique_seen_name")
    assert [each["name"] for each in good["outline"]["models"]] == ["fruits", "cheap", "seen"]
    assert good["outline"]["tests"] == {"pass": 3, "warn": 1}
    assert good["outline"]["warnings"] == {"nothing_is_free": 1}
    assert good["peak_mb"] > 50


def test_models_are_told_in_the_order_of_the_graph_whatever_ended_first() -> None:
    def made(name: str) -> dbt.Node:
        return dbt.Node(f"model.tiny.{name}", name, "model", "table", "success", 0.1)

    place = {"model.tiny.parent": 0, "model.tiny.left": 1, "model.tiny.right": 2}
    ended = dbt.Ended(["build"], 0, [made("parent"), made("right"), made("left"), made("unknown")], place=place)
    assert [node.name for node in ended.of("model")] == ["parent", "left", "right", "unknown"]


def test_a_bad_end_without_a_bad_node_is_no_success(tmp_path: Path) -> None:
    hook = 'on-run-end: ["select nothing_of_this_name"]\n'
    folder = written(tmp_path, {"dbt_project.yml": GOOD["dbt_project.yml"] + hook})
    with pytest.raises(
        DependencyDown, match=r"dbt ended with exit code 1 before it was through.*nothing was published"
    ):
        built(folder, tmp_path / "home")
    assert not (tmp_path / "home" / "duckdb" / "p99_tiny_warehouse.duckdb").exists()


def test_its_artefacts_are_kept_with_the_run_and_are_dbts_own(good: dict[str, Any]) -> None:
    kept = good["home"] / "runs" / good["summary"]["run_id"] / "dbt"
    assert good["kept"] == kept
    assert {path.name for path in kept.iterdir()} == {"manifest.json", "run_results.json", "catalog.json", dbt.DOCS}
    results = json.loads((kept / "run_results.json").read_text(encoding="utf-8"))["results"]
    assert {each["unique_id"] for each in results} == {node.unique_id for node in good["nodes"]}
    assert "model.tiny.seen" in json.loads((kept / "catalog.json").read_text(encoding="utf-8"))["nodes"]
    events = (kept.parent / "events.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in events if '"kind": "dbt"' in line]
    assert [(each["node"], each["status"]) for each in told] == [(node.name, node.status) for node in good["nodes"]]


def test_it_tells_nobody_that_it_runs_and_writes_nothing_into_the_project(good: dict[str, Any]) -> None:
    environment = good["environment"]
    assert environment["DBT_SEND_ANONYMOUS_USAGE_STATS"] == environment["DBT_VERSION_CHECK"] == "false"
    assert environment.keys() <= {
        *("PATH", "HOME", "LANG", "LC_ALL", "TERM", "TZ", "PYTHONWARNINGS", "DBT_TARGET", "DUCKDB_PATH"),
        *dbt.QUIET,
    }
    assert good["is_same"], "no target/, no logs/, no .user.yml"
    assert not (good["home"] / "work" / "p99_tiny").exists()


WRONG: dict[str, tuple[dict[str, str | None], type[OrreryError], str, str]] = {
    "a data test": (
        {"tests/no_pears.sql": "select name, price from {{ ref('seen') }} where price > 0 or name = 'PLUM'"},
        GateClosed,
        "dbt's test no_pears says no: nothing was published",
        r"^2 rows: \('APPLE', 3\); \('PLUM', -1\)$",
    ),
    "a unit test": (
        {"models/seen.sql": "select lower(name) as name, price from {{ ref('cheap') }}"},
        GateClosed,
        r"dbt's unit test names_are_loud says no.*nothing was published",
        "FIG.*fig",
    ),
    "a contract": (
        {
            "models/all.yml": "models:\n  - name: seen\n    config: {contract: {enforced: true}}\n    columns:\n"
            "      - {name: name, data_type: text}\n      - {name: price, data_type: text}\n"
        },
        GateClosed,
        "The model seen is not what its contract says.*nothing was published",
        "price.*INTEGER.*VARCHAR",
    ),
    "a constraint": (
        {
            "models/seen.sql": "{{ config(materialized='table') }} select upper(name) as name, nullif(price, 3) as price from {{ ref('cheap') }}",
            "models/all.yml": "models:\n  - name: seen\n    config: {contract: {enforced: true}}\n    columns:\n"
            "      - {name: name, data_type: text}\n"
            "      - {name: price, data_type: integer, constraints: [{type: not_null}]}\n",
        },
        GateClosed,
        "The model seen is not what its contract says.*nothing was published",
        "NOT NULL constraint failed: .*price",
    ),
    "a statement": (
        {"models/cheap.sql": "select nmae from {{ ref('fruits') }}"},
        BadInput,
        "dbt could not build cheap.*nothing was published",
        "nmae",
    ),
    "YAML": ({"models/all.yml": "models:\n  - name: [seen\n"}, BadInput, "dbt could not read the project", "all.yml"),
    "no profile": ({"profiles.yml": None}, BadInput, "dbt could not read the project", "profile named 'tiny'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_goes_wrong_is_told_in_four_parts_and_nothing_is_published(case: str, tmp_path: Path) -> None:
    files, kind, asked, found = WRONG[case]
    folder = written(tmp_path, files)
    with pytest.raises(kind, match=asked) as caught:
        built(folder, tmp_path / "home")
    error = caught.value
    assert re.search(found, error.found), error.found
    assert folder.name in error.looked
    assert "dbt build" in error.fix
    assert 'eval "$(orrery env ' in error.fix
    assert not (tmp_path / "home" / "duckdb" / "p99_tiny_warehouse.duckdb").exists()


def test_a_project_that_has_moved_reads_its_own_seeds(tmp_path: Path) -> None:
    plain = {"dbt_project.yml": GOOD["dbt_project.yml"].replace(", +fast: false", "")}
    for name in ("here", "there"):
        project = written(tmp_path / "made", plain).rename(tmp_path / name)
        found = built(project, tmp_path / "home")
        shutil.rmtree(project)
        assert {node.name: node.rows for node in found["nodes"]}["fruits"] == 3


def test_artefacts_of_a_build_that_was_refused_are_kept_too(tmp_path: Path) -> None:
    files, kind, _, _ = WRONG["a data test"]
    with pytest.raises(kind):
        built(written(tmp_path, files), tmp_path / "home")
    [kept] = (tmp_path / "home" / "runs").glob("*/dbt/run_results.json")
    results = json.loads(kept.read_text(encoding="utf-8"))["results"]
    assert {each["unique_id"]: each["status"] for each in results}["test.tiny.no_pears"] == "fail"


def test_what_was_done_counts_for_the_same_project_profile_and_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found = written(tmp_path, {}), list[bool]()

    def asked(run: Run) -> None:
        made = dbt.Project(run, folder, {})
        found.extend(made.was_done(what, of) for what, of in (("pages", "a"), ("pages", "b"), ("unit tests", "a")))

    def done(run: Run) -> None:
        dbt.Project(run, folder, {}).done("pages", "a")

    def undone(run: Run) -> None:
        dbt.Project(run, folder, {}).undone("pages")

    home = tmp_path / "home"
    start(home, asked)
    start(home, done)
    start(home, asked)
    assert found == [False, False, False, True, False, False]
    start(home, asked, "emulated")  # what was tested on an emulator was not on the service
    assert not any(found[6:])
    version = importlib.metadata.version
    for part in ("dbt-core", "dbt-duckdb", "duckdb"):
        with monkeypatch.context() as patched:
            patched.setattr(importlib.metadata, "version", lambda of, part=part: "9" if of == part else version(of))
            start(home, asked)
    start(home, undone)
    start(home, asked)
    assert not any(found[6:])


class Killing(render.Quiet):
    """Somebody who kills dbt while it builds a model."""

    def step_reached(self, *_step: str) -> None:
        living = [each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE]
        [child] = [each for each in living if "dbt.cli.main" in " ".join(each.cmdline())]
        child.send_signal(signal.SIGKILL)


def test_a_dbt_that_is_killed_is_told_and_nothing_is_published(tmp_path: Path) -> None:
    folder = written(tmp_path, {"models/cheap.sql": "select sum(range) as name, 1 as price from range(10000000000)"})
    with pytest.raises(DependencyDown, match="dbt ended with signal 9") as caught:
        built(folder, tmp_path / "home", reporter=Killing())
    assert "build" in caught.value.looked
    assert not (tmp_path / "home" / "duckdb" / "p99_tiny_warehouse.duckdb").exists()
    assert ended(tmp_path / "home")[0][:2] == ("FAILED", 4)
