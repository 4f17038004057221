"""How many units: of a plain comparison by any convention, and of a plan with its looks, arms and past.

Looks: Jennison, Turnbull (2000), Group Sequential Methods, ch. 2: units grow by the square of the drift that the rule
needs over that of one look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from martech_lib.core.errors import UserError
from martech_lib.core.many_arms import chance_of_all, chance_of_all_in_steps, dunnett_critical
from martech_lib.core.power import (
    Spread,
    Values,
    difference_of,
    power_of,
    seen_without_units,
    spread_of_means,
    spread_of_rates,
    units_for,
    units_for_rates,
)
from martech_lib.core.sequential import boundaries, drift_for, walk
from martech_lib.core.stats import Array, normal_cdf, normal_quantile
from martech_lib.experiments.declared import refuse_idle, refuse_no_change, refuse_rates, typed

if TYPE_CHECKING:
    from martech_lib.experiments.plan import Plan

PER_SKEW = 355.0  # units an arm for each square of the skewness: Kohavi, Deng, Frasca, Longbotham, Xu (2014), KDD
LARGEST = 1e12
TINY = 1e-6  # of what an effect asks for, where the formula asks for nothing of one beside the planned


@dataclass(frozen=True)
class Size:
    """The size of a plan.

    Attributes:
        control: Units of the control arm at the last look, rounded up.
        arms: Units of every arm, control first.
        shares: Share of the units at each look.
        boundaries: |Z| beyond which each look stops; infinity where it does not.
        alpha: Of one comparison, both tails together.
        drift: Mean of Z at the end with which the plan has its power.
        inflation: Units over those of one look at the end.
        for_every: Units over those of the best arm alone, so that every arm is found; 1 where one is enough.
        for_skew: Units an arm that the skewness needs for a normal mean; 0 where nothing is known.
    """

    control: int
    arms: tuple[int, ...]
    shares: tuple[float, ...]
    boundaries: tuple[float, ...]
    alpha: float
    drift: float
    inflation: float
    for_every: float
    for_skew: int


def sample_size(
    *,
    baseline: float,
    mde: float,
    relative: bool = False,
    alpha: float = 0.05,
    power: float = 0.8,
    ratio: float = 1,
    tails: int = 2,
    method: str = "pooled",
) -> int:
    """Units that the control arm of a comparison of two rates needs.

    Args:
        baseline: The control's rate, 0 to 1.
        mde: The smallest change worth finding, absolute or relative to the baseline.
        relative: Whether mde is relative.
        alpha: Error rate of all tails.
        power: Chance to see a change of mde.
        ratio: Units of the other arm for each of the control.
        tails: 1 or 2.
        method: pooled, unpooled, cohen_h (rounded up) or evan_miller (rounded to the nearest, as its page does).

    Raises:
        UserError: A value is not allowed.
    """
    baseline, mde, alpha, power, ratio, tails, relative, method = typed(
        {
            "baseline": baseline, "mde": mde, "alpha": alpha, "power": power, "ratio": ratio, "tails": tails,
            "relative": relative, "method": method,
        }
    ).values()  # fmt: skip
    refuse_no_change(mde)
    refuse_idle(alpha, power)
    effect = mde * baseline if relative else mde
    refuse_rates(baseline, effect)
    critical = normal_quantile(1 - alpha / tails)
    spread = spread_of_rates(baseline, baseline + effect, ratio=ratio, method=method)
    _refuse_low_power(power, seen_without_units(spread, critical=critical, tails=tails))
    units = units_for_rates(baseline, baseline + effect, ratio=ratio, critical=critical, power=power, method=method)
    _refuse_endless(units, mde)
    return rounded(units, method)


def size_of(plan: Plan) -> Size:
    """The size of a plan. Raises UserError where no finite test finds the effect."""
    shares = tuple((look + 1) / plan.looks for look in range(plan.looks))
    alpha = plan.tails * normal_cdf(-one_critical(plan))
    critical = normal_quantile(1 - alpha / plan.tails)
    _refuse_low_power(plan.power, seen_without_units(spread_at(plan, plan.effect), critical=critical, tails=plan.tails))
    bounds = boundaries(shares, rule=plan.rule, alpha=alpha, tails=plan.tails)
    drift = drift_for(plan.power, shares, bounds, tails=plan.tails)
    plain = critical + normal_quantile(plan.power)
    inflation = (drift / plain) ** 2 if has_looks(plan) else 1.0
    once = units_at(plan, plan.effect, alpha=alpha)
    for_every = _for_every(plan, drift)
    units = once * inflation * for_every
    for_skew = 0 if plan.spread is None else math.ceil(PER_SKEW * plan.skew**2)
    least = max(units, for_skew * plan.split[0] / min(plan.split))
    _refuse_endless(least, plan.mde)
    if plan.planned_units:
        least = plan.planned_units * plan.split[0]
        drift *= math.sqrt(least / units)
    control = rounded(least, plan.method)
    arms = tuple(math.ceil(control * share / plan.split[0] - 1e-9) for share in plan.split)
    return Size(control, arms, shares, bounds, alpha, drift, inflation, for_every, for_skew)


def one_critical(plan: Plan) -> float:
    """|Z| beyond which one look rejects one comparison, all arms held to the plan's alpha.

    With looks, or by Holm, each comparison has its part of alpha; by Dunnett they share it by how they correlate.
    """
    if plan.many == "dunnett" and not has_looks(plan):
        return dunnett_critical(plan.split, alpha=plan.alpha, tails=plan.tails)
    return normal_quantile(1 - plan.alpha / (len(plan.split) - 1) / plan.tails)


def has_looks(plan: Plan) -> bool:
    """Whether it can stop before its end, or is read by a rule for looks."""
    return plan.looks > 1 or plan.rule != "fixed"


def rounded(units: float, method: str) -> int:
    """Units rounded up; by Evan Miller's page to the nearest. At least one."""
    return max(1, round(units) if method == "evan_miller" else math.ceil(units))


