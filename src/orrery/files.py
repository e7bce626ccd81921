"""Finds delivered files and reads their bytes: plain, gzip or zstd, told by their first bytes, never by their name.

A file is read twice: once for its content hash, once to load it. If the second reading meets other bytes than
the first (it grew, it was replaced), nothing of it is loaded.
"""

from __future__ import annotations

import difflib
import glob
import hashlib
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO, NoReturn

from orrery.errors import BadInput, Denied

PIECE = 1 << 20  # bytes read at a time
SIZE_LIMIT = 10 << 30  # bytes of a stored file
RATIO_LIMIT = 200  # decompressed to stored bytes, from 1 MiB of output on
ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".csv.zst", ".tsv.zst", ".txt.zst")
OWN_ENDINGS = (*ENDINGS, ".json", ".json.gz", ".json.zst", ".jsonl", ".ndjson")  # of tables that a user brings
_UNFINISHED = (".part", ".tmp", ".swp", ".crdownload", ".filepart")
_OTHER_FORMATS = {
    b"PK\x03\x04": ("zip", "unzip it; a workbook (.xlsx) must be saved as CSV"),
    b"PK\x05\x06": ("zip", "unzip it"),
    b"PAR1": ("Parquet", "this input wants delimited text"),
    b"BZh": ("bzip2", "bunzip2 it"),
    b"\xfd7zXZ": ("xz", "unxz it"),
    b"%PDF": ("PDF", "this input wants delimited text"),
}


@dataclass(frozen=True)
class Delivered:
    """A file as it was found: where, under which name, with which content."""

    path: Path
    name: str
    sha256: str
    size: int


def find(given: Sequence[str], interval: date | None, endings: Sequence[str] = ENDINGS) -> tuple[list[Path], int]:
    """The files that paths, globs and folders mean, in the order of their names; and how many were passed over.

    `{date}` in a path becomes the day of the run. In a folder hidden and unfinished files, and those of other endings,
    are passed over, and a link that leads out of the folder is refused.

    Raises:
        BadInput: nothing there, two files of one name. Denied: a folder that this user may not read.
    """
    try:
        return _find(given, interval, tuple(endings))
    except OSError as error:
        kind = Denied if isinstance(error, PermissionError) else BadInput
        raise kind(
            "The files cannot be looked for.",
            looked=str(error.filename or ", ".join(given))[:200],
            found=error.strerror or str(error),
            fix="name a file, a folder or a glob in quotes that you may read",
        ) from error


def _find(given: Sequence[str], interval: date | None, endings: tuple[str, ...]) -> tuple[list[Path], int]:
    found: list[Path] = []
    ignored = 0
    for pattern in given:
        text = pattern.replace("{date}", interval.isoformat()) if interval else pattern
        path = Path(text)
        if path.is_dir():
            inside, passed = _inside(path, endings)
            found, ignored = found + inside, ignored + passed
        elif path.exists() or path.is_symlink():
            found.append(path)
        else:
            matching = [Path(each) for each in sorted(glob.glob(text)) if not _unfinished(Path(each).name)]  # noqa: PTH207
            if not matching:
                _nothing(pattern, text, path)
            found += matching
    names: dict[str, Path] = {}
    for path in found:
        if path.name in names and names[path.name].resolve() != path.resolve():
            raise BadInput(
                f"Two files are called {path.name}.",
                looked=f"{names[path.name]} and {path}",
                found="the ledger of files knows a file by its name: the second would restate the first",
                fix="rename one, or run them one after the other on purpose",
            )
        names[path.name] = path
    return [names[name] for name in sorted(names)], ignored


def _inside(folder: Path, endings: tuple[str, ...]) -> tuple[list[Path], int]:
    root = folder.resolve()
    every = [path for path in folder.iterdir() if not path.is_dir()]
    wanted = [path for path in every if not _unfinished(path.name) and path.name.lower().endswith(endings)]
    for path in wanted:
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise BadInput(
                f"{path.name} leads out of the folder.",
                looked=str(path),
                found=f"a link to {path.resolve()}",
                fix="name that file itself, or copy it into the folder",
            )
    if not wanted:
        raise BadInput(
            f"There is nothing to load in {folder}.",
            looked=str(folder),
            found=f"{len(every):,} files, none that ends in {', '.join(endings[:3])}",
            fix="name the files, or a glob in quotes: --data NAME='folder/*.dat'",
        )
    return wanted, len(every) - len(wanted)


def _unfinished(name: str) -> bool:
    return name.startswith((".", "~$")) or name.endswith((*_UNFINISHED, "~"))


def _nothing(pattern: str, text: str, path: Path) -> NoReturn:
    folder = path.parent
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    hint = f"did you mean {folder / near[0]}?" if near else f"{len(names):,} other files in {folder}"
    if not folder.is_dir():
        hint = f"there is no folder {folder}"
    wants_day = "{date}" in pattern and text == pattern
    raise BadInput(
        f"There is no file {text}.",
        looked=str(folder.absolute()),
        found="a {date} in the path and no --date" if wants_day else hint,
        fix="add --date 2024-01-31" if wants_day else "name a file, a folder or a glob in quotes",
    )


