"""How the launch log becomes typed launches: by pandas (cleaning.py) or by DuckDB (sql/clean.sql), the same rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from orrery import contracts
from orrery.feeds import Feed
from orrery.manifest import Manifest

from .rules import INVISIBLE, MESSAGES

SURE = r"create macro sure(x) as nullif(case when suffix(x, '?') then regexp_replace(x, '( *\?)+$', '') else x end, '')"


def launches(system: Manifest, settings: Mapping[str, str]) -> Feed:
    """The feed of the launch log, cleaned by the engine that the settings name."""
    table = "p01_meteor.launches"
    incoming = contracts.load(system.inputs["launches"].contract)
    rules = (system.folder / "sql" / "clean.sql").read_text(encoding="utf-8").replace("{invisible}", INVISIBLE)
    engines: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
        "pandas": (cleaned_by_pandas, "from chunk"),
        "duckdb": (lambda chunk: chunk, rules),
    }
    prepare, query = engines[settings["engine"]]
    return Feed(
        incoming=incoming,
        headers={name: (name,) for name in incoming.column_names},
        contract=contracts.load(system.outputs[table]),
        table=table,
        query=query,
        messages=MESSAGES,
        prepare=prepare,
        macros=(SURE,),
        day_column="launched_at",
    )


def cleaned_by_pandas(chunk: pa.Table) -> pa.Table:
    """cleaning.py over an Arrow chunk; the columns stay Arrow's."""
    import pandas as pd  # here, so that whoever cleans by DuckDB does not wait for it

    from .cleaning import clean

    cleaned = clean(chunk.to_pandas(types_mapper=pd.ArrowDtype))
    return pa.Table.from_pandas(cleaned, preserve_index=False).replace_schema_metadata(None)
