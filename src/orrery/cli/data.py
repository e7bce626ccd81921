"""`data infer`, `data map`, `data validate`: a user's own file, looked at before anything of it is loaded."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orrery import catalogue
from orrery.cli import render
from orrery.cli.looking import Json
from orrery.cli.running import Map, OwnContract, Set, requests_of
from orrery.manifest import Manifest

if TYPE_CHECKING:
    from orrery.files import Delivered
    from orrery.inference.columns import Column, Texts
    from orrery.inference.maps import Proposal

data = typer.Typer(no_args_is_help=True, help="Your own files: what is in them, how they fit, what would be refused.")
Out = Annotated[Path | None, typer.Option("--out", help="Where to write the draft; by default beside where you are.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a draft that is there.")]
OneFile = Annotated[Path, typer.Argument(help="One file, delimited text or JSON: plain, .gz or .zst.")]
InputName = Annotated[str | None, typer.Option("--input", help="Which input it is for, if there are several.")]


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(data, name="data")
    data.command(epilog="Example:  orrery data infer costs.csv   (writes costs.odcs.yaml)")(infer)
    data.command("map", epilog="Example:  orrery data map meteor missions.csv   (writes missions.map.yaml)")(
        map_columns
    )
    data.command(
        epilog="Examples:  orrery data validate meteor launches.csv  ·  "
        "orrery data validate meteor costs.csv --contract costs.odcs.yaml"
    )(validate)


def infer(file: OneFile, out: Out = None, force: Force = False, as_json: Json = False) -> None:
    """Look at a whole file: encoding, delimiter, types, dates, keys, each with evidence and doubts; draft a contract.

    The draft is an ODCS contract for you to read and edit. Nothing is loaded.
    """
    from orrery import files
    from orrery.inference import columns, dialects, drafts, keys

    delivered = files.fingerprint(file)
    path = out or Path(f"{_stem(delivered)}.odcs.yaml")
    with columns.opened(delivered, dialects.look(delivered), render.NowAndThen()) as texts:
        found = columns.describe(texts)
        key = keys.propose(texts, found)
        draft = drafts.contract(texts, found, key, f"orrery data infer {delivered.name}")
        drafts.save(draft, path, force=force)
        if as_json:
            render.document(
                {**_written(texts), "columns": [_facts(each) for each in found], "key": _key(key), "draft": str(path)}
            )
            return
        for each in texts.written.evidence:
            render.out(render.in_a_line(each))
        render.table(
            ["column", "becomes", "type", "what speaks for it"],
            [
                [each.header, "(ignored)" if each.is_ignored else each.name, each.shape.kind, _short(each.evidence)]
                for each in found
            ],
        )
        for each in key.evidence:
            render.out(render.in_a_line(f"key: {each}"))
        doubts = [f"the file: {each}" for each in _file_doubts(texts)]
        doubts += [f"{column.header}: {each}" for column in found for each in column.doubts]
        _doubts([*doubts, *(f"key: {each}" for each in key.doubts)])
        render.out(f"written: {path}; read it, mend it, then")
        render.out(f"  {render.command()} data validate meteor {_shell(file)} --contract {_shell(path)}")


def map_columns(
    system: str,
    file: OneFile,
    out: Out = None,
    force: Force = False,
    input_name: InputName = None,
    as_json: Json = False,
) -> None:
    """Propose how the columns of a foreign file fill a system's table; writes a mapping for you to confirm.

    Says what speaks for each column, what is missing, and what of the file stays unused. Nothing is loaded.
    """
    from orrery import feeds, files
    from orrery.errors import BadInput
    from orrery.inference import columns, dialects, drafts, maps

    found = catalogue.find(system)
    name = input_name or next(iter(found.inputs))
    several = found.folder / "own_data"  # a file for each input, where a system has more than one
    known = several / f"{name}.toml" if several.is_dir() else found.folder / "own_data.toml"
    request = requests_of(found, [f"{name}={file}"], None, None, "embedded", 0)[0]
    own = feeds.of_request(request, name)
    if not known.is_file():
        raise BadInput(
            f"{found.slug} takes no mapping for '{name}'.",
            looked=str(known),
            found="no such file",
            fix=f"deliver it as {own.incoming.path.name} says",
        )
    delivered = files.fingerprint(file)
    path = out or Path(f"{_stem(delivered)}.map.yaml")
    with columns.opened(delivered, dialects.look(delivered), render.NowAndThen()) as texts:
        described = columns.describe(texts)
        proposal = maps.propose(texts, described, own.contract, known)
        head = {
            "system": found.slug,
            "input": name,
            "confirmed": False,
            "csvDialect": drafts.dialect(texts),
            "refusedRowsLimit": 0.1,
            "ignoredColumns": proposal.unused,
        }
        said = {**proposal.said, "": _about(texts, proposal, own.table)}
        command = f"orrery data map {found.name.lower()} {delivered.name}{_input(found, name)}"
        drafts.save(drafts.mapping(head, proposal.filled, said, command), path, force=force)
        if as_json:
            render.document({**_written(texts), **proposal.__dict__, "draft": str(path)})
            return
        render.table(
            [own.table, "from", "how"],
            [[to, _from(form), _how(form)] for to, form in proposal.filled.items()],
        )
        for each in said[""]:
            render.out(render.in_a_line(each.removeprefix("? ")))
        _doubts([f"{to}: {each[2:]}" for to, why in proposal.said.items() for each in why if each.startswith("? ")])
        render.out(f"written: {path}; read it, mend it, then")
        again = f"data validate {found.name.lower()} {_shell(file)} --map {_shell(path)}{_input(found, name)}"
        render.out(f"  {render.command()} {again}")


def validate(
    system: str,
    file: Annotated[str, typer.Argument(help="A file, a folder or a quoted glob.")],
    contract: OwnContract = None,
    mapping: Map = None,
    settings: Set = None,
    input_name: InputName = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="How many rows to show of each rule.")] = 3,
    as_json: Json = False,
) -> None:
    """The misfit report: column, rule, count, the first rows, what to change. Loads nothing, writes nothing."""
    from orrery import feeds, files, misfits
    from orrery.errors import BadInput

    found = catalogue.find(system)
    name = input_name or next(iter(found.inputs))
    request = requests_of(found, [f"{name}={file}"], settings, None, "embedded", 0, mapping, contract, confirm=True)[0]
    own = feeds.of_request(request, name)
    if own.incoming.dialect is None:
        raise BadInput(
            f"What {found.name} takes for '{name}' is no delimited text: it is judged as it is unpacked, in a run.",
            looked=str(own.incoming.path),
            found="no csvDialect",
            fix=f"orrery run {found.name.lower()} --data {_shell(f'{name}={file}')} tells each refused row, and loads "
            "nothing where the file does not fit; for a table of your own, --map",
        )
    paths, _ = files.find((file,), None, request.endings(name))
    report = misfits.report(own, paths, rows=rows, told=render.NowAndThen()).as_data()
    if as_json:
        render.document(report)
    else:
        _misfits(report)
        if not report["held_back"]:
            options = f" --map {_shell(mapping)} --confirm" if mapping else ""
            options += f" --contract {_shell(contract)}" if contract else ""
            render.out(
                f"to load it:  {render.command()} run {found.name.lower()} --data {_shell(f'{name}={file}')}{options}"
            )
    if report["misfits"]:
        raise typer.Exit(3)


def _input(system: Manifest, name: str) -> str:
    """How a command names an input, where it is not the one that is meant without."""
    return "" if name == next(iter(system.inputs)) else f" --input {name}"


def _shell(text: object) -> str:
    """A word that can be pasted into a shell."""
    return shlex.quote(str(text))


# --- what is shown -------------------------------------------------------------------------------------------------


def _misfits(report: Mapping[str, Any]) -> None:
    refused = report["read"] - report["fits"]
    for each in report["misfits"]:
        of = f"column {each['column']!r}, " if each["column"] else ""
        render.out(render.in_a_line(f"{each['file']}: {each['count']:,} rows, {of}{each['rule']}: {each['message']}"))
        for row in each["first"]:
            like = f" (line {row['first_line']:,} is the first)" if "first_line" in row else ""
            render.out(f"    line {row['line']:,}{like}: {render.in_a_line(row['text'])[:160]}")
        render.out(f"    to change: {render.callable_here(render.in_a_line(each['change']))}")
    for rule, count in report["warnings"].items():
        render.out(f"warning: {count:,} rows, {rule.replace(':', ': ')}; they are loaded all the same")
    render.out(f"{report['read']:,} rows read: {report['fits']:,} fit {report['table']}, {refused:,} would be refused")
    for each in report["held_back"]:
        render.out(f"a run would load nothing: {each}")


def _doubts(doubts: Sequence[str]) -> None:
    if doubts:
        render.out("doubts:")
    for each in doubts:
        render.out(f"  ? {render.in_a_line(each)}")


def _about(texts: Texts, proposal: Proposal, table: str) -> list[str]:
    """What is said of a mapping as a whole."""
    said = [*texts.written.evidence, *(f"? {each}" for each in _file_doubts(texts))]
    said.append(f"unused columns of the file: {', '.join(proposal.unused) or 'none'}")
    said.append(f"columns of {table} that stay empty: {', '.join(proposal.empty) or 'none'}")
    if proposal.missing:
        said.append(
            f"? MISSING, and every row must have it: {', '.join(proposal.missing)}; say where from, or a constant"
        )
    return said


def _file_doubts(texts: Texts) -> list[str]:
    doubts = list(texts.written.doubts)
    if texts.refused_rows:
        shown = "; ".join(f"line {each.line:,}: {each.message}" for each in texts.refused[:3])
        doubts.append(f"{texts.refused_rows:,} rows cannot be read and would be refused ({shown})")
    return doubts


def _written(texts: Texts) -> dict[str, Any]:
    from orrery.inference import drafts

    return {
        "file": texts.delivered.name,
        "rows": texts.rows,
        "unreadable_rows": texts.refused_rows,
        "dialect": drafts.dialect(texts),
        "evidence": texts.written.evidence,
        "doubts": _file_doubts(texts),
    }


def _facts(column: Column) -> dict[str, Any]:
    from orrery.inference import drafts

    shape = {"type": column.shape.kind, "form": drafts.written_form(column)}
    return {**{key: value for key, value in column.__dict__.items() if key != "shape"}, **shape}


def _key(key: Any) -> dict[str, Any]:
    return {**key.__dict__, "columns": [column.header for column in key.columns]}


def _becomes(column: Column) -> str:
    return "(ignored)" if column.is_ignored else column.name


def _short(evidence: Sequence[str]) -> str:
    text = "; ".join(evidence)
    return render.in_a_line(text if len(text) <= 90 else text[:89] + "…")


def _from(form: Mapping[str, Any]) -> str:
    given = form.get("from", [])
    return render.in_a_line(given if isinstance(given, str) else " + ".join(given)) or "(constant)"


def _how(form: Mapping[str, Any]) -> str:
    return render.in_a_line(", ".join(f"{key} {value}" for key, value in form.items() if key != "from"))


def _stem(delivered: Delivered) -> str:
    name = delivered.name
    for ending in (".gz", ".zst", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"):
        name = name.removesuffix(ending)
    return name
