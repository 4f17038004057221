"""Which look a reading is, and what a look that was declared lets one say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from martech_lib.core.sequential import Walk, boundaries, sequence_z, walk
from martech_lib.core.spoken import count, percent
from martech_lib.core.stats import Difference, normal_cdf, normal_quantile

if TYPE_CHECKING:
    from martech_lib.experiments.plan import Plan

EARLY = 0.1  # of the planned units, by which the end may be early
UNTOLD = 0.05  # of them, by which an end is early or late without a word; rule EX02 of the audit allows as much
NEAR_LOOK = 1e-3  # of the units, within which a planned look and the end are one
OF_STEP = 0.25  # of the step between two looks, by which an earlier look may be: what it spends goes by its true share
DAYS_OF_WEEK = 7
NEAR = 1e-6  # standard deviations that move no estimate
MOST = 8.0  # standard deviations whose confidence level is told from 1
SELDOM = 0.1  # chance to come so far, below which the earlier looks are taken not to have been
FAR = 12.0  # standard deviations within which an end is looked for; no later look is reached with a Z beyond it
HELD = (1e-6, 0.45)  # p-values that boundaries are asked for; below they are as good as none, above as good as 1
MOST_AGAIN = 365  # readings after the end that are told apart
TWO_ARMS = 2
LEAST_CHANCE = 1e-15  # that has a place on the scale of standard deviations


class Look(NamedTuple):
    """Where a reading stands in its plan.

    Attributes:
        number: Which of the declared looks, 1 to looks; 0 for none of them.
        share: Units so far over the planned ones.
        is_last: Whether the test is over.
        shares: Share of the information at the looks up to this one.
        spends: The shares by which these have spent alpha.
        boundaries: |Z| beyond which each stops.
        reason: Why it is no declared look, or what to know; "" where there is nothing.
    """

    number: int
    share: float
    is_last: bool
    shares: tuple[float, ...]
    spends: tuple[float, ...]
    boundaries: tuple[float, ...]
    reason: str = ""

    @property
    def z(self) -> float:
        """|Z| beyond which it stops here."""
        return self.boundaries[-1]


def look_of(plan: Plan, units: int, days: float | None, *, planned_days: float | None = None) -> Look:
    """The look that so many units after so many days are.

    Args:
        plan: The plan.
        units: Users of all arms.
        days: Days from the first assignment to the last; None where unknown.
        planned_days: How many it was to run; None for the plan's weeks.
    """
    share = units / plan.total_units
    if planned_days is None and plan.weeks is not None:
        planned_days = plan.weeks * DAYS_OF_WEEK
    is_over = planned_days is not None and days is not None and days > planned_days - 1
    if plan.rule == "confidence_sequence":
        z, is_last = sequence_z(share, alpha=_pair_alpha(plan)), is_over or share >= 1 - EARLY
        is_early = is_last and share < 1 - UNTOLD  # beyond its end it holds as well
        reason = _of_other_size(plan, share, days, planned_days) if is_early else ""
        return Look(plan.looks if is_last else 1, share, is_last, (share,), (share,), (z,), reason)
    planned = plan.size.shares
    if is_over or share >= _end_from(plan):
        return _at_end(plan, share, days, planned_days)
    place = min(range(plan.looks), key=lambda look: abs(planned[look] - share))
    is_declared = plan.rule != "fixed" and abs(planned[place] - share) <= OF_STEP / plan.looks
    if not is_declared:
        return Look(0, share, False, (share,), (share,), (math.inf,), _undeclared(plan, share))
    # A late look spends no more than was planned for it: what the next one spends begins there.
    shares, spends = (*planned[:place], share), (*planned[:place], min(share, planned[place]))
    return Look(place + 1, share, False, shares, spends, _held(plan, shares, spends, plan.size.alpha))


def _end_from(plan: Plan) -> float:
    """The share of the units from which a reading is the end: of several looks, where the last is the nearest."""
    step = 1 / plan.looks if plan.rule != "fixed" else 1.0
    return 1 - min(EARLY, step / 2)


def _at_end(plan: Plan, share: float, days: float | None, planned_days: float | None) -> Look:
    """The last look, which spends all that is left, wherever it comes."""
    before = tuple(planned for planned in plan.size.shares[:-1] if planned < share * (1 - NEAR_LOOK))
    shares, spends = (*before, share), (*before, 1.0)
    z = _held(plan, shares, spends, plan.size.alpha)
    return Look(plan.looks, share, True, shares, spends, z, _of_other_size(plan, share, days, planned_days))


def _held(plan: Plan, shares: tuple[float, ...], spends: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    return boundaries(shares, rule=plan.rule, alpha=alpha, tails=plan.tails, spends=spends)


class Ends(NamedTuple):
    """The interval of a look, each end by how many standard deviations what was found lies away from it.

    Attributes:
        lower: Above the lower end.
        upper: Below the upper end.
        middle: Above the estimate, negative where below it.
        p: p-value of the comparison, over the looks.
    """

    lower: float
    upper: float
    middle: float
    p: float


def ends_at(plan: Plan, look: Look, z: float, *, has_stopped: bool) -> Ends:
    """What a look leaves of an interval.

    After a stop, or at the end, by the order of results, whose intervals cover what they say; before that, and for
    confidence sequences, as wide as the boundary, so that all looks together cover. So too so far out that the earlier
    looks would hardly have let a result come: nobody took them.

    Args:
        plan: The plan.
        look: The look.
        z: Z of what was found; of a one-sided plan in the direction that is hoped for.
        has_stopped: Whether the rule stops here.
    """
    is_ordered = plan.rule != "confidence_sequence" and (has_stopped or look.is_last)
    is_beyond_all = look.number > 1 and abs(z) > FAR
    if is_ordered and not is_beyond_all and _chance_to_come(plan, look, z) >= SELDOM:
        return _by_order(plan, look, z)
    wide = min(look.z, MOST)
    return Ends(wide, wide, 0.0, held_p(plan, look, z))


def at_ends(ends: Ends, plain: Difference, at_level: Callable[[float], Difference]) -> Difference:
    """A difference with these ends: where its own test lies as many deviations away.

    So the interval leaves no effect out exactly when the rule stops, and an arm's variance is that of the end supposed.

    Args:
        ends: The ends.
        plain: The difference as one look alone would give it.
        at_level: The same at another confidence level.
    """
    told = plain._replace(
        lower=at_level(level_of(ends.lower)).lower, upper=at_level(level_of(ends.upper)).upper, p=ends.p
    )  # fmt: skip
    if abs(ends.middle) < NEAR:
        return told
    beside = at_level(level_of(abs(ends.middle)))
    return told._replace(estimate=beside.lower if ends.middle > 0 else beside.upper)


def held_p(plan: Plan, look: Look, z: float) -> float:
    """The least alpha at which the rule stops here: the p-value to an interval as wide as the boundary."""
    reached = abs(z) if plan.tails == 2 else z
    if plan.rule == "confidence_sequence":
        return sequence_p(look.share, reached) * plan.tails / 2

    def at(alpha: float) -> float:
        return _held(plan, look.shares, look.spends, alpha)[-1]

    return _least_alpha(at, reached)


def sequence_p(share: float, z: float) -> float:
    """The same of a two-sided confidence sequence."""
    return _least_alpha(lambda alpha: sequence_z(share, alpha=alpha), z)


def _least_alpha(boundary: Callable[[float], float], reached: float) -> float:
    from scipy.optimize import brentq

    least, most = HELD
    if boundary(most) >= reached:
        return 1.0
    if boundary(least) <= reached:
        return least
    return float(brentq(lambda alpha: boundary(alpha) - reached, least, most, xtol=1e-7))


def level_of(deviations: float) -> float:
    """Confidence level of an interval that reaches so many standard deviations to each side."""
    return 1 - 2 * normal_cdf(-min(deviations, MOST))


def z_of(plain: Difference) -> float:
    """Z of a difference, by its p-value."""
    p = max(plain.p, 1e-300)
    return math.copysign(-normal_quantile(p / 2), plain.estimate) if p < 1 else 0.0


def stages_of(plan: Plan) -> Walk:
    """The looks and boundaries of a plan as a walk."""
    return walk(plan.size.shares, plan.size.boundaries, tails=plan.tails)


def _chance_to_come(plan: Plan, look: Look, z: float) -> float:
    """Probability that no earlier look stops when the effect is the one that is seen."""
    stops = _with_later(plan, look).stopping(z / math.sqrt(look.shares[-1]))
    return float(1 - (stops.up + stops.down)[0, : len(look.shares) - 1].sum())


def _by_order(plan: Plan, look: Look, z: float) -> Ends:
    """Median-unbiased estimate, exact interval and p-value by the order of results."""
    of, place, root = _with_later(plan, look), len(look.shares) - 1, math.sqrt(look.shares[-1])
    tail = plan.size.alpha / plan.tails
    lower, middle, upper = (_drift_where(of, place, z, chance) for chance in (tail, 0.5, 1 - tail))
    above = of.beyond(place, z, 0.0)
    p = 2 * min(above, 1 - above) if plan.tails == 2 else min(above, 1.0)
    return Ends(z - lower * root, upper * root - z, z - middle * root, p)


def _with_later(plan: Plan, look: Look) -> Walk:
    """The looks up to one, and those that were planned after it."""
    later = () if look.is_last else plan.size.shares[len(look.shares) :]
    shares, spends = (*look.shares, *later), (*look.spends, *later)
    return walk(shares, _held(plan, shares, spends, plan.size.alpha), tails=plan.tails)


def _drift_where(of: Walk, look: int, z: float, chance: float) -> float:
    """The drift under which a result further up than this one has a chance.

    Solved on the scale of standard deviations, where the chance is nearly a straight line of the drift.
    """
    from scipy.optimize import brentq

    root, aim = math.sqrt(of.shares[look]), normal_quantile(chance)

    def gap(drift: float) -> float:
        found = min(max(of.beyond(look, z, drift), LEAST_CHANCE), 1 - LEAST_CHANCE)
        return normal_quantile(found) - aim

    return float(brentq(gap, (z - FAR) / root, (z + FAR) / root))


def _pair_alpha(plan: Plan) -> float:
    """Alpha of one comparison, two-sided."""
    return plan.size.alpha * 2 / plan.tails


def _of_other_size(plan: Plan, share: float, days: float | None, planned_days: float | None) -> str:
    """What to know of an end that came early or late; whole weeks that bring more units than needed are no late end."""
    if share < 1 - UNTOLD:
        begun = "it was read" if share >= _end_from(plan) else "its weeks are over"
        return f"{begun} with {percent(share, 0)} of the planned units: its power is less than planned"
    if share <= 1 + UNTOLD:
        return ""
    many = f"{percent(share, 0)} of the planned units"
    if days is None:
        return f"it ran on to {many}"
    ran = math.floor(days) + 1  # days of the calendar, also where the log holds no hours
    if planned_days is None or ran < planned_days:
        begun = "it ran on to" if planned_days is None else "before its last day it has"
        return f"{begun} {many}{_of_reading_on(plan, ran, ran / share)}"
    beyond = _of_reading_on(plan, ran, planned_days)
    return f"it ran on to {many}{beyond}" if beyond else ""


def _of_reading_on(plan: Plan, days: int, until: float) -> str:
    """What it costs to read a test of so many days daily since the day on which it could have ended; "" for the day."""
    since = round(days - until)
    if since < 1:
        return ""
    alarms = _read_on(plan, days / until, min(since, MOST_AGAIN))
    is_all, is_bound = since <= MOST_AGAIN, len(plan.split) > TWO_ARMS
    bound = ("up to " if is_bound else "") if is_all else ("about " if is_bound else "at least ")
    return (
        f": read once that holds; read on every day since its end until an effect shows it has {bound}"
        f"{percent(alarms)} false alarms in place of {percent(plan.alpha)}"
    )


def _read_on(plan: Plan, longer: float, times: int) -> float:
    """False alarms of a plan that is read so many times more, evenly, while it runs so many times as long.

    Of several arms a bound: that of arms without a control in common, which are mistaken at least as often together
    (two-sided by Royen, 2014; one-sided by Pitt, 1982).
    """
    more = tuple(1 + (longer - 1) * (k + 1) / times for k in range(times))
    again = walk((*plan.size.shares, *more), (*plan.boundaries, *plan.boundaries[-1:] * times), tails=plan.tails)
    of_one = float(again.stopping(0.0).rejects[0])
    return float(1 - (1 - of_one) ** (len(plan.split) - 1))


def _undeclared(plan: Plan, share: float) -> str:
    declared = "the end alone" if plan.rule == "fixed" else count(plan.looks, "evenly spaced look")
    return (
        f"it has {percent(share, 0)} of its planned units, and the plan declares {declared}: this look was not "
        "declared, so that what it shows is exploratory and decides nothing"
    )


def level_of_one(plan: Plan) -> float:
    """Confidence level of one comparison at one look, so that all arms' comparisons share the plan's alpha."""
    return 1 - _pair_alpha(plan)
