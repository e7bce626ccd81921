"""`plan`, `run`, `runs`, `show`, `check`: run a system, and look at what became of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orrery import catalogue, profiles
from orrery.cli import render
from orrery.cli.looking import Json
from orrery.errors import BadInput, ExitCode
from orrery.manifest import Manifest

if TYPE_CHECKING:
    from orrery.run import Request

ProfileName = Annotated[str, typer.Option("--profile", "-p", help="embedded, services, or a file of your own.")]
Data = Annotated[list[str] | None, typer.Option("--data", help="NAME=FILE, a folder or a quoted glob; again for more.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE; `orrery info SYSTEM` lists the settings.")]
Map = Annotated[
    Path | None, typer.Option("--map", help="A mapping (orrery data map) that fills the system's table from your file.")
]
OwnContract = Annotated[
    Path | None, typer.Option("--contract", help="A contract (orrery data infer): your file into a table of its own.")
]
Confirm = Annotated[bool, typer.Option("--confirm", help="You have read the mapping, and it is right.")]
Day = Annotated[
    str | None, typer.Option("--date", help="One day (2024-01-31, yesterday) or a range (2024-01-01..2024-01-31).")
]


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command(epilog="Example:  orrery plan meteor --data launches='inbox/*.csv' --schedule")(plan)
    app.command(
        epilog="Examples:  orrery run meteor  ·  orrery run meteor --data launches='inbox/*.csv.gz'  ·  "
        "orrery run meteor --date 2017-05-01..2017-05-30  ·  orrery run meteor --set engine=duckdb --json"
    )(run)
    app.command(epilog="Example:  orrery runs meteor --json")(runs)
    app.command(epilog="Examples:  orrery show meteor  ·  orrery show meteor --rejected --rows 50")(show)
    app.command(epilog="Example:  orrery check meteor")(check)


def run(
    system: str,
    data: Data = None,
    settings: Set = None,
    date: Day = None,
    profile: ProfileName = "embedded",
    mapping: Map = None,
    contract: OwnContract = None,
    confirm: Confirm = False,
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for another run of the system.")] = 0,
    as_json: Json = False,
) -> None:
    """Run a system; on your own data with --data, for a day or a range of days with --date."""
    from orrery import run as runs_

    reporter = render.Quiet() if as_json else render.Lines()
    summaries = []
    requests = requests_of(catalogue.find(system), data, settings, date, profile, wait, mapping, contract, confirm)
    for request in requests:
        if not as_json:
            day = f" for {request.interval}" if request.interval else ""
            render.note(f"{request.system.name}: {request.system.title}{day}")
        summary = runs_.start(request, reporter)
        summaries.append(summary)
        if not as_json:
            render.run_result(summary)
    if as_json:
        render.document(summaries[0] if date is None or ".." not in date else summaries)
    elif any(played.startswith("postgres") for played in summaries[-1]["fidelity"].values()) and profile == "embedded":
        render.note(f"PostgreSQL stays up for you on 127.0.0.1; `{render.command()} down` stops it")


def plan(
    system: str,
    data: Data = None,
    settings: Set = None,
    date: Day = None,
    profile: ProfileName = "embedded",
    mapping: Map = None,
    contract: OwnContract = None,
    schedule: Annotated[bool, typer.Option("--schedule", help="Print the cron line and the systemd timer.")] = False,
    as_json: Json = False,
) -> None:
    """What a run would take, do and make; writes nothing. With --schedule: how to run it every day."""
    from orrery import schedules

    found = catalogue.find(system)
    if schedule:
        lines = schedules.daily(found, data or [], settings or [], profile, mapping, contract)
        if as_json:
            render.document(lines)
        else:
            for name, text in lines.items():
                render.out(f"# {name}\n{text}")
        return
    request = requests_of(found, data, settings, date, profile, 0, mapping, contract, confirm=True)[0]
    facts = schedules.plan(request)
    if as_json:
        render.document(facts)
        return
    for name, value in facts.items():
        for each in value if isinstance(value, list) else [value]:
            render.out(f"{name:10} {each}")


def runs(
    system: Annotated[str | None, typer.Argument(help="Only of this system.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="How many, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """The runs that the ledger knows, the newest first."""
    from orrery.ledger import Ledger

    path = profiles.home() / "ledger.sqlite"
    slug = catalogue.find(system).slug if system else None
    known: list[dict[str, Any]] = []
    if path.exists():
        ledger = Ledger(path)
        known = [{**row, "steps": ledger.steps(row["run_id"])} for row in ledger.runs(slug, limit=rows)]
        ledger.close()
    if as_json:
        render.document(known)
        return
    if not known:
        render.note(render.callable_here("no runs yet; `orrery run meteor` makes one"))
        return
    keys = ("run_id", "state", "exit_code", "scope", "attempt", "started_at", "reason")
    shown = [[row[key] for key in keys] for row in known]
    names = ["run", "state", "exit", "scope", "attempt", "started (UTC)", "reason"]
    render.table(names, [[*row[:5], str(row[5])[:19], _short(row[6])] for row in shown])


def show(
    system: str,
    rows: Annotated[int, typer.Option("--rows", min=1, max=1000, help="How many rows.")] = 10,
    rejected: Annotated[bool, typer.Option("--rejected", help="The refused rows instead.")] = False,
    columns: Annotated[str | None, typer.Option("--columns", help="Only these, separated by commas.")] = None,
    table: Annotated[str | None, typer.Option("--table", help="Another table of the system, by its name.")] = None,
    profile: ProfileName = "embedded",
    as_json: Json = False,
) -> None:
    """Rows of what a system made."""
    from orrery import inspection

    found = catalogue.find(system)
    names, values = inspection.rows(
        found, profiles.load(profile, profiles.home()), rows=rows, rejected=rejected, table=table
    )
    if columns is not None:
        wanted = columns.split(",")
        if unknown := [name for name in wanted if name not in names]:
            raise BadInput(
                f"There is no column '{unknown[0]}'.",
                looked="--columns",
                found=f"columns: {', '.join(names)}",
                fix=f"--columns {','.join(names[:3])}",
            )
        values = [tuple(row[names.index(name)] for name in wanted) for row in values]
        names = wanted
    if as_json:
        render.document([dict(zip(names, row, strict=True)) for row in values])
        return
    render.table(names, [[_shown(value) for value in row] for row in values])


def check(
    system: Annotated[str | None, typer.Argument(help="Only this system; without: all that have run.")] = None,
    profile: ProfileName = "embedded",
    against: Annotated[
        str | None, typer.Option("--against", help="Another profile: are the outputs of the system equal on both?")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look whether ledger and target still agree: tokens, counts, checksums, the chain of events. Changes nothing."""
    from orrery import inspection

    if against is not None:
        _parity(system, profile, against, as_json=as_json)
        return

    wanted = [catalogue.find(system)] if system else list(catalogue.systems())
    findings = inspection.check(wanted, profiles.load(profile, profiles.home()), profiles.home())
    if as_json:
        render.document([finding.__dict__ for finding in findings])
    else:
        render.table(
            ["", "invariant", "found"],
            [["ok" if each.holds else "!!", each.invariant, each.found] for each in findings],
        )
    if not all(each.holds for each in findings):
        if any(each.invariant.startswith("L1") and not each.holds for each in findings):
            render.note("L1: a run died; run its system again, which ends that run by what the target holds")
        raise typer.Exit(6)


