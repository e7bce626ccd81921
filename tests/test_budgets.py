"""The command line answers at once.

Processor time, not wall time, and against what Python with Typer alone takes in the same minute: so that a busy or a
slow machine does not fail it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_SECONDS = 0.3  # where Python with Typer alone takes so long:
TYPER_SECONDS = 0.11
ALONE = [sys.executable, "-P", "-c", "import typer"]
TRIES = 7


def cpu_seconds(command: list[str], folder: Path) -> float:
    """User and system time of one child, and of what it starts and waits for."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, command
    return usage.ru_utime + usage.ru_stime


def seconds_of(command: list[str], folder: Path) -> float:
    """The least of seven, each beside one of Typer alone, as if on a machine where that takes TYPER_SECONDS."""
    pairs = [(cpu_seconds(command, folder), cpu_seconds(ALONE, folder)) for _ in range(1 + TRIES)][
        1:
    ]  # one warms caches
    mine, alone = (min(each) for each in zip(*pairs, strict=True))
    return mine * min(1.0, TYPER_SECONDS / alone)


@pytest.mark.parametrize("words", [["--help"], ["list"], ["list", "--json"], ["run", "--help"]], ids=" ".join)
def test_the_command_line_answers_at_once(words: list[str], tmp_path: Path) -> None:
    spent = seconds_of([sys.executable, "-P", "-m", "orrery", *words], tmp_path)
    assert spent < LIMIT_SECONDS, f"orrery {' '.join(words)} takes {spent:.2f} s of processor time"


def test_a_slow_command_would_be_seen(tmp_path: Path) -> None:
    busy = f"import time, typer\nsince = time.process_time()\nwhile time.process_time() < since + {LIMIT_SECONDS}: pass"
    assert seconds_of([sys.executable, "-P", "-c", busy], tmp_path) > LIMIT_SECONDS
