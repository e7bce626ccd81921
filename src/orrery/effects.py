"""Exactly-once effects in PostgreSQL: one writer a system, one transaction a run, the load token inside it.

One session holds the system's advisory lock *and* carries the transaction, so whoever loses the lock has lost
the transaction with it; a process that wakes up late has nothing to commit with. Whether a commit arrived is
answered by the token in `<slug>.loads`, never by an exit status.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orrery import contracts
from orrery.errors import DependencyDown, GateClosed, Locked
from orrery.faults import faultpoint
from orrery.ledger import OPEN
from orrery.run import Run

if TYPE_CHECKING:
    import psycopg

    from orrery.contracts import Contract
    from orrery.profiles import Binding

_LOADS = """
create table if not exists {schema}.loads (
    load_id   bigint generated always as identity primary key,
    token     text not null unique,
    run_id    text not null,
    loaded_at timestamptz not null default now()
)
"""
# the target's own name, beside the tokens: which server and database a run wrote to is told by it, not by an address
_IDENTITY = """
insert into {schema}.loads (token, run_id)
select 'target ' || gen_random_uuid(), 'target' where not exists (select from {schema}.loads where run_id = 'target')
"""


@dataclass
class Writer:
    """The only writer of a system; `connection` is psycopg's own, in autocommit mode."""

    run: Run
    binding: Binding
    connection: psycopg.Connection[tuple[Any, ...]]
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    load_id: int | None = None
    last_load: int = 0  # of whoever wrote before this one

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self.connection.execute(sql, parameters).fetchall()

    def dataset(self, table: str, *, rows: int) -> dict[str, Any]:
        """A table in OpenLineage's way of naming, with how many rows were written."""
        at = self.connection.info
        return {"namespace": f"postgres://{at.host}:{at.port}", "name": f"{at.dbname}.{table}", "rows": rows}

    @contextmanager
    def transaction(self) -> Iterator[int]:
        """The run's one transaction; gives its load id, and commits at the end with the token inside.

        Raises:
            DependencyDown: the connection was lost; if that was during the commit, the token has been read back
                and the run is SUCCEEDED or FAILED accordingly, or UNKNOWN when the server is gone.
        """
        import psycopg

        schema = self.run.system.slug
        try:
            self.connection.execute("begin")
            sql = (
                f"insert into {schema}.loads (token, run_id, loaded_at)"
                " values (%(token)s, %(run_id)s, %(loaded_at)s) returning load_id"
            )
            known = {"token": self.run.token, "run_id": self.run.run_id, "loaded_at": self.run.now()}
            [(self.load_id,)] = self.query(sql, known)
            faultpoint("begin.after")
            yield self.load_id
            faultpoint("stage.before")
            self.run.move("STAGED", result=self.run.notes)
            faultpoint("stage.after")
            self.run.move("COMMITTING")
            faultpoint("commit.before")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, psycopg.Error):
                from orrery.engines import postgres

                raise self.overtaken() or postgres.told(error, self.binding) from error
            raise
        self._commit()
        self.run.has_committed = True
        faultpoint("commit.after")

    def overtaken(self) -> Locked | None:
        """Whether another run has written since this one began, while its session was lost: it must not go on."""
        from orrery.engines import postgres
        from orrery.errors import OrreryError

        if not self.connection.closed:
            return None
        mine = self.last_load if self.load_id is None else self.load_id
        try:
            with postgres.connect(self.binding, application=self.run.run_id) as again:
                sql = (
                    f"select run_id from {self.run.system.slug}.loads where load_id > %s order by load_id desc limit 1"
                )
                other = again.execute(sql, (mine,)).fetchone()
        except OrreryError:
            return None  # the server cannot say; what is wrong with it is told instead
        if other is None:
            return None
        return Locked(
            "Another run took over while this one had lost its session: nothing of this one was loaded.",
            looked=f"{self.run.system.slug}.loads",
            found=f"run {other[0]} wrote after load {mine}"
            + (" had begun" if self.load_id is not None else ", the last when this one began"),
            fix="orrery runs shows it; run again if a file is still missing",
        )

    def _commit(self) -> None:
        import psycopg

        try:
            self.connection.execute("commit")
        except psycopg.Error as error:
            arrived = token_arrived(self.run, self.binding)
            if arrived:
                return
            if arrived is None:
                raise DependencyDown(
                    "The server went away during the commit; nobody can say yet whether it arrived.",
                    looked=f"{self.run.system.slug}.loads, token {self.run.token}",
                    found=str(error).strip(),
                    fix="run again: the first thing it does is to read that token",
                ) from error
            told = self.overtaken() or DependencyDown(
                "The commit did not arrive; the target is as it was.",
                looked=f"{self.run.system.slug}.loads",
                found=str(error).strip(),
                fix="run again",
            )
            self.run.move("FAILED", reason="the commit did not arrive", exit_code=int(told.exit_code))
            raise told from error

    def _roll_back(self) -> None:
        import psycopg

        try:
            self.connection.execute("rollback")
        except psycopg.Error:
            self.connection.close()  # the session is gone, and its transaction with it


def lock_key(slug: str) -> int:
    """The number of a system's advisory lock: whoever writes to its tables holds it, from whichever machine."""
    return int.from_bytes(hashlib.sha256(f"orrery:{slug}".encode()).digest()[:8], signed=True)


def token_arrived(run: Run, binding: Binding) -> bool | None:
    """Whether the run's token is in the target; None when the server cannot say.

    The lock comes first: a session that is still committing holds it until it has ended.
    """
    from orrery.errors import OrreryError

    try:
        with _locked_session(run, binding, wait_seconds=30) as again:
            return _has_token(again, run.system.slug, run.token)
    except OrreryError:
        return None


