"""The current solution of each body, out of the rows that were accepted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from orbit_classes import ORBIT_CLASSES, Classes
from orbit_rules import JudgedRow, accepted, judged, known
from orbit_sky import Elements

if TYPE_CHECKING:
    from orbit_rows import Files


@dataclass(frozen=True)
class Solution:
    """The current solution of a body (section 3)."""

    designation: str
    kind: str
    elements: Elements
    period_years: float | None
    source: JudgedRow

    @property
    def is_near_earth(self) -> bool:
        """q < 1.3 au; a comet has to come back within 200 years as well."""
        if self.elements.q >= 1.3:
            return False
        return self.kind == "asteroid" or (self.period_years is not None and self.period_years < 200.0)


@dataclass(frozen=True)
class Bodies:
    """Everything of sections 2 and 3: all judged rows, the current solutions and the delivered approaches."""

    small_bodies: list[JudgedRow]
    close_approaches: list[JudgedRow]
    solutions: dict[str, Solution]
    delivered: dict[tuple[str, date], JudgedRow]
    """The accepted close approach that counts for each designation and day."""


def _solution(row: JudgedRow, kind: str) -> Solution:
    given = row.numbers
    # Rule 5 (missing) leaves no accepted row without these.
    epoch_mjd, e, i, node, w = (known(given[column]) for column in ("epoch_mjd", "e", "i", "om", "w"))
    given_q, a = given["q"], given["a"]
    q = given_q if given_q is not None else known(a) * (1.0 - e)
    if e >= 1.0:
        a = None
    elif a is None:
        a = q / (1.0 - e)
    period = None
    if a is not None:
        period = given["per_y"] if given["per_y"] is not None else a**1.5
    elements = Elements(epoch_mjd=epoch_mjd, e=e, q=q, a=a, i=i, node=node, w=w, ma=given["ma"], tp=given["tp"])
    return Solution(known(row.designation), kind, elements, period, row)


def bodies(files: Files, classes: Classes = ORBIT_CLASSES) -> Bodies:
    """Sections 2 and 3 for the files delivered so far."""
    body_rows, approach_rows = judged(files, classes)
    kinds = {orbit_class.code: orbit_class.kind for orbit_class in classes}
    # Rows come by file_id, so that of the largest one is written last and stays.
    solutions = {known(row.designation): _solution(row, kinds[row.text("class") or ""]) for row in accepted(body_rows)}
    approaches = {(known(row.designation), known(row.approached_at).date()): row for row in accepted(approach_rows)}
    return Bodies(body_rows, approach_rows, solutions, approaches)
