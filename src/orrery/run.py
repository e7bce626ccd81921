"""A run: one system, once, from its inputs to a result that is kept.

`start()` is what `orrery run` calls; the system's `main(run)` gets the `Run` and uses `step`, `contract`,
`binding`, `settings` and `now`. Everything a run leaves behind is in `.orrery/runs/<id>/`; the ledger indexes it.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from orrery import catalogue, files, lineage, locking, machine
from orrery.errors import BadInput, ExitCode, OrreryError
from orrery.faults import faultpoint
from orrery.ledger import Ledger, Owner
from orrery.manifest import Manifest
from orrery.profiles import Binding, Profile
from orrery.rejects import Rejects
from orrery.steps import Reporter, Step

if TYPE_CHECKING:
    from orrery.contracts import Contract
    from orrery.feeds import Feed


def utc_now() -> datetime:
    """The wall clock, in UTC; nothing else here reads it."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Request:
    """What the user asked for; the ledger keeps it."""

    system: Manifest
    profile: Profile
    home: Path
    data: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    interval: date | None = None
    wait_seconds: float = 0.0
    contract: Path | None = None
    mapping: Path | None = None
    is_confirmed: bool = False
    clock: Callable[[], datetime] = utc_now

    def endings(self, name: str) -> tuple[str, ...]:
        """Of the files that an input takes out of a folder; of a user's own, those of text and JSON."""
        if self.mapping is not None or self.contract is not None:
            return files.OWN_ENDINGS
        return self.system.inputs[name].endings or files.ENDINGS

    def chosen(self) -> dict[str, str]:
        """Every setting with its value: the default, or what `--set` gave.

        Raises:
            BadInput: a setting that the system does not have, or a value that is not among its choices.
        """
        known = self.system.settings
        for name, value in self.settings.items():
            if name not in known or value not in known[name].choices:
                have = "; ".join(f"{each.name} = {' | '.join(each.choices)}" for each in known.values()) or "none"
                what = f"no setting '{name}'" if name not in known else f"no '{value}' to choose for '{name}'"
                raise BadInput(
                    f"{self.system.slug} has {what}.",
                    looked=f"{self.system.folder / 'system.toml'}, [settings]",
                    found=have,
                    fix="--set name=value with one of those",
                )
        return {name: self.settings.get(name, setting.default) for name, setting in known.items()}


