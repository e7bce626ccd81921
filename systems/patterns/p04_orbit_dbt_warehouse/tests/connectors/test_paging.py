"""Pages are asked for once, kept as they came, and never half."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import jpl
import jpl_service as fake
import pytest
from jpl_runs import PAGES, PROGRAM, Runs, Told
from jpl_service import Fault, Service

# --- what is asked, what is kept ---------------------------------------------------------------------------------


def test_pages_are_kept_byte_for_byte_under_names_that_tell_query_and_page(run: Runs, service: Service) -> None:
    told = run.bodies()
    assert told.code == 0
    assert told.out == [f"kept {name} {rows} rows" for name, rows in zip(PAGES, (10, 10, 6), strict=True)]
    assert run.files() == PAGES
    for name, asked in zip(PAGES, service.pages(), strict=True):
        assert (run.folder / name).read_bytes() == bytes(asked.sent)
        assert json.loads(asked.sent)["count"] == 26  # as JPL: of the query, not of the page
    spkids = [row[0] for name in PAGES for row in json.loads((run.folder / name).read_bytes())["data"]]
    assert spkids == [each["spkid"] for each in service.bodies if each["neo"] == "Y"]
    assert (
        told.progress[-1] == f"progress {sum(len(each.sent) for each in service.log)} {told.progress[-1].split()[2]} 26"
    )


def test_it_asks_as_documented_and_says_who_it_is(run: Runs, service: Service) -> None:
    run.bodies()
    first, page = service.log[0], service.log[1]
    assert first.query == {"sb-group": "neo"}  # the count
    assert page.path == "/sbdb_query.api"
    assert page.query["fields"].split(",") == list(jpl.BODY_FIELDS)
    assert page.query | {"fields": ""} == {
        "fields": "", "full-prec": "1", "sort": "spkid", "limit": "10", "limit-from": "0", "sb-group": "neo",
    }  # fmt: skip
    assert [each.query["limit"] for each in service.pages()] == ["10", "10", "6"]
    for each in service.log:
        assert each.headers["User-Agent"].startswith("small-body-connector/")
        assert each.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("words", "name", "rows"),
    [
        (["--group", "pha"], "sbdb-pha-000000.json", 2),
        (["--class", "MBA"], "sbdb-MBA-000000.json", 13),
        (["--class", "MBA,AMO", "--limit", "7"], "sbdb-MBA_AMO-000000.json", 7),
        (["--group", "neo", "--class", "AMO", "--limit", "3"], "sbdb-neo-AMO-000000.json", 3),
        (["--class", "TNO"], "sbdb-TNO-000000.json", 0),
    ],
)
def test_groups_classes_and_a_limit(run: Runs, words: list[str], name: str, rows: int) -> None:
    assert run("bodies", *words).out == [f"kept {name} {rows} rows"]


def test_a_full_last_page_ends_it(run: Runs, service: Service) -> None:
    service.bodies = [each for each in service.bodies if each["neo"] == "Y"][:20]
    assert len(run.bodies().out) == len(service.pages()) == 2
    assert run.bodies("--again", "--limit", "10").out == ["kept sbdb-neo-000000.json 10 rows"]
    assert run.files() == PAGES[:1]


def test_approaches_are_one_file_and_both_days_count(run: Runs, service: Service) -> None:
    told = run("approaches")
    assert told.out == ["kept cad-2022-01-01-2022-12-31-0.2.json 365 rows"]
    [asked] = service.log
    assert (run.folder / "cad-2022-01-01-2022-12-31-0.2.json").read_bytes() == bytes(asked.sent)
    assert asked.query == {
        "date-min": "2022-01-01", "date-max": "2022-12-31T23:59:59", "dist-max": "0.2", "body": "Earth",
        "sort": "date", "fullname": "true",
    }  # fmt: skip
    assert told.progress[-1] == f"progress {len(asked.sent)} {len(asked.sent)} 365"
    again = run("approaches")
    assert again.out == ["there cad-2022-01-01-2022-12-31-0.2.json 365 rows"]
    assert len(service.log) == 1
    assert run("approaches", "--again").out == told.out


def test_approaches_within_lunar_distances_or_none_at_all(run: Runs) -> None:
    words = ["approaches", "--from", "2022-02-01", "--until", "2022-02-10", "--within"]
    assert run(*words, "20LD").out == ["kept cad-2022-02-01-2022-02-10-20LD.json 10 rows"]
    assert run(*words, "19LD").out == ["kept cad-2022-02-01-2022-02-10-19LD.json 0 rows"]


def test_a_count_as_text_is_read_too(run: Runs, service: Service) -> None:
    service.faults = [fake.answered(count="365")]
    assert run("approaches").code == 0


# --- killed, and run again ---------------------------------------------------------------------------------------


def started(folder: Path, service: Service, *words: str) -> subprocess.Popen[str]:
    line = [sys.executable, str(PROGRAM), "bodies", "--to", str(folder), "--base", service.base, "--page", "10", *words]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_asked(service: Service, number: int) -> None:
    end = time.monotonic() + 5
    while len(service.log) < number:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_after_two_pages_and_run_again_each_page_is_asked_for_once(run: Runs, service: Service) -> None:
    killed = started(run.folder, service, "--pause", "0.3")
    assert killed.stdout
    assert [killed.stdout.readline().split()[1] for _ in range(2)] == PAGES[:2]
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert run.files() == PAGES[:2]
    told = run.bodies()
    assert told.out == [f"there {PAGES[0]} 10 rows", f"there {PAGES[1]} 10 rows", f"kept {PAGES[2]} 6 rows"]
    assert [each.query["limit-from"] for each in service.pages()] == ["0", "10", "20"]
    assert [(run.folder / name).read_bytes() for name in PAGES] == [bytes(each.sent) for each in service.pages()]
    assert told.progress[-1].endswith(" 26")


def test_killed_in_the_middle_of_a_page_nothing_of_it_is_there(run: Runs, service: Service) -> None:
    service.faults = [None, None, Fault(drip=0.5)]
    killed = started(run.folder, service, "--pause", "0.01")
    assert killed.stdout
    killed.stdout.readline()
    until_asked(service, 3)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert run.files() == PAGES[:1]
    assert run.bodies().code == 0
    assert run.files() == PAGES


def test_interrupted_is_told_with_130(run: Runs, service: Service) -> None:
    service.always = Fault(drip=0.5)
    stopped = started(run.folder, service)
    until_asked(service, 1)
    time.sleep(0.1)
    stopped.send_signal(signal.SIGINT)
    out, err = stopped.communicate(timeout=5)
    assert Told(stopped.returncode, out, err).code == 130


def test_a_run_that_is_done_asks_nothing_the_second_time(run: Runs, service: Service) -> None:
    run.bodies()
    asked = len(service.log)
    assert run.bodies().out == [f"there {name} {rows} rows" for name, rows in zip(PAGES, (10, 10, 6), strict=True)]
    assert len(service.log) == asked


def test_again_asks_for_everything_and_leaves_no_page_of_before(run: Runs, service: Service) -> None:
    run.bodies()
    service.log.clear()
    assert run("bodies", "--page", "20", "--again").out == [f"kept {PAGES[0]} 20 rows", f"kept {PAGES[2]} 6 rows"]
    assert run.files() == [PAGES[0], PAGES[2]]


def test_again_takes_nothing_away_while_the_service_is_down(run: Runs, service: Service) -> None:
    run.bodies()
    service.always = fake.busy()
    assert run.bodies("--again").code == 4
    assert run.files() == PAGES


@pytest.mark.parametrize("words", [["--page", "5"], ["--page", "20"], ["--limit", "10"]])
def test_pages_of_another_page_size_or_limit_are_not_mixed(run: Runs, words: list[str]) -> None:
    run.bodies()
    told = run("bodies", *["--page", "10", *words])
    assert told.code == 2
    assert "--again" in told.error


def test_a_kept_file_that_was_spoilt_is_told(run: Runs) -> None:
    run.bodies()
    (run.folder / PAGES[1]).write_bytes(b'{"signature":')
    told = run.bodies()
    assert (told.code, "--again" in told.error, PAGES[1] in told.error) == (2, True, True)
