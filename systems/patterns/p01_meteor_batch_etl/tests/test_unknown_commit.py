"""Did it commit? Answered by the load token in the target, on both sides of the moment, never by an exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orrery import catalogue, effects, run
from orrery.testing import Result, Target

Orrery = Callable[[list[str]], Result]
RUN = ["run", "meteor", "--profile", "services"]


def states(orrery_run: Orrery) -> list[str]:
    return [each["state"] for each in orrery_run(["runs", "meteor", "--json"]).json]


def test_a_commit_that_never_arrived_is_a_failed_run(target: Target, orrery_run: Orrery, through: Any) -> None:
    proxy = through("before", come_back=True)
    result = orrery_run(RUN)
    assert proxy.fired == 1
    assert result.exit_code == 4, result.stderr
    assert "did not arrive" in result.stderr
    assert states(orrery_run) == ["FAILED"]
    assert target.rows() == []
    assert orrery_run(RUN).exit_code == 0
    assert len(target.rows()) == 5667


def test_a_commit_whose_answer_was_lost_is_a_success(target: Target, orrery_run: Orrery, through: Any) -> None:
    proxy = through("after", come_back=True)
    result = orrery_run(RUN)
    assert proxy.fired == 1
    assert result.exit_code == 0, result.stderr
    assert states(orrery_run) == ["SUCCEEDED"]
    before = target.state()
    assert "nothing new" in orrery_run(RUN).stdout
    assert target.state() == before


@pytest.mark.parametrize(("cut", "rows", "end"), [("before", 0, "FAILED"), ("after", 5667, "SUCCEEDED")])
def test_a_commit_that_nobody_can_ask_about_is_unknown_until_somebody_can(
    cut: str, rows: int, end: str, target: Target, orrery_run: Orrery, through: Any
) -> None:
    proxy = through(cut, come_back=False)
    result = orrery_run(RUN)
    assert proxy.fired == 1
    assert result.exit_code == 4, result.stderr
    assert states(orrery_run) == ["UNKNOWN"]
    assert len(target.rows()) == rows
    proxy.come_back = True
    again = orrery_run(RUN)
    assert again.exit_code == 0, again.stderr
    assert states(orrery_run) == ["SUCCEEDED", end]
    assert len(target.rows()) == 5667


@pytest.mark.parametrize(("moment", "end"), [("before", "FAILED"), ("after", "SUCCEEDED")])
def test_a_run_killed_around_its_commit_is_settled_by_the_next(
    moment: str, end: str, target: Target, orrery_run: Orrery, tmp_path: Path
) -> None:
    code = (
        "import os, signal, sys\nfrom orrery import effects\nfrom orrery.cli.main import main\n"
        "real = effects.Writer._commit\n"
        "def commit(self):\n"
        f"    {'real(self)' if moment == 'after' else 'pass'}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "effects.Writer._commit = commit\nsys.argv = ['orrery', 'run', 'meteor']\nmain()\n"
    )
    environment = {**os.environ, "ORRERY_HOME": str(target.home)}
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL
    again = orrery_run(["run", "meteor"])
    assert again.exit_code == 0, again.stderr
    assert f"had died: {end.lower()}" in again.stderr
    assert states(orrery_run) == ["SUCCEEDED", end]
    assert len(target.rows()) == 5667


@pytest.mark.parametrize("moment", ["the copy", "the commit"])
def test_a_backend_that_is_killed_leaves_nothing(
    moment: str, target: Target, orrery_run: Orrery, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.entry(target.system)
    loading = sys.modules[f"orrery_systems_{target.system.folder.name}.loading"]
    where, name = {"the copy": (loading.FileLoad, "refuse"), "the commit": (effects.Writer, "_commit")}[moment]
    real = getattr(where, name)

    def cut_off(self: Any, *arguments: Any) -> None:
        target.connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid in"
            " (select pid from pg_locks where locktype = 'advisory') and pid != pg_backend_pid()"
        )
        real(self, *arguments)

    monkeypatch.setattr(where, name, cut_off)
    result = orrery_run(["run", "meteor"])
    assert result.exit_code == 4, result.stderr
    assert target.rows() == []
    monkeypatch.undo()
    monkeypatch.setenv("ORRERY_HOME", str(target.home))
    assert orrery_run(["run", "meteor"]).exit_code == 0
    assert len(target.rows()) == 5667


def test_what_fails_after_the_commit_does_not_look_like_a_failed_load(
    target: Target, orrery_run: Orrery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run._Opened, "_keep", full)
    result = orrery_run(["run", "meteor"])
    assert result.exit_code == 0, result.stderr
    assert "the data is loaded; what came after that failed" in result.stderr
    assert states(orrery_run) == ["SUCCEEDED"]
    assert len(target.rows()) == 5667
    assert orrery_run(["run", "meteor"]).exit_code == 8  # nothing was new, so nothing was committed
