"""JPL's answers of now, by the connectors (connectors/jpl.py), kept as they were received; none without a way there."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from orrery import processes, profiles
from orrery.errors import DependencyDown, parsed
from orrery.run import Run

SERVICE = ("--base", "https://ssd-api.jpl.nasa.gov/")
AHEAD = timedelta(days=365)


def answers(run: Run) -> Path | None:
    """Ask for the near-Earth objects and their approaches of a year; gives the folder, None where nobody is reached.

    What was asked for on a day is not asked for again on that day.

    Raises:
        OrreryError: JPL answered, and not with what can be used.
    """
    today = (run.interval or run.now().date()).isoformat()
    until = (run.now().date() + AHEAD).isoformat()
    folder = run.request.home / "answers" / run.system.slug / today
    days = ("--from", today, "--until", until)
    program = [sys.executable, str(run.folder / "connectors" / "jpl.py")]
    asked = (
        ["bodies", "--to", str(folder), "--group", "neo", *SERVICE],
        # one name, so that what JPL says tomorrow takes the place of what it said today
        ["approaches", "--to", str(folder), "--name", "cad-neo.json", *days, "--within", "0.2", *SERVICE],
    )
    with run.step("fetch") as step:
        kept = 0
        for words in asked:
            ended = processes.follow(
                [*program, *words], profiles.connector_environment(), told=run.following("fetch"), folder=run.work()
            )
            if ended.code:
                error = parsed(ended.told, ended.code, ["jpl.py", *words])
                if isinstance(error, DependencyDown) and not kept:
                    run.reporter.say(f"offline: {error.found}")
                    run.note(offline=error.parts())
                    step.rows(read=0, kept=0)
                    return None
                raise error
            kept += sum(int(line.split()[-2]) for line in ended.printed)
        step.bytes_read = sum(path.stat().st_size for path in folder.glob("*.json"))
        step.rows(read=kept, kept=kept)
    return folder
