"""Histories of any length for bench/nebula.py, by SQL alone: raw rows, the dimension they make, batches of changes."""

from __future__ import annotations

# of key n its v-th state: the instant, and what is said
COLUMNS = (
    "name", "email", "segment", "street", "city", "state", "postal_code", "country", "territory", "registered_on",
)  # fmt: skip
TRACKED = ("street", "city", "state", "postal_code", "country", "territory")  # in the model's order
STATES = """
select
    'K' || lpad(n::text, 8, '0') as customer_id,
    timestamptz '2020-01-01 00:00:00Z' + v * interval '30 days' + n % 86400 * interval '1 second' as changed_at,
    'Customer ' || n as name,
    'customer-' || n || '@example.com' as email,
    (array['bronze', 'silver', 'gold', 'platinum'])[1 + n % 4] as segment,
    n % 900 || ' Main Street' as street,
    '{city} ' || (n * 7 + v * 13) % 1000 as city,
    'S' || n % 50 as state,
    lpad((n % 100000)::text, 5, '0') as postal_code,
    'USA' as country,
    'NA' as territory,
    date '2020-01-01' - n % 400 as registered_on,
    n,
    v
from generate_series({first}, {keys}, {step}) as numbers (n), generate_series({since}, {until}) as versions (v)
"""
SURROGATE = (
    "('x' || substr(md5(row(customer_id, extract(epoch from changed_at))::text), 1, 16))::bit(64)::bigint"
    " & x'7fffffffffffffff'::bigint"
)
TEXT = "concat_ws(',', customer_id, changed_at, 1, 'upsert', {})".format(", ".join(COLUMNS))
FILE = "insert into p07_nebula_raw.files values ({id}, 'customers', '{id}', '{id}', 'bench', {rows}, {rows}, {load})"


def states(keys: int, since: int, until: int, *, first: int = 1, step: int = 1, city: str = "City") -> str:
    """States of every `step`-th key from the `first` on, those from `since` to `until`."""
    return STATES.format(keys=keys, since=since, until=until, first=first, step=step, city=city)


def raw(file_id: int, told: str) -> str:
    """Raw rows as the loader lands them."""
    names = ", ".join(COLUMNS)
    return (
        f"insert into p07_nebula_raw.customers (customer_id, changed_at, change_no, op, {names}, file_id, line,"
        f" byte_offset, record_text) select customer_id, changed_at, 1, 'upsert', {names}, {file_id},"
        f" row_number() over () + 1, row_number() over () * 150, {TEXT} from ({told}) as told"
    )


def published(keys: int, versions: int) -> str:
    """The dimension that these raw rows make."""
    rest = ", ".join(TRACKED)
    return (
        "insert into p07_nebula.dim_customer (customer_key, customer_id, registered_on, name, email, segment,"
        f" {rest}, valid_from, valid_to, is_current, version_no, change_reason, row_hash)"
        f" select {SURROGATE}, customer_id, registered_on, name, email, segment, {rest}, changed_at,"
        f" case when v = {versions - 1} then 'infinity' else changed_at + interval '30 days' end, v = {versions - 1},"
        f" v + 1, case when v = 0 then 'new' else 'changed' end, md5(row({rest})::text)"
        f" from ({states(keys, 0, versions - 1)}) as told"
    )


def history(keys: int, versions: int) -> list[str]:
    """Statements that fill empty tables as if this history had been landed and published long ago.

    Indexes and constraints are made when the rows are there: the same in the end, and sooner.
    """
    dimension = "p07_nebula.dim_customer"
    return [
        f"alter table {dimension} drop constraint one_current_customer, drop constraint customers_do_not_overlap",
        "drop index p07_nebula.dim_customer_by_id",
        "drop index p07_nebula_raw.customers_by_key, p07_nebula_raw.customers_by_file",
        FILE.format(id=1, rows=keys * versions, load=1),
        raw(1, states(keys, 0, versions - 1)),
        published(keys, versions),
    ]


def batch(number: int, keys: int, versions: int, changed: int) -> list[str]:
    """Statements that land a file in which so many keys, from all over the table, say something new."""
    step = keys // changed
    told = states(keys, versions, versions, first=number % step + 1, step=step, city=f"Moved {number} to")
    return [
        FILE.format(id=number + 2, rows=changed, load="null"),
        raw(number + 2, told),
        "analyze p07_nebula_raw.customers",
    ]


BY_HAND = (
    "create schema by_hand",
    "create table by_hand.dim_customer (like p07_nebula.dim_customer including all)",
    "insert into by_hand.dim_customer select * from p07_nebula.dim_customer",
)
OWN = (  # the shop's own table, a row a customer
    "create schema shop",
    "create table shop.customers as select distinct on (customer_id) customer_id, changed_at, {} "
    "from p07_nebula_raw.customers order by customer_id, changed_at desc".format(", ".join(COLUMNS)),
    "alter table shop.customers add primary key (customer_id)",
)
TABLES_AND_COLUMNS = (
    "select table_name, column_name from information_schema.columns where table_schema = 'p07_nebula'"
    " order by table_name, ordinal_position"
)
SHOP = (
    "update shop.customers as here set changed_at = told.changed_at, {} from p07_nebula_raw.customers as told"
    " where told.customer_id = here.customer_id and told.file_id = (select max(file_id) from p07_nebula_raw.files)"
).format(", ".join(f"{each} = told.{each}" for each in COLUMNS))
DIFFERING = (
    "select count(*) from ((table p07_nebula.dim_customer except table by_hand.dim_customer)"
    " union all (table by_hand.dim_customer except table p07_nebula.dim_customer)) as different"
)
