"""Touches and conversions into journeys, in the engine: every expression here is Ibis and runs where the log is.

A conversion ends its journey; of two at one instant the first by id takes the touches. What follows a user's last
conversion, or all touches of a user without one, is one journey that did not convert.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis
from ibis import _

from martech_lib.attribution.engine import bit_or, kept, without_zone
from martech_lib.attribution.sums import PARTS, PLACES, SHARES

if TYPE_CHECKING:
    import ibis.expr.types as ir

DAY = 86_400
TIES = ("touch_id", "code")  # which of two touches at one instant comes first


class Stitched(NamedTuple):
    """Journeys in the engine.

    Attributes:
        ended: Users who converted, one row a touch that counts: group, user_id, journey (the user's conversions before
            it), converts, value, age (days before the conversion), code, bit, n (touches of the journey), rn (1 to n),
            next (code of the touch that follows; null at the end).
        conversions: All of them: group, user_id, journey, end (its time), value, converts (1).
        open_ended: Touches of users who never converted, as they were given.
    """

    ended: ir.Table
    conversions: ir.Table
    open_ended: ir.Table


def stitched(touches: ir.Table, conversions: ir.Table, *, lookback_days: float) -> Stitched:
    """Put every touch into the journey it belongs to.

    Args:
        touches: group, user_id, ts, code (of the channel), bit (1 << code) and, where given, touch_id.
        conversions: group, user_id, ts, value and, where given, conversion_id.
        lookback_days: A touch so many days before its conversion still counts.
    """
    theirs = touches.semi_join(conversions, "user_id")
    numbered = kept(_numbered(conversions))
    ended = kept(_in_journeys(theirs, numbered, lookback_days))
    return Stitched(ended, numbered, touches.anti_join(conversions, "user_id"))


def order_of(conversions: ir.Table) -> ibis.expr.builders.WindowBuilder:
    """A user's conversions one after another; of two at one instant the lower id is first."""
    ids = [name for name in ("conversion_id",) if name in conversions.columns]
    return ibis.window(group_by="user_id", order_by=["ts", *ids, "value"])


def _numbered(conversions: ir.Table) -> ir.Table:
    """The conversions, each with the number of its user's conversions before it."""
    journey = ibis.row_number().over(order_of(conversions)).cast("int64")
    return conversions.select("group", "user_id", "value", end="ts", journey=journey, converts=ibis.literal(1, "int64"))


def _in_journeys(touches: ir.Table, conversions: ir.Table, lookback_days: float) -> ir.Table:
    """The touches of converting users that count, each in its journey: `Stitched.ended`."""
    beside = _placed(touches, conversions).left_join(conversions.drop("group"), ["user_id", "journey"])
    # Of a constant it is known what stands where nothing was found: null, in ClickHouse 0. Of a time it is not.
    placed = beside.mutate(converts=_.converts.fill_null(0))
    oldest = _.end - ibis.interval(seconds=round(lookback_days * DAY))
    used = placed.filter((_.converts == 0) | (_.ts >= oldest))
    journey = ["user_id", "journey"]
    whole, in_order = ibis.window(group_by=journey), ibis.window(group_by=journey, order_by=_in_time(touches))
    age = without_zone(used.end).delta(without_zone(used.ts), unit="microsecond") / (DAY * 1e6)
    return used.select(
        "group", "user_id", "journey", "value", "code", "bit", "converts",
        age=(used.converts == 1).ifelse(age, ibis.null("float64")),
        n=_.count().over(whole),
        rn=ibis.row_number().over(in_order) + 1,
        next=_.code.lead().over(in_order),
    )  # fmt: skip


def _placed(touches: ir.Table, conversions: ir.Table) -> ir.Table:
    """The touches, each with the number of its user's conversions before it; at one instant the touch is first."""
    at = conversions.end.cast(touches.ts.type())  # a kept table may tell its precision in other words
    marks = conversions.select("user_id", ts=at, is_conversion=ibis.literal(1, "int64"))
    absent = {name: ibis.null(touches[name].type()) for name in touches.columns if name not in marks.columns}
    columns = [*touches.columns, "is_conversion"]
    both = touches.mutate(is_conversion=ibis.literal(0, "int64")).select(columns)
    events = both.union(marks.mutate(**absent).select(columns))
    so_far = ibis.window(group_by="user_id", order_by=["ts", "is_conversion"], rows=(None, 0))
    counted = events.mutate(journey=_.is_conversion.sum().over(so_far).cast("int64"))
    return counted.filter(_.is_conversion == 0).drop("is_conversion")


def _in_time(table: ir.Table) -> list[str]:
    return ["ts", *(name for name in TIES if name in table.columns)]


def credited(journeys: Stitched) -> ir.Table:
    """(group, code, place) -> the sums of `sums.PARTS`, of conversions and (with the ending _value) of their value."""
    touches = _of_conversions(journeys).mutate(place=_place(), length=_.n.cast("float64"))
    parts = touches.mutate(
        touches=ibis.literal(1.0),
        linear=1.0 / _.length,
        between=1.0 / (_.length - 2).nullif(0),
        rest=1.0 / (_.length - 3).nullif(0),
    )
    return parts.group_by(["group", "code", "place"]).aggregate(**_summed(parts, PARTS))


def met(journeys: Stitched) -> ir.Table:
    """(group, code) -> the sums of `sums.SHARES` over the journeys that touch the channel, and of their value."""
    one = ["group", "user_id", "journey"]
    whole = ibis.window(group_by=one)
    each = _of_conversions(journeys).group_by([*one, "code"]).aggregate(value=_.value.max())
    shares = each.mutate(journeys=ibis.literal(1.0), shared=1.0 / _.count().over(whole).cast("float64"))
    return shares.group_by(["group", "code"]).aggregate(**_summed(shares, SHARES))


