"""p07 Nebula's customers beside one merge by hand and beside dbt's snapshot: interleaved, medians.

    make bench SYSTEM=nebula                      one million customers, 50,000 of them change; three runs of each way
    .venv/bin/python bench/nebula.py --keys 100000 --runs 1 --only keys

* The limit (nebula_limit.sql) knows the same types of columns and writes into a table with the same indexes and
  constraints. It believes that changes come in their order, once and without contradiction; Nebula does not.
* Nebula's way is what customers need: its models, then the transaction that publishes; once as SQL straight, as dbt
  compiled it, once by dbt. What dbt takes to select nothing is measured beside it.
* dbt's snapshot (strategy timestamp) compares the shop's own table, a row a customer, with what it has; that has no
  index and no constraint, as dbt makes it.

A second part has 1,000 customers change in a history of 100,000 versions and in one of ten million. Changes are landed,
and the database is at rest, before anything is timed. (`orrery bench nebula` measures Nebula alone, at several sizes.)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import nebula_data
import psutil
from nebula_place import Cost, Found, Place

from orrery.engines import postgres_server

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("keys", "history")
SHARE = 20  # of so many customers one changes
FEW = 1_000  # customers that change in a history
VERSIONS = 10  # of each customer of a history
SMALL = 100_000  # versions of the small history


def main() -> None:
    """Measure, and keep what was found."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--keys", type=int, default=1_000_000)
    asked.add_argument("--versions", type=int, default=10_000_000, help="of the large history")
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    asked.add_argument("--system", type=Path, help="a changed copy of the system's folder")
    given = asked.parse_args()
    parts = given.only.split(",")
    if not set(parts) <= set(PARTS) or given.keys < SHARE or given.versions < SMALL or not 1 <= given.runs <= 9:
        asked.error(f"--only takes {', '.join(PARTS)}; --keys, --versions at least {SHARE}, {SMALL}; --runs 1 to 9")
    load_before = round(psutil.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory(prefix="orrery-bench-") as name:
        folder = Path(name)
        try:
            place = Place(folder, postgres_server.start(folder / ".orrery"), given.system)
            bench = Bench(place, given.keys, given.versions, given.runs)
            for part in parts:
                getattr(bench, part)()
        finally:
            postgres_server.stop(folder / ".orrery")
    results = {
        "rows": given.keys,
        "changed": given.keys // SHARE,
        "history": given.versions,
        "runs": given.runs,
        "host": {
            "cpus": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / (1 << 30)),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "postgres": place.server.version,
            **{name: metadata.version(name) for name in ("dbt-core", "dbt-postgres")},
            "load_before": load_before,
        },
        "ways": {way: told(found, bench.found[found.against]) for way, found in bench.found.items()},
        "models": bench.models,
    }
    out = ROOT / "bench" / "results" / f"nebula-{given.keys}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(table(results) + f"kept in {out.relative_to(ROOT)}\n")


