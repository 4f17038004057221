"""Two rates compared by the score test: the interval holds no effect exactly when the pooled z-test does not reject.

Source: Miettinen, Nurminen (1985), Statistics in Medicine 4(2), without their factor n / (n - 1), so that test and
interval say the same. Their variance under a difference or ratio is that of the rates which fit best under it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from martech_lib.core.stats import Difference, normal_cdf, normal_quantile


class Count(NamedTuple):
    """So many of n units."""

    hits: float
    n: float

    @property
    def rate(self) -> float:
        """Their share."""
        return self.hits / self.n


def wilson(count: Count, *, level: float) -> tuple[float, float]:
    """Both ends of the interval of one share: where its score test just rejects. Wilson (1927), JASA 22(158)."""
    square = normal_quantile((1 + level) / 2) ** 2
    middle = (count.hits + square / 2) / (count.n + square)
    half = math.sqrt(square * (count.rate * (1 - count.rate) * count.n + square / 4)) / (count.n + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def pooled_z(control: Count, treated: Count) -> float:
    """Z of the difference of two rates with the variance of the common one; 0 where nobody or everybody did."""
    common = (control.hits + treated.hits) / (control.n + treated.n)
    error = common * (1 - common) * (1 / control.n + 1 / treated.n)
    return (treated.rate - control.rate) / math.sqrt(error) if error > 0 else 0.0


def wald(control: Count, treated: Count, *, level: float) -> Difference:
    """The textbook interval of a difference of rates."""
    error = sum(arm.rate * (1 - arm.rate) / arm.n for arm in (control, treated))
    difference, half = treated.rate - control.rate, normal_quantile((1 + level) / 2) * math.sqrt(error)
    return Difference(difference, math.sqrt(error), difference - half, difference + half, _p(control, treated))


def score_difference(control: Count, treated: Count, *, level: float) -> Difference:
    """Difference of two rates, the interval by the score test."""
    difference = treated.rate - control.rate

    def z(supposed: float) -> float:
        base = _best_under_difference(control, treated, supposed)
        error = _error(control, treated, base, base + supposed)
        return _ratio_of(difference - supposed, error)

    lower, upper = _ends(z, difference, (-1.0, 1.0), level)
    return Difference(difference, wald(control, treated, level=level).se, lower, upper, _p(control, treated))


def score_lift(control: Count, treated: Count, *, level: float) -> Difference:
    """Relative difference of two rates, the interval by the score test (Koopman's); the upper end may be infinity."""
    ratio = treated.rate / control.rate if control.hits else math.inf

    def z(log: float) -> float:
        supposed = math.exp(log)
        base = _best_under_ratio(control, treated, supposed)
        error = _error(control, treated, base, supposed * base, weight=supposed)
        return _ratio_of(treated.rate - supposed * control.rate, error)

    middle = min(max(math.log(ratio) if ratio else -math.inf, -LOGS), LOGS)
    low, high = _ends(z, middle, (-LOGS, LOGS), level)
    lower = -1.0 if low <= -LOGS else math.expm1(low)
    upper = math.inf if high >= LOGS else math.expm1(high)
    parts = [(1 - arm.rate) / arm.hits for arm in (control, treated) if arm.hits]
    return Difference(ratio - 1, math.sqrt(sum(parts)), lower, upper, _p(control, treated))


def log_likelihood_of_ratio(control: Count, treated: Count, ratio: float) -> float:
    """Logarithm of the likelihood of two rates, the second `ratio` times the first."""
    base = _best_under_ratio(control, treated, ratio)
    return _log_likelihood(control, base) + _log_likelihood(treated, min(ratio * base, 1.0))


def misfit_of_ratio(control: Count, treated: Count, ratio: float) -> float:
    """Pearson's chi-square of two rates, the second `ratio` times the first."""
    base = _best_under_ratio(control, treated, ratio)
    rates = (base, min(ratio * base, 1.0))
    of = zip((control, treated), rates, strict=True)
    return sum((arm.hits - arm.n * rate) ** 2 / (arm.n * rate * (1 - rate)) for arm, rate in of if 0 < rate < 1)


def _log_likelihood(count: Count, rate: float) -> float:
    missed = count.n - count.hits
    if (count.hits and rate <= 0) or (missed and rate >= 1):
        return -math.inf
    hit = count.hits * math.log(rate) if count.hits else 0.0
    return hit + (missed * math.log1p(-rate) if missed else 0.0)


LOGS = 25.0  # logarithm of a ratio that stands for infinity


def _p(control: Count, treated: Count) -> float:
    return 2 * normal_cdf(-abs(pooled_z(control, treated)))


def _ends(z: Callable[[float], float], middle: float, room: tuple[float, float], level: float) -> tuple[float, float]:
    """Where z falls to plus and minus the critical value; an end of the room where it never does."""
    from scipy.optimize import brentq

    critical, (least, most) = normal_quantile((1 + level) / 2), room
    low, high = least, most
    if z(least) > critical:
        low = float(brentq(lambda at: z(at) - critical, least, middle, xtol=1e-12))
    if z(most) < -critical:
        high = float(brentq(lambda at: z(at) + critical, middle, most, xtol=1e-12))
    return low, high


def _ratio_of(gap: float, error: float) -> float:
    if error <= 0:
        return 0.0 if abs(gap) < 1e-15 else math.copysign(math.inf, gap)
    return gap / math.sqrt(error)


def _error(control: Count, treated: Count, base: float, other: float, *, weight: float = 1.0) -> float:
    return weight * weight * base * (1 - base) / control.n + other * (1 - other) / treated.n


def _best_under_difference(control: Count, treated: Count, supposed: float) -> float:
    """The control rate that fits best when the other is `supposed` above it: the root of a cubic."""
    both = control.n + treated.n
    a3 = both
    a2 = (treated.n + 2 * control.n) * supposed - both - control.hits - treated.hits
    a1 = (control.n * supposed - both - 2 * control.hits) * supposed + control.hits + treated.hits
    a0 = control.hits * supposed * (1 - supposed)
    third = a2 / (3 * a3)
    v = third**3 - a1 * a2 / (6 * a3 * a3) + a0 / (2 * a3)
    u = math.copysign(math.sqrt(max(third * third - a1 / (3 * a3), 0.0)), v)
    w = (math.pi + math.acos(min(1.0, max(-1.0, v / u**3 if u else 0.0)))) / 3
    base = 2 * u * math.cos(w) - third
    return min(max(base, max(0.0, -supposed)), min(1.0, 1 - supposed))


def _best_under_ratio(control: Count, treated: Count, supposed: float) -> float:
    """The control rate that fits best when the other is `supposed` times it: the root of a quadratic."""
    a = (control.n + treated.n) * supposed
    b = -((treated.n + control.hits) * supposed + treated.hits + control.n)
    c = control.hits + treated.hits
    base = (-b - math.sqrt(max(b * b - 4 * a * c, 0.0))) / (2 * a)
    return min(max(base, 0.0), min(1.0, 1 / supposed))
