"""Runs of the real command in processes of their own, forked from one that has imported everything already.

    python -m orrery.drills.forks

takes requests, a line of JSON each, and answers what becomes of the process: its pid, that it stopped, how it ended.
A drill makes hundreds of runs; a Python that starts anew for each would spend its time on imports.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECONDS = 120  # after which a run is taken for hung


class Fork:
    """One server of forks; one run at a time."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Start it.

        Args:
            folder: where runs work; their output goes there too.
            environment: of every run.
        """
        self.folder = folder
        self.server = subprocess.Popen(
            [sys.executable, "-P", "-m", "orrery.drills.forks"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = 0
        self.out = folder / f"out-{self.server.pid}.json"
        self.err = folder / f"err-{self.server.pid}.txt"

    def start(self, arguments: Sequence[str], fault: str | None = None, trace: Path | None = None) -> int:
        """Begin a run; gives its pid."""
        request = {"arguments": list(arguments), "fault": fault, "trace": str(trace) if trace else None}
        self._ask({**request, "out": str(self.out), "err": str(self.err)})
        self.pid = int(self._answer()["pid"])
        return self.pid

    def wait(self) -> int | None:
        """The exit code (below 0: the signal), or None where the run has been stopped and waits."""
        answer = self._answer()
        return None if "stopped" in answer else int(answer["ended"])

    def run(self, arguments: Sequence[str], fault: str | None = None) -> int:
        """A run from its start to its end."""
        self.start(arguments, fault)
        code = self.wait()
        return -signal.SIGSTOP if code is None else code

    def printed(self) -> Any:
        """What the last run printed to standard output, as JSON."""
        return json.loads(self.out.read_text(encoding="utf-8"))

    def told(self) -> str:
        """What the last run printed to standard error."""
        return self.err.read_text(encoding="utf-8")

    def close(self) -> None:
        """End the server, and a run that is left."""
        if self.server.poll() is None and self.server.stdin:
            self.server.stdin.close()
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        if self.server.stdout:
            self.server.stdout.close()

    def _ask(self, request: Mapping[str, Any]) -> None:
        if self.server.stdin is None:
            raise BrokenPipeError
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        line = self.server.stdout.readline() if self.server.stdout else ""
        if not line:
            raise BrokenPipeError
        answer: dict[str, Any] = json.loads(line)
        return answer


# --- the server ----------------------------------------------------------------------------------------------------


def serve() -> None:
    """Fork a run for each request; one at a time."""
    _import_everything()
    for line in sys.stdin:
        request = json.loads(line)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _be_the_run(request)
        _tell(pid=pid)
        signal.signal(signal.SIGALRM, lambda *_, pid=pid: os.kill(pid, signal.SIGKILL))
        signal.alarm(SECONDS)
        while True:
            _, status = os.waitpid(pid, os.WUNTRACED)
            if os.WIFSTOPPED(status):
                _tell(stopped=pid)
                continue
            signal.alarm(0)
            _tell(ended=os.waitstatus_to_exitcode(status))
            break


def _import_everything() -> None:
    import duckdb  # noqa: F401
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from orrery import catalogue, contracts, effects, feeds, judging, lineage  # noqa: F401
    from orrery.cli import main  # noqa: F401

    for name in ("pandas", "psycopg"):  # of one extra: somebody may drill a system that needs neither
        if importlib.util.find_spec(name):
            importlib.import_module(name)
    for system in catalogue.systems():
        if system.claims:
            catalogue.entry(system)


def _be_the_run(request: Mapping[str, Any]) -> None:
    """In the child: be `orrery …`, and end as it ends."""
    from orrery import faults
    from orrery.cli.main import main

    os.setsid()
    for number, name in ((1, request["out"]), (2, request["err"])):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    sys.argv = ["orrery", *request["arguments"]]
    faults.load(request["fault"], request["trace"])
    code = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _tell(**answer: int) -> None:
    os.write(1, (json.dumps(answer) + "\n").encode())


if __name__ == "__main__":
    serve()
