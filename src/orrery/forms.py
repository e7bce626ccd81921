"""Forms: how the text of a delimited file becomes a typed column, as SQL that DuckDB evaluates.

A form belongs to one column of a table. It says which columns of the file it is made from, what is cut off, which
words mean what, and how numbers and dates are written there. Nothing is guessed: a text that does not read so breaks
the rule `form`, and its row is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")  # of a table or a column
INTEGERS = ("smallint", "integer", "bigint")
TYPES = (*INTEGERS, "numeric(p,s)", "double precision", "text", "boolean", "date", "timestamp", "timestamptz")
_NUMERIC = re.compile(r"numeric\(([0-9]{1,2}),\s?([0-9]{1,2})\)")
_FACTOR = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18})?")
_EXACT = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")  # what decimal(18,9) holds
_LOOKS = {
    "%Y": "[0-9]{4}", "%y": "[0-9]{2}", "%m": "[0-9]{1,2}", "%d": "[0-9]{1,2}", "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]{3,9}", "%a": "[A-Za-z]{3}", "%A": "[A-Za-z]{6,9}", "%H": "[0-9]{1,2}", "%I": "[0-9]{1,2}",
    "%M": "[0-9]{2}", "%S": "[0-9]{2}", "%f": "[0-9]{1,6}", "%p": "[AaPp][Mm]", "%z": "[+-][0-9]{2}(:?[0-9]{2})?",
}  # fmt: skip
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_PARSED = "decimal(28,9)"  # a number before it is multiplied
# zero-width, direction and control characters
INVISIBLE = r"[\x00-\x1F\x7F-\x9F\x{00AD}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{FEFF}]"


@dataclass(frozen=True)
class Form:
    """How one column is made; the keys are those of a contract's `csvForm` (docs/own-data.md describes each)."""

    sources: tuple[str, ...] = ()
    spelled: tuple[str, ...] = ()
    join: str = " "
    before: str | None = None
    after: str | None = None
    strip: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    constant: str | None = None
    thousands: str | None = None
    decimal: str = "."
    times: str | None = None
    plus: str | None = None
    formats: tuple[str, ...] = ()
    zone: str = "UTC"
    precision: bool = False
    is_true: tuple[str, ...] = _TRUE
    is_false: tuple[str, ...] = _FALSE


KEYS = tuple(each.name for each in fields(Form) if each.name != "sources")
KEY_BYTES = 800  # of one column of a key; PostgreSQL's index takes no more than some 2,700 for all of them
_MARKS = {"thousands": (",", ".", " ", "'"), "decimal": (".", ",")}


def parse(given: Mapping[str, Any], sources: Sequence[str], kind: str) -> Form | str:
    """A form out of a contract or a mapping, or what is wrong with it.

    Args:
        given: the keys of `csvForm`, as YAML has them.
        sources: headers of the file.
        kind: the type of the column, as PostgreSQL writes it.
    """
    form: dict[str, Any] = {"sources": tuple(sources)}
    for key, value in given.items():
        taken = _taken(key, value)
        if isinstance(taken, _Wrong):
            return taken.text
        form[key] = taken
    made = Form(**form)
    return _contradiction(made, kind) or made


@dataclass(frozen=True)
class _Wrong:
    text: str


