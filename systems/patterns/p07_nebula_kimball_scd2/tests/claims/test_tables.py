"""What is published against the oracle, through the real command: any kinds, any order, the sample; eight at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nebula_batches import differing_refusals
from nebula_oracle_deliveries import Told, cut, seeded, some, written
from nebula_scenario import DATA, differing
from nebula_violations import violations

from orrery.claims import Files, Trial

KINDS = ("customers", "products", "orders", "order_events", "returns")
IDENTITY = {
    "customers": ("customer_id", "changed_at", "change_no"),
    "products": ("product_id", "changed_at", "change_no"),
    "orders": ("order_id", "line_no"),
    "order_events": ("order_id", "event"),
    "returns": ("return_id",),
}
KEYS = ("customer_id", "product_id", "order_id", "return_id")
SAMPLES = [*(f"shop/{kind}.csv.gz" for kind in KINDS), "cdnow/CDNOW_master.txt.gz"]


def words(trial: Trial, files: Files) -> list[str]:
    """`--data` for files whose names begin with their kind."""
    paths = [(name.partition("-")[0], trial.deliver(name, content)) for name, content in files]
    return [word for kind, path in paths for word in ("--data", f"{kind}={path}")]


def load(trial: Trial, files: Files, *more: str) -> None:
    """Run on files, which must succeed."""
    done = trial.call(["run", "nebula", "--json", *words(trial, files), *more])
    assert done.exit_code == 0, done.stderr


def worlds(number: int, many: int, at_odds: int = 0) -> list[Told]:
    """Rows of small worlds that have nothing to do with each other; in some of them rows contradict each other.

    These are few, as those that break a rule: else their files are held back.
    """
    chance = seeded(number)
    told = [
        (kind, {**row, **{key: f"{row[key]}-{world}" for key in KEYS if row.get(key) not in (None, "")}})
        for world in range(many)
        for kind, row in (list if world < at_odds else consistent)(some(chance, 40))
    ]
    wrong = {("line_no", 0), ("op", "replace"), ("event", "lost"), ("promotions", "a")}
    broken = [row for _, row in told if wrong & set(row.items())]
    kept = broken[:3]
    return [(kind, row) for kind, row in told if row in kept or row not in broken]


def consistent(told: list[Told]) -> Iterator[Told]:
    """Rows that contradict none before them; too many that do hold a file back."""
    first: dict[tuple[str, ...], dict[str, str]] = {}
    for kind, row in told:
        said = {name: str(value)[:10] for name, value in row.items()}  # one day, as instants are written here
        if first.setdefault((kind, *(said[name] for name in IDENTITY[kind])), said) == said:
            yield kind, row


def piles_of(told: list[Told], number: int, many: int) -> list[list[Told]]:
    """The rows, dealt out at random."""
    chance, piles = seeded(number), [list[Told]() for _ in range(many)]
    for each in told:
        chance.choice(piles).append(each)
    return piles


def named(number: int, files: Files) -> Files:
    """Files by the delivery that they came with, the kind first."""
    return [(f"{name.partition('-')[0]}-{number}-{at:02}.csv", content) for at, (name, content) in enumerate(files)]


def test_tables_equal_the_oracle(trial: Trial) -> None:
    delivered: list[tuple[str, bytes]] = []
    for number, pile in enumerate(piles_of(worlds(3, 25, at_odds=3), 3, 3)):
        files = named(number, cut(pile, seeded(number)))
        load(trial, files)
        delivered += files
        assert differing(trial.target, delivered) == []
        assert differing_refusals(trial.target.rejects(), delivered) == []
        assert miscounted(trial) == []


def miscounted(trial: Trial) -> list[dict[str, object]]:
    """Files whose kept and refused rows are not all that were read; another file may have contradicted some since."""
    return trial.target.query(
        "select name from p07_nebula_raw.files where rows_kept <> rows_read - (select count(*)"
        " from p07_nebula.deliveries_rejected as refused where refused.file_id = files.file_id)"
    )


def test_the_sample_equals_the_oracle(trial: Trial) -> None:
    trial.run(None)
    files = [(Path(name).name, (DATA / name).read_bytes()) for name in SAMPLES]
    assert differing(trial.target, files) == []
    assert differing_refusals(trial.target.rejects(), files) == []


def test_a_rebuild_writes_nothing(trial: Trial) -> None:
    files = named(0, cut(worlds(4, 10), seeded(4)))
    load(trial, files)
    before = trial.target.state()
    assert all(before[f"p07_nebula.{table}"] for table in ("dim_customer", "dim_product", "fct_order_lines"))
    load(trial, files, "--set", "mode=full")
    assert trial.target.state() == before


def test_a_file_that_was_taken_out_goes_with_a_rebuild(trial: Trial) -> None:
    stays, goes = (
        named(number, cut(pile, seeded(number))) for number, pile in enumerate(piles_of(worlds(6, 10, at_odds=1), 6, 2))
    )
    load(trial, stays)
    load(trial, goes)
    for table in (*KINDS, "refused", "files"):
        trial.target.connection.execute(
            f"delete from p07_nebula_raw.{table} where file_id in"
            " (select file_id from p07_nebula_raw.files where name like '%-1-%')"
        )
    load(trial, stays, "--set", "mode=full")
    assert differing(trial.target, stays) == []
    assert differing_refusals(trial.target.rejects(), stays) == []


def test_eight_writers_break_nothing(trial: Trial) -> None:
    delivered: list[tuple[str, bytes]] = []
    writers = []
    for number, pile in enumerate(piles_of(worlds(5, 12), 5, 8)):
        kinds = sorted({kind for kind, _ in pile})
        files = [(f"{kind}-{number}.csv", written(kind, [row for of, row in pile if of == kind])) for kind in kinds]
        delivered += files
        [orders] = [trial.deliver(name, content) for name, content in files if name.startswith("orders-")]
        others = [each for each in files if not each[0].startswith("orders-")]
        writers.append(trial.start(orders, "--wait", "250", *words(trial, others)))
    ended = [(writer.communicate(timeout=280)[1], writer.returncode) for writer in writers]
    assert [code for _, code in ended] == [0] * 8, ended
    assert differing(trial.target, delivered) == []
    for name in ("customer", "product"):
        rows = trial.target.rows(f"p07_nebula.dim_{name}")
        assert len(rows) > 10
        assert violations(rows, f"{name}_id") == []
