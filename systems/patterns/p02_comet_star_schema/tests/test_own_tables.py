"""A user's own table of planets: mapped, confirmed, loaded; compared with what the csv module reads in it."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import Any

import pytest
import tables_of_planets as tables
import yaml
from comet_deliveries import catalogue
from comet_scenario import SAMPLE
from mapped_tables import OPERATIONAL, agrees, edited, loaded, proposed, validated
from tables_of_planets import expected, held, offset, planet, read, written

from orrery.claims import Trial


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_table_of_the_archive_is_loaded_as_the_csv_module_reads_it(trial: Trial, line_end: str, pack: Any) -> None:
    content = written([planet(number, star=f"Star {number // 3}") for number in range(60)], line_end=line_end)
    path = trial.deliver("ps.csv", pack(content))
    told, draft = proposed(trial, path)
    assert told["missing"] == []
    assert told["dialect"]["comment"] == "#"
    assert "40 lines of comment before the header, each begins with '#'" in told["evidence"]
    assert {"system", "star_radius_sun"} & set(told["empty"]) == {"system"}
    assert "? the file does not say which planets are confirmed: all are taken for it" in told["said"]["status"]
    refused = trial.call(trial.arguments(path, "--map", str(draft)))
    assert (refused.exit_code, trial.rows()) == (3, [])
    summary = trial.run(path, "--map", str(edited(draft)))
    [file] = summary["files"]
    assert (file["read"], file["kept"], file["rejected"]) == (60, 60, 0)
    steps = {step["name"]: step["rows"] for step in summary["steps"]}
    assert steps["unpack"] == steps["load"]
    agrees(trial, content)
    again = trial.run(path, "--map", str(draft))
    assert again["nothing_new"] is True
    assert again["files_known"] == [{"name": "ps.csv", "loaded_as": "ps.csv"}]


def test_what_the_mapping_does_not_fill_is_null_in_every_row(trial: Trial) -> None:
    content = written([planet(number) for number in range(8)])
    path = trial.deliver("ps.csv", content)
    draft = edited(proposed(trial, path)[1], **dict.fromkeys(("mass_mj", "distance_pc", "star_age_gyr", "facility")))
    trial.run(path, "--map", str(draft))
    without = dict.fromkeys(
        ("mass_mj", "mass_error_plus", "mass_error_minus", "distance_pc", "star_age_gyr", "facility")
    )
    assert held(trial.rows(), expected(content)[0]) == [each | without for each in expected(content)]


def test_two_rows_of_one_name_are_both_refused_with_their_own_place_and_text(trial: Trial) -> None:
    rows = [planet(number) for number in range(30)]
    rows[20]["pl_name"] = rows[27]["pl_name"] = rows[4]["pl_name"]
    rows[9] = rows[8]
    content = written(rows)
    path = trial.deliver("ps.csv", content)
    told, draft = proposed(trial, path)
    assert "? 27 different in 30 rows: `data validate` shows what is refused" in told["said"]["planet"]
    edited(draft, status={"constant": "confirmed"})
    said = yaml.safe_load(draft.read_text(encoding="utf-8")) | {"refusedRowsLimit": 0.2}
    draft.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    misfits = validated(trial, path, draft)
    summary = trial.run(path, "--map", str(draft))
    names = Counter(row["pl_name"] for row in read(content))
    wanted = [
        (int(row["line"]), offset(content, int(row["line"])), "pl_name", "duplicate_name", row["text"])
        for row in read(content)
        if names[row["pl_name"]] > 1
    ]
    columns = ("line", "byte_offset", "column", "rule", "record_text")
    assert [tuple(row[name] for name in columns) for row in trial.target.rejects()] == wanted
    assert len(wanted) == 5
    [file] = summary["files"]
    assert (file["read"], file["kept"], file["rejected"]) == (30, 25, 5)
    agrees(trial, content, refused=lambda row: names[row["pl_name"]] > 1)
    # and what was said before is what a run does
    [misfit] = misfits["misfits"]
    assert (misfits["read"], misfits["fits"], misfits["held_back"]) == (30, 25, [])
    assert [(row["line"], row["byte_offset"], row["text"]) for row in misfit["first"]] == [
        (line, at, text) for line, at, _, _, text in wanted
    ]
    assert (misfit["rule"], misfit["column"]) == ("duplicate_name", "pl_name")
    assert {row["message"] for row in trial.target.rejects()} == {misfit["message"]}


def test_of_a_star_that_several_rows_describe_the_last_counts(trial: Trial) -> None:
    rows = [planet(number, star="Sol 2") for number in range(4)] + [planet(9)]
    rows[3] |= dict.fromkeys((*tables.STARS.values(), "st_spectype"), "")  # names it, and says nothing
    content = written(rows)
    loaded(trial, "ps.csv", content)
    agrees(trial, content)
    [star] = {row["star_mass_sun"] for row in trial.rows() if row["star_name"] == "Sol 2"}
    assert float(star) == float(rows[2]["st_mass"]) != float(rows[0]["st_mass"])


def test_a_star_that_is_only_named_is_filled_by_a_later_file(trial: Trial) -> None:
    bare = dict.fromkeys((*tables.STARS.values(), "st_spectype", "sy_dist", "rastr", "decstr"), "")
    rows = [planet(0, star="Named", **bare), planet(1), planet(2)]
    first = written(rows)
    loaded(trial, "one.csv", first)
    agrees(trial, first)
    [named] = [row for row in trial.rows() if row["star_name"] == "Named"]
    assert (named["star_is_inferred"], named["star_mass_sun"]) == (True, None)
    summary = loaded(trial, "two.csv", written([planet(5, star="Named")]))
    assert summary["changes"]["p02_comet.dim_star"]["updated"] == 1
    assert {(row["star_is_inferred"], float(row["star_mass_sun"])) for row in trial.rows() if row["star_name"] == "Named"} == {
        (False, float(planet(5)["st_mass"]))
    }  # fmt: skip
    # a file that names it again takes nothing away; the one that described it does, when it describes it no more
    loaded(trial, "three.csv", written([planet(6, star="Named", **bare), planet(7)]))
    assert not any(row["star_is_inferred"] for row in trial.rows())
    loaded(trial, "two.csv", written([planet(5, star="Named", **bare), planet(8)]))
    assert {(row["star_is_inferred"], row["star_mass_sun"]) for row in trial.rows() if row["star_name"] == "Named"} == {
        (True, None)
    }


def test_rows_that_cannot_be_are_refused_with_column_rule_and_message(trial: Trial) -> None:
    rows = [planet(number) for number in range(60)]
    spoilt = {
        3: ("pl_orbeccen", "1.5", "eccentricity_out_of_range", "not from 0 to before 1"),
        7: ("pl_bmassj", "-1", "mass_mj_out_of_range", "below 0"),
        11: ("pl_bmassj", "heavy", "form", "not a number of type double precision as the form says, like 1160.5"),
        13: ("disc_year", "2150", "discovery_year_out_of_range", "not from 1600 to before 2101"),
        17: ("rowupdate", "2014-02-30", "form", "not a time as the form says: %Y-%m-%d"),
        19: ("pl_orbincl", "360.5", "inclination_deg_out_of_range", "not from -360 to 360"),
        23: ("st_mass", "0", "star_mass_sun_out_of_range", "not above 0"),
        29: ("pl_name", "", "missing", "planet is missing"),
        31: ("pl_name", "K\u200b9", "invisible_characters", "it holds characters that cannot be seen"),
        37: ("pl_orbpererr1", "-0.5", "period_error_plus_out_of_range", "below 0"),
    }
    for at, (column, text, _, _) in spoilt.items():
        rows[at] = planet(0, star=f"Spoilt {at}", pl_orbper="1") | {column: text}
    content = written(rows)
    path = trial.deliver("ps.csv", content)
    told, draft = proposed(trial, path)
    assert told["filled"]["mass_mj"]["from"] == "pl_bmassj"
    said = yaml.safe_load(edited(draft).read_text(encoding="utf-8")) | {"refusedRowsLimit": 0.5}
    draft.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    misfits = validated(trial, path, draft)
    summary = trial.run(path, "--map", str(draft))
    above = next(number for number, line in enumerate(content.splitlines()) if not line.startswith(b"#"))
    wanted = [
        (above + 2 + at, offset(content, above + 2 + at), column, rule, message)
        for at, (column, _, rule, message) in spoilt.items()
    ]
    names = ("line", "byte_offset", "column", "rule", "message")
    assert [tuple(row[name] for name in names) for row in trial.target.rejects()] == wanted
    assert summary["refused_by_rule"] == Counter(rule for _, _, rule, _ in spoilt.values())
    [file] = summary["files"]
    assert (file["read"], file["kept"], file["rejected"]) == (60, 50, 10)
    lines = {line for line, *_ in wanted}
    agrees(trial, content, refused=lambda row: int(row["line"]) in lines)
    found = [
        (row["line"], one["column"], one["rule"], row["message"]) for one in misfits["misfits"] for row in one["first"]
    ]
    assert sorted(found) == [(line, column, rule, message) for line, _, column, rule, message in wanted]
    assert (misfits["read"], misfits["fits"]) == (60, 50)


def test_a_table_adds_to_a_catalogue_and_takes_no_star_out_of_its_system(trial: Trial) -> None:
    wide = b"<binary><name>Pair</name><star><name>Pair A</name></star><star><name>Pair B</name></star></binary>"
    trial.run(trial.deliver("all.xml", catalogue([b"<system><name>Wide</name>" + wide + b"</system>"])))
    loaded(trial, "ps.csv", written([planet(1, star="Pair A"), planet(2, star="Pair"), planet(3, star="Alone")]))
    hosts = trial.target.query(
        f"select h.name, h.kind, s.name as system, b.name as part_of from {OPERATIONAL}.host h"
        f" join {OPERATIONAL}.system s using (system_id) left join {OPERATIONAL}.host b on b.host_id = h.part_of_id"
    )
    assert {tuple(row.values()) for row in hosts} == {
        ("Pair", "binary", "Wide", None),
        ("Pair A", "star", "Wide", "Pair"),
        ("Pair B", "star", "Wide", "Pair"),
        ("Alone", "star", "Alone", None),
    }
    assert {row["system_name"] for row in trial.rows()} == {"Wide", "Alone"}


def test_a_table_after_the_whole_catalogue_changes_what_it_names_and_nothing_else(trial: Trial) -> None:
    trial.run(trial.deliver("all.xml", SAMPLE))
    before = {row["planet_name"]: row for row in trial.rows()}
    content = written([planet(number) for number in range(5)])
    summary = loaded(trial, "ps.csv", content)
    assert summary["changes"]["p02_comet.fct_discovery"] == {"inserted": 5, "updated": 0, "deleted": 0}
    after = {row["planet_name"]: row for row in trial.rows()}
    assert {name: after[name] for name in before} == before
    # and what a file does not bring any more goes, with its stars
    loaded(trial, "ps.csv", written([planet(number) for number in range(4)]), trial.folder / "ps.map.yaml")
    assert set(after) - {row["planet_name"] for row in trial.rows()} == {planet(4)["pl_name"]}
    assert trial.target.query(f"select 1 from {OPERATIONAL}.host where name = 'Star 4'") == []


def test_a_file_beyond_the_limit_of_its_mapping_is_held_back_as_validate_says(trial: Trial) -> None:
    rows = [planet(number, pl_orbeccen="2" if number < 4 else "0") for number in range(30)]
    path = trial.deliver("ps.csv", written(rows))
    draft = edited(proposed(trial, path)[1])
    [held_back] = validated(trial, path, draft)["held_back"]
    assert held_back == "ps.csv: 4 of 30 rows were refused (13.3%); the limit is 10%"
    ended = trial.call(trial.arguments(path, "--map", str(draft)))
    assert (ended.exit_code, trial.rows()) == (3, [])
    assert "refusedRowsLimit" in ended.stderr
    said = yaml.safe_load(draft.read_text(encoding="utf-8")) | {"refusedRowsLimit": 0.14}
    draft.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    assert trial.run(path, "--map", str(draft))["files"][0]["kept"] == 26


def test_several_tables_in_one_run_count_in_the_order_of_their_names(trial: Trial) -> None:
    first, second = written([planet(1), planet(2)]), written([planet(2, pl_bmassj="9.5"), planet(3)])
    draft = edited(proposed(trial, trial.deliver("a.csv", first))[1])
    trial.deliver("b.csv", second)
    summary = trial.run(trial.folder / "inbox", "--map", str(draft))
    assert [(each["name"], each["read"], each["kept"]) for each in summary["files"]] == [
        ("a.csv", 2, 2),
        ("b.csv", 2, 2),
    ]
    masses = {row["planet_name"]: row["mass_mj"] for row in trial.rows()}
    assert len(masses) == 3
    assert float(masses[planet(2)["pl_name"]]) == 9.5


def test_a_table_that_lies_across_blocks_is_the_same(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [planet(number) for number in range(40)]
    rows[35]["pl_name"] = rows[2]["pl_name"]
    content = written(rows, comments=300)
    for module, name in (("records", "BLOCK"), ("delimited", "BLOCK"), ("beginnings", "RECORD_LIMIT")):
        monkeypatch.setattr(f"orrery.{module}.{name}", 4000)
    monkeypatch.setattr("orrery.files.PIECE", 1000)
    summary = loaded(trial, "ps.csv", content)
    assert summary["refused_by_rule"] == {"duplicate_name": 2}
    twice = {rows[2]["pl_name"]}
    assert [row["byte_offset"] for row in trial.target.rejects()] == [
        offset(content, int(row["line"])) for row in read(content) if row["pl_name"] in twice
    ]
    agrees(trial, content, refused=lambda row: row["pl_name"] in twice)
