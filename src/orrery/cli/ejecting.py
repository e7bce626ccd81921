"""`eject`: take one system along, as a project of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orrery import catalogue
from orrery.cli import render
from orrery.cli.looking import Json
from orrery.errors import ExitCode


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command(epilog="Examples:  orrery eject meteor ../my-loader  ·  orrery eject meteor --diff ../my-loader")(eject)


def eject(
    system: str,
    folder: Annotated[Path, typer.Argument(help="Where to; a folder that is empty or not there yet.")],
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what moved since it was taken out, there and here.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take one system along: a folder with its own pyproject, README, Makefile and tests, and the core that it needs.

    With --diff: what you changed there, and what changed here since; exit code 3 if something did here.
    """
    from orrery import ejecting

    found = catalogue.find(system)
    if diff:
        moved = ejecting.moved(found, folder)
        if as_json:
            render.document([each.__dict__ for each in moved])
        elif moved:
            render.table(["file", "yours", "Orrery's"], [[each.path, each.here, each.there] for each in moved])
            for each in moved:
                if each.there != "same":
                    render.out(each.difference.rstrip("\n"))
        else:
            render.out("nothing moved: every file is as it was taken out, there and here")
        if any(each.there != "same" for each in moved):
            raise typer.Exit(int(ExitCode.GATE_CLOSED))
        return
    files = ejecting.eject(found, folder)
    if as_json:
        render.document({"system": found.slug, "folder": str(folder), "files": files})
        return
    core = sum(each.startswith(ejecting.CORE) for each in files)
    own = sum(each.startswith(f"{found.folder.name}/") for each in files)
    render.out(f"{found.name} is now a project of its own: {folder}")
    render.out(f"{own} files of the system, {core} modules of the core (VENDORED.md), {len(files) - own - core} others")
    render.out(f"look at it:  cd {folder} && make run && make test")
