"""A program that does a part of a run: followed line by line to its end, and never longer than the run lives."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

SECONDS_TO_END = 20  # that a program gets to end by itself, before it is killed
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG


@dataclass(frozen=True)
class Ended:
    """How a tool ended.

    Attributes:
        printed: the lines of its standard output.
        told: the lines of its standard error.
        peak_mb: the largest resident memory of one of its processes (not of the server), in MB; never below what this
            process held when it started the tool (Linux counts the fork).
    """

    code: int
    printed: list[str]
    told: list[str]
    peak_mb: float

    def facts(self, name: str) -> list[list[str]]:
        """What it said of something: the words behind `name` in each line that begins with it."""
        lines = (line.replace("\t", " ", 1).split(" ", 1) for line in self.printed)
        return [words[1].split("\t") for words in lines if words[0] == name and len(words) == 2]


class Beside(Protocol):
    """Something else that is listened to while a program works; below 0: nothing."""

    def fileno(self) -> int:
        """What to wait at."""

    def reached(self) -> None:
        """There is something to be read."""


def follow(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    told: Callable[[str], None],
    printed: Callable[[str], None] = lambda _line: None,
    beside: Beside | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Ended:
    """Run a program in a process group of its own, to its end.

    Args:
        environment: all of it.
        told, printed: get each line of its standard error and output, when it comes.
        folder: where it works; None: where this process does.
    """
    with subprocess.Popen(
        command,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_die_with_parent(os.getpid()),  # noqa: PLW1509 (it calls nothing but the system)
    ) as process:
        try:
            lines = _listen({process.stdout: printed, process.stderr: told}, beside)
        except BaseException:
            _end(process)
            raise
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(process.returncode, lines[process.stdout], lines[process.stderr], used.ru_maxrss / 1024)


def _listen(streams: Mapping[Any, Callable[[str], None]], beside: Beside | None) -> dict[Any, list[str]]:
    """Take what comes from each stream, line by line, until all of them are closed."""
    lines: dict[Any, list[str]] = {stream: [] for stream in streams}
    rest: dict[Any, bytes] = dict.fromkeys(streams, b"")
    with selectors.DefaultSelector() as waiting:
        for each in streams:
            waiting.register(each, selectors.EVENT_READ)
        if beside is not None and beside.fileno() >= 0:
            waiting.register(beside.fileno(), selectors.EVENT_READ, beside)
        while rest:
            for key, _ in waiting.select():
                if key.data is not None:
                    key.data.reached()
                    continue
                stream: Any = key.fileobj
                data = os.read(stream.fileno(), 1 << 16)
                *whole, last = (rest.pop(stream) + data).split(b"\n")
                if data:
                    rest[stream] = last
                else:
                    waiting.unregister(stream)
                    whole += [last] * bool(last)
                for line in (raw.decode("utf-8", "replace") for raw in whole):
                    lines[stream].append(line)
                    streams[stream](line)
    return lines


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a tool and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(SECONDS_TO_END)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _die_with_parent(parent: int) -> Callable[[], None]:
    """For the child, before it becomes the tool: it shall not outlive the run (Linux)."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        if hasattr(libc, "prctl"):
            libc.prctl(_DIES_WITH_PARENT, signal.SIGTERM)
            if os.getppid() != parent:  # it has died already
                os._exit(1)

    return ask
