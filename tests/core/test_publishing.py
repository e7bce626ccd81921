"""A warehouse that is a file: seen as it was until one rename, never another's work overwritten, settled by its token."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny_system
from tiny_system import COUNTED, TINY, counting, ended, start

from orrery import profiles, publishing
from orrery.engines import duckdb as engine
from orrery.errors import BadInput, IntegrityBroken, Locked, OrreryError, OutOfSpace
from orrery.ledger import Ledger
from orrery.testing import broken_invariants

EMBEDDED = Path("duckdb", "p99_tiny_warehouse.duckdb")
WRITES = "import duckdb, os, sys\nit = duckdb.connect(sys.argv[1])\nit.execute('create table mine as select 7 as n')\n"


def seen(file: Path, sql: str = COUNTED) -> list[Any]:
    """What a reader finds there now."""
    with engine.connect(file) as connection:
        return connection.execute(sql).fetchall()


def by_hand(file: Path, sql: str = "create table mine as select 7 as n") -> None:
    with engine.connect(file, read_only=False) as connection:
        connection.execute(sql)


def somebody(program: str, file: Path) -> subprocess.Popen[str]:
    """A process of somebody's, which says a line when it has done what it is to do."""
    command = [sys.executable, "-c", program, str(file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def killed_writer(file: Path) -> None:
    """Somebody writes, commits, and is killed before DuckDB has written its log into the file."""
    somebody(WRITES + "print('ready', flush=True)\nos.kill(os.getpid(), 9)\n", file).communicate()
    assert file.with_name(f"{file.name}.wal").exists()


def profile_of(folder: Path, server: Path) -> str:
    path = folder / "own.toml"
    path.write_text(f'[analytics]\nengine = "duckdb"\nserver = "{server}"\nfidelity = "real"\n', encoding="utf-8")
    return str(path)


def killed_at(point: str, home: Path, profile: str = "embedded") -> None:
    environment = {**os.environ, "ORRERY_HOME": str(home), "ORRERY_FAULT": f"{point}:kill"}
    done = subprocess.run(tiny_system.command(profile), env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_nothing_is_seen_before_the_rename_and_then_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, passed = tmp_path / EMBEDDED, {}
    start(tmp_path)
    monkeypatch.setattr(publishing, "faultpoint", lambda name: passed.update({name: seen(file)}))
    summary = start(tmp_path, counting(lambda *_: passed.update({"built": seen(file)})))
    new = passed.pop("commit.after")
    assert {"begin.after", "built", "stage.after", "commit.before"} <= passed.keys()
    assert all(rows == [(1, 1)] for rows in passed.values()), passed
    assert new == seen(file) == [(1, 1), (2, 2)]
    ledger = Ledger(tmp_path / "ledger.sqlite")
    tokens = {row["run_id"]: row["token"] for row in ledger.runs()}
    ledger.close()
    assert seen(file, "select token, run_id from p99_tiny.loads where load_id = 2") == [
        (tokens[summary["run_id"]], summary["run_id"])
    ]


def test_a_run_that_fails_leaves_the_file_and_nothing_beside_it(tmp_path: Path) -> None:
    start(tmp_path)
    before = (tmp_path / EMBEDDED).read_bytes()

    def wrong(_warehouse: object, edition: publishing.Edition) -> None:
        with edition.session() as session:
            session.query("select * from nothing_of_that_name")

    with pytest.raises(OrreryError, match="DuckDB could not do it"):
        start(tmp_path, counting(wrong))
    assert (tmp_path / EMBEDDED).read_bytes() == before
    assert names(tmp_path / "duckdb") == {EMBEDDED.name, f"{EMBEDDED.name}.lock"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


DEATHS = [
    ("open.after", "FAILED", "its process died while it was PENDING"),
    ("begin.after", "FAILED", "its process died while it was RUNNING"),
    ("stage.after", "FAILED", "its process died while it was STAGED"),
    ("commit.before", "FAILED", "its token is not there"),
    ("commit.after", "SUCCEEDED", "its token is in the target"),
    ("succeed.before", "SUCCEEDED", "its token is in the target"),
]


@pytest.mark.parametrize(("point", "state", "reason"), DEATHS, ids=[point for point, _, _ in DEATHS])
def test_a_dead_run_is_settled_by_its_token_and_its_copy_is_removed(
    point: str, state: str, reason: str, tmp_path: Path
) -> None:
    start(tmp_path)
    killed_at(point, tmp_path)
    rows = [(1, 1), (2, 2)] if state == "SUCCEEDED" else [(1, 1)]
    assert seen(tmp_path / EMBEDDED) == rows
    copies = [path for path in (tmp_path / "duckdb").glob(".*") if path.is_dir()]
    assert len(copies) == (point not in ("open.after", "succeed.before"))
    start(tmp_path)
    assert ended(tmp_path)[1] == (state, 0 if state == "SUCCEEDED" else 137, reason)
    assert seen(tmp_path / EMBEDDED) == [*rows, (len(rows) + 1, len(rows) + 1)]
    assert names(tmp_path / "duckdb") == {EMBEDDED.name, f"{EMBEDDED.name}.lock"}
    assert broken_invariants(tmp_path, [TINY], profiles.load("embedded", tmp_path)) == []


@pytest.mark.parametrize("is_first", [False, True], ids=["changed", "made"])
def test_what_somebody_wrote_meanwhile_is_not_overwritten(tmp_path: Path, is_first: bool) -> None:
    file = tmp_path / EMBEDDED
    if not is_first:
        start(tmp_path)
    with pytest.raises(Locked, match="Somebody wrote to the warehouse while this run was building"):
        start(tmp_path, counting(lambda *_: by_hand(file)))
    assert seen(file, "select n from mine") == [(7,)]
    assert ended(tmp_path)[-1][:2] == ("FAILED", 5)
    start(tmp_path)
    assert seen(file, "select n from mine") == [(7,)]
    assert len(seen(file)) == 2 - is_first


def test_what_somebody_committed_meanwhile_and_was_killed_is_not_lost(tmp_path: Path) -> None:
    """It is in the log beside the file alone: the file is what was copied."""
    file = tmp_path / EMBEDDED
    start(tmp_path)
    with pytest.raises(Locked, match="Somebody wrote to the warehouse while this run was building"):
        start(tmp_path, counting(lambda *_: killed_writer(file)))
    start(tmp_path)
    assert seen(file, "select n from mine") == [(7,)]
    assert seen(file) == [(1, 1), (2, 2)]


def test_a_log_that_a_killed_writer_left_is_kept(tmp_path: Path) -> None:
    file = tmp_path / EMBEDDED
    start(tmp_path)
    killed_writer(file)
    start(tmp_path)
    assert seen(file, "select n from mine") == [(7,)]
    assert seen(file) == [(1, 1), (2, 2)]
    assert not file.with_name(f"{file.name}.wal").exists()


def test_a_log_whose_file_was_moved_away_is_kept_and_does_not_get_into_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / EMBEDDED
    start(tmp_path)
    killed_writer(file)
    file.rename(tmp_path / "moved.duckdb")
    start(tmp_path)
    assert seen(file) == [(1, 1)]
    assert seen(file, "select table_name from duckdb_tables() where table_name = 'mine'") == []
    file.with_name(f"{file.name}.wal.left").rename(tmp_path / "moved.duckdb.wal")
    assert seen(tmp_path / "moved.duckdb", "select n from mine") == [(7,)]


HOLDS = "import duckdb, sys\nit = duckdb.connect(sys.argv[1])\nprint('ready', flush=True)\ninput()\n"
THEN_WRITES = HOLDS + "it.execute('create table mine as select 7 as n')\n"


def test_who_has_it_open_to_write_is_named_and_not_disturbed(tmp_path: Path) -> None:
    file = tmp_path / EMBEDDED
    start(tmp_path)
    other = somebody(THEN_WRITES, file)
    with pytest.raises(Locked, match="Another process has the warehouse open") as caught:
        start(tmp_path)
    assert str(other.pid) in caught.value.found
    other.communicate("\n", timeout=60)
    start(tmp_path)
    assert seen(file, "select n from mine") == [(7,)]
    assert seen(file) == [(1, 1), (2, 2)]


def test_who_opens_it_to_write_while_a_run_builds_does_not_write_into_a_file_that_is_gone(tmp_path: Path) -> None:
    file, others = tmp_path / EMBEDDED, []
    start(tmp_path)
    with pytest.raises(Locked, match="Another process has the warehouse open"):
        start(tmp_path, counting(lambda *_: others.append(somebody(THEN_WRITES, file))))
    others[0].communicate("\n", timeout=60)
    assert seen(file, "select n from mine") == [(7,)]
    start(tmp_path)
    assert seen(file) == [(1, 1), (2, 2)]


def test_without_room_for_a_copy_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tmp_path)
    before = (tmp_path / EMBEDDED).read_bytes()
    needed = len(before) + publishing.ROOM
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=needed - 1))
        with pytest.raises(OutOfSpace, match="no room for a copy"):
            start(tmp_path)
        assert (tmp_path / EMBEDDED).read_bytes() == before
        assert names(tmp_path / "duckdb") == {EMBEDDED.name, f"{EMBEDDED.name}.lock"}
        patch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=needed))
        start(tmp_path)
    assert seen(tmp_path / EMBEDDED) == [(1, 1), (2, 2)]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def changed(content: bytes) -> bytes:
    return content[:12288] + b"\xff" * 4096 + content[16384:]


