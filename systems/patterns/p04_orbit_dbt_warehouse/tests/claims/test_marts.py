"""The marts against the oracle: in one build, in builds that follow each other, and with rows that come late."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from orbit_deliveries import CROSSER, approach, approaches, dirty, of, sample
from orbit_marts_compared import differing
from orbit_oracle import incremental, late, tables
from orbit_project_changed import Changed
from orbit_scenario import CLASSES

from orrery.claims import Files, Trial

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def deliver(trial: Trial, files: Files, *more: str) -> None:
    """Put files into an empty inbox and run on it."""
    for path in (trial.folder / "inbox").glob("*"):
        path.unlink()
    for name, content in files:
        trial.deliver(name, content)
    trial.run(trial.folder / "inbox", *more)


def test_marts_equal_the_oracle(trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in Changed(trial.target.system, tmp_path, monkeypatch).folder.rglob("*__unit_tests.yml"):
        path.unlink()  # here the oracle alone is to judge
    cad = approaches(
        approach("433", "2459801.25", "0.41"), approach("2022 AB", "2459950.0000001", ".02"), approach("1P", "x", "1")
    )
    first = [("asteroids.json", sample("asteroids")), ("cad.json", cad), ("comets.json", sample("comets"))]
    second = [
        ("a.json", dirty(4)), ("b.json", of(CROSSER)), ("cad.json", approaches(approach("433", "2459802.5", "0.3")))
    ]  # fmt: skip
    deliver(trial, first)
    assert differing(trial.target, tables(first, classes=CLASSES)) == []
    deliver(trial, second)
    steps = [(first, None), ([*first, *second], None)]
    wanted = tables([*first, *second], classes=CLASSES)
    wanted |= {"fct_close_approaches": incremental(steps), "late_close_approaches": late(steps)}
    assert differing(trial.target, wanted) == []
    third = [("cad.json", cad)]  # what was there before comes back
    deliver(trial, third, "--set", "mode=full")
    assert differing(trial.target, tables([*first, *second, *third], classes=CLASSES)) == []


def test_late_rows_land_in_their_window(trial: Trial) -> None:
    first = [
        ("asteroids.json", sample("asteroids")),
        (
            "cad-1.json",
            approaches(
                approach("433", "2459700.75", "0.41"),  # 2022-05-01
                approach("433", "2459711.25", "0.39"),  # 2022-05-11, the first day of the window to come
                approach("1036", "2459790.5", "0.5"),
            ),
        ),
    ]
    coming = approaches(
        approach("433", "2459745.75", "0.31"),  # 2022-06-15, in the window of 90 days before 2022-08-09
        approach("433", "2459640.75", "0.35"),  # 2022-03-02, too late
        approach("433", "2459700.5", "0.40"),  # that of 2022-05-01, corrected too late
        approach("2022 AB", "2459710.49", "0.2"),  # 2022-05-10, the day before the window
        approach("2022 AC", "2459710.5", "0.2"),  # 2022-05-11, its first day
        approach("1036", "2459790.75", "0.49"),  # that of 2022-07-30, corrected
    )
    second = [("cad-2.json", coming)]
    deliver(trial, first)
    before = trial.target.query("select * from p04_orbit.fct_close_approaches where approached_on < '2022-05-11'")
    assert len(before) == 1
    deliver(trial, second)
    steps = [(first, None), ([*first, *second], None)]
    wanted = {"fct_close_approaches": incremental(steps), "late_close_approaches": late(steps)}
    assert differing(trial.target, wanted) == []
    facts = {
        row["close_approach_id"]: row for row in trial.target.query("select * from p04_orbit.fct_close_approaches")
    }
    assert facts["433|jpl|2022-06-15"]["approached_on"] == date(2022, 6, 15)
    assert facts["1036|jpl|2022-07-30"]["distance_au"] == 0.49
    assert "433|jpl|2022-03-02" not in facts
    assert facts["433|jpl|2022-05-01"]["distance_au"] == 0.41
    assert [row["close_approach_id"] for row in wanted["late_close_approaches"]] == [
        "2022 AB|jpl|2022-05-10",
        "433|jpl|2022-03-02",
        "433|jpl|2022-05-01",
    ]
    assert [facts[row["close_approach_id"]] for row in before] == before, "what is older stays as it is"
    trial.run(trial.folder / "inbox", "--set", "mode=full")
    assert differing(trial.target, tables([*first, *second], classes=CLASSES)) == []
