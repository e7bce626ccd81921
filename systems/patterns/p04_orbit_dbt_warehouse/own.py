"""A user's own table of small bodies, by a mapping: read by the core, landed as raw rows, which dbt judges.

A row that cannot be read, or that is not written as the mapping says, is landed with its text and the rule it breaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from orrery import contracts, documents
from orrery.contracts import Check
from orrery.errors import GateClosed
from orrery.feeds import Feed
from orrery.judging import Judge, Judged, integers
from orrery.looks import Session
from orrery.manifest import Manifest
from orrery.run import Run

from . import landing
from .landing import Landed

if TYPE_CHECKING:
    import pyarrow as pa

    from orrery.delimited import Chunk
    from orrery.files import Delivered

KIND = "small_bodies"
LIMIT = "assert_refused_rows_within_limit"  # dbt's test that holds a file back
NUMBERS = (
    *("epoch_mjd", "e", "a", "q", "i", "om", "w", "ma", "tp", "per_y", "h", "g", "m1", "m2"),
    *("diameter", "albedo", "rot_per", "moid"),
)
_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"


def bodies(system: Manifest, settings: Mapping[str, str]) -> Feed:  # noqa: ARG001 (every feed gets the settings)
    """What a mapping fills: one row a body, every value as text.

    Its checks are for `data validate`: of dbt's rules those that a value breaks alone, whatever its unit. A run leaves
    them to dbt.
    """
    contract = contracts.load(system.folder / "contracts" / "bodies.odcs.yaml")
    incoming = contracts.load(system.inputs["answers"].contract)
    checks = [
        Check(name, "not_a_number", f"not regexp_full_match(trim(\"{name}\", ' '), '{_NUMBER}')", "no number", "error")
        for name in NUMBERS
    ]
    for name in ("full_name", "pdes"):  # on both: a check of a column that nothing fills is not made
        unnamed = "coalesce(trim(full_name, ' '), '') = '' and coalesce(trim(pdes, ' '), '') = ''"
        checks.append(Check(name, "no_designation", unnamed, "it does not say which body it is about", "error"))
    judged = replace(contract, checks=(*checks, *contract.checks))
    headers = {name: (name,) for name in contract.column_names}
    return Feed(incoming, headers, judged, f"p04_orbit_raw.{KIND}", query="")


def rules(feed: Feed) -> str:
    """What the mapping is known by in `files.signature_version`."""
    return f"{landing.MAPPED}{feed.origin['sha256'][:12]}"


def environment(run: Run) -> dict[str, str]:
    """What dbt is told of the mapping: its files, and the share of their rows that may be refused."""
    if run.request.mapping is None:
        return {}
    feed = run.feed("answers")
    return {"ORBIT_MAPPED_BY": rules(feed), "ORBIT_MAPPED_LIMIT": str(feed.incoming.refused_rows_limit)}


def mapped(run: Run) -> Feed:
    """The feed of the run's mapping.

    Raises:
        ContractBroken: it leaves out what no row can be kept without. GateClosed: nobody has confirmed it.
    """
    feed = run.feed("answers")
    filled = {column.name for column in feed.contract.columns if column.sources}
    lacking = [names for names in landing.NEEDED[KIND] if len(names) > 1 and not set(names) & filled]
    if lacking:
        found = "; ".join(f"neither {' nor '.join(names)}" for names in lacking)
        fix = "say for one of them where from ({from: Header})"
        raise documents.unusable(feed.incoming.path, "leaves out what every row must have", found, fix)
    return feed


def land(run: Run, session: Session, feed: Feed, delivered: Delivered, load_id: int) -> Landed:
    """Read a file as the mapping says, and land its rows.

    Raises:
        BadInput: it cannot be read so. GateClosed: it is empty, or more of it is refused than the mapping lets pass.
    """
    judge = Judge(replace(feed, contract=replace(feed.contract, checks=())))
    read = refused = 0
    with run.step("land", of=delivered.name) as step, session.transaction():
        file_id = landing.next_id(session)
        # a statement a block: the judge asks a DuckDB of its own, which must not happen while another one takes rows
        for chunk, judged in judge.file(delivered, partial(run.reporter.step_progress, "land")):
            batches = _rows(chunk, judged, file_id).combine_chunks().to_batches()
            session.insert(f"p04_orbit_raw.{KIND}", landing.schema(KIND), iter(batches))
            read, refused = read + judged.read, refused + len(judged.refused)
        if closed := contracts.gate(feed.incoming, read=read, refused=refused):
            raise GateClosed(
                f"{delivered.name} is held back: nothing was published.",
                looked=f"{delivered.name}, as {feed.incoming.path.name} says",
                found=closed,
                fix=mend(run),
            )
        about = [file_id, delivered.name, delivered.sha256, KIND, feed.incoming.path.name, rules(feed)]
        landing.register(session, [*about, read, load_id, run.now().isoformat()])
        step.bytes_read = delivered.size
        step.rows(read=read, kept=read)  # refused ones are landed too
    return Landed(file_id, delivered.name, KIND, read, ())


def mend(run: Run) -> str:
    """What can be done where too much of a file is refused."""
    name = run.request.mapping.name if run.request.mapping else ""
    return f"mend the file or {name}, or let more pass: refusedRowsLimit: 0.9 in it (data validate shows them)"


def _rows(chunk: Chunk, judged: Judged, file_id: int) -> pa.Table:
    """The rows of a block in the order of their lines, refused ones among them."""
    import numpy as np
    import pyarrow as pa

    at = np.searchsorted(chunk.lines, judged.lines)
    starts = chunk.starts[at]
    spans = zip(starts.tolist(), chunk.ends[at].tolist(), strict=True)
    texts = [chunk.shown(start, end) for start, end in spans]
    refused = judged.refused
    lines = [*judged.lines.tolist(), *(each.line for each in refused)]
    offsets = [*(chunk.base + starts).tolist(), *(each.byte_offset for each in refused)]
    # a rule that a column breaks is `rule:column`, as dbt writes its own verdicts
    errors = [f"{each.rule}:{(each.column or '').replace(':', ' ')}".rstrip(":") for each in refused]
    none = len(refused)
    columns: dict[str, Any] = {
        "file_id": integers(np.full(len(lines), file_id)),
        "line": pa.array(lines, pa.int64()),
        "byte_offset": pa.array(offsets, pa.int64()),
        "record_text": pa.array([*texts, *(each.text for each in refused)], pa.string()),
        "landing_error": pa.array([None] * len(texts) + errors, pa.string()),
    }
    for name in landing.COLUMNS[KIND]:
        good = judged.rows[name].cast(pa.string())
        columns[name] = pa.chunked_array([*good.chunks, pa.nulls(none, pa.string())], pa.string())
    return pa.table(columns).sort_by("line")
