"""What is published against the oracle, through the real command: any kinds, any order, the sample; eight at once."""

from __future__ import annotations

from pathlib import Path

from nebula_batches import differing_refusals
from nebula_oracle_deliveries import Told, cut, seeded, some, written
from nebula_scenario import DATA, differing
from nebula_violations import violations

from orrery.claims import Files, Trial

KINDS = ("customers", "products", "orders", "order_events", "returns")
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


def worlds(number: int, many: int) -> list[Told]:
    """Rows of small worlds that have nothing to do with each other; few break a rule: else their files are held back."""
    chance = seeded(number)
    told = [
        (kind, {**row, **{key: f"{row[key]}-{world}" for key in KEYS if row.get(key) not in (None, "")}})
        for world in range(many)
        for kind, row in some(chance, 40)
    ]
    wrong = {"replace", "lost", "a"}
    broken = [row for _, row in told if row.get("line_no") == 0 or wrong & {*map(str, row.values())}]
    kept = broken[:5]
    return [(kind, row) for kind, row in told if row in kept or row not in broken]


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
    for number, pile in enumerate(piles_of(worlds(3, 25), 3, 3)):
        files = named(number, cut(pile, seeded(number)))
        load(trial, files)
        delivered += files
        assert differing(trial.target, delivered) == []
        assert differing_refusals(trial.target.rejects(), delivered) == []


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
        named(number, cut(pile, seeded(number))) for number, pile in enumerate(piles_of(worlds(6, 10), 6, 2))
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
        files = [(f"{kind}-{number}.csv", written(kind, [row for of, row in pile if of == kind])) for kind in KINDS]
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