@pytest.mark.parametrize("damage", [lambda _: b"", lambda _: b"not a database" * 999, cut, changed])
def test_a_broken_file_is_told_and_left_as_it_is(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    start(tmp_path)
    file = tmp_path / EMBEDDED
    file.write_bytes(damage(file.read_bytes()))
    before = file.read_bytes()
    with pytest.raises(IntegrityBroken, match="The warehouse cannot be read") as caught:
        start(tmp_path)
    assert str(file) in caught.value.fix
    assert file.read_bytes() == before


def test_a_file_of_the_users_own_keeps_what_else_is_in_it_its_rights_and_its_neighbours(tmp_path: Path) -> None:
    folder = tmp_path / "Über uns [1]"
    folder.mkdir()
    file = folder / "sales.duckdb"
    by_hand(
        file, "create schema shop; create table shop.till as select 7 as n; create view all_of_it as from shop.till"
    )
    file.chmod(0o640)
    (folder / ".sales-notes").mkdir()  # named as if it were a copy
    (folder / ".sales-notes" / "mine.txt").write_text("mine")
    profile = profile_of(tmp_path, file)
    start(tmp_path, profile=profile)
    killed_at("begin.after", tmp_path, profile)
    assert len(names(folder)) == 4
    start(tmp_path, profile=profile)
    assert seen(file) == [(1, 1), (2, 2)]
    assert seen(file, "select n from all_of_it") == [(7,)]
    assert file.stat().st_mode & 0o777 == 0o640
    assert names(folder) == {"sales.duckdb", "sales.duckdb.lock", ".sales-notes"}
    assert (folder / ".sales-notes" / "mine.txt").read_text() == "mine"


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "disk" / "real.duckdb"
    real.parent.mkdir()
    by_hand(real)
    link = tmp_path / "link.duckdb"
    link.symlink_to(real)
    start(tmp_path, profile=profile_of(tmp_path, link))
    assert link.is_symlink()
    assert seen(link) == seen(real) == [(1, 1)]
    assert seen(real, "select n from mine") == [(7,)]


@pytest.mark.parametrize("name", ["warehouse.db", "p99_tiny.duckdb"])
def test_a_file_that_it_could_not_be_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="its server is no file that it could be"):
        start(tmp_path, profile=profile_of(tmp_path, tmp_path / name))
    assert not (tmp_path / name).exists()


