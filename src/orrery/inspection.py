"""Looks at what is there: rows of a result, and whether ledger and target still agree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from orrery import looks
from orrery.errors import BadInput
from orrery.ledger import OPEN, Ledger, Owner, event_hash
from orrery.looks import Look
from orrery.manifest import Manifest
from orrery.profiles import Binding, Profile


@dataclass(frozen=True)
class Finding:
    """One invariant, whether it holds, and what was found."""

    invariant: str
    holds: bool
    found: str


def rows(
    system: Manifest, profile: Profile, *, rows: int, rejected: bool, table: str | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and some rows of a system's first output, or of another table, or of the refused rows of either."""
    name = table or next(iter(system.outputs))
    if rejected:
        own = [each for each in system.outputs if each.endswith("_rejected")]
        name = own[0] if own and table is None else f"{name}_rejected"
    schema, _, name = name.rpartition(".")
    schema = schema or system.slug
    binding = profile.binding(next(iter(system.needs)), system.slug)
    look = looks.look(binding, system.slug, application=f"orrery show {system.slug}")
    try:
        there = look.relations(schema)
        if name not in there:
            raise BadInput(
                f"{system.name} has made no table {name} here."
                if there
                else f"{system.name} has made nothing here yet.",
                looked=f"profile {profile.name}, {schema}.{name}",
                found=f"tables: {', '.join(there)}" if there else "no such table",
                fix=f"--table with one of those, or orrery run {system.name.lower()}",
            )
        order = "" if look.is_ordered(schema, name) else " order by 1, 2"
        # both names are among those that the engine told
        return look.query(f'select * from "{schema}"."{name}"{order} limit {int(rows)}')
    finally:
        look.close()


def check(systems: Sequence[Manifest], profile: Profile, home: Path) -> list[Finding]:
    """The ledger's invariants L1 to L7, those that need the target read from the target as it is now.

    L8 (no secret anywhere) needs to know the secrets; `orrery.testing` checks it with canaries.
    """
    path = home / "ledger.sqlite"
    if not path.exists():
        return [Finding("ledger", True, f"no runs yet in {home}")]
    ledger = Ledger(path)
    try:
        found = of_ledger(ledger)
        for system in systems:
            if any(run["profile"] == profile.name for run in ledger.runs(system.slug)):
                found += of_target(ledger, system, profile)
        return found
    finally:
        ledger.close()


def of_ledger(ledger: Ledger) -> list[Finding]:
    """L1, L2, L4, L6, L7: what the ledger alone can tell."""
    runs = list(reversed(ledger.runs()))
    orphans = [
        run["run_id"]
        for run in runs
        if run["state"] in OPEN and not Owner(run["pid"], run["pid_started"], run["boot_id"]).is_alive()
    ]
    scopes = [(run["system"], run["scope"]) for run in runs if run["state"] in OPEN]
    twice = sorted({f"{system} {scope}" for system, scope in scopes if scopes.count((system, scope)) > 1})
    lost = [
        f"{run['run_id']} {step['name']}"
        for run in runs
        for step in ledger.steps(run["run_id"])
        if step["rows_read"] != sum(step[f"rows_{what}"] for what in ("kept", "rejected", "deduplicated", "filtered"))
    ]
    events = ledger.events()
    gaps, broken = _gaps(runs, events), _broken_links(events)
    return [
        Finding("L1 no run is open whose process is dead", not orphans, _told(orphans)),
        Finding("L2 one open run a system and scope", not twice, _told(twice)),
        Finding("L4 rows in = rows out, in every step", not lost, _told(lost)),
        Finding("L6 attempts without a gap, time runs forward", not gaps, _told(gaps)),
        Finding("L7 the chain of events is whole", not broken, _told(broken)),
    ]


def of_target(ledger: Ledger, system: Manifest, profile: Profile) -> list[Finding]:
    """L3 and L5: tokens, counts and checksums, against the target."""
    binding = profile.binding(next(iter(system.needs)), system.slug)
    look = looks.look(binding, system.slug, application=f"orrery check {system.slug}")
    try:
        return _against(ledger, system, binding, look)
    finally:
        look.close()


