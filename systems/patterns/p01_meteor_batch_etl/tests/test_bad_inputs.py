"""Inputs that are no case of the corpus (meteor_bad_inputs.py, claims/test_bad_inputs.py), through the real command."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import meteor_oracle as oracle
import pytest
from meteor_bad_inputs import CASES, FOUR, Case, lines, row
from meteor_no_case import ELSEWHERE, OUT_OF_REACH

from orrery.testing import Result, Target

Orrery = Callable[[list[str]], Result]
ZIPPED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK")


def load(orrery_run: Orrery, path: object) -> Result:
    return orrery_run(["run", "meteor", "--data", f"launches={path}"])


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.content.startswith(ZIPPED)], ids=lambda case: case.id
)
def test_the_oracle_says_the_same(case: Case) -> None:
    verdict = oracle.judge(case.content, case.name)
    if case.exit_code == 2:
        assert verdict.refused
    elif case.exit_code == 0:
        assert verdict.refused is None
        assert len(verdict.accepted) == case.accepted
        assert [(each.line, each.rule) for each in verdict.refused_rows] == case.refused


@pytest.mark.catalogue
def test_every_item_of_the_list_is_a_case_or_says_where_it_is() -> None:
    counts = {"C": 48, "D": 18, "F": 12, "K": 12, "N": 13, "Q": 10, "U": 12}
    wanted = {f"{letter}{number:02}" for letter, count in counts.items() for number in range(1, count + 1)}
    cases = {case.id[:3] for case in CASES}
    assert wanted == cases | set(ELSEWHERE) | set(OUT_OF_REACH)
    assert cases.isdisjoint(OUT_OF_REACH)
    root = Path(__file__).parents[4]
    tests = [*Path(__file__).parent.rglob("test_*.py"), *(root / "tests").rglob("test_*.py")]
    there = "".join(path.read_text(encoding="utf-8") for path in tests)
    assert [test for test in ELSEWHERE.values() if f"def {test}(" not in there] == []


def test_values_are_kept_as_they_came(orrery_run: Orrery, target: Target, deliver: Any) -> None:
    given = {"PL_Name": "=1+1", "Orig_PL_Name": "NA", "COSPAR": "-1.50", "LV_SN": "00501", "Ref": "'; DROP TABLE x;--"}
    assert load(orrery_run, deliver("a.csv", lines(row(1, **given), row(2)))).exit_code == 0
    first = target.rows()[0]
    kept = [first[name] for name in ("payload_name", "original_payload_name", "cospar_id", "serial", "reference")]
    assert kept == list(given.values())


def test_not_a_regular_file(orrery_run: Orrery, target: Target, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/null")):
        result = load(orrery_run, path)
        assert result.exit_code == 2
        assert "not a regular file" in result.stderr
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(50 << 30)
    result = load(orrery_run, huge)
    assert result.exit_code == 2
    assert "the limit is" in result.stderr
    assert not target.rows()


def test_a_file_that_grows_while_it_is_read(
    orrery_run: Orrery, target: Target, deliver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It grows between the two readings, deterministically: when the first has ended."""
    from orrery import files

    path = deliver("a.csv", FOUR)
    real = files.fingerprint

    def and_then_it_grows(one: Path) -> Any:
        found = real(one)
        with one.open("ab") as file:
            file.write(row(5).encode() + b"\n")
        return found

    monkeypatch.setattr(files, "fingerprint", and_then_it_grows)
    result = load(orrery_run, path)
    assert result.exit_code == 2
    assert "changed while it was read" in result.stderr
    assert not target.rows()


def test_a_stray_quote_in_a_large_file_is_one_row(orrery_run: Orrery, target: Target, deliver: Any) -> None:
    """Wherever it stands: before the first block ends, and far behind it."""
    count = 120_000
    wrong = {5: row(5, PL_Name='5" gun'), count - 7: row(count - 7, PL_Name="a\x00b")}
    content = lines(*(wrong.get(n, row(n, Ref="reference" * 3)) for n in range(count)))
    assert len(content) > 9 << 20
    result = load(orrery_run, deliver("a.csv", content))
    assert result.exit_code == 0, result.stderr
    assert [(each["line"], each["rule"]) for each in target.rejects()] == [
        (7, "quote_misplaced"),
        (count - 5, "nul_byte"),
    ]
    assert target.query("select count(*) as n from p01_meteor.launches") == [{"n": count - 2}]


