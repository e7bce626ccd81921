"""What the drill's tests of every system look at, written once; each raises AssertionError where it does not hold."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orrery import faults
from orrery.claims import Scenario, differences
from orrery.drills import trials
from orrery.drills.trials import Case, Ground
from orrery.drills.verdicts import CODES
from orrery.engines import postgres_server
from orrery.errors import ExitCode
from orrery.manifest import Manifest
from orrery.testing import Target, orrery

MEGABYTE = 1 << 20
ROOM = 12 * MEGABYTE  # that is left on a full disk: for the log of a run, not for its rows


def fault_is_survived(ground: Ground, case: Case, fault: str, point: str) -> None:
    """A fault at a point leaves nothing lost and nothing doubled, and it has really come."""
    verdict = trials.attempt(ground, case, fault, point)
    assert verdict.wrong == []
    assert verdict.has_fired


def pairs_end_in_turn(ground: Ground, pairs: int = 3) -> None:
    """Two runs at once end as one after the other would, or one is refused."""
    for number in range(pairs):
        assert trials.together(ground, number, random.Random(number)).wrong == []  # noqa: S311 (a seed)


def every_cell_is_proven(tests: Path) -> None:
    """`faults.toml` names for each cell of the fault matrix a fault of the drill, a test that there is, or why neither.

    Args:
        tests: the system's folder of tests; those of the core are looked at, too.
    """
    cells = tomllib.loads((tests / "faults.toml").read_text(encoding="utf-8"))["cells"]
    assert list(cells) == [f"F{number}" for number in range(1, 21)]
    paths = [path for folder in (tests, tests.parents[3] / "tests") for path in folder.rglob("test_*.py")]
    there = "".join(path.read_text(encoding="utf-8") for path in paths)
    for cell, named in cells.items():
        assert set(named) <= {"what", "drill", "tests", "not_here"}, cell
        assert named.get("drill") or named.get("tests") or named.get("not_here"), cell
        assert set(named.get("drill", [])) <= {*CODES, "concurrency"}, cell
        assert [test for test in named.get("tests", []) if f"def {test}(" not in there] == [], cell


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 500 MB (tmpfs) at a folder that is made; without the right to mount, the folder."""
    folder.mkdir(mode=0o755)
    mount = ["mount", "-t", "tmpfs", "-o", "size=500m", "tmpfs", str(folder)]
    is_mounted = os.geteuid() == 0 and not subprocess.run(mount, check=False, capture_output=True).returncode
    try:
        yield folder
    finally:
        postgres_server.stop(folder / "home")
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 (found by PATH)


def full_disk_ends_the_run(
    disk: Path, system: Manifest, scenario: Scenario, files: tuple[Path, Path], fault: str
) -> None:
    """A disk that is full ends a run and nothing else: what was there stays, and with room again the run succeeds.

    Args:
        disk: of `small_disk`; ORRERY_HOME is `home` in it.
        files: one that fits, then one that does not.
        fault: what stands for the full disk where none could be mounted (`point:enospc`).
    """
    small, large = files
    given = ["run", scenario.system, "--data"]
    assert orrery(*given, f"{scenario.input}={small}").exit_code == 0
    is_real, ballast = os.path.ismount(disk), disk / "ballast"
    try:
        if is_real:
            with ballast.open("wb") as out:
                for _ in range((shutil.disk_usage(disk).free - ROOM) // MEGABYTE):
                    out.write(b"x" * MEGABYTE)
        else:
            faults.load(fault)
        ended = orrery(*given, f"{scenario.input}={large}")
    finally:
        faults.load(None)
        ballast.unlink(missing_ok=True)
    full = (ExitCode.DEPENDENCY_DOWN, ExitCode.OUT_OF_SPACE) if is_real else (ExitCode.OUT_OF_SPACE,)
    assert ended.exit_code in full, ended.stderr
    assert "Traceback" not in ended.stderr
    target = Target(disk / "home", system)
    told = [(path.name, path.read_bytes()) for path in files]
    try:
        for there in (told[:1], told):
            if there is told:
                again = orrery(*given, f"{scenario.input}={large}")
                assert again.exit_code == 0, again.stderr
            assert differences(scenario.oracle(there), target.rows(scenario.table), target.rejects()) == []
        assert target.broken_invariants() == []
    finally:
        target.close()
