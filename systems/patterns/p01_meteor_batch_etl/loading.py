"""The three ways a file's launches come into PostgreSQL, each inside the run's transaction.

straight    new keys go into the target itself; into an empty one before its primary key is built, which is faster
            and finds the same duplicates
merge       a file that restates some keys waits in a temporary table, and only what differs is written
replace     a file that rewrites most of a large table goes straight in beside the old rows, and what is old goes

A table of the user's own may have no key: a restated file is then merged by what its rows say, and how often.

Which of them it is shows at the first key that is there already, and in a sample of the file. Where a way turns out
not to be one (a duplicate, a reader that holds the table), its savepoint is taken back, and the file is merged.
"""

from __future__ import annotations

from typing import Any

import psycopg

from orrery.contracts import quoted
from orrery.effects import Writer
from orrery.faults import faultpoint
from orrery.feeds import Feed
from orrery.files import Delivered
from orrery.judging import Judge
from orrery.run import Run

from .copying import FileCopy

FILES = "p01_meteor.files"
LARGE = 4 << 20  # bytes of a file; below that nothing is gained by building the key later
SAMPLE = 500  # rows
DUPLICATE = {
    "duplicate_row": "the same row as line {}, in every column",
    "key_conflict": "another row has this key and says something else",
}


def ledger_of(feed: Feed, run: Run) -> str:
    """The table that knows the files of a feed: a user's own table has one of its own."""
    return FILES if feed.table in run.system.outputs else f"{feed.table}_files"


class FileLedger:
    """Which contents are in the target already, by name, day, sha256 and the rules that they were read by."""

    def __init__(self, writer: Writer, run: Run, feed: Feed) -> None:
        self.writer, self.run, self.feed, self.table = writer, run, feed, ledger_of(feed, run)
        self.day = run.interval.isoformat() if run.interval else ""
        self.rules = feed.origin.get("sha256", "")
        rows = writer.query(
            f"select file_name, sha256 || rules from {self.table} where is_current and day = %(day)s", {"day": self.day}
        )
        self.by_name = dict(rows)

    def split(self, delivered: list[Delivered]) -> tuple[list[Delivered], list[dict[str, str]]]:
        """New contents to load, and those that are known: the same file again, or a copy of it under a new name.

        A copy is known only while the file that it is a copy of stays as it is: one that is restated by the same
        delivery (as when logs are rotated) takes its rows along.
        """
        content = {each.name: each.sha256 + self.rules for each in delivered}
        restated = {name for name, there in self.by_name.items() if content.get(name, there) != there}
        holds = {there: name for name, there in self.by_name.items() if name not in restated}
        new: list[Delivered] = []
        known = []
        for each in delivered:
            is_copy = content[each.name] in holds and each.name not in restated
            if self.by_name.get(each.name) == content[each.name]:
                known.append({"name": each.name, "loaded_as": each.name})
            elif is_copy:
                known.append({"name": each.name, "loaded_as": holds[content[each.name]]})
            else:
                new.append(each)
                holds.setdefault(content[each.name], each.name)
        return new, known

    def next_file_id(self) -> int:
        """The number that the next file gets."""
        return int(self.writer.query(f"select coalesce(max(file_id), 0) + 1 from {self.table}")[0][0])

    def target(self) -> dict[str, Any]:
        """What is in the target now."""
        count = self.writer.query(f"select count(*) from {self.feed.table}")[0][0]
        refused = self.writer.query(f"select count(*) from {self.feed.rejected}")[0][0]
        return {"target": {"table": self.feed.table, "rows": count, "rejected_rows": refused}}


