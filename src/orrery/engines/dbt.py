"""dbt, as it is: its own command on an ordinary project, followed by its own events; its artefacts kept with the run.

Nothing of a project is generated or rewritten. What it is to be bound to is in environment variables that its
`profiles.yml` reads, so that `cd dbt_project && dbt build` does the same by hand (`orrery env` prints them).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery import processes, profiles
from orrery.errors import BadInput, DependencyDown, GateClosed, OrreryError, OutOfSpace, parsed
from orrery.faults import faultpoint
from orrery.run import Run

if TYPE_CHECKING:
    from orrery.looks import Session

INSTALL = 'in a checkout `make run SYSTEM=…`; elsewhere `uv pip install "orrery-data[dbt]"`'
ARTEFACTS = ("manifest.json", "run_results.json", "catalog.json", "sources.json")
DOCS = "static_index.html"
COLUMNS = "columns.json"  # ours, beside dbt's own: which source columns each column is made from
# it asks nobody for a newer version, and tells nobody that it runs
QUIET = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false"}
_ENDED = {"LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult"}
_TESTS = {"test", "unit_test"}
_GOOD = {"success", "pass", "warn", "skipped", "no-op", "reused"}
# columns that are not as the contract says (dbt), a value that its constraints forbid (DuckDB, Snowflake, BigQuery)
_BROKEN_CONTRACT = (
    "this model has an enforced contract that failed", "constraint failed", "null result in a non-nullable column",
    "cannot be null",
)  # fmt: skip
SHOWN = 5  # rows of a failing test


@dataclass
class Node:
    """What became of a node of the project.

    Attributes:
        unique_id: dbt's own; a name may be there twice, as a unit test's of two models.
        kind: model, seed, snapshot, test, unit_test.
        how: a model's materialisation.
        status: as dbt says it: success, error, pass, fail, warn, skipped.
        failures: rows that a test found.
    """

    unique_id: str
    name: str
    kind: str
    how: str
    status: str
    seconds: float
    failures: int = 0
    message: str = ""
    relation: str = ""
    rows: int | None = None
    compiled: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it does not stop a build."""
        return self.status in _GOOD


@dataclass
class Ended:
    """How a command of dbt's ended: its own exit code, and its nodes in the order in which they ended."""

    command: list[str]
    exit_code: int
    nodes: list[Node] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    peak_mb: float = 0.0
    place: dict[str, int] = field(default_factory=dict)  # in the graph, by unique_id: the same whatever the threads did

    def of(self, *kinds: str) -> list[Node]:
        """Its nodes of these kinds, parents before their children."""
        found = [node for node in self.nodes if node.kind in kinds]
        return sorted(found, key=lambda node: self.place.get(node.unique_id, len(self.place)))


