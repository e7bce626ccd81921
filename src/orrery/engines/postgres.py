"""PostgreSQL, embedded or any other: a psycopg connection, the PG* variables, and rows into it at full speed.

Nothing is hidden: `connect` gives psycopg's own connection. `binary` turns an Arrow table into PostgreSQL's binary
COPY format with DuckDB's PostgreSQL extension, so that it travels inside a transaction of psycopg's.
"""

from __future__ import annotations

import importlib.util
import os
import re
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery.engines import postgres_server
from orrery.errors import BadInput, Denied, DependencyDown, OrreryError, OutOfSpace
from orrery.profiles import Binding

if TYPE_CHECKING:
    import duckdb
    import psycopg
    import pyarrow as pa

INSTALL = (
    'in a checkout `make run` or `uv pip install ".[postgres]"`; elsewhere `uv pip install "orrery-data[postgres]"`'
)
_LIMITS = {
    "connect_timeout": "5",  # seconds
    "tcp_user_timeout": "30000",  # milliseconds; without it a dead peer is never noticed
    "keepalives_idle": "10",  # seconds
    "options": "-c timezone=UTC -c lock_timeout=60s -c statement_timeout=1h"
    " -c idle_in_transaction_session_timeout=15min",
}


RECOVERY = 20.0  # seconds that a server gets to come back from a crash
_NOT_YET = "the database system is (starting up|in recovery mode|not yet accepting connections|shutting down)"
_DROPPED = "server closed the connection unexpectedly|Is the server running on that host"
_CHECKED: set[Path] = set()  # extensions whose signature has been checked in this process


def keywords(binding: Binding, *, start: bool = True) -> dict[str, str]:
    """Libpq key words for a binding, without a password.

    Args:
        start: start the embedded server if it is not running.
    """
    if binding.engine != "postgres":
        raise BadInput(
            f"'{binding.role}' is bound to '{binding.engine}', and this needs PostgreSQL.",
            looked=f"profile {binding.profile}",
            found=f'engine = "{binding.engine}"',
            fix='engine = "postgres"',
        )
    if not binding.is_embedded:
        from psycopg import ProgrammingError, conninfo

        try:
            found = {key: str(value) for key, value in conninfo.conninfo_to_dict(binding.server).items()}
        except ProgrammingError as error:
            raise BadInput(
                f"The server of '{binding.role}' is not written in libpq's key words.",
                looked=f"profile {binding.profile}",
                found=str(error).strip(),
                fix="host=… port=… user=… dbname=…",
            ) from error
        if {"password", "sslpassword"} & set(found):
            raise BadInput(
                f"The server of '{binding.role}' names a password.",
                looked=f"profile {binding.profile}",
                found="a password (not shown here)",
                fix='password_env = "PGPASSWORD" or password_file = "…" in that profile',
            )
        return found
    server = postgres_server.start(binding.home) if start else postgres_server.status(binding.home)
    if server is None:
        return {}
    return {
        "host": server.host,
        "port": str(server.port),
        "user": server.user,
        "dbname": server.dbname,
        "passfile": str(server.passfile),
    }


