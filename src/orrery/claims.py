"""Claims that the systems share, written once: each a function that raises AssertionError where it does not hold.

A system says in its tests what stands for it (`Scenario`: files to deliver, and an oracle of its own), makes a
`Trial` of it, and each of its tests in `tests/claims/` is a line:

    def test_rerun_changes_nothing(trial: Trial) -> None:
        claims.rerun_changes_nothing(trial)

The oracle stays the system's: nothing here knows what a row must be.
"""

from __future__ import annotations

import json
import os
import pwd
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from orrery.errors import ExitCode
from orrery.ledger import Ledger
from orrery.testing import Result, Target

Files = Sequence[tuple[str, bytes]]
SECONDS = 120  # for one process


@dataclass(frozen=True)
class Told:
    """What an oracle makes of files that come one after the other.

    Attributes:
        rows: of the system's first output; columns that the oracle does not speak of are not compared.
        refused: file, line, byte offset, rule and text of every refused row.
        read: how many rows each file has.
        kept: how many of them are kept; None: as many as there are `rows`.
        digits: how many significant digits of a float are compared; None: all of them.
    """

    rows: Sequence[Mapping[str, Any]]
    refused: set[tuple[str, int, int, str, str]]
    read: Mapping[str, int]
    kept: Mapping[str, int] | None = None
    digits: int | None = None

    def canonical(self, value: Any) -> Any:
        """A value as it is compared."""
        return float(f"{value:.{self.digits}g}") if self.digits and isinstance(value, float) else value


@dataclass(frozen=True)
class Scenario:
    """What stands for a system.

    Attributes:
        system: its name on the command line.
        input: the input that `--data` gives.
        delivery: a file from a seed, with every kind of bad row among good ones.
        large: a file that takes a second or more to load; with another mark, of other keys.
        oracle: what the target must hold after these files.
        huge: a file that is loaded in another way because of its size, where there is such a way.
        table: what the oracle speaks of, `schema.name` of a table or a view; None: the system's first output.
        adds_up: what was delivered stays, also when another content comes under its name.
    """

    system: str
    input: str
    delivery: Callable[[int], bytes]
    large: Callable[[str], bytes]
    oracle: Callable[[Files], Told]
    huge: Callable[[str], bytes] | None = None
    table: str | None = None
    adds_up: bool = False


@dataclass
class Trial:
    """A system with an empty target, called as a user calls it; processes that are left are ended.

    Attributes:
        call: `orrery …` in this process, in an empty folder.
        folder: that folder.
    """

    scenario: Scenario
    target: Target
    call: Callable[[list[str]], Result]
    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def deliver(self, name: str, content: bytes) -> Path:
        """Put a file into the inbox."""
        path = self.folder / "inbox" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def arguments(self, path: Path | None, *more: str) -> list[str]:
        """`run SYSTEM --json`, with a file where there is one."""
        data = ["--data", f"{self.scenario.input}={path}"] if path else []
        return ["run", self.scenario.system, "--json", *data, *more]

    def run(self, path: Path | None, *more: str) -> Any:
        """A run that must succeed; gives what it printed."""
        result = self.call(self.arguments(path, *more))
        assert result.exit_code == 0, result.stderr
        return result.json

    def start(self, path: Path, *more: str) -> subprocess.Popen[str]:
        """A run in a process of its own, which leads a group."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "orrery", *self.arguments(path, *more)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def holds(self, told: Told) -> None:
        """The target holds what the oracle told, to the value, and refused what it refused."""
        assert differences(told, self.rows(), self.target.rejects()) == []

    def rows(self) -> list[dict[str, Any]]:
        """What the oracle speaks of, as it is."""
        return self.target.rows(self.scenario.table)


def differences(told: Told, rows: Sequence[Mapping[str, Any]], rejects: Sequence[Mapping[str, Any]]) -> list[str]:
    """How rows and refusals differ from the oracle's, both as multisets; empty where they do not."""
    names = [name for name in told.rows[0] if not name.startswith("_")] if told.rows else []
    wanted = Counter(tuple(told.canonical(row[name]) for name in names) for row in told.rows)
    found = Counter(tuple(told.canonical(row[name]) for name in names) for row in rows)
    refused = Counter(
        (row["file_name"], row["line"], row["byte_offset"], row["rule"], row["record_text"]) for row in rejects
    )
    pairs = (
        ("rows lost", wanted - found),
        ("rows doubled or made up", found - wanted),
        ("refusals lost", Counter(told.refused) - refused),
        ("refusals doubled or made up", refused - Counter(told.refused)),
    )
    return [f"{what}: {each.total():,}, like {next(iter(each))!r:.120}" for what, each in pairs if each]


