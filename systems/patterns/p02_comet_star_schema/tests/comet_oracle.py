"""A second opinion on comet deliveries; top to bottom: fields, one file (`judge`), many (`after`), `discoveries`."""

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any
from xml.etree.ElementTree import Element, fromstring

Values = dict[str, Any]
Fits = Callable[[Decimal], bool]

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
ENCODING = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*[\"']([^\"']+)")
TOKEN = re.compile(rb"(?s)<!--.*?-->|<!\[.*?\]\]>|<\?.*?\?>|<(?P<close>/?)(?:\"[^\"]*\"|'[^']*'|[^'\">])*+>")
STATUS = {  # in the order in which they win
    "Retracted planet candidate": "retracted", "Controversial": "controversial",
    "Kepler Objects of Interest": "candidate", "Solar System": "solar_system", "Confirmed planets": "confirmed",
}  # fmt: skip
TABLE = {"system": "systems", "binary": "hosts", "star": "hosts", "planet": "planets"}
ROWS_IN = {"system": {"binary", "star", "planet"}, "binary": {"binary", "star", "planet"}, "star": {"planet"}}


# Fields: each reads its columns from a row element, or raises a ValueError that is the rule it breaks.
def _demand(rule: str, holds: object) -> None:
    if not holds:
        raise ValueError(rule)


def _clean(raw: str | None) -> str | None:
    return re.sub("[ \t\r\n]+", " ", raw or "").strip(" ") or None


def _own_text(child: Element | None) -> str | None:
    return None if child is None else _clean("".join([child.text or "", *(inner.tail or "" for inner in child)]))


def _presentable(text: str | None) -> str | None:
    _demand("too_long", len(text or "") <= 200)
    _demand("invisible_characters", not {"Cc", "Cf"} & set(map(unicodedata.category, text or "")))
    return text


def _text(row: Element, tag: str, column: str) -> Values:
    return {column: _presentable(_own_text(row.find(tag)))}


def _listed(row: Element, tag: str, column: str, rule: str, valid: Mapping[str, Any]) -> Values:
    text = _own_text(row.find(tag))
    _demand(rule, text is None or text in valid)
    return {column: valid[text] if text else None}


def _status(planet: Element) -> Values:
    lists = set(map(_own_text, planet.findall("list")))
    _demand("status", lists & STATUS.keys())
    return {"status": next(status for told, status in STATUS.items() if told in lists)}


def _decimal(raw: str | None) -> Decimal | None:
    text = _clean(raw)
    _demand("number", text is None or (len(text) <= 40 and NUMBER.fullmatch(text)))
    return Decimal(text) if text else None


def _number(row: Element, tag: str, column: str, unit: str | None, fits: Fits, stem: str = "") -> Values:
    """The value and its error bars; those without a `stem` (of stars and systems) are looked at but not told."""
    value, attributes = _decimal(_own_text(row.find(tag))), getattr(row.find(tag), "attrib", {})
    _demand("unit", _clean(attributes.get("unit")) in (None, unit))
    _demand("range", value is None or fits(value))
    told: Values = {column: value}
    for side in ("minus", "plus"):
        error = _decimal(attributes.get(f"error{side}"))
        _demand("negative_error", error is None or error >= 0)
        told |= {f"{stem}_error_{side}": None if value is None else error} if stem else {}
    return told


YEARS = {f"{year}": year for year in range(1600, 2101)}
DAYS = {f"{day:%y/%m/%d}": day for day in (date.fromordinal(day) for day in range(730120, 748383))}  # of 2000 to 2049
OVER_0, FROM_0, ANY = Decimal(0).__lt__, Decimal(0).__le__, Decimal.is_finite
FIELDS: dict[str, list[tuple[Any, ...]]] = {  # behind the name, in the order in which they are looked at
    "system": [
        (_text, "rightascension", "right_ascension"), (_text, "declination", "declination"),
        (_number, "distance", "distance_pc", "pc", OVER_0),
    ],
    "binary": [(_number, "magV", "star_mag_v", None, ANY)],
    "star": [
        (_number, "mass", "star_mass_sun", "MS", OVER_0), (_number, "radius", "star_radius_sun", "RS", OVER_0),
        (_number, "temperature", "star_temperature_k", "K", OVER_0),
        (_number, "metallicity", "star_metallicity", None, ANY), (_number, "magV", "star_mag_v", None, ANY),
        (_number, "age", "star_age_gyr", "Gyr", FROM_0), (_text, "spectraltype", "spectral_type"),
    ],
    "planet": [
        (_status,), (_text, "discoverymethod", "method"), (_listed, "discoveryyear", "discovery_year", "year", YEARS),
        (_listed, "lastupdate", "updated_on", "date", DAYS),
        (_number, "mass", "mass_mj", "MJ", FROM_0, "mass"), (_number, "radius", "radius_rj", "RJ", FROM_0, "radius"),
        (_number, "period", "period_days", "d", OVER_0, "period"),
        (_number, "semimajoraxis", "semi_major_axis_au", "AU", OVER_0, "semi_major_axis"),
        (_number, "eccentricity", "eccentricity", None, lambda value: 0 <= value < 1, "eccentricity"),
        (_number, "inclination", "inclination_deg", "deg", lambda value: -360 <= value <= 360, "inclination"),
        (_number, "temperature", "temperature_k", "K", FROM_0, "temperature"),
    ],
}  # fmt: skip


