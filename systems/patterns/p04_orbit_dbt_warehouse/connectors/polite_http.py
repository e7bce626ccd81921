"""GET requests to a public service, one at a time, with patience that has an end, and errors that say what to do.

What every attempt may take is limited three times: until the connection stands, until the next bytes come, and as a
whole, so that a source that drips a byte a second ends too. Redirects are not followed. Nothing is decoded: what is
given back is what the server sent.
"""

from __future__ import annotations

import queue
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import InvalidHeader, MaxRetryError, NameResolutionError, SSLError
from urllib3.util.retry import Retry

AGENT = "small-body-connector/1.0 (one request at a time)"
SIZE_LIMIT = 64 << 20  # bytes of one answer
TOLD_LIMIT = 64 << 10  # bytes of an answer that is read only for what it tells
PIECE = 64 << 10
RETRIED = (429, 500, 502, 503, 504)
DENIED = (401, 403)
T = TypeVar("T")


class Failure(Exception):
    """Something that ends the run: what was asked, where it was looked, what was found, what to do.

    Attributes:
        code: 2 an answer or a command that cannot be used, 4 down, unreachable or too slow, 7 denied, 8 disk full.
    """

    def __init__(self, code: int, asked: str, looked: str, found: str, fix: str) -> None:
        super().__init__(asked)
        self.code, self.lines = code, (asked, looked, found, fix)


@dataclass(frozen=True)
class Manners:
    """How long is waited. All in seconds, but `retries`.

    Attributes:
        pause: between two requests.
        connect, read, whole: until the connection stands; until the next bytes come; for an attempt with all of it.
        retries: attempts after the first; one where no connection can be made, so that this is told soon.
        backoff: before the second attempt, doubled before each further one, with up to as much again at random.
        patience: the longest Retry-After that is waited for; a longer one ends the run instead of being cut short.
    """

    pause: float = 1.0
    connect: float = 5.0
    read: float = 60.0
    whole: float = 300.0
    retries: int = 5
    backoff: float = 1.0
    patience: float = 600.0


class Progress:
    """Tells on stderr how far the run is: bytes done, bytes in all (0: not known), rows."""

    done = total = rows = 0

    def say(self) -> None:
        """A line."""
        print(f"progress {self.done} {self.total} {self.rows}", file=sys.stderr, flush=True)


class Patience(Retry):
    """urllib3's retries, with a wait before the second attempt too, and a Retry-After that makes no sense ignored."""

    def get_backoff_time(self) -> float:
        """Seconds: twice as long each time, and up to one backoff more, so that clients do not return all at once."""
        doubled = self.backoff_factor * 2.0 ** max(len(self.history) - 1, 0)
        return min(self.backoff_max, doubled) + random.random() * self.backoff_jitter  # noqa: S311  # no secret

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        """Seconds, of a number or an HTTP date; none where it is neither."""
        try:
            return super().get_retry_after(response)
        except (InvalidHeader, ValueError, OverflowError, IndexError, TypeError):  # the last four: of odd dates
            return None


class NotFound(Exception):
    """The host has no address, or the name server does not say it in time."""


class TooSlow(Exception):
    """The whole of it took longer than it may."""


