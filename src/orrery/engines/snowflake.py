"""Snowflake, an account or the emulator: the connector's own connection, the SNOWFLAKE_* variables, rows into a table.

`server` of a binding is `embedded` (the emulator on this machine), or key words: account, user, role, warehouse,
database, and where they are wanted schema, host, port, authenticator, private_key_file. The secret is the binding's
password: a password, a programmatic access token, or what opens the key file.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from orrery.engines import snowflake_emulator
from orrery.errors import BadInput, Denied, DependencyDown, Locked, OrreryError, OutOfSpace

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.errors import Error

    from orrery.profiles import Binding

INSTALL = 'in a checkout `make run`; elsewhere `uv pip install "orrery-data[snowflake]"`'
NEEDED = ("account", "user", "warehouse", "database")
SECRETS = ("SNOWFLAKE_PASSWORD", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE")  # of the variables: for tools, never to be shown
KEY_WORDS = {*NEEDED, "role", "schema", "host", "port", "protocol", "authenticator", "private_key_file"}
LOGIN_SECONDS, NETWORK_SECONDS = 30, 300  # without the second the connector tries again for ever
STATEMENT_SECONDS = 3600
PIECE = 4 << 20  # characters of JSON a statement: the service takes 16 MB
_KINDS = ("tables", "views")  # the emulator lists a view among the latter only
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*){0,2}")
_TYPE = re.compile(r"[A-Za-z_]+( ?\([0-9]+(, ?[0-9]+)?\))?")
_SECRET = re.compile(r"(?i)(password|token|passcode|private_key)\S*\s*[=:]\s*\S+|://[^/@\s]*:[^/@\s]*@")
_REFUSED = r"(?i)incorrect username or password|insufficient privileges|is not authorized|not granted|JWT token"
# numbers of the connector's errorcode.py and network.py, and of the service
# 290401: a session that a server does not know which has been started again; 604, 630: ended by a limit
_AWAY = {250002, 250003, 250005, 251011, 251012, 290401, 390112, 390114, 580500, 604, 630}
_DENIED = {3001, 90073, 250001, 251006, 251008, 251010}  # besides 390100 to 390499, 394300 to 394399
_LOCKED = {625, 626, 639}  # another transaction has the table


def keywords(binding: Binding, *, start: bool = True) -> dict[str, str]:
    """What names the server, as the connector's arguments, without a secret.

    Args:
        start: start the embedded emulator if it is not running.

    Raises:
        BadInput: another engine, an unknown key word, or one that is missing.
    """
    where = f"profile {binding.profile}, [{binding.role}]"
    if binding.engine != "snowflake":
        raise BadInput(
            f"'{binding.role}' is bound to '{binding.engine}', and this needs Snowflake.",
            looked=where, found=f'engine = "{binding.engine}"', fix='engine = "snowflake"',
        )  # fmt: skip
    if binding.is_embedded:
        server = snowflake_emulator.start(binding.home) if start else snowflake_emulator.status(binding.home)
        if server is None:
            return {}
        emulator = snowflake_emulator
        names = {"account": emulator.ACCOUNT, "user": emulator.USER, "database": emulator.DATABASE}
        where_it_is = {"host": server.host, "port": str(server.port), "protocol": "http"}
        return {**names, "warehouse": "none", "role": "public", **where_it_is}
    try:
        pairs = [word.split("=", 1) for word in shlex.split(binding.server)]
    except ValueError as error:
        raise _not_key_words(binding, where, str(error)) from error
    found = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    wrong = [pair[0] for pair in pairs if len(pair) != 2 or pair[0] not in KEY_WORDS]
    missing = [name for name in NEEDED if not found.get(name)]
    if wrong or missing:
        told = [f"unknown: {', '.join(wrong)}"] * bool(wrong) + [f"missing: {', '.join(missing)}"] * bool(missing)
        raise _not_key_words(binding, where, "; ".join(told))
    return found


def _not_key_words(binding: Binding, where: str, found: str) -> BadInput:
    return BadInput(
        f"The server of '{binding.role}' is not written in key words.",
        looked=where, found=found, fix="account=… user=… role=… warehouse=… database=…",
    )  # fmt: skip


def connect(binding: Binding, application: str) -> SnowflakeConnection:
    """The connector's own connection, in autocommit mode, with limits on every wait; binds are written `?`.

    Raises:
        DependencyDown: nobody answers there. Denied: it answers no. BadInput: the binding, or no connector here.
    """
    _need()
    from snowflake import connector

    given: dict[str, Any] = dict(keywords(binding))
    secret = "none" if binding.is_embedded else binding.password()
    if secret is not None:
        given["private_key_file_pwd" if "private_key_file" in given else "password"] = secret
    parameters: dict[str, Any] = {"TIMEZONE": "UTC", "STATEMENT_TIMEOUT_IN_SECONDS": STATEMENT_SECONDS}
    parameters |= {"LOCK_TIMEOUT": 60, "QUERY_TAG": f"orrery {application}"[:2000]}  # seconds
    try:
        return connector.connect(
            **given,
            application="orrery",
            paramstyle="qmark",
            autocommit=True,
            login_timeout=LOGIN_SECONDS,
            network_timeout=NETWORK_SECONDS,
            client_session_keep_alive=False,
            session_parameters=parameters,
            validate_default_parameters=not binding.is_embedded,  # a wrong warehouse is told now
            enable_connection_diag=False,
            log_imported_packages_in_telemetry=False,
        )
    except connector.errors.Error as error:
        raise told(error, binding) from None


def environment(binding: Binding) -> dict[str, str]:
    """The SNOWFLAKE_* variables that a dbt profile reads, the secret among them: for a tool's environment only."""
    given = keywords(binding)
    names = ("account", "user", "role", "warehouse", "database", "host", "port", "protocol", "authenticator")
    named = {f"SNOWFLAKE_{name.upper()}": given[name] for name in names if name in given}
    if "private_key_file" in given:
        named["SNOWFLAKE_PRIVATE_KEY_PATH"] = given["private_key_file"]
    secret = "none" if binding.is_embedded else binding.password()
    if secret is not None:
        kind = "PRIVATE_KEY_PASSPHRASE" if "private_key_file" in given else "PASSWORD"
        named[f"SNOWFLAKE_{kind}"] = secret
    return {**named, "DBT_TARGET": "snowflake"}


