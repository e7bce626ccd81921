"""Brings a batch into the published tables; all of it is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orrery.errors import IntegrityBroken
from orrery.faults import faultpoint

if TYPE_CHECKING:
    import psycopg

# table: which keys the batch speaks of (a relation of the batch, and its columns), and the table's primary key
TABLES: Mapping[str, tuple[str, Sequence[str], Sequence[str]]] = {
    "dim_customer": ("int_customers_touched", ("customer_id",), ("customer_key",)),
    "dim_product": ("int_products_touched", ("product_id",), ("product_key",)),
    "dim_date": ("", (), ("date_key",)),
    "dim_order_profile": ("", (), ("profile_key",)),
    "dim_promotion": ("", (), ("promotion_key",)),
    "bridge_promotion_group": ("", (), ("promotion_group_key", "promotion_key")),
    "fct_order_lines": ("int_orders_touched", ("order_id",), ("order_id", "line_no")),
    "fct_returns": ("int_returns_touched", ("return_id",), ("return_id",)),
    "fct_order_fulfilment": ("int_orders_touched", ("order_id",), ("order_id",)),
    "fct_customer_month": ("int_customers_affected", ("customer_id",), ("customer_id", "month_key")),
    "late_facts": ("int_orders_touched", ("order_id",), ("order_id", "event")),
    "deliveries_rejected": ("int_files_judged_again", ("file_id",), ("file_id", "line")),
}
# members of a dimension that no fact has any more
LEFT = {
    member: f"delete from p07_nebula.{member} as here where {key} > 0 and not exists"
    f" (select 1 from p07_nebula.{user} as used where used.{key} = here.{key})"
    for member, key, user in (
        ("dim_order_profile", "profile_key", "fct_order_lines"),
        ("bridge_promotion_group", "promotion_group_key", "fct_order_lines"),
        ("dim_promotion", "promotion_key", "bridge_promotion_group"),
    )
}
# a row may contradict one of a file that came long ago
KEPT = (
    "update p07_nebula_raw.files as files set rows_kept = counted.kept from ("
    "select here.file_id, here.rows_read - count(refused.line) as kept from p07_nebula_raw.files as here"
    " left join p07_nebula.deliveries_rejected as refused on refused.file_id = here.file_id"
    " where here.file_id in (select file_id from p07_nebula_batch.deliveries_rejected"
    " union select file_id from p07_nebula_batch.int_files_judged_again) group by here.file_id) as counted"
    " where files.file_id = counted.file_id and files.rows_kept <> counted.kept"
)


def publish(
    connection: psycopg.Connection[tuple[Any, ...]], columns: Mapping[str, Sequence[str]], load_id: int
) -> dict[str, dict[str, int]]:
    """What is gone goes, what is new or another comes; a row that is the same is not written.

    Args:
        connection: inside a transaction; whether histories and facts fit is looked at when it commits.
        columns: of each published table.

    Returns:
        For each table how many rows were inserted, updated and deleted.
    """
    changes = {}
    for table, (touched, by, key) in TABLES.items():
        faultpoint("publish.table")
        deleted = connection.execute(_gone(table, touched, by, key)).rowcount if touched else 0
        [(inserted, updated)] = connection.execute(_written(table, columns[table], key)).fetchall()
        changes[table] = {"inserted": inserted, "updated": updated, "deleted": deleted}
    for member, statement in LEFT.items():
        changes[member]["deleted"] += connection.execute(statement).rowcount
    connection.execute(KEPT)
    faultpoint("constraints.before")
    _hold(connection)
    connection.execute("update p07_nebula_raw.files set load_id = %s where load_id is null", (load_id,))
    return changes


def _hold(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Look at the deferred constraints now.

    Raises:
        IntegrityBroken: versions overlap, or a fact has a member that there is none of.
    """
    import psycopg

    try:
        connection.execute("set constraints all immediate")
    except psycopg.errors.IntegrityError as error:
        raise IntegrityBroken(
            "The batch does not fit into what is published: nothing of it was.",
            looked=f"constraint {error.diag.constraint_name} of p07_nebula.{error.diag.table_name}",
            found=" ".join(str(error).split())[:400],
            fix="orrery run nebula --set mode=full derives everything again; if it stays so, please report it",
        ) from error


def _gone(table: str, touched: str, by: Sequence[str], key: Sequence[str]) -> str:
    members = f" and here.{key[0]} > 0" if table.startswith("dim_") else ""  # -1 and -2 stay, whatever a key is called
    return (
        f"delete from p07_nebula.{table} as here where ({', '.join(by)}) in"
        f" (select {', '.join(by)} from p07_nebula_batch.{touched}) and not exists"
        f" (select 1 from p07_nebula_batch.{table} as made where"
        f" {' and '.join(f'made.{each} = here.{each}' for each in key)}){members}"
    )


def _written(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    names = ", ".join(columns)
    values = [each for each in columns if each not in key]
    there, new = (f"({', '.join(f'{of}.{each}' for each in values)})" for of in ("here", "excluded"))
    return (
        f"with written as (insert into p07_nebula.{table} as here ({names})"
        f" select {names} from p07_nebula_batch.{table}"
        f" on conflict ({', '.join(key)}) do update set {', '.join(f'{each} = excluded.{each}' for each in values)}"
        f" where {there} is distinct from {new} returning (xmax = 0) as is_new)"
        " select count(*) filter (where is_new), count(*) filter (where not is_new) from written"
    )
