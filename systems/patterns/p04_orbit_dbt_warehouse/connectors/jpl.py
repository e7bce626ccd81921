#!/usr/bin/env python3
"""Fetches small bodies and their close approaches from NASA/JPL into a folder: a file for each answer, byte for byte.

    jpl.py bodies --to FOLDER [--group neo|pha] [--class MBA[,OMB…]] [--page 20000] [--limit N]
    jpl.py approaches --to FOLDER [--from 2022-01-01] [--until 2022-12-31] [--within 0.2]

`bodies` asks the Small-Body Database Query API (sbdb_query.api 1.0), page by page in the order of spkid; without
--group and --class for near-Earth objects. `approaches` asks the Close-Approach Data API (cad.api 1.5) for those of
near-Earth objects to the Earth; both days are included, --within is in au, or in lunar distances with LD.
A file that is there is whole (it is renamed into place), and is not asked for again: a run that was killed goes on
where it was, and prints `there` for those. --again begins anew. It ends with an error where the data changed between
pages. Exit codes: 0 done, 2 bad usage or an answer that cannot be used, 4 down, unreachable or too slow, 7 denied,
8 disk full, 130 interrupted.

Source: https://ssd-api.jpl.nasa.gov/doc/sbdb_query.html, https://ssd-api.jpl.nasa.gov/doc/cad.html; no key is needed,
one request at a time is asked for.
"""

from __future__ import annotations

import argparse
import errno
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

from jpl_answers import Page, keep, looked_at
from polite_http import Client, Failure, Manners, Progress, said

BASE = "https://ssd-api.jpl.nasa.gov/"
BODIES, BODIES_SAYS = "sbdb_query.api", "NASA/JPL SBDB (Small-Body DataBase) Query API"
APPROACHES, APPROACHES_SAYS = "cad.api", "NASA/JPL SBDB Close Approach Data API"
# au, degrees, days, km, hours, magnitudes; epoch_mjd and tp (a Julian date) in TDB
BODY_FIELDS = (
    "spkid", "full_name", "pdes", "neo", "pha", "H", "G", "M1", "M2", "diameter", "extent", "albedo", "rot_per",
    "orbit_id", "epoch_mjd", "e", "a", "q", "i", "om", "w", "ma", "tp", "per_y", "moid", "class",
)  # fmt: skip
APPROACH_FIELDS = ("des", "jd", "dist")  # those without which a file is not known for one of approaches
FULL = (errno.ENOSPC, errno.EDQUOT)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def tell(word: str, path: Path, page: Page, progress: Progress) -> None:
    """A file is done."""
    progress.rows += len(page.rows)
    progress.say()
    print(word, path.name, len(page.rows), "rows", flush=True)


# --- what is asked -------------------------------------------------------------------------------------------------


