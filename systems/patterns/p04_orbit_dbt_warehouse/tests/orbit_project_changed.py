"""A copy of the dbt project that a test may change, and what its files say of each other."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery import catalogue
from orrery.manifest import Manifest

if TYPE_CHECKING:
    import pytest

REF = re.compile(r"""ref\(\s*['"](\w+)['"]\s*\)""")


class Changed:
    """The project of a system, in a folder of the test's; runs use it from now on."""

    def __init__(self, system: Manifest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "dbt_project"
        shutil.copytree(
            system.folder / "dbt_project", self.folder, ignore=shutil.ignore_patterns("target", "logs", "*.duckdb")
        )
        build: Any = catalogue.function(system, "building:build")
        monkeypatch.setitem(build.__globals__, "PROJECT", str(self.folder))

    def file(self, name: str) -> Path:
        """The one file of a name."""
        [found] = self.folder.rglob(name)
        return found

    def replace(self, name: str, old: str, new: str) -> None:
        """Change a file in one place."""
        path = self.file(name)
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old, text.count(old))
        path.write_text(text.replace(old, new), encoding="utf-8")

    def models(self) -> dict[str, set[str]]:
        """Each model with those that it is made of, as its SQL says."""
        return {path.stem: set(REF.findall(path.read_text())) for path in (self.folder / "models").rglob("*.sql")}

    def with_children(self, name: str) -> set[str]:
        """A model and all that is made of it."""
        models, found = self.models(), {name}
        while more := {each for each, parents in models.items() if parents & found} - found:
            found |= more
        return found
