"""How many units a comparison of two arms needs, what it can see with those it has, and how often it would see it.

Units are those of the control arm; the other arm has `ratio` times as many.

Sources: Fleiss, Levin, Paik (2003), Statistical Methods for Rates and Proportions, ch. 4 (pooled, unpooled); Cohen
(1988), Statistical Power Analysis, ch. 6 (h); Evan Miller's calculator (null variance of the control rate alone);
GrowthBook's planner (linearised lift of two means).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from martech_lib.core.stats import Array, normal_cdf, normal_quantile

METHODS = ("pooled", "unpooled", "cohen_h", "evan_miller")
TAIL = 9.0  # standard deviations of a count beyond which it is left out of an exact sum
HALVINGS = 50  # of the room of a rate, until floating point has no more to tell apart
Values: TypeAlias = float | Array  # one, or many at once


class Spread(NamedTuple):
    """Standard deviation of the difference of two arms, times the root of the control arm's units.

    Attributes:
        null: Where there is no effect, by which the test judges.
        real: Where there is the effect.
    """

    null: Values
    real: Values


def spread_of_rates(control: float, treated: Values, *, ratio: float = 1.0, method: str = "pooled") -> Spread:
    """Of two rates, fractions between 0 and 1. `cohen_h` is of the difference of arcsines, see `difference_of`.

    `evan_miller` takes a rate above one half for the share that does not, with a rise of as much, as its page does.
    """
    if method == "evan_miller" and control > 0.5:
        control, treated = 1 - control, 1 - control + np.abs(treated - control)
    real = np.sqrt(control * (1 - control) + treated * (1 - treated) / ratio)
    if method == "unpooled":
        return Spread(real, real)
    if method == "cohen_h":
        one = math.sqrt(1 + 1 / ratio)
        return Spread(one, one)
    rate = control if method == "evan_miller" else (control + ratio * treated) / (1 + ratio)
    return Spread(np.sqrt(rate * (1 - rate) * (1 + 1 / ratio)), real)


def spread_of_means(sd: float, *, ratio: float = 1.0) -> Spread:
    """Of two means of one standard deviation."""
    one = sd * math.sqrt(1 + 1 / ratio)
    return Spread(one, one)


def difference_of(control: float, treated: Values, *, method: str = "pooled") -> Values:
    """The difference as the method measures it: of rates, or of their arcsines (Cohen's h)."""
    if method == "cohen_h":
        return np.asarray(2 * np.arcsin(np.sqrt(treated)) - 2 * math.asin(math.sqrt(control)))
    return treated - control


def units_for(difference: Values, spread: Spread, *, critical: float, power: float) -> Values:
    """Units of the control arm, not rounded, so that |Z| > critical with this power.

    See `seen_without_units` for a power that is too low for it.
    """
    return ((critical * spread.null + normal_quantile(power) * spread.real) / difference) ** 2


def seen_without_units(spread: Spread, *, critical: float, tails: int = 2) -> float:
    """Power below which `units_for` has no meaning: the formula promises as much with no units at all.

    Where the arms vary much more with the effect than without (a fall in a control that is a small part of all), that
    is far above alpha. From one half on the formula holds whatever the arms.
    """
    return min(tails * normal_cdf(-critical * float(spread.null / spread.real)), 0.5)


def power_of(difference: Values, spread: Spread, *, units: Values, critical: float, tails: int = 2) -> Array:
    """Probability that the test sees a difference with so many units in the control arm.

    With one tail the difference is that in the direction which is looked for, negative in the other.
    """
    from scipy.special import ndtr

    moved, edge = difference * np.sqrt(units), critical * spread.null
    right = ndtr((moved - edge) / spread.real)
    return np.asarray(right + ndtr((-moved - edge) / spread.real) if tails == 2 else right)


def units_for_rates(
    control: float, treated: float, *, ratio: float = 1.0, critical: float, power: float, method: str = "pooled"
) -> float:
    """`units_for` two rates by one of METHODS, not rounded."""
    spread = spread_of_rates(control, treated, ratio=ratio, method=method)
    return float(units_for(difference_of(control, treated, method=method), spread, critical=critical, power=power))


def least_rate_seen(
    control: float, units: float, *, ratio: float = 1.0, critical: float, power: float
) -> tuple[float, float]:
    """The smallest fall and the smallest rise of a rate that so many units see; NaN where even 0 or 1 is not seen.

    Returns:
        (fall, rise), both as positive differences; pooled variance.
    """
    from scipy.optimize import brentq

    def lacks(difference: float) -> float:
        needs = units_for_rates(control, control + difference, ratio=ratio, critical=critical, power=power)
        return math.log(needs / units)

    def least(most: float) -> float:
        near, far = math.copysign(1e-9, most), most * (1 - 1e-9)
        return abs(float(brentq(lacks, near, far))) if lacks(far) < 0 < lacks(near) else math.nan

    return least(-control), least(1 - control)


def least_change_seen(
    control: float, most: float, units: Array, *, ratio: float, errors: tuple[float, float], method: str
) -> Array:
    """(n,): the smallest change of a rate that each number of units sees, all at once, by one of METHODS.

    Args:
        control: The rate that it changes from.
        most: The largest change, to 0 or to 1; its sign is that of what is found.
        units: Units of the control arm.
        ratio: Units of the other arm for each of the control.
        errors: |Z| beyond which the test rejects, and the power.
        method: How a size is counted.

    Returns:
        NaN where even the largest change is not seen. By bisection, for the demand falls as the change grows.
    """
    (critical, power), root = errors, np.sqrt(units)
    low, high = np.zeros_like(units), np.full_like(units, most)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        treated = np.clip(control + middle, 0.0, 1.0)
        spread = spread_of_rates(control, treated, ratio=ratio, method=method)
        needed = critical * spread.null + normal_quantile(power) * spread.real
        is_seen = np.abs(difference_of(control, treated, method=method)) * root >= needed
        low, high = np.where(is_seen, low, middle), np.where(is_seen, middle, high)
    return np.where(np.abs(high) >= abs(most) * (1 - 1e-12), np.nan, high)


def power_of_lift(lift: float, *, mean: float, var: float, units: float, critical: float) -> float:
    """Probability that the linearised lift of two means is told from 0, as GrowthBook's planner counts it.

    Args:
        lift: The relative effect.
        mean: The control's mean.
        var: Variance by unit, the same in both arms.
        units: Units of each arm.
        critical: |Z| beyond which it is.
    """
    z = lift / math.sqrt(var / units / mean**2 * (1 + (1 + lift) ** 2))
    return normal_cdf(z - critical) + normal_cdf(-z - critical)


def least_lift_seen(*, mean: float, var: float, units: float, critical: float, power: float) -> float:
    """The smallest relative rise that `power_of_lift` sees, wrong side apart; NaN where none is."""
    k = (critical + normal_quantile(power)) ** 2 * var / units / mean**2
    return (1 + math.sqrt(k * (2 - k))) / (1 - k) - 1 if k < 1 else math.nan


def exact_power(control: float, treated: float, units: tuple[int, int], *, alpha: float) -> float:
    """Probability that the pooled two-sided z-test rejects, summed over all pairs of counts.

    Args:
        control: Rate of the first arm.
        treated: Rate of the second.
        units: Units of the two.
        alpha: Two-sided error rate.
    """
    counts = [_likely(rate, n) for rate, n in zip((control, treated), units, strict=True)]
    (few, p_few), (many, p_many) = counts
    a, b = few[:, None], many[None, :]
    pooled = (a + b) / sum(units)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / units[0] + 1 / units[1]))
    rejects = np.abs(b / units[1] - a / units[0]) > normal_quantile(1 - alpha / 2) * spread
    return float(p_few @ rejects @ p_many)


def _likely(rate: float, units: int) -> tuple[npt.NDArray[Any], Array]:
    """Counts within TAIL standard deviations of the mean, and their probabilities."""
    from scipy.stats import binom

    half = TAIL * math.sqrt(units * rate * (1 - rate)) + TAIL
    low, high = max(0, math.floor(units * rate - half)), min(units, math.ceil(units * rate + half))
    counts = np.arange(low, high + 1)
    return counts, np.asarray(binom.pmf(counts, units, rate))
