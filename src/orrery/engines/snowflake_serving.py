"""The emulator's server process; the Python of the emulator's own environment runs this file, Orrery never imports it.

    python -I snowflake_serving.py <state folder>/snowflake <port of last time, or 0>

fakesnow's command line keeps nothing when it serves (its --db_path is for scripts), so its application is run here,
with one DuckDB file a database below data/. Where it differs from the service in a way that would hurt a load, it is
mended: nulls of timestamps stay null, trim() takes what it is told, temporary tables may have a schema in their name,
what DuckDB refuses is an error and not a broken server (which clients try again and again), results are not kept for
ever, clients can log out, and one that died takes its open transaction with it.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import uvicorn
from fakesnow import arrow, transforms
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.instance import FakeSnow
from snowflake.connector import errors
from sqlglot import exp
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

server = importlib.import_module("fakesnow.server")  # `fakesnow.server` by name is a function
HOST = "127.0.0.1"
RESULTS_KEPT = 32  # that result_scan may still ask for
SECONDS_TO_WAIT = 10.0  # for a server of this folder that is about to end
LOCKED = 5  # exit code: another server has the folder
_LOCK_NOT_ACQUIRED = (625, "57014")  # what the service says of a table that another transaction changes
_TEMPORARY: dict[Any, list[str]] = {}  # session: tables that it calls temporary
_OWNERS: dict[str, tuple[int, str]] = {}  # session token: (pid, its start) of the client


class _Last(dict[str, Any]):
    """A dictionary that forgets what came first: results are whole tables."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self) > RESULTS_KEPT:
            del self[next(iter(self))]


def _with_nulls(plain: Callable[[Any], pa.StructArray]) -> Callable[[Any], pa.StructArray]:
    """A null timestamp as null; by itself the emulator sends 1970-01-01."""

    def made(moments: Any) -> pa.StructArray:
        whole = moments.combine_chunks() if isinstance(moments, pa.ChunkedArray) else moments
        if not whole.null_count:
            return plain(whole)
        struct = plain(pc.fill_null(whole, pa.scalar(0, whole.type)))
        children = [struct.field(at) for at in range(struct.type.num_fields)]
        return pa.StructArray.from_arrays(children, fields=list(struct.type), mask=pc.is_null(whole))

    return made