def told(error: Error, binding: Binding) -> OrreryError:
    """What the connector or the service said, as an error with the exit code of its kind; no secret stands in it."""
    from snowflake.connector import errors

    number, state = int(error.errno or 0), str(error.sqlstate or "")
    lines = [line.strip() for line in str(error.msg or error).splitlines() if line.strip()]
    text = _SECRET.sub("***", " ".join(lines[:2]))[:400] or type(error).__name__
    secret = None if binding.is_embedded else _quietly(binding)
    text = text.replace(secret, "***") if secret else text
    where = f"'{binding.role}' of profile {binding.profile}" + ("" if binding.is_embedded else f": {binding.server}")
    is_away = (
        number in _AWAY
        or 290500 <= number < 290600
        or "Could not connect" in text
        or isinstance(error, errors.ServiceUnavailableError)
    )
    if is_away or isinstance(error, errors.InternalServerError | errors.GatewayTimeoutError | errors.BadGatewayError):
        fix = "orrery up; run again" if binding.is_embedded else "check account, host and the network; run again"
        return DependencyDown("Snowflake did not answer, or went away.", looked=where, found=text, fix=fix)
    is_denied = number in _DENIED or 390100 <= number < 390500 or 394300 <= number < 394400
    if is_denied or isinstance(error, errors.ForbiddenError) or re.search(_REFUSED, text):
        return Denied("Snowflake refused.", looked=where, found=text, fix="check user, secret, role and grants there")
    if number in _LOCKED:
        return Locked("Somebody else holds what this needs.", looked=where, found=text, fix="run again in a moment")
    if re.search(r"(?i)out of memory|no space left|resource monitor|exceeded (its|the) quota", text):
        return OutOfSpace("Snowflake has no room left.", looked=where, found=text, fix="make room, then run again")
    if isinstance(error, errors.OperationalError) and not number:
        return DependencyDown("Snowflake went away.", looked=where, found=text, fix="run again")
    found = f"{text} ({number} {state})"
    return BadInput("Snowflake could not do it.", looked=where, found=found, fix="see the message")


def _quietly(binding: Binding) -> str | None:
    try:
        return binding.password()
    except OrreryError:
        return None


@contextmanager
def transaction(connection: SnowflakeConnection) -> Iterator[None]:
    """Begin, and commit at the end or undo. No DDL inside: the service commits before and after it."""
    cursor = connection.cursor()
    cursor.execute("begin")
    try:
        yield
    except BaseException:
        with suppress(Exception):  # the first error is the one to tell; the server undoes it by itself
            cursor.execute("rollback")
        raise
    cursor.execute("commit")