def test_a_file_that_goes_while_it_is_read(
    orrery_run: Orrery, target: Target, deliver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orrery import files

    real = files.fingerprint

    def and_then_it_goes(one: Path) -> Any:
        found = real(one)
        one.unlink()
        return found

    monkeypatch.setattr(files, "fingerprint", and_then_it_goes)
    result = load(orrery_run, deliver("a.csv", FOUR))
    assert result.exit_code == 2
    assert "changed while it was read" in result.stderr
    assert not target.rows()


def test_paths(orrery_run: Orrery, target: Target, deliver: Any, tmp_path: Path) -> None:
    strange = deliver("-rf $(id) 'ü' \"q\" 👩\nerror 0: [b]x.csv", FOUR)
    result = load(orrery_run, strange)
    assert result.exit_code == 0
    assert "\nerror 0" not in result.stdout + result.stderr
    for given in (
        "no/such/file.csv",
        f"{tmp_path}/inbox/nothing*.csv",
        "file:///etc/passwd",
        "x" * 300,
        tmp_path / "inbox" / "x\x00y",
    ):
        result = load(orrery_run, given)
        assert result.exit_code == 2, given
        assert "Traceback" not in result.stderr
    outside = tmp_path / "secret.csv"
    outside.write_bytes(FOUR)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.csv").symlink_to(outside)
    result = load(orrery_run, folder)
    assert result.exit_code == 2
    assert "leads out of the folder" in result.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    assert load(orrery_run, empty).exit_code == 2
    assert len(target.rows()) == 4


def test_files_of_one_name(orrery_run: Orrery, target: Target, tmp_path: Path) -> None:
    """The ledger of files knows a file by its name; names that only look alike are two files."""
    for folder, content in (("one", FOUR), ("two", lines(row(5)))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_bytes(content)
    result = load(orrery_run, f"{tmp_path}/*/a.csv")
    assert result.exit_code == 2
    assert "Two files are called a.csv" in result.stderr
    assert not target.rows()
    (tmp_path / "one" / "caf\u00e9.csv").write_bytes(lines(row(6)))
    (tmp_path / "one" / "cafe\u0301.csv").write_bytes(lines(row(7)))
    assert load(orrery_run, tmp_path / "one").exit_code == 0
    assert len(target.rows()) == 6


@pytest.mark.slow
def test_many_small_files(orrery_run: Orrery, target: Target, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:04}.csv").write_bytes(lines(row(number), row(number + 300)))
    result = load(orrery_run, folder)
    assert result.exit_code == 0, result.stderr
    assert len(target.rows()) == 600
    assert "300 files" in result.stdout


def test_names_that_are_not_utf8(orrery_run: Orrery, target: Target, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.csv")).write_bytes(FOUR)
    result = load(orrery_run, folder)
    assert result.exit_code == 0, result.stderr
    assert target.query("select file_name from p01_meteor.files") == [{"file_name": "caf\\udce9.csv"}]


def test_a_reader_sees_all_or_nothing(orrery_run: Orrery, target: Target, deliver: Any) -> None:
    """A reader that looks all the time during a restatement sees the state before or the one after."""
    count = 30_000
    load(orrery_run, deliver("a.csv", lines(*(row(n) for n in range(count)))))
    restated = deliver("a.csv", lines(*(row(n, Suc="F") for n in range(count // 2))))
    seen: set[tuple[int, int]] = set()
    is_done = threading.Event()

    def look() -> None:
        reader = Target(target.home, target.system)
        while not is_done.is_set():
            [found] = reader.query(
                "select count(*) as rows, count(*) filter (where outcome = 'failure') as failed from p01_meteor.launches"
            )
            seen.add((found["rows"], found["failed"]))
            time.sleep(0.005)
        reader.connection.close()

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    result = load(orrery_run, restated)
    is_done.set()
    looking.join()
    assert result.exit_code == 0, result.stderr
    assert seen <= {(count, 0), (count // 2, count // 2)}
    assert (count, 0) in seen
