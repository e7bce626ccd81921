"""p02 Comet beside its limit and beside what one would write with pandas: whole commands, interleaved, medians.

    make bench SYSTEM=comet                       one million planets, three runs of each way
    .venv/bin/python bench/comet.py --planets 20000 --only limit,run,queries

The limit is psql over sql/load.sql, on files that are unpacked already: the same SQL without anything around it. Every
load starts with an empty database, a server that is up and its input in the page cache, and is timed from outside, as
a process; the steps of `orrery run` are what its summary says. What is measured on a star that is there already finds
it vacuumed and analyzed, as autovacuum leaves it. (`orrery bench comet` measures Comet alone, at several sizes.)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import comet_queries
import psutil
from comet_place import Found, Place

from orrery.engines import postgres_server

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("limit", "script", "run", "full", "increment", "queries", "peer")
CORRECTED = 1_000  # planets of an increment
ROW = re.compile(rb"<(?:system|star|binary|planet)>")
PEER_PLANETS = 100_000  # at most: a row at a time, pandas would take the rest of the day


def main() -> None:
    """Measure the parts that are asked for, and keep what was found."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--planets", type=int, default=1_000_000)
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    given = asked.parse_args()
    parts = given.only.split(",")
    if not set(parts) <= set(PARTS) or given.planets < 1 or not 1 <= given.runs <= 28:
        asked.error(f"--only takes {', '.join(PARTS)}; --planets at least 1; --runs from 1 to 28")
    load_before = round(psutil.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory(prefix="orrery-bench-") as name:
        folder = Path(name)
        try:
            place = Place(folder, postgres_server.start(folder / ".orrery"))
            bench = Bench(place, given.planets, given.runs)
            if {"limit", "script", "run"} & set(parts):
                bench.loads([part for part in ("limit", "script", "run") if part in parts])
            for part in ("full", "queries", "increment", "peer"):  # the increment changes what the others find
                if part in parts:
                    getattr(bench, part)()
            delivered = place.catalogue(given.planets)
            megabytes = round(delivered.stat().st_size / 1e6)
            with delivered.open("rb") as lines:
                rows = sum(len(ROW.findall(b"".join(some))) for some in iter(lambda: lines.readlines(1 << 20), []))
        finally:
            postgres_server.stop(folder / ".orrery")
    results = {
        "planets": given.planets,
        "rows": rows,
        "megabytes": megabytes,
        "runs": given.runs,
        "host": {
            "cpus": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / (1 << 30)),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "postgres": place.server.version,
            "load_before": load_before,
        },
        "ways": {way: told(found, bench.found.get(found.against)) for way, found in bench.found.items()},
        "queries": bench.answers,
    }
    out = ROOT / "bench" / "results" / f"comet-{given.planets}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(table(results) + f"kept in {out.relative_to(ROOT)}\n")


