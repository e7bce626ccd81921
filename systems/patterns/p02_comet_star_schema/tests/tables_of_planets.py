"""Made-up tables of planets as others write them, and what the csv module alone makes of one (the oracle)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Table = Sequence[Mapping[str, str]]
EARTH_MASS, EARTH_RADIUS = 0.00314636, 0.0892141  # in Jupiter's
WORDS = {
    "Radial Velocity": "RV",
    "Transit": "transit",
    "Imaging": "imaging",
    "Microlensing": "microlensing",
    "Transit Timing Variations": "timing",
    "Astrometry": "astrometry",
}
# of each measure of a planet: what the archive calls it in its two kinds of tables, and its unit there
PLANETS = {"mass": "pl_bmassj", "radius": "pl_radj", "period": "pl_orbper", "semi_major_axis": "pl_orbsmax"}
PLANETS |= {"eccentricity": "pl_orbeccen", "inclination": "pl_orbincl", "temperature": "pl_eqt"}
COLUMNS = {"mass": "mass_mj", "radius": "radius_rj", "period": "period_days", "semi_major_axis": "semi_major_axis_au"}
COLUMNS |= {"eccentricity": "eccentricity", "inclination": "inclination_deg", "temperature": "temperature_k"}
STARS = {"star_mass_sun": "st_mass", "star_radius_sun": "st_rad", "star_temperature_k": "st_teff"}
STARS |= {"star_metallicity": "st_met", "star_age_gyr": "st_age", "star_mag_v": "sy_vmag"}
COMMENT = "#"


def written(rows: Table, comments: int = 40, line_end: str = "\n") -> bytes:
    """As the archive's web pages give a table: lines of comment, a header of a hundred columns, the rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    more = [f"sy_other{number}" for number in range(100 - len(names))]
    out = io.StringIO(newline="")
    told = [f'# COLUMN {name}: "so", to say' for name in names] + ["#"] * comments
    out.write("".join(line + line_end for line in told[:comments]))
    table = csv.DictWriter(out, [*names, *more], restval="", lineterminator=line_end)
    table.writeheader()
    table.writerows({**row, **({more[0]: str(number)} if more else {})} for number, row in enumerate(rows))
    return out.getvalue().encode()


def read(content: bytes) -> list[dict[str, str]]:
    """The rows by the csv module, each with its `line` and its `text`."""
    lines = content.decode().splitlines()
    above = next(number for number, line in enumerate(lines) if not line.startswith(COMMENT))
    texts = lines[above + 1 :]
    rows = csv.DictReader(lines[above:])
    return [{**row, "line": str(above + 2 + number), "text": texts[number]} for number, row in enumerate(rows)]


def offset(content: bytes, line: int) -> int:
    return sum(map(len, content.splitlines(keepends=True)[: line - 1]))


def planet(number: int, star: str = "", **changes: str) -> dict[str, str]:
    """A row of `pscomppars`, all of it made up."""
    host = star or f"Star {number}"
    row = {"pl_name": f"{host} b{number}", "hostname": host}
    row |= {"discoverymethod": list(WORDS)[number % 6], "disc_year": str(1995 + number % 30)}
    row |= {"disc_facility": f"Observatory {number % 3}", "rowupdate": f"20{10 + number % 15}-05-{1 + number % 28:02d}"}
    for at, name in enumerate(PLANETS.values(), start=1):
        value = f"{0.01 * at + number % 9 / 10}"[:6]
        known = (number + at) % 4
        row[name] = value if known else ""
        row |= {f"{name}err1": "0.5" if known > 1 else "", f"{name}err2": "-0.25" if known > 2 else ""}
    row |= {name: f"{number % 7 + 1}.{at}" for at, name in enumerate(STARS.values())}
    row |= {"sy_dist": f"{10 + number}.5", "st_spectype": "GKM"[number % 3] + "2 V"}
    row |= {"rastr": f"{number % 24:02d}h51m40.05s", "decstr": f"+{number % 80:02d}d52m51.6s"}
    return row | changes


def number(text: str, times: float = 1.0) -> float | None:
    return float(text) * times if text else None


def expected(content: bytes, refused: Callable[[Mapping[str, str]], bool] = lambda _: False) -> list[dict[str, Any]]:
    """What `discoveries` must say of such a table (each star in a system of its own)."""
    rows = [row for row in read(content) if not refused(row)]
    last = {row["hostname"]: row for row in rows if any(row[name] for name in (*STARS.values(), "st_spectype"))}
    places = {row["hostname"]: row for row in rows if row["sy_dist"] or row["rastr"]}
    found = []
    for row in rows:
        star, place = last.get(row["hostname"], {}), places.get(row["hostname"], {})
        one: dict[str, Any] = {"planet_name": row["pl_name"], "system_name": row["hostname"]}
        one |= {"star_name": row["hostname"], "star_is_inferred": not star}
        one |= {"method": WORDS.get(row["discoverymethod"], row["discoverymethod"]), "facility": row["disc_facility"]}
        one |= {"discovery_year": int(row["disc_year"]), "updated_on": row["rowupdate"]}
        for name, header in PLANETS.items():
            value = number(row[header])
            one[COLUMNS[name]] = value
            one[f"{name}_error_plus"] = None if value is None else number(row[f"{header}err1"])
            one[f"{name}_error_minus"] = None if value is None else number(row[f"{header}err2"].replace("-", ""))
        one |= {name: number(star.get(header, "")) for name, header in STARS.items()}
        one |= {"spectral_type": star.get("st_spectype") or None, "distance_pc": number(place.get("sy_dist", ""))}
        one |= {"right_ascension": place.get("rastr") or None, "declination": place.get("decstr") or None}
        found.append(one)
    return sorted(found, key=lambda each: each["planet_name"])


def held(rows: Sequence[Mapping[str, Any]], like: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of `discoveries` in the same form, the columns that the oracle speaks of."""
    kept = ("discovery_year", "star_is_inferred")
    plain = [
        {
            name: row[name] if row[name] is None or name in kept or isinstance(row[name], str) else _plain(row[name])
            for name in like
        }
        for row in rows
    ]
    return sorted(plain, key=lambda each: each["planet_name"])


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else float(value)
