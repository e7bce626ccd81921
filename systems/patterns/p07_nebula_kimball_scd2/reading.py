"""What each column of a delivery must look like, as SQL of DuckDB: the rules of MODEL.md, one feed for each input.

A row is judged column by column in the order of MODEL.md; in a column first whether it is told, then its form, then its
range. It is refused once, for the first rule that it breaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orrery import contracts
from orrery.feeds import Feed
from orrery.forms import INVISIBLE
from orrery.manifest import Manifest

KEY_BYTES = 800  # of one column of a key; an index of PostgreSQL takes some 2,700 for all of them
YEARS = (1900, 2200)  # dim_date has every day of the years that facts touch


@dataclass(frozen=True)
class Reads:
    """How the text `{x}` of a column is read.

    Attributes:
        value: SQL of the typed value, which the rules call `{v}`.
        rules: what it may break, in this order: the rule, and SQL that is true where it does.
    """

    value: str = "{x}"
    rules: tuple[tuple[str, str], ...] = ()


_FROM, _TO = YEARS
TEXT = Reads()
KEY = Reads(
    rules=(
        ("invisible_characters", f"regexp_matches({{x}}, '{INVISIBLE}')"),
        ("key_too_long", f"strlen({{x}}) > {KEY_BYTES}"),
    )
)
TIMES = (("not_a_time", "{v} is null"), ("out_of_range", f"year({{v}}) not between {_FROM} and {_TO - 1}"))
INSTANT, DAY = Reads("instant({x})", TIMES), Reads("day({x})", TIMES)
AMOUNT = Reads(
    "money({x})",
    (
        ("not_a_number", "not regexp_full_match({x}, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)')"),
        ("out_of_range", "{v} is null"),
    ),
)
PROMOTIONS = Reads(rules=(("promotion_form", "not regexp_full_match({x}, '[A-Z0-9_-]{1,20}([|][A-Z0-9_-]{1,20})*')"),))


def number(kind: str, least: int) -> Reads:
    """A whole number from `least` on, of a type of DuckDB's."""
    rules = (
        ("not_a_number", "not regexp_full_match({x}, '[+-]?[0-9]+')"),
        ("out_of_range", f"coalesce({{v}} < {least}, true)"),
    )
    return Reads(f"try_cast(whole({{x}}) as {kind})", rules)


def one_of(rule: str, *words: str) -> Reads:
    """One of some words, as they are spelled here."""
    return Reads(rules=((rule, f"{{x}} not in ({', '.join(repr(word) for word in words)})"),))


CHANGE = {
    "changed_at": INSTANT,
    "change_no": number("bigint", 1),
    "op": one_of("unknown_op", "upsert", "delete"),
}
READS: Mapping[str, Mapping[str, Reads]] = {
    "customers": {"customer_id": KEY, **CHANGE, "registered_on": DAY},
    "products": {"product_id": KEY, **CHANGE, "msrp": AMOUNT},
    "orders": {
        **dict.fromkeys(("order_id", "customer_id", "product_id"), KEY),
        "line_no": number("integer", 1),
        "ordered_at": INSTANT,
        "quantity": number("integer", 0),
        "amount": AMOUNT,
        "promotions": PROMOTIONS,
    },
    "order_events": {
        "order_id": KEY,
        "event": one_of("unknown_event", "paid", "shipped", "delivered", "cancelled"),
        "happened_at": INSTANT,
    },
    "returns": {
        **dict.fromkeys(("return_id", "order_id"), KEY),
        "line_no": number("integer", 1),
        "returned_at": INSTANT,
        "quantity": number("integer", 1),
        "amount": AMOUNT,
    },
}
"""How columns are read; the others are texts as they are."""
REQUIRED_OF_UPSERTS = {"customers": ("name",), "products": ("name", "product_line")}
LOADERS = ("line", "byte_offset", "record_text")  # columns that are the loader's own, beside file_id
MESSAGES = {
    "missing": "it must be told",
    "not_a_time": "not a day (2024-01-31), or a time with its offset (2024-01-31T23:59:59.5+01:00)",
    "not_a_number": "not a number as 12 or 12.50",
    "out_of_range": f"outside of what it may be (times: {_FROM} to {_TO - 1}; amounts: 0.00 to 999999999999.99)",
    "unknown_op": "neither upsert nor delete",
    "unknown_event": "none of paid, shipped, delivered, cancelled",
    "promotion_form": "codes of A-Z, 0-9, _ and -, up to 20 signs each, with | between them",
    "invisible_characters": "it holds characters that cannot be seen",
    "key_too_long": f"longer than the {KEY_BYTES} bytes that a key may have",
    "field_count": "four fields with blanks between them are wanted",
}


