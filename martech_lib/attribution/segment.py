"""Which journeys are asked for: customers, a column's value, a period, channels set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import ibis
from ibis import _

from martech_lib.attribution.stitch import order_of
from martech_lib.core.errors import UserError, did_you_mean, shown

if TYPE_CHECKING:
    import ibis.expr.types as ir

CUSTOMERS = ("new", "returning")
ASKED = "asked_value"  # the segment's column, under a name that no log uses


class Segment(NamedTuple):
    """Which journeys are asked for; what is left blank asks for all of them.

    Attributes:
        customers: "new": journeys up to a user's first conversion; "returning": those after it.
        column: A column of touches, of conversions or of both; rows with another value are set aside first, so that
            with a kind of conversion the touches of the others count for the next of this kind.
        value: The column's value, as text.
        without: Channels whose touches are set aside.
        since: Conversions from this instant on, in the clock of the log.
        until: Conversions before this instant.
    """

    customers: str = ""
    column: str = ""
    value: str = ""
    without: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


def segment_of(given: Segment | str | None) -> Segment:
    """A Segment as such or in words: "new", "returning" or "country=DE". Raises UserError."""
    if isinstance(given, Segment):
        return _checked(given)
    text = (given or "").strip()
    if "=" in text:
        column, value = (part.strip() for part in text.split("=", 1))
        return _checked(Segment(column=column, value=value))
    return _checked(Segment(customers=text.lower()))


def _checked(segment: Segment) -> Segment:
    if segment.customers not in ("", *CUSTOMERS):
        told = f"segment came as '{shown(segment.customers)}'"
        raise UserError(f"{told}; allowed are {', '.join(CUSTOMERS)}, or a column and its value such as country=DE.")
    if segment.since and segment.until and segment.since >= segment.until:
        raise UserError(f"A period from {segment.since} until {segment.until} has no time in it.")
    return segment


def refuse_unknown(segment: Segment, tables: Sequence[ir.Table]) -> None:
    """Raises UserError when the segment's column is in none of the tables."""
    if segment.column and not any(segment.column in table.columns for table in tables):
        there = sorted({name for table in tables for name in table.columns})
        hint = did_you_mean(segment.column, there) or "."
        raise UserError(f"There is no column '{shown(segment.column)}' to cut by{hint} There are: {', '.join(there)}.")


def cut(
    touches: ir.Table, conversions: ir.Table, segment: Segment, *, lookback_days: float
) -> tuple[ir.Table, ir.Table]:
    """The touches and conversions that the segment asks for; the channels of `without` are still there."""
    touches, conversions = (_with_value(table, segment) for table in (touches, conversions))
    if segment.customers:
        touches, conversions = _of_customers(touches, conversions, segment.customers)
    if segment.since or segment.until:
        touches, conversions = _in_period(touches, conversions, segment, lookback_days)
    return touches, conversions


def _with_value(table: ir.Table, segment: Segment) -> ir.Table:
    return table.filter(_[ASKED] == segment.value) if ASKED in table.columns else table


def _of_customers(touches: ir.Table, conversions: ir.Table, customers: str) -> tuple[ir.Table, ir.Table]:
    """Of new customers all up to the first conversion, of returning ones all after it."""
    numbered = conversions.mutate(number=ibis.row_number().over(order_of(conversions)))
    firsts = numbered.filter(_.number == 0).select("user_id", first="ts")
    if customers == "new":
        kept = _beside(touches, firsts).filter((_.is_known == 0) | (_.ts <= _.first))
        return kept.select(touches.columns), numbered.filter(_.number == 0).drop("number")
    kept = _beside(touches, firsts).filter(_.is_known == 1, _.ts > _.first)
    return kept.select(touches.columns), numbered.filter(_.number > 0).drop("number")


def _in_period(
    touches: ir.Table, conversions: ir.Table, segment: Segment, lookback_days: float
) -> tuple[ir.Table, ir.Table]:
    """The conversions and touches of the period; before it, touches of its conversions that no earlier one ended."""
    if segment.until:
        touches, conversions = touches.filter(_.ts < segment.until), conversions.filter(_.ts < segment.until)
    if not segment.since:
        return touches, conversions
    oldest, theirs = segment.since - timedelta(days=lookback_days), conversions.filter(_.ts >= segment.since)
    # Few users convert, so only their touches are held against the conversions before the period.
    earlier = touches.filter(_.ts >= oldest, _.ts < segment.since).semi_join(theirs, "user_id")
    ended = conversions.filter(_.ts < segment.since).group_by("user_id").aggregate(ended=_.ts.max())
    open_still = _beside(earlier, ended).filter((_.is_known == 0) | (_.ts > _.ended))
    return touches.filter(_.ts >= segment.since).union(open_still.select(touches.columns)), theirs


def _beside(touches: ir.Table, users: ir.Table) -> ir.Table:
    """Touches with what is known of their user, and whether anything is (0 or 1)."""
    # A constant, as in ClickHouse what is joined to nothing is not null but 0, and so is a time.
    joined = touches.left_join(users.mutate(is_known=ibis.literal(1, "int64")), "user_id")
    return joined.mutate(is_known=_.is_known.fill_null(0))
