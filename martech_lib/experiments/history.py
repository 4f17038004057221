"""What one's own logs say before a test is planned: baseline, spread, what the past explains, how users come in."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.arms import Sums, counted
from martech_lib.core.errors import UserError, shown
from martech_lib.core.past import with_past
from martech_lib.core.workspace import Workspace
from martech_lib.experiments.measured import measures_of, sample_of
from martech_lib.experiments.metrics import metric_of
from martech_lib.experiments.readout import in_order

DAYS_OF_WEEK = 7
FEWEST_FOR_PAST = 3  # users, for a correlation
FEWEST_DAYS = 7  # of assignments, from which a growth can be told


class History(NamedTuple):
    """What an earlier experiment's control arm says of a metric, and how its users came in.

    Attributes:
        metric: As asked for.
        program: The experiment.
        users: Users of the control arm.
        baseline: The metric's value: a fraction for a rate.
        sd: Standard deviation by user; None for a rate.
        skew: Skewness by user; 0 for a rate.
        correlation: With the same users' value before; 0 where it is not known of all of them.
        weekly_units: Unique users of all arms in a first week.
        growth: Unique users grew like days ** growth; None where it ran for less than a week.
        arrivals: day (1, 2, ...), units: unique users of all arms so far.
    """

    metric: str
    program: str
    users: int
    baseline: float
    sd: float | None
    skew: float
    correlation: float
    weekly_units: float | None
    growth: float | None
    arrivals: pd.DataFrame


def history(ws: Workspace, metric: str, *, program: str) -> History:
    """What the logs of an earlier experiment say of a metric.

    Args:
        ws: A workspace with assignments and outcomes.
        metric: As a plan would declare it, see `metrics.GRAMMAR`.
        program: The experiment, as the assignments call it.

    Raises:
        MissingTable: There are no assignments or outcomes.
        UserError: There is no such experiment, or nobody in its control arm did what the metric counts.
    """
    asked = metric_of(metric)
    found = counted(ws.log("assignments"), ws.log("outcomes"), measures_of([asked]), program=program)
    if not found.arms:
        raise UserError(f"The assignments have no program '{shown(program)}'.")
    control = in_order(found.arms)[0]
    told = sample_of(asked, control)
    if not told.mean > 0:
        raise UserError(f"Nobody in the control arm of {shown(program)} has '{shown(asked.above)}'.")
    arrivals = arrivals_of(found.by_day)
    weekly, growth = _accumulation(arrivals)
    sums = control.sums[asked.name]
    rho = 0.0 if asked.kind == "ratio" else _correlation(control.n, sums)
    is_rate = asked.kind == "rate"
    return History(
        asked.name, program, control.n, told.mean, None if is_rate else math.sqrt(told.var),
        0.0 if is_rate else told.skew, rho, weekly, growth, arrivals,
    )  # fmt: skip


def arrivals_of(by_day: pd.DataFrame) -> pd.DataFrame:
    """day (1, 2, ...), units: unique users of all arms up to each day; a day without one is there too."""
    if by_day.empty:
        return pd.DataFrame({"day": [], "units": []})
    new = by_day.groupby("day")["n"].sum()
    new.index = pd.DatetimeIndex(pd.to_datetime(new.index))
    every = new.reindex(pd.date_range(new.index.min(), new.index.max()), fill_value=0)
    return pd.DataFrame({"day": np.arange(1, len(every) + 1), "units": every.to_numpy().cumsum()})


def _accumulation(arrivals: pd.DataFrame) -> tuple[float | None, float | None]:
    """Units of the first week and the power of the days by which they grow: least squares of the logarithms."""
    days, units = arrivals["day"].to_numpy(dtype=np.float64), arrivals["units"].to_numpy(dtype=np.float64)
    if len(days) < FEWEST_DAYS:
        return None, None
    # The first day and the last are rarely whole.
    inside = slice(1, -1)
    growth, _ = np.polyfit(np.log(days[inside]), np.log(units[inside]), 1)
    growth = float(min(max(growth, 0.05), 1.0))
    return float(
        np.exp(np.log(units[inside]).mean() - growth * np.log(days[inside]).mean()) * DAYS_OF_WEEK**growth
    ), growth


def _correlation(n: int, sums: Sums) -> float:
    """Of what users did with what was known of them before; 0 where it is not known of all of them."""
    if n < FEWEST_FOR_PAST or sums.n_p < n:
        return 0.0
    pair = with_past(n, sums, sums.p / n)
    spread = pair.after.var * pair.before.var
    return pair.cov / math.sqrt(spread) if spread > 0 else 0.0
