"""Refused rows as a file of the run: `rejects.parquet`, with page checksums, whatever becomes of the load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from orrery.delimited import Refused


class Rejects:
    """Written as the run goes; a row is written once, also when a file has to be read a second time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rules: Counter[str] = Counter()
        self._last_line: dict[tuple[str, str], int] = {}
        self._writer: pq.ParquetWriter | None = None

    def add(self, source: str, refused: Sequence[Refused], *, of: str = "rows") -> None:
        """Keep refusals of a source, in the order of their lines.

        Args:
            of: which pass they come from; within a pass, lines up to the last one kept are not written again.
        """
        last = self._last_line.get((source, of), 0)
        fresh = [each for each in refused if each.line > last]
        if not fresh:
            return
        self._last_line[source, of] = fresh[-1].line
        self.rules.update(each.rule for each in fresh)
        import pyarrow as pa

        rows = {
            "source": [source] * len(fresh),
            "line": [each.line for each in fresh],
            "byte_offset": [each.byte_offset for each in fresh],
            "column": [each.column for each in fresh],
            "rule": [each.rule for each in fresh],
            "message": [each.message for each in fresh],
            "text": [each.text for each in fresh],
        }
        self._open().write_table(pa.table(rows, schema=self._schema()))

    def close(self) -> None:
        """Finish the file; a run without refusals has an empty one."""
        self._open().close()

    def _open(self) -> pq.ParquetWriter:
        if self._writer is None:
            import pyarrow.parquet as pq

            self._writer = pq.ParquetWriter(self.path, self._schema(), compression="zstd", write_page_checksum=True)
        return self._writer

    @staticmethod
    def _schema() -> pa.Schema:
        import pyarrow as pa

        texts = [("column", True), ("rule", False), ("message", False), ("text", False)]
        return pa.schema(
            [
                pa.field("source", pa.string(), nullable=False),
                pa.field("line", pa.int64(), nullable=False),
                pa.field("byte_offset", pa.int64(), nullable=False),
                *(pa.field(name, pa.string(), nullable=nullable) for name, nullable in texts),
            ]
        )
