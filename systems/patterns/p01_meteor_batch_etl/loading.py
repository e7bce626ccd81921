"""The three ways a file's launches come into PostgreSQL, each inside the run's transaction.

straight    new keys go into the target itself; into an empty one before its primary key is built, which is faster
            and finds the same duplicates
merge       a file that restates some keys waits in a temporary table, and only what differs is written
replace     a file that rewrites most of a large table goes straight in beside the old rows, and what is old goes

Which of them it is shows at the first key that is there already, and in a sample of the file. Where a way turns out
not to be one (a duplicate, a reader that holds the table), its savepoint is taken back, and the file is merged.
"""

from __future__ import annotations

from typing import Any

import psycopg

from orrery.effects import Writer
from orrery.files import Delivered
from orrery.run import Run

from .copying import REJECTED, FileCopy
from .judging import Judge

TARGET, FILES = "p01_meteor.launches", "p01_meteor.files"
LARGE = 4 << 20  # bytes of a file; below that nothing is gained by building the key later
SAMPLE = 500  # rows
OWN = f"(select file_id from {FILES} where file_name = %(file_name)s and day = %(day)s)"  # earlier contents of the file
DUPLICATE = {
    "duplicate_row": "the same launch as line {}, in every column",
    "key_conflict": "another row has this designator and says something else",
}


class FileLedger:
    """Which contents are in the target already (table `files`), by name, day and sha256."""

    def __init__(self, writer: Writer, run: Run) -> None:
        self.writer, self.run = writer, run
        self.day = run.interval.isoformat() if run.interval else ""
        rows = writer.query(
            f"select file_name, sha256 from {FILES} where is_current and day = %(day)s", {"day": self.day}
        )
        self.by_name = dict(rows)

    def split(self, delivered: list[Delivered]) -> tuple[list[Delivered], list[dict[str, str]]]:
        """New contents to load, and those that are known: the same file again, or a copy of it under a new name.

        A copy is known only while the file that it is a copy of stays as it is: one that is restated by the same
        delivery (as when logs are rotated) takes its rows along.
        """
        restated = {each.name for each in delivered if self.by_name.get(each.name, each.sha256) != each.sha256}
        holds = {sha256: name for name, sha256 in self.by_name.items() if name not in restated}
        new: list[Delivered] = []
        known = []
        for each in delivered:
            is_copy = each.sha256 in holds and each.name not in restated
            if self.by_name.get(each.name) == each.sha256:
                known.append({"name": each.name, "loaded_as": each.name})
            elif is_copy:
                known.append({"name": each.name, "loaded_as": holds[each.sha256]})
            else:
                new.append(each)
                holds.setdefault(each.sha256, each.name)
        return new, known

    def next_file_id(self) -> int:
        """The number that the next file gets."""
        return int(self.writer.query(f"select coalesce(max(file_id), 0) + 1 from {FILES}")[0][0])

    def target(self) -> dict[str, Any]:
        """What is in the target now."""
        count = self.writer.query(f"select count(*) from {TARGET}")[0][0]
        refused = self.writer.query(f"select count(*) from {REJECTED}")[0][0]
        return {"target": {"table": TARGET, "rows": count, "rejected_rows": refused}}


