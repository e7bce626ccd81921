"""Deliveries made of real systems: raw fragments of a catalogue, put together, corrected, broken, and multiplied.

What is put into a row goes right behind its start tag: the first occurrence of a tag counts, so it wins.
"""

import re
from collections.abc import Callable, Iterable
from random import Random

PLANET = re.compile(rb"<planet>.*?</planet>", re.DOTALL)
NAME = re.compile(rb"<name[^>]*>(.*?)</name>")
MEASURED = re.compile(rb"(<(?:mass|radius|period|distance|temperature)(?: [^>]*)?>)([0-9.]+)(?=</)")
CONFIRMED = b"<list>Confirmed planets</list>"
HIDDEN = "\u200b".encode()
LONG = b"x" * 201
TOUCHED = b"<!--touched-->"

# One row each is broken by every line: where, and what is put into it ({} is a number of its own).
BROKEN: list[tuple[str, bytes]] = [
    ("system", b"<name/>"),
    ("system", b"<name>" + LONG + b"</name>"),
    ("system", b"<name>Hidden" + HIDDEN + b" system {}</name>"),
    ("system", b"<rightascension>" + LONG + b"</rightascension>"),
    ("system", b"<declination>+10" + HIDDEN + b" 20</declination>"),
    ("system", b"<distance>far</distance>"),
    ("system", b'<distance unit="ly">10</distance>'),
    ("system", b"<distance>0</distance>"),
    ("system", b'<distance errorminus="-0.5">10</distance>'),
    ("star", b"<name> \t\n </name>"),
    ("star", b"<name>" + LONG + b"</name>"),
    ("star", b"<name>Hidden" + HIDDEN + b" star {}</name>"),
    ("star", b"<mass>1,5</mass>"),
    ("star", b"<mass>0</mass>"),
    ("star", b'<radius unit="km">700000</radius>'),
    ("star", b"<temperature>-5</temperature>"),
    ("star", b'<metallicity unit="dex">0.1</metallicity>'),
    ("star", b'<magV errorplus="9-">5.5</magV>'),
    ("star", b"<age>-0.1</age>"),
    ("star", b"<spectraltype>G2" + HIDDEN + b"V</spectraltype>"),
    ("planet", b"<name></name>"),
    ("planet", b"<name>" + LONG + b"</name>"),
    ("planet", b"<name>Hidden" + HIDDEN + b" planet {}</name>"),
    ("planet", b"<mass>abc</mass>"),
    ("planet", b"<mass>1e400</mass>"),
    ("planet", b"<mass>" + b"1" * 41 + b"</mass>"),
    ("planet", b'<mass unit="ME">318</mass>'),
    ("planet", b'<radius errorminus="0.1" errorplus="-0.1">1</radius>'),
    ("planet", b"<period>0</period>"),
    ("planet", b'<period errorplus="9-">3.5</period>'),
    ("planet", b"<semimajoraxis>1,5</semimajoraxis>"),
    ("planet", b"<eccentricity>1</eccentricity>"),
    ("planet", b'<inclination errorminus="-1.5">88</inclination>'),
    ("planet", b"<inclination>361</inclination>"),
    ("planet", b"<temperature>-0.5</temperature>"),
    ("planet", b"<discoveryyear>1599</discoveryyear>"),
    ("planet", b"<discoveryyear>20x4</discoveryyear>"),
    ("planet", b"<lastupdate>13/02/30</lastupdate>"),
    ("planet", b"<lastupdate>2013/02/03</lastupdate>"),
    ("planet", b"<discoverymethod>" + LONG + b"</discoverymethod>"),
    ("planet", b"<discoverymethod>R" + HIDDEN + b"V</discoverymethod>"),
]

# What is unusual but right, and keeps its row.
UNUSUAL: list[tuple[str, bytes]] = [
    ("planet", b"<mass upperlimit='3'/>"),
    ("planet", b"<!-- <planet> --><mass unit='MJ' errorminus='' errorplus=' 0 '>+1.50e-1</mass>"),
    ("planet", b"<discoverymethod>\n  <![CDATA[RV <planet>]]>\t &amp;   more\n</discoverymethod>"),
    ("planet", b"<satellite><name>Moon {}</name><mass>heavy</mass><planet><name>Inner</name></planet></satellite>"),
    ("star", b"<unheard of='>'><planet/><star/></unheard><spectraltype>k5 V</spectraltype>"),
    ("system", "<declination>+17° 47′</declination><distance> .5 </distance>".encode()),
]


def systems_of(sample: bytes) -> list[bytes]:
    """The raw `<system>...</system>` fragments of a catalogue, in order."""
    return re.findall(rb"<system>.*?</system>", sample, re.DOTALL)


def catalogue(fragments: Iterable[bytes]) -> bytes:
    """One catalogue file of fragments."""
    return b"<systems>\n" + b"".join(fragment + b"\n" for fragment in fragments) + b"</systems>\n"


def large(mark: str, sample: bytes, times: int = 5) -> bytes:
    """The whole catalogue `times` times; every name ends with ` {mark}{n}`, so that each copy is of its own."""
    systems = systems_of(sample)
    copies = (f" {mark}{n}</name>".encode() for n in range(1, times + 1))
    return catalogue(fragment.replace(b"</name>", ending) for ending in copies for fragment in systems)


