"""Contracts and mappings as documents: YAML without its traps, and the error for one that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from orrery.errors import ContractBroken


def read(path: Path) -> Any:
    """A document as data.

    Raises:
        ContractBroken: it cannot be read, has a key twice, or an alias.
    """
    try:
        return _StrictLoader(path.read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        found = error.strerror or str(error)
        raise unusable(path, "cannot be read", found, "name a file that is there and that you may read") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        found = " ".join(str(error).split())
        raise unusable(path, "cannot be read", found, "mend that place; texts with colons or % want quotes") from error


def unusable(path: Path, what: str, found: str, fix: str = "") -> ContractBroken:
    """The error for a contract or a mapping that cannot be used."""
    standard = "mend it; the standard is ODCS 3.2 (bitol-io.github.io/open-data-contract-standard)"
    kind = "mapping" if path.name.endswith(".map.yaml") else "contract"
    return ContractBroken(f"The {kind} {path.name} {what}.", looked=str(path), found=found, fix=fix or standard)


class _StrictLoader(yaml.SafeLoader):
    """YAML without its traps: a key written twice is an error, and aliases (bombs) are not taken."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "an alias (*name) is not taken here", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[object] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{name}' is written twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)
