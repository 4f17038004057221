"""A metric of two arms compared from the sums of their users."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from martech_lib.core.arms import Arm, Measure
from martech_lib.core.events import spellings
from martech_lib.core.means import compared
from martech_lib.core.past import with_past
from martech_lib.core.rates import Count, score_difference, score_lift
from martech_lib.core.sample_ratio import has_spread
from martech_lib.core.stats import Difference, Sample, adjusted, of_count, of_ratio, of_sums
from martech_lib.experiments.metrics import Metric

FEWEST = 30  # users with the event in an arm, below which intervals hold less often than they say
LEAST = 5  # below which there is no interval of a mean
What = Literal["users", "events", "value"]


class Beside(NamedTuple):
    """One metric of one arm beside the control.

    Attributes:
        metric: As declared.
        arm: The arm.
        control: What the control's users say.
        treated: What the arm's users say.
        difference: In the metric's unit; None where refused.
        lift: Relative; None where refused.
        method: In words.
        actors: Users with the event in the arm that has fewer.
        reason: Why it is refused, or what to know when reading it.
    """

    metric: Metric
    arm: str
    control: Sample
    treated: Sample
    difference: Difference | None
    lift: Difference | None
    method: str
    actors: int
    reason: str = ""


def measures_of(metrics: Sequence[Metric]) -> tuple[Measure, ...]:
    """What the engine is to add up for these metrics."""
    return tuple(_measure(metric) for metric in {metric.name: metric for metric in metrics}.values())


def _measure(metric: Metric) -> Measure:
    what: What = "users" if metric.kind == "rate" else "value" if metric.is_value else "events"
    return Measure(metric.name, spellings(metric.above), what, spellings(metric.below))


def beside(metric: Metric, control: Arm, treated: Arm, *, level: float, is_paired: bool = False) -> Beside:
    """One metric of an arm beside the control.

    Args:
        metric: What is measured.
        control: The control's sums.
        treated: The other arm's.
        level: Confidence level.
        is_paired: Whether the time before is to be taken out (CUPED) where it is known.
    """
    actors = min(arm.sums[metric.name].actors for arm in (control, treated))
    if is_paired:
        told = _paired(metric, control, treated, level)
    elif metric.kind == "rate":
        told = _rates(metric, control, treated, level)
    else:
        told = _means(metric, control, treated, level, actors)
    few = f"only {actors:,} users with the event in an arm: intervals hold less often than they say below {FEWEST}"
    return told._replace(actors=actors, reason=told.reason or (few if actors < FEWEST else ""))


def sample_of(metric: Metric, arm: Arm) -> Sample:
    """What an arm's users say of a metric."""
    sums = arm.sums[metric.name]
    if metric.kind == "rate":
        return of_count(arm.n, sums.y)
    top = of_sums(arm.n, sums.y, sums.yy, cubes=sums.yyy)
    if metric.kind == "mean":
        return top
    bottom = of_sums(arm.n, sums.x, sums.xx)
    if bottom.mean == 0:
        return Sample(arm.n, math.nan, math.nan)
    return of_ratio(top, bottom, (sums.xy - sums.x * sums.y / arm.n) / (arm.n - 1))


def _rates(metric: Metric, control: Arm, treated: Arm, level: float) -> Beside:
    first, second = (Count(arm.sums[metric.name].y, arm.n) for arm in (control, treated))
    samples = sample_of(metric, control), sample_of(metric, treated)
    difference = score_difference(first, second, level=level)
    if not first.hits:
        reason = "nobody in the control did it, so that there is no relative difference"
        return Beside(metric, treated.arm, *samples, difference, None, SCORE, 0, reason)
    return Beside(metric, treated.arm, *samples, difference, score_lift(first, second, level=level), SCORE, 0)


def _means(metric: Metric, control: Arm, treated: Arm, level: float, actors: int) -> Beside:
    samples = sample_of(metric, control), sample_of(metric, treated)
    if actors < LEAST or math.isnan(samples[0].mean + samples[1].mean):
        reason = f"{actors} users with the event in an arm; at least {LEAST} are needed for an interval"
        return Beside(metric, treated.arm, *samples, None, None, "", actors, reason)
    return _compared(metric, treated.arm, samples, level)


def _paired(metric: Metric, control: Arm, treated: Arm, level: float) -> Beside:
    """With what was known before the assignment taken out; plain where that cannot be."""
    plain = beside(metric, control, treated, level=level)
    if plain.difference is None:
        return plain
    arms = [(arm.n, arm.sums[metric.name]) for arm in (control, treated)]
    if metric.kind == "ratio":
        return plain._replace(reason="the past is one number a user and not a ratio, so that it is not used")
    # Where it lacks for other users in one arm than in the other, those who are left are not alike.
    if lacking := sum(n - sums.n_p for n, sums in arms):
        return plain._replace(reason=f"the past is unknown of {lacking:,} users, so that it is not used")
    if not all(map(has_spread, (control, treated))):
        return plain._replace(reason="the past hardly differs between users beside its size, so that it is not used")
    middle = sum(sums.p for _, sums in arms) / sum(n for n, _ in arms)
    samples = adjusted(*(with_past(n, sums, middle) for n, sums in arms))
    if _is_impossible(metric, samples, plain):
        return plain._replace(reason="the arms lay too far apart before it began for the past to be taken out")
    told = _compared(metric, treated.arm, samples, level)
    return told._replace(method=f"{told.method} after CUPED")


def _is_impossible(metric: Metric, samples: tuple[Sample, Sample], plain: Beside) -> bool:
    """Whether a mean came out on the other side of 0, or a rate above 1."""
    most = 1.0 if metric.kind == "rate" else math.inf
    pairs = zip(samples, (plain.control, plain.treated), strict=True)
    return any(one.mean > most or one.mean * was.mean < 0 for one, was in pairs)


def _compared(metric: Metric, arm: str, samples: tuple[Sample, Sample], level: float) -> Beside:
    told = compared(*samples, level=level)
    if math.isfinite(told.lift.lower) and math.isfinite(told.lift.upper):
        return Beside(metric, arm, *samples, told.difference, told.lift, told.method, 0)
    reason = "the control's value cannot be told from none, so that there is no relative difference"
    return Beside(metric, arm, *samples, told.difference, None, told.method, 0, reason)


SCORE = "pooled z-test, interval by the score test"
