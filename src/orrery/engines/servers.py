"""The servers that Orrery itself may have started for a state folder: which run, and the end of them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def running(home: Path) -> list[dict[str, Any]]:
    """Each server that answers: `engine`, `version`, `pid`, `at`."""
    return [told for look in _RUNNING.values() if (told := look(home)) is not None]


def stop(home: Path) -> dict[str, bool]:
    """Stop them all; whether each was running. What is stored stays."""
    return {engine: end(home) for engine, end in _STOP.items()}


def _postgres(home: Path) -> dict[str, Any] | None:
    from orrery.engines import postgres_server

    found = postgres_server.status(home)
    at = {"pid": found.pid, "at": f"{found.host}:{found.port}"} if found else {}
    return {"engine": "postgres", "version": found.version, **at} if found else None


def _snowflake(home: Path) -> dict[str, Any] | None:
    from orrery.engines import snowflake_emulator

    found = snowflake_emulator.status(home)
    at = {"pid": found.pid, "at": f"{found.host}:{found.port}"} if found else {}
    return {"engine": "snowflake", "version": "emulator", **at} if found else None


def _stop_postgres(home: Path) -> bool:
    from orrery.engines import postgres_server

    return bool(postgres_server.stop(home))


def _stop_snowflake(home: Path) -> bool:
    from orrery.engines import snowflake_emulator

    return snowflake_emulator.stop(home)


_RUNNING: dict[str, Callable[[Path], dict[str, Any] | None]] = {"postgres": _postgres, "snowflake": _snowflake}
_STOP: dict[str, Callable[[Path], bool]] = {"postgres": _stop_postgres, "snowflake": _stop_snowflake}
