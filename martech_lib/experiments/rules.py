"""The rules for looks side by side for one plan: false alarms, units, and how much a win overstates."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.sequential import RULES, boundaries, drift_for, peeked, walk
from martech_lib.core.stats import normal_quantile
from martech_lib.experiments.plan import Plan

PEEK = "peek"
DAYS = 7
MOST_PEEKS, MOST_WEEKS = 56, 26  # daily looks that a picture shows, weekly looks that rules are laid side by side for


class RuleForLooks(NamedTuple):
    """One rule with the plan's looks.

    Attributes:
        rule: One of `core.sequential.RULES`, or peek: stop at the first p below alpha.
        looks: How many.
        false_alarms: Chance to stop where there is no effect.
        power: Chance to stop for the planned effect with the units of one look at the end.
        most_units: Units of the last look over those of one look, for the planned power; None for peek.
        mean_units: Mean units at the stop over those of one look, with the planned effect and power; None for peek.
        overstates: Mean estimate of a win over the planned effect.
    """

    rule: str
    looks: int
    false_alarms: float
    power: float
    most_units: float | None
    mean_units: float | None
    overstates: float


def looks_of(plan: Plan) -> int:
    """The plan's looks; where it declares one, as many as it has weeks, two at least."""
    return plan.looks if plan.looks > 1 else min(max(plan.weeks or 4, 2), MOST_WEEKS)


def days_of(plan: Plan) -> int:
    """Days of daily looks that are shown."""
    return min((plan.weeks or 4) * DAYS, MOST_PEEKS)


def rules_of(plan: Plan) -> tuple[RuleForLooks, ...]:
    """Every rule with `looks_of` the plan, evenly spaced, two-sided or one-sided as it is."""
    looks, errors = looks_of(plan), (plan.alpha, plan.power)
    return tuple(_rule(rule, looks, errors, plan.tails) for rule in (*RULES, PEEK))


def peeking(plan: Plan) -> pd.DataFrame:
    """False alarms when the plan is looked at daily and stopped at the first p below alpha: day, false_alarms."""
    days = days_of(plan)
    found = [peeked(day, alpha=plan.alpha, tails=plan.tails) for day in range(1, days + 1)]
    return pd.DataFrame({"day": range(1, days + 1), "false_alarms": found})


@lru_cache(maxsize=512)
def _rule(rule: str, looks: int, errors: tuple[float, float], tails: int) -> RuleForLooks:
    """A rule with so many looks; errors are alpha and power."""
    alpha, power = errors
    shares = tuple((look + 1) / looks for look in range(looks))
    if rule == PEEK:
        z: tuple[float, ...] = (normal_quantile(1 - alpha / tails),) * looks
    else:
        z = boundaries(shares, rule=rule, alpha=alpha, tails=tails)
    of = walk(shares, z, tails=tails)
    plain = normal_quantile(1 - alpha / tails) + normal_quantile(power)
    at_plan = of.stopping(np.array([0.0, plain]))
    false_alarms, seen = (float(rejects) for rejects in at_plan.rejects)
    if rule == PEEK:
        return RuleForLooks(rule, looks, false_alarms, seen, None, None, float(at_plan.believed[1] / plain))
    drift = drift_for(power, shares, z, tails=tails)
    most = (drift / plain) ** 2
    stops = of.stopping(drift)
    chances = (stops.up + stops.down)[0]
    mean = most * float(chances @ np.array(shares) + 1 - chances.sum())
    return RuleForLooks(rule, looks, false_alarms, seen, most, mean, float(stops.believed[0] / drift))
