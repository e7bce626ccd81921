"""The disk is full under the server and the state folder: a real one (tmpfs) where this user may mount."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import meteor_scenario as scenario
import pytest

from orrery import catalogue, faults
from orrery.claims import differences
from orrery.engines import postgres_server
from orrery.testing import Target, orrery

MEGABYTE = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 MB; without the right to mount, a folder."""
    folder = tmp_path / "disk"
    folder.mkdir(mode=0o755)
    is_mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(folder)], check=False, capture_output=True
        ).returncode
    )
    yield folder
    postgres_server.stop(folder / "home")
    if is_mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_ends_the_run_and_nothing_else(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(disk / "home"))
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_bytes(scenario.dirty(1))
    large.write_bytes(scenario.large("x", times=20))
    assert orrery("run", "meteor", "--data", f"launches={small}").exit_code == 0
    before = scenario.told([("small.csv", small.read_bytes())])
    is_real = os.path.ismount(disk)
    ballast = disk / "ballast"
    try:
        if is_real:  # room for the log of the run, not for its rows
            left = shutil.disk_usage(disk).free - 12 * MEGABYTE
            with ballast.open("wb") as out:
                for _ in range(left // MEGABYTE):
                    out.write(b"x" * MEGABYTE)
        else:
            faults.load("copy.after:enospc")
        ended = orrery("run", "meteor", "--data", f"launches={large}")
    finally:
        faults.load(None)
        ballast.unlink(missing_ok=True)
    assert ended.exit_code in ((4, 8) if is_real else (8,)), ended.stderr
    assert "Traceback" not in ended.stderr
    target = Target(disk / "home", catalogue.find("p01_meteor"))
    try:
        assert differences(before, target.rows(), target.rejects()) == []
        again = orrery("run", "meteor", "--data", f"launches={large}")
        assert again.exit_code == 0, again.stderr
        both = scenario.told([("small.csv", small.read_bytes()), ("large.csv", large.read_bytes())])
        assert differences(both, target.rows(), target.rejects()) == []
        assert target.broken_invariants() == []
    finally:
        target.connection.close()
