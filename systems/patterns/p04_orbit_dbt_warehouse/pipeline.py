"""Orbit: JPL's asteroids and comets, as received, into analytical views, by dbt.

answers of JPL's → raw rows, all text → dbt build: staged → judged → current → marts, in a copy of the warehouse,
                                             └─ refused rows, with place, rule and text    which then takes its place
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orrery import files, looks
from orrery.delimited import Refused
from orrery.errors import BadInput, GateClosed
from orrery.feeds import Feed
from orrery.files import Delivered
from orrery.looks import Edition, Look, Session
from orrery.run import Run

from . import building, fetching, landing, own
from .landing import Landed

BODIES, REJECTED = "p04_orbit.dim_small_body", "p04_orbit.answers_rejected"


def main(run: Run) -> None:
    """Find what was delivered, land what is new, have dbt build on it, publish all of it at once."""
    if run.request.contract is not None:
        raise BadInput(
            "Orbit loads small bodies and their approaches, and no other table.",
            looked="--contract",
            found=str(run.request.contract),
            fix="orrery data map orbit FILE drafts a mapping; orrery run meteor takes a contract for any table",
        )
    given, is_own = run.given("answers")
    is_offline = False
    if run.settings["source"] == "jpl" and not is_own:
        fetched = fetching.answers(run)
        is_offline = fetched is None
        given = given if fetched is None else (str(fetched),)
    with run.step("find files") as step:
        paths, ignored = files.find(given, run.interval, run.request.endings("answers"))
        delivered = [files.fingerprint(path) for path in paths]
        step.bytes_read = sum(each.size for each in delivered)
        step.rows(read=len(paths) + ignored, kept=len(paths), filtered=ignored)

    feed = own.mapped(run) if run.request.mapping else None
    with looks.sole_writer(run, "analytics") as warehouse:
        there = landing.known(warehouse.look, own.rules(feed) if feed else "")
        if is_offline:  # a sample of years ago is no news beside what JPL said last time
            run.reporter.say("what was loaded before stays" if there else "the sample is used instead")
            delivered = [] if there else delivered
        new, known = split(there, delivered)
        run.note(files_known=known, target=target(warehouse.look))
        built = building.last_build(warehouse.look)
        wanted = building.what_to_build(run, built, has_new=bool(new))
        if wanted is None:
            run.note(nothing_new=True)
            return
        with warehouse.edition() as edition:
            landed = land(run, edition, new, feed)
            try:
                building.build(run, edition, wanted)
            except GateClosed as error:
                error.found += refused_by(run, edition, landed)
                raise
            told(run, edition, landed, {each.name: each for each in new})
        run.note(target=target(warehouse.look))


def split(names: dict[str, str], delivered: list[Delivered]) -> tuple[list[Delivered], list[dict[str, str]]]:
    """The files to land, and those whose content is there already, with the name it was landed under."""
    new, known = [], []
    now = {each.name: each.sha256 for each in delivered}  # what goes by a name now takes the place of what did
    names = {sha256: name for sha256, name in names.items() if now.get(name, sha256) == sha256}
    for each in delivered:
        if each.sha256 in names:
            known.append({"name": each.name, "loaded_as": names[each.sha256]})
        else:
            new.append(each)
            names = {sha256: name for sha256, name in names.items() if name != each.name} | {each.sha256: each.name}
    return new, known


def land(run: Run, edition: Edition, new: list[Delivered], feed: Feed | None) -> list[Landed]:
    """Land each new file: an answer, or with a feed what its mapping reads."""
    with edition.session() as session:
        landing.begin(session, (run.folder / "sql" / "raw.sql").read_text(encoding="utf-8"))
        if feed is not None:
            return [own.land(run, session, feed, each, edition.load_id) for each in new]
        return [landing.land(run, session, each, edition.load_id) for each in new]


def keep_refused(run: Run, session: Session, landed: Landed) -> list[Refused]:
    """The rows of a file that dbt refuses, which the run keeps."""
    sql = (
        "select line, byte_offset, column_name, rule, message, record_text from p04_orbit.answers_rejected"
        " where file_id = ? order by line, byte_offset"
    )
    refused = [Refused(*row) for row in session.query(sql, [landed.file_id])[1]]
    run.rejects.add(landed.name, refused)
    return refused


def refused_by(run: Run, edition: Edition, landed: list[Landed]) -> str:
    """What of this run was refused when a gate stopped it, in words; the rows are kept with the run."""
    there = "select 1 from information_schema.tables where lower(table_schema || '.' || table_name) = ?"
    with edition.session() as session:
        if not session.query(there, [REJECTED])[1]:
            return ""
        refused = {each.name: keep_refused(run, session, each) for each in landed}
    if not run.rejects.rules:
        return ""
    often = ", ".join(f"{count:,} {rule}" for rule, count in run.rejects.rules.most_common(3))
    name, first = next((name, rows[0]) for name, rows in refused.items() if rows)
    place = f"{name}, line {first.line}, byte {first.byte_offset}"
    return f" (refused in this run: {often}; the first at {place}: {first.message} {first.text[:120]})"


def told(run: Run, edition: Edition, landed: list[Landed], new: Mapping[str, Delivered]) -> None:
    """What the run made, for its record, its last lines, and `orrery check`."""
    loaded: list[dict[str, Any]] = []
    with edition.session() as session:
        for each in landed:
            refused = keep_refused(run, session, each)
            counts = {"read": each.rows, "kept": each.rows - len(refused), "rejected": len(refused), "filtered": 0}
            known = {"name": each.name, "sha256": new[each.name].sha256, "file_id": each.file_id, "kind": each.kind}
            loaded.append({**known, **counts})
            if each.unknown:
                run.reporter.say(f"{each.name}: fields that Orbit has no use for: {', '.join(each.unknown)}")
        marts = [table for table in run.system.outputs if table.startswith("p04_orbit.")]
        written = [session.marked(table) for table in marts]
    read = () if run.request.mapping else run.system.inputs  # a mapping has put its own in their place
    run.contracts |= {name: run.contract(name) for name in (*read, *run.system.outputs)}
    where = edition.place
    outputs = [
        {"namespace": where["namespace"], "name": f"{where['name']}.{mark['table']}", "rows": mark["rows"]}
        for mark in written
    ]
    inputs = [
        {"namespace": "file", "name": str(new[each["name"]].path.absolute()), "rows": each["read"]} for each in loaded
    ]
    run.note(files=loaded, written=written, lineage_inputs=inputs, lineage_outputs=outputs)
    run.note(columns_from=building.columns_from(run))


def target(look: Look) -> dict[str, Any]:
    """How many rows are published now."""
    there = "dim_small_body" in look.relations("p04_orbit")
    sql = f"select (select count(*) from {BODIES}), (select count(*) from {REJECTED})"
    [(rows, rejected)] = look.query(sql)[1] if there else [(0, 0)]
    counts = {"rows": rows, "rejected_rows": rejected}
    return {"table": BODIES, "rejected_table": REJECTED, **counts, "look_at": "near_earth_objects"}
