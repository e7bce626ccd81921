"""One trial: a run meets a fault, is run again, and once more; the target is compared at each turn."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery.claims import differences, mixed
from orrery.drills.forks import Fork
from orrery.drills.proxy import Proxy
from orrery.drills.verdicts import CODES, OF_A_FILE, Seen, Verdict, wrong_after, wrong_at_last
from orrery.engines import duckdb, postgres, postgres_server
from orrery.errors import OrreryError
from orrery.testing import Target, broken_invariants

if TYPE_CHECKING:
    from orrery.claims import Scenario, Told

STRUCK_OUTSIDE = {"backend", "postmaster", "cut", "zombie", "stop"}  # the run is stopped, and something done to it


@dataclass(frozen=True)
class Case:
    """A delivery that a run is to bring in.

    Attributes:
        contents: of the one file; with two, each restates the other, in turn, or, where deliveries add up, the second
            comes after the first. With one the target is empty before.
    """

    name: str
    contents: tuple[bytes, ...]


class Ground:
    """Where trials take place: a state folder, servers of forks, a reader that looks on; for a server, a proxy to it.

    Attributes:
        faults: those that mean something here.
        other: the profile by which a run on another machine reaches the same target.
    """

    def __init__(self, scenario: Scenario, target: Target, folder: Path, environment: dict[str, str]) -> None:
        self.scenario, self.target, self.folder = scenario, target, folder
        self.inbox = folder / "inbox"
        self.inbox.mkdir(exist_ok=True)
        self.proxy: Proxy | None = None
        source = str(Path(__file__).resolve().parents[2])  # these processes run the code that drills them
        own = {**environment, "PYTHONPATH": source}
        if target.binding.engine == "duckdb":
            self.faults: Collection[str] = OF_A_FILE
            self.other = str(folder / "elsewhere.toml")
            file = duckdb.path(target.binding, target.system.slug).absolute()
            Path(self.other).write_text(
                f'[{target.binding.role}]\nengine = "duckdb"\nserver = "{file}"\nfidelity = "real"\n', encoding="utf-8"
            )
        else:
            server = postgres_server.start(target.home)
            self.faults, self.other, self.proxy = CODES, "services", Proxy(server.port)
            own |= {"PGHOST": "127.0.0.1", "PGPORT": str(self.proxy.port), "PGUSER": server.user}
            own |= {"PGDATABASE": server.dbname, "PGPASSWORD": postgres.password_in(server.passfile)}
        self.fork = Fork(folder, {**own, "ORRERY_HOME": str(target.home)})
        self.beside = Fork(folder, {**own, "ORRERY_HOME": str(target.home)})
        self.elsewhere = Fork(folder, {**own, "ORRERY_HOME": str(folder / "elsewhere")})
        self.seen: set[tuple[int, str]] = set()
        self.is_reading = False
        self.there: bytes | None = None
        self.earlier = "earlier.csv" if scenario.adds_up else "a.csv"  # what was there before came under this name

    # --- runs -----------------------------------------------------------------------------------------------

    def arguments(self, name: str, *more: str) -> list[str]:
        """`run SYSTEM` on a file of the inbox."""
        return ["run", self.scenario.system, "--json", "--data", f"{self.scenario.input}={self.inbox / name}", *more]

    def deliver(self, content: bytes, name: str = "a.csv") -> None:
        """Put a file into the inbox."""
        (self.inbox / name).write_bytes(content)

    def bring(self, case: Case, profile: str) -> tuple[bytes | None, bytes]:
        """Make the target what it is before the case; gives what was delivered, and what is to be."""
        if len(case.contents) == 1:
            self.target.reset()
            return None, case.contents[0]
        one, other = case.contents
        if self.there not in case.contents or self.scenario.adds_up:
            self.target.reset()
            self.deliver(one, self.earlier)
            if self.fork.run(self.arguments(self.earlier, "--profile", profile)) != 0:
                raise RuntimeError(self.fork.told())
            self.there = one
        return self.there, other if self.there == one else one

    def differs(self, told: Told) -> list[str]:
        """What of the target is not as the oracle says: rows as a multiset, refusals with place, rule and text."""
        return differences(told, self.target.rows(self.scenario.table), self.target.rejects())

    # --- a reader that looks on -----------------------------------------------------------------------------

    def look_on(self) -> threading.Thread:
        """Read count and checksum of the target again and again, in a transaction of its own each time."""
        self.seen, self.is_reading = set(), True
        thread = threading.Thread(target=self._read_on, daemon=True)
        thread.start()
        return thread

    def _read_on(self) -> None:
        lost: tuple[type[Exception], ...] = (OrreryError,)  # the server is what is being killed here
        if self.proxy is not None:
            import psycopg

            lost = (*lost, psycopg.Error)
        table = self.scenario.table or next(iter(self.target.system.outputs))
        of_row = "hash" if self.target.binding.engine == "duckdb" else "hashtextextended"
        more = "" if of_row == "hash" else ", 0"
        sum_of = f"cast(coalesce(sum({of_row}(cast(each as text){more})), 0) as text)"
        sql = f"select count(*), {sum_of} from {table} as each"
        while self.is_reading:
            try:
                reader = Target(self.target.home, self.target.system)
                with closing(reader):
                    while self.is_reading:
                        if reader.has(table):
                            [(number, checksum)] = [tuple(row.values()) for row in reader.query(sql)]
                            self.seen.add((number, checksum))
                        time.sleep(0.02)
            except lost:
                time.sleep(0.05)

    def close(self) -> None:
        """End what was started."""
        for fork in (self.fork, self.beside, self.elsewhere):
            fork.close()
        self.target.close()


def attempt(ground: Ground, case: Case, fault: str, point: str, *, after: float | None = None) -> Verdict:
    """One trial.

    Args:
        point: of the code; empty where the fault comes `after` so many seconds.
    """
    verdict = Verdict(case.name, fault, point or f"after {after:.3f} s")
    profile = ground.other if fault == "cut" else "embedded"
    there, coming = ground.bring(case, profile)
    oracle = ground.scenario.oracle
    was = [(ground.earlier, there)] if there is not None else []
    told = oracle([*(was if ground.scenario.adds_up else []), ("a.csv", coming)])
    before = oracle(was) if was else None
    ground.deliver(coming)
    arguments = ground.arguments("a.csv", "--profile", profile)
    reader = ground.look_on()
    try:
        passed = _strike(ground, arguments, fault, point, after, verdict)
    finally:
        ground.is_reading = False
        reader.join()
        if ground.proxy is not None:
            ground.proxy.mend()
    verdict.wrong += wrong_after(_look(ground, verdict, passed, told, before))
    begun = time.monotonic()
    code = ground.fork.run(arguments)
    verdict.seconds_to_recover = round(time.monotonic() - begun, 2)
    if code != 0:
        verdict.wrong.append(f"run again: exit {code}: {ground.fork.told()[-300:]}")
        ground.there = None
        return verdict
    verdict.wrong += [f"run again: {each}" for each in ground.differs(told)]
    verdict.wrong += broken_invariants(ground.target.home, [ground.target.system], _profile(ground, profile))
    state = ground.target.state()
    code = ground.fork.run(arguments)
    verdict.wrong += wrong_at_last(code, ground.fork.printed(), state, ground.target.state())
    ground.there = coming if not verdict.wrong else None
    return verdict


def _profile(ground: Ground, name: str) -> Any:
    from dataclasses import replace

    bindings = {role: replace(each, profile=name) for role, each in ground.target.profile.bindings.items()}
    return replace(ground.target.profile, name=name, bindings=bindings)


def _strike(
    ground: Ground, arguments: list[str], fault: str, point: str, after: float | None, verdict: Verdict
) -> list[str]:
    """Run into the fault; gives the points that were passed when it came (none are known of a random moment)."""
    fork = ground.fork
    if after is not None:
        pid = fork.start(arguments)
        time.sleep(after)
        _signal(pid, signal.SIGKILL)
        verdict.exit_code = fork.wait()
        verdict.has_fired = verdict.exit_code != 0
        return []
    action = "stop" if fault in STRUCK_OUTSIDE else fault
    trace = ground.folder / "passed.txt"
    trace.unlink(missing_ok=True)
    pid = fork.start(arguments, f"{point}:{action}", trace=trace)
    verdict.exit_code = fork.wait()
    if verdict.exit_code is None:  # stopped
        _outside(ground, fault, arguments, verdict)
        _signal(pid, signal.SIGCONT)
        verdict.exit_code = fork.wait()
    passed = trace.read_text(encoding="utf-8").splitlines() if trace.exists() else []
    verdict.has_fired = point in passed
    return passed[: passed.index(point) + 1] if point in passed else passed


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has ended


def _outside(ground: Ground, fault: str, arguments: list[str], verdict: Verdict) -> None:
    """What is done while the run is stopped."""
    if fault in ("backend", "zombie"):
        ground.target.query(
            "select pg_terminate_backend(pid, 2000) from pg_stat_activity"
            f" where application_name like '%-{ground.target.system.slug}-%'"
        )
    if fault == "zombie":  # its lock is free now: a run on another machine takes over
        code = ground.elsewhere.run([*arguments[:-1], ground.other])
        if code != 0:
            verdict.wrong.append(f"the run that took over: exit {code}: {ground.elsewhere.told()[-200:]}")
    if fault == "cut" and ground.proxy is not None:
        ground.proxy.cut()
    if fault == "postmaster":
        server = postgres_server.status(ground.target.home)
        if server is not None:
            os.kill(server.pid, signal.SIGKILL)
            time.sleep(0.3)
    if fault == "stop":
        time.sleep(0.5)


def _look(ground: Ground, verdict: Verdict, passed: list[str], told: Told, before: Told | None) -> Seen:
    """What is there after the fault."""
    if verdict.fault == "postmaster":  # whoever asks first starts the server again
        ground.target.close()
        ground.target = Target(ground.target.home, ground.target.system)
        server = postgres_server.status(ground.target.home)
        if server is not None and ground.proxy is not None:
            ground.proxy.to = server.port
    rows, rejects = ground.target.rows(ground.scenario.table), ground.target.rejects()
    return Seen(
        verdict.fault,
        verdict.exit_code,
        passed,
        as_before=not (differences(before, rows, rejects) if before else [*rows, *rejects]),
        as_after=not differences(told, rows, rejects),
        states=len(ground.seen - ({(0, "0")} if before is None else set())),
        was_empty=before is None,
        told=ground.fork.told(),
    )


def together(ground: Ground, number: int, chance: random.Random) -> Verdict:
    """Two runs at once, of one file each: each ends with 0 or, refused, with 5; then both are in, each once."""
    verdict = Verdict("two at once", "concurrency", f"pair {number}", has_fired=True)
    ground.target.reset()
    ground.there = None
    contents = {f"{name}.csv": ground.scenario.delivery(2 * number + at) for at, name in enumerate("ab")}
    for name, content in contents.items():
        ground.deliver(content, name)
    # half of the pairs are of one state folder, the other half of two, as from two machines
    other = ("embedded", ground.other)[number % 2]
    forks: list[tuple[Fork, str, str]] = [
        (ground.fork, "a.csv", "embedded"),
        (ground.elsewhere if number % 2 else ground.beside, "b.csv", other),
    ]
    chance.shuffle(forks)
    for fork, name, profile in forks:
        fork.start(ground.arguments(name, "--profile", profile))
        time.sleep(chance.uniform(0, 0.05))
    codes = [fork.wait() for fork, _, _ in forks]
    if sorted(map(str, codes)) not in (["0", "0"], ["0", "5"]):
        verdict.wrong.append(f"exits {codes}: {[fork.told()[-200:] for fork, _, _ in forks]}")
    verdict.wrong += mixed(ground.target.home)
    ran = sorted(name for (_, name, _), code in zip(forks, codes, strict=True) if code == 0)
    orders = [[(name, contents[name]) for name in order] for order in (ran, ran[::-1])]
    wrong = [ground.differs(ground.scenario.oracle(order)) for order in orders]
    if all(wrong):
        verdict.wrong.append(f"the result is that of no order: {wrong[0][:2]}")
    return verdict
