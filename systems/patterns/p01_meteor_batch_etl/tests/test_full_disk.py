"""The disk is full under the server and the state folder: a real one (tmpfs) where this user may mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

import meteor_scenario as scenario

from orrery import catalogue
from orrery.drills import checks

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_disk_that_is_full_ends_the_run_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_bytes(scenario.dirty(1))
    large.write_bytes(scenario.large("x", times=20))
    with checks.small_disk(tmp_path / "disk") as disk:
        monkeypatch.setenv("ORRERY_HOME", str(disk / "home"))
        meteor = catalogue.find("p01_meteor")
        checks.full_disk_ends_the_run(disk, meteor, scenario.METEOR, (small, large), "copy.after:enospc")
