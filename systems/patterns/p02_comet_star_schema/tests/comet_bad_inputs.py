"""Deliveries that are bad, each with how it must end: exit code, message, planets in the star, refused rows.

Generated here from pieces; the numbers are those of the list of bad inputs that all systems share.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass

CONFIRMED = b"<list>Confirmed planets</list>"


def planet(name: bytes = b"X-1 b", more: bytes = b"", listed: bytes = CONFIRMED) -> bytes:
    """A planet; with no name it has none."""
    return b"<planet>" + (b"<name>%s</name>" % name if name else b"") + listed + more + b"</planet>\n"


def star(*inside: bytes, name: bytes = b"X-1", more: bytes = b"<mass>1</mass>") -> bytes:
    """A star with what is in it."""
    return b"<star>" + (b"<name>%s</name>" % name if name else b"") + more + b"".join(inside) + b"</star>\n"


def system(*inside: bytes, name: bytes = b"X-1") -> bytes:
    """A system with what is in it."""
    return b"<system>" + (b"<name>%s</name>\n" % name if name else b"\n") + b"".join(inside) + b"</system>\n"


def file(*systems: bytes) -> bytes:
    """A catalogue; each system begins on a line of its own."""
    return b"<systems>\n" + b"".join(systems) + b"</systems>\n"


GOOD = system(star(planet()))
SIX = tuple(system(star(planet(b"G-%d b" % n), name=b"G-%d" % n), name=b"G-%d" % n) for n in range(6))


def with_planet(more: bytes, name: bytes = b"X-1 b") -> bytes:
    """Six good systems, then one whose planet has something more; its planet is on line 33."""
    return file(*SIX, system(b"\n", star(b"\n", planet(name, more))))


@dataclass(frozen=True)
class Case:
    """One delivery, and how it must end.

    Attributes:
        planets: how many are in the star afterwards.
        refused: line and rule of each refused row, in their order.
        message: what the error must say, as a pattern.
    """

    id: str
    name: str
    content: bytes
    exit_code: int = 0
    message: str = ""
    planets: int = 0
    refused: tuple[tuple[int, str], ...] = ()


def refused_whole(identity: str, content: bytes, message: str, name: str = "a.xml") -> Case:
    return Case(identity, name, content, 2, message)


def one_row(identity: str, more: bytes, rule: str) -> Case:
    """A planet that breaks a rule, and no other row does."""
    return Case(identity, "a.xml", with_planet(more), planets=6, refused=((PLANET_LINE, rule),))


def accepted(identity: str, more: bytes, name: bytes = b"X-1 b") -> Case:
    return Case(identity, "a.xml", with_planet(more, name), planets=7)


PLANET_LINE = with_planet(b"").split(b"<planet><name>X-1 b")[0].count(b"\n") + 1
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;">' % (98 + n, *[97 + n] * 8) for n in range(8))
    + b"]><systems><system><name>&i;</name></system></systems>"
)
OUTSIDE = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><systems><system><name>&e;</name></system></systems>'
packed = gzip.compress(file(*SIX))

CASES = [
    # whole files
    refused_whole("C01 empty", b"", "it is empty"),
    refused_whole("C01 blank", b" \n\n", "it is empty"),
    refused_whole("C02 nothing in it", b"<systems>\n</systems>\n", "no <system>"),
    refused_whole("C16 cut", file(*SIX)[:-200], "no element found|unclosed"),
    refused_whole("C16 cut within a tag", file(*SIX)[:-3], "no element found|unclosed"),
    refused_whole("J14 a page of a web server", b"<!doctype html><html><body>502</body></html>", "a page of the web"),
    refused_whole("J14 not a catalogue", b"<html><body>502</body></html>", "a page of the web"),
    refused_whole("C22 delimited text", b"planet,mass\nEarth,1\n", "no XML"),
    refused_whole("malformed: tags cross", file(b"<system><name>a</system></name>"), "mismatched tag"),
    refused_whole("malformed: a bare &", file(system(star(planet(b"A & B")))), "not well-formed"),
    refused_whole("malformed: two roots", file(GOOD) + file(GOOD), "junk after document element"),
    refused_whole("malformed: an attribute twice", file(system(b'<star a="1" a="2"></star>')), "duplicate attribute"),
    refused_whole("C09 NUL", file(GOOD).replace(b"X-1 b", b"X\x00b"), "not well-formed"),
    refused_whole("C09 NUL as a reference", file(GOOD).replace(b"X-1 b", b"X&#0;b"), "reference to invalid character"),
    refused_whole("P18 entities that grow", BOMB, "a DOCTYPE"),
    refused_whole("P18 an entity of a file", OUTSIDE, "a DOCTYPE"),
    refused_whole("P18 a DTD elsewhere", b'<!DOCTYPE systems SYSTEM "http://example.org/x.dtd">' + file(GOOD), "a DOCTYPE"),
    refused_whole("undefined entity", file(system(star(planet(b"&eacute;")))), "undefined entity"),
    refused_whole("J03 too deep", b"<systems>" + b"<a>" * 60 + b"</a>" * 60 + b"</systems>", "more than 50 elements"),
    refused_whole("C06 UTF-16", file(GOOD).decode().encode("utf-16"), "no XML"),
    refused_whole("another encoding", b'<?xml version="1.0" encoding="koi8-r"?>' + file(GOOD), "the encoding koi8-r"),
    refused_whole("no encoding", b'<?xml version="1.0" encoding="nonsense"?>' + file(GOOD), "encoding|not well-formed"),
    refused_whole("C07 not UTF-8", file(GOOD).replace(b"X-1 b", b"X-\xe9 b"), "not well-formed"),
    refused_whole("C34 a system without an end", b"<systems><system>" + b" " * (17 << 20), "more than 16,777,216 bytes"),
    refused_whole("C39 zip", b"PK\x03\x04" + b"\x00" * 60, "a zip"),
    refused_whole("C39 zstd", b"\x28\xb5\x2f\xfd" + b"\x00" * 60, "zstd"),
    refused_whole("C37 gzip that is cut", packed[:-20], "gzip is damaged", "a.xml.gz"),
    refused_whole("C38 gzip with something behind", packed + b"garbage", "gzip is damaged", "a.xml.gz"),
    refused_whole("C37 gzip with a wrong sum", packed[:-8] + zlib.crc32(b"x").to_bytes(4, "little") + packed[-4:], "gzip is damaged"),
    refused_whole("C37 bomb", gzip.compress(b"<systems>" + b" " * (40 << 20) + b"</systems>"), "200 times its size"),
    # whole files that pass
    Case("C04 BOM", "a.xml", b"\xef\xbb\xbf" + file(*SIX), planets=6),
    Case("C38 gzip by its bytes, not its name", "a.xml", packed, planets=6),
    Case("C38 gzip in members", "a.xml.gz", gzip.compress(file(*SIX)[:100]) + gzip.compress(file(*SIX)[100:]), planets=6),
    Case("C12 CRLF", "a.xml", file(*SIX).replace(b"\n", b"\r\n"), planets=6),
    Case("latin-1", "a.xml", b'<?xml version="1.0" encoding="ISO-8859-1"?>' + file(GOOD).replace(b"X-1 b", b"\xe9 b"), planets=1),
    Case("one system alone", "a.xml", GOOD, planets=1),
    Case("comments, CDATA, instructions", "a.xml", b"<?a b?><!-- <planet> -->" + file(system(star(planet(b"<![CDATA[A & B]]>")))),
         planets=1),
    Case("elements that nobody knows", "a.xml", file(system(star(planet(more=b"<new><planet><name>in</name></planet></new>")))),
         planets=1),
    Case("F04 a name of a file", "-rf $(id) '\u00e9 %s.xml", file(*SIX), planets=6),
    # gates
    Case("K10 every row refused", "a.xml", file(*(system(name=b"") for _ in range(25))), 3, "held back"),
    Case("K10 most rows refused", "a.xml", file(*SIX, *(system(name=b"") for _ in range(40))), 3, "held back"),
    # names of rows
    Case("K01 two planets of one name", "a.xml", file(*SIX, system(star(planet(), planet()))), planets=6,
         refused=((27, "duplicate_name"), (28, "duplicate_name"))),
    Case("K01 two systems of one name", "a.xml", file(*SIX, system(star(planet(), name=b"Y")), system(name=b"X-1")), planets=7,
         refused=((26, "duplicate_name"), (30, "duplicate_name"))),
    Case("K02 a planet without a star", "a.xml", file(*SIX, system(planet())), planets=7),
    Case("K02 a star without a name", "a.xml", file(*SIX, system(star(planet(), name=b""))), planets=7, refused=((27, "name"),)),
    Case("K02 a planet without a name", "a.xml", file(*SIX, system(star(planet(b"")))), planets=6, refused=((27, "name"),)),
    Case("K02 a system without a name", "a.xml", file(*SIX, system(star(planet()), name=b"")), planets=6,
         refused=((26, "name"), (27, "no_system"), (27, "no_system"))),
    Case("a star that is broken", "a.xml", file(*SIX, system(star(planet(), more=b"<mass>heavy</mass>"))), planets=7,
         refused=((27, "number"),)),
    Case("C45 a name that cannot be seen", "a.xml", with_planet(b"", "X\u200b-1 b".encode()), planets=6,
         refused=((PLANET_LINE, "invisible_characters"),)),
    Case("U03 a name that is turned round", "a.xml", with_planet(b"", "X\u202e-1 b".encode()), planets=6,
         refused=((PLANET_LINE, "invisible_characters"),)),
    Case("C34 a name of 201 characters", "a.xml", with_planet(b"", b"x" * 201), planets=6, refused=((PLANET_LINE, "too_long"),)),
    accepted("U04 four bytes a character", b"", "\U0001fa90 \U0001f468\u200d".replace("\u200d", "").encode() + b" b"),
    accepted("Q02 injection", b"", b"'; drop table p02_comet.fct_discovery; --"),
    accepted("Q07 template", b"", b"{{7*7}} ${HOME} $(id) `id` %s :name :'name'"),
    accepted("C33 the end of a COPY", b"", b"\\."),
    accepted("C15 backslashes and quotes", b"", b"a\\tb\\N\\\\ \"c\" 'd'"),
    accepted("C40 a formula", b"", b"=cmd|' /C calc'!A0"),
    accepted("C41 NULL is a name", b"", b"NULL"),
    accepted("C13 a name over two lines", b"", b"X-1\n\t b"),
    # numbers of rows
    *(one_row(f"N {text.decode('utf-8')!r}", b"<mass>%s</mass>" % text, "number") for text in (
        b"1,5", b"1_000", b"0x10", b"1e400", b"NaN", b"inf", b"-Infinity", b"12%", b"1 000", b"1.5.2", b"--1", "\uff11".encode(),
        "\u0663".encode(), b"1" * 41, b"e5", b"."))
    ,
    *(accepted(f"N {text.decode()!r} is one", b"<mass>%s</mass>" % text) for text in (
        b" 1.5 ", b"+1", b"1.", b".5", b"-0", b"0", b"7e-05", b"1E3", b"00501", b"")),
    one_row("negative error", b'<mass errorminus="-0.1">1</mass>', "negative_error"),
    one_row("negative error, plus", b'<radius errorplus="-1e-9">1</radius>', "negative_error"),
    one_row("an error that is none", b'<mass errorplus="9-">1</mass>', "number"),
    accepted("an error of 0", b'<mass errorminus="0" errorplus="-0">1</mass>'),
    accepted("a limit", b'<mass upperlimit="0.06"/>'),
    one_row("another unit", b'<mass unit="earth">318</mass>', "unit"),
    accepted("its own unit", b'<mass unit="MJ">1</mass>'),
    one_row("N11 negative mass", b"<mass>-1</mass>", "range"),
    one_row("a period of 0", b"<period>0</period>", "range"),
    one_row("an open orbit", b"<eccentricity>1</eccentricity>", "range"),
    # dates and words of rows
    *(one_row(f"D {text.decode('utf-8')}", b"<lastupdate>%s</lastupdate>" % text, "date") for text in (
        b"13/02/30", b"2013/02/03", b"13/13/01", b"00/00/00", b"13-02-03", b"3/2/1", b"51/01/01", "\u0661\u0662/01/01".encode())),
    *(one_row(f"D year {text.decode()}", b"<discoveryyear>%s</discoveryyear>" % text, "year") for text in (
        b"1599", b"2101", b"14", b"2014.0", b"+201", b"infinity")),
    accepted("D 29 February", b"<lastupdate>12/02/29</lastupdate>"),
    Case("K09 no list says whether it is confirmed", "a.xml",
         file(*SIX, system(star(planet(listed=b"<list>Planets of somebody</list>")))), planets=6, refused=((27, "status"),)),
    Case("retracted weighs more than confirmed", "a.xml",
         file(*SIX, system(star(planet(more=b"<list>Retracted planet candidate</list>")))), planets=6),
]  # fmt: skip
