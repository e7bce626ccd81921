"""Exactly-once effects in a warehouse that is a file: built in a copy, published by one rename, the load token inside.

Who reads sees the warehouse as it was until the rename and as it is to be after it, all tables at once, and is never
shut out while a run builds. A run that is killed leaves a copy that nobody reads; the next one removes it. Whether a
run was published is answered by its token in `<slug>.loads`, never by an exit status.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orrery import locking
from orrery.effects import settle
from orrery.engines import duckdb as engine
from orrery.errors import ExitCode, Locked, OutOfSpace
from orrery.faults import faultpoint
from orrery.run import Run

if TYPE_CHECKING:
    from orrery.profiles import Binding

_LOADS = """
create schema if not exists {schema};
create table if not exists {schema}.loads (
    load_id   bigint primary key,
    token     text not null unique,
    run_id    text not null,
    loaded_at timestamptz not null
);
"""
_NEXT = "select coalesce(max(load_id), 0) + 1 from {schema}.loads"
_RUN_ID = "[0-9]{8}T[0-9]{6}-[pd][0-9]{2}_[a-z0-9]+-[0-9a-f]{6}"
ROOM = 64 << 20  # bytes that a build needs beside the copy


@dataclass
class Edition:
    """The copy of the warehouse that a run builds in; nobody else sees it.

    Attributes:
        warehouse: whose copy it is.
        file: open it as you like (dbt does), and close it again.
        load_id: of this run, larger than that of every run before.
    """

    warehouse: Warehouse
    file: Path
    load_id: int

    @property
    def environment(self) -> Mapping[str, str]:
        """What a dbt project's profiles.yml reads to build in the copy."""
        return {
            **engine.environment(self.warehouse.binding, self.warehouse.run.system.slug),
            "DUCKDB_PATH": str(self._steady()),
        }

    def _steady(self) -> Path:
        """A path to the copy that is the same for every copy: dbt reads a whole project anew where its file has moved.

        It leads through a link to the copy's folder, not to the file: what DuckDB writes beside it must not be left.
        """
        run = self.warehouse.run
        name = hashlib.sha256(bytes(self.warehouse.file.absolute())).hexdigest()[:16]  # it has one writer at a time
        link = run.request.home / "cache" / "dbt" / run.system.slug / f"copy-{name}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(self.file.parent.absolute(), target_is_directory=True)
        return link / self.file.name

    @property
    def place(self) -> Mapping[str, str]:
        """Where the tables are when they are published, in OpenLineage's words."""
        return {"namespace": f"duckdb://{self.warehouse.file.absolute()}", "name": self.file.stem}

    @contextmanager
    def session(self) -> Iterator[engine.Session]:
        """A session in the copy, which nobody else may have open meanwhile."""
        import duckdb

        with engine.connect(self.file, read_only=False) as connection:
            try:
                yield engine.Session(connection)
            except duckdb.Error as error:
                raise engine.told(error, self.file) from error


