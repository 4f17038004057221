"""Two means of skewed values compared by a studentised permutation test, and every lift and difference it allows.

Most users of an arm are worth nothing, so that only those who are worth something are dealt anew. Under a lift that is
supposed, the second arm's values are divided by it, which leaves nothing nothing; what an arm then gets is a sum of
values of the first arm and a sum of those of the second. So both are kept apart, and one deal of the values answers
for every lift: an interval costs no more deals than a test.

The test is studentised: it compares means also where the arms differ otherwise (in spread, in how many are worth
something), for which a plain permutation test is wrong. Both tails are held to half the error each.

Sources: Janssen (1997), Statistics & Probability Letters 36; Chung, Romano (2013), Annals of Statistics 41(2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from martech_lib.core.stats import Array, Difference

FARTHEST = 12.0  # logarithm of a ratio beyond which no end is looked for
HALVINGS = 26  # of that: ends to the seventh digit of a ratio
DUST = 1e-9  # part of a sum, or of a standard error, that is rounding
Tails = Callable[[float], tuple[float, float]]  # of what is supposed: chances of as low, and of as high a value


class Worth(NamedTuple):
    """What one arm's users are worth.

    Attributes:
        n: Users.
        values: Of those who are worth anything, in any order.
    """

    n: int
    values: Array

    @property
    def mean(self) -> float:
        """By user."""
        return float(self.values.sum()) / self.n


class Part(NamedTuple):
    """Sums of what an arm got, apart by the arm that it came from; one number, or one a deal.

    Attributes:
        first: Sum of the values that are the first arm's.
        second: Sum of those that are the second's.
        squares: Of the first arm's values.
        others: Of the second's.
    """

    first: Array
    second: Array
    squares: Array
    others: Array


class Permuted(NamedTuple):
    """The test, and what it allows.

    Attributes:
        difference: Of the means by user, the second less the first.
        lift: Relative; without an upper end where the first arm's mean cannot be told from none.
        draws: How many deals.
    """

    difference: Difference
    lift: Difference
    draws: int


class _Dealt(NamedTuple):
    """The arms, what the smaller one got in every deal, and what both hold together."""

    control: Worth
    treated: Worth
    smaller: Part
    whole: Part


def permuted(control: Worth, treated: Worth, *, level: float, draws: int = 10_000, seed: int = 0) -> Permuted:
    """Compare two means above 0.

    Args:
        control: The first arm.
        treated: The second.
        level: Confidence level.
        draws: How often the values are dealt anew.
        seed: Of the deals.

    Raises:
        ValueError: A mean is not above 0.
    """
    if min(control.mean, treated.mean) <= 0:
        raise ValueError(f"means came as {control.mean} and {treated.mean}; both must be above 0.")
    dealt = _dealt(control, treated, draws, np.random.default_rng(seed))
    error = (1 - level) / 2
    low, high = _tails(dealt, 0.0, is_lift=True)
    p = min(1.0, 2 * min(low, high))
    gap, log = treated.mean - control.mean, math.log(treated.mean / control.mean)
    of_lift = _ends(lambda supposed: _tails(dealt, supposed, is_lift=True), log, error)
    lower, upper = _ends(lambda supposed: _tails(dealt, supposed, is_lift=False), log, error)
    spread = math.sqrt(_error(control) + _error(treated))
    relative = math.sqrt(_error(control) / control.mean**2 + _error(treated) / treated.mean**2)
    return Permuted(
        Difference(gap, spread, _as_gap(lower, treated), _as_gap(upper, treated), p),
        Difference(math.expm1(log), relative, _as_lift(of_lift[0]), _as_lift(of_lift[1]), p),
        draws,
    )


def _as_gap(log: float, treated: Worth) -> float:
    return -treated.mean * math.expm1(-log) if math.isfinite(log) else log


def _as_lift(log: float) -> float:
    return math.expm1(log)


def _error(arm: Worth) -> float:
    """Variance of an arm's mean."""
    squares, mean = float(np.square(arm.values).sum()), arm.mean
    apart = squares - arm.n * mean * mean
    return apart / (arm.n - 1) / arm.n if apart > DUST * squares else 0.0


