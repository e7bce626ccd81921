"""Feeds: how the text of an input becomes typed rows of a table.

A system has one for each of its inputs. A user brings another: a contract of their own (any file, into a table of its
own), or a mapping (a foreign file, into the system's own table). docs/own-data.md walks through both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery import catalogue, contracts, documents, forms
from orrery.contracts import Column, Contract
from orrery.errors import BadInput, GateClosed
from orrery.manifest import Manifest

if TYPE_CHECKING:
    import pyarrow as pa

    from orrery.forms import Form
    from orrery.run import Request

FORMS = "mend it; docs/own-data.md has every key"
# columns that are the loader's own, and those that PostgreSQL has in every table
RESERVED = ("file_id", "row", "broken", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid")
MAP_KEYS = {"system", "input", "confirmed", "csvDialect", "refusedRowsLimit", "ignoredColumns", "columns"}


@dataclass(frozen=True)
class Feed:
    """How one input is read, typed and judged, and where it goes.

    Attributes:
        incoming: how the file is written, and how many of its rows may be refused.
        headers: for each text column of a chunk the spellings that the file's header may have for it.
        contract: the typed columns and their checks.
        table: `schema.name` of the target.
        query: SQL over `chunk` that gives `row`, the typed columns, and `broken` (`column:rule` or null).
        messages: what is said of a row that breaks a rule, by `column:rule` or by rule.
        prepare: done to a chunk (Arrow) before the query sees it.
        macros: SQL that the query needs.
        day_column: the column (timestamptz) that tells which day a row belongs to.
        repeated: rule and message by which every row is refused whose key another row of its file has; None: the first
            of equal ones is loaded (duplicate_row), of others none (key_conflict).
        origin: the file that the feed is from, and its hash, for the run's record.
    """

    incoming: Contract
    headers: Mapping[str, tuple[str, ...]]
    contract: Contract
    table: str
    query: str
    messages: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[pa.Table], pa.Table] = field(default=lambda chunk: chunk)
    macros: tuple[str, ...] = ()
    day_column: str | None = None
    repeated: tuple[str, str] | None = None
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def delivered(self) -> Contract:
        """What comes in, with the columns of the file; of a user's own, those that their rules take, as text."""
        if not self.origin:
            return self.incoming
        names = dict.fromkeys(source for each in self.contract.columns for source in each.sources)
        columns = tuple(Column(name, "text", required=False, primary_key=False) for name in names)
        return replace(self.incoming, columns=columns)

    @property
    def rejected(self) -> str:
        """Where refused rows are kept."""
        return f"{self.table}_rejected"


def of_request(request: Request, name: str) -> Feed:
    """The feed for an input of the request's system: the user's contract or mapping, or else the system's own."""
    system = request.system
    if request.contract is not None:
        return of_contract(request.contract, system)
    given = system.inputs[name]
    if given.feed is None:
        raise BadInput(
            f"{system.slug} takes no file of your own for '{name}'.",
            looked=str(system.folder / "system.toml"),
            found=f"no feed in [inputs.{name}]",
            fix=f"deliver it as {given.contract.name} says",
        )
    own: Feed = catalogue.function(system, given.feed)(system, request.chosen())
    if request.mapping is None:
        return own
    mapped = of_map(request.mapping, system, own.contract, own.table, confirmed=request.is_confirmed)
    return replace(mapped, day_column=own.day_column, repeated=own.repeated)


def of_contract(path: Path, system: Manifest) -> Feed:
    """The feed of a user's own contract: its table is `<system>.<name of the schema object>`.

    Raises:
        ContractBroken: not a contract of a file, or a column that cannot be made as it says.
    """
    contract = contracts.load(path)
    if not contract.is_file or contract.dialect is None:
        raise documents.unusable(
            path, "is not one of a file", "physicalType: file and the custom property csvDialect are wanted"
        )
    table = f"{system.slug}.{contract.name}"
    taken = {each.partition(".")[2] for each in system.outputs} | {"loads"}
    if (
        not forms.NAME.fullmatch(contract.name)
        or contract.name in taken
        or contract.name.endswith(("_rejected", "_files"))
    ):
        raise documents.unusable(
            path,
            f"names its table '{contract.name}'",
            f"wanted: up to 40 small letters, digits and _, and none of {', '.join(sorted(taken))}",
            "write another name under schema, in the line '- name: …'",
        )
    own = {
        each.name: (_form(path, each.name, each.form, each.sources, each.type), each.type) for each in contract.columns
    }
    number = Column("file_id", "bigint", required=True, primary_key=False)
    typed = replace(contract, columns=(*contract.columns, number), dialect=None, is_file=False)
    return _feed(path, contract, typed, table, own)


