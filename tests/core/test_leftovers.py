"""The look around at the end of a session sees what was left, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from orrery import leftovers

ROOT = Path(__file__).resolve().parents[2]


def test_a_process_that_is_left_is_seen_until_it_ends() -> None:
    before = leftovers.look(ROOT)
    child = subprocess.Popen(
        [sys.executable, "-c", "input('left behind')"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        [told] = [each for each in leftovers.left(before, leftovers.look(ROOT)) if f"process {child.pid}:" in each]
        assert "left behind" in told
    finally:
        child.communicate()
    assert not [each for each in leftovers.left(before, leftovers.look(ROOT)) if f"process {child.pid}:" in each]


def test_a_file_that_is_left_is_seen(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    before = leftovers.look(tmp_path)
    (tmp_path / "left.txt").touch()
    with tempfile.TemporaryDirectory(prefix="orrery-left-") as name:
        left = leftovers.left(before, leftovers.look(tmp_path))
        assert "in the checkout: ?? left.txt" in left
        assert f"in {tempfile.gettempdir()}: {Path(name).name}" in left
