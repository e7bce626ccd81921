"""Where bench/nebula.py measures: a folder and an embedded PostgreSQL of its own, a database for each history."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nebula_data
import psutil
import psycopg

from orrery import catalogue, profiles
from orrery.engines import dbt, postgres
from orrery.engines.postgres_server import Server

BATCH = "p07_nebula_batch"
MODELS = (
    "int_customers_touched", "int_customers_compared", "int_customer_changes", "dim_customer", "int_customers_moved",
)  # fmt: skip
LIMIT = Path(__file__).with_name("nebula_limit.sql")
PROJECT = {
    "dbt_project.yml": "name: snapshot\nversion: '1.0.0'\nconfig-version: 2\nprofile: snapshot\n"
    "models: {snapshot: {+materialized: table}}\n",
    "profiles.yml": """snapshot:
  target: postgres
  outputs:
    postgres:
      type: postgres
      host: "{{ env_var('PGHOST') }}"
      port: "{{ env_var('PGPORT') | as_number }}"
      user: "{{ env_var('PGUSER') }}"
      password: "{{ env_var('PGPASSWORD') }}"
      dbname: "{{ env_var('PGDATABASE') }}"
      schema: by_snapshot
      threads: 2
""",
    "snapshots/customers.yml": """snapshots:
  - name: customers_snapshot
    relation: source('shop', 'customers')
    config:
      schema: null
      unique_key: customer_id
      strategy: timestamp
      updated_at: changed_at
sources:
  - name: shop
    tables:
      - name: customers
