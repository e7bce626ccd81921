"""Where bench/comet.py measures: a folder and an embedded PostgreSQL of its own, a database for each way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from orrery import catalogue
from orrery.engines import postgres, postgres_server
from orrery.engines.postgres_server import Server

COMET = catalogue.find("p02_comet")
LOAD, SQL = COMET.folder / "jobs" / "load.sh", COMET.folder / "sql"
KINDS = ("files", "systems", "hosts", "planets", "refused")


@dataclass
class Found:
    """What a way cost: wall seconds and peak memory (MB) of each run; compared with another way's median."""

    what: str
    against: str
    planets: int
    seconds: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)

    def add(self, seconds: float, peak_mb: float) -> None:
        """One more run."""
        self.seconds.append(round(seconds, 3))
        self.peak_mb.append(peak_mb)


@dataclass
class Ended:
    """How a command ended: what it printed, what it took."""

    seconds: float
    peak_mb: float
    printed: str

    def step(self, name: str) -> tuple[float, float]:
        """Seconds and peak memory of a step of `orrery run --json`."""
        [step] = [each for each in json.loads(self.printed)["steps"] if each["name"] == name]
        return step["seconds"], step["peak_mb"]


class Place:
    """A server that is up, and what is run against it. Files lie in `folder`, and are in the page cache."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server
        self.holds: dict[str, int] = {}  # databases that hold a whole catalogue, with its planets

    # --- inputs ---------------------------------------------------------------------------------------------

    def catalogue(self, planets: int) -> Path:
        """The catalogue of so many planets, made once."""
        path = self.folder / f"catalogue-{planets}.xml"
        if not path.exists():
            catalogue.function(COMET, "scaling:with_planets")(COMET.inputs["catalogue"].sample, path, planets)
        return path

    def corrected(self, planets: int, of: int, edition: int) -> Path:
        """A catalogue that corrects so many planets of the large one."""
        path = self.folder / f"corrected-{of}-{edition}.xml"
        sample = COMET.inputs["catalogue"].sample
        catalogue.function(COMET, "scaling:corrected")(sample, path, planets, of, edition)
        return path

    def landing(self, planets: int | None) -> Path:
        """A catalogue unpacked by the script, with what load.sql reads beside it; None: nothing was delivered."""
        into = self.folder / f"landing-{planets}"
        if not into.exists():
            into.mkdir()
            if planets is None:
                for kind in KINDS:
                    (into / f"{kind}.tsv").touch()
            else:
                self.empty("unpacking")
                self.timed(self.script("--unpack", str(into), str(self.catalogue(planets))), "unpacking")
            shutil.copy(COMET.folder / "data" / "surveys.csv", into)
        return into

    # --- commands -------------------------------------------------------------------------------------------

    def script(self, *arguments: str) -> list[str]:
        """A call of jobs/load.sh."""
        return ["bash", str(LOAD), *arguments]

    def run(self, path: Path, mode: str = "incremental") -> list[str]:
        """A call of `orrery run comet`."""
        command = [sys.executable, "-P", "-m", "orrery", "run", "comet", "--profile", "services", "--json"]
        return [*command, "--data", f"catalogue={path}", "--set", f"mode={mode}"]

    def straight(self, full: bool = False) -> list[str]:
        """What jobs/load.sh has psql do, without the script around it; the working folder is a landing."""
        values = {"lock": "1", "full": str(full).lower(), "run_id": "bench", "token": f"bench-{time.time_ns()}"}
        values |= {
            "merge_batch": str(SQL / "merge_batch.sql"),
            "loaded_at": "",
            "tables": "bench",
            "wait": "0",
            "refused_limit": "0.5",
            "ON_ERROR_STOP": "1",
        }
        given = [word for name, value in values.items() for word in ("-v", f"{name}={value}")]
        return [str(postgres_server.bin_folder() / "psql"), "-XqAt", "-F", "\t", *given, "-f", str(SQL / "load.sql")]

    def timed(self, command: list[str], database: str, cwd: Path | None = None) -> Ended:
        """Run a command against a database; a way that fails ends the benchmark."""
        printed, told = self.folder / "printed", self.folder / "told"
        with printed.open("wb") as out, told.open("wb") as err:
            begun = time.perf_counter()
            process = subprocess.Popen(
                command, env=self.environment(database), cwd=cwd or self.folder, stdout=out, stderr=err
            )
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed: {told.read_text(errors='replace')[-2000:]}")
        return Ended(seconds, used.ru_maxrss / 1024, printed.read_text(encoding="utf-8"))

    def environment(self, database: str) -> dict[str, str]:
        """The environment of every way: libpq's variables, and this state folder."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        at = {"PGHOST": self.server.host, "PGPORT": str(self.server.port), "PGUSER": self.server.user}
        at |= {"PGDATABASE": database, "PGPASSWORD": postgres.password_in(self.server.passfile)}
        own = {"ORRERY_HOME": str(self.folder / ".orrery"), "PYTHON": sys.executable, "COMET_LOG": "-"}
        psql = str(postgres_server.bin_folder() / "psql")
        return {**kept, **at, **own, "COMET_STATE": str(self.folder / "state"), "PSQL": psql}

    # --- databases ------------------------------------------------------------------------------------------

    @contextmanager
    def connected(self, database: str) -> Iterator[psycopg.Connection[Any]]:
        """A connection in autocommit mode."""
        at, password = self.server, postgres.password_in(self.server.passfile)
        where = {"host": at.host, "port": at.port, "user": at.user, "dbname": database, "password": password}
        with psycopg.connect(**where, autocommit=True) as connection:  # type: ignore[arg-type]
            yield connection

    def sql(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements of this file's own; gives the rows of the last, if it has any."""
        with self.connected(database) as connection:
            for statement in statements[:-1]:
                connection.execute(statement)  # type: ignore[call-overload]
            last = connection.execute(statements[-1])  # type: ignore[call-overload]
            return last.fetchall() if last.description else []

    def empty(self, database: str, template: str = "template1") -> None:
        """Make a database again: empty, or a copy of another one. What was written before is on the disk."""
        self.holds.pop(database, None)
        self.sql("postgres", f"drop database if exists {database} with (force)")
        self.sql("postgres", f"create database {database} template {template}", "checkpoint")

    def filled(self, database: str, planets: int) -> None:
        """See that a database holds the catalogue of so many planets, and is at rest, as after autovacuum."""
        if self.holds.get(database) != planets:
            self.empty(database)
            self.timed(self.run(self.catalogue(planets)), database)
            self.holds[database] = planets
        self.sql(database, "vacuum analyze", "checkpoint")