def _parity(system: str | None, profile: str, against: str, *, as_json: bool) -> None:
    from orrery import parity

    if system is None:
        raise BadInput(
            "Which system is to be compared on two profiles?",
            looked="--against",
            found="no system is named",
            fix=f"orrery check orbit --against {against}",
        )
    loaded = (profiles.load(name, profiles.home()) for name in (profile, against))
    found = parity.compare(catalogue.find(system), *loaded)
    if as_json:
        render.document([each.__dict__ for each in found])
    else:
        rows = [["ok" if not each.count else "!!", each.table, *each.rows, each.count] for each in found]
        render.table(["", "table", f"rows: {profile}", f"rows: {against}", "differences"], rows)
        for each in found:
            for line in each.differences:
                render.note(f"{each.table}: {line}")
    if any(each.count for each in found):
        raise typer.Exit(int(ExitCode.INTEGRITY_BROKEN))


def requests_of(
    system: Manifest,
    data: Sequence[str] | None,
    settings: Sequence[str] | None,
    date: str | None,
    profile: str,
    wait: float,
    mapping: Path | None = None,
    contract: Path | None = None,
    confirm: bool = False,
) -> list[Request]:
    """What the options ask for: one request, or one for each day of a range."""
    from orrery.run import Request

    home = profiles.home()
    given: dict[str, tuple[str, ...]] = {}
    for name, value in (_pair(each, "--data launches=FILE") for each in data or []):
        if name not in system.inputs:
            raise BadInput(
                f"{system.slug} has no input '{name}'.",
                looked=str(system.folder / "system.toml"),
                found=f"inputs: {', '.join(system.inputs)}",
                fix=f"--data {next(iter(system.inputs))}={value}",
            )
        given[name] = (*given.get(name, ()), value)
    chosen = dict(_pair(each, "--set engine=duckdb") for each in settings or [])
    loaded = profiles.load(profile, home)
    if (mapping or contract) and (bool(mapping and contract) or len(given) != 1):
        raise BadInput(
            "A mapping or a contract is for one input of your own.",
            looked="the command line",
            found="both --map and --contract" if mapping and contract else f"{len(given)} inputs named by --data",
            fix=f"--data {next(iter(system.inputs))}=FILE with --map or with --contract",
        )
    if contract and date and not all("{date}" in path for paths in given.values() for path in paths):
        raise BadInput(
            "A day is asked for of a file that does not say which rows are of it.",
            looked="--date, --contract",
            found="no {date} in the path, and a contract of your own names no column that tells the day",
            fix=f"--data {next(iter(system.inputs))}='inbox/costs-{{date}}.csv', or leave --date out",
        )
    requests = [
        Request(system, loaded, home, given, chosen, day, wait, contract, mapping, confirm) for day in _days(date)
    ]
    requests[0].chosen()
    return requests


