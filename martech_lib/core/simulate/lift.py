"""Lift tests, read as their analyst would: from the conversions of their own two arms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.simulate.course import Touches
from martech_lib.core.simulate.log import Log, cost_of
from martech_lib.core.simulate.reports import Z90
from martech_lib.core.simulate.settings import FIRST_DAY, LEVEL, Flags, Floats, LiftTest

NOTES = {
    "geo holdout": "switched off in {share:.0%} of the market; read against the other regions and the weeks before",
    "conversion lift": "{share:.0%} of users could see it, the others could not; the gain of those who could",
    "audience holdout": "{share:.0%} of users stayed in the audience; the gain of those who stayed",
}


class Estimate(NamedTuple):
    """Incremental conversions with their standard error."""

    conversions: float
    error: float


def lift_frame(log: Log) -> pd.DataFrame:
    """The table lift_tests."""
    return pd.DataFrame(list(_rows(log)))


def between_users(log: Log, test: LiftTest, held: Flags) -> Estimate:
    """Conversions of the users who could be reached, less those of the others scaled to their number."""
    counts = _per_user(log, test.start, test.end)
    reached, others = counts[~held], counts[held]
    ratio = len(reached) / max(len(others), 1)
    variance = len(reached) * _variance(reached) + ratio**2 * len(others) * _variance(others)
    return Estimate(float(reached.sum() - ratio * others.sum()), float(np.sqrt(variance)))


def between_regions(log: Log, test: LiftTest, off: Flags) -> Estimate:
    """What the regions would have had if they had gone as the others did, less what they had.

    The expectation is their conversions before the test times the others' change, counts taken as Poisson.
    """
    before, during = _per_user(log, 0, test.start), _per_user(log, test.start, test.end)
    # Half a conversion keeps the ratio finite in a world so small that a cell is empty.
    a, b, c = before[off].sum() + 0.5, before[~off].sum() + 0.5, during[~off].sum() + 0.5
    expected, found = a * c / b, during[off].sum()
    error = np.sqrt(found + expected**2 * (1 / a + 1 / b + 1 / c))
    return Estimate(float(expected - found), float(error))


def _rows(log: Log) -> Iterator[dict[str, object]]:
    worth = float(log.value.mean()) if len(log.value) else 0.0
    for test, held in zip(log.course.of.tests, log.course.people.held, strict=True):
        found = (between_regions if test.geos else between_users)(log, test, held)
        share = float((held if test.geos else ~held).mean())
        withheld, reached = _spend(log, test, held)
        yield {
            "test_id": test.id,
            "channel": test.channel,
            "method": test.method,
            "start": _day(test.week),
            "end": _day(test.week + test.weeks) - np.timedelta64(1, "D"),
            "incremental_conversions": round(found.conversions, 1),
            "lower": round(found.conversions - Z90 * found.error, 1),
            "upper": round(found.conversions + Z90 * found.error, 1),
            "level": LEVEL,
            "spend_change": round(-withheld if test.geos else reached, 2),
            "baseline_spend": round(withheld if test.geos else reached, 2),
            "scope_share": round(share, 4),
            "incremental_value": round(found.conversions * worth, 2),
            "notes": NOTES.get(test.method, "").format(share=share),
        }


def _per_user(log: Log, start: int, end: int) -> Floats:
    inside = (log.time >= start) & (log.time < end)
    return np.bincount(log.user[inside], minlength=log.course.of.users).astype(np.float64)


def _variance(counts: Floats) -> float:
    return float(counts.var(ddof=1)) if len(counts) > 1 else 0.0


def _spend(log: Log, test: LiftTest, held: Flags) -> tuple[float, float]:
    """Cost of the touches that the test withheld, and of those that reached the others meanwhile."""
    place = log.course.of.code(test.channel)
    planned = log.course.exposures
    lost = (planned.channel == place) & held[planned.user] & (planned.time >= test.start) & (planned.time < test.end)
    withheld = cost_of(log.course, Touches._make(column[lost] for column in planned))
    shown = (log.touches.channel == place) & ~held[log.touches.user]
    shown &= (log.touches.time >= test.start) & (log.touches.time < test.end)
    return float(withheld.sum()), float(log.cost[shown].sum())


def _day(week: int) -> np.datetime64:
    return np.datetime64(FIRST_DAY + timedelta(weeks=week), "us")
