"""A user's own table of small bodies: proposed, confirmed, loaded; its marts are those of JPL's answer that says the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import tables_of_bodies as tables
from orbit_marts_compared import differing
from orbit_oracle import tables as oracle
from orbit_scenario import CLASSES
from tables_of_bodies import (
    BODIES,
    SOME,
    as_answer,
    as_array,
    as_csv,
    as_fields,
    as_lines,
    edited,
    kaggle,
    mpc,
    of_mpc,
    proposed,
    sbdb,
)

from orrery.claims import Trial
from orrery.engines import postgres

MARTS = ("dim_small_body", "near_earth_objects", "orbit_class_summary", "fct_close_approaches", "late_close_approaches")
NEAR = [body for body in BODIES if body["class"] in ("AMO", "APO", "ATE", "IEO")]


def wanted(name: str, bodies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The marts of JPL's answer about these bodies."""
    made = oracle([(name, as_answer(bodies))], classes=CLASSES)
    return {mart: made[mart] for mart in MARTS}


def loaded(trial: Trial, name: str, content: bytes) -> tuple[dict[str, Any], Any]:
    """A file, mapped as it is proposed, and loaded: what was said of it, and what the run made."""
    path = trial.deliver(name, content)
    told, draft = proposed(trial, path)
    return told, trial.run(path, "--map", str(edited(draft)))


def test_a_table_is_proposed_and_judged_where_postgresql_is_not_installed(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "is_installed", lambda: False)
    monkeypatch.setattr(postgres, "converter", None)
    path = trial.deliver("sbdb.csv", as_csv([sbdb(body) for body in SOME]))
    _, draft = proposed(trial, path)
    judged = trial.call(["data", "validate", "orbit", str(path), "--map", str(edited(draft)), "--json"])
    assert judged.exit_code == 0, judged.stderr


def test_all_bodies_out_of_an_export_of_sbdb(trial: Trial) -> None:
    told, summary = loaded(trial, "sbdb.csv", as_csv([sbdb(body) for body in BODIES], line_end="\r\n"))
    assert told["missing"] == []
    assert told["filled"]["epoch_mjd"] == {"from": "epoch", "plus": "-2400000.5"}
    assert told["filled"]["per_y"] == {"from": "per", "times": "0.002737850787132101"}
    assert set(told["unused"]) == {"id", "epoch_cal", "equinox", "sigma_e"}
    [file] = summary["files"]
    assert (file["read"], file["kept"], file["kind"]) == (len(BODIES), len(BODIES), "small_bodies")
    assert differing(trial.target, wanted("sbdb.csv", BODIES)) == []
    [there] = trial.target.query("select source, signature_version, rows_read from p04_orbit_raw.files")
    assert there == {
        "source": "sbdb.map.yaml",
        "signature_version": f"map:{summary['fed_by']['sha256'][:12]}",
        "rows_read": len(BODIES),
    }
    [ceres] = trial.target.query("select * from p04_orbit_raw.small_bodies where line = 2")
    assert (ceres["epoch_mjd"], ceres["e"]) == ("59800", BODIES[0]["e"]), "as it is written, but for the other zero"
    assert ceres["record_text"].startswith(f"a{BODIES[0]['orbit_id']},")
    assert ceres["record_text"] in as_csv([sbdb(BODIES[0])]).decode()


@pytest.mark.parametrize(("name", "write"), [("k.csv", as_csv), ("k.ndjson", as_lines), ("k.txt", as_fields)])
def test_a_data_set_of_kaggle_in_every_form(trial: Trial, name: str, write: Callable[..., bytes]) -> None:
    bodies = [*SOME, *NEAR]
    told, summary = loaded(trial, name, write([kaggle(body) for body in bodies]))
    assert told["missing"] == []
    assert {"per", "n", "GM", "BV", "data_arc", "ad"} <= set(told["unused"])
    assert summary["files"][0]["kept"] == len(bodies)
    survive = [
        {key: value for key, value in body.items() if key not in ("orbit_id", "M1", "M2", "tp")} for body in bodies
    ]
    assert differing(trial.target, wanted(name, survive)) == []
    rows = trial.target.query("select line from p04_orbit_raw.small_bodies order by line")
    assert [row["line"] for row in rows] == list(range(2, len(bodies) + 2))


