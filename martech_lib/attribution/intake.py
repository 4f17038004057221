"""Touches and conversions as they come, made fit to be stitched; what is set aside is counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis
import ibis.expr.datatypes as dt
import pandas as pd

from martech_lib.attribution.engine import hashed, in_byte_order
from martech_lib.attribution.segment import ASKED, Segment, refuse_unknown
from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.spoken import count, fitting

if TYPE_CHECKING:
    import ibis.expr.types as ir

GROUPS = 50
LARGEST = 1e300  # beyond it, and for what is no number, a value is blank
KINDS = ("click", "view")
REQUIRED = {"touches": ("user_id", "ts", "channel"), "conversions": ("user_id", "ts")}
MICROSECONDS = 6  # digits of a second, in both tables: what is rounded differently changes places
PRIME, FACTOR = 1_000_003, 7_919  # spread whole ids over the groups, in every engine alike


class Taken(NamedTuple):
    """What was read; rows without a user or a time, and touches of another kind, are counted and set aside.

    Attributes:
        touches: group, user_id, ts, channel and, where given, touch_id.
        conversions: group, user_id, ts, value and, where given, conversion_id.
        touches_read: One row: rows, no_user, no_time, other_kind, repeated.
        conversions_read: One row: rows, no_user, no_time, no_value, repeated.
        notes: What was assumed in reading.
    """

    touches: ir.Table
    conversions: ir.Table
    touches_read: ir.Table
    conversions_read: ir.Table
    notes: tuple[str, ...]


def take(touches: Any, conversions: Any, *, kinds: Sequence[str], segment: Segment) -> Taken:
    """Ibis tables or frames -> the columns that attribution needs, and the segment's own as `asked_value`.

    Raises:
        UserError: A column is missing or of a type that cannot be used, or times are no times or in two clocks.
    """
    touched, converted = _table(touches, "touches"), _table(conversions, "conversions")
    refuse_unknown(segment, (touched, converted))
    touched, converted = (_typed(_asked(table, segment.column)) for table in (touched, converted))
    if _has_zone(touched) != _has_zone(converted):
        zoned, plain = ("touches", "conversions") if _has_zone(touched) else ("conversions", "touches")
        raise UserError(f"ts of {zoned} has a time zone and ts of {plain} has none: give both tables one clock.")
    touched, converted, notes = _same_users(touched, converted)
    touched, converted = _with(touched, "kind", "string"), _with_value(converted)
    is_of_kind = touched.kind.isnull() | touched.kind.isin(list(kinds))
    return Taken(
        _usable(touched, is_of_kind, "channel", *_given(touched, "touch_id", ASKED)),
        _usable(converted, converted.ts.notnull(), "value", *_given(converted, "conversion_id", ASKED)),
        _read(touched, "touch_id", other_kind=~is_of_kind),
        _read(converted, "conversion_id", no_value=converted.value.isnull()),
        notes,
    )


def take_conversions(conversions: Any) -> ir.Table:
    """The conversions that attribution can use, where there are no touches beside them: user_id, ts, value, group.

    Raises:
        UserError: A column is missing or of a type that cannot be used, or times are no times.
    """
    converted = _with_value(_typed(_table(conversions, "conversions")))
    return _usable(converted, converted.ts.notnull(), "value")


def read_conversions(conversions: Any) -> ir.Table:
    """One row of what `take_conversions` reads: rows, no_user, no_time, no_value, repeated."""
    converted = _with_value(_typed(_table(conversions, "conversions")))
    return _read(converted, "conversion_id", no_value=converted.value.isnull())


def _asked(table: ir.Table, column: str) -> ir.Table:
    """The table with the segment's column under a name that no log uses."""
    return table.mutate(**{ASKED: table[column].cast("string")}) if column in table.columns else table


def _typed(table: ir.Table) -> ir.Table:
    """Whole ids, times and channels of one type each, so that both tables and every engine can put them together."""
    ids = table.user_id.type()
    changed: dict[str, Any] = {}
    if ids.is_integer():
        is_too_long = ids in (dt.uint64, dt.Decimal(38, 0))
        changed["user_id"] = table.user_id.cast("string" if is_too_long else "int64")
    changed["ts"] = table.ts.cast(dt.Timestamp(timezone=table.ts.type().timezone, scale=MICROSECONDS))
    if "channel" in table.columns and not table.channel.type().is_string():
        changed["channel"] = table.channel.cast("string")
    return table.mutate(**changed)


def _with_value(conversions: ir.Table) -> ir.Table:
    """The conversions with a value each: a number, or blank where it is none."""
    conversions = _with(conversions, "value", "float64")
    if not conversions.value.type().is_numeric():
        raise UserError(f"value of conversions came as {conversions.value.type()}; allowed are numbers.")
    value = conversions.value.cast("float64")
    return conversions.mutate(value=value.between(-LARGEST, LARGEST).ifelse(value, ibis.null("float64")))


