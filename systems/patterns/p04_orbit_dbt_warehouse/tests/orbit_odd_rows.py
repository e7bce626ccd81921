"""Odd rows, each written by hand with what must become of it: refused by a rule and its column, or kept with values.

Where JSON itself is the odd thing, a value is given as it stands in the file (`Raw`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orbit_deliveries import COMETS, EROS

Becomes = tuple[str, str] | Mapping[str, Any]  # rule and column, or values of dim_small_body


@dataclass(frozen=True)
class Raw:
    """A value as it stands in the file."""

    text: str


@dataclass(frozen=True)
class Odd:
    """A row: a body with something changed, and what becomes of it.

    Attributes:
        designation: what it is found by, where it is kept.
    """

    label: str
    body: Mapping[str, Any]
    becomes: Becomes
    designation: str


NOT_A_NUMBER = [
    *("1_000", "0x10", "1,5", "1.234,5", "1'234", "1 000", "--1", "+-1", "+ 1", "1e", "e5", ".", "-", "1.2.3", "1e5.0"),
    *(
        "NaN",
        "nan",
        "inf",
        "-inf",
        "Infinity",
        "1e400",
        "-1e400",
        "9" * 400,
        "1e0005",
        "1e-0005",
        "1E+1000",
        "1f",
        "1d",
    ),
    *("\uff11\uff12", "\u0661\u0662", "\u00b2", "\u22121", "1\u00a0", "\u00a01", "\t1", "1\n", "1\u200d", "1%", "(12)"),
    *("true", "null", "#N/A", "1; drop table x", "1 -- 2", "\\N"),
    *(Raw("NaN"), Raw("Infinity"), Raw("-Infinity"), Raw("1e400"), Raw("1e-4000"), Raw("true"), Raw("false")),
    *(Raw("[1]"), Raw("[]"), Raw("{}"), Raw('{"H": "1", "data": [[1]]}'), Raw(f"1{'0' * 400}")),
]
NUMBERS = {  # of the time of the perihelion, which has no range and is taken as it is
    " 1 ": 1.0, "+1": 1.0, "1.": 1.0, ".5": 0.5, "-.5": -0.5, "1e3": 1000.0, "1E+3": 1000.0, "1e-003": 0.001,
    "-0": 0.0, "-0.0": 0.0, "007": 7.0, "-0003.50": -3.5, f"{'0' * 500}1": 1.0, f"0.{'1' * 500}": 1 / 9,
    "9007199254740993": 9007199254740992.0, "18446744073709551616": 2.0**64, "4.9e-324": 5e-324, "1e-400": 0.0,
    "1.7976931348623157e308": 1.7976931348623157e308, "": None, "   ": None, None: None,
    Raw("1"): 1.0, Raw("-0"): 0.0, Raw("1E3"): 1000.0, Raw("1.50e+01"): 15.0, Raw("9007199254740993"): 9007199254740992.0,
    Raw("null"): None, Raw('"\\u0031"'): 1.0,
}  # fmt: skip
NAMES = {  # behind the number
    "Robert'); drop table p04_orbit.dim_small_body; --": "as it is",
    "'' or 1=1": "as it is",
    'a "quoted" \\ name \\N': "as it is",
    "{{ 7 * 7 }} {% raw %}": "as it is",
    "%s ? :x $1 {0} $$": "as it is",
    "<b>&amp;</b>": "as it is",
    "Ceres\u00a0(A)": "as it is",
    "zero\u200bwidth\u200djoined": "as it is",
    "\u202etfel ot thgir\u202c \u200f": "as it is",
    "\U0001f680 \U0001f469\u200d\U0001f680": "as it is",
    "\u00e9 composed": "as it is",
    "e\u0301 decomposed": "as it is",
    "\ufffd lost": "as it is",
    "\ue000 private": "as it is",
    "\u4e2d\u6587 \u0420": "as it is",
    "tab\tinside": "as it is",
    "x" * 100_000: "as it is",
    "one   two  three": "one two three",
}
NAMED = {  # a full name, and what it must become: a designation, or the rule that it breaks
    "900": ("designation_form", "full_name"),
    "0 Nobody": ("designation_form", "full_name"),
    "0900 Zero": ("designation_form", "full_name"),
    "900\u00a0Ceres": ("designation_form", "full_name"),
    "\u00a0900 Ceres": ("designation_form", "full_name"),
    "\u200d900 Ceres": ("designation_form", "full_name"),
    "900 Ce\nres": ("designation_form", "full_name"),
    "()": ("designation_form", "full_name"),
    "((2022 AB))": ("designation_form", "full_name"),
    "(2022 AB": ("designation_form", "full_name"),
    "(2022 OH11)": "2022 OH11",
    "( 2022 OH12)": " 2022 OH12",
    "(caf\u00e9 1)": "caf\u00e9 1",  # composed and decomposed are two keys, as every engine compares them
    "(cafe\u0301 1)": "cafe\u0301 1",
    "(2022'; drop)": "2022'; drop",
    " \u00a0 ": ("designation_form", "full_name"),
    "   ": ("no_designation", "full_name"),
    "": ("no_designation", "full_name"),
    None: ("no_designation", "full_name"),
    Raw("900999"): ("designation_form", "full_name"),
    Raw("true"): ("designation_form", "full_name"),
    Raw('["901000 Ceres"]'): ("designation_form", "full_name"),
    Raw('"901001 A\\u0000B"'): ("bad_character", ""),
    Raw('"901002 A\\ud800B"'): ("bad_character", ""),
    Raw('"901003 \\ud83d\\ude80"'): "901003",
}
COMETS_NAMED = {
    "9001P/Halley": "9001P",
    "9002P": "9002P",
    "9003P/Schwassmann-Wachmann 3-AA": "9003P-AA",
    "9003P/Schwassmann-Wachmann 3-B": "9003P-B",
    "9004P/Ikeya-Murakami-A1": "9004P-A1",
    "9005P/Tempel-Swift-LINEAR": "9005P",
    "9006D/Biela": "9006D",
    "9007I/'Oumuamua": "9007I",
    "C/1995 O9 (Hale-Bopp)": "1995 O9",
    "C/1995  O8  (Two  blanks)": "1995 O8",
    "P/2013 R9-A (Catalina-PANSTARRS)": "2013 R9-A",
    "P/2013 R9-B1 (Catalina-PANSTARRS)": "2013 R9-B1",
    "D/1993 F9-AB": "1993 F9-AB",
    "C/-43 K9 (Great comet)": "-43 K9",
    "X/1106 C9 (a (b) c)": "1106 C9",
    "9008P/Somebody\u2010AA": "9008P",  # a hyphen that is none
    "Q/2020 A9": ("designation_form", "full_name"),
    "c/2020 A9": ("designation_form", "full_name"),
    "C/2020A9": ("designation_form", "full_name"),
    "C/2020 A9 Lovejoy": ("designation_form", "full_name"),
    "9009p/lower": ("designation_form", "full_name"),
    "9010P Halley": ("designation_form", "full_name"),
}
KEPT_AS_TEXT = {
    "orbit_id": {"JPL '7\"": "JPL '7\"", Raw("9007199254740993"): "9007199254740993", Raw("false"): "false"}
}
FLAGS = [
    ("neo", "y", ("unknown_flag", "neo")),
    ("neo", Raw("true"), ("unknown_flag", "neo")),
    ("class", "amo", ("unknown_class", "class")),
    ("class", Raw("1"), ("unknown_class", "class")),
    ("class", "AMO\u200d", ("unknown_class", "class")),
    ("class", " AMO ", {"class_code": "AMO"}),
    ("extent", "12 x 13", {"extent_x_km": 12.0, "extent_y_km": 13.0, "extent_z_km": None}),
    ("extent", "12x13x14.5", {"extent_x_km": 12.0, "extent_y_km": 13.0, "extent_z_km": 14.5}),
    ("extent", "12 \u00d7 13", ("extent_form", "extent")),
    ("extent", "12", ("extent_form", "extent")),
    ("extent", "1e1 x 2", ("extent_form", "extent")),
    ("extent", "1x2x3x4", ("extent_form", "extent")),
    ("extent", Raw("12.5"), ("extent_form", "extent")),
    ("extent", f"{'9' * 400} x 1", ("extent_form", "extent")),
    ("rot_per", "1e-400", ("out_of_range", "rot_per")),
    ("rot_per", "-0", ("out_of_range", "rot_per")),
    ("H", "50.000001", ("out_of_range", "h")),
    ("moid", "-0", {"moid_au": 0.0, "moid_source": "jpl"}),
    ("moid", "-1e-300", ("out_of_range", "moid")),
    ("e", "1e-400", ("elements_disagree", "q")),
    ("i", "180.00000000000000000000001", {"inclination_deg": 180.0}),
    ("diameter", "10000.0000001", ("out_of_range", "diameter")),
]


def _odd_rows() -> list[Odd]:
    found: list[Odd] = []

    def add(label: str, changed: Mapping[str, Any], becomes: Becomes, designation: str = "") -> None:
        number = str(800_001 + len(found))
        body = {**EROS, "full_name": f"{number} Odd", **changed}
        found.append(Odd(label, body, becomes, designation or number))

    for value in NOT_A_NUMBER:
        add(f"tp {value!r}", {"tp": value}, ("not_a_number", "tp"))
    for value, number in NUMBERS.items():
        add(f"tp {value!r}", {"tp": value}, {"perihelion_jd": number})
    for name, becomes in NAMES.items():
        number = str(800_001 + len(found))
        kept = name if becomes == "as it is" else becomes
        add(name[:50], {"full_name": f"{number} {name}"}, {"full_name": f"{number} {kept}".rstrip(" ")})
    for base, names in ((EROS, NAMED), (COMETS[0], COMETS_NAMED)):
        for full_name, becomes in names.items():
            is_kept = isinstance(becomes, str)
            add(
                f"full_name {full_name!r}",
                {**dict.fromkeys(EROS), **spelled(base), "full_name": full_name},
                {"designation": becomes} if is_kept else becomes,
                becomes if is_kept else "",
            )
    for column, value, becomes in FLAGS:
        add(f"{column} {value!r}", {column: value}, becomes)
    for column, texts in KEPT_AS_TEXT.items():
        for value, text in texts.items():
            add(f"{column} {value!r}", {column: value}, {column: text})
    return found


def spelled(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body under the field names that asteroids have."""
    return {{"epoch.mjd": "epoch_mjd", "per.y": "per_y"}.get(name, name): value for name, value in body.items()}


ODD_ROWS = _odd_rows()
