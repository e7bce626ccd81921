"""What the last `orrery prove` of a system found, and whether it still speaks of what is there.

The result lies in the system's folder, `proof.json`, beside a hash of that folder. While the two agree the system is
"proved"; once something in the folder has changed it only "runs", until it is proved again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RESULT = "proof.json"
# README.md is written by `make readme`, figures of the day and all; what the system does is not in it
_LEFT_OUT = {RESULT, "README.md"}
_MADE = {"target", "logs"}  # by dbt, where somebody calls it by hand in its project


def fingerprint(folder: Path) -> dict[str, str]:
    """Two hashes of a system's folder: of the whole, and of what a wheel carries of it (no tests)."""
    every, packed = hashlib.sha256(), hashlib.sha256()
    for parts, path in sorted(_files(folder)):
        line = f"{'/'.join(parts)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
        every.update(line)
        if parts[0] != "tests":
            packed.update(line)
    return {"folder": every.hexdigest(), "without_tests": packed.hexdigest()}


def _files(folder: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Each file and the parts of its name; what was made is not even walked through: `list` asks for every system."""
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_made(name)]
        above = Path(where).relative_to(folder).parts
        for name in names:
            if not (_is_made(name) or (not above and name in _LEFT_OUT)):
                yield (*above, name), Path(where, name)


def _is_made(name: str) -> bool:
    return name.startswith((".", "__pycache__")) or name in _MADE


def keep(folder: Path, result: Mapping[str, Any]) -> Path:
    """Keep the result of a whole proof beside the hash of what was proved; gives where."""
    path = folder / RESULT
    kept = {**result, "sha256": fingerprint(folder)}
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def status(folder: Path) -> str:
    """`proved` where the last proof succeeded and the folder is still as it was then, else `runs`."""
    try:
        kept = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        is_good, hashes = kept["proved"] is True, kept["sha256"]
    except (OSError, ValueError, KeyError, TypeError):  # none, or not one of ours: then nothing is proved
        return "runs"
    key = "folder" if (folder / "tests").is_dir() else "without_tests"
    return "proved" if is_good and hashes.get(key) == fingerprint(folder)[key] else "runs"
