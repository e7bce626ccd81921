"""The peers of bench/comet.py: the star as one would write it with pandas: `python bench/comet_peers.py WAY FILE`.

ElementTree walks the file (pandas.read_xml keeps no track of the star that a planet lies in), frames become dimensions
with surrogate keys, merges find the keys, to_sql writes. The database is libpq's own business, as everywhere.

It does less than Comet: no operational schema, no refused rows with their places, no second delivery, no indexes but
the keys; measurements are floats, not the decimals that stand in the file.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import sqlalchemy

SURVEYS = Path(__file__).parent.parent / "systems/patterns/p02_comet_star_schema/data/surveys.csv"
OF_STAR = ("mass", "radius", "temperature", "metallicity", "magV", "age")
OF_PLANET = ("mass", "radius", "period", "semimajoraxis", "eccentricity", "inclination", "temperature")
KEYS = {"star": "star_key", "method": "method_key", "facility": "facility_key"}
ROWS_AT_A_TIME = 10_000  # of an INSERT without COPY


def parsed(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stars and planets of a catalogue, as frames of text."""
    stars: list[dict[str, Any]] = []
    planets: list[dict[str, Any]] = []
    events = ET.iterparse(path, events=("start", "end"))  # noqa: S314 (it reads what bench/comet.py made)
    _, root = next(events)
    for event, element in events:
        if event == "end" and element.tag == "system":
            system = {"system": element.findtext("name"), "distance_pc": element.findtext("distance")}
            system |= {tag: element.findtext(tag) for tag in ("rightascension", "declination")}
            walked(element, system, None, stars, planets)
            root.clear()  # else the whole tree would be kept
    return pd.DataFrame(stars), pd.DataFrame(planets)


def walked(
    element: ET.Element, system: dict[str, Any], star: str | None, stars: list[dict[str, Any]], planets: list[dict]
) -> None:
    """The stars, pairs of stars and planets that lie in an element."""
    for each in element:
        name = each.findtext("name")
        if each.tag in ("star", "binary"):
            name = name or " + ".join(part.findtext("name", "") for part in each.findall("star"))
            about = {tag: each.findtext(tag) for tag in OF_STAR} if each.tag == "star" else {}
            stars.append({**system, "star": name, "kind": each.tag, **about, "spectral": each.findtext("spectraltype")})
            walked(each, system, name, stars, planets)
        elif each.tag == "planet" and "Confirmed planets" in [one.text for one in each.findall("list")]:
            row = {"planet": name, "system": system["system"], "star": star}
            row |= {"method": each.findtext("discoverymethod"), "year": each.findtext("discoveryyear")}
            row["updated"] = each.findtext("lastupdate")
            planets.append({**row, **measured(each)})


def measured(planet: ET.Element) -> dict[str, Any]:
    """The measurements of a planet with their error bars."""
    row: dict[str, Any] = {}
    for tag in OF_PLANET:
        found = planet.find(tag)
        row[tag] = None if found is None else found.text
        for which in ("errorminus", "errorplus"):
            row[f"{tag}_{which}"] = None if found is None else found.get(which)
    return row


def numbers(frame: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """These columns as floats; what is no number is missing."""
    return frame.assign(**{name: pd.to_numeric(frame[name], errors="coerce") for name in columns if name in frame})


def star_schema(path: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables, dimensions first."""
    stars, planets = parsed(path)
    stars = numbers(stars, (*OF_STAR, "distance_pc"))
    planets = numbers(planets, [name for name in planets if name.split("_")[0] in OF_PLANET])
    planets["facility"] = surveyed(planets["planet"])
    for name, key in KEYS.items():
        dimension = stars if name == "star" else planets[[name]].dropna()
        dimension = dimension.drop_duplicates(name).reset_index(drop=True)
        dimension.insert(0, key, dimension.index + 1)
        unknown = pd.DataFrame({key: [-1], name: ["not known"]})
        yield f"dim_{name}", pd.concat([unknown, dimension])
        planets = planets.merge(dimension[[key, name]], on=name, how="left")
        planets[key] = planets[key].fillna(-1).astype(int)
    days = pd.to_datetime(planets["updated"], format="%y/%m/%d", errors="coerce")
    planets["update_date_key"] = days.dt.strftime("%Y%m%d").fillna("-1").astype(int)
    planets["discovery_date_key"] = (pd.to_numeric(planets["year"], errors="coerce") * 10000).fillna(-1).astype(int)
    keys = pd.concat([planets["update_date_key"], planets["discovery_date_key"], pd.Series([-1])])
    dates = keys.drop_duplicates().rename("date_key").to_frame()
    dates["year"] = (dates["date_key"] // 10000).where(dates["date_key"] > 0)
    dates["date"] = pd.to_datetime(dates["date_key"].astype(str), format="%Y%m%d", errors="coerce")
    yield "dim_date", dates
    yield "fct_discovery", planets.drop(columns=["star", "method", "facility", "year", "updated"])


def surveyed(planets: pd.Series) -> pd.Series:
    """The facility that a designation names, by its prefix."""
    surveys = pd.read_csv(SURVEYS)
    by_prefix = dict(zip(surveys["prefix"], surveys["facility"], strict=True))
    pattern = "^(" + "|".join(sorted(by_prefix, key=len, reverse=True)) + ")"
    return planets.str.extract(pattern, expand=False).map(by_prefix)


def by_copy(table: Any, connection: Any, columns: list[str], rows: Iterable[Any]) -> None:
    """What pandas' documentation gives for to_sql's `method`, where the database knows COPY."""
    with connection.connection.cursor() as cursor:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        text.seek(0)
        named = ", ".join(f'"{column}"' for column in columns)
        cursor.copy_expert(f"copy {table.schema}.{table.name} ({named}) from stdin with (format csv)", text)


def main(way: str, path: Path) -> None:
    """Load one file into an empty database."""
    at = (os.environ[name] for name in ("PGUSER", "PGPASSWORD", "PGHOST"))
    url = sqlalchemy.URL.create("postgresql+psycopg2", *at, int(os.environ["PGPORT"]), os.environ["PGDATABASE"])
    options: dict[str, Any] = {"method": by_copy} if way == "copy" else {"chunksize": ROWS_AT_A_TIME}
    with sqlalchemy.create_engine(url).begin() as connection:
        connection.exec_driver_sql("create schema star")
        for name, frame in star_schema(path):
            frame.to_sql(name, connection, schema="star", index=False, **options)
        for name, key in {**KEYS, "date": "date_key"}.items():
            connection.exec_driver_sql(f"alter table star.dim_{name} add primary key ({key})")
        connection.exec_driver_sql("alter table star.fct_discovery add primary key (planet)")
        keys = {key: name for name, key in KEYS.items()} | {"update_date_key": "date", "discovery_date_key": "date"}
        for key, name in keys.items():
            connection.exec_driver_sql(
                f"alter table star.fct_discovery add foreign key ({key}) references star.dim_{name}"
            )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
