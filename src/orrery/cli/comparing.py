"""`diff`, `lineage`, `bench`: what changed between two runs, where each column comes from, what a size costs."""

from __future__ import annotations

import json
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from orrery import catalogue, profiles
from orrery.cli import render
from orrery.cli.looking import Json
from orrery.cli.running import Set, _pair
from orrery.errors import BadInput

A_RUN = "A run: the beginning of its id, `latest` or `previous`."


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command(
        epilog="Examples:  orrery diff  ·  orrery diff previous latest --system meteor  ·  "
        "orrery diff 20260101T06 latest --json"
    )(diff)
    app.command(epilog="Example:  orrery docs orbit")(docs)
    app.command(epilog="Examples:  orrery lineage meteor  ·  orrery lineage meteor --run previous --json")(lineage)
    app.command(
        epilog="Examples:  orrery bench meteor  ·  orrery bench meteor --scale 1,10 --base 10000 --runs 1  ·  "
        "orrery bench meteor --set engine=duckdb --out ."
    )(bench)


def diff(
    first: Annotated[str, typer.Argument(metavar="[RUN]", help=A_RUN)] = "previous",
    second: Annotated[str, typer.Argument(metavar="[RUN]", help=A_RUN)] = "latest",
    system: Annotated[str | None, typer.Option("--system", help="Whose latest and previous run are meant.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="How many refused rows are shown of each kind.")] = 10,
    as_json: Json = False,
) -> None:
    """What changed between two runs of a system: data, refused rows, schema, settings, time and memory.

    Rows of the past are not kept: of the data, counts and checksums are compared; of the refused rows, each.
    """
    from orrery import differing

    slug = catalogue.find(system).slug if system else None
    found = differing.compare(*differing.pick(profiles.home(), first, second, slug), refusals=rows)
    if as_json:
        render.document(found)
        return
    for which in ("first", "second"):
        run = found[which]
        render.out(f"{which:7} {run['run_id']}  {run['state']}  {str(run['started_at'])[:19]} UTC")
    _show_data(found["data"])
    _show_refused(found["refused"])
    _show_schema(found["schema"])
    render.out("\nhow it was run" + ": the same" * (not found["settings"]))
    if found["settings"]:
        render.table(["what", "first", "second"], [[name, *pair] for name, pair in found["settings"].items()])
    render.out("\nsteps")
    render.table(
        ["step", "rows: first", "second", "change", "seconds: first", "second", "MB: first", "second"],
        [
            [each["step"], *each["rows_read"], _change(each["rows_read"]), *each["seconds"], *each["peak_mb"]]
            for each in found["steps"]
        ],
    )
    for remark in found["remarks"]:
        render.note(render.callable_here(remark))


def docs(system: str, as_json: Json = False) -> None:
    """The documentation that a system's tool has written of its last build (dbt's pages), opened in a browser."""
    found = catalogue.find(system)
    pages = sorted((profiles.home() / "runs").glob(f"*-{found.slug}-*/dbt/static_index.html"))
    if not pages:
        has_tool = (found.folder / "dbt_project").is_dir()
        raise BadInput(
            f"{found.name} has no documentation of its own here.",
            looked=str(profiles.home() / "runs"),
            found="no run that has built it" if has_tool else "no tool that writes any",
            fix=f"orrery run {found.name.lower()}" if has_tool else f"orrery info {found.name.lower()}; its README",
        )
    page = pages[-1].absolute()
    if as_json:
        render.document({"page": str(page)})
        return
    render.out(str(page))
    if sys.stdout.isatty():
        webbrowser.open(page.as_uri())


def lineage(
    system: str,
    run: Annotated[str | None, typer.Option("--run", help=A_RUN + " Without: the last that wrote.")] = None,
    as_json: Json = False,
) -> None:
    """Where each column comes from: files, their columns, the columns made from them, with the rows of a run.

    Before the first run it is what the contracts promise. --json gives OpenLineage events (a run's two; a JobEvent).
    """
    from orrery import lineage_tree

    run_id, events = lineage_tree.events(catalogue.find(system), profiles.home(), run)
    if as_json:
        render.document(events)
        return
    render.note(f"as run {run_id} did it" if run_id else "as the contracts promise it; no run has written yet")
    lines = list(lineage_tree.lines(events[-1]))
    for line in lines:
        render.out(render.in_a_line(line))
    if not lines:
        render.note("it read and wrote nothing")


def bench(
    system: str,
    scale: Annotated[str, typer.Option("--scale", help="Multiples of --base, separated by commas.")] = "1,4,16",
    base: Annotated[int, typer.Option("--base", min=1, help="Rows at scale 1.")] = 100_000,
    runs: Annotated[int, typer.Option("--runs", min=1, help="How often each size is measured.")] = 3,
    settings: Set = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the JSON and the SVG; without: bench/ in the state folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The cost of a system alone as its input grows: seconds, peak memory, rows a second; median of several runs.

    Each run is a command of its own with a state folder (and a server) of its own; your data and runs are not touched.
    (`make bench` in a checkout is something else: it compares a system with other ways to do the same.)
    """
    from orrery import benchmark, drawing

    found = catalogue.find(system)
    chosen = dict(_pair(each, "--set engine=duckdb") for each in settings or [])
    measured = benchmark.curve(found, _scales(scale), base=base, runs=runs, settings=chosen, told=render.note)
    folder = out or profiles.home() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    name = "-".join(["curve", found.name.lower(), *chosen.values()])
    (folder / f"{name}.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    (folder / f"{name}.svg").write_text(drawing.svg(measured), encoding="utf-8")
    render.note(f"kept in {folder}: {name}.json, {name}.svg")
    if as_json:
        render.document(measured)
        return
    render.table(
        ["scale", "rows", "seconds", "peak MB", "rows/s"],
        [
            [each["scale"], each["rows"], each["median"], each["peak_mb"], each["rows_per_second"]]
            for each in measured["sizes"]
        ],
    )
    render.out()
    for line in drawing.bars(measured):
        render.out(line)
    render.out(f"\n{drawing.growth(measured)} (median of {runs})\n{drawing.host(measured)}")


def _scales(text: str) -> list[int]:
    scales = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if 0 in scales or len(set(scales)) < len(scales):
        raise BadInput(
            f"'{text}' are not multiples.", looked="--scale", found=text, fix="--scale 1,4,16: whole numbers, each once"
        )
    return sorted(scales)


def _show_data(data: dict[str, Any]) -> None:
    lines = [[f"{table}: rows in the target then", *pair] for table, pair in data["rows_in_target"].items()]
    lines += [[f"rows {key} by the run", *pair] for key, pair in data["rows_of_the_run"].items()]
    lines += [[f"refused by the run: {rule}", *pair] for rule, pair in data["refused_by_rule"].items()]
    lines += [[f"{each['table']}: rows written", *each["rows"]] for each in data["written"]]
    render.out("\ndata")
    render.table(["what", "first", "second", "change"], [[*line, _change(line[1:])] for line in lines])
    said = {True: "equal", False: "different", None: "not comparable (another DuckDB, or its version not kept)"}
    for each in data["written"]:
        render.out(f"checksums of the rows written to {each['table']}: {said[each['same']]}")
    content = {True: "the same", False: "changed", None: None}
    if data["files"]:
        render.out("\nfiles")
        render.table(
            ["file", "first", "second", "content", "read: first", "second", "refused: first", "second"],
            [
                [each["name"], *each["was"], content[each["same_content"]], *each["read"], *each["rejected"]]
                for each in data["files"]
            ],
        )


def _show_refused(refused: dict[str, Any]) -> None:
    if refused["new"] is None:
        return
    render.out(f"\nrefused rows: {refused['new']:,} new, {refused['gone']:,} gone")
    if refused["rows"]:
        names = ("is", "source", "line", "column", "rule", "text")
        render.table(names, [[_short(each[name]) for name in names] for each in refused["rows"]])


def _show_schema(schema: list[dict[str, Any]] | None) -> None:
    if schema is None:
        return
    render.out("\nschema" + ": the same" * (not schema))
    lines = []
    for each in schema:
        lines += [[each["contract"], "version", *each["version"]]] * (each["version"][0] != each["version"][1])
        lines += [[each["contract"], column, *pair] for column, pair in each["columns"].items()]
        lines += [
            [each["contract"], f"{column} made from", *(", ".join(one or ()) or None for one in pair)]
            for column, pair in each["sources"].items()
        ]
    if lines:
        render.table(["contract", "what", "first", "second"], lines)


def _short(value: object, width: int = 60) -> object:
    return f"{value[: width - 1]}…" if isinstance(value, str) and len(value) > width else value


def _change(pair: Sequence[Any]) -> str:
    if None in pair:
        return ""
    return f"{pair[1] - pair[0]:+,}" if pair[0] != pair[1] else "="
