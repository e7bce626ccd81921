"""Did the script commit? Answered by the load token in the target, on both sides of the moment; another server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from comet_scenario import dirty, told

from orrery import catalogue
from orrery.claims import Trial, differences
from orrery.commit_cut import CommitCut
from orrery.ledger import Ledger
from orrery.testing import Target

Through = Callable[..., CommitCut]
SERVICES = ("--profile", "services")


def states(trial: Trial) -> list[str]:
    """Of all runs, the last first."""
    ledger = Ledger(trial.target.home / "ledger.sqlite")
    found = [run["state"] for run in ledger.runs("p02_comet")]
    ledger.close()
    return found


def test_a_commit_whose_answer_was_lost(trial: Trial, through: Through) -> None:
    """The script fails, and has loaded: the run has succeeded."""
    content = dirty(1)
    cut = through("after", come_back=True)
    ended = trial.call(trial.arguments(trial.deliver("a.xml", content), *SERVICES))
    assert cut.fired == 1
    assert ended.exit_code == 0, ended.stderr
    assert "the data is loaded; the tool failed after its commit" in ended.stderr
    trial.holds(told([("a.xml", content)]))
    assert states(trial) == ["SUCCEEDED"]
    assert trial.run(trial.folder / "inbox" / "a.xml", *SERVICES)["nothing_new"] is True


def test_a_commit_that_never_arrived(trial: Trial, through: Through) -> None:
    content = dirty(2)
    cut = through("before", come_back=True)
    path = trial.deliver("a.xml", content)
    ended = trial.call(trial.arguments(path, *SERVICES))
    assert cut.fired == 1
    assert ended.exit_code == 4, ended.stderr
    assert not any(trial.target.state().values())
    assert states(trial) == ["FAILED"]
    trial.run(path, *SERVICES)
    trial.holds(told([("a.xml", content)]))


@pytest.mark.parametrize(("cut", "ended_as"), [("after", "SUCCEEDED"), ("before", "FAILED")])
def test_nobody_can_say_until_the_server_is_back(trial: Trial, through: Through, cut: str, ended_as: str) -> None:
    content = dirty(3)
    proxy = through(cut, come_back=False)
    path = trial.deliver("a.xml", content)
    ended = trial.call(trial.arguments(path, *SERVICES))
    assert proxy.fired == 1
    assert ended.exit_code == 4, ended.stderr
    assert "nobody can say yet whether it arrived" in ended.stderr
    assert states(trial) == ["UNKNOWN"]
    proxy.come_back = True
    trial.run(path, *SERVICES)
    assert states(trial) == ["SUCCEEDED", ended_as]
    trial.holds(told([("a.xml", content)]))


def test_comet_on_a_server_of_another_version(
    postgres_16: dict[str, str], trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in postgres_16.items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "state"
    monkeypatch.setenv("ORRERY_HOME", str(home))
    there = Target(home, catalogue.find("p02_comet"), profile="services")
    try:
        assert there.connection.info.server_version // 10_000 == 16
        files = [("a.xml", dirty(1)), ("a.xml", dirty(2)), ("b.xml", dirty(3))]
        for name, content in files:
            trial.run(trial.deliver(name, content), *SERVICES)
        assert differences(told(files), there.rows("p02_comet.discoveries"), there.rejects()) == []
        before = there.state()
        assert trial.run(trial.folder / "inbox", "--set", "mode=full", *SERVICES)["nothing_new"] is True
        assert there.state() == before
    finally:
        there.connection.close()
