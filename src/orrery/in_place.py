"""Effects in a warehouse whose tables are replaced one by one (Snowflake): idempotent, and the load token goes in last.

One session holds the system's lock, an open transaction on `<slug>.writer`, and carries the token: whoever loses the
session has lost the lock and has nothing to commit with. Rows are landed in transactions of their own, under the
run's load id; dbt replaces each model by itself. So a run that dies leaves some marts new and others as they were,
never one in part, and the next run, which finds no token of that load, lands and builds again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orrery.effects import settle
from orrery.engines import snowflake as engine
from orrery.errors import DependencyDown, Locked, OrreryError
from orrery.faults import faultpoint
from orrery.run import Run

if TYPE_CHECKING:
    from orrery.profiles import Binding

_PREPARED = """
create schema if not exists {schema};
create table if not exists {schema}.loads (load_id bigint not null, token text not null, run_id text not null,
    loaded_at timestamptz not null);
create table if not exists {schema}.writer (run_id text not null);
insert into {schema}.writer select 'nobody' where not exists (select * from {schema}.writer)
"""


@dataclass
class Edition:
    """The database itself, while the run is its only writer (see looks.py)."""

    warehouse: Warehouse
    load_id: int

    @property
    def environment(self) -> Mapping[str, str]:
        """What a dbt project's profiles.yml reads, the secret among it."""
        return engine.environment(self.warehouse.binding)

    @property
    def place(self) -> Mapping[str, str]:
        """Where the tables are, in OpenLineage's words."""
        named = engine.keywords(self.warehouse.binding)
        return {"namespace": f"snowflake://{named['account']}", "name": named["database"]}

    @contextmanager
    def session(self) -> Iterator[engine.Session]:
        """A session beside the one that holds the lock."""
        binding = self.warehouse.binding
        with engine.connect(binding, self.warehouse.run.run_id) as connection:
            yield engine.Session(connection, binding)


class Warehouse:
    """The warehouse of a system, held by its only writer."""

    def __init__(self, run: Run, binding: Binding, held: engine.Session) -> None:
        self.run, self.binding, self.held = run, binding, held
        self.look = engine.Look(binding, run.system.slug, run.run_id)

    @contextmanager
    def edition(self) -> Iterator[Edition]:
        """Where the run lands and builds; the token goes in at the end.

        Raises:
            DependencyDown: the session that holds the lock was lost; if that was during the commit, the token says
                whether it arrived.
        """
        slug = self.run.system.slug
        [(load_id,)] = self.look.query(f"select coalesce(max(load_id), 0) + 1 from {slug}.loads")[1]
        faultpoint("begin.after")
        yield Edition(self, int(load_id))
        faultpoint("stage.before")
        token = [int(load_id), self.run.token, self.run.run_id, self.run.now().isoformat()]
        self.held.query(f"insert into {slug}.loads values (?, ?, ?, ?)", token)
        self.run.move("STAGED", result=self.run.notes)
        faultpoint("stage.after")
        self.run.move("COMMITTING")
        faultpoint("commit.before")
        try:
            self.held.query("commit")
        except OrreryError as error:
            self._resolve(error)
        self.run.has_committed = True
        faultpoint("commit.after")

    def _resolve(self, error: OrreryError) -> None:
        """Whether a commit arrived whose answer did not."""
        try:
            there = {
                token
                for token, _ in engine.Look(self.binding, self.run.system.slug, "token").loads(self.run.system.slug)
            }
        except OrreryError:
            raise DependencyDown(
                "The server went away during the commit; nobody can say yet whether it arrived.",
                looked=f"{self.run.system.slug}.loads, token {self.run.token}",
                found=error.found,
                fix="run again: the first thing it does is to read that token",
            ) from error
        if self.run.token not in there:
            self.run.move("FAILED", reason="the commit did not arrive", exit_code=int(error.exit_code))
            raise error


@contextmanager
def sole_writer(run: Run, role: str) -> Iterator[Warehouse]:
    """Become the only writer of the run's warehouse: lock, and the end of runs that died.

    Raises:
        Locked: another run holds it, from whichever machine.
    """
    binding, slug = run.binding(role), run.system.slug
    with engine.connect(binding, run.run_id) as connection:
        held = engine.Session(connection, binding)
        faultpoint("prepare.before")
        for statement in _PREPARED.format(schema=slug).split(";"):
            held.query(statement)
        held.query("begin")
        try:
            held.query(f"update {slug}.writer set run_id = ?", [run.run_id])
        except Locked as error:
            raise Locked(
                f"Another run of {slug} is writing to this warehouse.",
                looked=f"{slug}.writer",
                found=error.found,
                fix="wait for it, then run again",
            ) from error
        warehouse = Warehouse(run, binding, held)
        try:
            run.note(target_id=warehouse.look.identity)
            faultpoint("settle.before")
            settle(run, {token for token, _ in warehouse.look.loads(slug)}.__contains__)
            faultpoint("settle.after")
            yield warehouse
        finally:
            warehouse.look.close()
            with suppress(OrreryError):  # the session may be gone; then its transaction is gone with it
                held.query("rollback")
