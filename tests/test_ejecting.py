"""A system that was taken out installs, runs and passes its tests, without the catalogue and without orrery-data."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orrery import catalogue, ejecting, testing

ROOT = Path(__file__).resolve().parents[1]
METEOR = catalogue.find("p01_meteor")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Meteor, taken out, in a folder with a blank and a letter beyond ASCII."""
    folder = tmp_path_factory.mktemp("out") / "my löader"
    ended = testing.orrery("eject", "meteor", str(folder))
    assert ended.exit_code == 0, ended.stderr
    yield folder
    make(folder, "down")


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As somebody types it who has nothing of ours but the downloads of this machine."""
    ours = ("ARGS", "SYSTEM", "MAKE", "MFLAGS", "ORRERY", "PG", "PYTEST", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        ["make", *words], cwd=folder, env=kept, capture_output=True, text=True, timeout=1100, check=False
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)  # an installation and a whole suite
def test_it_installs_runs_and_passes_its_tests_on_its_own(project: Path) -> None:
    ran = make(project, "run")
    assert ran.returncode == 0, ran.stderr
    assert "5,667 rows read = 5,667 kept + 0 refused" in ran.stdout
    tested = make(project, "test", "ARGS=-m 'not catalogue and not slow'")
    assert tested.returncode == 0, tested.stdout[-3000:]
    passed = re.search(r"=+ ([0-9]+) passed(?:, [0-9]+ deselected)? in", tested.stdout)
    assert passed is not None, tested.stdout[-500:]
    assert int(passed[1]) > 300
    where = subprocess.run(
        [project / ".venv" / "bin" / "python", "-P", "-c", "import orrery; print(orrery.__file__)"],
        cwd=project, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(project / "vendored")
    listed = subprocess.run(
        [project / ".venv" / "bin" / "orrery", "list", "--json"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [row["name"] for row in json.loads(listed.stdout)] == ["Meteor"], "no catalogue"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_system_that_a_script_loads_does_so_on_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "my comet"
    assert testing.orrery("eject", "comet", str(folder)).exit_code == 0
    try:
        ran = make(folder, "run")
        assert ran.returncode == 0, ran.stderr
        assert "4,127 rows read = 4,121 kept + 6 refused" in ran.stdout
        again = make(folder, "run")
        assert "nothing new" in again.stdout
        tested = make(folder, "test", "ARGS=-m 'not catalogue and not slow'")
        assert tested.returncode == 0, tested.stdout[-3000:]
        passed = re.search(r"=+ ([0-9]+) passed(?:, [0-9]+ deselected)? in", tested.stdout)
        assert passed is not None, tested.stdout[-500:]
        assert int(passed[1]) > 150
    finally:
        make(folder, "down")


def test_it_is_the_same_every_time_and_names_no_path_of_this_machine(project: Path) -> None:
    files = ejecting.contents(METEOR, project.name)
    assert files == ejecting.contents(METEOR, project.name)
    assert {name: (project / name).read_bytes() for name in files} == files
    for name, content in files.items():
        assert str(ROOT).encode() not in content, name
        assert str(Path.home()).encode() + b"/" not in content, name


def test_what_is_vendored_is_what_is_imported_and_as_it_was(project: Path) -> None:
    record = json.loads((project / ejecting.RECORD).read_text(encoding="utf-8"))["files"]
    vendored = {name for name in record if name.startswith(ejecting.CORE)}
    for name in vendored:
        assert (project / name).read_bytes() == (ROOT / "src" / name.removeprefix("vendored/")).read_bytes()
        assert record[name] == hashlib.sha256((project / name).read_bytes()).hexdigest()
    assert f"{ejecting.CORE}/effects.py" in vendored
    assert not [name for name in vendored if re.search("drills|proving|simulating|roadmap", name)]
    # every import within what is vendored leads to something that is vendored
    core = project / ejecting.CORE
    missing = subprocess.run(
        [sys.executable, "-P", "-c", _IMPORT_ALL, str(core)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(core.parent)},
    )  # fmt: skip
    assert missing.returncode == 0, missing.stderr


_IMPORT_ALL = """
import importlib, pathlib, sys
core = pathlib.Path(sys.argv[1])
import orrery
assert pathlib.Path(orrery.__file__).parent == core, orrery.__file__
for path in sorted(core.rglob("*.py")):
    name = path.relative_to(core).with_suffix("").as_posix().replace("/", ".")
    if name != "__main__":
        importlib.import_module(("orrery." + name).removesuffix(".__init__"))
"""


def test_diff_says_what_moved_there_and_here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert testing.orrery("eject", "meteor", "--diff", str(project)).exit_code == 0
    mine = project / METEOR.folder.name / "cleaning.py"
    before = mine.read_text(encoding="utf-8")
    mine.write_text(before + "# mine\n", encoding="utf-8")
    try:
        ended = testing.orrery("eject", "meteor", "--diff", str(project), "--json")
        assert (ended.exit_code, [(each["here"], each["there"]) for each in ended.json]) == (0, [("changed", "same")])
        real = ejecting.contents

        def later(*given: object) -> dict[str, bytes]:
            files = real(*given)  # type: ignore[arg-type]
            return {name: content + b"# later\n" * name.endswith("effects.py") for name, content in files.items()}

        monkeypatch.setattr(ejecting, "contents", later)
        ended = testing.orrery("eject", "meteor", "--diff", str(project))
        assert ended.exit_code == 3
        assert "+# later" in ended.stdout
        assert "# mine" not in ended.stdout, "what only you changed is not taken back"
    finally:
        mine.write_text(before, encoding="utf-8")


@pytest.mark.parametrize("place", ["full", "inside", "nowhere/deep"])
def test_a_place_that_will_not_do_is_refused_and_not_touched(tmp_path: Path, place: str) -> None:
    folder = ROOT / "systems" / "x" if place == "inside" else tmp_path / place
    if place == "full":
        folder.mkdir()
        (folder / "mine.txt").touch()
    ended = testing.orrery("eject", "meteor", str(folder))
    assert ended.exit_code == 2
    assert "cannot be put into" in ended.stderr
    assert not (ROOT / "systems" / "x").exists()
    assert [path.name for path in tmp_path.iterdir()] == (["full"] if place == "full" else [])
    assert testing.orrery("eject", "meteor", "--diff", str(tmp_path)).exit_code == 2
