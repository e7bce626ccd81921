"""What `data map` proposes for tables of planets that others publish, and what comes of it."""

from __future__ import annotations

import csv
import io
from collections import Counter

import yaml
from comet_scenario import SURVEYS
from mapped_tables import agrees, edited, loaded, proposed, statuses
from tables_of_planets import EARTH_MASS, EARTH_RADIUS, planet, read, written

from orrery.claims import Trial


def koi(number: int, disposition: str, name: str = "") -> dict[str, str]:
    """A row of the table of Kepler's objects of interest, made up."""
    row = {"kepid": str(10000000 + number // 2), "kepoi_name": f"K{number:05d}.01", "kepler_name": name}
    row |= {"koi_disposition": disposition, "koi_pdisposition": "CANDIDATE", "koi_vet_date": "2018-08-16"}
    row |= {"koi_period": f"{number + 1}.488", "koi_period_err1": "2.775e-05", "koi_period_err2": "-2.775e-05"}
    row |= {"koi_prad": f"{number + 1}.26", "koi_prad_err1": "0.26", "koi_prad_err2": "-0.15"}
    row |= {"koi_eccen": "0.0", "koi_incl": "89.66", "koi_teq": "793.0", "koi_sma": "0.0853", "koi_steff": "5455.0"}
    row |= {"koi_srad": "0.927", "koi_smass": "0.919", "koi_smet": "0.14", "koi_kepmag": "15.347"}
    return row | {"ra": "291.93423", "dec": "48.141651"}


DISPOSITIONS = {"CONFIRMED": "confirmed", "CANDIDATE": "candidate", "FALSE POSITIVE": "retracted"}


def test_candidates_and_false_positives_stay_out_of_the_star(trial: Trial) -> None:
    content = written([koi(number, list(DISPOSITIONS)[number % 3]) for number in range(30)], comments=60)
    path = trial.deliver("cumulative.csv", content)
    told, draft = proposed(trial, path)
    assert told["filled"]["planet"] == {"from": "kepoi_name"}
    assert told["filled"]["radius_rj"] == {"from": "koi_prad", "times": "0.0892141"}
    assert any(each.startswith("? measured in Kepler's band") for each in told["said"]["star_mag_v"])
    trial.run(path, "--map", str(edited(draft)))
    rows = {row["kepoi_name"]: row for row in read(content)}
    assert statuses(trial) == {name: DISPOSITIONS[row["koi_disposition"]] for name, row in rows.items()}
    confirmed = {name: row for name, row in rows.items() if row["koi_disposition"] == "CONFIRMED"}
    assert {row["planet_name"] for row in trial.rows()} == set(confirmed)
    for row in trial.rows():
        one = confirmed[row["planet_name"]]
        assert row["star_name"] == one["kepid"]
        assert float(row["radius_rj"]) == float(one["koi_prad"]) * EARTH_RADIUS
        assert float(row["radius_error_plus"]) == float(one["koi_prad_err1"]) * EARTH_RADIUS
        assert float(row["radius_error_minus"]) == -float(one["koi_prad_err2"]) * EARTH_RADIUS
        assert float(row["period_error_minus"]) == -float(one["koi_period_err2"])
        assert (row["mass_mj"], row["discovery_year"], row["method"]) == (None, None, None)
    # one that is confirmed later comes in, one that turns out to be none goes
    late = written([koi(1, "CONFIRMED"), koi(0, "FALSE POSITIVE")], comments=60)
    trial.run(trial.deliver("late.csv", late), "--map", str(draft))
    assert {row["planet_name"] for row in trial.rows()} == set(confirmed) - {"K00000.01"} | {"K00001.01"}


def test_a_planet_has_the_name_that_most_rows_give_it(trial: Trial) -> None:
    named = written([koi(number, "CONFIRMED", f"Kepler-{number} b" if number else "") for number in range(9)])
    told, draft = proposed(trial, trial.deliver("koi.csv", named))
    assert told["filled"]["planet"] == {"from": "kepler_name"}
    assert "? 1 rows do not have it, and every row must: they are refused" in told["said"]["planet"]
    summary = trial.run(trial.folder / "inbox" / "koi.csv", "--map", str(edited(draft)))
    assert summary["refused_by_rule"] == {"missing": 1}
    longest = max((prefix for prefix in SURVEYS if "Kepler-1 b".startswith(prefix)), key=len)
    assert {row["facility"] for row in trial.rows()} == {SURVEYS[longest]}, "the survey that the name tells"


def test_a_word_that_means_nothing_known_is_refused_and_a_doubt_before(trial: Trial) -> None:
    content = written([koi(number, "NOT DISPOSITIONED" if number == 5 else "CONFIRMED") for number in range(12)])
    path = trial.deliver("koi.csv", content)
    told, draft = proposed(trial, path)
    doubt = "? 'NOT DISPOSITIONED' (1 rows) means nothing known here: those rows are refused unless you say what"
    assert doubt in told["said"]["status"]
    trial.run(path, "--map", str(edited(draft)))
    [row] = trial.target.rejects()
    assert (row["column"], row["rule"]) == ("koi_disposition", "unknown")
    assert row["record_text"] == read(content)[5]["text"]
    # mended in the mapping, the same file is loaded again
    said = yaml.safe_load(draft.read_text(encoding="utf-8"))
    said["columns"]["status"]["values"]["NOT DISPOSITIONED"] = "candidate"
    draft.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    trial.run(path, "--map", str(draft))
    assert trial.target.rejects() == []
    assert Counter(statuses(trial).values()) == {"confirmed": 11, "candidate": 1}


def test_a_method_that_is_not_known_stays_as_it_is(trial: Trial) -> None:
    content = written([planet(number) for number in range(11)] + [planet(11, discoverymethod="Disk Kinematics")])
    told, _ = proposed(trial, trial.deliver("ps.csv", content))
    assert "? 'Disk Kinematics' (1 rows) means nothing known here: it stays as it is" in told["said"]["method"]
    loaded(trial, "ps.csv", content)
    agrees(trial, content)


def test_earths_masses_become_jupiters_with_the_error_bars_of_the_same_column(trial: Trial) -> None:
    earth = {"pl_bmassj": "pl_bmasse", "pl_radj": "pl_rade"}

    def of(row: dict[str, str]) -> dict[str, str]:
        for old, new in earth.items():
            row = {name.replace(old, new): value for name, value in row.items()}
        return row | {"pl_bmassjerr1": "7"}  # of another column: no error bar of what is taken

    content = written([of(planet(number)) for number in range(12)])
    told, _ = proposed(trial, trial.deliver("ps.csv", content))
    assert told["filled"]["mass_error_minus"] == {"from": "pl_bmasseerr2", "times": "0.00314636", "strip": ["-"]}
    assert "pl_bmassjerr1" in told["unused"]
    loaded(trial, "ps.csv", content)
    rows = {row["pl_name"]: row for row in read(content)}
    for row in trial.rows():
        one = rows[row["planet_name"]]
        for column, header, factor in (("mass_mj", "pl_bmasse", EARTH_MASS), ("radius_rj", "pl_rade", EARTH_RADIUS)):
            text = one[header]
            assert (row[column] is None) == (text == "")
            assert text == "" or float(row[column]) == float(text) * factor


EXOPLANET_EU = """name,planet_status,mass,mass_error_min,mass_error_max,radius,orbital_period,semi_major_axis,eccentricity,\
inclination,temp_calculated,discovered,updated,detection_type,star_name,star_distance,star_mass,star_radius,\
star_sp_type,star_age,star_teff,star_metallicity,mag_v
Made b,Confirmed,19.4,1.5,1.5,,326.03,1.29,0.231,,,2008,2024-01-05,Radial Velocity,Made,110.6,2.7,19.0,G8 III,,4742.0,-0.35,4.74
Up 2 b,Confirmed,14.74,0.3,0.2,1.1,4.5,,0.02,88.5,1200.0,2019,2023-11-02,Primary Transit,Up 2,125.7,1.5,,K0,2.5,4884.0,,5.02
Odd c,Candidate,,,,0.4,9.1,,,,,2020,2022-02-22,Primary Transit,Odd,,,,,,,,
Gone b,Retracted,3.0,,,,,,,,,2001,2022-02-22,Astrometry,Odd,,,,,,,,
"""


def test_a_table_of_exoplanet_eu_is_loaded_with_a_doubt_for_units_that_nobody_says(trial: Trial) -> None:
    told, draft = proposed(trial, trial.deliver("eu.csv", EXOPLANET_EU.encode()))
    assert "comment" not in told["dialect"]
    for column in ("mass_mj", "radius_rj"):
        assert any("does not say its unit" in each for each in told["said"][column] if each.startswith("? "))
    assert told["unused"] == []
    trial.run(trial.folder / "inbox" / "eu.csv", "--map", str(edited(draft)))
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(EXOPLANET_EU))}
    words = {"Confirmed": "confirmed", "Candidate": "candidate", "Retracted": "retracted"}
    assert statuses(trial) == {name: words[row["planet_status"]] for name, row in rows.items()}
    pairs = {"mass_mj": "mass", "mass_error_minus": "mass_error_min", "mass_error_plus": "mass_error_max"}
    pairs |= {"radius_rj": "radius", "period_days": "orbital_period", "semi_major_axis_au": "semi_major_axis"}
    pairs |= {"eccentricity": "eccentricity", "inclination_deg": "inclination", "temperature_k": "temp_calculated"}
    pairs |= {"distance_pc": "star_distance", "star_mass_sun": "star_mass", "star_radius_sun": "star_radius"}
    pairs |= {"star_age_gyr": "star_age", "star_temperature_k": "star_teff", "star_metallicity": "star_metallicity"}
    pairs |= {"star_mag_v": "mag_v", "discovery_year": "discovered"}
    found = {row["planet_name"]: row for row in trial.rows()}
    assert set(found) == {"Made b", "Up 2 b"}
    for name, row in found.items():
        for column, header in pairs.items():
            text = rows[name][header]
            assert (None if row[column] is None else float(row[column])) == (float(text) if text else None), column
        assert row["spectral_type"] == rows[name]["star_sp_type"]
        assert row["updated_on"].isoformat() == rows[name]["updated"]
    assert [row["method"] for row in found.values()] == ["RV", "transit"]


