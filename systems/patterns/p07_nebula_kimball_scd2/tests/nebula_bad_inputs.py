"""Deliveries that are bad, each with how it must end: exit code, message, rows landed, rows refused, values read.

A run that loads anything calls dbt: so odd rows stand by the dozen among good ones, as many bad ones as may be refused.
Expectations are those of MODEL.md; the numbers are those of the list of bad inputs that all systems share.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from nebula_files import COLUMNS

BOM = b"\xef\xbb\xbf"
BASE: Mapping[str, Mapping[str, str]] = {
    "customers": {"changed_at": "2004-01-01", "change_no": "1", "op": "upsert", "name": "N", "city": "Paris"},
    "products": {"changed_at": "2004-01-01", "change_no": "1", "op": "upsert", "name": "N", "product_line": "Ships"},
    "orders": {"line_no": "1", "customer_id": "C1", "ordered_at": "2004-01-01", "quantity": "1", "amount": "1.00"},
    "order_events": {"event": "paid", "happened_at": "2004-01-01"},
    "returns": {"order_id": "O1", "line_no": "1", "returned_at": "2004-01-01", "quantity": "1", "amount": "1.00"},
    "cdnow": {"customer_id": "00001", "date": "19970101", "number_of_cds": "1", "dollar_value": "11.77"},
}
"""A row of each kind that is right, without its key."""


@dataclass(frozen=True)
class Case:
    """One delivery, and how it must end.

    Attributes:
        message: what the error must say, as a pattern.
        kept: rows of the kind's raw table afterwards: also those that only other rows contradict.
        refused: line and rule of each refused row, in their order.
        reads: line, column and value of rows whose reading is worth a look.
        says: queries of one value, and that value.
        beside: kind, name and content of what comes in the same run.
    """

    id: str
    kind: str
    name: str
    content: bytes
    exit_code: int = 0
    message: str = ""
    kept: int = 0
    refused: tuple[tuple[int, str], ...] = ()
    reads: tuple[tuple[int, str, Any], ...] = ()
    says: tuple[tuple[str, Any], ...] = ()
    beside: tuple[tuple[str, str, bytes], ...] = ()


@dataclass(frozen=True)
class Odd:
    """A row that is not as the others: changes to a good one, or a record as it is.

    Attributes:
        rule: the one that it breaks; empty where it is kept.
        reads: column and value of what it is read as.
        is_row: a blank line is none.
    """

    written: Mapping[str, str] | bytes
    rule: str = ""
    reads: tuple[tuple[str, Any], ...] = ()
    is_row: bool = True


def bad(rule: str, **changes: str) -> Odd:
    return Odd(changes, rule)


def each_bad(rule: str, column: str, *texts: str) -> list[Odd]:
    """Each of these texts in a column breaks the rule."""
    return [Odd({column: text}, rule) for text in texts]


def each_read(column: str, values: Mapping[str, Any], name: str = "") -> list[Odd]:
    """Each of these texts in a column is read as its value."""
    return [Odd({column: text}, reads=((name or column, value),)) for text, value in values.items()]


def as_text(column: str, *texts: str) -> list[Odd]:
    """Each of these texts stays what it is."""
    return each_read(column, {text: text for text in texts})


def row(kind: str, changes: Mapping[str, str], key: str, columns: Sequence[str] = ()) -> bytes:
    r"""A good row but for the changes; \udcNN is the byte NN, which is no UTF-8 alone."""
    values = {COLUMNS[kind][0]: key, **BASE[kind], **changes}
    fields = [values.get(each, "") for each in columns or COLUMNS[kind]]
    return ("  " if kind == "cdnow" else ",").join(fields).encode("utf-8", "surrogateescape")


def header(kind: str, columns: Sequence[str] = ()) -> bytes:
    """The first line of a file."""
    return (" " if kind == "cdnow" else ",").join(columns or COLUMNS[kind]).encode()


def file(kind: str, rows: int, *changes: Mapping[str, str]) -> bytes:
    """A file of good rows, but for the changes of the first ones."""
    every = [*changes, *[{}] * (rows - len(changes))]
    return b"\n".join([header(kind), *(row(kind, each, f"F{n:03}") for n, each in enumerate(every)), b""])


def mixed(identity: str, kind: str, odd: Sequence[Odd], columns: Sequence[str] = (), end: bytes = b"\n") -> Case:
    """Odd rows among good ones, of which exactly a tenth is refused; those that others contradict are kept as raw rows."""
    wrong = sum(bool(each.rule) for each in odd)
    contradicted = sum(each.rule.startswith("conflicting") for each in odd)
    needed = 10 * wrong - sum(each.is_row for each in odd)
    if needed < 0:
        raise ValueError(f"{identity}: {len(odd)} odd rows, and {wrong} of them refused: too many that are kept")
    line, good, refused, reads, lines = 2, 0, [], [], [header(kind, columns)]
    for number, each in enumerate(odd, start=1):
        raw = each.written if isinstance(each.written, bytes) else row(kind, each.written, f"X{number:03}", columns)
        refused += [(line, each.rule)] * bool(each.rule)
        reads += [(line, column, value) for column, value in each.reads]
        upto = needed * number // len(odd)
        lines += [raw, *(row(kind, {}, f"G{n:04}", columns) for n in range(good, upto))]
        line, good = line + 1 + raw.count(b"\n") + upto - good, upto
    content = b"".join(each + end for each in lines)
    return Case(identity, kind, "odd.csv", content, 0, "", 9 * wrong + contradicted, tuple(refused), tuple(reads))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]  # parts of a day and no zone


LONG = random.Random(7).randbytes(4000).hex()  # noqa: S311 (a text that does not become short when it is packed)
LIMIT = 256 << 10  # bytes of a field
TIMES = {
    "2004-02-29": utc(2004, 2, 29), "2004-02-29T23:59Z": utc(2004, 2, 29, 23, 59),
    "2004-02-29T23:59:59.999999Z": utc(2004, 2, 29, 23, 59, 59, 999999),
    "2004-01-01T01:00:00.5+01:00": utc(2004, 1, 1, 0, 0, 0, 500000),
    "2004-01-01T00:00:00+15:59": utc(2003, 12, 31, 8, 1), "2004-01-01T00:00:00-15:59": utc(2004, 1, 1, 15, 59),
    "1900-01-01": utc(1900, 1, 1), "1899-12-31T23:59-00:01": utc(1900, 1, 1),
    "2199-12-31T23:59:59.999999Z": utc(2199, 12, 31, 23, 59, 59, 999999),
    "2200-01-01T00:30+01:00": utc(2199, 12, 31, 23, 30),
}  # fmt: skip
NO_TIMES = (
    "2004-02-30", "2003-02-29", "2004-13-01", "0000-00-00", "2004-1-1", "01/02/2004", "2004-01-01T10:00", "20040101",
    "2004-01-01T25:00Z", "2004-01-01T24:00:00Z", "2004-01-01T23:60Z", "2004-12-31T23:59:60Z", "2004-01-01T10:00+16:00",
    "2004-01-01T10:00+25:00", "2004-01-01T10:00+01:60", "2004-01-01T10:00 EST", "2004-01-01T10:00:00.1234567Z",
    "2004-01-01T10:00:00.Z", "2004-W01-1", "2004-001", "1072915200", "37987", "infinity", "now", " 2004-01-01",
    "10000-01-01", "-2004-01-01", "\u0662\u0660\u0660\u0664-01-01", '"2004-01-01\n"', "2004\u201101\u201101",
)  # fmt: skip
OTHER_YEARS = (
    "1899-12-31", "2200-01-01", "1900-01-01T00:00+00:01", "2199-12-31T23:59:59-00:01", "9999-12-31", "0001-01-01",
    "0001-01-01T00:00+01:00",
)  # fmt: skip
UNSEEN = tuple(f"X{each}1" for each in "\x1b\t\x7f\x85\xad\u200b\u200d\u200e\u202e\u2060\ufeff")
NO_INTEGERS = (
    "1.0", "1.", "1e3", "1_000", "0x10", " 1", "1 ", "\uff11", "\u0663", "\xb2", '"1,000"', "one", "--1", "+", "12%",
)  # fmt: skip
NO_AMOUNTS = (
    "1e3", '"1,5"', '"1,000.00"', "1 000", "NaN", "inf", "-Infinity", "$1", "\u20ac1", "(1.00)", "1.0.0", ".", "-",
    "\uff11.00", "1'000", "1.00 ", "0x1p3",
)  # fmt: skip
NO_CENTS = ("-0.01", "-1", "1.005", "0.001", "1000000000000", "999999999999.991", "9" * 50)
AMOUNTS = {
    "0": Decimal(0), "-0": Decimal(0), "-0.00": Decimal(0), "0.01": Decimal("0.01"), "1.500": Decimal("1.50"),
    "999999999999.99": Decimal("999999999999.99"), "0" * 20 + "1.25": Decimal("1.25"), "+1.10": Decimal("1.10"),
}  # fmt: skip
TEXTS = (
    "=1+1", "=cmd|' /C calc'!A0", "@SUM(A1)", "-1+1", "'; drop table p07_nebula_raw.orders; --", "{{7*7}} {% raw %}",
    "$$ %s {0} :x ? \\'", "\\N", "\\.", "NULL", "NA", "nan", "-", "00501", "1E5", " a ", "a;b", "a\u202eb", "a\u200bb",
    "\U0001f469\u200d\U0001f680", "\ufffd", "\ue000\ufdd0", "Caf\xc3\xa9", "a\x1b[31mb", "a\ufeffb", "\u0130\u0131\xdf",
    LONG, "x" * LIMIT,
)  # fmt: skip


def misshapen(kind: str) -> list[Odd]:
    """Records of a kind that have not the shape of one, whatever is in them."""
    good, last = row(kind, {}, "S"), COLUMNS[kind][-1]
    shapes = {
        b"not_utf8": (good + b"\xe9", good + b"\x93", good + b"\xed\xa0\x80", good + b"\xc0\xaf"),
        b"nul_byte": (good + b"\x00",),
        b"bom_inside": (BOM + good,),
        b"quote_misplaced": (good[:-1] + b'x"y', b'"S"1' + good[1:], b'"S \\" 1"' + good[1:], b'S"' + good[1:]),
        b"field_count": (good[: good.rindex(b",")], good + b",more", b"\\.", b"# a comment", good.replace(b",", b";")),
        b"header_repeated": (header(kind),),
        b"field_too_long": (row(kind, {last: "x" * (LIMIT + 1)}, "S"),),
        b"missing": (b"," * (len(COLUMNS[kind]) - 1),),
    }
    blank = [Odd(b"", is_row=False), Odd(b" \t ", is_row=False)]
    return [*(Odd(each, rule.decode()) for rule, raw in shapes.items() for each in raw), *blank]


def changes(key: str) -> list[Odd]:
    """What customers and products have in common: their key, and what makes a change."""
    at, other = {"changed_at": "2004-01-01T00:00Z"}, {"changed_at": "2004-01-01T01:00+01:00"}
    return [
        *each_bad("invisible_characters", key, *UNSEEN), *each_bad("missing", key, "", '""'),
        *each_bad("key_too_long", key, "x" * 801, "\xe9" * 400 + "x"), *as_text(key, "x" * 800, "\xe9" * 400, "'; --"),
        *each_bad("not_a_time", "changed_at", *NO_TIMES[:7]), *each_bad("out_of_range", "changed_at", *OTHER_YEARS),
        *each_bad("missing", "changed_at", ""), *each_read("changed_at", TIMES),
        *each_bad("not_a_number", "change_no", *NO_INTEGERS), *each_bad("missing", "change_no", ""),
        *each_bad("out_of_range", "change_no", "0", "-1", str(2**63), str(2**64), str(-(2**63) - 1), "9" * 40),
        *each_read("change_no", {str(2**63 - 1): 2**63 - 1, "+5": 5, "007": 7, "0" * 40 + "8": 8}),
        *each_bad("unknown_op", "op", "UPSERT", " upsert", "insert", "d", "upsert\u200b"),
        *each_bad("missing", "op", ""), *each_bad("missing", "name", "", '""'), *as_text("name", " ", *TEXTS),
        Odd({"op": "delete", "name": ""}),
        # one instant and number: the offset and the sign make no other change of it
        Odd({key: "K1", **at, "name": "a"}, "conflicting_change"),
        Odd({key: "K1", **other, "name": "b"}, "conflicting_change"),
        Odd({key: "K1", **at, "change_no": "+1", "name": "a"}, "conflicting_change"), Odd({key: "R1", **at}),
        Odd({key: "R1", **other, "change_no": "01"}), Odd({key: "R1", **at, "op": "?"}, "unknown_op"),
        bad("invisible_characters", **{key: "a\u200b", "changed_at": "?", "op": "?"}),
        bad("not_a_time", changed_at="?", op="?"),
    ]  # fmt: skip


CUSTOMERS = mixed("rows of customers; C04 BOM, C12 CRLF", "customers", [
    *changes("customer_id"), *misshapen("customers"), *as_text("postal_code", "00501"), *as_text("city", LONG),
    *each_bad("not_a_time", "registered_on", "2004-02-30", "2004-01-01T00:00Z", "?"),
    Odd({"name": '"a\nb"'}, reads=(("name", "a\nb"),)),
    *each_bad("out_of_range", "registered_on", "1899-12-31", "2200-01-01"),
    Odd({"name": '"a ""b"" c"'}, reads=(("name", 'a "b" c'),)),
    *each_read("registered_on", {"1900-01-01": date(1900, 1, 1), "2199-12-31": date(2199, 12, 31), "": None}),
    bad("not_a_time", op="delete", name="", registered_on="?"),
], end=b"\r\n")  # fmt: skip
PRODUCTS = mixed("rows of products; zstd", "products", [
    *changes("product_id"), *misshapen("products"), *each_bad("missing", "product_line", ""),
    *as_text("supplier", LONG), Odd({"op": "delete", "name": "", "product_line": ""}),
    *each_bad("not_a_number", "msrp", *NO_AMOUNTS), *each_bad("out_of_range", "msrp", *NO_CENTS),
    *each_read("msrp", {**AMOUNTS, "": None}),
])  # fmt: skip
ORDERS = mixed("rows of orders; C14 quoted header", "orders", [
    *misshapen("orders"), *each_bad("key_too_long", "product_id", "x" * 801),
    *each_read("product_id", {"": None, '"a,b"': "a,b"}),
    *(Odd({key: text}, "invisible_characters") for key in ("order_id", "customer_id", "product_id") for text in UNSEEN),
    *each_bad("missing", "customer_id", ""), *each_bad("missing", "ordered_at", ""), *each_bad("missing", "amount", ""),
    *each_bad("not_a_number", "line_no", *NO_INTEGERS), *each_bad("out_of_range", "line_no", "0", "-1", str(2**31)),
    *each_bad("not_a_time", "ordered_at", *NO_TIMES), *each_bad("out_of_range", "ordered_at", *OTHER_YEARS),
    *each_read("ordered_at", TIMES), *each_bad("not_a_number", "quantity", *NO_INTEGERS),
    *each_bad("missing", "quantity", ""),
    *each_bad("out_of_range", "quantity", "-1", str(2**31), str(2**63), "9" * 40, str(-(2**63) - 1)),
    *each_read("quantity", {"0": 0, "-0": 0, "+5": 5, "007": 7, str(2**31 - 1): 2**31 - 1}),
    *each_bad("not_a_number", "amount", *NO_AMOUNTS), *each_bad("out_of_range", "amount", *NO_CENTS),
    *each_read("amount", AMOUNTS),
    *each_bad("promotion_form", "promotions", "a", "A||B", "|A", "A|", "A" * 21, " A", "\xc4", "A B", '"A,B"', '"A\n"'),
    *as_text("promotions", "A" * 20, "A|A", "_-|0"), *as_text("channel", *TEXTS), *as_text("payment", LONG),
    bad("out_of_range", quantity="-1", amount="x"), bad("not_a_number", line_no="x", quantity="-1"),
    Odd({"order_id": "K1", "amount": "1"}, "conflicting_line"),
    Odd({"order_id": "K1", "amount": "2"}, "conflicting_line"),
    Odd({"order_id": "K1", "amount": "1.00"}, "conflicting_line"), Odd({"order_id": "K2"}),
    bad("not_a_number", order_id="K2", amount="x"), Odd({"order_id": "R1", "amount": "1.5", "promotions": "A|B"}),
    Odd({"order_id": "R1", "amount": "1.500", "promotions": "B|A|B", "ordered_at": "2004-01-01T00:00Z"}),
    # what is added up of the largest that may be is more than any of them
    *(Odd({"order_id": "S1", "line_no": n, "quantity": str(2**31 - 1), "amount": "999999999999.99"}) for n in "12"),
])  # fmt: skip
EVENTS = mixed("rows of order_events; C38 gzip in members", "order_events", [
    *misshapen("order_events"), *each_bad("invisible_characters", "order_id", *UNSEEN),
    *each_bad("missing", "event", ""), *each_bad("unknown_event", "event", "Paid", "returned", " paid", "ordered"),
    *each_bad("not_a_time", "happened_at", *NO_TIMES), *each_bad("out_of_range", "happened_at", *OTHER_YEARS),
    *each_read("happened_at", TIMES), *as_text("order_id", "=1+1", "x" * 800),
    Odd({"order_id": "K1"}, "conflicting_event"),
    Odd({"order_id": "K1", "happened_at": "2004-01-02"}, "conflicting_event"),
    Odd({"order_id": "K1", "event": "shipped"}), Odd({"order_id": "R1"}),
    Odd({"order_id": "R1", "happened_at": "2004-01-01T00:00Z"}),
])  # fmt: skip
RETURNS = mixed("rows of returns; C11 CR alone, C26 another order of columns", "returns", [
    *(odd for key in ("return_id", "order_id") for odd in each_bad("invisible_characters", key, *UNSEEN)),
    *as_text("reason", *TEXTS[:-1]), *each_bad("missing", "order_id", ""), *each_bad("out_of_range", "line_no", "0"),
    *each_bad("not_a_number", "line_no", *NO_INTEGERS),
    *each_bad("out_of_range", "quantity", "0", "-0", "-1", str(2**31)),
    *each_bad("not_a_time", "returned_at", *NO_TIMES[:7]), *each_bad("out_of_range", "amount", *NO_CENTS),
    *each_read("amount", AMOUNTS), *each_bad("out_of_range", "returned_at", *OTHER_YEARS),
    bad("out_of_range", quantity="0", amount="x"), Odd({"return_id": "K1"}, "conflicting_return"),
    Odd({"return_id": "K1", "reason": "x"}, "conflicting_return"), Odd({"return_id": "R1"}),
    Odd({"return_id": "R1", "amount": "1"}),
], columns=COLUMNS["returns"][::-1], end=b"\r")  # fmt: skip
CDNOW = mixed("rows of CDNOW's file", "cdnow", [
    *(Odd(each, "field_count") for each in (b"00001 19970101 1", b"00001 19970101 1 1.00 x", b"   ", b"\t", b"x")),
    Odd(b"", is_row=False), Odd("00001\xa019970101 1 1.00".encode(), "field_count"),
    *each_bad("not_a_time", "date", "19970230", "1997-01-01", "970101", "x"),
    *each_bad("out_of_range", "date", "18991231", "22000101"),
    *each_bad("invisible_characters", "customer_id", "0\u200b1", "0\x1b1"),
    *each_bad("out_of_range", "number_of_cds", "-1"), *each_bad("not_a_number", "number_of_cds", "1.5"),
    *each_bad("not_a_number", "dollar_value", "$5", "1,50"),
    *each_bad("out_of_range", "dollar_value", "-0.01", "1.005"),
    Odd(b"00001\t19970101\t1\t1.00", reads=(("customer_id", "C00001"), ("amount", Decimal(1)), ("quantity", 1))),
    Odd({}), Odd({}),
    Odd(b" 00002  19970101  0    0.00 ", reads=(("customer_id", "C00002"), ("channel", "web"), ("product_id", None))),
    *each_read("date", {"19000101": utc(1900, 1, 1), "21991231": utc(2199, 12, 31)}, "ordered_at"),
    Odd(header("cdnow"), "header_repeated"), Odd(b"00001 19970101 1 1.00\xe9", "not_utf8"),
    Odd(b"0\x001 19970101 1 1.00", "nul_byte"), Odd(BOM + b"00001 19970101 1 1.00", "bom_inside"),
    *each_read("customer_id", {"=1+1": "C=1+1", '"a,b"': 'C"a,b"'}),
], end=b"\r\n")  # fmt: skip
