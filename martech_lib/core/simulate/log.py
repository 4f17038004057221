"""The logs of a world: touches and conversions as systems would have written them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from martech_lib.core.simulate.climate import of_log
from martech_lib.core.simulate.course import SPAN, Course, Touches
from martech_lib.core.simulate.settings import DAY, END, FIRST_DAY, WEEK, Flags, Floats, Whole


@dataclass(frozen=True)
class Log:
    """What happened in the weeks of the log, in order of time, as arrays.

    Attributes:
        course: The course it was written from.
        touches: Touches that took place.
        cost: What each cost.
        user: Who converted.
        time: When.
        value: What each conversion is worth.
    """

    course: Course
    touches: Touches
    cost: Floats
    user: Whole
    time: Whole
    value: Floats

    @cached_property
    def week(self) -> Whole:
        """Week of each touch."""
        return self.touches.time // WEEK

    def touched_before(self, channel: int, days: float, *, clicks: bool | None = None) -> Flags:
        """For each conversion: whether the channel touched its user so many days before it, or less.

        Args:
            channel: Place of the channel.
            days: How far back a touch counts; 0 for none.
            clicks: True for clicks alone, False for views alone.
        """
        if not days:
            return np.zeros(len(self.user), dtype=bool)
        chosen = self.touches.channel == channel
        if clicks is not None:
            chosen &= self.touches.is_click == clicks
        known = np.append(-SPAN, np.sort(self.touches.user[chosen] * SPAN + self.touches.time[chosen]))
        now = self.user * SPAN + self.time
        return np.asarray(now - known[np.searchsorted(known, now, side="right") - 1] <= days * DAY)


def log_of(course: Course) -> Log:
    """Write down a course."""
    shown = _joined(_present(course, course.exposures), _present(course, _captures(course)))
    order = np.argsort(shown.time, kind="stable")
    touches = Touches._make(column[order] for column in shown)
    converted = course.conversions
    converted = converted[np.argsort(course.candidates.time[converted], kind="stable")]
    found = course.candidates
    return Log(
        course, touches, cost_of(course, touches), found.user[converted], found.time[converted], found.value[converted]
    )


def cost_of(course: Course, touches: Touches) -> Floats:
    """What touches inside the log cost."""
    channels = course.of.channels
    views, clicks = (np.array([getattr(c, f"{kind}_cost") for c in channels]) for kind in ("view", "click"))
    usual = np.where(touches.is_click, clicks[touches.channel], views[touches.channel])
    return np.round(usual * of_log(course.climate.dearness)[touches.time // WEEK, touches.channel], 3)


def touches_frame(log: Log) -> pd.DataFrame:
    """The table touches."""
    touches, channels = log.touches, log.course.of.channels
    rng = log.course.of.stream("campaigns")
    sizes = np.array([len(c.campaigns) for c in channels])
    starts = np.cumsum(sizes) - sizes
    campaign = starts[touches.channel] + (rng.random(len(touches.user)) * sizes[touches.channel]).astype(np.int64)
    return pd.DataFrame(
        {
            "user_id": touches.user + 1,
            "ts": moments(touches.time),
            "channel": named(touches.channel, [c.name for c in channels]),
            "touch_id": np.arange(1, len(touches.user) + 1),
            "campaign": named(campaign, [name for c in channels for name in c.campaigns]),
            "kind": named(touches.is_click.astype(np.int64), ["view", "click"]),
            "cost": log.cost,
        }
    )


def conversions_frame(log: Log) -> pd.DataFrame:
    """The table conversions."""
    frame = pd.DataFrame(
        {
            "user_id": log.user + 1,
            "ts": moments(log.time),
            "conversion_id": np.arange(1, len(log.user) + 1),
            "value": log.value,
        }
    )
    return frame.assign(kind=named(frame["user_id"].duplicated().to_numpy().astype(np.int64), ["first", "repeat"]))


def moments(time: Whole) -> pd.DatetimeIndex:
    """Seconds from the start of the log as times in UTC."""
    return pd.DatetimeIndex(np.datetime64(FIRST_DAY, "s") + time.astype("timedelta64[s]"))


def named(codes: Whole, names: list[str]) -> pd.api.extensions.ExtensionArray:
    """Names by their place in a list."""
    return pd.array(names, dtype="str").take(codes)


def in_order(parts: list[pd.DataFrame], when: str) -> pd.DataFrame:
    """Logs of users as one, in order of time and user."""
    return pd.concat(parts).sort_values([when, "user_id"], kind="stable", ignore_index=True)


def _captures(course: Course) -> Touches:
    """The touches before conversions."""
    found, converted = course.candidates, course.converted
    rows, channel = np.nonzero(found.met[converted])
    places = converted[rows]
    share = np.array([c.clicks for c in course.of.channels])
    is_click = course.of.stream("clicks before conversions").random(len(rows)) < share[channel]
    return Touches(found.user[places], found.time[places] - found.gap[places, channel], channel, is_click)


def _present(course: Course, touches: Touches) -> Touches:
    inside = (touches.time >= 0) & (touches.time < END) & ~course.is_withheld(touches)
    return Touches._make(column[inside] for column in touches)


def _joined(first: Touches, second: Touches) -> Touches:
    return Touches._make(np.concatenate(pair) for pair in zip(first, second, strict=True))