class Client:
    """Asks one service."""

    def __init__(self, manners: Manners, progress: Progress) -> None:
        self.manners, self.progress = manners, progress
        self.rested_at = 0.0  # when the next request may begin
        self.is_found = False  # the host has an address
        self.session = requests.Session()
        # as they are sent they are kept, so none is to be packed
        self.session.headers.update({"User-Agent": AGENT, "Accept": "application/json", "Accept-Encoding": "identity"})
        self.session.auth = lambda request: request  # or a ~/.netrc would be sent along

    def get(self, url: str, asked: str) -> tuple[str, bytes]:
        """The content type and the body of an answer with status 200.

        Args:
            url: without secrets; it is shown in errors.
            asked: what is asked for, a sentence without its full stop.

        Raises:
            Failure: 2 (another status, a redirect, too long), 4 (after all retries), 7 (401, 403).
        """
        limits = self.manners
        retries = Patience(
            total=limits.retries,
            connect=min(limits.retries, 1),
            redirect=0,
            allowed_methods={"GET"},
            status_forcelist=RETRIED,
            backoff_factor=limits.backoff,
            backoff_jitter=limits.backoff,
            backoff_max=60,
        )
        while True:
            time.sleep(max(self.rested_at - time.monotonic(), 0))
            response, error, found, body = None, None, "", b""
            try:
                response, body = self._attempt(url)
            except TooSlow as late:
                asked = f"{asked}, and it took too long."
                raise Failure(4, asked, url, str(late), "try later, or raise --whole") from late
            except (NotFound, requests.RequestException, urllib3.exceptions.HTTPError) as failed:
                error = cause_of(failed)
                found = said(f"{type(error).__name__}: {error}")
                if isinstance(error, (NotFound, NameResolutionError, SSLError)):
                    raise self._unreachable(asked, url, found, attempts=1) from failed
            finally:
                self.rested_at = time.monotonic() + limits.pause
            if response is not None:
                if response.status_code == HTTPStatus.OK:
                    return response.headers.get("Content-Type", ""), body
                found = f"HTTP {response.status_code}: {said(told(body)) or 'no message'}"
                if not retries.is_retry("GET", response.status_code):
                    raise self._refused(asked, url, response, found)
            before = retries
            try:
                retries = retries.increment("GET", url, response and response.raw, error)
            except MaxRetryError as last:
                raise self._unreachable(asked, url, found, attempts=len(before.history) + 1) from last
            wait = response is not None and retries.get_retry_after(response.raw)
            if wait and wait > limits.patience:
                found += f"; it wants to be asked again in {wait:,.0f} s"
                raise self._unreachable(asked, url, found, attempts=len(retries.history))
            self.rested_at = time.monotonic() + max(limits.pause, wait or retries.get_backoff_time())

    @staticmethod
    def _unreachable(asked: str, url: str, found: str, *, attempts: int) -> Failure:
        found = f"{found} ({attempts} attempt{'s' * (attempts > 1)})"
        fix = "try later; see whether this machine reaches it (network, name server, proxy), and --base"
        return Failure(4, f"{asked}, and the service is down or out of reach.", url, found, fix)

    @staticmethod
    def _refused(asked: str, url: str, response: Any, found: str) -> Failure:
        """A status that is not asked again for."""
        status = response.status_code
        if status in DENIED:
            return Failure(7, f"{asked}, and it was denied.", url, found, "wait, or ask the service why it denies this")
        if 300 <= status < 400:
            found = f"HTTP {status} to {said(response.headers.get('Location', 'nowhere'))}"
            return Failure(2, f"{asked}: redirected.", url, found, "none is followed: see whether --base is right")
        if status >= 500:
            return Failure(4, f"{asked}, and the service failed.", url, found, "try later")
        return Failure(2, f"{asked}, and it was refused.", url, found, "correct the query, or --base")

    def _attempt(self, url: str) -> tuple[Any, bytes]:
        """One request. Raises NotFound, TooSlow, Failure (too long), and what requests and urllib3 raise."""
        host = urlsplit(url)
        if not self.is_found and select_proxy(url, get_environ_proxies(url)) is None:  # a proxy finds the host itself
            try:  # apart, for a name server that is silent cannot be interrupted
                within(self.manners.connect, lambda: socket.getaddrinfo(host.hostname, host.port or 443), lambda: None)
            except (OSError, UnicodeError, TooSlow) as error:
                raise NotFound(f"no address of {host.hostname}: {error}") from error
            self.is_found = True
        done = self.progress.done
        try:
            return within(self.manners.whole, lambda: self._download(url), self.progress.say)
        except BaseException:
            self.progress.done, self.progress.total = done, 0
            raise

    def _download(self, url: str) -> tuple[Any, bytes]:
        times = (self.manners.connect, self.manners.read)
        with self.session.get(url, stream=True, timeout=times, allow_redirects=False) as response:
            if response.status_code != HTTPStatus.OK:
                try:
                    return response, response.raw.read(TOLD_LIMIT, decode_content=False)
                except urllib3.exceptions.HTTPError:
                    return response, b""  # the status says enough
            length = response.headers.get("Content-Length", "")
            self.progress.total = self.progress.done + int(length) if length.isdecimal() else 0
            pieces, size = [], 0
            for piece in response.raw.stream(PIECE, decode_content=False):
                pieces.append(piece)
                size += len(piece)
                self.progress.done += len(piece)
                if size > SIZE_LIMIT:
                    fix = "ask for less: a smaller --page, fewer days"
                    raise Failure(2, "The answer is too long.", url, f"more than {SIZE_LIMIT >> 20} MB", fix)
            return response, b"".join(pieces)


def within(seconds: float, work: Callable[[], T], each_second: Callable[[], None]) -> T:
    """What `work` gives, if it does so in time; else it is left behind, in a thread that dies with the program.

    Raises:
        TooSlow: it did not.
    """
    box: queue.SimpleQueue[tuple[list[T], BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            box.put(([work()], None))
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            box.put(([], error))

    threading.Thread(target=run, daemon=True).start()
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        try:
            given, error = box.get(timeout=max(min(left, 1), 0))
        except queue.Empty:
            if left <= 1:
                raise TooSlow(f"not whole after {seconds:g} s") from None
            each_second()
            continue
        if error is not None:
            raise error
        return given[0]


def cause_of(error: Exception) -> Exception:
    """urllib3's error, out of those of requests that it is wrapped in."""
    inner = error.args[0] if isinstance(error, requests.RequestException) and error.args else error
    inner = getattr(inner, "reason", None) or inner
    return inner if isinstance(inner, Exception) else error


def told(body: bytes) -> str:
    """What an error's body says: JPL's `message`, the title of a page, or how it begins."""
    text = body.decode("utf-8", "replace")
    for before, behind in (('"message"', '"'), ("<title>", "</title>")):
        rest = text.partition(before)[2].lstrip(': "')
        if rest:
            return rest.partition(behind)[0]
    return text


def said(text: str) -> str:
    """A stranger's text as one line of at most 200 characters that can all be seen."""
    seen = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(seen.split())[:200]
