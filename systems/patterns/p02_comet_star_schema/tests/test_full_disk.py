"""The disk is full under the server and the state folder: a real one (tmpfs) where this user may mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

import comet_deliveries as deliveries
from comet_scenario import COMET, SAMPLE, dirty

from orrery import catalogue
from orrery.drills import checks

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_disk_that_is_full_ends_the_load_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = tmp_path / "small.xml", tmp_path / "large.xml"
    small.write_bytes(dirty(1))
    large.write_bytes(deliveries.large("x", SAMPLE, times=10))
    with checks.small_disk(tmp_path / "disk") as disk:
        monkeypatch.setenv("ORRERY_HOME", str(disk / "home"))
        comet = catalogue.find("p02_comet")
        checks.full_disk_ends_the_run(disk, comet, COMET, (small, large), "planets.before:enospc")
