"""`orrery prove`: every claim has a test, and every test turns red when what it protects is broken.

Each sabotage (sabotages.py) is put into a copy of the tree, and the test runs there in a process of its own. It must
fail as a test: an import that breaks, a crash or a test that never ends proves nothing about the claim.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from xml.etree import ElementTree as ET  # of a report that our own pytest wrote

import psutil

from orrery import machine, profiles, sabotages
from orrery.errors import BadInput
from orrery.manifest import Manifest
from orrery.sabotages import Sabotage

SECONDS = 1200  # for one test with everything that it starts, several builds of dbt, too
PROCESSES = 2  # side by side, each with servers of its own
# code or SQL that cannot work at all, in the program or in the test itself
_CODING = "(?:Syntax|Indentation|Import|ModuleNotFound|Name|UnboundLocal|Attribute|Type|Key|Index)Error"
_BROKEN_DOWN = re.compile(
    rf"this is a bug of Orrery: (?:{_CODING}|(?:Parser|Binder|Catalog)Exception)\b|^(?:E\s+)?{_CODING}\b"
    r"|found: .*\(42[0-9A-Z]{3}\)"  # PostgreSQL's: no SQL, no such column, table or function
    r"|found: .*\b(?:Parser|Binder|Catalog) Error\b",  # DuckDB's for the same, as dbt tells it
    re.MULTILINE,
)


@dataclass(frozen=True)
class Outcome:
    """How a test ended: `passed`, `failed` as a test does, or `broken`: it came to no verdict. `said` is why."""

    state: str
    said: str
    seconds: float


@dataclass(frozen=True)
class Job:
    """A test to run, as the tree is or with a sabotage."""

    test: str
    sabotage: Sabotage | None = None


@dataclass
class Place:
    """Where jobs run one after the other: a copy of the tree, and a state folder whose servers stay up."""

    folder: Path
    running: set[int] = field(default_factory=set)

    @property
    def home(self) -> Path:
        """The state folder (ORRERY_HOME) of the tests."""
        return self.folder / "home"

    def clear(self) -> None:
        """End what still runs here, servers too."""
        for pid in list(self.running):
            with contextlib.suppress(psutil.NoSuchProcess):
                _end_tree(psutil.Process(pid))
        if self.home.exists():
            from orrery.engines import servers

            servers.stop(self.home)
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)


def checkout(system: Manifest) -> Path:
    """The checkout that a system lies in.

    Raises:
        BadInput: there is none (a wheel has no tests), or pytest is not installed.
    """
    import importlib.util

    root = system.folder.parents[2]
    if not (system.folder / "tests").is_dir() or not (root / "conftest.py").is_file():
        raise BadInput(
            f"{system.name}'s claims cannot be proved here.",
            looked=str(system.folder),
            found="no tests: the wheel does not carry them",
            fix="clone the repository and call `make prove` there",
        )
    if importlib.util.find_spec("pytest") is None:
        raise BadInput(
            f"{system.name}'s claims cannot be proved yet.",
            looked=sys.prefix,
            found="no pytest: what the tests need is not installed",
            fix="make prove",
        )
    return root


# --- one test in one tree -------------------------------------------------------------------------------------------


def run_test(system: Manifest, job: Job, place: Place) -> Outcome:
    """Run one claim's test in a fresh copy of the tree, with the sabotage in it where there is one."""
    root, tree, begun = system.folder.parents[2], place.folder / "tree", time.monotonic()
    shutil.rmtree(tree, ignore_errors=True)
    _copy(root, tree, system)
    if job.sabotage:
        path = tree / sabotages.path_of(system, job.sabotage).relative_to(root)
        changed = path.read_text(encoding="utf-8").replace(job.sabotage.old, job.sabotage.new)
        path.write_text(changed, encoding="utf-8")
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()  # it may be of the same second and size
    [file] = sabotages.tests_in(system)[job.test]
    case = f"[{job.sabotage.case}]" if job.sabotage and job.sabotage.case else ""
    node = f"{system.folder.relative_to(root).as_posix()}/{file}::{job.test}{case}"
    report = place.folder / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "pytest", "-qx", "-p", "no:cacheprovider", f"--rootdir={tree}"]
    command += ["-c", str(tree / "pyproject.toml"), f"--basetemp={place.folder / 'tmp'}", f"--junitxml={report}"]
    command += ["-o", "addopts=--import-mode=importlib", f"--timeout={SECONDS}", node]  # one process, whatever is usual
    environment = profiles.test_environment(tree / "src", place.home)
    process = subprocess.Popen(
        command,
        cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    place.running.add(process.pid)
    try:
        told, _ = process.communicate(timeout=SECONDS + 20)
    except subprocess.TimeoutExpired:
        place.clear()
        told, _ = process.communicate()
    finally:
        place.running.discard(process.pid)
    state, said = verdict(report, process.returncode, told)
    return Outcome(state, said, round(time.monotonic() - begun, 2))


def _copy(root: Path, tree: Path, system: Manifest) -> None:
    """What a test of the system needs of the checkout; real copies, so that no test can reach the originals."""
    tree.mkdir(parents=True)
    for name in ("src", "profiles", "requirements", system.folder.relative_to(root)):
        if (root / name).is_dir():
            shutil.copytree(root / name, tree / name, ignore=shutil.ignore_patterns(".*"))
    for file in ("conftest.py", "pyproject.toml"):
        if (root / file).is_file():
            shutil.copy2(root / file, tree / file)


def verdict(report: Path, exit_code: int, told: str) -> tuple[str, str]:
    """The state and the reason, from pytest's own report.

    Args:
        report: its JUnit XML; not there where pytest could not begin.
        told: what it printed.
    """
    if exit_code < 0:
        return "broken", f"the test did not end within {SECONDS} seconds, or was killed by signal {-exit_code}"
    if exit_code not in (0, 1) or not report.is_file():
        lines = told.splitlines() or ["it said nothing"]
        line = next((each for mark in ("E  ", "ERROR") for each in lines if each.startswith(mark)), lines[-1])
        return "broken", f"pytest could not run it: {' '.join(line.split())}"
    cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 (written by pytest just now)
    wrong = [each for case in cases for each in case if each.tag in ("failure", "error")]
    if not wrong:
        skipped = not cases or any(case.find("skipped") is not None for case in cases)
        return ("broken", "it was skipped") if skipped else ("passed", f"{len(cases)} passed")
    message, text = wrong[0].get("message", ""), wrong[0].text or ""
    said = " ".join(message.split())[:160]
    if wrong[0].tag == "error" and not message.startswith("failed on teardown"):
        return "broken", f"the test could not begin: {said}"
    if "from pytest-timeout" in message:
        return "broken", f"the test did not end within {SECONDS} seconds"
    if crash := _BROKEN_DOWN.search(text + message):
        line = next((each for each in (message + "\n" + text).splitlines() if crash.group().strip() in each), said)
        return "broken", f"the program breaks down: {' '.join(line.split())[:160]}"
    return "failed", said


def _end_tree(process: psutil.Process) -> None:
    """End a process with all that it started."""
    family = [*process.children(recursive=True), process]
    for each in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


# --- a whole system -------------------------------------------------------------------------------------------------


def prove(system: Manifest, wanted: Sequence[str], told: Callable[[str], None]) -> dict[str, Any]:
    """Run the tests of claims, then every sabotage of each; gives the result as data.

    Args:
        wanted: names of tests; gaps of other tests are not looked at.
        told: gets a line when a test has ended.

    Returns:
        `proved`, `seconds`, `claims` (each with its test, whether it passed, and its sabotages: killed, alive, stale
        or broken), and `findings`: why it is not proved.
    """
    checkout(system)
    begun, there = time.monotonic(), sabotages.tests_in(system)
    every = set(wanted) >= set(system.claims.values())
    findings = [said for test, said in sabotages.gaps(system) if every or test in wanted]
    runnable = [name for name in wanted if len(there.get(name, [])) == 1]
    attempts = [each for each in sabotages.read(system) if each.test in runnable]
    stale = {each: why for each in attempts if (why := sabotages.stale_because(system, each))}
    with _pool(system, told) as submit:
        tests = {name: submit(Job(name), None) for name in runnable}
        tried = {each: submit(Job(each.test, each), tests[each.test]) for each in attempts if each not in stale}
        greens = {name: future.result() for name, future in tests.items()}
        ended = {each: future.result() for each, future in tried.items()}
    ended |= {each: Outcome("stale", why, 0.0) for each, why in stale.items()}
    findings += [
        f"{name} is not green without any sabotage: {outcome.said}"
        for name, outcome in greens.items()
        if outcome.state != "passed"
    ]
    wrong = {"passed": "alive: the test stays green", "broken": "does not bite, because {}"}
    findings += [
        f"{each.test}, sabotage '{each.name}': {wrong[outcome.state].format(outcome.said)}"
        for each, outcome in ended.items()
        if outcome.state in wrong
    ]
    missing = Outcome("missing", "", 0.0)
    return {
        "system": system.slug,
        "proved": every and not findings,
        "versions": machine.versions(),
        "seconds": round(time.monotonic() - begun, 1),
        "claims": [
            {
                "claim": claim,
                "test": name,
                "state": greens.get(name, missing).state,
                "seconds": greens.get(name, missing).seconds,
                "sabotages": [_shown(each, ended[each]) for each in attempts if each.test == name],
            }
            for claim, name in system.claims.items()
            if name in wanted
        ],
        "findings": findings,
    }


def _shown(sabotage: Sabotage, outcome: Outcome) -> dict[str, Any]:
    state = {"failed": "killed", "passed": "alive"}.get(outcome.state, outcome.state)
    return {"name": sabotage.name, "state": state, "said": outcome.said, "seconds": outcome.seconds}


Submit = Callable[[Job, "Future[Outcome] | None"], "Future[Outcome]"]


@contextlib.contextmanager
def _pool(system: Manifest, told: Callable[[str], None]) -> Iterator[Submit]:
    """Runs jobs side by side, first come first served; a sabotage only where its test was green before.

    What they started is ended, and what they wrote removed.
    """
    with tempfile.TemporaryDirectory(prefix="orrery-prove-", ignore_cleanup_errors=True) as name:
        places = [Place(Path(name) / str(number)) for number in range(PROCESSES)]
        free: SimpleQueue[Place] = SimpleQueue()
        for place in places:
            place.clear()
            free.put(place)

        def one(job: Job, before: Future[Outcome] | None) -> Outcome:
            if before and before.result().state != "passed":
                return Outcome("not run", "its test is not green", 0.0)
            place = free.get()
            try:
                outcome = run_test(system, job, place)
            finally:
                free.put(place)
            word = {"passed": "alive", "failed": "killed"} if job.sabotage else {"passed": "green", "failed": "RED"}
            shown = f"{job.test}: {job.sabotage.name}" if job.sabotage else job.test
            told(f"  {word.get(outcome.state, outcome.state):7} {outcome.seconds:6.1f} s  {shown}")
            return outcome

        pool = ThreadPoolExecutor(PROCESSES)
        try:
            yield lambda job, before: pool.submit(one, job, before)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for place in places:
                place.clear()  # where all went well nothing is running any more
            pool.shutdown()
            for place in places:
                place.clear()
