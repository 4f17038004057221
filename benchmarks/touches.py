"""The touches that attribution is timed on, drawn from fixed seeds: `python touches.py JOURNEYS FOLDER`.

A journey is one user's: 4 touches on average and 30 at most, channel after channel by a Markov chain, days apart. One
in twenty ends in a conversion, the likelier the more it was touched by channels that help.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CHANNELS = "direct email paid_search organic display social affiliate video referral sms".split()
HELPS = (0.0, 0.5, 0.6, 0.2, -0.1, 0.1, 0.3, 0.15, 0.25, 0.4)  # to the log-odds of converting, once touched
BASE = -3.05
LONGEST = 30
DAY = 86_400
FROM = 1_735_689_600  # 2025-01-01
AT_ONCE = 2_500_000  # journeys drawn at a time, which takes about 3 GB
ROW_GROUP = 1_000_000


def make(journeys: int, folder: Path) -> None:
    """Touches and conversions of so many journeys as Parquet in folders of these names, made where missing.

    In a process of its own: what starts the measured ones stays small, for their peak memory counts from its.
    """
    if not (folder / "conversions").exists():
        subprocess.run([sys.executable, __file__, str(journeys), str(folder)], check=True)


def write(journeys: int, folder: Path) -> None:
    """Draw the journeys in parts, then mix the parts: no part of the log holds all touches of a user."""
    (folder / "touches").mkdir(parents=True, exist_ok=True)
    parts, converted = [], []
    for seed, first in enumerate(range(0, journeys, AT_ONCE)):
        touches, conversions = drawn(min(AT_ONCE, journeys - first), first=first, seed=seed)
        parts.append(folder / f"part-{seed}.parquet")
        pq.write_table(touches, parts[-1])
        converted.append(conversions)
    mix(parts, folder / "touches" / "0.parquet")
    (folder / "conversions").mkdir(exist_ok=True)
    pq.write_table(pa.concat_tables(converted), folder / "conversions" / "0.parquet")


def mix(parts: list[Path], mixed: Path) -> None:
    """One file of all parts, each of its row groups with rows of every part; the parts are removed."""
    rng = np.random.default_rng(0)
    files = [pq.ParquetFile(part) for part in parts]
    with pq.ParquetWriter(mixed, files[0].schema_arrow) as writer:
        for batches in zip_longest(*(file.iter_batches(ROW_GROUP // len(parts)) for file in files)):
            rows = pa.Table.from_batches([batch for batch in batches if batch is not None])
            writer.write_table(rows.take(rng.permutation(len(rows))))
    for part in parts:
        part.unlink()


def drawn(journeys: int, *, first: int, seed: int) -> tuple[pa.Table, pa.Table]:
    """Touches, in no order, and conversions of so many users, numbered from `first`."""
    rng = np.random.default_rng(seed)
    lengths = np.minimum(rng.geometric(1 / 4, size=journeys), LONGEST)
    starts, user = np.cumsum(lengths) - lengths, np.repeat(np.arange(journeys), lengths)
    channel = walked(rng.random(len(user)), starts, lengths)
    converts = rng.random(journeys) < chances(user, channel, journeys)
    times = touched(rng, user, starts)
    conversion_times = times[starts + lengths - 1] + rng.integers(60, DAY, journeys)
    values = np.round(rng.gamma(2, 25, journeys), 2)
    order = rng.permutation(len(user))
    touches = {
        "user_id": first + user[order],
        "ts": as_times(times[order]),
        "channel": pa.array(CHANNELS).take(pa.array(channel[order])),
        "cost": np.round(rng.gamma(1, 0.3, len(user)), 3),
    }
    who = np.flatnonzero(converts)
    conversions = {"user_id": first + who, "ts": as_times(conversion_times[who]), "value": values[who]}
    return pa.table(touches), pa.table(conversions)


def walked(chance: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The channel of every touch; each depends on the one before."""
    k = len(CHANNELS)
    start = np.cumsum(np.random.default_rng(123).dirichlet(np.ones(k) * 3))
    step = np.cumsum(np.random.default_rng(124).dirichlet(np.ones(k) * 2, size=k), axis=1)
    channel = np.empty(len(chance), dtype=np.int8)
    channel[starts] = np.searchsorted(start, chance[starts]).clip(0, k - 1)
    for position in range(1, lengths.max()):
        here = starts[lengths > position] + position
        channel[here] = (chance[here, None] > step[channel[here - 1]]).sum(axis=1).clip(0, k - 1)
    return channel


def chances(user: np.ndarray, channel: np.ndarray, journeys: int) -> np.ndarray:
    """Each journey's chance to convert, by the channels on it."""
    present = np.zeros((journeys, len(CHANNELS)), dtype=bool)
    present[user, channel] = True
    log_odds = present @ np.array(HELPS)
    return 1 / (1 + np.exp(-(log_odds - log_odds.mean() + BASE)))


def touched(rng: np.random.Generator, user: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The second of every touch: journeys start within 60 days, their touches are two days apart on average."""
    start = rng.integers(0, 60 * DAY, len(starts))
    gap = rng.exponential(2 * DAY, len(user)).astype(np.int64)
    gap[starts] = 0
    passed = np.cumsum(gap)
    return FROM + start[user] + passed - passed[starts][user]


def as_times(seconds: np.ndarray) -> pa.Array:
    """Seconds as timestamps."""
    return pa.array(seconds * 1_000_000, pa.timestamp("us"))


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
