"""A step of a run, whose rows add up, and those who look on while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from orrery.errors import RowsUnaccounted


class Reporter(Protocol):
    """Where a run tells what it does; the CLI prints it, a test may collect it."""

    def step_started(self, name: str) -> None:
        """A step begins."""

    def step_progress(self, name: str, done: int, total: int, rows: int) -> None:
        """How far a step is: `done` of `total` bytes, and rows so far."""

    def step_reached(self, name: str, where: str) -> None:
        """How far a tool is that does the step: the name of what it begins now."""

    def detail(self, text: str) -> None:
        """A line about a part of a step that a tool has done."""

    def step_ended(self, step: Mapping[str, Any]) -> None:
        """A step has ended; `step` is what `run.json` keeps of it."""

    def say(self, text: str) -> None:
        """A sentence for the person who looks on."""


@dataclass
class Step:
    """One step; its rows must add up when it ends: read = kept + rejected + deduplicated + filtered."""

    name: str
    rows_counted: dict[str, int] | None = None
    bytes_read: int = 0
    peak_mb: float | None = None  # of a tool that did the work; else this process is looked at

    def rows(self, *, read: int, kept: int, rejected: int = 0, deduplicated: int = 0, filtered: int = 0) -> None:
        """Account for every row of the step; called once, before the step ends."""
        self.rows_counted = {
            "read": read,
            "kept": kept,
            "rejected": rejected,
            "deduplicated": deduplicated,
            "filtered": filtered,
        }

    def account(self) -> dict[str, int]:
        """The rows of the step.

        Raises:
            RowsUnaccounted: they do not add up, or were never counted.
        """
        counted = self.rows_counted
        out = 0 if counted is None else sum(counted.values()) - counted["read"]
        if counted is None or out != counted["read"]:
            raise RowsUnaccounted(
                f"Step '{self.name}' does not account for its rows.",
                looked="step.rows(...)",
                found="it was never called" if counted is None else f"read {counted['read']:,}, accounted for {out:,}",
                fix="this is a bug of the system: every row that is read is kept, rejected, deduplicated or filtered",
            )
        return counted
