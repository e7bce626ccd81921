"""Each delivery of the corpus through the real command: exit code, message, rows, refusals; the target as it was.

Odd rows stand in nebula_bad_inputs.py; here are the files that are refused, or held back, as a whole.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from decimal import Decimal

import pytest
import zstandard
from nebula_bad_inputs import BOM, CDNOW, CUSTOMERS, EVENTS, ORDERS, PRODUCTS, RETURNS, Case, file, header

from orrery.claims import Trial
from orrery.testing import Result

HALF = len(EVENTS.content) // 2
LINES = "select count(*) from p07_nebula.fct_order_lines where order_id"
ROWS = [
    replace(CUSTOMERS, content=BOM + CUSTOMERS.content),
    replace(PRODUCTS, name="odd.csv.zst", content=zstandard.compress(PRODUCTS.content)),
    replace(
        ORDERS,
        content=ORDERS.content.replace(b"order_id,", b'"order_id",'),  # also where it comes again
        says=(
            (f"{LINES} = 'K1'", 0),
            (f"{LINES} = 'K2'", 1),
            (f"{LINES} = 'R1'", 1),
            ("select quantity from p07_nebula.fct_order_fulfilment where order_id = 'S1'", 2**32 - 2),
            ("select amount from p07_nebula.fct_order_fulfilment where order_id = 'S1'", Decimal("1999999999999.98")),
        ),
    ),
    replace(EVENTS, content=gzip.compress(EVENTS.content[:HALF]) + gzip.compress(EVENTS.content[HALF:])),
    RETURNS,
    replace(CDNOW, says=((f"{LINES} like 'CDNOW-%'", CDNOW.kept), (f"{LINES} = 'CDNOW-000002'", 0))),
]


def whole(identity: str, kind: str, content: bytes, message: str, name: str = "bad.csv", code: int = 2) -> Case:
    """A file that is refused (2) or held back (3) as a whole."""
    return Case(identity, kind, name, content, code, message)


SOLD = file("orders", 30)
TOLD = file("order_events", 30)
BOUGHT = file("cdnow", 3)
PACKED = gzip.compress(SOLD)
UNCLOSED = file("orders", 3, {}, {"channel": '"web'})
FILES = [
    whole("C01 empty", "orders", b"", "the file is empty"),
    whole("C01 a mark alone", "customers", BOM, "empty|no header|1 column found"),
    whole("C01 blank", "returns", b"\n \n", "empty|no header|1 column found"),
    whole("C02 header alone", "products", header("products") + b"\n", "0 rows; the contract wants at least 1", code=3),
    whole("C03 header alone, without an end", "cdnow", header("cdnow"), "0 rows; the contract wants", code=3),
    whole("C06 UTF-16", "customers", file("customers", 3).decode().encode("utf-16"), "UTF-16"),
    whole("C06 UTF-16 without a mark", "orders", SOLD.decode().encode("utf-16-le"), "no header|NUL|UTF-16"),
    whole("C06 UTF-32", "cdnow", BOUGHT.decode().encode("utf-32"), "UTF-32"),
    whole("C07 Latin-1 in the header", "returns", header("returns")[:-1] + b"\xe9\n", "not UTF-8"),
    whole("C16 a quote that is not closed", "orders", UNCLOSED, "line 3.*\n.*never closed"),
    whole("C22 semicolons", "orders", SOLD.replace(b",", b";"), "1 column found, 10 expected"),
    whole("C22 tabs", "order_events", TOLD.replace(b",", b"\t"), "1 column found, 3 expected"),
    whole("C23 a column twice", "orders", SOLD.replace(b"payment", b"channel", 1), "two columns of one name"),
    whole("C24 case alone", "orders", SOLD.replace(b"payment", b"Channel", 1), "two columns of one name"),
    whole("C25 without a name", "orders", SOLD.replace(b"payment", b"", 1), "column 9 has no name"),
    whole("C25 a comma behind", "returns", file("returns", 3).replace(b"\n", b",\n"), "column 8 has no name"),
    whole("C27 unknown", "customers", file("customers", 3).replace(b"\n", b",age\n", 1), "unknown: age"),
    whole("C28 missing", "orders", SOLD.replace(b",promotions", b"", 1), "missing: promotions"),
    whole("C29 no header", "orders", SOLD.split(b"\n", 1)[1], "no header"),
    whole("C29 no header", "cdnow", BOUGHT.split(b"\n", 1)[1], "no header"),
    whole("C34 a record of 2 MB", "products", file("products", 3, {"name": "x" * (2 << 20)}), "line 2.*\n.*1,048,576"),
    whole("C35 wide", "orders", b",".join(b"c%d" % n for n in range(10_000)), "10,000 columns; the limit is 2,000"),
    whole("C37 bomb", "orders", gzip.compress(SOLD + b"\n" * (40 << 20)), "more than 200 to 1", "bomb.csv.gz"),
    whole("C37 gzip that is cut", "orders", PACKED[:-20], "cut: the end of the archive is missing"),
    whole("C38 gzip with something behind", "orders", PACKED + b"garbage", "something behind its end"),
    whole("C39 zip", "orders", b"PK\x03\x04" + b"\x00" * 60, "zip, by its first bytes"),
    whole("C39 Parquet", "customers", b"PAR1" + b"\x00" * 60 + b"PAR1", "Parquet, by its first bytes"),
    whole("C39 xz", "products", b"\xfd7zXZ\x00" + b"\x00" * 60, "xz, by its first bytes"),
    whole("C39 PDF", "cdnow", b"%PDF-1.7\n", "PDF, by its first bytes"),
    whole("C48 more than a tenth refused", "orders", file("orders", 29, *[{"quantity": "x"}] * 3), "3 of 29", code=3),
    whole("J14 a page of the web", "orders", b"<!doctype html><html>502</html>\n", "1 column found|no header"),
    whole("K06 orders as returns", "returns", SOLD, "missing: return_id"),
    whole("K06 orders as CDNOW's", "cdnow", SOLD, "no header"),
    whole("K06 CDNOW's as orders", "orders", BOUGHT, "1 column found, 10 expected"),
    whole("K10 every row refused", "orders", file("orders", 2, *[{"amount": "x"}] * 2), "all 2 rows were", code=3),
    Case("two of one name", "orders", "a.csv", SOLD, 2, "Two files are called a.csv",
         beside=(("orders", "more/a.csv", file("orders", 4)),)),
    Case("two of CDNOW's", "cdnow", "a.txt", BOUGHT, 2, "b.txt is another file of CDNOW's",
         beside=(("cdnow", "b.txt", file("cdnow", 4)),)),
    Case("F08 unfinished files alone", "orders", "dir/orders.csv.part", SOLD, 2, "nothing to load"),
]  # fmt: skip
FULL = ("C01 empty", "C02", "C16", "C28", "C37", "C48", "K06", "K10")  # of these a full target is shown some


def delivered(case: Case, trial: Trial) -> Result:
    """The run that takes what a case brings."""
    files = [(case.kind, case.name, case.content), *case.beside]
    (trial.folder / "inbox").mkdir(exist_ok=True)
    paths = [(kind, trial.deliver(name, content)) for kind, name, content in files]
    data = [f"{kind}={path.parent if path.suffix == '.part' else path}" for kind, path in paths]
    return trial.call(["run", "nebula", "--json", *(part for each in data for part in ("--data", each))])


def ends_as_told(case: Case, result: Result) -> None:
    """The exit code, and an error in its four parts."""
    assert result.exit_code == case.exit_code, result.stderr
    assert "Traceback" not in result.stderr
    if case.exit_code:
        assert re.search(case.message, result.stderr), result.stderr
        assert result.stderr.startswith(f"error {case.exit_code}: "), result.stderr
        assert {"looked in:", "found:", "to fix:"} <= set(re.findall(r"^  ([a-z ]+:)", result.stderr, re.MULTILINE))


@pytest.mark.parametrize("case", [*ROWS, *FILES], ids=lambda case: f"{case.kind}: {case.id}")
def test_bad_deliveries_end_as_the_table_says(case: Case, trial: Trial) -> None:
    ends_as_told(case, delivered(case, trial))
    if case.exit_code:
        state = trial.target.state()
        loaded = [each for each in trial.target.query("select load_id from p07_nebula_raw.files") if each["load_id"]]
        assert loaded == []
        assert not any(rows for name, rows in state.items() if name.startswith(("p07_nebula.fct", "p07_nebula.del")))
        return
    table = f"p07_nebula_raw.{'orders' if case.kind == 'cdnow' else case.kind}"
    rows = {each["line"]: each for each in trial.target.query(f"select * from {table}")}
    refused = trial.target.query("select line, rule from p07_nebula.deliveries_rejected order by file_id, line")
    assert [(each["line"], each["rule"]) for each in refused] == list(case.refused)
    assert [(line, name, rows[line][name]) for line, name, _ in case.reads if line in rows] == list(case.reads)
    assert len(rows) == case.kept
    if case.kind == "cdnow":
        assert {each["order_id"] for each in rows.values()} == {f"CDNOW-{line:06}" for line in rows}
    for sql, value in case.says:
        assert trial.target.query(f"select ({sql}) as value") == [{"value": value}], sql


def test_a_bad_delivery_leaves_a_full_target_as_it_is(trial: Trial) -> None:
    good = Case("good", "orders", "good.csv", SOLD, beside=(("cdnow", "good.txt", BOUGHT),))
    ends_as_told(good, delivered(good, trial))
    before = trial.target.state()
    assert len(trial.rows()) == 33
    other = whole("a second file of CDNOW's", "cdnow", file("cdnow", 4), "bad.csv is another file of CDNOW's")
    otherwise = whole(
        "told otherwise", "orders", SOLD.replace(b",1.00,", b",2.00,"), "all 30 rows were refused", code=3
    )
    for case in (*FILES, other, otherwise):
        if (case.id.startswith(FULL) and case.kind != "cdnow") or case in (other, otherwise):
            ends_as_told(case, delivered(case, trial))
    assert trial.target.state() == before
