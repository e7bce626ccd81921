"""The figures in a system's README are those of bench/results; one that was changed by hand is found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import readme_bench as figures

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def differing(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str, str, str], set[str]]:
    """Change a text in a copy of what shows figures; gives the files that are then not as they must be."""
    system = getattr(request, "param", "meteor")
    readme = figures.READMES[system]
    shutil.copytree(ROOT / "bench" / "results", tmp_path / "bench" / "results")
    (tmp_path / readme).parent.mkdir(parents=True)
    shutil.copy(ROOT / readme, tmp_path / readme)

    def changed(name: str, old: str, new: str) -> set[str]:
        path = tmp_path / (readme if name == "README.md" else name)
        there = path.read_text(encoding="utf-8")
        assert old in there
        path.write_text(there.replace(old, new, 1), encoding="utf-8")
        wanted = figures.wanted(system, readme, tmp_path)
        return {each.name for each, text in wanted.items() if each.read_text(encoding="utf-8") != text}

    return changed


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        ("README.md", "# p01", "# p01", set()),
        ("README.md", "× the rows take", "× the rows take only", {"README.md"}),
        ("README.md", "| dlt, Arrow backend", "| dlt", {"README.md"}),
        ("bench/results/curve-meteor.svg", 'cy="', 'cy="1', {"curve-meteor.svg"}),
        ("bench/results/curve-meteor.json", '"rows": 1600000', '"rows": 3200000', {"README.md", "curve-meteor.svg"}),
        ("bench/results/curve-meteor.json", '"load_before": ', '"load_before": 9', {"README.md"}),
    ],
)
def test_a_figure_that_was_not_measured_is_found(
    differing: Callable[[str, str, str], set[str]], name: str, old: str, new: str, found: set[str]
) -> None:
    assert differing(name, old, new) == found


@pytest.mark.parametrize("differing", ["comet"], indirect=True)
def test_a_figure_of_parts_that_was_not_measured_is_found(differing: Callable[[str, str, str], set[str]]) -> None:
    assert differing("README.md", "| psql over sql/load.sql", "| psql") == {"README.md"}
    assert differing("bench/results/curve-comet.svg", 'cy="', 'cy="1') == {"README.md", "curve-comet.svg"}
