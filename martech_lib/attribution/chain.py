"""A chain that remembers two touches: its states are pairs of channels that followed one another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from martech_lib.attribution.sums import Refused
from martech_lib.core.stats import Array

MOST_STATES = 500  # one inverse a sample: 51 of 500 x 500 take some seconds


def pairs_of(steps: pd.DataFrame, channels: int, groups: int) -> tuple[Array, list[npt.NDArray[np.intp]]]:
    """Counts between states, (G, S + 1, S + 2) as `sums.Sums.transitions`, and for each channel its states.

    Args:
        steps: group, last, code, next, converts, times; last is blank at a start, next at an end.
        channels: K.
        groups: G.

    Raises:
        Refused: There are more than `MOST_STATES` states.
    """
    columns = (steps[name].astype("float64") for name in ("last", "code", "next"))
    last, code, following = (column.fillna(channels).to_numpy().astype(np.int64) for column in columns)
    wide = channels + 1
    here = last * wide + code
    states, place = np.unique(here, return_inverse=True)
    size = len(states)
    if size > MOST_STATES:
        raise Refused(f"order 2 has {size} states here; up to {MOST_STATES} are solved")
    group, times = steps["group"].to_numpy(dtype=np.int64), steps["times"].to_numpy(dtype=np.float64)
    goes_on = following < channels
    there = np.where(goes_on, np.searchsorted(states, code * wide + following), size + 1 - steps["converts"].to_numpy())
    counts = np.zeros((groups, size + 1, size + 2))
    np.add.at(counts, (group, place + 1, there), times)
    starts = last == channels
    np.add.at(counts, (group[starts], np.zeros(starts.sum(), dtype=np.int64), place[starts]), times[starts])
    return counts, [np.flatnonzero(states % wide == k) for k in range(channels)]
