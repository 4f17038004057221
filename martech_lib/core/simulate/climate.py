"""The weather of a world, week by week: season, price, and how much is spent on each channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from martech_lib.core.simulate.settings import (
    DAY,
    FIRST_DAY,
    HISTORY_WEEKS,
    LOG_WEEKS,
    RUN_OFF_WEEKS,
    RUN_UP_WEEKS,
    SATURATION,
    WEEK,
    Channel,
    Floats,
    Settings,
    Whole,
)

PEAK_DAY = 10  # of the year: good intentions of January
SEASON = 0.22
PROMOTION, PROMOTION_WEEKS = 0.85, (1, 2, 22, 36, 47, 48)  # weeks of the year
ELASTICITY = -1.2
WEEKDAYS = np.array([1.12, 1.08, 1.0, 0.98, 0.95, 0.9, 0.97])  # Sunday first, mean 1
RESTING = 0.1


@dataclass(frozen=True)
class Climate:
    """Weekly conditions, from the first week of the history to the last that is simulated.

    Attributes:
        season: Seasonal index of demand.
        price: Price index; below 1 in promotion weeks.
        spend: Spend of each channel relative to its usual spend: weeks by channels.
    """

    season: Floats
    price: Floats
    spend: Floats

    @property
    def base(self) -> Floats:
        """Weekly demand that no channel makes, relative to usual."""
        return np.asarray(self.season * self.price**ELASTICITY)

    @property
    def volume(self) -> Floats:
        """Touches each spend buys, relative to usual: returns diminish."""
        return saturated(self.spend)

    @property
    def dearness(self) -> Floats:
        """Price of a touch relative to usual: spend over the touches it buys."""
        return np.asarray((self.spend + SATURATION) / (1 + SATURATION))


def saturated(spend: Floats) -> Floats:
    """(1 + h) x / (x + h): 1 at usual spend, at most 1 + h."""
    return np.asarray((1 + SATURATION) * spend / (spend + SATURATION))


def climate(of: Settings) -> Climate:
    """Draw the conditions of every week."""
    weeks = HISTORY_WEEKS + LOG_WEEKS + RUN_OFF_WEEKS
    days = [FIRST_DAY + timedelta(weeks=w - HISTORY_WEEKS) for w in range(weeks)]
    day_of_year = np.array([d.timetuple().tm_yday for d in days])
    season = 1 + SEASON * np.cos(2 * np.pi * (day_of_year - PEAK_DAY) / 365.25)
    price = np.where(np.isin(day_of_year // 7, PROMOTION_WEEKS), PROMOTION, 1.0)
    spend = np.column_stack([_spend(of, c, season, price) for c in of.channels])
    return Climate(season, price, spend)


def _spend(of: Settings, channel: Channel, season: Floats, price: Floats) -> Floats:
    """Budgets follow the season a little, rise in promotions, and swing."""
    rng = of.stream(f"spend {channel.name}")
    swing = np.exp(channel.swing * rng.standard_normal(len(season)) - channel.swing**2 / 2)
    rests = rng.random(len(season)) < channel.off_weeks
    planned = season**0.7 * price**-0.8 if channel.is_paid else np.ones(len(season))
    return np.asarray(np.where(rests, RESTING, planned * swing))


def times(rng: np.random.Generator, count: int, weekly: Floats) -> Whole:
    """Draw seconds from the start of the log, by a weekly intensity over the simulated weeks."""
    daily = np.cumsum(np.repeat(simulated(weekly), 7) * np.tile(WEEKDAYS, len(simulated(weekly))))
    day = np.searchsorted(daily, rng.random(count) * daily[-1], side="right").clip(max=len(daily) - 1)
    in_day = (rng.random(count) + rng.random(count)) / 2
    return day * DAY + (in_day * DAY).astype(np.int64) - RUN_UP_WEEKS * WEEK


def simulated(weekly: Floats) -> Floats:
    """The weeks of a weekly series in which users are simulated one by one."""
    return weekly[HISTORY_WEEKS - RUN_UP_WEEKS :]


def of_log(weekly: Floats) -> Floats:
    """The weeks of a weekly series that the log covers."""
    return weekly[HISTORY_WEEKS : HISTORY_WEEKS + LOG_WEEKS]
