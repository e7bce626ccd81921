"""Reads a system's `system.toml`: data only, every key known, every error with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orrery.errors import ManifestBroken

_TEXT_KEYS = ("id", "name", "title", "domain", "level", "entry")
_LIST_KEYS = ("tools", "extras")
_TABLES = {"needs", "inputs", "settings", "outputs", "claims"}
_KNOWN = {*_TEXT_KEYS, *_LIST_KEYS, *_TABLES}
_FOLDER = re.compile(r"^([pd]\d\d)_([a-z0-9]+)_[a-z0-9_]+$")
_ROLES = {"warehouse", "analytics", "lake", "stream", "catalog", "orchestrator"}
_OUTPUT = re.compile(r"^[a-z][a-z0-9_]{0,54}\.[a-z][a-z0-9_]{0,54}$")


@dataclass(frozen=True)
class Input:
    """Something that comes in: its contract, the sample that plays it by default, and where it goes.

    Attributes:
        feed: `module:function` that gives the system's own feed for it, where it has one (feeds.py).
        daily: `module:function` that makes a day's delivery out of the sample, for `orrery simulate`.
        endings: of the files that are taken out of a folder, where they are not those of delimited text.
        scaled: `module:function` that makes a file of so many rows out of the sample, for `orrery bench`.
    """

    name: str
    contract: Path
    sample: Path
    feed: str | None = None
    daily: str | None = None
    scaled: str | None = None
    endings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """A switch for `--set name=value`; values outside `choices` are refused."""

    name: str
    default: str
    choices: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class Manifest:
    """One system, as its `system.toml` describes it; paths are absolute."""

    folder: Path
    id: str
    name: str
    title: str
    domain: str
    level: str
    tools: tuple[str, ...]
    extras: tuple[str, ...]
    entry: str
    needs: Mapping[str, str]
    inputs: Mapping[str, Input]
    settings: Mapping[str, Setting]
    outputs: Mapping[str, Path]
    claims: Mapping[str, str]

    @property
    def slug(self) -> str:
        """`p01_meteor`: starts every schema, topic and path of the system."""
        return f"{self.id}_{self.name.lower()}"

    @property
    def is_planned(self) -> bool:
        """Whether it claims nothing yet: its folder is there, and nothing that could be run or proven."""
        return not self.claims


def read(folder: Path) -> Manifest:
    """Read `folder/system.toml`.

    Raises:
        ManifestBroken: not TOML, a key too many or missing, a wrong type, a folder that is named otherwise.
    """
    path = folder / "system.toml"
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _broken(path, "cannot be read", str(error), "mend that line") from error
    _known_keys(path, text, raw, _KNOWN, ())
    for key in _TEXT_KEYS:
        if not isinstance(raw.get(key), str) or not raw[key]:
            raise _broken(path, f"lacks a text '{key}'", repr(raw.get(key)), f'add {key} = "…"')
    for key in _LIST_KEYS:
        if not isinstance(raw.get(key, []), list) or not all(isinstance(each, str) for each in raw.get(key, [])):
            raise _broken(path, f"wants a list of texts in '{key}'", repr(raw[key])[:80], f'{key} = ["…"]')
    for key in _TABLES:
        if not isinstance(raw.get(key, {}), dict):
            raise _broken(path, f"wants a table in '{key}'", repr(raw[key])[:80], f"write [{key}]")
    matched = _FOLDER.match(folder.name)
    if not matched or matched[1] != raw["id"] or matched[2] != raw["name"].lower():
        raise _broken(
            path,
            "does not match its folder",
            f"{folder.name} / id {raw['id']}, name {raw['name']}",
            f"name the folder {raw['id']}_{raw['name'].lower()}_<what it does>",
        )
    return Manifest(
        folder=folder,
        **{key: raw[key] for key in _TEXT_KEYS},
        tools=tuple(raw.get("tools", [])),
        extras=tuple(raw.get("extras", [])),
        needs=_texts(path, text, "needs", raw, allowed=_ROLES),
        inputs={name: _input(path, text, name, table) for name, table in raw.get("inputs", {}).items()},
        settings={name: _setting(path, text, name, table) for name, table in raw.get("settings", {}).items()},
        outputs=_outputs(path, text, raw),
        claims=_texts(path, text, "claims", raw),
    )


def _input(path: Path, text: str, name: str, table: Any) -> Input:
    if not isinstance(table, dict) or not {"contract", "sample"} <= set(table):
        raise _broken(path, f"[inputs.{name}] wants a contract and a sample", repr(table)[:80], 'contract = "…"')
    more = ("feed", "daily", "scaled")
    _known_keys(path, text, table, {"contract", "sample", "endings", *more}, ("inputs", name))
    own = {key: table[key] for key in more if key in table}
    endings = tuple(table.get("endings", ()))
    return Input(name, path.parent / table["contract"], path.parent / table["sample"], **own, endings=endings)


def _setting(path: Path, text: str, name: str, table: Any) -> Setting:
    if not isinstance(table, dict) or table.get("default") not in table.get("choices", []):
        raise _broken(path, f"[settings.{name}] wants choices and a default among them", repr(table)[:80], "add both")
    _known_keys(path, text, table, {"default", "choices", "help"}, ("settings", name))
    return Setting(name, table["default"], tuple(table["choices"]), table.get("help", ""))


def _outputs(path: Path, text: str, raw: Mapping[str, Any]) -> Mapping[str, Path]:
    slug = f"{raw['id']}_{raw['name'].lower()}"
    schema = re.compile(rf"{slug}(_[a-z0-9_]+)?\.")
    found = _texts(path, text, "outputs", raw)
    for table in found:
        if not _OUTPUT.match(table) or not schema.match(table):
            raise _broken(
                path,
                f"names an output '{table}'",
                f"line {_line(text, table)}",
                f'outputs are "{slug}.<table>" or "{slug}_<schema>.<table>"',
            )
    return {table: path.parent / contract for table, contract in found.items()}


def _texts(
    path: Path, text: str, key: str, raw: Mapping[str, Any], allowed: set[str] | None = None
) -> Mapping[str, str]:
    table = raw.get(key, {})
    for name, value in table.items():
        if not isinstance(value, str):
            raise _broken(path, f"wants texts in [{key}]", f"line {_line(text, name)}: {name} = {value!r}", "quote it")
    if allowed is not None:
        _known_keys(path, text, table, allowed, (key,))
    return dict(table)


def _known_keys(path: Path, text: str, table: Mapping[str, Any], known: set[str], where: tuple[str, ...]) -> None:
    import difflib

    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise _broken(
                path,
                f"has an unknown key '{'.'.join((*where, key))}'",
                f"line {_line(text, key)}",
                f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(sorted(known))}",
            )


def _line(text: str, key: str) -> int:
    """The first line that sets `key` or opens it as a table (TOML's parser tells no positions)."""
    wanted = re.compile(rf'^\s*(\[[^\]]*)?"?{re.escape(key)}"?\s*(=|\]|\.)')
    for number, line in enumerate(text.splitlines(), start=1):
        if wanted.match(line):
            return number
    return 1


def _broken(path: Path, what: str, found: str, fix: str) -> ManifestBroken:
    return ManifestBroken(f"The manifest of '{path.parent.name}' {what}.", looked=str(path), found=found, fix=fix)
