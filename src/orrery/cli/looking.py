"""`list`, `info`, `doctor`: look around without changing anything."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orrery import catalogue, profiles, proofs
from orrery.cli import render

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command("list")(list_systems)
    app.command(epilog="Example:  orrery info meteor")(info)
    app.command()(doctor)


def list_systems(
    runs: Annotated[bool, typer.Option("--runs", help="Only those that run.")] = False,
    as_json: Json = False,
) -> None:
    """All forty systems: proved (by `orrery prove`, and unchanged since), running, or planned."""
    exist = {system.slug: proofs.status(system.folder) for system in catalogue.systems()}
    rows = [
        {
            "id": row.id,
            "name": row.name,
            "domain": row.domain,
            "what": row.what,
            "level": row.level,
            "status": exist.get(row.slug, "planned"),
        }
        for row in catalogue.roadmap()
        if row.slug in exist or not runs
    ]
    if as_json:
        render.document(rows)
        return
    render.table(["id", "name", "status", "level", "domain", "what it does"], [_row(row) for row in rows])


def _row(row: dict[str, str]) -> list[str]:
    return [row[key] for key in ("id", "name", "status", "level", "domain", "what")]


def info(system: str, as_json: Json = False) -> None:
    """One system: what it does, needs, takes, makes and claims; and what in it is not real, and why."""
    found = catalogue.find(system)
    profile = profiles.load("embedded", profiles.home())
    bound = {role: profile.binding(role, found.slug) for role in found.needs}
    facts: dict[str, Any] = {
        "id": found.id,
        "name": found.name,
        "title": found.title,
        "domain": found.domain,
        "level": found.level,
        "tools": list(found.tools),
        "folder": str(found.folder),
        "needs": {role: f"{each.engine} ({each.fidelity})" for role, each in bound.items()},
        "not_real": {role: each.not_real_because for role, each in bound.items() if each.fidelity != "real"},
        "inputs": {name: str(each.sample) for name, each in found.inputs.items()},
        "settings": {
            name: {"default": each.default, "choices": each.choices, "help": each.help}
            for name, each in found.settings.items()
        },
        "outputs": list(found.outputs),
        "claims": found.claims,
    }
    if as_json:
        render.document(facts)
        return
    render.out(f"{found.name} ({found.slug})  ·  {found.domain}  ·  {found.level}  ·  {', '.join(found.tools)}")
    render.out(found.title)
    render.out()
    render.out(f"folder    {found.folder}")
    for role, text in facts["needs"].items():
        render.out(f"needs     {role}: {text}")
    for role, why in facts["not_real"].items():
        render.out(f"not real  {role}, because {why or 'the profile does not say'}")
    for name, sample in facts["inputs"].items():
        render.out(f"takes     {name}: {sample}   (your own: --data {name}=FILE)")
    for name, each in found.settings.items():
        render.out(f"setting   --set {name}={'|'.join(each.choices)} (default {each.default}): {each.help}")
    for output in found.outputs:
        render.out(f"makes     {output}")
    render.out("claims")
    for sentence, test in found.claims.items():
        render.out(f"  · {sentence}  [{test}]")


def doctor(
    system: Annotated[
        str | None, typer.Argument(help="Look for what this system needs; without: for all that run.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look whether this machine has what is needed, and print the command that mends what it has not."""
    from orrery import doctor as doctors

    wanted = [catalogue.find(system)] if system else list(catalogue.systems())
    findings = doctors.examine(wanted, profiles.home())
    if as_json:
        render.document([finding.__dict__ for finding in findings])
    else:
        render.table(
            ["", "what", "found"], [["ok" if each.is_good else "!!", each.what, each.found] for each in findings]
        )
        for each in findings:
            if not each.is_good:
                render.note(f"{each.what}: {each.fix}")
    if not all(each.is_good for each in findings):
        raise typer.Exit(4)
