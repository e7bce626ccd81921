"""The operational schema, and files that come together, against the oracle: what the view of the star cannot show."""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from typing import Any

import comet_deliveries as deliveries
import comet_oracle as oracle
import pytest
from comet_scenario import FOLDER, SAMPLE, SURVEYS, told

from orrery.claims import Trial

HOSTS = """
    select h.name, s.name as system_name, h.kind, h.is_described, b.name as part_of, h.mass_sun as star_mass_sun,
        h.radius_sun as star_radius_sun, h.temperature_k as star_temperature_k, h.metallicity as star_metallicity,
        h.mag_v as star_mag_v, h.age_gyr as star_age_gyr, h.spectral_type
    from p02_comet_operational.host h join p02_comet_operational.system s using (system_id)
    left join p02_comet_operational.host b on b.host_id = h.part_of_id"""
PLANETS = """
    select p.*, s.name as system_name, h.name as star_name, m.name as method from p02_comet_operational.planet p
    join p02_comet_operational.system s using (system_id) left join p02_comet_operational.host h using (host_id)
    left join p02_comet_operational.method m using (method_id)"""
SYSTEMS = "select * from p02_comet_operational.system"


def holds_the_state(trial: Trial, files: list[tuple[str, bytes]]) -> None:
    """Systems, hosts and planets of every status are those of the oracle, attribute by attribute."""
    state = oracle.after(files, SURVEYS)
    for sql, wanted in ((SYSTEMS, state.systems), (HOSTS, state.hosts), (PLANETS, state.planets)):
        found = {row["name"]: row for row in trial.target.query(sql)}
        assert set(found) == set(wanted)
        for name, row in wanted.items():
            told_of = {column: value for column, value in row.items() if column != "file_name"}
            assert {column: found[name][column] for column in told_of} == told_of, name
    # every star of the operational schema is a member, described or not, and there is no other
    members = {row["star_name"]: row["is_inferred"] for row in trial.target.rows("p02_comet.dim_star")}
    assert members.pop("not known") is False
    assert members == {name: not row["is_described"] for name, row in state.hosts.items()}


def dirty(chance: random.Random) -> bytes:
    return deliveries.dirty(chance.randint(0, 40), SAMPLE, chance.choice([20, 60, 120]))


@pytest.mark.parametrize("seed", range(4))
def test_the_operational_state_is_the_oracles(trial: Trial, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (a seed)
    files: list[tuple[str, bytes]] = []
    for _ in range(4):
        files.append((f"{chance.choice('abc')}.xml", dirty(chance)))
        trial.run(trial.deliver(*files[-1]))
    holds_the_state(trial, files)
    trial.holds(told(files))


@pytest.mark.parametrize("seed", range(4))
def test_files_of_one_load_count_one_after_the_other(trial: Trial, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (a seed)
    files: list[tuple[str, bytes]] = []
    for _ in range(2):
        for path in (trial.folder / "inbox").glob("*"):
            path.unlink()
        batch = [(f"{name}.xml", dirty(chance)) for name in "abcd"[: chance.randint(2, 4)]]
        for name, content in batch:
            trial.deliver(name, content)
        trial.run(trial.folder / "inbox")
        files += batch
    holds_the_state(trial, files)
    trial.holds(told(files))


def test_a_folder_with_a_file_for_each_system(trial: Trial) -> None:
    """As the catalogue's own repository has them; they name nothing in common and are merged at once."""
    files = [(f"{number:04}.xml", each) for number, each in enumerate(deliveries.systems_of(SAMPLE)[:150])]
    for name, content in files:
        trial.deliver(name, content)
    summary: Any = trial.run(trial.folder / "inbox")
    assert len(summary["files"]) == len(files)
    holds_the_state(trial, files)


def test_days_and_surveys_are_what_they_are(trial: Trial) -> None:
    trial.run(trial.deliver("a.xml", SAMPLE))
    members = {row["date_key"]: row for row in trial.target.rows("p02_comet.dim_date")}
    assert members.pop(-1)["precision"] == "not known"
    days = [date(2000, 1, 1) + timedelta(days=number) for number in range((date(2050, 1, 1) - date(2000, 1, 1)).days)]
    for day in days:
        found = members.pop(int(f"{day:%Y%m%d}"))
        assert (found["date"], found["year"], found["month"], found["day"]) == (day, day.year, day.month, day.day)
        assert (found["quarter"], found["weekday"]) == ((day.month + 2) // 3, f"{day:%A}")
    assert {key: (row["precision"], row["year"], row["date"]) for key, row in members.items()} == {
        year * 10_000: ("year", year, None) for year in range(1600, 2101)
    }
    listed = csv.DictReader((FOLDER / "data" / "surveys.csv").read_text(encoding="utf-8").splitlines())
    kinds = {row["facility"]: row["kind"] for row in listed} | {"not known": "not known"}
    assert {row["facility"]: row["kind"] for row in trial.target.rows("p02_comet.dim_facility")} == kinds


def test_the_operational_schema_holds_what_it_refers_to(trial: Trial) -> None:
    trial.run(trial.deliver("a.xml", SAMPLE))
    found = trial.target.query(
        "select conrelid::regclass::text as of, confrelid::regclass::text as refers_to, convalidated from pg_constraint"
        " where contype = 'f' and connamespace = 'p02_comet_operational'::regnamespace"
    )
    names = sorted(f"{row['of']} {row['refers_to']}".replace("p02_comet_operational.", "") for row in found)
    assert names == [
        *(
            "host host",
            "host source",
            "host system",
            "planet facility",
            "planet host",
            "planet method",
            "planet source",
        ),
        *("planet system", "survey facility", "system source"),
    ]
    assert all(row["convalidated"] for row in found)
