"""Text as a contract reads it: blanks that are layout taken out, marks for missing turned into null.

Works on the bytes of a whole Arrow column at once, because most columns of most files need nothing done: whether one
does shows in the first and last byte of each value, and in one search.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_BLANK, _TAB = 32, 9


def without_layout(values: pa.StringArray, missing: Sequence[str], *, blanks_are_layout: bool) -> pa.StringArray:
    """A column as the contract reads it.

    Args:
        values: text without nulls, as a CSV parser gives it.
        missing: values that stand for "not known"; they become null.
        blanks_are_layout: blanks and tabs at the ends are taken off, runs of them inside become one blank.
    """
    import numpy as np
    import pyarrow as pa

    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    octets = np.frombuffer(data, dtype=np.uint8)[: bounds[-1]] if data else np.empty(0, dtype=np.uint8)
    if blanks_are_layout and _has_layout(octets, bounds):
        octets, bounds = _collapsed(octets[bounds[0] :], bounds - bounds[0])
    known = ~_equal_to(octets, bounds, [mark.encode() for mark in missing])
    validity = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(bounds), pa.py_buffer(octets), validity)


def _has_layout(octets: np.ndarray, bounds: np.ndarray) -> bool:
    """Whether any value begins or ends with a blank, or holds a tab or two blanks in a row."""
    filled = bounds[:-1] < bounds[1:]
    for edge in (octets[bounds[:-1][filled]], octets[bounds[1:][filled] - 1]):
        if ((edge == _BLANK) | (edge == _TAB)).any():
            return True
    text = octets[bounds[0] :].tobytes()
    return b"  " in text or b"\t" in text


def _collapsed(octets: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a column without its layout, and the bounds of its values in them."""
    import numpy as np

    if (octets == _TAB).any():
        octets = np.where(octets == _TAB, np.uint8(_BLANK), octets)
    is_blank = octets == _BLANK
    starts = bounds[:-1][bounds[:-1] < bounds[1:]]
    dropped = is_blank.copy()
    dropped[1:] &= is_blank[:-1]  # the first blank of a run stays …
    dropped[starts] = is_blank[starts]  # … but none that begins a value
    octets = octets[~dropped]
    bounds = bounds - np.searchsorted(np.flatnonzero(dropped), bounds)
    last = bounds[1:][bounds[:-1] < bounds[1:]] - 1
    ending = last[octets[last] == _BLANK]  # what is left of a run that ends a value
    return np.delete(octets, ending), (bounds - np.searchsorted(ending, bounds)).astype(np.int32)


def _equal_to(octets: np.ndarray, bounds: np.ndarray, marks: Sequence[bytes]) -> np.ndarray:
    """Which values are one of the marks."""
    import numpy as np

    starts, lengths = bounds[:-1], np.diff(bounds)
    found = np.zeros(len(lengths), dtype=bool)
    for mark in marks:
        rows = np.flatnonzero(lengths == len(mark))
        for at, octet in enumerate(mark):
            rows = rows[octets[starts[rows] + at] == octet]
        found[rows] = True
    return found
