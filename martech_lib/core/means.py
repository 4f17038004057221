"""Two means compared where outcomes may be skewed, as revenue is; test, difference and lift always say the same.

Arms of like size are compared by Welch's t: the skewness of one takes out that of the other. In a small arm beside a
large one it does not cancel, and Welch's interval misses the true value two or three times as often as it says, nearly
always on one side: a small arm without a large order has a low mean and a low variance at once. There the arms are
compared by the logarithm of their ratio, and the small arm is not believed to vary less, relative to its mean, than
both arms together do.

Sources: Welch (1947), Biometrika 34; Fieller (1954), JRSS B 16(2) (lift as every ratio that the test does not reject).
The choice between the two forms and its coverage: docs/methods.md.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from martech_lib.core.stats import Difference, Sample, freedom_of, growth, student_p, student_quantile, welch

LIKE = 0.5  # units of the smaller arm over the larger from which they are of like size
FIRM = 1.5  # standard error of the log ratio, beyond which its interval spans factors of hundreds


class Compared(NamedTuple):
    """Two means compared.

    Attributes:
        difference: In the metric's unit.
        lift: Relative to the first mean; NaN where that is not above 0.
        method: In words.
    """

    difference: Difference
    lift: Difference
    method: str


def compared(control: Sample, treated: Sample, *, level: float) -> Compared:
    """The second mean beside the first."""
    is_like = min(control.n, treated.n) >= LIKE * max(control.n, treated.n)
    if is_like or min(control.mean, treated.mean) <= 0 or _log_error(control, treated) > FIRM:
        return by_welch(control, treated, level=level)
    return _by_ratio(control, treated, level=level)


def by_welch(control: Sample, treated: Sample, *, level: float) -> Compared:
    """The second mean beside the first by Welch's t, for arms of like size or with many users of worth."""
    return Compared(welch(control, treated, level=level), _fieller(control, treated, level=level), "Welch's t-test")


def _by_ratio(control: Sample, treated: Sample, *, level: float) -> Compared:
    """By the logarithm of the ratio; the difference is anchored in the mean of the larger arm."""
    se = _log_error(control, treated)
    log, df = math.log(treated.mean / control.mean), freedom_of(control, treated)
    half = student_quantile((1 + level) / 2, df) * se
    p = student_p(log, se, df)

    def gap(of: float) -> float:
        return control.mean * growth(of) if control.n > treated.n else -treated.mean * growth(-of)

    difference = Difference(
        treated.mean - control.mean, se * abs(gap(1e-6)) / 1e-6, gap(log - half), gap(log + half), p
    )
    lift = Difference(growth(log), se, growth(log - half), growth(log + half), p)
    return Compared(difference, lift, "log-ratio test for arms of unlike size")


def _log_error(control: Sample, treated: Sample) -> float:
    """Standard error of the log ratio; the small arm is not believed to vary less than both together."""
    own = [arm.var / arm.mean**2 for arm in (control, treated)]
    both = (control.n * own[0] + treated.n * own[1]) / (control.n + treated.n)
    apart = own[0] / control.n + own[1] / treated.n
    return math.sqrt(max(apart, both / control.n + both / treated.n))


def _fieller(control: Sample, treated: Sample, *, level: float) -> Difference:
    """Every relative difference that Welch's test does not reject; without an end where none is."""
    plain = welch(control, treated, level=level)
    if control.mean <= 0:
        return Difference(math.nan, math.nan, math.nan, math.nan, plain.p)
    far = student_quantile((1 + level) / 2, freedom_of(control, treated))
    ratio = treated.mean / control.mean
    own, other = (far * math.sqrt(arm.error) / control.mean for arm in (control, treated))
    a, c = 1 - own * own, ratio * ratio - other * other
    root = math.sqrt(max(ratio * ratio - a * c, 0.0))
    ends = ((ratio - root) / a, (ratio + root) / a) if a > 0 else (-math.inf, math.inf)
    se = math.sqrt(treated.error + ratio * ratio * control.error) / control.mean
    return Difference(ratio - 1, se, ends[0] - 1, ends[1] - 1, plain.p)
