"""One lock for all that only one process may do: it names its holder, waits as long as asked, falls with a kill."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from orrery import locking
from orrery.errors import Locked

HOLDER = """
import pathlib, sys, time
from orrery import locking
with locking.held(pathlib.Path(sys.argv[1]), 0, "asked", "fix"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_holder_is_named_and_a_kill_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(Locked) as caught, locking.held(path, 0, "asked", "fix"):
                pytest.fail("two hold it")
            told = f"asked\n  looked in:  {path}\n  found:      held by process {holder.pid}\n  to fix:     fix"
            assert str(caught.value) == told
        finally:
            holder.kill()
    with locking.held(path, 0, "asked", "fix"):
        pass


def test_it_waits_as_long_as_asked_and_says_so_once(tmp_path: Path) -> None:
    told: list[str] = []
    with locking.held(tmp_path / "lock", 0, "asked", "fix"):
        began = time.monotonic()
        with (
            pytest.raises(Locked),
            locking.held(tmp_path / "lock", 1.3, "asked", "fix", lambda: told.append("waiting")),
        ):
            pytest.fail("two hold it")
        assert time.monotonic() - began >= 1.3
    assert told == ["waiting"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"), locking.held(tmp_path / "lock", 0, "asked", "fix"):
        pytest.fail("it followed")
    assert not (tmp_path / "elsewhere").exists()
