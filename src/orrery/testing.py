"""What the tests of every system use: the command in this process, the target as it is, the ledger's invariants."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from orrery import effects, inspection, looks, profiles
from orrery.manifest import Manifest
from orrery.profiles import Profile


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.stdout)


def orrery(*arguments: str) -> Result:
    """Run a command as the shell would, in this process."""
    from orrery.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        mock.patch.object(sys, "argv", ["orrery", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    return Result(code if isinstance(code, int) else 0 if code is None else 1, out.getvalue(), err.getvalue())


class Target:
    """What one system made in its target, looked at from outside."""

    def __init__(self, home: Path, system: Manifest, profile: str = "embedded") -> None:
        self.home, self.system = home, system
        self.profile: Profile = profiles.load(profile, home)
        self.binding = self.profile.binding(next(iter(system.needs)), system.slug)
        self.look = looks.look(self.binding, system.slug, application="test")

    @property
    def connection(self) -> Any:
        """The engine's own connection, of a target that is a server."""
        return vars(self.look)["connection"]

    def close(self) -> None:
        """Let go of it."""
        self.look.close()

    def reset(self) -> None:
        """Forget everything the system made, and the ledger that speaks of it."""
        if self.binding.engine == "duckdb":
            from orrery.engines import duckdb

            duckdb.path(self.binding, self.system.slug).unlink(missing_ok=True)
        elif self.binding.engine == "snowflake":
            sql = "select schema_name from information_schema.schemata where startswith(lower(schema_name), ?)"
            for (schema,) in self.look.query(sql, [self.system.slug])[1]:
                self.look.query(f'drop schema "{schema}" cascade')
        else:
            for schema in sorted({self.system.slug, *(table.partition(".")[0] for table in self.system.outputs)}):
                self.connection.execute(f"drop schema if exists {schema} cascade")
        for path in self.home.glob("ledger.sqlite*"):
            path.unlink()

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """The target as a run on another machine holds it."""
        if self.binding.engine == "duckdb":
            from orrery import publishing
            from orrery.engines import duckdb

            file = duckdb.path(self.binding, self.system.slug)
            file.parent.mkdir(parents=True, exist_ok=True)
            with publishing.locked(file, self.system.slug, 0):
                yield
            return
        if self.binding.engine == "snowflake":
            from orrery.engines import snowflake

            with snowflake.connect(self.binding, "test") as connection, snowflake.transaction(connection):
                connection.cursor().execute(f"update {self.system.slug}.writer set run_id = 'of another machine'")
                yield
            return
        key = effects.lock_key(self.system.slug)
        self.connection.execute("select pg_advisory_lock(%s)", (key,))
        try:
            yield
        finally:
            self.connection.execute("select pg_advisory_unlock(%s)", (key,))

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows as dictionaries; none where the system has made nothing."""
        if not self.look.relations(self.system.slug):
            return []
        names, rows = self.look.query(sql)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def rows(self, table: str | None = None) -> list[dict[str, Any]]:
        """All rows of an output; without a name, of the system's first."""
        name = table or next(iter(self.system.outputs))
        return self.query(f"select * from {name} order by 1, 2") if self.has(name) else []

    def has(self, table: str) -> bool:
        """Whether there is such a table or view."""
        schema, _, name = table.rpartition(".")
        return name in self.look.relations(schema)

    def rejects(self) -> list[dict[str, Any]]:
        """All refused rows."""
        return self.rows(next(table for table in self.system.outputs if table.endswith("_rejected")))

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """Every output with the physical place and age of what it is made of: equal only if nothing was rewritten."""
        there = [table for table in self.system.outputs if self.has(table)]
        if self.binding.engine == "duckdb":
            from orrery.engines import duckdb

            file = duckdb.path(self.binding, self.system.slug)
            found = file.stat() if file.exists() else None
            content = hashlib.sha256(file.read_bytes()).hexdigest() if found else ""
            place = {"inode": found.st_ino, "at": found.st_mtime_ns, "sha256": content} if found else {}
            return {table: [place] for table in there}
        return {table: self.query(f"select ctid::text, xmin::text, * from {table} order by ctid") for table in there}

    def broken_invariants(self) -> list[str]:
        """Invariants of ledger and target that do not hold; empty is what a test wants."""
        return broken_invariants(self.home, [self.system], self.profile)


def broken_invariants(home: Path, systems: Sequence[Manifest], profile: Profile) -> list[str]:
    """Every invariant (L1 to L7) that does not hold for a state folder; empty is what a test wants."""
    findings = inspection.check(systems, profile, home)
    return [f"{finding.invariant}: {finding.found}" for finding in findings if not finding.holds]


def files_that_tell(folder: Path, secrets: Iterable[str]) -> list[str]:
    """L8: files below a folder that hold one of the secrets, as it is; empty is what a test wants."""
    wanted = [secret.encode() for secret in secrets]
    return [
        str(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(secret in path.read_bytes() for secret in wanted)
    ]
