"""A programme over time: by week since assignment, and by calendar look, each in a band that holds over all of it.

Sources: Bonferroni for the weeks; the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and
Ramdas (2021, arXiv 2103.06476, eq. 9), of the logarithm of the ratio of both rates, for the looks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.rates import Count, score_lift
from martech_lib.core.sequential import sequence_z
from martech_lib.core.stats import Array, Difference, normal_cdf
from martech_lib.personalization.arms import Sides
from martech_lib.personalization.cells import Cells

WEEK = 7
MOST_WEEKS = 26  # since assignment, that are told apart
FEWEST = 5  # converters in either arm, from which a week is compared
CONVERTERS = 100  # in the holdout, below which no look is read
FOR_TREND = 3  # weeks
STEPS = 50  # halvings
FAR = 20.0  # logarithm of a ratio beyond which none is looked for
STEEPEST = 1.0  # change of a log ratio by week beyond which none is looked for


class Week(NamedTuple):
    """One week since assignment.

    Attributes:
        week: 1 for the first.
        holdout: Users who first converted in it, of those whose whole week is in the log.
        treated: Of the personalized.
        lift: Its interval holds over all weeks at once; None where refused.
        reason: Why it is refused.
    """

    week: int
    holdout: Count
    treated: Count
    lift: Difference | None
    reason: str = ""


class CalendarLook(NamedTuple):
    """The holdout as it stood on one day.

    Attributes:
        day: Its last day.
        holdout: Users who had converted by then, of those assigned by then.
        treated: Of the personalized.
        lift: Its interval holds at all looks at once; None where refused.
        reason: Why it is refused.
    """

    day: date
    holdout: Count
    treated: Count
    lift: Difference | None
    reason: str = ""


class Trend(NamedTuple):
    """Whether the lift fades.

    Attributes:
        by_week: Relative change of the ratio of both rates from one week to the next; None where refused.
        p: Two-sided p-value of no change.
        reason: Why it is refused.
        ends: Lifts of the first and the last week by the line that fits best; None where refused.
    """

    by_week: float | None
    p: float
    reason: str = ""
    ends: tuple[float, float] | None = None


class Course(NamedTuple):
    """A programme over time: by week since assignment, by calendar look, and whether the lift fades."""

    weeks: tuple[Week, ...]
    looks: tuple[CalendarLook, ...]
    trend: Trend


def course_of(cells: Cells, sides: Sides, *, level: float, window_days: float | None) -> Course:
    """Read a programme over time."""
    whole = _without_segments(cells)
    weeks = tuple(_weeks(whole, sides, level=level, window_days=window_days))
    return Course(weeks, tuple(_looks(whole, sides, level=level)), _trend(weeks))


def _without_segments(cells: Cells) -> Cells:
    """Users by arm and day, and converters by arm and both days: all that is asked here, and a tenth of the rows."""
    put = cells.by_day.groupby(["arm", "day"])["n"].sum().reset_index()
    done = cells.grid.groupby(["arm", "day", "converted_on"])["users"].sum().reset_index()
    return replace(cells, by_day=put, grid=done)


def _weeks(cells: Cells, sides: Sides, *, level: float, window_days: float | None) -> Iterator[Week]:
    end = _end(cells)
    if end is None:
        return
    last = math.ceil(window_days / WEEK) if window_days else MOST_WEEKS
    counts: list[tuple[Count, ...]] = []
    for week in range(1, min(last, MOST_WEEKS) + 1):
        # The last day of a window belongs to its last week: it began at the hour of the assignment.
        days = WEEK * (week - 1), math.ceil(window_days) + 1 if window_days and week == last else WEEK * week
        until = end - timedelta(days=min(WEEK * week, window_days or WEEK * week))
        pair = tuple(_between(cells, arms, days, until) for arms in ((sides.holdout,), sides.treated))
        if not all(of.n for of in pair):
            break
        counts.append(pair)
    while counts and not sum(of.hits for of in counts[-1]):
        counts.pop()
    of_each = 1 - (1 - level) / max(len(counts), 1)
    for week, (holdout, treated) in enumerate(counts, start=1):
        few = int(min(holdout.hits, treated.hits))
        if few < FEWEST:
            yield Week(week, holdout, treated, None, f"{few} converters in an arm; at least {FEWEST} are needed")
        else:
            yield Week(week, holdout, treated, score_lift(holdout, treated, level=of_each))


def _between(cells: Cells, arms: tuple[str, ...], days: tuple[int, int], until: date) -> Count:
    """First conversions from one day since assignment to before another, of those assigned until then."""
    put = cells.by_day[cells.by_day["arm"].isin([*arms]) & (cells.by_day["day"] <= until)]
    there = cells.grid[cells.grid["arm"].isin([*arms]) & (cells.grid["day"] <= pd.Timestamp(until))]
    after = (there["converted_on"] - there["day"]).dt.days
    own = (after >= days[0]) & (after < days[1])
    return Count(float(there.loc[own, "users"].sum()), float(put["n"].sum()))


def _end(cells: Cells) -> date | None:
    return cells.latest.date() if cells.latest is not None else None


def _looks(cells: Cells, sides: Sides, *, level: float) -> Iterator[CalendarLook]:
    """Week by week from the first assignment to the end of the log."""
    end = _end(cells)
    if end is None or cells.first is None:
        return
    first = cells.first.date()
    days = [first + timedelta(days=WEEK * k - 1) for k in range(1, math.ceil((end - first).days / WEEK) + 1)]
    changed = _last_change(cells)
    days = [day for day in days if day < end and day - timedelta(days=WEEK) < changed] + [end]
    whole = information(*(_until(cells, arms, end) for arms in ((sides.holdout,), sides.treated)))
    for day in days:
        holdout, treated = (_until(cells, arms, day) for arms in ((sides.holdout,), sides.treated))
        if holdout.n and treated.n:
            yield _look(day, holdout, treated, whole=whole, level=level)


def _last_change(cells: Cells) -> date:
    """The day of the last assignment, or of the last conversion: beyond it looks are alike."""
    converted = cells.grid["converted_on"].max()
    put: date = cells.by_day["day"].max()
    return put if pd.isna(converted) else max(put, pd.Timestamp(converted).date())


def _look(day: date, holdout: Count, treated: Count, *, whole: float, level: float) -> CalendarLook:
    if holdout.hits < CONVERTERS or not treated.hits:
        reason = f"{int(holdout.hits)} converters in the holdout; looks are read from {CONVERTERS}"
        return CalendarLook(day, holdout, treated, None, reason)
    return CalendarLook(day, holdout, treated, any_time_lift(holdout, treated, whole=whole, level=level))


def any_time_lift(holdout: Count, treated: Count, *, whole: float, level: float) -> Difference:
    """Relative difference of two rates whose interval may be looked at any time.

    Args:
        holdout: Converters of the holdout, at least a hundred.
        treated: Of the personalized.
        whole: The information (1 / variance of the log ratio) at which the interval is to be tightest.
        level: Confidence level over all looks.
    """
    known = information(holdout, treated)
    se = 1 / math.sqrt(known)
    log = math.log(treated.rate / holdout.rate)
    share = min(1.0, known / whole)
    half = sequence_z(share, alpha=1 - level) * se
    p = _any_time_p(abs(log) / se, share)
    return Difference(math.expm1(log), se, math.expm1(log - half), math.expm1(log + half), p)


def _any_time_p(z: float, share: float) -> float:
    """The least error at which a confidence sequence leaves no effect out."""
    from scipy.optimize import brentq

    least, most = 1e-12, 1 - 1e-9

    def lacks(alpha: float) -> float:
        return z - sequence_z(share, alpha=alpha)

    if lacks(most) < 0:
        return 1.0
    return float(brentq(lacks, least, most)) if lacks(least) < 0 else least


def information(holdout: Count, treated: Count) -> float:
    """1 / variance of the logarithm of the ratio of both rates."""
    spread = sum((1 - of.rate) / of.hits for of in (holdout, treated) if of.hits)
    return 1 / spread if spread > 0 else 1.0


def _until(cells: Cells, arms: tuple[str, ...], day: date) -> Count:
    put = cells.by_day[cells.by_day["arm"].isin([*arms]) & (cells.by_day["day"] <= day)]
    there = cells.grid[cells.grid["arm"].isin([*arms]) & (cells.grid["converted_on"] <= pd.Timestamp(day))]
    return Count(float(there["users"].sum()), float(put["n"].sum()))


def _trend(weeks: tuple[Week, ...]) -> Trend:
    """Whether the ratio of both rates changes from week to week, by the score test of a slope.

    Of those who convert in a week, how many were personalized is binomial, its odds those of the users times the
    ratio. No week is left out for its few converters: those in which the holdout happens to have many would remain.
    """
    read = [week for week in weeks if week.holdout.hits + week.treated.hits]
    if len(read) < FOR_TREND:
        reason = f"{len(read)} weeks could be compared; at least {FOR_TREND} are needed to tell whether it fades"
        return Trend(None, math.nan, reason)
    hits = np.array([(week.holdout.hits, week.treated.hits) for week in read])
    if (few := int(hits.sum(axis=0).min())) < FEWEST:
        reason = f"{few} converters in an arm; at least {FEWEST} are needed to tell whether it fades"
        return Trend(None, math.nan, reason)
    odds = np.array([week.treated.n / week.holdout.n for week in read])
    both = hits.sum(axis=1)
    share = _shares(hits, odds)
    weights = both * share * (1 - share)
    when = np.array([week.week for week in read], dtype=np.float64)
    when = when - weights @ when / weights.sum()
    score, spread = float(when @ (hits[:, 1] - both * share)), float(weights @ when**2)
    slope = _slope(hits, odds, when)
    fitted = _shares(hits, odds * np.exp(slope * when))
    ratios = fitted / (1 - fitted) / odds
    p = 2 * normal_cdf(-abs(score) / math.sqrt(spread))
    return Trend(math.expm1(slope), p, ends=(float(ratios[0]) - 1, float(ratios[-1]) - 1))


def _slope(hits: Array, odds: Array, when: Array) -> float:
    """Change of the logarithm of the ratio by week that fits best."""
    from scipy.optimize import brentq

    def score(slope: float) -> float:
        return float(when @ (hits[:, 1] - hits.sum(axis=1) * _shares(hits, odds * np.exp(slope * when))))

    if score(-STEEPEST) <= 0 or score(STEEPEST) >= 0:
        return math.copysign(STEEPEST, score(0.0))
    return float(brentq(score, -STEEPEST, STEEPEST, xtol=1e-9))


def _shares(hits: Array, odds: Array) -> Array:
    """Share of each week's converters that is personalized if only these odds differ from week to week."""
    both, treated = hits.sum(axis=1), hits[:, 1].sum()
    logs = np.log(odds)
    low, high = -logs.max() - FAR, -logs.min() + FAR
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if both @ (1 / (1 + np.exp(-logs - middle))) < treated else (low, middle)
    return np.asarray(1 / (1 + np.exp(-logs - low)))
