"""Fixtures for all tests: one embedded PostgreSQL a test process, stopped at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orrery import catalogue, testing
from orrery.engines import postgres_server
from orrery.testing import Result, Target

pytest.register_assert_rewrite("orrery.claims")  # a claim that does not hold shows its two sides


@pytest.fixture(scope="session")
def warehouse_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with a running server; shared by the tests of this process.

    `orrery prove` names one that outlives the process, and stops its servers itself.
    """
    if kept := os.environ.get("ORRERY_TEST_HOME"):
        postgres_server.start(Path(kept))
        yield Path(kept)
        return
    home = tmp_path_factory.mktemp("home") / ".orrery"
    postgres_server.start(home)
    yield home
    postgres_server.stop(home)
    assert postgres_server.status(home) is None


@pytest.fixture
def target(warehouse_home: Path, request: pytest.FixtureRequest) -> Iterator[Target]:
    """The empty target of the system whose test this is; its invariants are checked when the test is over."""
    folder = Path(str(request.path)).parent.parent
    system = next(each for each in catalogue.systems() if each.folder in (folder, folder.parent))
    found = Target(warehouse_home, system)
    found.reset()
    yield found
    broken = found.broken_invariants()
    found.connection.close()
    assert not broken


@pytest.fixture
def orrery_run(warehouse_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # noqa: ANN201
    """`orrery` in an empty folder, with the shared server."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ORRERY_HOME", str(warehouse_home))

    def run(arguments: list[str]) -> Result:
        return testing.orrery(*arguments)

    return run


@pytest.fixture(autouse=True)
def _no_colour_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no colour codes, and no credentials of whoever runs them."""
    monkeypatch.setenv("NO_COLOR", "1")
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