def fingerprint(path: Path) -> Delivered:
    """Read a file once for its hash.

    Raises:
        BadInput: not a regular file, too large, gone, not to be read.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise BadInput(
                f"{path.name} is not a regular file.",
                looked=str(path),
                found="a pipe, a socket or a device",
                fix="write it to a file first: its content is read twice",
            )
        if found.st_size > SIZE_LIMIT:
            raise BadInput(
                f"{path.name} is larger than a file may be.",
                looked=str(path),
                found=f"{found.st_size:,} bytes; the limit is {SIZE_LIMIT:,}",
                fix="split it: split -C 1G --additional-suffix=.csv (each part wants the header)",
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(
            f"{path.name} cannot be read.", looked=str(path), found=error.strerror or str(error), fix=f"ls -l '{path}'"
        ) from error
    return Delivered(path, path.name.encode("utf-8", "backslashreplace").decode(), digest, found.st_size)


def blocks(delivered: Delivered, on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    """The decompressed bytes of a file, in pieces; `on_bytes` is told how many stored bytes were read so far.

    Raises:
        BadInput: another format, a cut or foreign archive, a bomb, or other bytes than were hashed.
    """
    digest, done = hashlib.sha256(), 0
    with _opened(delivered) as file:
        first = file.read(PIECE)
        for mark, (kind, fix) in _OTHER_FORMATS.items():
            if first.startswith(mark):
                _refuse(delivered, "byte 0", f"{kind}, by its first bytes", fix)
        unpack = _decompressor(first, delivered)
        piece = first
        while piece:
            digest.update(piece)
            done += len(piece)
            on_bytes(done)
            yield from unpack.feed(piece)
            piece = file.read(PIECE)
        unpack.finish()
    if digest.hexdigest() != delivered.sha256:
        _refuse(
            delivered, f"byte {done:,}", "it changed while it was read", "deliver it under a temporary name and move it"
        )


def _opened(delivered: Delivered) -> BinaryIO:
    try:
        return delivered.path.open("rb")
    except OSError as error:
        found = f"it changed while it was read: {error.strerror}"
        _refuse(delivered, "byte 0", found, "deliver it under a temporary name and move it")


def _decompressor(first: bytes, delivered: Delivered) -> _Plain | _Packed:
    if first.startswith(b"\x1f\x8b"):
        return _Packed(delivered, "gzip", lambda: zlib.decompressobj(wbits=31))
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        return _Packed(delivered, "zstd", lambda: zstandard.ZstdDecompressor().decompressobj())
    return _Plain()


class _Plain:
    """Bytes as they are."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        yield piece

    def finish(self) -> None:
        """Nothing can be missing."""


class _Packed:
    """One or several compressed members, one behind the other."""

    def __init__(self, delivered: Delivered, kind: str, new_member: Callable[[], object]) -> None:
        self.delivered, self.kind, self.new_member = delivered, kind, new_member
        self.member: object = new_member()
        self.stored = self.unpacked = 0
        self.fresh = True

    def feed(self, piece: bytes) -> Iterator[bytes]:
        import zstandard

        rest = piece
        while rest:
            part, rest = rest[: 64 << 10], rest[64 << 10 :]
            while part:
                try:
                    out: bytes = self.member.decompress(part)  # type: ignore[attr-defined]
                except (zlib.error, zstandard.ZstdError) as error:
                    what = "something behind its end" if self.fresh and self.unpacked else f"damaged: {error}"
                    self._stop(what)
                over: bytes = self.member.unused_data if self.member.eof else b""  # type: ignore[attr-defined]
                self.stored += len(part) - len(over)
                self.unpacked += len(out)
                if self.unpacked > (1 << 20) and self.unpacked > RATIO_LIMIT * max(self.stored, 1):
                    self._stop(f"{self.unpacked:,} bytes out of {self.stored:,}: more than {RATIO_LIMIT} to 1")
                if out:
                    yield out
                self.fresh = bool(self.member.eof)  # type: ignore[attr-defined]
                if self.fresh:
                    self.member = self.new_member()
                part = over

    def finish(self) -> None:
        if not self.fresh:
            self._stop("cut: the end of the archive is missing")

    def _stop(self, found: str) -> NoReturn:
        where = f"{self.kind}, byte {self.stored:,} of {self.delivered.size:,}"
        _refuse(self.delivered, where, found, "deliver it again, whole")


def _refuse(delivered: Delivered, where: str, found: str, fix: str) -> NoReturn:
    raise BadInput(
        f"{delivered.name} cannot be loaded: nothing of it was.",
        looked=f"{delivered.path}, {where}",
        found=found,
        fix=fix,
    )