class FileLoad(FileCopy):
    """One file on its way into the target."""

    def __init__(self, run: Run, ledger: FileLedger, load_id: int, delivered: Delivered, judge: Judge) -> None:
        super().__init__(run, ledger.writer, delivered, judge, ledger.next_file_id())
        self.load_id, self.is_restated = load_id, delivered.name in ledger.by_name
        self.names = {"file_name": delivered.name, "day": ledger.day, "file_id": self.file_id}
        # how SQL speaks of the columns of a launch
        self.shown = {"columns": ", ".join(self.columns), "own": OWN} | {
            f"{table}_columns": ", ".join(f"{table}.{name}" for name in self.columns)
            for table in ("target", "incoming", "old", "new")
        }

    def load(self) -> dict[str, Any]:
        """Bring the file in; gives the counts of its rows."""
        if self.is_restated or not self.straight():
            if not (self.rewrites_most() and self.replace()):
                self.merge()
            self.connection.execute(f"delete from {REJECTED} where file_id in {OWN}", self.names)
        kept = self.kept()
        self.connection.execute(
            f"update {FILES} set is_current = false where file_name = %(file_name)s and day = %(day)s and is_current",
            self.names,
        )
        values = (self.file_id, self.load_id, self.names["file_name"], self.names["day"], self.delivered.sha256, True)
        self.connection.execute(
            f"insert into {FILES} values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (*values, self.counts["read"], kept, self.counts["rejected"], self.counts["filtered"]),
        )
        return {**self.counts, "kept": kept, "warnings": dict(self.warnings), "checksum": self.checksum}

    def kept(self) -> int:
        """Rows that were neither refused nor of another day."""
        return self.counts["read"] - self.counts["rejected"] - self.counts["filtered"]

    # --- straight ---------------------------------------------------------------------------------------------

    def straight(self) -> bool:
        """Into the target itself; False where a key of the file is there already, or twice in the file."""
        is_empty = not self.writer.query(f"select 1 from {TARGET} limit 1")
        try:
            with self.connection.transaction():
                key = self.set_key_aside() if is_empty and self.delivered.size >= LARGE else None
                self.take(TARGET, "file_id")
                self.build_key(key)
        except psycopg.errors.UniqueViolation:
            return False
        self.counts |= {"inserted": self.kept(), "updated": 0, "deleted": 0}
        return True

    def set_key_aside(self) -> str | None:
        """Drop the primary key for the time of the load and give its name; None where that cannot be.

        It is locked until the transaction ends: readers wait, and a reader who is at it already is not waited for long.
        """
        found = self.writer.query(
            "select quote_ident(conname) from pg_constraint where conrelid = %(table)s::regclass and contype = 'p'",
            {"table": TARGET},
        )
        if not found:
            return None
        try:
            with self.connection.transaction():
                self.connection.execute("set local lock_timeout = '2s'")
                self.connection.execute(f"alter table {TARGET} drop constraint {found[0][0]}")
                self.connection.execute("set local lock_timeout to default")
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.DependentObjectsStillExist,
            psycopg.errors.InsufficientPrivilege,
        ):
            return None
        return str(found[0][0])

    def build_key(self, key: str | None) -> None:
        """Build again what `set_key_aside` dropped."""
        if key:
            columns = ", ".join(self.judge.contract.key)
            self.connection.execute(f"alter table {TARGET} add constraint {key} primary key ({columns})")

    # --- replace ----------------------------------------------------------------------------------------------

    def rewrites_most(self) -> bool:
        """Whether the file is large, about the table's size, and most of a sample of it would be written anyway."""
        if self.delivered.size < LARGE:
            return False
        block = next(self.blocks(), None)
        if block is None:
            return False
        chunk = block.parse()
        sample = self.judge.judge(chunk.head(SAMPLE))
        expected = chunk.read * self.delivered.size / block.cut.consumed  # an archive is taken for smaller than it is
        [(there,)] = self.writer.query(f"select coalesce(sum(rows_kept), 0) from {FILES} where is_current")
        if 2 * expected < there:
            return False
        with self.connection.transaction(force_rollback=True):
            self.make_incoming()
            self.copy("incoming", "line", self.binary(sample, "line"), len(sample.lines))
            [(same,)] = self.connection.execute(
                f"select count(*) from incoming join {TARGET} as target using (launch_id) where target.file_id in {OWN}"
                f" and ({self.shown['target_columns']}) is not distinct from ({self.shown['incoming_columns']})",
                self.names,
            ).fetchall()
        return bool(2 * same < len(sample.lines))

    def replace(self) -> bool:
        """Into the target beside what is there, then take out what is old; False where that cannot be."""
        before = self.writer.query(f"select count(*) from {TARGET}")[0][0]
        try:
            with self.connection.transaction():
                key = self.set_key_aside()
                if key is None:
                    return False
                self.take(TARGET, "file_id")
                self.connection.execute("set local work_mem = '128MB'")
                self.connection.execute("set local default_statistics_target = 10")
                self.connection.execute(f"analyze {TARGET} (file_id, launch_id)")
                self.counts |= {"deleted": 0, "stayed": 0}
                self.apply("replace.sql", "overruled", "replaced", "updated")
                self.connection.execute("drop table replaced")
                if self.counts.pop("replaced") < before:
                    self.find_no_key_twice()
                    self.apply("replace.sql", "deleted", "stayed")
                self.build_key(key)
        except psycopg.errors.UniqueViolation:
            return False
        stayed = self.counts.pop("stayed")
        self.counts["inserted"] = self.kept() - self.counts["updated"] - stayed
        self.counts["filtered"] += self.counts.pop("overruled")
        if stayed:
            self.checksum = None  # of other rows than those that this file brought
        return True

    def find_no_key_twice(self) -> None:
        """Where a row that stays is twice in the file, both copies would go, and the key could not tell.

        Raises:
            UniqueViolation: the file, in the target already, has a key twice.
        """
        columns = ", ".join(self.judge.contract.key)
        sql = f"select 1 from {TARGET} where file_id = %(file_id)s group by {columns} having count(*) > 1 limit 1"
        if self.writer.query(sql, self.names):
            raise psycopg.errors.UniqueViolation

    # --- merge ------------------------------------------------------------------------------------------------

    def merge(self) -> None:
        """Through a temporary table: refuse what contradicts itself, then write only what differs."""
        self.make_incoming()
        self.take("incoming", "line")
        self.checksum = None  # of what the merge writes; not known before it has
        self.connection.execute("set local work_mem = '128MB'")
        self.connection.execute("set local default_statistics_target = 10")
        self.connection.execute("analyze incoming")
        self.refuse_duplicates()
        self.apply("merge.sql")
        self.counts["filtered"] += self.counts.pop("overruled")
        self.connection.execute("drop table incoming, duplicates")  # the next file of the run has its own

    def make_incoming(self) -> None:
        """The temporary table for the rows of one file, each with its line."""
        self.connection.execute(
            f"create temporary table incoming on commit drop as"
            f" select {self.shown['columns']}, 0::bigint as line from {TARGET} limit 0"
        )

    def apply(self, name: str, *wanted: str) -> None:
        """The statements of a file in sql/ (all, or those named); how many rows each wrote is the count of its name."""
        for count, statement in self.statements(name):
            if count in wanted or not wanted:
                self.counts[count] = self.connection.execute(statement.format(**self.shown), self.names).rowcount

    def refuse_duplicates(self) -> None:
        """Refuse the rows of this file that share a key; their text is read from the file again."""
        [(_, statement)] = self.statements("duplicates.sql")
        found = self.connection.execute(statement.format(**self.shown)).rowcount
        if not found:
            return
        rows = self.writer.query("select line, rule, first_line from duplicates order by line")
        rules = {line: (rule, DUPLICATE[rule].format(first)) for line, rule, first in rows}
        source = self.judge.contract.source_of("launch_id")
        for block in self.blocks():
            chunk = block.parse()
            hits = [row for row, line in enumerate(chunk.lines.tolist()) if line in rules]
            self.refuse([chunk.refuse(row, source, *rules[int(chunk.lines[row])]) for row in hits], of="duplicates")
        self.connection.execute("delete from incoming using duplicates where incoming.line = duplicates.line")
