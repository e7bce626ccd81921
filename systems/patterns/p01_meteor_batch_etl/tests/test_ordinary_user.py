"""As an ordinary user, with no HOME, in a folder with blanks and letters beyond ASCII, with no network but loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

SYSTEM = Path(__file__).parent.parent


def test_runs_as_an_ordinary_user() -> None:
    """As root the command is run by another user, who must be able to read the checkout; else by who runs the tests."""
    with tempfile.TemporaryDirectory(prefix="Orrery – Zürich ", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        user = user_who_can_read(SYSTEM)
        if user is not None:
            os.chown(folder, user, user)
        try:
            first = orrery(folder, user, "run", "meteor", "--json")
            assert first.returncode == 0, first.stderr
            assert json.loads(first.stdout)["target"]["rows"] == 5667
            assert json.loads(orrery(folder, user, "run", "meteor", "--json").stdout)["nothing_new"] is True
            [server] = json.loads(orrery(folder, user, "ps", "--json").stdout)
            listening = {each.laddr.ip for each in psutil.net_connections("tcp") if each.pid == server["pid"]}
            assert listening <= {"127.0.0.1"}
            assert psutil.Process(server["pid"]).uids().real != 0
        finally:
            orrery(folder, user, "down")


def user_who_can_read(path: Path) -> int | None:
    """A uid that is not root and can reach the code and this Python; None where the tests run as themselves."""
    if os.geteuid() != 0:
        return None
    probe = [sys.executable, "-c", f"open({str(path / 'system.toml')!r}); import orrery"]
    reaches = subprocess.run(probe, user=12345, group=12345, extra_groups=[], env=bare(), check=False).returncode == 0  # noqa: S603
    return 12345 if reaches else None  # below /root nobody else can: then root itself, whose server is still not root's


def bare() -> dict[str, str]:
    return {"PATH": os.defpath, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}


def orrery(folder: Path, user: int | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    who = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "orrery", *arguments],
        cwd=folder,
        env=bare(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **who,
    )
