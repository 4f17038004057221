"""The walk to a conversion: how many touches, how many days, which channels in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log2
from typing import TYPE_CHECKING, NamedTuple

import ibis
import numpy as np
import pandas as pd
from ibis import _

from martech_lib.attribution.intake import GROUPS
from martech_lib.core.stats import Array

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from martech_lib.attribution.stitch import Stitched

MOST_PATHS = 10
MOST_BITS = 62  # a path that needs more is too long to be among the most frequent
STEP = " > "


class Walks(NamedTuple):
    """Converting journeys with a touch, counted; no user can be told from it.

    Attributes:
        lengths: touches, conversions.
        days: whole days from the first touch to the conversion, conversions; None without times.
        top: path, conversions, value: the most frequent paths, those first that convert most.
        waiting: (50, 2) by user group: days (with their fractions) of all these journeys, and how many; None without
            times.
    """

    lengths: pd.DataFrame
    days: pd.DataFrame | None
    top: pd.DataFrame
    waiting: Array | None = None


class Questions(NamedTuple):
    """What the engine is asked of the walks.

    Attributes:
        lengths: touches, conversions.
        days: days, conversions.
        waited: group, days, journeys.
        top: path (as a whole number), conversions, value.
    """

    lengths: ir.Table
    days: ir.Table
    waited: ir.Table
    top: ir.Table


def walks(journeys: Stitched, channels: tuple[str, ...]) -> Walks:
    """Count the converting journeys of a log, in its engine."""
    lengths, days, waited, top = (question.to_pandas() for question in questions(journeys, len(channels)))
    waiting = np.zeros((GROUPS, 2))
    waiting[waited["group"].to_numpy(dtype=np.int64)] = waited[["days", "journeys"]].to_numpy(dtype=np.float64)
    written = [STEP.join(channels[code] for code in _codes(int(path), _base(len(channels)))) for path in top["path"]]
    return Walks(_in_order(lengths, "touches"), _in_order(days, "days"), top.assign(path=written), waiting)


def questions(journeys: Stitched, channels: int) -> Questions:
    """What to ask of the walks over so many channels."""
    ended = journeys.ended.filter(_.converts == 1)
    firsts = ended.filter(_.rn == 1).mutate(days=_.age.floor().cast("int64"))
    return Questions(
        firsts.group_by(touches="n").aggregate(conversions=_.count()),
        firsts.group_by("days").aggregate(conversions=_.count()),
        firsts.group_by("group").aggregate(days=_.age.sum(), journeys=_.count()),
        _top(ended, _base(channels)),
    )


def _base(channels: int) -> int:
    return max(2, channels + 1)


def together(parts: Sequence[Walks]) -> Walks:
    """The walks of several parts of a table of paths as one."""
    lengths = pd.concat([part.lengths for part in parts]).groupby("touches", as_index=False).sum()
    paths = pd.concat([part.top for part in parts]).groupby("path", as_index=False).sum()
    first = paths.sort_values(["conversions", "value", "path"], ascending=[False, False, True], ignore_index=True)
    return Walks(_in_order(lengths, "touches"), None, first.head(MOST_PATHS))


def _top(ended: ir.Table, base: int) -> ir.Table:
    """The most frequent paths, each a whole number in the engine: every engine can sum, few put texts in order."""
    longest = int(MOST_BITS / log2(base))
    places = ibis.cases(*((_.rn == rn, ibis.literal(base ** (rn - 1), "int64")) for rn in range(1, longest + 1)))
    digits = ended.filter(_.n <= longest).mutate(digit=(_.code.cast("int64") + 1) * places)
    written = digits.group_by(["user_id", "journey"]).aggregate(
        path=_.digit.sum().cast("int64"), value=_.value.max().fill_null(0.0)
    )
    counted = written.group_by("path").aggregate(conversions=_.count(), value=_.value.sum())
    return counted.order_by(ibis.desc("conversions"), ibis.desc("value"), "path").limit(MOST_PATHS)


def _codes(path: int, base: int) -> Iterator[int]:
    """The channels of a path that was written as a whole number, first touch first."""
    while path:
        path, digit = divmod(path, base)
        yield digit - 1


def _in_order(counts: pd.DataFrame, column: str) -> pd.DataFrame:
    return counts.sort_values(column, ignore_index=True)


def quantile(counts: pd.DataFrame, column: str, share: float) -> float:
    """The least value that at least this share of the conversions does not exceed."""
    reached = counts["conversions"].cumsum().to_numpy()
    return float(counts[column].iloc[int(np.searchsorted(reached, share * reached[-1]))])
