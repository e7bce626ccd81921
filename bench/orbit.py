"""p04 Orbit beside its limits and beside what one would write with pandas: whole commands, interleaved, medians.

    make bench SYSTEM=orbit                       one million bodies, three runs of each way
    .venv/bin/python bench/orbit.py --rows 100000 --only limit,run,pandas

The limit is the SQL that dbt compiled, straight on DuckDB, over the same raw rows: neither dbt nor a test nor a line of
Orbit's around it. dbt finds its cache of the read project, as on every day but the first; `orrery run` starts with an
empty state folder, so it reads the project anew and writes its documentation. Inputs are in the page cache; each way is
timed from outside, as a process, and the steps of `orrery run` are what its summary says. (`orrery bench orbit`
measures Orbit alone, at several sizes.)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
from orbit_place import FILE, Cost, Found, Place

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("limit", "start", "build", "landing", "run", "added", "pandas")
ADDED = 1_000  # bodies of a second run
STEPS = ("land", "copy", "build", "document")


def main() -> None:
    """Measure the parts that are asked for, and keep what was found."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    given = asked.parse_args()
    parts = given.only.split(",")
    if not set(parts) <= set(PARTS) or given.rows < 1 or given.runs < 1:
        asked.error(f"--only takes {', '.join(PARTS)}; --rows and --runs at least 1")
    if "added" in parts and "run" not in parts:
        asked.error("--only added needs run: it adds to what that has loaded")
    load_before = round(psutil.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory(prefix="orrery-bench-") as name:
        place = Place(Path(name), given.rows)
        bench = Bench(place, given.runs)
        if {"limit", "start", "build"} & set(parts):
            bench.run(0)  # the others are compared over what it has landed
            place.prepare(place.folder / "home")
        if "landing" in parts:
            place.lines()
        for number in range(given.runs):
            for part in PARTS:
                if part in parts and not (part == "run" and number < len(bench.runs_of("run"))):
                    getattr(bench, part)(number)
        bench.agree()
        megabytes = round(place.answer.stat().st_size / 1e6)
    results = {
        "rows": given.rows,
        "megabytes": megabytes,
        "runs": given.runs,
        "host": {
            "cpus": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / (1 << 30)),
            "python": platform.python_version(),
            "machine": platform.machine(),
            **{name: metadata.version(name) for name in ("duckdb", "dbt-core", "dbt-duckdb", "pandas")},
            "load_before": load_before,
        },
        "ways": {way: told(found, bench.found.get(found.against)) for way, found in bench.found.items()},
        "nodes": bench.nodes,
    }
    out = ROOT / "bench" / "results" / f"orbit-{given.rows}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(table(results) + f"kept in {out.relative_to(ROOT)}\n")


class Bench:
    """What is measured, part by part."""

    def __init__(self, place: Place, runs: int) -> None:
        self.place, self.runs = place, runs
        self.found: dict[str, Found] = {}
        self.nodes: dict[str, Any] = {}
        self.counts: dict[str, str] = {}  # bodies, near ones, hazardous ones, by who counted them

    def add(self, number: int, way: str, what: str, cost: Cost, against: str = "limit") -> None:
        """One more run of a way."""
        found = self.found.setdefault(way, Found(what, against))
        found.add(cost)
        said = f"run {number + 1} of {self.runs}: {way:14} {cost.seconds:8.2f} s  {cost.peak_mb:6,.0f} MB"
        sys.stderr.write(said + (f"  cpu {cost.cpu_seconds:8.2f} s\n" if cost.cpu_seconds else "\n"))

    def runs_of(self, way: str) -> list[float]:
        """Seconds of the runs of a way so far."""
        return self.found[way].seconds if way in self.found else []

    def limit(self, number: int) -> None:
        """The compiled SQL, straight."""
        ended = self.place.peer("sql", str(self.place.warehouse()), str(self.place.folder / "build.json"))
        self.add(number, "limit", "the compiled models on DuckDB, straight (the limit)", ended)

    def start(self, number: int) -> None:
        """What dbt takes before it does anything."""
        bound = self.place.bound(self.place.warehouse())
        ended = self.place.timed(self.place.dbt("parse"), bound)
        self.add(number, "dbt_parse", "dbt parse, nothing changed", ended)
        ended = self.place.timed(self.place.dbt("build", "--select", "tag:none"), bound)
        self.add(number, "dbt_nothing", "dbt build that selects nothing", ended)

    def build(self, number: int) -> None:
        """dbt over the raw rows, without tests and with them."""
        untested = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
        for way, what, words in (
            ("dbt_models", "dbt build without tests", untested),
            ("dbt_build", "dbt build with its tests", []),
        ):
            ended = self.place.timed(self.place.dbt("build", *words), self.place.bound(self.place.warehouse()))
            self.add(number, way, what, ended)

    def landing(self, number: int) -> None:
        """What the same rows cost who keeps neither their place nor their text."""
        ended = self.place.peer("json_loads", str(self.place.answer))
        self.add(number, "json_loads", "json.load of the answer, nothing kept", ended, "read_json")
        file = self.place.folder / "read.duckdb"
        ended = self.place.peer("read_json", str(self.place.lines()), str(file))
        self.add(number, "read_json", "DuckDB's read_json into a table, a row a line", ended, "read_json")
        file.unlink()

    def run(self, number: int) -> None:
        """The whole command into nothing, and its steps."""
        home = self.place.folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        ended = self.place.timed(self.place.run(self.place.answer), self.place.home(home))
        summary = json.loads(ended.printed)
        self.add(number, "run", "orrery run orbit: the whole command", ended)
        self.steps(number, summary, "run", "orrery run orbit", ended.seconds)
        self.nodes = nodes(home)
        sizes = (home / "duckdb" / FILE).stat().st_size
        self.nodes["warehouse_mb"] = round(sizes / 1e6)
        near = (
            "select count(*), sum(is_near_earth::int), sum(is_potentially_hazardous::int) from p04_orbit.dim_small_body"
        )
        self.counts["run"] = self.asked(home, near)

    def steps(self, number: int, summary: dict[str, Any], way: str, what: str, seconds: float) -> None:
        """The steps of a run, and what is in none of them: the start, marks, the publication."""
        rest = seconds
        for name in STEPS:
            for step in summary["steps"]:
                if step["name"].split(" ")[0] == name:
                    rest -= step["seconds"]
                    cost = Cost(step["seconds"], step["peak_mb"])
                    against = "read_json" if name == "land" else "limit"
                    self.add(number, f"{way}_{name}", f"{what}: its step {name}", cost, against)
        self.add(number, f"{way}_rest", f"{what}: what is in no step", Cost(rest, 0.0))

    def added(self, number: int) -> None:
        """A second answer, of a few bodies more, into what the first has left."""
        home = self.place.folder / "home"
        ended = self.place.timed(self.place.run(self.place.added(ADDED)), self.place.home(home))
        self.add(number, "added", f"orrery run orbit: {ADDED:,} bodies more, the whole command", ended)
        what = f"orrery run orbit, {ADDED:,} bodies more"
        self.steps(number, json.loads(ended.printed), "added", what, ended.seconds)
        [rows] = self.asked(home, "select count(*) from p04_orbit.dim_small_body").split()
        if int(rows) != self.place.rows + ADDED:
            raise SystemExit(f"{rows} bodies after {ADDED} were added to {self.place.rows}")
        shutil.rmtree(home)

    def pandas(self, number: int) -> None:
        """What one would write instead."""
        folder = self.place.folder / "pandas"
        folder.mkdir(exist_ok=True)
        ended = self.place.peer("pandas", str(self.place.answer), str(folder))
        self.add(number, "pandas", "pandas in one script: from the answer to Parquet", ended, "run")
        self.counts["pandas"] = ended.printed.strip()

    def agree(self) -> None:
        """Ways that find different bodies are no comparison."""
        if len(set(self.counts.values())) > 1:
            raise SystemExit(f"they do not find the same: {self.counts}")

    def asked(self, home: Path, sql: str) -> str:
        """The one row of a query."""
        return self.place.peer("ask", str(home / "duckdb" / FILE), sql).printed.strip()


