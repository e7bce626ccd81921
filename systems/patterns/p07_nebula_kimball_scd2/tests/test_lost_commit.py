"""Did the run publish? Answered by the load token in the target, on both sides of the moment; dbt is not asked."""

from __future__ import annotations

from collections.abc import Callable

from nebula_scenario import dirty, told

from orrery.claims import Trial
from orrery.commit_cut import CommitCut
from orrery.ledger import Ledger

Through = Callable[..., CommitCut]
SERVICES = ("--profile", "services")


def states(trial: Trial) -> list[str]:
    """Of all runs, the last first."""
    ledger = Ledger(trial.target.home / "ledger.sqlite")
    found = [run["state"] for run in ledger.runs("p07_nebula")]
    ledger.close()
    return found


def test_a_commit_whose_answer_was_lost_is_a_success(trial: Trial, through: Through) -> None:
    content = dirty(1)
    path = trial.deliver("a.csv", content)
    cut = through("after", come_back=True)
    trial.run(path, *SERVICES)
    assert cut.fired == 1
    trial.holds(told([("a.csv", content)]))
    assert states(trial) == ["SUCCEEDED"]
    before = trial.target.state()
    assert trial.run(path, *SERVICES)["nothing_new"] is True
    assert trial.target.state() == before


def test_a_commit_that_never_arrived_is_a_failed_run(trial: Trial, through: Through) -> None:
    content = dirty(2)
    path = trial.deliver("a.csv", content)
    cut = through("before", come_back=True)
    ended = trial.call(trial.arguments(path, *SERVICES))
    assert cut.fired == 1
    assert ended.exit_code == 4, ended.stderr
    assert "did not arrive" in ended.stderr
    assert states(trial) == ["FAILED"]
    assert trial.rows() == trial.target.rejects() == []
    trial.run(path, *SERVICES)
    trial.holds(told([("a.csv", content)]))


def test_nobody_can_say_until_the_server_is_back(trial: Trial, through: Through) -> None:
    content = dirty(3)
    path = trial.deliver("a.csv", content)
    cut = through("after", come_back=False)
    ended = trial.call(trial.arguments(path, *SERVICES))
    assert cut.fired == 1
    assert ended.exit_code == 4, ended.stderr
    assert states(trial) == ["UNKNOWN"]
    cut.come_back = True
    assert trial.run(path, *SERVICES)["nothing_new"] is True
    assert states(trial) == ["SUCCEEDED", "SUCCEEDED"]
    trial.holds(told([("a.csv", content)]))