def least_ratio(plan: Plan) -> float:
    """Units of the smallest arm for each of the control."""
    return min(plan.split[1:]) / plan.split[0]


def power_with(plan: Plan, control_units: float, *, effect: float | None = None) -> float:
    """Chance that the plan at another size sees an effect (the planned one) in one comparison, all looks taken."""
    return float(powers_with(plan, np.array([control_units]), plan.effect if effect is None else effect)[0])


def powers_with(plan: Plan, control_units: Values, effect: Values) -> Array:
    """(n,): `power_with` for several sizes, or for several effects, at once."""
    way = np.sign(effect * plan.effect)
    if not has_looks(plan):
        critical = normal_quantile(1 - plan.size.alpha / plan.tails)
        spread, difference = spread_at(plan, effect), way * np.abs(difference_at(plan, effect))
        return power_of(difference, spread, units=control_units, critical=critical, tails=plan.tails)
    drift = way * drift_at(plan, control_units, effect)
    return walk(plan.size.shares, plan.boundaries, tails=plan.tails).stopping(drift).rejects


def drift_at(plan: Plan, control_units: Values, effect: Values) -> Array:
    """Mean of Z at the end with so many units in the control arm, such that units_at gives the plan's power."""
    critical, target = normal_quantile(1 - plan.size.alpha / plan.tails), normal_quantile(plan.power)
    spread, plain = spread_at(plan, effect), critical + target
    needed = np.maximum(critical * spread.null + target * spread.real, TINY * plain * spread.null)
    return np.asarray(plain * np.abs(difference_at(plan, effect)) * np.sqrt(control_units) / needed)


def units_at(plan: Plan, effect: float, *, alpha: float) -> float:
    """Units of the control arm for one comparison of one look, not rounded."""
    critical = normal_quantile(1 - alpha / plan.tails)
    return float(units_for(difference_at(plan, effect), spread_at(plan, effect), critical=critical, power=plan.power))


def spread_at(plan: Plan, effect: Values) -> Spread:
    """Standard deviations of the smallest arm beside the control, what the past explains taken out."""
    left, ratio = math.sqrt(1 - plan.correlation**2), least_ratio(plan)
    if plan.spread is None:
        told = spread_of_rates(plan.baseline, plan.baseline + effect, ratio=ratio, method=plan.method)
    else:
        told = spread_of_means(plan.spread, ratio=ratio)
    return Spread(told.null * left, told.real * left)


def difference_at(plan: Plan, effect: Values) -> Values:
    """The effect as the plan's method measures it."""
    return (
        effect if plan.spread is not None else difference_of(plan.baseline, plan.baseline + effect, method=plan.method)
    )


def _for_every(plan: Plan, drift: float) -> float:
    """Units over those of the best arm alone, so that every arm is found at once."""
    from scipy.optimize import brentq

    if len(plan.split) == 2 or plan.power_of == "best":
        return 1.0
    return float(brentq(lambda growth: _chance_of_every(plan, drift, growth) - plan.power, 1e-6, 10.0, xtol=1e-10)) ** 2


def _chance_of_every(plan: Plan, drift: float, growth: float) -> float:
    """Chance that every arm is found when each has this growth of the drift.

    A rule for looks sees an arm about as one look does whose boundary lies where the plan's drift gives its power.
    """
    comparisons = len(plan.split) - 1
    if plan.many == "holm" and not has_looks(plan):
        steps = [normal_quantile(1 - plan.alpha / left / plan.tails) for left in range(comparisons, 0, -1)]
        return chance_of_all_in_steps(drift * growth, plan.split, criticals=steps, tails=plan.tails)
    critical = drift - normal_quantile(plan.power)
    return chance_of_all([drift * growth] * comparisons, plan.split, critical=critical, tails=plan.tails)


def _refuse_endless(units: float, mde: float) -> None:
    if not units < LARGEST:
        raise UserError(f"mde came as {mde:g}; it needs {units:.3g} units an arm: give a larger change.")


def _refuse_low_power(power: float, least: float) -> None:
    """A power that the formula promises without any units: what it then gives is tiny, and grows as the power falls."""
    if power < least:
        raise UserError(
            f"power came as {power:g}; no formula holds for it with arms as uneven and an effect as large as these: "
            f"allowed is {math.ceil(least * 100) / 100:g} or more, such as 0.8."
        )