def test_of_a_moment_the_day_is_taken(trial: Trial) -> None:
    rows = [planet(number) for number in range(6)]
    content = written([row | {"rowupdate": f"{row['rowupdate']} 12:01:{at:02d}"} for at, row in enumerate(rows)])
    told, draft = proposed(trial, trial.deliver("ps.csv", content))
    assert told["filled"]["updated_on"] == {"from": "rowupdate", "formats": ["%Y-%m-%d"], "before": " "}
    trial.run(trial.folder / "inbox" / "ps.csv", "--map", str(edited(draft)))
    agrees(trial, written(rows))


def test_numbers_with_another_decimal_mark_are_read_so_and_texts_among_them_are_a_doubt(trial: Trial) -> None:
    lines = ["pl_name;hostname;pl_bmassj;pl_bmassjerr2;pl_radj", 'X b;X;"1,5";-0,25;big', 'Y b;Y;"2,75";-1,5;1.5']
    told, draft = proposed(trial, trial.deliver("mine.csv", "\n".join(lines).encode() + b"\n"))
    assert told["filled"]["mass_error_minus"] == {"from": "pl_bmassjerr2", "decimal": ",", "strip": ["-"]}
    assert "? not all of its values are numbers: those rows are refused" in told["said"]["radius_rj"]
    trial.run(trial.folder / "inbox" / "mine.csv", "--map", str(edited(draft)))
    [row] = trial.rows()
    assert (float(row["mass_mj"]), float(row["mass_error_minus"]), float(row["radius_rj"])) == (2.75, 1.5, 1.5)
    [refused] = trial.target.rejects()
    assert (refused["column"], refused["rule"], refused["line"]) == ("pl_radj", "form", 2)
