"""Writes the output blocks of the READMEs from what the commands really print.

    tools/readme_output.py            runs them in an empty folder, and writes
    tools/readme_output.py --check    runs them, writes nothing; exits 1 where a block differs

What differs from machine to machine (seconds, memory, speed, run ids, ports) is not compared.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
METEOR = "systems/patterns/p01_meteor_batch_etl/README.md"
COMET = "systems/patterns/p02_comet_star_schema/README.md"
ORBIT = "systems/patterns/p04_orbit_dbt_warehouse/README.md"
NEBULA = "systems/patterns/p07_nebula_kimball_scd2/README.md"
OWN = "docs/own-data.md"
CLASS = "class_code,name,bodies,near_earth,largest_designation,largest_diameter_km"
APPROACH = "designation,approached_at,distance_au,distance_ld,speed_km_s"
MISSIONS = ["--data", "launches=missions.csv"]
# block → the commands whose output it shows, and the pages that have it; `!` in front: lines of a file that match
BLOCKS: dict[str, tuple[list[list[str]], list[str]]] = {
    "run": ([["run", "meteor"]], ["README.md", METEOR]),
    "again": ([["run", "meteor"]], [METEOR]),
    "show": (
        [["show", "meteor", "--rows", "3", "--columns", "launch_id,launched_at,vehicle,site,pad,outcome"]],
        [METEOR],
    ),
    "own-map": ([["data", "map", "meteor", "missions.csv"]], [OWN]),
    "own-map-validate": ([["data", "validate", "meteor", "missions.csv", "--map", "missions.map.yaml"]], [OWN]),
    "own-map-run": ([["run", "meteor", *MISSIONS, "--map", "missions.map.yaml", "--confirm"]], [OWN]),
    "own-infer": ([["data", "infer", "missions.csv"]], [OWN]),
    "own-draft": ([["!missions.odcs.yaml", "# Rocket: ", "# Status Mission: "]], [OWN]),
    "own-run": ([["run", "meteor", *MISSIONS, "--contract", "missions.odcs.yaml"]], [OWN]),
    "own-show": (
        [["show", "meteor", "--table", "missions", "--rows", "3", "--columns", "detail,datum,rocket,status_mission"]],
        [OWN],
    ),
    "comet-run": ([["run", "comet"]], [COMET]),
    "comet-rejected": ([["show", "comet", "--rejected", "--columns", "line,column,rule,message"]], [COMET]),
    "comet-picture": ([["show", "comet", "--table", "discoveries_by_year", "--rows", "1000", "--json"]], [COMET]),
    "comet-methods": ([["show", "comet", "--table", "what_methods_see"]], [COMET]),
    "comet-surveys": ([["show", "comet", "--table", "surveys", "--rows", "5"]], [COMET]),
    "comet-families": ([["show", "comet", "--table", "largest_families", "--rows", "5"]], [COMET]),
    "comet-temperate": ([["show", "comet", "--table", "temperate_small_planets"]], [COMET]),
    "orbit-run": ([["run", "orbit"]], [ORBIT]),
    "orbit-classes": (
        [["show", "orbit", "--table", "orbit_class_summary", "--rows", "20", "--columns", CLASS]],
        [ORBIT],
    ),
    "orbit-picture": ([["show", "orbit", "--table", "orbit_class_summary", "--rows", "20", "--json"]], [ORBIT]),
    "orbit-approaches": ([["show", "orbit", "--table", "fct_close_approaches", "--columns", APPROACH]], [ORBIT]),
    "orbit-parity": (
        [["run", "orbit", "--profile", "emulated", "--json"], ["check", "orbit", "--against", "emulated"]],
        [ORBIT],
    ),
    "nebula-run": ([["run", "nebula"]], [NEBULA]),
    "nebula-then": ([["show", "nebula", "--table", "sales_then_and_now"]], [NEBULA]),
    "nebula-versions": ([["show", "nebula", "--table", "customer_versions", "--rows", "5"]], [NEBULA]),
    "nebula-promotions": ([["show", "nebula", "--table", "promotions_weighted"]], [NEBULA]),
    "nebula-picture": (
        [["show", "nebula", "--table", "fulfilment_by_month", "--rows", "100", "--json"]],
        [NEBULA],
    ),
}
VARIABLE = [
    (r" *\d+\.\d+ s\b", " 0.0 s"),
    (r"\n[^\n]* now: [^\n]*", ""),  # where long work was when five seconds had passed
    (r" +[\d,]+ MB", " 0 MB"),
    (r" +[\d,]+ rows/s", ""),
    (r"\d{8}T\d{6}-(\w+)-[0-9a-f]{6}", r"RUN-\1"),
]


def printed() -> dict[str, str]:
    """What each block's commands print, in an empty folder with a server of its own."""
    said = {}
    with tempfile.TemporaryDirectory(prefix="orrery-readme-") as name:
        environment = {**os.environ, "ORRERY_HOME": str(Path(name) / ".orrery"), "NO_COLOR": "1"}
        work = Path(name) / "work"
        work.mkdir()
        shutil.copy(ROOT / "docs" / "examples" / "missions.csv", work)

        def orrery(*arguments: str) -> str:
            if arguments[0].startswith("!"):
                return stretch((work / arguments[0][1:]).read_text(encoding="utf-8"), *arguments[1:])
            own = "missions" in " ".join(arguments) or arguments == ("down", "own")
            done = subprocess.run(
                [sys.executable, "-m", "orrery", *(word for word in arguments if word != "own")],
                cwd=work if own else ROOT,
                env={**environment, "ORRERY_HOME": str(work / ".orrery")} if own else environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if done.returncode not in (0, 3):
                raise SystemExit(done.stdout)
            script = Path(sys.executable).with_name("orrery")
            return done.stdout.replace(shlex.quote(str(script)), "orrery") if own else done.stdout

        try:
            for block, (commands, _) in BLOCKS.items():
                told = "".join(orrery(*command) for command in commands)
                if block == "orbit-parity":  # what the run says is not what is shown
                    told = told[told.rindex("}\n") + 2 :]
                said[block] = PICTURES[block](json.loads(told)) if block in PICTURES else indented(told)
        finally:
            orrery("down")
            orrery("down", "own")
    return said


def stretch(text: str, first: str, last: str) -> str:
    """The lines of a file from the one that matches `first` to the one before `last` does."""
    lines = text.splitlines(keepends=True)
    begin = next(number for number, line in enumerate(lines) if re.search(first, line))
    end = next(number for number, line in enumerate(lines) if number > begin and re.search(last, line))
    return "".join(lines[begin:end])


def picture(rows: list[dict[str, Any]]) -> str:
    """Planets a year and way of finding them, as a chart that the README's readers see drawn (mermaid)."""
    ways = list(dict.fromkeys(row["method"] for row in sorted(rows, key=lambda row: -int(row["so_far"]))))[:3]
    known = [row["year"] for row in rows if row["year"] is not None]
    years = range(max(known) - 15, max(known) + 1)
    of = {(row["year"], row["method"]): row["planets"] for row in rows}
    lines = [f"line {[of.get((year, way), 0) for year in years]}" for way in ways]
    said = f'```mermaid\nxychart-beta\n    title "Planets found a year: {", ".join(ways)}"\n'
    return said + f'    x-axis {list(years)}\n    y-axis "planets"\n    ' + "\n    ".join(lines) + "\n```\n"


def classes(rows: list[dict[str, Any]]) -> str:
    """How many bodies each orbit class has, as a chart."""
    many = sorted((row for row in rows if row["bodies"] >= 10), key=lambda row: -row["bodies"])
    names = ", ".join(row["class_code"] for row in many)
    said = '```mermaid\nxychart-beta\n    title "Bodies of the sample by orbit class"\n'
    said += f'    x-axis [{names}]\n    y-axis "bodies"\n'
    return said + f"    bar [{', '.join(str(row['bodies']) for row in many)}]\n```\n"


def fulfilment(rows: list[dict[str, Any]]) -> str:
    """How long orders take from month to month, as a chart."""
    months = [f'"{str(row["month_key"])[2:4]}-{str(row["month_key"])[4:]}"' for row in rows]
    said = '```mermaid\nxychart-beta\n    title "Hours from order to delivery (bars: to shipping)"\n'
    said += f'    x-axis [{", ".join(months)}]\n    y-axis "hours"\n'
    said += f"    bar [{', '.join(str(row['hours_to_ship'] or 0) for row in rows)}]\n"
    return said + f"    line [{', '.join(str(row['hours_to_deliver'] or 0) for row in rows)}]\n```\n"


PICTURES = {"comet-picture": picture, "orbit-picture": classes, "nebula-picture": fulfilment}


def indented(text: str) -> str:
    """As a README shows it."""
    return "\n" + "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines()) + "\n"


def comparable(text: str) -> str:
    """Without what differs from machine to machine."""
    for pattern, instead in VARIABLE:
        text = re.sub(pattern, instead, text)
    return text


def between(text: str, block: str) -> re.Match[str] | None:
    """The block in a README."""
    return re.search(rf"(<!-- output:{block}:begin -->\n)(.*?)(<!-- output:{block}:end -->)", text, re.DOTALL)


def differing(said: dict[str, str], root: Path = ROOT) -> list[str]:
    """Blocks that do not show what the commands print."""
    wrong = []
    for block, (_, readmes) in BLOCKS.items():
        for readme in readmes:
            found = between((root / readme).read_text(encoding="utf-8"), block)
            if found is None or comparable(found[2]) != comparable(said[block]):
                wrong.append(f"{readme}: {block}")
    return wrong


def write(said: dict[str, str]) -> None:
    """Put what was printed into the READMEs, where it differs."""
    for block, (_, readmes) in BLOCKS.items():
        for readme in readmes:
            path = ROOT / readme
            text = path.read_text(encoding="utf-8")
            found = between(text, block)
            if found is None:
                raise SystemExit(f"{readme} has no block {block}")
            if comparable(found[2]) != comparable(said[block]):
                text = text[: found.start(2)] + said[block] + text[found.end(2) :]
                path.write_text(text, encoding="utf-8")


def main() -> int:
    """Write, or check."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--check", action="store_true")
    if asked.parse_args().check:
        wrong = differing(printed())
        print("\n".join(wrong) or "the output blocks are what the commands print")
        return 1 if wrong else 0
    write(printed())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
