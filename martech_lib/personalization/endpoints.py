"""Conversions, clicks and revenue of those who were personalized beside the holdout."""

from __future__ import annotations

import math
from typing import NamedTuple

from martech_lib.core.arms import Arm
from martech_lib.core.means import Compared, by_welch
from martech_lib.core.past import with_past
from martech_lib.core.permutation import permuted
from martech_lib.core.rates import Count, score_difference, score_lift
from martech_lib.core.sample_ratio import has_spread
from martech_lib.core.spoken import count, number, percent
from martech_lib.core.stats import Difference, Sample, adjusted, of_count
from martech_lib.personalization.totals import CLICK, CONVERSION, REVENUE, Total

SCORE = "pooled z-test, interval by the score test"
FEWEST = 8  # users of worth in an arm, below which revenue has no interval
SKEWED = (
    0.06  # skewness of the difference over its standard error, beyond which one tail of Welch's test is off by .005
)
DEALS = 200_000_000  # values dealt in all, beyond which there are fewer deals
MOST_DEALS, LEAST_DEALS = 10_000, 2_000
HELPS = 0.05  # share of the variance that the past must explain to be taken out
MANY = 100  # converters in an arm, from which a rate after CUPED is as good as normal
DUST = 1e-12  # variance over the squared mean that is rounding
LARGE = 0.2  # share of an arm's revenue by one user, from which it is read without that user, too


class Endpoint(NamedTuple):
    """One outcome of the personalized beside the holdout.

    Attributes:
        name: conversion, click or revenue.
        holdout: What the holdout's users say.
        treated: What the personalized say.
        hits: Users who did it, or are worth anything: of the holdout, of the personalized.
        difference: By user; None where refused.
        lift: Relative; None where refused.
        method: In words.
        reason: Why it is refused, or what to know when reading it.
        explained: Share of the variance that pre_value explains; None where it is not known of all users.
        is_any_time: Its intervals hold at every look, and are wider.
    """

    name: str
    holdout: Sample
    treated: Sample
    hits: tuple[int, int]
    difference: Difference | None
    lift: Difference | None
    method: str = ""
    reason: str = ""
    explained: float | None = None
    is_any_time: bool = False

    @property
    def sign(self) -> int:
        """1 where the interval of the difference lies above nothing, -1 where below, else 0."""
        if self.difference is None:
            return 0
        return int(self.difference.lower > 0) - int(self.difference.upper < 0)


def conversions_of(holdout: Total, treated: Total, *, level: float) -> Endpoint:
    """Users who converted: by the score test, after CUPED where the past helps and converters are many."""
    plain = _rates(CONVERSION, holdout.conversions, treated.conversions, level)
    pair = _adjusted(CONVERSION, holdout, treated)
    if pair is None:
        return plain
    explained = _explained((plain.holdout, plain.treated), pair)
    if explained < HELPS or min(plain.hits) < MANY or not min(one.mean for one in pair) > 0:
        return plain._replace(explained=explained)
    return _of_means(plain._replace(explained=explained), by_welch(*pair, level=level), " after CUPED")


def clicks_of(holdout: Total, treated: Total, *, level: float) -> Endpoint | None:
    """Users who clicked; None where nobody did."""
    if not holdout.clickers + treated.clickers:
        return None
    return _rates(CLICK, holdout.clicks, treated.clicks, level)


def revenue_of(holdout: Total, treated: Total, *, level: float, seed: int) -> Endpoint | None:
    """Value by user; None where no outcome has a value."""
    hits = len(holdout.values), len(treated.values)
    if not sum(hits):
        return None
    plain = Endpoint(REVENUE, holdout.revenue, treated.revenue, hits, None, None)
    if min(hits) < FEWEST:
        who = "holdout" if hits[0] < hits[1] else "personalized arm"
        return plain._replace(
            reason=f"revenue rests on {count(min(hits), 'user')} in the {who}; at least {FEWEST} are needed"
        )
    if min(plain.holdout.mean, plain.treated.mean) <= 0:
        reason = "refunds outweigh sales in an arm, so that there is no relative difference"
        return _of_means(plain._replace(reason=reason), by_welch(plain.holdout, plain.treated, level=level))
    pair = _adjusted(REVENUE, holdout, treated)
    explained = None if pair is None else _explained((plain.holdout, plain.treated), pair)
    plain, skew = plain._replace(explained=explained), skew_of(holdout, treated)
    if abs(skew) > SKEWED:
        return _by_permutation(plain, holdout, treated, skew=skew, level=level, seed=seed)
    if pair is None or explained is None or explained < HELPS or min(one.mean for one in pair) <= 0:
        return _of_means(plain, by_welch(plain.holdout, plain.treated, level=level))
    return _of_means(plain, by_welch(*pair, level=level), " after CUPED")


