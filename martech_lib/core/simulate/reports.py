"""Registers that follow from the log: spend, what platforms claim, what buyers remember, the channels themselves."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from martech_lib.core.simulate.climate import of_log
from martech_lib.core.simulate.log import Log, named
from martech_lib.core.simulate.settings import (
    AS_OF,
    DAY,
    FIRST_DAY,
    GEOS,
    LEVEL,
    LOG_WEEKS,
    SATURATION,
    Channel,
    Floats,
    Whole,
)
from martech_lib.core.simulate.truth import MONTHS, Caused, month_of

RESPONSE = 0.35
REMEMBERED_DAYS = 45
MEDIA_MIX, VENDOR = "media mix", "attribution vendor"
MEDIA_MIX_BIAS = 0.9  # its estimates run 10 % low
VENDOR_BIAS = {"demand creation": 0.7, "both": 1.5, "demand capture": 3.0}  # credit leans to what comes last
OFF_CHANNEL, OFF_MONTH = (
    0.25,
    0.15,
)  # standard deviations of the logarithm: the same for a channel all along, and by month
OFF = (OFF_CHANNEL**2 + OFF_MONTH**2) ** 0.5
Z90 = 1.6448536269514722


def spend_frame(log: Log) -> pd.DataFrame:
    """The table spend: each week and paid channel."""
    parts = [_spend_of(log, place, c) for place, c in enumerate(log.course.of.channels) if c.is_paid]
    return pd.concat(parts).sort_values(["date", "channel"], ignore_index=True)


def weekly_cost(log: Log, channel: int) -> Floats:
    """Cost of a channel in each week of the log."""
    mine = log.touches.channel == channel
    return np.round(np.bincount(log.week[mine], log.cost[mine], minlength=LOG_WEEKS), 2)


def platform_frame(log: Log) -> pd.DataFrame:
    """The table platform_reported: every conversion that a channel touched within its platform's window."""
    parts = []
    for place, channel in enumerate(log.course.of.channels):
        claimed = log.touched_before(place, channel.view_days, clicks=False)
        claimed |= log.touched_before(place, channel.click_days, clicks=True)
        if channel.is_paid:
            parts.append(_by_month(channel.name, month_of(log.time[claimed]), log.value[claimed]))
    return pd.concat(parts).sort_values(["month", "channel"], ignore_index=True)


def survey_frame(log: Log) -> pd.DataFrame:
    """The table survey: some buyers answer, and name one of the channels they met, or none.

    Each channel met races to be named with a rate of its memory, "unknown" with a rate of 1.
    """
    channels = log.course.of.channels
    rng = log.course.of.stream("survey")
    answers = rng.random(len(log.user)) < RESPONSE
    race = rng.standard_exponential((len(log.user), len(channels) + 1))
    for place, channel in enumerate(channels):
        met = log.touched_before(place, REMEMBERED_DAYS)
        race[:, place] = np.where(met, race[:, place] / max(channel.memory, 1e-9), np.inf)
    named_first = race.argmin(axis=1)[answers]
    names = [*(c.name for c in channels), "unknown"]
    counts = np.zeros((MONTHS, len(names)), dtype=np.int64)
    np.add.at(counts, (month_of(log.time[answers]), named_first), 1)
    months = np.repeat(months_of_log(), len(names))
    return pd.DataFrame({"month": months, "channel": names * MONTHS, "responses": counts.ravel()})


def channels_frame(log: Log) -> pd.DataFrame:
    """The table channels."""
    channels = log.course.of.channels
    columns = ("role", "remembered", "walled_garden", "paid", "test_cost_per_week")
    frame = pd.DataFrame(
        {"channel": [c.name for c in channels], **{n: [getattr(c, n) for c in channels] for n in columns}}
    )
    frame["test_cost_per_week"] = frame["test_cost_per_week"].where(frame["paid"] == "yes")
    return frame.assign(reach=[_reached(log, place) for place in range(len(channels))])


