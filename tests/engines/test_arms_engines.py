"""DuckDB, PostgreSQL and Spark count the same A/B test alike: whole numbers exactly, values to the ninth digit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from recount import recount
from small_world import START, Put, in_duckdb

from martech_lib import experiments
from martech_lib.core.arms import Counted, Measure, counted
from martech_lib.core.errors import UserError
from martech_lib.experiments import Readout

ENGINES = ("postgres", "spark")
USERS, ASSIGNED, OUTCOMES = 2_000, 2_600, 12_000
HALF_HOURS = 48 * 40  # clocks change within
DAYS = 10.5
MEASURES = (
    Measure("conversion", ("buy",), "users"),
    Measure("revenue", (), "value"),
    Measure("order value", ("buy", "Buy"), "value"),
    Measure("buys a click", ("buy",), "events", ("click",)),
)


@cache
def world(ids: str, *, zoned: bool = False) -> Mapping[str, pa.Table]:
    """Assignments, some of them again, crossed or blank, and outcomes before and after them, some at their instant."""
    rng = np.random.default_rng(5)
    who = rng.integers(-50, USERS, ASSIGNED)
    put = pd.DataFrame(
        {
            "user_id": pd.array(who, dtype="Int64"),
            "arm": np.where(rng.random(ASSIGNED) < 0.05, "été", np.where(who % 2 == 0, "Control", "b variant")),
            "assigned_at": START + (rng.integers(0, HALF_HOURS // 2, ASSIGNED) * 30).astype("timedelta64[m]"),
            "pre_value": rng.gamma(1, 20, ASSIGNED).round(2),
            "program": rng.choice(["checkout", "Checkout"], ASSIGNED, p=[0.9, 0.1]),
        }
    )
    happened = pd.DataFrame(
        {
            "user_id": pd.array(rng.integers(-50, USERS + 200, OUTCOMES), dtype="Int64"),
            "ts": START + (rng.integers(0, HALF_HOURS, OUTCOMES) * 30).astype("timedelta64[m]"),
            "event": rng.choice(["view", "click", "buy", "Buy"], OUTCOMES, p=[0.5, 0.3, 0.15, 0.05]),
            "value": rng.normal(20, 30, OUTCOMES).round(2),
        }
    )
    for frame, columns in ((put, ("user_id", "arm", "assigned_at", "pre_value")), (happened, happened.columns)):
        for place, column in enumerate(columns):
            frame.loc[40 * place : 40 * place + 30, column] = None
    happened.loc[500:900, ["user_id", "ts"]] = put.loc[500:900, ["user_id", "assigned_at"]].to_numpy()
    if ids == "text":
        put, happened = (f.assign(user_id=("u-" + f["user_id"].astype("string"))) for f in (put, happened))
    tables = {"assignments": put, "outcomes": happened}
    if zoned:
        at = {"assignments": "assigned_at", "outcomes": "ts"}
        tables = {name: f.assign(**{at[name]: f[at[name]].dt.tz_localize("UTC")}) for name, f in tables.items()}
    return {name: pa.Table.from_pandas(frame, preserve_index=False) for name, frame in tables.items()}


def read(connection: Any, **options: Any) -> Counted:
    tables = connection.table("assignments"), connection.table("outcomes")
    return counted(*tables, MEASURES, program="checkout", window_days=DAYS, **options)


@cache
def expected(ids: str) -> Counted:
    return read(in_duckdb(world(ids)))


def same(found: Counted, wanted: Counted) -> None:
    """Every count is the same, and every sum to the ninth digit."""
    for name in ("crossed", "repeated", "early", "late", "unusable"):
        assert getattr(found, name) == getattr(wanted, name), name
    assert [(arm.arm, arm.n) for arm in found.arms] == [(arm.arm, arm.n) for arm in wanted.arms]
    pd.testing.assert_frame_equal(found.by_day, wanted.by_day, check_dtype=False)
    for arm, other in zip(found.arms, wanted.arms, strict=True):
        for name in ("conversion", "buys a click"):
            assert [getattr(arm.sums[name], f) for f in ("y", "yy", "yyy", "x", "xx", "xy", "n_p", "y_p")] == [
                getattr(other.sums[name], f) for f in ("y", "yy", "yyy", "x", "xx", "xy", "n_p", "y_p")
            ]
        for name, sums in arm.sums.items():
            np.testing.assert_allclose(sums, other.sums[name], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("ids", ["whole", "text"])
def test_the_world_holds_what_engines_may_read_differently_and_is_counted_right(ids: str) -> None:
    found = expected(ids)
    assert min(found.crossed, found.repeated, found.early, found.late, found.unusable, len(found.arms)) > 2
    rows = {name: table.to_pylist() for name, table in world(ids).items()}
    asked = [row for row in rows["assignments"] if row["program"] == "checkout"]
    wanted = recount(asked, rows["outcomes"], MEASURES, DAYS)
    assert {arm.arm: arm.n for arm in found.arms} == wanted.n
    assert (found.crossed, found.repeated, found.early, found.late, found.unusable) == wanted[3:]
    for arm in found.arms:
        for name, sums in arm.sums.items():
            np.testing.assert_allclose(sums, wanted.sums[arm.arm, name], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("ids", ["whole", "text"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_test_is_counted_alike_in_every_engine(engine: str, ids: str, put: Callable[[str], Put]) -> None:
    found, wanted = read(put(engine)(world(ids))), expected(ids)
    same(found, wanted)
    if engine == "postgres":  # Spark tells every time as one with a zone
        assert (found.first, found.last, found.latest) == (wanted.first, wanted.last, wanted.latest)


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_the_clocks_of_the_connection_change_nothing(engine: str, put: Callable[[str], Put]) -> None:
    """Instants in a session whose clocks go forward within the log, and whose days are others."""
    connection = put(engine)(world("whole", zoned=True))
    connection.raw_sql("SET TimeZone = 'Pacific/Auckland'")
    same(read(connection), expected("whole"))


@pytest.mark.parametrize("engine", ENGINES)
def test_values_as_large_and_as_small_as_can_be_stop_no_engine(engine: str, put: Callable[[str], Put]) -> None:
    values = [1e300, -1e79, 1e-300, 1e-79, float("inf"), float("nan")]
    start = START.astype(object)
    tables = {
        "assignments": pa.table(
            {"user_id": range(6), "arm": ["a"] * 6, "assigned_at": [start] * 6, "pre_value": values[::-1]}
            | {"program": ["checkout"] * 6}
        ),
        "outcomes": pa.table({"user_id": range(6), "ts": [start] * 6, "event": ["buy"] * 6, "value": values}),
    }
    same(read(put(engine)(tables)), read(in_duckdb(tables)))


def of_users(assigned: pa.Array, active: pa.Array) -> Mapping[str, pa.Table]:
    """Assignments to one arm and outcomes, one a user."""
    start = START.astype(object)
    put = {"arm": "a", "assigned_at": start, "program": "checkout"}
    happened = {"ts": start, "event": "buy", "value": 1.0}
    return {
        name: pa.table({"user_id": users} | {column: [value] * len(users) for column, value in columns.items()})
        for name, users, columns in (("assignments", assigned, put), ("outcomes", active, happened))
    }


def acting(connection: Any) -> tuple[int, float, int]:
    """Users, those of them who act, and unusable rows."""
    found = read(connection)
    return found.arms[0].n, found.arms[0].sums["conversion"].y, found.unusable


@pytest.mark.parametrize("engine", ["duckdb", *ENGINES])
def test_users_are_the_same_in_every_engine_whatever_the_type_of_their_ids(
    engine: str, put: Callable[[str], Put]
) -> None:
    written = ["2.5", "2", "100", "0", "-10.05", "0.5", "1000.1", "0.001"]
    numbers = [Decimal(one) for one in written]
    decimals = pa.array([*numbers, None], pa.decimal128(12, 4))
    others = (
        pa.array(numbers, pa.decimal128(18, 8)),
        pa.array(written),
        pa.array([float(one) for one in written]),
        pa.array([float(one) for one in written], pa.float32()),
    )
    for other in others:
        assert acting(put(engine)(of_users(decimals, other))) == (8, 8, 1), other.type
    whole = pa.array(["100", "20"])
    assert acting(put(engine)(of_users(pa.array([100, 20, 1], pa.decimal128(20, 0)), whole))) == (3, 2, 0)
    assert acting(put(engine)(of_users(pa.array(["2.50", "2.0", "2"]), pa.array(numbers[:2])))) == (3, 1, 0)


@pytest.mark.parametrize("engine", ["duckdb", *ENGINES])
@pytest.mark.parametrize(("kind", "digits"), [(pa.float64(), 53), (pa.float32(), 24)], ids=str)
def test_floats_that_may_stand_for_several_users_are_told_in_every_engine(
    engine: str, kind: pa.DataType, digits: int, put: Callable[[str], Put]
) -> None:
    fine = [2.0**digits - 1, -3.0, 2.5, float("inf"), float("-inf"), float("nan"), None]
    whole = pa.array([2**digits - 1, -3])
    assert acting(put(engine)(of_users(pa.array(fine, kind), whole))) == (5, 2, 2)
    for rounded in (2.0**digits, -(2.0 ** (digits + 9))):
        told = rf"user_id of outcomes has 1 float from 2\*\*{digits} on, such as {re.escape(repr(rounded))}, where"
        with pytest.raises(UserError, match=told):
            read(put(engine)(of_users(whole, pa.array([*fine, rounded], kind))))


def test_numbers_of_any_scale_are_the_same_users_and_no_number_is_none(put: Callable[[str], Put]) -> None:
    connection = put("postgres")(of_users(pa.array(["2.50", "100", "2.000", "0.10", "NaN"]), pa.array([100, 2])))
    connection.raw_sql("ALTER TABLE assignments ALTER user_id TYPE numeric USING user_id::numeric").close()
    assert acting(connection) == (4, 2, 1)
    connection.raw_sql("ALTER TABLE outcomes ALTER user_id TYPE numeric(9, 3) USING user_id + 0.5").close()
    connection = ibis.postgres.from_connection(connection.con)
    assert acting(connection) == (4, 1, 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_experiment_is_read_alike_in_every_engine(engine: str, put: Callable[[str], Put]) -> None:
    """From the choice of the program to the sentence, and a bandit is recognised in each."""
    plan = experiments.plan(
        name="checkout", primary_metric="buy rate", baseline=0.2, mde=0.5, relative=True, split=(0.5, 0.5),
        planned_units=1_500, window_days=DAYS, downstream_metric="revenue per user", guardrail_metrics=["clicks per buy"],
    )  # fmt: skip
    tables = dict(world("whole"))
    arms = tables["assignments"].column("arm").to_pylist()
    renamed = pa.array([{"Control": "control", "b variant": "b"}.get(arm) for arm in arms])
    shares = pa.array([0.5] * len(arms))
    tables["assignments"] = tables["assignments"].set_column(1, "arm", renamed).append_column("planned_share", shares)

    def readout(connection: Any) -> Readout:
        return experiments.read(plan, connection.table("assignments"), connection.table("outcomes"))

    wanted, connection = readout(in_duckdb(tables)), put(engine)(tables)
    found = readout(connection)
    assert (found.decision, found.sentence) == (wanted.decision, wanted.sentence)
    assert wanted.decision != "refused"
    pd.testing.assert_frame_equal(found.readings, wanted.readings, rtol=1e-9)
    moving = pa.array(np.linspace(0.2, 0.8, len(arms)))
    tables["assignments"] = tables["assignments"].drop_columns("planned_share").append_column("planned_share", moving)
    assert "it is a bandit" in readout(put(engine)(tables)).sentence
