"""`make new-system` makes a folder that is in order, and that is planned until it claims something."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import new_system
import pytest
import readme_tables
import test_house_rules

from orrery import manifest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the tree, with Andromeda's folder in it, made by the copy's own tool."""
    copy = tmp_path / "tree"
    for path in test_house_rules.files(ROOT):
        to = copy / path.relative_to(ROOT)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
    made = python(copy, "tools/new_system.py", "p18")
    assert made.returncode == 0, made.stderr
    return copy


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python on the copy's own code."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "ORRERY_HOME": str(folder / "home")}
    return subprocess.run(
        [sys.executable, "-P", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def status(tree: Path) -> dict[str, str]:
    return {row["id"]: row["status"] for row in json.loads(python(tree, "-m", "orrery", "list", "--json").stdout)}


def test_a_new_folder_keeps_the_house_rules_and_the_style(tree: Path) -> None:
    folder = tree / "systems" / "patterns" / "p18_andromeda_plan_moves"
    assert {rule.__name__: rule(tree) for rule in test_house_rules.RULES if rule(tree)} == {}
    for words in (["check"], ["format", "--check"]):
        ran = python(tree, "-m", "ruff", *words, str(folder))
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_new_folder_is_planned_for_the_tables_the_list_and_the_verbs(tree: Path) -> None:
    assert readme_tables.check(tree) == ""
    assert status(tree)["p01"] != "planned"
    assert status(tree)["p18"] == "planned"
    for verb in ("info", "run", "plan"):
        ran = python(tree, "-m", "orrery", verb, "andromeda")
        assert ran.returncode == 2
        assert "planned and not built yet" in ran.stderr
        assert "p18_andromeda_plan_moves, with no [claims] yet" in ran.stderr


def test_the_tests_that_come_with_it_pass(tree: Path) -> None:
    ran = python(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "systems/patterns/p18_andromeda_plan_moves")
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout


def test_its_first_claim_brings_it_into_the_catalogue(tree: Path) -> None:
    path = tree / "systems" / "patterns" / "p18_andromeda_plan_moves" / "system.toml"
    with path.open("a", encoding="utf-8") as file:
        file.write('"Its contract can be read" = "test_every_contract_can_be_read"\n')
    assert status(tree)["p18"] != "planned"
    assert "p18_andromeda_plan_moves" in readme_tables.check(tree)  # README has to be written again


def test_every_row_of_the_roadmap_gives_a_manifest_that_can_be_read(tmp_path: Path) -> None:
    source = ROOT / "src" / "orrery" / "data" / "roadmap.toml"
    (tmp_path / "src/orrery/data").mkdir(parents=True)
    shutil.copy(source, tmp_path / "src/orrery/data/roadmap.toml")
    rows = [(track, row) for track, rows in readme_tables.roadmap(ROOT).items() for row in rows]
    assert len(rows) == 40
    for track, row in rows:
        read = manifest.read(new_system.make(tmp_path, row["id"]))
        assert read.folder.parent.name == track
        assert read.is_planned
        assert (read.id, read.name, read.title, read.domain, read.level) == (
            row["id"], row["name"], row["what"], row["domain"], row["level"],
        )  # fmt: skip
        assert list(read.tools) == row["stack"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["p18"], "Andromeda has a folder: systems/patterns/p18_andromeda_plan_moves"),
        (["p01"], "Meteor has a folder"),
        (["p99"], "There is no 'p99'"),
        (["p03", "--does", "Airflow DAG"], "cannot end a folder's name"),
        ([], "required: id"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_written(tree: Path, words: list[str], told: str) -> None:
    before = sorted((tree / "systems").rglob("*"))
    ran = python(tree, "tools/new_system.py", *words)
    assert ran.returncode != 0
    assert told in ran.stderr
    assert sorted((tree / "systems").rglob("*")) == before


def test_make_passes_the_id_and_the_name_on(tree: Path) -> None:
    """Without the bootstrap, which has been done: make's own line, run by this Python."""
    dry = subprocess.run(
        ["make", "-n", "new-system", "ID=d05", "DOES=attribution"], cwd=tree, capture_output=True, text=True, check=True
    )
    words = dry.stdout.splitlines()[-1].partition("tools/new_system.py")[2].split()
    ran = python(tree, "tools/new_system.py", *words)
    assert ran.returncode == 0, ran.stderr
    assert (tree / "systems/domains/d05_galacticcore_attribution/system.toml").exists()
