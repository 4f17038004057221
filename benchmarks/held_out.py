"""The holdout that its reading is timed on, drawn from fixed seeds: `python held_out.py USERS FOLDER`.

A tenth of the users is held out and the others are personalized, in twelve segments over four weeks. Three outcomes a
user on average, in the order of time in which a log is written, fall on users at random, from two days before the first
assignment to the end of the last window; so some come before the assignment, and some after its 30 days.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from assigned import ROW_GROUP, as_times, written

PROGRAM = "win-back"
ARMS = ("holdout", "treatment")
HELD = 0.1
SEGMENTS = tuple(f"segment {k:02}" for k in range(1, 13))
EVENTS = ("impression", "click", "conversion")
SHARES = (0.80, 0.185, 0.015)
PER_USER = 3  # outcomes
DAY = 86_400
FROM = 1_735_689_600  # 2025-01-01, the first assignment
WEEKS = 28 * DAY
BEFORE = 2 * DAY
WINDOW = 30  # days


def make(users: int, folder: Path) -> None:
    """Assignments and outcomes of so many users as Parquet in folders of these names, in a process of its own."""
    if not (folder / "outcomes").exists():
        subprocess.run([sys.executable, __file__, str(users), str(folder)], check=True)


def write(users: int, folder: Path) -> None:
    """Draw both logs part by part, each part with a seed of its own."""
    written(_assignments(users), folder / "assignments")
    written(_outcomes(users), folder / "outcomes")


def _assignments(users: int) -> Iterator[pa.Table]:
    """Every user once, in order of assignment; numbers of users are in no order."""
    order = np.random.default_rng(1).permutation(users)
    for first in range(0, users, ROW_GROUP):
        rng = np.random.default_rng([2, first])
        who = order[first : first + ROW_GROUP]
        times = FROM + (first + np.sort(rng.random(len(who))) * len(who)) / users * WEEKS
        treated = rng.random(len(who)) >= HELD
        yield pa.table(
            {
                "program": _coded(np.zeros(len(who)), (PROGRAM,)),
                "user_id": who,
                "arm": _coded(treated, ARMS),
                "assigned_at": as_times(times),
                "segment": _coded(rng.integers(0, len(SEGMENTS), len(who)), SEGMENTS),
                "pre_value": np.round(rng.gamma(1, 20, len(who)), 2),
                "planned_share": np.where(treated, 1 - HELD, HELD),
            }
        )


def _outcomes(users: int) -> Iterator[pa.Table]:
    """Events in order of time; conversions are worth something, a few of them much."""
    rows, days = users * PER_USER, BEFORE + WEEKS + WINDOW * DAY
    for first in range(0, rows, ROW_GROUP):
        rng = np.random.default_rng([3, first])
        here = min(ROW_GROUP, rows - first)
        times = FROM - BEFORE + (first + np.sort(rng.random(here)) * here) / rows * days
        event = rng.choice(len(EVENTS), here, p=SHARES)
        worth = np.round(rng.lognormal(3.5, 1.2, here), 2)
        yield pa.table(
            {
                "user_id": rng.integers(0, users, here),
                "ts": as_times(times),
                "event": _coded(event, EVENTS),
                "value": np.where(event == EVENTS.index("conversion"), worth, 0.0),
            }
        )


def _coded(places: np.ndarray, words: tuple[str, ...]) -> pa.Array:
    """Words by their places."""
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int8)), list(words))


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
