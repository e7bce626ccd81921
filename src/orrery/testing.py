"""What tests of every system use: the ledger's invariants in one call, and a search for secrets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from orrery import inspection
from orrery.manifest import Manifest
from orrery.profiles import Profile


def broken_invariants(home: Path, systems: Sequence[Manifest], profile: Profile) -> list[str]:
    """Every invariant (L1 to L7) that does not hold for a state folder; empty is what a test wants."""
    findings = inspection.check(systems, profile, home)
    return [f"{finding.invariant}: {finding.found}" for finding in findings if not finding.holds]


def files_that_tell(folder: Path, secrets: Iterable[str]) -> list[str]:
    """L8: files below a folder that hold one of the secrets, as it is; empty is what a test wants."""
    wanted = [secret.encode() for secret in secrets]
    return [
        str(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(secret in path.read_bytes() for secret in wanted)
    ]
