"""A/B tests counted in the engine: sums of what users did by arm, from which every reading is computed.

The shape of the query was chosen by time (10M users, 50M outcomes in Parquet, DuckDB, two threads, 1.5 GB):
- Outcomes are summed by user behind an inner join, with nothing but the time of the assignment; the arm and the value
  before it are joined to the sums. Carried through the grouping they cost more, for it keeps a copy for every outcome.
- Users without an outcome are in no join: they add nothing to a sum, and are counted with the assignments.
- Outcomes before the assignment or after the window fall into one group without a user, where they are counted. A join
  of their own took a quarter of the time again, columns of their own in every user's group more.
- Above 5M users DuckDB goes through them in parts. Reading the files again is faster than groups that go to disk.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from martech_lib.core.arm_records import Arm, Counted, Measure, Sums
from martech_lib.core.arm_sums import Adding, Row, needed_of, own_of, products_of
from martech_lib.core.assigned import guarded, instant, part_of, parts_of, placed, seen, taken
from martech_lib.core.engine import day_of
from martech_lib.core.errors import UserError

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Arm", "Counted", "Measure", "Sums", "counted"]

DAY = 86_400


def counted(
    assignments: Any,
    outcomes: Any,
    measures: Sequence[Measure],
    *,
    program: str | None = None,
    window_days: float | None = None,
) -> Counted:
    """Count what the users of each arm did after they were put into it.

    Args:
        assignments: Ibis table or frame: user_id, arm, assigned_at and, where given, program and pre_value.
        outcomes: Ibis table or frame: user_id, ts, event and, where given, value; a blank value adds nothing.
        measures: What is counted of every user, each under a name of its own.
        program: Only assignments to this program or test.
        window_days: An outcome so many days after its user's assignment still counts; all do where None.

    Raises:
        UserError: A column is missing or of a type that cannot be used, ids are floats that may have been rounded,
            times are no times or of two clocks, measures share a name or the window is no length of time.
    """
    _refuse(measures, window_days)
    logs = taken(assignments, outcomes, program)
    found = placed(logs.assignments)
    put = found.put
    by_day = _by_day(put)
    outcomes, latest, *_ = seen(logs.outcomes)
    if not by_day["n_p"].any():
        put = put.drop("p")
    elif (by_day["n_p"] < by_day["n"]).any():
        put = put.mutate(has_p=put.p.notnull())
    parts = parts_of(found.users, outcomes) if len(by_day) else 0
    sums = _added(put, outcomes, measures, window_days, parts=parts)
    if not sums.are_numbers:
        sums = _added(put, guarded(outcomes), measures, window_days, parts=parts)
    n = int(by_day["n"].sum())
    return Counted(
        arms=tuple(sums.arm(str(arm), days) for arm, days in by_day.groupby("arm", sort=True)),
        by_day=by_day[["day", "arm", "n"]],
        crossed=found.users - n,
        repeated=int(by_day["rows"].sum()) - n,
        early=sums.early,
        late=sums.late,
        unusable=found.unusable,
        first=instant(by_day["first"].min()),
        last=instant(by_day["last"].max()),
        latest=latest,
    )


def _refuse(measures: Sequence[Measure], window_days: float | None) -> None:
    names = [measure.name for measure in measures]
    if len(set(names)) < len(names):
        raise UserError(f"measures share a name: {', '.join(names)}; each needs one of its own.")
    if window_days is not None and not 0 <= window_days < math.inf:
        raise UserError(f"window_days came as {window_days}; allowed are 0 days or more.")


def _by_day(put: ir.Table) -> pd.DataFrame:
    """One row a day and arm: users, their rows, first and last assignment, sums of what is known from before."""
    dated = put.mutate(day=day_of(put["at"]))
    found = dated.group_by("day", "arm").aggregate(
        n=dated.count(),
        rows=dated.rows.sum(),
        first=dated["at"].min(),
        last=dated["at"].max(),
        p=dated.p.sum().fill_null(0.0),
        pp=(dated.p * dated.p).sum().fill_null(0.0),
        n_p=dated.p.count(),
    )
    frame = found.execute()
    frame = frame.assign(day=pd.to_datetime(frame["day"]).dt.date)
    return frame.sort_values(["day", "arm"], ignore_index=True)


def _added(
    put: ir.Table, outcomes: ir.Table, measures: Sequence[Measure], window_days: float | None, *, parts: int
) -> Adding:
    """The sums over all users, part by part by the last bits of the user."""
    sums = Adding(measures)
    for part in range(parts):
        sums.add(_by_arm(part_of(put, part, parts), part_of(outcomes, part, parts), measures, window_days))
    return sums


def _by_arm(put: ir.Table, outcomes: ir.Table, measures: Sequence[Measure], window_days: float | None) -> list[Row]:
    """One row an arm with the sums of each measure, and one of another arm with what is early and late."""
    users = _by_user(put, outcomes, measures, window_days)
    arms = put.select("user_id", "arm", *(name for name in ("p", "has_p") if name in put.columns))
    each = users.left_join(arms, users.who == arms.user_id)
    each = each.mutate(**{name: value for i, m in enumerate(measures) for name, value in own_of(each, m, i).items()})
    summed: dict[str, Any] = {"early": each.early.sum(), "late": each.late.sum()}
    for place, measure in enumerate(measures):
        products = products_of(each, measure, place)
        summed |= {f"{name}_{place}": value.sum().fill_null(0.0) for name, value in products.items()}
    rows: list[Row] = each.group_by("arm").aggregate(**summed).to_pyarrow().to_pylist()
    return rows


def _by_user(put: ir.Table, outcomes: ir.Table, measures: Sequence[Measure], window_days: float | None) -> ir.Table:
    """Users with outcomes: who, what measures need of them; who is null for all that is early or late."""
    beside = put.select("user_id", "at").join(outcomes, "user_id")
    is_early, is_late, counts = beside.ts < beside["at"], ibis.literal(False), beside.ts >= beside["at"]
    if window_days is not None:
        end = beside["at"] + ibis.interval(seconds=round(window_days * DAY))
        is_late, counts = beside.ts > end, counts & (beside.ts <= end)
    who = counts.ifelse(beside.user_id, ibis.null(beside.user_id.type()))
    placed = beside.select("event", "value", who=who, is_early=is_early, is_late=is_late)
    needed = {name: one(placed) for measure in measures for name, one in needed_of(measure).items()}
    late = placed.count(where=placed.is_late) if window_days is not None else ibis.literal(0, "int64")
    return placed.group_by("who").aggregate(early=placed.count(where=placed.is_early), late=late, **needed)
