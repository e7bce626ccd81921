"""All that Orrery prints. Data goes to stdout, everything else to stderr; `--json` is one JSON document."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery import profiles
from orrery.errors import OrreryError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SHOWN = 10  # files whose result is printed one by one
_OUR_COMMAND = re.compile(r"(?<![\w/.=-])orrery (?=[a-z])")
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}
_ESCAPES |= {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def safe(text: object) -> str:
    """Text without control and direction characters: data must not steer the terminal."""
    return str(text).translate(_ESCAPES)


def out(text: str = "") -> None:
    """A line of data."""
    _print(safe(text))


def _print(text: str) -> None:
    """To standard output; when its reader (head, less) has gone, the work goes on without."""
    try:
        print(text, file=sys.stdout, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(text: str = "") -> None:
    """A line for the person who looks on; when that person has gone, the work goes on without."""
    try:
        print(safe(text), file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def in_a_line(text: object) -> str:
    """Text that may hold line ends, a file's name for one, in one line."""
    return safe(text).replace("\n", "\\n")


@lru_cache(maxsize=1)
def command() -> str:
    """How `orrery` is called from here: by its name where the shell finds it, else by its path."""
    script = Path(sys.executable).with_name("orrery")
    found = shutil.which("orrery")
    if found and Path(found).resolve() == script.resolve():
        return "orrery"
    here = Path.cwd()
    path = script if script.exists() else Path(sys.executable)
    shown = str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
    return shlex.quote(shown) + ("" if script.exists() else " -m orrery")


def callable_here(text: str) -> str:
    """Commands within a text, in a form that can be pasted."""
    return _OUR_COMMAND.sub(f"{command()} ", text)


def document(value: Any) -> None:
    """One JSON document."""
    _print(json.dumps(value, indent=2, default=str))


