"""A Snowflake emulator on this machine: fakesnow's server, started and ended by us, in an environment of its own.

    .orrery/snowflake/
    ├── data/<DATABASE>.db   one DuckDB file a database (and its log, <DATABASE>.db.wal)
    ├── server.json          pid, port and time of the server that runs
    ├── port · lock · serving · log (and log.1, the one before)
    └── tmp/                 files on their way through a stage

Loopback only, no password, no TLS. The server has a session of its own and outlives who started it; `orrery down`
stops it. What a client has committed outlives a kill -9: DuckDB writes it to its log before it answers. Lost with the
server are open transactions, temporary tables, stages and the files in them, file formats, users, and comments.

It is an emulator: it translates Snowflake's SQL to DuckDB's. DDL inside a transaction does not commit it, 1/0 is
infinite, there are no roles, no warehouses and no time travel.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from orrery import environments, locking
from orrery.errors import BadInput, DependencyDown, IntegrityBroken, OutOfSpace

HOST, USER, ACCOUNT, DATABASE = "127.0.0.1", "orrery", "fakesnow", "ORRERY"
ENVIRONMENT = "snowflake-emulator"  # of environments.py: requirements/snowflake-emulator.lock
SERVING = Path(__file__).with_name("snowflake_serving.py")
START_SECONDS = 60.0  # importing the emulator takes 2 seconds, on a loaded machine ten times as long
STOP_SECONDS = 20.0  # to write the logs into the files
LOG_BYTES = 1 << 20
NAME_SECONDS = 2.0  # in which a server that holds its folder has written who it is


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    host: str
    port: int
    pid: int
    data: Path


def status(home: Path) -> Server | None:
    """The server of a state folder if it answers; starts nothing."""
    root = _root(home)
    process, port = _running(root)
    if process is None or _asked(port) != process.pid:
        return None
    return Server(HOST, port, process.pid, root / "data")


def start(home: Path, told: Callable[[str], None] = lambda _line: None) -> Server:
    """Start the server of a state folder, or find it running; any number of processes may call this at once.

    Args:
        told: hears of what takes long (the installation of the emulator, once).

    Raises:
        DependencyDown: the server does not come up, or the emulator cannot be fetched. OutOfSpace: the disk is full.
        IntegrityBroken: a file below data/ cannot be read. Locked: another start hangs. BadInput: no lock file for it.
    """
    if (running := status(home)) is not None:
        return running
    root = _root(home)
    try:
        (root / "data").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            "The Snowflake emulator has no folder for its data.",
            looked=str(root),
            found=error.strerror or str(error),
            fix="make that folder writable, or set ORRERY_HOME to another one",
        ) from error
    with locking.alone(root / "lock", "starting or stopping the Snowflake emulator", told):
        if (running := status(home)) is not None:
            return running
        python = environments.python(home, ENVIRONMENT, told)
        _end(root)  # one that lives and does not answer
        return _start(home, root, python)


def stop(home: Path) -> bool:
    """Stop the server; True if one ran. What is committed stays, and is written into its files."""
    root = _root(home)
    if not root.is_dir():
        return False
    with locking.alone(root / "lock", "starting or stopping the Snowflake emulator"):
        return _end(root)


def _root(home: Path) -> Path:
    return home.absolute() / "snowflake"


def _start(home: Path, root: Path, python: Path) -> Server:
    log, temporary = root / "log", root / "tmp"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(root / "log.1")
    shutil.rmtree(temporary, ignore_errors=True)  # stages of the server before
    temporary.mkdir()
    # HOME: the connector inside would read the user's connections.toml
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(temporary)}
    environment["TMPDIR"] = str(temporary)
    kept = root / "port"
    last = kept.read_text(encoding="ascii", errors="replace").strip() if kept.exists() else ""
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [str(python), "-I", str(SERVING), str(root), last if last.isdecimal() else "0"],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if (running := status(home)) is not None and running.pid == process.pid:
            kept.write_text(f"{running.port}\n", encoding="ascii")
            process.returncode = 0  # it outlives us: nobody here waits for its end
            return running
        time.sleep(0.05)
    code = process.poll()
    if code is None:
        process.kill()
        process.wait()
    said = log.read_bytes()[before:].decode("utf-8", errors="replace").strip().splitlines()
    last_words = said[-1] if said else "not a word"
    found = f"{last_words} ({f'exit code {code}' if code is not None else 'it did not answer in time'})"
    if "No space left on device" in found:
        raise OutOfSpace("The Snowflake emulator: the disk is full.", looked=str(root), found=found, fix="make room")
    if "duckdb.duckdb." in last_words or "_duckdb." in last_words:
        raise IntegrityBroken(
            "The Snowflake emulator cannot read its data.",
            looked=str(root / "data"),
            found=found,
            fix=f"mv '{root / 'data'}' somewhere else and load again; it was not touched",
        )
    raise DependencyDown(
        "The Snowflake emulator did not start.", looked=str(log), found=found, fix="mend what it says, then run again"
    )


def _end(root: Path) -> bool:
    process = _running(root)[0]
    if process is None:
        return False
    for step, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        try:
            process.send_signal(step)
        except psutil.NoSuchProcess:
            break
        deadline = time.monotonic() + seconds
        while _lives(process) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not _lives(process):
            break
    with suppress(ChildProcessError):  # another process may have started it
        os.waitpid(process.pid, 0)
    (root / "server.json").unlink(missing_ok=True)
    return True


def _running(root: Path) -> tuple[psutil.Process | None, int]:
    """The server's process, and its port (0 while it starts); None where nobody has the folder.

    Not by times: the start of a process seems to move where the machine's clock is set, or stood still for a while.
    """
    process = _holder(root)
    try:
        state = json.loads((root / "server.json").read_text(encoding="utf-8"))
        is_its_own = process is not None and process.pid == int(state["pid"])
        return process, int(state["port"]) if is_its_own else 0
    except (OSError, ValueError, KeyError, TypeError):
        return process, 0


def _holder(root: Path) -> psutil.Process | None:
    """Who holds the lock that a server keeps as long as it lives, also one that has not said its port yet."""
    try:
        lock = os.open(root / "serving", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        deadline = time.monotonic() + NAME_SECONDS
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with suppress(ValueError, psutil.Error):  # it writes its pid at once: until then another's is there
                    process = psutil.Process(int(os.pread(lock, 20, 0)))
                    if _serves(process, root):
                        return process
                time.sleep(0.05)
            else:
                return None
        return None
    finally:
        os.close(lock)


def _serves(process: psutil.Process, root: Path) -> bool:
    """Whether it was started as a server of this folder: a pid in a file may be somebody else's by now."""
    words = [Path(word) for word in process.cmdline()]
    return SERVING.name in [word.name for word in words] and words[-2].exists() and words[-2].samefile(root)


def _lives(process: psutil.Process) -> bool:
    """Whether it runs; a child of ours that has died stays listed until somebody asks for it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _asked(port: int) -> int:
    """The pid that the server on a port says it has; 0 where nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/orrery")
        return int(json.loads(connection.getresponse().read())["pid"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return 0
    finally:
        connection.close()
