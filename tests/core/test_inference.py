"""What `data infer` finds in small files made for one thing each, and the files that it will not take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orrery import catalogue, contracts, files
from orrery.errors import ManifestBroken
from orrery.inference import columns, dialects, maps
from orrery.inference.maps import Proposal
from orrery.testing import Result, orrery


@pytest.fixture
def infer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def run(content: bytes, name: str = "a.csv") -> Result:
        (tmp_path / name).write_bytes(content)
        return orrery("data", "infer", name, "--json", "--force")

    return run


def column(infer: Any, values: list[str], header: str = "x") -> dict[str, Any]:
    lines = [f'"{value}",{number}' for number, value in enumerate(values)]
    found: dict[str, Any] = infer("\n".join([f"{header},other", *lines]).encode() + b"\n").json["columns"][0]
    return found


DAYS = range(1, 29)


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        ([str(n) for n in range(60)], "integer", {}),
        ([str(n + 9 * 10**17) for n in range(60)], "bigint", {}),
        ([f"{n:05d}" for n in range(60)], "text", {}),
        ([f"{n}.25" for n in range(60)], "numeric(12,2)", {}),
        ([f"{n},5" for n in range(60)], "numeric(11,1)", {"decimal": ","}),
        ([f"{n},000.5 " for n in range(1, 60)], "numeric(11,1)", {"thousands": ","}),
        ([f"{n}.000,50" for n in range(1, 60)], "numeric(11,1)", {"thousands": ".", "decimal": ","}),
        ([f"${n}" for n in range(60)], "integer", {"strip": ["$"]}),
        ([f"{n} km" for n in range(60)], "integer", {"strip": ["km"]}),
        ([f"S{n}" for n in range(60)], "text", {}),
        ([f"({n}.00)" for n in range(60)], "text", {}),
        ([f"{'$' if n % 2 else '€'}{n}" for n in range(60)], "text", {}),
        ([f"{n}e-3" for n in range(60)], "double precision", {}),
        ([f"0.{n:012d}1" for n in range(60)], "double precision", {}),
        (["true", "false"] * 30, "boolean", {}),
        (["ja", "nein"] * 30, "boolean", {"is_true": ["ja"], "is_false": ["nein"]}),
        (["0", "1"] * 30, "integer", {}),
        ([f"2024-01-{day:02d}" for day in DAYS], "date", {"formats": ["%Y-%m-%d"]}),
        ([f"{day:02d}/01/2024" for day in DAYS], "date", {"formats": ["%d/%m/%Y"]}),
        ([f"01/{day:02d}/2024" for day in DAYS], "date", {"formats": ["%m/%d/%Y"]}),
        ([f"{day:02d}.01.2024" for day in DAYS], "date", {"formats": ["%d.%m.%Y"]}),
        ([f"2024-01-{day:02d}T10:00:00Z" for day in DAYS], "timestamptz", {"formats": ["%Y-%m-%dT%H:%M:%SZ"]}),
        ([f"2024-01-{day:02d} 10:00" for day in DAYS], "timestamp", {"formats": ["%Y-%m-%d %H:%M"]}),
        ([f"1957 Oct {day:>2} 1928:34" for day in DAYS], "timestamp", {"formats": ["%Y %b %d %H%M:%S"]}),
        (["x", "y"] * 30, "text", {}),
    ],
)
def test_a_column_is_what_all_its_values_say(infer: Any, values: list[str], kind: str, form: dict[str, Any]) -> None:
    found = column(infer, values)
    assert (found["type"], found["form"]) == (kind, form)


def test_day_or_month_first_is_not_guessed(infer: Any) -> None:
    found = column(infer, [f"{day:02d}/{month:02d}/2024" for day in range(1, 13) for month in range(1, 13)])
    assert found["type"] == "text"
    assert "day or month first?" in found["doubts"][0]


def test_a_few_values_that_do_not_read_are_named_with_their_lines(infer: Any) -> None:
    found = column(infer, [str(n) if n not in (7, 50) else "lots" for n in range(200)])
    assert found["type"] == "integer"
    assert found["misfits"] == [[9, "lots"], [52, "lots"]]
    few = column(infer, [str(n) if n % 10 else "lots" for n in range(200)])
    assert few["type"] == "text", "one in ten is no slip"


def test_marks_for_missing_are_found_in_columns_of_a_type_only(infer: Any) -> None:
    rows = [f"{n if n % 7 else 'N/A'},{'x' if n % 3 else 'NULL'}" for n in range(100)]
    told = infer("\n".join(["size,word", *rows]).encode() + b"\n").json
    assert told["dialect"]["missing"] == [""], "what is missing in one column is not so in the others"
    assert told["columns"][0]["form"] == {"missing": ["N/A"]}
    assert told["columns"][0]["values"] == 100 - 15
    assert "'NULL'" in told["columns"][1]["doubts"][0]


@pytest.mark.parametrize(
    ("encoding", "words", "found"),
    [
        ("utf-8", "Größe,naïve", "utf-8"),
        ("latin-1", "Größe,naïve", "iso8859-1"),
        ("cp1252", "Café,5 € – “so”", "cp1252"),
        ("cp1252", "Kunde,5 €", "cp1252"),
        ("cp1250", "Łukasz,Łódź", "cp1250"),
        ("cp1251", "Иван,Москва", "cp1251"),
        ("koi8-r", "Иван,Москва", "koi8-r"),
    ],
)
def test_the_encoding_is_told_by_the_letters_that_it_makes(infer: Any, encoding: str, words: str, found: str) -> None:
    told = infer(("name,town\n" + f"{words}\n" * 20).encode(encoding)).json
    assert told["dialect"]["encoding"] == found
    assert encoding == "utf-8" or "not certain" in told["doubts"][0]


def test_one_line_of_another_encoding_does_not_change_that_of_the_file(infer: Any) -> None:
    lines = ["name,town", *["Müller,Köln"] * 50]
    told = infer("\n".join(lines).encode() + "\nMüller,Köln\n".encode("latin-1")).json
    assert told["dialect"]["encoding"] == "utf-8"
    assert (told["rows"], told["unreadable_rows"]) == (50, 1)
    assert "line 52: not UTF-8" in told["doubts"][-1]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_cuts_alike(infer: Any, delimiter: str) -> None:
    rows = [delimiter.join(["a, b; c", "1,5", f"x|{n}" if delimiter != "|" else str(n)]) for n in range(30)]
    quoted = (
        [delimiter.join(f'"{part}"' for part in row.split(delimiter)) for row in rows] if delimiter in ",;" else rows
    )
    if delimiter in ",;":
        quoted = [delimiter.join(['"a, b; c"', '"1,5"', f"x|{n}"]) for n in range(30)]
    told = infer("\n".join([delimiter.join(["one", "two", "three"]), *quoted]).encode() + b"\n").json
    assert told["dialect"]["delimiter"] == delimiter
    assert [each["header"] for each in told["columns"]] == ["one", "two", "three"]


def test_ragged_rows_are_reported_with_their_lines(infer: Any) -> None:
    told = infer(b"a,b,c\n1,2,3\n4,5\n6,7,8,9\n" + b"1,2,3\n" * 30).json
    assert (told["rows"], told["unreadable_rows"]) == (31, 2)
    assert "line 3: 2 fields" in told["doubts"][-1]


def test_names_are_made_for_a_table_and_are_all_different(infer: Any) -> None:
    told = infer("Größe,a b,a_b,A-B,1st,order,row,file_id,имя\n".encode() + b"1,2,3,4,5,6,7,8,9\n" * 2).json
    names = [each["name"] for each in told["columns"]]
    assert names == ["grosse", "a_b", "a_b_2", "a_b_3", "n_1st", "order", "row_value", "file_id_value", "column_9"]


def test_no_key_is_proposed_where_rows_are_measurements(infer: Any) -> None:
    told = infer(b"sensor,value\n" + b"a,1\nb,2\n" * 30).json
    assert told["key"]["columns"] == []
    assert told["key"]["duplicates"] == 58


def test_two_columns_together_may_be_the_key(infer: Any) -> None:
    rows = [f"{day},{station},7" for day in range(20) for station in "abc"]
    told = infer("\n".join(["day,station,value", *rows]).encode() + b"\n").json
    assert told["key"]["columns"] == ["day", "station"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"a,b\n", "a header and no rows"),
        (b"1,2,3\n4,5,6\n", "no header"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16, by its byte-order mark"),
        (("a,b\n" + "1,2\n" * 50).encode("utf-16-le"), "are NUL: UTF-16"),
        (bytes(range(256)) * 20, "control characters"),
        (b"PK\x03\x04rest of a workbook", "zip, by its first bytes"),
        (b"a,a\n1,2\n", "two columns of one name"),
        (b"# made by X\n# a,b\n1,2\n3,4\n", "lines of comment, one of which looks like the header"),
        (b"# made by X\n# on Monday\n", "lines of comment, and no header behind them"),
        (b"# made by X\n# on Monday\n1,2\n3,4\n", "line 3"),
        (b"sep=;\na;b\n1;2\n", "a line for spreadsheets"),
        (b"Sales 2024;;;\nday;shop;net;gross\n1;a;2;3\n", "a title above the header?"),
    ],
)
def test_what_infer_will_not_take_is_said_with_a_way_to_mend_it(
    infer: Any, tmp_path: Path, content: bytes, told: str
) -> None:
    ended = infer(content)
    assert ended.exit_code == 2
    assert told in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.glob("*.yaml")) == []


def test_lines_of_comment_before_the_header_are_found(infer: Any) -> None:
    rows = "".join(f"{number},#{number},x\n" for number in range(60))
    for above in (["# made by X, on Monday"], ["# made by X", "#", "#a,b"], ["#"] * 20_000, ["#" + "y" * 300_000]):
        for mark in ("", "\ufeff"):
            told = infer((mark + "".join(f"{line}\r\n" for line in above) + f"a,b,c\n{rows}").encode()).json
            assert told["dialect"]["comment"] == "#"
            assert f"{len(above):,} lines of comment before the header, each begins with '#'" in told["evidence"]
            assert [each["header"] for each in told["columns"]] == ["a", "b", "c"]
            assert (told["rows"], told["unreadable_rows"], told["columns"][1]["values"]) == (60, 0, 60)
    assert contracts.load(Path(told["draft"])).written_as().comment == "#", "and the draft says so"


def test_a_header_that_begins_like_a_comment_is_the_header(infer: Any) -> None:
    for header in ("# name,size,kind", "#,size,kind"):
        told = infer((header + "\n" + "x,1,y\nz,2,#\n" * 30).encode()).json
        assert "comment" not in told["dialect"]
        assert [each["header"] for each in told["columns"]] == header.split(",")
        assert len([each for each in told["evidence"] if "delimiter" in each]) == 1
    assert "comment" not in infer(b"name,size\n#1,2\n#3,4\n").json["dialect"]


def test_a_comment_with_as_many_commas_is_a_comment_where_no_row_stands_below_it(infer: Any) -> None:
    told = infer(b"# made by X, on Monday\n# of all\nname,size\nx,1\ny,2\n").json
    assert (told["dialect"]["comment"], told["rows"]) == ("#", 2)


def test_a_compressed_file_is_read_as_it_is(infer: Any) -> None:
    import gzip

    told = infer(gzip.compress(b"name,size\nx,1\ny,2\n"), "sizes.csv.gz").json
    assert told["draft"] == "sizes.odcs.yaml"
    assert [each["type"] for each in told["columns"]] == ["text", "integer"]


def test_a_number_that_may_mean_another_is_doubted(infer: Any) -> None:
    for values in ([f"{n},000" for n in range(1, 60)], [f"{n}.000" for n in range(1, 60)]):
        found = column(infer, values)
        assert "it could as well be" in found["doubts"][0]
    assert column(infer, [f"{n}.25" for n in range(60)])["doubts"] == []
    assert column(infer, [f"202401{day:02d}" for day in DAYS])["doubts"][0].startswith("it could as well be date")


def test_a_comma_among_points_may_be_a_decimal_point_too(infer: Any) -> None:
    orbits = [f"2.{n}" for n in range(700, 711)]
    assert any("for decimals?" in doubt for doubt in column(infer, [*orbits, "2,924"])["doubts"])
    prices = [f"{n}.50" for n in range(700, 711)]
    assert not any("for decimals?" in doubt for doubt in column(infer, [*prices, "2,924.10"])["doubts"])


def test_a_mark_of_one_column_takes_nothing_from_another(infer: Any) -> None:
    rows = [f"{('NA', 'DE', 'FR')[n % 3]},{n if n % 5 else 'NA'}" for n in range(60)]
    told = infer("\n".join(["country,amount", *rows]).encode() + b"\n").json
    assert [each["values"] for each in told["columns"]] == [60, 48]
    assert [each["form"] for each in told["columns"]] == [{}, {"missing": ["NA"]}]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"+49300000{n:03d}" for n in range(60)], "text"),
        ([f"{n}e5" for n in range(60)], "text"),
        ([f"0.{'1234567890' * 2}{n:05d}1" for n in range(60)], "numeric(36,26)"),
        ([f"{n}.123456789" for n in range(60)], "double precision"),
    ],
)
def test_no_digit_and_no_sign_is_lost(infer: Any, values: list[str], kind: str) -> None:
    assert column(infer, values)["type"] == kind


def test_a_column_that_rises_is_no_number_of_the_row(infer: Any) -> None:
    found = column(infer, [str(100 + 3 * n * n) for n in range(60)], header="index")
    assert not found["is_ignored"]
    assert column(infer, [str(n) for n in range(60)], header="index")["is_ignored"]


def test_a_text_that_says_something_names_nothing(infer: Any) -> None:
    rows = [f"{chr(97 + n % 26) * 300}{n},{n % 7},{n % 11}" for n in range(60)]
    told = infer("\n".join(["letter,day,hour", *rows]).encode() + b"\n").json
    assert told["key"]["columns"] == ["day", "hour"]


def test_printed_commands_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shlex

    monkeypatch.chdir(tmp_path)
    name = "Meine Daten (2020) – it's.csv"
    (tmp_path / name).write_bytes(b"name,size\nx,1\ny,2\n")
    line = orrery("data", "infer", name).stdout.splitlines()[-1]
    words = shlex.split(line)
    assert words[-5:] == ["validate", "meteor", name, "--contract", name.replace(".csv", ".odcs.yaml")]


def test_a_column_that_is_nearly_the_key_is_named(infer: Any) -> None:
    rows = [f"A{n},{n % 9}" for n in range(60)] + ["A5,77"]
    told = infer("\n".join(["order,size", *rows]).encode() + b"\n").json
    assert any(doubt.startswith("order alone has 60 different values in 61") for doubt in told["key"]["doubts"])


@pytest.mark.parametrize(
    "rule",
    ['column = "no_such"', 'column = "planet"\nnam = ["x"]', 'names = ["x"]', 'column = "planet"\nlook = "round"', "="],
)
def test_a_rule_of_own_data_that_is_not_understood_is_named(tmp_path: Path, rule: str) -> None:
    with pytest.raises(ManifestBroken):
        proposal(tmp_path, f"[[fill]]\n{rule}\n")


def test_a_rule_says_unit_signs_and_doubts(tmp_path: Path) -> None:
    rules = """
