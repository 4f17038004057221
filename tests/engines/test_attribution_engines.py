"""DuckDB, PostgreSQL and Spark give the same credit for the same log, row by row of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from small_world import world

from martech_lib import attribution

ENGINES = ("postgres", "spark")
IDS = {"whole": False, "text": True}
# On average. Text ids fall into groups by each engine's own hash, and with 50 groups a standard error is itself uncertain.
SE_WITHIN = {"whole": 1e-9, "text": 0.25}
Put = Callable[[Mapping[str, pa.Table]], Any]


@pytest.fixture
def put(request: pytest.FixtureRequest) -> Callable[[str], Put]:
    """Engine -> a function that takes tables and returns the connection they are in."""
    return lambda engine: {"postgres": _in_postgres, "spark": _in_spark}[engine](request.getfixturevalue(engine))


def _in_postgres(server: Any) -> Put:
    def put(tables: Mapping[str, pa.Table]) -> Any:
        connection = ibis.connect(server.url())
        for name, table in tables.items():
            connection.create_table(name, table, overwrite=True)
        connection.raw_sql("ANALYZE")  # as autovacuum does; without statistics a join of segments takes minutes
        return connection

    return put


def _in_spark(session: Any) -> Put:
    def put(tables: Mapping[str, pa.Table]) -> Any:
        for name, table in tables.items():
            session.createDataFrame(table).createOrReplaceTempView(name)
        return ibis.pyspark.connect(session)

    return put


def _in_duckdb(tables: Mapping[str, pa.Table]) -> Any:
    connection = ibis.duckdb.connect()
    for name, table in tables.items():
        connection.create_table(name, table)
    return connection


def read(connection: Any) -> tuple[attribution.Journeys, pd.DataFrame]:
    """The journeys, and the credit of every model, of time decay with another half-life and of order 2."""
    found = attribution.journeys(connection.table("touches"), connection.table("conversions"), lookback_days=20)
    second = attribution.credit(found, "markov", order=2).to_frame().assign(model="markov 2")
    young = attribution.credit(found, "time_decay", half_life_days=1.5).to_frame().assign(model="time_decay 1.5")
    frame = pd.concat([attribution.all_credit(found), second, young], ignore_index=True)
    return found, frame.set_index(["model", "channel"])


@cache
def expected(ids: str) -> tuple[attribution.Journeys, pd.DataFrame]:
    return read(_in_duckdb(world(text_ids=IDS[ids])))


def same_credit(credit: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Every model credits every channel alike, to the ninth digit."""
    assert list(credit.index) == list(wanted.index)
    assert list(credit["reason"]) == list(wanted["reason"])
    for column in ("conversions", "value"):
        np.testing.assert_allclose(credit[column], wanted[column], rtol=1e-9, atol=1e-9)


def same_walks(walks: Any, wanted: Any) -> None:
    """Lengths, days and paths are counted alike; user groups differ for text ids, their sum does not."""
    for part in ("lengths", "days", "top"):
        pd.testing.assert_frame_equal(getattr(walks, part), getattr(wanted, part), check_dtype=False)
    np.testing.assert_allclose(walks.waiting.sum(axis=0), wanted.waiting.sum(axis=0), rtol=1e-9)


@pytest.mark.parametrize("ids", IDS)
def test_the_world_holds_what_engines_may_read_differently(ids: str) -> None:
    found, credit = expected(ids)
    lines = found.ledger.set_index(["table", "what"])["rows"]
    always = [
        "left out: not of the period or segment",
        "left out: channel set aside",
        "left out: of a kind not asked for",
    ]
    assert (lines.drop(always, level="what") > 0).all(), lines
    assert len(found.notes) == 4, found.notes
    assert (credit["reason"] == "").all() and (credit["conversions"] > 0).all()


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_credit_is_the_same_in_every_engine(engine: str, ids: str, put: Callable[[str], Put]) -> None:
    found, credit = read(put(engine)(world(text_ids=IDS[ids])))
    wanted, wanted_credit = expected(ids)
    pd.testing.assert_frame_equal(found.ledger, wanted.ledger)
    assert found.notes == wanted.notes
    same_credit(credit, wanted_credit)
    same_walks(found.walks(), wanted.walks())
    for error in ("conversions_se", "value_se"):
        apart = (credit[error] / wanted_credit[error] - 1).abs()
        assert apart.mean() < SE_WITHIN[ids], apart.describe()


APRIL = attribution.Segment(customers="returning", since=datetime(2026, 4, 1), until=datetime(2026, 5, 1))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_segment_is_the_same_in_every_engine(engine: str, put: Callable[[str], Put]) -> None:
    tables = world(text_ids=True)
    found, wanted = (
        attribution.journeys(at.table("touches"), at.table("conversions"), segment=APRIL)
        for at in (put(engine)(tables), _in_duckdb(tables))
    )
    pd.testing.assert_frame_equal(found.ledger, wanted.ledger)
    credit, wanted_credit = (attribution.credit(one, "linear").to_frame() for one in (found, wanted))
    same_credit(credit, wanted_credit)


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_the_clocks_of_the_connection_change_nothing(engine: str, put: Callable[[str], Put]) -> None:
    """Instants in a session whose clocks go forward within the log."""
    tables = {name: _as_instants(table) for name, table in world(text_ids=False).items()}
    connection = _in_duckdb(tables) if engine == "duckdb" else put(engine)(tables)
    connection.raw_sql("SET TimeZone = 'Europe/Berlin'")
    same_credit(read(connection)[1], expected("whole")[1])


def _as_instants(table: pa.Table) -> pa.Table:
    place = table.column_names.index("ts")
    return table.set_column(place, "ts", table["ts"].cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")))
