"""What a session of tests left behind: processes of this environment, files in checkout, home and temp folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Scene:
    """What is there at one moment.

    Attributes:
        processes: of this environment's programs (a server that a user started runs them too), by pid and start.
        changed: paths of the checkout that git does not know as they are.
        home: names in the home folder.
        temporary: names in the folder for temporary files, but for those that pytest keeps.
    """

    processes: dict[tuple[int, float], str]
    changed: frozenset[str]
    home: frozenset[str]
    temporary: frozenset[str]


def look(checkout: Path) -> Scene:
    """Look around now."""
    temporary = Path(tempfile.gettempdir())
    return Scene(
        processes=dict(_processes()),
        changed=frozenset(_changed(checkout)),
        home=frozenset(_names(Path.home())) - {".cache"},  # of uv and pip: what they fetched once
        temporary=frozenset(name for name in _names(temporary) if not name.startswith("pytest-of-")),
    )


def left(before: Scene, after: Scene) -> list[str]:
    """What is there after and was not before, a line each."""
    return [
        *(
            f"process {pid}: {told}"
            for (pid, start), told in after.processes.items()
            if (pid, start) not in before.processes
        ),
        *(f"in the checkout: {path}" for path in sorted(after.changed - before.changed)),
        *(f"in the home folder: {name}" for name in sorted(after.home - before.home)),
        *(f"in {tempfile.gettempdir()}: {name}" for name in sorted(after.temporary - before.temporary)),
    ]


def _processes() -> Iterator[tuple[tuple[int, float], str]]:
    """Processes whose program lies in this environment; not this one, and none that it descends from."""
    own = {psutil.Process().pid, *(each.pid for each in psutil.Process().parents())}
    for process in psutil.process_iter(["pid", "exe", "cmdline", "create_time", "status"]):
        known = process.info
        words = known["cmdline"] or []
        ours = any(str(word).startswith(sys.prefix + "/") for word in (known["exe"] or "", *words[:1]))
        if ours and known["pid"] not in own and known["status"] != psutil.STATUS_ZOMBIE:
            yield (known["pid"], known["create_time"]), " ".join(words)[:120]


def _changed(checkout: Path) -> list[str]:
    git = shutil.which("git")
    if git is None or not (checkout / ".git").exists():
        return []
    words = [git, "status", "--porcelain", "-z"]
    listed = subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=False)
    return [entry for entry in listed.stdout.split("\0") if entry]


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []  # no home, or none that may be read: then nothing can be left there either