def _pair(text: str, example: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (sign and name and value):
        raise BadInput(f"'{text}' is not NAME=VALUE.", looked="the command line", found=text, fix=example)
    return name, value


def _days(text: str | None) -> list[dt.date | None]:
    """The days that `--date` means: none, one, or each of a range, both ends included."""
    if text is None:
        return [None]
    first, is_range, last = text.partition("..")
    days = [day_of(first), day_of(last if is_range else first)]
    if days[0] > days[1]:
        raise BadInput(
            f"The range {text} ends before it begins.", looked="--date", found=text, fix=f"--date {last}..{first}"
        )
    return [days[0] + dt.timedelta(days=number) for number in range((days[1] - days[0]).days + 1)]


def day_of(text: str, option: str = "--date") -> dt.date:
    """A day that somebody typed. Raises BadInput where it is none."""
    from orrery.run import utc_now

    words = {"today": 0, "yesterday": 1}
    if text in words:
        return utc_now().date() - dt.timedelta(days=words[text])
    try:
        # strptime alone would take 2024-1-5
        day = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        day = None
    if day is None or text != day.isoformat():
        raise BadInput(
            f"'{text}' is not a day.",
            looked=option,
            found="not a day of the calendar, written YYYY-MM-DD",
            fix=f"{option} 2024-01-31" + ", yesterday, or 2024-01-01..2024-01-31" * (option == "--date"),
        )
    return day


def _shown(value: object) -> object:
    """A value of a table; whole numbers without groups, because many of them are numbers of something."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _short(value) if isinstance(value, str) else value


def _short(text: object, width: int = 48) -> str | None:
    if text is None:
        return None
    line = str(text).splitlines()[0] if str(text) else ""
    return line if len(line) <= width else line[: width - 1] + "…"
