"""Runs of the connectors' program in the tests' process, and what each gave."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
PROGRAM = HERE.parents[1] / "connectors" / "jpl.py"
sys.path[:0] = [str(HERE), str(PROGRAM.parent)]

import jpl  # noqa: E402

if TYPE_CHECKING:
    import pytest
    from jpl_service import Service

QUICK = ["--pause", "0.001", "--connect", "2", "--read", "2", "--whole", "5", "--retries", "2", "--backoff", "0.01"]
FOUR_LINES = re.compile(r"error (\d+): .+\n  looked in:  .+\n  found:      .+\n  to fix:     .+\n")
PROGRESS = re.compile(r"progress \d+ \d+ \d+\n")


class Told:
    """What a run gave: its exit code, its lines, its error."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out = code, out.splitlines()
        progress, _, last = err.partition("error ")
        assert re.fullmatch(f"({PROGRESS.pattern})*", progress), err
        self.progress = progress.splitlines()
        self.error = "error " + last if last else ""
        if code:
            match = FOUR_LINES.fullmatch(self.error)
            assert match, err
            assert int(match[1]) == code, err
        else:
            assert not last, err


class Runs:
    """Runs of the program, in this process."""

    def __init__(self, folder: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.service, self.capsys = folder, service, capsys

    def __call__(self, *words: str) -> Told:
        self.capsys.readouterr()
        base = [] if "--base" in words else ["--base", self.service.base]
        code = jpl.main([words[0], "--to", str(self.folder), *QUICK, *base, *words[1:]])
        told = self.capsys.readouterr()
        return Told(code, told.out, told.err)

    def bodies(self, *words: str) -> Told:
        return self("bodies", "--page", "10", *words)

    def files(self) -> list[str]:
        """All that is in the folder, hidden files too."""
        return sorted(each.name for each in self.folder.iterdir()) if self.folder.exists() else []


PAGES = ["sbdb-neo-000000.json", "sbdb-neo-000010.json", "sbdb-neo-000020.json"]
