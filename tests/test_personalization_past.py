"""What was known before, taken out (CUPED): beside a regression, a bootstrap, and where it must not be used."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from holdout_worlds import Group, logs, read

from martech_lib.personalization import HoldoutReading


def world(seed: int = 1, *, n: int = 3_000, strength: float = 0.8) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Halves all of whom buy, for what their past lets expect and something more; y by user."""
    rng = np.random.default_rng(seed)
    before = rng.gamma(20, 5, 2 * n).round(2)
    y = (50 + strength * (before - 100) + rng.normal(0, 15, 2 * n) + 1.5 * (np.arange(2 * n) >= n)).round(2)
    groups = [Group(arm, n, n, 0, of, share=0.5) for arm, of in zip(("holdout", "on"), (y[:n], y[n:]), strict=True)]
    put, happened = logs(*groups)
    return put.assign(pre_value=before), happened, y


def test_revenue_after_the_past_is_that_of_a_regression() -> None:
    """OLS of y on arm and pre_value. The slope within arms is the regression's, so that the estimate is its own; the
    standard error is Welch's, which differs from OLS's by the slope's degree of freedom and unlike variances."""
    put, happened, y = world()
    told = read(put, happened).endpoint("revenue")
    x = np.column_stack([np.ones(len(y)), put["arm"] == "on", put["pre_value"]]).astype(float)
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ y
    rest = y - x @ beta
    robust = math.sqrt((inverse @ (x.T * rest**2) @ x @ inverse)[1, 1])
    assert told.method == "Welch's t-test after CUPED"
    assert told.difference.estimate == pytest.approx(beta[1], rel=1e-9)
    assert told.difference.se == pytest.approx(robust, rel=2e-3)  # of order 1 / n
    assert told.difference.upper - told.difference.lower == pytest.approx(2 * 1.9603 * robust, rel=3e-3)


def test_revenue_after_the_past_varies_as_a_bootstrap_has_it() -> None:
    """2,000 drawings: a standard error is known to 1 / sqrt(2 * 2,000), 1.6 %; four of them."""
    put, happened, y = world(2, n=1_000)
    told = read(put, happened).endpoint("revenue")
    before, rng, found = put["pre_value"].to_numpy(), np.random.default_rng(3), []
    for _ in range(2_000):
        arms = [start + rng.integers(0, 1_000, 1_000) for start in (0, 1_000)]
        centred = [(y[of] - y[of].mean(), before[of] - before[of].mean()) for of in arms]
        slope = sum(a @ b for a, b in centred) / sum(b @ b for _, b in centred)
        gap = [of.mean() for of in (y[arms[1]], y[arms[0]], before[arms[1]], before[arms[0]])]
        found.append(gap[0] - gap[1] - slope * (gap[2] - gap[3]))
    assert told.difference.se == pytest.approx(np.std(found), rel=4 / math.sqrt(4_000))
    assert told.difference.estimate == pytest.approx(np.mean(found), abs=4 * told.difference.se / math.sqrt(2_000))


def test_the_lift_is_the_ratio_that_a_bootstrap_has() -> None:
    """4,000 drawings of the ratio of the arms' means: an end of an interval is known to .042 of its standard error."""
    put, happened, y = world(4, n=1_000)
    told = read(put.drop(columns="pre_value"), happened).endpoint("revenue")
    rng, drawn = np.random.default_rng(5), 4_000
    held, on = (y[start + rng.integers(0, 1_000, (drawn, 1_000))].mean(axis=1) for start in (0, 1_000))
    lifts = on / held - 1
    ends = np.quantile(lifts, [0.025, 0.975])
    assert told.lift.estimate == pytest.approx(y[1_000:].mean() / y[:1_000].mean() - 1, rel=1e-9)
    assert [told.lift.lower, told.lift.upper] == pytest.approx(ends, abs=4 * 0.042 * lifts.std())
    assert told.lift.se == pytest.approx(lifts.std(), rel=4 / math.sqrt(2 * drawn))


def test_the_past_makes_intervals_narrower_by_what_it_explains() -> None:
    put, happened, y = world()
    after, plain = (read(table, happened).endpoint("revenue") for table in (put, put.drop(columns="pre_value")))
    within = [np.corrcoef(put["pre_value"][part], y[part])[0, 1] ** 2 for part in (slice(0, 3_000), slice(3_000, None))]
    assert after.explained == pytest.approx(np.mean(within), abs=0.01) and plain.explained is None
    ratio = (after.difference.upper - after.difference.lower) / (plain.difference.upper - plain.difference.lower)
    assert ratio == pytest.approx(math.sqrt(1 - after.explained), rel=1e-3)


def converters(seed: int, *, slope: float) -> tuple[HoldoutReading, np.ndarray, np.ndarray, np.ndarray]:
    """Users who convert by their past; who is personalized, their past and whether they did."""
    rng = np.random.default_rng(seed)
    n = 4_000
    before = rng.integers(0, 10, n).astype(float)
    is_on = np.arange(n) % 2 == 1
    did = rng.random(n) < 0.05 + slope * before + 0.05 * is_on
    at = pd.Timestamp("2026-03-01")
    put = pd.DataFrame({"program": "Win-back", "user_id": np.arange(n), "arm": np.where(is_on, "on", "holdout")})
    put = put.assign(assigned_at=at, planned_share=0.5, pre_value=before)
    happened = pd.DataFrame({"user_id": np.flatnonzero(did), "ts": at, "event": "conversion"})
    return read(put, happened), is_on, before, did


def test_conversions_after_the_past_are_those_of_a_regression() -> None:
    told, is_on, before, did = converters(1, slope=0.06)
    x = np.column_stack([np.ones(len(did)), is_on, before]).astype(float)
    beta = np.linalg.lstsq(x, did.astype(float), rcond=None)[0]
    of = told.endpoint("conversion")
    assert of.method == "Welch's t-test after CUPED" and of.explained > 0.05
    assert of.difference.estimate == pytest.approx(beta[1], rel=1e-9)


def test_a_past_that_explains_little_is_left_alone() -> None:
    told = converters(1, slope=0.0)[0]
    of = told.endpoint("conversion")
    assert 0 <= of.explained < 0.05 and of.method == "pooled z-test, interval by the score test"


def test_a_past_that_is_not_known_of_all_is_left_alone() -> None:
    put, happened, _ = world(n=500)
    plain = read(put.drop(columns="pre_value"), happened).endpoint("revenue")
    told = read(put.assign(pre_value=put["pre_value"].where(put["user_id"] != 7)), happened).endpoint("revenue")
    assert (told.difference, told.explained) == (plain.difference, None)
    same = read(put.assign(pre_value=5.0), happened).endpoint("revenue")
    assert same.difference == plain.difference
