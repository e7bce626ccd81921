"""Runs a program as somebody who is not root, because PostgreSQL refuses to be root.

Usually that is a plain change of user. A checkout below a private folder (root's own home, a temporary folder) is
out of reach for everybody else, though, and we neither open folders nor move data away. There the program keeps one
of root's capabilities, to search and read; it can still not write where it may not.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from orrery.errors import Denied

_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2  # capabilities(7)
_PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 28, 47, 2  # prctl(2)
_NO_SETUID_FIXUP = 1 << 2  # else access(2), which initdb asks before it starts postgres, forgets the capability
_CAPABILITY_VERSION_3 = 0x20080522


def other_user(home: Path) -> tuple[int, int] | None:
    """Who a server below `home` runs as when we are root: its owner, else nobody; None when we are not root."""
    if os.geteuid() != 0:
        return None
    owner = home.stat()
    if owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return nobody.pw_uid, nobody.pw_gid


def becoming(user: tuple[int, int], paths: Sequence[Path]) -> Callable[[], None]:
    """What a child calls before it becomes the program: drop to `user`, able to reach `paths`.

    Raises:
        Denied: a path is out of reach for that user, and root here has no capability to lend.
    """
    uid, gid = user
    hidden = next((folder for path in paths if (folder := _unsearchable(path, uid, gid))), None)
    capability = None
    if hidden is not None:
        permitted = _permitted()
        capability = next((each for each in (_DAC_READ_SEARCH, _DAC_OVERRIDE) if permitted >> each & 1), None)
        if capability is None:
            raise Denied(
                "PostgreSQL may not run as root, and the user it would run as cannot reach its files.",
                looked=str(hidden),
                found=f"uid {uid} may not search it, and this root may not lend CAP_DAC_READ_SEARCH",
                fix=f"run as an ordinary user, or work in a folder that others can search (chmod o+x '{hidden}')",
            )
    libc = ctypes.CDLL(None, use_errno=True)  # loaded here: a child between fork and exec must not import

    def become() -> None:
        if capability is not None and libc.prctl(_PR_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "the capability could not be kept")
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        if capability is not None:
            mask = 1 << capability
            header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
            sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable
            if libc.capset(header, sets) or libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0):
                raise OSError(ctypes.get_errno(), "the capability could not be kept")

    return become


def _unsearchable(path: Path, uid: int, gid: int) -> Path | None:
    """The first folder on the way to `path` that the user may not search."""
    for folder in reversed([path, *path.resolve().parents]):
        if not folder.is_dir():
            continue
        found = folder.stat()
        bit = stat.S_IXUSR if found.st_uid == uid else stat.S_IXGRP if found.st_gid == gid else stat.S_IXOTH
        if not found.st_mode & bit:
            return folder
    return None


def _permitted() -> int:
    """The capabilities this process may use, as a bit mask."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    for line in status.read_text(encoding="ascii").splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0
