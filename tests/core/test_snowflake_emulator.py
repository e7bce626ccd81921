"""The emulator's server: loopback only, one a folder, found dead when it is, and what is committed outlives kill -9."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from orrery import environments
from orrery.engines import snowflake, snowflake_emulator
from orrery.errors import DependencyDown, IntegrityBroken
from orrery.profiles import Binding


@pytest.fixture
def home(warehouse_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder whose emulator uses an environment that is made once for all tests of this process."""
    python = environments.python(warehouse_home, snowflake_emulator.ENVIRONMENT, lambda _line: None)
    monkeypatch.setattr(environments, "python", lambda *_given: python)
    yield tmp_path
    snowflake_emulator.stop(tmp_path)


def binding(home: Path) -> Binding:
    return Binding("analytics", "snowflake", "embedded", "emulator", "emulated", home)


def rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    with snowflake.connect(binding(home), "test") as connection:
        return snowflake.query(connection, sql)[1]


def test_start_find_stop(home: Path) -> None:
    assert snowflake_emulator.status(home) is None
    assert not snowflake_emulator.stop(home)
    server = snowflake_emulator.start(home)
    child = psutil.Process(server.pid)
    assert snowflake_emulator.status(home) == server == snowflake_emulator.start(home)
    listening = [each.laddr for each in psutil.Process(server.pid).net_connections() if each.status == "LISTEN"]
    assert [(each.ip, each.port) for each in listening] == [("127.0.0.1", server.port)]
    assert os.getsid(server.pid) == server.pid
    assert snowflake_emulator.stop(home)
    assert snowflake_emulator.status(home) is None
    assert not child.is_running(), "not even as a zombie"
    assert snowflake_emulator.start(home).port == server.port


def test_what_is_committed_outlives_a_kill(home: Path) -> None:
    server = snowflake_emulator.start(home)
    with snowflake.connect(binding(home), "test") as connection:
        cursor = connection.cursor()
        cursor.execute("create schema kept")
        cursor.execute("create table kept.t (a int, b text)")
        cursor.execute("create view kept.v as select b from kept.t")
        cursor.execute("insert into kept.t values (1, 'one')")
        cursor.execute("begin")
        cursor.execute("insert into kept.t values (2, 'two')")
        os.kill(server.pid, signal.SIGKILL)
        again = snowflake_emulator.start(home)
        assert again.pid != server.pid
    assert rows(home, "select a, b from kept.t") == [(1, "one")]
    assert rows(home, "select b from kept.v") == [("one",)]
    snowflake_emulator.stop(home)
    wal = again.data / "ORRERY.db.wal"
    assert not wal.exists() or not wal.stat().st_size  # a stop writes the log into the file
    assert rows(home, "select a, b from kept.t") == [(1, "one")]


def test_started_at_once_there_is_one(home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _turn: snowflake_emulator.start(home), range(4)))
    assert len({server.pid for server in servers}) == 1


def test_it_outlives_its_starter(home: Path) -> None:
    python = environments.python(home, "x", lambda _line: None)
    program = (
        "import os, signal; from pathlib import Path; from orrery import environments\n"
        f"environments.python = lambda *_given: Path({str(python)!r})\n"
        "from orrery.engines import snowflake_emulator\n"
        f"snowflake_emulator.start(Path({str(home)!r})); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    server = snowflake_emulator.status(home)
    assert server is not None
    assert psutil.pid_exists(server.pid)


def test_a_stale_file_is_noticed(home: Path) -> None:
    root = home / "snowflake"
    root.mkdir()
    for pid in (os.getpid(), 2**22 - 1, "x"):  # reused, gone, broken
        (root / "server.json").write_text(json.dumps({"pid": pid, "port": 1}), encoding="ascii")
        (root / "serving").write_text(str(pid), encoding="ascii")
        assert snowflake_emulator.status(home) is None
        assert not snowflake_emulator.stop(home)
    assert snowflake_emulator.start(home).pid


def test_a_clock_that_is_set_loses_no_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = snowflake_emulator.start(home)
    made = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: made(self) + 3600)
    assert snowflake_emulator.start(home) == server


def test_a_start_that_was_cut_is_not_in_the_way(home: Path) -> None:
    """Somebody else's server has the folder and has not said its port: it is ended, whoever its file names."""
    root = home / "snowflake"
    (root / "data").mkdir(parents=True)
    (root / "serving").write_text(str(os.getpid()), encoding="ascii")  # of long ago: this pid is ours by now
    python = environments.python(home, "x", lambda _line: None)
    command = [str(python), "-I", str(snowflake_emulator.SERVING), str(root), "0"]
    orphan = subprocess.Popen(command, cwd=root, env={**os.environ, "TMPDIR": str(home)}, stderr=subprocess.DEVNULL)
    while (root / "serving").read_text(encoding="ascii") != str(orphan.pid):
        assert orphan.poll() is None
        time.sleep(0.002)
    try:
        assert snowflake_emulator.start(home).pid != orphan.pid
        orphan.wait(timeout=5)
    finally:
        orphan.kill()
        orphan.wait()


def test_the_dead_leave_nothing_locked(home: Path) -> None:
    snowflake_emulator.start(home)
    port = snowflake_emulator.start(home).port
    with snowflake.connect(binding(home), "test") as connection:
        cursor = connection.cursor()
        cursor.execute("create schema kept")
        cursor.execute("create table kept.t as select 1 as a")
        cursor.execute("create temporary table orrery.kept.gone as select 1 as a")
    program = (
        f"import os, snowflake.connector as c; x = c.connect(user='a', password='b', account='fakesnow',"
        f" host='127.0.0.1', port={port}, protocol='http', database='ORRERY').cursor()\n"
        "x.execute('begin'); x.execute('delete from kept.t'); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert rows(home, "delete from kept.t where a = 1") == [(1,)]
    assert rows(home, "select table_name from information_schema.tables where table_schema = 'KEPT'") == [("T",)]


def test_what_does_not_start_says_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "snowflake" / "data").mkdir(parents=True)
    (home / "snowflake" / "data" / "ORRERY.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(IntegrityBroken, match="cannot read its data"):
        snowflake_emulator.start(home)
    shutil.rmtree(home / "snowflake" / "data")
    monkeypatch.setattr(environments, "python", lambda *_given: Path("/bin/false"))
    with pytest.raises(DependencyDown, match="exit code 1"):
        snowflake_emulator.start(home)
