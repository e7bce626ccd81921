"""A look at a target from outside of a run: what `show`, `check` and the tests ask, whatever engine plays the role."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from orrery.errors import BadInput
from orrery.profiles import Binding


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


def look(binding: Binding, slug: str, application: str) -> Look:
    """A look at the target that plays a role.

    Args:
        application: who looks, for the server's own list of sessions.

    Raises:
        BadInput: an engine that nothing here knows. DependencyDown: it does not answer.
    """
    if binding.engine not in _LOOKS:
        raise BadInput(
            f"'{binding.role}' is bound to an engine that is not known.",
            looked=f"profile {binding.profile}",
            found=f'engine = "{binding.engine}"',
            fix=f"one of {', '.join(_LOOKS)}",
        )
    return _LOOKS[binding.engine](binding, slug, application)


def _postgres(binding: Binding, slug: str, application: str) -> Look:
    from orrery.engines import postgres

    return postgres.Look(binding, slug, application)


def _duckdb(binding: Binding, slug: str, application: str) -> Look:  # noqa: ARG001 (a file keeps no list of sessions)
    from orrery.engines import duckdb

    return duckdb.Look(binding, slug)


_LOOKS: dict[str, Callable[[Binding, str, str], Look]] = {"postgres": _postgres, "duckdb": _duckdb}