class Project:
    """A dbt project, bound to where a run writes.

    Args:
        folder: with dbt_project.yml and profiles.yml.
        environment: what profiles.yml reads.
    """

    def __init__(self, run: Run, folder: Path, environment: Mapping[str, str]) -> None:
        if not is_installed():
            raise BadInput(
                "This system needs dbt.", looked="this Python environment", found="no module dbt.cli", fix=INSTALL
            )
        self.run, self.folder = run, folder
        self.environment = profiles.tool_environment({**QUIET, "PYTHONWARNINGS": "ignore", **environment})
        self.target = run.request.home / "cache" / "dbt" / run.system.slug  # dbt's own cache of the parsed project
        self.target.mkdir(parents=True, exist_ok=True)
        where = self.target / "project_dir"
        if not where.exists() or where.read_bytes() != str(folder).encode():
            # the cache has where a seed's file was, and dbt would go on to read it there
            (self.target / "partial_parse.msgpack").unlink(missing_ok=True)
            where.write_bytes(str(folder).encode())

    def build(self, step: str, *arguments: str) -> Ended:
        """`dbt build`: seeds, models and tests in the order of the graph; what it left is kept, however it ended.

        Raises:
            GateClosed: a test found rows, or a model is not as its contract says. BadInput: dbt cannot read or run it.
        """
        (self.target / "run_results.json").unlink(missing_ok=True)
        ended = self.call(step, "build", *arguments)
        self._results(ended)
        self.keep("manifest.json", "run_results.json")
        return ended

    def docs(self, step: str) -> Ended:
        """`dbt docs generate --static`: the catalogue of what is there, and all documentation as one page."""
        return self.call(step, "docs", "generate", "--static", "--no-compile")

    def call(self, step: str, *arguments: str) -> Ended:
        """Any command of dbt's, followed by its events; kept are its exit code and what it said."""
        ended = Ended([*arguments], 0)
        listening = _Listener(self.run, step, ended)
        command = [sys.executable, "-P", "-c", "from dbt.cli.main import cli; cli()", *arguments, *self._places()]
        done = processes.follow(
            command, self.environment, told=listening.told, printed=listening.printed, folder=self.run.work()
        )
        ended.exit_code, ended.peak_mb = done.code, done.peak_mb
        if done.code < 0 or (done.code and not ended.nodes):
            raise self._unread(ended, done.code)
        return ended

    def _places(self) -> list[str]:
        folder = str(self.folder)
        places = ["--project-dir", folder, "--profiles-dir", folder, "--target-path", str(self.target)]
        quiet = ["--log-format", "json", "--log-level", "info", "--log-level-file", "none", "--no-use-colors"]
        return [*places, "--log-path", str(self.target), *quiet]

    def shown(self, *arguments: str) -> str:
        """A command of dbt's as somebody would type it; it works on what is published."""
        name = self.run.system.name.lower()
        return f'eval "$(orrery env {name})" && {shlex.join(["dbt", *arguments])}'

    def artefact(self, name: str) -> dict[str, Any]:
        """One of its artefacts, of the last command; empty where there is none."""
        path = self.target / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def keep(self, *names: str) -> Path:
        """Copy artefacts to the run's own folder; gives that.

        Args:
            names: which; by itself all that there are.
        """
        kept = self.run.results / "dbt"
        kept.mkdir(exist_ok=True)
        for name in names or (*ARTEFACTS, COLUMNS, DOCS):
            if (self.target / name).exists():
                shutil.copyfile(self.target / name, kept / name)
        return kept

    def was_done(self, what: str, of: str) -> bool:
        """Whether `done` was called for the same: what takes long and depends on the project alone is done once.

        Args:
            what: its name, as `unit tests`.
            of: the hash of all that it depends on, beside dbt and the target.
        """
        path = self.target / f"{what}.done"
        return path.exists() and path.read_bytes() == self._done(of)

    def done(self, what: str, of: str) -> None:
        """Remember that something was done."""
        (self.target / f"{what}.done").write_bytes(self._done(of))

    def undone(self, what: str) -> None:
        """Forget it: what `done` spoke of is about to be made again."""
        (self.target / f"{what}.done").unlink(missing_ok=True)

    def _done(self, of: str) -> bytes:
        parts = ("dbt-core", "dbt-duckdb", "duckdb", "dbt-snowflake")
        versions = [f"{each} {importlib.metadata.version(each)}" for each in parts if _is_there(each)]
        return "\n".join([of, f"profile {self.run.request.profile.name}", *versions, ""]).encode()

    def _results(self, ended: Ended) -> None:
        """What `run_results.json` knows beside the events: failures, messages, the compiled SQL."""
        known = {each["unique_id"]: each for each in self.artefact("run_results.json").get("results", [])}
        for node in ended.nodes:
            found = known.get(node.unique_id, {})
            node.failures = found.get("failures") or 0
            node.message = (found.get("message") or "").strip()
            node.compiled = found.get("compiled_code") or ""
        parents = self.artefact("manifest.json").get("parent_map", {})
        graph = TopologicalSorter({node: sorted(parents[node]) for node in sorted(parents)})
        ended.place = {node: place for place, node in enumerate(graph.static_order())}

    def refusal(self, ended: Ended, rows_of: Mapping[str, Sequence[str]]) -> OrreryError | None:
        """The error for a build that did not end well; None for one that did.

        Args:
            rows_of: what failing tests found, a line each, by the test's name.
        """
        wrong = [node for node in ended.nodes if not node.is_good]
        if not wrong:
            return self._broken_off(ended) if ended.exit_code else None
        first = wrong[0]
        lines = "; ".join(rows_of.get(first.name, ())[:SHOWN])
        others = f" ({len(wrong) - 1} more did not pass)" if len(wrong) > 1 else ""
        looked = f"{self.folder.name}, {first.kind} {first.name}"
        again = self.shown("build", "--select", first.name)
        if first.status == "fail":
            found = f"{first.failures:,} rows{': ' + lines if lines else ''}" if first.kind == "test" else first.message
            asked = f"dbt's {first.kind.replace('_', ' ')} {first.name} says no{others}: nothing was published."
            fix = f"mend the data or the rule, and run again (what is published, by hand: {again})"
            return GateClosed(asked, looked=looked, found=found[:600], fix=fix)
        text = " ".join(first.message.split())
        if any(broken in text.lower() for broken in _BROKEN_CONTRACT):
            return GateClosed(
                f"The model {first.name} is not what its contract says{others}: nothing was published.",
                looked=looked,
                found=text[:600],
                fix=f"mend the model, or its contract with whoever reads it; {again}",
            )
        kind = OutOfSpace if "Out of Memory" in text or "No space left" in text else BadInput
        asked = f"dbt could not build {first.name}{others}: nothing was published."
        return kind(asked, looked=looked, found=text[:600], fix=again)

    def _broken_off(self, ended: Ended) -> OrreryError:
        """A bad end without a bad node: a hook, an interrupt, no memory. Some nodes may not have begun."""
        return DependencyDown(
            f"dbt ended with exit code {ended.exit_code} before it was through: nothing was published.",
            looked=str(self.folder),
            found=" ".join(" ".join(ended.said[-3:]).split())[:600] or "not a word about why",
            fix=self.shown(*ended.command),
        )

    def _unread(self, ended: Ended, code: int) -> OrreryError:
        if code < 0:
            return parsed(ended.said, code, ["dbt", *ended.command])
        return BadInput(
            "dbt could not read the project.",
            looked=str(self.folder),
            found=" ".join(" ".join(ended.said[-3:]).split())[:600] or f"exit code {code}",
            fix=self.shown(*ended.command),
        )


