"""What was measured elsewhere, at another time and another spend, carried over to the period: with a wider interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np

from martech_lib.core.spoken import count, day, number, percent
from martech_lib.core.stats import normal_quantile

ELASTICITY, ELASTICITY_SD = 0.6, 0.15  # conversions go with spend to this power, where nothing else is known
DRIFT = 0.1  # a month's wandering of a channel's effect: standard deviation of the logarithm
MONTH = 365.25 / 12
EXPOSED = ("conversion lift", "audience holdout")  # these compare people with the channel to people without it
NEARLY_OFF = 0.95
LEAST_CHANGE = 0.1  # of the spend, for a test that changes it


class Moved(NamedTuple):
    """Another spend's effect at this period's: factor, standard deviation of its logarithm, and how in words."""

    factor: float
    sd: float
    how: str


class Scaled(NamedTuple):
    """A lift test as the whole market's conversions of the period."""

    estimate: float
    lower: float
    upper: float
    how: str


@dataclass(frozen=True, kw_only=True)
class Lift:
    """A lift test as it was read.

    Attributes:
        estimate: Incremental conversions over the test, in its scope.
        lower: Lower end of its interval.
        upper: Upper end.
        level: Level of that interval.
        start: First day.
        end: Last day.
        method: As in the table `lift_tests`.
        share: Part of the market tested; None for all of it.
        spend_change: Change of spend over the test; None where unknown.
        baseline_spend: Spend that would have been usual there; None where unknown.
    """

    estimate: float
    lower: float
    upper: float
    level: float
    start: date
    end: date
    method: str
    share: float | None = None
    spend_change: float | None = None
    baseline_spend: float | None = None

    @property
    def days(self) -> int:
        """How long it ran."""
        return max((self.end - self.start).days + 1, 1)


def ageing(months: float) -> float:
    """Standard deviation of the logarithm that an estimate gains by standing so many months."""
    return float(DRIFT * np.sqrt(max(months, 0.0)))


def at_spend(then: float | None, now: float | None) -> Moved:
    """What another spend does to an effect, by the usual elasticity."""
    if not then or not now:
        return Moved(1.0, 0.0, "as its spend is not known, taken at the same spend")
    ratio = float(np.log(now / then))
    if abs(ratio) < 0.01:
        return Moved(1.0, 0.0, "at the same spend")
    said = f"spend {percent(abs(now / then - 1), 0)} {'higher' if ratio > 0 else 'lower'} now"
    return Moved(float(np.exp(ELASTICITY * ratio)), ELASTICITY_SD * abs(ratio), said)


def lift_of_all(lift: Lift, *, days: int, spend: float | None, until: date | None) -> Scaled:
    """A lift test as what the channel brings to the whole market in the period.

    Args:
        lift: The test.
        days: Days of the period.
        spend: Money spent on the channel in the period; None where unknown.
        until: Last day of the period, from which the test's age is counted.
    """
    scale = days / lift.days / (lift.share or 1.0)
    part, part_sd, told = _part(lift)
    then = None if lift.baseline_spend is None else lift.baseline_spend * scale
    moved = at_spend(then, spend)
    months = 0.0 if until is None else abs((until - lift.end).days) / MONTH
    factor = scale * moved.factor / part
    extra = float(np.sqrt(ageing(months) ** 2 + moved.sd**2 + part_sd**2))
    # A test that found nothing has only its width to say what size of effect it speaks of.
    size = max(abs(lift.estimate), (lift.upper - lift.lower) / 2)
    half = normal_quantile((1 + lift.level) / 2) * extra * size
    low = lift.estimate - np.hypot(lift.estimate - lift.lower, half)
    high = lift.estimate + np.hypot(lift.upper - lift.estimate, half)
    scope = "the whole market" if not lift.share or lift.share >= 1 else f"{percent(lift.share, 0)} of the market"
    weeks = count(max(round(lift.days / 7), 1), "week")
    found = f"found {number(lift.estimate)} in {weeks} to {day(lift.end)}"
    how = f"{lift.method}, {found}, {scope}{told}; {moved.how}"
    return Scaled(lift.estimate * factor, float(low * factor), float(high * factor), how)


def is_too_small(lift: Lift) -> bool:
    """Whether a test changed spend by so little that scaling it to all of it would make a number out of noise."""
    return lift.method not in EXPOSED and bool(lift.baseline_spend) and lift.spend_change is not None and (
        abs(lift.spend_change) < LEAST_CHANGE * float(lift.baseline_spend or 0.0)
    )  # fmt: skip


def _part(lift: Lift) -> tuple[float, float, str]:
    """Which part of the channel's effect the test's change of spend moves, all of it where it went dark; the standard
    deviation of its logarithm, as the elasticity is not known; and how in words."""
    if lift.method in EXPOSED or not lift.spend_change or not lift.baseline_spend:
        return 1.0, 0.0, ""
    change = lift.spend_change / lift.baseline_spend
    if change <= -NEARLY_OFF:
        return 1.0, 0.0, ""
    kept = 1 + change
    part = abs(kept**ELASTICITY - 1)
    slope = abs(kept**ELASTICITY * np.log(kept)) / part
    return float(part), float(slope * ELASTICITY_SD), f", spend changed by {percent(change, 0)}"
