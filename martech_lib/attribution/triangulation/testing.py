"""The next test: what a wrong budget costs now, what a test of each channel would save of it, less what it costs.

The worth of a test is the expected value of sample information: over the results that the test may have, how much more
the budget that is best after it gains than the one that is best now.

Source: Raiffa and Schlaifer (1961), Applied Statistical Decision Theory; by reweighting draws, Strong et al. (2015),
Medical Decision Making 35(5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np

from martech_lib.attribution.triangulation.budget import Plan, best_shares, gains
from martech_lib.core.stats import Array, normal_quantile

WEEKS = (4, 8)  # how long a test may run
HELD = 0.5  # share of the market that goes without, where it tells most
QUARTER_DAYS = 92
HORIZON_MONTHS = 3.0  # how long a budget stands that a test has mended
STRATA, NODES, DRAWS = 12, 5, 2048
DAYS_OF_WEEK = 7
NO_DAYS = (
    "a table of paths has no days, so that a test of some weeks cannot be held against it; touches.csv and "
    "conversions.csv have them"
)
ALPHA, POWER = 0.05, 0.8  # of the smallest effect that a test finds


@dataclass(frozen=True, kw_only=True)
class Stakes:
    """What tests are weighed by.

    Attributes:
        conversions: All conversions of the period.
        days: Its days; 0 where they are unknown, and no test can be weighed.
        value: Money a conversion is worth; None where unknown.
        cost_per_week: Channel -> money a week of testing costs.
        last_test: Channel -> last day of its last test.
        as_of: Today.
    """

    conversions: float
    days: int
    value: float | None
    cost_per_week: Mapping[str, float]
    last_test: Mapping[str, date]
    as_of: date | None


class NextTest(NamedTuple):
    """What testing one channel is worth.

    Attributes:
        channel: As written.
        weeks: How long the test would run.
        error: Standard error of its result, in conversions of the period.
        finds: Smallest effect that it finds with 80 % power, two-sided at 5 %.
        saved: Conversions a period that the better budget gains, in expectation.
        worth: Their money until the next quarter's test; None where a conversion's value is unknown.
        cost: Money the test costs; None where unknown.
        net: worth less cost; None where either is unknown.
        last_test: Last day of the last test; None where there was none.
        is_overdue: Whether the quarterly test is overdue.
    """

    channel: str
    weeks: int
    error: float
    finds: float
    saved: float
    worth: float | None
    cost: float | None
    net: float | None
    last_test: date | None
    is_overdue: bool


def error_of(stakes: Stakes, weeks: int) -> float:
    """Standard error, in conversions of the period, of a test that half of the market goes without a channel.

    Counts are taken as Poisson: conversions of both halves of the market over the test, scaled to the period.
    """
    periods = weeks * DAYS_OF_WEEK / stakes.days
    return float(np.sqrt(stakes.conversions / periods / (HELD * (1 - HELD))))


def ranked(plan: Plan, stakes: Stakes) -> tuple[NextTest, ...]:
    """Every channel whose money can be moved, the test that brings most first; none where the days are unknown."""
    if len(plan.channels) < 2 or not stakes.days:
        return ()
    errors = {weeks: error_of(stakes, weeks) for weeks in WEEKS}
    offered = [(place, weeks) for place in range(len(plan.channels)) for weeks in WEEKS]
    gained = saved(plan, [(place, errors[weeks]) for place, weeks in offered])
    tests = [
        _option(plan.channels[place], weeks, stakes, error=errors[weeks], gained=float(gain))
        for (place, weeks), gain in zip(offered, gained, strict=True)
    ]
    options = [max((test for test in tests if test.channel == name), key=_net_of) for name in plan.channels]
    # Where none pays for itself the order is by what comes back for the money, so that the cheapest is not first for
    # being cheap.
    pays = any((option.net or 0.0) > 0 for option in options)
    return tuple(sorted(options, key=lambda o: (-(_net_of(o) if pays else _return_of(o)), o.channel)))


def wrong_budget(plan: Plan) -> float:
    """Conversions a period that knowing every effect for certain would gain, in expectation."""
    drawn = plan.effects[:DRAWS]
    return float(_gain(plan, drawn, best_shares(plan, drawn)).mean() - _gain_now(plan, drawn))


def saved(plan: Plan, tests: Sequence[tuple[int, float]]) -> Array:
    """(T,): conversions a period that the budget gains by each test in expectation.

    Args:
        plan: What money can be moved.
        tests: Of each the place of its channel and the standard error of its result.
    """
    drawn = plan.effects[:DRAWS]
    nodes, heights = np.polynomial.hermite_e.hermegauss(NODES)
    own = drawn[:, [place for place, _ in tests]].T
    error = np.array([error for _, error in tests])[:, None, None]
    parts = np.array_split(np.sort(own, axis=1), STRATA, axis=1)
    strata = np.stack([part.mean(axis=1) for part in parts], axis=1)
    mass = np.array([part.shape[1] for part in parts]) / own.shape[1]
    results = (strata[:, :, None] + error * nodes).reshape(len(tests), -1, 1)
    # Single precision is plenty for weights, and takes half the time of the most costly step.
    off = (results / error).astype("float32") - (own[:, None, :] / error).astype("float32")
    log_weights = off * off * np.float32(-0.5)
    weights = np.exp(log_weights - log_weights.max(axis=2, keepdims=True))
    after = (weights @ drawn.astype("float32")) / weights.sum(axis=2, keepdims=True)
    flat = after.reshape(-1, drawn.shape[1])
    better = _gain(plan, flat, best_shares(plan, flat)) - _gain(plan, flat, _now(plan, drawn))
    likely = np.outer(mass, heights / heights.sum()).ravel()
    return np.maximum(better.reshape(len(tests), -1) @ likely, 0.0)


def _net_of(option: NextTest) -> float:
    return option.saved if option.net is None else option.net


def _return_of(option: NextTest) -> float:
    return option.worth / option.cost if option.worth is not None and option.cost else option.saved


def _option(name: str, weeks: int, stakes: Stakes, *, error: float, gained: float) -> NextTest:
    periods = HORIZON_MONTHS * (365.25 / 12) / stakes.days
    worth = None if stakes.value is None else gained * periods * stakes.value
    cost = stakes.cost_per_week[name] * weeks if name in stakes.cost_per_week else None
    net = None if worth is None or cost is None else worth - cost
    last = stakes.last_test.get(name)
    is_overdue = last is None or (stakes.as_of is not None and (stakes.as_of - last).days > QUARTER_DAYS)
    finds = (normal_quantile(1 - ALPHA / 2) + normal_quantile(POWER)) * error
    return NextTest(name, weeks, error, finds, gained, worth, cost, net, last, is_overdue)


def _now(plan: Plan, drawn: Array) -> Array:
    return best_shares(plan, drawn.mean(axis=0)[None])


def _gain_now(plan: Plan, drawn: Array) -> float:
    return float(_gain(plan, drawn, _now(plan, drawn)).mean())


def _gain(plan: Plan, effects: Array, shares: Array) -> Array:
    return np.asarray((effects * gains(plan, shares)).sum(axis=1))
