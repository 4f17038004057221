"""A holdout counted in the engine: what users did, by arm, segment, day of assignment and day of conversion.

One query gives all: outcomes are summed by user, users by cell, and the values of those who are worth anything come
as a list, for nothing less tells how far a few of them carry a mean. Its shape is that of `core.arms`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd

from martech_lib.core.assigned import guarded, instant, part_of, parts_of, placed, seen, taken
from martech_lib.core.engine import day_of
from martech_lib.core.errors import UserError
from martech_lib.core.events import spellings
from martech_lib.core.stats import Array

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

DAY = 86_400
LONGEST = 36_525  # days of a window: engines and calendars end somewhere
DUST = 1e-12  # part of a user's values that is rounding where a refund takes out a sale
KEYS = ("arm", "segment", "day", "converted_on")
SUMS = ("users", "events", "clickers", "shown", "y", "yy", "yp", "cp", "refunds")
CLICK, IMPRESSION, CONVERSION = 1, 2, 4  # what an event is; an endpoint may be a click, too


@dataclass(frozen=True)
class Cells:
    """A holdout, counted.

    Attributes:
        by_day: day (date), arm, segment ("" where it has none), n, n_p, p, pp: users by the day of their first
            assignment, how many have a pre_value, the sum of these and of their squares.
        grid: arm, segment, day, converted_on (missing where they did not convert), users (with outcomes), events,
            clickers, shown (impressions), y, yy (sum of their values, of the squares), yp, cp (of value, and of
            conversion, times pre_value), refunds (outcomes below 0).
        values: What each user brought whose outcomes add up to more or less than nothing, by arm, rising.
        crossed: Users who were put into two arms: excluded.
        repeated: Further assignments of users to the same arm; the first counts.
        early: Outcomes before the assignment: not counted.
        late: Outcomes after the window: not counted.
        unusable: Assignments without a user, an arm or a time: set aside.
        undated: Outcomes without a time: set aside.
        unknown: Outcomes of users who were never assigned, in this program or another: set aside.
        first: The first assignment; in UTC where times have a zone.
        last: The last of the first assignments.
        latest: The last outcome in the log, of whichever user: how far the log reaches.
    """

    by_day: pd.DataFrame
    grid: pd.DataFrame
    values: Mapping[str, Array]
    crossed: int
    repeated: int
    early: int
    late: int
    unusable: int
    undated: int
    unknown: int
    first: datetime | None
    last: datetime | None
    latest: datetime | None


def cells_of(
    assignments: Any, outcomes: Any, *, endpoint: str, program: str | None = None, window_days: float | None = None
) -> Cells:
    """Count what users did after they were assigned.

    Args:
        assignments: Ibis table or frame: user_id, arm, assigned_at and, where given, program, segment and pre_value.
        outcomes: Ibis table or frame: user_id, ts, event and, where given, value.
        endpoint: The event that is a conversion.
        program: Only assignments to this program.
        window_days: An outcome so many days after its user's assignment still counts; all do where None.

    Raises:
        UserError: As `core.assigned.taken`, or the window is no length of time.
    """
    if window_days is not None and not 0 < window_days <= LONGEST:
        raise UserError(f"window_days came as {window_days}; allowed are days above 0, up to {LONGEST:,}.")
    logs = taken(assignments, outcomes, program, words=("segment",))
    found = placed(logs.assignments.mutate(segment=logs.assignments.segment.fill_null("").strip()))
    by_day = _by_day(found.put)
    known, latest, rows, undated, has_negative = seen(logs.outcomes)
    counted = _Asked(endpoint, window_days, has_negative)
    parts = parts_of(found.users, known) if len(by_day) else 0
    tables = _tables(found.put, known, counted, parts=parts)
    grid = _grid(tables)
    if not np.isfinite(grid[["y", "yy", "yp"]].to_numpy(dtype=np.float64)).all():
        tables = _tables(found.put, guarded(known), counted, parts=parts)
        grid = _grid(tables)
    is_whose = grid["arm"].notna()
    n, early = int(by_day["n"].sum()), int(grid["early"].sum())
    late = int(grid.loc[~is_whose, "events"].sum()) - early
    users = grid[is_whose].reset_index(drop=True)
    return Cells(
        by_day=by_day[["day", "arm", "segment", "n", "n_p", "p", "pp"]],
        grid=users[[*KEYS, *SUMS]],
        values=_values(tables),
        crossed=found.users - n,
        repeated=int(by_day["rows"].sum()) - n,
        early=early,
        late=late,
        unusable=found.unusable,
        undated=undated,
        unknown=_unknown(assignments, outcomes) if rows > early + late + int(users["events"].sum()) else 0,
        first=instant(by_day["first"].min()),
        last=instant(by_day["last"].max()),
        latest=latest,
    )


@dataclass(frozen=True)
class _Asked:
    """What is counted: the event, the window, and whether there may be refunds, which else no user has."""

    endpoint: str
    window_days: float | None
    has_refunds: bool


def _by_day(put: ir.Table) -> pd.DataFrame:
    """One row a day, arm and segment."""
    dated = put.mutate(day=day_of(put["at"]))
    found = dated.group_by("day", "arm", "segment").aggregate(
        n=dated.count(),
        rows=dated.rows.sum(),
        first=dated["at"].min(),
        last=dated["at"].max(),
        n_p=dated.p.count(),
        p=dated.p.sum().fill_null(0.0),
        pp=(dated.p * dated.p).sum().fill_null(0.0),
    )
    frame = found.execute()
    frame = frame.assign(day=pd.to_datetime(frame["day"]).dt.date)
    return frame.sort_values(["day", "arm", "segment"], ignore_index=True)


def _tables(put: ir.Table, outcomes: ir.Table, asked: _Asked, *, parts: int) -> list[pa.Table]:
    return [_cells(part_of(put, part, parts), part_of(outcomes, part, parts), asked) for part in range(parts)]


def _cells(put: ir.Table, outcomes: ir.Table, asked: _Asked) -> pa.Table:
    """The cells of a part of the users, and one without an arm for what came early or late."""
    users = _by_user(put, outcomes, asked)
    arms = put.select("user_id", "arm", "segment", "at", "p")
    each = users.left_join(arms, users.who == arms.user_id)
    p = each.p.fill_null(0.0)  # no literal where nothing is known: to PostgreSQL 0.0 alone is a decimal
    has_converted = each.converted_at.notnull()
    y = ((each.y.abs() <= DUST * each.size).ifelse(0.0, each.y) if asked.has_refunds else each.y).fill_null(0.0)
    each = each.mutate(day=day_of(each["at"]), converted_on=day_of(each.converted_at), y=y, p=p)
    cells = each.group_by(*KEYS).aggregate(
        early=each.early.sum(),
        users=each.count(),
        events=each.events.sum(),
        clickers=each.has_clicked.sum(),
        shown=each.shown.sum(),
        y=each.y.sum(),
        yy=(each.y * each.y).sum(),
        yp=(each.y * each.p).sum(),
        cp=has_converted.ifelse(each.p, 0.0).sum(),
        refunds=each.refunds.sum() if asked.has_refunds else ibis.literal(0, "int64"),
        values=each.y.collect(where=each.y != 0),
    )
    return cells.to_pyarrow()


def _by_user(put: ir.Table, outcomes: ir.Table, asked: _Asked) -> ir.Table:
    """Users with outcomes; who is null for all that is early or late."""
    beside = put.select("user_id", "at").join(outcomes, "user_id")
    counts = beside.ts >= beside["at"]
    if asked.window_days is not None:
        counts &= beside.ts <= beside["at"] + ibis.interval(seconds=round(asked.window_days * DAY))
    who = counts.ifelse(beside.user_id, ibis.null(beside.user_id.type()))
    kinds = _kinds(asked.endpoint)
    what = ibis.cases(*((beside.event.isin(words), kind) for kind, words in kinds.items()), else_=0)
    of = beside.select("value", "ts", who=who, what=what, is_early=beside.ts < beside["at"])

    def is_a(kind: int) -> ir.BooleanValue:
        return of.what.isin([one for one in kinds if one & kind])

    below: dict[str, Any] = {}
    if asked.has_refunds:
        below = {"size": of.value.abs().sum(), "refunds": of.count(where=(of.value < 0).fill_null(False))}
    return of.group_by("who").aggregate(
        early=of.count(where=of.is_early),
        events=of.count(),
        has_clicked=is_a(CLICK).any(),
        shown=of.count(where=is_a(IMPRESSION)),
        converted_at=of.ts.min(where=is_a(CONVERSION)),
        y=of.value.sum(),
        **below,
    )


def _kinds(endpoint: str) -> dict[int, list[str]]:
    """The words of events by what they are; first what there usually is most of, for an engine asks in this order."""
    whats: dict[str, int] = {}
    for kind, event in ((IMPRESSION, "impression"), (CLICK, "click"), (CONVERSION, endpoint)):
        for word in dict.fromkeys((*spellings(event), *spellings(f"{event}s"))):
            whats[word] = whats.get(word, 0) | kind
    return {kind: sorted(word for word, of in whats.items() if of == kind) for kind in dict.fromkeys(whats.values())}


def _grid(tables: Sequence[pa.Table]) -> pd.DataFrame:
    """The cells of all parts as a frame, without their lists."""
    if not tables:
        return pd.DataFrame(columns=[*KEYS, *SUMS, "early"])
    frame = pd.concat([table.drop_columns("values").to_pandas() for table in tables], ignore_index=True)
    for column in ("day", "converted_on"):
        frame[column] = pd.to_datetime(frame[column])
    return frame.astype(dict.fromkeys(("y", "yy", "yp", "cp"), "float64"))


def _values(tables: Sequence[pa.Table]) -> dict[str, Array]:
    """The lists of all cells, one an arm; without those of nobody, which came early or late."""
    import pyarrow.compute as pc

    found: dict[str, list[Array]] = {}
    for table in tables:
        for arm in table["arm"].unique().drop_null().to_pylist():
            lists = table.filter(pc.field("arm") == arm)["values"].combine_chunks()
            found.setdefault(arm, []).append(lists.flatten().to_numpy(zero_copy_only=False).astype(np.float64))
    return {arm: np.sort(np.concatenate(parts)) for arm, parts in sorted(found.items())}


def _unknown(assignments: Any, outcomes: Any) -> int:
    """Outcomes of users whom no assignment names."""
    logs = taken(assignments, outcomes, None)
    return int(logs.outcomes.anti_join(logs.assignments, "user_id").count().execute())