def query(kind: str, texts: Mapping[str, str], required: Sequence[str], sources: str = "from chunk") -> str:
    """SQL that types the rows of a kind, and says in `broken` the first rule that each breaks.

    Args:
        texts: SQL of the text of each column, in the order of the columns.
        required: columns that every row must tell.
        sources: where the texts are.
    """
    reads, cases, values = READS[kind], [], []
    for name, text in texts.items():
        how, x, v = reads.get(name, TEXT), f"x_{name}", f"v_{name}"
        values.append(f"{text} as {x}, {how.value.replace('{x}', x)} as {v}")
        if name in required:
            cases.append(f"when {x} is null then '{name}:missing'")
        if name in REQUIRED_OF_UPSERTS.get(kind, ()):
            cases.append(f"when {x} is null and x_op = 'upsert' then '{name}:missing'")
        for rule, is_broken in how.rules:
            condition = is_broken.replace("{x}", x).replace("{v}", v)
            cases.append(f"when {x} is not null and ({condition}) then '{name}:{rule}'")
    typed = ", ".join(f'v_{name} as "{name}"' for name in texts)
    read = f'select "row", {", ".join(values)} {sources}'
    return f'select "row", {typed}, case {" ".join(cases)} end as broken from ({read})'


def feed(kind: str, system: Manifest) -> Feed:
    """The feed of a kind whose columns are those of its raw table."""
    table = f"p07_nebula_raw.{kind}"
    incoming, typed = contracts.load(system.inputs[kind].contract), contracts.load(system.outputs[table])
    here = [replace(each, sources=tuple(of.removeprefix(f"{kind}.") for of in each.sources)) for each in typed.columns]
    columns = [each for each in here if each.name not in LOADERS]
    told = [each for each in columns if each.name != "file_id"]
    required = [each.name for each in told if each.required]
    headers = {name: (name,) for name in incoming.column_names}
    sql = query(kind, {each.name: f'"{each.name}"' for each in told}, required)
    macros = (system.folder / "sql" / "reading.sql").read_text(encoding="utf-8")
    return Feed(incoming, headers, replace(typed, columns=tuple(columns)), table, sql, MESSAGES, macros=(macros,))


def customers(system: Manifest, _settings: Mapping[str, str]) -> Feed:
    """Changes of customers."""
    return feed("customers", system)


def products(system: Manifest, _settings: Mapping[str, str]) -> Feed:
    """Changes of products."""
    return feed("products", system)


def orders(system: Manifest, _settings: Mapping[str, str]) -> Feed:
    """Order lines."""
    return feed("orders", system)


def order_events(system: Manifest, _settings: Mapping[str, str]) -> Feed:
    """What happened to orders."""
    return feed("order_events", system)


def returns(system: Manifest, _settings: Mapping[str, str]) -> Feed:
    """Lines that came back."""
    return feed("returns", system)


_CDNOW_DAY = "regexp_replace(field[2], '^([0-9]{4})([0-9]{2})([0-9]{2})$', '\\1-\\2-\\3')"
CDNOW = {
    "order_id": ("case when len(field) = 4 then 'CDNOW' end", ""),  # the line of the file follows: landing.py knows it
    "line_no": ("'1'", ""),
    "customer_id": ("'C' || field[1]", "customer_id"),
    "product_id": ("null::varchar", ""),
    "ordered_at": (f"case when regexp_full_match(field[2], '[0-9]{{8}}') then {_CDNOW_DAY} else '?' end", "date"),
    "quantity": ("field[3]", "number_of_cds"),
    "amount": ("field[4]", "dollar_value"),
    "channel": ("'web'", ""),
    "payment": ("null::varchar", ""),
    "promotions": ("null::varchar", ""),
}
"""For each column of an order line its text, out of the fields of a record, and what the field is called there."""


def cdnow(system: Manifest, _settings: Mapping[str, str]) -> Feed:
    """CDNOW's own file: a record is one text, with blanks between its four fields; each becomes an order line."""
    incoming, made = contracts.load(system.inputs["cdnow"].contract), feed("orders", system)
    [record] = incoming.column_names
    fields = f'from (select "row", regexp_extract_all("{record}", \'[^ \t]+\') as field from chunk)'
    sql = query("orders", {name: text for name, (text, _) in CDNOW.items()}, ["order_id"], fields)
    fields_of = {name: tuple(filter(None, [field])) for name, (_, field) in CDNOW.items()}
    columns = [replace(each, sources=fields_of.get(each.name, ())) for each in made.contract.columns]
    spellings = (record, record.replace(" date", "  date").replace(" dollar", "  dollar"))
    return replace(
        made,
        incoming=incoming,
        headers={record: spellings},
        contract=replace(made.contract, columns=tuple(columns)),
        query=sql.replace("order_id:missing", "order_id:field_count"),
    )
