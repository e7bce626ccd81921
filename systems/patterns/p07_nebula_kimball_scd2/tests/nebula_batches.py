"""Batches into a real PostgreSQL: rows landed, built by dbt, published; and the published tables as the oracle has them.

The rows that are landed are those that the oracle's reader accepts: what reads and judges files is another part.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nebula_files import COLUMNS
from nebula_modules import SYSTEM, module
from nebula_oracle import tables
from nebula_rules import _distinct, _read

from orrery import profiles
from orrery.engines import dbt, postgres

Files = Sequence[tuple[str, bytes]]
Query = Callable[[str], list[Any]]
publishing = module("publishing")
ZONE = "America/Sao_Paulo"  # of a server that has another than UTC


class Shop:
    """A database of its own on the shared server, and what was delivered into it."""

    def __init__(self, home: Path, folder: Path) -> None:
        binding = profiles.load("embedded", home).binding("warehouse", "Nebula")
        self.folder, self.binding, self.delivered, self.file_id = folder, binding, list[tuple[str, bytes]](), 0
        self.connection = postgres.connect(binding, "test")
        self.query("set client_min_messages = warning")
        for schema in ("p07_nebula_raw", "p07_nebula_batch", "p07_nebula"):
            self.query(f"drop schema if exists {schema} cascade")
        for script in ("raw.sql", "marts.sql"):
            self.query((SYSTEM / "sql" / script).read_text(encoding="utf-8"))
        self.query("update p07_nebula_raw.builder set run_id = 'test'")

    def query(self, sql: str, parameters: Any = None) -> list[Any]:
        """Rows of a statement."""
        cursor = self.connection.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Leave nothing."""
        for schema in ("p07_nebula_raw", "p07_nebula_batch", "p07_nebula"):
            self.query(f"drop schema if exists {schema} cascade")
        self.connection.close()

    def land(self, files: Files) -> None:
        """Rows into the raw tables, typed; each file gets a number."""
        self.delivered += files
        ids: dict[str, int] = {}
        rows: dict[str, list[Any]] = defaultdict(list)
        for record in _distinct(files):
            kind, said = _read(record)
            if kind is None:
                continue
            if record.place.file not in ids:
                self.file_id += 1
                ids[record.place.file] = self.file_id
            values = list(said)
            if kind == "orders":
                values[-1] = "|".join(values[-1]) or None
            rows[kind].append((*values, ids[record.place.file], record.place.line, 0, record.place.text))
        for name, number in ids.items():
            about = (number, name, f"{number} {name}")
            self.query("insert into p07_nebula_raw.files values (%s, 'any', %s, %s, 'test', 0, 0, null)", about)
        for kind, values_of in rows.items():
            columns = ", ".join([*COLUMNS[kind], "file_id", "line", "byte_offset", "record_text"])
            with self.connection.cursor().copy(f"copy p07_nebula_raw.{kind} ({columns}) from stdin") as copy:
                for each in values_of:
                    copy.write_row(each)

    def build(self, *arguments: str) -> None:
        """The batch, by dbt."""
        self._dbt("target", "build", "--exclude-resource-type", "snapshot", *arguments)

    def snapshot(self, target: str = "target") -> None:
        """dbt's own snapshot of what was told until now; two at once have a target folder each."""
        self._dbt(target, "snapshot")

    def _dbt(self, written: str, *command: str) -> None:
        password = postgres.password_in(Path(postgres.keywords(self.binding)["passfile"]))
        environment = {**postgres.environment(self.binding), **dbt.QUIET, "PGPASSWORD": password}
        environment |= {"NEBULA_BATCH": "p07_nebula_batch", "PGOPTIONS": f"-c nebula.run=test -c timezone={ZONE}"}
        project, target = str(SYSTEM / "dbt_project"), str(self.folder / written)
        places = ["--project-dir", project, "--profiles-dir", project, "--target-path", target, "--log-path", target]
        done = subprocess.run(
            [sys.executable, "-P", "-c", "from dbt.cli.main import cli; cli()", "-q", *command, *places],
            env=profiles.tool_environment(environment), cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def publish(self) -> int:
        """The batch into the published tables, in one transaction; gives how many rows were written or removed."""
        columns = {
            table: [
                name
                for (name,) in self.query(
                    "select column_name from information_schema.columns where table_schema = 'p07_nebula'"
                    " and table_name = %s order by ordinal_position", (table,),
                )
            ]
            for table in publishing.TABLES
        }  # fmt: skip
        with self.connection.transaction():
            changes = publishing.publish(self.connection, columns, 1)
        return sum(sum(each.values()) for each in changes.values())

    def published(self, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """Rows of a table without its members, surrogate keys as what they stand for."""
        return published(self.query, table, columns)


def published(query: Query, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Rows of a published table without its members, surrogate keys as what they stand for."""
    meaning = _meaning(query) if table.startswith(("fct_", "bridge_")) else {}
    shown = ["nullif(valid_to, 'infinity') as valid_to" if each == "valid_to" else each for each in columns]
    surrogate = {"dim_customer": "customer_key", "dim_product": "product_key", "dim_promotion": "promotion_key"}
    where = f"where {surrogate[table]} > 0" if table in surrogate else ""
    return [
        tuple(meaning[name](value) if name in meaning else value for name, value in zip(columns, row, strict=True))
        for row in query(f"select {', '.join(shown)} from p07_nebula.{table} {where}")
    ]


def _meaning(query: Query) -> Mapping[str, Callable[[Any], Any]]:
    customers, products = (
        {key: (name, since) for key, name, since in query(
            f"select {each}_key, {each}_id, valid_from from p07_nebula.dim_{each} where {each}_key > 0"
        )} for each in ("customer", "product")
    )  # fmt: skip
    profiles_of = {key: tuple(values) for key, *values in query("select * from p07_nebula.dim_order_profile")}
    groups: dict[int, list[str]] = defaultdict(list)
    for key, code in query(
        "select promotion_group_key, code from p07_nebula.bridge_promotion_group"
        " join p07_nebula.dim_promotion using (promotion_key) where promotion_group_key > 0 order by code"
    ):
        groups[key].append(code)
    return {
        "customer_key": lambda key: customers.get(key, key),
        "product_key": lambda key: products.get(key, key),
        "profile_key": profiles_of.__getitem__,
        "promotion_group_key": lambda key: tuple(groups[key]) if key > 0 else (),
    }


COMPARED = (
    "dim_customer", "dim_product", "dim_order_profile", "dim_promotion", "bridge_promotion_group", "fct_order_lines",
    "fct_returns", "fct_order_fulfilment", "fct_customer_month", "late_facts",
)  # fmt: skip


def differing(shop: Shop) -> list[str]:
    """What is published against what the oracle makes of everything delivered, a line for each row that differs."""
    return differing_from(shop.query, shop.delivered)


def differing_from(query: Query, delivered: Files) -> list[str]:
    """The same of any database that can be asked."""
    said: list[str] = []
    wanted = tables(delivered)
    for table in COMPARED:
        columns = [
            each for each in (wanted[table] or [{}])[0] if each != "row_hash" and (table, each) not in _ELSEWHERE
        ]
        if not columns:
            said += [f"{table} has {row}" for row in published(query, table, ["*"])]
            continue
        there = Counter(_plain(row) for row in published(query, table, columns))
        told = Counter(_plain([row[each] for each in columns]) for row in wanted[table])
        said += [f"{table} has {row}" for row in there - told] + [f"{table} lacks {row}" for row in told - there]
    return said


def differing_refusals(rejects: Sequence[Mapping[str, Any]], delivered: Files) -> list[str]:
    """The refused rows against those that the oracle refuses; a content that came twice is known by its first name."""
    first = {content: name for name, content in sorted(delivered, reverse=True)}
    told = Counter(
        (each["file"], each["line"], each["column"] or None, each["rule"], each["text"])
        for each in tables([(name, content) for content, name in first.items()])["rejected"]
    )
    names = ("file_name", "line", "column_name", "rule", "record_text")
    there = Counter(tuple(each[name] for name in names) for each in rejects)
    return [f"refused is {row}" for row in there - told] + [f"not refused is {row}" for row in told - there]


_ELSEWHERE = {("bridge_promotion_group", "code")}  # is in dim_promotion, and in the group's own key


def _plain(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(None if value == "infinity" else tuple(value) if isinstance(value, list) else value for value in row)


@contextmanager
def shop_in(home: Path, folder: Path) -> Iterator[Shop]:
    """A shop, and nothing of it afterwards."""
    found = Shop(home, folder)
    try:
        yield found
    finally:
        found.close()