def _values(kind: str, row: Element) -> Values:
    return {column: value for read, *how in FIELDS[kind] for column, value in read(row, *how).items()}


UNKNOWN_SYSTEM: Values = {"is_described": False} | _values("system", Element("system"))
UNKNOWN_HOST: Values = {"part_of": None, "is_described": False} | _values("star", Element("star"))


@dataclass
class Refused:  # a row that was not taken; it stands in the unpacked file
    line: int
    byte_offset: int
    rule: str
    text: str


@dataclass
class Verdict:  # one file; the tables also hold what is known by name only (`is_described` False, not in `kept`)
    read: int
    kept: int
    refused_rows: list[Refused]
    systems: dict[str, Values]
    hosts: dict[str, Values]
    planets: dict[str, Values]
    named: set[str]  # every system that the file names, whether its row is kept or not


@dataclass
class _Row:
    kind: str
    element: Element
    span: tuple[int, int]  # from `<` to behind the end tag's `>`
    parent: "_Row | None"
    system: str | None = None
    name: str | None = None  # only if it is usable as a name
    rule: str | None = None
    values: Values = field(default_factory=dict)


def judge(content: bytes) -> Verdict:
    """What a well-formed, unpacked file says."""
    rows = _rows(content)
    _read(rows)
    valid = Counter((TABLE[row.kind], row.name) for row in rows if not row.rule)
    for row in rows:
        row.rule = row.rule or ("duplicate_name" if valid[TABLE[row.kind], row.name] > 1 else None)
    kept, named = [row for row in rows if not row.rule], {row.name for row in rows if row.kind == "system" and row.name}
    encoding = (ENCODING.match(content) or [b"", b"utf-8"])[1].decode()
    line_ends = [end.end() for end in re.finditer(rb"\r\n?|\n", content)]
    refused = [
        Refused(bisect_right(line_ends, start) + 1, start, rule, content[start:end].decode(encoding)[:4000])
        for rule, (start, end) in ((row.rule, row.span) for row in rows if row.rule)
    ]
    return Verdict(len(rows), len(kept), refused, **_tables(kept), named=named)


def _rows(content: bytes) -> list[_Row]:
    """All rows in document order; a row element where none belongs is an unknown element."""
    root, rows = fromstring(content), dict[Element | None, _Row]()  # noqa: S314 (files of these tests)
    parents = {child: parent for parent in root.iter() for child in parent}
    for element, span in zip(root.iter(), _spans(content), strict=True):
        parent, at_top = rows.get(parents.get(element)), parents.get(element) in (None, root)
        if element.tag in (ROWS_IN.get(parent.kind, ()) if parent else ("system",) if at_top else ()):
            rows[element] = _Row(element.tag, element, span, parent)
    return list(rows.values())


def _spans(content: bytes) -> list[tuple[int, int]]:
    """Where every element lies, in the order of the start tags; no XML parser is asked."""
    spans, still_open = list[tuple[int, int]](), list[int]()
    for token in TOKEN.finditer(content):
        if token["close"]:
            opened = still_open.pop()
            spans[opened] = (spans[opened][0], token.end())
        elif token["close"] is not None:
            still_open += [] if token[0].endswith(b"/>") else [len(spans)]
            spans.append(token.span())
    return spans


def _read(rows: Sequence[_Row]) -> None:
    """Names and values, or the first rule broken; from the end, as a binary may be called by what lies in it."""
    inside: dict[int, list[str]] = {}
    for row in reversed(rows):
        told = _own_text(row.element.find("name")) or " + ".join(reversed(inside.get(id(row), [])))
        try:
            _demand("name", told)
            row.name = _presentable(told)
            row.values = _values(row.kind, row.element)
        except ValueError as broken:
            row.rule = str(broken)
        if row.name and row.kind != "planet" and row.parent and row.parent.kind == "binary":
            inside.setdefault(id(row.parent), []).append(row.name)
    for row in rows:
        row.system = row.parent.system if row.parent else row.name
        row.rule = "no_system" if row.parent and not row.system else row.rule


