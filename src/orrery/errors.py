"""Every error that Orrery raises on purpose.

Each one is a sentence in four parts (what was asked, where it looked, what it found, what mends it) and
belongs to exactly one exit code, so that a script can tell "the file is bad" from "the database is down".

    OrreryError
    ├── BadInput          2   bad input, configuration or usage
    │   ├── ManifestBroken
    │   └── ContractBroken
    ├── GateClosed        3   a gate or a contract said no
    ├── DependencyDown    4   a server did not answer
    ├── Locked            5   another run holds the lock, or took it over
    ├── IntegrityBroken   6   what is stored is not what was written: stop and look
    ├── Denied            7   permission, credential, quota
    └── OutOfSpace        8   disk or memory
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """What the shell sees; from 2 up the target is as it was before the run."""

    DONE = 0
    OUR_BUG = 1
    BAD_INPUT = 2
    GATE_CLOSED = 3
    DEPENDENCY_DOWN = 4
    LOCKED = 5
    INTEGRITY_BROKEN = 6
    DENIED = 7
    OUT_OF_SPACE = 8
    INTERRUPTED = 130


class OrreryError(Exception):
    """The base: four parts and an exit code.

    Args:
        asked: what the user or the run wanted, as a sentence.
        looked: where: file and line, server, step, row.
        found: what was there instead.
        fix: the command or the edit that mends it.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.OUR_BUG
    summary: dict[str, Any] | None = None  # what run.json holds, where a run was under way

    def __init__(self, asked: str, *, looked: str, found: str, fix: str) -> None:
        super().__init__(asked)
        self.asked = asked
        self.looked = looked
        self.found = found
        self.fix = fix

    def parts(self) -> dict[str, str | int]:
        """The error as data, the way `--json` shows it."""
        return {
            "error": type(self).__name__,
            "exit_code": int(self.exit_code),
            "asked": self.asked,
            "looked": self.looked,
            "found": self.found,
            "fix": self.fix,
        }

    def __str__(self) -> str:
        return f"{self.asked}\n  looked in:  {self.looked}\n  found:      {self.found}\n  to fix:     {self.fix}"


class BadInput(OrreryError):
    """A file, a setting or a command line that cannot be used as it is."""

    exit_code = ExitCode.BAD_INPUT


class ManifestBroken(BadInput):
    """A system.toml, a profile or the roadmap says something it may not say."""


class ContractBroken(BadInput):
    """A data contract is not valid ODCS, or asks for what no check can answer."""


class GateClosed(OrreryError):
    """The data was read and understood, and a rule says that it must not pass."""

    exit_code = ExitCode.GATE_CLOSED


class DependencyDown(OrreryError):
    """A server that the run needs did not answer in time; trying again is safe."""

    exit_code = ExitCode.DEPENDENCY_DOWN


class Locked(OrreryError):
    """Somebody else works on the same thing."""

    exit_code = ExitCode.LOCKED


class IntegrityBroken(OrreryError):
    """Counts, checksums or tokens disagree: nothing is changed until somebody has looked."""

    exit_code = ExitCode.INTEGRITY_BROKEN


class RowsUnaccounted(IntegrityBroken):
    """A step lost rows, or invented some."""


class Denied(OrreryError):
    """Rights, credentials or quota do not allow it."""

    exit_code = ExitCode.DENIED


class OutOfSpace(OrreryError):
    """Disk, memory or file handles are used up."""

    exit_code = ExitCode.OUT_OF_SPACE


_OF_CODE = {
    int(kind.exit_code): kind
    for kind in (BadInput, GateClosed, DependencyDown, Locked, IntegrityBroken, Denied, OutOfSpace)
}
_LABELS = ("looked in:", "found:", "to fix:")


def parsed(told: Sequence[str], code: int, command: Sequence[str]) -> OrreryError:
    """The error that a tool told on its standard error: in our four parts, or as its last words.

    Args:
        code: its exit code; below 0 the signal that ended it.
    """
    first = [at for at, line in enumerate(told) if re.match(r"error \d+: ", line)]
    kind = _OF_CODE.get(code, DependencyDown if code < 0 else OrreryError)
    parts = {
        label: line.strip().removeprefix(label).strip()
        for line in (told[first[-1] + 1 :] if first else ())
        for label in _LABELS
        if line.strip().startswith(label)
    }
    if len(parts) == len(_LABELS):
        asked = told[first[-1]].split(": ", 1)[1]
        return kind(asked, looked=parts[_LABELS[0]], found=parts[_LABELS[1]], fix=parts[_LABELS[2]])
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return kind(
        f"{command[0].rsplit('/', 1)[-1]} ended with {how}.",
        looked=" ".join(command)[:200],
        found=next((line for line in reversed(told) if line.strip()), "not a word"),
        fix="run that command by itself to see more",
    )