def connect(binding: Binding, application: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A psycopg connection in autocommit mode, with limits on every wait.

    Raises:
        DependencyDown: nobody answers there. Denied: it answers no.
    """
    _need("psycopg")
    import psycopg

    deadline = time.monotonic() + RECOVERY
    while True:
        target = keywords(binding)  # of an embedded server: started again, should it have died a moment ago
        password = _password(binding, target)
        given = {**_LIMITS, **target, "application_name": application} | ({"password": password} if password else {})
        try:
            return psycopg.connect(**given, autocommit=True)  # type: ignore[arg-type]
        except psycopg.OperationalError as error:
            # an embedded server that has just crashed drops who comes, and is on its way back
            is_back_soon = re.search(_NOT_YET, str(error)) or (binding.is_embedded and re.search(_DROPPED, str(error)))
            if not is_back_soon or time.monotonic() >= deadline:
                raise told(error, binding) from None
        time.sleep(0.1)


def password_in(passfile: Path) -> str:
    """The password in a passfile of one line, as libpq reads it."""
    return re.sub(r"\\(.)", r"\1", passfile.read_text(encoding="utf-8").strip().split(":", 4)[4])


def _password(binding: Binding, target: Mapping[str, str]) -> str | None:
    """The password of a binding; the embedded server's own is said, because PGPASSWORD would go before its passfile."""
    if binding.is_embedded and "passfile" in target:
        return password_in(Path(target["passfile"]))
    return binding.password()


def environment(binding: Binding) -> dict[str, str]:
    """The PG* variables that psql and every libpq program read. A password is named, never shown."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "passfile": "PGPASSFILE"}
    return {names[key]: value for key, value in keywords(binding).items() if key in names}


def dsn(binding: Binding) -> str:
    """The binding as one line of libpq key words, without a password."""
    from psycopg import conninfo

    return conninfo.make_conninfo(**keywords(binding))


def psql() -> Path | None:
    """The psql that comes with the embedded server."""
    path = postgres_server.bin_folder() / "psql"
    return path if path.exists() else None


def told(error: psycopg.Error, binding: Binding) -> OrreryError:
    """What PostgreSQL said, as an error with the exit code of its kind; secrets never stand in it."""
    text = (error.diag.message_primary or str(error)).strip().splitlines()[-1]
    state = error.sqlstate or ""
    where = f"'{binding.role}' of profile {binding.profile}" + ("" if binding.is_embedded else f": {binding.server}")
    if state.startswith("28") or "authentication failed" in text or "no password supplied" in text or state == "42501":
        return Denied("PostgreSQL refused.", looked=where, found=text, fix="check user, password and grants there")
    if state in ("53100", "53200"):
        return OutOfSpace("PostgreSQL has no room left.", looked=where, found=text, fix="make room, then run again")
    if state[:2] in ("08", "57", "53") or not state:
        fix = "orrery up" if binding.is_embedded else f"pg_isready -d '{binding.server}'"
        return DependencyDown(
            "PostgreSQL did not answer, or went away.", looked=where, found=text, fix=f"{fix}; run again"
        )
    if state in ("40001", "40P01", "55P03"):
        from orrery.errors import Locked

        return Locked("Somebody else holds what this needs.", looked=where, found=text, fix="run again in a moment")
    return BadInput("PostgreSQL could not do it.", looked=where, found=f"{text} ({state})", fix="see the message")


def is_installed() -> bool:
    """Whether this environment has what PostgreSQL needs (the extra `postgres`)."""
    return all(importlib.util.find_spec(each) for each in ("psycopg", "duckdb_extension_postgres_scanner"))


def converter() -> duckdb.DuckDBPyConnection:
    """A DuckDB that can write PostgreSQL's binary COPY format; nothing is downloaded, ever."""
    _need("duckdb")
    _need("duckdb_extension_postgres_scanner")
    import duckdb

    spec = importlib.util.find_spec("duckdb_extension_postgres_scanner")
    roots = list(spec.submodule_search_locations or []) if spec else []
    found = [path for root in roots for path in Path(root).glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension")]
    if not found:
        raise BadInput(
            "DuckDB's PostgreSQL extension does not fit this DuckDB.",
            looked=", ".join(roots),
            found=f"no extension for duckdb {duckdb.__version__}",
            fix=INSTALL,
        )
    # DuckDB checks the signature of the file by reading all 40 MB of it: once a process is enough
    is_checked = "true" if found[0] in _CHECKED else "false"
    connection = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "threads": "1", "allow_unsigned_extensions": is_checked}
    )
    connection.execute(f"load '{str(found[0]).replace(chr(39), chr(39) * 2)}'")
    _CHECKED.add(found[0])
    connection.execute("set global timezone = 'UTC'")  # global: it holds for the threads' own cursors too
    return connection


def binary(duck: duckdb.DuckDBPyConnection, rows: pa.Table) -> bytes:
    """An Arrow table in PostgreSQL's binary COPY format, columns in the table's order."""
    memory = os.memfd_create("orrery-copy")
    try:
        duck.register("rows_out", rows)
        path = f"/proc/self/fd/{memory}"
        duck.execute(f"copy (from rows_out) to '{path}' (format postgres_binary, use_tmp_file false)")
        return os.pread(memory, os.fstat(memory).st_size, 0)
    finally:
        duck.unregister("rows_out")
        os.close(memory)


def checksum(columns: Sequence[str]) -> str:
    """SQL for the sum of a hash of each row: the same for the same rows in any order (within one DuckDB version)."""
    names = ", ".join(f'"{name}"' for name in columns)
    return f"coalesce(sum(hash({names})), 0)"


def counted_by_server(
    connection: psycopg.Connection[tuple[Any, ...]], table: str, column: str, value: int
) -> dict[str, Any]:
    """Count and checksum of the rows of a small table in which `column` is `value`, by the server itself."""
    sql = (
        f"select count(*), coalesce(sum(hashtextextended(cast(each as text), 0)), 0)::text from {table} as each"
        f" where each.{column} = %s"
    )
    [(rows, total)] = connection.execute(sql, (value,)).fetchall()
    return {"table": table, "column": column, "value": value, "rows": rows, "checksum": total, "by": "server"}


