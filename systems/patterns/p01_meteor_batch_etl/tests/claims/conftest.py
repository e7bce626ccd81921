"""Meteor on trial: what its claims' tests get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from meteor_scenario import METEOR

from orrery.claims import Trial
from orrery.testing import Result, Target


@pytest.fixture
def trial(target: Target, orrery_run: Callable[[list[str]], Result], tmp_path: Path) -> Iterator[Trial]:
    with Trial(METEOR, target, orrery_run, tmp_path / "work") as on_trial:
        yield on_trial
