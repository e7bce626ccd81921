"""The corpus of bad inputs that can reach a CSV loader: input, outcome, exit code, message (reliability list 3.1–3.10).

Every case begins with an empty target. `accepted` is the number of launches that are loaded, `refused` the lines that
are not, each with its rule. What of the list is no case here stands in meteor_no_case.py, with the test or the reason.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field

import zstandard

NAMES = [
    "Launch",
    "Launch_Date",
    "COSPAR",
    "PL_Name",
    "Orig_PL_Name",
    "SATCAT",
    "LV_Type",
    "LV_SN",
    "Site",
    "Suc",
    "Ref",
]
HEADER = ",".join(NAMES)
GOOD = {"Launch_Date": "2001 Feb  3 0405:06", "LV_Type": "Atlas", "Site": "CC       LC36A", "Suc": "S", "Ref": "x"}


def row(number: int, **changes: str) -> str:
    """A launch that is right, but for the changes."""
    values = {"Launch": f"2001-{number:03d}", **GOOD, **changes}
    return ",".join(values.get(name, "") for name in NAMES)


def lines(*records: str | bytes, end: bytes = b"\n", header: str | bytes = HEADER) -> bytes:
    """A file of a header and records."""
    raw = [each.encode() if isinstance(each, str) else each for each in (header, *records)]
    return b"".join(each + end for each in raw)


def among_good(record: str | bytes) -> bytes:
    """A record on line 3, good ones around it."""
    return lines(row(1), record, row(3), row(4))


@dataclass(frozen=True)
class Case:
    """One input and what must become of it."""

    id: str
    title: str
    content: bytes
    exit_code: int = 0
    message: str = ""
    accepted: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    name: str = "case.csv"


def whole(
    case_id: str, title: str, content: bytes, message: str, *, exit_code: int = 2, name: str = "case.csv"
) -> Case:
    """The file as a whole is refused (2), or held back by the gate (3)."""
    return Case(case_id, title, content, exit_code, message, name=name)


def one(case_id: str, title: str, record: str | bytes, rule: str) -> Case:
    """One record of four is refused."""
    return Case(case_id, title, among_good(record), 0, "", 3, [(3, rule)])


def taken(case_id: str, title: str, content: bytes, accepted: int, *, name: str = "case.csv") -> Case:
    """Everything is accepted."""
    return Case(case_id, title, content, 0, "", accepted, name=name)


FOUR = lines(row(1), row(2), row(3), row(4))
BOM = b"\xef\xbb\xbf"

FILES = [
    whole("C01", "zero bytes", b"", "the file is empty"),
    whole("C02", "header only", lines(), "0 rows; the contract wants at least 1", exit_code=3),
    whole("C03", "header only, no line end", HEADER.encode(), "0 rows", exit_code=3),
    taken("C04", "byte-order mark", BOM + FOUR, 4),
    taken("C05", "byte-order mark before a quoted header", BOM + FOUR.replace(b"Launch,", b'"Launch",', 1), 4),
    Case(
        "C05b",
        "two files in one, with their marks",
        FOUR + BOM + FOUR.replace(b"2001-", b"2002-"),
        0,
        "",
        8,
        [(6, "bom_inside")],
    ),
    whole("C06", "UTF-16", FOUR.decode().encode("utf-16"), "UTF-16"),
    whole("C06b", "UTF-32", FOUR.decode().encode("utf-32"), "UTF-32"),
    one("C07", "a Latin-1 byte", row(2, PL_Name="?").replace("?", "\xe9").encode("latin-1"), "not_utf8"),
    whole(
        "C07b", "a Latin-1 byte in the header", FOUR.replace(b"PL_Name", b"PL_Nam\xe9", 1), "header that is not UTF-8"
    ),
    one("C08", "cp1252 quotes", row(2).encode() + b"\x93", "not_utf8"),
    taken("C08b", "UTF-8 that was encoded twice (a warning)", among_good(row(2, PL_Name="CafÃ©")), 4),
    one("C09", "a NUL byte", row(2, PL_Name="a\x00b"), "nul_byte"),
    taken("C10", "other control characters in a name", among_good(row(2, PL_Name="a\x1b[31mb")), 4),
    taken("C11", "line ends of CR alone", lines(row(1), row(2), end=b"\r"), 2),
    taken("C12", "CRLF, LF and CR in one file", FOUR.replace(b"x\n", b"x\r\n", 2).replace(b"x\n", b"x\r", 1), 4),
    taken("C13", "a line end inside quotes", among_good(row(2, PL_Name='"a\nb"')), 4),
    taken("C14", "a quoted header", FOUR.replace(b"Launch,", b'"Launch",', 1), 4),
    taken("C15", "doubled quotes", among_good(row(2, PL_Name='"a ""b"" c"')), 4),
    one("C15b", "a quote escaped by a backslash", row(2, PL_Name='"a \\" c"'), "quote_misplaced"),
    whole("C16", "a quote that is never closed", among_good(row(2, PL_Name='"a')), "line 3.*|never closed"),
    one("C17", "a quote inside a field", row(2, PL_Name='5" gun'), "quote_misplaced"),
    one("C18", "a short row", row(2).rsplit(",", 1)[0], "field_count"),
    one("C19", "a long row", row(2) + ",more", "field_count"),
    Case(
        "C20",
        "a long row far down",
        lines(*(row(n) for n in range(1, 40_001)), row(99_999) + ",x"),
        0,
        "",
        40_000,
        [(40_002, "field_count")],
    ),
    taken("C21", "another delimiter inside a value", among_good(row(2, PL_Name="a;b")), 4),
    whole("C22", "another delimiter", FOUR.replace(b",", b";"), "1 column found, 11 expected"),
    whole("C23", "two columns of one name", FOUR.replace(b"SATCAT", b"COSPAR", 1), "two columns of one name"),
    whole("C24", "names that differ in case alone", FOUR.replace(b"SATCAT", b"cospar", 1), "two columns of one name"),
    whole("C25", "a column without a name", FOUR.replace(b"SATCAT", b"", 1), "column 6 has no name"),
    whole("C25b", "a delimiter at the end of each line", FOUR.replace(b"\n", b",\n"), "column 12 has no name"),
    taken(
        "C26",
        "columns in another order",
        lines(",".join(reversed(row(1).split(","))), header=",".join(reversed(NAMES))),
        1,
    ),
    whole("C27", "an unknown column", FOUR.replace(b"Ref\n", b"Ref,Cost\n", 1), "unknown: Cost"),
    whole("C28", "a column is missing", FOUR.replace(b",Ref\n", b"\n", 1), "missing: Ref"),
    whole("C29", "no header", lines(row(2), header=row(1)), "no header"),
    Case("C30", "the header again", lines(row(1), HEADER, row(3)), 0, "", 2, [(3, "header_repeated")]),
    taken("C31", "blank lines", FOUR.replace(b"x\n", b"x\n\n  \n"), 4),
    one("C31b", "a line of delimiters alone", "," * 10, "launch_id_missing"),
    one("C32", "a comment", "# a comment", "field_count"),
    one("C33", "a line that ends a COPY", "\\.", "field_count"),
    taken("C33b", "a value that ends a COPY", among_good(row(2, Ref="\\.")), 4),
    one("C34", "a field of 300 KB", row(2, PL_Name="a" * 300_000), "field_too_long"),
    whole("C34b", "a line of 2 MB", among_good(row(2, PL_Name="a" * 2_000_000)), "the limit is 1,048,576"),
    whole("C35", "ten thousand columns", ",".join(f"c{n}" for n in range(10_000)).encode() + b"\n", "10,000 columns"),
    whole(
        "C37",
        "a gzip bomb",
        gzip.compress(HEADER.encode() + b"\n" + b" " * 60_000_000),
        "more than 200 to 1",
        name="case.csv.gz",
    ),
    whole(
        "C38",
        "gzip with something behind it",
        gzip.compress(FOUR) + b"garbage",
        "something behind its end",
        name="case.csv.gz",
    ),
    taken("C38b", "gzip of two members", gzip.compress(FOUR[:200]) + gzip.compress(FOUR[200:]), 4, name="case.csv.gz"),
    taken("C38c", "gzip under another name", gzip.compress(FOUR), 4),
    whole(
        "C38d",
        "gzip that was cut",
        gzip.compress(FOUR)[:-20],
        "cut: the end of the archive is missing",
        name="case.csv.gz",
    ),
    taken("C38e", "zstd", zstandard.compress(FOUR), 4, name="case.csv.zst"),
    whole("C38f", "zstd that was cut", zstandard.compress(FOUR)[:-5], "cut: the end", name="case.csv.zst"),
    whole("C39", "a zip archive", b"PK\x03\x04" + b"\x00" * 30, "zip, by its first bytes", name="case.csv.zip"),
    taken("C40", "formulas", among_good(row(2, PL_Name="=cmd|' /C calc'!A0", Orig_PL_Name="@SUM(1)", Ref="-1+1")), 4),
    taken(
        "C41",
        "NA, NULL, None, nan are text; '-' is missing",
        among_good(row(2, PL_Name="NA", Orig_PL_Name="NULL", COSPAR="nan", SATCAT="-")),
        4,
    ),
    taken("C42", "leading zeros", among_good(row(2, LV_SN="00501")), 4),
    taken("C43", "codes that look like numbers", among_good(row(2, LV_SN="1E5")), 4),
    one("C44", "another spelling of the outcome", row(2, Suc="success"), "outcome_unknown"),
    one(
        "C45",
        "a zero-width character in the key",
        row(2, Launch="2001-\u200b002"),
        "launch_id_has_invisible_characters",
    ),
    whole(
        "C48",
        "a type that changes far down",
        lines(*(row(n) for n in range(1, 31)), *(row(n, Suc="1") for n in range(31, 41))),
        "refused",
        exit_code=3,
    ),
]
DATES = [
    one("D01", "another form of date", row(2, Launch_Date="13/02/2024"), "launch_date_form"),
    *(
        one(f"D02{letter}", f"no such day: {text}", row(2, Launch_Date=text), rule)
        for letter, text, rule in [
            ("", "2024 Feb 30", "launch_date_impossible"),
            ("b", "2023 Feb 29 0101", "launch_date_impossible"),
            ("c", "2023 Mon 13", "launch_date_form"),
            ("d", "0000-00-00", "launch_date_form"),
            ("e", "2023 Jan 0", "launch_date_impossible"),
            ("f", "2023 Jan 1 2560", "launch_date_impossible"),
        ]
    ),
    taken("D03", "a leap second", among_good(row(2, Launch_Date="2016 Dec 31 2359:60")), 4),
    one("D03b", "a 61st second", row(2, Launch_Date="2016 Dec 31 2359:61"), "launch_date_impossible"),
    taken("D04", "24:00", among_good(row(2, Launch_Date="2001 Feb 28 2400")), 4),
    one("D04b", "24:01", row(2, Launch_Date="2001 Feb 28 2401"), "launch_date_impossible"),
    one("D07", "an offset", row(2, Launch_Date="2001 Feb 28 1200 +0300"), "launch_date_form"),
    one("D08", "the year 9999", row(2, Launch_Date="9999 Feb 28"), "launched_at_out_of_range"),
    one("D08b", "the year 1901", row(2, Launch_Date="1901 Feb 28"), "launched_at_out_of_range"),
    one("D08c", "the year 10000", row(2, Launch_Date="10000 Feb 28"), "launch_date_form"),
    one("D09", "infinity", row(2, Launch_Date="infinity"), "launch_date_form"),
    one("D10", "epoch seconds", row(2, Launch_Date="981173106"), "launch_date_form"),
    one("D12", "fractions of a second", row(2, Launch_Date="2001 Feb  3 0405:06.5"), "launch_date_form"),
    one("D14", "an ISO week", row(2, Launch_Date="2024-W01"), "launch_date_form"),
    one("D15", "other digits", row(2, Launch_Date="\u0662\u0660\u0660\u0661 Feb 3"), "launch_date_form"),
    one("N13", "full-width digits", row(2, Launch_Date="２００１ Feb 3"), "launch_date_form"),
]
TEXTS = [
    taken("U01", "one name composed and decomposed", among_good(row(2, PL_Name="e\u0301", Orig_PL_Name="\u00e9")), 4),
    taken("U02", "Turkish dotted I, sharp s", among_good(row(2, PL_Name="\u0130\u0131\u00df")), 4),
    taken("U03", "right-to-left override in a name", among_good(row(2, PL_Name="a\u202eb")), 4),
    one(
        "U03b",
        "right-to-left override in the key",
        row(2, Launch="2001-\u202e002"),
        "launch_id_has_invisible_characters",
    ),
    taken("U04", "emoji of several code points", among_good(row(2, PL_Name="👩\u200d🚀🇨🇭")), 4),
    one("U05", "a lone surrogate", row(2).encode() + b"\xed\xa0\x80", "not_utf8"),
    one("U06", "overlong UTF-8", row(2).encode() + b"\xc0\xaf", "not_utf8"),
    taken("U07", "the replacement character (a warning)", among_good(row(2, PL_Name="a\ufffdb")), 4),
    one("U09", "a word joiner in the key", row(2, Launch="2001\u2060002"), "launch_id_has_invisible_characters"),
    taken("U10", "private use and non-characters", among_good(row(2, PL_Name="\ue000\ufdd0")), 4),
    taken(
        "Q02", "text that would be SQL", among_good(row(2, PL_Name="'; DROP TABLE x;--", Ref="$$ %s {0} :x ? \\'")), 4
    ),
    taken("Q07", "text that would be a template", among_good(row(2, PL_Name="{{7*7}} {% raw %}")), 4),
    one("K02", "a key that is missing", row(2, Launch=" - "), "launch_id_missing"),
    Case("K01", "a row twice", lines(row(1), row(2), row(1), row(4)), 0, "", 3, [(4, "duplicate_row")]),
    Case(
        "K01b",
        "one key, two contents",
        lines(row(1), row(2), row(1, Suc="F"), row(4)),
        0,
        "",
        2,
        [(2, "key_conflict"), (4, "key_conflict")],
    ),
    one("K09", "an outcome in another case", row(2, Suc="s"), "outcome_unknown"),
    whole(
        "K10", "every row is refused", lines(row(1, Suc="X"), row(2, Suc="X")), "all 2 rows were refused", exit_code=3
    ),
    one("K11", "a key of 257 characters", row(2, Launch="L" * 257), "too_long"),
    one("K12", "a name of 300 characters", row(2, PL_Name="n" * 300), "too_long"),
]
CASES = [*FILES, *DATES, *TEXTS]
