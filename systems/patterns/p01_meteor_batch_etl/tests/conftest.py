"""What Meteor's tests need beside the common fixtures: files to deliver, and runs that must succeed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orrery import catalogue
from orrery.judging import Judge
from orrery.testing import Result

sys.path.insert(0, str(Path(__file__).parent))  # the oracle and the corpus are plain modules beside the tests
pytest.register_assert_rewrite("meteor_scenario")

Deliver = Callable[..., Path]


@pytest.fixture
def sample() -> bytes:
    """The real launch log."""
    return (Path(__file__).parent.parent / "data" / "launch_log.csv").read_bytes()


@pytest.fixture
def deliver(tmp_path: Path) -> Deliver:
    """Put a file into the inbox, with a header and the given records, or with bytes as they are."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()

    def put(name: str, content: bytes) -> Path:
        path = inbox / name
        path.write_bytes(content)
        return path

    return put


@pytest.fixture
def meteor(orrery_run: Callable[[list[str]], Result]) -> Callable[..., Any]:
    """`orrery run meteor --json …`, which must end with exit code 0; gives what it printed."""

    def run(*arguments: object) -> Any:
        result = orrery_run(["run", "meteor", "--json", *map(str, arguments)])
        assert result.exit_code == 0, result.stderr
        return result.json

    return run


def judge_of(engine: str) -> Judge:
    """Meteor's judge, without a run."""
    system = catalogue.find("p01_meteor")
    return Judge(catalogue.function(system, "judging:launches")(system, {"engine": engine}))


@pytest.fixture(scope="module")
def judges() -> dict[str, Judge]:
    return {engine: judge_of(engine) for engine in ("pandas", "duckdb")}