def rows_are_conserved(trial: Trial, *settings: str) -> None:
    """Every row of a file is in the target, or refused with its place, rule and text; also in `rejects.parquet`."""
    import pyarrow.parquet as pq

    content = trial.scenario.delivery(1)
    summary = trial.run(trial.deliver("a.csv", content), *settings)
    told = trial.scenario.oracle([("a.csv", content)])
    [loaded] = summary["files"]
    assert loaded["read"] == told.read["a.csv"] == loaded["kept"] + loaded["rejected"] + loaded["filtered"]
    assert loaded["kept"] == (told.kept or {"a.csv": len(told.rows)})["a.csv"]
    assert len(told.rows) == len(trial.rows())
    assert loaded["rejected"] == len(told.refused) > 10
    trial.holds(told)
    parquet = pq.read_table(
        trial.target.home / "runs" / summary["run_id"] / "rejects.parquet", page_checksum_verification=True
    )
    names = ("source", "line", "byte_offset", "rule", "text")
    kept = list(zip(*(parquet[name].to_pylist() for name in names), strict=True))
    assert set(kept) == told.refused
    assert len(kept) == len(told.refused)


def table_equals_the_oracle(trial: Trial, files: Files, *settings: str) -> None:
    """After files that come one after the other, the table is what the oracle makes of them."""
    said = [trial.run(trial.deliver(name, content), *settings)["target"]["rows"] for name, content in files]
    told = trial.scenario.oracle(files)
    trial.holds(told)
    assert said[-1] == len(told.rows)


def rerun_changes_nothing(trial: Trial) -> None:
    """The same file again, also under another name, writes no tuple and says that nothing is new."""
    path = trial.deliver("a.csv", trial.scenario.delivery(2))
    first = trial.run(path)
    loads = f"select * from {trial.target.system.slug}.loads"
    before = trial.target.state(), trial.target.query(loads)
    assert any(before[0].values())
    again = trial.run(path)
    assert (trial.target.state(), trial.target.query(loads)) == before
    assert not (trial.target.home / "work" / trial.target.system.slug).exists(), "what need not be kept is gone"
    assert again["nothing_new"] is True
    assert again["files_known"] == [{"name": "a.csv", "loaded_as": "a.csv"}]
    compared = trial.call(["diff", first["run_id"], again["run_id"], "--json"])
    assert compared.exit_code == 0, compared.stderr
    renamed = trial.run(trial.deliver("b.csv", path.read_bytes()))
    assert renamed["files_known"] == [{"name": "b.csv", "loaded_as": "a.csv"}]
    assert (trial.target.state(), trial.target.query(loads)) == before


def two_runs_never_interleave(trial: Trial) -> None:
    """Of two runs at once the second waits or is refused: here, and from another machine."""
    # a run on another machine has another lock file; the target lets one writer in all the same
    with trial.target.taken():
        refused = trial.start(trial.deliver("c.csv", trial.scenario.delivery(3)))
        told = refused.communicate(timeout=SECONDS)[1]
    assert refused.returncode == ExitCode.LOCKED, told
    a, b = (trial.deliver(f"{name}.csv", trial.scenario.large(name)) for name in ("a", "b"))
    both = [trial.start(path) for path in (a, b)]
    ended = [(process.communicate(timeout=SECONDS)[1], process.returncode) for process in both]
    assert sorted(code for _, code in ended) in ([0, 0], [0, int(ExitCode.LOCKED)]), ended
    assert all("--wait" in err for err, code in ended if code), ended
    waiting = [trial.start(path, "--wait", "60") for path in (a, b)]
    assert [(process.communicate(timeout=SECONDS)[1], process.returncode) for process in waiting] == [("", 0)] * 2
    runs_follow_each_other(trial)
    trial.holds(trial.scenario.oracle([("a.csv", a.read_bytes()), ("b.csv", b.read_bytes())]))


def runs_follow_each_other(trial: Trial) -> None:
    """In the ledger, no run has an event between the first and the last of another."""
    ledger = Ledger(trial.target.home / "ledger.sqlite")
    number = len(ledger.runs())
    ledger.close()
    assert number >= 2
    assert mixed(trial.target.home) == []


def mixed(home: Path) -> list[str]:
    """Runs of a ledger whose events lie between those of another: they ran at the same time."""
    ledger = Ledger(home / "ledger.sqlite")
    order = [event["run_id"] for event in ledger.events()]
    ledger.close()
    turns = [run for run, before in zip(order, ["", *order], strict=False) if run != before]
    return sorted(f"run {run} and another ran at the same time" for run in set(turns) if turns.count(run) > 1)


_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)


def killed_load_ends_as_undisturbed(trial: Trial, signals: Sequence[signal.Signals] = _SIGNALS) -> None:
    """Killed at random moments of its longest step, and run again, a load ends as the oracle says; never in part."""
    chance = random.Random(20261124)  # noqa: S311 (a seed, so that a failure can be seen again)
    content = trial.scenario.large("a")
    path = trial.deliver("a.csv", content)
    longest = max(trial.run(path)["steps"], key=lambda step: step["seconds"])
    told = trial.scenario.oracle([("a.csv", content)])
    trial.holds(told)
    runs, killed = trial.target.home / "runs", 0
    for number in signals:
        trial.target.reset()
        known = set(runs.iterdir())
        process = trial.start(path)
        in_step(process, runs, known, longest["name"])
        time.sleep(chance.uniform(0, longest["seconds"]))
        if process.poll() is None:
            os.killpg(process.pid, number)
            killed += 1
        process.communicate(timeout=SECONDS)
        assert len(trial.rows()) in (0, len(told.rows)), "a part of a load must never be seen"
        assert trial.run(path)["target"]["rows"] == len(told.rows)
        assert not trial.target.broken_invariants()
    assert killed > len(signals) / 2, "the kills came too late to prove anything"
    trial.holds(told)