class Bodies:
    """The pages of one query of small bodies."""

    def __init__(self, given: argparse.Namespace, client: Client) -> None:
        self.folder, self.client, self.given = given.to, client, given
        self.filter = {"sb-group": given.group or (None if given.orbit_class else "neo"), "sb-class": given.orbit_class}
        self.filter = {name: value for name, value in self.filter.items() if value}
        self.stem = "-".join(["sbdb", *self.filter.values()]).replace(",", "_")
        self.fields: Sequence[str] = []  # of the first page
        self.seen: set[str] = set()  # spkid of all rows so far
        self.before: Page | None = None

    def url(self, **query: object) -> str:
        """Of an answer: with `fields` rows, without them only the count."""
        named = {name.replace("_", "-"): value for name, value in query.items()}
        return f"{self.given.base}{BODIES}?{urlencode({**named, **self.filter}, safe=',')}"

    def fetch(self) -> None:
        """All pages, in order. Raises Failure: 2 where the data changed, and what Client.get raises."""
        names = [path for path in self.folder.iterdir() if re.fullmatch(f"{self.stem}-[0-9]{{6,}}[.]json", path.name)]
        there = {int(path.stem.rpartition("-")[2]): path for path in names}
        size, most = self.given.page, self.given.limit or sys.maxsize
        total = None if self.given.again else self.total_there(there, min(size, most))
        if total is None or not there.keys() >= set(range(0, min(total, most), size)):
            total = self.count(total)
        planned = range(0, min(total, most) or 1, size)  # the one page of a query without rows says so
        if self.given.again:
            for path in there.values():  # not before the service answered
                path.unlink()
            there = {}
        if strays := sorted(there.keys() - set(planned)):
            self.changed(str(there[strays[0]]), f"a page of another --page or --limit: {there[strays[0]].name}")
        for start in planned:
            number = min(size, min(total, most) - start) or size
            path = self.folder / f"{self.stem}-{start:06d}.json"
            if start in there:
                page = looked_at(path.read_bytes(), None, str(path), BODIES_SAYS, BODY_FIELDS)
                self.compare(page, str(path), number, total)
                tell("there", path, page, self.client.progress)
                continue
            url = self.url(fields=",".join(BODY_FIELDS), full_prec=1, sort="spkid", limit=number, limit_from=start)
            kind, body = self.client.get(url, f"Small bodies from number {start:,} on were asked for")
            page = looked_at(body, kind, url, BODIES_SAYS, BODY_FIELDS)
            last = self.before
            self.compare(page, url, number, total)
            if last is not None:
                self.border(last, start)
            keep(path, body)
            tell("kept", path, page, self.client.progress)

    def total_there(self, there: dict[int, Path], number: int) -> int | None:
        """How many bodies the query found when the first page was kept; none where that page does not say."""
        if 0 not in there:
            return None
        page = looked_at(there[0].read_bytes(), None, str(there[0]), BODIES_SAYS, BODY_FIELDS)
        says_all = page.count is not None and (page.count > len(page.rows) or len(page.rows) < number)
        return page.count if says_all else None

    def count(self, before: int | None) -> int:
        """How many bodies the query finds now."""
        url = self.url()
        kind, body = self.client.get(url, "The number of small bodies was asked for")
        total = looked_at(body, kind, url, BODIES_SAYS, ()).count
        if total is None:
            raise Failure(2, "The number of small bodies was asked for.", url, "an answer without count", "try later")
        if before not in (None, total):
            self.changed(url, f"{total:,} bodies now, {before:,} when the first page was kept")
        return total

    def compare(self, page: Page, where: str, number: int, total: int) -> None:
        """A page with those before it. `number` rows were asked for, `total` are found by the query."""
        first, last = (page.rows[0], page.rows[-1]) if page.rows else (None, None)
        if self.before and page.rows and [first, last] == [self.before.rows[0], self.before.rows[-1]]:
            self.changed(where, "the rows of the page before, once more")
        if self.before and list(page.fields) != list(self.fields):
            self.changed(where, f"other fields than on the first page: {said(', '.join(page.fields))}")
        # JPL counts all that the query finds; that a page counts its own rows is let pass, their sum is known anyway
        if page.count not in (None, total, len(page.rows)):
            self.changed(where, f"a count of {page.count:,}; it was {total:,}")
        if len(page.rows) != min(number, total):
            self.changed(where, f"{len(page.rows):,} rows; {min(number, total):,} of {total:,} are wanted")
        for row in page.rows:
            spkid = page.value(row, "spkid")
            if spkid in self.seen:
                self.changed(where, f"the body of spkid {said(spkid)} for the second time")
            if spkid:  # a row without one is the reader's to refuse
                self.seen.add(spkid)
        self.fields, self.before = self.fields or page.fields, page

    def border(self, last: Page, start: int) -> None:
        """Is the last row of the page before still just before this page? A gap leaves the numbers as they were."""
        url = self.url(fields="spkid", full_prec=1, sort="spkid", limit=1, limit_from=start - 1)
        kind, body = self.client.get(url, f"The body before number {start:,} was asked for")
        found = looked_at(body, kind, url, BODIES_SAYS, ("spkid",))
        now, then = [found.value(row, "spkid") for row in found.rows], last.value(last.rows[-1], "spkid")
        if then and now != [then]:
            self.changed(url, f"spkid {said(', '.join(now)) or 'none'} there; the page before ends with {then}")

    def changed(self, where: str, found: str) -> NoReturn:
        """The pages do not belong together."""
        asked = "The pages of small bodies do not fit each other: the data changed between them."
        raise Failure(2, asked, where, found, "begin again: the same command with --again")


def approaches(given: argparse.Namespace, client: Client) -> None:
    """All approaches of a span of days, in one file. Raises Failure."""
    path = given.to / (given.name or f"cad-{given.begin}-{given.until}-{given.within}.json")
    query = {"date-min": given.begin, "date-max": f"{given.until}T23:59:59", "dist-max": given.within}
    query |= {"body": "Earth", "sort": "date", "fullname": "true"}
    where = f"{given.base}{APPROACHES}?{urlencode(query, safe=':')}"
    is_there = path.exists() and not given.again
    kind: str | None = None
    if is_there:
        where, body = str(path), path.read_bytes()
    else:
        kind, body = client.get(where, "Close approaches were asked for")
    page = looked_at(body, kind, where, APPROACHES_SAYS, APPROACH_FIELDS)
    if page.count not in (None, len(page.rows)):
        found = f"{len(page.rows):,} rows; `count` says {page.count:,}"
        raise Failure(2, "Close approaches were asked for, and some are missing.", where, found, "ask with --again")
    if not is_there:
        keep(path, body)
    tell("there" if is_there else "kept", path, page, client.progress)


# --- the command ---------------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """Usage errors in the form of all others."""

    def error(self, message: str) -> NoReturn:
        """A word of the command line is wrong."""
        raise Failure(2, "The command line cannot be understood.", self.prog, said(message), f"{self.prog} --help")


