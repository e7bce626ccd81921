"""The disk is full under the warehouse and the state folder: a real one (tmpfs) where this user may mount."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from orbit_deliveries import dirty
from orbit_scenario import ORBIT

from orrery import catalogue, publishing, run
from orrery.claims import differences
from orrery.drills import checks
from orrery.errors import ExitCode
from orrery.testing import Result, Target, orrery

FEW = 1 << 20  # bytes that are left: for the log of a run, not for its tables


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk with a warehouse on it, of one answer."""
    with checks.small_disk(tmp_path_factory.mktemp("full") / "disk") as found:
        if not os.path.ismount(found):
            pytest.skip("this user may not mount a disk")
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("ORRERY_HOME", str(found / "home"))
            (found / "a.json").write_bytes(dirty(1))
            (found / "b.json").write_bytes(dirty(2))
            assert given(found / "a.json").exit_code == 0
            yield found


def given(path: Path) -> Result:
    return orrery("run", "orbit", "--data", f"answers={path}")


def fill(disk: Path, left: int) -> None:
    """Leave so many bytes."""
    with (disk / "ballast").open("ab") as out:
        while (free := shutil.disk_usage(disk).free - left) > 0:
            out.write(b"x" * min(free, checks.MEGABYTE))
            out.flush()


def holds(disk: Path, *names: str) -> list[str]:
    """What is not as the oracle makes it of these files."""
    target = Target(disk / "home", catalogue.find("p04_orbit"))
    told = ORBIT.oracle([(name, (disk / name).read_bytes()) for name in names])
    return [*differences(told, target.rows(), target.rejects()), *target.broken_invariants()]


def test_a_disk_without_room_for_the_copy_ends_the_run_before_it_builds(disk: Path) -> None:
    fill(disk, publishing.ROOM)
    ended = given(disk / "b.json")
    (disk / "ballast").unlink()
    assert ended.exit_code == ExitCode.OUT_OF_SPACE, ended.stderr
    assert "There is no room for a copy of the warehouse" in ended.stderr
    assert "build" not in ended.stderr.partition("error 8")[0]
    assert holds(disk, "a.json") == []


def test_a_disk_that_fills_while_dbt_builds_ends_the_run_and_nothing_else(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(run, "faultpoint", lambda point: fill(disk, FEW) if point == "build.before" else None)
        ended = given(disk / "b.json")
    (disk / "ballast").unlink()
    assert ended.exit_code == ExitCode.OUT_OF_SPACE, ended.stderr
    assert "Traceback" not in ended.stderr
    assert holds(disk, "a.json") == []
    again = given(disk / "b.json")
    assert again.exit_code == 0, again.stderr
    assert holds(disk, "a.json", "b.json") == []
