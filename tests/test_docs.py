"""README says what is there: the two tables, the verbs of the command line, the targets of make."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import readme_tables as tables

ROOT = Path(__file__).resolve().parents[1]
VERBS = {
    "list",
    "info",
    "doctor",
    "plan",
    "run",
    "runs",
    "show",
    "check",
    "diff",
    "lineage",
    "up",
    "down",
    "ps",
    "env",
    "clean",
}


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the tables are made from, to be changed by a test."""
    for name in ("README.md", "src/orrery/data/roadmap.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "systems", tmp_path / "systems", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_figures_are_those_that_were_measured() -> None:
    command = [sys.executable, str(ROOT / "tools" / "readme_bench.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_says_how_many_tests_there_are(readme: str, request: pytest.FixtureRequest, whole_suite: bool) -> None:
    """Of the whole suite: a run of a part of it knows no better."""
    said = re.search(r"=+ ([0-9]+) passed in", readme)
    assert said is not None
    if whole_suite:
        assert int(said[1]) == request.session.testscollected


@pytest.mark.timeout(900)  # every system runs, one of them on two engines
def test_output_blocks_are_what_the_commands_print() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "readme_output.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_tables_agree_with_the_catalogue() -> None:
    assert tables.check() == ""


def test_a_table_that_lies_is_found(copy: Path) -> None:
    readme = copy / "README.md"
    there = readme.read_text(encoding="utf-8")
    lies = re.sub(r"(\| 18_Andromeda \|.*\| )planned", r"\1runs", there)
    assert lies != there
    readme.write_text(lies, encoding="utf-8")
    assert "18_Andromeda" in tables.check(copy)


def test_runs_is_not_believed_of_a_claim_without_its_test(copy: Path) -> None:
    readme = copy / "README.md"
    there = readme.read_text(encoding="utf-8")
    readme.write_text(re.sub(r"(\[01_Meteor\].*\| )\w+ \|", r"\1runs |", there), encoding="utf-8")
    manifest = next((copy / "systems").glob("patterns/p01_*/system.toml"))
    manifest.write_text(re.sub(r"= \"test_\w+\"", '= "test_of_nothing"', manifest.read_text(encoding="utf-8")))
    assert "01_Meteor" in tables.check(copy)


def test_the_roadmap_is_whole() -> None:
    rows = tables.roadmap(ROOT)
    assert [row["id"] for row in rows["patterns"]] == [f"p{n:02}" for n in range(1, 21)]
    assert [row["id"] for row in rows["domains"]] == [f"d{n:02}" for n in range(20)]
    for row in rows["patterns"] + rows["domains"]:
        assert row["link"] == f"{row['id'][1:]}_{row['name']}"
        assert len(row["what"]) <= 110


def verbs() -> list[str]:
    """The commands that the program itself lists."""
    command = [sys.executable, "-P", "-m", "orrery", "--help"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    listed = ran.stdout.partition("Commands:")[2].partition("Exit codes")[0]
    return re.findall(r"^  (\w+) ", listed, re.MULTILINE)


def test_readme_names_every_verb(readme: str) -> None:
    there = verbs()
    assert set(there) >= VERBS
    assert [verb for verb in there if not re.search(rf"\b{verb}\b", readme)] == []


def test_readme_names_no_verb_that_is_not_there(readme: str) -> None:
    assert set(re.findall(r"bin/orrery (\w+)", readme)) <= set(verbs())


def test_readme_names_only_targets_that_make_has(readme: str) -> None:
    has = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make (\w+)|^    make (\w+)", readme, re.MULTILINE))
    assert {one or other for one, other in named} <= has


def test_readme_has_the_exit_codes(readme: str) -> None:
    from orrery.errors import ExitCode

    assert [int(n) for n in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)] == sorted(ExitCode)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name: str) -> None:
    content = (ROOT / name).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!http|#)([^)#]+)", content)
    assert [target for target in targets if not (ROOT / target).exists()] == []