def of_map(path: Path, system: Manifest, target: Contract, table: str, *, confirmed: bool) -> Feed:
    """The feed of a mapping: a foreign file fills the columns of the system's own table.

    Args:
        target: the contract of that table.
        confirmed: the user has confirmed it on the command line.

    Raises:
        ContractBroken: not a mapping, or a column that cannot be filled. GateClosed: nobody has confirmed it.
    """
    given = _mapping(path, system)
    if not (confirmed or given["confirmed"] is True):
        raise GateClosed(
            f"The mapping {path.name} has not been confirmed: nothing was loaded.",
            looked=str(path),
            found="confirmed: false",
            fix=f"read it, then write confirmed: true into it, or say --confirm; first: orrery data validate "
            f"{system.name.lower()} FILE --map {path.name}",
        )
    by_name = {each.name: each for each in target.columns if each.name != "file_id"}
    columns = given["columns"]
    if unknown := [name for name in columns if name not in by_name]:
        raise documents.unusable(
            path,
            f"fills a column '{unknown[0]}' that {table} does not have",
            f"its columns: {', '.join(by_name)}",
            FORMS,
        )
    if lacking := [each.name for each in by_name.values() if each.required and each.name not in columns]:
        fix = "say for each where from ({from: Header}), or the same for every row ({constant: text})"
        raise documents.unusable(path, "leaves out what every row must have", ", ".join(lacking), fix)
    own: dict[str, tuple[Form, str]] = {}
    filled = []
    for name, column in by_name.items():
        said = dict(columns.get(name, {}))
        given_sources = said.pop("from", [])
        sources = (given_sources,) if isinstance(given_sources, str) else tuple(given_sources)
        filled.append(replace(column, sources=sources))
        if name in columns:
            own[name] = (_form(path, name, said, sources, column.type), column.type)
    incoming = replace(
        target,
        path=path,
        dialect=contracts.dialect(path, given["csvDialect"]),
        refused_rows_limit=contracts.share(path, given.get("refusedRowsLimit", 1.0)),
        ignored=contracts.texts(path, "ignoredColumns", given.get("ignoredColumns", [])),
        minimum_rows=1,
    )
    number = [each for each in target.columns if each.name == "file_id"]
    typed = replace(target, columns=(*filled, *number))
    return _feed(path, incoming, typed, table, own)


def _mapping(path: Path, system: Manifest) -> dict[str, Any]:
    """A mapping as data, with its keys checked."""
    given = documents.read(path)
    shape = {"columns": dict, "csvDialect": dict, "confirmed": bool, "system": str}
    if (
        not isinstance(given, dict)
        or set(given) - MAP_KEYS
        or not all(isinstance(given.get(key), kind) for key, kind in shape.items())
    ):
        raise documents.unusable(path, "is not a mapping", f"its keys are {', '.join(sorted(MAP_KEYS))}", FORMS)
    for name, said in given["columns"].items():
        sources = said.get("from", []) if isinstance(said, dict) else None
        if not (isinstance(sources, str) or (isinstance(sources, list) and all(isinstance(e, str) for e in sources))):
            raise documents.unusable(
                path, f"wants for '{name}' something like {{from: Header}}", repr(said)[:120], FORMS
            )
    if given["system"] != system.slug:
        raise documents.unusable(path, f"is for {given['system']}", f"asked to run is {system.slug}", FORMS)
    return given


def _form(path: Path, name: str, said: Mapping[str, Any], sources: tuple[str, ...], kind: str) -> Form:
    made = forms.parse(said, sources, kind)
    if isinstance(made, str):
        raise documents.unusable(path, f"cannot make the column '{name}'", made, FORMS)
    return made


def _feed(path: Path, incoming: Contract, typed: Contract, table: str, own: Mapping[str, tuple[Form, str]]) -> Feed:
    """A feed out of forms; the file's columns get numbers, so that no header can be taken for something else."""
    names = [each.name for each in typed.columns][:-1]  # the last is the loader's file_id
    for name in names:
        if not forms.NAME.fullmatch(name) or name in RESERVED or names.count(name) > 1:
            raise documents.unusable(
                path,
                f"has a column '{name}'",
                f"wanted: up to 40 small letters, digits and _, each once, and none of {', '.join(RESERVED)}",
            )
    headers: dict[str, tuple[str, ...]] = {}
    number: dict[str, str] = {}
    for form, _ in own.values():
        for source in form.sources:
            at = number.setdefault(source, f"t{len(number)}")
            headers[at] = tuple(dict.fromkeys((source.strip(), *headers.get(at, ()), *map(str.strip, form.spelled))))
    numbered = {
        name: (replace(form, sources=tuple(number[source] for source in form.sources)), kind)
        for name, (form, kind) in own.items()
    }
    missing = incoming.written_as().missing
    columns = {each.name: each.type for each in typed.columns if each.name in names}
    query = forms.query(numbered, missing, typed.key, columns)
    said = {f"{name}:form": forms.message(form, kind) for name, (form, kind) in own.items()}
    unseen = {
        "invisible_characters": "it holds characters that cannot be seen",
        "key_too_long": f"longer than the {forms.KEY_BYTES} bytes that a column of a key may have",
    }
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Feed(incoming, headers, typed, table, query, said | unseen, origin={"file": path.name, "sha256": digest})
