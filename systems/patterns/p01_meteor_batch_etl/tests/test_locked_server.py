"""One writer a server, whatever folder or machine it is of: the real command in processes of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from orrery.testing import Target

COMMAND = [sys.executable, "-m", "orrery", "run", "meteor", "--json"]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "ORRERY_HOME": str(home), "NO_COLOR": "1"}


def start(home: Path, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(home),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_the_server_itself_lets_one_writer_in(
    target: Target, warehouse_home: Path, tmp_path: Path, deliver: Any, sample: bytes
) -> None:
    """Also one of another state folder or machine, whose lock files nobody here sees."""
    path = deliver("a.csv", sample)
    key = int.from_bytes(hashlib.sha256(b"orrery:p01_meteor").digest()[:8], signed=True)
    target.connection.execute("select pg_advisory_lock(%s)", (key,))
    refused = start(warehouse_home, tmp_path, "--data", f"launches={path}")
    _, err = refused.communicate(timeout=60)
    assert refused.returncode == 5, err
    assert "is writing to this server" in err
    waiting = start(warehouse_home, tmp_path, "--data", f"launches={path}", "--wait", "60")
    time.sleep(1.5)
    assert waiting.poll() is None
    target.connection.execute("select pg_advisory_unlock(%s)", (key,))
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, err
    assert len(target.rows()) == 5667