def _summed(table: ir.Table, parts: Sequence[str]) -> dict[str, Any]:
    sums: dict[str, Any] = {part: table[part].sum() for part in parts}
    return {**sums, **{f"{part}_value": (table[part] * table.value).sum() for part in parts}}


def _of_conversions(journeys: Stitched) -> ir.Table:
    return journeys.ended.filter(_.converts == 1).mutate(value=_.value.fill_null(0.0))


def _place() -> Any:
    """Number of the touch's place in `sums.PLACES`."""
    cases = (
        (_.n == 1, "only"),
        ((_.n == 2) & (_.rn == 1), "pair_first"),
        (_.n == 2, "pair_last"),
        ((_.n == 3) & (_.rn == 1), "three_first"),
        ((_.n == 3) & (_.rn == 2), "three_middle"),
        (_.n == 3, "three_last"),
        (_.rn == 1, "first"),
        (_.rn == _.n, "last"),
        (_.rn == ((_.n + 1) / 2).floor().cast("int64"), "milestone"),
    )
    return ibis.cases(*((when, PLACES.index(place)) for when, place in cases), else_=PLACES.index("inner"))


def decayed(journeys: Stitched, *, half_life_days: float) -> ir.Table:
    """(group, code) -> conversions and value where a touch half a life older counts half."""
    whole = ibis.window(group_by=["user_id", "journey"])
    # Against the youngest touch: however old a journey is, its weights do not vanish together.
    older = _of_conversions(journeys).mutate(older=_.age - _.age.min().over(whole))
    weighed = older.mutate(weight=(_.older * (-log(2) / half_life_days)).exp())
    shared = weighed.mutate(share=_.weight / _.weight.sum().over(whole))
    return shared.group_by(["group", "code"]).aggregate(
        conversions=_.share.sum(), conversions_value=(_.share * _.value).sum()
    )


def last_pairs(journeys: Stitched, channels: int) -> ir.Table:
    """(group, last, other) -> converting journeys and their value by last channel and last other channel."""
    touches = _of_conversions(journeys)
    whole = ibis.window(group_by=["user_id", "journey"])
    ends = touches.mutate(last=_.code.max(where=_.rn == _.n).over(whole))
    # A place and its channel in one number: the largest is the last of the others.
    packed = (_.rn * channels + _.code).max(where=_.code != _.last)
    one = ends.group_by(["group", "user_id", "journey", "last"]).aggregate(packed=packed, value=_.value.max())
    return (
        one.mutate(other=(_.packed % channels).fill_null(channels))
        .group_by(["group", "last", "other"])
        .aggregate(conversions=_.count(), conversions_value=_.value.sum())
    )


def ended_steps(journeys: Stitched) -> ir.Table:
    """(group, code, next, converts) -> how often, in journeys of users who converted; next is null at the end."""
    return journeys.ended.group_by(["group", "code", "next", "converts"]).aggregate(times=_.count())


def ended_sets(journeys: Stitched) -> ir.Table:
    """(group, mask, converts) -> journeys of users who converted, by channel set."""
    return _by_set(journeys.ended, ["group", "user_id", "journey", "converts"])


def open_sets(journeys: Stitched) -> ir.Table:
    """(group, mask, converts) -> the same of users who never converted, one journey each."""
    touches = journeys.open_ended.mutate(converts=ibis.literal(0, "int64"))
    return _by_set(touches, ["group", "user_id", "converts"])


def _by_set(touches: ir.Table, journey: Sequence[str]) -> ir.Table:
    sets = touches.group_by(journey).aggregate(mask=bit_or(touches.bit))
    return sets.group_by(["group", "mask", "converts"]).aggregate(times=_.count())


def open_steps(journeys: Stitched, *, with_sets: bool) -> ir.Table:
    """(group, code, next, mask) -> how often, for users who never converted; next is null at the end.

    With sets, mask is the channel set there: one pass for both is shorter than two. Elsewhere it is 0, never null: a
    column with blanks would come back as floats, which lose bits.
    """
    touches, no_mask = journeys.open_ended, ibis.literal(0, "int64")
    following = touches.code.lead().over(ibis.window(group_by="user_id", order_by=_in_time(touches)))
    mask = bit_or(touches.bit).over(ibis.window(group_by="user_id")) if with_sets else no_mask
    steps = touches.select("group", "code", next=following, mask=mask)
    ends = steps.mutate(mask=_.next.isnull().ifelse(_.mask, no_mask))
    return ends.group_by(["group", "code", "next", "mask"]).aggregate(times=_.count())


def second_steps(journeys: Stitched) -> ir.Table:
    """(group, last, code, next, converts) -> how often; last is null at the start of a journey, next at its end."""
    ended = ibis.window(group_by=["user_id", "journey"], order_by="rn")
    steps = journeys.ended.mutate(last=_.code.lag().over(ended))
    in_order = ibis.window(group_by="user_id", order_by=_in_time(journeys.open_ended))
    others = journeys.open_ended.mutate(
        last=_.code.lag().over(in_order),
        next=_.code.lead().over(in_order),
        converts=ibis.literal(0, steps.converts.type()),
    )
    columns = ["group", "last", "code", "next", "converts"]
    return steps.select(columns).union(others.select(columns)).group_by(columns).aggregate(times=_.count())


def untouched(journeys: Stitched) -> ir.Table:
    """group -> conversions without a touch, and their value."""
    alone = journeys.conversions.anti_join(journeys.ended, ["user_id", "journey"]).mutate(value=_.value.fill_null(0.0))
    return alone.group_by("group").aggregate(conversions=_.count(), conversions_value=_.value.sum())