def error(told: OrreryError, *, as_json: bool) -> None:
    """An error in its four parts; as JSON on stdout too where JSON was asked for."""
    if as_json:
        document({**(told.summary or {}), "error": told.parts()})
    parts = (("looked in", in_a_line(told.looked)), ("found", told.found), ("to fix", callable_here(told.fix)))
    note(f"error {int(told.exit_code)}: {in_a_line(told.asked)}")
    for name, text in parts:
        note(f"  {name + ':':11} {text}")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows under a header, aligned; numbers to the right. Plain text: it can be piped."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[at]) for row in texts), 0) for at, name in enumerate(columns)]
    right = [bool(rows) and all(isinstance(row[at], int | float | None) for row in rows) for at in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        shown = (
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(cells, widths, right, strict=True)
        )
        return "  ".join(shown).rstrip()

    _print("\n".join([line(list(columns)), "  ".join("─" * width for width in widths), *map(line, texts)]))


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return safe(str(value).replace("\n", "\\n"))


_COUNTED = ("read", "kept", "rejected", "filtered", "inserted", "updated", "deleted")


class Quiet:
    """A reporter for `--json`: nothing but what went wrong."""

    def step_started(self, name: str) -> None:
        """Nothing is said."""

    def step_progress(self, name: str, done: int, total: int, rows: int) -> None:
        """Nothing is said."""

    def step_reached(self, name: str, where: str) -> None:
        """Nothing is said."""

    def detail(self, text: str) -> None:
        """Nothing is said."""

    def step_ended(self, step: Mapping[str, Any]) -> None:
        """Nothing is said."""

    def say(self, text: str) -> None:
        """Said, because it is out of the ordinary."""
        note(text)


class NowAndThen:
    """Says where long work is, at most every five seconds; nothing of work that is short."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Work begins: nothing is said in the next five seconds."""
        self._last = time.monotonic()

    def __call__(self, text: str) -> None:
        """Say it, if it is time."""
        if time.monotonic() - self._last >= 5:
            self.begin()
            note(f"  {in_a_line(text)}")


class Lines(Quiet):
    """A reporter for people: a line a step; on a terminal a progress bar, else a timed line every few seconds."""

    def __init__(self) -> None:
        self._timed = NowAndThen()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def step_started(self, name: str) -> None:  # noqa: ARG002 (the protocol's)
        """The clock for timed lines starts."""
        self._timed.begin()

    def step_progress(self, name: str, done: int, total: int, rows: int) -> None:
        """A progress bar on a terminal; elsewhere a line every five seconds."""
        if sys.stderr.isatty():
            self._show_bar(name, done, total)
        else:
            self._timed(f"{in_a_line(name):28} {done / max(total, 1):5.0%}  {rows:,} rows so far")

    def step_reached(self, name: str, where: str) -> None:
        """A timed line, so that long work is seen to go on."""
        self._timed(f"{in_a_line(name):28} now: {in_a_line(where)}")

    def detail(self, text: str) -> None:
        """A line of its own, below the step's."""
        note(f"    {in_a_line(text).rstrip()}")

    def step_ended(self, step: Mapping[str, Any]) -> None:
        """The step's line."""
        self._hide_bar()
        rows = step["rows"]
        parts = [f"{rows['read']:>9,} read", f"{rows['kept']:>9,} kept"]
        parts += [f"{rows[name]:,} {name}" for name in ("rejected", "deduplicated", "filtered") if rows[name]]
        speed = f"{rows['read'] / step['seconds']:,.0f} rows/s" if step["seconds"] > 0.5 else ""
        cost = f"{step['seconds']:.2f} s  {step['peak_mb']:,.0f} MB"
        note(f"  {in_a_line(step['name']):28} {'  '.join(parts)}   {cost}  {speed}".rstrip())

    def _show_bar(self, name: str, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

            columns = (
                TextColumn("  {task.description:28}", markup=False),
                BarColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
            )
            console = Console(stderr=True, no_color=profiles.no_color())
            self._bar = Progress(*columns, console=console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task(safe(name), total=total)
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total)

    def _hide_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None


def _file_result(name: str, counts: Mapping[str, Any]) -> None:
    rows = f"{counts['read']:,} rows read = {counts['kept']:,} kept + {counts['rejected']:,} refused"
    out(f"{in_a_line(name)}: {rows}" + (f" + {counts['filtered']:,} of other days" if counts["filtered"] else ""))
    if "inserted" in counts:
        out(f"  {_changes(counts)}")
    for rule, count in counts.get("warnings", {}).items():
        out(f"  warning: {count:,} rows, {rule.replace(':', ': ')}")


def _changes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[key]:,} {key}" for key in ("inserted", "updated", "deleted"))


def run_result(summary: Mapping[str, Any]) -> None:
    """What a run made, what it refused and why, where it is, and how to look at it."""
    name = summary["system"].split("_")[1]
    target = summary.get("target", {})
    known, files = summary.get("files_known", []), summary.get("files", [])
    for each in known[:SHOWN]:
        came = (
            "" if each["name"] == each["loaded_as"] else f" (it is {in_a_line(each['loaded_as'])} under another name)"
        )
        out(f"{in_a_line(each['name'])}: nothing new, this content is loaded already{came}")
    if len(known) > SHOWN:
        out(f"… {len(known):,} files in all: nothing new")
    for each in files[:SHOWN]:
        _file_result(each["name"], each)
    if len(files) > 1:
        counted = [key for key, value in files[0].items() if key in _COUNTED and isinstance(value, int)]
        more = "… " if len(files) > SHOWN else ""
        warnings = sum((Counter(each.get("warnings", {})) for each in files), Counter())
        total = {key: sum(each[key] for each in files) for key in counted}
        _file_result(f"{more}{len(files):,} files in all", {**total, "warnings": warnings})
    if summary.get("refused_by_rule"):
        out("refused, by rule:")
        for rule, count in summary["refused_by_rule"].items():
            out(f"  {count:>7,}  {rule}")
    for table, counts in summary.get("changes", {}).items():
        out(f"{table}: {_changes(counts)}")
    if target:
        rejected = target.get("rejected_table", f"{target['table']}_rejected")
        out(f"in {target['table']}: {target['rows']:,} rows; in {rejected}: {target['rejected_rows']:,}")
    for role, played in summary["fidelity"].items():
        out(f"{role}: {played} (profile {summary['profile']})")
    out(f"took {summary['seconds']:.1f} s; kept as run {summary['run_id']}")
    table = target.get("table", "").partition(".")[2]
    other = f" --table {table}" if summary.get("fed_by") and table else ""
    look = f" --table {target['look_at']}" if "look_at" in target else other
    named = summary["profile_argument"]
    profile = "" if named == "embedded" else f" --profile {shlex.quote(named)}"
    out(f"look at it:        {command()} show {name}{profile}{look}")
    out(f"the refused rows:  {command()} show {name}{profile} --rejected{'' if 'rejected_table' in target else other}")