def nodes(home: Path) -> dict[str, Any]:
    """Seconds of each model, and of the slowest tests, as dbt's run_results.json of the only run has them."""
    [results] = home.glob("runs/*/dbt/run_results.json")
    found = json.loads(results.read_text(encoding="utf-8"))["results"]
    seconds: dict[str, dict[str, float]] = {kind: {} for kind in ("model", "seed", "test", "unit_test")}
    for each in found:
        kind, _, *names = each["unique_id"].split(".")
        if kind in seconds:
            seconds[kind][names[kind == "unit_test"]] = round(each["execution_time"], 2)
    tests = seconds["test"] | seconds["unit_test"]
    return {
        "models": by_cost(seconds["model"] | seconds["seed"]),
        "tests": {
            kind: {"number": len(seconds[kind]), "seconds": round(sum(seconds[kind].values()), 2)}
            for kind in ("test", "unit_test")
        },
        "slowest_tests": dict(list(by_cost(tests).items())[:12]),
    }


def by_cost(seconds: dict[str, float]) -> dict[str, float]:
    """The dearest first."""
    return dict(sorted(seconds.items(), key=lambda each: -each[1]))


def told(found: Found, against: Found | None) -> dict[str, object]:
    """A way as the result has it."""
    median = statistics.median(found.seconds)
    return {
        "what": found.what,
        "seconds": sorted(found.seconds),
        "median": round(median, 2),
        "cpu_seconds": statistics.median(found.cpu_seconds) if found.cpu_seconds else None,
        "against": found.against,
        "ratio": round(median / statistics.median(against.seconds), 2) if against else None,
        "peak_mb": round(max(found.peak_mb)),
    }


def table(results: dict[str, Any]) -> str:
    """What was found, to be read."""
    lines = ["", f"{results['rows']:,} bodies, {results['megabytes']:,} MB; median of {results['runs']}", ""]
    lines.append(f"{'way':16} {'seconds':>8} {'ratio':>6}  {'to':10} {'cpu s':>8} {'peak MB':>8}  what")
    for way, each in results["ways"].items():
        ratio = "" if each["ratio"] is None else f"{each['ratio']:.2f}"
        peak = f"{each['peak_mb']:,}" if each["peak_mb"] else ""
        cpu = f"{each['cpu_seconds']:.2f}" if each["cpu_seconds"] else ""
        measured = f"{each['median']:8.2f} {ratio:>6}  {each['against']:10} {cpu:>8} {peak:>8}"
        lines.append(f"{way:16} {measured}  {each['what']}")
    for name, seconds in list(results["nodes"].get("models", {}).items())[:6]:
        lines.append(f"    {name:34} {seconds:8.2f} s")
    for kind, each in results["nodes"].get("tests", {}).items():
        lines.append(f"    {each['number']} of kind {kind:23} {each['seconds']:8.2f} s together, two at a time")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
