"""Orrery: forty working data systems in one package. `orrery --help` is the way in."""

from __future__ import annotations

__version__ = "0.1.0"
