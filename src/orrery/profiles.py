"""Profiles bind the roles that a system needs to engines; every look at the environment is here.

A profile is data: one table a role, with the engine that plays it, where its server is, and how faithful it
is. Secrets come from the environment or from a file that the profile names, and are read at the moment they
are used; they never reach the ledger, a log or a command line.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orrery.errors import BadInput, Denied, ManifestBroken

FIDELITIES = ("real", "emulator", "stand-in")
SERVERLESS = {"duckdb"}  # engines that work inside the process that uses them, on a file
_KEYS = {"engine", "server", "fidelity", "password_env", "password_file", "not_real_because"}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PASSWORD_INSIDE = re.compile(r"(^|[\s?&;])(ssl)?password\s*=|://[^/@\s]*:[^/@\s]*@", re.IGNORECASE)


@dataclass(frozen=True)
class Binding:
    """One role of one profile: who plays it, where, how faithfully.

    Attributes:
        server: `embedded`, or the engine's own way to name a server (libpq key words for PostgreSQL).
        home: the state folder that an embedded server lives in.
    """

    role: str
    engine: str
    server: str
    fidelity: str
    profile: str
    home: Path
    password_env: str | None = None
    password_file: str | None = None
    not_real_because: str | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether the server is ours to start."""
        return self.server == "embedded"

    @property
    def is_served(self) -> bool:
        """Whether a server must be up for it, which is ours to start."""
        return self.is_embedded and self.engine not in SERVERLESS

    def password(self) -> str | None:
        """The secret, read now; None where the profile names none (then the tool's own rules hold).

        Raises:
            BadInput: the variable is not set, or the file is not there.
            Denied: the file can be read by others.
        """
        if self.password_env:
            return _variable(self.password_env, f"the password of '{self.role}'", f"profile {self.profile}")
        if self.password_file:
            return _secret_file(Path(self.password_file), self.role)
        return None


@dataclass(frozen=True)
class Profile:
    """All bindings of one file."""

    name: str
    path: Path
    bindings: Mapping[str, Binding] = field(default_factory=dict)

    @property
    def argument(self) -> str:
        """What `--profile` takes for it: a name, or the path of a file of one's own."""
        return self.name if self.path.parent == folder() else str(self.path)

    def binding(self, role: str, system: str) -> Binding:
        """What plays `role`; the error names the file that should bind it."""
        if role in self.bindings:
            return self.bindings[role]
        raise BadInput(
            f"{system} needs '{role}', and profile '{self.name}' does not bind it.",
            looked=str(self.path),
            found="bound there: " + (", ".join(sorted(self.bindings)) or "nothing"),
            fix=f"add [{role}] to that file, or run with another --profile",
        )


def home() -> Path:
    """Where all state lives: $ORRERY_HOME, else `.orrery` in the working folder."""
    named = os.environ.get("ORRERY_HOME")
    return Path(named).expanduser().resolve() if named else Path.cwd() / ".orrery"


def no_color() -> bool:
    """Whether the user asked for plain text (no-color.org: any non-empty value)."""
    return bool(os.environ.get("NO_COLOR"))


def tool_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The small environment that a tool gets: the way to programs, the language, UTC, and what it needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TERM") if name in os.environ}
    return {"PATH": os.defpath, "TZ": "UTC", **kept, **(extra or {})}


def connector_environment() -> dict[str, str]:
    """The environment of a program that asks a public service: a tool's, with the user's proxies and certificates."""
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    proxies = (f"{kind}_proxy" for kind in ("http", "https", "all", "no"))
    wanted = (*names, *(form for name in proxies for form in (name, name.upper())))
    return tool_environment({name: os.environ[name] for name in wanted if name in os.environ})