[[fill]]
column = "mass_mj"
names  = ["m"]
times  = 0.00001
strip  = ["~"]
doubt  = "of which unit?"

[[fill]]
column = "status"
constant = "confirmed"
doubt  = "nobody says"

[[fill]]
column = "mass_error_plus"
names  = ["e", "m err"]
error_of = "mass_mj"
"""
    found = proposal(tmp_path, rules)
    assert found.filled["mass_mj"] == {"from": "m", "strip": ["~"], "times": "0.00001"}, "as it is written, no 1e-05"
    assert found.filled["mass_error_plus"] == {"from": "m_err"}
    assert "? of which unit?" in found.said["mass_mj"]
    assert "? nobody says" in found.said["status"]
    assert (found.missing, found.unused) == (["planet"], ["e"])


def test_a_rule_tells_columns_by_case_and_size_and_takes_another_where_one_is_missing(tmp_path: Path) -> None:
    rules = """
[[fill]]
column  = "planet"
names   = ["number"]
or_else = ["Desig"]
strip   = ["(", ")"]

[[fill]]
column = "star"
names  = ["q"]
case   = true

[[fill]]
column = "method"
names  = ["epoch"]
above  = 1000000
number = true
plus   = "-2400000.5"

[[fill]]
column = "facility"
names  = ["m"]
above  = 100

