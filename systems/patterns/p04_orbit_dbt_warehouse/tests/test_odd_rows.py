"""One delivery with every odd row among good ones: each becomes what was written down by hand for it."""

from __future__ import annotations

import json
from typing import Any

from orbit_deliveries import ASTEROIDS, FIELDS, answer
from orbit_marts_compared import differing
from orbit_odd_rows import ODD_ROWS, Odd, Raw
from orbit_oracle import tables
from orbit_scenario import CLASSES

from orrery.claims import Trial

ALL = (*FIELDS, "tp", "M1", "M2")


def written(body: Any) -> str:
    """A row as it stands in the file."""
    values = (body.get(name) for name in ALL)
    return f"[{','.join(each.text if isinstance(each, Raw) else json.dumps(each) for each in values)}]"


def became(odd: Odd, bodies: dict[str, dict[str, Any]], refused: dict[str, tuple[str, str]]) -> object:
    """What became of a row, in the words in which it is wanted."""
    if (rule := refused.get(written(odd.body))) is not None:
        return rule
    body = bodies.get(odd.designation)
    if body is None or not isinstance(odd.becomes, dict):
        return f"kept: {body}"
    return {name: body[name] for name in odd.becomes}


def test_every_odd_row_becomes_what_was_written_down_for_it(trial: Trial) -> None:
    good = [written(body) for body in ASTEROIDS[: 10 * len(ODD_ROWS)]]
    content = answer([*good, *(written(odd.body) for odd in ODD_ROWS)], ALL)
    trial.run(trial.deliver("odd.json", content))
    bodies = {row["designation"]: row for row in trial.rows()}
    refused = {row["record_text"]: (row["rule"], row["column_name"]) for row in trial.target.rejects()}
    found = {odd.label: became(odd, bodies, refused) for odd in ODD_ROWS}
    assert len(found) == len(ODD_ROWS), "a label is there twice"
    assert {label: each for label, each in found.items() if each != wanted(label)} == {}
    assert len(bodies) + len(refused) == len(good) + len(ODD_ROWS)
    assert differing(trial.target, tables([("odd.json", content)], classes=CLASSES)) == []


def wanted(label: str) -> object:
    return next(odd.becomes for odd in ODD_ROWS if odd.label == label)
