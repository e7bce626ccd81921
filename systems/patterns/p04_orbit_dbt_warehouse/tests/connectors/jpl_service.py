"""A server on this machine that answers as JPL's sbdb_query.api and cad.api do, and fails as it is told to.

How the answers look was taken from JPL's documentation (cad.html 1.5, sbdb_query.html and sbdb_filter.html 1.0) and
from answers that others published: in sbdb_query.api `count` is what the whole query finds, not the rows of the page,
and `spkid` is a number where all else is text; in cad.api `count` is the rows, and an answer without any is
{signature, count}. What happens to a wrong field or a limit-from without limit is assumed: 400.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Body = dict[str, Any]
Edit = Callable[[dict[str, Any]], dict[str, Any]]
BODIES_SIGNATURE = {"version": "1.0", "source": "NASA/JPL SBDB (Small-Body DataBase) Query API"}
APPROACHES_SIGNATURE = {"version": "1.5", "source": "NASA/JPL SBDB Close Approach Data API"}
BODY_FIELDS = ["spkid", "full_name", "kind", "pdes", "name", "prefix", "neo", "pha", "H", "G", "M1", "M2", "K1", "K2", "diameter", "extent", "albedo", "rot_per", "orbit_id", "epoch", "epoch_mjd", "epoch_cal", "e", "a", "q", "i", "om", "w", "ma", "tp", "per", "per_y", "moid", "class", "first_obs", "last_obs"]  # fmt: skip
APPROACH_FIELDS = ["des", "orbit_id", "jd", "cd", "dist", "dist_min", "dist_max", "v_rel", "v_inf", "t_sigma_f", "h"]  # fmt: skip
BODY_QUERY = {"fields", "sort", "limit", "limit-from", "full-prec", "sb-group", "sb-class", "sb-kind"}
APPROACH_QUERY = {"date-min", "date-max", "dist-max", "body", "sort", "fullname", "limit"}
LD = 384400 / 149597870.7  # au


@dataclass(frozen=True)
class Fault:
    """What is wrong with an answer. Without anything it is JPL's.

    Attributes:
        status, headers, body: sent instead of JPL's.
        edit: changes JPL's answer before it is sent.
        before: is done before it is answered; it may change the bodies.
        cut: only so many bytes of the body are sent, then the connection ends.
        length: what Content-Length says; none: not sent at all.
        drip: seconds after each byte: of the body, or with `drips_head` of the headers too.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    edit: Edit | None = None
    before: Callable[[], object] | None = None
    cut: int | None = None
    length: int | None = -1  # -1: of the whole body
    drip: float = 0
    drips_head: bool = False


def busy(status: int = 503, retry_after: str | float | None = None) -> Fault:
    """503, 429 …; Retry-After as text, or as an HTTP date so many seconds from now."""
    if isinstance(retry_after, float):
        retry_after = formatdate(time.time() + retry_after, usegmt=True)
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Fault(status, headers | {"Content-Type": "text/html"}, b"<html><title>Service\n busy</title></html>")


def page_of_html(kind: str = "text/html; charset=utf-8") -> Fault:
    """A page of the web, with status 200."""
    return Fault(
        200, {"Content-Type": kind}, b"<!DOCTYPE html>\n<html><head><title>Down for\nmaintenance</title></html>"
    )


def error(status: int, message: str = "one or more query parameter was not recognized") -> Fault:
    """An error object."""
    body = {"code": str(status), "message": message, "moreInfo": "https://ssd-api.jpl.nasa.gov/doc/"}
    return Fault(status, {}, json.dumps(body).encode())


def redirect(to: str) -> Fault:
    """302."""
    return Fault(302, {"Location": to}, b"")


def with_rows(change: Callable[[list[Any]], list[Any]]) -> Fault:
    """JPL's answer with other rows."""
    return Fault(edit=lambda answer: answer | {"data": change(answer["data"])})


def answered(**other: Any) -> Fault:
    """JPL's answer with other values of its keys."""
    return Fault(edit=lambda answer: answer | other)


@dataclass(frozen=True)
class Asked:
    """A request: when (monotonic, seconds), what, with which headers; `sent` is filled with the body that was sent."""

    at: float
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    sent: bytearray