def _tables(kept: Sequence[_Row]) -> dict[str, dict[str, Values]]:
    """The kept rows by name, and those by name only that they refer to (of several, the first in the file)."""
    tables: dict[str, dict[str, Values]] = {"systems": {}, "hosts": {}, "planets": {}}
    for row in kept:
        place: Values = {"system_name": row.system}
        tables["systems"].setdefault(str(row.system), UNKNOWN_SYSTEM)
        if row.parent is None:
            place = {"is_described": True}
        elif row.kind == "planet":
            place["star_name"] = row.parent.name if row.parent.kind != "system" else None
            if place["star_name"]:
                host = UNKNOWN_HOST | {"system_name": row.system, "kind": row.parent.kind}
                tables["hosts"].setdefault(place["star_name"], host)
        else:
            part_of = row.parent.name if row.parent.kind == "binary" and not row.parent.rule else None
            place |= UNKNOWN_HOST | {"kind": row.kind, "part_of": part_of, "is_described": True}
        tables[TABLE[row.kind]][str(row.name)] = place | row.values
    return tables


@dataclass
class State:  # every entry also tells the `file_name` that brought it last
    systems: dict[str, Values] = field(default_factory=dict)
    hosts: dict[str, Values] = field(default_factory=dict)
    planets: dict[str, Values] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)  # file name -> sha256 of its current content


def after(files: Sequence[tuple[str, bytes]], surveys: Mapping[str, str]) -> State:
    """The state after the files (name, content) were delivered in this order; it does not depend on surveys."""
    del surveys
    state = State()
    for file_name, content in files:
        digest, last = sha256(content).hexdigest(), next(reversed(state.contents.values()), None)
        if digest not in (state.contents.get(file_name), last):
            state.contents.pop(file_name, None)  # the last that came stands last
            state.contents[file_name] = digest
            _restate(state, file_name, judge(content))
    return state


def _restate(state: State, file: str, verdict: Verdict) -> None:
    """Forget what the file speaks about, take what it says, then mend what the rows of other files refer to."""
    hosts, gone = state.hosts, verdict.named
    for table in ("systems", "hosts", "planets"):
        old, new = getattr(state, table).items(), getattr(verdict, table).items()
        rest = {name: row for name, row in old if file != row["file_name"] and row.get("system_name", name) not in gone}
        if table == "planets":  # a star that moves takes its planets with it; the file is the whole truth on it, too
            rest = {name: row for name, row in rest.items() if row["star_name"] not in verdict.hosts}
        setattr(state, table, rest | {name: row | {"file_name": file} for name, row in new})
    for planet in state.planets.values():
        if host_name := planet["star_name"]:
            by_name_only = hosts.get(host_name, {}) | UNKNOWN_HOST | {"system_name": planet["system_name"]}
            planet["system_name"] = state.hosts.setdefault(host_name, by_name_only)["system_name"]
    used = {planet["star_name"] for planet in state.planets.values()}
    state.hosts = {name: host for name, host in state.hosts.items() if host["is_described"] or name in used}
    for host in state.hosts.values():
        if not state.hosts.get(host["part_of"], UNKNOWN_HOST)["is_described"]:
            host["part_of"] = None
    for row in (*state.hosts.values(), *state.planets.values()):
        state.systems.setdefault(row["system_name"], UNKNOWN_SYSTEM | {"file_name": row["file_name"]})
    used = {row["system_name"] for row in (*state.hosts.values(), *state.planets.values())}
    state.systems = {name: row for name, row in state.systems.items() if row["is_described"] or name in used}


def discoveries(state: State, surveys: Mapping[str, str]) -> list[dict[str, Any]]:
    """The view: one row a confirmed planet, ordered by its name; `surveys` maps prefixes to facilities."""
    stars = Counter(host["system_name"] for host in state.hosts.values() if host["kind"] == "star")
    rows: list[Values] = []
    for name, planet in sorted(state.planets.items()):
        if planet["status"] == "confirmed":
            host, system = state.hosts.get(planet["star_name"]), state.systems[planet["system_name"]]
            row = (UNKNOWN_SYSTEM | UNKNOWN_HOST if host is None else system | host) | planet
            initial = (row["spectral_type"] or " ")[0].upper()
            row |= {
                "planet_name": name,
                "star_kind": host and host["kind"],
                "star_is_inferred": host and not host["is_described"],
                "stars_in_system": host and stars[planet["system_name"]],
                "spectral_class": initial if initial in "OBAFGKMLTY" else None,
                "facility": surveys.get(max(filter(name.startswith, surveys), key=len, default="")),
            }
            untold = {"status", "file_name", "kind", "part_of", "is_described"}
            rows.append({column: row[column] for column in row if column not in untold})
    return rows