def _taken(key: str, value: Any) -> Any:
    """The value of a key, or what is wrong with it."""
    if key not in KEYS:
        return _Wrong(f"unknown key '{key}'; known are {', '.join(KEYS)}")
    if key in ("spelled", "strip", "missing", "formats", "is_true", "is_false"):
        if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
            return _Wrong(f"{key} wants a list of texts in quotes, not {value!r:.60}")
        return tuple(value)
    if key == "values":
        if not isinstance(value, dict) or not all(isinstance(each, str) for pair in value.items() for each in pair):
            return _Wrong(f'values wants pairs of texts in quotes ("1": "success"), not {value!r:.60}')
        return value
    if key == "precision":
        return value if isinstance(value, bool) else _Wrong(f"precision is true or false, not {value!r:.60}")
    if key == "times":
        text = str(value)
        is_factor = not isinstance(value, bool) and _FACTOR.fullmatch(text) and float(text) > 0
        return text if is_factor else _Wrong(f"times wants a number like 1000000 or 0.001, not {value!r:.60}")
    if key == "plus":
        is_exact = not isinstance(value, bool) and _EXACT.fullmatch(str(value))
        return str(value) if is_exact else _Wrong(f"plus wants a number like 0.5 or -2400000.5, not {value!r:.60}")
    if not isinstance(value, str) or (not value and key != "join"):
        return _Wrong(f"{key} wants a text in quotes, not {value!r:.60}")
    if key in _MARKS and value not in _MARKS[key]:
        return _Wrong(f"{key} is one of {' '.join(map(repr, _MARKS[key]))}, not {value!r:.60}")
    if key == "zone" and value not in _zones():
        return _Wrong(f"zone wants a name like Europe/Paris, not {value!r:.60}")
    return value


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _contradiction(form: Form, kind: str) -> str | None:
    """Why a form cannot make a column of a type, or None."""
    numeric = _NUMERIC.fullmatch(kind)
    if kind not in TYPES and not (numeric and int(numeric[2]) <= int(numeric[1]) <= 38 and int(numeric[1]) > 0):
        return f"type {kind!r}; what can be read here is {', '.join(TYPES)}, p up to 38"
    wants_formats = kind in ("date", "timestamp", "timestamptz") or form.precision
    if wants_formats and not form.formats and form.constant is None:
        return f"{kind} without formats: say how it is written, formats: ['%Y-%m-%d']"
    if form.precision and kind != "text":
        return f"precision is a text (second, minute, day), the column is {kind}"
    if form.formats and not wants_formats:
        return f"formats for a column of type {kind}"
    if bool(form.sources) == (form.constant is not None):
        return "it wants either a column of the file or a constant"
    if form.spelled and len(form.sources) != 1:
        return "spelled belongs to a single column of the file"
    if form.plus and kind != "text":
        return f"plus belongs to a number that is kept as text, the column is {kind}"
    if form.times and kind not in ("text", "double precision") and not _EXACT.fullmatch(form.times):
        return f"times with more than nine decimals; the column is {kind}"
    if form.thousands == form.decimal:
        return "thousands and decimal are the same mark"
    return None


# --- the SQL -------------------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def text_of(form: Form, columns: Sequence[str], missing: Sequence[str]) -> str:
    """SQL for the text that is typed: sources joined, cut, stripped, missing marks taken out, words exchanged.

    Args:
        columns: SQL of each source.
        missing: what stands for "not known".
    """
    if form.constant is not None:
        return quoted(form.constant)
    text = columns[0] if len(columns) == 1 else f"nullif(concat_ws({quoted(form.join)}, {', '.join(columns)}), '')"
    if form.before is not None:
        text = f"split_part({text}, {quoted(form.before)}, 1)"
    if form.after is not None:
        mark = quoted(form.after)
        text = f"case when contains({text}, {mark}) then substr({text}, strpos({text}, {mark}) + length({mark})) end"
    if form.strip:
        either = "|".join(re.escape(each) for each in form.strip)
        text = f"regexp_replace({text}, {quoted(f'^([ ]*({either}))+|(({either})[ ]*)+$')}, '', 'g')"
    if len(columns) > 1 or form.before is not None or form.after is not None or form.strip:
        text = f"trim({text}, ' ' || chr(9))"
        text = _without(text, missing)
    text = _without(text, form.missing)
    if form.values:
        pairs = " ".join(f"when {quoted(old)} then {quoted(new)}" for old, new in form.values.items())
        text = f"case {text} {pairs} else {text} end"
    return text


def _without(text: str, missing: Sequence[str]) -> str:
    """SQL for a text, null where it is one that stands for "not known"."""
    return f"case when {text} not in ({', '.join(map(quoted, missing))}) then {text} end" if missing else text


def value_of(form: Form, kind: str, text: str) -> str:
    """SQL for the typed value of a text; null where it does not read so."""
    if kind == "text":
        return _precision(form, text) if form.precision else _as_written(form, text)
    if kind == "boolean":
        sides = ((form.is_true, "true"), (form.is_false, "false"))
        cases = (
            f"when lower({text}) in ({', '.join(quoted(w.lower()) for w in words)}) then {v}" for words, v in sides
        )
        return f"case {' '.join(cases)} end"
    if kind in ("date", "timestamp", "timestamptz"):
        return _moment(form, kind, text)
    return _number(form, kind, text)


