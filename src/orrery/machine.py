"""What a run needs to know of the machine: its memory, its limits as errors, the versions of what is installed."""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import sqlite3
from importlib import metadata
from pathlib import Path

from orrery.errors import OrreryError, OutOfSpace

_M_MMAP_THRESHOLD = -3  # of mallopt(3)


def as_orrery_error(error: BaseException) -> OrreryError | None:
    """The four parts for what the machine itself refused: disk and memory; None for what is our bug."""
    if isinstance(error, OrreryError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EFBIG):
        return OutOfSpace(
            "The run could not write.",
            looked=str(error.filename or "the state folder"),
            found=error.strerror or "no space",
            fix="make room (`orrery clean --runs` removes what old runs kept), then run again",
        )
    if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
        return OutOfSpace(
            "The ledger could not be written.",
            looked="ledger.sqlite in the state folder",
            found=str(error),
            fix="make room (`orrery clean --runs` removes what old runs kept), then run again",
        )
    if isinstance(error, MemoryError):
        return OutOfSpace(
            "The run could not get more memory.",
            looked="this process",
            found=f"it had {peak_memory_mb():,.0f} MB",
            fix="end other programs, or run on a larger machine; nothing was changed",
        )
    return None


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that touch the data."""
    names = ("orrery-data", "duckdb", "pandas", "pyarrow", "psycopg", "dbt-core", "dbt-duckdb")
    found = {name: metadata.version(name) for name in names if _installed(name)}
    return {"python": platform.python_version(), **found}


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def give_large_blocks_back() -> None:
    """Have glibc return every freed block from 1 MiB on to the system at once.

    By itself it learns to keep them, in pieces that fit the next block less and less: a long load then grows by half.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 20)


def reset_peak_memory() -> None:
    """Start a new high-water mark (Linux); elsewhere the peak is that of the whole process."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_memory_mb() -> float:
    """The high-water mark of resident memory, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