def checksum_of(binding: Binding, table: str, column: str, value: int) -> dict[str, Any]:
    """Count and checksum of the rows of a table in which `column` is `value`, read back from the server."""
    import duckdb

    duck = _reader()
    info = " ".join(f"{key}='{_escaped(text)}'" for key, text in keywords(binding).items())
    password = _password(binding, keywords(binding))
    if password:
        info += f" password='{_escaped(password)}'"
    schema, name = table.split(".")
    try:
        duck.execute(f"attach '{info.replace(chr(39), chr(39) * 2)}' as server (type postgres, read_only)")
    except duckdb.Error as error:
        shown = str(error).replace(password, "***") if password else str(error)
        raise DependencyDown(
            "PostgreSQL did not answer.", looked=f"'{binding.role}'", found=shown.splitlines()[0], fix="orrery up"
        ) from None
    try:
        names = [row[0] for row in duck.execute(f"describe server.{schema}.{name}").fetchall()]
        summed = checksum([each for each in names if each != column])
        [(rows, total)] = duck.execute(
            f"select count(*), {summed} from server.{schema}.{name} where {column} = {int(value)}"
        ).fetchall()
    finally:
        duck.execute("detach server")  # closes its connections
    return {"rows": rows, "checksum": str(total)}


class Look:
    """A look at a server (see looks.py), over one connection."""

    def __init__(self, binding: Binding, slug: str, application: str) -> None:  # noqa: ARG002 (every engine gets it)
        self.binding = binding
        self.connection = connect(binding, application)
        _read_infinity(self.connection)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows."""
        cursor = self.connection.execute(sql, parameters or None)
        return [column.name for column in cursor.description or ()], cursor.fetchall() if cursor.description else []

    def relations(self, schema: str) -> list[str]:
        """Tables and views of a schema."""
        sql = (
            "select relname from pg_class where relnamespace = to_regnamespace(%s) and relkind in ('r', 'v') order by 1"
        )
        return [name for (name,) in self.query(sql, (schema,))[1]]

    def is_ordered(self, schema: str, name: str) -> bool:
        """Whether it is a view with an ORDER BY of its own: what stands behind the last is not the rest of a window."""
        sql = "select definition from pg_views where schemaname = %s and viewname = %s"
        return any("FROM" not in text.rpartition("ORDER BY")[2] for (text,) in self.query(sql, (schema, name))[1])

    def loads(self, slug: str) -> list[tuple[str, str]]:
        """Token and run of each load, in their order; one of them is the target's own identity."""
        if "loads" not in self.relations(slug):
            return []
        return [(row[0], row[1]) for row in self.query(f"select token, run_id from {slug}.loads order by load_id")[1]]

    def counted(self, mark: Mapping[str, Any]) -> dict[str, Any]:
        """Rows and checksum, now, of the rows that a run has marked."""
        place = (mark["table"], mark["column"], mark["value"])
        by_server = mark.get("by") == "server"
        return counted_by_server(self.connection, *place) if by_server else checksum_of(self.binding, *place)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _read_infinity(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Have a connection give `infinity` and `-infinity` as these texts: Python has no such moment."""
    from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader

    for name, loader in {"date": DateLoader, "timestamp": TimestampLoader, "timestamptz": TimestamptzLoader}.items():

        def load(self: Any, data: Any, plain: Any = loader.load) -> Any:
            return bytes(data).decode() if bytes(data) in (b"infinity", b"-infinity") else plain(self, data)

        connection.adapters.register_loader(name, type(loader.__name__, (loader,), {"load": load}))


@lru_cache(maxsize=1)
def _reader() -> duckdb.DuckDBPyConnection:
    """One DuckDB for all that is read back: to load the extension takes longer than to read a small table."""
    duck = converter()
    duck.execute(f"set threads = {os.cpu_count() or 1}")
    return duck


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise BadInput(
            "PostgreSQL needs a package that is not installed.",
            looked="this Python environment",
            found=f"no module {module}",
            fix=INSTALL,
        )


def tool_environment(binding: Binding) -> Mapping[str, str]:
    """The environment for psql and other libpq programs; with the password, where no file holds it."""
    from orrery import profiles

    named = environment(binding)
    password = None if "PGPASSFILE" in named else binding.password()
    return profiles.tool_environment(named | ({"PGPASSWORD": password} if password else {}))