class Bench:
    """What is measured, part by part."""

    def __init__(self, place: Place, planets: int, runs: int) -> None:
        self.place, self.planets, self.runs = place, planets, runs
        self.found: dict[str, Found] = {}
        self.answers: dict[str, dict[str, float]] = {}

    def way(self, name: str, what: str, against: str = "limit", planets: int | None = None) -> Found:
        """A line of the result."""
        return self.found.setdefault(name, Found(what, against, planets or self.planets))

    def loads(self, ways: list[str]) -> None:
        """The whole catalogue into an empty database: SQL alone, the script, `orrery run`."""
        path = self.place.catalogue(self.planets)
        landing = self.place.folder if ways == ["run"] else self.place.landing(self.planets)
        commands: dict[str, tuple[str, Callable[[], list[str]]]] = {
            "limit": ("psql over sql/load.sql, files unpacked before (the limit)", self.place.straight),
            "script": (
                "jobs/load.sh --landed, files unpacked before",
                lambda: self.place.script("--landed", str(landing)),
            ),
            "run": ("orrery run comet, from the XML: the whole command", lambda: self.place.run(path)),
        }
        databases = {"limit": "by_psql", "script": "by_script", "run": "star"}
        for number in range(self.runs):
            for way in ways:
                what, command = commands[way]
                database = databases[way]
                self.place.empty(database)
                ended = self.place.timed(command(), database, landing)
                self.way(way, what).add(ended.seconds, ended.peak_mb)
                if way == "run":
                    self.place.holds["star"] = self.planets
                    self.way("run_unpack", "orrery run comet: its step unpack (jobs/unpack.py)").add(
                        *ended.step("unpack")
                    )
                    self.way("run_load", "orrery run comet: its step load (jobs/load.sh)").add(*ended.step("load"))
                self.say(number, way)
        counts = {way: self.facts(databases[way]) for way in ways}
        if len(set(counts.values())) != 1 or not all(counts.values()):
            raise SystemExit(f"the ways do not load the same: {counts} facts")
        for way in {"limit", "script"} & set(ways):
            self.place.sql("postgres", f"drop database {databases[way]}")

    def full(self) -> None:
        """The whole star derived again where nothing has changed: SQL alone, and `orrery run`."""
        self.place.filled("star", self.planets)
        path, nothing = self.place.catalogue(self.planets), self.place.landing(None)
        # the run has said with which tables the database was made; psql must say the same, or it makes them again
        [(tables,)] = self.place.sql("star", "select obj_description(to_regnamespace('p02_comet'), 'pg_namespace')")
        for number in range(self.runs):
            ended = self.place.timed([*self.place.straight(full=True), "-v", f"tables={tables}"], "star", nothing)
            expect(ended.printed, "outcome nothing_new")
            self.way("full_limit", "psql -v full=true over load.sql, nothing changes", "full_limit").add(
                ended.seconds, ended.peak_mb
            )
            self.say(number, "full_limit")
            ended = self.place.timed(self.place.run(path, "full"), "star")
            expect(ended.printed, '"nothing_new": true')
            self.way("full", "orrery run comet --set mode=full, nothing changes: the whole command", "full_limit").add(
                ended.seconds, ended.peak_mb
            )
            self.way("full_load", "orrery run comet --set mode=full: its step load", "full_limit").add(
                *ended.step("load")
            )
            self.say(number, "full_load")

    def increment(self) -> None:
        """A few corrected planets into a small star and into a large one: the cost is theirs, not the star's."""
        stars = {"small": max(1, self.planets // 10), "star": self.planets}
        for database, size in stars.items():
            self.place.filled(database, size)
        for number in range(self.runs):
            for database, size in stars.items():
                path = self.place.corrected(min(CORRECTED, size), size, number + 1)
                ended = self.place.timed(self.place.run(path), database)
                what = f"{min(CORRECTED, size):,} corrected planets into a star of {size:,}"
                self.way(f"increment_{database}", f"{what}: step load", "increment_small", size).add(
                    *ended.step("load")
                )
                self.way(f"increment_{database}_run", f"{what}: the whole command", "increment_small_run", size).add(
                    ended.seconds, ended.peak_mb
                )
                self.say(number, f"increment_{database}")
        self.place.holds.pop("star")
        self.place.holds.pop("small")

    def peer(self) -> None:
        """The star alone, as one would write it with pandas, against `orrery run` at the same size."""
        planets = min(self.planets, PEER_PLANETS)
        path = self.place.catalogue(planets)
        script = [sys.executable, str(ROOT / "bench" / "comet_peers.py")]
        commands = {
            "peer_run": (f"orrery run comet, {planets:,} planets", self.place.run(path)),
            "peer_copy": ("pandas, to_sql by COPY: the star alone", [*script, "copy", str(path)]),
            "peer_to_sql": ("pandas, to_sql as it is: the star alone", [*script, "to_sql", str(path)]),
        }
        for number in range(self.runs):
            for way, (what, command) in commands.items():
                self.place.empty("peer")
                ended = self.place.timed(command, "peer")
                self.way(way, what, "peer_run", planets).add(ended.seconds, ended.peak_mb)
                self.say(number, way)

    def queries(self) -> None:
        """What the star answers, and how fast."""
        self.place.filled("star", self.planets)
        self.answers = comet_queries.measure(self.place)

    def facts(self, database: str) -> int:
        """How many facts are there."""
        [(rows,)] = self.place.sql(database, "select count(*) from p02_comet.fct_discovery")
        return int(rows)

    def say(self, number: int, way: str) -> None:
        """A line for who waits."""
        found = self.found[way]
        sys.stderr.write(
            f"run {number + 1} of {self.runs}: {way:16} {found.seconds[-1]:8.2f} s  {found.peak_mb[-1]:6,.0f} MB\n"
        )


def expect(printed: str, words: str) -> None:
    """A measurement of something else than was meant ends the benchmark."""
    if words not in printed:
        raise SystemExit(f"expected {words!r} in what was printed:\n{printed[-2000:]}")


def told(found: Found, against: Found | None) -> dict[str, object]:
    """A way as the result has it."""
    median = statistics.median(found.seconds)
    return {
        "what": found.what,
        "planets": found.planets,
        "seconds": sorted(found.seconds),
        "median": round(median, 2),
        "against": found.against,
        "ratio": round(median / statistics.median(against.seconds), 2) if against else None,
        "peak_mb": round(max(found.peak_mb)),
    }


def table(results: dict) -> str:
    """What was found, to be read."""
    lines = ["", f"{results['planets']:,} planets, {results['rows']:,} rows; median of {results['runs']}", ""]
    lines.append(f"{'way':20} {'seconds':>8} {'ratio':>6}  {'to':20} {'peak MB':>8}  {'planets':>9}")
    for way, each in results["ways"].items():
        ratio = "" if each["ratio"] is None else f"{each['ratio']:.2f}"
        measured = f"{each['median']:8.2f} {ratio:>6}  {each['against']:20} {each['peak_mb']:8,}"
        lines.append(f"{way:20} {measured}  {each['planets']:9,}")
    if results["queries"]:
        lines += ["", f"{'query':24} {'rows':>9} {'ms':>10} {'without indexes':>16} {'ratio':>7}"]
    for name, each in results["queries"].items():
        lines.append(
            f"{name:24} {each['rows']:9,} {each['ms']:10,.2f} {each['ms_without']:16,.2f} {each['ratio']:7.2f}"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