def _usable(table: ir.Table, condition: Any, *columns: str) -> ir.Table:
    rows = table.filter(~_blank(table.user_id), table.ts.notnull(), condition)
    read = rows.select("user_id", "ts", *columns, group=_group(rows.user_id))
    # A database may say that a column is never null, and Ibis then puts it into no union with a joined one.
    usable = read.cast({name: kind(nullable=True) for name, kind in read.schema().items() if not kind.nullable})
    return usable.mutate(**{name: in_byte_order(usable[name]) for name in _given(usable, "touch_id", "conversion_id")})


def _given(table: ir.Table, *columns: str) -> list[str]:
    return [column for column in columns if column in table.columns]


def _with(table: ir.Table, column: str, kind: str) -> ir.Table:
    """The table with this column, blank where it was not given."""
    return table if column in table.columns else table.mutate(**{column: ibis.null(kind)})


def _table(given: Any, name: str) -> ir.Table:
    """The Ibis table itself, or a frame as one."""
    if not isinstance(given, (ibis.Table, pd.DataFrame)):
        raise UserError(f"{name} came as {type(given).__name__}; allowed is an Ibis table or a pandas frame.")
    for column in REQUIRED[name]:
        if column not in given.columns:
            hint = did_you_mean(column, list(given.columns))
            raise UserError(f"{name} has no column {column}{hint or '.'} It has {', '.join(map(str, given.columns))}.")
    table = ibis.memtable(_framed(given, name)) if isinstance(given, pd.DataFrame) else given
    if not table.ts.type().is_timestamp():
        raise UserError(f"ts of {name} came as {table.ts.type()}; allowed are timestamps.")
    return table


def _framed(given: pd.DataFrame, name: str) -> pd.DataFrame:
    """A frame whose columns are of one kind each: times as times, ids of several kinds as text."""
    kinds = given["user_id"].dropna().map(type)
    told = {"ts": _times(given["ts"], name)}
    return given.assign(**told, **({"user_id": given["user_id"].astype("string")} if kinds.nunique() > 1 else {}))


def _times(written: pd.Series, name: str) -> pd.Series:
    """Times as they are; text as ISO 8601, all with an offset or none."""
    if isinstance(written.dtype, pd.DatetimeTZDtype):
        return written.dt.tz_convert("UTC")
    if pd.api.types.is_datetime64_any_dtype(written.dtype) or pd.api.types.is_numeric_dtype(written.dtype):
        return written
    text = written.astype("string")
    zoned = int(text.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", na=False).sum())
    if 0 < zoned < int(text.notna().sum()):
        told = f"{zoned:,} with an offset and {int(text.notna().sum()) - zoned:,} without"
        raise UserError(f"ts of {name} mixes times {told}: give all of them one clock.")
    times = pd.to_datetime(text, format="ISO8601", utc=bool(zoned), errors="coerce")
    wrong = text[times.isna() & text.notna()]
    if len(wrong):
        told = f"{count(len(wrong), 'text')} in ts of {name} {fitting(len(wrong), 'is', 'are')} no time"
        raise UserError(f"{told}, such as '{shown(wrong.iloc[0])}'; write times like 2026-10-31T18:00:00.")
    return times


def _has_zone(table: ir.Table) -> bool:
    return table.ts.type().timezone is not None


def _same_users(touches: ir.Table, conversions: ir.Table) -> tuple[ir.Table, ir.Table, tuple[str, ...]]:
    """Both tables with user ids of one type: whole numbers where both are, else text."""
    one, other = touches.user_id.type(), conversions.user_id.type()
    if one.is_integer() and other.is_integer():
        return touches, conversions, ()
    if one.is_string() and other.is_string():
        return touches, conversions, ()
    note = f"user_id is {one} in touches and {other} in conversions; both were read as text"
    return _with_text_ids(touches), _with_text_ids(conversions), (note,)


def _with_text_ids(table: ir.Table) -> ir.Table:
    ids = table.user_id
    if ids.type().is_numeric() and not ids.type().is_integer():
        ids = ids.cast("int64")  # a column of whole numbers with blanks comes as floats
    return table.mutate(user_id=ids.cast("string").strip())


def _blank(column: Any) -> Any:
    if not column.type().is_string():
        return column.isnull()
    return column.isnull() | (column.strip() == "")


def _group(user_id: Any) -> Any:
    """A user's group for the jackknife."""
    if user_id.type().is_integer():
        return ((user_id.cast("int64") % PRIME * FACTOR) % PRIME % GROUPS).abs().cast("int8")
    return ((hashed(user_id) % GROUPS + GROUPS) % GROUPS).cast("int8")


def _read(table: ir.Table, key: str, **faults: Any) -> ir.Table:
    """How many rows a table has, why some are set aside (each for its first reason), and how many keys come again."""
    counts: dict[str, Any] = {}
    fine = ibis.literal(True)
    for reason, fault in {"no_user": _blank(table.user_id), "no_time": table.ts.isnull(), **faults}.items():
        counts[reason] = (fine & fault).sum()
        fine = fine & ~fault
    repeated = table[key].count() - table[key].nunique() if key in table.columns else ibis.literal(0)
    return table.aggregate(rows=table.count(), repeated=repeated, **counts)