class _Listener:
    """Takes dbt's events as they come: a line a model for who looks on, all of them for the run's record."""

    def __init__(self, run: Run, step: str, ended: Ended) -> None:
        self.run, self.step, self.ended = run, step, ended

    def told(self, line: str) -> None:
        """What comes beside the events."""
        if line.strip():
            self.ended.said.append(line)
            self.run.event("tool", step=self.step, line=line)

    def printed(self, line: str) -> None:
        """An event of dbt's, as JSON."""
        try:
            event = json.loads(line)
            name, said = event["info"]["name"], event["data"]
        except (ValueError, KeyError, TypeError):
            self.told(line)
            return
        if event["info"]["level"] == "error":
            self.ended.said.append(event["info"]["msg"])
            self.run.event("tool", step=self.step, line=event["info"]["msg"])
        if name == "LogStartLine":
            self.run.reporter.step_reached(self.step, said["node_info"]["node_name"])
        elif name in _ENDED:
            self._ended(said)

    def _ended(self, said: Mapping[str, Any]) -> None:
        about = said["node_info"]
        node = Node(
            about["unique_id"],
            about["node_name"],
            about["resource_type"],
            about["materialized"],
            said["status"] if about["resource_type"] in _TESTS else about["node_status"],
            round(float(said["execution_time"]), 3),
            relation=about["node_relation"]["relation_name"] or "",
        )
        self.ended.nodes.append(node)
        self.run.event("dbt", step=self.step, node=node.name, of=node.kind, status=node.status, seconds=node.seconds)
        if node.kind not in _TESTS:
            faultpoint("model.done")


def count(session: Session, ended: Ended) -> None:
    """How many rows each table has that was built; views are not asked."""
    for node in ended.of("model", "seed", "snapshot"):
        if node.status == "success" and node.relation and node.how not in ("view", "ephemeral"):
            [(rows,)] = session.query(f"select count(*) from {node.relation}")[1]
            node.rows = int(rows)


def outline(ended: Ended) -> dict[str, Any]:
    """What a run's record keeps of a build: its models, its tests by how they ended, and those that warn."""
    tests = ended.of("test", "unit_test")
    return {
        "models": [
            {"name": each.name, "how": each.how, "status": each.status, "seconds": each.seconds, "rows": each.rows}
            for each in ended.of("seed", "snapshot", "model")
        ],
        "tests": dict(Counter(each.status for each in tests)),
        "warnings": {each.name: each.failures for each in tests if each.status == "warn"},
    }


def tell(run: Run, ended: Ended) -> None:
    """A line a model, and one for all tests, for who looks on."""
    for node in ended.of("seed", "snapshot", "model"):
        rows = f"{node.rows:>12,} rows" if node.rows is not None else " " * 17
        run.reporter.detail(f"{node.name:34} {node.how:12} {rows} {node.seconds:8.2f} s")
    tests = Counter(node.status for node in ended.of("test", "unit_test"))
    run.reporter.detail("tests: " + ", ".join(f"{number} {status}" for status, number in tests.most_common()))
    for node in ended.of("test", "unit_test"):
        if node.status == "warn":
            run.reporter.detail(f"warning: {node.name}: {node.failures:,} rows")


def _is_there(distribution: str) -> bool:
    return any(importlib.metadata.distributions(name=distribution))


def is_installed() -> bool:
    """Whether there is a dbt in this environment."""
    return importlib.util.find_spec("dbt") is not None and importlib.util.find_spec("dbt.cli") is not None


def by_hand(folder: Path, home: Path) -> dict[str, str]:
    """What makes `dbt build` work in any folder of a shell: the project, no talk with strangers, the program.

    Args:
        home: the state folder, for what dbt writes; the project may be one that nobody may write to.
    """
    written = str((home / "cache" / "dbt" / "by_hand").absolute())
    found = {"DBT_PROJECT_DIR": str(folder), "DBT_PROFILES_DIR": str(folder), **QUIET}
    found |= {"DBT_TARGET_PATH": written, "DBT_LOG_PATH": written}
    program = Path(sys.executable).with_name("dbt")
    if shutil.which("dbt") is None and program.exists():
        found["PATH"] = f"{program.parent}:{profiles.tool_environment()['PATH']}"
    return found


def fingerprint(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a project that can change what it builds, by its path in it."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in inside.parts)
        if is_hidden or {"target", "logs", "dbt_packages"} & set(inside.parts):
            continue
        if path.is_file() and path.suffix in (".sql", ".yml", ".yaml", ".csv", ".py"):
            yield inside.as_posix(), path.read_bytes()
