"""`data validate`: what of your own file would be refused, before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orrery import catalogue
from orrery.cli import render
from orrery.cli.looking import Json
from orrery.cli.running import Map, OwnContract, Set, requests_of

data = typer.Typer(no_args_is_help=True, help="Your own files: what is in them, how they fit, what would be refused.")


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(data, name="data")
    data.command(
        epilog="Examples:  orrery data validate meteor launches.csv  ·  "
        "orrery data validate meteor costs.csv --contract costs.odcs.yaml"
    )(validate)


def validate(
    system: str,
    file: Annotated[str, typer.Argument(help="A file, a folder or a quoted glob.")],
    contract: OwnContract = None,
    mapping: Map = None,
    settings: Set = None,
    input_name: Annotated[
        str | None, typer.Option("--input", help="Which input it is for, if there are several.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="How many rows to show of each rule.")] = 3,
    as_json: Json = False,
) -> None:
    """The misfit report: column, rule, count, the first rows, what to change. Loads nothing, writes nothing."""
    from orrery import feeds, files, misfits

    found = catalogue.find(system)
    name = input_name or next(iter(found.inputs))
    request = requests_of(found, [f"{name}={file}"], settings, None, "embedded", 0, mapping, contract, confirm=True)[0]
    paths, _ = files.find((file,), None)
    report = misfits.report(feeds.of_request(request, name), paths, rows=rows).as_data()
    if as_json:
        render.document(report)
    else:
        _show(report)
    if report["misfits"]:
        raise typer.Exit(3)


def _show(report: Mapping[str, Any]) -> None:
    refused = report["read"] - report["fits"]
    for each in report["misfits"]:
        of = f"column {each['column']!r}, " if each["column"] else ""
        render.out(render.in_a_line(f"{each['file']}: {each['count']:,} rows, {of}{each['rule']}: {each['message']}"))
        for row in each["first"]:
            render.out(f"    line {row['line']:,}: {render.in_a_line(row['text'])[:160]}")
        render.out(f"    to change: {render.in_a_line(each['change'])}")
    for rule, count in report["warnings"].items():
        render.out(f"warning: {count:,} rows, {rule.replace(':', ': ')}; they are loaded all the same")
    render.out(f"{report['read']:,} rows read: {report['fits']:,} fit {report['table']}, {refused:,} would be refused")
    for each in report["held_back"]:
        render.out(f"a run would load nothing: {each}")
