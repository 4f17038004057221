"""Whom it worked for: effects by segment, held to one rate of false discoveries, and shrunken to what they share.

Sources: Benjamini, Hochberg (1995), JRSS B 57(1); Gelman (2006), Bayesian Analysis 1(3) for the spread between
segments, over which shrunken lifts are averaged; Fisher's exact test for each segment, for its holdout is small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.rates import Count, log_likelihood_of_ratio, misfit_of_ratio, score_difference, score_lift
from martech_lib.core.stats import Array, Difference, normal_quantile
from martech_lib.personalization.arms import Sides
from martech_lib.personalization.cells import Cells
from martech_lib.personalization.money import Range
from martech_lib.personalization.totals import conversions_by_segment

FEWEST_SHOWN = 10  # users of a segment, below which nothing of it is shown
FEWEST = 10  # users of a segment in an arm, below which it is not compared
FIRST = (3, 5)  # segments to begin with
NAMELESS = "no segment"
NOBODY = Count(0, 0)
SPREADS = np.linspace(0, 1, 41)  # of true log lifts between segments
USUAL = 0.5  # scale of a spread before anything is seen: half-normal


class Segment(NamedTuple):
    """One segment.

    Attributes:
        segment: Its name.
        holdout: Users who converted, of all in the holdout.
        treated: Of the personalized.
        difference: Of the conversion rates; None where refused.
        lift: Relative; None where refused.
        p: Two-sided p-value (Fisher); NaN where refused.
        q: p adjusted for all segments (Benjamini-Hochberg); NaN where refused.
        is_found: Whether q is at most the error allowed.
        shrunk: The lift, drawn to what all segments share; None where refused.
        is_declared: Whether it was named before the start.
        reason: Why it is refused, or what to know.
    """

    segment: str
    holdout: Count
    treated: Count
    difference: Difference | None = None
    lift: Difference | None = None
    p: float = math.nan
    q: float = math.nan
    is_found: bool = False
    shrunk: Range | None = None
    is_declared: bool = True
    reason: str = ""


class Segments(NamedTuple):
    """All segments.

    Attributes:
        lines: One a segment, largest first.
        differ: p-value of all segments having one lift (Pearson's chi-square); NaN where fewer than two are compared.
        withheld: Segments that are not shown: those of fewer than ten users, and one more where subtraction would tell.
        spread: Standard deviation of the true log lifts between segments, as estimated.
        advice: What to know about their number; "" where nothing.
    """

    lines: tuple[Segment, ...]
    differ: float
    withheld: int
    spread: float
    advice: str = ""

    @property
    def compared(self) -> tuple[Segment, ...]:
        """Those that could be compared."""
        return tuple(line for line in self.lines if line.difference is not None)


def segments_of(cells: Cells, sides: Sides, *, level: float, declared: Sequence[str] = ()) -> Segments:
    """Read every segment of a programme.

    Args:
        cells: What was counted.
        sides: The arms.
        level: Confidence level; what it leaves is the rate of false discoveries allowed.
        declared: Segments named before the start; () where none were.
    """
    holdout, treated = (conversions_by_segment(cells, arms) for arms in ((sides.holdout,), sides.treated))
    names = sorted({*holdout, *treated})
    if len(names) < 2:
        return Segments((), math.nan, 0, 0.0)
    pairs = {name: (holdout.get(name, NOBODY), treated.get(name, NOBODY)) for name in names}
    raw = [_raw(name, *pair, level=level, declared=declared) for name, pair in pairs.items()]
    shown = _shown(raw)
    read = _adjusted([line for line in shown if line.difference is not None], error=1 - level)
    shrunk, spread = _shrunken(read, level=level)
    rest = [line for line in shown if line.difference is None]
    lines = sorted([*shrunk, *rest], key=lambda line: (-_users(line), line.segment))
    return Segments(tuple(lines), _differ(shrunk), len(raw) - len(shown), spread, _advice(len(names)))


def _shown(raw: Sequence[Segment]) -> list[Segment]:
    """Segments that are no small ones; where what is left out could be had by subtraction, the next larger is, too."""
    by_size = sorted(raw, key=lambda line: (_users(line), line.segment))
    hidden = sum(_users(line) < FEWEST_SHOWN for line in by_size)
    while 0 < hidden < len(by_size) and (hidden < 2 or sum(map(_users, by_size[:hidden])) < FEWEST_SHOWN):
        hidden += 1
    return by_size[hidden:]


def _users(line: Segment) -> float:
    return line.holdout.n + line.treated.n


def frame_of(found: Segments) -> pd.DataFrame:
    """One row a segment: users and rates of both arms, difference, lift, p, q, found, shrunk lift, reason."""
    rows = [
        {
            "segment": line.segment, "holdout_users": _of_many(line.holdout, line.holdout.n),
            "treated_users": _of_many(line.treated, line.treated.n),
            "holdout_rate": _of_many(line.holdout, line.holdout.hits / max(line.holdout.n, 1)),
            "treated_rate": _of_many(line.treated, line.treated.hits / max(line.treated.n, 1)),
            **_ends("diff", line.difference), **_ends("lift", line.lift),
            "p": line.p, "q": line.q, "found": line.is_found, **_ends("shrunk", line.shrunk),
            "declared": line.is_declared, "reason": line.reason,
        }
        for line in found.lines
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_many(count: Count, value: float) -> float:
    """A number of so many users; none where there are fewer than can be compared."""
    return value if count.n >= FEWEST else math.nan


COLUMNS = [
    "segment", "holdout_users", "treated_users", "holdout_rate", "treated_rate", "diff", "diff_lower", "diff_upper",
    "lift", "lift_lower", "lift_upper", "p", "q", "found", "shrunk", "shrunk_lower", "shrunk_upper", "declared",
    "reason",
]  # fmt: skip


def _ends(name: str, of: Difference | Range | None) -> dict[str, float]:
    ends = (math.nan,) * 3 if of is None else (of.estimate, of.lower, of.upper)
    return dict(zip((name, f"{name}_lower", f"{name}_upper"), ends, strict=True))


def _raw(name: str, holdout: Count, treated: Count, *, level: float, declared: Sequence[str]) -> Segment:
    known = {one.strip().casefold() for one in declared}
    line = Segment(name or NAMELESS, holdout, treated, is_declared=not known or name.casefold() in known)
    for arm, of in (("holdout", holdout), ("personalized arm", treated)):
        if not of.n:
            return line._replace(reason=f"it has no users in the {arm}, so that there is nothing to compare")
        if of.n < FEWEST:
            return line._replace(reason=f"it has fewer than {FEWEST} users in the {arm}")
    if not holdout.hits + treated.hits:
        return line._replace(reason="nobody in it converted")
    note = "" if line.is_declared else "it was not named before the start, so that it is a hint to be tested"
    return line._replace(
        difference=score_difference(holdout, treated, level=level),
        lift=score_lift(holdout, treated, level=level) if holdout.hits else None,
        p=exact_p(holdout, treated),
        reason=note if holdout.hits else "nobody in its holdout converted, so that there is no relative difference",
    )


def exact_p(control: Count, treated: Count) -> float:
    """Fisher's exact p-value of two rates, both tails alike: twice the smaller one."""
    from scipy.special import gammaln

    hits, n = control.hits + treated.hits, control.n + treated.n
    least, most = max(0.0, hits - treated.n), min(hits, control.n)
    k = np.arange(least, most + 1)

    def ways(of: Array | float, some: Array | float) -> Array:
        return np.asarray(gammaln(np.add(of, 1)) - gammaln(np.add(some, 1)) - gammaln(np.subtract(of, some) + 1))

    chance = np.exp(ways(control.n, k) + ways(treated.n, hits - k) - ways(n, hits))
    below, above = float(chance[k <= control.hits].sum()), float(chance[k >= control.hits].sum())
    return min(1.0, 2 * min(below, above))


def benjamini_hochberg(p: Sequence[float]) -> tuple[float, ...]:
    """p-values adjusted so that those at most q hold a share q of false discoveries."""
    order = np.argsort(p, kind="stable")[::-1]
    many, least, found = len(p), 1.0, [1.0] * len(p)
    for place, index in enumerate(order):
        least = min(least, p[index] * many / (many - place))
        found[index] = least
    return tuple(found)


def _adjusted(lines: Sequence[Segment], *, error: float) -> list[Segment]:
    adjusted = benjamini_hochberg([line.p for line in lines])
    return [line._replace(q=q, is_found=q <= error) for line, q in zip(lines, adjusted, strict=True)]


def _shrunken(lines: Sequence[Segment], *, level: float) -> tuple[list[Segment], float]:
    """Each lift drawn to their mean, the more the less its own users say; averaged over how far lifts may differ."""
    if len(lines) < 2:
        return [line._replace(shrunk=_as_range(line.lift)) for line in lines], 0.0
    logs, errors = np.array([_log_of(line.holdout, line.treated) for line in lines]).T
    variance, between = errors**2, SPREADS[:, None] ** 2
    weights = 1 / (variance + between)
    together = weights.sum(axis=1, keepdims=True)
    means = (weights @ logs)[:, None] / together
    fits = (np.log(weights) - weights * (logs - means) ** 2).sum(axis=1) - np.log(together[:, 0])
    fits -= (SPREADS / USUAL) ** 2
    chance = np.exp((fits - fits.max()) / 2)
    chance /= chance.sum()
    own = between / (between + variance)  # how far each stands on its own users
    told = own * logs + (1 - own) * means
    middle = chance @ told
    half = normal_quantile((1 + level) / 2) * np.sqrt(
        chance @ (own * variance + (1 - own) ** 2 / together + (told - middle) ** 2)
    )
    ranges = [
        Range(*(math.expm1(end) for end in ends)) for ends in zip(middle, middle - half, middle + half, strict=True)
    ]
    return [line._replace(shrunk=of) for line, of in zip(lines, ranges, strict=True)], float(chance @ SPREADS)


def _as_range(of: Difference | None) -> Range | None:
    return None if of is None else Range(of.estimate, of.lower, of.upper)


def _log_of(holdout: Count, treated: Count) -> tuple[float, float]:
    """Logarithm of the ratio of two rates and its standard error.

    Where nobody or everybody of an arm converted, each has half a user more who did and half a one who did not: such a
    rate would have no error.
    """
    more = 0.0 if all(0 < of.hits < of.n for of in (holdout, treated)) else 0.5
    hits, n = (holdout.hits + more, treated.hits + more), (holdout.n + 2 * more, treated.n + 2 * more)
    log = math.log(hits[1] / n[1]) - math.log(hits[0] / n[0])
    return log, math.sqrt(sum(1 / h - 1 / m for h, m in zip(hits, n, strict=True)))


def _differ(lines: Sequence[Segment]) -> float:
    """p-value of one lift for all: Pearson's chi-square at the lift that fits best, good where few convert, too."""
    from scipy.optimize import minimize_scalar
    from scipy.special import chdtrc

    pairs = [(line.holdout, line.treated) for line in lines if line.holdout.hits + line.treated.hits]
    if len(pairs) < 2:
        return math.nan

    def lacks(log: float) -> float:
        return -sum(log_likelihood_of_ratio(*pair, math.exp(log)) for pair in pairs)

    best = float(minimize_scalar(lacks, bounds=(-5, 5), method="bounded", options={"xatol": 1e-9}).x)
    return float(chdtrc(len(pairs) - 1, sum(misfit_of_ratio(*pair, math.exp(best)) for pair in pairs)))


def _advice(many: int) -> str:
    if many <= FIRST[1]:
        return ""
    return (
        f"{many} segments: begin with {FIRST[0]} to {FIRST[1]}, for each further one has fewer users and needs a "
        "larger effect to be seen"
    )