def _dealt(control: Worth, treated: Worth, draws: int, rng: np.random.Generator) -> _Dealt:
    """Deal the values: the smaller arm gets each number of them as often as chance has it, and each one alike."""
    worth = np.concatenate([control.values, treated.values])
    is_first = np.arange(len(worth)) < len(control.values)
    columns = np.where(is_first, worth, 0.0), np.where(is_first, 0.0, worth)
    n = min(control.n, treated.n)
    many = rng.hypergeometric(len(worth), control.n + treated.n - len(worth), n, size=draws)
    got = np.empty((4, draws))
    for draw, count in enumerate(many.tolist()):
        places = rng.choice(len(worth), count, replace=False, shuffle=False)
        for of, column in enumerate(columns):
            dealt = column.take(places)
            got[of, draw], got[of + 2, draw] = dealt.sum(), np.square(dealt, out=dealt).sum()
    whole = Part(*(column.sum() for column in columns), *(np.square(column).sum() for column in columns))
    return _Dealt(control, treated, Part(*got), whole)


def _tails(dealt: _Dealt, log: float, *, is_lift: bool) -> tuple[float, float]:
    """Chances of a value as low, and of one as high, as was seen, where the ratio of the means is this logarithm.

    Args:
        dealt: The deals.
        log: Logarithm of the ratio that is supposed.
        is_lift: Whether the ratio is tested; else the difference that it makes of the second arm's mean, whose
            uncertainty then counts in full.
    """
    control, treated = dealt.control, dealt.treated
    scale = math.exp(-log)
    is_first = control.n <= treated.n
    sizes = (control.n, treated.n) if is_first else (treated.n, control.n)
    fell = _studentised(dealt.smaller, dealt.whole, sizes, scale)
    fell = fell if is_first else -fell
    spread = _error(control) + _error(treated) * (scale * scale if is_lift else 1.0)
    share, gap = 1 / (len(fell) + 1), treated.mean * scale - control.mean
    if not spread:  # the users of each arm are worth the same
        is_none = abs(gap) <= DUST * control.mean
        return max(share, float(gap > 0 or is_none)), max(share, float(gap < 0 or is_none))
    seen = gap / math.sqrt(spread)
    slack = DUST * max(1.0, abs(seen))
    return share * (1 + int((fell <= seen + slack).sum())), share * (1 + int((fell >= seen - slack).sum()))


def _studentised(part: Part, whole: Part, sizes: tuple[int, int], scale: float) -> Array:
    """Mean of what is left less mean of the part, over its standard error; 0 where nothing differs."""
    n, m = sizes
    total, squares = part.first + scale * part.second, part.squares + scale * scale * part.others
    rest = whole.first + scale * whole.second - total
    rest_squares = whole.squares + scale * scale * whole.others - squares
    errors = (squares - total * total / n) / (n - 1) / n + (rest_squares - rest * rest / m) / (m - 1) / m
    gap = rest / m - total / n
    return np.divide(gap, np.sqrt(np.maximum(errors, 0.0)), out=np.zeros_like(gap), where=errors > 0)


def _ends(tails: Tails, middle: float, error: float) -> tuple[float, float]:
    """The least and the largest logarithm of a ratio that is not rejected; infinite where none is."""
    return (
        _end(lambda log: tails(log)[1] > error, middle, middle - FARTHEST),
        _end(lambda log: tails(log)[0] > error, middle, middle + FARTHEST),
    )


def _end(is_allowed: Callable[[float], bool], inner: float, outer: float) -> float:
    """Where what is allowed ends, going outwards.

    No effect is looked at first: few deals may allow and refuse by turns, and interval and test must say the same.
    """
    if min(inner, outer) < 0 < max(inner, outer):
        inner, outer = (0.0, outer) if is_allowed(0.0) else (inner, 0.0)
    if is_allowed(outer):
        return math.copysign(math.inf, outer - inner)
    for _ in range(HALVINGS):
        middle = (inner + outer) / 2
        inner, outer = (middle, outer) if is_allowed(middle) else (inner, middle)
    return inner
