"""The limit and the peers of bench/meteor.py, each a process: `python bench/peers.py WAY DSN FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orrery import catalogue, files
from orrery.engines import postgres
from orrery.judging import Judge

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "p01_meteor.launches"


def limit(dsn: str, path: Path) -> None:
    """psycopg's COPY of a file that is clean already: nobody loads faster without changing the table."""
    import psycopg

    with (
        psycopg.connect(dsn) as connection,
        path.open("rb") as file,
        connection.cursor().copy(f"copy {TABLE} from stdin") as copy,
    ):
        while piece := file.read(1 << 18):
            copy.write(piece)


def dlt(dsn: str, path: Path) -> None:
    """dlt with its Arrow backend, its fastest way into PostgreSQL."""
    import os

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt as library
    from psycopg.conninfo import conninfo_to_dict

    at = conninfo_to_dict(dsn)
    password = postgres.password_in(Path(os.environ["PGPASSFILE"]))
    url = f"postgresql://{at['user']}:{password}@{at['host']}:{at['port']}/{at['dbname']}"
    pipeline = library.pipeline(
        "peer",
        destination=library.destinations.postgres(url),
        dataset_name="bench",
        pipelines_dir=str(Path.cwd() / "dlt"),
    )
    rows = library.resource((each for each in cleaned("duckdb", path)), name="launches", write_disposition="replace")
    pipeline.run(rows)
    pipeline.drop()


def to_sql(dsn: str, path: Path, driver: str = "psycopg2") -> None:
    """pandas' own to_sql, as most scripts use it: SQLAlchemy's default driver, one INSERT a row."""
    import os

    import pandas as pd
    import sqlalchemy
    from psycopg.conninfo import conninfo_to_dict

    at = conninfo_to_dict(dsn)
    password = postgres.password_in(Path(os.environ["PGPASSFILE"]))
    url = sqlalchemy.URL.create(f"postgresql+{driver}", at["user"], password, at["host"], int(at["port"]), at["dbname"])
    frame = pd.concat([each.to_pandas(types_mapper=pd.ArrowDtype) for each in cleaned("duckdb", path)])
    frame.to_sql("launches", sqlalchemy.create_engine(url), schema="bench", if_exists="append", index=False)


def to_sql_psycopg3(dsn: str, path: Path) -> None:
    """The same with the newer driver, which sends the INSERTs without waiting for each."""
    to_sql(dsn, path, "psycopg")


def cleaned(engine: str, path: Path) -> Iterator[pa.Table]:
    """Meteor's cleaned launches, as Arrow tables."""
    system = catalogue.find("p01_meteor")
    judge = Judge(catalogue.function(system, "judging:launches")(system, {"engine": engine}))
    delivered = files.fingerprint(path)
    for block in judge.records(files.blocks(delivered, lambda _: None), path.name):
        yield judge.judge(block.parse()).rows


if __name__ == "__main__":
    WAYS = {"limit": limit, "dlt": dlt, "to_sql": to_sql, "to_sql_psycopg3": to_sql_psycopg3}
    WAYS[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
