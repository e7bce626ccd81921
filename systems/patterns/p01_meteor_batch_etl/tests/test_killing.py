"""Two runs at once, and runs that are killed: the real command in processes of its own."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import oracle
from orrery.testing import Target

COMMAND = [sys.executable, "-m", "orrery", "run", "meteor", "--json"]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "ORRERY_HOME": str(home), "NO_COLOR": "1"}


def large(sample: bytes, times: int) -> bytes:
    """The launch log several times, each time with other designators."""
    header, *records = sample.splitlines()
    every = [record.replace(b",", b"#%d," % number, 1) for number in range(times) for record in records]
    return b"\n".join([header, *every]) + b"\n"


def start(home: Path, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        [*COMMAND, *arguments],
        env=environment(home),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_two_runs_never_interleave(target: Target, warehouse_home: Path, tmp_path: Path, deliver: Any, sample: bytes) -> None:
    first, second = (deliver(name, large(sample, 10)) for name in ("a.csv", "b.csv"))
    both = [start(warehouse_home, tmp_path, "--data", f"launches={path}") for path in (first, second)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in both]
    codes = sorted(code for _, code in ended)
    assert codes in ([0, 0], [0, 5])
    if codes == [0, 5]:
        [(out, err)] = [told for told, code in ended if code == 5]
        assert "error 5" in err
        assert "--wait" in err
    assert len(target.rows()) == 56_670
    waiting = start(warehouse_home, tmp_path, "--data", f"launches={first}", "--wait", "60")
    other = start(warehouse_home, tmp_path, "--data", f"launches={second}", "--wait", "60")
    assert [waiting.wait(120), other.wait(120)] == [0, 0]
    assert len(target.rows()) == 56_670


def test_killed_load_ends_as_undisturbed(
    target: Target, warehouse_home: Path, tmp_path: Path, deliver: Any, sample: bytes
) -> None:
    chance = random.Random(20261124)  # noqa: S311 (a seed, so that a failure can be seen again)
    content = large(sample, 20)
    path = deliver("a.csv", content)
    begun = time.monotonic()
    undisturbed = start(warehouse_home, tmp_path, "--data", f"launches={path}")
    assert undisturbed.wait(120) == 0
    seconds = time.monotonic() - begun
    killed_while_running = 0
    for signal_sent in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        target.reset()
        process = start(warehouse_home, tmp_path, "--data", f"launches={path}")
        time.sleep(chance.uniform(0.4, 1.0) * seconds)
        killed_while_running += process.poll() is None
        os.killpg(process.pid, signal_sent)
        process.communicate(timeout=60)
        rows = target.query("select count(*) as rows from p01_meteor.launches") if target.rows("pg_tables") and target.query("select 1 where to_regclass('p01_meteor.launches') is not null") else []
        assert not rows or rows[0]["rows"] in (0, 113_340), "a part of a load must never be seen"
        again = start(warehouse_home, tmp_path, "--data", f"launches={path}")
        out, err = again.communicate(timeout=120)
        assert again.returncode == 0, err
        assert json.loads(out)["target"]["rows"] == 113_340
        assert not target.broken_invariants()
    assert killed_while_running >= 3, "the kills came too late to prove anything"
    expected = oracle.judge(content, "a.csv").accepted
    names = [name for name in expected[0] if not name.startswith("_")]
    assert oracle.checksum([{name: row[name] for name in names} for row in target.rows()]) == oracle.checksum(expected)
