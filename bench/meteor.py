"""p01 Meteor beside the limit and beside what a user would pick instead: whole commands, interleaved, medians.

    make bench SYSTEM=meteor                      1 M rows, three runs of each
    .venv/bin/python bench/meteor.py --rows 5000000 --only limit,duckdb,pandas

The limit is psycopg's COPY of a file that is clean already into the same table. Every way starts with an empty
table, a server that is up and a file in the page cache, and is timed from outside, as a process. The peers get the
launch log cleaned by Meteor's own SQL, so that only the way into PostgreSQL differs. (`orrery bench meteor` measures
Meteor alone, at several sizes.)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orrery import catalogue, contracts
from orrery.engines import postgres_server
from orrery.engines.postgres_server import Server

ROOT = Path(__file__).resolve().parent.parent
METEOR = catalogue.find("p01_meteor")
TABLE = "p01_meteor.launches"
WAYS = {
    "limit": "COPY of a clean file (the limit)",
    "duckdb": "Meteor, `engine=duckdb`",
    "pandas": "Meteor, `engine=pandas`",
    "restate": "Meteor, a restated file: every tenth row differs",
    "restate_all": "Meteor, a restated file: every row differs",
    "dlt": "dlt, Arrow backend, rows cleaned before",
    "to_sql": "pandas `to_sql`, rows cleaned before",
    "to_sql_psycopg3": "pandas `to_sql` on psycopg 3, rows cleaned before",
}


def main() -> None:
    """Run the ways in turn, and keep what was measured."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--only", default=",".join(WAYS), help=f"some of {', '.join(WAYS)}")
    given = asked.parse_args()
    ways = [way for way in WAYS if way in given.only.split(",")]
    with tempfile.TemporaryDirectory(prefix="orrery-bench-") as name:
        folder = Path(name)
        home = folder / ".orrery"
        server = postgres_server.start(home)
        try:
            measured = measure(folder, home, server, given.rows, given.runs, ways)
        finally:
            postgres_server.stop(home)
    limit = statistics.median(measured["limit"]["seconds"]) if "limit" in measured else None
    results = {
        "rows": given.rows,
        "host": {"cpus": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()},
        "ways": {
            way: {
                "what": WAYS[way],
                "seconds": sorted(found["seconds"]),
                "median": round(statistics.median(found["seconds"]), 2),
                "ratio": round(statistics.median(found["seconds"]) / limit, 2) if limit else None,
                "peak_mb": round(max(found["peak_mb"])),
            }
            for way, found in measured.items()
        },
    }
    out = ROOT / "bench" / "results" / f"meteor-{given.rows}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n")
    say(f"\n{'way':12} {'seconds':>8} {'ratio':>6} {'peak MB':>8}   ({given.rows:,} rows, median of {given.runs})")
    for way, found in results["ways"].items():
        say(f"{way:12} {found['median']:8.2f} {found['ratio'] or 0:6.2f} {found['peak_mb']:8,}")
    say(f"kept in {out.relative_to(ROOT)}")


