"""What a trial must have shown, as pure functions: exit code, target, reader, and the run after the next."""

from __future__ import annotations

import signal
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# fault → the exit code of a run that meets it before its commit
CODES = {
    "kill": -signal.SIGKILL,
    "term": 130,
    "raise": 1,
    "enospc": 8,
    "slow": 0,
    "stop": 0,
    "backend": 4,
    "postmaster": 4,
    "cut": 4,
    "zombie": 5,
}
# the faults that mean something for a target that is a file: there is no server to kill, no connection to cut
OF_A_FILE = ("kill", "term", "raise", "enospc", "slow", "stop")
# points at which a run, or the tool that loads for it, has opened a session, and at which it has closed one again
OPENS, CLOSES = ("prepare.before", "begin.before"), ("release.after",)
ENDS_THE_PROCESS = ("kill", "term", "raise")  # whenever they come


@dataclass
class Verdict:
    """What became of a trial."""

    case: str
    fault: str
    point: str
    exit_code: int | None = None
    has_fired: bool = False
    seconds_to_recover: float = 0.0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Seen:
    """What was seen of the run that met the fault.

    Attributes:
        passed: the fault points that it had passed when the fault came, that one last; empty after a random moment.
        as_before, as_after: whether the target is what it was, and what it is to become.
        states: how many states of the target a reader saw, beside the empty one where it was empty before.
    """

    fault: str
    code: int | None
    passed: Sequence[str]
    as_before: bool
    as_after: bool
    states: int
    was_empty: bool = False
    told: str = ""


def codes(fault: str, passed: Sequence[str]) -> Collection[int]:
    """The exit codes that are right for a fault after these points.

    After the commit nothing changes any more: a run that can still end says that it has succeeded. A backend that is
    not there yet cannot be killed. A backend whose postmaster was killed may still commit.
    """
    wanted = CODES[fault]
    has_committed = "commit.after" in passed
    turns = [point in OPENS for point in passed if point in (*OPENS, *CLOSES)]
    has_session = bool(turns) and turns[-1]
    if fault in ENDS_THE_PROCESS or fault == "zombie":
        return {wanted} if passed else {wanted, 0}  # at a random moment the run may have ended just before
    if fault == "postmaster":
        return {wanted, 0}
    if has_committed or (fault == "backend" and not has_session):
        return {0}
    return {wanted}


def wrong_after(seen: Seen) -> list[str]:
    """What is wrong after a fault: the target in part, a code that does not fit it, a reader who saw a part."""
    wrong, code = [], seen.code
    taken_over = seen.fault == "zombie"  # by another run, which has brought the file in
    if not seen.as_before and not seen.as_after:
        wrong.append(f"the target is neither as before nor as after (exit {code})")
    if code is not None and 2 <= code < 128 and not seen.as_before and not taken_over:
        wrong.append(f"exit {code} says that the target is as before, and it is not")
    if code == 0 and not seen.as_after:
        wrong.append("exit 0 says that the file is in, and it is not")
    if code not in codes(seen.fault, seen.passed):
        wrong.append(f"exit {code}, not {sorted(codes(seen.fault, seen.passed))}: {seen.told[-200:]}")
    if "Traceback" in seen.told:
        wrong.append(f"a traceback: {seen.told[-200:]}")
    if seen.states > (1 if seen.was_empty else 2) + taken_over:
        wrong.append(f"a reader saw {seen.states} states")
    return wrong


def wrong_at_last(code: int | None, printed: Mapping[str, Any], before: object, after: object) -> list[str]:
    """What is wrong with a run that has nothing to do: it must end with 0, say so, and write nothing."""
    if code != 0:
        return [f"the third run ended with {code}"]
    said = [] if printed.get("nothing_new") else ["the third run did not say that nothing is new"]
    return said + (["the third run wrote to the target"] if before != after else [])
