"""Writes the two tables of README.md from the roadmap and from what is really there.

    tools/readme_tables.py           runs the tests that the systems' claims name, then writes
    tools/readme_tables.py --check   runs and writes nothing; exits 1 where README.md does not agree

A row says "proved" when the last `orrery prove` of the system succeeded and its folder has not changed since
(proof.json), else "runs" when the folder has a manifest and every test named by its [claims] passes, none of them
skipped; every other row says "planned". Without running tests, "runs" is believed only of a system that exists and
whose claims all name a test.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET  # of a report that our own pytest wrote

from orrery import proofs

ROOT = Path(__file__).resolve().parents[1]
TRACKS = ("patterns", "domains")
HEAD = "| System | Domain | What it does | Level | Stack | Status |\n|---|---|---|---|---|---|\n"

Row = dict[str, Any]


def roadmap(root: Path) -> dict[str, list[Row]]:
    """The forty rows by track, in the roadmap's order."""
    text = (root / "src/orrery/data/roadmap.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)
    return {track: raw[track] for track in TRACKS}


def folder(root: Path, track: str, row: Row) -> Path | None:
    """The system's folder, when it exists and has a manifest that claims something; else it is planned."""
    found = sorted((root / "systems" / track).glob(f"{row['id']}_{row['name'].lower()}_*/system.toml"))
    return found[0].parent if found and claims(found[0].parent) else None


def claims(system: Path) -> list[str]:
    """The names of the tests that the manifest's claims rest on."""
    raw = tomllib.loads((system / "system.toml").read_text(encoding="utf-8"))
    return sorted(set(raw.get("claims", {}).values()))


def tests_in(system: Path) -> dict[str, list[str]]:
    """Every test function of a system: its name → what pytest calls it."""
    found: dict[str, list[str]] = {}
    for path in sorted((system / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            inside = node.body if isinstance(node, ast.ClassDef) else [node]
            for item in inside:
                if isinstance(item, ast.FunctionDef) and item.name.startswith("test_"):
                    names = [node.name, item.name] if isinstance(node, ast.ClassDef) else [item.name]
                    found.setdefault(item.name, []).append("::".join([str(path), *names]))
    return found


def names_its_tests(system: Path) -> bool:
    """Whether there are claims, and each has a test that exists."""
    wanted, there = claims(system), tests_in(system)
    return bool(wanted) and all(name in there for name in wanted)


def claims_pass(system: Path) -> bool:
    """Runs the claims' tests; True only when each ran and passed."""
    if not names_its_tests(system):
        return False
    there = tests_in(system)
    nodes = [node for name in claims(system) for node in there[name]]
    with tempfile.TemporaryDirectory() as folder_name:
        report = Path(folder_name) / "report.xml"
        command = [sys.executable, "-P", "-m", "pytest", "-q", f"--junitxml={report}", *nodes]
        if subprocess.run(command, cwd=ROOT, check=False, stdout=sys.stderr).returncode != 0:
            return False
        cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - written by pytest just now
    passed = {str(case.get("name")).partition("[")[0] for case in cases if case.find("skipped") is None}
    return passed >= set(claims(system)) and all(case.find("skipped") is None for case in cases)


def table(root: Path, track: str, rows: list[Row], runs: Callable[[Row, Path], bool]) -> str:
    """One table in Markdown."""
    lines = []
    for row in rows:
        system = folder(root, track, row)
        name = row["link"] if system is None else f"[{row['link']}]({system.relative_to(root).as_posix()}/)"
        status = "planned"
        if system is not None and (proofs.status(system) == "proved" or runs(row, system)):
            status = proofs.status(system)
        cells = (name, row["domain"], row["what"], row["level"], ", ".join(row["stack"]), status)
        lines.append(f"| {' | '.join(cells)} |\n")
    return HEAD + "".join(lines)


def markers(track: str) -> tuple[str, str]:
    """What stands before and after a table."""
    return f"<!-- {track}:begin -->", f"<!-- {track}:end -->"


def with_tables(readme: str, tables: dict[str, str]) -> str:
    """README.md with new tables between its markers.

    Raises:
        ValueError: a pair of markers is missing.
    """
    for track, text in tables.items():
        begin, end = markers(track)
        if readme.count(begin) != 1 or readme.count(end) != 1:
            raise ValueError(f"README.md must have {begin} and {end}, once each")
        before, rest = readme.split(begin)
        after = rest.split(end)[1]
        readme = f"{before}{begin}\n{text}{end}{after}"
    return readme


def status_in(readme: str) -> set[str]:
    """The links of the rows that say "runs" or "proved" now, each with its track."""
    found = set()
    for track in TRACKS:
        begin, end = markers(track)
        for line in readme.partition(begin)[2].partition(end)[0].splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if cells[-1] in ("runs", "proved"):
                found.add(f"{track}/{cells[0].strip('[').partition(']')[0]}")
    return found


def check(root: Path = ROOT) -> str:
    """What README.md would have to change, as a diff; empty when it agrees."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    said = status_in(readme)
    tables = {
        track: table(
            root,
            track,
            rows,
            lambda row, system, track=track: f"{track}/{row['link']}" in said and names_its_tests(system),  # type: ignore[misc]
        )
        for track, rows in roadmap(root).items()
    }
    wanted = with_tables(readme, tables)
    return "".join(
        difflib.unified_diff(readme.splitlines(True), wanted.splitlines(True), "README.md", "as it should be")
    )


def write(root: Path = ROOT) -> None:
    """Runs the claims' tests of what is not proved, and writes README.md."""
    path = root / "README.md"
    tables = {
        track: table(root, track, rows, lambda _, system: claims_pass(system)) for track, rows in roadmap(root).items()
    }
    path.write_text(with_tables(path.read_text(encoding="utf-8"), tables), encoding="utf-8")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="The tables of README.md, from the roadmap and the systems.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    if not parser.parse_args().check:
        write()
        return 0
    difference = check()
    sys.stdout.write(difference)
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
