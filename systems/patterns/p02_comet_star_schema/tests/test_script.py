"""jobs/load.sh and jobs/unpack.py by themselves: what the database says, what is called wrongly, what changes meanwhile."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from comet_deliveries import catalogue, systems_of
from comet_scenario import FOLDER, SAMPLE, dirty, told

from orrery import effects
from orrery.claims import Trial
from orrery.engines import postgres

LOAD = FOLDER / "jobs" / "load.sh"
SMALL = catalogue(systems_of(SAMPLE)[:20])


class Script:
    """The script with the database of a trial, as somebody's shell has it."""

    def __init__(self, trial: Trial, state: Path) -> None:
        binding = trial.target.profile.binding("warehouse", "p02_comet")
        self.environment = {"PATH": os.defpath, **postgres.environment(binding), "PSQL": str(postgres.psql())}
        self.environment |= {"PYTHON": sys.executable, "COMET_STATE": str(state), "COMET_LOG": "-"}

    def __call__(self, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [LOAD, *map(str, words)],
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def script(trial: Trial, tmp_path: Path) -> Script:
    return Script(trial, tmp_path / "state")


def test_shellcheck_has_nothing_to_say() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("shellcheck"), "-x", LOAD], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], "no file"),
        (["--wrong", "a.xml"], "an option --wrong"),
        (["--landed"], "--landed without a folder"),
        (["--landed", "/nowhere"], "--landed without a folder"),
        (["--landed", ".", "a.xml"], "files and --landed"),
        (["--unpack", ".", "--landed", "."], "--unpack and --landed"),
        (["--landed", "."], "with no files.tsv in it"),
    ],
)
def test_a_wrong_call_says_what_is_right(script: Script, words: list[str], found: str) -> None:
    ended = script(*words)
    assert ended.returncode == 2
    assert found in ended.stderr
    assert "to fix:     load.sh [--full] FILE …" in ended.stderr


@pytest.mark.parametrize("name", ["tab\there.xml", "line\nfeed.xml", "\u2028.xml"])
def test_a_file_name_that_cannot_be_seen_is_refused(script: Script, trial: Trial, name: str) -> None:
    ended = script(trial.deliver(name, SMALL))
    assert ended.returncode == 2, ended.stderr
    assert "rename the file" in ended.stderr
    assert not any(trial.target.state().values())


