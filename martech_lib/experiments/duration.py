"""How long: unique users come back, so that they grow slower than days; what can be seen by which week."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from martech_lib.core.power import least_change_seen
from martech_lib.core.stats import Array, normal_quantile
from martech_lib.experiments.sizes import least_ratio, powers_with

if TYPE_CHECKING:
    from martech_lib.experiments.plan import Plan

FEWEST_WEEKLY = 5_000  # below it a programme of tests decides little
LONGEST = 8  # weeks after which cookies, seasons and products have moved on
HORIZON = 26
NEVER = 52_000  # weeks: a thousand years


class Reach(NamedTuple):
    """Whether a plan can be carried out.

    Attributes:
        is_small: Fewer than FEWEST_WEEKLY users come in a week.
        is_far: It needs more than LONGEST weeks.
        seen: The smallest change, in the metric's unit, that LONGEST weeks see; NaN where the traffic is unknown.
    """

    is_small: bool
    is_far: bool
    seen: float


def units_after(weeks: float | Array, plan: Plan) -> float | Array:
    """Unique users of all arms after so many weeks: weekly_units * weeks ** growth."""
    return (plan.weekly_units or math.nan) * np.power(weeks, plan.growth)


def weeks_until(units: float, plan: Plan) -> int:
    """Whole weeks until so many unique users have come; NEVER where it is as long as that."""
    weekly = plan.weekly_units or math.nan
    if math.log(units / weekly) > plan.growth * math.log(NEVER):
        return NEVER
    return max(1, math.ceil((units / weekly) ** (1 / plan.growth) - 1e-9))


def by_week(plan: Plan, *, weeks: int | None = None) -> pd.DataFrame:
    """What each week sees: week, units (all arms), mde (metric's unit), mde_relative, power, forgone.

    `forgone` is what the control arm goes without until then if the change works, in the metric's unit times users.
    NaN in mde where even the largest change is not seen. Empty where the traffic is unknown.
    """
    last = weeks or min(max(LONGEST + 4, (plan.weeks or 0) + 2), HORIZON)
    return in_weeks(plan, np.arange(1, last + 1) if plan.weekly_units else np.arange(0))


def in_weeks(plan: Plan, week: npt.NDArray[np.int_]) -> pd.DataFrame:
    """The rows of `by_week` for some weeks: a plan of 4,000 weeks needs no row for each to be told."""
    units = np.asarray(units_after(week.astype(np.float64), plan))
    control = units * plan.split[0]
    seen = least_seen(plan, control)
    return pd.DataFrame(
        {
            "week": week,
            "units": units,
            "mde": seen,
            "mde_relative": seen / plan.baseline if plan.baseline > 0 else np.nan,
            "power": powers_with(plan, control, plan.effect),
            "forgone": control * plan.effect,
        }
    )


def power_curve(plan: Plan, *, points: int = 49) -> pd.DataFrame:
    """Chance to see effects of other sizes at the planned units: effect, effect_relative, power; both directions."""
    most = 2 * abs(plan.effect)
    room = (-plan.baseline * 0.999, (1 - plan.baseline) * 0.999) if plan.spread is None else (-math.inf, math.inf)
    effects = np.linspace(max(-most, room[0]), min(most, room[1]), points)
    tiny = 1e-6 * plan.effect  # stands for no effect, whose power is the false alarms of one comparison
    power = powers_with(plan, plan.size.control, np.where(np.abs(effects) > abs(tiny), effects, tiny))
    return pd.DataFrame({"effect": effects, "effect_relative": effects / plan.baseline, "power": power})


def least_seen(plan: Plan, control_units: Array) -> Array:
    """The smallest change in the planned direction that each number of control units sees, in the metric's unit."""
    effective = control_units / plan.size.inflation / plan.size.for_every / (1 - plan.correlation**2)
    critical, ratio = normal_quantile(1 - plan.size.alpha / plan.tails), least_ratio(plan)
    if plan.spread is not None:
        needed = (critical + normal_quantile(plan.power)) * plan.spread * math.sqrt(1 + 1 / ratio)
        is_normal = control_units * min(plan.split) >= plan.size.for_skew * plan.split[0]
        return np.where(is_normal, needed / np.sqrt(effective), np.nan)
    most = 1 - plan.baseline if plan.effect > 0 else -plan.baseline
    errors = critical, plan.power
    found = least_change_seen(plan.baseline, most, effective, ratio=ratio, errors=errors, method=plan.method)
    return np.abs(found)


def reach_of(plan: Plan) -> Reach:
    """Whether the traffic carries the plan."""
    if plan.weekly_units is None or plan.weeks is None:
        return Reach(is_small=False, is_far=False, seen=math.nan)
    control = np.asarray([units_after(float(LONGEST), plan)], dtype=np.float64) * plan.split[0]
    return Reach(plan.weekly_units < FEWEST_WEEKLY, plan.weeks > LONGEST, float(least_seen(plan, control)[0]))