def test_two_state_folders_on_one_file_do_not_interleave(tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    file = tmp_path / "shared.duckdb"
    profile = profile_of(tmp_path, file)
    waiting: list[subprocess.Popen[bytes]] = []

    def while_one_builds(*_: object) -> None:
        with pytest.raises(Locked, match="Another run of p99_tiny is writing to this warehouse") as caught:
            start(homes[1], profile=profile)
        assert str(os.getpid()) in caught.value.found
        environment = {**os.environ, "ORRERY_HOME": str(homes[1])}
        waiting.append(subprocess.Popen(tiny_system.command(profile, wait=60), env=environment))

    start(homes[0], counting(while_one_builds), profile)
    assert waiting[0].wait(60) == 0
    start(homes[0], profile=profile)
    assert seen(file) == [(1, 1), (2, 2), (3, 3)]
    assert [state for state, _, _ in ended(homes[1])] == ["FAILED", "SUCCEEDED"]
    for home in homes:
        assert broken_invariants(home, [TINY], profiles.load(profile, home)) == []


def test_a_copy_of_another_state_folders_dead_run_is_removed(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, tmp_path / "shared.duckdb")
    start(tmp_path / "one", profile=profile)
    killed_at("stage.after", tmp_path / "two", profile)
    start(tmp_path / "one", profile=profile)
    assert {each for each in names(tmp_path) if "shared" in each} == {"shared.duckdb", "shared.duckdb.lock"}
    assert seen(tmp_path / "shared.duckdb") == [(1, 1), (2, 2)]
