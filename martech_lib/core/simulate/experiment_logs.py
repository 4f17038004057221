"""The logs of A/B tests: who was put into which arm, and what they did in the seven days after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.simulate.experiment_settings import Experiment, counted
from martech_lib.core.simulate.experiment_users import Trial
from martech_lib.core.simulate.log import moments, named
from martech_lib.core.simulate.settings import DAY, END, FIRST_DAY, Floats, Whole

OPENS, CLOSES = 5 * 3600, 23 * 3600 + 1800  # users come between these seconds of a day in UTC
SOON = 1200  # mean seconds until what is done in the same visit
WINDOW = 7 * DAY


class Events(NamedTuple):
    """Events of one name: places of their users, times in seconds from the start of the log, worth (NaN for none)."""

    name: str
    user: Whole
    time: Whole
    value: Floats


def logs_of(
    test: Experiment, users: Trial, rng: np.random.Generator, *, first: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the tables assignments and outcomes; the users' ids run from `first`."""
    come = _come(test, users, rng)
    assignments = pd.DataFrame(
        {
            "program": test.id,
            "user_id": first + np.arange(len(come)),
            "arm": named(users.arm, list(test.arms)),
            "assigned_at": moments(come),
            "segment": pd.array([None] * len(come), dtype="str"),
            "kind": pd.array([None] * len(come), dtype="str"),
            "pre_value": users.pre_value,
            "planned_share": users.share,
        }
    )
    parts = [*_primary(test, users, come, rng), *_others(test, users, come, rng)]
    return assignments, pd.concat([_frame(part, first) for part in parts])


def _come(test: Experiment, users: Trial, rng: np.random.Generator) -> Whole:
    """Seconds from the start of the log, in the users' order."""
    start = (test.start - FIRST_DAY).days * DAY
    in_day = OPENS + (rng.random(len(users.day)) * (CLOSES - OPENS)).astype(np.int64)
    return np.sort(start + users.day * DAY + in_day)


def _primary(test: Experiment, users: Trial, come: Whole, rng: np.random.Generator) -> Iterator[Events]:
    """What the metric counts: a rate and its worth in the same visit, numbers of events within the window."""
    kind, event, other = test.on.counted
    if kind in ("rate", "value"):
        who = np.flatnonzero(users.made > 0)
        left = DAY - 1 - come[who] % DAY
        wait = np.minimum(60 + (rng.standard_exponential(len(who)) * SOON).astype(np.int64), left)
        yield Events(event, who, come[who] + wait, users.made[who] if kind == "value" else _nothing(who))
        return
    number = users.over if kind == "ratio" else users.made
    who = np.repeat(np.arange(len(come)), number.astype(np.int64))
    time = _within(rng, come[who], 0, WINDOW)
    yield Events(other if kind == "ratio" else event, who, time, _nothing(who))
    if kind == "ratio":
        place = np.arange(len(who)) - (np.cumsum(number) - number)[who]
        clicked = place < users.made[who]
        after = 5 + (rng.random(clicked.sum()) * 55).astype(np.int64)
        yield Events(event, who[clicked], time[clicked] + after, _nothing(who[clicked]))


def _others(test: Experiment, users: Trial, come: Whole, rng: np.random.Generator) -> Iterator[Events]:
    """What comes later, from the second day on, and what the guardrail counts."""
    who = np.flatnonzero(users.later)
    yield Events(counted(test.on.downstream_metric).event, who, _within(rng, come[who], DAY, WINDOW), _nothing(who))
    who = np.flatnonzero(users.guard)
    yield Events(counted(test.on.guardrail_metric).event, who, _within(rng, come[who], 0, WINDOW), _nothing(who))


def _within(rng: np.random.Generator, come: Whole, after: int, until: int) -> Whole:
    """Times between these seconds after the users came, a minute from both ends."""
    return come + after + 60 + (rng.random(len(come)) * (until - after - 120)).astype(np.int64)


def _nothing(who: Whole) -> Floats:
    return np.full(len(who), np.nan)


def _frame(events: Events, first: int) -> pd.DataFrame:
    """Those inside the log."""
    name, user, time, value = events
    inside = time < END
    return pd.DataFrame(
        {
            "user_id": first + user[inside],
            "ts": moments(time[inside]),
            "event": named(np.zeros(inside.sum(), dtype=np.int64), [name]),
            "value": value[inside],
        }
    )
