"""The experiment that the readout is timed on, drawn from fixed seeds: `python assigned.py USERS FOLDER`.

Half of the users are put into `control` and half into `treatment` over two weeks. Five outcomes a user, in the
order of time in which a log is written, fall on users at random, from two days before the first assignment to two weeks
after the last.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ARMS = ("control", "treatment")
EVENTS = ("view", "click", "signup", "conversion", "refund")
SHARES = (0.55, 0.25, 0.08, 0.10, 0.02)
WORTH = (0.0, 0.0, 0.0, 1.0, -0.5)  # of an average order
PER_USER = 5  # outcomes
DAY = 86_400
FROM = 1_735_689_600  # 2025-01-01, the first assignment
WEEKS = 14 * DAY
BEFORE = 2 * DAY
ROW_GROUP = 1_000_000


def make(users: int, folder: Path) -> None:
    """Assignments and outcomes of so many users as Parquet in folders of these names, made where missing.

    In a process of its own: what starts the measured ones stays small, for their peak memory counts from its.
    """
    if not (folder / "outcomes").exists():
        subprocess.run([sys.executable, __file__, str(users), str(folder)], check=True)


def write(users: int, folder: Path) -> None:
    """Draw both logs part by part, each part with a seed of its own."""
    written(_assignments(users), folder / "assignments")
    written(_outcomes(users), folder / "outcomes")


def written(parts: Iterator[pa.Table], folder: Path) -> None:
    """Write the parts as one file in a folder of its own."""
    folder.mkdir(parents=True)
    first = next(parts)
    with pq.ParquetWriter(folder / "0.parquet", first.schema) as writer:
        writer.write_table(first)
        for part in parts:
            writer.write_table(part)


def _assignments(users: int) -> Iterator[pa.Table]:
    """Every user once, in order of assignment; numbers of users are in no order."""
    order = np.random.default_rng(1).permutation(users)
    for first in range(0, users, ROW_GROUP):
        rng = np.random.default_rng([2, first])
        who = order[first : first + ROW_GROUP]
        times = FROM + (first + np.sort(rng.random(len(who))) * len(who)) / users * WEEKS
        arms = pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, 2, len(who), dtype=np.int8)), list(ARMS))
        yield pa.table(
            {
                "program": pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(who), dtype=np.int8)), ["checkout"]),
                "user_id": who,
                "arm": arms,
                "assigned_at": as_times(times),
                "pre_value": np.round(rng.gamma(1, 20, len(who)), 2),
            }
        )


def _outcomes(users: int) -> Iterator[pa.Table]:
    """Events in order of time; conversions are worth something and refunds take half of it back."""
    rows = users * PER_USER
    for first in range(0, rows, ROW_GROUP):
        rng = np.random.default_rng([3, first])
        here = min(ROW_GROUP, rows - first)
        times = FROM - BEFORE + (first + np.sort(rng.random(here)) * here) / rows * (BEFORE + 2 * WEEKS)
        event = rng.choice(len(EVENTS), here, p=SHARES).astype(np.int8)
        yield pa.table(
            {
                "user_id": rng.integers(0, users, here),
                "ts": as_times(times),
                "event": pa.DictionaryArray.from_arrays(pa.array(event), list(EVENTS)),
                "value": np.round(np.array(WORTH)[event] * rng.gamma(2, 25, here), 2),
            }
        )


def as_times(seconds: np.ndarray) -> pa.Array:
    """Seconds as timestamps."""
    return pa.array((seconds * 1_000_000).astype("int64"), pa.timestamp("us"))


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
