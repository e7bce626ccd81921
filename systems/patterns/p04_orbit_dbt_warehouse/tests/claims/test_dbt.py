"""dbt as it is: what it says is kept, a changed model builds alone, a broken contract stops, readers are not disturbed."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orbit_deliveries import dirty
from orbit_project_changed import Changed

from orrery import claims
from orrery.claims import Trial

if TYPE_CHECKING:
    import pytest


def test_dbt_speaks_for_itself(trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Changed(trial.target.system, tmp_path, monkeypatch)
    summary = trial.run(trial.deliver("a.json", dirty(1)))
    said, kept = summary["dbt"], trial.target.home / "runs" / summary["run_id"] / "dbt"
    assert said["exit_code"] == 0
    models = {model["name"]: model for model in said["models"]}
    assert models.keys() == project.models().keys() | {"orbit_classes"}
    for name, model in models.items():
        assert model["status"] == "success"
        assert (model["rows"] is None) == (model["how"] == "view")
        if model["rows"] is not None:
            [schema] = [
                each for each in ("", "_staging", "_intermediate") if trial.target.has(f"p04_orbit{each}.{name}")
            ]
            assert trial.target.query(f"select count(*) as n from p04_orbit{schema}.{name}") == [{"n": model["rows"]}]
    results = json.loads((kept / "run_results.json").read_text())["results"]
    tests = [each for each in results if each["unique_id"].startswith(("test.", "unit_test."))]
    assert len(tests) > 50
    assert sum(said["tests"].values()) == len(tests)
    assert said["tests"].get("warn", 0) == len(said["warnings"]) == sum(each["status"] == "warn" for each in tests)
    catalogue = json.loads((kept / "catalog.json").read_text())["nodes"]
    assert {f"model.p04_orbit.{name}" for name in project.models()} <= catalogue.keys()
    assert json.loads((kept / "manifest.json").read_text())["metadata"]["project_name"] == "p04_orbit"
    assert b"<html" in (kept / "static_index.html").read_bytes()[:2000].lower()
    # a test that fails: its rows are shown, dbt's own exit code is kept, ours is that of a gate
    (project.folder / "tests" / "nothing_is_far.sql").write_text(
        "select designation, aphelion_au from {{ ref('dim_small_body') }} where aphelion_au > 3 order by designation"
    )
    before = trial.target.state()
    refused = trial.call(trial.arguments(trial.deliver("b.json", dirty(2))))
    assert refused.exit_code == 3, refused.stderr
    assert "nothing_is_far" in refused.stderr
    assert "designation 1" in refused.stderr
    assert refused.json["dbt"]["exit_code"] == 1
    assert trial.target.state() == before


def test_a_changed_model_builds_with_its_children(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Changed(trial.target.system, tmp_path, monkeypatch)
    path = trial.deliver("a.json", dirty(1))
    trial.run(path)
    assert trial.run(path)["nothing_new"] is True
    for name in ("near_earth_objects", "dim_small_body"):
        model = project.file(f"{name}.sql")
        model.write_text(model.read_text() + "\n-- another thought\n")
        summary = trial.run(path)
        assert {each["name"] for each in summary["dbt"]["models"]} == project.with_children(name)
        assert summary["files_known"] == [{"name": "a.json", "loaded_as": "a.json"}]
        assert trial.run(path)["nothing_new"] is True
    trial.holds(trial.scenario.oracle([("a.json", path.read_bytes())]))
    # dbt does not see a variable: what it may change is everything
    variables = project.folder / "dbt_project.yml"
    variables.write_text(variables.read_text().replace("elements_valid_days: 1500", "elements_valid_days: 1499"))
    assert {each["name"] for each in trial.run(path)["dbt"]["models"]} == project.models().keys() | {"orbit_classes"}


def test_a_broken_contract_stops_the_build(trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Changed(trial.target.system, tmp_path, monkeypatch)
    path = trial.deliver("a.json", dirty(1))
    trial.run(path)
    before = trial.target.state()
    broken_contract(project)
    for more in ((), ("--set", "mode=full")):
        refused = trial.call(trial.arguments(path, *more))
        assert refused.exit_code == 3, refused.stderr
        assert "dim_orbit_class is not what its contract says" in refused.stderr
        assert "nothing was published" in refused.stderr
        assert trial.target.state() == before


def broken_contract(project: Changed) -> None:
    """A column of dim_orbit_class becomes a number, and its contract says text."""
    model = project.file("dim_orbit_class.sql")
    model.write_text(f"select class_code, 1 as name, kind, definition from (\n{model.read_text()}\n) as broken\n")


def test_readers_see_the_marts_of_before(trial: Trial) -> None:
    small, large = dirty(1), trial.scenario.large("a")
    trial.run(trial.deliver("a.json", small))
    before = trial.target.state()
    there = trial.target.look.query("select count(*), sum(hash(designation)) from p04_orbit.dim_small_body")
    path, runs = trial.deliver("b.json", large), trial.target.home / "runs"
    known = set(runs.iterdir())
    process = trial.start(path)
    claims.in_step(process, runs, known, "build")
    seen = 0
    while process.poll() is None and seen < 100:
        found = trial.target.look.query("select count(*), sum(hash(designation)) from p04_orbit.dim_small_body")
        assert found == there, "a reader saw a part"
        seen += 1
        time.sleep(0.02)
    assert seen == 100
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert trial.target.state() == before
    trial.run(path)
    [[place], [earlier]] = (next(iter(state.values())) for state in (trial.target.state(), before))
    assert place["inode"] != earlier["inode"], (
        "another file has taken the place of the one that somebody may be reading"
    )
    trial.holds(trial.scenario.oracle([("a.json", small), ("b.json", large)]))
    assert {each.name for each in (trial.target.home / "duckdb").iterdir()} == {
        "p04_orbit_warehouse.duckdb",
        "p04_orbit_warehouse.duckdb.lock",
    }
