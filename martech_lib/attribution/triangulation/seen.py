"""What one lens says of one channel, and what a register holds of a period."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.attribution.evidence import Evidence
from martech_lib.attribution.question import Period
from martech_lib.core.stats import normal_quantile

LACKING_SD = 0.3  # of the logarithm, for a period that is scaled up from nearly none of its months


class Seen(NamedTuple):
    """One lens's word on one channel, for the period.

    Attributes:
        channel: As written.
        lens: Its name.
        estimate: Conversions in the period.
        lower: Lower end of its own interval; None where it has none.
        upper: Upper end.
        level: Level of that interval.
        basis: incremental or attributed for a vendor; "" for all else.
        month: The month or period it speaks of.
        made_on: The day it was made, where known.
        source: Table it was read from.
        how: How it was brought to the period, in words.
    """

    channel: str
    lens: str
    estimate: float
    lower: float | None = None
    upper: float | None = None
    level: float | None = None
    basis: str = ""
    month: str = ""
    made_on: date | None = None
    source: str = ""
    how: str = ""


class LeftOut(NamedTuple):
    """A lens that is not heard of some channels: their names, and what and why in words."""

    channels: tuple[str, ...]
    words: str


class Supply(NamedTuple):
    """Every lens's word, and what was left out.

    Attributes:
        seen: One a lens and channel; lift tests may be several.
        notes: What was left out, and why.
        left_out: The same by channel.
    """

    seen: tuple[Seen, ...]
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """One row a Seen; bounds are numbers, NaN where there are none."""
        frame = pd.DataFrame.from_records(list(self.seen), columns=list(Seen._fields))
        return frame.astype(dict.fromkeys(("estimate", "lower", "upper", "level"), "float64"))


def spend_of(evidence: Evidence, period: Period) -> Mapping[str, float]:
    """Channel -> money spent in the period; empty without spend."""
    return summed(evidence, "spend", "spend", period, when="date")


def summed(
    evidence: Evidence, register: str, amount: str, period: Period, *, when: str = "month"
) -> Mapping[str, float]:
    """Channel -> what a register adds up to in the period; empty without it."""
    if register not in evidence.registers:
        return {}
    frame = evidence.registers[register]
    kept = frame[[period.holds(moment) for moment in frame[when]]].dropna(subset=[amount])
    return {str(channel): float(total) for channel, total in kept.groupby("channel", sort=False)[amount].sum().items()}


def days_of(evidence: Evidence, period: Period) -> tuple[int, date | None]:
    """How many days the period has, and its last."""
    if period.month:
        month = pd.Period(period.month, freq="M")
        return month.days_in_month, month.end_time.date()
    if period.first is None or period.last is None:
        return 0, evidence.as_of
    return (period.last - period.first).days + 1, period.last


class Cover(NamedTuple):
    """How much of a period some months are: factor to the whole of it, standard deviation of that, how in words."""

    factor: float
    sd: float
    how: str

    def of(self, seen: Seen) -> Seen:
        """The same scaled to the whole period, and wider where that is a guess."""
        if self.factor == 1:
            return seen
        seen = seen._replace(estimate=seen.estimate * self.factor, how=f"{seen.how}; {self.how}")
        if seen.lower is None or seen.upper is None or seen.level is None or not 0 < seen.lower < seen.upper:
            return seen
        half = float(np.log(seen.upper / seen.lower)) / 2
        more = float(np.exp(np.hypot(half, normal_quantile((1 + seen.level) / 2) * self.sd) - half))
        return seen._replace(lower=seen.lower * self.factor / more, upper=seen.upper * self.factor * more)


def cover_of(period: Period, when: pd.Series) -> Cover:
    """How much of a period the months of a register cover."""
    if period.month or period.first is None or period.last is None:
        return Cover(1.0, 0.0, "")
    every = pd.period_range(period.first, period.last, freq="D").to_timestamp().to_period("M")
    there = set(pd.to_datetime(when).dt.to_period("M"))
    covered = sum(month in there for month in every)
    if not covered or covered == len(every):
        return Cover(1.0, 0.0, "")
    months = every.unique()
    how = f"{sum(m in there for m in months)} of {len(months)} months, scaled to all by days"
    return Cover(len(every) / covered, LACKING_SD * (1 - covered / len(every)), how)