@pytest.mark.parametrize(("name", "write"), [("mpcorb_extended.json", as_array), ("mpcorb.csv", as_csv)])
def test_the_minor_planet_centers_table(trial: Trial, name: str, write: Callable[..., bytes]) -> None:
    bodies = [*SOME, *(body for body in NEAR if body["class"] in tables.TYPES)]
    told, _ = loaded(trial, name, write([mpc(body) for body in bodies]))
    assert told["missing"] == []
    assert told["filled"]["pdes"]["from"] == ["Number", "Principal_desig"]
    assert told["filled"]["class"]["values"]["Hilda"] == "OMB"
    assert any("is_class_confirmed" in each for each in told["said"]["class"] if each.startswith("? "))
    assert differing(trial.target, wanted(name, [of_mpc(mpc(body), body) for body in bodies])) == []


def test_a_table_without_an_epoch_says_what_is_missing(trial: Trial) -> None:
    rows = [{key: value for key, value in kaggle(body).items() if key not in ("epoch_mjd", "ma")} for body in SOME[:30]]
    path = trial.deliver("updated.csv", as_csv(rows))
    told, draft = proposed(trial, path)
    assert told["missing"] == ["epoch_mjd"]
    refused = trial.call(trial.arguments(path, "--map", str(edited(draft))))
    assert (refused.exit_code, trial.rows()) == (2, [])
    assert "epoch_mjd" in refused.stderr
    trial.run(path, "--map", str(edited(draft, columns={"epoch_mjd": {"constant": "59800"}})))
    assert {row["epoch_mjd"] for row in trial.rows()} == {59800.0}


UNITS = {
    "full_name": "Object",
    "e": "e",
    "a": "a (AU)",
    "i": "i (deg)",
    "om": "Node (deg)",
    "w": "w (deg)",
}
UNITS |= {
    "ma": "M (deg)",
    "per_y": "P (yr)",
    "H": "H (mag)",
    "moid": "MOID (AU)",
    "class": "Class",
    "epoch_mjd": "Epoch (TDB)",
}
UNITS |= {"diameter": "Diameter (m)", "rot_per": "rot_per (h)"}


def test_units_in_the_header_and_a_decimal_comma(trial: Trial) -> None:
    numbers = set(UNITS) - {"full_name", "class"}
    rows = []
    for body in SOME:
        one = {header: body.get(key) for key, header in UNITS.items()} | {"Q (AU)": "9.9"}
        if body.get("diameter") is not None:
            one["Diameter (m)"] = f"{float(body['diameter']) * 1000:.3f}"
        headers = [UNITS[key] for key in numbers]
        rows.append(one | {name: str(one[name]).replace(".", ",") for name in headers if one[name] is not None})
    told, _ = loaded(trial, "units.csv", as_csv(rows, delimiter=";"))
    assert told["unused"] == ["Q (AU)"], "the aphelion is not taken for the perihelion"
    assert told["filled"]["diameter"] == {"from": "Diameter (m)", "decimal": ",", "times": "0.001"}
    assert any("by its size MJD is taken" in each for each in told["said"]["epoch_mjd"])
    assert differing(trial.target, wanted("units.csv", [{key: body.get(key) for key in UNITS} for body in SOME])) == []


def test_tables_of_several_forms_in_one_folder(trial: Trial) -> None:
    one, two, three = ([kaggle(body) for body in SOME[at : at + 20]] for at in (0, 20, 40))
    _, draft = proposed(trial, trial.deliver("a.csv", as_csv(one)))
    trial.deliver("b.ndjson", as_lines(two))
    trial.deliver("c.json", as_array(three))
    trial.deliver("d.xml", b"<no/>")
    summary = trial.run(trial.folder / "inbox", "--map", str(edited(draft)))
    assert [(each["name"], each["kept"]) for each in summary["files"]] == [
        ("a.csv", 20),
        ("b.ndjson", 20),
        ("c.json", 20),
    ]
    assert len(trial.rows()) == 60
    known = json.loads((trial.target.home / "runs" / summary["run_id"] / "run.json").read_text())
    assert known["fed_by"]["file"] == "a.map.yaml"
