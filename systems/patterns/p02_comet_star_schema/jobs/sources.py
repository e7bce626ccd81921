"""Delivered files: their bytes, unpacked where they are gzip, and their hash."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PIECE = 1 << 20  # bytes read at a time
RATIO_LIMIT = 200  # unpacked to packed bytes, from 1 MiB on
FULL = (errno.ENOSPC, errno.EDQUOT)


class Unreadable(Exception):
    """A file that is refused as a whole: where, what was found, what mends it."""

    def __init__(self, path: str, where: str, found: str, fix: str) -> None:
        super().__init__(f"{Path(path).name} cannot be read.")
        self.where, self.found, self.fix = where, found, fix


@contextlib.contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A regular file, unpacked where it is gzip (told by its first bytes)."""
    try:
        with Path(path).open("rb") as raw:
            is_gzip = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if is_gzip:
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield Bounded(unpacked, raw, path)  # type: ignore[misc]
            else:
                yield raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unreadable(path, path, f"the gzip is damaged: {error}", "deliver it again, whole") from error
    except OSError as error:
        if error.errno in FULL:
            raise
        raise Unreadable(path, path, error.strerror or str(error), "name a file that can be read") from error


class Bounded:
    """Unpacked bytes that do not outgrow the packed ones by more than RATIO_LIMIT."""

    def __init__(self, unpacked: gzip.GzipFile, raw: BinaryIO, path: str) -> None:
        self.unpacked, self.raw, self.path, self.total = unpacked, raw, path, 0

    def tell(self) -> int:
        """How many packed bytes were read."""
        return self.raw.tell()

    def read(self, size: int) -> bytes:
        """Some bytes."""
        piece = self.unpacked.read(size)
        self.total += len(piece)
        if self.total > max(RATIO_LIMIT * self.raw.tell(), 1 << 20):
            found = f"more than {RATIO_LIMIT} times its size when unpacked"
            raise Unreadable(self.path, self.path, found, "unpack it yourself, if that is what it holds")
        return piece


def sha256(path: str) -> str:
    """The hash of a file as it was delivered."""
    if Path(path).exists() and not Path(path).is_file():
        raise Unreadable(path, path, "not a regular file", "name a file")
    try:
        with Path(path).open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise Unreadable(path, path, error.strerror or str(error), "name a file that can be read") from error
