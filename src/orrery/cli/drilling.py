"""`drill`: kill, stop, starve and cut off a system wherever it has a fault point, and see whether it comes back."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import typer

from orrery import catalogue, profiles
from orrery.cli import render
from orrery.cli.looking import Json
from orrery.errors import BadInput, ExitCode


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command(
        epilog="Examples:  orrery drill meteor --points  ·  orrery drill meteor --seed 7 --for 10m  ·  "
        "orrery drill meteor --fault kill --times 3"
    )(drill)


def drill(
    system: str,
    points: Annotated[bool, typer.Option("--points", help="Only list the fault points, from a dry run.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Which contents and which moments.")] = 1,
    times: Annotated[int, typer.Option("--times", min=1, help="How often each fault is tried at each point.")] = 1,
    moments: Annotated[int, typer.Option("--moments", min=0, help="Kills at random moments.")] = 150,
    pairs: Annotated[int, typer.Option("--pairs", min=0, help="Two runs at once, so often.")] = 100,
    duration: Annotated[str | None, typer.Option("--for", help="End after 90s, 10m or 2h, with what there is.")] = None,
    fault: Annotated[list[str] | None, typer.Option("--fault", help="Only this fault; again for more.")] = None,
    as_json: Json = False,
) -> None:
    """Kill, stop, starve and cut off a system at every fault point and at random moments; it must come back.

    After each fault the system is run again, and once more: the target must be as an independent oracle says, with
    nothing lost and nothing doubled, a reader must never have seen a part, and the third run must find nothing new.
    It works in a state folder of its own; your data is not touched.
    """
    from orrery.drills import campaign
    from orrery.drills.verdicts import CODES

    found = catalogue.find(system)
    home = profiles.home() / "drills" / found.slug
    known = [*CODES, "concurrency"]
    if unknown := [each for each in fault or [] if each not in known]:
        raise BadInput(
            f"There is no fault '{unknown[0]}'.", looked="--fault", found=unknown[0], fix=f"one of {', '.join(known)}"
        )
    if points:
        listed = campaign.points(found, home, seed)
        if as_json:
            render.document(listed)
        for case, names in ({} if as_json else listed).items():
            render.out(f"{case}: {' · '.join(names)}")
        return
    plan = campaign.Plan(seed, times, moments, pairs, _seconds(duration), tuple(fault or ()))
    result = campaign.run(found, home, plan, render.note, render.NowAndThen())
    data = result.as_data()
    (home / "drill.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    if as_json:
        render.document(data)
    else:
        _show(data, home / "drill.json")
    if result.red():
        raise typer.Exit(int(ExitCode.GATE_CLOSED))


def _show(data: dict[str, Any], kept: Any) -> None:
    names = ["fault", "tried", "fired", "points", "green", "red", "slowest recovery", "exit codes"]
    rows = [[each[name] for name in names[:-1]] + [_codes(each["exit codes"])] for each in data["table"]]
    render.table(names, rows)
    for each in data["verdicts"]:
        if each["wrong"]:
            wrong = "; ".join(each["wrong"])
            render.out(render.in_a_line(f"red: {each['case']}, {each['fault']} at {each['point']}: {wrong}"))
    verdict = "0 lost, 0 doubled" if not data["red"] else f"{data['red']} red"
    trials, seed = len(data["verdicts"]), data["plan"]["seed"]
    render.out(f"{trials:,} trials, {data['kills']:,} kills: {verdict}; {data['seconds']:.0f} s, seed {seed}")
    render.out(f"kept in {kept}")


def _codes(codes: dict[str, int]) -> str:
    return ", ".join(f"{code} ×{often}" for code, often in codes.items())


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]+)(s|m|h)", text)
    if not found:
        raise BadInput(f"'{text}' is not a time.", looked="--for", found=text, fix="--for 90s, 10m or 2h")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
