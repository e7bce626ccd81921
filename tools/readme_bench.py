"""Writes what was measured into a system's README, from bench/results.

* `make bench SYSTEM=x` leaves x-<rows>.json: the table of the system beside others.
* `orrery bench x --out bench/results` leaves curve-x.json: the picture of its cost as its input grows.

tools/readme_bench.py           writes
tools/readme_bench.py --check   writes nothing; exits 1 where a README or a picture shows other figures
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from orrery import drawing

ROOT = Path(__file__).resolve().parents[1]
READMES = {
    "meteor": "systems/patterns/p01_meteor_batch_etl/README.md",
    "comet": "systems/patterns/p02_comet_star_schema/README.md",
    "orbit": "systems/patterns/p04_orbit_dbt_warehouse/README.md",
}
BEGIN, END = "<!-- {}:begin -->\n", "<!-- {}:end -->"


def table(results: list[dict[str, Any]]) -> str:
    """One row a way, three columns a size; the ways and their words as the newest benchmark has them."""
    results = sorted(results, key=lambda each: each["rows"])
    sizes = [f"{each['rows'] // 1_000_000} M rows: s | ratio | peak MB" for each in results]
    lines = [f"| way | {' | '.join(sizes)} |", "|---" + "|--:" * 3 * len(results) + "|"]
    for way, facts in results[0]["ways"].items():
        cells = []
        for each in results:
            found = each["ways"].get(way)
            cells += cell(found) if found else [""] * 3
        lines.append(f"| {facts['what']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(found: dict[str, Any]) -> list[str]:
    """Seconds, the ratio to the limit or to what else it is to be compared with, and memory where it was measured."""
    other = found.get("against", "limit")
    ratio = f"{found['ratio']:.2f}" + (f" of {other}" if other != "limit" else "")
    return [f"{found['median']:.1f}", ratio, f"{found['peak_mb']:,}" if found["peak_mb"] else ""]


def parts(results: dict[str, Any]) -> str:
    """What was measured part by part, each against what it is to be compared with; then the questions."""
    lines = ["| way | planets | s | ratio | peak MB |", "|---|--:|--:|--:|--:|"]
    for found in results["ways"].values():
        ratio = f"{found['ratio']:.2f}" if found["ratio"] is not None else ""
        lines.append(
            f"| {found['what']} | {found['planets']:,} | {found['median']:.2f} | {ratio} | {found['peak_mb']:,} |"
        )
    lines += ["", "| question | rows | ms | ms without the star's indexes | ratio |", "|---|--:|--:|--:|--:|"]
    for name, found in results["queries"].items():
        lines.append(
            f"| {name} | {found['rows']:,} | {found['ms']:.1f} | {found['ms_without']:.1f} | {found['ratio']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def curve(results: dict[str, Any], picture: str) -> str:
    """The picture, and in words what it shows and where it was measured."""
    said = f"{results['name']}: {drawing.growth(results)}"
    return f"![{said}]({picture})\n\n{drawing.growth(results)}. {drawing.host(results)}.\n"


def between(readme: str, block: str, text: str) -> str:
    """The README with another text in one of its blocks."""
    begin, end = BEGIN.format(block), END.format(block)
    before, rest = readme.split(begin)
    return f"{before}{begin}{text}{end}{rest.split(end)[1]}"


def wanted(system: str, name: str, root: Path) -> dict[Path, str]:
    """The files that show figures of a system, as they must be."""
    results = root / "bench" / "results"
    readme = (root / name).read_text(encoding="utf-8")
    sizes = [json.loads(path.read_text()) for path in sorted(results.glob(f"{system}-*.json"))]
    measured = json.loads((results / f"curve-{system}.json").read_text())
    picture = results / f"curve-{system}.svg"
    steps = "../" * (len(Path(name).parts) - 1)
    readme = between(readme, "bench", parts(sizes[-1]) if "queries" in sizes[0] else table(sizes))
    readme = between(readme, "curve", curve(measured, steps + picture.relative_to(root).as_posix()))
    return {root / name: readme, picture: drawing.svg(measured)}


def main() -> int:
    """Write, or check."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--check", action="store_true")
    is_check = asked.parse_args().check
    differing = []
    for system, name in READMES.items():
        for path, text in wanted(system, name, ROOT).items():
            there = path.read_text(encoding="utf-8") if path.exists() else ""
            if there != text and is_check:
                differing.append(f"{path.relative_to(ROOT)}: the figures are not those of bench/results")
            elif there != text:
                path.write_text(text, encoding="utf-8")
    print("\n".join(differing) or "the figures are those of bench/results")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
