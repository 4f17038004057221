"""What the users of an arm, or of a segment of it, did in all: the sums that every comparison starts from."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.arms import Arm, Sums
from martech_lib.core.permutation import Worth
from martech_lib.core.rates import Count
from martech_lib.core.stats import Array, Sample, of_count, of_sums
from martech_lib.personalization.cells import Cells

CONVERSION, CLICK, REVENUE = "conversion", "click", "revenue"


class Total(NamedTuple):
    """An arm, or several arms together.

    Attributes:
        n: Users.
        converted: Users who converted.
        clickers: Users who clicked.
        shown: Impressions.
        y: Sum of the users' values.
        yy: Of their squares.
        refunds: Outcomes below 0.
        n_p: Users with a pre_value.
        p: Sum of these.
        pp: Of their squares.
        yp: Of value times pre_value.
        cp: Of the pre_values of those who converted.
        values: Of the users who are worth anything, rising.
    """

    n: int
    converted: int
    clickers: int
    shown: int
    y: float
    yy: float
    refunds: int
    n_p: int
    p: float
    pp: float
    yp: float
    cp: float
    values: Array

    @property
    def conversions(self) -> Count:
        """Users who converted, of all."""
        return Count(self.converted, self.n)

    @property
    def clicks(self) -> Count:
        """Users who clicked, of all."""
        return Count(self.clickers, self.n)

    @property
    def worth(self) -> Worth:
        """Values by user."""
        return Worth(self.n, self.values)

    @property
    def revenue(self) -> Sample:
        """Value by user."""
        return of_sums(self.n, self.y, self.yy)

    @property
    def rate(self) -> Sample:
        """Conversion rate."""
        return of_count(self.n, self.converted)

    def without_largest(self) -> Total:
        """The same without the user who brought most, who converted; of that user's past nothing is known."""
        value = float(self.values[-1])
        return self._replace(
            n=self.n - 1, converted=self.converted - 1, y=self.y - value, yy=self.yy - value * value,
            n_p=0, values=self.values[:-1],
        )  # fmt: skip

    def arm(self, name: str) -> Arm:
        """The arm as the checks of `core` take it."""
        known = self.n_p == self.n
        conversion = Sums(
            self.converted, self.converted, self.converted, 0, 0, 0, self.p, self.pp, self.cp, self.n_p,
            self.converted if known else 0, self.converted,
        )  # fmt: skip
        revenue = conversion._replace(
            y=self.y, yy=self.yy, yyy=float((self.values**3).sum()), yp=self.yp, y_p=self.y if known else 0.0,
            actors=len(self.values),
        )  # fmt: skip
        return Arm(name, self.n, {CONVERSION: conversion, REVENUE: revenue})


def total_of(cells: Cells, arms: Collection[str]) -> Total:
    """Add up the users of these arms."""
    put, grid = _of(cells.by_day, arms), _of(cells.grid, arms)
    sums = grid[["clickers", "shown", "y", "yy", "refunds", "yp", "cp"]].sum()
    return Total(
        n=int(put["n"].sum()),
        converted=int(grid.loc[grid["converted_on"].notna(), "users"].sum()),
        clickers=int(sums["clickers"]),
        shown=int(sums["shown"]),
        y=float(sums["y"]),
        yy=float(sums["yy"]),
        refunds=int(sums["refunds"]),
        n_p=int(put["n_p"].sum()),
        p=float(put["p"].sum()),
        pp=float(put["pp"].sum()),
        yp=float(sums["yp"]),
        cp=float(sums["cp"]),
        values=np.sort(np.concatenate([np.empty(0), *(cells.values[arm] for arm in arms if arm in cells.values)])),
    )


def conversions_by_segment(cells: Cells, arms: Collection[str]) -> dict[str, Count]:
    """Users of these arms who converted, of all, in each segment of theirs."""
    put, grid = _of(cells.by_day, arms), _of(cells.grid, arms)
    users = put.groupby("segment")["n"].sum()
    hits = grid[grid["converted_on"].notna()].groupby("segment")["users"].sum()
    return {str(name): Count(int(hits.get(name, 0)), int(n)) for name, n in users.items()}


def _of(frame: pd.DataFrame, arms: Collection[str]) -> pd.DataFrame:
    return frame[frame["arm"].isin([*arms])]
