"""A target, whatever engine plays the role: looked at from outside of a run, or held by a run that writes.

`show`, `check` and the tests look; a pipeline whose tool is dbt writes through sessions, and has the engine's own way
to make all of it visible (publishing.py, in_place.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from orrery.errors import BadInput
from orrery.profiles import Binding

if TYPE_CHECKING:
    import pyarrow as pa

    from orrery.run import Run


class Look(Protocol):
    """What is to be seen of a system in its target."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a query in the engine's own dialect."""

    def relations(self, schema: str) -> list[str]:
        """Tables and views of a schema."""

    def is_ordered(self, schema: str, name: str) -> bool:
        """Whether it is a view that has an order of its own."""

    def loads(self, slug: str) -> list[tuple[str, str]]:
        """Token and run of each load of a system, in their order; the target's own identity as the run `target`."""

    def counted(self, mark: Mapping[str, Any]) -> dict[str, Any]:
        """`rows` and `checksum`, now, of what a run has marked."""

    def close(self) -> None:
        """Let go of it."""


class Session(Protocol):
    """A session that writes."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a statement; `?` for parameters."""

    def insert(self, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        """Rows into the columns of their names."""

    def transaction(self) -> AbstractContextManager[None]:
        """Begin, and commit at the end or undo; no DDL inside."""

    def marked(self, table: str) -> dict[str, Any]:
        """A table with its rows and their checksum, for `Look.counted` to read again later."""


class Edition(Protocol):
    """Where a run lands and builds."""

    @property
    def load_id(self) -> int:
        """Of the run, larger than that of every run before."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What a dbt project's profiles.yml reads to build there, secrets among it."""

    @property
    def place(self) -> Mapping[str, str]:
        """Where it is, in OpenLineage's words: `namespace`, and what stands before `schema.table`."""

    def session(self) -> AbstractContextManager[Session]:
        """A session there."""


class Warehouse(Protocol):
    """A warehouse, held by its only writer (publishing.py, in_place.py)."""

    @property
    def look(self) -> Look:
        """What is there now."""

    def edition(self) -> AbstractContextManager[Edition]:
        """Where the run lands and builds; at its end the run's token is in."""


def sole_writer(run: Run, role: str) -> AbstractContextManager[Warehouse]:
    """Become the only writer of the warehouse that dbt builds in, whatever plays the role.

    Raises:
        Locked: another run is at it. BadInput: an engine that dbt does not build in here.
    """
    engine = run.binding(role).engine
    if engine == "duckdb":
        from orrery import publishing

        return publishing.sole_writer(run, role)
    if engine == "snowflake":
        from orrery import in_place

        return in_place.sole_writer(run, role)
    raise _unknown(run.binding(role), ("duckdb", "snowflake"))


def _unknown(binding: Binding, known: Iterable[str]) -> BadInput:
    return BadInput(
        f"'{binding.role}' is bound to an engine that is not known for it.",
        looked=f"profile {binding.profile}",
        found=f'engine = "{binding.engine}"',
        fix=f"one of {', '.join(known)}",
    )


def look(binding: Binding, slug: str, application: str) -> Look:
    """A look at the target that plays a role.

    Args:
        application: who looks, for the server's own list of sessions.

    Raises:
        BadInput: an engine that nothing here knows. DependencyDown: it does not answer.
    """
    if binding.engine not in _LOOKS:
        raise _unknown(binding, _LOOKS)
    return _LOOKS[binding.engine](binding, slug, application)


def _postgres(binding: Binding, slug: str, application: str) -> Look:
    from orrery.engines import postgres

    return postgres.Look(binding, slug, application)


def _duckdb(binding: Binding, slug: str, application: str) -> Look:  # noqa: ARG001 (a file keeps no list of sessions)
    from orrery.engines import duckdb

    return duckdb.Look(binding, slug)


def _snowflake(binding: Binding, slug: str, application: str) -> Look:
    from orrery.engines import snowflake

    return snowflake.Look(binding, slug, application)


_LOOKS: dict[str, Callable[[Binding, str, str], Look]] = {
    "postgres": _postgres,
    "duckdb": _duckdb,
    "snowflake": _snowflake,
}
