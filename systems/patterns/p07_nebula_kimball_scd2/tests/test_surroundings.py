"""What goes wrong around a run: its files, its server, the clock. None of it comes as far as dbt."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import pytest
from nebula_scenario import DATA, HEADER, SAMPLE, dirty

from orrery import files
from orrery.claims import Trial
from orrery.engines import postgres, postgres_server
from orrery.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from orrery.files import Delivered

FOLDER = DATA.parent
PACKED = gzip.compress(SAMPLE, mtime=0)
DAMAGED = {
    "cut": (PACKED[: len(PACKED) // 2], ExitCode.BAD_INPUT),
    "a byte is another": (PACKED[:5000] + bytes([PACKED[5000] ^ 1]) + PACKED[5001:], ExitCode.BAD_INPUT),
    "zeros": (bytes(4096), ExitCode.BAD_INPUT),
    "no bytes": (b"", ExitCode.BAD_INPUT),
    "no rows": (HEADER + b"\n", ExitCode.GATE_CLOSED),
    "a column more": (SAMPLE.replace(HEADER, HEADER + b",mood", 1), ExitCode.BAD_INPUT),
    "a column less": (SAMPLE.replace(b",amount", b"", 1), ExitCode.BAD_INPUT),
    "a column of another name": (SAMPLE.replace(b"amount", b"total", 1), ExitCode.BAD_INPUT),
    "a column of another case": (SAMPLE.replace(b"amount", b"Amount", 1), ExitCode.BAD_INPUT),
}


def nothing_was_loaded(trial: Trial) -> bool:
    """No table has a row but for the members that every dimension has."""
    return not any(trial.target.rows(f"p07_nebula_raw.{each}") for each in ("files", "orders")) and not trial.rows()


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_file_that_is_damaged_or_has_other_columns_is_refused(trial: Trial, damage: str) -> None:
    content, code = DAMAGED[damage]
    ended = trial.call(trial.arguments(trial.deliver("a.csv", content)))
    assert ended.exit_code == code, ended.stderr
    assert "a.csv" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert nothing_was_loaded(trial)


def test_a_file_that_is_not_there(trial: Trial) -> None:
    ended = trial.call(trial.arguments(trial.folder / "nowhere.csv"))
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
    ended = trial.call(trial.arguments(trial.deliver("a.csv", dirty(1))))
    assert ended.exit_code == ExitCode.BAD_INPUT, ended.stderr
    assert "it changed while it was read" in ended.stderr
    assert nothing_was_loaded(trial)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"PGPASSWORD": "not the one"}, ExitCode.DENIED),
        ({"PGUSER": "nobody_there"}, ExitCode.DENIED),
        ({"PGPORT": "1"}, ExitCode.DEPENDENCY_DOWN),
    ],
)
def test_a_server_that_says_no_or_is_not_there(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], code: ExitCode
) -> None:
    server = postgres_server.status(trial.target.home)
    assert server is not None
    named = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": server.user, "PGDATABASE": server.dbname}
    for name, value in {**named, "PGPASSWORD": postgres.password_in(server.passfile), **more}.items():
        monkeypatch.setenv(name, value)
    ended = trial.call(trial.arguments(trial.deliver("a.csv", dirty(1)), "--profile", "services"))
    assert ended.exit_code == code, ended.stderr
    assert not any(trial.target.state().values())


def test_no_decision_reads_the_clock() -> None:
    """What came when is told by numbers of loads and files, and what was when by the files: not by the clock."""
    project = FOLDER / "dbt_project"
    models = [path for folder in ("models", "macros", "tests") for path in (project / folder).rglob("*.sql")]
    assert len(models) > 30
    asked = re.compile(r"\bnow\(|\bcurrent_(date|time|timestamp)\b|clock_timestamp|run_started_at|modules\.datetime")
    for path in (*models, *(FOLDER / "sql").glob("*.sql")):
        assert not asked.search(path.read_text(encoding="utf-8")), path
    for path in FOLDER.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"datetime\.now|time\.time|date\.today|utcnow", text), path
