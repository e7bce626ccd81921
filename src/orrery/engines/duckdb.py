"""DuckDB as a warehouse: one file a system, its connection, and what a look at it shows.

A file has one writer or many readers, of different processes never both. So nothing here writes into a warehouse that
others read: `publishing.py` builds in a copy, which then takes the file's place.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery.errors import BadInput, DependencyDown, IntegrityBroken, Locked, OrreryError, OutOfSpace
from orrery.profiles import Binding

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# DuckDB gives who opens a path the database that this process has open there: of a file that was replaced meanwhile,
# that is the old one. So one look at a time.
_ONE_LOOK = threading.Lock()
# nothing is fetched, whatever a statement asks for
SETTINGS = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


def path(binding: Binding, slug: str) -> Path:
    """The file of a system's warehouse: below the state folder, or where the profile says.

    Raises:
        BadInput: the profile names no file of DuckDB's.
    """
    if binding.is_embedded:
        return binding.home / "duckdb" / f"{slug}_warehouse.duckdb"
    named = Path(binding.server).resolve()  # a link stays one: what it leads to is replaced, and locked
    if (
        named.suffix != ".duckdb" or named.stem == slug
    ):  # DuckDB names the database by its file, and it has a schema <slug>
        raise BadInput(
            f"'{binding.role}' is bound to DuckDB, and its server is no file that it could be.",
            looked=f"profile {binding.profile}",
            found=f'server = "{binding.server}"',
            fix=f'server = "embedded", or a path that ends in .duckdb (any name but {slug}.duckdb)',
        )
    return named


def environment(binding: Binding, slug: str) -> dict[str, str]:
    """The variables that a dbt project's profiles.yml reads: which of its targets, and the file."""
    return {"DBT_TARGET": "duckdb", "DUCKDB_PATH": str(path(binding, slug).absolute())}


def connect(file: Path, *, read_only: bool = True) -> duckdb.DuckDBPyConnection:
    """DuckDB's own connection to a warehouse; its zone is UTC.

    Raises:
        Locked: another process writes to it. IntegrityBroken: it is no DuckDB file, or damaged.
    """
    import duckdb

    try:
        connection = duckdb.connect(str(file), read_only=read_only, config=dict(SETTINGS))
        connection.execute("set timezone = 'UTC'")
    except duckdb.Error as error:
        raise told(error, file) from error
    return connection


def told(error: duckdb.Error, file: Path) -> OrreryError:
    """What DuckDB said, as an error with the exit code of its kind."""
    import duckdb

    text = str(error).strip().splitlines()[0]
    if isinstance(error, duckdb.OutOfMemoryException) or "No space left" in text or "ENOSPC" in text:
        return OutOfSpace("The warehouse has no room left.", looked=str(file), found=text, fix="make room; run again")
    if "Could not set lock" in text or "Conflicting lock" in text:
        return Locked(
            "Another process has the warehouse open.",
            looked=str(file),
            found=text,
            fix="close it (a shell of DuckDB, a notebook, a dbt run by hand), then run again",
        )
    if isinstance(error, duckdb.IOException | duckdb.SerializationException) or "not a valid DuckDB" in text:
        return IntegrityBroken(
            "The warehouse cannot be read.",
            looked=str(file),
            found=text,
            fix=f"look at it; a warehouse that is lost is made again by a run: mv '{file}' '{file}.broken'",
        )
    return DependencyDown("DuckDB could not do it.", looked=str(file), found=text, fix="see the message")


def checksum(columns: Sequence[str]) -> str:
    """SQL for the sum of a hash of each row: the same for the same rows in any order (within one DuckDB version)."""
    names = ", ".join(f'"{name}"' for name in columns)
    return f"cast(coalesce(sum(hash({names})), 0) as text)"


class Session:
    """A session that writes (see looks.py), over DuckDB's own connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows; `?` for parameters."""
        cursor = self.connection.execute(sql, list(parameters))
        return [column[0] for column in cursor.description or ()], cursor.fetchall()

    def insert(self, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        """Rows into the columns of their names, in one statement, so that whole row groups are written as they come.

        Several statements would be kept in memory, all of their rows, until the commit.
        """
        import duckdb
        import pyarrow as pa

        failed: list[BaseException] = []

        def each() -> Iterator[pa.RecordBatch]:
            try:
                yield from batches
            except BaseException as error:  # DuckDB would make another one of it
                failed.append(error)
                raise

        self.connection.register("rows_in", pa.RecordBatchReader.from_batches(schema, each()))
        try:
            self.connection.execute(f"insert into {table} by name select * from rows_in")
        except duckdb.Error:
            if failed:
                raise failed[0] from None
            raise
        finally:
            self.connection.unregister("rows_in")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin, and commit at the end or undo."""
        self.connection.execute("begin")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def marked(self, table: str) -> dict[str, Any]:
        """A table with its rows and their checksum, for `Look.counted` to read again later."""
        names = [row[0] for row in self.query(f"describe {table}")[1]]
        [(rows, total)] = self.query(f"select count(*), {checksum(names)} from {table}")[1]
        return {"table": table, "rows": rows, "checksum": total}


class Look:
    """A look at a warehouse as it is published (see looks.py); each query opens it, sees one state, and lets it go."""

    def __init__(self, binding: Binding, slug: str) -> None:
        self.file = path(binding, slug)
        self.identity = f"target {self.file.absolute()}"  # a file is known by its path

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows; nothing where there is no warehouse yet."""
        import duckdb

        with _ONE_LOOK:
            if not self.file.exists():
                return [], []
            with connect(self.file) as connection:
                try:
                    cursor = connection.execute(sql, list(parameters))
                    return [column[0] for column in cursor.description or ()], cursor.fetchall()
                except duckdb.Error as error:
                    raise told(error, self.file) from error

    def relations(self, schema: str) -> list[str]:
        """Tables and views of a schema."""
        sql = "select table_name from information_schema.tables where table_schema = ? order by 1"
        return [name for (name,) in self.query(sql, (schema,))[1]]

    def is_ordered(self, schema: str, name: str) -> bool:  # noqa: ARG002 (DuckDB's views are asked by their first columns)
        """Whether a view has an order of its own."""
        return False

    def loads(self, slug: str) -> list[tuple[str, str]]:
        """Token and run of each load, in their order; first the identity of the target, as the run `target`."""
        found = [(self.identity, "target")]
        if "loads" in self.relations(slug):
            found += [tuple(row) for row in self.query(f"select token, run_id from {slug}.loads order by load_id")[1]]
        return found

    def counted(self, mark: Mapping[str, Any]) -> dict[str, Any]:
        """Rows and checksum, now, of a table that a run has marked."""
        schema, _, name = mark["table"].partition(".")
        if name not in self.relations(schema):
            return {"rows": 0, "checksum": "no such table"}
        sql = "select column_name from information_schema.columns where table_schema = ? and table_name = ?"
        names = [row[0] for row in self.query(f"{sql} order by ordinal_position", (schema, name))[1]]
        [(rows, total)] = self.query(f"select count(*), {checksum(names)} from {mark['table']}")[1]
        return {"rows": rows, "checksum": total}

    def place(self) -> dict[str, str]:
        """Where it is, in OpenLineage's way of naming; a table's name is `schema.table`."""
        return {"namespace": "duckdb", "name": f"{self.file}:"}

    def close(self) -> None:
        """Nothing is held."""
