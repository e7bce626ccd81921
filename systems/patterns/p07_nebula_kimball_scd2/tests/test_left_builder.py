"""A dbt that a run left behind: killed in mid-build, or stopped, overtaken and woken. It cannot reach the next batch."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from nebula_scenario import dirty, told

from orrery.claims import SECONDS, Trial
from orrery.engines import postgres, postgres_server

MIDDLE = "model.done:stop:5"  # about a seventh of the models are built then
BUILDING = "select pid, state, query from pg_stat_activity where application_name = 'p07_nebula_batch'"
AT_WORK = BUILDING + " and state <> 'idle' and query ~ 'create +table'"  # in the transaction of a model


def ends(holds: Callable[[], Any], seconds: float = 20) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def is_stopped(process: psutil.Process) -> bool:
    return process.status() == psutil.STATUS_STOPPED


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@contextmanager
def in_mid_build(trial: Trial, path: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """A run that stands still in its build, and its dbt, which still works; both are ended afterwards."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ORRERY_FAULT", MIDDLE)
        process = trial.start(path, *more)
    run = psutil.Process(process.pid)
    ends(lambda: process.poll() is not None or is_stopped(run), SECONDS)
    assert process.poll() is None, process.communicate()
    [dbt] = [each for each in run.children(recursive=True) if "dbt.cli.main" in " ".join(each.cmdline())]
    try:
        yield process, dbt
    finally:
        for each in (dbt, run):
            if not is_gone(each):
                each.kill()


def suspend_at_work(trial: Trial, dbt: psutil.Process) -> None:
    """Stop a dbt in the midst of a model: between two it has no session that anybody could end or wait for."""

    def is_at_work() -> bool:
        dbt.suspend()
        ends(lambda: is_stopped(dbt))  # what is sent before that may come before it
        if trial.target.query(AT_WORK):
            return True
        dbt.resume()
        return False

    ends(is_at_work)


@contextmanager
def another_machine(trial: Trial, folder: Path) -> Iterator[None]:
    """Another state folder, from which the same server is reached by its address."""
    server = postgres_server.status(trial.target.home)
    assert server is not None
    named = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": server.user, "PGDATABASE": server.dbname}
    named |= {"PGPASSWORD": postgres.password_in(server.passfile), "ORRERY_HOME": str(folder)}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in named.items():
            patched.setenv(name, value)
        yield


def batch(trial: Trial) -> list[dict[str, Any]]:
    """Every relation of the batch as it lies there: another one has another number."""
    sql = "select oid, relname, relfilenode, xmin::text from pg_class where relnamespace = 'p07_nebula_batch'::regnamespace"
    return trial.target.query(f"{sql} order by oid")


def test_a_killed_run_leaves_no_dbt_that_can_go_on(trial: Trial) -> None:
    content = dirty(1)
    path = trial.deliver("a.csv", content)
    with in_mid_build(trial, path) as (process, dbt):
        process.kill()
        ends(lambda: is_gone(dbt))
    ends(lambda: trial.target.query(BUILDING) == [])

    with in_mid_build(trial, path) as (process, dbt):
        suspend_at_work(trial, dbt)  # it hangs, and does not hear that its run is gone
        process.kill()
        process.communicate()
        assert is_stopped(dbt)
        assert trial.target.query(BUILDING), "its sessions are still there"
        trial.run(path)
        assert trial.target.query(BUILDING) == []
        trial.holds(told([("a.csv", content)]))
        before = trial.target.state(), batch(trial)
        dbt.resume()
        ends(lambda: is_gone(dbt))
    assert (trial.target.state(), batch(trial)) == before


def test_a_run_that_was_overtaken_wakes_in_the_build_of_the_next(trial: Trial, tmp_path: Path) -> None:
    """Both are in their builds at once, and what the old dbt still has to build has the names of what the new one has."""
    one, two = trial.deliver("a.csv", dirty(1)), trial.deliver("b.csv", dirty(2))
    with in_mid_build(trial, one) as (old, its_dbt):
        suspend_at_work(trial, its_dbt)
        trial.target.query(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name like '%-p07_nebula-%'"
        )
        with (
            another_machine(trial, tmp_path / "elsewhere"),
            in_mid_build(trial, two, "--profile", "services") as (
                new,
                new_dbt,
            ),
        ):
            suspend_at_work(trial, new_dbt)
            before = batch(trial)
            its_dbt.resume()
            os.kill(old.pid, signal.SIGCONT)
            err = old.communicate(timeout=SECONDS)[1]
            assert is_gone(its_dbt)
            assert batch(trial) == before
            assert old.returncode == 5, err
            assert "Another run took over" in err
            assert trial.rows() == []
            new_dbt.resume()
            os.kill(new.pid, signal.SIGCONT)
            err = new.communicate(timeout=SECONDS)[1]
            assert new.returncode == 0, err
    trial.holds(told([("b.csv", two.read_bytes())]))
    assert trial.target.query(BUILDING) == []


def test_a_dbt_whose_sessions_are_ended_ends_its_run(trial: Trial) -> None:
    with in_mid_build(trial, trial.deliver("a.csv", dirty(1))) as (process, dbt):
        suspend_at_work(trial, dbt)
        assert trial.target.query("select pg_terminate_backend(pid, 5000) from (" + BUILDING + ") as building")
        dbt.resume()
        os.kill(process.pid, signal.SIGCONT)
        err = process.communicate(timeout=SECONDS)[1]
        assert process.returncode == 4, err
        assert "PostgreSQL went away while dbt built: nothing was published" in err
    assert trial.rows() == []
    assert trial.target.query(BUILDING) == []


def test_one_run_holds_the_batch_and_the_next_waits_for_it(trial: Trial) -> None:
    """By SQL alone: who builds, whose name is not there any more, and the run that comes next."""
    import psycopg

    for each in ("raw", "marts"):
        trial.target.connection.execute(
            (trial.target.system.folder / "sql" / f"{each}.sql").read_text(encoding="utf-8")
        )
    take_over = "update p07_nebula_raw.builder set run_id = %s"
    hold = "select p07_nebula_raw.hold_the_batch()"
    with (
        postgres.connect(trial.target.binding, "the dbt of one") as dbt,
        postgres.connect(trial.target.binding, "two") as two,
    ):
        two.execute(take_over, ("one",))
        with pytest.raises(psycopg.errors.SerializationFailure, match="another run's now"):
            dbt.execute(hold)  # it says no name at all
        dbt.execute("set nebula.run = 'one'")
        two.execute("set lock_timeout = '300ms'")
        with dbt.transaction():
            dbt.execute(hold)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                two.execute(take_over, ("two",))
        two.execute(take_over, ("two",))
        with pytest.raises(psycopg.errors.SerializationFailure, match="another run's now"):
            dbt.execute(hold)
        with two.transaction():  # it takes over, and has not committed yet: who asks now gets no yes either
            two.execute(take_over, ("three",))
            dbt.execute("set lock_timeout = '300ms'")
            dbt.execute("set nebula.run = 'two'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                dbt.execute(hold)
        with pytest.raises(psycopg.errors.SerializationFailure, match="another run's now"):
            dbt.execute(hold)
