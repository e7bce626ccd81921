"""What Nebula's tests need beside the common fixtures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the oracle and its deliveries are plain modules beside the tests

from nebula_scenario import NEBULA

from orrery.claims import Trial
from orrery.testing import Result, Target


@pytest.fixture
def trial(target: Target, orrery_run: Callable[[list[str]], Result], tmp_path: Path) -> Iterator[Trial]:
    """Nebula on trial, with an empty target."""
    with Trial(NEBULA, target, orrery_run, tmp_path / "work") as on_trial:
        yield on_trial
