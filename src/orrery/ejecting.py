"""Takes one system out of the catalogue: a project of its own, with the few modules of the core that it needs.

Which these are is not a list that somebody keeps: it is what the system, its tests and the verbs of the command line
that make sense for one system import. They are copied byte for byte, so that an upgrade is a copy, too.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orrery import __version__
from orrery.errors import BadInput
from orrery.manifest import Manifest

CORE = "vendored/orrery"
RECORD = "vendored/vendored.json"
# what a project needs beside what its system imports: the command, and what tests are written with
STARTS = (
    "__init__",
    "__main__",
    *(f"cli.{each}" for each in ("main", "looking", "running", "data", "comparing", "engines")),
)
TESTING = ("testing", "claims", "leftovers")
# of a system's folder: what is about the catalogue, and what tools have made there
OF_THE_CATALOGUE = ("sabotages.toml", "faults.toml", "proof.json", "__pycache__", "target", "logs")
PLAIN = ("LICENSE", "conftest.py", "tools/bootstrap.sh", "tools/link_checkout.py")
LOCKS = ("test.lock", "uv.lock.txt")
EMULATOR = ("snowflake-emulator.lock",)  # in an environment of its own, made when a profile asks for it


@dataclass(frozen=True)
class Moved:
    """A file that is not as it was when the project was taken out.

    Attributes:
        here, there: what became of it in the project, and in the catalogue: same, changed, gone, new.
        difference: a unified diff from the project's file to the catalogue's.
    """

    path: str
    here: str
    there: str
    difference: str


def eject(system: Manifest, to: Path) -> list[str]:
    """Make the project; gives its files.

    Raises:
        BadInput: this is no checkout, or `to` is not a place for it.
    """
    root = _checkout(system)
    _place(root, to)
    files = contents(system, to.resolve().name)
    for name, content in files.items():
        path = to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if name.endswith(".sh"):
            path.chmod(0o755)
    return sorted(files)


def contents(system: Manifest, name: str) -> dict[str, bytes]:
    """Every file of the project, by its path in it; the same for the same checkout.

    Args:
        name: of the project.
    """
    root = _checkout(system)
    own = {
        path.relative_to(system.folder).as_posix(): path
        for path in sorted(system.folder.rglob("*"))
        if path.is_file() and not set(path.relative_to(system.folder).parts) & set(OF_THE_CATALOGUE)
    }
    core = root / "src" / "orrery"
    code = [path for inside, path in own.items() if path.suffix == ".py" and not inside.startswith("tests/")]
    modules = followed(core, [*code, root / "conftest.py"], [*STARTS, *TESTING])
    own = {inside: path for inside, path in own.items() if not _needs_more(core, inside, path, modules)}
    files = {f"{CORE}/{each}": (core / each).read_bytes() for each in sorted(modules)}
    files |= {f"{system.folder.name}/{inside}": path.read_bytes() for inside, path in own.items()}
    files |= {each: (root / each).read_bytes() for each in PLAIN}
    locks = (f"{purpose(system)}.lock", *LOCKS, *(EMULATOR if "snowflake" in system.extras else ()))
    files |= {f"requirements/{each}": (root / "requirements" / each).read_bytes() for each in locks}
    files |= {f"profiles/{path.name}": path.read_bytes() for path in sorted((root / "profiles").glob("*.toml"))}
    copied = {each: hashlib.sha256(content).hexdigest() for each, content in sorted(files.items())}
    record = {"from": f"orrery-data {__version__}", "system": system.slug, "files": copied}
    files[RECORD] = (json.dumps(record, indent=2) + "\n").encode()
    made = {
        "pyproject.toml": _project(system, name, root),
        "Makefile": _MAKEFILE.format(name=system.name.lower(), purpose=purpose(system)),
        "README.md": _README.format(
            name=name,
            system=system,
            word=system.name.lower(),
            folder=system.folder.name,
            modules=len(modules),
            given=next(iter(system.inputs), "…"),
        ),
        "VENDORED.md": _VENDORED.format(version=__version__, word=system.name.lower(), name=name),
        ".gitignore": (root / ".gitignore").read_text(encoding="utf-8"),
    }
    return files | {each: text.encode() for each, text in made.items()}


def purpose(system: Manifest) -> str:
    """Which requirements/<purpose>.lock a run of the system needs (tools/purpose.sh says the same to make)."""
    return "dbt" if "dbt" in system.extras else "run"


def moved(system: Manifest, project: Path) -> list[Moved]:
    """What differs from what was taken out, in the project or in the catalogue.

    Raises:
        BadInput: not a project that was taken out, or one of another system.
    """
    record = _record(system, project)
    now = contents(system, project.resolve().name)
    found = []
    for path in sorted({*record, *(each for each in now if each.startswith((CORE, f"{system.folder.name}/")))}):
        was, there = record.get(path), now.get(path)
        file = project / path
        here = file.read_bytes() if file.is_file() else None
        states = _state(was, here), _state(was, there)
        if states != ("same", "same") and here != there:
            found.append(Moved(path, *states, _difference(path, here, there)))
    return found


def _state(was: str | None, content: bytes | None) -> str:
    if was is None:
        return "same" if content is None else "new"
    if content is None:
        return "gone"
    return "same" if hashlib.sha256(content).hexdigest() == was else "changed"


def _difference(path: str, here: bytes | None, there: bytes | None) -> str:
    try:
        one, other = ((each or b"").decode().splitlines(keepends=True) for each in (here, there))
    except UnicodeDecodeError:
        return "(not text)\n"
    return "".join(difflib.unified_diff(one, other, f"yours/{path}", f"catalogue/{path}"))


# --- what is needed ------------------------------------------------------------------------------------------------


def followed(core: Path, files: Iterable[Path], modules: Iterable[str]) -> set[str]:
    """The modules of the core that files and modules import, and those that these import, as paths below `core`."""
    waiting = [path for each in modules if (path := _file_of(core, each)) is not None]
    found: set[str] = set()
    for file in files:
        waiting += imported(core, file)
    while waiting:
        path = waiting.pop()
        name = path.relative_to(core).as_posix()
        if name not in found:
            found.add(name)
            waiting += imported(core, path)
    packages = {parent.as_posix() for name in found for parent in Path(name).parents}
    return found | {
        f"{each}/__init__.py".removeprefix("./") for each in packages if (core / each / "__init__.py").is_file()
    }


def imported(core: Path, file: Path) -> Iterator[Path]:
    """The modules of the core that a file imports, wherever in it, but for the type checker alone."""
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.split(".")[0] == "orrery" and (path := _file_of(core, name.removeprefix("orrery").strip("."))):
                yield path


def _file_of(core: Path, module: str) -> Path | None:
    path = core / module.replace(".", "/")
    found = path.with_suffix(".py") if module else core / "__init__.py"
    if found.is_file():
        return found
    package = path / "__init__.py"
    return package if package.is_file() else None


def _needs_more(core: Path, inside: str, path: Path, modules: set[str]) -> bool:
    """Whether a test needs modules that the project does without (a drill, a proof, a simulation)."""
    if not inside.startswith("tests/") or path.suffix != ".py":
        return False
    return not {each.relative_to(core).as_posix() for each in imported(core, path)} <= modules


# --- what is made --------------------------------------------------------------------------------------------------


def _project(system: Manifest, name: str, root: Path) -> str:
    """pyproject.toml: what the catalogue's says, of this system alone."""
    given: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project = given["project"]
    needs = [*project["dependencies"], *(n for extra in system.extras for n in project["optional-dependencies"][extra])]
    listed = "".join(f"    {json.dumps(each)},\n" for each in needs)
    pytest = given["tool"]["pytest"]["ini_options"]
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or system.name.lower()
    return _PYPROJECT.format(
        name=word,
        title=json.dumps(system.title),
        needs=listed,
        folder=system.folder.name,
        track="patterns" if system.id.startswith("p") else "domains",
        addopts=json.dumps([*pytest["addopts"], "-m", "not catalogue"]),
        markers=json.dumps(pytest["markers"], indent=4, ensure_ascii=False),
        python=project["requires-python"],
    )


