"""The system's own modules, as the catalogue imports them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

SYSTEM = Path(__file__).resolve().parent.parent


def module(name: str) -> ModuleType:
    """A module of the system's folder."""
    package = f"orrery_systems_{SYSTEM.name}"
    if package not in sys.modules:
        spec = importlib.util.spec_from_loader(package, loader=None, is_package=True)
        assert spec
        sys.modules[package] = importlib.util.module_from_spec(spec)
        sys.modules[package].__path__ = [str(SYSTEM)]
    return importlib.import_module(f"{package}.{name}")
