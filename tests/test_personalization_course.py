"""A programme over time: weeks and looks counted by hand, no look of few, and a trend test that keeps its error."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from holdout_worlds import START, Group, logs, read
from scipy.optimize import minimize
from scipy.stats import norm

from martech_lib.core.rates import Count, score_lift
from martech_lib.core.sequential import sequence_z
from martech_lib.personalization.course import Week, _trend, any_time_lift, information


def random_logs(seed: int, *, days: int = 60, n: int = 4_000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Users who come over forty days and, a third of them, convert within thirty."""
    rng = np.random.default_rng(seed)
    at = pd.Timestamp(START) + pd.to_timedelta(rng.integers(0, 40 * 24 * 60, n), unit="m")
    arm = np.where(np.arange(n) % 4 == 0, "holdout", "on")
    share = np.where(arm == "on", 0.75, 0.25)
    put = pd.DataFrame(
        {"program": "Win-back", "user_id": np.arange(n), "arm": arm, "assigned_at": at, "planned_share": share}
    )
    who = rng.integers(0, n, n // 2)
    ts = at[who] + pd.to_timedelta(rng.integers(0, 30 * 24 * 60, len(who)), unit="m")
    happened = pd.DataFrame({"user_id": who, "ts": ts, "event": "conversion"})
    return put, happened[happened["ts"] < pd.Timestamp(START) + pd.Timedelta(days=days)]


def first_conversions(put: pd.DataFrame, happened: pd.DataFrame, window: float | None) -> dict[int, Any]:
    """User -> (arm, day of assignment, day of the first conversion that counts, or None)."""
    found = {}
    times: dict[int, list[Any]] = {}
    for row in happened.itertuples():
        times.setdefault(row.user_id, []).append(row.ts)
    for row in put.itertuples():
        end = row.assigned_at + timedelta(days=window or 10_000)
        counts = [ts for ts in times.get(row.user_id, []) if row.assigned_at <= ts <= end]
        found[row.user_id] = (row.arm, row.assigned_at.date(), min(counts).date() if counts else None)
    return found


@pytest.mark.parametrize("window", [None, 10, 21, 28.5])
def test_weeks_since_assignment_are_counted_as_by_hand(window: float | None) -> None:
    put, happened = random_logs(1)
    told, end = read(put, happened, window_days=window), happened["ts"].max().date()
    users = first_conversions(put, happened, window)
    assert len(told.course.weeks) == {None: 5, 10: 2, 21: 3, 28.5: 5}[window]
    for week in told.course.weeks:
        for arm, count in (("holdout", week.holdout), ("on", week.treated)):
            whole = min(7 * week.week, math.floor(window or 10_000))
            there = [u for u in users.values() if u[0] == arm and (end - u[1]).days >= whole]
            is_last = bool(window) and week.week == math.ceil(window / 7)
            below = math.inf if is_last else 7 * week.week  # the last day of a window is in its last week
            did = [u for u in there if u[2] and 7 * (week.week - 1) <= (u[2] - u[1]).days < below]
            assert count == Count(len(did), len(there)), (week.week, arm)


@pytest.mark.parametrize("window", [None, 28])
def test_looks_are_counted_as_by_hand(window: float | None) -> None:
    put, happened = random_logs(2)
    told, end = read(put, happened, window_days=window), happened["ts"].max().date()
    users, first = first_conversions(put, happened, window), put["assigned_at"].min().date()
    days = [look.day for look in told.course.looks]
    assert days[:-1] == [first + timedelta(days=7 * k - 1) for k in range(1, len(days))]
    assert days[-1] == end and (end - days[-2]).days <= 7
    for look in told.course.looks:
        for arm, count in (("holdout", look.holdout), ("on", look.treated)):
            there = [u for u in users.values() if u[0] == arm and u[1] <= look.day]
            assert count == Count(sum(bool(u[2]) and u[2] <= look.day for u in there), len(there)), (look.day, arm)


def test_looks_of_less_than_a_hundred_holdout_converters_are_refused() -> None:
    looks = read(*random_logs(3)).course.looks
    assert {look.holdout.hits < 100 for look in looks} == {True, False}
    for look in looks:
        if look.holdout.hits < 100:
            words = f"{int(look.holdout.hits)} converters in the holdout; looks are read from 100"
            assert (look.lift, look.reason) == (None, words)
        else:
            assert look.lift is not None and look.reason == ""


def test_looks_hold_at_any_time() -> None:
    """The interval is the confidence sequence's z times the standard error of the log ratio, tightest at the end."""
    looks = [look for look in read(*random_logs(4)).course.looks if look.lift is not None]
    whole = information(looks[-1].holdout, looks[-1].treated)
    for look in looks:
        (hits, n), (did, m) = look.holdout, look.treated
        se, log = math.sqrt(1 / hits - 1 / n + 1 / did - 1 / m), math.log(did / m / (hits / n))
        assert information(look.holdout, look.treated) == pytest.approx(1 / se**2)
        z = sequence_z(min(1.0, 1 / se**2 / whole), alpha=0.05)
        assert z > norm.isf(0.025)
        ends = [math.expm1(log - z * se), math.expm1(log + z * se)]
        assert [look.lift.lower, look.lift.upper] == pytest.approx(ends)


def test_no_effect_is_called_one_at_any_look_no_more_often_than_told() -> None:
    """1,000 worlds without an effect looked at nine times, from 100 holdout converters on; 10 % allowed over all."""
    rng, runs = np.random.default_rng(20261127), 1_000
    shares = np.arange(1, 10)
    hits = [rng.binomial(n, 0.1, (runs, 9)).cumsum(axis=1) for n in (1_000, 4_000)]
    called = 0
    for held, treated in zip(*hits, strict=True):
        pairs = [(Count(h, 1_000 * k), Count(t, 4_000 * k)) for k, h, t in zip(shares, held, treated, strict=True)]
        whole = information(*pairs[-1])
        lifts = [any_time_lift(*pair, whole=whole, level=0.9) for pair in pairs if pair[0].hits >= 100]
        called += any(lift.lower > 0 or lift.upper < 0 for lift in lifts)
    assert called / runs <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / runs)
    assert called  # so that it could