def _checkout(system: Manifest) -> Path:
    root = system.folder.parents[2]
    if not (root / "pyproject.toml").is_file() or not (system.folder / "tests").is_dir():
        raise BadInput(
            f"{system.name} cannot be taken out from here.",
            looked=str(root),
            found="no checkout: the wheel carries neither tests nor the hashed requirements",
            fix="clone the repository, and call it there",
        )
    return root


def _place(root: Path, to: Path) -> None:
    def refuse(found: str, fix: str) -> None:
        raise BadInput(f"The project cannot be put into {to}.", looked=str(to.absolute()), found=found, fix=fix)

    there = to.resolve()
    if there.is_relative_to(root.resolve()):
        refuse("a folder of the catalogue itself", "name one outside of it: ../my-loader")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        refuse("something is there already", "name a folder that is empty or not there; --diff shows what moved")
    if not there.parent.is_dir():
        refuse(f"there is no folder {there.parent}", f"mkdir -p '{there.parent}'")


def _record(system: Manifest, project: Path) -> dict[str, str]:
    path = project / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        files: dict[str, str] = record["files"]
        made_of = record["system"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{project} is not a project that was taken out.",
            looked=str(path),
            found=str(error) or type(error).__name__,
            fix=f"orrery eject {system.name.lower()} FOLDER makes one",
        ) from error
    if made_of != system.slug:
        raise BadInput(
            f"{project} was taken out of another system.",
            looked=str(path),
            found=made_of,
            fix=f"orrery eject {made_of}",
        )
    return files


