"""Lands JPL's answers as raw rows, all text, in the schema p04_orbit_raw: what dbt's sources are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from orrery import files
from orrery.errors import BadInput
from orrery.files import Delivered
from orrery.looks import Look, Session
from orrery.run import Run

from . import answers
from .answers import Answer
from .several import Part

if TYPE_CHECKING:
    import pyarrow as pa

MAPPED = "map:"  # what `signature_version` begins with, of a file that a mapping reads
SPELLINGS = {"epoch.mjd": "epoch_mjd", "per.y": "per_y"}
COLUMNS: Mapping[str, Sequence[str]] = {
    "small_bodies": (
        *("full_name", "spkid", "pdes", "neo", "pha", "h", "g", "m1", "m2", "diameter", "extent", "albedo", "rot_per"),
        *("orbit_id", "epoch_mjd", "e", "a", "q", "i", "om", "w", "ma", "tp", "per_y", "moid", "class"),
    ),
    "close_approaches": (
        *("des", "fullname", "orbit_id", "jd", "dist", "dist_min", "dist_max", "v_rel", "v_inf", "t_sigma_f", "h"),
    ),
}
ONE = {"small_bodies": "small body", "close_approaches": "close approach"}
# without these no row of an answer could be kept: each is a field, or one of several
NEEDED: Mapping[str, Sequence[tuple[str, ...]]] = {
    "small_bodies": (("full_name", "pdes"), ("epoch_mjd",), ("e",), ("i",), ("om",), ("w",), ("class",), ("q", "a")),
    "close_approaches": (("des",), ("jd",), ("dist",)),
}
QUERY = {
    "small_bodies": "sbdb_query.api?fields=full_name,pdes,neo,H,epoch_mjd,e,a,q,i,om,w,ma,moid,class,…",
    "close_approaches": "cad.api",
}


@dataclass(frozen=True)
class Landed:
    """A file whose rows are in the raw schema."""

    file_id: int
    name: str
    kind: str
    rows: int
    unknown: tuple[str, ...]


def kind_of(answer: Answer) -> str:
    """What an answer is about, by its fields."""
    return "close_approaches" if {"des", "jd", "dist"} <= set(answer.fields) else "small_bodies"


def known(look: Look, rules: str = "") -> dict[str, str]:
    """The content (sha256) of each file that is there, with the file's name, in the order of arrival.

    Args:
        rules: the mapping that it was read by, as `signature_version` has it; of answers none.
    """
    if "files" not in look.relations("p04_orbit_raw"):
        return {}
    sql = "select sha256, file_name, signature_version from p04_orbit_raw.files"
    there = "load_id in (select load_id from p04_orbit.loads)"
    last = "file_id in (select max(file_id) from p04_orbit_raw.files group by file_name)"
    rows = look.query(f"{sql} where {there} and {last} order by file_id")[1]
    return {sha256: name for sha256, name, by in rows if (by if by.startswith(MAPPED) else "") == rules}


def begin(session: Session, script: str) -> None:
    """The raw tables, where they are missing; without what a run landed that then died, and what was superseded before.

    A file that comes again is superseded once the load of its new content is complete; until then dbt's staging leaves
    it out (macros/files.sql), and it comes back when that load dies.
    """
    for statement in script.split(";"):
        if statement.strip():
            session.query(statement)
    unfinished = "load_id not in (select load_id from p04_orbit.loads)"
    superseded = "file_id not in (select max(file_id) from p04_orbit_raw.files group by file_name)"
    for wrong in (unfinished, superseded):
        gone = [row[0] for row in session.query(f"select file_id from p04_orbit_raw.files where {wrong}")[1]]
        for table, file_id in product((*COLUMNS, "files"), gone):
            session.query(f"delete from p04_orbit_raw.{table} where file_id = ?", [file_id])


def land(run: Run, session: Session, delivered: Delivered, load_id: int) -> Landed:
    """Read a file and land its rows.

    Raises:
        BadInput: it is no answer, or one that lacks a field without which no row can be kept. GateClosed: it is empty.
    """
    done = 0

    def on_bytes(number: int) -> None:
        nonlocal done
        done = number

    def tell(answer: Answer) -> None:
        run.reporter.step_progress("land", done, delivered.size, answer.rows_read)

    with run.step("land", of=delivered.name) as step:
        answer, parts = answers.read(delivered.name, lambda: files.blocks(delivered, on_bytes))
        if answer.version.startswith(MAPPED):
            found = f"version {answer.version[:40]!r}: that is how mappings are marked"
            answer.refuse("`signature`", found, answers.AGAIN)
        kind = kind_of(answer)
        positions = _positions(answer, kind)
        with session.transaction():
            file_id = next_id(session)
            batches = _batches(parts, file_id, kind, positions, lambda: tell(answer))
            session.insert(f"p04_orbit_raw.{kind}", schema(kind), batches)
            about = [file_id, delivered.name, delivered.sha256, kind, answer.source, answer.version]
            register(session, [*about, answer.rows_read, load_id, run.now().isoformat()])
        step.bytes_read = delivered.size
        step.rows(read=answer.rows_read, kept=answer.rows_read)
    given = {SPELLINGS.get(each, each).lower() for each in answer.fields}
    return Landed(file_id, delivered.name, kind, answer.rows_read, tuple(sorted(given - set(COLUMNS[kind]))))


def next_id(session: Session) -> int:
    """The number of the next file."""
    [(last,)] = session.query("select coalesce(max(file_id), 0) from p04_orbit_raw.files")[1]
    return int(last) + 1


def register(session: Session, about: Sequence[Any]) -> None:
    """Put a file into `files`; `about` are its values in the order of the columns."""
    session.query("insert into p04_orbit_raw.files values (?, ?, ?, ?, ?, ?, ?, ?, ?)", about)


def _positions(answer: Answer, kind: str) -> dict[str, int]:
    """Where in a row the value of each raw column stands."""
    found: dict[str, int] = {}
    for at, name in enumerate(answer.fields):
        column = SPELLINGS.get(name, name).lower()
        if column in COLUMNS[kind]:
            if column in found:
                answer.refuse("`fields`", f"two of them are `{column}`", f"ask for one of them: {QUERY[kind]}")
            found[column] = at
    if lacking := [" or ".join(names) for names in NEEDED[kind] if not set(names) & set(found)]:
        raise BadInput(
            f"{answer.name} lacks what every {ONE[kind]} must say.",
            looked=f"{answer.name}, `fields`",
            found=f"no {', no '.join(lacking)}; there are {', '.join(answer.fields)[:200]}",
            fix=f"ask for them: {QUERY[kind]}; for other names: orrery data map orbit {answer.name}",
        )
    return found


def schema(kind: str) -> pa.Schema:
    """The columns of a raw table."""
    import pyarrow as pa

    places = [(name, pa.int64()) for name in ("file_id", "line", "byte_offset")]
    texts = [(name, pa.string()) for name in ("record_text", "landing_error", *COLUMNS[kind])]
    return pa.schema(places + texts)


def _batches(
    parts: Iterator[Part], file_id: int, kind: str, positions: Mapping[str, int], told: Callable[[], None]
) -> Iterator[pa.RecordBatch]:
    """The rows as columns of text; `told` is called when a part has been taken."""
    import pyarrow as pa

    wanted = schema(kind)
    for part in parts:
        rows = len(part.lines)
        places = [pa.repeat(pa.scalar(file_id, pa.int64()), rows), pa.array(part.lines, pa.int64())]
        places.append(pa.array(part.byte_offsets, pa.int64()))
        texts: list[Any] = [part.texts, part.odd]
        texts += [part.columns[positions[name]] if name in positions else None for name in COLUMNS[kind]]
        nothing = pa.nulls(rows, pa.string())
        filled = [nothing if each is None else pa.array(each, pa.string()) for each in texts]
        yield pa.record_batch(places + filled, schema=wanted)
        told()