def skew_of(holdout: Total, treated: Total) -> float:
    """Skewness of the difference of two means, by the skewness of both arms together.

    A small arm that lacks the rare large values does not show how skewed it is.
    """
    n = holdout.n + treated.n
    mean = (holdout.y + treated.y) / n
    nothing = n - len(holdout.values) - len(treated.values)
    second, third = (
        (sum(float(((arm.values - mean) ** k).sum()) for arm in (holdout, treated)) + nothing * (-mean) ** k) / n
        for k in (2, 3)
    )
    if second <= DUST * mean * mean:
        return 0.0
    apart = 1 / holdout.n**2 - 1 / treated.n**2
    return third * apart / (second * (1 / holdout.n + 1 / treated.n)) ** 1.5


def _by_permutation(
    plain: Endpoint, holdout: Total, treated: Total, *, skew: float, level: float, seed: int
) -> Endpoint:
    dealt = sum(plain.hits) * min(holdout.n, treated.n) / (holdout.n + treated.n)
    draws = round(min(MOST_DEALS, max(LEAST_DEALS, DEALS / dealt)))
    told = permuted(holdout.worth, treated.worth, level=level, draws=draws, seed=seed)
    ends = (told.difference.lower, told.difference.upper, told.lift.lower, told.lift.upper)
    method = f"studentised permutation test, {draws:,} deals"
    if not all(map(math.isfinite, ends)):
        reason = (
            f"the revenue of {count(min(plain.hits), 'user')} in an arm is too uneven for an interval with two ends"
        )
        return plain._replace(method=method, reason=reason)
    small = "holdout" if holdout.n < treated.n else "personalized arm"
    share = min(holdout.n, treated.n) / (holdout.n + treated.n)
    reason = (
        f"the {small} has {percent(share, 0)} of the users and revenue is uneven (skewness of the difference "
        f"{number(abs(skew), 2)}): the usual t-test would call chance a change too often on one side, so values were "
        "dealt anew between the arms instead"
    )
    return plain._replace(difference=told.difference, lift=told.lift, method=method, reason=reason)


def _rates(name: str, holdout: Count, treated: Count, level: float) -> Endpoint:
    samples = of_count(holdout.n, holdout.hits), of_count(treated.n, treated.hits)
    difference = score_difference(holdout, treated, level=level)
    plain = Endpoint(name, *samples, (int(holdout.hits), int(treated.hits)), difference, None, SCORE)
    if not holdout.hits:
        return plain._replace(reason=f"nobody in the holdout did it ({name}), so that there is no relative difference")
    return plain._replace(lift=score_lift(holdout, treated, level=level))


def _of_means(plain: Endpoint, told: Compared, after: str = "") -> Endpoint:
    method = told.method + after
    if math.isfinite(told.lift.lower) and math.isfinite(told.lift.upper):
        return plain._replace(difference=told.difference, lift=told.lift, method=method)
    reason = plain.reason or "the holdout's value cannot be told from none, so that there is no relative difference"
    return plain._replace(difference=told.difference, method=method, reason=reason)


def _adjusted(name: str, holdout: Total, treated: Total) -> tuple[Sample, Sample] | None:
    """Both arms with what pre_value explains taken out; None where it is not known of all, or hardly differs."""
    arms: list[Arm] = [one.arm(name) for one in (holdout, treated)]
    if any(one.n_p < one.n for one in (holdout, treated)) or not all(map(has_spread, arms)):
        return None
    middle = (holdout.p + treated.p) / (holdout.n + treated.n)
    return adjusted(*(with_past(arm.n, arm.sums[name], middle) for arm in arms))


def _explained(plain: tuple[Sample, Sample], pair: tuple[Sample, Sample]) -> float:
    before, after = (sum(arm.error for arm in arms) for arms in (plain, pair))
    return max(0.0, 1 - after / before) if before > 0 else 0.0
