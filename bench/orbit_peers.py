"""The limits and the peer of bench/orbit.py, each a process: `python bench/orbit_peers.py WAY …`.

    sql DATABASE STATEMENTS   a list of SQL statements, one after the other
    json_loads ANSWER         the whole answer as Python objects
    read_json LINES DATABASE  DuckDB's own reader, of the same rows, a line each
    pandas ANSWER FOLDER      what one would write instead, in one script
    lines ANSWER LINES        not measured: the rows of an answer, a line each
    ask DATABASE QUERY        not measured: one row

The peer does less than Orbit: no row keeps its place and its text, a body that comes twice is only counted, approaches
are not computed, nothing is tested, and who reads its files while it writes sees half of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

CLASSES = Path(__file__).parent.parent / "systems/patterns/p04_orbit_dbt_warehouse/dbt_project/seeds/orbit_classes.csv"
NUMBERS = (
    *("H", "G", "diameter", "albedo", "rot_per", "epoch_mjd"),
    *("e", "a", "q", "i", "om", "w", "ma", "per_y", "moid"),
)
NEEDED = ("epoch_mjd", "e", "i", "om", "w")
RANGES = {
    "epoch_mjd": (-1e6, 1e5),
    "e": (0, 100),
    "q": (0.0001, 1000),
    "i": (0, 180),
    **dict.fromkeys(("om", "w", "ma"), (0, 360)),
    **dict.fromkeys(("H", "G"), (-50, 50)),
    "diameter": (0, 10_000),
    "albedo": (0, 2),
    "moid": (0, float("inf")),
}


def sql(database: str, statements: str) -> None:
    """SQL straight on DuckDB: nothing but the engine."""
    import duckdb

    with duckdb.connect(database) as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in json.loads(Path(statements).read_text(encoding="utf-8")):
            connection.execute(statement)
        connection.execute("force checkpoint")


def json_loads(answer: str) -> None:
    """No row is read faster in Python without another parser; nothing is kept of it."""
    with Path(answer).open(encoding="utf-8") as file:
        print(len(json.load(file)["data"]))


def lines(answer: str, to: str) -> None:
    """The rows of an answer, a line each."""
    with Path(answer).open(encoding="utf-8") as file, Path(to).open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in json.load(file)["data"])


def ask(database: str, query: str) -> None:
    """The first row that a query finds."""
    import duckdb

    with duckdb.connect(database, read_only=True) as connection:
        print(*connection.execute(query).fetchall()[0])


def read_json(lines: str, database: str) -> None:
    """DuckDB's reader, into a table of texts: no place, no text of the record, and no row may be odd."""
    import duckdb

    with Path(lines).open(encoding="utf-8") as file:
        number = len(json.loads(next(file)))
    columns = ", ".join(f"json[{at + 1}] as c{at}" for at in range(number))
    how = "format = 'newline_delimited', records = false, columns = {json: 'varchar[]'}"
    with duckdb.connect(database) as connection:
        connection.execute(f"create table raw as select {columns} from read_json(?, {how})", [lines])
        connection.execute("force checkpoint")


def pandas(answer: str, folder: str) -> None:
    """Read, type, judge, derive what dim_small_body has, write Parquet; prints what was found."""
    import pandas as pd

    with Path(answer).open(encoding="utf-8") as file:
        given = json.load(file)
    raw = pd.DataFrame(given["data"], columns=given["fields"])
    del given
    bodies = typed(raw)
    rule = judged(bodies)
    is_kept = rule.isna()
    raw[~is_kept].assign(rule=rule[~is_kept]).to_parquet(Path(folder) / "rejected.parquet", index=False)
    found = derived(bodies[is_kept].copy())
    found.to_parquet(Path(folder) / "dim_small_body.parquet", index=False)
    summary = found.groupby("class_code").agg(
        bodies=("designation", "size"),
        near_earth=("is_near_earth", "sum"),
        largest_diameter_km=("diameter_km", "max"),
        median_perihelion_au=("q", "median"),
        median_inclination_deg=("i", "median"),
    )
    summary.to_parquet(Path(folder) / "orbit_class_summary.parquet")
    print(f"{len(found)} {int(found['is_near_earth'].sum())} {int(found['is_potentially_hazardous'].sum())}")


def typed(raw: pd.DataFrame) -> pd.DataFrame:
    """Texts without blanks, numbers as numbers; what is none becomes null."""
    import pandas as pd

    texts = raw[["full_name", "neo", "extent", "orbit_id", "class"]].apply(lambda column: column.str.strip())
    numbers = raw[list(NUMBERS)].apply(pd.to_numeric, errors="coerce")
    kinds = pd.read_csv(CLASSES).set_index("class_code")["kind"]
    bodies = pd.concat([texts.rename(columns={"class": "class_code"}), numbers], axis=1)
    bodies["kind"] = bodies["class_code"].map(kinds)
    numbered = bodies["full_name"].str.extract(r"^([1-9][0-9]*) ", expand=False)
    bodies["designation"] = numbered.fillna(bodies["full_name"].str.extract(r"^\(([^()]+)\)", expand=False))
    for name in NUMBERS:  # a text that is no number
        bodies[f"{name}_is_bad"] = numbers[name].isna() & raw[name].notna()
    return bodies


