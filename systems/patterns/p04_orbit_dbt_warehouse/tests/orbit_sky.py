"""Celestial mechanics behind the orbit oracle: calendar, orbit classes, sizes and approaches to the Earth.

Units, unless a name says otherwise: distances in au (astronomical unit), angles in degrees, times as Julian
days (JD) or modified Julian days (MJD = JD - 2400000.5), magnitudes in mag, diameters in km.
Everything is computed in plain IEEE doubles, in the order in which the specification writes its formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple

AU_KM = 149597870.7
"""Kilometres in an astronomical unit (IAU 2012 resolution B2, exact)."""
LUNAR_DISTANCE_KM = 384400.0
"""Kilometres in a lunar distance, the value JPL uses for its approach tables."""
JUPITER_AXIS_AU = 5.2044
"""Semi-major axis of Jupiter's orbit, for the Tisserand parameter."""
GAUSS_DEG_PER_DAY = 0.9856076686
"""Mean motion of a massless body at 1 au: the Gaussian gravitational constant 0.01720209895 rad/d in degrees."""
MJD_ZERO_JD = 2400000.5
J2000_JD = 2451545.0
DAYS_PER_CENTURY = 36525.0
SECONDS_PER_DAY = 86400

ELEMENTS_VALID_DAYS = 1500.0
"""How far from their epoch two-body elements are used, in days."""
APPROACH_LIMIT_AU = 1.0
"""Farthest minimum distance that is still called an approach."""
COMPUTABLE_ECCENTRICITY = 0.995
"""Orbits at or above this eccentricity are not computed."""
NEWTON_STEPS = 12

_ORDINAL_ZERO_JD = 1721424.5  # JD at 0h of a day = its proleptic Gregorian ordinal + this
_MJD_ZERO_ORDINAL = date(1858, 11, 17).toordinal()


# ---- calendar ------------------------------------------------------------------------------------------------


def round_half_up(value: float) -> int:
    """The nearest whole number; halves go up, also below zero."""
    below = math.floor(value)
    # value + 0.5 would itself be rounded and lift 0.49999999999999994 to 1.
    return below + (1 if value - below >= 0.5 else 0)


def midnight_jd(day: date) -> float:
    """JD at 0h UTC of a day."""
    return day.toordinal() + _ORDINAL_ZERO_JD


def utc_from_jd(jd: float) -> datetime:
    """The naive UTC time of a JD, to the whole second."""
    # jd + 0.5 is exact for every JD in use, so the fraction of the day keeps all its bits.
    since_midnight = jd + 0.5
    days = math.floor(since_midnight)
    midnight = datetime.fromordinal(days - int(_ORDINAL_ZERO_JD + 0.5))
    return midnight + timedelta(seconds=round_half_up((since_midnight - days) * SECONDS_PER_DAY))


def date_from_mjd(mjd: float) -> date | None:
    """The day in which an MJD falls; None before year 1, which `date` does not know."""
    ordinal = _MJD_ZERO_ORDINAL + math.floor(mjd)
    return date.fromordinal(ordinal) if ordinal >= 1 else None


def mjd_from_utc(moment: datetime) -> float:
    """MJD of a naive UTC time in whole seconds."""
    since_zero = moment - datetime(1858, 11, 17)  # noqa: DTZ001 (naive UTC, as everywhere here)
    return since_zero.days + since_zero.seconds / SECONDS_PER_DAY


# ---- what follows from the shape of an orbit -------------------------------------------------------------------


@dataclass(frozen=True)
class Elements:
    """Osculating elements: heliocentric, ecliptic of J2000.  `a` is None where e >= 1."""

    epoch_mjd: float
    e: float
    q: float
    a: float | None
    i: float
    node: float
    w: float
    ma: float | None
    tp: float | None

    @property
    def aphelion(self) -> float | None:
        """Aphelion distance Q in au, None for an open orbit."""
        return self.a * (1.0 + self.e) if self.a is not None else None


