"""As an ordinary user, with no HOME, in a folder with blanks and letters beyond ASCII, with no network but loopback."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from orrery.engines import privileges

SYSTEM = Path(__file__).parent.parent


def test_runs_as_an_ordinary_user() -> None:
    """As root the command is run by `nobody`; else by who runs the tests."""
    with tempfile.TemporaryDirectory(prefix="Orrery – Zürich ", ignore_cleanup_errors=True) as name:
        folder, who = Path(name), somebody()
        folder.chmod(0o755)
        if who:
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
        try:
            first = orrery(folder, who, "run", "meteor", "--json")
            assert first.returncode == 0, first.stderr
            assert json.loads(first.stdout)["target"]["rows"] == 5667
            assert json.loads(orrery(folder, who, "run", "meteor", "--json").stdout)["nothing_new"] is True
            [server] = json.loads(orrery(folder, who, "ps", "--json").stdout)
            listening = {each.laddr.ip for each in psutil.net_connections("tcp") if each.pid == server["pid"]}
            assert listening <= {"127.0.0.1"}
            assert psutil.Process(server["pid"]).uids().real == folder.stat().st_uid != 0
            assert (folder / ".orrery" / "postgres" / "pgpass").stat().st_mode & 0o077 == 0
        finally:
            orrery(folder, who, "down")


def somebody() -> dict[str, Any]:
    """How to become an ordinary user; he may read where this Python lies, also when that is below root's own folder."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    reach = [SYSTEM, Path(sys.executable).parent, Path(sys.executable).resolve().parent]
    return {"preexec_fn": privileges.becoming((nobody.pw_uid, nobody.pw_gid), reach)}


def orrery(folder: Path, who: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orrery", *arguments],
        cwd=folder,
        env={"PATH": os.defpath},  # no HOME, no USER, nothing
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **who,
    )