def matching(pattern: str, wanted: str) -> Any:
    """A type of argument: a text of this form, and not zero where it is a number."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text) or re.fullmatch("[0.]+(LD)?", text):
            raise argparse.ArgumentTypeError(f"{text!r}: {wanted} is wanted")
        return text

    return check


def day(text: str) -> str:
    """YYYY-MM-DD."""
    with suppress(ValueError):
        if datetime.strptime(text, "%Y-%m-%d").strftime("%Y-%m-%d") == text:  # noqa: DTZ007  # a day, no time
            return text
    raise argparse.ArgumentTypeError(f"{text!r}: a day like 2022-01-31 is wanted")


def number(text: str) -> int:
    """1 or more."""
    return int(matching("[0-9]{1,9}", "a number above 0")(text))


def seconds(text: str) -> float:
    """More than 0."""
    return float(matching(r"[0-9]{1,6}([.][0-9]{1,6})?", "a number of seconds above 0")(text))


def address(text: str) -> str:
    """Of the service: https, or http on this machine; ends with a slash. It is not repeated, it may hold a password."""
    with suppress(ValueError):
        parts = urlsplit(text)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        if is_safe and parts.hostname and parts.port != 0 and not re.search(r"[@?#\s]", text):
            return text.rstrip("/") + "/"
    raise argparse.ArgumentTypeError("https://HOST/ without user, query or fragment is wanted")


def arguments() -> Parser:
    """The command line."""
    asked = Parser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0], allow_abbrev=False)
    what = asked.add_subparsers(dest="what", required=True)
    bodies, near = what.add_parser("bodies", allow_abbrev=False), what.add_parser("approaches", allow_abbrev=False)
    bodies.add_argument("--group", choices=("neo", "pha"), help="near-Earth objects, potentially hazardous asteroids")
    classes = matching("[A-Za-z]{3}(,[A-Za-z]{3})*", "MBA or MBA,OMB")
    bodies.add_argument("--class", dest="orbit_class", type=classes, help="JPL's orbit classes")
    bodies.add_argument("--page", type=number, default=20_000, help="rows of a page")
    bodies.add_argument("--limit", type=number, help="rows in all, at most")
    near.add_argument("--from", dest="begin", type=day, default="2022-01-01", help="first day")
    near.add_argument("--until", type=day, default="2022-12-31", help="last day")
    distance = matching("[0-9]{1,4}([.][0-9]{1,9})?(LD)?", "a distance in au like 0.2, or 10LD")
    near.add_argument("--within", type=distance, default="0.2", help="au, or lunar distances: 10LD")
    file = matching("[A-Za-z0-9_-]{1,80}[.]json", "a name like near.json")
    near.add_argument("--name", type=file, help="of the file; by itself the days and the distance")
    for each in (bodies, near):
        each.add_argument("--to", type=Path, required=True, help="folder")
        each.add_argument("--again", action="store_true", help="ask for what is there already, too")
        each.add_argument("--base", type=address, default=BASE, help="of the service")
        for name, wait in vars(Manners()).items():
            kind = number if name == "retries" else seconds
            each.add_argument(f"--{name}", type=kind, default=wait, help=f"{wait:g}; see Manners")
    return asked


def failed(code: int, *said_of_it: str) -> int:
    """Tell what went wrong in four parts; gives the exit code."""
    labels = (f"error {code}: ", "  looked in:  ", "  found:      ", "  to fix:     ")
    print(*(f"{label}{text}" for label, text in zip(labels, said_of_it, strict=True)), sep="\n", file=sys.stderr)
    return code


def run(words: Sequence[str] | None) -> None:
    """What the command line asks for. Raises Failure, OSError."""
    given = arguments().parse_args(words)
    if given.what == "approaches" and given.begin > given.until:
        found = f"{given.begin} is after {given.until}"
        raise Failure(2, "The days cannot be used.", "--from, --until", found, "give the earlier day as --from")
    given.to.mkdir(parents=True, exist_ok=True)
    client = Client(Manners(**{name: getattr(given, name) for name in vars(Manners())}), Progress())
    if given.what == "bodies":
        Bodies(given, client).fetch()
    else:
        approaches(given, client)


def main(words: Sequence[str] | None = None) -> int:
    """The command; gives its exit code."""
    try:
        run(words)
    except Failure as error:
        return failed(error.code, *error.lines)
    except KeyboardInterrupt:
        found = "the files that are there are whole"
        return failed(130, "The run was interrupted.", "the folder --to", found, "run it again: it goes on from there")
    except OSError as error:
        where, found = str(error.filename or "the folder --to"), error.strerror or said(str(error))
        if error.errno in FULL:
            return failed(8, "There is no room left.", where, found, "make room, then run it again: it goes on")
        return failed(2, "The folder cannot be used.", where, found, "give another folder as --to, or the rights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
