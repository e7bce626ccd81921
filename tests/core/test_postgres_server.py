"""The embedded server through what happens to it: kills, foreign folders, private folders, several starters at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psutil
import psycopg
import pytest

import orrery
from orrery.engines import postgres, postgres_server, privileges
from orrery.engines.postgres_server import Server
from orrery.errors import BadInput, Denied, DependencyDown, IntegrityBroken, Locked, OutOfSpace
from orrery.profiles import Binding

ROOT = os.geteuid() == 0
SOURCES = Path(orrery.__file__).parents[1]
START = "import sys, pathlib\nfrom orrery.engines import postgres_server as p\nhome = pathlib.Path(sys.argv[1])\n"
START_ONE = START + "s = p.start(home)\nprint(s.port, s.pid, flush=True)\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of one's own (0700: as root, one that the server's user cannot search); no process is left in it."""
    with tempfile.TemporaryDirectory(prefix="my Orrery – Zürich ", ignore_cleanup_errors=True) as name:
        try:
            yield Path(name)
        finally:
            postgres_server.stop(Path(name) / ".orrery")
            assert of(Path(name)) == [], "processes were left behind"


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A state folder with a cluster that is stopped; tests copy it, which is quicker than to make one."""
    with tempfile.TemporaryDirectory(prefix="made ") as name:
        home = Path(name) / ".orrery"
        postgres_server.start(home)
        assert postgres_server.stop(home)
        yield home


@pytest.fixture
def home(made: Path, folder: Path) -> Path:
    subprocess.run(["cp", "-a", str(made), str(folder / ".orrery")], check=True)
    return folder / ".orrery"


def of(folder: Path) -> list[psutil.Process]:
    """PostgreSQL's processes with their working folder below `folder`."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            inside = process.info["name"] in ("postgres", "initdb", "pg_ctl") and str(folder) in process.cwd()
            found += [process] if inside and process.status() != psutil.STATUS_ZOMBIE else []
        except psutil.Error:
            continue
    return found


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def connect(server: Server, **more: str) -> psycopg.Connection[tuple[object, ...]]:
    at = {"host": server.host, "port": str(server.port), "user": server.user, "dbname": server.dbname}
    return psycopg.connect(**{**at, "passfile": str(server.passfile), **more}, connect_timeout=5, autocommit=True)  # type: ignore[arg-type]


def ask(server: Server, sql: str) -> object:
    with connect(server) as connection:
        row = connection.execute(sql).fetchone()
        assert row is not None
        return row[0]


def child(code: str, home: Path, **how: object) -> subprocess.Popen[str]:
    environment = {"PYTHONPATH": os.pathsep.join([str(SOURCES), *sys.path]), "PATH": os.defpath}  # no HOME, no USER
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", code, str(home)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, **how,
    )  # fmt: skip


