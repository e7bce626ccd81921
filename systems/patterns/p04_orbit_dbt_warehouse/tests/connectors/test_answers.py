"""What is no answer is told and not kept; rows that move between pages leave no silent gap."""

from __future__ import annotations

import errno
import os
from typing import Any

import jpl
import jpl_service as fake
import polite_http
import pytest
from jpl_runs import PAGES, QUICK, Runs
from jpl_service import Fault, Service

# --- is it an answer? --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (fake.page_of_html(), "Down for maintenance"),
        (fake.page_of_html("application/json"), "Down for maintenance"),
        (Fault(headers={"Content-Type": "text/xml"}, body=b"<a/>"), "text/xml"),
        (fake.error(200), "one or more query parameter was not recognized"),
        (fake.error(400, "invalid value\n\x1b[31m for 'date-min'"), "invalid value"),
        (fake.answered(signature={"source": "NASA/JPL Scout API"}), "Scout"),
        (fake.answered(signature=None), "signature"),
        (fake.answered(count=364), "count"),
        (fake.answered(count="many"), "count that is no number"),
        (fake.answered(count=True), "count that is no number"),
        (fake.answered(data=None), "no fields and data"),
        (fake.answered(data={}), "no fields and data"),
        (fake.answered(fields="des"), "no fields and data"),
        (fake.answered(fields=["a", "jd", "dist"]), "fields without des"),
        (fake.with_rows(lambda rows: rows[1:]), "364 rows"),
        (Fault(body=b"[]"), "no JSON object"),
        (Fault(body=b"{}{}"), "no JSON object, or more than one"),
        (Fault(body=b""), "no JSON"),
        (Fault(body=b"\xff\xfe"), "not UTF-8"),
        (Fault(body=b"[" * 200_000), "nested too deeply"),
        (Fault(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b\x08\x00"), "not UTF-8"),
    ],
)
def test_what_is_no_answer_is_told_and_not_kept(run: Runs, service: Service, fault: Fault, says: str) -> None:
    service.always = fault
    told = run("approaches")
    assert (told.code, len(service.log), run.files()) == (2, 1, [])
    assert says in told.error
    assert "\x1b" not in told.error


def test_odd_rows_are_kept_for_their_reader(run: Runs, service: Service) -> None:
    odd = (
        b'{"signature":{"source":"NASA/JPL SBDB Close Approach Data API"},"fields":["des","jd","dist"],"data":[1,[NaN,'
    )
    odd += b"9" * 6000 + b"]]}"
    service.always = Fault(body=b"\xef\xbb\xbf " + odd)
    assert run("approaches").code == 0
    service.always = None
    service.faults = [None, fake.with_rows(lambda rows: [*rows[:9], "odd"])]
    assert run.bodies().code == 0


def test_too_long_is_told_and_not_kept(run: Runs, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polite_http, "SIZE_LIMIT", 20_000)
    told = run("approaches")
    assert (told.code, len(service.log), run.files()) == (2, 1, [])


# --- do the pages fit each other? --------------------------------------------------------------------------------


def gone(service: Service, *which: int) -> Any:
    """Bodies that disappear, and as many new ones behind all others."""

    def change() -> None:
        last = service.bodies[-1]
        for at in which:
            del service.bodies[at]
            service.bodies.append(last | {"spkid": service.bodies[-1]["spkid"] + 1, "neo": "Y"})

    return change


def test_rows_that_moved_between_pages_leave_no_silent_gap(run: Runs, service: Service) -> None:
    service.faults = [None, None, Fault(before=gone(service, 0))]  # as many as before: only the border tells
    told = run.bodies()
    assert (told.code, run.files()) == (2, PAGES[:1])
    assert "the page before ends with" in told.error


def test_rows_that_moved_while_it_did_not_run_leave_no_silent_gap(run: Runs, service: Service) -> None:
    run.bodies()
    (run.folder / PAGES[2]).unlink()
    gone(service, 0)()
    assert run.bodies().code == 2
    assert run.bodies("--again").code == 0


