"""A/B tests counted in the engine: sums of what users did by arm, from which every reading is computed.

The shape of the query was chosen by time (10M users, 50M outcomes in Parquet, DuckDB, two threads, 1.5 GB):
- Whether users come once is asked first, which costs a tenth; only where they do not, first assignments are looked for.
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
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis
import pandas as pd

from martech_lib.core.arm_records import Arm, Counted, Measure, Sums
from martech_lib.core.arm_sums import Adding, Row, needed_of, own_of, products_of, without_dust
from martech_lib.core.engine import day_of, is_in_duckdb
from martech_lib.core.errors import UserError
from martech_lib.core.log_intake import as_table, blank, refuse_two_clocks, same_users, typed, with_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Arm", "Counted", "Measure", "Sums", "counted"]

DAY = 86_400
AT_ONCE = 5_000_000  # users
LARGEST = 1e80  # beyond it a value is unknown: cubes of sums stay numbers


class _Logs(NamedTuple):
    """What was read.

    Attributes:
        assignments: user_id, arm, at, p (null where unknown), is_usable.
        outcomes: user_id, ts, event, value.
    """

    assignments: ir.Table
    outcomes: ir.Table


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
    logs = _taken(assignments, outcomes, program)
    everything = logs.assignments
    read = _row(
        everything.aggregate(
            rows=everything.count(),
            usable=everything.is_usable.sum().fill_null(0),
            users=everything.user_id.nunique(where=everything.is_usable),
        )
    )
    # Text is trimmed to see whether it is blank: not once more where all of it was seen not to be.
    usable = (everything.filter("is_usable") if read["usable"] < read["rows"] else everything).drop("is_usable")
    users = int(read["users"])
    put = usable.mutate(rows=ibis.literal(1, "int64")) if users == read["usable"] else _first(usable)
    by_day = _by_day(put)
    outcomes, latest = _seen(logs.outcomes)
    if not by_day["n_p"].any():
        put = put.drop("p")
    elif (by_day["n_p"] < by_day["n"]).any():
        put = put.mutate(has_p=put.p.notnull())
    parts = _parts(users, outcomes) if len(by_day) else 0
    sums = _added(put, outcomes, measures, window_days, parts=parts)
    if not sums.are_numbers:
        sums = _added(put, _guarded(outcomes), measures, window_days, parts=parts)
    n = int(by_day["n"].sum())
    return Counted(
        arms=tuple(sums.arm(str(arm), days) for arm, days in by_day.groupby("arm", sort=True)),
        by_day=by_day[["day", "arm", "n"]],
        crossed=users - n,
        repeated=int(by_day["rows"].sum()) - n,
        early=sums.early,
        late=sums.late,
        unusable=int(read["rows"] - read["usable"]),
        first=_instant(by_day["first"].min()),
        last=_instant(by_day["last"].max()),
        latest=latest,
    )


def _refuse(measures: Sequence[Measure], window_days: float | None) -> None:
    names = [measure.name for measure in measures]
    if len(set(names)) < len(names):
        raise UserError(f"measures share a name: {', '.join(names)}; each needs one of its own.")
    if window_days is not None and not 0 <= window_days < math.inf:
        raise UserError(f"window_days came as {window_days}; allowed are 0 days or more.")


def _taken(assignments: Any, outcomes: Any, program: str | None) -> _Logs:
    required = ("user_id", "arm", "assigned_at", *(["program"] if program is not None else []))
    put = typed(as_table(assignments, "assignments", required, time="assigned_at"), "assignments", time="assigned_at")
    happened = typed(as_table(outcomes, "outcomes", ("user_id", "ts", "event")), "outcomes")
    refuse_two_clocks({"assignments": put.assigned_at, "outcomes": happened.ts})
    put, happened, _ = same_users({"assignments": put, "outcomes": happened})
    if program is not None:
        put = put.filter(put.program.cast("string") == str(program))
    put, happened = with_column(put, "pre_value", "float64"), with_column(happened, "value", "float64")
    before = _known(_number(put.pre_value, "pre_value of assignments"))
    arm = _as_text(put.arm)
    is_usable = ~(blank(put.user_id) | blank(arm) | put.assigned_at.isnull())
    return _Logs(
        put.select("user_id", arm=arm, at=put.assigned_at, p=without_dust(before), is_usable=is_usable),
        happened.select(
            "user_id", "ts", event=_as_text(happened.event), value=_number(happened.value, "value of outcomes")
        ),
    )


def _as_text(column: Any) -> Any:
    return column if column.type().is_string() else column.cast("string")


def _number(column: Any, named: str) -> Any:
    if not (column.type().is_numeric() or column.type().is_null()):
        raise UserError(f"{named} came as {column.type()}; allowed are numbers.")
    return column.cast("float64")


def _known(number: Any) -> Any:
    """Numbers as they are, null where there is none."""
    return number.between(-LARGEST, LARGEST).ifelse(number, ibis.null("float64"))


def _first(usable: ir.Table) -> ir.Table:
    """Each user of one arm once: user_id, arm, at (first assignment), p (of it; the least of several), rows."""
    users = usable.group_by("user_id").aggregate(
        arm=usable.arm.min(), other=usable.arm.max(), at=usable["at"].min(), rows=usable.count()
    )
    once = users.filter(users.arm == users.other).drop("other")
    there = usable.select("user_id", "p", then="at")
    beside = once.join(there, [once.user_id == there.user_id, once["at"] == there.then])
    return beside.group_by("user_id", "arm", "at", "rows").aggregate(p=beside.p.min())


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


def _parts(users: int, outcomes: ir.Table) -> int:
    """In how many parts users are counted."""
    parts = 1
    while users > parts * AT_ONCE and is_in_duckdb(outcomes):
        parts *= 2
    return parts


def _added(
    put: ir.Table, outcomes: ir.Table, measures: Sequence[Measure], window_days: float | None, *, parts: int
) -> Adding:
    """The sums over all users, part by part by the last bits of the user."""
    sums = Adding(measures)
    for part in range(parts):
        sums.add(_by_arm(_part(put, part, parts), _part(outcomes, part, parts), measures, window_days))
    return sums


def _part(table: ir.Table, part: int, parts: int) -> ir.Table:
    if parts == 1:
        return table
    number = table.user_id if table.user_id.type().is_integer() else table.user_id.hash()
    return table.filter((number & (parts - 1)) == part)


def _seen(outcomes: ir.Table) -> tuple[ir.Table, datetime | None]:
    """The outcomes, guarded where a value is seen to be unknown, and the latest time.

    Guarding 50M values takes a tenth of all; files note down their least and largest value, but pass over NaN.
    """
    ts, value = outcomes.ts, outcomes.value
    seen = _row(outcomes.aggregate(latest=ts.max(), low=value.min(), high=value.max(), given=value.count()))
    bounds = (seen["low"], seen["high"])  # Spark has none where there is a NaN
    are_known = not seen["given"] or all(bound is not None and abs(bound) <= LARGEST for bound in bounds)
    return outcomes if are_known else _guarded(outcomes), _instant(seen["latest"])


def _guarded(outcomes: ir.Table) -> ir.Table:
    return outcomes.mutate(value=_known(outcomes.value))


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


def _row(table: ir.Table) -> Row:
    found: Row = table.to_pyarrow().to_pylist()[0]
    return found


def _instant(time: Any) -> datetime | None:
    """A time of an engine as Python's, in UTC where it has a zone."""
    if pd.isna(time):
        return None
    instant: datetime = pd.Timestamp(time).to_pydatetime()
    return instant.astimezone(UTC) if instant.tzinfo else instant