class Bench:
    """What is measured, part by part."""

    def __init__(self, place: Place, keys: int, versions: int, runs: int) -> None:
        self.place, self.keys_, self.versions, self.runs = place, keys, versions, runs
        self.found: dict[str, Found] = {}
        self.models: dict[str, dict[str, float]] = {}  # seconds of each, of the last run

    def add(self, number: int, way: str, what: str, cost: Cost, against: str = "limit") -> None:
        """One more run of a way."""
        self.found.setdefault(way, Found(what, against)).add(cost)
        said = f"run {number + 1} of {self.runs}: {way:16} {cost.seconds:8.2f} s  cpu {cost.cpu_seconds:8.2f} s"
        sys.stderr.write(f"{said}\n")

    def keys(self) -> None:
        """One customer in twenty changes: by hand, by dbt's snapshot, by Nebula."""
        place, keys, changed = self.place, self.keys_, self.keys_ // SHARE
        place.filled("keys", keys, 1)
        place.by_hand("keys")
        place.shop("keys")
        for number in range(self.runs):
            place.rest("keys", *nebula_data.batch(number, keys, 1, changed))
            self.add(number, "limit", "one merge by hand (the limit)", place.limit("keys"))
            place.rest("keys", nebula_data.SHOP)
            self.add(number, "snapshot", "dbt snapshot: the whole command", place.snapshot("keys"))
            nothing = place.snapshot("keys", "--select", "tag:none")
            self.add(number, "snapshot_nothing", "dbt snapshot that selects nothing", nothing)
            place.rest("keys")
            nothing = place.build("keys", "--select", "tag:none")
            self.add(number, "dbt_nothing", "Nebula: dbt build that selects nothing", nothing)
            built, whole, models = place.models("keys"), place.build("keys"), place.compiled("keys")
            place.rest("keys")
            derived, self.models["keys"] = place.straight("keys", models)
            published = place.publish("keys")
            self.add(number, "derived", "Nebula: the models that customers need, as SQL", derived)
            self.add(number, "published", "Nebula: the transaction that publishes", published)
            self.add(number, "nebula", "Nebula: models as SQL, and published", derived + published)
            self.add(number, "nebula_dbt", "Nebula: models by dbt, and published", built + published, "snapshot")
            self.add(
                number,
                "nebula_whole",
                "Nebula: all models and tests by dbt, and published",
                whole + published,
                "snapshot",
            )
            self.agree()
        self.place.drop("keys")

    def agree(self) -> None:
        """Ways that make different histories are no comparison."""
        with self.place.connect("keys") as connection:
            [(rows,)] = connection.execute(nebula_data.DIFFERING)
        if rows:
            raise SystemExit(f"{rows} versions are not the same by hand and in Nebula's table")

    def history(self) -> None:
        """A few customers change, in a small history and in a large one: the cost is theirs, not the history's."""
        sizes = {"small": SMALL // VERSIONS, "large": self.versions // VERSIONS}
        for database, keys in sizes.items():
            self.place.filled(database, keys, VERSIONS)
        self.place.shop("large")
        for number in range(self.runs):
            for database, keys in sizes.items():
                self.place.rest(database, *nebula_data.batch(number, keys, VERSIONS, FEW))
                what = f"{FEW:,} customers change in {keys * VERSIONS:,} versions"
                built, models = self.place.build(database), self.place.compiled(database)
                self.place.rest(database)
                derived, self.models[database] = self.place.straight(database, models)
                published = self.place.publish(database)
                self.add(number, database, f"{what}: models as SQL, and published", derived + published, "small")
                self.add(
                    number,
                    f"{database}_dbt",
                    f"{what}: all models and tests by dbt, and published",
                    built + published,
                    "small_dbt",
                )
            self.place.rest("large", nebula_data.SHOP)
            taken = self.place.snapshot("large") - self.place.snapshot("large", "--select", "tag:none")
            self.add(number, "large_snapshot", f"{what}: dbt snapshot, without its start", taken, "large")
        for database in sizes:
            self.place.drop(database)


def told(found: Found, against: Found) -> dict[str, Any]:
    """A way as the result has it."""
    median, cpu = statistics.median(found.seconds), statistics.median(found.cpu_seconds)
    return {
        "what": found.what,
        "seconds": sorted(found.seconds),
        "median": round(median, 2),
        "cpu_seconds": round(cpu, 2),
        "against": found.against,
        "ratio": round(median / statistics.median(against.seconds), 2),
        "cpu_ratio": round(cpu / statistics.median(against.cpu_seconds), 2),
        "peak_mb": 0,
    }


def table(results: dict[str, Any]) -> str:
    """What was found, to be read."""
    lines = ["", f"{results['rows']:,} customers, {results['changed']:,} change; median of {results['runs']}", ""]
    lines.append(f"{'way':16} {'seconds':>8} {'ratio':>6} {'cpu s':>8} {'ratio':>6}  {'to':10} what")
    for way, each in results["ways"].items():
        wall, cpu = (f"{each[a]:8.2f} {each[b]:6.2f}" for a, b in (("median", "ratio"), ("cpu_seconds", "cpu_ratio")))
        lines.append(f"{way:16} {wall} {cpu}  {each['against']:10} {each['what']}")
    for part, seconds in results["models"].items():
        lines += [f"    {part:8} {name:28} {each:8.2f} s" for name, each in seconds.items()]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