@contextmanager
def sole_writer(
    run: Run, role: str, tables: Mapping[str, Contract], existing: Mapping[str, Contract] | None = None
) -> Iterator[Writer]:
    """Become the only writer of the run's system: lock, schema, tables, and the end of runs that died.

    Args:
        tables: each output table (`schema.name`) with its contract; created where missing.
        existing: tables that somebody else creates, with their contracts.

    Raises:
        Locked: another run, here or on another machine, is at it. GateClosed: a table is not as its contract says.
    """
    import psycopg

    from orrery.engines import postgres

    binding = run.binding(role)
    run.contracts |= tables
    try:
        with _locked_session(run, binding, run.request.wait_seconds) as connection:
            faultpoint("prepare.before")
            _prepare(connection, run.system.slug, tables, existing or {})
            run.note(target_id=_target_id(connection, run.system.slug))
            faultpoint("settle.before")
            settle(run, lambda token: _has_token(connection, run.system.slug, token))
            faultpoint("settle.after")
            writer = Writer(run, binding, connection, tables, last_load=_last_load(connection, run.system.slug))
            try:
                yield writer
            except psycopg.Error as error:
                raise writer.overtaken() or postgres.told(error, binding) from error
    except psycopg.Error as error:
        raise postgres.told(error, binding) from error


@contextmanager
def _locked_session(run: Run, binding: Binding, wait_seconds: float) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    from orrery.engines import postgres

    key = lock_key(run.system.slug)
    deadline = time.monotonic() + max(wait_seconds, 2.0)  # a session that was just cut off needs a moment to end
    with postgres.connect(binding, application=run.run_id) as connection:
        while not (connection.execute("select pg_try_advisory_lock(%s)", (key,)).fetchone() or (False,))[0]:
            if time.monotonic() >= deadline:
                holder = connection.execute(
                    "select a.pid, a.application_name from pg_locks l join pg_stat_activity a using (pid)"
                    " where l.locktype = 'advisory' and l.granted and l.classid = %s and l.objid = %s",
                    ((key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF),
                ).fetchone()
                raise Locked(
                    f"Another run of {run.system.slug} is writing to this server.",
                    looked=f"advisory lock {key}",
                    found=f"held by {holder[1]} (backend {holder[0]})" if holder else "held",
                    fix="wait for it, or run again with --wait 60",
                )
            time.sleep(0.1)
        yield connection


def _prepare(
    connection: psycopg.Connection[tuple[Any, ...]],
    schema: str,
    tables: Mapping[str, Contract],
    existing: Mapping[str, Contract],
) -> None:
    """Schema and tables, made where missing; a table that is there must be what its contract says."""
    with connection.transaction():
        connection.execute("set local client_min_messages = warning")
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(_LOADS.format(schema=schema))
        connection.execute(_IDENTITY.format(schema=schema))
        for table, contract in tables.items():
            connection.execute(contract.ddl(table))
    for table, contract in {**tables, **existing}.items():
        rows = connection.execute(
            "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute"
            " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
            (table,),
        ).fetchall()
        if not rows and table in existing:
            continue
        short = {"timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp"}
        actual = [(name, short.get(kind, kind), required) for name, kind, required in rows]
        key = connection.execute(
            "select attname from pg_constraint join pg_attribute on attrelid = conrelid and attnum = any (conkey)"
            " where conrelid = %s::regclass and contype = 'p' order by array_position(conkey, attnum)",
            (table,),
        ).fetchall()
        if differing := contracts.differences(contract, actual, [name for (name,) in key]):
            raise GateClosed(
                f"The table {table} is not what its contract says.",
                looked=f"{table} against {contract.path.name} {contract.version}",
                found="; ".join(differing),
                fix=f"alter the table, or move it away: alter table {table} rename to …",
            )


def _has_token(connection: psycopg.Connection[tuple[Any, ...]], schema: str, token: str) -> bool:
    if connection.execute("select to_regclass(%s)", (f"{schema}.loads",)).fetchone() == (None,):
        return False
    sql = f"select count(*) from {schema}.loads where token = %s"
    return connection.execute(sql, (token,)).fetchone() == (1,)


def _last_load(connection: psycopg.Connection[tuple[Any, ...]], schema: str) -> int:
    return int((connection.execute(f"select coalesce(max(load_id), 0) from {schema}.loads").fetchone() or (0,))[0])


def _target_id(connection: psycopg.Connection[tuple[Any, ...]], schema: str) -> str:
    return str((connection.execute(f"select token from {schema}.loads where run_id = 'target'").fetchone() or ("",))[0])


def settle(run: Run, has_token: Callable[[str], bool]) -> None:
    """End the runs of this system whose process died, by what the target says: token there or not.

    The target's identity has been noted (`target_id`). Runs that wrote to another target (a profile may have been
    pointed elsewhere since) wait until that one is asked.
    """
    for row in run.ledger.runs(run.system.slug):
        if row["run_id"] == run.run_id or row["state"] not in OPEN or row["profile"] != run.request.profile.name:
            continue
        if row["result"].get("target_id", run.notes["target_id"]) != run.notes["target_id"]:
            run.reporter.say(f"run {row['run_id']} wrote to another target, which alone can say how it ended")
            continue
        arrived = has_token(row["token"])
        ending = (
            ("SUCCEEDED", 0, "its token is in the target") if arrived else ("FAILED", 137, "its token is not there")
        )
        at, monotonic = run.now().isoformat(), time.monotonic()
        state, code, reason = ending
        run.ledger.move(row["run_id"], state, at=at, monotonic=monotonic, exit_code=code, reason=reason, recovered=1)
        run.reporter.say(f"run {row['run_id']} had died: {state.lower()}, because {reason}")
