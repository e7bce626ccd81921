"""What happened, kept for ever: runs, their steps and a hash-chained list of events, in SQLite (WAL, FULL).

States of a run (an arrow that is not drawn is refused):

    PENDING → RUNNING → STAGED → COMMITTING → SUCCEEDED
       └─────────┴─────────┴──→ FAILED | QUARANTINED      COMMITTING → UNKNOWN → SUCCEEDED | FAILED

A run ends UNKNOWN when nobody can say whether its commit arrived; only the load token in the target settles
that, never a guess. The invariants L1 to L8 are in `orrery.testing.broken_invariants`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from orrery.errors import BadInput, IntegrityBroken

SCHEMA_VERSION = 1
OPEN = ("PENDING", "RUNNING", "STAGED", "COMMITTING", "UNKNOWN")
NEXT = {
    "PENDING": {"RUNNING", "FAILED"},
    "RUNNING": {"STAGED", "SUCCEEDED", "FAILED", "QUARANTINED"},  # SUCCEEDED at once: there was nothing new
    "STAGED": {"COMMITTING", "FAILED", "QUARANTINED"},
    "COMMITTING": {"SUCCEEDED", "FAILED", "UNKNOWN"},
    "UNKNOWN": {"SUCCEEDED", "FAILED"},
}
_SCHEMA = """
create table runs (
    run_id text primary key, system text not null, scope text not null, profile text not null,
    attempt integer not null, state text not null, token text not null unique,
    pid integer not null, pid_started real not null, boot_id text not null,
    started_at text not null, started_monotonic real not null, ended_at text, exit_code integer,
    reason text, recovered integer not null default 0, result text not null default '{}'
) strict;
create unique index one_open_run on runs (system, scope)
    where state in ('PENDING', 'RUNNING', 'STAGED', 'COMMITTING');
create table steps (
    run_id text not null references runs, position integer not null, name text not null,
    rows_read integer not null, rows_kept integer not null, rows_rejected integer not null,
    rows_deduplicated integer not null, rows_filtered integer not null,
    bytes integer not null, seconds real not null, peak_mb real not null,
    primary key (run_id, position)
) strict;
create table events (
    sequence integer primary key autoincrement, run_id text not null, at text not null, monotonic real not null,
    kind text not null, body text not null, previous text not null, hash text not null
) strict;
"""


@dataclass(frozen=True)
class Owner:
    """A process that can be told from a later one with the same pid.

    Attributes:
        started: seconds after the machine's boot; by the wall clock a start seems to move where that is set.
    """

    pid: int
    started: float
    boot_id: str

    @classmethod
    def this_process(cls) -> Owner:
        """The process that asks."""
        return cls.of(psutil.Process())

    @classmethod
    def of(cls, process: psutil.Process) -> Owner:
        """A process that runs."""
        return cls(process.pid, process.create_time() - psutil.boot_time(), boot_id())

    def is_alive(self) -> bool:
        """Whether it still runs: the same process, not another with its pid."""
        if self.boot_id != boot_id():
            return False
        try:
            process = psutil.Process(self.pid)
            is_it = abs(Owner.of(process).started - self.started) < 2.0  # the boot is told in whole seconds
            return is_it and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def boot_id() -> str:
    """Which boot of the machine this is (a pid means nothing after the next one)."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="ascii").strip() if path.exists() else str(int(psutil.boot_time()))


