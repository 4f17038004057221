"""Arithmetic from sufficient statistics: what group totals say of the uncertainty of a number."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
LARGEST_LOG = 700.0  # of a number that can be held


class Interval(NamedTuple):
    """Standard errors and confidence limits, one an estimate, all in the estimate's unit."""

    se: Array
    lower: Array
    upper: Array


def normal_quantile(share: float) -> float:
    """The number of standard deviations below which a normal variable lies with this probability, 0 to 1."""
    return NormalDist().inv_cdf(share)


def normal_cdf(deviations: float) -> float:
    """The probability that a normal variable lies below so many standard deviations."""
    return 0.5 * math.erfc(-deviations / math.sqrt(2))


def without_each(groups: npt.NDArray[Any]) -> Array:
    """The whole, then the whole without each group, of sums that stand along axis 0 by group: (G, ...) -> (1 + G, ...).

    Sums without a group are differences, so whole numbers stay exact.
    """
    whole = np.asarray(groups, dtype=np.float64).sum(axis=0)
    return np.concatenate([whole[None], whole[None] - groups])


def jackknife(estimates: Array, *, level: float) -> Interval:
    """Delete-a-group jackknife of totals.

    Args:
        estimates: (1 + G, ...): the estimate from everything, then from everything but each group. A total without a
            group is raised by G / (G - 1), for it lacks that group's part.
        level: Confidence level, 0 to 1.

    Source: Kott (2001), The delete-a-group jackknife, Journal of Official Statistics 17(4): Student's t with G - 1
    degrees of freedom.
    """
    from scipy.special import stdtrit

    groups = len(estimates) - 1
    whole, left = estimates[0], estimates[1:] * (groups / (groups - 1))
    se = np.sqrt((groups - 1) / groups * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    half = stdtrit(groups - 1, (1 + level) / 2) * se
    return Interval(se, whole - half, whole + half)


def jackknife_ratio(above: Array, below: Array, *, level: float) -> Interval:
    """Delete-a-group jackknife of a ratio of two totals, which needs no raising: see `jackknife`."""
    groups = len(above) - 1
    raised = np.concatenate([[1.0], np.full(groups, (groups - 1) / groups)])
    return jackknife(above / below * raised, level=level)


class Sample(NamedTuple):
    """What one arm's units say of a mean.

    Attributes:
        n: Units.
        mean: Their mean.
        var: Their variance (n - 1).
        skew: Their third central moment over the variance to the power 1.5; 0 where unknown.
    """

    n: float
    mean: float
    var: float
    skew: float = 0.0

    @property
    def error(self) -> float:
        """Variance of the mean."""
        return self.var / self.n


class Difference(NamedTuple):
    """A difference of two arms, or the relative one.

    Attributes:
        estimate: The second arm less the first; over the first where relative.
        se: Its standard error (of the log ratio where relative).
        lower: Lower end of its interval.
        upper: Upper end.
        p: Two-sided p-value of no difference.
    """

    estimate: float
    se: float
    lower: float
    upper: float
    p: float


def of_sums(n: float, total: float, squares: float, *, cubes: float = math.nan) -> Sample:
    """A Sample from the sum, the sum of squares and, where there is one, of cubes."""
    mean = total / n
    var = max(squares - total * mean, 0.0) / (n - 1)
    if math.isnan(cubes) or var <= 0:
        return Sample(n, mean, var)
    third = cubes / n - 3 * mean * squares / n + 2 * mean**3
    return Sample(n, mean, var, third / var**1.5)


def of_count(n: float, count: float) -> Sample:
    """A Sample of a rate: so many of n."""
    rate = count / n
    return Sample(n, rate, rate * (1 - rate) * n / (n - 1))


def of_ratio(top: Sample, bottom: Sample, cov: float) -> Sample:
    """A ratio of two means of the same units by the delta method: cov is their covariance by unit.

    Source: Deng, Knoblich, Lu (2018), KDD, Applying the Delta Method in Metric Analytics.
    """
    ratio = top.mean / bottom.mean
    var = (top.var - 2 * ratio * cov + ratio * ratio * bottom.var) / bottom.mean**2
    return Sample(top.n, ratio, max(var, 0.0))


class Paired(NamedTuple):
    """An outcome beside what was known of each unit before: both Samples and their covariance by unit."""

    after: Sample
    before: Sample
    cov: float


def adjusted(control: Paired, treated: Paired) -> tuple[Sample, Sample]:
    """Both arms with what the time before explains taken out (CUPED), one slope for both.

    Source: Deng, Xu, Kohavi, Walker (2013), WSDM. The slope is that within the arms, so that an effect does not bend
    it.
    """
    arms = (control, treated)
    within = sum((arm.after.n - 1) * arm.cov for arm in arms)
    spread = sum((arm.after.n - 1) * arm.before.var for arm in arms)
    slope = within / spread if spread > 0 else 0.0
    middle = sum(arm.after.n * arm.before.mean for arm in arms) / sum(arm.after.n for arm in arms)
    first, second = (_without_slope(arm, slope, middle) for arm in arms)
    return first, second


def _without_slope(arm: Paired, slope: float, middle: float) -> Sample:
    mean = arm.after.mean - slope * (arm.before.mean - middle)
    var = arm.after.var - 2 * slope * arm.cov + slope * slope * arm.before.var
    return Sample(arm.after.n, mean, max(var, 0.0))


def welch(control: Sample, treated: Sample, *, level: float) -> Difference:
    """Difference of two means whose variances may differ, by Welch's t."""
    error = control.error + treated.error
    se, df = math.sqrt(error), _freedom(error, control.error, treated.error, (control.n, treated.n))
    difference = treated.mean - control.mean
    half = student_quantile((1 + level) / 2, df) * se
    return Difference(difference, se, difference - half, difference + half, student_p(difference, se, df))


def lift(control: Sample, treated: Sample, *, level: float) -> Difference:
    """Relative difference of two means above 0, by the delta method for the logarithm of their ratio."""
    first, second = (arm.error / arm.mean**2 for arm in (control, treated))
    error = first + second
    se, df = math.sqrt(error), _freedom(error, first, second, (control.n, treated.n))
    log = math.log(treated.mean / control.mean)
    half = student_quantile((1 + level) / 2, df) * se
    return Difference(growth(log), se, growth(log - half), growth(log + half), student_p(log, se, df))


def growth(log: float) -> float:
    """The relative difference that the logarithm of a ratio is; infinity where no number is as large."""
    return math.expm1(log) if log < LARGEST_LOG else math.inf


def lift_by_difference(control: Sample, treated: Sample, *, level: float) -> Difference:
    """Relative difference with the interval of the linearised ratio, as some published engines give it."""
    ratio = treated.mean / control.mean
    error = (treated.error + ratio * ratio * control.error) / control.mean**2
    se = math.sqrt(error)
    half = normal_quantile((1 + level) / 2) * se
    p = 2 * normal_cdf(-abs(ratio - 1) / se) if se else math.nan
    return Difference(ratio - 1, se, ratio - 1 - half, ratio - 1 + half, p)


def uneven_split(counts: Array, shares: Array) -> float:
    """Chance of arms as far from their planned shares as these are (chi-square); (A,) counts and shares."""
    from scipy.special import chdtrc

    planned = counts.sum() * shares / shares.sum()
    return float(chdtrc(len(counts) - 1, ((counts - planned) ** 2 / planned).sum()))


def student_quantile(share: float, freedom: float) -> float:
    """The Student t below which this share lies; the normal one where the degrees of freedom are many."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share)) if freedom < 1e6 else normal_quantile(share)


def student_p(estimate: float, se: float, freedom: float) -> float:
    """Two-sided p-value of an estimate and its standard error."""
    from scipy.special import stdtr

    if se == 0:
        return 0.0 if estimate else 1.0
    return 2 * float(stdtr(freedom, -abs(estimate) / se))


def freedom_of(control: Sample, treated: Sample) -> float:
    """Degrees of freedom of the difference of two means by Welch and Satterthwaite."""
    error = control.error + treated.error
    return _freedom(error, control.error, treated.error, (control.n, treated.n))


def _freedom(error: float, first: float, second: float, units: tuple[float, float]) -> float:
    """Degrees of freedom by Welch and Satterthwaite."""
    if error <= 0:
        return math.inf
    return 1 / sum((part / error) ** 2 / (n - 1) for part, n in zip((first, second), units, strict=True))
