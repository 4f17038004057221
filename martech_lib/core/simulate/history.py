"""Two years by week: the weeks before the log follow the same effects in sums, the last weeks are the log's own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from martech_lib.core.simulate.climate import of_log
from martech_lib.core.simulate.log import Log
from martech_lib.core.simulate.reports import weekly_cost, weeks_of_history
from martech_lib.core.simulate.settings import DAY, HISTORY_WEEKS, LOG_WEEKS, WEEK, Floats
from martech_lib.core.simulate.truth import Caused

WEEKS = HISTORY_WEEKS + LOG_WEEKS
LAGS = 8
NOISE = 0.04


def media_frame(log: Log) -> pd.DataFrame:
    """The table media_weekly."""
    paid = [place for place, c in enumerate(log.course.of.channels) if c.is_paid]
    return pd.concat([_media_of(log, place) for place in paid]).sort_values(["week", "channel"], ignore_index=True)


def outcome_frame(log: Log, effects: list[Caused]) -> pd.DataFrame:
    """The table outcome_weekly: conversions."""
    counted = np.bincount(log.time // WEEK, minlength=LOG_WEEKS)
    mean = expected_outcome(log, effects)[:HISTORY_WEEKS]
    rng = log.course.of.stream("history")
    drawn = rng.poisson(mean * np.exp(NOISE * rng.standard_normal(HISTORY_WEEKS)))
    return pd.DataFrame({"week": weeks_of_history(WEEKS), "outcome": np.concatenate([drawn, counted])})


def controls_frame(log: Log) -> pd.DataFrame:
    """The table controls_weekly: price and season."""
    climate = log.course.climate
    series = {"price index": climate.price[:WEEKS], "season index": climate.season[:WEEKS].round(4)}
    parts = [pd.DataFrame({"week": weeks_of_history(WEEKS), "control": n, "value": v}) for n, v in series.items()]
    return pd.concat(parts).sort_values(["week", "control"], ignore_index=True)


def expected_outcome(log: Log, effects: list[Caused]) -> Floats:
    """Mean conversions of every week: each paid channel's effect, after saturation and carry-over, and the rest.

    Each part is scaled so that over the weeks of the log it makes what it truly made there.
    """
    base = log.course.climate.base[:WEEKS]
    paid = [place for place, c in enumerate(log.course.of.channels) if c.is_paid]
    rest = len(log.user) - sum(effects[place].conversions for place in paid)
    total = base * max(rest, 0) / of_log(base).sum()
    for place in paid:
        pull = _pull(log, place)
        reached = of_log(pull).sum() * _share_shown(log, place)
        total = total + pull * max(effects[place].conversions, 0) / max(reached, 1e-9)
    return np.asarray(total)


def carry_over(lag_days: float) -> Floats:
    """Share of a week's effect that falls into the same and each later week, lags being exponential."""
    if not lag_days:
        return np.eye(LAGS)[0]
    edges = np.arange(LAGS + 1) * WEEK / (lag_days * DAY)
    # The touch is anywhere in its week: the mean over it of the chance to be within k weeks of the week's end.
    within = np.append(0.0, 1 - (np.exp(-edges[:-1]) - np.exp(-edges[1:])) / edges[1])
    weights = np.diff(within)
    return np.asarray(weights / weights.sum())


def _pull(log: Log, place: int) -> Floats:
    """Weekly effect of a channel relative to usual; before the history its spend was as in its first week."""
    volume = log.course.climate.volume[:WEEKS, place]
    weights = carry_over(log.course.of.channels[place].lag_days)
    padded = np.concatenate([np.full(LAGS - 1, volume[0]), volume])
    return np.convolve(padded, weights, mode="valid")


def _share_shown(log: Log, place: int) -> float:
    """Share of a channel's touches in the log that no test withheld."""
    exposures = log.course.exposures
    mine = (exposures.channel == place) & (exposures.time >= 0) & (exposures.time < LOG_WEEKS * WEEK)
    lost = log.course.is_withheld(exposures)[mine]
    return 1 - float(lost.mean()) if len(lost) else 1.0


def _media_of(log: Log, place: int) -> pd.DataFrame:
    channel, climate = log.course.of.channels[place], log.course.climate
    spent, shown = weekly_cost(log, place), _share_shown(log, place)
    touched = np.bincount(log.week[log.touches.channel == place], minlength=LOG_WEEKS) * int(channel.impressions)
    relative, volume = climate.spend[:WEEKS, place], climate.volume[:WEEKS, place]
    usual = spent.sum() / (of_log(relative).sum() * shown)
    seen = touched.sum() / (of_log(volume).sum() * shown)
    before = np.round(relative[:HISTORY_WEEKS] * usual, 2)
    impressions = np.round(volume[:HISTORY_WEEKS] * seen).astype(np.int64)
    return pd.DataFrame(
        {
            "week": weeks_of_history(WEEKS),
            "channel": channel.name,
            "spend": np.concatenate([before, spent]),
            "impressions": np.concatenate([impressions, touched]),
        }
    )