def query(
    connection: SnowflakeConnection, sql: str, parameters: Sequence[Any] = ()
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names of the columns, in lower case, and all rows; `?` for parameters."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        names = [column.name.lower() for column in cursor.description or ()]
        return names, [tuple(row) for row in cursor.fetchall()]


def insert(
    connection: SnowflakeConnection, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]
) -> int:
    """Insert rows exactly as they are, null and empty text apart; how many there were.

    The rows travel as JSON in one bind of a statement, some thousands at once: CSV through a stage loses the
    difference of null and empty in the emulator, and row-wise binds take a minute where this takes two seconds.

    Args:
        columns: name and type of each column, in the rows' order.
        rows: texts, whole numbers, booleans and None; moments and decimals as text.
    """
    names = [table, *columns]
    if not all(map(_NAME.fullmatch, names)) or not all(map(_TYPE.fullmatch, columns.values())):
        asked, fix = "A table is to be filled whose names cannot be used.", "letters, digits, underscores"
        raise BadInput(asked, looked=table, found=", ".join(columns), fix=fix)
    casts = ", ".join(f"value[{at}]::text" + _cast(kind) for at, kind in enumerate(columns.values()))
    sql = f"insert into {table} ({', '.join(columns)}) select {casts} from table(flatten(input => parse_json(?)))"
    written = 0
    with connection.cursor() as cursor:
        for count, piece in _pieces(rows):
            cursor.execute(sql, (piece,))
            written += count
    return written


class Session:
    """A session that writes (see looks.py), over the connector's own connection."""

    def __init__(self, connection: SnowflakeConnection, binding: Binding) -> None:
        self.connection, self.binding = connection, binding

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names in lower case, and rows; `?` for parameters."""
        with _telling(self.binding):
            return query(self.connection, sql, parameters)

    def insert(self, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        """Rows into the columns of their names: texts and whole numbers."""
        import pyarrow.types

        kinds = {each.name: "number(38, 0)" if pyarrow.types.is_integer(each.type) else "text" for each in schema}
        with _telling(self.binding):
            for batch in batches:
                rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
                insert(self.connection, table, kinds, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin, and commit at the end or undo; no DDL inside."""
        with _telling(self.binding), transaction(self.connection):
            yield

    def marked(self, table: str) -> dict[str, Any]:
        """A table with its rows and their checksum, for `Look.counted` to read again later."""
        return {"table": table, **_counted(self, table)}


class Look:
    """A look at an account or the emulator (see looks.py), over one session."""

    def __init__(self, binding: Binding, slug: str, application: str) -> None:  # noqa: ARG002 (every engine gets it)
        self.connection = connect(binding, application)
        self.session = Session(self.connection, binding)
        self.identity = f"target {keywords(binding)['account']} {keywords(binding)['database']}"

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows."""
        return self.session.query(sql, parameters)

    def relations(self, schema: str) -> list[str]:
        """Tables and views of a schema."""
        each = (f"select lower(table_name) from information_schema.{kind} where table_schema = ?" for kind in _KINDS)
        return sorted({name for (name,) in self.query(" union ".join(each), (schema.upper(),) * len(_KINDS))[1]})

    def is_ordered(self, schema: str, name: str) -> bool:  # noqa: ARG002 (its views are asked by their first columns)
        """Whether a view has an order of its own."""
        return False

    def loads(self, slug: str) -> list[tuple[str, str]]:
        """Token and run of each load, in their order; first the identity of the target, as the run `target`."""
        found = [(self.identity, "target")]
        if "loads" in self.relations(slug):
            rows = self.query(f"select token, run_id from {slug}.loads order by load_id")[1]
            found += [(row[0], row[1]) for row in rows]
        return found

    def counted(self, mark: Mapping[str, Any]) -> dict[str, Any]:
        """Rows and checksum, now, of a table that a run has marked."""
        schema, _, name = mark["table"].partition(".")
        if name not in self.relations(schema):
            return {"rows": 0, "checksum": "no such table"}
        return _counted(self.session, mark["table"])

    def close(self) -> None:
        """End the session."""
        self.connection.close()


def _counted(session: Session, table: str) -> dict[str, Any]:
    names = ", ".join(session.query(f"select * from {table} limit 0")[0])
    [(rows, total)] = session.query(f"select count(*), cast(sum(hash({names})) as text) from {table}")[1]
    return {"rows": rows, "checksum": total or "0"}


@contextmanager
def _telling(binding: Binding) -> Iterator[None]:
    """What the connector raises, as an error of ours."""
    from snowflake.connector.errors import Error

    try:
        yield
    except Error as error:
        raise told(error, binding) from error


def _cast(kind: str) -> str:
    return "" if kind.lower() in ("text", "varchar", "string") else f"::{kind}"


def _pieces(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, str]]:
    held: list[str] = []
    size = 0
    for row in rows:
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        if held and size + len(text) > PIECE:
            yield len(held), f"[{','.join(held)}]"
            held, size = [], 0
        held.append(text)
        size += len(text) + 1
    if held:
        yield len(held), f"[{','.join(held)}]"


def _need() -> None:
    if importlib.util.find_spec("snowflake") is None or importlib.util.find_spec("snowflake.connector") is None:
        raise BadInput(
            "Snowflake needs a package that is not installed.",
            looked="this Python environment", found="no module snowflake.connector", fix=INSTALL,
        )  # fmt: skip
