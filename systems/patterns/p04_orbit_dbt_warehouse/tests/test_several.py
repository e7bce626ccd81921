"""Rows that are taken many at a time are those that are read one by one: same values, places, texts, and refusals."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from orrery import catalogue, json_values
from orrery.errors import OrreryError

ORBIT = catalogue.find("p04_orbit")
take = catalogue.function(ORBIT, "several:take")
read = catalogue.function(ORBIT, "answers:read")
ANSWERS = sys.modules[read.__module__]
WIDTH = 3
VALUES = ['"a"', "null", '""', '" 1 "', "1.50", "-0", "9007199254740993", "1e400", "NaN", '"],["', '"] , ["', '"\\""']
ODD = ["true", "[1]", '{"a": [1]}', '"\\u0000"', '"\\ud800"', '"Eötvös"', '"\\u00e9"', "[[1],[2]]", '"\\\\"']
BLANKS = ["", "", "", " ", "\n", "\r\n\t"]


def an_answer(seed: int) -> bytes:
    """An answer whose rows are mostly ordinary, laid out in any way; some are broken."""
    dice = random.Random(seed)  # noqa: S311 (a seed)
    how_odd, how_wide = dice.choice([0, 0.01, 0.3]), dice.choice([[""], BLANKS])
    blank = lambda: dice.choice(how_wide)  # noqa: E731
    rows = []
    for _ in range(dice.choice([1, 2, 40, 400])):
        values = [dice.choice(ODD if dice.random() < how_odd else VALUES) for _ in range(WIDTH)]
        if dice.random() < how_odd / 3:
            values = dice.choice([values[1:], [*values, "null"], []])
        row = f"[{blank()}{(blank() + ',' + blank()).join(values)}{blank()}]"
        rows.append(
            dice.choice(['"no row"', "7", "{}", "[", '"'][: 5 if seed % 3 == 0 else 3])
            if dice.random() < how_odd / 9
            else row
        )
    data = (blank() + "," + blank()).join(rows)
    return f'{{"fields":["a","b","c"],{blank()}"data":{blank()}[{blank()}{data}{blank()}]}}'.encode()


def found(content: bytes, step: int) -> list[tuple[Any, ...]]:
    """All rows of an answer, or the refusal."""

    def blocks() -> Iterator[bytes]:
        return (content[at : at + step] for at in range(0, len(content), step))

    try:
        answer, parts = read("x.json", blocks)
        rows = [
            row
            for part in parts
            for row in zip(part.lines, part.byte_offsets, part.texts, part.odd, *part.columns, strict=True)
        ]
    except OrreryError as error:
        return [("refused", str(error))]
    assert answer.rows_read == len(rows)
    return rows


@pytest.mark.parametrize("seed", range(300))
def test_many_at_a_time_is_one_by_one(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    content, step = an_answer(seed), (64, 1_000, 1 << 20)[seed % 7 % 3]
    monkeypatch.setattr(json_values, "STEP", step)
    together = found(content, step)
    monkeypatch.setattr(ANSWERS.several, "take", lambda _text, begin, *_: (None, begin))
    assert together == found(content, step)


def test_ordinary_rows_are_taken_together() -> None:
    text = json.dumps([["],[", "1", None], ["a", "b", "c"], ["d", "e", "f"]])[1:-1]
    assert take(text, 0, 1, 10, 3)[0] is None  # a text looks like the end of a row
    part, end = take(text, text.index('["a"'), 7, 10, 3)
    assert (part.lines, part.byte_offsets, part.texts, part.odd) == ([7], [10], ['["a", "b", "c"]'], [None])
    assert text[end:] == ', ["d", "e", "f"]'  # whether the last is whole is not known here