def _number(form: Form, kind: str, text: str) -> str:
    """A number that is written as the form says, exactly: no digit is rounded away."""
    numeric, is_double = _NUMERIC.fullmatch(kind), kind == "double precision"
    scale = 9 if form.times else int(numeric[2]) if numeric else 0
    whole = "[0-9]+"
    if form.thousands:
        whole = f"(?:[0-9]+|[0-9]{{1,3}}(?:{re.escape(form.thousands)}[0-9]{{3}})+)"
    point, fraction = re.escape(form.decimal), "[0-9]*" if is_double else f"[0-9]{{0,{scale}}}0*"
    exponent = "(?:[eE][+-]?[0-9]{1,3})?" if is_double else ""
    pattern = f"[+-]?(?:{whole}(?:{point}{fraction})?|{point}{fraction}){exponent}"
    plain = f"replace({text}, {quoted(form.thousands)}, '')" if form.thousands else text
    plain = f"replace({plain}, ',', '.')" if form.decimal == "," else plain
    duck = f"decimal({numeric[1]},{numeric[2]})" if numeric else duck_type(kind)
    value = f"try_cast({plain} as {duck})"
    if form.times and duck == "double":
        value = f"{value} * {form.times}"
    elif form.times:
        product = f"try(cast({plain} as {_PARSED}) * cast({quoted(form.times)} as decimal(18,9)))"
        value = f"case when try_cast({product} as {duck}) = {product} then try_cast({product} as {duck}) end"
    if duck == "double":
        is_lost = f"({value} = 0 and regexp_matches({text}, '^[^eE]*[1-9]'))"  # smaller than there are numbers
        value = f"case when isfinite({value}) and not {is_lost} then {value} end"
    is_number = f"regexp_full_match({text}, {quoted(pattern)}) and regexp_matches({text}, '[0-9]')"
    return f"case when {is_number} then {value} end"


def is_measured(form: Form) -> bool:
    """Whether a text must be a number, because something is to be done to it."""
    return bool(form.times or form.plus or form.thousands or form.decimal == ",")


def _as_written(form: Form, text: str) -> str:
    """A text as it is; a number that is to be changed as its digits, in another unit or from another zero.

    With up to nine decimals it is exact; else it is a double, in the fewest digits that tell it from others.
    """
    if not is_measured(form):
        return text
    value = _number(replace(form, times=None), "double precision", text)
    plain = f"replace({text}, {quoted(form.thousands)}, '')" if form.thousands else text
    plain = f"replace({plain}, ',', '.')" if form.decimal == "," else plain
    if not (form.times or form.plus):
        return f"case when {value} is not null then {plain} end"
    exact, double = f"cast({plain} as {_PARSED})", value
    for sign, other in (("*", form.times), ("+", form.plus)):
        if other:
            exact, double = f"{exact} {sign} cast({quoted(other)} as decimal(18,9))", f"{double} {sign} {other}"
    digits = f"rtrim(regexp_replace(cast(try({exact}) as varchar), '([.][0-9]*?)0+$', '\\1'), '.')"
    fits = f"regexp_full_match({plain}, '[+-]?(?:[0-9]{{1,18}}(?:[.][0-9]{{0,9}}0*)?|[.][0-9]{{1,9}}0*)')"
    exactly = f"case when {fits} then {digits} end" if _EXACT.fullmatch(form.times or "1") else "null"
    return f"case when {value} is not null then coalesce({exactly}, cast({double} as varchar)) end"


def _moment(form: Form, kind: str, text: str) -> str:
    if form.constant is not None and not form.formats:
        return f"try_cast({text} as {kind})"
    tries = [_parsed(each, text, kind, form.zone) for each in form.formats]
    return tries[0] if len(tries) == 1 else f"coalesce({', '.join(tries)})"


