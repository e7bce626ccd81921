"""Which files of a delivery are landed, when contents and names have changed places."""

from __future__ import annotations

from pathlib import Path

import pytest

from orrery import catalogue
from orrery.files import Delivered

split = catalogue.function(catalogue.find("p04_orbit"), "pipeline:split")


def delivered(name: str, sha256: str) -> Delivered:
    return Delivered(Path("inbox") / name, name, sha256, 1)


@pytest.mark.parametrize(
    ("there", "now", "landed"),
    [
        ({}, {"a": "X"}, ["a"]),
        ({"X": "a"}, {"a": "X"}, []),
        ({"X": "a"}, {"b": "X"}, []),
        ({"X": "a"}, {"a": "Y"}, ["a"]),
        ({"X": "c"}, {"b": "X", "c": "Z"}, ["b", "c"]),  # c takes the place of X, which came again as b
        ({"X": "a", "Y": "b"}, {"a": "Y", "b": "X"}, ["a", "b"]),
        ({"X": "a"}, {"b": "Y", "c": "Y"}, ["b"]),
    ],
)
def test_no_content_that_was_delivered_is_left_out_and_none_comes_twice(
    there: dict[str, str], now: dict[str, str], landed: list[str]
) -> None:
    files = [delivered(name, sha256) for name, sha256 in now.items()]
    new, _ = split(dict(there), files)
    assert [each.name for each in new] == landed
    after = {sha256: name for sha256, name in there.items() if name not in landed}
    after |= {each.sha256: each.name for each in new}
    assert {each.sha256 for each in files} <= after.keys()
    assert split(after, files)[0] == [], "the same again is nothing new"
