"""Snowflake, on the emulator: key words, exact rows, transactions, errors of the right kind without a secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import errors

from orrery.engines import snowflake
from orrery.errors import BadInput, Denied, DependencyDown, Locked, OrreryError
from orrery.profiles import Binding

ODD = [
    "", None, "null", "NULL", "\\N", "\\", "\\n", "it's", '"', '""', "'", "line\nfeed", "cr\r\nlf", "\t", " lead ", ",",
    "ünïcødé 🚀", "\u00a0", "\u2028", "\x7f", "%s", "?", "$$", "{}", "[1]", "0.10", "1e5", "true", "NaN", "2020-01-01",
]  # fmt: skip


@pytest.fixture(scope="module")
def emulated(warehouse_home: Path) -> Binding:
    return Binding("analytics", "snowflake", "embedded", "emulator", "emulated", warehouse_home)


@pytest.fixture(scope="module")
def connection(emulated: Binding) -> Iterator[Any]:
    with snowflake.connect(emulated, "test") as made:
        made.cursor().execute("create or replace schema t_engine")
        yield made
        made.cursor().execute("drop schema t_engine cascade")


def elsewhere(server: str, **more: Any) -> Binding:
    return Binding("analytics", "snowflake", server, "real", "cloud", Path("nowhere"), **more)


def test_rows_arrive_exactly(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "create or replace table t_engine.odd (n number(38, 0), a text, b text, moment timestamp_tz, y boolean)"
    )
    columns = {"n": "number(38,0)", "a": "text", "b": "text", "moment": "timestamp_tz", "y": "boolean"}
    given = [
        [at, each, ODD[-at - 1], "2022-01-02 03:04:05.678+00:00" if at else None, at % 2 == 0]
        for at, each in enumerate(ODD)
    ]
    assert snowflake.insert(connection, "t_engine.odd", columns, given) == len(ODD)
    names, got = snowflake.query(connection, "select n, a, b, moment, y from t_engine.odd order by n")
    assert names == ["n", "a", "b", "moment", "y"]
    assert [list(row[:3]) for row in got] == [row[:3] for row in given]
    assert got[0][3] is None
    assert got[1][3].isoformat() == "2022-01-02T03:04:05.678000+00:00"
    assert [row[4] for row in got] == [row[4] for row in given]
    assert snowflake.insert(connection, "t_engine.odd", columns, []) == 0


def test_many_rows_in_pieces(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.cursor().execute("create or replace table t_engine.many (n number(38, 0), a text)")
    monkeypatch.setattr(snowflake, "PIECE", 1000)
    given = [(n, f"row {n}") for n in range(500)]
    assert snowflake.insert(connection, "t_engine.many", {"n": "number(38,0)", "a": "text"}, iter(given)) == 500
    assert snowflake.query(connection, "select * from t_engine.many order by n")[1] == given


def test_a_transaction_is_whole(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("create or replace table t_engine.t (a int, b text)")
    with snowflake.transaction(connection):
        cursor.execute("insert into t_engine.t values (1, 'x'), (2, 'y'), (3, null)")
        cursor.execute("delete from t_engine.t where (a, b) in ((1, 'x'), (2, 'z'))")

    def broken_off() -> None:
        with snowflake.transaction(connection):
            cursor.execute("delete from t_engine.t")
            raise KeyError

    with pytest.raises(KeyError):
        broken_off()
    assert snowflake.query(connection, "select * from t_engine.t order by a")[1] == [(2, "y"), (3, None)]


def test_two_at_once_are_told_locked(connection: Any, emulated: Binding) -> None:
    connection.cursor().execute("create or replace table t_engine.l as select 1 as a")
    with snowflake.connect(emulated, "other") as other, snowflake.transaction(connection):
        connection.cursor().execute("delete from t_engine.l")
        with pytest.raises(errors.ProgrammingError) as caught:
            other.cursor().execute("delete from t_engine.l")
    assert isinstance(snowflake.told(caught.value, emulated), Locked)


@pytest.mark.parametrize(
    ("sql", "number"), [("selec 1", 1003), ("select * from nope.nope", 2003), ("select cast('x' as int)", 100035)]
)
def test_what_sql_gets_wrong_is_bad_input(connection: Any, emulated: Binding, sql: str, number: int) -> None:
    with pytest.raises(errors.ProgrammingError) as caught:
        snowflake.query(connection, sql)
    error = snowflake.told(caught.value, emulated)
    assert isinstance(error, BadInput)
    assert str(number) in error.found


def test_trim_and_null_moments_are_as_at_the_service(connection: Any) -> None:
    sql = "select trim('\u00a0x ', ' ') as a, null::timestamp_ntz as b, null::timestamp_tz as c, trim(' y ') as d"
    assert snowflake.query(connection, sql)[1] == [("\u00a0x", None, None, "y")]


def test_environment_is_what_dbt_reads(connection: Any, emulated: Binding) -> None:
    found = snowflake.environment(emulated)
    assert (found["DBT_TARGET"], found["SNOWFLAKE_HOST"]) == ("snowflake", "127.0.0.1")
    assert found.keys() >= {f"SNOWFLAKE_{name}" for name in ("ACCOUNT", "USER", "PASSWORD", "DATABASE", "PORT")}


def test_key_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "s3cret")
    server = "account=ab-cd user=me role=loader warehouse=wh database='my db'"
    binding = elsewhere(server, password_env="MINE")
    assert snowflake.keywords(binding)["database"] == "my db"
    found = snowflake.environment(binding)
    assert found["SNOWFLAKE_PASSWORD"] == "s3cret"
    for wrong in ("account=a user=b", server + " pasword=x", server + " alone", "account='a"):
        with pytest.raises(BadInput):
            snowflake.keywords(elsewhere(wrong))
    with pytest.raises(BadInput, match="needs Snowflake"):
        snowflake.keywords(Binding("analytics", "postgres", "embedded", "real", "p", Path("nowhere")))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.DatabaseError("Incorrect username or password was specified", errno=250001, sqlstate="08001"), Denied),
        (errors.ProgrammingError("SQL access control error: Insufficient privileges", errno=3001), Denied),
        (
            errors.ProgrammingError("Object 'X' does not exist or not authorized.", errno=2003, sqlstate="02000"),
            BadInput,
        ),
        (
            errors.OperationalError("Could not connect to Snowflake backend after 2 attempt(s)", errno=250001),
            DependencyDown,
        ),
        (errors.InternalServerError(msg="HTTP 500", errno=290500), DependencyDown),
        (errors.ProgrammingError("Statement reached its lock timeout", errno=625, sqlstate="57014"), Locked),
        (errors.DatabaseError("401 Unauthorized", errno=290401, sqlstate="08001"), DependencyDown),
        (errors.ProgrammingError("token=s3cret is wrong", errno=1003), BadInput),
    ],
)
def test_errors_have_their_kind(error: errors.Error, kind: type[OrreryError], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "s3cret")
    made = snowflake.told(error, elsewhere("account=a user=b warehouse=c database=d", password_env="MINE"))
    assert type(made) is kind
    assert "s3cret" not in str(made)


def test_nobody_there_is_a_dependency_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "s3cret")
    monkeypatch.setattr(snowflake, "LOGIN_SECONDS", 2)
    server = "account=a user=b warehouse=c database=d host=127.0.0.1 port=9 protocol=http"
    with pytest.raises(DependencyDown):
        snowflake.connect(elsewhere(server, password_env="MINE"), "test")


def test_names_are_checked(connection: Any) -> None:
    with pytest.raises(BadInput):
        snowflake.insert(connection, "t; drop table x", {"a": "text"}, [["x"]])