def test_one_outcome_far_in_the_future_makes_no_further_looks() -> None:
    put, happened = random_logs(5)
    far = pd.DataFrame({"user_id": [10**6], "ts": pd.Timestamp("2199-12-31"), "event": "view"})
    plain, told = (read(put, outcomes).course.looks for outcomes in (happened, pd.concat([happened, far])))
    assert [(look.holdout, look.treated) for look in told[:-2]] == [(look.holdout, look.treated) for look in plain[:-1]]
    assert len(told) == len(plain) + 1 and told[-1].holdout == plain[-1].holdout


def test_weeks_hold_all_at_once_and_those_of_few_are_refused() -> None:
    after = [np.repeat([1.0, 8.0, 15.0], hits) for hits in ([40, 30, 4], [150, 90, 30])]
    groups = [
        Group(arm, n, len(days), after=days, share=n / 2_000)
        for arm, n, days in zip(("holdout", "on"), (500, 1_500), after, strict=True)
    ]
    put, happened = logs(*groups)
    end = pd.DataFrame({"user_id": [0], "ts": START + timedelta(days=30), "event": "view", "value": math.nan})
    told = read(put, pd.concat([happened, end]))
    weeks = told.course.weeks
    assert [(week.holdout.hits, week.treated.hits) for week in weeks] == [(40, 150), (30, 90), (4, 30)]
    for week in weeks[:2]:
        assert week.lift == score_lift(week.holdout, week.treated, level=1 - 0.05 / 3)
    assert (weeks[2].lift, weeks[2].reason) == (None, "4 converters in an arm; at least 5 are needed")
    assert told.course.trend.by_week is not None  # no week is left out of it
    rows = told.readings.set_index(["metric", "segment"])
    assert rows.loc[("personalization.win-back.lift_by_week", "week 3"), "status"] == "refused"


def test_a_trend_of_two_weeks_or_of_few_converters_is_refused() -> None:
    short, few = _trend(weeks_of([50, 40], [200, 150])), _trend(weeks_of([2, 1, 1], [20, 15, 10]))
    assert (short.by_week, few.by_week) == (None, None) and math.isnan(short.p + few.p)
    assert short.reason.startswith("2 weeks could be compared; at least 3 are needed")
    assert few.reason.startswith("4 converters in an arm; at least 5 are needed")


def weeks_of(held: Any, treated: Any, n: int = 4_000, m: int = 16_000) -> tuple[Week, ...]:
    pairs = [(Count(h, n), Count(t, m)) for h, t in zip(held, treated, strict=True)]
    return tuple(Week(k, *pair, score_lift(*pair, level=0.95)) for k, pair in enumerate(pairs, start=1))


def test_the_trend_is_the_slope_of_a_logistic_line_and_its_score_test() -> None:
    """Of each week's converters, the share that is personalized: logit = log(users' odds) + a + slope x week."""
    weeks = weeks_of([200, 150, 100, 80], [1_100, 750, 430, 300])
    both = np.array([week.holdout.hits + week.treated.hits for week in weeks])
    did, week_of, base = np.array([week.treated.hits for week in weeks]), np.arange(4) - 1.5, math.log(4)

    def lacks(told: np.ndarray) -> float:
        logit = base + told[0] + told[1] * week_of
        return float(-(did * logit - both * np.logaddexp(0, logit)).sum())

    best = minimize(lacks, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12}).x
    share = did.sum() / both.sum()
    weights = both * share * (1 - share)
    middle = np.average(week_of, weights=weights)
    z = ((week_of - middle) @ (did - both * share)) / math.sqrt(weights @ (week_of - middle) ** 2)
    trend = _trend(weeks)
    assert trend.by_week == pytest.approx(math.expm1(best[1]), rel=1e-5)
    assert trend.p == pytest.approx(2 * norm.sf(abs(z)), rel=1e-6)


def test_the_trend_test_errs_as_often_as_told() -> None:
    """A lift of a fifth that does not fade, rates that do: 1,000 worlds, 5 % allowed, three standard errors."""
    rng, runs = np.random.default_rng(20261127), 1_000
    rates = np.array([0.05, 0.035, 0.025, 0.02])
    p = [_trend(weeks_of(rng.binomial(4_000, rates), rng.binomial(16_000, 1.2 * rates))).p for _ in range(runs)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / runs))


def test_a_lift_that_fades_is_seen_to() -> None:
    trend = _trend(weeks_of([200, 200, 200, 200], [1_400, 1_100, 900, 800]))
    assert trend.by_week == pytest.approx(-0.17, abs=0.02) and trend.p < 0.001
