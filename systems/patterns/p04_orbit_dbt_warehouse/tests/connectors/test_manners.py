"""It is polite, gives up in time, and says what was wrong with the way."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jpl_service as fake
import polite_http
import pytest
from jpl_service import Fault, Service

if TYPE_CHECKING:
    from jpl_runs import Runs

# --- the service is busy -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_for_again(run: Runs, service: Service, status: int) -> None:
    service.faults = [fake.busy(status), fake.busy(status)]
    assert run("approaches").code == 0
    assert len(service.log) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_retries_end(run: Runs, service: Service, status: int) -> None:
    service.always = fake.busy(status)
    told = run("approaches")
    assert (told.code, len(service.log), run.files()) == (4, 3, [])
    assert f"HTTP {status}: Service busy (3 attempts)" in told.error


@pytest.mark.parametrize(("status", "code"), [(400, 2), (401, 7), (403, 7), (404, 2), (405, 2), (501, 4), (204, 2)])
def test_what_does_not_pass_is_asked_for_once(run: Runs, service: Service, status: int, code: int) -> None:
    service.always = Fault(status, {"Retry-After": "1"}, b"" if status == 204 else b'{"message":"not this way"}')
    told = run("approaches")
    assert (told.code, len(service.log), run.files()) == (code, 1, [])
    assert status == 204 or "not this way" in told.error


def gap(service: Service) -> float:
    return service.log[1].at - service.log[0].at


def test_retry_after_in_seconds_is_obeyed(run: Runs, service: Service) -> None:
    service.faults = [fake.busy(429, "1")]
    assert run("approaches").code == 0
    assert 1 <= gap(service) < 1.6


def test_retry_after_as_a_date_is_obeyed(run: Runs, service: Service) -> None:
    service.faults = [fake.busy(503, 2.0)]  # whole seconds in the header: 1 to 2 s from now
    assert run("approaches").code == 0
    assert 0.9 <= gap(service) < 2.6


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1e3", "", "Mon, 99 Foo 2022 99:99:99 GMT", "9" * 5000])
def test_retry_after_that_makes_no_sense_is_backed_off_from(run: Runs, service: Service, nonsense: str) -> None:
    service.faults = [fake.busy(503, nonsense)]
    assert run("approaches", "--backoff", "0.1").code == 0
    assert 0.1 <= gap(service) < 0.5


def test_retry_after_too_long_to_wait_ends_it(run: Runs, service: Service) -> None:
    service.always = fake.busy(503, "3600")
    told = run("approaches")
    assert (told.code, len(service.log)) == (4, 1)
    assert "3,600 s" in told.error


def test_the_waits_grow_and_are_not_all_the_same() -> None:
    times = []
    for _ in range(20):
        retries = polite_http.Patience(total=9, backoff_factor=1, backoff_jitter=1, backoff_max=60)
        for _ in range(3):
            retries = retries.increment("GET", "/", error=OSError())
        times.append(retries.get_backoff_time())
    assert all(4 <= each <= 5 for each in times)
    assert len(set(times)) > 1


def test_there_is_a_pause_between_requests_and_one_at_a_time(run: Runs, service: Service) -> None:
    run.bodies("--pause", "0.15")
    assert len(service.log) == 6  # count, 3 pages, the row before the second and the third
    assert all(after.at - before.at >= 0.15 for before, after in zip(service.log, service.log[1:], strict=False))


# --- the connection ----------------------------------------------------------------------------------------------


def test_a_body_shorter_than_announced_is_asked_for_again(run: Runs, service: Service) -> None:
    service.faults = [Fault(cut=500)]
    assert run("approaches").code == 0
    assert bytes(service.log[1].sent) == next(run.folder.iterdir()).read_bytes()


@pytest.mark.parametrize(
    ("fault", "code", "asked"),
    [(Fault(cut=500), 4, 3), (Fault(cut=500, length=None), 2, 1), (Fault(length=500), 2, 1), (Fault(cut=0), 4, 3)],
    ids=["cut", "cut, no length", "length too small", "empty"],
)
def test_half_a_body_is_never_kept(run: Runs, service: Service, fault: Fault, code: int, asked: int) -> None:
    service.always = fault
    told = run("approaches")
    assert (told.code, len(service.log), run.files()) == (code, asked, [])


@pytest.mark.parametrize("drips_head", [False, True])
def test_a_byte_now_and_then_ends(run: Runs, service: Service, drips_head: bool) -> None:
    service.always = Fault(drip=0.2, drips_head=drips_head)
    begun = time.monotonic()
    told = run("approaches", "--whole", "1.2", "--read", "1")
    assert (told.code, run.files()) == (4, [])
    assert time.monotonic() - begun < 2.5
    assert told.progress  # it was told that it goes on
    assert "1.2 s" in told.error


def test_silence_ends(run: Runs, service: Service) -> None:
    service.always = Fault(before=lambda: service.is_over.wait(9))
    told = run("approaches", "--read", "0.2", "--retries", "1")
    assert (told.code, len(service.log)) == (4, 2)
    assert "timed out" in told.error


def test_refused_is_told_at_once(run: Runs) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        begun = time.monotonic()
        told = run("approaches", "--base", f"http://127.0.0.1:{free.getsockname()[1]}", "--retries", "9")
    assert told.code == 4
    assert time.monotonic() - begun < 1
    assert "refused" in told.error
    assert "(2 attempts)" in told.error


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_host_without_an_address_is_told_at_once(run: Runs, monkeypatch: pytest.MonkeyPatch, is_silent: bool) -> None:
    def nowhere(*_: object, **__: object) -> Any:
        if is_silent:
            time.sleep(3)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    begun = time.monotonic()
    told = run("approaches", "--base", "https://no.such.invalid", "--retries", "9", "--connect", "0.3")
    assert told.code == 4
    assert time.monotonic() - begun < 1
    assert "no address of no.such.invalid" in told.error


def test_tls_is_verified(run: Runs, service: Service, tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 -keyout key -out crt"
    subprocess.run(line.split(), check=True, capture_output=True, cwd=tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    service.server.socket = context.wrap_socket(service.server.socket, server_side=True)
    told = run("approaches", "--base", service.base.replace("http", "https"))
    assert (told.code, service.log) == (4, [])
    assert "CERTIFICATE_VERIFY_FAILED" in told.error


def test_redirects_are_not_followed(run: Runs, service: Service) -> None:
    for to in (service.base + "cad.api", "https://elsewhere.invalid/cad.api", "/cad.api"):
        service.always = fake.redirect(to)
        service.log.clear()
        told = run("approaches")
        assert (told.code, len(service.log), run.files()) == (2, 1, [])
        assert to in told.error


def test_no_password_of_a_netrc_is_sent(
    run: Runs, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hidden\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    run("approaches")
    assert "Authorization" not in service.log[0].headers
