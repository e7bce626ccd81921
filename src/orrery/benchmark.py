"""What a system costs at several sizes of its own sample: seconds, peak memory, rows a second.

Each measurement is a whole command in a process of its own, in a new state folder; where a server plays a role of the
system, with one of its own that is up already. Nothing of the user's is touched. A system makes its larger inputs
itself, because it knows its keys: the manifest names for an input a function (`scaled`) that writes a file of so many
rows. (`make bench` is something else: it compares a system with what one would use instead.)
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from orrery import catalogue, machine, profiles
from orrery.errors import BadInput, IntegrityBroken
from orrery.manifest import Manifest
from orrery.run import Request


def curve(
    system: Manifest,
    scales: Sequence[int],
    *,
    base: int,
    runs: int,
    settings: Mapping[str, str],
    told: Callable[[str], None],
) -> dict[str, Any]:
    """Measure every size `runs` times, the sizes in turn.

    Args:
        base: rows at scale 1.
        told: gets a line after each measurement.

    Returns:
        The host, and for each size its rows, all seconds and their median, the largest peak memory in MB of the
        command's process (not of the server), and rows a second at the median.
    """
    grown = {name: (each, each.scaled) for name, each in system.inputs.items() if each.scaled}
    if not grown:
        raise BadInput(
            f"{system.name} cannot be measured at several sizes.",
            looked=str(system.folder / "system.toml"),
            found='no input with scaled = "module:function"',
            fix="name a function(sample, to, rows) that writes a file of so many rows, keys unique",
        )
    profile = profiles.load("embedded", profiles.home())
    Request(system, profile, profiles.home(), settings=settings).chosen()
    bindings = [profile.binding(role, system.slug) for role in system.needs]
    measured: dict[int, list[tuple[float, float]]] = {scale: [] for scale in scales}
    # of an engine without a server the version is that of its package
    engines = {each.engine: machine.versions()[each.engine] for each in bindings if not each.is_served}
    measuring = _Measuring(system, settings, any(each.is_served for each in bindings), engines)
    host = _host()
    with tempfile.TemporaryDirectory(prefix="orrery-bench-") as name:
        folder = Path(name)
        inputs = {scale: {name: folder / f"{name}-{scale}" for name in grown} for scale in scales}
        for scale in scales:
            for given, (each, function) in grown.items():
                catalogue.function(system, function)(each.sample, inputs[scale][given], scale * base)
        for number in range(runs):
            for scale in scales:
                home = folder / f"home-{number}-{scale}"
                seconds, peak = measuring.run(inputs[scale], scale * base, home)
                measured[scale].append((seconds, peak))
                told(f"run {number + 1} of {runs}: {scale * base:>11,} rows  {seconds:8.2f} s  {peak:6,.0f} MB")
    return {
        "system": system.slug,
        "name": system.name,
        "base": base,
        "runs": runs,
        "settings": dict(settings),
        "host": {**host, "engines": engines},
        "sizes": [_size(scale, scale * base, found) for scale, found in measured.items()],
    }


def _size(scale: int, rows: int, found: Sequence[tuple[float, float]]) -> dict[str, Any]:
    seconds = sorted(each for each, _ in found)
    median = statistics.median(seconds)
    return {
        "scale": scale,
        "rows": rows,
        "seconds": seconds,
        "median": round(median, 2),
        "peak_mb": round(max(peak for _, peak in found)),
        "rows_per_second": round(rows / median),
    }


def _host() -> dict[str, Any]:
    """What the figures depend on; the load is that of the minute before, and should be near 0."""
    return {
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / (1 << 30)),
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": round(psutil.getloadavg()[0], 1),
    }


@dataclass
class _Measuring:
    """One run of a system at a time.

    Attributes:
        is_served: whether a server of ours plays a role of the system.
        engines: gets the version of each that is started.
    """

    system: Manifest
    settings: Mapping[str, str]
    is_served: bool
    engines: dict[str, str]

    def run(self, inputs: Mapping[str, Path], rows: int, home: Path) -> tuple[float, float]:
        """Wall seconds of one run as a process, and the peak memory of its steps in MB."""
        words = [f"--data={name}={path}" for name, path in inputs.items()]
        words += [f"--set={name}={value}" for name, value in self.settings.items()]
        try:
            if self.is_served:
                self.engines |= {each["engine"]: each["version"] for each in json.loads(_orrery(home, "up", "--json"))}
            begun = time.perf_counter()
            summary = json.loads(_orrery(home, "run", self.system.slug, "--json", *words))
            seconds = time.perf_counter() - begun
        finally:
            if self.is_served:
                _orrery(home, "down")
        _all_kept(self.system, summary, rows)
        return round(seconds, 2), max(step["peak_mb"] for step in summary["steps"])


def _all_kept(system: Manifest, summary: Mapping[str, Any], rows: int) -> None:
    kept = [each["kept"] for each in summary.get("files", ())]
    if set(kept) != {rows}:
        raise IntegrityBroken(
            f"{system.name} was to load {rows:,} rows of its own sample and did not.",
            looked="the files of the run",
            found=f"rows kept: {', '.join(f'{each:,}' for each in kept) or 'none'}",
            fix="report this: what `scaled` names must make rows that the system keeps, with unique keys",
        )


def _orrery(home: Path, *words: str) -> str:
    command = [sys.executable, "-P", "-m", "orrery", *words]
    environment = profiles.tool_environment({"ORRERY_HOME": str(home)})
    done = subprocess.run(command, cwd=home.parent, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BadInput(
            "A measurement failed.",
            looked=" ".join(words),
            found=f"exit code {done.returncode}: {done.stderr.strip()[-1000:]}",
            fix="run that command by itself",
        )
    return done.stdout
