"""Answers as they can go wrong, as files: what each must end with; and answers that are only odd.

The letters are those of the list of inputs that the catalogue keeps: J JSON, K data sets, C files.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import zstandard
from orbit_deliveries import ASTEROIDS, FIELDS, SIGNATURE, Body, answer, approach, approaches, of, row


@dataclass(frozen=True)
class Case:
    """A delivery that is refused as a whole.

    Attributes:
        message: a pattern in what is said.
    """

    id: str
    content: bytes
    exit_code: int = 2
    message: str = ""
    name: str = "answer.json"


SOME = ASTEROIDS[:30]
GOOD = of(*SOME)
PLAIN = json.loads(GOOD)
FEW = approaches(approach("2022 AB", "2459801.5", "0.01"))


def without(*fields: str) -> bytes:
    """The good answer without some of its fields."""
    left = tuple(name for name in FIELDS if name not in fields)
    return answer([row(body, left) for body in SOME], left)


def renamed(old: str, new: str) -> bytes:
    """The good answer with a field under another name."""
    return GOOD.replace(f'"{old}"'.encode(), f'"{new}"'.encode(), 1)


def again(**changed: object) -> bytes:
    """The good answer with other keys."""
    return json.dumps({**PLAIN, **changed}).encode()


REFUSED = [
    Case("J14 a page of HTML", b"<html><body>503 Service Unavailable</body></html>", 2, "it begins with '<html>"),
    Case("J14 XML", b'<?xml version="1.0"?><a/>', 2, "it begins with '<\\?xml"),
    Case("J14 CSV", b"full_name,e\n1 Ceres,0.08\n", 2, "line 1, byte 0"),
    Case(
        "J14 an error of the service",
        b'{"code":"400","moreInfo":"https://x","message":"bad query"}',
        2,
        "400 bad query",
    ),
    Case(
        "J14 an error beside a signature", json.dumps({"signature": SIGNATURE, "message": "busy"}).encode(), 2, "busy"
    ),
    Case("J06 cut in a row", GOOD[: GOOD.index(b"5 Astraea") + 40], 2, r"the file ends in the middle.*line 6|line 5"),
    Case("J06 cut between rows", GOOD[: GOOD.index(b'["     5 Astraea')], 2, "ends"),
    Case("J06 cut before its last brace", GOOD[:-1], 2, "the file ends, cut before|ends in the middle"),
    Case("K05 fewer approaches than `count` says", FEW.replace(b'"1"', b'"2"'), 2, "1 rows; `count` says 2"),
    Case("K05 a count that is none", again(count="many"), 2, "30 rows; `count` says many"),
    Case("K05 more rows than `count` says", again(count="29"), 2, "30 rows; `count` says 29"),
    Case("K05 a count of 5,000 digits", again(count="1" * 5_000), 2, "30 rows; `count` says 1111"),
    Case("J11 a signature like a mapping's", again(signature={"version": "map:x"}), 2, "how mappings are marked"),
    Case("K03 no row", answer([]), 3, "holds no row"),
    Case("K03 a count of nothing", json.dumps({"signature": SIGNATURE, "count": 0}).encode(), 3, "holds no row"),
    Case("C01 an empty file", b"", 2, "it is empty"),
    Case("C01 blanks only", b" \n\n", 2, "it is empty"),
    Case("J01 two objects", GOOD + GOOD, 2, "something stands behind the object"),
    Case("J02 a key twice", GOOD.replace(b'"count"', b'"fields"'), 2, "twice"),
    Case("J02 a field twice", renamed("G", "H"), 2, "not a list of different names"),
    Case("J02 a field in two spellings", renamed("per_y", "epoch.mjd"), 2, "two of them are `epoch_mjd`"),
    Case("J03 nested too deeply", b'{"fields":["full_name"],"data":' + b"[" * 100_000, 2, "nested too deeply"),
    Case("J10 a list", b"[" + GOOD + b"]", 2, "it begins with '\\["),
    Case("J10 lines of JSON", b"\n".join(json.dumps(body).encode() for body in SOME), 2, "something stands behind"),
    Case("J10 data is an object", again(data={"a": 1}), 2, r"where '\[' is wanted"),
    Case("J10 data is null", again(data=None), 2, r"where '\[' is wanted"),
    Case("J11 fields is a text", again(fields="full_name"), 2, "`fields`"),
    Case("J11 fields holds a number", again(fields=[1, *FIELDS[1:]]), 2, "`fields`"),
    Case("J15 a comma too many", GOOD.replace(b'],"count"', b',],"count"'), 2, "line 30"),
    Case("J15 single quotes", GOOD.replace(b'"', b"'"), 2, "byte 1"),
    Case("J15 a comment", b"// JPL\n" + GOOD, 2, "it begins with '// JPL"),
    Case("J19 a row of 2 MB", answer([row({**SOME[0], "extent": "x" * (2 << 20)})]), 2, "longer than 1,048,576 bytes"),
    Case("U06 not UTF-8", GOOD.replace(b"Ceres", b"C\xe9r\xe8s"), 2, "not UTF-8"),
    Case("U05 a surrogate in bytes", GOOD.replace(b"Ceres", b"\xed\xa0\x80"), 2, "not UTF-8"),
    Case("U05 half of a character in the signature", again(signature={"source": "\ud800"}), 2, "half of a character"),
    Case("U05 half of a character in a field", again(fields=["\ud800", *FIELDS[1:]]), 2, "half of a character"),
    Case("C04 UTF-16", GOOD.decode().encode("utf-16"), 2, "it begins with"),
    Case("F10 a field that is needed is not there", without("e"), 2, "no e"),
    Case("F10 no designation at all", without("full_name"), 2, "no full_name or pdes"),
    Case("F10 neither q nor a", without("q", "a"), 2, "no q or a"),
    Case("F10 a field renamed", renamed("epoch_mjd", "epoch"), 2, "no epoch_mjd.*there are"),
    Case("F10 case of a field changed", renamed("class", "Klass"), 2, "no class"),
    Case("K10 every row refused", answer([row({**body, "e": "?"}) for body in SOME]), 3, "nothing was published"),
    Case("K10 more refused than may be", of(*SOME[:25], *({**b, "i": "x"} for b in SOME[25:])), 3, "refused"),
    Case("C37 cut gzip", gzip.compress(GOOD)[:-20], 2, "gzip", name="answer.json.gz"),
    Case("C37 another archive", b"PK\x03\x04" + b"0" * 100, 2, "zip"),
    Case("P18 Parquet", b"PAR1" + b"0" * 100, 2, "Parquet"),
]


def odd(number: int, **changed: object) -> tuple[list[Body], bytes]:
    """Thirty bodies that no other answer here has, and an answer with them and other keys."""
    some = ASTEROIDS[30 * number : 30 * number + 30]
    return some, json.dumps({**json.loads(of(*some)), **changed}).encode()


def with_fields(number: int, fields: Sequence[str]) -> bytes:
    """An answer with other fields, or in another order."""
    return answer([row({**body, "new": {"a": [1]}}, fields) for body in odd(number)[0]], fields)


def without_count(number: int) -> bytes:
    """An answer that does not say how many rows it has."""
    return json.dumps({key: value for key, value in json.loads(odd(number)[1]).items() if key != "count"}).encode()


MAY_BE_MISSING = ("G", "H", "diameter", "extent", "albedo", "rot_per", "moid", "a")
# answers that are only odd, as they are to be read; each is about other bodies
ODD: Mapping[str, bytes] = {
    "J07_byte_order_mark.json": b"\xef\xbb\xbf" + odd(1)[1],
    "C37_gzip.json.gz": odd(2)[1],
    "C37_gzip_by_its_bytes.json": odd(3)[1],
    "C37_zstd.json.zst": odd(4)[1],
    "J13_keys_in_another_order.json": json.dumps(json.loads(odd(5)[1]), sort_keys=True).encode(),
    "J13_other_keys.json": odd(6, x={"fields": [1]}, **{"": None, "__proto__": [], "data.": "…"})[1],
    "F10_fields_in_another_order.json": with_fields(7, FIELDS[::-1]),
    "F10_a_field_more.json": with_fields(8, (*FIELDS, "new")),
    "F10_fields_that_may_be_missing.json": with_fields(9, [name for name in FIELDS if name not in MAY_BE_MISSING]),
    "K05_no_count.json": without_count(10),
    "K05_a_page_of_more.json": odd(12, count=31)[1],
    "J10_spread_over_lines.json": json.dumps(json.loads(odd(11)[1]), indent=2).encode(),
    "K09_approaches_of_no_body.json": approaches(approach("2022 AB", "2459801.5", "0.01")),
}


def packed(name: str, content: bytes) -> bytes:
    """An odd answer as it is delivered."""
    if "gzip" in name:
        return gzip.compress(content)
    return zstandard.compress(content) if "zstd" in name else content
