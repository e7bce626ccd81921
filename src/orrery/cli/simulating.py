"""`simulate`: a system's daily schedule over many days, in seconds."""

from __future__ import annotations

import datetime as dt
import shlex
from typing import Annotated

import typer

from orrery import catalogue, profiles
from orrery.cli import render
from orrery.cli.looking import Json
from orrery.cli.running import day_of


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command(epilog="Example:  orrery simulate meteor --from 2024-01-01 --days 90 --seed 1")(simulate)


def simulate(
    system: str,
    first: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD.")] = "2024-01-01",
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="How many days.")] = 90,
    seed: Annotated[int, typer.Option("--seed", help="Which history: what comes late, twice, restated or never.")] = 1,
    as_json: Json = False,
) -> None:
    """Run the daily schedule over many simulated days: files on time, late, restated, twice or never.

    Only the clock and the arrivals are made up; every run is a real one, in a state folder of its own.
    """
    from orrery import simulating

    found = catalogue.find(system)
    home = profiles.home() / "simulations" / found.slug
    result = simulating.simulate(found, home, day_of(first, "--from"), days, seed, render.Quiet())
    if as_json:
        render.document(result)
        return
    for each in result["runs"]:
        if each["because"] != "schedule" or each["outcome"] != "loaded":
            render.out(
                f"{each['on']}  for {each['for']}  {each['because']:9} {each['outcome']:12} {each['rows']:,} rows"
            )
    for what, often in simulating.counted(result):
        render.out(f"{often:7,}  {what}")
    last = day_of(first, "--from") + dt.timedelta(days=days - 1)
    render.out(f"{first} to {last}: {len(result['runs']):,} runs in {result['seconds']:.1f} s (seed {seed})")
    render.out(f"look at it:  export ORRERY_HOME={shlex.quote(result['home'])}")
    for verb in (f"runs {found.name.lower()}", f"show {found.name.lower()}", "down"):
        render.out(f"             {render.command()} {verb}")
