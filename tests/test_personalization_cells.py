"""Holdouts counted in the engine are what a recount by hand gives, whatever the logs look like."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recount_holdout import SUMS, ByHand, by_hand

from martech_lib.core import assigned as taking
from martech_lib.core.errors import UserError
from martech_lib.personalization.cells import Cells, cells_of

START = datetime(2026, 3, 1)
PUT = {
    "program": "object", "user_id": "object", "arm": "object", "assigned_at": "datetime64[us]", "segment": "object",
    "pre_value": "float64",
}  # fmt: skip
HAPPENED = {"user_id": "object", "ts": "datetime64[us]", "event": "object", "value": "float64"}
ENDPOINTS = {
    "conversion": {"conversion", "Conversion"}, "Click": {"click", "Clicks"}, "impressions": {"impression", "Impressions"},
    "view": {"view"},
}  # fmt: skip
COUNTS = ("crossed", "repeated", "early", "late", "unusable", "undated", "unknown")

hours = st.integers(0, 12).map(lambda hour: START + timedelta(hours=6 * hour))
users = st.integers(-3, 4)
worth = st.sampled_from([None, 0.0, 10.0, 2.5, -4.0, 0.1, 0.2, -0.3, 1e6, float("nan"), float("inf"), -math.inf])
assigned = st.fixed_dictionaries(
    {
        "program": st.sampled_from(["p", "p", "p", "q", None]),
        "user_id": st.none() | users,
        "arm": st.sampled_from(["holdout", "holdout", "holdout", "x", None, " "]),
        "assigned_at": st.none() | hours,
        "segment": st.sampled_from([None, "new", "old", " old ", ""]),
        "pre_value": worth,
    }
)
event = st.sampled_from(["conversion", "Conversion", "click", "Clicks", "impression", "Impressions", "view", None])
happened = st.fixed_dictionaries(
    {"user_id": st.none() | users | st.just(99), "ts": st.none() | hours, "event": event, "value": worth}
)


def frame(rows: list[dict[str, Any]], kinds: dict[str, str], *, ids: str, zone: str | None) -> pd.DataFrame:
    """The rows with ids as whole numbers or as text, and with times of the zone."""
    table = pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
    time = "ts" if "ts" in kinds else "assigned_at"
    told = table["user_id"].astype("Int64")
    if ids == "text":
        told = told.astype("string").map(lambda number: f"u{number}", na_action="ignore").astype("string")
    texts = {name: table[name].astype("string") for name in ("program", "arm", "segment", "event") if name in table}
    times = table[time].dt.tz_localize("UTC").dt.tz_convert(zone) if zone else table[time]
    return table.assign(user_id=told, **{time: times}, **texts)


def same(found: Cells, wanted: ByHand) -> None:
    """Every count is the same and every sum as near as floats come."""
    for name in COUNTS:
        assert getattr(found, name) == getattr(wanted, name), name
    days = {(row.day, row.arm, row.segment): [row.n, row.n_p, row.p, row.pp] for row in found.by_day.itertuples()}
    alike(days, wanted.by_day)
    grid: dict[Any, list[float]] = {}
    for row in found.grid.itertuples():
        converted = None if pd.isna(row.converted_on) else row.converted_on.date()
        key = row.arm, row.segment, row.day.date(), converted
        sums = [float(getattr(row, name)) for name in SUMS]
        grid[key] = [a + b for a, b in zip(grid.get(key, [0.0] * len(SUMS)), sums, strict=True)]
    alike(grid, wanted.grid)
    alike({arm: values.tolist() for arm, values in found.values.items() if len(values)}, wanted.values)


def values_of(found: Cells) -> list[float]:
    """Of all arms."""
    return [value for of in found.values.values() for value in of.tolist()]


def alike(found: dict[Any, list[float]], wanted: dict[Any, list[float]]) -> None:
    assert set(found) == set(wanted)
    for key, numbers in found.items():
        np.testing.assert_allclose(numbers, wanted[key], rtol=1e-9, atol=1e-9, err_msg=str(key))


@settings(max_examples=80)
@given(
    st.lists(assigned, max_size=14), st.lists(happened, max_size=25), st.sampled_from([None, 0.25, 1.5, 7]),
    st.tuples(st.sampled_from(["whole", "text"]), st.sampled_from([None, "UTC", "America/New_York"])),
    st.sampled_from([1, 3, 99]), st.sampled_from([*ENDPOINTS]),
)  # fmt: skip
def test_a_holdout_is_counted_as_by_hand(
    put: list[Any], outcomes: list[Any], days: float | None, kind: tuple[str, str | None], at_once: int, endpoint: str
) -> None:
    ids, zone = kind
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(taking, "AT_ONCE", at_once)
        tables = frame(put, PUT, ids=ids, zone=zone), frame(outcomes, HAPPENED, ids=ids, zone=zone)
        found = cells_of(*tables, endpoint=endpoint, program="p", window_days=days)
    same(found, by_hand(put, outcomes, endpoints=ENDPOINTS[endpoint], program="p", days=days))


def random_logs(seed: int = 3, n: int = 3_000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A larger log: users in two arms, again, of two segments, with refunds, values that are no numbers, strangers."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, n, n + n // 3)
    put = pd.DataFrame(
        {
            "program": rng.choice(["p", "q"], len(who), p=[0.9, 0.1]),
            "user_id": who,
            "arm": np.where(rng.random(len(who)) < 0.2, "x", np.where(who % 5 == 0, "holdout", "x")),
            "assigned_at": pd.Timestamp(START) + pd.to_timedelta(rng.integers(0, 60 * 24 * 30, len(who)), unit="m"),
            "segment": rng.choice(["new", "old", " old", "", None], len(who)),
            "pre_value": np.where(rng.random(len(who)) < 0.1, np.nan, rng.gamma(1, 20, len(who)).round(2)),
        }
    )
    m = 4 * n
    outcomes = pd.DataFrame(
        {
            "user_id": rng.integers(0, n + 200, m),
            "ts": pd.Timestamp(START) + pd.to_timedelta(rng.integers(0, 60 * 24 * 50, m), unit="m"),
            "event": rng.choice(["impression", "click", "conversion", "Conversion"], m, p=[0.5, 0.3, 0.15, 0.05]),
            "value": np.where(rng.random(m) < 0.6, np.nan, rng.normal(20, 30, m).round(2)),
        }
    )
    outcomes.loc[:20, "value"] = math.inf
    outcomes.loc[50:90, "ts"] = pd.NaT
    return put, outcomes


@pytest.mark.parametrize(
    ("kind", "apart"),
    [("int16", 1), ("uint32", 1), ("int64", -3), ("int64", -7), ("int64", 2**40), ("uint64", 2**40), ("Int64", 2**40)],
)
def test_users_are_counted_however_far_apart_their_numbers_lie(kind: str, apart: int) -> None:
    ids = pd.Series([one * apart for one in (3, 3, 5, 5, 7, 100)], dtype=kind)
    put = pd.DataFrame({"user_id": ids, "arm": ["a", "a", "a", "b", " ", "b"], "assigned_at": START})
    found = cells_of(put, put.assign(ts=START, event="x"), endpoint="conversion")
    assert (found.by_day["n"].sum(), found.repeated, found.crossed, found.unusable) == (2, 1, 1, 1)
    nobody = cells_of(put.assign(arm=" "), put.assign(ts=START, event="x"), endpoint="conversion")
    assert (len(nobody.by_day), nobody.unusable, nobody.unknown) == (0, 6, 0)


def test_parts_of_the_users_are_counted_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    put, outcomes = random_logs()
    for ids in (lambda users: users, lambda users: "u" + users.astype(str)):
        logs = put.assign(user_id=ids(put["user_id"])), outcomes.assign(user_id=ids(outcomes["user_id"]))
        monkeypatch.undo()
        whole = cells_of(*logs, endpoint="conversion", program="p", window_days=14)
        monkeypatch.setattr(taking, "AT_ONCE", 400)
        parts = cells_of(*logs, endpoint="conversion", program="p", window_days=14)
        assert [getattr(parts, name) for name in COUNTS] == [getattr(whole, name) for name in COUNTS]
        assert min(getattr(whole, name) for name in COUNTS if name != "unusable") > 20
        pd.testing.assert_frame_equal(parts.by_day, whole.by_day)
        assert [*parts.values] == [*whole.values]
        for arm, values in whole.values.items():
            np.testing.assert_allclose(parts.values[arm], values, rtol=1e-12)
        keys = ["arm", "segment", "day", "converted_on"]
        assert len(parts.grid) > len(whole.grid)  # a day's users lie in several parts
        added = [frame.groupby(keys, dropna=False)[[*SUMS]].sum() for frame in (parts.grid, whole.grid)]
        pd.testing.assert_frame_equal(*added, rtol=1e-12, check_dtype=False)


def test_a_large_log_is_counted_as_by_hand() -> None:
    put, outcomes = random_logs(n=300)
    plain = [frame.astype(object).where(frame.notna(), None).to_dict("records") for frame in (put, outcomes)]
    found = cells_of(put, outcomes, endpoint="conversion", program="p", window_days=14)
    same(found, by_hand(*plain, endpoints=ENDPOINTS["conversion"], program="p", days=14))


def assignments(**columns: Any) -> pd.DataFrame:
    told = {"user_id": [1, 2, 3], "arm": ["holdout", "x", "x"], "assigned_at": [START] * 3}
    return pd.DataFrame(told | columns)


def bought(**columns: Any) -> pd.DataFrame:
    told = {"user_id": [1, 2], "ts": [START] * 2, "event": ["conversion"] * 2, "value": [10.0, 20.0]}
    return pd.DataFrame(told | columns)


def counted(*logs: pd.DataFrame, **options: Any) -> Cells:
    return cells_of(*logs, **{"endpoint": "conversion", **options})


def test_an_outcome_counts_from_the_instant_of_the_assignment_to_the_instant_the_window_ends() -> None:
    instant = timedelta(microseconds=1)
    times = [START - instant, START, START + timedelta(days=2), START + timedelta(days=2) + instant]
    outcomes = pd.DataFrame({"user_id": [1] * 4, "ts": times, "event": "conversion", "value": [1.0, 2.0, 4.0, 8.0]})
    found = counted(assignments(), outcomes, window_days=2)
    assert (found.early, found.late, values_of(found)) == (1, 1, [6.0])
    assert values_of(counted(assignments(), outcomes)) == [14.0]


@pytest.mark.parametrize("days", [None, 2])
def test_an_outcome_without_a_time_is_set_aside_and_is_neither_early_nor_late(days: float | None) -> None:
    outcomes = bought(user_id=[1, 1], ts=[START, None])
    found = counted(assignments(), outcomes, window_days=days)
    assert (found.undated, found.early, found.late, found.unknown) == (1, 0, 0, 0)
    assert values_of(found) == [10.0]


def test_columns_that_are_not_given_are_blank() -> None:
    found = counted(assignments(), bought().drop(columns="value"))
    assert found.by_day[["segment", "n", "n_p", "p"]].to_numpy().tolist() == [["", 1, 0, 0.0], ["", 2, 0, 0.0]]
    assert found.grid["y"].sum() == 0 and not values_of(found) and found.grid["users"].sum() == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("scale", [1, 0.01, 1e9])
def test_a_sale_that_is_refunded_leaves_nothing_in_whatever_order_it_is_added(
    order: tuple[int, ...], scale: float
) -> None:
    """0.1 + 0.2 - 0.3 is 5.6e-17 in one order and 0 or 2.8e-17 in others."""
    values = np.array([0.1, 0.2, -0.3])[[*order]] * scale
    outcomes = pd.DataFrame({"user_id": 1, "ts": START, "event": "conversion", "value": values})
    found = counted(assignments(), outcomes)
    assert not values_of(found) and found.grid["y"].to_list() == [0.0] and found.grid["refunds"].to_list() == [1]


def test_a_small_rest_of_large_values_is_kept() -> None:
    outcomes = pd.DataFrame({"user_id": 1, "ts": START, "event": "conversion", "value": [1e8, -1e8 + 0.01]})
    assert values_of(counted(assignments(), outcomes)) == pytest.approx([0.01], rel=1e-5)


def test_the_first_assignment_says_which_segment_a_user_is_of() -> None:
    put = pd.DataFrame(
        {
            "user_id": [1, 1, 2, 2, 3],
            "arm": "x",
            "assigned_at": [START + timedelta(days=1), START, START, START, START],
            "segment": ["late", " first ", "b", "a", None],
            "pre_value": [1.0, 2.0, 9.0, 4.0, None],
        }
    )
    found = counted(put, bought())
    rows = found.by_day[["segment", "n", "n_p", "p"]].to_numpy().tolist()
    assert rows == [["", 1, 0, 0.0], ["a", 1, 1, 4.0], ["first", 1, 1, 2.0]]
    assert found.repeated == 2


def test_users_of_another_program_are_no_strangers() -> None:
    put = assignments(program=["p", "q", "p"])
    outcomes = bought(user_id=[2, 77])
    found = counted(put, outcomes, program="p")
    assert (found.unknown, len(found.grid)) == (1, 0)


def test_values_beyond_all_numbers_are_unknown() -> None:
    for wrong in (math.nan, math.inf, -math.inf, 1e300, -1e81):
        found = counted(assignments(), bought(value=[wrong, 20.0]))
        assert values_of(found) == [20.0] and found.grid["yy"].sum() == 400
        assert found.grid["refunds"].sum() == 0


@pytest.mark.parametrize("window", [0, -1, math.nan, math.inf, -math.inf, 1e9])
def test_a_window_that_is_no_length_of_time_is_refused(window: float) -> None:
    with pytest.raises(UserError, match=r"window_days came as .*; allowed are days above 0, up to 36,525\."):
        counted(assignments(), bought(), window_days=window)


def test_logs_without_rows_are_counted_as_nothing() -> None:
    found = counted(assignments().iloc[:0], bought())
    assert (len(found.by_day), len(found.grid), len(values_of(found)), found.first, found.unknown) == (0, 0, 0, None, 2)
    found = counted(assignments(), bought().iloc[:0])
    assert (found.by_day["n"].sum(), len(found.grid), found.latest, found.unknown) == (3, 0, None, 0)