def _told(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Errors of DuckDB that the emulator does not know, as the service's kind of error."""

    def run(self: FakeSnowflakeCursor, *given: Any, **named: Any) -> Any:
        try:
            return plain(self, *given, **named)
        except errors.Error:
            raise
        except (duckdb.Error, AssertionError, AttributeError, ValueError, TypeError, KeyError) as error:
            is_conflict = isinstance(error, duckdb.TransactionException) and "onflict" in str(error)
            number, state = _LOCK_NOT_ACQUIRED if is_conflict else (100000, "XX000")
            text = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
            raise errors.ProgrammingError(msg=text, errno=number, sqlstate=state) from error

    return run


def _trimmed(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`trim(text, characters)` with its characters; by itself the emulator drops them and takes every kind of blank."""

    def made(expression: Any) -> Any:
        given = expression.args.get("expression") if isinstance(expression, exp.Trim) else None
        trim = plain(expression)
        if given is not None and trim is not expression:
            trim.set("expression", given)
            trim.set("position", expression.args.get("position"))
        return trim

    return made


def _plain_for_temporary(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A temporary table with a schema in its name becomes a plain one: DuckDB has them in its own catalogue only.

    dbt names its temporary tables so, and drops them itself; what is left is dropped with the session.
    """

    def made(self: FakeSnowflakeCursor, expression: Any, params: Any) -> Any:
        table = expression.find(exp.Table) if isinstance(expression, exp.Create) else None
        properties = expression.args.get("properties") if table is not None and table.args.get("db") else None
        temporary = (
            [one for one in properties.expressions if isinstance(one, exp.TemporaryProperty)] if properties else []
        )
        for each in temporary:
            each.pop()
            _TEMPORARY.setdefault(self._conn, []).append(table.sql(dialect="snowflake"))
        return plain(self, expression, params)

    return made


def _end_session(token: str) -> None:
    """What a session has not committed is undone, its temporary tables are dropped."""
    session = server.sessions.pop(token)
    for name in _TEMPORARY.pop(session, []):
        with suppress(duckdb.Error):  # nothing was open
            session._duck_conn.rollback()
        with suppress(duckdb.Error, errors.Error):  # its schema is gone
            session.cursor().execute(f"drop table if exists {name}")
    session._duck_conn.close()


def _client(request: Request) -> tuple[int, str] | None:
    """The process at the other end of a request; None where the system does not show it (no /proc)."""
    if request.client is None or not Path("/proc/net/tcp").exists():
        return None
    near = f":{request.client.port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    inode = next((words[9] for words in lines if words[1].endswith(near)), None)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(each.readlink()) == f"socket:[{inode}]" for each in (folder / "fd").iterdir()):
                return int(folder.name), _start_of(int(folder.name))
        except OSError:
            continue  # it has ended, or belongs to somebody else
    return None


def _start_of(pid: int) -> str:
    """The start of a process, as the kernel counts; empty where there is none, or a dead one nobody has reaped."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] == "Z" else words[19]


async def login(request: Request) -> JSONResponse:
    """Log in; first the sessions of clients that have died are ended, and what they had not committed is undone."""
    for token, (pid, start) in list(_OWNERS.items()):
        if token not in server.sessions:
            del _OWNERS[token]
        elif _start_of(pid) != start:
            del _OWNERS[token]
            server.sessions[token]._duck_conn.interrupt()
            _end_session(token)
    before = set(server.sessions)
    reply: JSONResponse = await server.login_request(request)
    if (client := _client(request)) is not None:
        _OWNERS.update(dict.fromkeys(set(server.sessions) - before, client))
    body = json.loads(bytes(reply.body))
    body["data"]["masterToken"] = body["data"]["token"]  # without one the connector never logs out
    return JSONResponse(body)


async def session(request: Request) -> JSONResponse:
    """Log out, or stay logged in; the emulator forgets a session and leaves its transaction open."""
    token = request.headers.get("Authorization", "")[17:-1]
    if request.query_params.get("delete") and token in server.sessions:
        _end_session(token)
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})
    reply: JSONResponse = await server.session(request)
    return reply


async def health(_request: Request) -> JSONResponse:
    """Who serves: the pid, so that nobody takes another program on this port for us."""
    return JSONResponse({"pid": os.getpid()})


def _only_one(root: Path) -> int:
    """Hold the folder as long as this process lives, and say in the lock's file who does."""
    lock = os.open(root / "serving", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise SystemExit(LOCKED) from None
            time.sleep(0.05)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            return lock


def _listening(wanted: int) -> socket.socket:
    for port in (wanted, 0):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((HOST, port))
        except OSError:
            made.close()
            if not port:
                raise
            continue
        made.listen(128)
        return made
    raise AssertionError("unreachable")


def main(root: Path, wanted: int) -> None:
    """Serve until SIGTERM or SIGINT; then write what is in the logs into the files."""
    lock = _only_one(root)
    arrow.timestamp_to_sf_struct = _with_nulls(arrow.timestamp_to_sf_struct)
    transforms.trim_cast_varchar = _trimmed(transforms.trim_cast_varchar)
    FakeSnowflakeCursor._transform = _plain_for_temporary(FakeSnowflakeCursor._transform)
    FakeSnowflakeCursor.execute = _told(FakeSnowflakeCursor.execute)
    FakeSnowflakeCursor._describe_last_sql = _told(FakeSnowflakeCursor._describe_last_sql)
    engine = FakeSnow(db_path=root / "data")
    engine.results_cache = _Last()
    server.shared_fs = engine
    names = sorted(path.stem for path in (root / "data").glob("*.db"))
    for name in names:  # what a killed server left in a log is read now, not at somebody's first query
        engine.connect(name).close()
    ours = [Route("/session/v1/login-request", login, methods=["POST"]), Route("/session", session, methods=["POST"])]
    server.app.router.routes[:0] = [*ours, Route("/orrery", health, methods=["GET"])]  # the first that fits is taken
    listener = _listening(wanted)
    state = {"pid": os.getpid(), "port": listener.getsockname()[1], "databases": names}
    fresh = root / "server.json.new"
    fresh.write_text(json.dumps(state) + "\n", encoding="utf-8")
    fresh.rename(root / "server.json")
    # an idle connection must not be closed under a client that is about to use it
    config = uvicorn.Config(
        server.app, log_level="warning", timeout_keep_alive=3600, timeout_graceful_shutdown=5, access_log=False
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn ends at it, and then sends it again: the files come after that
    uvicorn.Server(config).run(sockets=[listener])
    for token in list(server.sessions):
        _end_session(token)
    for [name] in engine.duck_conn.execute(
        "select database_name from duckdb_databases() where path is not null and not internal"
    ).fetchall():
        engine.duck_conn.execute(f'checkpoint "{name}"')
    engine.duck_conn.close()
    (root / "server.json").unlink(missing_ok=True)
    os.close(lock)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
