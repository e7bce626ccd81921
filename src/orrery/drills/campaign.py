"""A campaign of a system: every fault at every point, random moments of long steps, runs at once; and the verdicts."""

from __future__ import annotations

import importlib
import random
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from orrery import profiles
from orrery.claims import Scenario
from orrery.drills.trials import Case, Ground, attempt, together
from orrery.drills.verdicts import CODES, Verdict
from orrery.engines import postgres_server
from orrery.errors import BadInput
from orrery.manifest import Manifest
from orrery.testing import Target

IN_A_ROW = 12  # trials of one case, before another's turn: a file that is there already need not be loaded again
# faults that take long, or mean something at a few points only
SELDOM = {
    "postmaster": ("copy.after", "stage.after", "commit.before"),
    "zombie": ("begin.after", "copy.after", "commit.before"),
}


@dataclass
class Plan:
    """What a campaign does.

    Attributes:
        times: how often each fault is tried at each point.
        moments: kills at random moments, in all.
        pairs: two runs at once, so many times.
        seconds: after which it ends, with what it has; None: when it is through.
        faults: only these; empty: all.
        seed: chooses the contents of files and the moments.
    """

    seed: int = 1
    times: int = 1
    moments: int = 150
    pairs: int = 100
    seconds: float | None = None
    faults: tuple[str, ...] = ()


@dataclass
class Campaign:
    """What came of it."""

    system: str
    plan: Plan
    points: dict[str, list[str]] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    seconds: float = 0.0

    def as_data(self) -> dict[str, Any]:
        """Everything, as plain data."""
        return {**asdict(self), "table": self.table(), "kills": self.kills(), "red": len(self.red())}

    def red(self) -> list[Verdict]:
        """Trials in which something was wrong."""
        return [each for each in self.verdicts if each.wrong]

    def kills(self) -> int:
        """How often a run was really killed."""
        return sum(each.fault == "kill" and each.has_fired for each in self.verdicts)

    def table(self) -> list[dict[str, Any]]:
        """A line a fault: how often it was tried and fired, green and red, and the slowest recovery."""
        lines = []
        by_fault: dict[str, list[Verdict]] = defaultdict(list)
        for each in self.verdicts:
            by_fault[each.fault].append(each)
        for fault, tried in by_fault.items():
            lines.append(
                {
                    "fault": fault,
                    "tried": len(tried),
                    "fired": sum(each.has_fired for each in tried),
                    "points": len({each.point for each in tried}),
                    "green": sum(not each.wrong for each in tried),
                    "red": sum(bool(each.wrong) for each in tried),
                    "slowest recovery": max(each.seconds_to_recover for each in tried),
                    "exit codes": dict(Counter(str(each.exit_code) for each in tried if each.exit_code is not None)),
                }
            )
        return lines


def scenario_of(system: Manifest) -> Scenario:
    """What stands for a system: the `Scenario` in its tests/<name>_scenario.py.

    Raises:
        BadInput: there are no tests here (a wheel has none), or none that stands for it.
    """
    folder = system.folder / "tests"
    name = f"{system.name.lower()}_scenario"  # tests of several systems share a process, and the names of their modules
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(name) if (folder / f"{name}.py").is_file() else None
    finally:
        sys.path.remove(str(folder))
    found = [each for each in vars(module).values() if isinstance(each, Scenario)] if module else []
    if len(found) != 1:
        raise BadInput(
            f"{system.name} cannot be drilled yet.",
            looked=str(folder / f"{name}.py"),
            found=f"{len(found)} scenarios" if folder.is_dir() else "no tests: the wheel does not carry them",
            fix="say there what stands for it: docs/faults.md" if folder.is_dir() else "clone the repository",
        )
    return found[0]


def points(system: Manifest, home: Path, seed: int = 1) -> dict[str, list[str]]:
    """The fault points that each case passes, in their order, as a dry run finds them; and how often."""
    with prepared(system, home, seed) as (ground, cases):
        return {case.name: trace(ground, case) for case in cases}


def trace(ground: Ground, case: Case) -> list[str]:
    """The fault points that a run of a case passes, in their order (each once)."""
    _, coming = ground.bring(case, "embedded")
    ground.deliver(coming)
    path = ground.folder / "points.txt"
    path.unlink(missing_ok=True)
    ground.fork.start(ground.arguments("a.csv"), trace=path)
    if ground.fork.wait() != 0:
        raise RuntimeError(ground.fork.told())
    ground.there = coming
    return list(dict.fromkeys(path.read_text(encoding="utf-8").splitlines()))


