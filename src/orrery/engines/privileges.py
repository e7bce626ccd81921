"""Runs a program as somebody who is not root, because PostgreSQL refuses to be root.

Usually that is a plain change of user. A checkout below a private folder (root's own home, a temporary folder) is
out of reach for everybody else, though, and we neither open folders nor move data away. There the program keeps one
of root's capabilities: to search and read, or, where that is not enough or not ours to lend, to pass over file modes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
import signal
import stat
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orrery.errors import BadInput, Denied, OutOfSpace

_DAC_OVERRIDE, _DAC_READ_SEARCH, _SETGID, _SETUID, _SETPCAP = 1, 2, 6, 7, 8  # of capabilities(7)
_PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 28, 47, 2  # prctl(2)
_NO_SETUID_FIXUP = 1 << 2  # else access(2), which initdb asks before it starts postgres, forgets the capability
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWUSER = 0x10000000
_NOBODY = 65534
RUN_SECONDS = 120.0


def other_user(home: Path) -> tuple[int, int] | None:
    """Who a server below `home` runs as when we are root: its owner, else nobody; None when we are not root."""
    if os.geteuid() != 0:
        return None
    owner = home.stat()
    if owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    return nobody()


def nobody() -> tuple[int, int]:
    """The uid and gid that own nothing."""
    try:
        found = pwd.getpwnam("nobody")
    except KeyError:
        return _NOBODY, _NOBODY
    return found.pw_uid, found.pw_gid


def has_name(uid: int) -> bool:
    """Whether the system has a name for a uid; many containers run as one that has none."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def give(folder: Path, user: tuple[int, int]) -> None:
    """Make `user` the owner of a folder and of all in it; symbolic links are never followed. For root only."""
    os.chown(folder, *user, follow_symlinks=False)
    for _, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            os.chown(name, *user, dir_fd=descriptor, follow_symlinks=False)


def becoming(user: tuple[int, int], paths: Sequence[Path]) -> Callable[[], None]:
    """What a child calls before it becomes the program: drop to `user`, able to reach `paths`.

    Raises:
        Denied: this root may not change user, or a path is out of reach for that user and root has no capability
            to lend.
    """
    uid, gid = user
    permitted = _permitted()
    hidden, lendable = _obstacle(paths, uid, gid)
    needed = [_SETUID, _SETGID, *([_SETPCAP] if hidden else [])]
    capability = next((each for each in lendable if permitted >> each & 1), None)
    if not all(permitted >> each & 1 for each in needed) or (hidden and capability is None):
        raise Denied(
            "PostgreSQL may not run as root, and this root cannot run it as another user.",
            looked=str(hidden or "/proc/self/status"),
            found=f"uid {uid} may not pass it, and this root may lend no CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE"
            if hidden
            else "no CAP_SETUID and CAP_SETGID",
            fix="run as an ordinary user, or work in a folder that everybody can search",
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


def borrowing_a_name() -> Callable[[], None]:
    """What a child of an ordinary user without a name calls: a user namespace in which it is called nobody.

    Files it makes still belong to the real uid. Where the system allows no such namespace, the call fails.
    """
    (seen_uid, seen_gid), uid, gid = nobody(), os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)

    def borrow() -> None:
        if libc.unshare(_CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "no user namespace")
        maps = (("setgroups", "deny"), ("gid_map", f"{seen_gid} {gid} 1"), ("uid_map", f"{seen_uid} {uid} 1"))
        for name, text in maps:
            descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
            os.write(descriptor, text.encode("ascii"))
            os.close(descriptor)

    return borrow