class Ledger:
    """The ledger of one state folder; every method is one durable transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            self._db.execute("pragma foreign_keys = on")
            self._migrate()
        except sqlite3.DatabaseError as error:
            raise IntegrityBroken(
                "The ledger cannot be opened.",
                looked=str(path),
                found=str(error),
                fix=f"move {path.name} away (the data in the target is not touched) and run again",
            ) from error

    def _migrate(self) -> None:
        with self._transaction():
            version = self._db.execute("pragma user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise BadInput(
                    "The ledger was written by a newer Orrery.",
                    looked=str(self.path),
                    found=f"schema {version}, this one knows {SCHEMA_VERSION}",
                    fix="use that version, or another ORRERY_HOME",
                )
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    self._db.execute(statement)
                self._db.execute(f"pragma user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def open_run(self, run: Mapping[str, Any], owner: Owner, *, at: str, monotonic: float) -> int:
        """Enter a new run as PENDING; returns the number of this attempt at its scope (1, 2, …)."""
        with self._transaction():
            attempt = self._db.execute(
                "select coalesce(max(attempt), 0) + 1 from runs where system = ? and scope = ?",
                (run["system"], run["scope"]),
            ).fetchone()[0]
            self._db.execute(
                "insert into runs (run_id, system, scope, profile, attempt, state, token, pid, pid_started, boot_id,"
                " started_at, started_monotonic) values (?, ?, ?, ?, ?, 'PENDING', ?, ?, ?, ?, ?, ?)",
                (
                    *(run[key] for key in ("run_id", "system", "scope", "profile")),
                    attempt,
                    run["token"],
                    *(owner.pid, owner.started, owner.boot_id),
                    *(at, monotonic),
                ),
            )
            self._event(run["run_id"], at, monotonic, "PENDING", {"attempt": attempt})
        return int(attempt)

    def move(self, run_id: str, to: str, *, at: str, monotonic: float, **changes: Any) -> None:
        """Bring a run into another state, with what is known now: `exit_code`, `reason`, `result`, `recovered`.

        Raises:
            IntegrityBroken: the step from its present state is not one of the drawn arrows.
        """
        with self._transaction():
            row = self._db.execute("select state from runs where run_id = ?", (run_id,)).fetchone()
            if row is None or to not in NEXT.get(row["state"], set()):
                raise IntegrityBroken(
                    f"Run {run_id} cannot become {to}.",
                    looked=str(self.path),
                    found=f"it is {row['state'] if row else 'not there'}",
                    fix="orrery runs shows it; another process may have recovered it",
                )
            columns = {"state": to, **{key: _plain(value) for key, value in changes.items()}}
            if to not in OPEN:
                columns["ended_at"] = at
            assignments = ", ".join(f"{name} = ?" for name in columns)
            self._db.execute(f"update runs set {assignments} where run_id = ?", (*columns.values(), run_id))
            self._event(run_id, at, monotonic, to, {key: value for key, value in changes.items() if key != "result"})

    def add_step(self, run_id: str, position: int, step: Mapping[str, Any]) -> None:
        """Keep a finished step: its name, rows, bytes, seconds and peak memory in MB."""
        names = ("read", "kept", "rejected", "deduplicated", "filtered")
        with self._transaction():
            self._db.execute(
                "insert into steps values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(run_id, position, step["name"]),
                    *(step["rows"][name] for name in names),
                    *(step["bytes"], step["seconds"], step["peak_mb"]),
                ),
            )

    def runs(self, system: str | None = None, *, limit: int = -1) -> list[dict[str, Any]]:
        """Runs, newest first."""
        rows = self._db.execute(
            "select * from runs where ? is null or system = ? order by rowid desc limit ?", (system, system, limit)
        )
        return [{**dict(row), "result": json.loads(row["result"])} for row in rows]

    def open_runs(self, system: str) -> list[dict[str, Any]]:
        """Runs of a system that have not ended, oldest first."""
        return [row for row in reversed(self.runs(system)) if row["state"] in OPEN]

    def steps(self, run_id: str) -> list[dict[str, Any]]:
        """The steps of a run, in order."""
        rows = self._db.execute("select * from steps where run_id = ? order by position", (run_id,))
        return [dict(row) for row in rows]

    def events(self) -> list[dict[str, Any]]:
        """Every event, in order."""
        return [dict(row) for row in self._db.execute("select * from events order by sequence")]

    def _event(self, run_id: str, at: str, monotonic: float, kind: str, body: Mapping[str, Any]) -> None:
        last = self._db.execute("select hash from events order by sequence desc limit 1").fetchone()
        previous = last["hash"] if last else ""
        text = json.dumps(body, sort_keys=True, default=str)
        link = event_hash(previous, run_id, at, monotonic, kind, text)
        self._db.execute(
            "insert into events (run_id, at, monotonic, kind, body, previous, hash) values (?, ?, ?, ?, ?, ?, ?)",
            (run_id, at, monotonic, kind, text, previous, link),
        )


def event_hash(previous: str, run_id: str, at: str, monotonic: float, kind: str, body: str) -> str:
    """The link of one event to the one before: sha256 over both, in a fixed form."""
    canonical = json.dumps([previous, run_id, at, repr(monotonic), kind, body])
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | None) else json.dumps(value, sort_keys=True, default=str)