class FileLoad(FileCopy):
    """One file on its way into the target."""

    def __init__(self, run: Run, ledger: FileLedger, load_id: int, delivered: Delivered, judge: Judge) -> None:
        super().__init__(run, ledger.writer, delivered, judge, ledger.next_file_id())
        self.load_id, self.rules, self.is_restated = load_id, ledger.rules, delivered.name in ledger.by_name
        self.names = {"file_name": delivered.name, "day": ledger.day, "file_id": self.file_id}
        self.target, self.files, key = judge.feed.table, ledger.table, judge.contract.key
        # earlier contents of the file
        self.own = f"(select file_id from {self.files} where file_name = %(file_name)s and day = %(day)s)"
        # how SQL speaks of the columns of a row
        self.shown = {
            "target": self.target,
            "files": self.files,
            "own": self.own,
            "columns": quoted(self.columns),
            "key": quoted(key),
        }
        for table in ("target", "incoming", "old", "new"):
            self.shown[f"{table}_columns"] = quoted(self.columns, of=table)
            self.shown[f"{table}_key"] = quoted(key, of=table)

    def load(self) -> dict[str, Any]:
        """Bring the file in; gives the counts of its rows."""
        if self.is_restated or not self.straight():
            if not (self.rewrites_most() and self.replace()):
                self.merge()
            self.connection.execute(f"delete from {self.judge.feed.rejected} where file_id in {self.own}", self.names)
        faultpoint("files.before")
        kept = self.kept()
        self.connection.execute(
            f"update {self.files} set is_current = false"
            " where file_name = %(file_name)s and day = %(day)s and is_current",
            self.names,
        )
        values = (self.file_id, self.load_id, self.names["file_name"], self.names["day"], self.delivered.sha256, True)
        counted = (self.counts["read"], kept, self.counts["rejected"], self.counts["filtered"])
        marks = ", ".join(["%s"] * (len(values) + len(counted) + 1))
        self.connection.execute(f"insert into {self.files} values ({marks})", (*values, *counted, self.rules))
        return {**self.counts, "kept": kept, "warnings": dict(self.warnings), "checksum": self.checksum}

    def kept(self) -> int:
        """Rows that were neither refused nor of another day."""
        return self.counts["read"] - self.counts["rejected"] - self.counts["filtered"]

    # --- straight ---------------------------------------------------------------------------------------------

    def straight(self) -> bool:
        """Into the target itself; False where a key of the file is there already, or twice in the file."""
        is_empty = not self.writer.query(f"select 1 from {self.target} limit 1")
        try:
            with self.connection.transaction():
                key = self.set_key_aside() if is_empty and self.delivered.size >= LARGE else None
                self.take(self.target, "file_id")
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
            {"table": self.target},
        )
        if not found:
            return None
        try:
            with self.connection.transaction():
                self.connection.execute("set local lock_timeout = '2s'")
                self.connection.execute(f"alter table {self.target} drop constraint {found[0][0]}")
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
            faultpoint("key.before")
            self.connection.execute(f"alter table {self.target} add constraint {key} primary key ({self.shown['key']})")

    # --- replace ----------------------------------------------------------------------------------------------

    def rewrites_most(self) -> bool:
        """Whether the file is large, about the table's size, and most of a sample of it would be written anyway."""
        if self.delivered.size < LARGE or not self.judge.contract.key:
            return False
        block = next(self.blocks(), None)
        if block is None:
            return False
        chunk = block.parse()
        sample = self.judge.judge(chunk.head(SAMPLE))
        expected = chunk.read * self.delivered.size / block.cut.consumed  # an archive is taken for smaller than it is
        [(there,)] = self.writer.query(f"select coalesce(sum(rows_kept), 0) from {self.files} where is_current")
        if 2 * expected < there:
            return False
        with self.connection.transaction(force_rollback=True):
            self.make_incoming()
            self.copy("incoming", "_line", self.binary(sample, "_line"), len(sample.lines))
            [(same,)] = self.connection.execute(
                f"select count(*) from incoming join {self.target} as target using ({self.shown['key']})"
                f" where target.file_id in {self.own}"
                f" and row({self.shown['target_columns']}) is not distinct from row({self.shown['incoming_columns']})",
                self.names,
            ).fetchall()
        return bool(2 * same < len(sample.lines))

    def replace(self) -> bool:
        """Into the target beside what is there, then take out what is old; False where that cannot be."""
        before = self.writer.query(f"select count(*) from {self.target}")[0][0]
        try:
            with self.connection.transaction():
                key = self.set_key_aside()
                if key is None:
                    return False
                self.take(self.target, "file_id")
                self.connection.execute("set local work_mem = '128MB'")
                self.connection.execute("set local default_statistics_target = 10")
                self.connection.execute(f"analyze {self.target} (file_id, {self.shown['key']})")
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
        sql = (
            f"select 1 from {self.target} where file_id = %(file_id)s"
            f" group by {self.shown['key']} having count(*) > 1 limit 1"
        )
        if self.writer.query(sql, self.names):
            raise psycopg.errors.UniqueViolation

    # --- merge ------------------------------------------------------------------------------------------------

    def merge(self) -> None:
        """Through a temporary table: refuse what contradicts itself, then write only what differs."""
        self.make_incoming()
        self.take("incoming", "_line")
        self.checksum = None  # of what the merge writes; not known before it has
        self.connection.execute("set local work_mem = '128MB'")
        self.connection.execute("set local default_statistics_target = 10")
        self.connection.execute("analyze incoming")
        if self.judge.contract.key:
            self.refuse_duplicates()
            self.apply("merge.sql")
            self.counts["filtered"] += self.counts.pop("overruled")
            self.connection.execute("drop table incoming, duplicates")  # the next file of the run has its own
        else:
            self.apply("rows_without_key.sql")
            self.counts |= {"updated": 0, "numbered": 0, "wanted": 0}
            self.connection.execute("drop table incoming, numbered, wanted")

    def make_incoming(self) -> None:
        """The temporary table for the rows of one file, each with its line (no column of a contract begins with _)."""
        self.connection.execute(
            f"create temporary table incoming on commit drop as"
            f" select {self.shown['columns']}, 0::bigint as _line from {self.target} limit 0"
        )

    def apply(self, name: str, *wanted: str) -> None:
        """The statements of a file in sql/ (all, or those named); how many rows each wrote is the count of its name."""
        for count, statement in self.statements(name):
            if count in wanted or not wanted:
                faultpoint(f"{count}.before")
                self.counts[count] = self.connection.execute(statement.format(**self.shown), self.names).rowcount

    def refuse_duplicates(self) -> None:
        """Refuse the rows of this file that share a key; their text is read from the file again."""
        [(_, statement)] = self.statements("duplicates.sql")
        found = self.connection.execute(statement.format(**self.shown)).rowcount
        if not found:
            return
        rows = self.writer.query("select _line, _rule, _first_line from duplicates order by _line")
        rules = {line: (rule, DUPLICATE[rule].format(first)) for line, rule, first in rows}
        source = " + ".join(self.judge.contract.source_of(name) or name for name in self.judge.contract.key)
        for block in self.blocks():
            chunk = block.parse()
            hits = [row for row, line in enumerate(chunk.lines.tolist()) if line in rules]
            self.refuse([chunk.refuse(row, source, *rules[int(chunk.lines[row])]) for row in hits], of="duplicates")
        self.connection.execute("delete from incoming using duplicates where incoming._line = duplicates._line")
