"""How the command is called by others: a schedule, a pipe that closes, a signal, a server that is to stop."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery import testing
from orrery.testing import Target

if TYPE_CHECKING:
    import pytest

COMMAND = [sys.executable, "-P", "-m", "orrery"]


def test_the_printed_cron_line_runs_as_cron_runs_it(
    target: Target, warehouse_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: bytes
) -> None:
    """By sh, without a terminal, from another folder, with next to nothing in the environment."""
    folder = tmp_path / "it's 100 % mine"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ORRERY_HOME", str(warehouse_home))
    (folder / "log.csv").write_bytes(sample)
    lines = testing.orrery("plan", "meteor", "--schedule", "--json", "--data", "launches=log.csv").json
    line = lines["crontab"].splitlines()[-1]
    minute, hour, *every, command = line.split(" ", 5)
    assert minute.isdigit()
    assert hour.isdigit()
    assert every == ["*", "*", "*"]
    command = command.replace(r"\%", "%")  # as cron reads it
    ended = subprocess.run(["sh", "-c", command], cwd="/", env={"PATH": os.defpath}, capture_output=True, check=False)
    log = (warehouse_home / "meteor.log").read_text(encoding="utf-8")
    assert ended.returncode == 0, log
    assert ended.stdout + ended.stderr == b"", "cron would send mail"
    assert "5,667 rows read = 0 kept + 0 refused + 5,667 of other days" in log
    assert len(target.query("select * from p01_meteor.files")) == 1, "the target that the user works with"
    assert f"ORRERY_HOME={warehouse_home}" in lines["orrery-meteor.service"]


def test_a_reader_that_goes_ends_nothing(target: Target, warehouse_home: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "ORRERY_HOME": str(warehouse_home)}
    for arguments in (["list"], ["run", "meteor"], ["show", "meteor", "--rows", "1000"]):
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 0, arguments
        assert process.stderr is not None
        assert b"Error" not in process.stderr.read()
        process.stderr.close()
    assert len(target.rows()) == 5667


def test_a_run_that_is_interrupted_says_so(target: Target, warehouse_home: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "ORRERY_HOME": str(warehouse_home), "ORRERY_FAULT": "copy.after:term"}
    ended = subprocess.run(
        [*COMMAND, "run", "meteor"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 130
    assert "interrupted; the target is as it was before" in ended.stderr
    assert target.rows() == []


def test_a_server_is_not_stopped_under_a_run(
    target: Target, warehouse_home: Path, orrery_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert orrery_run(["run", "meteor"]).exit_code == 0
    stopped: list[Path] = []
    monkeypatch.setattr("orrery.engines.postgres_server.stop", lambda home: not stopped.append(home))
    with (warehouse_home / "locks" / "p01_meteor.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = orrery_run(["down"])
        assert (refused.exit_code, stopped) == (5, [])
        assert "--force" in refused.stderr
        assert orrery_run(["down", "--force"]).exit_code == 0
        assert stopped == [warehouse_home]
    assert orrery_run(["down"]).exit_code == 0
