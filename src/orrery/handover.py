"""Loads that a tool carries out by itself: a script, a dbt project, a Spark job. The transaction is the tool's.

    with handover.to_tool(run, "warehouse", tables, at_step="COMET_AT_STEP") as tool:
        ended = tool.load(["bash", "load.sh", …], environment, run.following("load"))

The run prepares the target and settles what died before, under the system's lock; then it lets go of the lock and
starts the tool, which takes the same lock (`effects.lock_key`) and commits the run's token together with its data. A
tool that ends with 0 has its server's word for the commit. When it ends in any other way, the token is read back.

Where a drill is on, the tool's steps are fault points: between them it calls what a variable of its environment names,
with the step's name.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from orrery import effects, faults, machine
from orrery.errors import DependencyDown, ExitCode, Locked, OrreryError, parsed
from orrery.faults import faultpoint
from orrery.run import Run

if TYPE_CHECKING:
    from orrery.contracts import Contract
    from orrery.profiles import Binding

# What a tool calls between two of its steps while a run is drilled: it tells the run the step, and waits for its word.
# When the run is dead, the tool need not go on.
AT_STEP = """#!/usr/bin/env bash
exec 5<>"$ORRERY_GO" 6<>"$ORRERY_STEPS"
printf '%s\\n' "$1" >&6
while kill -0 "$ORRERY_PID" 2>/dev/null; do
    if read -r -t 0.5 _ <&5; then exit 0; fi
