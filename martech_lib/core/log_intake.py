"""Two logs as they come, made fit to be joined: times of one clock, users of one type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt
import numpy as np
import pandas as pd

from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.spoken import count, fitting

if TYPE_CHECKING:
    import ibis.expr.types as ir

HELD = (str, int, float, bool, bytes, Decimal, date, np.number, np.bool_)  # kinds of objects that engines hold
NUMBERS = (int, float, Decimal, np.number)
EXACT = 2**53  # whole numbers up to which floats hold every one
MICROSECONDS = 6  # digits of a second, in both tables: what is rounded differently changes places


def as_table(given: Any, name: str, required: Sequence[str], *, time: str = "ts") -> ir.Table:
    """The Ibis table itself, or a frame as one.

    Args:
        given: The log.
        name: What it is called in messages.
        required: The columns it must have, `user_id` and the time among them.
        time: The column that says when.

    Raises:
        UserError: It is no table, a column is missing, or times are no times or of two clocks.
    """
    if not isinstance(given, (ibis.Table, pd.DataFrame)):
        raise UserError(f"{name} came as {type(given).__name__}; allowed is an Ibis table or a pandas frame.")
    for column in required:
        if column not in given.columns:
            hint = did_you_mean(column, list(map(str, given.columns)))
            raise UserError(f"{name} has no column {column}{hint or '.'} It has {', '.join(map(str, given.columns))}.")
    if len(set(given.columns)) < len(given.columns):
        raise UserError(f"{name} has two columns of one name: {', '.join(map(str, given.columns))}.")
    table = ibis.memtable(_framed(given, name, time)) if isinstance(given, pd.DataFrame) else given
    if table[time].type().is_date():
        table = table.mutate(**{time: table[time].cast("timestamp")})
    if not table[time].type().is_timestamp():
        raise UserError(f"{time} of {name} came as {table[time].type()}; allowed are timestamps.")
    return table


def typed(table: ir.Table, *, time: str = "ts") -> ir.Table:
    """Whole ids and times of one type each, so that both tables and every engine can put them together."""
    ids = table.user_id.type()
    changed: dict[str, Any] = {}
    if ids.is_integer():
        is_too_long = ids in (dt.uint64, dt.Decimal(38, 0))
        changed["user_id"] = table.user_id.cast("string" if is_too_long else "int64")
    changed[time] = table[time].cast(dt.Timestamp(timezone=table[time].type().timezone, scale=MICROSECONDS))
    return table.mutate(**changed)


def with_column(table: ir.Table, column: str, kind: str) -> ir.Table:
    """The table with this column, blank where it was not given."""
    return table if column in table.columns else table.mutate(**{column: ibis.null(kind)})


def refuse_two_clocks(times: Mapping[str, Any]) -> None:
    """Name of each of two tables -> its time; a `UserError` when one has a time zone and the other has none."""
    zoned = [name for name, time in times.items() if time.type().timezone is not None]
    plain = [name for name in times if name not in zoned]
    if zoned and plain:
        with_zone, without = (f"{times[name].get_name()} of {name}" for name in (*zoned, *plain))
        raise UserError(f"{with_zone} has a time zone and {without} has none: give both tables one clock.")


def same_users(tables: Mapping[str, ir.Table]) -> tuple[ir.Table, ir.Table, tuple[str, ...]]:
    """Two tables by name -> both with user ids of one type, whole numbers where both are, else text; and a note."""
    (named, first), (other_named, second) = tables.items()
    one, other = first.user_id.type(), second.user_id.type()
    if (one.is_integer() and other.is_integer()) or (one.is_string() and other.is_string()):
        return first, second, ()
    note = f"user_id is {one} in {named} and {other} in {other_named}; both were read as text"
    return _with_text_ids(first), _with_text_ids(second), (note,)


def blank(column: Any) -> Any:
    """Whether there is nothing in it; spaces are nothing."""
    if not column.type().is_string():
        return column.isnull()
    return column.isnull() | (column.strip() == "")


def _framed(given: pd.DataFrame, name: str, time: str) -> pd.DataFrame:
    """A frame whose columns are of one kind each: times as times, ids and words of several kinds as text."""
    framed = {str(column): _plain(values, column) for column, values in given.items()}
    return pd.DataFrame(framed | {time: _times(given[time], f"{time} of {name}")})


def _plain(column: pd.Series, name: Any) -> pd.Series:
    """A column as engines hold one: what none has a type for, and what is of several kinds, as text."""
    if isinstance(column.dtype, pd.SparseDtype):
        column = column.astype(column.dtype.subtype)
    if isinstance(column.dtype, pd.CategoricalDtype) and not _is_all_text(column.dtype.categories):
        column = column.astype(object)
    if name == "user_id" and (whole := _as_whole(column)) is not None:
        return whole
    if getattr(column.dtype, "kind", "") == "f":
        return column.astype("float64")  # engines have no half and no long one
    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else ""
    is_strange = kind == "c" or isinstance(column.dtype, (pd.PeriodDtype, pd.IntervalDtype))
    return column.astype("string") if is_strange or (kind == "O" and _is_odd(column, name)) else column


def _as_whole(ids: pd.Series) -> pd.Series | None:
    """Ids that are numbers, some of them written as 7.0, as whole ones; None where they are of one kind, or none."""
    kinds = set(ids.dropna().map(type)) if pd.api.types.is_object_dtype(ids.dtype) else set()
    if len(kinds) < 2 or not all(issubclass(kind, NUMBERS) and kind is not bool for kind in kinds):
        return None
    known = ids.dropna()
    is_whole = all(abs(number) < EXACT and number == int(number) for number in known)
    return ids.map(int, na_action="ignore").astype("Int64") if is_whole else None


def _is_all_text(values: pd.Index) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_odd(column: pd.Series, name: Any) -> bool:
    """Whether objects are text beside something else, ids of any two kinds, or nothing that an engine holds."""
    kinds = set(column.dropna().map(type))
    if kinds <= {str}:
        return False
    if len(kinds) > 1 and (name == "user_id" or str in kinds):
        return True
    return not all(issubclass(kind, HELD) for kind in kinds) or not _is_column(column)


def _is_column(values: pd.Series) -> bool:
    """Whether all of these values fit one column."""
    import pyarrow as pa

    try:
        pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError):
        return False
    return True


def _times(written: pd.Series, named: str) -> pd.Series:
    """Times as they are; text as ISO 8601, all with an offset or none."""
    if isinstance(written.dtype, pd.DatetimeTZDtype):
        return written.dt.tz_convert("UTC").dt.floor("us")
    if pd.api.types.is_datetime64_any_dtype(written.dtype):
        return written.dt.floor("us")  # engines hold no more, and refuse what has more
    if pd.api.types.is_numeric_dtype(written.dtype):
        return written
    text = written.astype("string")
    zoned = int(text.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", na=False).sum())
    if 0 < zoned < int(text.notna().sum()):
        told = f"{zoned:,} with an offset and {int(text.notna().sum()) - zoned:,} without"
        raise UserError(f"{named} mixes times {told}: give all of them one clock.")
    times = pd.to_datetime(text, format="ISO8601", utc=bool(zoned), errors="coerce")
    wrong = text[times.isna() & text.notna()]
    if len(wrong):
        told = f"{count(len(wrong), 'text')} in {named} {fitting(len(wrong), 'is', 'are')} no time"
        raise UserError(f"{told}, such as '{shown(wrong.iloc[0])}'; write times like 2026-10-31T18:00:00.")
    return times


def _with_text_ids(table: ir.Table) -> ir.Table:
    ids = table.user_id
    if ids.type().is_numeric() and not ids.type().is_integer():
        ids = ids.cast("int64")  # a column of whole numbers with blanks comes as floats
    return table.mutate(user_id=ids.cast("string").strip())
