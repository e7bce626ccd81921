"""Finds systems: those that exist (a folder with a manifest) and those that the roadmap plans."""

from __future__ import annotations

import difflib
import importlib.util
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from orrery import manifest
from orrery.errors import BadInput, ManifestBroken
from orrery.manifest import Manifest

if TYPE_CHECKING:
    from orrery.run import Run

TRACKS = {"p": "patterns", "d": "domains"}


@dataclass(frozen=True)
class Planned:
    """A row of the roadmap, whether it exists yet or not."""

    id: str
    name: str
    link: str
    domain: str
    what: str
    level: str
    stack: tuple[str, ...]

    @property
    def slug(self) -> str:
        """The name that starts every schema, topic and path."""
        return f"{self.id}_{self.name.lower()}"


def folder() -> Path:
    """Where the systems lie: inside the wheel, or at the top of the checkout."""
    here = Path(__file__).resolve().parent
    packed = here / "_systems"
    return packed if packed.is_dir() else here.parents[1] / "systems"


@lru_cache(maxsize=1)
def roadmap() -> tuple[Planned, ...]:
    """All forty, in the roadmap's order."""
    path = Path(__file__).resolve().parent / "data" / "roadmap.toml"
    if not path.is_file():  # taken out of the catalogue: what is there is all there is
        return tuple(_row(system) for system in _manifests())
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = [row for track in TRACKS.values() for row in raw[track]]
    return tuple(Planned(**{**row, "stack": tuple(row["stack"])}) for row in rows)


@lru_cache(maxsize=1)
def systems() -> tuple[Manifest, ...]:
    """Every system that exists; a broken manifest is an error, not a gap."""
    return tuple(system for system in _manifests() if not system.is_planned)


def _manifests() -> Iterator[Manifest]:
    """Every folder with a manifest, also of systems that are planned."""
    inside = [path for track in TRACKS.values() for path in (folder() / track).glob("*/system.toml")]
    alone = folder().parent.glob("[pd][0-9][0-9]_*/system.toml")  # one that was taken out of the catalogue
    for path in sorted([*inside, *alone]):
        yield manifest.read(path.parent)


def _row(system: Manifest) -> Planned:
    link = f"{system.id[1:]}_{system.name}"
    return Planned(system.id, system.name, link, system.domain, system.title, system.level, system.tools)


def find(name: str) -> Manifest:
    """The one system that `name` means: `meteor`, `p01` or `p01_meteor`; of two of one name the one that runs.

    Raises:
        BadInput: none or several match, or the one that matches is only planned.
    """
    wanted = name.lower()
    exist = {system.slug: system for system in systems()}
    matching = [row for row in roadmap() if wanted in (row.id, row.name.lower(), row.slug, row.link.lower())]
    matching = [row for row in matching if row.slug in exist] or matching
    if len(matching) > 1:
        choices = "\n".join(f"    {row.slug:20} {row.domain}: {row.what}" for row in matching)
        raise BadInput(
            f"'{name}' names {len(matching)} systems; say which.",
            looked="the catalogue",
            found=f"\n{choices}",
            fix=f"write {' or '.join(row.slug for row in matching)}",
        )
    if not matching:
        names = [key for row in roadmap() for key in (row.name.lower(), row.id, row.slug)]
        near = difflib.get_close_matches(wanted, names, n=1)
        raise BadInput(
            f"There is no system '{name}'.",
            looked="the catalogue of forty",
            found=f"did you mean '{near[0]}'?" if near else "no name like it",
            fix="orrery list",
        )
    if matching[0].slug not in exist:
        raise BadInput(
            f"{matching[0].name} ({matching[0].id}) is planned and not built yet.",
            looked=str(folder() / TRACKS[matching[0].id[0]]),
            found=next(
                (f"{each.folder.name}, with no [claims] yet" for each in _manifests() if each.slug == matching[0].slug),
                "no folder with a system.toml",
            ),
            fix="orrery list --runs shows those that run",
        )
    return exist[matching[0].slug]


def entry(system: Manifest) -> Callable[[Run], None]:
    """The system's `main(run)`."""
    main: Callable[[Run], None] = function(system, system.entry)
    return main


def function(system: Manifest, named: str) -> Callable[..., Any]:
    """A function of a system (`module:function`), imported from its folder as a package of its own."""
    module_name, _, name = named.partition(":")
    module = importlib.import_module(f"{_package(system).__name__}.{module_name}")
    found = getattr(module, name or "main", None)
    if not callable(found):
        raise ManifestBroken(
            f"{system.slug} has no '{named}'.",
            looked=str(system.folder / "system.toml"),
            found=f"no function '{name}' in {module_name}.py",
            fix='entry = "pipeline:main"',
        )
    return found  # type: ignore[no-any-return]


def _package(system: Manifest) -> ModuleType:
    name = f"orrery_systems_{system.folder.name}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_loader(name, loader=None, is_package=True)
        if spec is None:  # never for a namespace package; the type says it may be
            raise ManifestBroken(
                f"{system.slug} cannot be imported.", looked=str(system.folder), found="no spec", fix="report this"
            )
        package = importlib.util.module_from_spec(spec)
        package.__path__ = [str(system.folder)]
        sys.modules[name] = package
    return sys.modules[name]