def test_two_files_of_one_name_and_what_is_no_file(script: Script, trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(SMALL)
    ended = script(trial.deliver("a.xml", SMALL), tmp_path / "a.xml")
    assert (ended.returncode, "two files of this name" in ended.stderr) == (2, True), ended.stderr
    os.mkfifo(tmp_path / "pipe.xml")
    ended = script(tmp_path / "pipe.xml")
    assert (ended.returncode, "not a regular file" in ended.stderr) == (2, True), ended.stderr


def test_settings_that_are_odd(script: Script, trial: Trial, tmp_path: Path) -> None:
    path = trial.deliver("a.xml", SMALL)
    assert script(path, COMET_WAIT="abc").returncode == 2
    assert script(path, COMET_REFUSED_LIMIT="abc").returncode == 2
    assert script(path, COMET_LOG="/nowhere/x.log").returncode == 2
    (tmp_path / "odd[1]").mkdir()
    assert script(path, COMET_STATE=f"{tmp_path / 'odd[1]'}/").returncode == 0
    assert [each.name for each in (tmp_path / "odd[1]").iterdir()] == ["load.lock"]


def test_a_firing_waits_for_the_lock_of_the_server(script: Script, trial: Trial) -> None:
    path = trial.deliver("a.xml", SMALL)
    trial.target.connection.execute("select pg_advisory_lock(%s)", (effects.lock_key("p02_comet"),))
    try:
        ended = script(path, COMET_WAIT="1")
        assert ended.returncode == 5, ended.stderr
    finally:
        trial.target.connection.execute("select pg_advisory_unlock(%s)", (effects.lock_key("p02_comet"),))
    assert script(path, COMET_WAIT="1").returncode == 0


def test_a_name_is_what_the_file_says_whatever_the_clients_encoding(script: Script, trial: Trial) -> None:
    planet = "<planet><name>ε Eri b</name><list>Confirmed planets</list></planet>"
    content = f"<system><name>ε Eri</name><star><name>ε Eri</name>{planet}</star></system>".encode()
    assert script(trial.deliver("a.xml", content), PGCLIENTENCODING="LATIN1").returncode == 0
    assert [row["planet_name"] for row in trial.rows()] == ["ε Eri b"]


def test_what_was_unpacked_before_another_firing_loaded_it_is_known(
    script: Script, trial: Trial, tmp_path: Path
) -> None:
    path, landing = trial.deliver("a.xml", SMALL), tmp_path / "landing"
    landing.mkdir()
    assert script("--unpack", landing, path).returncode == 0
    assert "outcome loaded" in script(path).stdout
    before = trial.target.state()
    assert "outcome nothing_new" in script("--landed", landing).stdout
    assert trial.target.state() == before


def test_a_program_that_breaks_down_is_told(script: Script, trial: Trial, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    ended = script(trial.deliver("a.xml", SMALL), PYTHON=str(broken))
    assert ended.returncode == 1
    assert "load.sh ended where it should not" in ended.stderr


def test_a_file_that_is_not_there(script: Script, trial: Trial, tmp_path: Path) -> None:
    ended = script(tmp_path / "nowhere.xml")
    assert ended.returncode == 2
    assert "nowhere.xml cannot be read" in ended.stderr
    assert "No such file" in ended.stderr
    assert not any(trial.target.state().values())


@pytest.mark.parametrize(
    ("more", "code", "found"),
    [
        ({"PGPORT": "1"}, 4, "Connection refused"),
        ({"PGUSER": "nobody_like_that", "PGPASSFILE": os.devnull}, 7, "password"),
        ({"PGDATABASE": "nowhere"}, 4, "does not exist"),
        ({"PSQL": "no-such-psql"}, 2, "no no-such-psql"),
        ({"COMET_ENV": "/nowhere/comet.env"}, 2, "no file that may be read"),
        ({"COMET_STATE": os.devnull}, 7, "not a folder of user"),
    ],
    ids=["no server", "no such user", "no such database", "no psql", "no settings", "no state folder"],
)
def test_what_the_database_says_has_its_exit_code(
    script: Script, trial: Trial, more: dict[str, str], code: int, found: str
) -> None:
    path = trial.deliver("a.xml", SMALL)
    ended = script(path, **more)
    assert ended.returncode == code, ended.stderr
    assert found in ended.stderr
    assert re.search(rf"error {code}: .*\n  looked in:  .*\n  found:      .*\n  to fix:     ", ended.stderr), (
        ended.stderr
    )
    assert not any(trial.target.state().values())


def test_a_user_who_may_not_write_changes_nothing(script: Script, trial: Trial, tmp_path: Path) -> None:
    trial.target.connection.execute("drop role if exists comet_reader")
    trial.target.connection.execute("create role comet_reader login password 'only-to-read'")
    passfile = tmp_path / "pgpass"
    passfile.write_text("*:*:*:comet_reader:only-to-read\n", encoding="utf-8")
    passfile.chmod(0o600)
    try:
        ended = script(trial.deliver("a.xml", SMALL), PGUSER="comet_reader", PGPASSFILE=str(passfile))
    finally:
        trial.target.connection.execute("drop role comet_reader")
    assert ended.returncode == 7, ended.stderr
    assert "permission denied" in ended.stderr
    assert "only-to-read" not in ended.stderr + ended.stdout
    assert not any(trial.target.state().values())


def test_tables_of_another_version_are_not_written_to(script: Script, trial: Trial) -> None:
    trial.run(trial.deliver("a.xml", SMALL))
    trial.target.connection.execute("alter table p02_comet.fct_discovery rename column mass_mj to mass")
    before = trial.target.state()
    refused = trial.call(trial.arguments(trial.deliver("b.xml", dirty(1))))
    assert refused.exit_code == 3, refused.stderr
    assert "is not what its contract says" in refused.stderr
    ended = script(trial.folder / "inbox" / "b.xml")
    assert ended.returncode == 6, ended.stderr
    assert "PostgreSQL could not do it: nothing was loaded" in ended.stderr
    assert trial.target.state() == before


def test_an_older_content_takes_back_what_came_since(trial: Trial) -> None:
    one, other = dirty(1), dirty(2)
    turns = [("a.xml", one), ("b.xml", other), ("c.xml", one), ("d.xml", one), ("b.xml", other)]
    for name, content in turns:
        summary = trial.run(trial.deliver(name, content))
    assert summary["files_known"] == [{"name": "b.xml", "loaded_as": "b.xml"}]
    trial.holds(told(turns))


def test_a_file_that_changes_while_it_is_read(trial: Trial, tmp_path: Path) -> None:
    """It is changed behind its back, deterministically: by the program that takes the place of Python."""
    path = trial.deliver("a.xml", SMALL)
    changer = tmp_path / "python-that-changes"
    code = (
        "import runpy, sys, pathlib\nsys.argv = sys.argv[1:]\nsys.path.insert(0, str(pathlib.Path(sys.argv[0]).parent))\n"
        "import unpack\nread = unpack.Catalogue.read\n"
        f"def and_change(self, source):\n    read(self, source)\n    pathlib.Path({str(path)!r}).write_bytes(b'<systems/>')\n"
        "unpack.Catalogue.read = and_change\nsys.exit(unpack.main())\n"
    )
    (tmp_path / "changes.py").write_text(code, encoding="utf-8")
    changer.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "changes.py"}" "$@"\n', encoding="utf-8")
    changer.chmod(0o755)
    ended = Script(trial, tmp_path / "state")(path, PYTHON=str(changer))
    assert ended.returncode == 2, ended.stderr
    assert "it changed while it was read" in ended.stderr
    assert not any(trial.target.state().values())


def test_a_catalogue_is_not_validated_as_delimited_text(trial: Trial) -> None:
    ended = trial.call(["data", "validate", "comet", str(trial.deliver("a.xml", SMALL))])
    assert ended.exit_code == 2
    assert "judged as it is unpacked" in ended.stderr


def test_no_decision_reads_the_clock() -> None:
    """What is newest is told by numbers of loads and files: a clock that is set back changes nothing."""
    texts = [path.read_text(encoding="utf-8") for path in (FOLDER / "sql").glob("*.sql")]
    lines = [
        line for text in texts for line in text.splitlines() if re.search(r"\bnow\(|current_|clock_timestamp", line)
    ]
    assert len(lines) == 2
    assert all("loaded_at" in line for line in lines), "it is noted when a load was, and never asked for"
    asked = [line for text in texts for line in text.splitlines() if "loaded_at" in line]
    assert [line for line in asked if re.search(r"where|order by|max\(|[<>]", line)] == []
    script = LOAD.read_text(encoding="utf-8")
    assert [line.strip().split(" ")[0] for line in script.splitlines() if "date -u" in line] == [
        "run_id=${COMET_RUN_ID:-cron-$(date",
        "say()",
    ]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(times: int) -> float:
        path = tmp_path / f"{times}.xml"
        fragments = systems_of(SAMPLE)
        path.write_bytes(
            catalogue(each.replace(b"</name>", b" #%d</name>" % n) for n in range(times) for each in fragments)
        )
        into = tmp_path / str(times)
        into.mkdir()
        process = subprocess.Popen(
            [sys.executable, FOLDER / "jobs" / "unpack.py", "--into", into, path], stdout=subprocess.PIPE
        )
        assert process.stdout
        process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status
        process.stdout.close()
        assert status == 0
        return used.ru_maxrss / 1024

    assert peak(8) < peak(1) + 4  # MB; the file has 15 MB more


def test_a_script_that_is_ended_ends_its_children(script: Script, trial: Trial, tmp_path: Path) -> None:
    path = trial.deliver("a.xml", SMALL)
    waiting = tmp_path / "waits.sh"
    waiting.write_text('#!/bin/sh\n[ "$1" != facts.before ] || { touch "$0.here"; sleep 60; }\n', encoding="utf-8")
    waiting.chmod(0o755)
    process: subprocess.Popen[Any] = subprocess.Popen(
        [LOAD, path], env={**script.environment, "COMET_AT_STEP": str(waiting)}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while not waiting.with_name("waits.sh.here").exists():
        assert process.poll() is None
    os.killpg(process.pid, 15)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"interrupted: nothing is loaded" in err
    assert not any(trial.target.state().values())
    assert {each.name for each in (tmp_path / "state").iterdir()} == {"load.lock"}
    assert script(path).returncode == 0
