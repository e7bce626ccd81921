"""What stands for Meteor in the claims that all systems share: its files, and its oracle's word on them."""

from __future__ import annotations

import random
from pathlib import Path

import meteor_oracle as oracle

from orrery.claims import Files, Scenario, Told
from orrery.testing import Target

SAMPLE = (Path(__file__).parent.parent / "data" / "launch_log.csv").read_bytes()  # the real launch log
HEADER = b"Launch,Launch_Date,COSPAR,PL_Name,Orig_PL_Name,SATCAT,LV_Type,LV_SN,Site,Suc,Ref"
BAD = [
    b"2001-901,not a date,,,,,Atlas,,CC LC1,S,x",
    b"2001-902,2001 Feb 30 0101,,,,,Atlas,,CC LC1,S,x",
    b",2001 Feb 3 0101,,,,,Atlas,,CC LC1,S,x",
    b"2001-903,2001 Feb 3 0101,,,,,,,CC LC1,S,x",
    b"2001-904,2001 Feb 3 0101,,,,,Atlas,,CC LC1,X,x",
    b"2001-905,2001 Feb 3 0101,,,,,Atlas,,CC LC1,S",
    b"2001-906,2001 Feb 3 0101,,,,,Atlas,,CC LC1,S,x,y",
    b"2001-907,2001 Feb 3 0101,,\xff,,,Atlas,,CC LC1,S,x",
    b"2001-908,2001 Feb 3 0101,,\x00,,,Atlas,,CC LC1,S,x",
    b'2001-909,2001 Feb 3 0101,,5" gun,,,Atlas,,CC LC1,S,x',
    b"2001-910,1901 Feb 3 0101,,,,,Atlas,,CC LC1,S,x",
]

# dates and times at the edge of what there is
EDGES = [
    *("1957 Oct 4 2400", "1957 Oct 4 2401", "1957 Oct 4 2426", "1957 Oct 4 2400:00", "1957 Oct 4 2400:01"),
    *("1957 Oct 4 2359:60", "1957 Oct 4 2359:61", "1957 Oct 4 2360", "1957 Oct 4 2500", "1957 Oct 4 0000"),
    *("0000 Jan 1", "1957 Feb 29", "1960 Feb 29", "1957 Oct 0", "1957 Oct 00", "1957 Oct 32", "1957 Apr 31 0101"),
    *(
        "1957 Oct 004",
        "9999 Dec 31 2400",
        "1957 oct 4",
        "1957 Oct 4 05",
        "1957 Oct 4 05055",
        "1957 Oct 4 ??",
        "1957 Oct 4?",
    ),
]


def file_of(*records: bytes) -> bytes:
    """The header and these records."""
    return b"\n".join([HEADER, *records]) + b"\n"


def dirty(seed: int, rows: int = 300) -> bytes:
    """Real launches with every kind of bad record among them."""
    chance = random.Random(seed)  # noqa: S311 (not for secrets)
    records = chance.sample(SAMPLE.splitlines()[1:], rows)
    records += [*BAD, records[0], records[1].replace(b",S,", b",F,").replace(b",F,", b",S,")]
    chance.shuffle(records)
    return file_of(*records)


def laid_out(seed: int, rows: int = 300) -> bytes:
    """Launches of other designators, as somebody lays a table out by hand: blanks and tabs around every value."""
    chance = random.Random(seed)  # noqa: S311 (not for secrets)
    plain = [each for each in SAMPLE.splitlines()[1:] if b'"' not in each]
    records = [(b"L-" + each).split(b",") for each in chance.sample(plain, rows)]
    blanks = (b"", b" ", b"  ", b"\t", b" \t ")
    return file_of(
        *(b",".join(chance.choice(blanks) + each + chance.choice(blanks) for each in record) for record in records)
    )


def large(mark: str, times: int = 5) -> bytes:
    """The launch log several times, each time with other designators."""
    records = SAMPLE.splitlines()[1:]
    return file_of(
        *(record.replace(b",", b"%s%d," % (mark.encode(), n), 1) for n in range(times) for record in records)
    )


def told(files: Files) -> Told:
    """The oracle's word on files that come one after the other."""
    last = {name: oracle.judge(content, name) for name, content in files}
    refused = {
        (name, each.line, each.byte_offset, each.rule, each.text)
        for name, verdict in last.items()
        for each in verdict.refused_rows
    }
    return Told(list(oracle.target_after(files).values()), refused, {name: each.read for name, each in last.items()})


def huge(mark: str) -> bytes:
    """Of more than 4 MB: its key is built at the end, and restated it replaces (loading.py)."""
    return large(mark, times=7)


METEOR = Scenario(system="meteor", input="launches", delivery=dirty, large=large, oracle=told, huge=huge)


def same_as_oracle(target: Target, *files: tuple[str, bytes]) -> None:
    """The target holds what the oracle makes of the files, to the value."""
    expected = oracle.target_after(list(files))
    names = [name for name in next(iter(expected.values())) if not name.startswith("_")]
    actual = [{name: row[name] for name in names} for row in target.rows()]
    assert oracle.checksum(actual) == oracle.checksum(list(expected.values()))