def _parsed(how: str, text: str, kind: str, zone: str) -> str:
    """One strptime format, stricter than DuckDB: each part of its length, the day's own weekday, an hour that is."""
    moment = f"try_strptime({text}, {quoted(how)})"
    pattern = look(how)
    guards = [f"regexp_full_match({text}, {quoted(pattern)})"] if pattern else []
    days = [mark for mark in ("%a", "%A") if mark in how]
    guards += [f"contains(lower({text}), lower(strftime({moment}, '{mark}')))" for mark in days]
    value = moment
    if kind == "date":
        guards.append(f"cast({moment} as date) = {moment}")
        value = f"cast({moment} as date)"
    elif kind == "timestamptz" and "%z" not in how:
        value = f"timezone({quoted(zone)}, {moment})"
        if zone != "UTC":
            guards += [  # neither the hour that spring leaves out nor the one that autumn has twice
                f"timezone({quoted(zone)}, {value}) = {moment}",
                f"timezone({quoted(zone)}, {value} - interval 1 hour) <> {moment}",
                f"timezone({quoted(zone)}, {value} + interval 1 hour) <> {moment}",
            ]
    return f"case when {' and '.join(guards)} then {value} end" if guards else value


def look(how: str) -> str | None:
    """A pattern of what a strptime format reads, to the digit; None where it has a directive that is not known here."""
    parts = re.split(r"(%-?[A-Za-z%])", how)
    known = [_LOOKS.get(part.replace("-", ""), None if part.startswith("%") else re.escape(part)) for part in parts]
    return None if None in known else "".join(map(str, known))


def _precision(form: Form, text: str) -> str:
    """How exactly each format knows the time."""
    cases = []
    for each in form.formats:
        known = "second" if re.search("%[SfgTcX]", each) else "minute" if re.search("%[MH]", each) else "day"
        cases.append(f"when {_parsed(each, text, 'timestamp', 'UTC')} is not null then '{known}'")
    return f"case {' '.join(cases)} end"


def message(form: Form, kind: str) -> str:
    """What is said of a text that does not read as its form."""
    if form.formats:
        return f"not a time as the form says: {' or '.join(form.formats)}"
    if kind == "boolean":
        return f"neither {', '.join(form.is_true)} nor {', '.join(form.is_false)}"
    example = f"1{form.thousands or ''}160" + ("" if kind in INTEGERS else f"{form.decimal}5")
    return f"not a number{'' if kind == 'text' else f' of type {kind}'} as the form says, like {example}"


def query(
    forms: Mapping[str, tuple[Form, str]],
    missing: Sequence[str],
    keys: Sequence[str],
    columns: Mapping[str, str],
) -> str:
    """`select` over `chunk`: its `row`, each column typed, and in `broken` the first form that the row breaks.

    Args:
        forms: for each column of the table its form and its type; the sources are columns of `chunk`.
        missing: texts that stand for "not known".
        keys: text columns in which characters that cannot be seen are refused (keys that look the same would differ).
        columns: every column of the table with its type, in its order; those without a form are null.
    """
    texts, values, broken = [], [], []
    typed = {name: f"cast(null as {duck_type(kind)})" for name, kind in columns.items()}
    for number, (name, (form, kind)) in enumerate(forms.items()):
        text, value = f"x{number}", f"v{number}"
        texts.append(f"{text_of(form, [identifier(each) for each in form.sources], missing)} as {text}")
        values.append(f"{value_of(form, kind, text)} as {value}")
        typed[name] = value
        if kind != "text" or form.precision or is_measured(form):
            broken.append(f"when {text} is not null and {value} is null then {quoted(f'{name}:form')}")
        if kind == "text" and name in keys:
            unseen = f"regexp_matches({text}, {quoted(INVISIBLE)})"
            broken.append(f"when {unseen} then {quoted(f'{name}:invisible_characters')}")
            broken.append(f"when strlen({text}) > {KEY_BYTES} then {quoted(f'{name}:key_too_long')}")
    names = [f"{value} as {identifier(name)}" for name, value in typed.items()]
    found = f"case {' '.join(broken)} end" if broken else "cast(null as varchar)"
    return (
        f'select "row", {", ".join(names)}, {found} as broken from ('
        f"select *, {', '.join(values)} from ("
        f'select "row", {", ".join(texts)} from chunk))'
    )


def duck_type(kind: str) -> str:
    """DuckDB's name of a type of PostgreSQL."""
    return kind.removesuffix(" precision")


def identifier(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
