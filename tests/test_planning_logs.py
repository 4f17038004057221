"""Logs as frames hold them: odd columns are in nobody's way, ids and times are found however they are typed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from experiment_frames import a_plan, line, with_events, world

from martech_lib import experiments
from martech_lib.core.errors import UserError
from martech_lib.experiments.readout import Readout

N = 300
ASSIGNMENTS, OUTCOMES = world(with_events({"conversion": 60}, {"conversion": 80}, N))


def read(put: Any = ASSIGNMENTS, happened: Any = OUTCOMES) -> Readout:
    return experiments.read(a_plan(planned_units=2 * N), put, happened)


@pytest.mark.parametrize(
    "odd",
    [[True, 1], [[1], "a"], [[1], ["a"]], [{"a": 1}, 2], [10**30, 1], [1j, 2j], [pd.Period("2026-01"), None],
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


@pytest.mark.parametrize("strange", [float("inf"), 1.5, 2.0**60, Decimal("NaN"), None])
def test_ids_that_are_no_whole_numbers_are_text_or_set_aside(strange: Any) -> None:
    put = ASSIGNMENTS.assign(user_id=pd.Series([strange, *range(1, 2 * N)], dtype=object))
    assert read(put, OUTCOMES.assign(user_id=range(len(OUTCOMES)))).counted.arms[0].n in (N - 1, N)


def test_days_are_times() -> None:
    dated = ASSIGNMENTS.assign(assigned_at=ASSIGNMENTS["assigned_at"].dt.date)
    assert line(read(dated)).beside.difference == line(read()).beside.difference
    arrow = ASSIGNMENTS.astype({"assigned_at": "date32[pyarrow]"})
    assert line(read(arrow)).beside.difference == line(read()).beside.difference


def test_users_named_by_uuid_are_found_in_both_logs() -> None:
    named = {user: UUID(int=place) for place, user in enumerate(ASSIGNMENTS["user_id"])}
    logs = (frame.assign(user_id=frame["user_id"].map(named)) for frame in (ASSIGNMENTS, OUTCOMES))
    assert line(read(*logs)).beside.difference == line(read()).beside.difference
