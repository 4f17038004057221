"""Whether a holdout is looked at before its end, by what the log shows, and what such a look may say.

How long outcomes take is seen among the users who came first; a look is before the end where many came so late that
as much time has not passed. Nothing else in a log tells one that was cut from one that ended.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from martech_lib.core.rates import Count
from martech_lib.core.spoken import count
from martech_lib.core.stats import Difference
from martech_lib.personalization.cells import Cells
from martech_lib.personalization.course import CONVERTERS, any_time_lift, information
from martech_lib.personalization.endpoints import Endpoint

OPEN = 0.1  # share of users of whom outcomes may still be to come
OVER = 0.8  # of a window, from which it counts as over: nobody converts on its last day alone
FIRST = 0.25  # of the users, by the day they came: those who had the most time
MOST = 0.9  # of the conversions of these, after which hardly any is to come
FEWEST = 10  # conversions, from which a delay can be told
ANY_TIME = "confidence sequence of the log ratio, for a look before the end"


def is_before_end(cells: Cells, window_days: float | None) -> bool:
    """Whether outcomes of too many users are still to come."""
    return open_share(cells, window_days) > OPEN


def open_share(cells: Cells, window_days: float | None) -> float:
    """Share of the users of whom outcomes are still to come when the log ends."""
    if cells.latest is None or cells.by_day.empty:
        return 0.0
    needed = min(_delay(cells), math.inf if window_days is None else OVER * window_days)
    followed = (pd.Timestamp(cells.latest.date()) - pd.to_datetime(cells.by_day["day"])).dt.days
    return float(cells.by_day.loc[followed < needed, "n"].sum() / cells.by_day["n"].sum())


def told_end(cells: Cells, window_days: float | None) -> str:
    """What to know of the end of the log; "" where there is nothing."""
    if is_before_end(cells, window_days):
        return (
            "this is a look before the end, so that the intervals of conversions and clicks are wider, to hold at "
            "every look; those by week, and the probability of loss, are of this look alone"
        )
    if window_days is None or cells.latest is None or cells.last is None:
        return ""
    left = (cells.latest.date() - cells.last.date()).days
    if left >= OVER * window_days:
        return ""
    days = count(left, "day")
    return (
        f"the log ends {days} after the last assignment, before {window_days:g} days are over: if it was cut there, "
        "this is a look before the end"
    )


def at_any_time(of: Endpoint, level: float) -> Endpoint:
    """An endpoint of which this is one look of many."""
    holdout, treated = (Count(hits, arm.n) for hits, arm in zip(of.hits, (of.holdout, of.treated), strict=True))
    if min(of.hits) < CONVERTERS:
        reason = f"a look before the end needs {CONVERTERS} users in each arm"
        return of._replace(difference=None, lift=None, reason=reason)
    lift = any_time_lift(holdout, treated, whole=information(holdout, treated), level=level)
    lower, upper = (treated.rate * (1 - 1 / (1 + end)) for end in (lift.lower, lift.upper))
    se = math.sqrt(of.holdout.error + of.treated.error)
    difference = Difference(treated.rate - holdout.rate, se, lower, upper, lift.p)
    return of._replace(difference=difference, lift=lift, method=ANY_TIME, is_any_time=True)


def _delay(cells: Cells) -> float:
    """Days after which most of the conversions have come, of those who came first; 0 where nobody converted."""
    came = cells.by_day.groupby("day")["n"].sum().sort_index().cumsum()
    first = pd.Timestamp(came.index[int((came >= FIRST * came.iloc[-1]).to_numpy().argmax())])
    done = cells.grid[cells.grid["converted_on"].notna()]
    early = done[done["day"] <= first]
    these = early if early["users"].sum() >= FEWEST else done
    if these.empty:
        return 0.0
    days = (these["converted_on"] - these["day"]).dt.days.to_numpy(dtype=np.float64)
    order = np.argsort(days, kind="stable")
    users = these["users"].to_numpy(dtype=np.float64)[order].cumsum()
    return float(days[order][int((users >= MOST * users[-1]).argmax())])