class Warehouse:
    """The warehouse of a system, held by its only writer."""

    def __init__(self, run: Run, binding: Binding) -> None:
        self.run, self.binding = run, binding
        self.file = engine.path(binding, run.system.slug)
        self.look = engine.Look(binding, run.system.slug)

    @contextmanager
    def edition(self) -> Iterator[Edition]:
        """A copy to build in; it takes the warehouse's place at the end, with the run's token in it.

        Raises:
            OutOfSpace: no room for a copy. Locked: somebody writes, or has written meanwhile, to the warehouse itself.
        """
        slug = self.run.system.slug
        # of the same name, because views keep the name of their database, which is the file's
        copy = self.file.parent / f".{self.file.stem}-{self.run.run_id}" / self.file.name
        copy.parent.mkdir(mode=0o700)
        try:
            before = self._copied(copy)
            edition = Edition(self, copy, 0)
            with edition.session() as session:
                session.query(_LOADS.format(schema=slug))
                [(edition.load_id,)] = session.query(_NEXT.format(schema=slug))[1]
            faultpoint("begin.after")
            yield edition
            faultpoint("stage.before")
            with edition.session() as session:
                token = [edition.load_id, self.run.token, self.run.run_id, self.run.now()]
                session.query(f"insert into {slug}.loads values (?, ?, ?, ?)", token)
                session.query("force checkpoint")
            _synced(copy)
            self.run.move("STAGED", result=self.run.notes)
            faultpoint("stage.after")
            with self._unchanged(before):
                self.run.move("COMMITTING")
                faultpoint("commit.before")
                self._publish(copy)
            faultpoint("commit.after")
            _synced(self.file.parent)
        finally:
            shutil.rmtree(copy.parent, ignore_errors=True)

    def _copied(self, copy: Path) -> os.stat_result | None:
        """Make the copy; gives what the warehouse was like then, None where there is none yet."""
        if not self.file.exists():
            if self._log.exists():  # its file was moved away; the new one must not be taken for it
                self._log.rename(f"{self._log}.left")
            return None
        if self._log.exists():  # of somebody who wrote by hand, and was killed
            engine.connect(self.file, read_only=False).close()
        with engine.connect(self.file):  # while it is open here, nobody can open it to write
            found = self.file.stat()
            if shutil.disk_usage(self.file.parent).free < found.st_size + ROOM:
                raise OutOfSpace(
                    "There is no room for a copy of the warehouse to build in.",
                    looked=str(self.file.parent),
                    found=f"{shutil.disk_usage(self.file.parent).free >> 20:,} MB free; the warehouse has"
                    f" {found.st_size >> 20:,} MB",
                    fix="make room there; nothing was changed",
                )
            with self.run.step("copy") as step:
                shutil.copy(self.file, copy)  # with its rights: who may not read it shall not be able to tomorrow
                step.bytes_read = found.st_size
                step.rows(read=0, kept=0)
        return found

    def _publish(self, copy: Path) -> None:
        try:
            copy.replace(self.file)
        except OSError as error:
            self.run.move("FAILED", reason=f"it could not be published: {error}", exit_code=int(ExitCode.OUR_BUG))
            raise
        self.run.has_committed = True

    @property
    def _log(self) -> Path:
        """DuckDB's log beside the file: what a writer committed that was killed."""
        return self.file.with_name(f"{self.file.name}.wal")

    @contextmanager
    def _unchanged(self, before: os.stat_result | None) -> Iterator[None]:
        """Keep writers out, and make sure that there was none since the copy: who wrote must not lose that.

        Raises:
            Locked: somebody has it open to write, or the warehouse is not what was copied.
        """
        with engine.connect(self.file) if self.file.exists() else nullcontext():
            now = self.file.stat() if self.file.exists() else None
            if _identity(before) != _identity(now) or self._log.exists():
                raise Locked(
                    "Somebody wrote to the warehouse while this run was building: nothing was published.",
                    looked=str(self.file),
                    found="it is not the file that was copied",
                    fix="run again: it builds on what is there now",
                )
            yield


@contextmanager
def sole_writer(run: Run, role: str) -> Iterator[Warehouse]:
    """Become the only writer of the run's warehouse: lock, what dead runs left, and their end.

    Raises:
        Locked: another run is at it, from whichever state folder.
    """
    warehouse = Warehouse(run, run.binding(role))
    warehouse.file.parent.mkdir(parents=True, exist_ok=True)
    with locked(warehouse.file, run.system.slug, run.request.wait_seconds):
        faultpoint("prepare.before")
        for left in list(warehouse.file.parent.iterdir()):
            if re.fullmatch(rf"\.{re.escape(warehouse.file.stem)}-{_RUN_ID}", left.name):  # no other is ours
                shutil.rmtree(left)
        run.note(target_id=warehouse.look.identity)
        there = {token for token, _ in warehouse.look.loads(run.system.slug)}
        faultpoint("settle.before")
        settle(run, there.__contains__)
        faultpoint("settle.after")
        yield warehouse


@contextmanager
def locked(file: Path, slug: str, wait_seconds: float) -> Iterator[None]:
    """Hold the lock of a warehouse: beside its file, so that runs of other state folders meet it, too."""
    path = file.with_name(f"{file.name}.lock")
    asked = f"Another run of {slug} is writing to this warehouse."
    with locking.held(path, max(wait_seconds, 0.5), asked, "wait for it, or run again with --wait 60"):
        yield


def _identity(found: os.stat_result | None) -> tuple[int, int, int] | None:
    return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)


def _synced(path: Path) -> None:
    """Have the disk hold what was written to a file, or renamed in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
