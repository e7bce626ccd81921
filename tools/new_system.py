"""Makes the folder of a system that the roadmap plans: `make new-system ID=p18 DOES=multi_cloud`.

What it makes is true from the start: a manifest without claims, which the catalogue takes for planned; a pipeline that
does nothing; a contract and tests that can be read and run. From its first claim on, a system is there to be run; that
it "runs" says `make readme`, which runs the tests.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EMPTY_WORDS = {"a", "an", "and", "of", "one", "over", "the", "with"}

MANIFEST = """\
id     = {id}
name   = {name}
title  = {what}
domain = {domain}
level  = {level}
tools  = {stack}
extras = []
entry  = "pipeline:main"

# [needs]                      # roles, not products; a profile says what plays each
# warehouse = "postgres"
#
# [inputs.incoming]            # `--data incoming=FILE` replaces the sample
# contract = "contracts/incoming.odcs.yaml"
# sample   = "data/….csv"      # small, real, with a PROVENANCE.md beside it
#
# [outputs]
# "{slug}.…" = "contracts/….odcs.yaml"

# Each sentence names the test in tests/claims/ that proves it. While there is none, the catalogue takes the system for
# planned, and does not run it.
[claims]
"""

PIPELINE = '''\
"""{title}, planned.

{what}.
"""

from __future__ import annotations

from orrery.run import Run


def main(run: Run) -> None:
    """Nothing yet. Here goes the way of the data, top to bottom, in steps that account for their rows."""
    raise NotImplementedError(f"{{run.system.name}} is planned")
'''

README = """\
# {id} {title}

{what}.

Planned: nothing here runs yet. CONTRIBUTING.md says what belongs into this folder, and in which order.
"""

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: {dashed}-incoming
name: What comes in
version: 0.1.0
status: draft
description:
  purpose: To be written, from the files as they really come.
schema:
  - name: incoming
    logicalType: object
    physicalType: file
    customProperties:
      - property: csvDialect
        value: {{delimiter: ",", quote: '"', encoding: utf-8, header: true, blanks: kept, missing: [""]}}
      - property: refusedRowsLimit
        value: 0.10
    properties:
      - {{name: id, logicalType: string, physicalType: text, required: true}}
"""

TESTS = '''\
"""The parts of {title}'s folder can be read. Its claims are tested in tests/claims/."""

from __future__ import annotations

from pathlib import Path

from orrery import contracts, manifest

FOLDER = Path(__file__).resolve().parents[1]


def test_the_manifest_is_that_of_{slug}() -> None:
    assert manifest.read(FOLDER).slug == "{slug}"


def test_every_contract_can_be_read() -> None:
    paths = sorted((FOLDER / "contracts").glob("*.odcs.yaml"))
    assert paths
    for path in paths:
        assert contracts.load(path).columns
'''

SABOTAGES = """\
# What must turn each claim's test red: bugs that somebody could make, one at a time (docs/proving.md).
#
# [test_of_a_claim."what is wrong now, as a sentence"]
# file = "pipeline.py"     # of this system, or src/… of the core
# old  = "…"               # stands there exactly once
# new  = "…"
"""

FILES = {
    "system.toml": MANIFEST,
    "pipeline.py": PIPELINE,
    "README.md": README,
    "contracts/incoming.odcs.yaml": CONTRACT,
    "tests/test_folder.py": TESTS,
    "tests/sabotages.toml": SABOTAGES,
}


def planned(root: Path, wanted: str) -> tuple[str, dict[str, Any]]:
    """The track and the row of a system, by its id.

    Raises:
        SystemExit: no such row.
    """
    tracks = tomllib.loads((root / "src/orrery/data/roadmap.toml").read_text(encoding="utf-8"))
    for track, rows in tracks.items():
        for row in rows:
            if row["id"] == wanted:
                return track, row
    raise SystemExit(f"There is no '{wanted}' in src/orrery/data/roadmap.toml. Its ids are p01 to p20 and d00 to d19.")


def does(track: str, row: dict[str, Any]) -> str:
    """The last part of the folder's name where nobody says it: the domain, or the first two words of what it does."""
    words = re.findall(r"[a-z0-9]+", row["domain" if track == "domains" else "what"].lower())
    return "_".join([word for word in words if word not in EMPTY_WORDS][:2])


def make(root: Path, wanted: str, what_it_does: str | None = None) -> Path:
    """Write the folder.

    Raises:
        SystemExit: no such row in the roadmap, a name that cannot be one, or the system has a folder already.
    """
    track, row = planned(root, wanted)
    last = what_it_does or does(track, row)
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", last):
        raise SystemExit(f"'{last}' cannot end a folder's name: small letters, digits and _, as in star_schema.")
    slug = f"{row['id']}_{row['name'].lower()}"
    if there := sorted((root / "systems" / track).glob(f"{slug}_*")):
        raise SystemExit(f"{row['name']} has a folder: {there[0].relative_to(root)}")
    folder = root / "systems" / track / f"{slug}_{last}"
    keys = ("id", "name", "what", "domain", "level", "stack")
    quoted = {key: json.dumps(row[key], ensure_ascii=False) for key in keys}  # as TOML wants texts, too
    plain = {"id": row["id"], "title": row["name"], "what": row["what"]}
    names = {"slug": slug, "dashed": slug.replace("_", "-")}
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**(quoted if name == "system.toml" else plain), **names), encoding="utf-8")
    return folder


def main() -> None:
    """The command line."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("id", help="as the roadmap has it: p02, d05")
    asked.add_argument("--does", help="how the folder's name ends: star_schema")
    given = asked.parse_args()
    folder = make(ROOT, given.id, given.does)
    for name in FILES:
        print((folder / name).relative_to(ROOT))
    print("Next: contracts and a sample from real files; then the first claim and its test.", file=sys.stderr)


if __name__ == "__main__":
    main()
