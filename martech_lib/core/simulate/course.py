"""The mechanism: who is touched, which touches make conversions, and what had happened without a channel.

Every candidate conversion has one origin, a touch or the user's own intent, and is drawn with all that may undo it. A
user converts at a candidate unless the last conversion is too recent. Without a channel the candidates it made, and
those that needed its touch, are gone; all other random numbers stay.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from martech_lib.core.simulate.climate import Climate, climate, simulated, times
from martech_lib.core.simulate.settings import (
    BASE,
    DAY,
    END,
    GEOS,
    LOG_WEEKS,
    PRICES,
    REFRACTORY,
    RUN_OFF_WEEKS,
    WEEK,
    Channel,
    Flags,
    Floats,
    LiftTest,
    Settings,
    Whole,
)

SPAN = 400 * DAY  # more than any two times of a world are apart, so that user * SPAN + time sorts by user, then time
LAST = END + RUN_OFF_WEEKS * WEEK
CLICK_WHERE_CAUSED = 2.5  # a touch that worked was more often clicked


class People(NamedTuple):
    """Users by place: what they want of their own accord, their region, and who lacks the channel of each test."""

    intent: Floats
    geo: Whole
    held: tuple[Flags, ...]


class Touches(NamedTuple):
    """Touches of one or more channels, one a place."""

    user: Whole
    time: Whole
    channel: Whole
    is_click: Flags


class Candidates(NamedTuple):
    """Candidate conversions in order of user and time.

    Attributes:
        user: Who.
        time: When, in seconds from the start of the log.
        origin: Place of the channel whose touch made it; BASE for none.
        touched: When that touch was.
        value: What it is worth.
        met: Which channels are touched before it: candidates by channels.
        gap: How long before.
        needs: Which of those it could not do without.
    """

    user: Whole
    time: Whole
    origin: Whole
    touched: Whole
    value: Floats
    met: Flags
    gap: Whole
    needs: Flags


@dataclass(frozen=True)
class Course:
    """How a world went."""

    of: Settings
    climate: Climate
    people: People
    exposures: Touches
    candidates: Candidates

    @cached_property
    def converted(self) -> Whole:
        """Places of the candidates that became conversions, run-up and run-off included."""
        return accepted(self.candidates, self.alive())

    @cached_property
    def conversions(self) -> Whole:
        """Those of them inside the log."""
        return self.logged(self.converted)

    def logged(self, places: Whole) -> Whole:
        """The candidates among these that fall inside the log."""
        time = self.candidates.time[places]
        return places[(time >= 0) & (time < END)]

    def alive(self, without: Collection[int] = (), held: Sequence[Flags] | None = None) -> Flags:
        """Candidates that are there without some channels; `held` stands in for who lacks each test's channel."""
        c, gone = self.candidates, list(without)
        lost = np.isin(c.origin, gone) | c.needs[:, gone].any(axis=1)
        for test, who in zip(self.of.tests, held or self.people.held, strict=True):
            k = self.of.code(test.channel)
            lost |= (c.origin == k) & withheld(test, who, c.user, c.touched)
            lost |= c.needs[:, k] & withheld(test, who, c.user, c.time - c.gap[:, k])
        return ~lost

    def conversions_without(self, *channels: int) -> Whole:
        """Conversions of the log in the same world without these channels."""
        return self.logged(accepted(self.candidates, self.alive(channels)))

    def conversions_with_held(self, test: LiftTest, who: Flags) -> Whole:
        """Conversions of the log in the same world with other users in the control group of a test."""
        held = [who if t is test else h for t, h in zip(self.of.tests, self.people.held, strict=True)]
        return self.logged(accepted(self.candidates, self.alive(held=held)))

    def is_withheld(self, touches: Touches) -> Flags:
        """Which touches did not take place because a test withheld them."""
        found = np.zeros(len(touches.user), dtype=bool)
        for test, who in zip(self.of.tests, self.people.held, strict=True):
            rows = np.flatnonzero(touches.channel == self.of.code(test.channel))
            found[rows] = withheld(test, who, touches.user[rows], touches.time[rows])
        return found


def run(of: Settings) -> Course:
    """Draw a world."""
    weather = climate(of)
    people = _people(of)
    parts = [_exposed(of, place, weather, people) for place in range(len(of.channels))]
    exposures = Touches._make(
        np.concatenate(columns) for columns in zip(*(touches for touches, _ in parts), strict=True)
    )
    blocks = [_base(of, weather, people), *(made for _, made in parts)]
    joined = Candidates._make(np.concatenate(columns) for columns in zip(*blocks, strict=True))
    inside = np.flatnonzero(joined.time < LAST)
    order = inside[np.argsort(joined.user[inside] * SPAN + joined.time[inside], kind="stable")]
    return Course(of, weather, people, exposures, Candidates._make(column[order] for column in joined))


