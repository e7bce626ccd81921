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

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from orrery import effects, faults, machine, processes
from orrery.errors import DependencyDown, ExitCode, Locked, OrreryError, parsed
from orrery.faults import faultpoint
from orrery.processes import Ended
from orrery.run import Run

if TYPE_CHECKING:
    from orrery.contracts import Contract
    from orrery.profiles import Binding

__all__ = ["Ended", "Tool", "to_tool"]

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

    def _follow(self, command: Sequence[str], environment: Mapping[str, str], told: Callable[[str], None]) -> Ended:
        with _Steps(self.run.work(), self.at_step) as steps:
            return processes.follow(command, {**environment, **steps.environment}, told=told, beside=steps)


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

    def fileno(self) -> int:
        """Where steps are told; below 0 without a drill."""
        return self.steps

    def reached(self) -> None:
        """A step has been told: something may happen at it; then the tool goes on."""
        for name in os.read(self.steps, 4096).decode().split():
            faultpoint(name)
            os.write(self.go, b"go\n")
