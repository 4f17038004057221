"""What of a user goes into the sums of a measure: over the outcomes of a user, over users, over parts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from martech_lib.core.arm_records import Arm, Measure, Sums

if TYPE_CHECKING:
    import ibis.expr.types as ir

LEAST = 1e-80  # below it a user's sum is 0: PostgreSQL refuses products that are too small to be written
Row = dict[str, Any]


def needed_of(measure: Measure) -> dict[str, Any]:
    """Column name -> how it is summed over the outcomes of a user; the same for two measures when it is the same."""
    parts = {_counts(measure.above): _count(measure.above)}
    if measure.what == "value":
        parts = {f"value of {_spelled(measure.above)}": _value(measure.above)}
    return parts | ({_counts(measure.below): _count(measure.below)} if measure.below else {})


def _spelled(events: Sequence[str]) -> str:
    return repr(sorted(set(events)))


def _counts(events: Sequence[str]) -> str:
    return f"count of {_spelled(events)}"


def _count(events: Sequence[str]) -> Callable[[ir.Table], Any]:
    return lambda table: table.count(where=table.event.isin(list(events))) if events else table.count()


def _value(events: Sequence[str]) -> Callable[[ir.Table], Any]:
    return lambda table: table.value.sum(where=table.event.isin(list(events)) if events else None)


def own_of(each: ir.Table, measure: Measure, place: int) -> dict[str, Any]:
    """Numerator and, for a ratio, denominator of every user."""
    if measure.what == "value":
        y = without_dust(each[f"value of {_spelled(measure.above)}"].fill_null(0.0))
    else:
        times = each[_counts(measure.above)]
        y = (times > 0).ifelse(1, 0).cast("float64") if measure.what == "users" else times.cast("float64")
    below = {f"below_{place}": each[_counts(measure.below)].cast("float64")} if measure.below else {}
    return {f"above_{place}": y, **below}


def products_of(each: ir.Table, measure: Measure, place: int) -> dict[str, Any]:
    """Field of `Sums` -> what is summed over users.

    The square and the cube of 0 or 1 are itself, and where all users have a pre_value, sums over these are the whole.
    """
    y = each[f"above_{place}"]
    found = {"y": y} if measure.what == "users" else {"y": y, "yy": y * y, "yyy": y * y * y}
    if measure.what == "events":
        found["actors"] = (y > 0).ifelse(1, 0).cast("float64")
    if measure.what == "value":
        found["actors"] = each[f"value of {_spelled(measure.above)}"].notnull().ifelse(1, 0).cast("float64")
    if "p" in each.columns:
        found["yp"] = y * each.p
    if "has_p" in each.columns:
        found["y_p"] = each.has_p.ifelse(y, 0.0)
    if measure.below:
        x = each[f"below_{place}"]
        found |= {"x": x, "xx": x * x, "xy": x * y}
    return found


def without_dust(number: Any) -> Any:
    """The number, 0 where it is too small for products."""
    return number.abs().between(0, LEAST).ifelse(0.0, number)


class _Before(NamedTuple):
    """What is known from before the assignment: `p`, `pp` and `n_p` of `Sums`."""

    p: float
    pp: float
    n_p: int


class Adding:
    """Sums of the parts, added up: (arm, column) -> sum."""

    def __init__(self, measures: Sequence[Measure]) -> None:
        self._measures = measures
        self._sums: defaultdict[tuple[Any, str], float] = defaultdict(float)
        self.early = self.late = 0

    @property
    def are_numbers(self) -> bool:
        """Whether no sum is NaN or beyond all numbers."""
        return all(map(math.isfinite, self._sums.values()))

    def add(self, rows: Sequence[Row]) -> None:
        """Add what one part gave."""
        for row in rows:
            self.early += int(row.pop("early"))
            self.late += int(row.pop("late"))
            arm = row.pop("arm")
            for column, value in row.items():
                self._sums[arm, column] += value

    def arm(self, arm: str, days: pd.DataFrame) -> Arm:
        """The arm, whose users and what is known from before are counted by day."""
        n, n_p, p, pp = (days[column].sum() for column in ("n", "n_p", "p", "pp"))
        before = _Before(float(p), float(pp), int(n_p))
        sums = {m.name: self._of(arm, place, before) for place, m in enumerate(self._measures)}
        return Arm(arm, int(n), sums)

    def _of(self, arm: str, place: int, before: _Before) -> Sums:
        """The sums of one measure. What was not summed is the same as another sum: see `products_of`."""

        def got(field: str, otherwise: float = 0.0) -> float:
            return self._sums.get((arm, f"{field}_{place}"), otherwise)

        y = got("y")
        yy, yyy = got("yy", y), got("yyy", y)
        y_p = got("y_p", y if before.n_p else 0.0)
        x, xx, xy, actors = got("x"), got("xx"), got("xy"), round(got("actors", y))
        return Sums(y, yy, yyy, x, xx, xy, before.p, before.pp, got("yp"), before.n_p, y_p, actors)