def in_step(process: subprocess.Popen[str], runs: Path, known: set[Path], name: str) -> None:
    """Wait until a run that is not among those known has begun a step, or its process has ended."""
    wanted = f'"kind": "step_started", "step": {json.dumps(name)}'
    while process.poll() is None:
        for run in set(runs.iterdir()) - known:
            path = run / "events.jsonl"
            if path.exists() and wanted in path.read_text(encoding="utf-8"):
                return
        time.sleep(0.005)


def own_files_are_loaded_or_named(trial: Trial, files: Mapping[str, bytes], plain: Files, foreign: bytes) -> None:
    """A folder of the user's own files is loaded; a file that does not fit is named, and the target stays.

    Args:
        files: as they are delivered (compressed, with a byte-order mark, unfinished, …).
        plain: what of them is to be loaded, in the order of loading, as the oracle reads it.
        foreign: a file with none of the columns that are wanted.
    """
    for name, content in files.items():
        trial.deliver(name, content)
    summary = trial.run(trial.folder / "inbox")
    assert [each["name"] for each in summary["files"]] == [name for name, _ in plain]
    trial.holds(trial.scenario.oracle(plain))
    before = trial.target.state()
    result = trial.call(trial.arguments(trial.deliver("other.csv", foreign)))
    assert result.exit_code == ExitCode.BAD_INPUT, result.stderr
    assert "error 2: other.csv" in result.stderr
    assert {"looked in:", "found:", "to fix:"} <= {
        line.split("  ")[1].strip() for line in result.stderr.splitlines()[1:]
    }
    assert trial.target.state() == before


def steps_show_what_they_cost(trial: Trial, size: int, rows: int) -> None:
    """Each step of a run over a file says its rows, bytes, seconds and peak memory (MB), within reason.

    Args:
        size: bytes of the sample that the system runs on.
        rows: how many rows it has.
    """
    summary = trial.run(None)
    for step in summary["steps"]:
        counted = step["rows"]
        assert counted["read"] == sum(counted.values()) - counted["read"], step
        assert 0 <= step["seconds"] <= summary["seconds"], step
        assert 20 < step["peak_mb"] < 4000, step
    loading = max(summary["steps"], key=lambda step: step["seconds"])
    assert (loading["rows"]["read"], loading["bytes"]) == (rows, size)
    assert loading["seconds"] > 0.01
    ledger = Ledger(trial.target.home / "ledger.sqlite")
    kept = ledger.steps(summary["run_id"])
    ledger.close()
    assert [(each["name"], each["seconds"], each["peak_mb"]) for each in kept] == [
        (each["name"], each["seconds"], each["peak_mb"]) for each in summary["steps"]
    ]


def runs_as_an_ordinary_user(system: str, *, has_server: bool = True) -> None:
    """With no HOME, in a folder with blanks and letters beyond ASCII; as root it is `nobody` who calls.

    Its servers listen on loopback alone, are not root's, and no password file can be read by others.
    """
    with tempfile.TemporaryDirectory(prefix="Orrery – Zürich ", ignore_cleanup_errors=True) as name:
        folder, who = Path(name), _somebody()
        folder.chmod(0o755)
        if who:
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
        try:
            first = _ordinary(folder, who, "run", system, "--json")
            assert first.returncode == 0, first.stderr
            assert json.loads(first.stdout)["target"]["rows"] > 0
            again = _ordinary(folder, who, "run", system, "--json")
            assert again.returncode == 0, again.stderr
            assert json.loads(again.stdout)["nothing_new"] is True
            servers = json.loads(_ordinary(folder, who, "ps", "--json").stdout)
            assert bool(servers) == has_server
            for server in servers:
                process = psutil.Process(server["pid"])
                at = {each.laddr[0] for each in psutil.net_connections("tcp") if each.pid == process.pid and each.laddr}
                assert at <= {"127.0.0.1"}, at
                assert process.uids().real == folder.stat().st_uid != 0
            secret = [path for path in (folder / ".orrery").rglob("*pass*") if path.is_file()]
            assert all(path.stat().st_mode & 0o077 == 0 for path in secret), secret
            assert {path.name for path in folder.iterdir()} == {".orrery"}
        finally:
            _ordinary(folder, who, "down")


def _somebody() -> dict[str, Any]:
    """How to become an ordinary user; he may read where this Python and this code lie, also below root's own folder."""
    from orrery.engines import privileges

    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    reach = [Path(__file__), Path(sys.executable).parent, Path(sys.executable).resolve().parent]
    return {"preexec_fn": privileges.becoming((nobody.pw_uid, nobody.pw_gid), reach)}


def _ordinary(folder: Path, who: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "orrery", *arguments],
        cwd=folder,
        # no HOME, no USER, nothing but this code
        env={"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        **who,
    )
