"""Where bench/orbit.py measures: a folder with the answers, a warehouse of raw rows alone, and dbt's own cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orrery import catalogue, profiles
from orrery.engines import dbt

ORBIT = catalogue.find("p04_orbit")
PROJECT = ORBIT.folder / "dbt_project"
PEERS = Path(__file__).with_name("orbit_peers.py")
FILE = "p04_orbit_warehouse.duckdb"  # views keep the name of their database, which is the file's


@dataclass
class Cost:
    """Wall seconds, peak memory (MB), and the seconds that processors worked (of a busy machine the better measure)."""

    seconds: float
    peak_mb: float
    cpu_seconds: float | None = None


@dataclass
class Found:
    """What a way cost: of each run the wall seconds, those of all processors, and the peak memory (MB).

    Attributes:
        against: the way that it is compared with.
        cpu_seconds: empty for a step of a command.
    """

    what: str
    against: str
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)

    def add(self, cost: Cost) -> None:
        """One more run."""
        self.seconds.append(round(cost.seconds, 2))
        self.peak_mb.append(cost.peak_mb)
        if cost.cpu_seconds is not None:
            self.cpu_seconds.append(round(cost.cpu_seconds, 2))


@dataclass
class Ended(Cost):
    """How a command ended: what it cost, with what it started, and what it printed."""

    printed: str = ""


class Place:
    """The inputs, made once and in the page cache, and the commands."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        self.answer = folder / "answer.json"
        self._numbered(self.answer, 1, rows)
        self.cache = folder / "dbt"  # what dbt keeps of the project it has read
        self.nodes: list[dict[str, Any]] = []  # of the build that `prepare` looked at, in the order they ended

    def _numbered(self, to: Path, first: int, rows: int) -> None:
        catalogue.function(ORBIT, "scaling:numbered")(ORBIT.inputs["answers"].sample, to, first, rows)

    def prepare(self, home: Path) -> None:
        """Raw rows, as Orbit lands them, in a file of their own; the SQL of a first build; dbt's cache.

        Args:
            home: the state folder of a first run.
        """
        [results] = home.glob("runs/*/dbt/run_results.json")
        manifest = json.loads(results.with_name("manifest.json").read_text(encoding="utf-8"))
        self.nodes = json.loads(results.read_text(encoding="utf-8"))["results"]
        statements = list(self._statements(manifest["nodes"]))
        (self.folder / "build.json").write_text(json.dumps(statements), encoding="utf-8")
        raw = [f"attach '{home / 'duckdb' / FILE}' as made (read_only)", "create schema p04_orbit_raw"]
        raw += [
            f"create table p04_orbit_raw.{name} as from made.p04_orbit_raw.{name}"
            for name in ("files", "small_bodies", "close_approaches")
        ]
        (self.folder / "raw.json").write_text(json.dumps(raw), encoding="utf-8")
        (self.folder / "raw").mkdir()
        self.peer("sql", str(self.folder / "raw" / FILE), str(self.folder / "raw.json"))
        self.timed(self.dbt("parse"), self.bound(self.warehouse()))  # of another path dbt would read all anew

    def _statements(self, nodes: dict[str, Any]) -> list[str]:
        """The models as dbt compiled them, in the order in which it built them, without anything of dbt's around."""
        schemas: dict[str, None] = {}
        found = []
        for each in self.nodes:
            node = nodes.get(each["unique_id"], {})
            if node.get("resource_type") not in ("model", "seed"):
                continue
            schemas[node["schema"]] = None
            if node["resource_type"] == "seed":
                sql = f"from read_csv('{PROJECT / node['original_file_path']}')"
            else:
                sql = each["compiled_code"]
            how = "view" if node["config"]["materialized"] == "view" else "table"
            found.append(f"create {how} {node['relation_name']} as {sql}")
        return [*(f"create schema if not exists {name}" for name in schemas), *found]

    def lines(self) -> Path:
        """The same rows, a line each: what DuckDB reads fastest."""
        path = self.folder / "lines.json"
        if not path.exists():
            self.peer(
                "lines", str(self.answer), str(path)
            )  # this process stays small: who is started inherits its peak
        return path

    def added(self, number: int) -> Path:
        """An answer of so many bodies more."""
        path = self.folder / "added.json"
        self._numbered(path, self.rows + 1, number)
        return path

    def warehouse(self) -> Path:
        """A new warehouse that holds the raw rows alone."""
        shutil.rmtree(self.folder / "building", ignore_errors=True)
        shutil.copytree(self.folder / "raw", self.folder / "building")
        return self.folder / "building" / FILE

    # --- commands -------------------------------------------------------------------------------------------

    def run(self, path: Path) -> list[str]:
        """A call of `orrery run orbit`."""
        return [sys.executable, "-P", "-m", "orrery", "run", "orbit", "--json", "--data", f"answers={path}"]

    def dbt(self, *words: str) -> list[str]:
        """A call of dbt's."""
        places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(self.cache)]
        quiet = ["--log-level-file", "none", "--no-use-colors"]
        return [sys.executable, "-P", "-c", "from dbt.cli.main import cli; cli()", *words, *places, *quiet]

    def bound(self, file: Path) -> dict[str, str]:
        """What dbt's profiles.yml reads."""
        return {**dbt.QUIET, "PYTHONWARNINGS": "ignore", "DBT_TARGET": "duckdb", "DUCKDB_PATH": str(file)}

    def home(self, home: Path) -> dict[str, str]:
        """The state folder of a call of orrery."""
        return {"ORRERY_HOME": str(home)}

    def peer(self, *words: str) -> Ended:
        """A limit or a peer."""
        return self.timed([sys.executable, "-P", str(PEERS), *words], {})

    def timed(self, command: list[str], environment: dict[str, str]) -> Ended:
        """Run a command; one that fails ends the benchmark."""
        printed, told = self.folder / "printed", self.folder / "told"
        with printed.open("wb") as out, told.open("wb") as err:
            begun = time.perf_counter()
            process = subprocess.Popen(
                command, env=profiles.tool_environment(environment), cwd=self.folder, stdout=out, stderr=err
            )
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said = (told.read_text(errors="replace") + printed.read_text(errors="replace"))[-3000:]
            raise SystemExit(f"{' '.join(command)} failed: {said}")
        worked = used.ru_utime + used.ru_stime
        return Ended(seconds, used.ru_maxrss / 1024, worked, printed.read_text(encoding="utf-8"))
