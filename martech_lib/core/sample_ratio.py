"""Whether users came into the arms as planned and by chance: looked at first, for a fault there falsifies the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.arms import Arm, Sums
from martech_lib.core.spoken import listed, number, percent
from martech_lib.core.stats import normal_cdf, uneven_split

STOPS = 0.001  # p below which nothing is read
LACKING = 0.05  # share of an arm's users of whom the past may be unknown for it to be compared
APART = 1e-5  # p below which arms were not one before: few users with large values in a small arm reach it by chance
DIGITS = 1e-7  # part of the squares of the past below which its spread is lost in the sums


class SampleRatio(NamedTuple):
    """The arms' users beside their planned shares.

    Attributes:
        p_value: Chance of arms this uneven when the split works (chi-square); NaN where there is an arm too many.
        passed: Whether it is at least STOPS; None where no planned share is known.
        arms: Arm -> users.
        planned: Arm -> planned share.
        arm: The arm that is furthest from its share; "" where it passes.
        day: The day on which the arms are most uneven; None where it passes.
        reason: What is wrong, in words; "" where nothing is.
    """

    p_value: float
    passed: bool | None
    arms: dict[str, int]
    planned: dict[str, float]
    arm: str = ""
    day: date | None = None
    reason: str = ""


def sample_ratio(counts: dict[str, int], shares: Sequence[float], by_day: pd.DataFrame) -> SampleRatio:
    """The check.

    Args:
        counts: Arm -> users, in the order of `shares`.
        shares: Planned share of each.
        by_day: day, arm, n.
    """
    if len(counts) > len(shares):
        came = listed([f"{arm} ({number(n)} users)" for arm, n in counts.items()], most=6)
        reason = f"the arms came as {came}, and the plan declares {len(shares)}: leave the others out, or plan them"
        return SampleRatio(math.nan, False, counts, dict(zip(counts, shares, strict=False)), reason=reason)
    planned = dict(zip(counts, shares, strict=True))
    p = uneven_split(np.array([*counts.values()], dtype=np.float64), np.array(shares))
    if p >= STOPS:
        return SampleRatio(p, True, counts, planned)
    arm, day = _furthest(counts, planned), _worst_day(by_day, planned)
    return SampleRatio(p, False, counts, planned, arm, day, _reason(counts, planned, arm, day))


def apart_before(arms: Sequence[Arm]) -> str:
    """What is wrong where an arm's past lies further from the control's than chance has it; "" where it does not.

    Believed is the larger of two variances: that of both arms together, so that a small arm without any of the rare
    values is not taken to vary less, and that of each arm, so that one with a few of them is not taken to be above.

    Args:
        arms: Control first.
    """
    control = _past_of(arms[0])
    for arm in arms[1:]:
        if any(_past_of(one).n_p < one.n * (1 - LACKING) for one in (arms[0], arm)):
            continue
        p = _p_of_past(control, _past_of(arm)) * (len(arms) - 1)
        if p < APART:
            first, second = (one.p / one.n_p for one in (control, _past_of(arm)))
            way = "above" if second > first else "below"
            return (
                f"the users of arm {arm.arm} were others before it began: their pre_value lies "
                f"{abs(second - first):,.4g} a user {way} the control's {first:,.6g} (p is below {APART:g}): "
                "find the fault in the assignment or the logging before anything is read"
            )
    return ""


def _past_of(arm: Arm) -> Sums:
    return next(iter(arm.sums.values()))


def _p_of_past(control: Sums, treated: Sums) -> float:
    """p-value of the two pasts being one."""
    if not (control.n_p and treated.n_p):
        return 1.0
    both = _spread(*(of + more for of, more in zip(_moments(control), _moments(treated), strict=True)))
    together = both * (1 / control.n_p + 1 / treated.n_p)
    apart = sum(_spread(*_moments(one)) / one.n_p for one in (control, treated))
    gap = treated.p / treated.n_p - control.p / control.n_p
    return 2 * normal_cdf(-abs(gap) / math.sqrt(max(together, apart))) if gap else 1.0


def _moments(of: Sums) -> tuple[float, float, float]:
    return of.n_p, of.p, of.pp


def _spread(n: float, total: float, squares: float) -> float:
    """Variance, as far as the sums hold it."""
    return max(squares / n - (total / n) ** 2, DIGITS * squares / n)


def has_spread(arm: Arm) -> bool:
    """Whether the past of an arm's users differs enough, beside its size, for sums to hold it."""
    sums = _past_of(arm)
    return sums.pp - sums.p**2 / arm.n > DIGITS * sums.pp


def _furthest(counts: dict[str, int], planned: dict[str, float]) -> str:
    """The arm that is furthest off; one without users before all others."""
    total = sum(counts.values())

    def distance(arm: str) -> float:
        return abs(counts[arm] - planned[arm] * total) / (planned[arm] * total) ** 0.5

    return max(counts, key=lambda arm: (not counts[arm], distance(arm), arm))


def _worst_day(by_day: pd.DataFrame, planned: dict[str, float]) -> date | None:
    """The day whose arms are least likely."""
    if by_day.empty:
        return None
    table = by_day.pivot_table(index="day", columns="arm", values="n", aggfunc="sum", fill_value=0)
    counts = table.reindex(columns=list(planned), fill_value=0).to_numpy(dtype=np.float64)
    shares = np.array([*planned.values()])
    expected = counts.sum(axis=1, keepdims=True) * shares / shares.sum()
    off = ((counts - expected) ** 2 / np.maximum(expected, 1e-9)).sum(axis=1)
    return pd.Timestamp(table.index[int(off.argmax())]).date()


def _reason(counts: dict[str, int], planned: dict[str, float], arm: str, day: date | None) -> str:
    share = counts[arm] / sum(counts.values())
    when = f"; the arms are most uneven on {day:%-d %b %Y}" if day else ""
    return (
        f"arm {arm} has {number(counts[arm])} users, {percent(share)} in place of {percent(planned[arm])} "
        f"(p is below {STOPS:g}){when}: find the fault in the assignment or the logging before anything is read"
    )