_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
description = {title}
readme = "README.md"
license = "Apache-2.0"
license-files = ["LICENSE"]
requires-python = "{python}"
dependencies = [
{needs}]

[project.scripts]
orrery = "orrery.cli.main:main"

[tool.hatch.build.targets.wheel]
only-include = ["vendored/orrery", "{folder}", "profiles"]
exclude = ["{folder}/tests"]

[tool.hatch.build.targets.wheel.sources]
"vendored/orrery" = "orrery"
"{folder}" = "orrery/_systems/{track}/{folder}"
"profiles" = "orrery/_profiles"

[tool.pytest.ini_options]
minversion = "9"
testpaths = ["{folder}"]
addopts = {addopts}
xfail_strict = true
timeout = 300
filterwarnings = ["error"]
markers = {markers}
"""

_MAKEFILE = """\
.DEFAULT_GOAL := help
.PHONY: help run test down clean
SHELL := /bin/sh
export PYTHON

help:
	@echo "make run · make test · make down (stop the server) · make clean (remove .venv)"

run:
	@sh tools/bootstrap.sh {purpose}
	@.venv/bin/orrery run {name} $(ARGS)

test:
	@sh tools/bootstrap.sh test
	@.venv/bin/python -P -m pytest -n 2 --dist loadfile $(ARGS)

down:
	@if [ -x .venv/bin/orrery ]; then .venv/bin/orrery down; fi

clean: down
	@rm -rf .venv .make .pytest_cache .hypothesis
"""

_README = """\
# {name}

{system.title}.

Taken out of Orrery as a project of your own: change whatever you like.

    make run        installs what it needs (by hash) into .venv, and runs it on the sample
    make test       installs the rest, and tests it

Then, with your own files:

    .venv/bin/orrery run {word} --data '{given}=inbox/*'
    .venv/bin/orrery plan {word} --schedule          the cron line and the systemd timer
    .venv/bin/orrery show {word}                     rows of what it made; --rejected: the refused ones
    .venv/bin/orrery check {word}                    whether ledger and target still agree
    .venv/bin/orrery data infer FILE                 a contract for any other file
    .venv/bin/orrery --help                          everything else

| where | whose |
|---|---|
| `{folder}/` | yours: the pipeline, its rules, SQL, contracts, sample and tests; its README says how it works |
| `profiles/` | yours: which server plays which role |
| `vendored/` | the {modules} modules of Orrery's core that it uses, as they were; upgrades: `VENDORED.md` |
| `requirements/` | every package by its hash |
"""

_VENDORED = """\
# What is vendored

`vendored/orrery` is the part of Orrery's core that this project uses, byte for byte as it was in orrery-data {version}.
`vendored/vendored.json` has the sha256 of every file that was copied, here and elsewhere in the project.

What moved since, in your files and in Orrery's, is shown from a checkout of Orrery:

    orrery eject {word} --diff ../{name}

Exit code 0: nothing moved there. 3: something did, and it is shown as a unified diff from your file to Orrery's. To
take an upgrade, copy the files that you want, or apply that diff with `patch -p1`; then `make test`.

The vendored package is importable as `orrery`: do not install orrery-data into the same environment.

What stays behind, because it looks after a catalogue: drills, proofs, simulations, and the tests that need them.
"""
