"""Fault points: places where a run can be made to die, stop, wait or fail, for `orrery drill`.

    faultpoint("commit.before")

costs a comparison where no plan is loaded. A plan comes from the environment, `ORRERY_FAULT=point:action:passing`, and
fires once, when the point is passed for that time (1 is the first). Actions:

    kill · term     SIGKILL or SIGTERM to the own process
    stop            SIGSTOP: whoever drills does something to the server or the connection, and lets it go on
    raise           an exception that nobody expects
    enospc          the error of a full disk
    slow            a quarter of a second's wait, each time that any point is passed
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass

from orrery import profiles
from orrery.errors import BadInput

ACTIONS = ("kill", "term", "stop", "raise", "enospc", "slow")
SLOW = 0.25  # seconds


class Injected(Exception):
    """What the action `raise` raises."""


@dataclass(frozen=True)
class Plan:
    """What shall happen, where, and at which passing."""

    point: str
    action: str
    passing: int = 1

    def __str__(self) -> str:
        return f"{self.point}:{self.action}:{self.passing}"


_plan: Plan | None = None
_trace: str | None = None
_passed: Counter[str] = Counter()


def faultpoint(name: str) -> None:
    """A place where something can be made to happen; nothing does without a plan."""
    if is_on():
        _reach(name)


def is_on() -> bool:
    """Whether fault points are looked at."""
    return _plan is not None or _trace is not None


def load(text: str | None, trace: str | None = None) -> None:
    """Take a plan, or none.

    Args:
        text: `point:action:passing`.
        trace: a file that is told the name of each point that is passed.

    Raises:
        BadInput: not a plan.
    """
    global _plan, _trace  # noqa: PLW0603 (a process has one plan)
    _plan, _trace = None, trace
    _passed.clear()
    if not text:
        return
    point, _, rest = text.partition(":")
    action, _, passing = rest.partition(":")
    if action not in ACTIONS or not (passing or "1").isdigit():
        raise BadInput(
            f"'{text}' is not a fault.",
            looked="ORRERY_FAULT",
            found=text,
            fix=f"point:action:passing, the action one of {', '.join(ACTIONS)}",
        )
    _plan = Plan(point, action, int(passing or 1))


def _reach(name: str) -> None:
    if _trace is not None:
        with open(_trace, "a", encoding="utf-8") as out:  # noqa: PTH123 (no Path is made where nothing is traced)
            out.write(f"{name}\n")
    if _plan is None:
        return
    if _plan.action == "slow":
        time.sleep(SLOW)
        return
    _passed[name] += 1
    if name == _plan.point and _passed[name] == _plan.passing:
        _fire(_plan)


def _fire(plan: Plan) -> None:
    if plan.action == "raise":
        raise Injected(f"at {plan.point}")
    if plan.action == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), plan.point)
    number = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "stop": signal.SIGSTOP}[plan.action]
    os.kill(os.getpid(), number)


load(*profiles.fault())
