"""A run on what JPL answers now, against a service that answers as it does; and without a way there."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jpl_service as fake
import pytest
from jpl_service import Service
from orbit_scenario import ORBIT

from orrery import catalogue
from orrery.claims import Trial
from orrery.testing import Result, Target

TODAY, TOMORROW = "2022-08-09", "2022-08-10"


@pytest.fixture
def target(warehouse_home: Path) -> Iterator[Target]:
    """Orbit's target: this folder is deeper than the common fixture looks."""
    system = next(each for each in catalogue.systems() if each.slug == "p04_orbit")
    found = Target(warehouse_home, system)
    found.reset()
    yield found
    assert not found.broken_invariants()
    found.close()


@pytest.fixture
def trial(target: Target, orrery_run: Callable[[list[str]], Result], tmp_path: Path) -> Iterator[Trial]:
    with Trial(ORBIT, target, orrery_run, tmp_path / "work") as on_trial:
        yield on_trial


def at(trial: Trial, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connectors ask there, and do not wait long."""
    fetch: Any = catalogue.function(trial.target.system, "fetching:answers")
    quick = ("--pause", "0.01", "--connect", "2", "--retries", "1", "--backoff", "0.01")
    monkeypatch.setitem(fetch.__globals__, "SERVICE", ("--base", base, *quick))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_what_the_service_answers_is_kept_and_loaded(
    trial: Trial, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(trial, service.base, monkeypatch)
    words = ("--set", "source=jpl", "--date", TODAY)
    summary = trial.run(None, *words)
    kept = trial.target.home / "answers" / "p04_orbit" / TODAY
    assert sorted(path.name for path in kept.iterdir()) == sorted(each["name"] for each in summary["files"])
    assert {each["kind"] for each in summary["files"]} == {"small_bodies", "close_approaches"}
    assert sum(each["read"] for each in summary["files"]) == summary["steps"][0]["rows"]["read"] > 0
    assert len(trial.rows()) == sum(each["kept"] for each in summary["files"] if each["kind"] == "small_bodies")
    asked = len(service.log)
    assert trial.run(None, *words)["nothing_new"] is True
    assert len(service.log) == asked, "what was asked for on this day is not asked for again"
    loaded = trial.rows()
    at(trial, nobody(), monkeypatch)
    offline = trial.call(trial.arguments(None, "--set", "source=jpl", "--date", TOMORROW))
    assert offline.exit_code == 0, offline.stderr
    assert "what was loaded before stays" in offline.stderr
    assert trial.rows() == loaded, "the sample is not landed over what JPL said"


def nobody() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}/"


def test_without_a_way_there_it_says_so_and_takes_the_sample(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    at(trial, nobody(), monkeypatch)
    result = trial.call(trial.arguments(None, "--set", "source=jpl"))
    assert result.exit_code == 0, result.stderr
    assert "offline: " in result.stderr
    assert "the sample is used instead" in result.stderr
    assert len(trial.rows()) == 10_867


def test_an_answer_that_cannot_be_used_ends_the_run(
    trial: Trial, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(trial, service.base, monkeypatch)
    service.always = fake.page_of_html()
    refused = trial.call(trial.arguments(None, "--set", "source=jpl"))
    assert refused.exit_code == 2
    assert "Down for" in refused.stderr
    assert not any(trial.target.state().values())
