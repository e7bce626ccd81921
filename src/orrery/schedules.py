"""What a run would do, and how to have it done every day: a cron line and a systemd timer."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orrery import feeds, files, profiles
from orrery.manifest import Manifest
from orrery.run import Request

AT = "06:10"  # UTC; after midnight everywhere it matters, so that yesterday is over


def plan(request: Request) -> dict[str, Any]:
    """What a run would take, make and change; nothing is started and nothing is written."""
    system = request.system
    facts: dict[str, Any] = {"system": f"{system.slug}: {system.title}"}
    for name, each in system.inputs.items():
        own = request.data.get(name)
        paths, ignored = files.find(own or (str(each.sample),), request.interval, request.endings(name))
        sizes = sum(path.stat().st_size for path in paths)
        facts["takes"] = [f"{name}: {path}" for path in paths[:20]]
        facts["in all"] = f"{len(paths):,} files, {sizes:,} bytes; {ignored:,} passed over"
    facts["by"] = [f"{name} = {value}" for name, value in request.chosen().items()]
    facts["for"] = str(request.interval or "everything in them")
    bound = {role: request.profile.binding(role, system.slug) for role in system.needs}
    facts["into"] = [f"{role}: {each.engine}, {each.fidelity}, {each.server}" for role, each in bound.items()]
    facts["makes"] = list(system.outputs)
    if request.contract is not None:
        feed = feeds.of_contract(request.contract, system)
        facts["makes"] = [feed.table, feed.rejected]
    facts["then"] = "contents that are loaded already are passed over; a restated file is applied as a difference"
    return facts


def daily(
    system: Manifest,
    data: Sequence[str],
    settings: Sequence[str],
    profile: str,
    mapping: Path | None = None,
    contract: Path | None = None,
) -> dict[str, str]:
    """The cron line, and the service and timer units, that run a system for the day before, every day."""
    name = system.name.lower()
    options = [f"--data={each}" for each in data] + [f"--set={each}" for each in settings]
    options += [f"--profile={profile}"] if profile != "embedded" else []
    options += [f"--map={mapping}"] if mapping else []
    options += [f"--contract={contract}"] if contract else []
    command = shlex.join(
        [sys.executable, "-m", "orrery", "run", name, "--date", "yesterday", "--wait", "3600", *options]
    )
    folder, home, (hour, minute) = Path.cwd(), profiles.home().absolute(), AT.split(":")
    log = shlex.quote(str(home / f"{name}.log"))
    prepare = f"mkdir -p {shlex.quote(str(home))} && " + f"ORRERY_HOME={shlex.quote(str(home))} "
    # in a crontab an unescaped % ends the command
    cron = f"{int(minute)} {int(hour)} * * * cd {shlex.quote(str(folder))} && {prepare}{command} >>{log} 2>&1".replace(
        "%", r"\%"
    )
    unit = command.replace("%", "%%").replace("$", "$$")
    return {
        "crontab": f"CRON_TZ=UTC\n{cron}",
        f"orrery-{name}.service": "\n".join(
            [
                "[Unit]",
                f"Description={system.title}",
                "[Service]",
                "Type=oneshot",
                f"WorkingDirectory={str(folder).replace('%', '%%')}",
                f"Environment={shlex.quote(f'ORRERY_HOME={home}').replace('%', '%%')}",
                f"ExecStart={unit}",
            ]
        ),
        f"orrery-{name}.timer": "\n".join(
            ["[Timer]", f"OnCalendar=*-*-* {AT}:00 UTC", "Persistent=true", "[Install]", "WantedBy=timers.target"]
        ),
    }
