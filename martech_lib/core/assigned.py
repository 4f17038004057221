"""Assignments and outcomes made fit to be counted: of one type, of one clock, each user in one arm once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis
import pandas as pd

from martech_lib.core.arm_sums import Row, without_dust
from martech_lib.core.engine import different, first_text, is_in_duckdb
from martech_lib.core.errors import UserError
from martech_lib.core.log_intake import as_table, blank, refuse_two_clocks, same_users, typed, with_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

AT_ONCE = 5_000_000  # users
WIDEST = 1 << 28  # room of numbers that are told apart by a bit each: 32 MB a thread
SPARSEST = 64  # numbers of that room for each row
LARGEST = 1e80  # beyond it a value is unknown: cubes of sums stay numbers


class Logs(NamedTuple):
    """What was read.

    Attributes:
        assignments: user_id, arm, at, p (null where unknown), is_usable; and words that were asked for.
        outcomes: user_id, ts, event, value.
    """

    assignments: ir.Table
    outcomes: ir.Table


def taken(assignments: Any, outcomes: Any, program: str | None, *, words: Sequence[str] = ()) -> Logs:
    """Both logs, of one program where it is named.

    Args:
        assignments: Ibis table or frame: user_id, arm, assigned_at and, where given, program and pre_value.
        outcomes: Ibis table or frame: user_id, ts, event and, where given, value.
        program: Only assignments to this program.
        words: Columns of the assignments that are kept as text, null where they are not given.

    Raises:
        UserError: A column is missing or of a type that cannot be used, ids are floats that may have been rounded,
            or times are no times or of two clocks.
    """
    required = ("user_id", "arm", "assigned_at", *(["program"] if program is not None else []))
    put = typed(as_table(assignments, "assignments", required, time="assigned_at"), "assignments", time="assigned_at")
    happened = typed(as_table(outcomes, "outcomes", ("user_id", "ts", "event")), "outcomes")
    refuse_two_clocks({"assignments": put.assigned_at, "outcomes": happened.ts})
    put, happened, _ = same_users({"assignments": put, "outcomes": happened})
    if program is not None:
        put = put.filter(put.program.cast("string") == str(program))
    put, happened = with_column(put, "pre_value", "float64"), with_column(happened, "value", "float64")
    for word in words:
        put = with_column(put, word, "string")
    before = _known(_number(put.pre_value, "pre_value of assignments"))
    arm = _as_text(put.arm)
    is_usable = ~(blank(put.user_id) | blank(arm) | put.assigned_at.isnull())
    told = {word: _as_text(put[word]) for word in words}
    return Logs(
        put.select("user_id", arm=arm, at=put.assigned_at, p=without_dust(before), is_usable=is_usable, **told),
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


class Placed(NamedTuple):
    """Users who can be counted.

    Attributes:
        put: Each user of one arm once: user_id, arm, at (first assignment), p (of it; the least of several), rows,
            and words (of it; the first of several by the alphabet).
        users: How many users there are, those of two arms too.
        unusable: Assignments without a user, an arm or a time.
    """

    put: ir.Table
    users: int
    unusable: int


def placed(everything: ir.Table) -> Placed:
    """Each user where the first assignment put them.

    Whether users come once is asked first, which costs a tenth; only where they do not, first assignments are looked
    for. Text is trimmed to see whether it is blank: not once more where all of it was seen not to be.
    """
    who = everything.user_id
    ends = {"low": who.min(), "high": who.max()} if who.type().is_integer() and is_in_duckdb(who) else {}
    read = row_of(everything.aggregate(rows=everything.count(), usable=everything.is_usable.sum().fill_null(0), **ends))
    usable = (everything.filter("is_usable") if read["usable"] < read["rows"] else everything).drop("is_usable")
    users = int(_users(usable.user_id, read).execute())
    put = usable.mutate(rows=ibis.literal(1, "int64")) if users == read["usable"] else _first(usable)
    return Placed(put, users, int(read["rows"] - read["usable"]))


def _users(who: Any, read: Row) -> Any:
    """How many users there are; by a bit each where their numbers lie close, which is five times as fast."""
    if read.get("low") is None or read["high"] - read["low"] >= min(WIDEST, SPARSEST * read["rows"]):
        return who.nunique()
    return different(who, read["low"], read["high"])


def _first(usable: ir.Table) -> ir.Table:
    users = usable.group_by("user_id").aggregate(
        arm=usable.arm.min(), other=usable.arm.max(), at=usable["at"].min(), rows=usable.count()
    )
    once = users.filter(users.arm == users.other).drop("other")
    words = [name for name in usable.columns if name not in ("user_id", "arm", "at", "p")]
    there = usable.select("user_id", "p", *words, then="at")
    beside = once.join(there, [once.user_id == there.user_id, once["at"] == there.then])
    told = {name: first_text(beside[name]) for name in words}
    return beside.group_by("user_id", "arm", "at", "rows").aggregate(p=beside.p.min(), **told)


def parts_of(users: int, outcomes: ir.Table) -> int:
    """In how many parts users are counted."""
    parts = 1
    while users > parts * AT_ONCE and is_in_duckdb(outcomes):
        parts *= 2
    return parts


def part_of(table: ir.Table, part: int, parts: int) -> ir.Table:
    """One part of the users, by the last bits of the user."""
    if parts == 1:
        return table
    number = table.user_id if table.user_id.type().is_integer() else table.user_id.hash()
    return table.filter((number & (parts - 1)) == part)


class Looked(NamedTuple):
    """Outcomes after one look at them.

    Attributes:
        outcomes: The outcomes that have a time, guarded where a value is seen to be unknown.
        latest: The latest time.
        rows: How many there are, with a time or without.
        undated: How many of them have no time.
        has_negative: Whether a value may be below 0.
    """

    outcomes: ir.Table
    latest: datetime | None
    rows: int
    undated: int
    has_negative: bool


def seen(outcomes: ir.Table) -> Looked:
    """Look at the outcomes once.

    Guarding 50M values takes a tenth of all; files note down their least and largest value, but pass over NaN.
    """
    ts, value = outcomes.ts, outcomes.value
    ends = {"latest": ts.max(), "low": value.min(), "high": value.max()}
    found = row_of(outcomes.aggregate(rows=outcomes.count(), dated=ts.count(), given=value.count(), **ends))
    bounds = (found["low"], found["high"])  # Spark has none where there is a NaN
    are_known = not found["given"] or all(bound is not None and abs(bound) <= LARGEST for bound in bounds)
    has_negative = bool(found["given"]) and (found["low"] is None or not found["low"] >= 0)
    undated = int(found["rows"] - found["dated"])
    dated = outcomes.filter(ts.notnull()) if undated else outcomes
    return Looked(
        dated if are_known else guarded(dated), instant(found["latest"]), int(found["rows"]), undated, has_negative
    )


def guarded(outcomes: ir.Table) -> ir.Table:
    """The outcomes, their value null where it is no number."""
    return outcomes.mutate(value=_known(outcomes.value))


def row_of(table: ir.Table) -> Row:
    """The only row of a table."""
    found: Row = table.to_pyarrow().to_pylist()[0]
    return found


def instant(time: Any) -> datetime | None:
    """A time of an engine as Python's, in UTC where it has a zone."""
    if pd.isna(time):
        return None
    found: datetime = pd.Timestamp(time).to_pydatetime()
    return found.astimezone(UTC) if found.tzinfo else found
