"""A file's lock for what only one process may do at a time: installing, starting, stopping."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orrery.errors import Locked

LOCK_SECONDS = 900.0  # longer than an installation over a slow line


@contextmanager
def alone(path: Path, doing: str, told: Callable[[str], None] = lambda _line: None) -> Iterator[None]:
    """Hold a file's lock, which falls when its holder dies. Locked: another process holds it for LOCK_SECONDS."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        began, has_told = time.monotonic(), False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - began > LOCK_SECONDS:
                    asked, fix = f"Another process has been {doing} for minutes.", f"end what `fuser '{path}'` names"
                    raise Locked(asked, looked=str(path), found="held", fix=f"{fix}, run again") from None
                if not has_told and time.monotonic() - began > 1:
                    told(f"another process is {doing}; waiting for it …")
                    has_told = True
                time.sleep(0.05)
        yield
    finally:
        os.close(lock)
