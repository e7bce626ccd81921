"""`prove`: a system's claims, each against the sabotages that must turn its test red."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orrery import catalogue
from orrery.cli import render
from orrery.cli.looking import Json
from orrery.errors import GateClosed


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        epilog="Examples:  orrery prove meteor  ·  orrery prove meteor --claim again  ·  "
        "orrery prove meteor --test test_rows_are_conserved --json"
    )(prove)


def prove(
    system: Annotated[str | None, typer.Argument(help="One system; without it, all that run.")] = None,
    claim: Annotated[str | None, typer.Option("--claim", help="Only claims that hold this text; not kept.")] = None,
    test: Annotated[str | None, typer.Option("--test", help="Only the claims of this test; not kept.")] = None,
    as_json: Json = False,
) -> None:
    """Run each claim's test, then every sabotage that must turn it red. Keeps the result in the system's folder."""
    from orrery import proofs, proving, sabotages

    found = [catalogue.find(system)] if system else list(catalogue.systems())
    results = []
    for each in found:
        proving.checkout(each)
        wanted = sabotages.chosen(each, claim, test)
        render.note(f"{each.name}: {len(wanted)} claims' tests, then what must turn them red")
        result = proving.prove(each, wanted, render.note)
        results.append(result)
        if claim is None and test is None:
            render.note(f"kept in {proofs.keep(each.folder, result)}")
        if not as_json:
            _print(result)
    document = {"proved": all(not result["findings"] for result in results), "systems": results}
    if not document["proved"]:
        told = [finding for result in results for finding in result["findings"]]
        error = GateClosed(
            f"{len(told)} of what is claimed {'is' if len(told) == 1 else 'are'} not proved.",
            looked=", ".join(f"{each.folder / sabotages.CLAIMS}" for each in found),
            found="\n".join(["", *(f"    {each}" for each in told)]),
            fix="an alive sabotage wants a stronger test; a stale one wants its old text renewed",
        )
        error.summary = document
        raise error
    if as_json:
        render.document(document)


def _print(result: Mapping[str, Any]) -> None:
    rows = []
    for each in result["claims"]:
        states = Counter(tried["state"] for tried in each["sabotages"])
        seconds = each["seconds"] + sum(tried["seconds"] for tried in each["sabotages"])
        said = ", ".join(f"{count} {state}" for state, count in states.items()) or "none"
        rows.append(
            [
                each["claim"],
                each["test"] if each["state"] == "passed" else f"{each['test']} ({each['state']})",
                said,
                seconds,
            ]
        )
    render.table(["claim", "test", "sabotages", "seconds"], rows)
    count = Counter(tried["state"] for each in result["claims"] for tried in each["sabotages"])
    total = sum(count.values())
    render.out(f"{result['system']}: {count['killed']} of {total} sabotages killed, in {result['seconds']:.0f} s")
