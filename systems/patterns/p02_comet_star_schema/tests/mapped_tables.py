"""What the tests of mapped tables do with one: propose, edit, load, look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from tables_of_planets import expected, held

from orrery.claims import Trial

OPERATIONAL = "p02_comet_operational"


def proposed(trial: Trial, path: Path) -> tuple[dict[str, Any], Path]:
    """What `data map` says of a file, and where it wrote the draft."""
    ended = trial.call(["data", "map", "comet", str(path), "--json", "--force"])
    assert ended.exit_code == 0, ended.stderr
    return ended.json, trial.folder / ended.json["draft"]


def edited(draft: Path, **columns: Any) -> Path:
    """The draft as somebody leaves it who has read it: confirmed, some columns mended (None: left empty)."""
    said = yaml.safe_load(draft.read_text(encoding="utf-8"))
    assert said["confirmed"] is False
    said["confirmed"] = True
    for name, form in columns.items():
        old = said["columns"].pop(name, {}).get("from")
        if form is not None:
            said["columns"][name] = form
        used = {form["from"] for form in said["columns"].values() if "from" in form}
        if old and old not in used:
            said["ignoredColumns"].append(old)
    draft.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    return draft


def loaded(trial: Trial, name: str, content: bytes, draft: Path | None = None) -> Any:
    """A file, mapped as it is proposed or by a draft that is there, and loaded."""
    path = trial.deliver(name, content)
    return trial.run(path, "--map", str(draft or edited(proposed(trial, path)[1])))


def validated(trial: Trial, path: Path, draft: Path) -> Any:
    return trial.call(["data", "validate", "comet", str(path), "--map", str(draft), "--json", "--rows", "999"]).json


def statuses(trial: Trial) -> dict[str, str]:
    found = trial.target.query(f"select name, status from {OPERATIONAL}.planet")
    return {row["name"]: row["status"] for row in found}


def agrees(trial: Trial, content: bytes, **more: Any) -> None:
    """The star says of a table of the archive what the oracle reads in it."""
    told = expected(content, **more)
    assert held(trial.rows(), told[0]) == told
