"""Forms against the standard library: `decimal` and `datetime` say what a text means, or that it means nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orrery import forms
from orrery.engines import postgres

DUCK = postgres.converter()
MISSING = ("", "nan")


def read(kind: str, said: Mapping[str, Any], *columns: list[str | None], keys: tuple[str, ...] = ()) -> list[Any]:
    """The typed values of a column; `Refusal` where the text breaks the form."""
    sources = [f"h{number}" for number in range(len(columns))]
    form = forms.parse(said, [] if "constant" in said else sources, kind)
    assert isinstance(form, forms.Form), form
    chunk = pa.table({"row": range(len(columns[0])), **dict(zip(sources, columns, strict=True))})
    DUCK.register("chunk", chunk)
    # By Arrow, as the loader does: DuckDB's own way to Python's datetime wants a package that nothing else here needs.
    found = DUCK.execute(forms.query({"x": (form, kind)}, MISSING, keys, {"x": kind})).to_arrow_table()
    numbers, values, misfits = (column.to_pylist() for column in found.columns)
    assert numbers == list(range(len(columns[0])))
    return [misfit or value for value, misfit in zip(values, misfits, strict=True)]


NUMBERS = st.one_of(
    st.from_regex(r"[+-]?[0-9]{0,4}(,[0-9]{3}){0,2}(\.[0-9]{0,4})?", fullmatch=True),
    st.from_regex(r"[0-9,.\-+ eE$]{0,8}", fullmatch=True),
    st.decimals(-10_000_000, 10_000_000, places=3).map(str),
)


def exact(text: str, scale: int, thousands: str) -> Decimal | None:
    """A number with at most `scale` digits that matter behind the point, groups of three if there are groups."""
    whole = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+)"
    if not re.fullmatch(rf"[+-]?(?:{whole}(?:\.[0-9]*)?|\.[0-9]+)", text):
        return None
    value = Decimal(text.replace(thousands, ""))
    return value if value == round(value, scale) and abs(value) < Decimal(10) ** (12 - scale) else None


@given(st.lists(NUMBERS.filter(lambda text: text not in MISSING), min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_a_number_is_read_exactly_or_refused(texts: list[str]) -> None:
    wanted = [exact(text, 2, ",") for text in texts]
    found = read("numeric(12,2)", {"thousands": ","}, texts)
    assert found == ["x:form" if value is None else value for value in wanted]
    whole = [exact(text, 0, ",") for text in texts]
    found = read("bigint", {"thousands": ","}, texts)
    assert found == ["x:form" if value is None else int(value) for value in whole]


@pytest.mark.parametrize(
    ("kind", "said", "text", "value"),
    [
        ("numeric(8,2)", {"decimal": ",", "thousands": "."}, "1.234,5", Decimal("1234.50")),
        ("numeric(8,2)", {"decimal": ","}, "1234.5", "x:form"),
        ("numeric(8,2)", {"strip": ["$", "USD"]}, "$ 12.5 USD", Decimal("12.50")),
        ("numeric(8,2)", {}, "$12.5", "x:form"),
        ("numeric(4,2)", {}, "123.4", "x:form"),
        ("bigint", {"times": 1_000_000}, "1.5", 1_500_000),
        ("bigint", {"times": 1_000_000}, "0.0000001", "x:form"),
        ("numeric(14,3)", {"times": "0.001"}, "1500", Decimal("1.500")),
        ("double precision", {}, "1e5", 100_000.0),
        ("double precision", {}, "1e999", "x:form"),
        ("double precision", {}, "inf", "x:form"),
        ("double precision", {}, "nan", None),
        ("smallint", {}, "32768", "x:form"),
        ("integer", {}, "1.0", 1),
        ("integer", {}, "1.5", "x:form"),
        ("boolean", {}, "YES", True),
        ("boolean", {"is_true": ["oui"], "is_false": ["non"]}, "Non", False),
        ("boolean", {"is_true": ["oui"], "is_false": ["non"]}, "yes", "x:form"),
        ("date", {"formats": ["%Y-%m-%d"]}, "2020-02-29", date(2020, 2, 29)),
        ("date", {"formats": ["%Y-%m-%d"]}, "2021-02-29", "x:form"),
        ("date", {"formats": ["%Y-%m-%d"]}, "20-02-28", "x:form"),
        ("date", {"formats": ["%Y-%m-%d %H:%M"]}, "2020-02-28 00:01", "x:form"),
        ("date", {"formats": ["%d/%m/%Y", "%Y-%m-%d"]}, "05/06/2020", date(2020, 6, 5)),
        (
            "timestamp",
            {"formats": ["%Y-%m-%dT%H:%M:%S"]},
            "2020-02-28T01:02:03",
            datetime.fromisoformat("2020-02-28T01:02:03"),
        ),
        (
            "timestamptz",
            {"formats": ["%Y-%m-%d %H:%M %z"]},
            "2020-07-01 12:00 +0200",
            datetime(2020, 7, 1, 10, tzinfo=UTC),
        ),
        (
            "timestamptz",
            {"formats": ["%Y-%m-%d %H:%M"], "zone": "Europe/Paris"},
            "2020-07-01 12:00",
            datetime(2020, 7, 1, 10, tzinfo=UTC),
        ),
        ("timestamptz", {"formats": ["%Y-%m-%d %H:%M"], "zone": "Europe/Paris"}, "2021-03-28 02:30", "x:form"),
        ("text", {"before": "|"}, "Falcon 9 | Starlink", "Falcon 9"),
        ("text", {"after": "|"}, "Falcon 9 | Starlink", "Starlink"),
        ("text", {"after": "|"}, "Falcon 9", None),
        ("text", {"after": "|"}, "Falcon 9 | nan", None),
        ("text", {"values": {"S": "success"}}, "S", "success"),
        ("text", {"values": {"S": "success"}}, "s", "s"),
        ("text", {"plus": "-2400000.5"}, "2459800.5", "59800"),
        ("text", {"plus": "-2400000.5"}, "2459800.123456789", "59799.623456789"),
        ("text", {"plus": "-2400000.5"}, "2.4598005e6", "59800.0"),
        ("text", {"plus": "-2400000.5"}, "2022-08-09", "x:form"),
        ("text", {"plus": "0.5", "decimal": ","}, "1,25", "1.75"),
        ("text", {"times": "0.001"}, "939400", "939.4"),
        ("text", {"times": "0.1", "plus": "-1"}, ".5", "-0.95"),
        ("text", {"times": "0.001"}, "9.39 km", "x:form"),
        ("text", {"times": "0.001", "strip": ["m"]}, "939 m", "0.939"),
        ("text", {"decimal": ","}, "0,0786", "0.0786"),
        ("text", {"decimal": ","}, "0.0786", "x:form"),
        ("text", {"thousands": ","}, "12,345.60", "12345.60"),
        ("text", {"constant": "it's"}, "anything", "it's"),
        ("text", {"missing": ["NA"]}, "NA", None),
        ("text", {"missing": ["NA"]}, "DE", "DE"),
        ("text", {"precision": True, "formats": ["%Y-%m-%d"]}, "soon", "x:form"),
        ("double precision", {}, "1e-400", "x:form"),
        ("double precision", {}, "0e5", 0.0),
        ("timestamptz", {"formats": ["%d.%m.%Y %H%M"]}, "01.02.20 1230", "x:form"),
        ("date", {"formats": ["%Y-%m-%d %a"]}, "2024-01-01 Sun", "x:form"),
        ("date", {"formats": ["%Y-%m-%d %a"]}, "2024-01-01 Mon", date(2024, 1, 1)),
        ("timestamptz", {"formats": ["%Y-%m-%d %H:%M"], "zone": "Europe/Paris"}, "2023-10-29 02:30", "x:form"),
        (
            "timestamptz",
            {"formats": ["%Y-%m-%d %H:%M"], "zone": "Europe/Paris"},
            "2023-10-29 03:30",
            datetime(2023, 10, 29, 2, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_form_reads_what_it_says(kind: str, said: dict[str, Any], text: str, value: Any) -> None:
    assert read(kind, said, [text if text not in MISSING else None]) == [value]


@given(st.decimals(-(10**8), 10**8, places=9), st.decimals(-(10**8), 10**8, places=9), st.decimals(0, 100, places=3))
@settings(max_examples=100, deadline=None)
def test_a_number_kept_as_text_is_changed_exactly(number: Decimal, plus: Decimal, times: Decimal) -> None:
    said = {"plus": f"{plus:f}", "times": f"{times + 1:f}"}
    [found] = read("text", said, [f"{number:f}"])
    assert Decimal(found) == number * (times + 1) + plus
    assert "e" not in found
    assert not re.search(r"\.$|\.[0-9]*0$", found)


@given(st.floats(1e-6, 1e6))
@settings(max_examples=100, deadline=None)
def test_a_number_of_more_digits_is_changed_as_a_double(number: float) -> None:
    [found] = read("text", {"times": "0.002737850787132101"}, [f"{number:.15f}"])
    assert abs(float(found) / (float(f"{number:.15f}") / 365.25) - 1) < 1e-12


LAUNCHED = ["%a %b %d, %Y %H:%M UTC", "%a %b %d, %Y"]


@given(st.lists(st.dates(date(1957, 10, 4), date(2099, 1, 1)), min_size=1), st.randoms())
@settings(max_examples=50, deadline=None)
def test_two_forms_of_a_date_in_one_column(days: list[date], chance: Any) -> None:
    moments = [datetime(day.year, day.month, day.day, chance.randrange(24), 5, tzinfo=UTC) for day in days]
    how = [chance.choice(LAUNCHED) for _ in moments]
    texts = [moment.strftime(form) for moment, form in zip(moments, how, strict=True)]
    wanted = [datetime.strptime(text, form).replace(tzinfo=UTC) for text, form in zip(texts, how, strict=True)]
    assert read("timestamptz", {"formats": LAUNCHED}, texts) == wanted
    precise = ["minute" if "%M" in form else "day" for form in how]
    assert read("text", {"formats": LAUNCHED, "precision": True}, texts) == precise
    week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    wrong = [week[(week.index(text[:3]) + 1) % 7] + text[3:] for text in texts]
    assert read("timestamptz", {"formats": LAUNCHED}, wrong) == ["x:form"] * len(texts), (
        "a weekday that is not the day's"
    )


def test_sources_are_joined_and_what_is_missing_is_left_out() -> None:
    assert read("text", {"join": " / "}, ["a", None, None], ["b", "c", None]) == ["a / b", "c", None]
    assert read("text", {"join": " "}, [" a", None], ["b ", "nan"]) == ["a b", None], "trimmed, and missing is missing"


def test_a_key_with_characters_that_cannot_be_seen_is_refused() -> None:
    assert read("text", {}, ["a\u200bb", "ab"], keys=("x",)) == ["x:invisible_characters", "ab"]
    assert read("text", {}, ["a\u200bb"]) == ["a\u200bb"]
    assert read("text", {}, ["é" * 400, "é" * 401], keys=("x",)) == ["é" * 400, "x:key_too_long"]


@pytest.mark.parametrize(
    ("kind", "said", "wrong"),
    [
        ("numeric", {}, "type 'numeric'"),
        ("numeric(39,2)", {}, "up to 38"),
        ("money", {}, "type 'money'"),
        ("date", {}, "date without formats"),
        ("integer", {"formats": ["%Y"]}, "formats for a column of type integer"),
        ("integer", {"thousands": "."}, "the same mark"),
        ("integer", {"thousands": "x"}, "thousands is one of"),
        ("integer", {"times": 0}, "times wants a number"),
        ("integer", {"times": True}, "times wants a number"),
        ("timestamptz", {"formats": ["%Y"], "zone": "Mars/Olympus"}, "zone wants a name"),
        ("text", {"values": {True: "yes"}}, "pairs of texts in quotes"),
        ("text", {"precision": True}, "without formats"),
        ("integer", {"precision": True, "formats": ["%Y"]}, "precision is a text"),
        ("text", {"strip": "USD"}, "a list of texts"),
        ("text", {"constant": "a"}, "either a column of the file or a constant"),
        ("text", {"colour": "red"}, "unknown key 'colour'"),
        ("text", {"before": ""}, "before wants a text"),
    ],
)
def test_a_form_that_means_nothing_is_refused_before_it_is_used(kind: str, said: dict[Any, Any], wrong: str) -> None:
    found = forms.parse(said, ["h"], kind)
    assert isinstance(found, str)
    assert wrong in found
