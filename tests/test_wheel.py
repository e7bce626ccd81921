"""The wheel alone, in a fresh environment and an empty folder, runs a system."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sys.prefix) / "bin" / "uv"

pytestmark = pytest.mark.slow


def environment() -> dict[str, str]:
    """Ours without what points at this checkout, and with a place for downloads where there is no home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ORRERY", "PYTHON", "PG", "VIRTUAL_ENV", "PYTEST", "COV"))
    }
    home = Path(kept.get("HOME", "/nonexistent"))
    if not os.access(home, os.W_OK):
        kept.setdefault("UV_CACHE_DIR", str(Path(sys.prefix) / "cache" / "uv"))
    return kept


def call(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    ran = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{' '.join(words)}\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"
    return ran


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the backend that is installed here, so that nothing is fetched."""
    out = tmp_path_factory.mktemp("wheel")
    build = ["build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", out]
    call(UV, *build, ROOT, folder=out)
    [made] = out.glob("orrery_data-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and what its postgres extra wants; gives the folder of its commands."""
    fresh = tmp_path_factory.mktemp("fresh") / "venv"
    call(UV, "venv", "-q", "--python", sys.executable, fresh, folder=fresh.parent)
    into = ["pip", "install", "-q", "--python", fresh / "bin" / "python"]
    hashed = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    call(UV, *into, *hashed, "-r", ROOT / "requirements" / "run.lock", folder=fresh.parent)
    # The lock must hold all that the wheel asks for: with --offline and no index, a gap is an error here.
    call(UV, *into, "--offline", "--no-index", f"{wheel}[postgres]", folder=fresh.parent)
    return fresh / "bin"


def test_the_wheel_carries_the_systems_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "orrery/_systems/patterns/p01_meteor_batch_etl/system.toml" in names
    assert "orrery/_systems/patterns/p01_meteor_batch_etl/data/launch_log.csv" in names
    assert "orrery/_systems/patterns/p01_meteor_batch_etl/scaling.py" in names  # `orrery bench` needs it
    assert "orrery/_profiles/embedded.toml" in names
    assert "orrery/data/roadmap.toml" in names
    ours = [name for name in names if "/dbt_project/tests/" not in name]  # those are dbt's, and run with every build
    assert [name for name in ours if "/tests/" in name or "__pycache__" in name or name.endswith(".pyc")] == []
    assert "orrery/_systems/patterns/p04_orbit_dbt_warehouse/dbt_project/dbt_project.yml" in names
    assert "orrery/_requirements/snowflake-emulator.lock" in names


def test_the_wheel_runs_a_system_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    orrery = installed / "orrery"
    try:
        ran = call(orrery, "run", "meteor", "--json", folder=tmp_path)
        assert json.loads(ran.stdout)
    finally:  # unchecked, so that the first failure is the one that is shown
        down = subprocess.run([orrery, "down"], cwd=tmp_path, env=environment(), check=False)
    assert down.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".orrery"]
