"""The bodies of the sample as others write them: SBDB's CSV, Kaggle's names, the Minor Planet Center's; and as JPL's answer.

Of each table there is the answer that says the same: what the marts of the table must be, the oracle says of that answer.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from orbit_deliveries import ASTEROIDS, COMETS, Body, answer, row

from orrery.claims import Trial

MJD_IN_JD, YEAR = 2400000.5, 365.25  # days
SPELLINGS = {"epoch.mjd": "epoch_mjd", "per.y": "per_y"}
BODIES: list[Body] = [{SPELLINGS.get(key, key): body[key] for key in body} for body in (*ASTEROIDS, *COMETS)]
FIELDS = tuple(dict.fromkeys(key for body in BODIES for key in body))
# of each class the word of the Minor Planet Center that comes back as that class
TYPES = {"IEO": "Atira", "ATE": "Aten", "APO": "Apollo", "AMO": "Amor", "IMB": "Hungaria", "MBA": "MBA", "OMB": "Hilda"}
TYPES |= {"MCA": "Object with perihelion distance < 1.665 AU", "TJN": "Jupiter Trojan", "TNO": "Distant Object"}
SOME = [body for body in BODIES if body["class"] in TYPES][:2000:9]


def as_answer(bodies: Sequence[Mapping[str, Any]]) -> bytes:
    """JPL's answer about bodies, with the fields that any of them has."""
    fields = tuple(dict.fromkeys(key for body in bodies for key in body))
    return answer([row(body, fields) for body in bodies], fields)


def as_csv(rows: Sequence[Mapping[str, Any]], line_end: str = "\n", delimiter: str = ",") -> bytes:
    """A table as text; what is not known is empty."""
    out = io.StringIO(newline="")
    names = list(dict.fromkeys(key for each in rows for key in each))
    table = csv.DictWriter(out, names, restval="", lineterminator=line_end, delimiter=delimiter)
    table.writeheader()
    table.writerows({key: "" if value is None else value for key, value in each.items()} for each in rows)
    return out.getvalue().encode()


def as_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """One object a line."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in rows)


def as_array(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return json.dumps(rows, indent=1, ensure_ascii=False).encode()


def as_fields(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """As the web pages of SBDB give it: `fields` and `data`."""
    names = list(dict.fromkeys(key for each in rows for key in each))
    return json.dumps({"fields": names, "data": [[each.get(name) for name in names] for each in rows]}).encode()


def sbdb(body: Body) -> dict[str, Any]:
    """A row of SBDB's export: epochs as JD and as a date, periods in days."""
    one = {"id": f"a{body['orbit_id']}", **{key: body.get(key) for key in FIELDS if key not in ("epoch_mjd", "per_y")}}
    one |= {"epoch": repr(float(body["epoch_mjd"]) + MJD_IN_JD), "epoch_cal": "20220809.0000000", "equinox": "J2000"}
    return one | {"per": None if body["per_y"] is None else repr(float(body["per_y"]) * YEAR), "sigma_e": "1.2E-9"}


def kaggle(body: Body) -> dict[str, Any]:
    """A row of the data set of asteroids that goes round: SBDB's older names, no mean anomaly's place in the order."""
    names = ("full_name", "a", "e", "i", "om", "w", "q", "per_y", "H", "neo", "diameter", "extent", "albedo", "rot_per")
    one: dict[str, Any] = {name: body.get(name) for name in names}
    one |= {"ad": "3.0", "data_arc": "8822", "condition_code": "0", "n_obs_used": 1002, "pha": "N", "GM": None}
    one |= {"BV": "0.713", "spec_B": "C", "spec_T": "G", "G": body.get("G"), "moid": body.get("moid")}
    return one | {
        "class": body["class"],
        "n": "0.214",
        "per": "1681.6",
        "ma": body.get("ma"),
        "epoch_mjd": body["epoch_mjd"],
    }


def mpc(body: Body) -> dict[str, Any]:
    """An object of the Minor Planet Center's MPCORB in JSON: numbers in brackets, JD, keys left out that have no value."""
    name = " ".join(body["full_name"].split())
    numbered = re.fullmatch(r"([0-9]+) (.*?)(?: ?\((.*)\))?", name)
    one: dict[str, Any] = {"Principal_desig": name.strip("()")}
    if numbered:
        one = {"Number": f"({numbered[1]})", "Name": numbered[2], "Principal_desig": numbered[3]}
        one = {key: value for key, value in one.items() if value}
    numbers = {"H": "H", "G": "G", "a": "a", "e": "e", "i": "i", "Node": "om", "Peri": "w", "M": "ma"}
    numbers |= {"Perihelion_dist": "q", "Orbital_period": "per_y"}
    one |= {to: float(body[key]) for to, key in numbers.items() if body.get(key) is not None}
    one |= {
        "Epoch": float(body["epoch_mjd"]) + MJD_IN_JD,
        "Other_desigs": ["1899 OF", "1943 XB"],
        "U": "0",
        "rms": 0.43,
    }
    return one | {"Orbit_type": TYPES[body["class"]], "Ref": f"MPO {body['orbit_id']}", "Num_obs": 6751}


def of_mpc(given: Mapping[str, Any], body: Body) -> Body:
    """What JPL would have said with no more than the Minor Planet Center says."""
    designation = given["Number"].strip("()") if "Number" in given else given["Principal_desig"]
    keys = ("epoch_mjd", "H", "G", "a", "e", "i", "om", "w", "ma", "q", "per_y", "class")
    known = {key: body.get(key) for key in keys}
    return {
        "full_name": given.get("Name", given.get("Principal_desig")),
        "pdes": designation,
        "orbit_id": given["Ref"],
        **known,
    }


# --- what is done with a table ---------------------------------------------------------------------------------------


def proposed(trial: Trial, path: Path) -> tuple[dict[str, Any], Path]:
    """What `data map` says of a file, and where it wrote the draft."""
    ended = trial.call(["data", "map", "orbit", str(path), "--json", "--force"])
    assert ended.exit_code == 0, ended.stderr
    return ended.json, trial.folder / ended.json["draft"]


def edited(draft: Path, *, columns: Mapping[str, Any] | None = None, **keys: Any) -> Path:
    """The draft as somebody leaves it who has read it: confirmed, some of it mended (a column that is None: left out)."""
    said = yaml.safe_load(draft.read_text(encoding="utf-8")) | {"confirmed": True} | keys
    for name, form in (columns or {}).items():
        said["columns"].pop(name, None)
        said["columns"] |= {name: form} if form else {}
    draft.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    return draft