def _against(ledger: Ledger, system: Manifest, binding: Binding, look: Look) -> list[Finding]:
    runs = [run for run in ledger.runs(system.slug) if run["profile"] == binding.profile]
    loads = look.loads(system.slug)
    there = {token for token, _ in loads}
    identity = next((token for token, run_id in loads if run_id == "target"), None)
    if identity is not None:  # runs that wrote elsewhere are not this target's to judge
        runs = [run for run in runs if run["result"].get("target_id", identity) == identity]
    wrote = [run for run in runs if run["state"] == "SUCCEEDED" and (_has_written(run["result"]) or run["recovered"])]
    untrue = [f"{run['run_id']} has no token in the target" for run in wrote if run["token"] not in there]
    untrue += [
        f"{run['run_id']} is {run['state']} and its token is there"
        for run in runs
        if run["token"] in there and run["state"] in ("FAILED", "QUARANTINED")
    ]
    differing, later = [], ""
    if wrote and wrote[0]["token"] != next((token for token, run_id in reversed(loads) if run_id != "target"), None):
        later = "not looked at: a later load came from another state folder"
    elif wrote:
        marks = wrote[0]["result"].get("written", [])
        differing = [told for mark in marks if (told := _changed(mark, look))]
    name = system.slug
    return [
        Finding(f"L3 {name}: a run succeeded if, and only if, its token is in the target", not untrue, _told(untrue)),
        Finding(
            f"L5 {name}: the last load is in the target as it was written", not differing, later or _told(differing)
        ),
    ]


def _has_written(result: dict[str, Any]) -> bool:
    return bool(result.get("files") or result.get("written"))


def _changed(mark: dict[str, Any], look: Look) -> str | None:
    """How the rows that a mark speaks of are not as they were written, or None."""
    now = look.counted(mark)
    if (now["rows"], now["checksum"]) == (mark["rows"], mark["checksum"]):
        return None
    which = f" {mark['column']} {mark['value']}" if "column" in mark else ""
    return f"{mark['table']}{which}: {mark['rows']:,} rows then, {now['rows']:,} now"


def _gaps(runs: Sequence[dict[str, Any]], events: Sequence[dict[str, Any]]) -> list[str]:
    """Attempts that are missing, and runs whose events go back in time (by the clock that nobody sets)."""
    found = []
    expected: dict[tuple[str, str], int] = {}
    by_run: dict[str, list[float]] = {}
    for event in events:
        by_run.setdefault(event["run_id"], []).append(event["monotonic"])
    for run in runs:
        scope = (run["system"], run["scope"])
        expected[scope] = expected.get(scope, 0) + 1
        if run["attempt"] != expected[scope]:
            found.append(f"{run['run_id']} is attempt {run['attempt']}, expected {expected[scope]}")
        times = by_run.get(run["run_id"], [])
        times = times[: -1 if run["recovered"] else None]  # the last is by the clock of whoever recovered it
        found += [f"{run['run_id']} goes back by {one - other:.0f} s" for one, other in pairwise(times) if other < one]
    return found


def _broken_links(events: Sequence[dict[str, Any]]) -> list[str]:
    broken = [
        f"event {event['sequence']}"
        for event in events
        if event["hash"]
        != event_hash(event["previous"], event["run_id"], event["at"], event["monotonic"], event["kind"], event["body"])
    ]
    broken += [
        f"event {later['sequence']}" for earlier, later in pairwise(events) if later["previous"] != earlier["hash"]
    ]
    if events and (events[0]["previous"] or events[0]["sequence"] != 1):
        broken.append("the beginning is missing")
    return broken


def _told(wrong: Sequence[str]) -> str:
    return "as it should be" if not wrong else json.dumps(list(wrong[:5]), ensure_ascii=False)
