"""What changed between two runs of a system: its data, its schema, how it was run, what its steps cost.

Told from what runs keep: the ledger's row and steps, `run.json`, `rejects.parquet`. Of the rows of the past, counts and
checksums are kept and not the rows; refused rows are kept whole. What cannot be known is said (`remarks`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from orrery.errors import BadInput
from orrery.ledger import Ledger

COUNTED = ("read", "kept", "rejected", "filtered", "inserted", "updated", "deleted")
NOT_KEPT = "Which rows differ cannot be said: of the past, counts and checksums are kept, and only refused rows whole."


@dataclass(frozen=True)
class Past:
    """A run as it is kept: the ledger's row, its steps, and its folder."""

    row: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    folder: Path

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What `run.json` holds, over what the ledger has of it; the latter alone where the run was killed."""
        path = self.folder / "run.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if self.has_record else {}
        return {**self.row["result"], **kept}

    @property
    def has_record(self) -> bool:
        """Whether its `run.json` is there."""
        return (self.folder / "run.json").exists()

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """What became of each file that it loaded, by name."""
        return {each["name"]: each for each in self.kept.get("files", ())}


def pick(home: Path, first: str, second: str, system: str | None = None) -> tuple[Past, Past]:
    """The two runs that are meant: `latest`, `previous`, the beginning of a run's id, or the part behind its last '-'.

    Args:
        system: the slug whose `latest` and `previous` are meant; without it, that of the other run, else of the newest.

    Raises:
        BadInput: no such run, or several; or they are runs of different systems.
    """
    path = home / "ledger.sqlite"
    ledger = Ledger(path) if path.exists() else None
    try:
        runs = ledger.runs() if ledger else []
        named = {name: _named(runs, name, path) for name in (first, second) if name not in ("latest", "previous")}
        slug = system or next((run["system"] for run in [*named.values(), *runs]), None)
        own = [run for run in runs if run["system"] == slug]
        anchor = next(iter(named.values()), own[0] if own else None)
        older = own[own.index(anchor) + 1 :] if anchor in own else []
        meant = {"latest": own[:1], "previous": older[:1], **{name: [run] for name, run in named.items()}}
        for name in (first, second):
            if not meant[name]:
                raise BadInput(
                    f"There is no {name} run{f' of {slug}' * bool(slug)}.",
                    looked=str(path),
                    found=f"{len(own)} runs of it" if slug else "no runs yet",
                    fix=f"orrery run {slug.split('_')[1] if slug else 'meteor'}",
                )
        rows = (meant[first][0], meant[second][0])
        if len({row["system"] for row in rows} | {slug}) > 1:
            raise BadInput(
                "These are runs of different systems; there is nothing to compare.",
                looked=str(path),
                found=", ".join(f"{row['run_id']} of {row['system']}" for row in rows),
                fix=f"orrery runs {rows[0]['system']} lists those of the first",
            )
        one, other = (Past(row, ledger.steps(row["run_id"]), home / "runs" / row["run_id"]) for row in rows if ledger)
        return one, other
    finally:
        if ledger:
            ledger.close()


def _named(runs: Sequence[dict[str, Any]], name: str, path: Path) -> dict[str, Any]:
    found = [run for run in runs if run["run_id"].startswith(name) or run["run_id"].endswith(f"-{name}")]
    if len(found) == 1:
        return found[0]
    some = ", ".join(run["run_id"] for run in found[:3]) + ", …" * (len(found) > 3)
    raise BadInput(
        f"'{name}' names {len(found) or 'no'} run{'s' * (len(found) != 1)}.",
        looked=str(path),
        found=some or f"{len(runs)} runs, none that begins so",
        fix="orrery runs shows their ids; `latest` and `previous` are known, too",
    )


def compare(first: Past, second: Past, *, refusals: int = 10) -> dict[str, Any]:
    """What changed, as data; pairs are [first, second], None is "not known".

    Args:
        refusals: how many refused rows are shown of those that are new, and of those that are gone.
    """
    refused, gaps = _refused(first, second, refusals)
    return {
        "first": _told(first),
        "second": _told(second),
        "data": _data(first, second),
        "refused": refused,
        "schema": _schema(first, second),
        "settings": _settings(first, second),
        "steps": _steps(first, second),
        "remarks": [*_remarks(first, second), *gaps, NOT_KEPT],
    }


def _told(run: Past) -> dict[str, Any]:
    return {key: run.row[key] for key in ("run_id", "system", "state", "exit_code", "started_at", "reason")}


# --- data ------------------------------------------------------------------------------------------------------------


def _data(first: Past, second: Past) -> dict[str, Any]:
    rules = [Counter(run.kept["refused_by_rule"]) if "refused_by_rule" in run.kept else None for run in (first, second)]
    return {
        "rows_in_target": _pairs(_rows_then(first), _rows_then(second)),
        "rows_of_the_run": {key: [_total(run, key) for run in (first, second)] for key in COUNTED},
        "refused_by_rule": {
            rule: [None if each is None else each[rule] for each in rules]
            for rule in sorted({rule for each in rules for rule in each or ()})
        },
        "written": _written(first, second),
        "files": [_file(name, first, second) for name in sorted({*_all_files(first), *_all_files(second)})],
    }


def _rows_then(run: Past) -> dict[str, int]:
    target = run.kept.get("target")
    if not target:
        return {}
    rejected = target.get("rejected_table", f"{target['table']}_rejected")
    return {target["table"]: target["rows"], rejected: target["rejected_rows"]}


def _total(run: Past, key: str) -> int | None:
    """Rows over all files of a run; None where it never came so far as to say."""
    if "files" not in run.kept and not run.kept.get("nothing_new"):
        return None
    if key not in next(iter(run.files.values()), {key: 0}):  # a system that counts its changes by table
        return sum(int(each.get(key, 0)) for each in run.kept.get("changes", {}).values())
    return sum(int(each[key]) for each in run.files.values())


def _written(first: Past, second: Past) -> list[dict[str, Any]]:
    """What each run wrote, by table; the checksums agree where, and only where, the rows do.

    They are sums of DuckDB's hash, which may differ between its versions: then nobody can say (None).
    """
    ducks = {run.kept.get("versions", {}).get("duckdb") for run in (first, second)}
    sums: list[dict[str, list[int]]] = []
    for run in (first, second):
        found: dict[str, list[int]] = {}
        for mark in run.kept.get("written", ()):
            if (
                mark.get("by") == "server"
            ):  # of refused rows and of the ledger of files: with numbers of that load in them
                continue
            rows, checksum = found.get(mark["table"], [0, 0])
            found[mark["table"]] = [rows + mark["rows"], checksum + int(mark["checksum"])]
        sums.append(found)
    return [
        {
            "table": table,
            "rows": [rows for rows, _ in both],
            "checksum": [str(checksum) for _, checksum in both],
            "same": both[0] == both[1] if len(ducks) == 1 and None not in ducks else None,
        }
        for table in sorted(set(sums[0]) & set(sums[1]))
        for both in [[each[table] for each in sums]]
    ]


def _all_files(run: Past) -> set[str]:
    return set(run.files) | {each["name"] for each in run.kept.get("files_known", ())}


def _file(name: str, first: Past, second: Past) -> dict[str, Any]:
    both = [run.files.get(name) for run in (first, second)]
    known = ["loaded" if each else "known" if name in _all_files(run) else None
             for each, run in zip(both, (first, second), strict=True)]  # fmt: skip
    hashes = [each["sha256"] for each in both if each]
    return {
        "name": name,
        "was": known,
        "same_content": hashes[0] == hashes[1] if len(hashes) == 2 else None,
        "read": [each["read"] if each else None for each in both],
        "rejected": [each["rejected"] if each else None for each in both],
    }


# --- refused rows ----------------------------------------------------------------------------------------------------

_ONLY = """
select source, line, "column", rule, message, text from {here} as here
where source in (select unnest(?::varchar[])) and not exists (
    select 1 from {there} as there
    where there.source = here.source and there.rule = here.rule and there.text = here.text
        and there."column" is not distinct from here."column" and there.nth = here.nth
)
order by source, line
"""


def _refused(first: Past, second: Past, shown: int) -> tuple[dict[str, Any], list[str]]:
    """Refused rows that are new and those that are gone, by file, column, rule and text; a line may have moved.

    A file that one of the runs did not read again says nothing about its rows, and is left out.
    """
    import duckdb

    duck = duckdb.connect()
    sources = []
    for name, run in (("one", first), ("two", second)):
        path = run.folder / "rejects.parquet"
        try:
            duck.execute(
                f"create table {name} as select *, row_number() over"
                ' (partition by source, "column", rule, text order by line) as nth from read_parquet(?)',
                [str(path)],
            )
        except duckdb.Error as error:
            why = "is not there" if not path.exists() else str(error).splitlines()[0]
            gap = f"Refused rows cannot be compared: rejects.parquet of {run.row['run_id']} {why}."
            return {"new": None, "gone": None, "rows": []}, [gap]
        sources.append({row[0] for row in duck.execute(f"select distinct source from {name}").fetchall()})
    read = [set(run.files) | found for run, found in zip((first, second), sources, strict=True)]
    told: dict[str, Any] = {"rows": []}
    passed_over = 0
    for what, here, there, comparable in (
        ("new", "two", "one", read[1] - (_all_files(first) - read[0])),
        ("gone", "one", "two", read[0] & read[1]),
    ):
        found = duck.execute(_ONLY.format(here=here, there=there), [sorted(comparable)])
        names = [column[0] for column in found.description or ()]
        rows = found.fetchmany(shown)
        [(told[what],)] = duck.execute(
            f"select count(*) from ({_ONLY.format(here=here, there=there)})", [sorted(comparable)]
        ).fetchall()
        told["rows"] += [{"is": what, **dict(zip(names, row, strict=True))} for row in rows]
        [(left,)] = duck.execute(
            f"select count(*) from {here} where source not in (select unnest(?::varchar[]))", [sorted(comparable)]
        ).fetchall()
        passed_over += left
    gap = f"{passed_over:,} refused rows are of files that only one of the runs read; they are not compared."
    return told, [gap] * bool(passed_over)


# --- schema, settings, steps -----------------------------------------------------------------------------------------


def _schema(first: Past, second: Past) -> list[dict[str, Any]] | None:
    """Contracts whose version, columns or sources differ; None where a run did not keep them."""
    if not (first.kept.get("contracts") and second.kept.get("contracts")):
        return None
    changed = []
    for name, (was, now) in _pairs(first.kept["contracts"], second.kept["contracts"]).items():
        if None in (was, now) and "." not in name:
            continue  # an input's: a run that finds nothing new does not open it
        columns = _pairs(was["columns"] if was else {}, now["columns"] if now else {})
        sources = _pairs(was["sources"] if was else {}, now["sources"] if now else {})
        entry = {
            "contract": name,
            "version": [each["version"] if each else None for each in (was, now)],
            "columns": {column: pair for column, pair in columns.items() if pair[0] != pair[1]},
            "sources": {column: pair for column, pair in sources.items() if pair[0] != pair[1]},
        }
        if entry["version"][0] != entry["version"][1] or entry["columns"] or entry["sources"]:
            changed.append(entry)
    return changed


def _settings(first: Past, second: Past) -> dict[str, list[Any]]:
    """How the runs were called and on what, where that differs."""
    flat = []
    for run in (first, second):
        facts = {key: run.row[key] for key in ("profile", "scope")} | {"target": run.kept.get("target_id")}
        facts |= {f"fed by {name}": value for name, value in run.kept.get("fed_by", {}).items()}
        for group in ("settings", "fidelity", "versions"):
            facts |= {f"{group} {name}": value for name, value in run.kept.get(group, {}).items()}
        flat.append(facts)
    return {name: pair for name, pair in _pairs(*flat).items() if pair[0] != pair[1]}


def _steps(first: Past, second: Past) -> list[dict[str, Any]]:
    """The steps side by side, by name; the second of a name goes with the second."""
    sides = []
    for run in (first, second):
        seen: Counter[str] = Counter()
        side = {}
        for step in run.steps:
            seen[step["name"]] += 1
            side[step["name"], seen[step["name"]]] = step
        sides.append(side)
    keys = ("rows_read", "rows_kept", "rows_rejected", "bytes", "seconds", "peak_mb")
    return [
        {"step": name, **{key: [each[key] if each else None for each in pair] for key in keys}}
        for (name, _), pair in _pairs(*sides).items()
    ]


def _pairs(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> dict[Any, list[Any]]:
    """Both values of every key, in the order of the first."""
    return {key: [one.get(key), other.get(key)] for key in dict.fromkeys([*one, *other])}


def _remarks(first: Past, second: Past) -> Iterable[str]:
    for run in (first, second):
        name, state = run.row["run_id"], run.row["state"]
        if state == "UNKNOWN":
            yield f"{name} is UNKNOWN: nobody can say yet whether its commit arrived."
        elif state != "SUCCEEDED":
            yield f"{name} is {state}: what it read is not in the target."
        if not run.has_record:
            yield f"{name} has no run.json (killed, or `orrery clean --runs`): only what the ledger has is known."
        elif not run.kept.get("contracts"):
            yield f"{name} kept no contracts: nothing can be said about the schema."
    if len({run.kept.get("target_id") for run in (first, second)} - {None}) == 2:
        yield "They wrote to two targets: the counts are those of each."
