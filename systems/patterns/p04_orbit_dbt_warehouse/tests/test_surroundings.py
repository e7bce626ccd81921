"""What goes wrong around a run: its files, its warehouse, the clock. None of it comes as far as dbt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from orbit_deliveries import dirty

from orrery import files
from orrery.errors import ExitCode

if TYPE_CHECKING:
    import pytest

    from orrery.claims import Trial
    from orrery.files import Delivered

FOLDER = Path(__file__).parent.parent


def test_a_file_that_is_not_there(trial: Trial) -> None:
    ended = trial.call(trial.arguments(trial.folder / "nowhere.json"))
    assert ended.exit_code == ExitCode.BAD_INPUT, ended.stderr
    assert "There is no file" in ended.stderr
    assert not any(trial.target.state().values())


def test_a_file_that_changes_while_it_is_read(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint = files.fingerprint

    def and_change(path: Path) -> Delivered:
        found = fingerprint(path)
        path.write_bytes(dirty(2))
        return found

    monkeypatch.setattr(files, "fingerprint", and_change)
    ended = trial.call(trial.arguments(trial.deliver("a.json", dirty(1))))
    assert ended.exit_code == ExitCode.BAD_INPUT, ended.stderr
    assert "it changed while it was read" in ended.stderr
    assert not any(trial.target.state().values())


def test_a_warehouse_that_is_damaged_is_not_touched(trial: Trial) -> None:
    file = trial.target.home / "duckdb" / "p04_orbit_warehouse.duckdb"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"this was a warehouse once" * 1000)
    try:
        ended = trial.call(trial.arguments(trial.deliver("a.json", dirty(1))))
        assert ended.exit_code == ExitCode.INTEGRITY_BROKEN, ended.stderr
        assert "The warehouse cannot be read" in ended.stderr
        assert file.read_bytes() == b"this was a warehouse once" * 1000
    finally:
        trial.target.reset()


def test_no_decision_reads_the_clock() -> None:
    """What is newest is told by numbers of loads and files: a clock that is set back changes nothing."""
    project = FOLDER / "dbt_project"
    models = [path for folder in ("models", "macros", "tests") for path in (project / folder).rglob("*.sql")]
    asked = re.compile(r"\bnow\(|current_|run_started_at|\btoday\(|modules\.datetime")
    # `current_` begins names of ours, too: what counts now
    ours = re.compile(r"current_(files|file_id)\b|int_small_bodies_current")
    for path in (*models, *(FOLDER / "sql").glob("*.sql")):
        text = ours.sub("", path.read_text(encoding="utf-8"))
        assert not asked.search(text), path
        assert not re.search(r"(where|order by|max\(|[<>]) *loaded_at", text), path
    for path in FOLDER.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"datetime\.now|time\.time|date\.today|utcnow", text), path