done
exit 1
"""
SECONDS_TO_END = 20  # that a tool gets to end by itself, before it is killed
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


@dataclass
class Tool:
    """A tool that is about to load; the lock is free for it.

    Attributes:
        at_step: the environment variable in which the tool finds what it is to call between its steps, if it looks.
    """

    run: Run
    binding: Binding
    at_step: str
    loads_before: int = 0  # the number of the last load that was in when the target was prepared

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query, over a connection of its own."""
        from orrery.engines import postgres

        with postgres.connect(self.binding, application=self.run.run_id) as connection:
            return connection.execute(sql, parameters).fetchall()

    def call(self, command: Sequence[str], environment: Mapping[str, str], told: Callable[[str], None]) -> Ended:
        """Run the tool without a commit of its own.

        Raises:
            OrreryError: what the tool told of its failure, with its exit code.
        """
        ended = self._follow(command, environment, told)
        if ended.code:
            raise parsed(ended.told, ended.code, command)
        return ended

    def load(self, command: Sequence[str], environment: Mapping[str, str], told: Callable[[str], None]) -> Ended:
        """Run the tool that commits the run's token.

        Raises:
            OrreryError: what the tool told of its failure; the target is as it was. DependencyDown: nobody can say.
        """
        self.run.move("STAGED", result=self.run.notes)
        faultpoint("stage.after")
        self.run.move("COMMITTING")
        try:
            ended = self._follow(command, environment, told)
            failed = parsed(ended.told, ended.code, command) if ended.code else None
        except BaseException as error:
            self._resolve(error)
            raise
        if failed is not None:
            if isinstance(failed, Locked):
                failed.fix = "wait for it, or run again with --wait 60"
            if not self._resolve(failed):
                raise failed
        else:
            self.run.has_committed = True
        return ended

    def _resolve(self, error: BaseException) -> bool:
        """Whether a tool that did not end well has committed: its token says so; a run that did not has failed."""
        arrived = effects.token_arrived(self.run, self.binding)
        if arrived is None:
            raise DependencyDown(
                "The tool ended during its load, and the server is away; nobody can say yet whether it arrived.",
                looked=f"{self.run.system.slug}.loads, token {self.run.token}",
                found=str(error).splitlines()[0] if str(error) else type(error).__name__,
                fix="run again: the first thing it does is to read that token",
            ) from error
        if arrived:
            self.run.has_committed = True
            self.run.reporter.say("the data is loaded; the tool failed after its commit")
            return True
        overtaken = self._overtaken()
        known = overtaken or machine.as_orrery_error(error)
        code = known.exit_code if known else ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
        self.run.move("FAILED", reason=str(known or error)[:2000], exit_code=int(code))
        if overtaken:
            raise overtaken from error
        return False

    def _overtaken(self) -> Locked | None:
        """Whether another run has loaded since this one prepared: its tool must not be blamed on the server."""
        sql = f"select run_id from {self.run.system.slug}.loads where load_id > %s order by load_id desc limit 1"
        try:
            others = self.query(sql, (self.loads_before,))
        except OrreryError:
            return None  # the server cannot say; what the tool told is told instead
        if not others:
            return None
        return Locked(
            "Another run took over while this one was loading: nothing of this one was loaded.",
            looked=f"{self.run.system.slug}.loads",
            found=f"run {others[0][0]} wrote after this one had begun",
            fix="orrery runs shows it; run again if a file is still missing",
        )

    # --- the process ----------------------------------------------------------------------------------------

    def _follow(self, command: Sequence[str], environment: Mapping[str, str], told: Callable[[str], None]) -> Ended:
        with (
            _Steps(self.run.work(), self.at_step) as steps,
            subprocess.Popen(
                command,
                env={**environment, **steps.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=_die_with_parent(os.getpid()),  # noqa: PLW1509 (it calls nothing but the system)
            ) as process,
        ):
            try:
                printed, said = _listen(process, steps, told)
            except BaseException:
                _end(process)
                raise
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return Ended(process.returncode, printed, said, used.ru_maxrss / 1024)


@contextmanager
def to_tool(run: Run, role: str, tables: Mapping[str, Contract], at_step: str) -> Iterator[Tool]:
    """Prepare and settle under the lock, then leave the target to a tool.

    Args:
        tables: the tables that the tool makes, with their contracts; those that are there must be as these say.
        at_step: see Tool.

    Raises:
        Locked: another run is at it. GateClosed: a table is not as its contract says.
    """
    binding = run.binding(role)
    run.contracts |= tables
    with effects.sole_writer(run, role, {}, existing=tables) as writer:
        [(last,)] = writer.query(f"select coalesce(max(load_id), 0) from {run.system.slug}.loads")
        faultpoint("release.before")
    faultpoint("release.after")
    yield Tool(run, binding, at_step, last)


class _Steps:
    """The named pipes between a drilled run and its tool, in the run's work folder; without a drill none."""

    def __init__(self, folder: Path, at_step: str) -> None:
        self.folder, self.at_step, self.steps, self.go = folder, at_step, -1, -1
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        if faults.is_on():
            for name in ("steps", "go"):
                (self.folder / name).unlink(missing_ok=True)
                os.mkfifo(self.folder / name)
            program = self.folder / "at-step"
            program.write_text(AT_STEP, encoding="utf-8")
            program.chmod(0o700)
            self.steps, self.go = (os.open(self.folder / name, os.O_RDWR | os.O_NONBLOCK) for name in ("steps", "go"))
            self.environment = {
                self.at_step: str(program),
                "ORRERY_STEPS": str(self.folder / "steps"),
                "ORRERY_GO": str(self.folder / "go"),
                "ORRERY_PID": str(os.getpid()),
            }
        return self

    def __exit__(self, *_ended: object) -> None:
        for each in (self.steps, self.go):
            if each >= 0:
                os.close(each)

    def reached(self) -> None:
        """A step has been told: something may happen at it; then the tool goes on."""
        for name in os.read(self.steps, 4096).decode().split():
            faultpoint(name)
            os.write(self.go, b"go\n")


def _listen(
    process: subprocess.Popen[bytes], steps: _Steps, told: Callable[[str], None]
) -> tuple[list[str], list[str]]:
    """Take what a tool prints and tells, line by line, until both ends are closed."""
    lines: dict[Any, list[str]] = {process.stdout: [], process.stderr: []}
    rest: dict[Any, bytes] = {process.stdout: b"", process.stderr: b""}
    with selectors.DefaultSelector() as waiting:
        for stream in lines:
            waiting.register(stream, selectors.EVENT_READ)
        if steps.steps >= 0:
            waiting.register(steps.steps, selectors.EVENT_READ)
        while any(stream in rest for stream in lines):
            for key, _ in waiting.select():
                if key.fileobj == steps.steps:
                    steps.reached()
                    continue
                stream = key.fileobj
                data = os.read(stream.fileno(), 1 << 16)  # type: ignore[union-attr]
                *whole, last = (rest.pop(stream) + data).split(b"\n")
                if data:
                    rest[stream] = last
                else:
                    waiting.unregister(stream)
                    whole += [last] * bool(last)
                for each in whole:
                    line = each.decode("utf-8", "replace")
                    lines[stream].append(line)
                    if stream is process.stderr:
                        told(line)
    return lines[process.stdout], lines[process.stderr]


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