def installer_environment() -> dict[str, str]:
    """The environment that pip and uv get: the caller's, with the settings for indexes, certificates and proxies.

    What would send packages elsewhere than asked for is left out.
    """
    dropped = {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") and name not in dropped}
    return {"PATH": os.defpath, **kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def test_environment(source: Path, test_home: Path) -> dict[str, str]:
    """What a process that runs tests gets: the caller's own environment, but the code of `source`.

    Args:
        source: the folder that `orrery` is imported from.
        test_home: the state folder whose servers stay up from one test process to the next (conftest.py reads it).
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "ORRERY"))}
    return {**kept, "PYTHONPATH": str(source), "ORRERY_TEST_HOME": str(test_home)}


def folder() -> Path:
    """Where the profiles that come with Orrery lie (in a checkout or in the wheel)."""
    here = Path(__file__).resolve().parent
    packed = here / "_profiles"
    return packed if packed.is_dir() else here.parents[1] / "profiles"


def load(name: str, home_folder: Path) -> Profile:
    """Read a profile by its name (`embedded`, `services`) or by the path of a file of one's own.

    Raises:
        ManifestBroken: not TOML, an unknown key, a password in clear text, an unknown fidelity.
        BadInput: no such profile, or a `${VARIABLE}` that is not set.
    """
    path = Path(name) if name.endswith(".toml") else folder() / f"{name}.toml"
    if not path.is_file():
        have = sorted(each.stem for each in folder().glob("*.toml") if "example" not in each.name)
        raise BadInput(
            f"There is no profile '{name}'.",
            looked=str(path),
            found="profiles here: " + ", ".join(have),
            fix=f"--profile {have[0] if have else 'embedded'}, or --profile ./my-profile.toml",
        )
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestBroken(
            f"Profile '{name}' cannot be read.", looked=str(path), found=str(error), fix="mend that line of the file"
        ) from error
    bindings = {role: _binding(role, table, path, home_folder) for role, table in tables.items()}
    return Profile(name=path.stem, path=path, bindings=bindings)


def _binding(role: str, table: object, path: Path, home_folder: Path) -> Binding:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise ManifestBroken(
            f"Profile '{path.stem}': '{role}' must be a table of texts.",
            looked=str(path),
            found=repr(table)[:80],
            fix=f'write [{role}] and below it engine = "…", server = "…", fidelity = "…"',
        )
    unknown = sorted(set(table) - _KEYS)
    missing = sorted({"engine", "server", "fidelity"} - set(table))
    if unknown or missing or table["fidelity"] not in FIDELITIES:
        raise ManifestBroken(
            f"Profile '{path.stem}' does not say what plays '{role}' in a way that can be used.",
            looked=f"{path}, [{role}]",
            found=(f"unknown: {', '.join(unknown)}; " if unknown else "")
            + (f"missing: {', '.join(missing)}; " if missing else "")
            + f"fidelity: {table.get('fidelity')!r}",
            fix=f"keys are {', '.join(sorted(_KEYS))}; fidelity is one of {', '.join(FIDELITIES)}",
        )

    def filled(key: str) -> str | None:
        text = table.get(key)
        where = f"{path}, [{role}] {key}"
        return _VARIABLE.sub(lambda found: _variable(found[1], f"'{role}'", where), text) if text else None

    server = filled("server") or ""
    if _PASSWORD_INSIDE.search(server):  # written there, or in a variable that stands there
        raise ManifestBroken(
            f"Profile '{path.stem}' holds a password in clear text.",
            looked=f"{path}, [{role}] server",
            found="password=… or user:…@ (not shown here)",
            fix='take it out and name where it is: password_env = "PGPASSWORD" or password_file = "…"',
        )
    return Binding(
        role=role,
        engine=table["engine"],
        server=server,
        fidelity=table["fidelity"],
        profile=path.stem,
        home=home_folder,
        password_env=table.get("password_env"),
        password_file=filled("password_file"),
        not_real_because=table.get("not_real_because"),
    )


def _variable(name: str, what: str, where: str) -> str:
    value = os.environ.get(name)
    if value:
        return value
    raise BadInput(
        f"{what} is to come from the environment.",
        looked=where,
        found=f"${name} is not set",
        fix=f"export {name}=…",
    )


def _secret_file(path: Path, role: str) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"The password of '{role}' is to come from a file.",
            looked=str(path),
            found=error.strerror or "it cannot be read",
            fix=f"write the password into {path} and chmod 600 it",
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise Denied(
            f"The password file of '{role}' can be read by other users.",
            looked=str(path),
            found=f"mode {stat.S_IMODE(mode):04o}",
            fix=f"chmod 600 {path}",
        )
    return text.rstrip("\r\n")


def fault() -> tuple[str | None, str | None]:
    """The fault that this process shall meet, and the file that is told its fault points (faults.py); mostly none."""
    return os.environ.get("ORRERY_FAULT"), os.environ.get("ORRERY_FAULT_TRACE")
