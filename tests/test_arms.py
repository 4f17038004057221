"""A/B tests counted in the engine are what a recount by hand gives, whatever the logs look like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recount import Recount, recount

from martech_lib.core import assigned as taking
from martech_lib.core.arms import Counted, Measure, counted
from martech_lib.core.errors import UserError

START = datetime(2026, 3, 1)
MEASURES = (
    Measure("conversion", ("buy", "Buy"), "users"),
    Measure("clicks", ("click",), "events"),
    Measure("revenue", (), "value"),
    Measure("order value", ("buy",), "value"),
    Measure("buys a click", ("buy",), "events", ("click",)),
    Measure("seen", (), "users", ("click", "buy")),
)
PUT = {"user_id": "object", "arm": "object", "assigned_at": "datetime64[us]", "pre_value": "float64"}
HAPPENED = {"user_id": "object", "ts": "datetime64[us]", "event": "object", "value": "float64"}

hours = st.integers(0, 12).map(lambda hour: START + timedelta(hours=6 * hour))
users = st.integers(-3, 4)
worth = st.sampled_from([None, 0.0, 10.0, 2.5, -4.0, 1e6])
assigned = st.fixed_dictionaries(
    {
        "user_id": st.none() | users,
        "arm": st.sampled_from(["a", "a", "a", "b", None, " "]),
        "assigned_at": st.none() | hours,
        "pre_value": worth,
    }
)
event = st.sampled_from(["buy", "Buy", "click", "view", None])
happened = st.fixed_dictionaries(
    {"user_id": st.none() | users, "ts": st.none() | hours, "event": event, "value": worth}
)


def frame(rows: list[dict[str, Any]], kinds: dict[str, str], *, ids: str, zone: str | None) -> pd.DataFrame:
    """The rows with ids as whole numbers or as text, and with times of the zone."""
    table = pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
    time = "ts" if "ts" in kinds else "assigned_at"
    told = table["user_id"].astype("Int64")
    if ids == "text":
        told = told.astype("string").map(lambda number: f"u{number}", na_action="ignore").astype("string")
    texts = {name: table[name].astype("string") for name in ("arm", "event") if name in table}
    times = table[time].dt.tz_localize("UTC").dt.tz_convert(zone) if zone else table[time]
    return table.assign(user_id=told, **{time: times}, **texts)


def same(found: Counted, wanted: Recount) -> None:
    """Every count is the same and every sum as near as floats come."""
    assert {arm.arm: arm.n for arm in found.arms} == wanted.n
    assert [arm.arm for arm in found.arms] == sorted(wanted.n)
    for name in ("crossed", "repeated", "early", "late", "unusable"):
        assert getattr(found, name) == getattr(wanted, name), name
    days = {(row.day, row.arm): row.n for row in found.by_day.itertuples()}
    assert days == wanted.by_day
    for arm in found.arms:
        for measure, sums in arm.sums.items():
            np.testing.assert_allclose(sums, wanted.sums[arm.arm, measure], rtol=1e-9, atol=1e-9, err_msg=measure)


@settings(max_examples=60)
@given(
    st.lists(assigned, max_size=12), st.lists(happened, max_size=25), st.sampled_from([None, 0, 0.25, 1.5]),
    st.sampled_from(["whole", "text"]), st.sampled_from([None, "UTC", "America/New_York"]), st.sampled_from([1, 3, 99]),
)  # fmt: skip
def test_a_log_is_counted_as_by_hand(
    put: list[Any], outcomes: list[Any], days: float | None, ids: str, zone: str | None, at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(taking, "AT_ONCE", at_once)
        tables = frame(put, PUT, ids=ids, zone=zone), frame(outcomes, HAPPENED, ids=ids, zone=zone)
        same(counted(*tables, MEASURES, window_days=days), recount(put, outcomes, MEASURES, days))


def put(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1, 2, 3], "arm": ["a", "b", "b"], "assigned_at": [START] * 3} | columns)


def bought(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1, 2], "ts": [START] * 2, "event": ["buy"] * 2, "value": [10.0, 20.0]} | columns)


def revenue(assignments: Any, outcomes: Any, **options: Any) -> list[float]:
    found = counted(assignments, outcomes, [Measure("revenue", (), "value")], **options)
    return [arm.sums["revenue"].y for arm in found.arms]


def test_an_outcome_counts_from_the_instant_of_the_assignment_to_the_instant_the_window_ends() -> None:
    instant = timedelta(microseconds=1)
    day = timedelta(days=1)
    for late, counts in ((-instant, False), (0 * instant, True), (day, True), (day + instant, False)):
        found = counted(put(), bought(ts=[START + late] * 2), MEASURES, window_days=1)
        assert [arm.sums["conversion"].y for arm in found.arms] == [counts, counts]
        assert (found.early, found.late) == (2 * (late < 0 * instant), 2 * (late > day))


def test_an_assignment_that_comes_again_doubles_no_value() -> None:
    again = pd.concat([put(), put()])
    found = counted(again, bought(), MEASURES)
    assert [arm.sums["revenue"].y for arm in found.arms] == [10, 20]
    assert (found.repeated, [arm.n for arm in found.arms]) == (3, [1, 2])


@pytest.mark.parametrize("kinds", [(int, str), (str, int), (float, int), (str, float)])
def test_ids_of_two_types_are_the_same_users(kinds: tuple[type, type]) -> None:
    one, other = ([kind(number) for number in (1, 2, 3)] for kind in kinds)
    assert revenue(put(user_id=one), bought(user_id=other[:2])) == [10, 20]


def test_only_the_program_asked_for_is_counted() -> None:
    programs = put(program=["x", "x", "7"])
    assert revenue(programs, bought(), program="x") == [10, 20]
    assert revenue(programs.assign(program=[5, 5, 7]), bought(), program="5") == [10, 20]
    assert counted(programs, bought(), MEASURES, program="none").arms == ()


def test_what_is_no_number_adds_nothing() -> None:
    assert revenue(put(), bought(value=[np.inf, 20.0])) == [0, 20]
    assert revenue(put(), bought(value=[np.nan, 20.0])) == [0, 20]
    assert revenue(put(), bought().drop(columns="value")) == [0, 0]
    assert revenue(put(), bought(value=[2**62, 2**62])) == [2.0**62, 2.0**62]  # as whole numbers squares overflow


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf, 1e81, -1e300])
def test_what_files_note_down_of_their_values_hides_none_that_is_unknown(tmp_path: Path, unknown: float) -> None:
    file = str(tmp_path / "outcomes.parquet")
    bought(value=[unknown, 20.0]).to_parquet(file)  # notes down least and largest, and of a NaN nothing
    assert revenue(put(), ibis.duckdb.connect().read_parquet(file)) == [0, 20]


def test_users_who_act_are_counted() -> None:
    more = pd.concat([bought(value=[None, 20.0]), bought(event=["click"] * 2, value=[None, None])])
    measures = [Measure("bought", ("buy",), "events"), Measure("worth", ("buy",), "value"), Measure("all", (), "users")]
    found = counted(put(), more, measures)
    acting = {name: sum(arm.sums[name].actors for arm in found.arms) for name in ("bought", "worth", "all")}
    assert acting == {"bought": 2, "worth": 1, "all": 2}


def test_first_last_and_latest_are_instants() -> None:
    zoned = [pd.Timestamp("2026-03-01T23:30", tz="America/New_York") + timedelta(hours=h) for h in range(3)]
    found = counted(put(assigned_at=zoned), bought(ts=zoned[:2]), MEASURES)
    assert (found.first, found.last) == (
        datetime(2026, 3, 2, 4, 30, tzinfo=UTC),
        datetime(2026, 3, 2, 6, 30, tzinfo=UTC),
    )
    assert found.latest == datetime(2026, 3, 2, 5, 30, tzinfo=UTC)
    assert set(found.by_day["day"]) == {datetime(2026, 3, 2).date()}
    empty = counted(put().iloc[:0].astype(put().dtypes), bought(), MEASURES)
    assert (empty.first, empty.last, empty.arms, len(empty.by_day)) == (None, None, (), 0)


def test_the_clock_of_the_connection_changes_no_day() -> None:
    engine = ibis.duckdb.connect()
    zoned = [pd.Timestamp("2026-03-01T23:30", tz="UTC")] * 3
    tables = engine.create_table("put", put(assigned_at=zoned)), engine.create_table("happened", bought(ts=zoned[:2]))
    engine.raw_sql("SET TimeZone = 'Asia/Tokyo'")
    found = counted(*tables, MEASURES)
    assert set(found.by_day["day"]) == {datetime(2026, 3, 1).date()}
    assert found.first == datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


REFUSED = {
    "assignments has no column arm": (put().drop(columns="arm"), bought(), {}),
    "assignments has no column program": (put(), bought(), {"program": "x"}),
    "outcomes has no column ts; did you mean tss": (put(), bought().rename(columns={"ts": "tss"}), {}),
    "assigned_at of assignments came as int64": (put(assigned_at=[1, 2, 3]), bought(), {}),
    "assigned_at of assignments has a time zone and ts of outcomes has none": (
        put(assigned_at=[pd.Timestamp(START, tz="UTC")] * 3), bought(), {},
    ),
    "1 text in ts of outcomes is no time": (put(), bought(ts=["2026-03-01", "never"]), {}),
    "value of outcomes came as string": (put(), bought(value=["10", "20"]), {}),
    "pre_value of assignments came as string": (put(pre_value=["1", "2", "3"]), bought(), {}),
    "window_days came as -1": (put(), bought(), {"window_days": -1}),
    "window_days came as nan": (put(), bought(), {"window_days": float("nan")}),
    "outcomes came as list": (put(), [], {}),
}  # fmt: skip


@pytest.mark.parametrize("told", REFUSED)
def test_what_cannot_be_counted_is_refused_in_words(told: str) -> None:
    assignments, outcomes, options = REFUSED[told]
    with pytest.raises(UserError, match=told):
        counted(assignments, outcomes, MEASURES, **options)


def test_two_measures_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="measures share a name: a, a"):
        counted(put(), bought(), [Measure("a", (), "users"), Measure("a", (), "value")])
