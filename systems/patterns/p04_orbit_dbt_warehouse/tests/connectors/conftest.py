"""A service that answers as JPL does, and runs of the connectors against it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import jpl_service as fake
from jpl_runs import Runs
from jpl_service import Service


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(fake.some_bodies(39), fake.some_approaches(370)) as running:  # 26 of them near the Earth
        yield running


@pytest.fixture
def run(tmp_path: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> Runs:
    return Runs(tmp_path / "in" / "box", service, capsys)
