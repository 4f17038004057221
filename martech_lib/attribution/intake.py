"""Touches and conversions as they come, made fit to be stitched; what is set aside is counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis

from martech_lib.attribution.engine import hashed, in_byte_order
from martech_lib.attribution.segment import ASKED, Segment, refuse_unknown
from martech_lib.core.errors import UserError
from martech_lib.core.log_intake import as_table, blank, refuse_two_clocks, same_users, typed, with_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

GROUPS = 50
LARGEST = 1e300  # beyond it, and for what is no number, a value is blank
KINDS = ("click", "view")
REQUIRED = {"touches": ("user_id", "ts", "channel"), "conversions": ("user_id", "ts")}
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
        UserError: A column is missing or of a type that cannot be used, ids are floats that may have been rounded, or
            times are no times or in two clocks.
    """
    touched, converted = (as_table(t, n, REQUIRED[n]) for t, n in ((touches, "touches"), (conversions, "conversions")))
    refuse_unknown(segment, (touched, converted))
    touched = _typed(_asked(touched, segment.column), "touches")
    converted = _typed(_asked(converted, segment.column), "conversions")
    refuse_two_clocks({"touches": touched.ts, "conversions": converted.ts})
    touched, converted, notes = same_users({"touches": touched, "conversions": converted})
    touched, converted = with_column(touched, "kind", "string"), _with_value(converted)
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
        UserError: A column is missing or of a type that cannot be used, ids are floats that may have been rounded, or
            times are no times.
    """
    converted = _with_value(_conversions(conversions))
    return _usable(converted, converted.ts.notnull(), "value")


def read_conversions(conversions: Any) -> ir.Table:
    """One row of what `take_conversions` reads: rows, no_user, no_time, no_value, repeated."""
    converted = _with_value(_conversions(conversions))
    return _read(converted, "conversion_id", no_value=converted.value.isnull())


def _conversions(conversions: Any) -> ir.Table:
    return _typed(as_table(conversions, "conversions", REQUIRED["conversions"]), "conversions")


def _asked(table: ir.Table, column: str) -> ir.Table:
    """The table with the segment's column under a name that no log uses."""
    return table.mutate(**{ASKED: table[column].cast("string")}) if column in table.columns else table


def _typed(table: ir.Table, name: str) -> ir.Table:
    """Whole ids, times and channels of one type each, so that both tables and every engine can put them together."""
    table = typed(table, name)
    if "channel" in table.columns and not table.channel.type().is_string():
        return table.mutate(channel=table.channel.cast("string"))
    return table


def _with_value(conversions: ir.Table) -> ir.Table:
    """The conversions with a value each: a number, or blank where it is none."""
    conversions = with_column(conversions, "value", "float64")
    if not conversions.value.type().is_numeric():
        raise UserError(f"value of conversions came as {conversions.value.type()}; allowed are numbers.")
    value = conversions.value.cast("float64")
    return conversions.mutate(value=value.between(-LARGEST, LARGEST).ifelse(value, ibis.null("float64")))


def _usable(table: ir.Table, condition: Any, *columns: str) -> ir.Table:
    rows = table.filter(~blank(table.user_id), table.ts.notnull(), condition)
    read = rows.select("user_id", "ts", *columns, group=_group(rows.user_id))
    # A database may say that a column is never null, and Ibis then puts it into no union with a joined one.
    usable = read.cast({name: kind(nullable=True) for name, kind in read.schema().items() if not kind.nullable})
    return usable.mutate(**{name: in_byte_order(usable[name]) for name in _given(usable, "touch_id", "conversion_id")})


def _given(table: ir.Table, *columns: str) -> list[str]:
    return [column for column in columns if column in table.columns]


def _group(user_id: Any) -> Any:
    """A user's group for the jackknife."""
    if user_id.type().is_integer():
        return ((user_id.cast("int64") % PRIME * FACTOR) % PRIME % GROUPS).abs().cast("int8")
    return ((hashed(user_id) % GROUPS + GROUPS) % GROUPS).cast("int8")


def _read(table: ir.Table, key: str, **faults: Any) -> ir.Table:
    """How many rows a table has, why some are set aside (each for its first reason), and how many keys come again."""
    counts: dict[str, Any] = {}
    fine = ibis.literal(True)
    for reason, fault in {"no_user": blank(table.user_id), "no_time": table.ts.isnull(), **faults}.items():
        counts[reason] = (fine & fault).sum()
        fine = fine & ~fault
    repeated = table[key].count() - table[key].nunique() if key in table.columns else ibis.literal(0)
    return table.aggregate(rows=table.count(), repeated=repeated, **counts)
