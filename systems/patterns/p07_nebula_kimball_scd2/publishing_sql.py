"""The statements that bring a batch into the published tables; all of them are one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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
}
# members of a dimension that no fact has any more
LEFT = tuple(
    f"delete from p07_nebula.{member} as here where {key} > 0 and not exists"
    f" (select 1 from p07_nebula.{user} as used where used.{key} = here.{key})"
    for member, key, user in (
        ("dim_order_profile", "profile_key", "fct_order_lines"),
        ("bridge_promotion_group", "promotion_group_key", "fct_order_lines"),
        ("dim_promotion", "promotion_key", "bridge_promotion_group"),
    )
)


def statements(columns: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is gone goes, what is new or another comes; a row that is the same is not written.

    Args:
        columns: of each published table.
    """
    for table, (touched, by, key) in TABLES.items():
        if touched:
            yield (
                f"delete from p07_nebula.{table} as here where ({', '.join(by)}) in"
                f" (select {', '.join(by)} from p07_nebula_batch.{touched}) and not exists"
                f" (select 1 from p07_nebula_batch.{table} as made where"
                f" {' and '.join(f'made.{each} = here.{each}' for each in key)})"
            )
        names = ", ".join(columns[table])
        values = [each for each in columns[table] if each not in key]
        there, new = (f"({', '.join(f'{of}.{each}' for each in values)})" for of in ("here", "excluded"))
        yield (
            f"insert into p07_nebula.{table} as here ({names}) select {names} from p07_nebula_batch.{table}"
            f" on conflict ({', '.join(key)}) do update set"
            f" {', '.join(f'{each} = excluded.{each}' for each in values)}"
            f" where {there} is distinct from {new}"
        )
    yield from LEFT
    yield "update p07_nebula_raw.files set load_id = %(load_id)s where load_id is null"