def judged(bodies: pd.DataFrame) -> pd.Series:
    """The first rule that each row breaks."""
    import pandas as pd

    rule = pd.Series(None, index=bodies.index, dtype="object")

    def broken(where: pd.Series, name: str) -> None:
        rule[where & rule.isna()] = name

    broken(bodies["designation"].isna(), "no_designation")
    for name in NUMBERS:
        broken(bodies[f"{name}_is_bad"], f"not_a_number:{name}")
    for name in NEEDED:
        broken(bodies[name].isna(), f"missing:{name}")
    for name, (low, high) in RANGES.items():
        broken(bodies[name].notna() & ~bodies[name].between(low, high), f"out_of_range:{name}")
    form = r"[0-9]+(?:\.[0-9]+)?(?: ?x ?[0-9]+(?:\.[0-9]+)?){1,2}"
    broken(bodies["extent"].notna() & ~bodies["extent"].str.fullmatch(form).fillna(False).astype(bool), "extent_form")
    apart = (bodies["q"] - bodies["a"] * (1 - bodies["e"])).abs()
    broken((bodies["e"] < 1) & (apart > 0.001 * bodies["q"].clip(lower=1)), "elements_disagree")
    broken(bodies["kind"].isna(), "unknown_class")
    broken(bodies["neo"].notna() & ~bodies["neo"].isin(["Y", "N"]), "unknown_flag")
    broken(bodies["designation"].duplicated(keep=False), "duplicate_designation")
    return rule


def derived(bodies: pd.DataFrame) -> pd.DataFrame:
    """What dim_small_body says of a body."""
    import numpy as np
    import pandas as pd

    e, q = bodies["e"], bodies["q"].fillna(bodies["a"] * (1 - bodies["e"]))
    a = bodies["a"].fillna(q / (1 - e)).where(e < 1)
    far = a * (1 + e)
    is_asteroid = bodies["kind"] == "asteroid"
    bodies = bodies.drop(columns=[name for name in bodies if name.endswith("_is_bad")])
    bodies["q"], bodies["a"], bodies["aphelion_au"] = q, a, far
    bodies["period_years"] = bodies["per_y"].fillna(a**1.5)
    bodies["epoch_on"] = pd.Timestamp("1858-11-17") + pd.to_timedelta(np.floor(bodies["epoch_mjd"]), unit="D")
    tilt = np.radians(bodies["i"])
    bodies["tisserand_jupiter"] = 5.2044 / a + 2 * np.cos(tilt) * np.sqrt(a / 5.2044 * (1 - e**2))
    classes = {
        "HYA": e > 1,
        "PAA": e == 1,
        "IEO": far < 0.983,
        "ATE": a < 1,
        "APO": q < 1.017,
        "AMO": q < 1.3,
        "MCA": (q < 1.666) & (a < 3.2),
        "IMB": a < 2,
        "MBA": a < 3.2,
        "OMB": a < 4.6,
        "TJN": (a < 5.5) & (e < 0.3),
        "CEN": (a > 5.5) & (a < 30.1),
        "TNO": a > 30.1,
    }
    own = pd.Series(np.select(list(classes.values()), list(classes), "AST"), index=bodies.index).where(is_asteroid)
    bodies["derived_class_code"], bodies["is_class_confirmed"] = own, own == bodies["class_code"]
    bodies["is_near_earth"] = (q < 1.3) & (is_asteroid | (bodies["period_years"] < 200))
    groups = {"IEO": "Atira", "ATE": "Aten", "APO": "Apollo", "AMO": "Amor"}
    bodies["neo_group"] = own.map(groups).where(is_asteroid & (q < 1.3))
    turned = e * np.cos(np.radians(bodies["w"]))
    nodes = ((q * (1 + e) / (1 + sign * turned) - 1).abs() for sign in (1, -1))
    bodies["moid_au"] = bodies["moid"].fillna(np.minimum(*nodes))
    bodies["moid_source"] = np.where(bodies["moid"].notna(), "jpl", "nodal_distance")
    bodies["is_potentially_hazardous"] = is_asteroid & (bodies["moid_au"] <= 0.05) & (bodies["H"] <= 22)
    sources = [bodies["diameter"].notna(), bodies["H"].isna(), bodies["albedo"].notna()]
    bodies["diameter_source"] = np.select(sources, ["measured", "unknown", "from_albedo"], "assumed_albedo")
    for column, albedo in (("diameter_km", 0.14), ("diameter_min_km", 0.25), ("diameter_max_km", 0.05)):
        size = 1329 / np.sqrt(bodies["albedo"].fillna(albedo)) * 10 ** (-bodies["H"] / 5)
        bodies[column] = bodies["diameter"].fillna(size)
    axes = bodies["extent"].str.replace(" ", "").str.split("x", expand=True).reindex(columns=range(3))
    for at, axis in enumerate("xyz"):
        bodies[f"extent_{axis}_km"] = pd.to_numeric(axes[at], errors="coerce")
    return bodies


if __name__ == "__main__":
    WAYS = {"sql": sql, "json_loads": json_loads, "lines": lines, "ask": ask, "read_json": read_json, "pandas": pandas}
    WAYS[sys.argv[1]](*sys.argv[2:])
