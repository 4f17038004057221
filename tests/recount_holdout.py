"""Holdouts counted by hand: plain loops over rows, with no code of the library."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

Row = Mapping[str, Any]
CLICKS = {"click", "Click", "clicks", "Clicks"}
IMPRESSIONS = {"impression", "Impression", "impressions", "Impressions"}
SUMS = ("users", "events", "clickers", "shown", "y", "yy", "yp", "cp", "refunds")


class ByHand(NamedTuple):
    """What `cells_of` gives, as plain dictionaries.

    Attributes:
        by_day: (day, arm, segment) -> n, n_p, p, pp.
        grid: (arm, segment, day, day of conversion or None) -> SUMS.
        values: arm -> values of users that are not nothing, rising.
    """

    by_day: dict[Any, list[float]]
    grid: dict[Any, list[float]]
    values: dict[Any, list[float]]
    crossed: int
    repeated: int
    early: int
    late: int
    unusable: int
    undated: int
    unknown: int


def is_blank(word: Any) -> bool:
    return word is None or str(word).strip() == ""


def is_known(number: Any) -> bool:
    return number is not None and math.isfinite(number) and abs(number) <= 1e80


def by_hand(
    assignments: Iterable[Row], outcomes: Iterable[Row], *, endpoints: set[str], program: Any, days: float | None
) -> ByHand:
    """One user after another."""
    assignments, outcomes = list(assignments), list(outcomes)
    everybody = {row["user_id"] for row in assignments if row["user_id"] is not None}
    asked = [row for row in assignments if program is None or row["program"] == program]
    usable = [
        r for r in asked if not is_blank(r["user_id"]) and not is_blank(r["arm"]) and r["assigned_at"] is not None
    ]
    rows_of: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in usable:
        rows_of[row["user_id"]].append(row)
    by_day: defaultdict[Any, list[float]] = defaultdict(lambda: [0.0] * 4)
    grid: defaultdict[Any, list[float]] = defaultdict(lambda: [0.0] * len(SUMS))
    values: defaultdict[Any, list[float]] = defaultdict(list)
    crossed = repeated = early = late = 0
    for user, rows in rows_of.items():
        if len({row["arm"] for row in rows}) > 1:
            crossed += 1
            continue
        repeated += len(rows) - 1
        start = min(row["assigned_at"] for row in rows)
        first = [row for row in rows if row["assigned_at"] == start]
        arm, segment = first[0]["arm"], min("" if is_blank(r["segment"]) else r["segment"].strip() for r in first)
        before = [row["pre_value"] for row in first if is_known(row["pre_value"])]
        p = min(before) if before else None
        put = (1, 0, 0, 0) if p is None else (1, 1, p, p * p)
        by_day[start.date(), arm, segment] = [
            a + b for a, b in zip(by_day[start.date(), arm, segment], put, strict=True)
        ]
        theirs = []
        for row in outcomes:
            if row["user_id"] == user and row["ts"] is not None:
                is_early = row["ts"] < start
                is_late = days is not None and row["ts"] > start + timedelta(seconds=round(days * 86_400))
                early, late = early + is_early, late + is_late
                if not is_early and not is_late:
                    theirs.append(row)
        if not theirs:
            continue
        worth = [row["value"] for row in theirs if is_known(row["value"])]
        y = math.fsum(worth)
        y = 0.0 if abs(y) <= 1e-12 * math.fsum(map(abs, worth)) else y
        converted = min((row["ts"] for row in theirs if row["event"] in endpoints), default=None)
        more = (
            1, len(theirs), any(r["event"] in CLICKS for r in theirs), sum(r["event"] in IMPRESSIONS for r in theirs),
            y, y * y, y * (p or 0), (p or 0) if converted else 0, sum(v < 0 for v in worth),
        )  # fmt: skip
        key = arm, segment, start.date(), converted and converted.date()
        grid[key] = [a + b for a, b in zip(grid[key], more, strict=True)]
        if y:
            values[arm].append(y)
    undated = sum(row["ts"] is None for row in outcomes)
    unknown = sum(row["user_id"] not in everybody for row in outcomes)
    values = {arm: sorted(found) for arm, found in sorted(values.items())}
    aside = crossed, repeated, early, late, len(asked) - len(usable), undated, unknown
    return ByHand(dict(by_day), dict(grid), values, *aside)