def test_rows_that_came_before_leave_no_double(run: Runs, service: Service) -> None:
    def change() -> None:
        service.bodies.insert(0, service.bodies.pop() | {"spkid": 1, "neo": "Y"})
        service.bodies = [each for each in service.bodies if each["spkid"] != 20000433 + 37]

    service.faults = [None, None, Fault(before=change)]
    told = run.bodies()
    assert (told.code, run.files()) == (2, PAGES[:1])
    assert "for the second time" in told.error


def first_page(answer: dict[str, Any]) -> dict[str, Any]:
    """The rows of the first page, on whatever page."""
    near = [each for each in fake.some_bodies(39) if each["neo"] == "Y"][:10]
    return answer | {"data": [[each.get(name) for name in answer["fields"]] for each in near]}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(edit=first_page), "the rows of the page before, once more"),
        (fake.with_rows(lambda rows: rows[2:]), "8 rows; 10 of 26"),
        (fake.with_rows(lambda rows: [*rows, rows[0]]), "11 rows"),
        (fake.with_rows(lambda rows: [*rows[:9], rows[0]]), "for the second time"),
        (fake.with_rows(lambda _: []), "0 rows"),
        (fake.answered(count=27), "a count of 27; it was 26"),
        (Fault(edit=lambda answer: answer | {"fields": answer["fields"][::-1]}), "other fields"),
    ],
)
def test_pages_that_do_not_fit_each_other_are_told(run: Runs, service: Service, fault: Fault, says: str) -> None:
    service.faults = [None, None, fault]
    told = run.bodies()
    assert (told.code, run.files()) == (2, PAGES[:1])
    assert says in told.error
    assert "begin again: the same command with --again" in told.error


def test_a_total_that_changed_since_the_first_page_was_kept_is_told(run: Runs, service: Service) -> None:
    run.bodies()
    (run.folder / PAGES[1]).unlink()
    service.bodies.append(service.bodies[0] | {"spkid": 20009999})
    service.log.clear()
    told = run.bodies()
    assert (told.code, len(service.log)) == (2, 1)
    assert "27 bodies now, 26 when" in told.error
    assert run.bodies("--again").code == 0


def test_a_page_that_counts_its_own_rows_is_let_pass(run: Runs, service: Service) -> None:
    per_page = Fault(edit=lambda answer: answer | {"count": len(answer["data"])} if "data" in answer else answer)
    service.always = per_page
    assert run.bodies().code == 0
    assert run.bodies().out[-1] == f"there {PAGES[2]} 6 rows"
    (run.folder / PAGES[2]).unlink()
    assert run.bodies().out[-1] == f"kept {PAGES[2]} 6 rows"


# --- the disk and the command line -------------------------------------------------------------------------------


def test_a_full_disk_is_told_with_8_and_nothing_is_left(run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert run.bodies().code == 8
    assert run.files() == []
    monkeypatch.undo()
    assert run.bodies().code == 0


def test_a_folder_that_is_none_is_told(run: Runs, service: Service) -> None:
    run.folder.parent.mkdir()
    run.folder.write_text("a file")
    base = ["--base", service.base]
    assert jpl.main(["approaches", "--to", str(run.folder), *QUICK, *base]) == 2
    assert jpl.main(["bodies", "--to", str(run.folder / "below"), *QUICK, *base]) == 2
    assert service.log == []


@pytest.mark.parametrize(
    "words",
    [
        ["planets"], ["bodies", "--group", "moons"], ["bodies", "--class", "M&A"], ["bodies", "--page", "0"],
        ["bodies", "--page", "many"], ["bodies", "--limit", "-1"], ["bodies", "--pause", "x"], ["bodies", "--what"],
        ["approaches", "--from", "20220101"], ["approaches", "--from", "2022-02-30"], ["approaches", "--within", "0.0"],
        ["approaches", "--within", "../x"], ["approaches", "--until", "2021-12-31"], ["approaches", "--read", "0"],
        ["approaches", "--base", "http://service.invalid"], ["approaches", "--base", "ftp://127.0.0.1/"],
        ["approaches", "--base", "https://me:hidden@127.0.0.1"], ["approaches", "--base", "https://127.0.0.1/?key=hidden"],
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_told_with_2(run: Runs, service: Service, words: list[str]) -> None:
    told = run(*words)
    assert (told.code, service.log) == (2, [])
    assert "hidden" not in told.error
