"""A system of one table, for tests of the core: every run adds its own row.

    python tiny_system.py PROFILE

runs it in a process of its own, so that it can be killed (ORRERY_FAULT) or made to wait.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from orrery import catalogue, looks, profiles, run
from orrery.cli import render
from orrery.ledger import Ledger
from orrery.looks import Edition, Warehouse
from orrery.manifest import Manifest
from orrery.run import Request, Run

TINY = Manifest(
    folder=Path(__file__).parent,
    id="p99",
    name="Tiny",
    title="One row a run",
    domain="Tests",
    level="Beginner",
    tools=(),
    extras=(),
    entry="tiny_system:main",
    needs={"analytics": "duckdb"},
    inputs={},
    settings={},
    outputs={},
    claims={"It counts": "test_it_counts"},
)
COUNTED = "select counted.n, loads.load_id from p99_tiny.counted join p99_tiny.loads on n = load_id order by n"


def main(of: Run) -> None:
    """What `start` calls where no test says otherwise."""
    counting(lambda *_: None)(of)


def counting(inside: Callable[[Warehouse, Edition], None]) -> Callable[[Run], None]:
    """A run that adds its row and then does something more before it is published."""

    def counted(of: Run) -> None:
        with looks.sole_writer(of, "analytics") as warehouse, warehouse.edition() as edition:
            with edition.session() as session:
                session.query("create table if not exists p99_tiny.counted (n bigint)")
                session.query("insert into p99_tiny.counted values (?)", [edition.load_id])
            inside(warehouse, edition)

    return counted


def start(
    home: Path, steps: Callable[[Run], None] | None = None, profile: str = "embedded", wait: float = 0
) -> dict[str, Any]:
    """A run, with steps of the test's own where it gives any."""
    before, catalogue.entry = catalogue.entry, lambda system: steps or before(system)
    try:
        return run.start(Request(TINY, profiles.load(profile, home), home, wait_seconds=wait), render.Quiet())
    finally:
        catalogue.entry = before


def ended(home: Path) -> list[tuple[str, int | None, str | None]]:
    """State, exit code and reason of every run, the oldest first."""
    ledger = Ledger(home / "ledger.sqlite")
    found = [(row["state"], row["exit_code"], row["reason"]) for row in reversed(ledger.runs())]
    ledger.close()
    return found


def command(profile: str = "embedded", wait: float = 0) -> Sequence[str]:
    """A run in a process of its own, in the state folder that ORRERY_HOME names."""
    return [sys.executable, "-P", __file__, profile, str(wait)]


if __name__ == "__main__":
    start(profiles.home(), None, sys.argv[1], float(sys.argv[2]))
