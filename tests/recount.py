"""A/B tests counted by hand: plain loops over rows, with no code of the library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Recount(NamedTuple):
    """n and sums (in the order of `Sums`) by arm, users by day and arm, and what does not count."""

    n: dict[str, int]
    sums: dict[tuple[str, str], tuple[float, ...]]
    by_day: dict[tuple[Any, str], int]
    crossed: int
    repeated: int
    early: int
    late: int
    unusable: int


def is_known(number: Any) -> bool:
    return number is not None and math.isfinite(number)


def recount(
    assignments: Iterable[Row], outcomes: Iterable[Row], measures: Sequence[Any], days: float | None
) -> Recount:
    """The same as `counted`, one user after another."""
    assigned: dict[Any, list[Row]] = {}
    unusable = 0
    for row in assignments:
        if any(row[c] is None or str(row[c]).strip() == "" for c in ("user_id", "arm", "assigned_at")):
            unusable += 1
        else:
            assigned.setdefault(str(row["user_id"]), []).append(row)
    happened: dict[str, list[Row]] = {}
    for row in outcomes:
        if row["ts"] is not None:
            happened.setdefault(str(row["user_id"]), []).append(row)
    n: dict[str, int] = {}
    by_day: dict[tuple[Any, str], int] = {}
    values: dict[tuple[str, str], list[tuple[float, float, float | None, bool]]] = {}
    crossed = repeated = early = late = 0
    for user, rows in assigned.items():
        if len({row["arm"] for row in rows}) > 1:
            crossed += 1
            continue
        repeated += len(rows) - 1
        arm, start = rows[0]["arm"], min(row["assigned_at"] for row in rows)
        before = [r["pre_value"] for r in rows if r["assigned_at"] == start and is_known(r["pre_value"])]
        n[arm] = n.get(arm, 0) + 1
        by_day[start.date(), arm] = by_day.get((start.date(), arm), 0) + 1
        theirs = []
        for row in happened.get(user, []):
            is_early = row["ts"] < start
            is_late = days is not None and row["ts"] > start + timedelta(days=days)
            early, late = early + is_early, late + is_late
            if not is_early and not is_late:
                theirs.append(row)
        for m in measures:
            above = [row for row in theirs if not m.above or row["event"] in m.above]
            below = [row for row in theirs if m.below and row["event"] in m.below]
            worth = [row["value"] for row in above if is_known(row["value"])]
            y = {"users": float(bool(above)), "events": float(len(above)), "value": float(sum(worth))}[m.what]
            acts = bool(worth if m.what == "value" else above)
            values.setdefault((arm, m.name), []).append((y, float(len(below)), min(before, default=None), acts))
    sums = {key: summed(found) for key, found in values.items()}
    return Recount(n, sums, by_day, crossed, repeated, early, late, unusable)


def summed(users: Sequence[tuple[float, float, float | None, bool]]) -> tuple[float, ...]:
    """y, yy, yyy, x, xx, xy, p, pp, yp, n_p, y_p of users with y, x and p, and how many of them act."""
    known = [(y, p) for y, _, p, _ in users if p is not None]
    products = [(y, y * y, y**3, x, x * x, x * y) for y, x, _, _ in users]
    before = [(p, p * p, y * p, 1, y) for y, p in known] or [(0.0,) * 5]
    sums = tuple(math.fsum(column) for part in (products, before) for column in zip(*part, strict=True))
    return (*sums, sum(acts for *_, acts in users))
