"""Two logs as they come, made fit to be joined: times of one clock, users of one type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt
import numpy as np
import pandas as pd

from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.float_ids import EXACT, refuse_rounded, refuse_rounded_in_engine
from martech_lib.core.spoken import count, fitting

if TYPE_CHECKING:
    import ibis.expr.types as ir

HELD = (str, int, float, bool, bytes, Decimal, date, np.number, np.bool_)  # kinds of objects that engines hold
NUMBERS = (int, float, Decimal, np.integer, np.floating)
NO_NUMBERS = (bool, np.timedelta64)  # though Python and NumPy derive them from whole ones
DURATIONS = (timedelta, np.timedelta64)
LONGEST = 2**63  # below it engines do
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


def typed(table: ir.Table, name: str, *, time: str = "ts") -> ir.Table:
    """Whole ids and times of one type each, so that both tables and every engine can put them together.

    Args:
        table: The log.
        name: What it is called in messages.
        time: The column that says when.

    Raises:
        UserError: Ids are floats, and some are so large that several users may have become one.
    """
    ids = table.user_id.type()
    changed: dict[str, Any] = {}
    if ids.is_integer():
        is_too_long = ids in (dt.uint64, dt.Decimal(38, 0))
        changed["user_id"] = table.user_id.cast("string" if is_too_long else "int64")
    elif ids.is_floating():
        refuse_rounded_in_engine(table, f"user_id of {name}")
        changed["user_id"] = table.user_id.isnan().ifelse(ibis.null(ids), table.user_id)
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
    columns = {str(column): _without_signals(values) for column, values in given.items()}
    if "user_id" in columns:
        _refuse_no_ids(columns["user_id"], f"user_id of {name}")
    framed = {column: _plain(values, column) for column, values in columns.items()}
    return pd.DataFrame(framed | {time: _times(columns[time], f"{time} of {name}")})


def _without_signals(column: pd.Series) -> pd.Series:
    """A column without signalling NaN, which fails wherever it is looked at: it is blank as any other NaN."""
    try:
        column.isna()
    except InvalidOperation:
        return column.mask(column.map(lambda one: isinstance(one, Decimal) and one.is_snan()), None)
    return column


def _refuse_no_ids(ids: pd.Series, named: str) -> None:
    """A `UserError` for durations, and for floats of any kind that may have been rounded."""
    kinds = _kinds(ids)
    if any(issubclass(kind, DURATIONS) for kind in kinds):
        raise UserError(f"{named} has durations (timedelta); allowed are whole numbers and text: give users their ids.")
    for kind in kinds:
        if issubclass(kind, (float, np.floating)):
            known = ids.dropna()
            floats = known if len(kinds) == 1 else known[[type(one) is kind for one in known]]
            refuse_rounded(floats, kind, named)


def _kinds(column: pd.Series) -> set[type]:
    """The kinds of what is in a column; one look at all is ten times faster where it is text."""
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    dtype = dtype.subtype if isinstance(dtype, pd.SparseDtype) else getattr(dtype, "numpy_dtype", dtype)
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return {dtype.type}
    is_text = pd.api.types.infer_dtype(column, skipna=True) == "string"
    return {str} if is_text else set(map(type, column.dropna()))


def _plain(column: pd.Series, name: str) -> pd.Series:
    """A column as engines hold one: what none has a type for, and what is of several kinds, as text."""
    if isinstance(column.dtype, pd.SparseDtype):
        column = column.astype(column.dtype.subtype)
    is_coded = isinstance(column.dtype, pd.CategoricalDtype) and not _is_all_text(column.dtype.categories)
    if is_coded or str(column.dtype).startswith("decimal"):
        column = column.astype(object)
    if getattr(column.dtype, "kind", "") == "f":
        floats = column.astype("float64")  # engines have no half and no long one
        return floats.astype("Int64") if name == "user_id" and _are_whole(floats) else floats
    if pd.api.types.is_object_dtype(column.dtype):
        return _of_one_kind(column, name)
    is_complex = isinstance(column.dtype, np.dtype) and column.dtype.kind == "c"
    is_strange = is_complex or isinstance(column.dtype, (pd.PeriodDtype, pd.IntervalDtype))
    return column.astype("string") if is_strange else column


def _of_one_kind(column: pd.Series, name: str) -> pd.Series:
    """Objects as they are where engines hold them together, as numbers where all are numbers, else as text."""
    kinds = _kinds(column)
    if kinds <= {str}:
        return column
    if all(issubclass(kind, NUMBERS) and not issubclass(kind, NO_NUMBERS) for kind in kinds):
        return _as_numbers(column, is_id=name.endswith("_id"))
    if len(kinds) > 1 and name.endswith("_id"):
        return _as_ids(column)
    is_mixed = len(kinds) > 1 and str in kinds
    are_held = not is_mixed and all(issubclass(kind, HELD) for kind in kinds) and _is_column(column)
    return column if are_held else column.astype("string")


def _as_numbers(column: pd.Series, *, is_id: bool) -> pd.Series:
    """Numbers of any kinds: whole ones where all are, else floats; but ids, which nothing may round, as text."""
    try:
        floats = column.where(column.notna(), np.nan).astype("float64")
    except OverflowError:  # beyond every float
        return _as_ids(column) if is_id else column.astype("string")
    if _are_whole(floats):
        return floats.astype("Int64")
    return _as_ids(column) if is_id else floats


def _as_ids(column: pd.Series) -> pd.Series:
    """Ids as whole numbers where all are and engines hold them, else as text."""
    known = zip(column, column.isna(), strict=True)
    ids = pd.Series([None if is_blank else _as_id(one) for one, is_blank in known], column.index, dtype=object)
    fit = all(one is None or (type(one) is int and -LONGEST <= one < LONGEST) for one in ids)
    return ids.astype("Int64" if fit else "string")


def _as_id(one: Any) -> Any:
    """A number as a whole one, 7.0 and 7.00 too, or as its digits where it is none; all else as it is."""
    if not isinstance(one, NUMBERS) or isinstance(one, NO_NUMBERS):
        return one
    if isinstance(one, Decimal):
        is_finite, digits = one.is_finite(), f"{one:f}".rstrip("0")
    else:
        is_finite, digits = isinstance(one, int) or bool(np.isfinite(one)), str(one)
    if not is_finite:
        return str(float(one))
    return int(one) if one == int(one) else digits


def _are_whole(floats: pd.Series) -> bool:
    """Whether all of them are whole numbers that floats hold, or blank."""
    known = floats.dropna()
    return bool(((known.abs() < EXACT) & (known == np.floor(known))).all())


def _is_all_text(values: pd.Index) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_column(values: pd.Series) -> bool:
    """Whether all of these values fit one column."""
    import pyarrow as pa

    try:
        pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError):
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
    return times.dt.floor("us")


def _with_text_ids(table: ir.Table) -> ir.Table:
    """User ids as text, numbers alike whatever their type: 2.50 is 2.5, and 2.00 or 2.0 is 2."""
    ids = table.user_id
    kind = ids.type()
    if kind.is_floating():
        # Engines may cast before they choose, and fail beyond whole numbers.
        near = (ids.abs() < EXACT).ifelse(ids, 0.5)
        whole = near.floor().cast("int64")
        ids = (near == whole).ifelse(whole.cast("string"), ids.cast("string"))
    elif kind.is_decimal() and kind.scale != 0:  # it is unknown where PostgreSQL's numeric has any
        text = ids.cast("string").nullif("NaN")
        ids = text.re_search("[.][0-9]*0$").ifelse(text.re_replace("[.]?0+$", ""), text)
    return table.mutate(user_id=ids.cast("string").strip())
