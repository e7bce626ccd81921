"""Writes the table of a system's README that its benchmark measured, from bench/results/<system>-<rows>.json.

tools/readme_bench.py           writes
tools/readme_bench.py --check   writes nothing; exits 1 where a README shows other figures
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
READMES = {"meteor": "systems/patterns/p01_meteor_batch_etl/README.md"}
BEGIN, END = "<!-- bench:begin -->\n", "<!-- bench:end -->"


def table(results: list[dict[str, Any]]) -> str:
    """One row a way, three columns a size; the ways and their words as the newest benchmark has them."""
    results = sorted(results, key=lambda each: each["rows"])
    sizes = [f"{each['rows'] // 1_000_000} M rows: s | ratio | peak MB" for each in results]
    lines = [f"| way | {' | '.join(sizes)} |", "|---" + "|--:" * 3 * len(results) + "|"]
    for way, facts in results[0]["ways"].items():
        cells = []
        for each in results:
            found = each["ways"].get(way)
            cells += [f"{found['median']:.1f}", f"{found['ratio']:.2f}", f"{found['peak_mb']:,}"] if found else [""] * 3
        lines.append(f"| {facts['what']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_table(readme: str, system: str, root: Path) -> str:
    """The README with the figures that were measured last."""
    found = [json.loads(path.read_text()) for path in sorted((root / "bench" / "results").glob(f"{system}-*.json"))]
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}{table(found)}{END}{rest.split(END)[1]}"


def main() -> int:
    """Write, or check."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--check", action="store_true")
    is_check = asked.parse_args().check
    differing = []
    for system, name in READMES.items():
        path = ROOT / name
        there = path.read_text(encoding="utf-8")
        wanted = with_table(there, system, ROOT)
        if there != wanted and is_check:
            differing.append(f"{name}: the figures are not those of bench/results")
        elif there != wanted:
            path.write_text(wanted, encoding="utf-8")
    print("\n".join(differing) or "the figures are those of bench/results")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
