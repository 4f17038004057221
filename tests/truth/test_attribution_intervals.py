"""Jackknife intervals cover what a model credits in the long run.

The long run is a world 200 times as large from the same law, its credit divided by 200. `make truth` draws 1,000 worlds; the
small form draws 24, whose Monte-Carlo error is wider. A model's expected credit is not what a channel caused.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from martech_lib import attribution

IS_FULL = os.environ.get("MARTECH_TRUTH") == "full"
WORLDS = 1_000 if IS_FULL else 24
USERS, TIMES_LARGER, LEAST = 4_000, 200, 50
CHANNELS = np.array(["direct", "display", "email", "search", "social", "video"])
LAW = np.random.default_rng(20261123)
FIRST = LAW.dirichlet(np.full(len(CHANNELS), 4.0))
NEXT = LAW.dirichlet(np.full(len(CHANNELS), 3.0), size=len(CHANNELS))
PULL = np.array([0.1, -0.2, 0.5, 0.4, 0.0, 0.2])
START = np.datetime64("2026-01-01T00:00:00", "us")


def world(users: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Users who wander between channels and convert the likelier the more of the pulling channels they met."""
    rng = np.random.default_rng(seed)
    length = np.minimum(rng.geometric(0.35, users), 12)
    user = np.repeat(np.arange(users), length)
    place = np.arange(len(user)) - np.repeat(np.cumsum(length) - length, length)
    channel = np.empty(len(user), dtype=np.int64)
    for step in range(length.max()):
        rows = np.flatnonzero(place == step)
        odds = np.broadcast_to(FIRST, (len(rows), len(CHANNELS))) if step == 0 else NEXT[channel[rows - 1]]
        channel[rows] = (rng.random(len(rows))[:, None] > odds.cumsum(axis=1)).sum(axis=1).clip(max=len(CHANNELS) - 1)
    met = np.zeros((users, len(CHANNELS)), dtype=bool)
    met[user, channel] = True
    converts = rng.random(users) < 1 / (1 + np.exp(1.6 - met @ PULL))
    hours = place * 20 + rng.integers(0, 12, len(user))
    touches = pd.DataFrame(
        {"user_id": user, "ts": START + hours.astype("timedelta64[h]"), "channel": CHANNELS[channel]}
    )
    buyers = np.flatnonzero(converts)
    when = START + (length[buyers] * 20).astype("timedelta64[h]")
    return touches, pd.DataFrame({"user_id": buyers, "ts": when, "value": rng.gamma(2, 25, len(buyers)).round(2)})


def credit_of(users: int, seed: int) -> pd.DataFrame:
    frame = attribution.all_credit(attribution.journeys(*world(users, seed)))
    return frame.set_index(["model", "channel"])


def coverage() -> pd.Series:
    """Model -> share of intervals, over worlds and channels, that hold the expected credit."""
    expected = credit_of(USERS * TIMES_LARGER, seed=0)["conversions"].astype("float64") / TIMES_LARGER
    known = expected[expected >= LEAST]
    hits = []
    for seed in range(1, WORLDS + 1):
        drawn = credit_of(USERS, seed).reindex(known.index)
        hits.append((drawn["conversions_lower"] <= known) & (known <= drawn["conversions_upper"]))
    return pd.concat(hits, axis=1).mean(axis=1).groupby("model").mean()


def test_intervals_cover_the_long_run() -> None:
    covered = coverage()
    print(f"Share of 90 % intervals that hold the expected credit, {WORLDS} worlds:\n{covered.round(4).to_string()}")
    assert set(covered.index) == set(attribution.MODELS)
    # The channels of a world hang together: at worst its error is that of one interval a world.
    slack = 0.0 if IS_FULL else np.sqrt(0.9 * 0.1 / WORLDS)
    outside = covered[(covered < 0.87 - slack) | (covered > 0.93 + slack)]
    assert outside.to_dict() == {}
