"""A tool is followed to its end, told apart by how it ends, and does not outlive a run that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from orrery import errors, machine
from orrery.handover import Tool

FOUR = ["error 5: It is taken.", "  looked in:  there", "  found:      somebody", "  to fix:     wait"]


def tool(folder: Path) -> Tool:
    """A tool without a target; it is only called."""
    run: Any = SimpleNamespace(work=lambda: folder)
    binding: Any = None
    return Tool(run, binding, "AT_STEP")


def said(script: str, folder: Path) -> Any:
    lines: list[str] = []
    return tool(folder).call(["sh", "-c", script], {"PATH": os.defpath}, lines.append), lines


def test_what_it_prints_and_tells_is_kept_line_by_line(tmp_path: Path) -> None:
    ended, lines = said("printf 'rows\\t1\\t2\\nrows 3\\nlast'; printf 'one\\ntwo\\n' >&2", tmp_path)
    assert (ended.code, ended.printed, ended.told, lines) == (
        0,
        ["rows\t1\t2", "rows 3", "last"],
        ["one", "two"],
        ["one", "two"],
    )
    assert ended.facts("rows") == [["1", "2"], ["3"]]
    assert 0 < ended.peak_mb < machine.peak_memory_mb() + 20  # the fork of this process is counted, too


@pytest.mark.parametrize(
    ("told", "code", "kind", "asked"),
    [
        (FOUR, 5, errors.Locked, "It is taken."),
        (["noise", *FOUR], 2, errors.BadInput, "It is taken."),
        (["something broke"], 4, errors.DependencyDown, "sh ended with exit code 4."),
        ([], -9, errors.DependencyDown, "sh ended with signal 9."),
        (["Traceback"], 1, errors.OrreryError, "sh ended with exit code 1."),
    ],
)
def test_an_error_has_the_kind_of_its_exit_code(told: list[str], code: int, kind: type, asked: str) -> None:
    found = errors.parsed(told, code, ["/bin/sh", "-c"])
    assert (type(found), found.asked) == (kind, asked)
    assert found.found == ("somebody" if len(told) >= len(FOUR) else (told[-1] if told else "not a word"))


def test_it_fails_as_it_says(tmp_path: Path) -> None:
    with pytest.raises(errors.Locked, match="It is taken"):
        said("printf '%s\\n' " + " ".join(f"'{line}'" for line in FOUR) + " >&2; exit 5", tmp_path)


def test_it_does_not_outlive_a_run_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\nsys.path.insert(0, sys.argv[1])\nfrom test_handover import tool\n"
        "tool(pathlib.Path(sys.argv[2])).call(['sleep', '300'], {'PATH': '/usr/bin:/bin'}, print)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)])
    deadline = time.monotonic() + 30
    while not (children := psutil.Process(run.pid).children()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    run.wait()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert (len(gone), alive) == (1, [])
