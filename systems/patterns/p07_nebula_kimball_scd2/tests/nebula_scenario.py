"""What stands for Nebula in the claims that all systems share: order lines, and its oracle's word on them.

The other kinds are in the claims of its own; here no customer is known, so that every line has the member -1.
"""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

from nebula_batches import differing_from
from nebula_files import COLUMNS
from nebula_oracle import tables
from nebula_oracle_deliveries import seeded

from orrery.claims import Files, Scenario, Told
from orrery.testing import Target

DATA = Path(__file__).parent.parent / "data"
SAMPLE = gzip.decompress((DATA / "shop" / "orders.csv.gz").read_bytes())
HEADER = ",".join(COLUMNS["orders"]).encode()
BAD = [
    b"B-1,0,S001,,2004-01-01,1,1.00,,,",
    b"B-2,x,S001,,2004-01-01,1,1.00,,,",
    b"B-3,1,,,2004-01-01,1,1.00,,,",
    b"B-4,1,S001,,2004-02-30,1,1.00,,,",
    b"B-5,1,S001,,2204-01-01,1,1.00,,,",
    b"B-6,1,S001,,2004-01-01T00:00,1,1.00,,,",
    b"B-7,1,S001,,2004-01-01,-1,1.00,,,",
    b"B-8,1,S001,,2004-01-01,1,1.005,,,",
    b"B-9,1,S001,,2004-01-01,1,1e3,,,",
    b"B-10,1,S001,,2004-01-01,1,1000000000000,,,",
    b"B-11,1,S001,,2004-01-01,1,1.00,,,lower",
    b"B-12,1,S\xe2\x80\x8b001,,2004-01-01,1,1.00,,,",
    b"B-13,1,S001,,2004-01-01,1,1.00,,",
    b"B-14,1,S001,,2004-01-01,1,1.00,,,,",
    b"B-15,1,S001,,2004-01-01,3000000000,1.00,,,",
]


def file_of(*records: bytes) -> bytes:
    """The header and these records."""
    return b"\n".join([HEADER, *records]) + b"\n"


def dirty(seed: int, rows: int = 400) -> bytes:
    """Real order lines with every kind of bad one among them, two that repeat others, and two that contradict one."""
    chance = seeded(seed)
    records = chance.sample([each for each in SAMPLE.splitlines()[1:] if b'"' not in each], rows)
    records += [*BAD, records[0], records[1]]
    records += [b"B-16,1,S001,,2004-01-01,1,%d.00,,," % amount for amount in (1, 2)]
    chance.shuffle(records)
    return file_of(*records)


def large(mark: str) -> bytes:
    """Order lines of other orders; with another mark, of others."""
    number = range(12_000)
    line = "{}-{},{},S{:03},S18_{},2004-{:02}-{:02}T{:02}:00Z,{},{}.{:02},web,card,{}"
    return file_of(
        *(
            line.format(
                mark, n // 3, n % 3 + 1, n % 92 + 1, n % 109, n % 12 + 1, n % 28 + 1, n % 24,
                n % 50, n, n % 100, ("", "A", "A|B")[n % 3],
            ).encode()
            for n in number
        )
    )  # fmt: skip


def offsets(content: bytes) -> list[int]:
    """For each line of a file the byte that it begins with, line 1 first."""
    plain = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    found = [0]
    for each in plain.splitlines(keepends=True):
        found.append(found[-1] + len(each))
    return found


def told(files: Files) -> Told:
    """The oracle's word on files of order lines that come one after the other."""
    contents = {content: name for name, content in reversed(files)}  # a copy under another name is no file of its own
    once = [(name, content) for content, name in reversed(contents.items())]
    made = tables(once)
    names = ("order_id", "line_no", "date_key", "ordered_at", "quantity", "amount")
    starts = {name: offsets(content) for name, content in once}
    refused = {
        (each["file"], each["line"], starts[each["file"]][each["line"] - 1], each["rule"], each["text"])
        for each in made["rejected"]
    }
    of_file = Counter(name for name, *_ in refused)
    read = {name: sum(1 for each in content.splitlines()[1:] if each) for name, content in once}
    rows = [{name: row[name] for name in names} for row in made["fct_order_lines"]]
    return Told(rows, refused, read, {name: rows_read - of_file[name] for name, rows_read in read.items()})


NEBULA = Scenario(system="nebula", input="orders", delivery=dirty, large=large, oracle=told, adds_up=True)


def differing(target: Target, files: Files) -> list[str]:
    """How what is published differs from what the oracle makes of files of any kinds; empty where it does not."""
    return differing_from(lambda sql: [tuple(row.values()) for row in target.query(sql)], files)