[[fill]]
column = "facility"
names  = ["m"]
number = true
"""
    content = b"Number;desig;Q;Epoch;M\n(1);x;1;2459800.5;1,5\n;y;2;2459800.5;2,5\n"
    found = proposal(tmp_path, rules, content)
    assert found.filled == {
        "planet": {"from": ["Number", "desig"], "join": "|", "before": "|", "strip": ["(", ")"]},
        "method": {"from": "Epoch", "plus": "-2400000.5"},
        "facility": {"from": "M", "decimal": ","},
    }
    assert found.unused == ["Q"]
    assert "where that is missing, 'desig'" in found.said["planet"]
    assert "plus -2400000.5: counted from another zero" in found.said["method"]


def proposal(folder: Path, rules: str, content: bytes = b"m,m_err,e\n1,0.5,2\n2,0.5,3\n") -> Proposal:
    (folder / "a.csv").write_bytes(content)
    (folder / "own_data.toml").write_text(rules, encoding="utf-8")
    delivered = files.fingerprint(folder / "a.csv")
    target = contracts.load(catalogue.find("comet").folder / "contracts" / "planets.odcs.yaml")
    with columns.opened(delivered, dialects.look(delivered), lambda _: None) as texts:
        return maps.propose(texts, columns.describe(texts), target, folder / "own_data.toml")
