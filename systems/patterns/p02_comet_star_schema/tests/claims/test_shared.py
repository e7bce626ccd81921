"""What Comet claims as every system does (orrery.claims), against an oracle that shares no code with it."""

from __future__ import annotations

import gzip

from comet_deliveries import catalogue, systems_of
from comet_scenario import PACKED, SAMPLE, dirty

from orrery import claims
from orrery.claims import Trial


def test_rows_are_conserved(trial: Trial) -> None:
    claims.rows_are_conserved(trial)


def test_star_equals_the_oracle(trial: Trial) -> None:
    claims.table_equals_the_oracle(trial, [("catalogue.xml", SAMPLE), ("a.xml", dirty(4)), ("b.xml", dirty(5))])


def test_rerun_changes_nothing(trial: Trial) -> None:
    claims.rerun_changes_nothing(trial)


def test_two_runs_never_interleave(trial: Trial) -> None:
    claims.two_runs_never_interleave(trial)


def test_killed_load_ends_as_undisturbed(trial: Trial) -> None:
    claims.killed_load_ends_as_undisturbed(trial)


def test_own_files_are_loaded_or_named(trial: Trial) -> None:
    fragments = systems_of(SAMPLE)
    one, two, four = (catalogue(fragments[at : at + 50]) for at in (0, 50, 100))
    claims.own_files_are_loaded_or_named(
        trial,
        files={
            "one.xml.gz": gzip.compress(one),
            ".three.xml": b"unfinished",
            "four.xml": b"\xef\xbb\xbf" + four,
            "two.xml": two.replace(b"\n", b"\r\n"),
        },
        plain=[("four.xml", b"\xef\xbb\xbf" + four), ("one.xml.gz", one), ("two.xml", two.replace(b"\n", b"\r\n"))],
        foreign=b'planet,mass\nEarth,"1,0"\n',
    )


def test_steps_show_what_they_cost(trial: Trial) -> None:
    claims.steps_show_what_they_cost(trial, size=len(PACKED), rows=4127)


def test_runs_as_an_ordinary_user() -> None:
    claims.runs_as_an_ordinary_user("comet")