def derived_class_code(orbit: Elements) -> str:
    """The asteroid class that JPL's definitions give for these elements; the first that holds."""
    e, q, a, aphelion = orbit.e, orbit.q, orbit.a, orbit.aphelion
    if a is None or aphelion is None:
        return "HYA" if e > 1.0 else "PAA"
    tests = (
        ("IEO", aphelion < 0.983),
        ("ATE", a < 1.0),
        ("APO", q < 1.017),
        ("AMO", q < 1.3),
        ("MCA", q < 1.666 and a < 3.2),
        ("IMB", a < 2.0),
        ("MBA", a < 3.2),
        ("OMB", a < 4.6),
        ("TJN", a < 5.5 and e < 0.3),
        ("CEN", 5.5 < a < 30.1),
        ("TNO", a > 30.1),
    )
    return next((code for code, holds in tests if holds), "AST")


def near_earth_group(orbit: Elements) -> str | None:
    """Atira, Aten, Apollo or Amor for an asteroid with q < 1.3 au on a closed orbit, else None."""
    if orbit.q >= 1.3 or orbit.a is None or orbit.aphelion is None:
        return None
    if orbit.aphelion < 0.983:
        return "Atira"
    if orbit.a < 1.0:
        return "Aten"
    return "Apollo" if orbit.q < 1.017 else "Amor"


def tisserand_jupiter(orbit: Elements) -> float | None:
    """Tisserand parameter with respect to Jupiter (dimensionless), None for an open orbit."""
    if orbit.a is None:
        return None
    cos_i = math.cos(math.radians(orbit.i))
    return JUPITER_AXIS_AU / orbit.a + 2.0 * cos_i * math.sqrt(orbit.a / JUPITER_AXIS_AU * (1.0 - orbit.e**2))


def nodal_distance(orbit: Elements) -> float:
    """How far from 1 au the orbit crosses the ecliptic, at the nearer of its nodes, in au."""
    p = orbit.q * (1.0 + orbit.e)
    e_cos_w = orbit.e * math.cos(math.radians(orbit.w))
    # An open orbit may reach only one node; the two denominators add up to 2, so one of them is positive.
    return min(abs(p / denominator - 1.0) for denominator in (1.0 + e_cos_w, 1.0 - e_cos_w) if denominator > 0.0)


def diameter_from_magnitude(h: float, albedo: float) -> float:
    """Diameter in km of a body of absolute magnitude h: 1329 km / sqrt(albedo) 10^(-h/5) (Harris 1997)."""
    return 1329.0 / math.sqrt(albedo) * math.pow(10.0, -h / 5.0)


# ---- positions and approaches ----------------------------------------------------------------------------------

Position = tuple[float, float, float]
Axes = tuple[Position, Position]


def eccentric_anomaly(mean_anomaly_deg: float, e: float) -> float:
    """Solve Kepler's equation for an ellipse; the result in radians."""
    m = math.radians(mean_anomaly_deg - 360.0 * math.floor((mean_anomaly_deg + 180.0) / 360.0))
    sine = math.sin(m)
    big_e = m + 0.85 * e * ((sine > 0.0) - (sine < 0.0))
    for _ in range(NEWTON_STEPS):
        big_e -= (big_e - e * math.sin(big_e) - m) / (1.0 - e * math.cos(big_e))
    return big_e


def orbit_axes(i: float, node: float, w: float) -> Axes:
    """Unit vectors, in the ecliptic frame, towards perihelion and 90 degrees ahead of it in the orbit."""
    cos_i, sin_i = math.cos(math.radians(i)), math.sin(math.radians(i))
    cos_n, sin_n = math.cos(math.radians(node)), math.sin(math.radians(node))
    cos_w, sin_w = math.cos(math.radians(w)), math.sin(math.radians(w))
    towards = (cos_w * cos_n - sin_w * sin_n * cos_i, cos_w * sin_n + sin_w * cos_n * cos_i, sin_w * sin_i)
    ahead = (-sin_w * cos_n - cos_w * sin_n * cos_i, -sin_w * sin_n + cos_w * cos_n * cos_i, cos_w * sin_i)
    return towards, ahead


