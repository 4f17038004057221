"""Logs as frames hold them: odd columns are in nobody's way, ids and times are found however they are typed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from experiment_frames import a_plan, line, with_events, world

from martech_lib import experiments
from martech_lib.core.arms import Measure, counted
from martech_lib.core.errors import UserError
from martech_lib.experiments.readout import Readout

N = 300
ASSIGNMENTS, OUTCOMES = world(with_events({"conversion": 60}, {"conversion": 80}, N))


def read(put: Any = ASSIGNMENTS, happened: Any = OUTCOMES) -> Readout:
    return experiments.read(a_plan(planned_units=2 * N), put, happened)


@pytest.mark.parametrize(
    "odd",
    [[True, 1], [[1], "a"], [[1], ["a"]], [{"a": 1}, 2], [10**400, 1], [1j, 2j], [pd.Period("2026-01"), None],
     [Decimal("1.5"), True], [pd.Interval(0, 1)] * 2],
    ids=repr,
)  # fmt: skip
def test_odd_values_are_in_nobodys_way_where_they_are_not_needed_and_told_where_they_are(odd: list[Any]) -> None:
    values = pd.Series(odd * N, dtype=object).infer_objects()
    assert line(read(ASSIGNMENTS.assign(note=values))).beside.difference == line(read()).beside.difference
    for needed in ("pre_value", "planned_share"):
        with pytest.raises(UserError, match=rf"{needed} of assignments came as .*; allowed are numbers"):
            read(ASSIGNMENTS.assign(**{needed: values}))
    with pytest.raises(UserError, match="allowed is one named control or holdout"):
        read(ASSIGNMENTS.assign(arm=values))


@pytest.mark.parametrize(
    "odd",
    [pd.cut(np.arange(600.0), 3), pd.Categorical([1, "a"] * 300), np.ones(600, "float16"), np.ones(600, "longdouble"),
     pd.Categorical(pd.period_range("2026-01", periods=600, freq="D")), pd.arrays.SparseArray([1.0] * 600),
     pd.Series([1.0] * 600).astype("float16").astype("halffloat[pyarrow]"), pd.array([1.5, None] * 300, dtype="Float64"),
     [UUID(int=n) for n in range(600)]],
    ids=lambda odd: str(getattr(odd, "dtype", "uuid"))[:20],
)  # fmt: skip
def test_columns_of_odd_types_are_read(odd: Any) -> None:
    assert line(read(ASSIGNMENTS.assign(note=odd))).beside.difference == line(read()).beside.difference
    assert line(read(ASSIGNMENTS.assign(note=1).rename(columns={"note": 0}))).beside.arm == "treated"


def test_ids_of_which_some_are_written_as_floats_are_whole_numbers() -> None:
    place = {user: at for at, user in enumerate(ASSIGNMENTS["user_id"])}
    put = ASSIGNMENTS.assign(user_id=pd.Series([at if at % 2 else float(at) for at in range(2 * N)], dtype=object))
    happened = OUTCOMES.assign(user_id=OUTCOMES["user_id"].map(place))
    assert line(read(put, happened)).beside.difference == line(read()).beside.difference
    assert line(read(put, happened.astype({"user_id": "string"}))).beside.difference == line(read()).beside.difference


def objects(*values: Any) -> pd.Series:
    return pd.Series(values, dtype=object)


def joined(put: Any, happened: Any) -> tuple[list[int], list[float], int, int]:
    """Users by arm a, b, a, b ... and how many of them are found among the outcomes; crossed and unusable users."""
    at = pd.Timestamp("2026-09-01")
    assignments = pd.DataFrame({"user_id": put, "assigned_at": at})
    assignments["arm"] = ["a", "b"] * (len(assignments) // 2)
    outcomes = pd.DataFrame({"user_id": happened, "ts": at, "event": "e"})
    found = counted(assignments, outcomes, (Measure("m", ("e",), "users"),))
    return [arm.n for arm in found.arms], [arm.sums["m"].y for arm in found.arms], found.crossed, found.unusable


@pytest.mark.parametrize(
    ("strange", "written"),
    [(float("inf"), "inf"), (1.5, "1.5"), (Decimal("1.50"), "1.5"), (Decimal(10**30), str(10**30)),
     (2**70, str(2**70)), (10**16, str(10**16)), (2**63, str(2**63)), (-(2**63), str(-(2**63)))],
    ids=repr,
)  # fmt: skip
def test_an_id_that_is_no_common_number_is_its_digits_and_the_others_stay_whole(strange: Any, written: str) -> None:
    users = objects(strange, 1.0, 2, 3.0)
    assert joined(users, [written, "1", "2"]) == ([2, 2], [2.0, 1.0], 0, 0)
    assert joined(users, objects(strange, 1, 2)) == ([2, 2], [2.0, 1.0], 0, 0)
    assert joined(users, [1, 2]) == ([2, 2], [1.0, 1.0], 0, 0)


@pytest.mark.parametrize("blank", [None, float("nan"), pd.NA, Decimal("NaN")], ids=repr)
def test_blank_ids_are_set_aside_and_the_others_lose_no_digit(blank: Any) -> None:
    assert joined(objects(blank, 1.0, 2, 3.0), [1, 2]) == ([1, 2], [1.0, 1.0], 0, 1)
    assert joined(objects(blank, 2**60 + 1, 2**60, 3.0), [2**60]) == ([1, 2], [1.0, 0.0], 0, 1)
    decimals = pd.array([None, 1, 2, 3], dtype=pd.ArrowDtype(pa.decimal128(20, 2)))
    assert joined(decimals, [1, 2]) == ([1, 2], [1.0, 1.0], 0, 1)


@pytest.mark.parametrize("kind", [float, "Float64", "double[pyarrow]", Decimal])
def test_ids_with_fractions_are_users_of_their_own(kind: Any) -> None:
    numbers = ["7.2", "7.4", "8.1", "8"]
    users = objects(*map(Decimal, numbers)) if kind is Decimal else pd.Series(list(map(float, numbers)), dtype=kind)
    assert joined(users, ["7.2", "8"]) == ([2, 2], [1.0, 1.0], 0, 0)
    assert joined(users, [7, 8]) == ([2, 2], [0.0, 1.0], 0, 0)


def test_ids_of_a_database_are_whole_where_they_are_and_never_break_the_count() -> None:
    rows = "(1, 'a'), (2.5, 'b'), ('inf'::double, 'a'), (1e300, 'b'), ('nan'::double, 'a'), (NULL, 'b')"
    con = ibis.duckdb.connect()
    con.raw_sql(
        f"CREATE TABLE put AS SELECT u user_id, a arm, TIMESTAMP '2026-09-01' assigned_at FROM (VALUES {rows}) t(u, a)"
    )
    con.raw_sql(
        "CREATE TABLE happened AS SELECT unnest([1.00, 2.50])::DECIMAL(20, 2) user_id, TIMESTAMP '2026-09-01' ts, 'e' event"
    )
    found = counted(con.table("put"), con.table("happened"), (Measure("m", ("e",), "users"),))
    assert [(arm.n, arm.sums["m"].y) for arm in found.arms] == [(2, 1.0), (2, 0.0)]
    assert found.unusable == 2


@pytest.mark.parametrize("rounded", [2.0**53, 2.0**60, 1e19, 1e300, -1e19])
@pytest.mark.parametrize("others", [[1, 2, 3], [1.0, 2.0, 3.0]], ids=["whole", "floats"])
def test_floats_that_may_stand_for_several_users_are_told(rounded: float, others: list[Any]) -> None:
    for ids in (objects(rounded, *others), pd.Series([rounded, *others], dtype=float)):
        with pytest.raises(UserError, match=r"user_id of assignments has 1 float from 2\*\*53 on, such as .*'string'"):
            joined(ids, [1, 2])
        with pytest.raises(UserError, match="user_id of outcomes has 1 float from"):
            joined([1, 2], ids)


@pytest.mark.parametrize("duration", [np.timedelta64(1, "D"), pd.Timedelta(1), timedelta(1)], ids=repr)
def test_durations_are_no_ids_and_harm_no_other_column(duration: Any) -> None:
    for ids in (objects(duration, 2, 3, 4), pd.Series([duration] * 4)):
        with pytest.raises(
            UserError, match="user_id of assignments has durations .*; allowed are whole numbers and text"
        ):
            joined(ids, [1, 2])
    assert line(read(ASSIGNMENTS.assign(note=objects(*[duration, 2] * N)))).beside.difference == (
        line(read()).beside.difference
    )


@pytest.mark.parametrize("blank", [None, float("nan"), pd.NA, 0.0, 0], ids=repr)
def test_money_as_decimals_is_numbers_whatever_fills_its_blanks(blank: Any) -> None:
    money = objects(*[Decimal("9.90"), blank] * N)
    dust = pd.to_numeric(money.map(lambda one: None if pd.isna(one) else float(one)))
    put = ASSIGNMENTS.assign(pre_value=money)
    happened = ASSIGNMENTS.rename(columns={"assigned_at": "ts"}).assign(event="e", value=money)
    measure = (Measure("m", ("e",), "value"),)
    as_floats = counted(put.assign(pre_value=dust), happened.assign(value=dust), measure)
    assert counted(put, happened, measure).arms == as_floats.arms
    assert as_floats.arms[0].sums["m"].y == pytest.approx(9.9 * N / 2)


def test_arrow_decimals_and_whole_numbers_beyond_engines_are_numbers() -> None:
    arrow = pd.array([Decimal("9.90"), None] * N, dtype=pd.ArrowDtype(pa.decimal128(10, 2)))
    for values, known in ((arrow, N // 2), (objects(*[10**30, 1] * N), N)):
        found = counted(ASSIGNMENTS.assign(pre_value=values), OUTCOMES, (Measure("m", ("conversion",), "users"),))
        assert [arm.sums["m"].n_p for arm in found.arms] == [known, known]


def test_days_are_times() -> None:
    dated = ASSIGNMENTS.assign(assigned_at=ASSIGNMENTS["assigned_at"].dt.date)
    assert line(read(dated)).beside.difference == line(read()).beside.difference
    arrow = ASSIGNMENTS.astype({"assigned_at": "date32[pyarrow]"})
    assert line(read(arrow)).beside.difference == line(read()).beside.difference


def test_users_named_by_uuid_are_found_in_both_logs() -> None:
    named = {user: UUID(int=place) for place, user in enumerate(ASSIGNMENTS["user_id"])}
    logs = (frame.assign(user_id=frame["user_id"].map(named)) for frame in (ASSIGNMENTS, OUTCOMES))
    assert line(read(*logs)).beside.difference == line(read()).beside.difference
