"""Environments of their own for tools whose packages do not fit beside the rest: made on first need, then kept.

    .orrery/envs/
    ├── <name>/         the virtual environment, with the Python that runs Orrery
    │   └── .ready      what it was made from; written last, so that a killed installation begins again
    ├── <name>.lock     held while it is made
    └── <name>.log      what the installer said

What goes in is in `requirements/<name>.lock` of the checkout, or `_requirements/<name>.lock` of the installed package:
every package by its hash, wheels only, so that nothing is built and nothing else is looked up.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from orrery import locking, profiles
from orrery.errors import BadInput, Denied, DependencyDown, IntegrityBroken, OrreryError, OutOfSpace

INSTALL_SECONDS = 1800.0
_RULES = ("--require-hashes", "--no-deps", "--only-binary", ":all:")
_SETTING = re.compile(r"^[^=]*\.(index-url|cert)='(.*)'$", re.MULTILINE)
_HASHES = re.compile(r"do not match|hash mismatch|doesn't match|in --require-hashes mode", re.IGNORECASE)
_NO_WHEEL = re.compile(r"from versions: (?!none)|has no wheels|no usable wheels|not compatible", re.IGNORECASE)


def requirements(name: str) -> Path:
    """The lock file of an environment. BadInput: there is none."""
    here = Path(__file__).resolve().parent
    places = [here / "_requirements", here.parents[1] / "requirements"]  # in a wheel; in a checkout
    for path in (folder / f"{name}.lock" for folder in places):
        if path.is_file():
            return path
    looked, fix = " and ".join(map(str, places)), "take a whole checkout, or install orrery-data again"
    asked = f"There is nothing that says what the environment '{name}' holds."
    raise BadInput(asked, looked=looked, found=f"no {name}.lock", fix=fix)


def python(home: Path, name: str, told: Callable[[str], None], environment: Mapping[str, str] | None = None) -> Path:
    """The interpreter of an environment, which is made where it is not whole; any number of processes may call this.

    Args:
        home: the state folder.
        told: hears a line before anything that takes long.
        environment: for the installers; by itself the user's, with their settings for indexes, certificates, proxies.

    Raises:
        BadInput: no lock file, or no wheel for this Python. DependencyDown: the package index is away. OutOfSpace,
        Denied, IntegrityBroken (a package is not the one that was locked), Locked: as they say.
    """
    lock, folder = requirements(name), home.absolute() / "envs" / name
    version = ".".join(map(str, sys.version_info[:3]))
    stamp = f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {version} {sys.base_prefix}\n"
    try:
        if not _is_ready(folder, stamp):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with locking.alone(folder.with_name(f"{name}.lock"), f"installing {name}", told):
                if not _is_ready(folder, stamp):
                    shutil.rmtree(folder, ignore_errors=True)
                    settings = profiles.installer_environment() if environment is None else environment
                    _make(folder, lock, settings, told)
                    (folder / ".ready.new").write_text(stamp, encoding="utf-8")
                    (folder / ".ready.new").rename(folder / ".ready")
    except PermissionError as error:
        asked, where = f"The environment '{name}' cannot be made.", str(error.filename or folder.parent)
        fix = "take a state folder of your own: export ORRERY_HOME=…"
        raise Denied(asked, looked=where, found=error.strerror or "no right to write there", fix=fix) from error
    return folder / "bin" / "python"


def _is_ready(folder: Path, stamp: str) -> bool:
    try:
        return (folder / ".ready").read_text(encoding="utf-8") == stamp and (folder / "bin" / "python").exists()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False


def _make(folder: Path, lock: Path, settings: Mapping[str, str], told: Callable[[str], None]) -> None:
    log, packages = folder.with_name(f"{folder.name}.log"), lock.read_text(encoding="utf-8").count("==")
    target, install = str(folder / "bin" / "python"), ["install", "-q", *_RULES, "-r", str(lock)]
    told(f"installing {packages} packages for {folder.name} into {folder} (once) …")
    log.write_text("", encoding="utf-8")
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if os.access(beside, os.X_OK) else shutil.which("uv", path=settings.get("PATH"))
    if uv is not None:
        making = [uv, "venv", "-q", "--python", sys.executable, str(folder)]
        filling = [uv, "pip", *install, "--python", target, "--compile-bytecode"]
        if not any(_run(command, _for_uv(settings), log) for command in (making, filling)):
            return
        told(f"uv did not manage ({log} says why); trying pip, which takes longer …")
        shutil.rmtree(folder, ignore_errors=True)
    for command in ([sys.executable, "-I", "-m", "venv", str(folder)], [target, "-I", "-m", "pip", *install]):
        if _run(command, settings, log):
            raise _failed(folder.name, lock, log)


def _for_uv(settings: Mapping[str, str]) -> dict[str, str]:
    """With what pip's own files say of the index and the certificate, which uv does not read."""
    asked = [sys.executable, "-I", "-m", "pip", "config", "list"]
    said = subprocess.run(asked, env=settings, capture_output=True, text=True, check=False, timeout=60).stdout
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    return {"UV_PYTHON_DOWNLOADS": "never", **{names[key]: value for key, value in _SETTING.findall(said)}, **settings}


def _run(command: list[str], settings: Mapping[str, str], log: Path) -> int:
    with log.open("ab") as out:
        try:
            done = subprocess.run(
                command, env=settings, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=INSTALL_SECONDS,
                check=False,
            )  # fmt: skip
        except (subprocess.TimeoutExpired, OSError) as error:
            out.write(f"error: {type(error).__name__}: {error}\n".encode())
            return 1
        return done.returncode


def _failed(name: str, lock: Path, log: Path) -> OrreryError:
    """What the installer said last, by its kind; the addresses of indexes, which may hold a password, are left out."""
    said = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")] or lines[-1:] or ["not a word"]
    asked, found = f"The packages of '{name}' could not be installed.", re.sub(r"\w+://\S+", "…", errors[-1])[:300]
    if "No space left on device" in said:
        return OutOfSpace(asked, looked=str(log), found="the disk is full", fix="make room, then run again")
    if _HASHES.search(said):
        fix = f"do not install it; compare {lock} with the repository's, and look at pip's index (pip config list)"
        return IntegrityBroken(asked, looked=str(lock), found=found, fix=fix)
    if _NO_WHEEL.search(said):  # "from versions: none" is an index that is away, or lacks it
        return BadInput(asked, looked=str(lock), found=found, fix="take a Python that it has a wheel for: 3.11 or 3.12")
    fix = "mend the network or pip's settings (pip config list), then run again"
    return DependencyDown(asked, looked=f"the package index; all of it in {log}", found=found, fix=fix)