def position(a: float, e: float, mean_anomaly_deg: float, axes: Axes) -> Position:
    """Heliocentric ecliptic position in au."""
    big_e = eccentric_anomaly(mean_anomaly_deg, e)
    x = a * (math.cos(big_e) - e)
    y = a * math.sqrt(1.0 - e * e) * math.sin(big_e)
    (px, py, pz), (rx, ry, rz) = axes
    return px * x + rx * y, py * x + ry * y, pz * x + rz * y


@cache
def earth_position(jd: float) -> Position:
    """Heliocentric position of the Earth-Moon barycentre in au.

    Source: E. M. Standish, Keplerian elements for approximate positions of the major planets (JPL), valid
    1800 to 2050, mean ecliptic and equinox of J2000.
    """
    century = (jd - J2000_JD) / DAYS_PER_CENTURY
    a = 1.00000261 + 0.00000562 * century
    e = 0.01671123 - 0.00004392 * century
    i = -0.00001531 - 0.01294668 * century
    mean_longitude = 100.46457166 + 35999.37244981 * century
    perihelion_longitude = 102.93768193 + 0.32327364 * century
    axes = orbit_axes(i, 0.0, perihelion_longitude)
    return position(a, e, mean_longitude - perihelion_longitude, axes)


def seen_from_earth(orbit: Elements, days: range) -> dict[int, Position]:
    """Where the body is, seen from the Earth (au), at 0h UTC of each day (ordinals) that is near enough to the epoch."""
    epoch_jd = orbit.epoch_mjd + MJD_ZERO_JD
    # The mean anomaly is known at one time: at the epoch, or as 0 at perihelion.
    known_jd, known_anomaly = (epoch_jd, orbit.ma) if orbit.ma is not None else (orbit.tp, 0.0)
    if orbit.a is None or known_jd is None:
        return {}
    if orbit.ma is None and abs(known_jd - epoch_jd) > 365.25 * orbit.a**1.5:  # more than a period away: not its own
        return {}
    motion = GAUSS_DEG_PER_DAY / orbit.a**1.5
    axes = orbit_axes(orbit.i, orbit.node, orbit.w)
    places: dict[int, Position] = {}
    for day in days:
        t = day + _ORDINAL_ZERO_JD
        if abs(t - epoch_jd) > ELEMENTS_VALID_DAYS:
            continue
        x, y, z = position(orbit.a, orbit.e, known_anomaly + motion * (t - known_jd), axes)
        earth_x, earth_y, earth_z = earth_position(t)
        places[day] = (x - earth_x, y - earth_y, z - earth_z)
    return places


class Approach(NamedTuple):
    """A minimum of the distance to the Earth: naive UTC time in whole seconds, au, km/s (None: not delivered)."""

    at: datetime
    distance_au: float
    speed_km_s: float | None


def approaches(orbit: Elements, first: date, last: date, limit_au: float = APPROACH_LIMIT_AU) -> Iterator[Approach]:
    """The approaches dated first to last (both included) of a body on an ellipse, in the order of time.

    A parabola through the squared distances of three midnights gives time and distance: where both move uniformly the
    squared distance is one. The speed is that between the midnights before and after.
    """
    if orbit.e >= COMPUTABLE_ECCENTRICITY:
        return
    # One day more at each end for the neighbours, and one after `last`: its minimum may fall on the day before.
    places = seen_from_earth(orbit, range(first.toordinal() - 1, last.toordinal() + 3))
    for day in range(first.toordinal(), last.toordinal() + 2):
        if not {day - 1, day, day + 1} <= places.keys():
            continue
        before, here, after = (sum(each * each for each in places[at]) for at in (day - 1, day, day + 1))
        if not before > here <= after:
            continue
        offset = 0.5 * (before - after) / (before - 2.0 * here + after)
        distance = math.sqrt(max(0.0, here - 0.25 * (before - after) * offset))
        at = datetime.fromordinal(day) + timedelta(seconds=round_half_up(offset * SECONDS_PER_DAY))
        if distance <= limit_au and first <= at.date() <= last:
            moved = math.dist(places[day - 1], places[day + 1])
            yield Approach(at, distance, moved / 2.0 * AU_KM / SECONDS_PER_DAY)
