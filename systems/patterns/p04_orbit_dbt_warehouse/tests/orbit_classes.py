"""JPL's orbit classes: code, name, kind and definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class OrbitClass(NamedTuple):
    """A row of the seed ``orbit_classes``."""

    code: str
    name: str
    kind: str
    definition: str


# Source: JPL, SBDB filter parameters, https://ssd-api.jpl.nasa.gov/doc/sbdb_filter.html (orbit classes).
ORBIT_CLASSES: tuple[OrbitClass, ...] = (
    OrbitClass("IEO", "Atira", "asteroid", "orbit entirely within that of the Earth (Q < 0.983 au)"),
    OrbitClass("ATE", "Aten", "asteroid", "near-Earth orbit like that of 2062 Aten (a < 1.0 au; Q > 0.983 au)"),
    OrbitClass("APO", "Apollo", "asteroid", "near-Earth orbit like that of 1862 Apollo (a > 1.0 au; q < 1.017 au)"),
    OrbitClass("AMO", "Amor", "asteroid", "near-Earth orbit like that of 1221 Amor (1.017 au < q < 1.3 au)"),
    OrbitClass("MCA", "Mars-crossing Asteroid", "asteroid", "1.3 au < q < 1.666 au; a < 3.2 au"),
    OrbitClass("IMB", "Inner Main-belt Asteroid", "asteroid", "a < 2.0 au; q > 1.666 au"),
    OrbitClass("MBA", "Main-belt Asteroid", "asteroid", "2.0 au < a < 3.2 au; q > 1.666 au"),
    OrbitClass("OMB", "Outer Main-belt Asteroid", "asteroid", "3.2 au < a < 4.6 au"),
    OrbitClass("TJN", "Jupiter Trojan", "asteroid", "4.6 au < a < 5.5 au; e < 0.3"),
    OrbitClass("CEN", "Centaur", "asteroid", "5.5 au < a < 30.1 au"),
    OrbitClass("TNO", "TransNeptunian Object", "asteroid", "a > 30.1 au"),
    OrbitClass("PAA", "Parabolic Asteroid", "asteroid", "e = 1.0"),
    OrbitClass("HYA", "Hyperbolic Asteroid", "asteroid", "e > 1.0"),
    OrbitClass("AST", "Asteroid", "asteroid", "orbit that matches no defined class"),
    OrbitClass("ETc", "Encke-type Comet", "comet", "Levison and Duncan (Tj > 3; a < aJ)"),
    OrbitClass("JFc", "Jupiter-family Comet", "comet", "Levison and Duncan (2 < Tj < 3)"),
    OrbitClass("JFC", "Jupiter-family Comet*", "comet", "classical definition (P < 20 y)"),
    OrbitClass("CTc", "Chiron-type Comet", "comet", "Levison and Duncan (Tj > 3; a > aJ)"),
    OrbitClass("HTC", "Halley-type Comet*", "comet", "classical definition (20 y < P < 200 y)"),
    OrbitClass("PAR", "Parabolic Comet", "comet", "e = 1.0"),
    OrbitClass("HYP", "Hyperbolic Comet", "comet", "e > 1.0"),
    OrbitClass("COM", "Comet", "comet", "orbit that matches no defined class"),
)

Classes = Sequence[OrbitClass]