def wait_for(what: object, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found = path.lstat()
        total.update(f"{path} {found.st_mode} {found.st_uid} {found.st_mtime_ns}".encode())
        total.update(path.read_bytes() if path.is_file() else b"")
    return total.hexdigest()


# --- what it is --------------------------------------------------------------------------------------------------


def test_a_new_server_is_utf8_durable_ready_for_cdc_and_answers_in_a_private_folder(folder: Path) -> None:
    server = postgres_server.start(folder / ".orrery")
    assert postgres_server.start(folder / ".orrery") == server == postgres_server.status(folder / ".orrery")
    shown = {
        name: ask(server, f"show {name}")
        for name in ("server_encoding", "fsync", "wal_level", "max_wal_senders", "max_replication_slots", "jit",
                     "timezone", "wal_compression", "unix_socket_directories", "listen_addresses")
    }  # fmt: skip
    assert shown == {
        "server_encoding": "UTF8", "fsync": "on", "wal_level": "logical", "max_wal_senders": "10",
        "max_replication_slots": "10", "jit": "off", "timezone": "UTC", "wal_compression": "off",
        "unix_socket_directories": "", "listen_addresses": "127.0.0.1",
    }  # fmt: skip
    assert (
        ask(server, "select datlocprovider::text || datlocale from pg_database where datname = 'orrery'") == "bC.UTF-8"
    )
    assert ask(server, "select string_agg(distinct auth_method, ',') from pg_hba_file_rules") == "scram-sha-256"
    assert str(ask(server, "select version()")).startswith(f"PostgreSQL {server.version} ")
    listening = [each.laddr.ip for each in psutil.Process(server.pid).net_connections() if each.status == "LISTEN"]
    assert listening == ["127.0.0.1"]
    assert psutil.Process(server.pid).uids().real != 0
    environment = {"PGPASSFILE": str(server.passfile), "PATH": os.defpath}
    where = ["-h", server.host, "-p", str(server.port), "-U", server.user, "-d", server.dbname]
    told = subprocess.run(
        [str(postgres_server.bin_folder() / "psql"), "-XAtwc", "select 41 + 1", *where],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout == "42\n"


def test_the_password_is_in_pgpass_alone_and_nobody_comes_in_without_it(folder: Path) -> None:
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for process in psutil.process_iter():
                try:
                    seen.append(" ".join(process.cmdline()))
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        server = postgres_server.start(folder / ".orrery")
    finally:
        done.set()
        watcher.join()
    password = server.passfile.read_text(encoding="utf-8").strip().rsplit(":", 1)[1]
    assert len(password) >= 24
    assert any("initdb" in line for line in seen), "the watcher was too slow to prove anything"
    assert not [line for line in seen if password in line]
    below = folder / ".orrery"
    holding = [path for path in below.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert holding == [server.passfile]
    assert server.passfile.stat().st_mode & 0o777 == 0o600
    with pytest.raises(psycopg.OperationalError):
        connect(server, passfile=os.devnull)
    with pytest.raises(psycopg.OperationalError):
        connect(server, password="wrong")


def test_the_port_is_kept_unless_it_is_taken(home: Path) -> None:
    first = postgres_server.start(home)
    assert postgres_server.stop(home) is True
    assert postgres_server.stop(home) is False
    assert postgres_server.start(home).port == first.port
    postgres_server.stop(home)
    with socket.socket() as other:
        other.bind(("127.0.0.1", first.port))
        other.listen()
        second = postgres_server.start(home)
        assert second.port != first.port
        assert ask(second, "select 1") == 1


def test_a_port_taken_after_the_look_costs_one_more_try(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = postgres_server._free_port, []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def lost(root: Path) -> int:
            tries.append(1)
            return int(other.getsockname()[1]) if len(tries) == 1 else real(root)

        monkeypatch.setattr(postgres_server, "_free_port", lost)
        assert ask(postgres_server.start(home), "select 1") == 1
    assert len(tries) == 2


def test_a_changed_setting_holds_from_the_next_start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_server, "_settings", lambda: {"listen_addresses": "'127.0.0.1'", "work_mem": "'7MB'",
                                                              "unix_socket_directories": "''"})  # fmt: skip
    assert ask(postgres_server.start(home), "show work_mem") == "7MB"


# --- several at once, and kills ----------------------------------------------------------------------------------


def test_four_starters_of_an_empty_folder_get_one_server(folder: Path) -> None:
    starters = [child(START_ONE, folder / ".orrery") for _ in range(4)]
    told = [starter.communicate(timeout=60) for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 4, told
    assert len({out for out, _ in told}) == 1, told
    server = postgres_server.status(folder / ".orrery")
    assert server is not None
    assert {out for out, _ in told} == {f"{server.port} {server.pid}\n"}
    assert ask(server, "select 1") == 1
    postmasters = [each for each in of(folder) if "-D" in words(each)]  # their children show a title instead
    assert [each.pid for each in postmasters] == [server.pid]


def test_the_server_survives_its_starter(home: Path) -> None:
    starter = child(START_ONE + "import time; time.sleep(60)", home, start_new_session=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline().split()[1])
    for sent in (signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
        try:
            os.killpg(starter.pid, sent)
        except ProcessLookupError:
            break
    starter.communicate(timeout=10)
    time.sleep(0.2)
    server = postgres_server.status(home)
    assert server is not None
    assert server.pid == pid
    assert ask(server, "select 1") == 1


def test_an_initdb_whose_starter_was_killed_leaves_nothing_in_the_way(folder: Path) -> None:
    root = folder / ".orrery" / "postgres"
    starter = child(START_ONE, folder / ".orrery")
    assert wait_for((root / "data.new" / "PG_VERSION").exists)
    starter.kill()
    starter.communicate(timeout=10)
    assert not (root / "data").exists(), "the kill came too late to prove anything"
    server = postgres_server.start(folder / ".orrery")
    assert ask(server, "select 1") == 1
    assert not (root / "data.new").exists()
    assert not (root / "pwfile").exists()
    assert {each.info["name"] for each in of(folder)} == {"postgres"}  # asked again, a worker may have ended


def test_after_a_killed_postmaster_the_start_waits_for_its_last_backend(home: Path) -> None:
    server = postgres_server.start(home)
    with connect(server) as connection:
        connection.execute("create table kept as select 1 as a")
        backend = psutil.Process(connection.info.backend_pid)
        till = "declare till timestamptz := clock_timestamp() + '3 s';"
        busy = f"do $$ {till} begin while clock_timestamp() < till loop null; end loop; end $$"
        worker = threading.Thread(target=swallow, args=(connection, busy), daemon=True)
        worker.start()
        time.sleep(0.3)
        os.kill(server.pid, signal.SIGKILL)
        time.sleep(0.2)
        assert postgres_server._lives(backend), "no backend outlived its server: nothing to wait for"
        assert postgres_server.status(home) is None
        again = postgres_server.start(home)
        assert not postgres_server._lives(backend)
        worker.join(timeout=10)
    assert "pre-existing shared memory block" in (home / "postgres" / "log").read_text(encoding="utf-8")
    assert ask(again, "select a from kept") == 1
    with connect(again) as connection:
        connection.execute("insert into kept values (2)")  # still writable
    assert postgres_server.stop(home)
    assert ask(postgres_server.start(home), "select sum(a) from kept") == 3


def swallow(connection: psycopg.Connection[tuple[object, ...]], sql: str) -> None:
    try:
        connection.execute(sql)
    except psycopg.Error:
        return


def test_stop_ends_the_backend_that_a_killed_postmaster_left(home: Path) -> None:
    server = postgres_server.start(home)
    with connect(server) as connection:
        loop = "do $$ begin loop null; end loop; end $$"
        worker = threading.Thread(target=swallow, args=(connection, loop), daemon=True)
        worker.start()
        time.sleep(0.3)
        os.kill(server.pid, signal.SIGKILL)
        time.sleep(0.2)
        assert of(home), "no backend outlived its server"
        assert postgres_server.stop(home) is True
        worker.join(timeout=10)
    assert of(home) == []


def test_a_pid_file_that_names_another_program_is_not_believed(home: Path) -> None:
    user = privileges.other_user(home)
    other = subprocess.Popen(["sleep", "60"], **({"user": user[0], "group": user[1]} if user else {}))  # type: ignore[call-overload]
    try:
        data = home / "postgres" / "data"
        lines = f"{other.pid}\n{data}\n1\n5432\n\n127.0.0.1\n 1 1\nready   \n"
        (data / "postmaster.pid").write_text(lines, encoding="utf-8")
        assert postgres_server.status(home) is None
        assert postgres_server.stop(home) is False
        assert ask(postgres_server.start(home), "select 1") == 1
        postgres_server.stop(home)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


# --- refusals ----------------------------------------------------------------------------------------------------


def test_a_data_folder_of_somebody_else_is_refused_and_not_touched(folder: Path) -> None:
    data = folder / ".orrery" / "postgres" / "data"
    (data / "global").mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n", encoding="ascii")
    (data / "global" / "pg_control").write_bytes(b"theirs!!" * 8)
    before = digest(data)
    with pytest.raises(IntegrityBroken, match="did not make") as told:
        postgres_server.start(folder / ".orrery")
    assert str(data) in told.value.fix
    (data.parent / "orrery.json").write_text(json.dumps({"made_by": "orrery", "system": "17"}), encoding="utf-8")
    with pytest.raises(IntegrityBroken, match="did not make"):
        postgres_server.start(folder / ".orrery")
    assert digest(data) == before


def test_data_of_another_major_version_is_refused_and_not_touched(home: Path) -> None:
    data = home / "postgres" / "data"
    (data / "PG_VERSION").write_text("16\n", encoding="ascii")
    before = digest(data)
    with pytest.raises(IntegrityBroken, match=r"PostgreSQL 16.*PostgreSQL 18") as told:
        postgres_server.start(home)
    assert "pg_dump" in told.value.fix
    assert "orrery clean" in told.value.fix
    assert digest(data) == before


def test_a_start_that_fails_shows_the_end_of_the_log(home: Path) -> None:
    with (home / "postgres" / "data" / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("shared_preload_libraries = 'no_such_library'\n")
    with pytest.raises(DependencyDown) as told:
        postgres_server.start(home)
    assert "no_such_library" in told.value.found
    assert "Traceback" not in str(told.value)


def test_a_full_disk_is_out_of_space(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = 'FATAL: could not write lock file "postmaster.pid": No space left on device'
    monkeypatch.setattr(postgres_server, "_run", lambda *_, **__: subprocess.CompletedProcess([], 1, said, ""))
    with pytest.raises(OutOfSpace):
        postgres_server.start(home)


def test_a_lock_that_is_never_given_back_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_server, "LOCK_SECONDS", 0.2)
    with postgres_server._lock(home / "postgres"), pytest.raises(Locked, match="starting or stopping"):
        postgres_server.start(home)


def test_a_missing_wheel_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    postgres_server.bin_folder.cache_clear()
    monkeypatch.setattr(postgres_server.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BadInput) as told:
        postgres_server.bin_folder()
    assert "orrery-data[postgres]" in told.value.fix
    assert '".[postgres]"' in told.value.fix


# --- who it runs as ----------------------------------------------------------------------------------------------


def without(*capabilities: int) -> str:
    """Code that gives up capabilities of root for good, as a container does."""
    mask = sum(1 << each for each in capabilities)
    return (
        "import ctypes\nl = ctypes.CDLL(None)\nh = (ctypes.c_uint32 * 2)(0x20080522, 0)\n"
        "s = (ctypes.c_uint32 * 6)()\nl.capget(h, s)\n"
        f"for i in (0, 1): s[i] &= ~{mask} & 0xffffffff\ns[2] = 0\nassert l.capset(h, s) == 0\n"
    )


def test_an_ordinary_user_without_name_and_home_can_start_it(folder: Path) -> None:
    """As root: uid 12345, in a folder it owns; else: who runs the tests."""
    how: dict[str, object] = {}
    expected = os.geteuid()
    if ROOT:
        expected = 12345
        os.chown(folder, expected, expected)
        python = [Path(sys.executable), Path(sys.executable).resolve(), SOURCES]
        how["preexec_fn"] = privileges.becoming((expected, expected), python)
    starter = child(START_ONE, folder / ".orrery", **how)
    out, err = starter.communicate(timeout=60)
    if "user namespace" in err:
        assert "Traceback" in err  # the child shows it; the system allows no namespaces: told in four parts
        assert "to fix:" in err
        return
    assert starter.returncode == 0, err
    assert psutil.Process(int(out.split()[1])).uids().real == expected
    server = postgres_server.status(folder / ".orrery")  # root sees, and may use, the server of a user
    assert server is not None
    assert ask(server, "select 1") == 1
    assert server.passfile.stat().st_uid == expected


def test_root_in_the_folder_of_a_user_leaves_it_to_him(folder: Path) -> None:
    if not ROOT:
        assert privileges.other_user(folder) is None
        return
    os.chown(folder, 12345, 12345)
    (folder / ".orrery").mkdir()
    os.chown(folder / ".orrery", 12345, 12345)
    server = postgres_server.start(folder / ".orrery")
    assert psutil.Process(server.pid).uids().real == 12345
    assert ask(server, "select 1") == 1
    assert {path.stat().st_uid for path in (folder / ".orrery").rglob("*")} == {12345}


@pytest.mark.parametrize("lost", [(19,), (2, 19)], ids=["without PTRACE", "without PTRACE and DAC_READ_SEARCH"])
def test_the_root_of_a_container_can_start_and_stop_it_in_a_private_folder(home: Path, lost: tuple[int, ...]) -> None:
    code = (
        START + (without(*lost) if ROOT else "") + "s = p.start(home)\nassert p.status(home) == s\nassert p.stop(home)"
    )
    starter = child(code, home)
    _, err = starter.communicate(timeout=60)
    assert starter.returncode == 0, err
    assert of(home) == []


def test_a_root_that_may_lend_nothing_is_told_so(home: Path) -> None:
    code = START + (without(1, 2) if ROOT else "") + "p.start(home)"
    starter = child(code, home)
    _, err = starter.communicate(timeout=60)
    if not ROOT:
        assert starter.returncode == 0, err
        return
    assert Denied.__name__ in err
    assert "run as an ordinary user" in err


def test_programs_in_a_private_folder_are_run_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a virtual environment below root's own folder, made with umask 077."""
    package, private = postgres_server.bin_folder().parents[1], folder / "private"
    left = shutil.ignore_patterns("include", "pginstall")
    shutil.copytree(package, private / package.name, symlinks=True, ignore=left)
    libraries = package.with_name(f"{package.name}.libs")  # found by a path relative to the programs
    if libraries.exists():
        shutil.copytree(libraries, private / libraries.name, symlinks=True)
    subprocess.run(["chmod", "-R", "go=", str(private)], check=True)
    programs = private / package.name / postgres_server.bin_folder().relative_to(package)
    monkeypatch.setattr(postgres_server, "bin_folder", lambda: programs)
    server = postgres_server.start(folder / ".orrery")
    assert ask(server, "select 1") == 1
    assert Path(psutil.Process(server.pid).exe()).is_relative_to(private)


def test_a_look_shows_moments_that_python_does_not_have(home: Path) -> None:
    look = postgres.Look(Binding("warehouse", "postgres", "embedded", "real", "embedded", home), "x", "test")
    sql = "select 'infinity'::timestamptz, '-infinity'::date, 'infinity'::timestamp, '2024-01-31'::date"
    assert look.query(sql)[1] == [("infinity", "-infinity", "infinity", date(2024, 1, 31))]
    look.close()
