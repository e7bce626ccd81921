"""dbt by hand: what `orrery env orbit` prints is all that a shell needs, in any folder, on a project nobody may write to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from orbit_deliveries import dirty

from orrery import profiles
from orrery.claims import Trial
from orrery.engines import duckdb as engine


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SHUT = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; if touch "$1/a" 2>/dev/null; then exit 99; fi; '


def in_a_shell(script: str, project: Path, folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """A script in an empty folder, with `orrery` where a shell finds it and dbt where it does not.

    The project is read-only there, where this user may have that.
    """
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "orrery").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m orrery "$@"\n')
    (folder / "bin" / "orrery").chmod(0o755)
    (folder / "empty").mkdir()
    path = f"{folder / 'bin'}:{os.defpath}"
    environment = {**profiles.tool_environment(), "ORRERY_HOME": str(home), "PATH": path}
    may_shut = subprocess.run(["unshare", "-rm", "sh", "-euc", SHUT, "sh", project], check=False).returncode == 0
    command = ["unshare", "-rm", "sh", "-euc", SHUT + script] if may_shut else ["sh", "-euc", script]
    return subprocess.run(
        [*command, "sh", project], cwd=folder / "empty", env=environment, capture_output=True, text=True, check=False
    )


def test_dbt_builds_by_hand_in_an_empty_folder_and_writes_there_nothing(trial: Trial, tmp_path: Path) -> None:
    trial.run(trial.deliver("a.json", dirty(1)))
    project = trial.target.system.folder / "dbt_project"
    before = contents(project)
    script = 'eval "$(orrery env orbit)"; dbt build --select stg_jpl__files; dbt show --inline "select 6 * 7 as x"'
    done = in_a_shell(script, project, tmp_path / "shell", trial.target.home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Done. PASS=" in done.stdout
    assert "42" in done.stdout
    assert list((tmp_path / "shell" / "empty").iterdir()) == []
    assert contents(project) == before
    assert trial.run(trial.folder / "inbox")["nothing_new"] is True


def test_freshness_asks_when_the_last_file_was_landed(trial: Trial, tmp_path: Path) -> None:
    trial.run(trial.deliver("a.json", dirty(1)))
    project = trial.target.system.folder / "dbt_project"
    script, said = 'eval "$(orrery env orbit)"; export TZ=Pacific/Kiritimati; dbt source freshness', []
    for days in (34, 99, 101):
        aged = f"update p04_orbit_raw.files set loaded_at = current_timestamp::timestamp - interval {days} day"
        with engine.connect(engine.path(trial.target.binding, "p04_orbit"), read_only=False) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(aged)
        done = in_a_shell(script, project, tmp_path / str(days), trial.target.home)
        verdict = re.search(r"(PASS|WARN|ERROR STALE) freshness of raw\.files", done.stdout)
        assert verdict, done.stdout + done.stderr
        said.append((verdict[1], done.returncode))
    assert said == [("PASS", 0), ("WARN", 0), ("ERROR STALE", 1)]
