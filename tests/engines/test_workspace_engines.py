"""A PostgreSQL URL and a Spark session are workspaces; what they say never holds a password."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ibis
import psycopg
import pyarrow as pa
import pytest
from small_world import world

from martech_lib import Workspace, attribution
from martech_lib.core.errors import TableError, UserError, WorkspaceError
from martech_lib.workbook import cli

PASSWORD = "p@ss/w%rd:s3cret"
WRITTEN = quote(PASSWORD, safe="")
PARTS = (PASSWORD, WRITTEN, "s3cret", "ss/w", "'ss'")
PROFILE = pa.table(
    {
        "key": ["company", "business_model", "marketing_fte", "marketing_budget_excl_labor", "as_of_date", "timezone"],
        "value": ["Test company", "B2B", "8", "2000000", "2026-09-30", "Europe/Berlin"],
    }
)
INVENTORY = pa.table(
    {
        "tool": ["Heap"],
        "layer": ["Storage"],
        "category": ["cdp"],
        "annual_cost": pa.array([5.25]).cast(pa.decimal128(9, 2)),
        "pays_back": ["Yes"],
        "renewal_date": pa.array([datetime(2027, 1, 1).date()]),
    }
)
INSTANT = datetime(2026, 9, 1, 8, tzinfo=UTC)


@pytest.fixture
def database(postgres: Any) -> Iterator[psycopg.Connection]:
    """A connection to an emptied database of which `guest` may read everything and create nothing."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA public TO guest")
        connection.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO guest")
        connection.execute("REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
        yield connection
        connection.execute("GRANT TEMPORARY ON DATABASE postgres TO PUBLIC")
        connection.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM guest")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("DROP ROLE guest")
        connection.execute("CREATE SCHEMA public")


def fill(postgres: Any, tables: Mapping[str, pa.Table]) -> None:
    connection = ibis.connect(postgres.url())
    for name, table in tables.items():
        connection.create_table(name, table)
    connection.disconnect()


def company() -> dict[str, pa.Table]:
    """A profile, an inventory, and logs whose times are an instant and a local time without a zone."""
    touches = pa.table({"user_id": [1], "ts": pa.array([INSTANT]), "channel": ["tv"], "kind": ["view"]})
    local = pa.array([datetime(2026, 9, 1, 10)])
    return {
        "profile": PROFILE,
        "inventory": INVENTORY,
        "touches": touches,
        "conversions": pa.table({"user_id": [1], "ts": local, "value": [2.5]}),
    }


def silent(text: str) -> bool:
    return not any(part in text for part in PARTS)


@pytest.mark.usefixtures("database")
def test_a_postgres_url_is_a_workspace(postgres: Any) -> None:
    fill(postgres, company())
    ws = Workspace.open(postgres.url("martech", WRITTEN))
    assert ws.check() == []
    assert ws.tables == ("profile", "inventory", "touches", "conversions")
    assert ws.register("inventory")["annual_cost"].tolist() == [5.25]
    times = [ws.log(name).ts.to_list() for name in ("touches", "conversions")]
    assert times == [[datetime(2026, 9, 1, 8)]] * 2, "an instant at its word, a local time in the zone of the profile"
    found = attribution.journeys(ws.log("touches"), ws.log("conversions"))
    credit = attribution.credit(found, "time_decay").to_frame()
    assert credit[["channel", "conversions", "value"]].to_numpy().tolist() == [["tv", 1, 2.5]]
    told = f"{ws!r} {ws.source} {ws.status()} {ws.notes} {ws.fingerprints} {found.notes} {ws.file_for('touches')}"
    assert silent(told), told
    assert "127.0.0.1" in repr(ws), "the password alone is hidden"


def test_a_spark_session_is_a_workspace(spark: Any) -> None:
    for name, table in company().items():
        spark.createDataFrame(table).createOrReplaceTempView(name)
    conversions = spark.table("conversions")
    local = conversions.withColumn("ts", conversions.ts.cast("timestamp_ntz"))
    local.createOrReplaceTempView("conversions")
    ws = Workspace.open(spark)
    assert ws.check() == []
    assert {"profile", "inventory", "touches", "conversions"} <= set(ws.tables)
    assert ws.register("inventory")["annual_cost"].tolist() == [5.25]
    assert [ws.log(name).ts.to_list() for name in ("touches", "conversions")] == [[datetime(2026, 9, 1, 8)]] * 2
    found = attribution.journeys(ws.log("touches"), ws.log("conversions"))
    assert attribution.credit(found, "last").to_frame()["channel"].tolist() == ["tv"]
    assert "SparkSession" in repr(ws)


@pytest.mark.parametrize("engine", ["postgres", "spark"])
def test_the_faults_of_a_log_are_told(engine: str, request: pytest.FixtureRequest) -> None:
    tables = {"touches": world(text_ids=False)["touches"]}
    if engine == "postgres":
        request.getfixturevalue("database")
        server = request.getfixturevalue("postgres")
        fill(server, tables)
        ws = Workspace.open(server.url())
    else:
        session = request.getfixturevalue("spark")
        session.createDataFrame(tables["touches"]).createOrReplaceTempView("touches")
        ws = Workspace.open(session)
    with pytest.raises(TableError) as told:
        ws.log("touches")
    assert "table touches, column user_id: is blank; a value is required" in str(told.value)
    assert any("is blank; a value is required (41 in all)" in problem.message for problem in told.value.problems)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("user", "password", "port", "words"),
    [
        ("nobody", WRITTEN, None, 'role "nobody" does not exist'),
        ("martech", WRITTEN, 1, "connection"),
        ("martech", PASSWORD, None, "write @ as %40, / as %2F"),
    ],
)
def test_a_database_that_refuses_tells_no_password(
    user: str, password: str, port: int | None, words: str, postgres: Any
) -> None:
    server = postgres._replace(port=port or postgres.port)
    with pytest.raises(WorkspaceError, match="cannot be opened") as told:
        Workspace.open(server.url(user, password))
    assert words in str(told.value)
    assert silent(str(told.value)), told.value


@pytest.mark.usefixtures("database")
def test_who_may_not_create_temporary_tables_is_told_what_to_do(postgres: Any) -> None:
    fill(postgres, company())
    ws = Workspace.open(postgres.url("guest", WRITTEN))
    assert ws.check() == []
    with pytest.raises(
        UserError, match="postgres refused one: permission denied .* Ask for the right to create"
    ) as told:
        attribution.journeys(ws.log("touches"), ws.log("conversions"))
    assert silent(str(told.value))


@pytest.mark.usefixtures("database")
def test_commands_write_no_password(postgres: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fill(postgres, company())
    url = postgres.url("martech", WRITTEN)
    assert cli.main(["check", "--data", url]) == 0
    assert cli.main(["check", "--data", url, "--json"]) == 0
    told = ["report", "--data", url, "--out", str(tmp_path), "--only", "1-stack-audit", "--jobs", "1"]
    assert cli.main(told) == 0
    said = capfd.readouterr()
    assert silent(said.out + said.err), said
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"1-stack-audit.html", "metrics.json"} <= {path.name for path in written}
    assert [path.name for path in written if not silent(path.read_text(encoding="utf-8", errors="replace"))] == []
