"""Fixtures for all tests: at most one embedded PostgreSQL a test process, stopped at its end; nothing is left."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orrery import catalogue, leftovers, testing
from orrery.commit_cut import CommitCut
from orrery.engines import postgres, postgres_server, privileges, servers
from orrery.testing import Result, Target

pytest.register_assert_rewrite("orrery.claims")  # a claim that does not hold shows its two sides

ROOT = Path(__file__).resolve().parent
BEFORE = pytest.StashKey[leftovers.Scene]()
LEFT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Look around, and have a folder for temporary files that no other session writes to (xdist's workers share it).

    Not where `orrery prove` runs a test (it cleans up for all of them at its end), nor in a session within a session.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's `make test &`: what is started here inherits it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput") and not {"ORRERY_TEST_HOME", "ORRERY_TEST_SESSION"} & set(os.environ):
        os.environ["ORRERY_TEST_SESSION"] = "1"
        folder = Path(tempfile.mkdtemp(prefix="orrery-tests-"))
        folder.chmod(0o755)  # for tests as another user
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
        config.stash[BEFORE] = leftovers.look(ROOT)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A session that leaves a process or a file behind fails."""
    before = session.config.stash.get(BEFORE, None)
    if before is None or session.exitstatus == pytest.ExitCode.INTERRUPTED:
        return
    left = leftovers.left(before, leftovers.look(ROOT))
    if left:
        session.config.stash[LEFT] = left
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if session.exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left."""
    for each in config.stash.get(LEFT, []):
        terminalreporter.write_line(f"LEFT BEHIND {each}", red=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of xdist cannot see whether the whole suite is run: the one that started it tells."""
    node.workerinput["is_whole"] = is_whole(node.config)


def is_whole(config: pytest.Config) -> bool:
    """Whether every test is run: no file, no name and no mark is asked for."""
    if (told := getattr(config, "workerinput", None)) is not None:
        return bool(told["is_whole"])
    asked = config.option.keyword or config.option.markexpr or config.option.deselect
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not asked


@pytest.fixture(scope="session")
def whole_suite(request: pytest.FixtureRequest) -> bool:
    """Whether every test is run."""
    return is_whole(request.config)


@pytest.fixture(scope="session")
def warehouse_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder, whose server starts with the first target in it; shared by the tests of this process.

    `orrery prove` names one that outlives the process, and stops its servers itself.
    """
    if kept := os.environ.get("ORRERY_TEST_HOME"):
        yield Path(kept)
        return
    home = tmp_path_factory.mktemp("home") / ".orrery"
    yield home
    servers.stop(home)
    assert servers.running(home) == []


@pytest.fixture
def target(warehouse_home: Path, request: pytest.FixtureRequest) -> Iterator[Target]:
    """The empty target of the system whose test this is; its invariants are checked when the test is over."""
    folder = Path(str(request.path)).parent.parent
    system = next(each for each in catalogue.systems() if each.folder in (folder, folder.parent))
    found = Target(warehouse_home, system)
    found.reset()
    yield found
    broken = found.broken_invariants()
    found.close()
    assert not broken


@pytest.fixture
def orrery_run(warehouse_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # noqa: ANN201
    """`orrery` in an empty folder, with the shared server."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ORRERY_HOME", str(warehouse_home))

    def run(arguments: list[str]) -> Result:
        return testing.orrery(*arguments)

    return run


@pytest.fixture(scope="module")
def postgres_16(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server that Orrery did not start; gives the variables that lead to it."""
    root = tmp_path_factory.mktemp("other")
    programs = postgres_server.bin_folder().parents[1] / "pginstall" / "bin"
    user = privileges.other_user(root)
    if user:
        os.chown(root, *user)

    def call(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        reach = [root, programs / "postgres"]
        done = privileges.run(command, user, reach, root, postgres_server.ENVIRONMENT)
        assert done.returncode == 0, done.stdout

    password = secrets.token_urlsafe(24)
    privileges.write_private(root / "pwfile", password + "\n", user)
    call("initdb", "-D", "data", "-U", "them", "--auth=scram-sha-256", "--pwfile=pwfile", "-E", "UTF8", "--locale=C")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c timezone=Asia/Kathmandu"
    call("pg_ctl", "start", "-D", "data", "-l", "log", "-w", "-o", options)
    try:
        named = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "them", "PGDATABASE": "postgres"}
        yield {**named, "PGPASSWORD": password}
    finally:
        call("pg_ctl", "stop", "-D", "data", "-m", "fast", "-w")


@pytest.fixture
def through(target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., CommitCut]]:
    """A proxy before the shared server, which the profile `services` then goes through."""
    made: list[CommitCut] = []

    def stand(cut: str, *, come_back: bool) -> CommitCut:
        server = postgres_server.status(target.home)
        assert server is not None
        proxy = CommitCut(server.port, cut, come_back=come_back)
        made.append(proxy)
        password = postgres.password_in(server.passfile)
        named = {"PGHOST": "127.0.0.1", "PGPORT": str(proxy.port), "PGUSER": server.user, "PGDATABASE": server.dbname}
        for name, value in {**named, "PGPASSWORD": password, "PGSSLMODE": "disable"}.items():
            monkeypatch.setenv(name, value)
        return proxy

    yield stand
    for proxy in made:
        proxy.listening.close()


@pytest.fixture(autouse=True)
def _no_colour_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no colour codes, and no credentials of whoever runs them."""
    monkeypatch.setenv("NO_COLOR", "1")
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