class Run:
    """What a system's `main(run)` works with."""

    def __init__(self, request: Request, ledger: Ledger, reporter: Reporter) -> None:
        self.request = request
        self.system = request.system
        self.folder = request.system.folder
        self.settings = request.chosen()
        self.ledger = ledger
        self.reporter = reporter
        self.run_id = f"{self.now():%Y%m%dT%H%M%S}-{self.system.slug}-{secrets.token_hex(3)}"
        self.token = secrets.token_hex(16)
        self.results = request.home / "runs" / self.run_id
        self.rejects = Rejects(self.results / "rejects.parquet")
        self.steps: list[dict[str, Any]] = []
        self.contracts: dict[str, Contract] = {}
        self.notes: dict[str, Any] = {}
        self.fidelity: dict[str, str] = {}
        self.has_committed = False
        self._has_work = False
        self.started = time.monotonic()
        self.started_at = self.now().isoformat()

    # --- what a pipeline asks for ---------------------------------------------------------------------------

    def now(self) -> datetime:
        """The time in UTC, a simulated one in a simulation; the only clock that a system may read."""
        return self.request.clock()

    @property
    def interval(self) -> date | None:
        """The day this run is for (`--date`), or None for all there is."""
        return self.request.interval

    def binding(self, role: str) -> Binding:
        """What plays a role in the chosen profile; noted with its fidelity."""
        found = self.request.profile.binding(role, self.system.slug)
        self.fidelity[role] = f"{found.engine}: {found.fidelity}"
        return found

    def contract(self, output_or_input: str) -> Contract:
        """The contract of an input (by its name) or of an output table."""
        from orrery import contracts

        inputs, outputs = self.system.inputs, self.system.outputs
        path = inputs[output_or_input].contract if output_or_input in inputs else outputs[output_or_input]
        return contracts.load(path)

    def feed(self, name: str) -> Feed:
        """How an input is read, typed and judged: the system's own way, or what `--map` or `--contract` says."""
        from orrery import feeds

        found = feeds.of_request(self.request, name)
        self.contracts[name] = found.delivered
        if found.origin:
            self.note(fed_by=found.origin)
        return found

    def given(self, name: str) -> tuple[tuple[str, ...], bool]:
        """The paths for an input, and whether they are the user's own (`--data`) or the sample."""
        own = self.request.data.get(name)
        return (own, True) if own else ((str(self.system.inputs[name].sample),), False)

    @contextmanager
    def step(self, kind: str, of: str = "") -> Iterator[Step]:
        """A step of the run: timed, its peak memory taken, its rows accounted for, kept in the ledger.

        Args:
            kind: what it does; it has the fault points `<kind>.before` and `<kind>.after`.
            of: to what, where a run does it more than once.
        """
        name = f"{kind} {of}".strip()
        faultpoint(f"{kind}.before")
        step, begun = Step(name), time.monotonic()
        self.event("step_started", step=name)
        self.reporter.step_started(name)
        machine.reset_peak_memory()
        yield step
        kept = {
            "name": name,
            "rows": step.account(),
            "bytes": step.bytes_read,
            "seconds": round(time.monotonic() - begun, 3),
            "peak_mb": round(step.peak_mb or machine.peak_memory_mb(), 1),
        }
        self.steps.append(kept)
        self.ledger.add_step(self.run_id, len(self.steps), kept)
        self.event("step_ended", **kept)
        self.reporter.step_ended(kept)
        faultpoint(f"{kind}.after")

    def work(self) -> Path:
        """A folder of the system's for what need not be kept: empty when a run begins, gone when it ends."""
        path = self.request.home / "work" / self.system.slug
        if not self._has_work:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True, mode=0o700)
            self._has_work = True
        return path

    def following(self, step: str) -> Callable[[str], None]:
        """Takes the lines that a tool tells while it works, and shows how far it is; the rest is kept in the events.

        Shown are `progress <bytes done> <bytes in all> <rows>` and `step <name>.before`.
        """

        def told(line: str) -> None:
            words = line.split()
            if len(words) == 4 and words[0] == "progress":
                self.reporter.step_progress(step, *map(int, words[1:]))
                return
            if len(words) == 2 and words[0] == "step" and words[1].endswith(".before"):
                self.reporter.step_reached(step, words[1].removesuffix(".before"))
            if line:
                self.event("tool", step=step, line=line)

        return told

    def note(self, **facts: Any) -> None:
        """Facts about the result that `run.json`, `--json` and the last lines of the run show."""
        self.notes.update(facts)

    def move(self, state: str, **changes: Any) -> None:
        """Bring the run into another state of the ledger."""
        self.ledger.move(self.run_id, state, at=self.now().isoformat(), monotonic=time.monotonic(), **changes)
        self.event("state", state=state)

    def event(self, kind: str, **body: Any) -> None:
        """One line of `events.jsonl`."""
        line = {"at": self.now().isoformat(), "monotonic": round(time.monotonic(), 6), "kind": kind, **body}
        with (self.results / "events.jsonl").open("a", encoding="utf-8") as out:
            out.write(json.dumps(line, default=str) + "\n")

    # --- what is kept ---------------------------------------------------------------------------------------

    def scope(self) -> str:
        """What this run is about: the day, or everything. Two runs of one scope never run side by side."""
        return self.interval.isoformat() if self.interval else "all"

    def summary(self, exit_code: int, error: OrreryError | None) -> dict[str, Any]:
        """The run as data: what `run.json` holds and `--json` prints."""
        return {
            "run_id": self.run_id,
            "system": self.system.slug,
            "scope": self.scope(),
            "profile": self.request.profile.name,
            "profile_argument": self.request.profile.argument,
            "fidelity": self.fidelity,
            "settings": self.settings,
            "exit_code": exit_code,
            "started_at": self.started_at,
            "ended_at": self.now().isoformat(),
            "seconds": round(time.monotonic() - self.started, 3),
            "steps": self.steps,
            "refused_by_rule": dict(self.rejects.rules.most_common()),
            **self.notes,
            "contracts": {name: lineage.outline(each) for name, each in self.contracts.items()},
            "versions": machine.versions(),
            "error": error.parts() if error else None,
        }


def start(request: Request, reporter: Reporter) -> dict[str, Any]:
    """Run a system once; returns what `run.json` holds, and raises what ended the run (`error.summary` is set).

    Raises:
        OrreryError: with the exit code of its kind; the target is as it was before.
    """
    main = catalogue.entry(request.system)
    request.home.mkdir(parents=True, exist_ok=True)
    machine.give_large_blocks_back()
    with _one_at_a_time(request), _Opened(request, reporter) as run:
        faultpoint("open.after")
        run.move("RUNNING")
        with run.told_after_the_commit():
            main(run)
        return run.finish()


