"""A file's lock for what only one process may do at a time: installing, starting, stopping, running a system."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orrery.errors import Locked

LOCK_SECONDS = 900.0  # longer than an installation over a slow line


@contextmanager
def held(path: Path, seconds: float, asked: str, fix: str, waiting: Callable[[], None] = lambda: None) -> Iterator[int]:
    """Hold a file's lock, as a file descriptor; it falls when the last process that has it ends.

    Args:
        path: the file; it is made, and names who holds it.
        seconds: how long to wait for another holder; 0 tries once.
        asked: the first part of the refusal, and fix its last.
        waiting: called once when the wait takes more than a second.

    Raises:
        Locked: another process holds it all that time.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        began, has_told = time.monotonic(), False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - began
                if waited >= seconds:
                    holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
                    raise Locked(asked, looked=str(path), found=f"held by process {holder}", fix=fix) from None
                if not has_told and waited > 1:
                    waiting()
                    has_told = True
                time.sleep(0.05)
        os.ftruncate(lock, 0)
        with contextlib.suppress(OSError):  # a full disk: the lock holds without its holder's name
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock
    finally:
        os.close(lock)


@contextmanager
def alone(path: Path, doing: str, told: Callable[[str], None] = lambda _line: None) -> Iterator[None]:
    """Hold a file's lock for work that ends by itself. Locked: another process holds it for LOCK_SECONDS."""
    asked, fix = f"Another process has been {doing} for minutes.", f"end what `fuser '{path}'` names, run again"
    with held(path, LOCK_SECONDS, asked, fix, lambda: told(f"another process is {doing}; waiting for it …")):
        yield