def geo_frame(log: Log) -> pd.DataFrame:
    """The table geo_panel: conversions and spend of every region on every day of the log."""
    geo, regions, days = log.course.people.geo, len(GEOS), LOG_WEEKS * 7
    cell = (log.time // DAY) * regions + geo[log.user]
    spent = (log.touches.time // DAY) * regions + geo[log.touches.user]
    return pd.DataFrame(
        {
            "date": np.repeat(days_of_log(), regions),
            "geo": named(np.tile(np.arange(regions), days), list(GEOS)),
            "outcome": np.bincount(cell, minlength=days * regions),
            "spend": np.round(np.bincount(spent, log.cost, minlength=days * regions), 2),
            "population": np.tile(np.array(list(GEOS.values()), dtype=np.int64), days),
        }
    )


def lenses_frame(log: Log, effects: list[Caused]) -> pd.DataFrame:
    """The table lenses: what a media-mix model and an attribution vendor make of the paid channels, month by month."""
    paid = [place for place, c in enumerate(log.course.of.channels) if c.is_paid]
    parts = [_lenses_of(log, place, effects[place]) for place in paid]
    return pd.concat(parts).sort_values(["lens", "month", "channel"], ignore_index=True)


def days_of_log() -> np.ndarray:
    """The days of the log."""
    return np.datetime64(FIRST_DAY, "us") + np.arange(LOG_WEEKS * 7) * np.timedelta64(1, "D")


def months_of_log() -> np.ndarray:
    """The first days of its months."""
    return (np.datetime64(FIRST_DAY, "M") + np.arange(MONTHS)).astype("datetime64[us]")


def _spend_of(log: Log, place: int, channel: Channel) -> pd.DataFrame:
    mine = log.touches.channel == place
    counts = np.bincount(log.week[mine], minlength=LOG_WEEKS)
    return pd.DataFrame(
        {
            "date": days_of_log()[::7],
            "channel": channel.name,
            "spend": weekly_cost(log, place),
            "impressions": counts * int(channel.impressions),
            "clicks": np.bincount(log.week[mine & log.touches.is_click], minlength=LOG_WEEKS),
        }
    )


def _by_month(channel: str, month: Whole, value: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "month": months_of_log(),
            "channel": channel,
            "conversions": np.bincount(month, minlength=MONTHS),
            "value": np.round(np.bincount(month, value, minlength=MONTHS), 2),
        }
    )


def _reached(log: Log, place: int) -> int:
    return len(np.unique(log.touches.user[log.touches.channel == place]))


def _lenses_of(log: Log, place: int, effect: Caused) -> pd.DataFrame:
    channel = log.course.of.channels[place]
    rng = log.course.of.stream(f"lenses {channel.name}")
    mine = log.touches.channel == place
    spend = np.round(np.bincount(month_of(log.touches.time[mine]), log.cost[mine], minlength=MONTHS), 2)
    true = np.maximum(effect.monthly, 1.0)
    off = OFF_CHANNEL * rng.standard_normal((2, 1)) + OFF_MONTH * rng.standard_normal((2, MONTHS))
    model, vendor = true * np.exp(off) * [[MEDIA_MIX_BIAS], [VENDOR_BIAS[channel.role]]]
    width = np.exp(Z90 * OFF)
    usual = of_log(log.course.climate.spend)[:, place].mean()
    slope = SATURATION / (SATURATION + usual)
    marginal = np.divide(model * slope, spend, out=np.full(MONTHS, np.nan), where=spend > 0)
    head = {"channel": channel.name, "month": months_of_log(), "made_on": _made_on(), "spend": spend}
    parts = [
        {"lens": MEDIA_MIX, "estimate": model, "lower": model / width, "upper": model * width, "level": LEVEL}
        | {"basis": "incremental", "marginal": marginal.round(5)},
        {"lens": VENDOR, "estimate": vendor, "basis": "attributed"},
    ]
    columns = "channel lens month estimate lower upper level basis made_on spend marginal".split()
    numbers = dict.fromkeys(("estimate", "lower", "upper", "level", "marginal"), "float64")
    frames = [pd.DataFrame({**head, **part}).reindex(columns=columns).astype(numbers) for part in parts]
    return pd.concat(frames).round({"estimate": 1, "lower": 1, "upper": 1})


def _made_on() -> np.ndarray:
    fifths = [(m + np.timedelta64(1, "M")).astype("datetime64[D]") + 4 for m in months_of_log().astype("datetime64[M]")]
    return np.minimum(np.array(fifths), np.datetime64(AS_OF)).astype("datetime64[us]")


def weeks_of_history(weeks: int) -> np.ndarray:
    """The first days of so many weeks, the log's last among them."""
    last = np.datetime64(FIRST_DAY + timedelta(weeks=LOG_WEEKS - 1), "us")
    return last - np.arange(weeks)[::-1] * np.timedelta64(7, "D")