def dirty(seed: int, sample: bytes, number: int = 120) -> bytes:
    """A catalogue of about `number` real systems, some of them corrected, retracted from, or broken by every rule."""
    random = Random(seed)  # noqa: S311 (not for secrets)
    systems = _drawn(random, systems_of(sample), number)
    systems = [_corrected(random, fragment) for fragment in systems]
    for count, (row, put) in enumerate([*BROKEN, *UNUSUAL]):
        _change(random, systems, row, put.replace(b"{}", str(count).encode()))
    for change in (_without_status, _planet_twice, _star_twice, _binary_twice, _planet_of_no_star):
        for _ in range(2):
            _anywhere(random, systems, change)
    systems.append(random.choice([fragment for fragment in systems if TOUCHED not in fragment] or systems))  # all twice
    systems += [_rogue(random, number) for number in range(3)]
    random.shuffle(systems)
    return catalogue(systems)


def _drawn(random: Random, systems: list[bytes], number: int) -> list[bytes]:
    """Systems that other seeds draw too: from a pool of its own, the same for all seeds, one in four a peculiar one."""
    pool = Random("pool").sample(  # noqa: S311 (not for secrets)
        systems, min(len(systems), number * 3 // 2)
    )
    peculiar = [fragment for fragment in systems if b"<binary>" in fragment or b"<satellite>" in fragment]
    drawn = random.sample(peculiar, min(len(peculiar), number // 4))
    plain = [fragment for fragment in pool if fragment not in set(peculiar)]
    return drawn + random.sample(plain, min(len(plain), number - len(drawn)))


def _corrected(random: Random, fragment: bytes) -> bytes:
    """What a later edition may say: other numbers, another status, a planet less, another name of the system."""
    if random.random() < 0.4:
        fragment = MEASURED.sub(lambda told: told[1] + f"{random.uniform(0.5, 5000):.3f}".encode(), fragment, count=2)
    if random.random() < 0.15:
        status = random.choice((b"Retracted planet candidate", b"Controversial", b"Kepler Objects of Interest"))
        fragment = fragment.replace(CONFIRMED, b"<list>" + status + b"</list>" + random.choice((b"", CONFIRMED)), 1)
    if random.random() < 0.15:
        planets = PLANET.findall(fragment)
        fragment = fragment.replace(random.choice(planets), b"") if planets else fragment
    if random.random() < 0.05:
        old = NAME.search(fragment)
        fragment = fragment.replace(b"<system>", b"<system><name>" + (old[1] if old else b"It") + b" (renamed)</name>")
    return fragment


def _change(random: Random, systems: list[bytes], row: str, put: bytes) -> None:
    """Put bytes behind the start tag of a random row of this kind."""
    tag = f"<{row}>".encode()

    def change(random: Random, fragment: bytes) -> bytes:
        starts = [start.end() for start in re.finditer(tag, fragment)]
        if not starts:
            return fragment
        at = random.choice(starts)
        return fragment[:at] + put + fragment[at:]

    _anywhere(random, systems, change)


def _anywhere(random: Random, systems: list[bytes], change: Callable[[Random, bytes], bytes]) -> None:
    """Change one system that can be changed so and has not been changed by another rule, as far as there is one."""
    for place in random.sample(range(len(systems)), len(systems)):
        changed = change(random, systems[place])
        if changed != systems[place] and TOUCHED not in changed:
            systems[place] = changed.replace(b"</system>", TOUCHED + b"</system>")
            return


def _without_status(random: Random, fragment: bytes) -> bytes:
    return fragment.replace(CONFIRMED, random.choice((b"", b"<list>Orphan planets</list>", b"<list/>")))


def _planet_twice(random: Random, fragment: bytes) -> bytes:
    return PLANET.sub(lambda planet: planet[0] * 2, fragment, count=1)


def _star_twice(random: Random, fragment: bytes) -> bytes:
    star = re.search(rb"<star>.*?</star>", fragment, re.DOTALL)
    if star is None:
        return fragment
    return fragment.replace(b"</system>", PLANET.sub(b"", star[0]) + b"</system>")


def _binary_twice(random: Random, fragment: bytes) -> bytes:
    """Two binaries of one name, one that cannot be called anything, and one that is called as the only star in it."""
    name = NAME.search(fragment)
    if name is None or b"<binary>" not in fragment:
        return fragment
    pair = b"<binary><name>" + name[1] + b" pair</name></binary>"
    nameless = b"<binary><magV>9.5</magV></binary>"
    star = b"<star><name>" + name[1] + b" alone</name>" + _planet(name[1] + b" alone b", b"2") + b"</star>"
    alone = b"<binary>" + star + b"</binary>"
    return fragment.replace(b"</system>", pair + pair + nameless + alone + b"</system>")


def _planet_of_no_star(random: Random, fragment: bytes) -> bytes:
    """The first planet lies in the system itself."""
    planet = PLANET.search(fragment)
    if planet is None:
        return fragment
    return (fragment[: planet.start()] + fragment[planet.end() :]).replace(b"</system>", planet[0] + b"</system>")


def _rogue(random: Random, number: int) -> bytes:
    mass = f"{random.uniform(0.1, 12):.2f}".encode()
    name = f"Rogue {random.randrange(6)}-{number}".encode()
    return b"<system><name>" + name + b"</name>" + _planet(name + b" b", mass) + b"</system>"


def _planet(name: bytes, mass: bytes) -> bytes:
    return b"<planet><name>" + name + b"</name>" + CONFIRMED + b"<mass>" + mass + b"</mass></planet>"
