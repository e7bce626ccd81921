"""What Meteor's tables must hold, worked out with the standard library alone: no code of Meteor's, none of Orrery's.

Slow and literal on purpose: one byte after the other, one record after the other.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from meteor_oracle_records import Record, Unterminated, records

COLUMNS = [
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
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
INVISIBLE = {
    *range(0x20),
    *range(0x7F, 0xA0),
    0xAD,
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2065),
    0xFEFF,
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    line: int
    byte_offset: int
    column: str | None
    rule: str
    text: str


@dataclass
class Verdict:
    refused: str | None = None
    accepted: list[Row] = field(default_factory=list)
    refused_rows: list[Refusal] = field(default_factory=list)
    read: int = 0
    blank: int = 0


def unquoted(raw: bytes) -> str:
    text = raw.decode()
    return text[1:-1].replace('""', '"') if text[:1] == '"' else text


def shown(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


@lru_cache(maxsize=8)
def judge(data: bytes, name: str) -> Verdict:
    """What becomes of one decompressed file."""
    if not data:
        return Verdict(refused="empty")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:4] == b"\0\0\xfe\xff":
        return Verdict(refused="utf16")
    shift = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    try:
        header, *rest = list(records(data[shift:]))
    except Unterminated:
        return Verdict(refused="unterminated_quote")
    try:
        names = [unquoted(each).strip() for each in header.fields]
    except UnicodeDecodeError:
        return Verdict(refused="header_not_utf8")
    if refused := header_refused(names):
        return Verdict(refused=refused)
    if any(len(record.raw) > 1 << 20 for record in rest):
        return Verdict(refused="record_too_long")
    verdict = Verdict()
    typed: list[tuple[Row, Record]] = []
    for record in rest:
        if not record.raw.strip(b" \t") and len(record.fields) == 1:
            verdict.blank += 1
            continue
        verdict.read += 1
        rule, column = shape_rule(record, header, len(names)), None
        row: Row = {}
        if rule is None:
            values = dict(zip(names, (tidy(unquoted(each)) for each in record.fields), strict=True))
            row, rule, column = typed_row(values)
        if rule is None:
            typed.append(({**row, "_line": record.line}, record))
        else:
            verdict.refused_rows.append(Refusal(record.line, record.offset + shift, column, rule, shown(record.raw)))
    settle_duplicates(verdict, typed, shift)
    verdict.refused_rows.sort(key=lambda each: each.line)
    if verdict.read == 0:
        verdict.refused = "no_rows"
    return verdict


def header_refused(names: Sequence[str]) -> str | None:
    folded = [unicodedata.normalize("NFC", each).casefold() for each in names]
    tests = {
        "too_many_columns": len(names) > 2000,
        "one_column": len(names) == 1,
        "columns_missing": not set(names) & set(COLUMNS),
        "empty_header": "" in names,
        "duplicate_header": len(set(folded)) < len(folded),
        "columns_missing ": not set(COLUMNS) <= set(names),
        "unknown_column": not set(names) <= set(COLUMNS),
    }
    return next((code.strip() for code, is_so in tests.items() if is_so), None)


def shape_rule(record: Record, header: Record, width: int) -> str | None:
    try:
        record.raw.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    tests = {
        "nul_byte": b"\0" in record.raw,
        "bom_inside": record.raw.startswith(b"\xef\xbb\xbf"),
        "quote_misplaced": record.misplaced,
        "field_count": len(record.fields) != width,
        "field_too_long": max(map(len, record.fields)) > 256 << 10,
        "header_repeated": record.raw == header.raw,
    }
    return next((rule for rule, is_so in tests.items() if is_so), None)


def tidy(text: str) -> str | None:
    text = " ".join(part for part in re.split("[ \t]", text) if part)
    return None if text in ("", "-") else text


def typed_row(values: Mapping[str, str | None]) -> tuple[Row, str | None, str | None]:
    """The typed row of a record, or the first rule it breaks and the column that breaks it."""
    launch, date, suc = values["Launch"], values["Launch_Date"], values["Suc"]
    if launch is None:
        return {}, "launch_id_missing", "Launch"
    if any(ord(character) in INVISIBLE for character in launch):
        return {}, "launch_id_has_invisible_characters", "Launch"
    if date is None:
        return {}, "launch_date_missing", "Launch_Date"
    moment = launch_moment(date)
    if isinstance(moment, str):
        return {}, moment, "Launch_Date"
    if values["LV_Type"] is None:
        return {}, "vehicle_missing", "LV_Type"
    place = launch_place(values["Site"])
    if place["site"] is None:
        return {}, "site_missing", "Site"
    if suc is None:
        return {}, "outcome_missing", "Suc"
    if suc not in ("S", "F"):
        return {}, "outcome_unknown", "Suc"
    row = {
        "launch_id": launch,
        "launched_at": moment[0],
        "launched_at_precision": moment[1],
        "is_launched_at_doubtful": date.endswith("?"),
        "cospar_id": values["COSPAR"],
        "payload_name": values["PL_Name"],
        "original_payload_name": values["Orig_PL_Name"],
        "satcat_id": values["SATCAT"],
        "vehicle": values["LV_Type"],
        "serial": sure(values["LV_SN"]),
        "is_serial_doubtful": (values["LV_SN"] or "").endswith("?"),
        **place,
        "outcome": {"S": "success", "F": "failure"}[suc],
        "reference": values["Ref"],
    }
    if len(launch) > 256:
        return row, "too_long", "Launch"
    if not datetime(1942, 1, 1, tzinfo=UTC) <= moment[0] < datetime(2100, 1, 1, tzinfo=UTC):
        return row, "launched_at_out_of_range", "Launch_Date"
    if any(isinstance(value, str) and len(value) > 256 for value in row.values()):
        return row, "too_long", None
    return row, None, None


def launch_moment(text: str) -> tuple[datetime, str] | str:
    words = text.removesuffix("?").removesuffix(" ").split(" ")
    time = words[3] if len(words) == 4 else ""
    year, month, day = (*words, "", "", "")[:3]
    digits = "0123456789"
    formed = (
        len(words) in (3, 4)
        and len(year) == 4
        and all(c in digits for c in year)
        and month in MONTHS
        and 1 <= len(day) <= 2
        and all(c in digits for c in day)
        and (
            len(words) == 3
            or (len(time) in (4, 7) and all((c == ":") if at == 4 else (c in digits) for at, c in enumerate(time)))
        )
    )
    if not formed:
        return "launch_date_form"
    hour, minute, second = int(time[:2] or 0), int(time[2:4] or 0), int(time[5:7] or 0)
    try:
        midnight = datetime(int(year), MONTHS.index(month) + 1, int(day), tzinfo=UTC)
    except ValueError:
        return "launch_date_impossible"
    if minute > 59 or second > 60 or hour > 24 or (hour == 24 and (minute or second)):
        return "launch_date_impossible"
    try:
        moment = midnight + timedelta(hours=hour, minutes=minute, seconds=second)
    except OverflowError:
        return "launched_at_out_of_range"
    return moment, {0: "day", 4: "minute", 7: "second"}[len(time)]


def launch_place(text: str | None) -> Row:
    rest, platform, zone = text or "", None, None
    if "," in rest:
        platform, rest = rest.split(",", 1)
    if "->" in rest:
        rest, zone = rest.rsplit("->", 1)
    site, _, pad = rest.strip(" ").partition(" ")
    parts = {"site": site, "pad": pad, "drop_zone": (zone or "").strip(" ")}
    return {
        "platform": (platform or "").strip(" ") or None,
        **{name: sure(value) for name, value in parts.items()},
        "is_site_doubtful": any(value.endswith("?") for value in parts.values()),
    }


def sure(text: str | None) -> str | None:
    while text and text.endswith("?"):
        text = text[:-1].rstrip(" ")
    return text or None


def settle_duplicates(verdict: Verdict, typed: Sequence[tuple[Row, Record]], shift: int) -> None:
    same: dict[str, list[tuple[Row, Record]]] = {}
    for row, record in typed:
        same.setdefault(row["launch_id"], []).append((row, record))
    for row, record in typed:
        group = same[row["launch_id"]]
        contents = {canonical(other) for other, _ in group}
        if len(contents) == 1 and group[0][1] is record:
            verdict.accepted.append(row)
        else:
            rule = "duplicate_row" if len(contents) == 1 else "key_conflict"
            verdict.refused_rows.append(Refusal(record.line, record.offset + shift, "Launch", rule, shown(record.raw)))


def canonical(row: Mapping[str, Any]) -> str:
    def text(value: Any) -> str:
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        return "NULL" if value is None else f"{type(value).__name__}:{value}"

    return "\x1f".join(f"{name}={text(row[name])}" for name in sorted(row) if not name.startswith("_"))


def checksum(rows: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """How many rows, and the sum of their sha256 modulo 2^128: the same in any order, and it sees doubles."""
    digests = [int.from_bytes(hashlib.sha256(canonical(row).encode()).digest()) for row in rows]
    return len(digests), sum(digests) % (1 << 128)


def target_after(files: Sequence[tuple[str, bytes]]) -> dict[str, Row]:
    """The target after loading these files one after the other."""
    target: dict[str, tuple[Row, str]] = {}
    for name, content in files:
        fresh = {row["launch_id"]: row for row in judge(content, name).accepted}
        gone = [key for key, (_, owner) in target.items() if owner == name and key not in fresh]
        for key in gone:
            del target[key]
        for key, row in fresh.items():
            target[key] = (row, name)
    return {key: row for key, (row, _) in target.items()}