def measure(folder: Path, home: Path, server: Server, rows: int, runs: int, ways: list[str]) -> dict:
    """Seconds and peak memory of each way, `runs` times, the ways in turn."""
    dirty, clean, changed = folder / "launches.csv", folder / "clean.csv", folder / "changed"
    catalogue.function(METEOR, "scaling:repeated")(METEOR.inputs["launches"].sample, dirty, rows)
    changed.mkdir()
    restated(dirty, changed / "tenth.csv", every=10)
    restated(dirty, changed / "all.csv", every=1)
    psql(server, ddl())
    command = [sys.executable, "-m", "orrery", "run", "meteor", "--json"]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "ORRERY_HOME": str(home), "PGPASSFILE": str(server.passfile)}
    dsn = f"host={server.host} port={server.port} user={server.user} dbname={server.dbname}"
    subprocess.run(
        [*command, "--data", f"launches={dirty}", "--set", "engine=duckdb"],
        env=environment,
        check=True,
        capture_output=True,
    )
    psql(server, f"\\copy {TABLE} to '{clean}'")
    peers = [sys.executable, str(ROOT / "bench" / "peers.py")]
    commands = {
        "limit": [*peers, "limit", dsn, str(clean)],
        "duckdb": [*command, "--data", f"launches={dirty}", "--set", "engine=duckdb"],
        "pandas": [*command, "--data", f"launches={dirty}", "--set", "engine=pandas"],
        "restate": [*command, "--data", f"launches={folder / 'in' / 'launches.csv'}", "--set", "engine=duckdb"],
        "restate_all": [*command, "--data", f"launches={folder / 'in' / 'launches.csv'}", "--set", "engine=duckdb"],
        "dlt": [*peers, "dlt", dsn, str(dirty)],
        "to_sql": [*peers, "to_sql", dsn, str(dirty)],
        "to_sql_psycopg3": [*peers, "to_sql_psycopg3", dsn, str(dirty)],
    }
    (folder / "in").mkdir()
    measured: dict[str, dict[str, list[float]]] = {way: {"seconds": [], "peak_mb": []} for way in ways}
    for number in range(runs):
        for way in ways:
            prepare(server, folder, way, environment, command)
            seconds, peak = timed(commands[way], environment, folder)
            measured[way]["seconds"].append(round(seconds, 2))
            measured[way]["peak_mb"].append(peak)
            say(f"run {number + 1} of {runs}: {way:12} {seconds:7.2f} s  {peak:6,.0f} MB")
    return measured


def prepare(server: Server, folder: Path, way: str, environment: dict, command: list[str]) -> None:
    """Give a way the target it starts from: empty, or holding the file as it was before it was restated."""
    psql(server, "drop schema if exists p01_meteor cascade; drop schema if exists bench cascade")
    if way in ("limit", "dlt", "to_sql", "to_sql_psycopg3"):
        psql(server, "create schema if not exists bench; " + ddl())
    if way.startswith("restate"):
        target = folder / "in" / "launches.csv"
        target.unlink(missing_ok=True)
        os.link(folder / "launches.csv", target)
        subprocess.run(
            [*command, "--data", f"launches={target}", "--set", "engine=duckdb"],
            env=environment,
            check=True,
            capture_output=True,
        )
        target.unlink()
        os.link(folder / "changed" / ("all.csv" if way == "restate_all" else "tenth.csv"), target)
    psql(server, "checkpoint")


def timed(command: list[str], environment: dict, folder: Path) -> tuple[float, float]:
    """Wall seconds and peak memory (MB) of a command."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status:
        raise SystemExit(f"{' '.join(command)} failed: {told.decode()[-2000:]}")
    return seconds, used.ru_maxrss / 1024


def restated(path: Path, to: Path, every: int) -> None:
    """The same launches, with another reference in every so-manieth."""
    with path.open("rb") as source, to.open("wb") as out:
        out.write(next(source))
        for number, line in enumerate(source):
            end = b'"\n' if line.endswith(b'"\n') else b"\n"
            out.write(line.removesuffix(end) + b"*" + end if number % every == 0 else line)


def ddl() -> str:
    """The target's table, from its contract."""
    return f"create schema if not exists p01_meteor; {contracts.load(METEOR.outputs[TABLE]).ddl(TABLE)};"


def psql(server: Server, sql: str) -> None:
    """Run SQL in the bench's server."""
    environment = {"PGPASSFILE": str(server.passfile), "PATH": os.defpath}
    where = ["-h", server.host, "-p", str(server.port), "-U", server.user, "-d", server.dbname]
    subprocess.run(
        [str(postgres_server.bin_folder() / "psql"), "-Xq", *where, "-v", "ON_ERROR_STOP=1", "-c", sql],
        env=environment,
        check=True,
        capture_output=True,
    )


def say(text: str) -> None:
    """A line for who waits."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
