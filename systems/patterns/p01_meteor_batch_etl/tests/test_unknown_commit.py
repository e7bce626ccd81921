"""Did it commit? Answered by the load token in the target, on both sides of the moment, never by an exit status."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orrery import catalogue, effects, run
from orrery.engines import postgres, postgres_server
from orrery.testing import Result, Target

Orrery = Callable[[list[str]], Result]
RUN = ["run", "meteor", "--profile", "services"]


class Proxy:
    """Stands before a server and cuts a connection off at its COMMIT: before it arrives, or before the answer does."""

    def __init__(self, port: int, cut: str, *, come_back: bool) -> None:
        self.server, self.cut, self.come_back, self.fired = port, cut, come_back, 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            if self.fired and not self.come_back:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.server))
            threading.Thread(target=self.pump, args=(client, server), daemon=True).start()

    def pump(self, client: socket.socket, server: socket.socket) -> None:
        """Both ways, until one side closes or the commit comes by."""
        client.settimeout(0.02)
        server.settimeout(0.02)
        try:
            while True:
                sent = received(client)
                if sent and b"commit\0" in sent and not self.fired:
                    self.fired += 1
                    if self.cut == "after":
                        server.sendall(sent)
                        assert self.wait_for_the_answer(server)
                    return
                if sent is not None:
                    server.sendall(sent)
                answer = received(server)
                if answer is not None:
                    client.sendall(answer)
                if b"" in (sent, answer):
                    return
        except OSError:
            return
        finally:
            client.close()
            server.close()

    @staticmethod
    def wait_for_the_answer(server: socket.socket) -> bool:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if b"COMMIT" in (received(server) or b""):
                return True
        return False


def received(side: socket.socket) -> bytes | None:
    """What came, b"" at the end, None where nothing did."""
    try:
        return side.recv(1 << 16)
    except TimeoutError:
        return None


@pytest.fixture
def through(target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Proxy]]:
    """A proxy before the shared server, which the profile `services` then goes through."""
    made: list[Proxy] = []

    def stand(cut: str, *, come_back: bool) -> Proxy:
        server = postgres_server.status(target.home)
        assert server is not None
        proxy = Proxy(server.port, cut, come_back=come_back)
        made.append(proxy)
        password = postgres.password_in(server.passfile)
        named = {"PGHOST": "127.0.0.1", "PGPORT": str(proxy.port), "PGUSER": server.user, "PGDATABASE": server.dbname}
        for name, value in {**named, "PGPASSWORD": password, "PGSSLMODE": "disable"}.items():
            monkeypatch.setenv(name, value)
        return proxy

    yield stand
    for proxy in made:
        proxy.listening.close()


def states(orrery_run: Orrery) -> list[str]:
    return [each["state"] for each in orrery_run(["runs", "meteor", "--json"]).json]


def test_a_commit_that_never_arrived_is_a_failed_run(target: Target, orrery_run: Orrery, through: Any) -> None:
    proxy = through("before", come_back=True)
    result = orrery_run(RUN)
    assert proxy.fired == 1
    assert result.exit_code == 4, result.stderr
    assert "did not arrive" in result.stderr
    assert states(orrery_run) == ["FAILED"]
    assert target.rows() == []
    assert orrery_run(RUN).exit_code == 0
    assert len(target.rows()) == 5667


def test_a_commit_whose_answer_was_lost_is_a_success(target: Target, orrery_run: Orrery, through: Any) -> None:
    proxy = through("after", come_back=True)
    result = orrery_run(RUN)
    assert proxy.fired == 1
    assert result.exit_code == 0, result.stderr
    assert states(orrery_run) == ["SUCCEEDED"]
    before = target.state()
    assert "nothing new" in orrery_run(RUN).stdout
    assert target.state() == before


@pytest.mark.parametrize(("cut", "rows", "end"), [("before", 0, "FAILED"), ("after", 5667, "SUCCEEDED")])
def test_a_commit_that_nobody_can_ask_about_is_unknown_until_somebody_can(
    cut: str, rows: int, end: str, target: Target, orrery_run: Orrery, through: Any
) -> None:
    proxy = through(cut, come_back=False)
    result = orrery_run(RUN)
    assert proxy.fired == 1
    assert result.exit_code == 4, result.stderr
    assert states(orrery_run) == ["UNKNOWN"]
    assert len(target.rows()) == rows
    proxy.come_back = True
    again = orrery_run(RUN)
    assert again.exit_code == 0, again.stderr
    assert states(orrery_run) == ["SUCCEEDED", end]
    assert len(target.rows()) == 5667


@pytest.mark.parametrize(("moment", "end"), [("before", "FAILED"), ("after", "SUCCEEDED")])
def test_a_run_killed_around_its_commit_is_settled_by_the_next(
    moment: str, end: str, target: Target, orrery_run: Orrery, tmp_path: Path
) -> None:
    code = (
        "import os, signal, sys\nfrom orrery import effects\nfrom orrery.cli.main import main\n"
        "real = effects.Writer._commit\n"
        "def commit(self):\n"
        f"    {'real(self)' if moment == 'after' else 'pass'}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "effects.Writer._commit = commit\nsys.argv = ['orrery', 'run', 'meteor']\nmain()\n"
    )
    environment = {**os.environ, "ORRERY_HOME": str(target.home)}
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL
    again = orrery_run(["run", "meteor"])
    assert again.exit_code == 0, again.stderr
    assert f"had died: {end.lower()}" in again.stderr
    assert states(orrery_run) == ["SUCCEEDED", end]
    assert len(target.rows()) == 5667


@pytest.mark.parametrize("moment", ["the copy", "the commit"])
def test_a_backend_that_is_killed_leaves_nothing(
    moment: str, target: Target, orrery_run: Orrery, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.entry(target.system)
    loading = sys.modules[f"orrery_systems_{target.system.folder.name}.loading"]
    where, name = {"the copy": (loading.FileLoad, "refuse"), "the commit": (effects.Writer, "_commit")}[moment]
    real = getattr(where, name)

    def cut_off(self: Any, *arguments: Any) -> None:
        target.connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid in"
            " (select pid from pg_locks where locktype = 'advisory') and pid != pg_backend_pid()"
        )
        real(self, *arguments)

    monkeypatch.setattr(where, name, cut_off)
    result = orrery_run(["run", "meteor"])
    assert result.exit_code == 4, result.stderr
    assert target.rows() == []
    monkeypatch.undo()
    monkeypatch.setenv("ORRERY_HOME", str(target.home))
    assert orrery_run(["run", "meteor"]).exit_code == 0
    assert len(target.rows()) == 5667


def test_what_fails_after_the_commit_does_not_look_like_a_failed_load(
    target: Target, orrery_run: Orrery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run._Opened, "_keep", full)
    result = orrery_run(["run", "meteor"])
    assert result.exit_code == 0, result.stderr
    assert "the data is loaded; what came after that failed" in result.stderr
    assert states(orrery_run) == ["SUCCEEDED"]
    assert len(target.rows()) == 5667
    assert orrery_run(["run", "meteor"]).exit_code == 8  # nothing was new, so nothing was committed
