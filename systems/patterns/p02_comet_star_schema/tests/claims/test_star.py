"""What a star schema must be: every fact finds its members, sums stay sums, increments equal a rebuild."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import comet_oracle as oracle
from comet_deliveries import catalogue, systems_of
from comet_scenario import SAMPLE, SURVEYS, dirty, told
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orrery.claims import Trial

FACT_KEYS = {
    "star_key": "dim_star",
    "method_key": "dim_method",
    "facility_key": "dim_facility",
    "discovery_date_key": "dim_date",
    "update_date_key": "dim_date",
}
# what identifies a row of each table of the star, beside its surrogate keys
DIMENSIONS = {
    "p02_comet.dim_star": "star_key",
    "p02_comet.dim_method": "method_key",
    "p02_comet.dim_facility": "facility_key",
    "p02_comet.dim_date": "",
}
deliveries_in_turn = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 400)), min_size=1, max_size=4)


def star(trial: Trial) -> dict[str, list[tuple[Any, ...]]]:
    """Everything of the star but surrogate keys and the number of the load, in an order of its own."""
    found = {"discoveries": sorted(map(str, trial.rows()))}
    for table, key in DIMENSIONS.items():
        rows = [{name: value for name, value in row.items() if name != key} for row in trial.target.rows(table)]
        found[table] = sorted(map(str, rows))
    return found  # type: ignore[return-value]


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
    phases=[Phase.generate],  # to make an example smaller would load hundreds
)
@given(turns=deliveries_in_turn)
def test_increments_equal_a_rebuild(trial: Trial, turns: list[tuple[str, int]]) -> None:
    trial.target.reset()
    for path in (trial.folder / "inbox").glob("*"):
        path.unlink()
    files = [(f"{name}.xml", dirty(seed)) for name, seed in turns]
    for name, content in files:
        trial.run(trial.deliver(name, content))
    trial.holds(told(files))
    by_increments, as_it_lies = star(trial), trial.target.state()
    # derived again in place: not a tuple is written, no surrogate key changes
    assert trial.run(trial.folder / "inbox", "--set", "mode=full")["nothing_new"] is True
    assert trial.target.state() == as_it_lies
    # and from nothing
    trial.target.connection.execute("delete from p02_comet.fct_discovery")
    for table in ("star", "method", "facility"):
        trial.target.connection.execute(f"delete from p02_comet.dim_{table} where {table}_key > 0")
    trial.run(trial.folder / "inbox", "--set", "mode=full")
    assert star(trial) == by_increments


def test_every_fact_finds_its_members(trial: Trial) -> None:
    for number in (7, 8):
        trial.run(trial.deliver("a.xml", dirty(number)))
    facts = trial.target.rows("p02_comet.fct_discovery")
    assert len(facts) > 50
    for key, table in FACT_KEYS.items():
        name = "date_key" if table == "dim_date" else key
        members = {row[name] for row in trial.target.rows(f"p02_comet.{table}")}
        assert -1 in members
        assert {row[key] for row in facts} <= members, key
    # not by luck: the server holds them, and lets nothing in that finds no member
    constraints = trial.target.query(
        "select conrelid::regclass::text as of, confrelid::regclass::text as to, convalidated from pg_constraint"
        " where contype = 'f' and conrelid = 'p02_comet.fct_discovery'::regclass"
    )
    assert sorted(each["to"] for each in constraints) == sorted(f"p02_comet.{table}" for table in FACT_KEYS.values())
    assert all(each["convalidated"] for each in constraints)
    # a planet whose star is not known goes round the member -1, and is counted there
    told_by_oracle = oracle.discoveries(oracle.after([("a.xml", dirty(7)), ("a.xml", dirty(8))], SURVEYS), SURVEYS)
    assert sum(row["star_key"] == -1 for row in facts) == sum(row["star_name"] is None for row in told_by_oracle) > 0


def test_sums_equal_the_source(trial: Trial) -> None:
    trial.run(trial.deliver("catalogue.xml", SAMPLE))
    source = oracle.discoveries(oracle.after([("catalogue.xml", SAMPLE)], SURVEYS), SURVEYS)
    measures = ("mass_mj", "radius_rj", "period_days", "semi_major_axis_au", "eccentricity", "temperature_k")
    for by in ("method", "facility", "discovery_year", "spectral_class"):
        wanted: dict[Any, list[Any]] = {}
        for row in source:
            sums = wanted.setdefault(row[by], [0, *(Decimal(0) for _ in measures)])
            sums[0] += 1
            for at, name in enumerate(measures, start=1):
                sums[at] += row[name] or 0
        columns = ", ".join(f"coalesce(sum({name}), 0) as {name}" for name in measures)
        found = trial.target.query(
            f"select {by}, count(*) as planets, {columns} from p02_comet.discoveries group by {by}"
        )
        assert {row[by]: [row["planets"], *(row[name] for name in measures)] for row in found} == wanted
    # the views of sql/queries.sql count each planet once
    for view in ("discoveries_by_year", "what_methods_see", "surveys"):
        assert trial.target.query(f"select sum(planets) as n from p02_comet.{view}") == [{"n": len(source)}]


def test_late_stars_and_retracted_planets(trial: Trial) -> None:
    planet = b"<planet><name>X-1 b</name><list>Confirmed planets</list><mass errorplus='1'>2</mass></planet>"

    def system(star: bytes, *planets: bytes) -> bytes:
        return catalogue([b"<system><name>X-1</name><star>" + star + b"".join(planets) + b"</star></system>"])

    def fact() -> dict[str, Any]:
        [found] = trial.rows()
        return found

    # the star comes broken: its planet goes round a member that is known by name only
    trial.run(trial.deliver("day-1.xml", system(b"<name>X-1</name><mass>heavy</mass>", planet)))
    assert (fact()["star_name"], fact()["star_is_inferred"], fact()["star_mass_sun"]) == ("X-1", True, None)
    [before] = trial.target.query("select star_key from p02_comet.fct_discovery")
    # late, as it should be: the same member is filled, and the fact need not be written again
    summary = trial.run(trial.deliver("day-2.xml", system(b"<name>X-1</name><mass>1.1</mass>", planet)))
    assert summary["changes"]["p02_comet.dim_star"] == {"inserted": 0, "updated": 1, "deleted": 0}
    assert summary["changes"]["p02_comet.fct_discovery"] == {"inserted": 0, "updated": 0, "deleted": 0}
    assert (fact()["star_is_inferred"], fact()["star_mass_sun"]) == (False, Decimal("1.1"))
    assert trial.target.query("select star_key from p02_comet.fct_discovery") == [before]
    # a corrected measurement
    corrected = planet.replace(b">2<", b">2.5<")
    trial.run(trial.deliver("day-3.xml", system(b"<name>X-1</name><mass>1.1</mass>", corrected)))
    assert (fact()["mass_mj"], fact()["mass_error_plus"]) == (Decimal("2.5"), Decimal(1))
    # retracted, then found after all, then left out of the system
    retracted = corrected.replace(b"Confirmed planets", b"Retracted planet candidate")
    summary = trial.run(trial.deliver("day-4.xml", system(b"<name>X-1</name><mass>1.1</mass>", retracted)))
    assert summary["changes"]["p02_comet.fct_discovery"] == {"inserted": 0, "updated": 0, "deleted": 1}
    assert trial.target.query("select status from p02_comet_operational.planet") == [{"status": "retracted"}]
    trial.run(trial.deliver("day-5.xml", system(b"<name>X-1</name><mass>1.1</mass>", corrected, b"")))
    assert fact()["planet_name"] == "X-1 b"
    trial.run(trial.deliver("day-6.xml", system(b"<name>X-1</name><mass>1.1</mass>")))
    assert trial.rows() == []
    assert trial.target.rows("p02_comet_operational.planet") == []
    # a hand that writes to the operational schema is seen as well
    trial.run(trial.deliver("day-7.xml", system(b"<name>X-1</name><mass>1.1</mass>", planet)))
    trial.target.connection.execute("update p02_comet_operational.planet set mass_mj = 3 where name = 'X-1 b'")
    summary = trial.run(trial.folder / "inbox" / "day-7.xml")
    assert "nothing_new" not in summary
    assert summary["changes"]["p02_comet.fct_discovery"] == {"inserted": 0, "updated": 1, "deleted": 0}
    assert fact()["mass_mj"] == 3


def test_systems_outside_of_a_delivery_are_not_touched(trial: Trial) -> None:
    fragments = systems_of(SAMPLE)
    trial.run(trial.deliver("all.xml", catalogue(fragments)))
    before = trial.target.query("select xmin::text, * from p02_comet.fct_discovery")
    summary = trial.run(
        trial.deliver("few.xml", catalogue([each.replace(b"<mass>", b"<mass>1") for each in fragments[:9]]))
    )
    written = [
        row for row in trial.target.query("select xmin::text, * from p02_comet.fct_discovery") if row not in before
    ]
    assert len(written) == summary["changes"]["p02_comet.fct_discovery"]["updated"] > 3
    assert len({row["system_name"] for row in written}) <= 9
    assert len(trial.target.rows("p02_comet.fct_discovery")) == len(before)
