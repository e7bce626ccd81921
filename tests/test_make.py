"""`make` as a newcomer types it: a fresh copy in a folder with blanks and letters beyond ASCII, no HOME, no environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What git would give to somebody who clones this, with the changes that are not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    copy = tmp_path_factory.mktemp("new") / "my Orrery – Zürich"
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    yield copy
    down = make(copy, "down")
    assert down.returncode == 0, down.stderr


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """No HOME and nothing else of ours, but for the downloads of this machine: they are not what is tested."""
    ours = ("ARGS", "SYSTEM", "HOME", "MAKE", "MFLAGS", "ORRERY", "PG", "PYTEST", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    home = Path(os.environ.get("HOME", "/nonexistent"))
    for name, cache in (("UV_CACHE_DIR", home / ".cache" / "uv"), ("PIP_CACHE_DIR", home / ".cache" / "pip")):
        if cache.is_dir() and os.access(cache, os.W_OK):
            kept[name] = os.environ.get(name, str(cache))
    return subprocess.run(
        ["make", *words], cwd=folder, env=kept, capture_output=True, text=True, timeout=280, check=False
    )


def test_make_alone_lists_the_targets(checkout: Path) -> None:
    listed = make(checkout)
    assert listed.returncode == 0
    assert {"run", "test", "lint", "bench"} <= {
        line.split()[1] for line in listed.stdout.splitlines() if "make " in line
    }
    assert sorted(path.name for path in checkout.iterdir() if path.name.startswith(".v")) == []


def test_make_run_loads_the_launches_and_then_nothing_new(checkout: Path) -> None:
    first = make(checkout, "run")
    assert first.returncode == 0, first.stderr
    assert "5,667 rows read = 5,667 kept + 0 refused" in first.stdout
    assert "Installing" in first.stderr
    command = next(line for line in first.stdout.splitlines() if "look at it" in line).split(":")[1].split()
    shown = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    assert "Sputnik" in shown.stdout
    again = make(checkout, "run")
    assert again.returncode == 0, again.stderr
    assert "nothing new" in again.stdout
    assert "Installing" not in again.stderr
    made = {path.name for path in checkout.iterdir()} - {path.name for path in ROOT.iterdir()}
    assert made <= {".venv", ".orrery", ".make"}


def test_what_was_installed_is_what_the_system_needs(checkout: Path) -> None:
    there = {path.name.partition("-")[0] for path in (checkout / ".venv" / "lib").glob("*/site-packages/*.dist-info")}
    assert {"duckdb", "psycopg", "pandas"} <= there
    assert there & {"pytest", "mypy", "ruff", "hypothesis", "dlt", "openlineage_python"} == set()
