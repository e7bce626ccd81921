"""A user's own table of planets, by a mapping: read and judged by the core, handed to the script as unpacked rows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from orrery import contracts, files
from orrery.feeds import Feed
from orrery.handover import Tool
from orrery.judging import Judge, Judged, integers
from orrery.manifest import Manifest
from orrery.run import Run

from .jobs.copy_text import line

if TYPE_CHECKING:
    from orrery.delimited import Chunk
    from orrery.files import Delivered

DUPLICATE = ("duplicate_name", "another row of the file has the same name")
TEXT_LIMIT = 4000  # characters kept of a refused row
KINDS = ("systems", "hosts", "planets", "refused", "files")


def planets(system: Manifest, settings: Mapping[str, str]) -> Feed:  # noqa: ARG001 (every feed gets the settings)
    """What a mapping fills: one row a planet, with what is known of its star."""
    contract = contracts.load(system.folder / "contracts" / "planets.odcs.yaml")
    headers = {name: (name,) for name in contract.column_names}
    incoming = contracts.load(system.inputs["catalogue"].contract)
    return Feed(incoming, headers, contract, "p02_comet.fct_discovery", query="", repeated=DUPLICATE)


def unpacked(run: Run, tool: Tool, paths: list[Path], landing: Path) -> list[dict[str, str]]:
    """Write the rows of the files that are new; gives those that are known, with the name they were loaded under."""
    feed = run.feed("catalogue")
    statements = unpacking((run.folder / "sql" / "own_rows.sql").read_text(encoding="utf-8"))
    known: list[dict[str, str]] = []
    with run.step("unpack") as step, ExitStack() as stack:
        outs = {kind: stack.enter_context((landing / f"{kind}.tsv").open("w", encoding="utf-8")) for kind in KINDS}
        names, last = known_files(tool, feed.origin["sha256"])
        read = rejected = 0
        for number, delivered in enumerate(map(files.fingerprint, paths), start=1):
            if delivered.sha256 in (names.get(delivered.name), last[0]):
                is_same = names.get(delivered.name) == delivered.sha256
                known.append({"name": delivered.name, "loaded_as": delivered.name if is_same else last[1]})
                continue
            names[delivered.name], last = delivered.sha256, (delivered.sha256, delivered.name)
            written = Landed(outs, str(number), statements, Judge(feed))
            written.write(run, delivered)
            read, rejected = read + written.read, rejected + written.refused
            about = [str(number), delivered.name, delivered.sha256, feed.origin["sha256"], "f", "utf-8"]
            outs["files"].write(line([*about, str(delivered.path.absolute())]))
        step.rows(read=read, kept=read - rejected, rejected=rejected)
    return known


def known_files(tool: Tool, rules: str) -> tuple[dict[str, str], tuple[str, str]]:
    """The content (sha256) of each file name that is loaded by these rules; and the last that came, with its name."""
    if tool.query("select to_regclass('p02_comet.files')") == [(None,)]:
        return {}, ("", "")
    sql = "select file_name, sha256, rules from p02_comet.files where is_current order by file_id"
    found = tool.query(sql)
    names = {name: sha256 for name, sha256, by in found if by == rules}
    last = next(((sha256, name) for name, sha256, by in found[-1:] if by == rules), ("", ""))
    return names, last


def unpacking(script: str) -> dict[str, str]:
    """The statements of own_rows.sql, by the kind of the rows that each gives."""
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    return dict(zip(KINDS[:3], "\n".join(lines).split(";")[:3], strict=True))


class Landed:
    """Writes the rows of one file as unpacked rows."""

    def __init__(self, outs: Mapping[str, TextIO], number: str, statements: Mapping[str, str], judge: Judge) -> None:
        self.outs, self.number, self.statements, self.judge = outs, number, statements, judge
        self.read = self.refused = 0

    def write(self, run: Run, delivered: Delivered) -> None:
        """All of the file; where names are there more than once, again without their rows."""
        progress = partial(run.reporter.step_progress, "unpack")
        begun = {kind: out.tell() for kind, out in self.outs.items()}
        for chunk, judged in self.judge.file(delivered, progress):
            self.judge.remember(judged)
            self._write(chunk, judged, frozenset())
        repeated = frozenset(self.judge.repeated()) if self.read else frozenset()
        if repeated:
            for kind, out in self.outs.items():
                out.seek(begun[kind])
                out.truncate()
            self.read = self.refused = 0
            for chunk, judged in self.judge.file(delivered, progress):
                self._write(chunk, judged, repeated)

    def _write(self, chunk: Chunk, judged: Judged, repeated: frozenset[int]) -> None:
        """The good rows as systems, stars and planets; the refused ones as they are."""
        import numpy as np
        import pyarrow as pa

        at = np.searchsorted(chunk.lines, judged.lines)
        places: dict[str, Any] = {"line": judged.lines, "byte_offset": chunk.base + chunk.starts[at]}
        places["byte_length"] = chunk.ends[at] - chunk.starts[at]
        good = judged.rows
        for name, values in places.items():
            good = good.append_column(name, integers(values))
        refused = judged.refused
        if repeated:
            is_repeated = np.isin(judged.lines, list(repeated))
            source = self.judge.contract.source_of("planet")
            refused = refused + [chunk.refuse(int(row), source, *DUPLICATE) for row in at[is_repeated]]
            good = good.filter(pa.array((~is_repeated).tolist()))
        duck = self.judge.duck()
        duck.register("good", good)
        for kind, statement in self.statements.items():
            for values in duck.execute(statement).fetchall():
                texts = [None if value is None else str(value) for value in values]
                self.outs[kind].write(line([self.number, *texts]))
        for each in refused:
            place = [self.number, str(each.line), str(each.byte_offset)]
            self.outs["refused"].write(line([*place, each.column, each.rule, each.message, each.text[:TEXT_LIMIT]]))
        self.read += judged.read
        self.refused += len(refused)