def run(
    command: list[str],
    user: tuple[int, int] | None,
    reach: Sequence[Path],
    folder: Path,
    environment: dict[str, str],
    *,
    text: str = "",
    lock: int | None = None,
    borrow: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder` as `user`, in a session of its own, for RUN_SECONDS at most (then: exit code -9).

    Args:
        reach: what that user has to get at.
        text: what it reads.
        lock: a file descriptor that it keeps open until it ends.
        borrow: with a borrowed name.
    """
    become = becoming(user, reach) if user else borrowing_a_name() if borrow else None
    # files, not pipes: a server that inherited a pipe would keep its reader waiting for ever
    with tempfile.TemporaryFile("w+", dir=folder) as given, tempfile.TemporaryFile("w+", dir=folder) as output:
        given.write(text)
        given.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads: it takes no lock
                child = subprocess.Popen(
                    command, cwd=folder, env=environment, stdin=given, stdout=output,
                    stderr=subprocess.STDOUT, start_new_session=True,
                    preexec_fn=become,  # noqa: PLW1509 (it calls the system only)
                    pass_fds=() if lock is None else (lock,),
                )  # fmt: skip
        except subprocess.SubprocessError:
            raise nameless(user[0] if user else os.geteuid()) from None
        try:
            code = child.wait(timeout=RUN_SECONDS)
        except BaseException as error:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(timeout=10)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            code = -signal.SIGKILL
        output.seek(0)
        return subprocess.CompletedProcess(command, code, output.read(), "")


@contextmanager
def refusals(root: Path) -> Iterator[None]:
    """What the file system refuses, in four parts."""
    try:
        yield
    except OSError as error:
        full = (OutOfSpace, "The disk is full.", "make room, then run again")
        denied = (
            Denied,
            "This user may not do that here.",
            "run as its owner, or set ORRERY_HOME to a folder of yours",
        )
        blocked = (BadInput, "Something else is in the way.", "move it away, or set ORRERY_HOME to another folder")
        kinds = {errno.ENOSPC: full, errno.EDQUOT: full, errno.EACCES: denied, errno.EPERM: denied, errno.EROFS: denied}
        kinds |= dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.ELOOP), blocked)
        if error.errno not in kinds:
            raise
        kind, asked, fix = kinds[error.errno]
        raise kind(asked, looked=str(error.filename or root), found=error.strerror or str(error), fix=fix) from error


def nameless(uid: int) -> Denied:
    """What to say when initdb wants a name for a uid that has none."""
    return Denied(
        f"PostgreSQL cannot be set up as uid {uid}: it wants a user that has a name.",
        looked="/etc/passwd",
        found=f"no entry for uid {uid}, and no user namespace to borrow one in",
        fix=f"run as a user that has one, or add it: echo 'orrery:x:{uid}:{uid}::/:/bin/false' >>/etc/passwd",
    )


def write_private(path: Path, text: str, user: tuple[int, int] | None = None) -> None:
    """A file that only its owner can read (else the owner of its folder), there at once and whole."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        if os.geteuid() == 0:
            folder = path.parent.stat()
            os.fchown(file.fileno(), *(user or (folder.st_uid, folder.st_gid)))
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def _obstacle(paths: Sequence[Path], uid: int, gid: int) -> tuple[Path | None, tuple[int, ...]]:
    """The first thing that keeps the user from `paths`, and the capabilities that would help, the smallest first."""
    for path in paths:
        if path.is_file() and not _may(path, uid, gid, stat.S_IROTH | stat.S_IXOTH):
            return path, (_DAC_OVERRIDE,)  # the other one does not let a program be executed
    for path in paths:
        real = path.resolve()
        for folder in reversed([path, *path.parents, real, *real.parents]):
            if folder.is_dir() and not _may(folder, uid, gid, stat.S_IXOTH):
                return folder, (_DAC_READ_SEARCH, _DAC_OVERRIDE)
    return None, ()


def _may(path: Path, uid: int, gid: int, bits: int) -> bool:
    """Whether the mode of a path grants all `bits`, given as those for others."""
    found = path.stat()
    shift = 6 if found.st_uid == uid else 3 if found.st_gid == gid else 0
    return (found.st_mode >> shift) & bits == bits


def _permitted() -> int:
    """The capabilities this process may use, as a bit mask; without /proc, what any root may do."""
    status = Path("/proc/self/status")
    if not status.exists():
        return (1 << _SETUID) | (1 << _SETGID)
    for line in status.read_text(encoding="ascii").splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0