class Service:
    """The server, in a thread, on a free port of the loopback.

    Attributes:
        bodies, approaches: what it knows, field by field.
        faults: of the first request, the second, …; none where it is answered well.
        always: the fault of all further ones.
        log: all requests.
    """

    def __init__(self, bodies: Sequence[Body] = (), approaches: Sequence[Body] = ()) -> None:
        self.bodies, self.approaches = list(bodies), list(approaches)
        self.faults: list[Fault | None] = []
        self.always: Fault | None = None
        self.log: list[Asked] = []
        self.is_over = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each answer takes 40 ms

            def do_GET(self) -> None:
                with suppress(OSError):  # the client may have gone
                    service.answer(self)

            def do_POST(self) -> None:
                self.send_error(405)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass  # a client that has gone is none

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.server.shutdown()
        self.server.server_close()

    def pages(self) -> list[Asked]:
        """The requests for pages: neither for the count nor for the row before a page."""
        return [each for each in self.log if len(each.query.get("fields", "")) > len("spkid")]

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        """One request."""
        url = urlsplit(to.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        asked = Asked(time.monotonic(), url.path, query, dict(to.headers), bytearray())
        self.log.append(asked)
        fault = (self.faults.pop(0) if self.faults else self.always) or Fault()
        if fault.before:
            fault.before()
        status, answer = self.usual(url.path, query)
        if fault.edit:
            answer = fault.edit(answer)
        body = json.dumps(answer, separators=(",", ":")).encode() if fault.body is None else fault.body
        headers = {"Content-Type": "application/json", "Server": "nginx", "Access-Control-Allow-Origin": "*"}
        headers |= fault.headers
        if fault.length is None:
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = str(len(body) if fault.length < 0 else fault.length)
        body = body[: fault.cut]
        to.send_response_only(status if fault.body is None and fault.status == 200 else fault.status)
        for name, value in headers.items():
            to.send_header(name, value)
        if fault.drips_head:
            self.dripped(to, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000, fault.drip)
            return
        to.end_headers()
        if fault.drip:
            self.dripped(to, body, fault.drip)
        else:
            to.wfile.write(body)
            asked.sent.extend(body)
        to.wfile.flush()
        if fault.cut is not None or fault.length is None or fault.drip:
            to.close_connection = True

    def dripped(self, to: BaseHTTPRequestHandler, text: bytes, pause: float) -> None:
        """A byte after another."""
        for at in range(len(text)):
            to.wfile.write(text[at : at + 1])
            to.wfile.flush()
            if self.is_over.wait(pause):
                return

    def usual(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """What JPL answers: status and object."""
        known = {"/sbdb_query.api": BODY_QUERY, "/cad.api": APPROACH_QUERY}.get(path)
        if known is None:
            return 404, {"code": "404", "message": "not found"}
        if query.keys() - known or ("limit-from" in query and "limit" not in query):
            return 400, {"code": "400", "message": "one or more query parameter was not recognized"}
        return self.found_bodies(query) if path == "/sbdb_query.api" else self.found_approaches(query)

    def found_bodies(self, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Of sbdb_query.api."""
        rows = [each for each in self.bodies if self.is_in(each, query)]
        if "fields" not in query:
            return 200, {"signature": BODIES_SIGNATURE, "count": len(rows)}
        fields = query["fields"].split(",")
        if unknown := [each for each in fields if each not in BODY_FIELDS]:
            return 400, {
                "code": "400",
                "message": f"invalid value specified for query parameter 'fields': {unknown[0]}",
            }
        if "sort" in query:
            rows = sorted(rows, key=lambda each: each[query["sort"]])
        start, number = int(query.get("limit-from", 0)), int(query.get("limit", len(rows)))
        data = [[each.get(name) for name in fields] for each in rows[start : start + number]]
        return 200, {"signature": BODIES_SIGNATURE, "fields": fields, "data": data, "count": len(rows)}

    @staticmethod
    def is_in(body: Body, query: dict[str, str]) -> bool:
        """Whether the query finds it."""
        group, classes = query.get("sb-group"), query.get("sb-class")
        return (not group or body[group] == "Y") and (not classes or body["class"] in classes.split(","))

    def found_approaches(self, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Of cad.api."""
        first, last = julian_day(query["date-min"]), julian_day(query["date-max"])
        far = query["dist-max"]
        limit = float(far.removesuffix("LD")) * (LD if far.endswith("LD") else 1)
        rows = [e for e in self.approaches if first <= float(e["jd"]) <= last and float(e["dist"]) <= limit]
        if not rows:
            return 200, {"signature": APPROACHES_SIGNATURE, "count": 0}
        fields = [*APPROACH_FIELDS, *(["fullname"] if query.get("fullname") in ("true", "1") else [])]
        data = [[each.get(name) for name in fields] for each in sorted(rows, key=lambda each: float(each["jd"]))]
        return 200, {"signature": APPROACHES_SIGNATURE, "count": len(data), "fields": fields, "data": data}


def julian_day(text: str) -> float:
    """Of a day (its beginning), or a day and time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() / 86400 + 2440587.5


def some_bodies(number: int) -> list[Body]:
    """Made up: near-Earth asteroids, each tenth potentially hazardous, each third of the main belt and no such."""
    return [
        {
            "spkid": 20000433 + at, "full_name": f"{433 + at:>6} Name {at} (A898 P\u00e9)", "pdes": str(433 + at),
            "neo": "N" if at % 3 == 2 else "Y", "pha": "Y" if at % 30 == 0 else "N", "H": "10.41", "G": ".46",
            "orbit_id": "659", "epoch_mjd": "59800", "e": ".2227", "a": "1.458", "q": "1.133", "i": "10.83",
            "om": "304.3", "w": "178.9", "ma": "246.9", "tp": "2459802.6", "per_y": "1.76", "moid": ".149",
            "class": "MBA" if at % 3 == 2 else "AMO",
        }
        for at in range(number)
    ]  # fmt: skip


def some_approaches(number: int, first: str = "2022-01-01T06:00:00") -> list[Body]:
    """Made up: one a day."""
    return [
        {
            "des": str(433 + at), "orbit_id": "659", "jd": f"{julian_day(first) + at:.9f}", "cd": "2022-Jan-01 06:00",
            "dist": "0.0512345678901234", "dist_min": "0.0512", "dist_max": "0.0513", "v_rel": "5.5", "v_inf": "5.4",
            "t_sigma_f": "< 00:01", "h": "10.4", "fullname": f"   {433 + at} Name (A898 PA)",
        }
        for at in range(number)
    ]  # fmt: skip
