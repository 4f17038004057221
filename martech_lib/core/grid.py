"""Tables by week or by date and region: every cell of the grid must be there; each gap is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pandas as pd

from martech_lib.core.check import Breach
from martech_lib.core.tables import Table

EPOCH = date(1970, 1, 1)
WEEK = 7


def gaps(table: Table, frame: pd.DataFrame) -> Iterator[Breach]:
    """Dates out of step, then the runs of missing dates of each part (channel, control, region).

    Args:
        table: A table with a grid.
        frame: Its typed frame, of which the grid columns are readable and filled.
    """
    when, parts = table.grid[0], list(table.grid[1:])
    days = frame[when].to_numpy().astype("datetime64[D]").astype(np.int64)
    weekly = when == "week"
    step = WEEK if weekly else _usual_step(days)
    if weekly:
        yield from _out_of_step(days, when)
    expected = _expected(days, step, weekly=weekly)
    groups = frame.groupby(parts, sort=True).indices if parts else {"": np.arange(len(days))}
    for part, rows in groups.items():
        said = f" for {parts[0]} '{_name(part)}'" if parts else ""
        for start, end in _runs(np.setdiff1d(expected, days[rows]), expected):
            yield Breach(None, when, _gap(start, end, said=said, unit=when, span=expected))


def _usual_step(days: np.ndarray) -> int:
    steps = np.diff(np.unique(days))
    if not len(steps):
        return 1
    sizes, counts = np.unique(steps, return_counts=True)
    return int(sizes[counts.argmax()])


def _expected(days: np.ndarray, step: int, *, weekly: bool) -> np.ndarray:
    """The days that must be there; when dates keep no step, those that are there for any part."""
    present = np.unique(days)
    every = np.arange(present[0], present[-1] + 1, step)
    return every if weekly or np.isin(present, every).all() else present


def _out_of_step(days: np.ndarray, when: str) -> Iterator[Breach]:
    first = int(days.min())
    for position in np.flatnonzero((days - first) % WEEK):
        yield Breach(int(position), when, f"is not a whole number of weeks after the first, {_day(first)}")


def _runs(missing: np.ndarray, expected: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first, last) of each run of neighbours of `expected` that are missing."""
    if not len(missing):
        return
    places = np.searchsorted(expected, missing)
    for run in np.split(missing, np.flatnonzero(np.diff(places) > 1) + 1):
        yield int(run[0]), int(run[-1])


def _gap(start: int, end: int, *, said: str, unit: str, span: np.ndarray) -> str:
    which = f"{unit} {_day(start)}" if start == end else f"{unit}s {_day(start)} to {_day(end)}"
    return f"there is no row of {which}{said}; every {unit} from {_day(span[0])} to {_day(span[-1])} must be there"


def _name(part: object) -> object:
    return part[0] if isinstance(part, tuple) else part


def _day(number: int | np.integer) -> date:
    return EPOCH + timedelta(days=int(number))
