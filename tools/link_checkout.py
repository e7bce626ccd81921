"""Makes this checkout importable in its own .venv and writes `.venv/bin/orrery`: editable, without a build.

The path file holds a relative path: it needs no encoding, so a folder with blanks or letters outside ASCII is
safe under every locale, and the folder may be moved. The command is a shell script for the same reason: the
first line of an installed script would have to name an absolute path without blanks.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tomllib
from pathlib import Path

COMMAND = """#!/bin/sh
# Written by tools/link_checkout.py; -P keeps modules of the folder you stand in from being taken for ours.
me=$(readlink -f -- "$0" 2>/dev/null) || me=$0
exec "${me%/*}/python" -P -m orrery "$@"
"""


def link(root: Path, packages: Path, scripts: Path) -> None:
    """Writes the path file, the distribution's metadata and the command.

    Args:
        root: the checkout, with pyproject.toml and src/.
        packages: the environment's site-packages.
        scripts: the environment's bin folder.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]

    source = next(each for each in ("src", "vendored") if (root / each / "orrery").is_dir())  # or a system on its own
    relative = os.path.relpath(root / source, packages)
    (packages / "_orrery_checkout.pth").write_text(relative + "\n", encoding="ascii")

    stem = name.replace("-", "_")
    for old in packages.glob(f"{stem}-*.dist-info"):
        shutil.rmtree(old)
    info = packages / f"{stem}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (info / "INSTALLER").write_text("link_checkout\n", encoding="utf-8")
    entries = "".join(f"{command} = {target}\n" for command, target in project["scripts"].items())
    (info / "entry_points.txt").write_text(f"[console_scripts]\n{entries}", encoding="utf-8")
    installed = [
        packages / "_orrery_checkout.pth",
        info / "METADATA",
        info / "INSTALLER",
        info / "entry_points.txt",
    ]
    record = [f"{os.path.relpath(path, packages)},,\n" for path in [*installed, scripts / "orrery", info / "RECORD"]]
    (info / "RECORD").write_text("".join(record), encoding="utf-8")

    command = scripts / "orrery"
    command.write_text(COMMAND, encoding="utf-8")
    command.chmod(0o755)


if __name__ == "__main__":
    # Not resolved: where .venv is a link to another disk, the path file must go the way the interpreter goes.
    environment = Path(sys.prefix)
    link(environment.parent, Path(sysconfig.get_path("purelib")), environment / "bin")