def withheld(test: LiftTest, who: Flags, user: Whole, time: Whole) -> Flags:
    """Whether a touch of the test's channel at this time does not reach this user."""
    return np.asarray(who[user] & (time >= test.start) & (time < test.end))


def accepted(candidates: Candidates, alive: Flags) -> Whole:
    """Places of the candidates that become conversions: in order of time, each long enough after the last."""
    rows = np.flatnonzero(alive)
    user = candidates.user[rows]
    key = user * SPAN + candidates.time[rows]
    following = np.append(np.searchsorted(key, key + REFRACTORY), len(rows))
    owner = np.append(user, -1)
    now = np.flatnonzero(np.diff(user, prepend=-1))
    taken = []
    while len(now):
        taken.append(now)
        later = following[now]
        now = later[owner[later] == user[now]]
    return np.sort(rows[np.concatenate(taken)]) if taken else rows


def _people(of: Settings) -> People:
    rng = of.stream("people")
    intent = np.exp(of.intent_sd * rng.standard_normal(of.users) - of.intent_sd**2 / 2)
    sizes = np.array(list(GEOS.values()))
    geo = np.searchsorted(np.cumsum(sizes), rng.random(of.users) * sizes.sum(), side="right")
    return People(intent, geo, tuple(_held(of, test, geo) for test in of.tests))


def _held(of: Settings, test: LiftTest, geo: Whole) -> Flags:
    if test.geos:
        return np.isin(geo, [list(GEOS).index(name) for name in test.geos])
    return np.asarray(of.stream(f"test {test.id}").random(of.users) < test.held_share)


def _exposed(of: Settings, place: int, weather: Climate, people: People) -> tuple[Touches, Candidates]:
    """The touches of a channel that come to users, and the candidates they make."""
    channel = of.channels[place]
    rng = of.stream(f"touches {channel.name}")
    weekly = weather.volume[:, place]
    reached = people.intent**channel.targeting
    rate = channel.exposures * reached / reached.mean() * simulated(weekly).sum() / LOG_WEEKS
    user = np.repeat(np.arange(of.users), rng.poisson(rate))
    time = times(rng, len(user), weekly)
    works = rng.random(len(user)) < channel.effect
    is_click = rng.random(len(user)) < channel.clicks * np.where(works, CLICK_WHERE_CAUSED, 1)
    lag = _waits(rng, len(user), channel.lag_days)
    touches = Touches(user, time, np.full(len(user), place), is_click)
    made = _candidates(of, place, user[works], time[works], lag[works])
    return touches, made


def _base(of: Settings, weather: Climate, people: People) -> Candidates:
    """Candidates that come of the users' own intent."""
    rng = of.stream("base")
    weekly = weather.base
    rate = of.base_rate * people.intent * simulated(weekly).sum() / LOG_WEEKS
    user = np.repeat(np.arange(of.users), rng.poisson(rate))
    time = times(rng, len(user), weekly)
    return _candidates(of, BASE, user, time, np.zeros(len(user), dtype=np.int64))


def _candidates(of: Settings, origin: int, user: Whole, touched: Whole, lag: Whole) -> Candidates:
    name = "base" if origin == BASE else of.channels[origin].name
    rng = of.stream(f"candidates {name}")
    prices, shares = np.array(PRICES).T
    value = prices[np.searchsorted(np.cumsum(shares), rng.random(len(user)) * shares.sum(), side="right")]
    drawn = [_met(of.stream(f"{name} met {c.name}"), len(user), c) for c in of.channels]
    met, gap, needs = (np.column_stack(columns) for columns in zip(*drawn, strict=True))
    return Candidates(user, touched + lag, np.full(len(user), origin), touched, value, met, gap, needs)


def _met(rng: np.random.Generator, count: int, channel: Channel) -> tuple[Flags, Whole, Flags]:
    met = rng.random(count) < channel.capture
    needs = met & (rng.random(count) < channel.need)
    return met, _waits(rng, count, channel.gap_days), needs


def _waits(rng: np.random.Generator, count: int, mean_days: float) -> Whole:
    """Exponential waiting times in seconds, a minute at least."""
    return 60 + (rng.standard_exponential(count) * mean_days * DAY).astype(np.int64)
