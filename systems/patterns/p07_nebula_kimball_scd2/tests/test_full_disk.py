"""The disk is full under the server and the state folder: a real one (tmpfs) where this user may mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nebula_scenario import NEBULA, dirty, large

from orrery import catalogue
from orrery.drills import checks

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_disk_that_is_full_ends_the_run_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_bytes(dirty(1))
    second.write_bytes(large("x"))
    with checks.small_disk(tmp_path / "disk") as disk:
        monkeypatch.setenv("ORRERY_HOME", str(disk / "home"))
        nebula = catalogue.find("p07_nebula")
        checks.full_disk_ends_the_run(disk, nebula, NEBULA, (first, second), "model.done:enospc")