class _Opened(Run):
    """A run between its entry in the ledger and its end, however it ends."""

    def __init__(self, request: Request, reporter: Reporter) -> None:
        super().__init__(request, Ledger(request.home / "ledger.sqlite"), reporter)

    def __enter__(self) -> Self:
        self.results.mkdir(parents=True)
        entry = {
            "run_id": self.run_id,
            "system": self.system.slug,
            "scope": self.scope(),
            "profile": self.request.profile.name,
            "token": self.token,
        }
        self._end_runs_without_owner()
        self.ledger.open_run(entry, Owner.this_process(), at=self.now().isoformat(), monotonic=time.monotonic())
        self.event("run_started", **entry, pid=Owner.this_process().pid)
        return self

    def _end_runs_without_owner(self) -> None:
        """Runs that died before they could have committed are failed; the others wait for the target's word.

        A run that was never STAGED has sent no commit. The others become UNKNOWN here and are settled by
        `effects.sole_writer`, which can read the load token in the target.
        """
        for row in self.ledger.open_runs(self.system.slug):
            if Owner(row["pid"], row["pid_started"], row["boot_id"]).is_alive():
                continue
            at, monotonic = self.now().isoformat(), time.monotonic()
            if row["state"] == "COMMITTING":
                self.ledger.move(row["run_id"], "UNKNOWN", at=at, monotonic=monotonic, reason="its process died")
            elif row["state"] != "UNKNOWN":
                reason = f"its process died while it was {row['state']}"
                self.ledger.move(
                    row["run_id"], "FAILED", at=at, monotonic=monotonic, reason=reason, exit_code=137, recovered=1
                )

    @contextmanager
    def told_after_the_commit(self) -> Iterator[None]:
        """Once the data is in, what goes wrong is told, and the run has succeeded all the same.

        An exit code from 2 up would say that the target is as it was before.
        """
        try:
            yield
        except Exception as error:
            told = machine.as_orrery_error(error)
            if told is None or not self.has_committed:
                raise
            self.note(after_commit=told.parts())
            self.reporter.say(f"the data is loaded; what came after that failed: {told.asked} ({told.found})")

    def finish(self) -> dict[str, Any]:
        with self.told_after_the_commit():
            faultpoint("succeed.before")
            self.move("SUCCEEDED", exit_code=0, result=self.notes)
            faultpoint("succeed.after")
            self._keep(self.summary(0, None))
            faultpoint("keep.after")
        return self.summary(0, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                self._failed(error)
        finally:
            self.ledger.close()
            if self._has_work:
                shutil.rmtree(self.work(), ignore_errors=True)

    def _failed(self, error: BaseException) -> None:
        told = machine.as_orrery_error(error)
        code = told.exit_code if told else _exit_code(error)
        summary = self.summary(int(code), told)
        try:
            reason = "interrupted" if code == ExitCode.INTERRUPTED else f"{type(error).__name__}: {error}"
            self._end(int(code), str(told or reason)[:2000])
            self._keep(summary)
        except (OSError, sqlite3.Error) as second:  # a full disk, most likely: it must not hide the first error
            self.reporter.say(f"the record of this run is incomplete: {second}")
        if told is not None:
            told.summary = summary
            if told is not error:
                raise told from error

    def _end(self, code: int, reason: str) -> None:
        """Enter in the ledger how a run ended that did not come to its end."""
        states = {row["run_id"]: row["state"] for row in self.ledger.runs(self.system.slug, limit=50)}
        state = states.get(self.run_id)
        if state not in ("PENDING", "RUNNING", "STAGED", "COMMITTING"):
            return
        end = "QUARANTINED" if code == ExitCode.GATE_CLOSED and state != "PENDING" else "FAILED"
        if state == "COMMITTING":
            end = "SUCCEEDED" if self.has_committed else "UNKNOWN"
        self.move(end, exit_code=code, reason=reason, result=self.notes)

    def _keep(self, summary: dict[str, Any]) -> None:
        self.rejects.close()
        (self.results / "run.json").write_text(json.dumps(summary, indent=2, default=str) + "\n", encoding="utf-8")
        lineage.write(self.results / "openlineage.jsonl", self.system, summary)


def _exit_code(error: BaseException) -> ExitCode:
    return ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ExitCode.OUR_BUG


@contextmanager
def _one_at_a_time(request: Request) -> Iterator[None]:
    """One run of a system and state folder at a time: the second waits as long as asked, else exit 5."""
    path = request.home / "locks" / f"{request.system.slug}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    asked = f"Another run of {request.system.slug} is under way."
    fix = "wait for it (`orrery runs` shows it), or run again with --wait 60"
    with locking.held(path, request.wait_seconds, asked, fix):
        yield
