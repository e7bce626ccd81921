"""What a system's claims rest on: the tests in `tests/claims/`, and for each the sabotages that must turn it red.

A *sabotage* is data, in the system's `tests/sabotages.toml`, under the test that must see it:

    [test_rows_are_conserved."the last row of a block is lost"]
    file = "judging.py"             # relative to the system's folder, or src/… of the checkout; never a test
    old  = 'rows = good'            # must stand there exactly once, else the sabotage is stale
    new  = 'rows = good.slice(1)'
    case = "pandas"                 # optional: the one parametrised case that must see it

Nothing is run here; `proving.py` does that.
"""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

from orrery.errors import BadInput, ManifestBroken
from orrery.manifest import Manifest

CLAIMS, SABOTAGES = Path("tests/claims"), Path("tests/sabotages.toml")


@dataclass(frozen=True)
class Sabotage:
    """A small change that breaks what a claim promises."""

    test: str
    name: str
    file: str
    old: str
    new: str
    case: str | None = None


def read(system: Manifest) -> list[Sabotage]:
    """The sabotages of a system, in the file's order.

    Raises:
        ManifestBroken: not TOML, or a sabotage with a key too many or missing.
    """
    path = system.folder / SABOTAGES
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ManifestBroken(
            f"The sabotages of {system.name} cannot be read.", looked=str(path), found=str(error), fix="mend that line"
        ) from error
    found = []
    for test, tables in raw.items():
        for name, table in tables.items() if isinstance(tables, dict) else [("", tables)]:
            keys = set(table) if isinstance(table, dict) else set()
            if not {"file", "old", "new"} <= keys <= {"file", "old", "new", "case"}:
                raise ManifestBroken(
                    f"A sabotage of {system.name} is not complete.",
                    looked=f"{path}, [{test}.{name!r}]",
                    found=", ".join(sorted(keys)) or "no table",
                    fix="a sabotage has file, old and new, and may have case",
                )
            found.append(Sabotage(test, name, **table))
    return found


def tests_in(system: Manifest) -> dict[str, list[str]]:
    """The tests in tests/claims: name → the files (relative to the system's folder) that define it.

    A claim's test is a function. A class of tests counts as one test of its name, which no claim can run.
    """
    found: dict[str, list[str]] = {}
    for path in sorted((system.folder / CLAIMS).rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.lower().startswith("test"):
                found.setdefault(node.name, []).append(path.relative_to(system.folder).as_posix())
    return found


def gaps(system: Manifest) -> list[tuple[str, str]]:
    """What is missing before anything is run, each with the test that it is about.

    Claims, tests and sabotages that do not name each other, and sabotages that fit no file any more.
    """
    there, named, tried = tests_in(system), set(system.claims.values()), read(system)
    sabotaged = {each.test for each in tried}
    found = [] if named else [("", "no claims in system.toml")]
    found += [(test, f"no test: {test} is not in {CLAIMS}") for test in sorted(named - set(there))]
    found += [(test, f"no claim names {test} of {CLAIMS}") for test in sorted(set(there) - named)]
    found += [(test, f"no sabotage for {test}") for test in sorted(named & set(there) - sabotaged)]
    found += [(test, f"no claim names {test}, which has sabotages") for test in sorted(sabotaged - named - set(there))]
    found += [(test, f"{test} stands in {' and in '.join(files)}") for test, files in there.items() if len(files) > 1]
    for each in tried:
        if why := stale_because(system, each):
            found.append((each.test, f"{each.test}, sabotage '{each.name}': stale, because {why}"))
    return found


def stale_because(system: Manifest, sabotage: Sabotage) -> str | None:
    """Why a sabotage cannot be put into the tree; None where it can."""
    path = path_of(system, sabotage)
    root = system.folder.parents[2]
    if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
        return f"there is no file {sabotage.file}"
    if (system.folder / "tests") in path.parents or path.name == "conftest.py":
        return f"{sabotage.file} is a test's, and a sabotage breaks what is tested"
    text = path.read_text(encoding="utf-8")
    if (times := text.count(sabotage.old)) != 1 or not sabotage.old:
        return f"its old text stands {times} times in {sabotage.file}"
    if sabotage.old == sabotage.new:
        return "its new text is the old one"
    if path.suffix == ".py":
        try:
            ast.parse(text.replace(sabotage.old, sabotage.new))
        except SyntaxError as error:
            return f"{sabotage.file} is no Python any more: {error.msg}"
    return None


def path_of(system: Manifest, sabotage: Sabotage) -> Path:
    """The file that a sabotage changes, in the checkout."""
    own = system.folder / sabotage.file
    return own if own.is_file() else system.folder.parents[2] / sabotage.file


def chosen(system: Manifest, claim: str | None, test: str | None) -> list[str]:
    """The tests whose claim holds a text and that have a name; all of them without either.

    Raises:
        BadInput: none is left.
    """
    found = {
        name: sentence
        for sentence, name in system.claims.items()
        if (claim or "").lower() in sentence.lower() and test in (None, name)
    }
    if not found:
        raise BadInput(
            f"{system.name} has no such claim.",
            looked=f"{system.folder / 'system.toml'}, [claims]",
            found=f"--claim {claim!r}, --test {test!r}",
            fix=f"orrery info {system.name.lower()} lists the claims",
        )
    return list(found)