""",
}


@dataclass
class Model:
    """A model as dbt compiles it, and what it does before it."""

    sql: str
    kind: str
    before: list[str]


@dataclass
class Cost:
    """Wall seconds, and those that processors worked, in the server too (of a busy machine the better measure)."""

    seconds: float
    cpu_seconds: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.seconds - other.seconds, self.cpu_seconds - other.cpu_seconds)


@dataclass
class Found:
    """What a way cost in each run; compared with the median of another way."""

    what: str
    against: str
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)

    def add(self, cost: Cost) -> None:
        """One more run."""
        self.seconds.append(round(cost.seconds, 2))
        self.cpu_seconds.append(round(cost.cpu_seconds, 2))


class Place:
    """A server that is up, and what is run against it; a database is at rest before anything is measured.

    Args:
        system: the folder of Nebula, or of a changed copy that is to be measured.
    """

    def __init__(self, folder: Path, server: Server, system: Path | None = None) -> None:
        self.folder, self.server = folder, server
        self.system = system or catalogue.find("p07_nebula").folder
        self.publishing = _module(self.system / "publishing.py")
        for name, text in PROJECT.items():
            path = folder / "snapshot" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection in autocommit mode."""
        at, password = self.server, postgres.password_in(self.server.passfile)
        return psycopg.connect(
            host=at.host, port=at.port, user=at.user, dbname=database, password=password, autocommit=True,
            options="-c client_min_messages=warning -c work_mem=64MB",
        )  # fmt: skip

    def environment(self, database: str) -> dict[str, str]:
        """What both profiles.yml read."""
        at = {"PGHOST": self.server.host, "PGPORT": str(self.server.port), "PGUSER": self.server.user}
        at |= {"PGDATABASE": database, "PGPASSWORD": postgres.password_in(self.server.passfile), **dbt.QUIET}
        at |= {"NEBULA_BATCH": BATCH, "PGOPTIONS": "-c nebula.run=bench", "PYTHONWARNINGS": "ignore"}
        return profiles.tool_environment(at)

    # --- databases ------------------------------------------------------------------------------------------

    def filled(self, database: str, keys: int, versions: int) -> None:
        """A database with Nebula's tables, a history that was published, and a batch of nothing."""
        with self.connect("postgres") as connection:
            connection.execute(f"create database {database}")
        with self.connect(database) as connection:
            self.scripts(connection)
            for statement in nebula_data.history(keys, versions):
                connection.execute(statement)
            self.scripts(connection)
            connection.execute("update p07_nebula_raw.builder set run_id = 'bench'")
        self.build(database)

    def scripts(self, connection: psycopg.Connection[Any]) -> None:
        """The system's own tables, constraints and indexes, where they are missing."""
        for name in ("raw.sql", "marts.sql"):
            connection.execute((self.system / "sql" / name).read_text(encoding="utf-8"))

    def by_hand(self, database: str) -> None:
        """The same dimension for the limit."""
        with self.connect(database) as connection:
            for statement in nebula_data.BY_HAND:
                connection.execute(statement)

    def shop(self, database: str) -> None:
        """The shop's own table, of which dbt takes a first snapshot."""
        with self.connect(database) as connection:
            for statement in nebula_data.OWN:
                connection.execute(statement)
        self.snapshot(database)

    def drop(self, database: str) -> None:
        """Make room."""
        with self.connect("postgres") as connection:
            connection.execute(f"drop database {database} with (force)")

    def rest(self, database: str, *statements: str) -> None:
        """Run statements that are not measured, then see that the database is as autovacuum leaves it."""
        with self.connect(database) as connection:
            for statement in (*statements, "vacuum analyze", "checkpoint"):
                connection.execute(statement)

    # --- ways -----------------------------------------------------------------------------------------------

    @contextmanager
    def measured(self) -> Iterator[Cost]:
        """What happens inside, with what the server and ended children of this process work for it."""
        cost = Cost(0.0, 0.0)
        worked, begun = self._worked(), time.perf_counter()
        yield cost
        cost.seconds = time.perf_counter() - begun
        cost.cpu_seconds = self._worked() - worked

    def _worked(self) -> float:
        """Seconds of processors so far: this process and its ended children, the server and all that it has started."""
        main = psutil.Process(self.server.pid)
        while True:
            before = main.cpu_times()[:4]  # with those of its children that have ended
            try:
                living = sum(sum(child.cpu_times()[:2]) for child in main.children())
            except psutil.NoSuchProcess:
                continue
            if main.cpu_times()[2:4] == before[2:]:  # else one has ended meanwhile
                return sum(os.times()[:4]) + sum(before) + living

    def dbt(self, database: str, *words: str, project: Path | None = None) -> Cost:
        """A dbt command as a process; one that fails ends the benchmark."""
        at = project or self.system / "dbt_project"
        target = str(self.folder / f"target-{at.name}")
        places = ["--project-dir", str(at), "--profiles-dir", str(at), "--target-path", target, "--log-path", target]
        command = [sys.executable, "-P", "-c", "from dbt.cli.main import cli; cli()", *words, *places]
        command += ["--log-level-file", "none", "--no-use-colors"]
        with self.measured() as cost:
            done = subprocess.run(
                command, env=self.environment(database), cwd=self.folder, capture_output=True, text=True, check=False
            )
        if done.returncode:
            raise SystemExit(f"dbt {' '.join(words)} failed: {(done.stdout + done.stderr)[-3000:]}")
        return cost

    def build(self, database: str, *words: str) -> Cost:
        """`dbt build` as a run calls it: all models with their tests, unless others are selected."""
        return self.dbt(database, "build", "--exclude-resource-type", "snapshot", *words)

    def models(self, database: str) -> Cost:
        """`dbt build` of what customers need, without tests."""
        untested = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        return self.build(database, *untested, "--select", *MODELS)

    def snapshot(self, database: str, *words: str) -> Cost:
        """`dbt snapshot` of the shop's own table."""
        return self.dbt(database, "snapshot", *words, project=self.folder / "snapshot")

    def compiled(self, database: str) -> dict[str, Model]:
        """The customers' models as dbt compiles them for what is pending."""
        self.dbt(database, "compile", "--select", *MODELS)
        text = (self.folder / "target-dbt_project" / "manifest.json").read_text(encoding="utf-8")
        nodes = json.loads(text)["nodes"]
        return {
            name: Model(
                node["compiled_code"],
                "unlogged" if node["config"].get("unlogged") else "",
                [hook["sql"] for hook in node["config"]["pre-hook"] if "{{" not in hook["sql"]],
            )
            for name, node in ((name, nodes[f"model.p07_nebula.{name}"]) for name in MODELS)
            if node["config"]["materialized"] == "table"
        }

    def straight(self, database: str, models: dict[str, Model]) -> tuple[Cost, dict[str, float]]:
        """These models as SQL, with what dbt does around them; also the seconds of each."""
        found = {}
        with self.connect(database) as connection, self.measured() as cost:
            for name, model in models.items():
                begun = time.perf_counter()
                with connection.transaction():
                    for hook in model.before:
                        connection.execute(hook)
                    connection.execute(f"create {model.kind} table {BATCH}.made as {model.sql}")
                    connection.execute(f"drop table {BATCH}.{name} cascade")
                    connection.execute(f"alter table {BATCH}.made rename to {name}")
                    connection.execute(f"analyze {BATCH}.{name}")
                found[name] = round(time.perf_counter() - begun, 2)
        return cost, found

    def publish(self, database: str) -> Cost:
        """The transaction that publishes the batch, in all tables."""
        columns: dict[str, list[str]] = {}
        with self.connect(database) as connection:
            for table, name in connection.execute(nebula_data.TABLES_AND_COLUMNS):
                columns.setdefault(table, []).append(name)
            with self.measured() as cost, connection.transaction():
                self.publishing.publish(connection, columns, 2)
        return cost

    def limit(self, database: str) -> Cost:
        """The merge by hand, into a table with the same indexes and constraints."""
        sql = LIMIT.read_text(encoding="utf-8")
        with self.connect(database) as connection, self.measured() as cost, connection.transaction():
            connection.execute(sql)
        return cost


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("nebula_publishing", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
