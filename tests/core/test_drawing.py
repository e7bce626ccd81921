"""The picture and the bars of a cost curve show the figures that they are given, from zero."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from orrery import drawing

HOST = {
    "cpus": 2, "memory_gb": 8, "machine": "Linux x86_64", "python": "3.11.7", "load_before": 0.1,
    "engines": {"postgres": "18.4"},
}  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def measured(*sizes: tuple[int, float, int]) -> dict[str, Any]:
    """Sizes as (rows, seconds, MB)."""
    return {
        "name": "Meteor <&>",
        "host": HOST,
        "sizes": [
            {"rows": rows, "median": seconds, "peak_mb": peak, "rows_per_second": round(rows / seconds)}
            for rows, seconds, peak in sizes
        ],
    }


PROPORTIONAL = measured((100_000, 1.0, 400), (400_000, 4.0, 400), (1_600_000, 16.0, 400))


def lines(results: dict[str, Any]) -> list[list[tuple[int, int]]]:
    """The points of each panel's line."""
    found = ET.fromstring(drawing.svg(results)).iter(f"{SVG}polyline")  # noqa: S314 (our own text)
    return [[tuple(map(int, point.split(","))) for point in line.attrib["points"].split()] for line in found]  # type: ignore[misc]


def test_a_cost_that_grows_with_the_rows_is_a_straight_line_from_the_origin() -> None:
    seconds, memory, speed = lines(PROPORTIONAL)
    axes = re.search(r'd="M(\d+) \d+V(\d+)H', drawing.svg(PROPORTIONAL))
    assert axes is not None
    left, floor = int(axes[1]), int(axes[2])
    last_x, last_y = seconds[-1]
    slope = (floor - last_y) / (last_x - left)
    assert [y for _, y in seconds] == pytest.approx([floor - slope * (x - left) for x, _ in seconds], abs=1)  # a pixel
    assert len({y for _, y in seconds}) == 3
    assert len({y for _, y in memory}) == len({y for _, y in speed}) == 1


def test_a_cost_that_grows_faster_than_the_rows_is_bent() -> None:
    seconds, _, _ = lines(measured((1, 1.0, 400), (4, 16.0, 400), (16, 256.0, 400)))
    (x0, y0), (x1, y1), (x2, y2) = seconds
    assert (y0 - y1) / (x1 - x0) < 0.5 * (y1 - y2) / (x2 - x1)


def test_every_size_is_named_where_its_figures_have_room() -> None:
    texts = ["".join(each.itertext()) for each in ET.fromstring(drawing.svg(PROPORTIONAL)).iter(f"{SVG}text")]  # noqa: S314
    assert {"100 k", "400 k", "1.6 M", "1.00", "4.00", "16.00", "400", "100,000"} <= set(texts)
    crowded = drawing.svg(measured((15, 1.0, 1), (16, 1.0, 1)))
    assert ">16</text>" in crowded
    assert ">15</text>" not in crowded


def test_the_picture_has_a_paper_and_an_ink_for_light_and_for_dark() -> None:
    style = drawing.svg(PROPORTIONAL).partition("<style>")[2].partition("</style>")[0]
    light, dark = style.split("@media(prefers-color-scheme:dark)")
    for each, paper, ink in ((light, "rect{fill:#fff}", "fill:#1f2328"), (dark, "rect{fill:#0d1117}", "fill:#e6edf3")):
        assert paper in each
        assert ink in each


def test_bars_are_as_long_as_their_figures() -> None:
    shown = list(drawing.bars(PROPORTIONAL))
    assert [line.count("█") for line in shown[1:4]] == [2, 10, 40]  # of 40: 1/16 is 2.5, and that is even
    assert shown[3].split() == ["1,600,000", "█" * 40, "16.00"]


def test_growth_is_told_from_the_smallest_to_the_largest() -> None:
    assert drawing.growth(PROPORTIONAL) == "16 × the rows take 16.0 × the seconds and 1.0 × the memory"
    assert drawing.growth(measured((5, 2.0, 1))) == "5 rows in 2.00 s"
    assert drawing.host(PROPORTIONAL) == (
        "2 CPUs, 8 GB, Linux x86_64, Python 3.11.7, PostgreSQL 18.4; load 0.1 before it began"
    )
