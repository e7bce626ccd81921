"""Simulated history: a system's daily schedule over many days, in seconds, with files as they really arrive.

Each day has a file that comes on time, late, never, twice, or first wrong and later restated; a seed says which. The
schedule runs every simulated day for the day before, and again for a day whose file came or changed after that. All
of it is real but the clock: the same runs, the same server, the same ledger, in a state folder of its own.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any

from orrery import catalogue, profiles, run
from orrery.errors import BadInput
from orrery.manifest import Input, Manifest
from orrery.run import Request
from orrery.steps import Reporter

AT = clock_time(2, 0, tzinfo=UTC)  # when the schedule runs, for the day before
HOW_OFTEN = {"on time": 80, "late": 8, "restated": 6, "twice": 3, "never": 3}
Deliver = Callable[[bytes, date, int], bytes]


@dataclass(frozen=True)
class Arrival:
    """A content of a day's file, and the day on which it is there for the schedule.

    Attributes:
        version: 0 with a mistake in it, 1 as it should be.
    """

    day: date
    seen_on: date
    kind: str
    version: int


def arrivals(first: date, days: int, seed: int) -> list[Arrival]:
    """What comes when, in the order of coming; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 (a seed, so that a history can be made again)
    found = []
    for number in range(days):
        day = first + timedelta(days=number)
        [kind] = chance.choices(list(HOW_OFTEN), list(HOW_OFTEN.values()))
        next_day, later = day + timedelta(days=1), day + timedelta(days=chance.randint(2, 7))
        if kind == "late":
            found.append(Arrival(day, later, kind, 1))
        elif kind != "never":
            found.append(Arrival(day, next_day, "on time", int(kind != "restated")))
        if kind in ("restated", "twice"):
            found.append(Arrival(day, later, kind, 1))
    return sorted(found, key=lambda each: (each.seen_on, each.day))


def simulate(system: Manifest, home: Path, first: date, days: int, seed: int, reporter: Reporter) -> dict[str, Any]:
    """Run the schedule for every day; returns the runs and what became of them.

    Args:
        home: a state folder for this history alone; what an earlier simulation left there is removed.

    Raises:
        BadInput: the system has no daily deliveries. OrreryError: a run failed for another reason than a missing file.
    """
    given, deliver = _daily(system)
    _clear(home)
    inbox, sample = home / "inbox", _sample(given.sample).read_bytes()
    inbox.mkdir(parents=True)
    coming, begun = arrivals(first, days, seed), time.monotonic()
    profile, ran = profiles.load("embedded", home), []
    ending = (given.endings or (".csv",))[0]
    paths = {given.name: (str(inbox / f"{given.name}-{{date}}{ending}"),)}
    for today in (first + timedelta(days=number) for number in range(1, days + 9)):
        due = {today - timedelta(days=1): "schedule"} if today <= first + timedelta(days=days) else {}
        for each in coming:
            if each.seen_on == today:
                name = inbox / f"{given.name}-{each.day.isoformat()}{ending}"
                name.write_bytes(deliver(sample, each.day, each.version))
                due.setdefault(each.day, each.kind)
        for day, why in due.items():
            request = Request(system, profile, home, paths, interval=day, clock=_from(datetime.combine(today, AT)))
            ran.append({"on": today.isoformat(), "for": day.isoformat(), "because": why, **_outcome(request, reporter)})
    _stop(home)
    return {
        "system": system.slug,
        "seed": seed,
        "days": days,
        "home": str(home),
        "arrivals": [{**each.__dict__, "day": str(each.day), "seen_on": str(each.seen_on)} for each in coming],
        "runs": ran,
        "seconds": round(time.monotonic() - begun, 1),
    }


def _daily(system: Manifest) -> tuple[Input, Deliver]:
    """The input that comes every day, and the function that makes a day's file out of the sample."""
    for given in system.inputs.values():
        if given.daily is not None:
            return given, catalogue.function(system, given.daily)
    raise BadInput(
        f"{system.name} has no daily deliveries to simulate.",
        looked=str(system.folder / "system.toml"),
        found='no input with daily = "module:function"',
        fix="orrery info shows what it takes",
    )


def _sample(path: Path) -> Path:
    """The file that a day's file is made from: of a folder the first by name."""
    return min(path.iterdir()) if path.is_dir() else path


def _from(opened: datetime) -> Callable[[], datetime]:
    """A clock that shows `opened` now, and goes on from there."""
    started = time.monotonic()
    return lambda: opened + timedelta(seconds=time.monotonic() - started)


def _clear(home: Path) -> None:
    if home.exists():
        _stop(home)
        shutil.rmtree(home)


def _stop(home: Path) -> None:
    from orrery.engines import postgres_server

    postgres_server.stop(home)


def _outcome(request: Request, reporter: Reporter) -> dict[str, Any]:
    """One run; a file that has not come is what the schedule meets, and no failure of the simulation."""
    try:
        summary = run.start(request, reporter)
    except BadInput as error:
        if "no file" not in error.asked:
            raise
        return {"outcome": "no file", "exit_code": int(error.exit_code), "rows": 0}
    rows = sum(each["kept"] for each in summary.get("files", []))
    return {"outcome": "nothing new" if summary.get("nothing_new") else "loaded", "exit_code": 0, "rows": rows}


def counted(result: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """How often each thing happened."""
    for kind in ("schedule", *HOW_OFTEN):
        for outcome in ("loaded", "nothing new", "no file"):
            found = sum(each["because"] == kind and each["outcome"] == outcome for each in result["runs"])
            if found:
                yield f"{kind}: {outcome}", found
