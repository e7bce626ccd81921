"""`up`, `down`, `ps`, `env`, `clean`: the servers behind the systems, and what is kept."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from orrery import catalogue, locking, profiles
from orrery.cli import render
from orrery.cli.looking import Json
from orrery.cli.running import ProfileName
from orrery.errors import BadInput
from orrery.profiles import Binding

KEPT = ("postgres", "duckdb", "snowflake", "envs", "runs", "work", "locks", "cache", "simulations", "drills", "bench")


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(up)
    app.command()(down)
    app.command()(ps)
    app.command(epilog='Example:  eval "$(orrery env meteor)" && psql -c "select count(*) from p01_meteor.launches"')(
        env
    )
    app.command(epilog="Examples:  orrery clean --runs  ·  orrery clean --yes")(clean)


def up(as_json: Json = False) -> None:
    """Start the embedded servers (they start by themselves when a run needs them)."""
    from orrery.engines import postgres_server

    postgres_server.start(profiles.home())
    ps(as_json=as_json)


def down(
    force: Annotated[bool, typer.Option("--force", help="Also while a run is under way; it fails.")] = False,
    as_json: Json = False,
) -> None:
    """Stop the embedded servers; what is stored stays."""
    from orrery.engines import servers

    if not force:
        _no_run_under_way(profiles.home(), "it needs its server (--force stops it all the same)")
    was_up = servers.stop(profiles.home())
    told = {name: "stopped" if was else "was not running" for name, was in was_up.items() if was or name == "postgres"}
    if as_json:
        render.document(told)
    else:
        for name, what in told.items():
            render.out(f"{name}: {what}")


def ps(as_json: Json = False) -> None:
    """The embedded servers of this folder."""
    from orrery.engines import servers

    rows = servers.running(profiles.home())
    if as_json:
        render.document(rows)
    elif rows:
        render.table(["engine", "version", "pid", "at"], [[str(value) for value in row.values()] for row in rows])
    else:
        render.note(f"nothing runs for {profiles.home()}; `{render.command()} up` starts what is embedded")


def env(system: str, profile: ProfileName = "embedded", as_json: Json = False) -> None:
    """What a system is bound to, in the tools' own variables (PG*, DBT_*, a DSN); secrets are named, never shown."""
    found = catalogue.find(system)
    loaded = profiles.load(profile, profiles.home())
    variables: dict[str, str] = {}
    for role in found.needs:
        binding = loaded.binding(role, found.slug)
        variables |= bound(binding, found.slug)
    if (found.folder / "dbt_project").is_dir():
        from orrery.engines import dbt

        variables |= dbt.by_hand(found.folder / "dbt_project", profiles.home())
    if as_json:
        render.document(variables)
        return
    for name, value in variables.items():
        render.out(f"export {name}={shlex.quote(value)}")


def bound(binding: Binding, slug: str) -> dict[str, str]:
    """The variables of the engine that plays a role."""
    if binding.engine == "duckdb":
        from orrery.engines import duckdb

        return duckdb.environment(binding, slug)
    if binding.engine == "snowflake":
        from orrery.engines import snowflake

        named = snowflake.environment(binding)
        return named if binding.is_embedded else {key: named[key] for key in named if key not in snowflake.SECRETS}
    from orrery.engines import postgres

    psql = postgres.psql()
    program = {"PSQL": str(psql)} if psql and not shutil.which("psql") else {}
    return {**postgres.environment(binding), "ORRERY_DSN": postgres.dsn(binding), **program}


def clean(
    runs: Annotated[bool, typer.Option("--runs", help="Only what runs left in runs/; ledger and data stay.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove what Orrery keeps in its state folder: servers are stopped, then data, ledger and runs are removed."""
    home = profiles.home()
    wanted = [home / "runs"] if runs else [home / name for name in KEPT]
    if not runs:
        wanted += [home / f"ledger.sqlite{ending}" for ending in ("", "-wal", "-shm")]
    there = [path for path in wanted if path.exists()]
    if not there:
        render.note(f"nothing to remove in {home}")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput(
                "This removes data and asks first.",
                looked=str(home),
                found=", ".join(path.name for path in there),
                fix=f"orrery clean{' --runs' * runs} --yes",
            )
        typer.confirm(f"Remove {', '.join(path.name for path in there)} from {home}?", abort=True)
    _no_run_under_way(home, "it needs what would be removed")
    if not runs:
        from orrery.engines import servers

        for each in (home, *home.glob("simulations/*"), *home.glob("drills/*")):
            servers.stop(each)
    for path in there:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    render.out(f"removed from {home}: {', '.join(path.name for path in there)}")


def _no_run_under_way(home: Path, why: str) -> None:
    """Raises Locked while a run of this state folder is at work."""
    for lock in sorted((home / "locks").glob("*.lock")):
        asked = f"A run of {lock.stem} is under way; {why}."
        with locking.held(lock, 0, asked, "wait for it (`orrery runs` shows it), then try again"):
            pass  # none is