def run(
    system: Manifest, home: Path, plan: Plan, told: Callable[[str], None], progress: Callable[[str], None]
) -> Campaign:
    """Run a campaign.

    Args:
        home: a state folder for it alone; what an earlier one left there is removed.
        told: is told what is red, at once.
        progress: is told after each trial how far the campaign is.
    """
    begun = time.monotonic()
    found = Campaign(system.slug, plan)
    with prepared(system, home, plan.seed) as (ground, cases):
        for case in cases:
            found.points[case.name] = trace(ground, case)
        for trial in _trials(ground, cases, found.points, plan):
            found.verdicts.append(trial())
            verdict = found.verdicts[-1]
            if verdict.wrong:
                told(f"RED {verdict.case}, {verdict.fault} at {verdict.point}: {verdict.wrong[0]}")
            progress(f"{len(found.verdicts):,} trials, {len(found.red()):,} red; now {verdict.case}, {verdict.fault}")
            if plan.seconds is not None and time.monotonic() - begun > plan.seconds:
                told(f"the time is over: {plan.seconds:.0f} s")
                break
    found.seconds = round(time.monotonic() - begun, 1)
    return found


def _trials(
    ground: Ground, cases: Sequence[Case], points: dict[str, list[str]], plan: Plan
) -> Iterator[Callable[[], Verdict]]:
    """Every trial of a plan; cases in turn, so that a short campaign has seen something of them all."""
    seconds = 1.0
    chance = random.Random(plan.seed)  # noqa: S311 (a seed, so that a failure can be seen again)
    queues = [_of_case(case, points[case.name], plan, chance, ground.faults) for case in cases]
    while any(queues):
        for queue, case in zip(queues, cases, strict=True):
            for fault, point in [queue.pop() for _ in range(min(IN_A_ROW, len(queue)))]:
                yield partial(attempt, ground, case, fault, point)
    if not plan.faults or "kill" in plan.faults:
        for number in range(plan.moments):
            case = cases[number // IN_A_ROW % len(cases)]
            seconds = _length(ground, case) if number % IN_A_ROW == 0 else seconds
            yield partial(attempt, ground, case, "kill", "", after=chance.uniform(0.02, seconds))
    if not plan.faults or "concurrency" in plan.faults:
        for number in range(plan.pairs):
            yield partial(together, ground, number, chance)


def _of_case(
    case: Case, points: Sequence[str], plan: Plan, chance: random.Random, known: Collection[str]
) -> list[tuple[str, str]]:
    """The faults of a case, each with its point: all of them where files are small; kills alone else."""
    is_small = len(case.contents[0]) < 1 << 20
    faults = [
        fault
        for fault in CODES
        if fault in known and (fault == "kill" or is_small) and (not plan.faults or fault in plan.faults)
    ]
    found = [(fault, point) for fault in faults for point in points if point in SELDOM.get(fault, points)]
    chance.shuffle(found)
    return found * plan.times


def _length(ground: Ground, case: Case) -> float:
    """Seconds that an undisturbed run of a case takes."""
    _, coming = ground.bring(case, "embedded")
    ground.deliver(coming)
    begun = time.monotonic()
    ground.fork.run(ground.arguments("a.csv"))
    ground.there = coming
    return time.monotonic() - begun


@contextmanager
def prepared(system: Manifest, home: Path, seed: int) -> Iterator[tuple[Ground, list[Case]]]:
    """A ground with its cases, in a state folder of its own that is made anew; what was started is ended."""
    scenario = scenario_of(system)
    if home.exists():
        postgres_server.stop(home)
        shutil.rmtree(home)
    folder = home / "drill"
    folder.mkdir(parents=True)
    one, two = (scenario.delivery(seed * 1000 + number) for number in (1, 2))
    large = scenario.huge or scenario.large
    a, b = large("a"), large("b")
    cases = [
        Case("first", (one,)),
        Case("restated", (one, two)),
        Case("first, large", (a,)),
        Case("restated, large", (a, b)),
    ]
    with ExitStack() as started:
        started.callback(postgres_server.stop, home)
        ground = Ground(scenario, Target(home, system), folder, profiles.tool_environment())
        started.callback(ground.close)
        if ground.proxy is not None:
            started.enter_context(ground.proxy)
        yield ground, cases
