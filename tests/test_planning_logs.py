"""Logs as frames hold them: odd columns are in nobody's way, ids and times are found however they are typed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

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


def objects(*values: Any) -> pd.Series:
    return pd.Series(values, dtype=object)


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


@pytest.mark.parametrize("duration", [np.timedelta64(1, "D"), pd.Timedelta(1), timedelta(1)], ids=repr)
def test_durations_harm_no_column_but_ids(duration: Any) -> None:
    assert line(read(ASSIGNMENTS.assign(note=objects(*[duration, 2] * N)))).beside.difference == (
        line(read()).beside.difference
    )


@pytest.mark.parametrize("column", ["note", "arm", "pre_value", "program"])
@pytest.mark.parametrize("signal", [Decimal("sNaN"), Decimal("-sNaN12")], ids=repr)
def test_a_signalling_nan_is_a_blank(signal: Decimal, column: str) -> None:
    given = ASSIGNMENTS.assign(note=1, pre_value=1.0, program="p").astype({column: object})
    told, blank = given.copy(), given.copy()
    told.loc[3, column], blank.loc[3, column] = signal, None
    measure = (Measure("m", ("conversion",), "users"),)
    asked = {"program": "p"} if column == "program" else {}
    found, wanted = (counted(put, OUTCOMES, measure, **asked) for put in (told, blank))
    assert (found.arms, found.unusable) == (wanted.arms, wanted.unusable)


def test_a_time_that_is_a_signalling_nan_is_a_blank() -> None:
    times = ASSIGNMENTS["assigned_at"].astype(object)
    times[3] = Decimal("sNaN")
    found = counted(ASSIGNMENTS.assign(assigned_at=times), OUTCOMES, (Measure("m", ("conversion",), "users"),))
    assert (found.unusable, sum(arm.n for arm in found.arms)) == (1, 2 * N - 1)


@pytest.mark.parametrize(
    "unknown", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")], ids=repr
)
@pytest.mark.parametrize("others", [[Decimal("9.90")], [9.9], [9]], ids=repr)
def test_a_value_that_is_no_number_adds_nothing_as_a_decimal_either(unknown: Decimal, others: list[Any]) -> None:
    def worth(first: Any) -> list[float]:
        values = objects(*[first, *others] * N)
        happened = ASSIGNMENTS.rename(columns={"assigned_at": "ts"}).assign(event="e", value=values)
        found = counted(ASSIGNMENTS.assign(pre_value=values), happened, (Measure("m", ("e",), "value"),))
        return [number for arm in found.arms for number in arm.sums["m"]]

    assert worth(unknown) == worth(float(unknown) if unknown.is_infinite() else None)


def test_ids_of_which_some_are_written_as_floats_are_whole_numbers() -> None:
    place = {user: at for at, user in enumerate(ASSIGNMENTS["user_id"])}
    put = ASSIGNMENTS.assign(user_id=pd.Series([at if at % 2 else float(at) for at in range(2 * N)], dtype=object))
    happened = OUTCOMES.assign(user_id=OUTCOMES["user_id"].map(place))
    assert line(read(put, happened)).beside.difference == line(read()).beside.difference
    assert line(read(put, happened.astype({"user_id": "string"}))).beside.difference == line(read()).beside.difference


@pytest.mark.parametrize("blank", [None, float("nan"), pd.NA, 0.0, 0, Decimal("NaN")], ids=repr)
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
