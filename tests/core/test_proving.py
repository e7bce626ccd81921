"""`orrery prove`, on a small system made up for it; and what is written down for the real ones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from orrery import catalogue, manifest, proofs, proving, sabotages, testing
from orrery.manifest import Manifest

RULES = """\
def total(values):
    found = 0
    for value in values:
        found += value
    return found
"""
GOOD = {
    "claims": '"The total is the sum" = "test_total"',
    "tests/claims/test_claims.py": "def test_total():\n    assert rules.total([1, 2, 3]) == 6\n",
    "tests/sabotages.toml": """
        [test_total."the last value is lost"]
        file = "rules.py"
        old  = "in values:"
        new  = "in values[:-1]:"
        """,
}
HEAD = "import sys\nfrom pathlib import Path\n\nsys.path.insert(0, str(Path(__file__).parents[2]))\nimport rules\n\n\n"


def plant(root: Path, **changed: str) -> Manifest:
    """A checkout with one small system; `claims`, `tests`, `sabotages` and `rules` replace what is right."""
    folder = root / "systems" / "patterns" / "p02_comet_tiny"
    files = {
        "system.toml": 'id = "p02"\nname = "Comet"\ntitle = "t"\ndomain = "d"\nlevel = "l"\nentry = "rules:total"\n'
        f"[claims]\n{changed.get('claims', GOOD['claims'])}\n",
        "rules.py": changed.get("rules", RULES),
        "tests/claims/test_claims.py": HEAD + changed.get("tests", GOOD["tests/claims/test_claims.py"]),
        "tests/sabotages.toml": textwrap.dedent(changed.get("sabotages", GOOD["tests/sabotages.toml"])),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    (root / "conftest.py").write_text("", encoding="utf-8")
    (root / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = ["--import-mode=importlib"]\n', encoding="utf-8"
    )
    return manifest.read(folder)


def changes(old: str, new: str, name: str = "x", test: str = "test_total") -> str:
    return f"[{test}.{name}]\nfile = 'rules.py'\nold = '''{old}'''\nnew = '''{new}'''\n"


def proved(system: Manifest) -> tuple[list[str], list[str]]:
    """The state of each sabotage, and the findings."""
    result = proving.prove(system, sabotages.chosen(system, None, None), lambda _: None)
    assert result["proved"] is not bool(result["findings"])
    return [each["state"] for claim in result["claims"] for each in claim["sabotages"]], result["findings"]


def test_a_system_in_order_is_proved_and_its_files_stay_as_they_are(tmp_path: Path) -> None:
    system = plant(tmp_path)
    before = proofs.fingerprint(system.folder)
    assert proved(system) == (["killed"], [])
    assert proofs.fingerprint(system.folder) == before


@pytest.mark.parametrize(
    ("sabotage", "state", "why"),
    [
        (changes("found = 0", "found = 0 * 1"), "alive", "alive: the test stays green"),
        (changes("def total", "import nothing_of_that_name\n\n\ndef total"), "broken", "ModuleNotFoundError"),
        (changes("found += value", "found += valeu"), "broken", "NameError: name 'valeu' is not defined"),
        (
            changes("for value in", "while True:\n        pass\n    for value in"),
            "broken",
            "did not end within 2 seconds",
        ),
        (changes("found += value", "found += values"), "broken", "TypeError"),
        (changes("found += value", "raise ValueError('found: no such column (42703)')"), "broken", "(42703)"),
        (
            changes("found += value", "raise ValueError('found: Error in model m Binder Error: x')"),
            "broken",
            "Binder Error",
        ),
        (changes("found -= value", "found += 1"), "stale", "its old text stands 0 times in rules.py"),
        (changes("found", "lost"), "stale", "its old text stands 3 times in rules.py"),
        (changes("in values:", "in values"), "stale", "rules.py is no Python any more"),
        (changes("in values:", "in values:"), "stale", "its new text is the old one"),
        (changes("x", "y").replace("rules.py", "../../../../etc/hosts"), "stale", "there is no file"),
        (changes("== 6", "== 7").replace("rules.py", "tests/claims/test_claims.py"), "stale", "is a test's"),
    ],
    ids=[
        "alive",
        "import",
        "name",
        "endless",
        "type",
        "sql",
        "dbt",
        "gone",
        "thrice",
        "syntax",
        "same",
        "outside",
        "test",
    ],
)
def test_a_sabotage_that_proves_nothing_is_found(
    sabotage: str, state: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "SECONDS", 2)
    states, [finding] = proved(plant(tmp_path, sabotages=sabotage))
    assert states == [state]
    assert "test_total, sabotage 'x'" in finding
    assert why in finding


def test_what_is_not_named_is_found(tmp_path: Path) -> None:
    system = plant(
        tmp_path,
        claims='"a" = "test_total"\n"b" = "test_of_nothing"\n"c" = "test_bare"',
        tests="def test_total():\n    assert rules.total([1]) == 1\n\n\n"
        "def test_bare():\n    pass\n\n\ndef test_unnamed():\n    pass\n\n\nclass TestMore:\n    pass\n",
        sabotages=GOOD["tests/sabotages.toml"].replace("        ", "").replace("in values[:-1]", "in [*values, 1]")
        + changes("in values:", "in []:", test="test_gone"),
    )
    states, findings = proved(system)
    assert states == ["killed"]
    assert findings == [
        "no test: test_of_nothing is not in tests/claims",
        "no claim names TestMore of tests/claims",
        "no claim names test_unnamed of tests/claims",
        "no sabotage for test_bare",
        "no claim names test_gone, which has sabotages",
    ]


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ("def test_total():\n    assert rules.total([1]) == 2\n", "not green without any sabotage: assert 1 == 2"),
        ("import pytest\n\n\ndef test_total():\n    pytest.skip('x')\n", "it was skipped"),
        ("def test_total(nothing):\n    pass\n", "the test could not begin"),
        ("import nothing_there\n\n\ndef test_total():\n    pass\n", "pytest could not run it"),
    ],
    ids=["red", "skipped", "fixture", "collection"],
)
def test_a_claim_that_is_not_green_is_found_and_not_sabotaged(tests: str, why: str, tmp_path: Path) -> None:
    states, [finding] = proved(plant(tmp_path, tests=tests))
    assert states == ["not run"]
    assert why in finding


def test_what_a_claim_may_need_of_the_checkout_is_there(tmp_path: Path) -> None:
    for name in ("src", "profiles", "requirements"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.txt").write_text("1", encoding="utf-8")
    tests = "def test_total():\n    there = Path(__file__).parents[5]\n    assert rules.total([1, 2]) == 3\n"
    tests += "    assert sorted(each.parent.name for each in there.glob('*/one.txt')) == ['profiles', 'requirements', 'src']\n"
    assert proved(plant(tmp_path, tests=tests)) == (["killed"], [])


def test_a_parametrised_case_alone_can_be_named(tmp_path: Path) -> None:
    tests = "import pytest\n\n\n@pytest.mark.parametrize('n', [0, 1], ids=['none', 'one'])\ndef test_total(n):\n"
    tests += "    assert rules.total([1] * n) == n\n"
    system = plant(tmp_path, tests=tests, sabotages="".join(
        f"{changes('in values:', 'in values[1:]:', name)}case = '{name}'\n" for name in ("none", "one")
    ))  # fmt: skip
    states, [finding] = proved(system)
    assert states == ["alive", "killed"]
    assert "sabotage 'none'" in finding


@pytest.fixture
def comet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """The small system, as the one that the catalogue has."""
    system = plant(tmp_path / "checkout")
    monkeypatch.setattr(catalogue, "systems", lambda: (system,))
    return system


def test_the_command_keeps_the_result_until_the_folder_changes(comet: Manifest) -> None:
    assert proofs.status(comet.folder) == "runs"
    done = testing.orrery("prove", "comet")
    assert done.exit_code == 0, done.stderr
    assert "The total is the sum  test_total  1 killed" in done.stdout
    assert "killed" in done.stderr
    assert proofs.status(comet.folder) == "proved"
    listed = {each["id"]: each["status"] for each in testing.orrery("list", "--json").json if each["id"] < "p04"}
    assert listed.pop("p02") == "proved"
    assert set(listed.values()) == {"planned"}
    (comet.folder / "README.md").write_text("figures of the day", encoding="utf-8")
    assert proofs.status(comet.folder) == "proved"
    packed = comet.folder.parent / "packed"
    shutil.copytree(comet.folder, packed, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    assert proofs.status(packed) == "proved", "a wheel has no tests"
    (comet.folder / "rules.py").write_text(RULES + "\n", encoding="utf-8")
    assert proofs.status(comet.folder) == "runs"
    assert testing.orrery("prove", "comet", "--claim", "SUM").exit_code == 0
    assert proofs.status(comet.folder) == "runs", "a part of a proof is never kept"


def test_the_command_fails_with_what_is_not_proved(comet: Manifest) -> None:
    (comet.folder / "tests" / "sabotages.toml").write_text(changes("found = 0", "found = 0 + 0"), encoding="utf-8")
    done = testing.orrery("prove", "--json")
    assert done.exit_code == 3
    assert done.json["proved"] is False
    assert done.json["systems"][0]["claims"][0]["sabotages"][0]["state"] == "alive"
    assert done.json["error"]["exit_code"] == 3
    assert "test_total, sabotage 'x': alive" in done.stderr
    assert json.loads((comet.folder / "proof.json").read_text(encoding="utf-8"))["proved"] is False
    assert proofs.status(comet.folder) == "runs"


def test_what_cannot_be_proved_is_said(comet: Manifest) -> None:
    assert testing.orrery("prove", "comet", "--test", "test_tota").exit_code == 2
    (comet.folder / "tests" / "sabotages.toml").write_text("[test_total.x]\nfile = 'rules.py'\n", encoding="utf-8")
    broken = testing.orrery("prove", "comet")
    assert broken.exit_code == 2
    assert "a sabotage has file, old and new" in broken.stderr
    shutil.rmtree(comet.folder / "tests")
    packed = testing.orrery("prove", "comet")
    assert packed.exit_code == 2
    assert "the wheel does not carry them" in packed.stderr


def test_a_proof_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    tests = "import os\nimport time\n\n\ndef test_total():\n    mark = Path(os.environ['MARK'])\n"
    tests += "    mark.write_text(str(os.getpid()))\n    time.sleep(60)\n"
    system, mark, temporary = plant(tmp_path / "checkout", tests=tests), tmp_path / "mark", tmp_path / "tmp"
    temporary.mkdir()
    code = "import signal\nimport sys\nfrom pathlib import Path\nfrom orrery import manifest, proving\n"
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's `make test &` has it ignored
    code += "proving.prove(manifest.read(Path(sys.argv[1])), ['test_total'], print)\n"
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(system.folder)],
        env={**os.environ, "MARK": str(mark), "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not (mark.exists() and mark.read_text(encoding="utf-8")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=60)[1]
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text(encoding="utf-8")), 0)
    assert [path.name for path in temporary.iterdir() if path.name.startswith("orrery-prove-")] == []


@pytest.mark.parametrize("system", catalogue.systems(), ids=lambda system: system.slug)
def test_every_claim_has_its_test_and_every_test_its_sabotage(system: Manifest) -> None:
    assert sabotages.gaps(system) == []
