"""`orrery`: the verbs, and what becomes of an error."""

from __future__ import annotations

import copy
import importlib.util
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from orrery import __version__
from orrery.cli import render
from orrery.errors import ExitCode, OrreryError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="Forty working data systems, from a CSV loader to a governed enterprise platform.\n\n"
    "Start with:  orrery list  ·  orrery info meteor  ·  orrery run meteor  ·  orrery show meteor",
    epilog="Exit codes: 0 done or nothing to do · 1 our bug · 2 bad input · 3 a gate said no · "
    "4 a dependency is down · "
    "5 locked · 6 integrity broken · 7 denied · 8 out of disk or memory · 130 interrupted.",
)
# groups of verbs, in the order of the help; a system that was taken out of the catalogue has some of them
for group in ("looking", "running", "data", "simulating", "comparing", "proving", "drilling", "engines", "ejecting"):
    if importlib.util.find_spec(f"orrery.cli.{group}"):
        importlib.import_module(f"orrery.cli.{group}").add_to(app)


def _version(wanted: bool) -> None:
    if wanted:
        render.out(f"orrery {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
) -> None:
    """Options that stand before the verb."""


def main() -> None:
    """Run the command line; every way to end has its exit code."""
    arguments = sys.argv[1:]
    is_debug, as_json = "--debug" in arguments, "--json" in arguments
    # --debug and --json hold wherever they stand
    arguments = [each for each in arguments if each != "--debug"]
    signal.signal(signal.SIGTERM, _terminated)
    verb = next((each for each in arguments if not each.startswith("-")), "")
    try:
        _with_only(verb)(arguments, prog_name="orrery")
    except OrreryError as error:
        if is_debug:
            raise
        render.error(error, as_json=as_json)
        sys.exit(int(error.exit_code))
    except SystemExit as ended:
        if ended.code == ExitCode.INTERRUPTED:
            render.note("interrupted; the target is as it was before, or complete: the next run says which")
        raise
    except Exception as error:
        if is_debug:
            raise
        if "interrupted" in str(error).lower() and type(error) is RuntimeError:  # DuckDB's word for Ctrl-C
            render.note("interrupted")
            sys.exit(int(ExitCode.INTERRUPTED))
        render.note(f"error 1: this is a bug of Orrery: {type(error).__name__}: {error}")
        render.note("  to fix:     run again with --debug in front and report what it prints")
        sys.exit(int(ExitCode.OUR_BUG))


def _with_only(verb: str) -> typer.Typer:
    """The command line without the other verbs: Typer reads the signature of each, which is half the time of `list`."""
    asked = [each for each in app.registered_commands if verb in (each.name, each.callback and each.callback.__name__)]
    if not asked:
        return app
    one = copy.copy(app)
    one.registered_commands, one.registered_groups = asked, []
    return one


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM ends a run the way Ctrl-C does: rolled back, and entered in the ledger."""
    raise KeyboardInterrupt
