"""jobs/load.sh as cron calls it: no environment, no terminal, another working folder; one of two firings loads."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from comet_deliveries import catalogue, systems_of
from comet_scenario import FOLDER, SAMPLE, dirty, large, told

from orrery.claims import Trial
from orrery.engines import postgres

LOAD = FOLDER / "jobs" / "load.sh"


@pytest.fixture
def settings(trial: Trial, tmp_path: Path) -> Path:
    """The file that COMET_ENV names: where the database is, which programs to use."""
    binding = trial.target.profile.binding("warehouse", "p02_comet")
    lines = {**postgres.environment(binding), "PSQL": str(postgres.psql()), "PYTHON": sys.executable}
    lines["COMET_STATE"] = str(tmp_path / "state of Comet")
    path = tmp_path / "comet.env"
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in lines.items()), encoding="utf-8")
    return path


def fire(line: str, home: Path) -> subprocess.Popen[str]:
    """What cron does with the command of a crontab line: up to the first bare % by /bin/sh, the rest its input."""
    command, *rest = re.split(r"(?<!\\)%", line)
    given = "\n".join(rest).replace("\\%", "%")
    process = subprocess.Popen(
        ["/usr/bin/env", "-i", f"HOME={home}", "LOGNAME=somebody", "SHELL=/bin/sh", "PATH=/usr/bin:/bin", "/bin/sh", "-c",
         command.replace("\\%", "%")],
        cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    if process.stdin:
        process.stdin.write(given)
        process.stdin.close()
        process.stdin = None
    return process


def crontab_line(settings: Path, files: str) -> str:
    """The line of the README, with these settings and files."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    [line] = re.findall(r"^    (17 3 \* \* \* .*)$", readme, re.MULTILINE)
    line = line.replace("/etc/comet.env", shlex.quote(str(settings))).replace(
        "/opt/comet/jobs/load.sh", shlex.quote(str(LOAD))
    )
    line = line.replace("/srv/inbox/*.xml.gz", files)
    matched = re.fullmatch(r"(?:[0-9*/,-]+ ){5}(.*)", line)
    assert matched, line
    return matched[1]


def test_it_runs_from_cron(trial: Trial, settings: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    inbox = tmp_path / "inbox of a % day"
    inbox.mkdir()
    contents = {f"{name}.xml": dirty(number) for number, name in enumerate("ab")}
    for name, content in contents.items():
        (inbox / name).write_bytes(content)
    line = crontab_line(settings, shlex.quote(str(inbox)).replace("%", "\\%") + "/*.xml")
    process = fire(line, home)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")  # cron mails what stands there
    assert "outcome loaded" in out
    trial.holds(told(list(contents.items())))
    log = tmp_path / "state of Comet" / "load.log"
    assert "loaded: " in log.read_text(encoding="utf-8")
    assert list(home.iterdir()) == []
    again = fire(line, home)
    out, err = again.communicate(timeout=120)
    assert (again.returncode, err) == (0, "")
    assert "outcome nothing_new" in out
    # and what is wrong is said on standard error, in four parts, with the exit code of its kind
    (inbox / "c.xml").write_bytes(SAMPLE[: len(SAMPLE) // 2])
    before = trial.target.state()
    cut = fire(line, home)
    _, err = cut.communicate(timeout=120)
    assert cut.returncode == 2
    assert re.search(r"error 2: c.xml .*\n  looked in:  line .*\n  found:      .*\n  to fix:     ", err), err
    assert trial.target.state() == before


def test_two_firings_one_load(trial: Trial, settings: Path, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.xml"
    content = large("x")
    path.write_bytes(content)
    line = crontab_line(settings, shlex.quote(str(path)))
    both = [fire(line, tmp_path) for _ in range(2)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in both]
    assert sorted(code for _, code in ended) == [0, 5], ended
    [err] = [err for (_, err), code in ended if code == 5]
    assert "Another firing is loading" in err
    assert "load.lock" in err, "on one machine nobody has to ask the server"
    [out] = [out for (out, _), code in ended if code == 0]
    assert "outcome loaded" in out
    trial.holds(told([("catalogue.xml", content)]))
    # from two machines there are two lock files: the server lets one in all the same
    small = tmp_path / "small.xml"
    small.write_bytes(catalogue(systems_of(SAMPLE)[:3]))
    key = int(re.findall(r"lock_number=(-?[0-9]+)", LOAD.read_text(encoding="utf-8"))[0])
    with trial.target.connection.transaction():
        trial.target.connection.execute("select pg_advisory_xact_lock(%s)", (key,))
        refused = fire(crontab_line(settings, shlex.quote(str(small))), tmp_path)
        _, err = refused.communicate(timeout=120)
    assert refused.returncode == 5, err
    assert f"advisory lock {key}" in err
    assert {path.name for path in (tmp_path / "state of Comet").iterdir()} == {"load.lock", "load.log"}
