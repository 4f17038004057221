"""The rules for looks side by side for one plan: false alarms, units, and how much a win overstates."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.sequential import RULES, boundaries, drift_for, peeked, walk
from martech_lib.core.stats import normal_quantile
from martech_lib.experiments.plan import Plan

PEEK = "peek"
DAYS = 7
MOST_PEEKS = 56  # daily looks that a picture shows


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


def rules_of(plan: Plan, *, looks: int) -> tuple[RuleForLooks, ...]:
    """Every rule with so many evenly spaced looks at the plan, two-sided or one-sided as it is."""
    return tuple(_rule(plan, rule, looks) for rule in (*RULES, PEEK))


def peeking(plan: Plan) -> pd.DataFrame:
    """False alarms when the plan is looked at daily and stopped at the first p below alpha: day, false_alarms."""
    days = min((plan.weeks or 4) * DAYS, MOST_PEEKS)
    found = [peeked(day, alpha=plan.alpha, tails=plan.tails) for day in range(1, days + 1)]
    return pd.DataFrame({"day": range(1, days + 1), "false_alarms": found})


def _rule(plan: Plan, rule: str, looks: int) -> RuleForLooks:
    shares = tuple((look + 1) / looks for look in range(looks))
    if rule == PEEK:
        z: tuple[float, ...] = (normal_quantile(1 - plan.alpha / plan.tails),) * looks
    else:
        z = boundaries(shares, rule=rule, alpha=plan.alpha, tails=plan.tails)
    of = walk(shares, z, tails=plan.tails)
    plain = normal_quantile(1 - plan.alpha / plan.tails) + normal_quantile(plan.power)
    at_plan = of.stopping(np.array([0.0, plain]))
    overstates = float(at_plan.believed[1] / plain)
    told = RuleForLooks(rule, looks, float(at_plan.rejects[0]), float(at_plan.rejects[1]), None, None, overstates)
    if rule == PEEK:
        return told
    drift = drift_for(plan.power, shares, z, tails=plan.tails)
    most = (drift / plain) ** 2
    stops = of.stopping(drift)
    chances = (stops.up + stops.down)[0]
    left = 1 - chances.sum()
    mean = float(chances @ np.array(shares) + left)
    return (
        told._replace(
            most_units=most, mean_units=most * mean, overstates=float(stops.believed[0] / drift), power=told.power
        )
        if math.isfinite(most)
        else told
    )
