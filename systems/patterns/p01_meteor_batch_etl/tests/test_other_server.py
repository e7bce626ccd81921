"""Any other server, known by a DSN alone: the same assertions, also on PostgreSQL 16, which the wheel brings along."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meteor_scenario import HEADER, same_as_oracle

from orrery import catalogue
from orrery.testing import Result, Target

if TYPE_CHECKING:
    import pytest


def test_meteor_on_a_server_of_another_version(
    postgres_16: dict[str, str],
    orrery_run: Callable[[list[str]], Result],
    deliver: Any,
    sample: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in postgres_16.items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "state"
    monkeypatch.setenv("ORRERY_HOME", str(home))
    there = Target(home, catalogue.find("meteor"), profile="services")
    assert there.connection.info.server_version // 10_000 == 16

    def run(*arguments: str) -> Any:
        result = orrery_run(["run", "meteor", "--profile", "services", "--json", *arguments])
        assert result.exit_code == 0, result.stderr
        return result.json

    assert run()["fidelity"] == {"warehouse": "postgres: real"}
    same_as_oracle(there, ("launch_log.csv", sample))
    before = there.state()
    assert run()["nothing_new"] is True
    assert there.state() == before
    records = sample.splitlines()[1:]
    restated = b"\n".join([HEADER, *(record.replace(b",S,", b",F,") for record in records[:3000])]) + b"\n"
    path = deliver("launch_log.csv", restated)
    run("--data", f"launches={path}")
    same_as_oracle(there, ("launch_log.csv", sample), ("launch_log.csv", restated))
    loading = sys.modules[f"orrery_systems_{there.system.folder.name}.loading"]
    monkeypatch.setattr(loading, "LARGE", 0)
    path.write_bytes(sample)
    run("--data", f"launches={path}")
    same_as_oracle(there, ("launch_log.csv", sample))
    assert there.broken_invariants() == []
    assert not (home / "postgres").exists()
    there.connection.close()


def test_any_other_server_by_dsn_and_no_secret_is_left_anywhere(
    orrery_run: Callable, target: Target, sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same assertions on a server that is only known by libpq's key words; its password is the canary."""
    from psycopg import sql

    from orrery import testing

    secret = "c4n4ry-0f-%40'\"\\ ü"
    server = target.connection.info
    target.connection.execute("drop role if exists loader")
    role = sql.SQL("create role loader login password {}").format(sql.Literal(secret))
    target.connection.execute(role)
    target.connection.execute("grant create on database orrery to loader")
    named = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "loader", "PGDATABASE": "orrery"}
    for name, value in {**named, "PGPASSWORD": secret}.items():
        monkeypatch.setenv(name, value)
    try:
        first = orrery_run(["run", "meteor", "--profile", "services", "--json"])
        assert first.exit_code == 0, first.stderr
        same_as_oracle(target, ("launch_log.csv", sample))
        again = orrery_run(["run", "meteor", "--profile", "services", "--json"])
        assert again.json["nothing_new"] is True
        checked = orrery_run(["check", "meteor", "--profile", "services", "--json"])
        assert checked.exit_code == 0, checked.stdout
        shown = orrery_run(["env", "meteor", "--profile", "services"])
        monkeypatch.setenv("PGPASSWORD", "wrong")
        denied = orrery_run(["run", "meteor", "--profile", "services"])
        assert denied.exit_code == 7, denied.stderr
        monkeypatch.setenv("PGPORT", "1")
        down = orrery_run(["run", "meteor", "--profile", "services"])
        assert down.exit_code == 4, down.stderr
        told = "".join(each.stdout + each.stderr for each in (first, again, checked, shown, denied, down))
        assert secret not in told
        assert testing.files_that_tell(target.home / "runs", [secret]) == []
        assert testing.files_that_tell(target.home, [secret]) == []
    finally:
        target.connection.execute("drop owned by loader")
        target.connection.execute("drop role loader")
        target.reset()


def test_credentials_for_another_server_do_not_get_in_the_way_of_the_embedded_one(
    orrery_run: Callable, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPASSWORD": "of another", "PGHOST": "192.0.2.1", "PGUSER": "x", "PGDATABASE": "y"}.items():
        monkeypatch.setenv(name, value)
    ended = orrery_run(["run", "meteor", "--json"])
    assert ended.exit_code == 0, ended.stderr
    assert len(target.rows()) == 5667
    assert orrery_run(["check", "meteor"]).exit_code == 0
