"""Touches and conversions into journeys, in the engine: every expression here is Ibis and runs where the log is.

A conversion ends its journey; of two at one instant the first by id takes the touches. What follows a user's last
conversion, or all touches of a user without one, is one journey that did not convert.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis
from ibis import _

from martech_lib.attribution.engine import bit_or, handed_over, without_zone
from martech_lib.attribution.sums import PARTS, PLACES

if TYPE_CHECKING:
    import ibis.expr.types as ir

DAY = 86_400
TIES = ("touch_id", "code")  # which of two touches at one instant comes first


class Stitched(NamedTuple):
    """Journeys in the engine.

    Attributes:
        ended: Users who converted, one row a touch that counts and one a conversion without any: group, user_id,
            journey, converts, value, age (days before the conversion), code, bit, n (touches of the journey), rn (1
            to n).
        open_ended: Touches of users who never converted, as they were given.
    """

    ended: ir.Table
    open_ended: ir.Table


def stitched(touches: ir.Table, conversions: ir.Table, *, lookback_days: float) -> Stitched:
    """Put every touch into the journey it belongs to.

    Args:
        touches: group, user_id, ts, code (of the channel), bit (1 << code) and, where given, touch_id.
        conversions: group, user_id, ts, value and, where given, conversion_id.
        lookback_days: A touch so many days before its conversion still counts.
    """
    theirs = touches.semi_join(conversions, "user_id")
    placed = _placed(theirs, conversions, lookback_days)
    ended = placed.filter((_.used == 1) | ((_.is_conversion == 1) & (_.n == 0))).select(
        "group", "user_id", "journey", "converts", "value", "age", "code", "bit", "n", "rn"
    )
    return Stitched(handed_over(ended), touches.anti_join(conversions, "user_id"))


def _placed(touches: ir.Table, conversions: ir.Table, lookback_days: float) -> ir.Table:
    """Touches and conversions of converting users, each with its journey and what that journey came to."""
    ids = {
        name: table[name].type()
        for table, name in ((touches, "touch_id"), (conversions, "conversion_id"))
        if name in table.columns
    }
    kept = ("group", "user_id", "ts", "code", "bit", "value", "is_conversion", *ids)
    events = (
        touches.mutate(is_conversion=ibis.literal(0, "int64"), value=ibis.null("float64"), **_absent(touches, ids))
        .select(*kept)
        .union(
            conversions.mutate(
                is_conversion=ibis.literal(1, "int64"), code=ibis.null("int16"), bit=ibis.null("int64"),
                **_absent(conversions, ids),
            ).select(*kept)
        )
    )  # fmt: skip
    order = ["ts", "is_conversion", *ids, "code", "value"]
    so_far, from_here = (ibis.window(group_by="user_id", order_by=order, rows=rows) for rows in ((None, 0), (0, None)))
    ends = events.mutate(
        journey=_.is_conversion.sum().over(so_far) - _.is_conversion,
        end=(_.is_conversion == 1).ifelse(_.ts, ibis.null(events.ts.type())).min().over(from_here),
    )
    oldest = _.end - ibis.interval(seconds=round(lookback_days * DAY))
    # Not by cast: PostgreSQL makes no whole number of a truth.
    used = ((_.is_conversion == 0) & (_.end.isnull() | (_.ts >= oldest))).ifelse(1, 0)
    age = without_zone(ends.end).delta(without_zone(ends.ts), unit="microsecond") / (DAY * 1e6)
    aged = ends.mutate(used=used, age=age, converts=_.end.isnull().ifelse(0, 1))
    journey = ["user_id", "journey"]
    whole, up_to_here = ibis.window(group_by=journey), ibis.window(group_by=journey, order_by=order, rows=(None, 0))
    return aged.mutate(n=_.used.sum().over(whole), value=_.value.max().over(whole), rn=_.used.sum().over(up_to_here))


def _absent(table: ir.Table, ids: Mapping[str, Any]) -> dict[str, Any]:
    return {name: ibis.null(kind) for name, kind in ids.items() if name not in table.columns}


def _in_time(table: ir.Table) -> list[str]:
    return ["ts", *(name for name in TIES if name in table.columns)]


def credited(journeys: Stitched) -> ir.Table:
    """(group, code, place) -> the sums of `sums.PARTS`, of conversions and (with the ending _value) of their value."""
    touches = _of_conversions(journeys)
    first_of_channel = ibis.window(group_by=["user_id", "journey", "code"], order_by="rn")
    marked = touches.mutate(is_new=(ibis.row_number().over(first_of_channel) == 0).ifelse(1.0, 0.0))
    whole = ibis.window(group_by=["user_id", "journey"])
    parts = marked.mutate(
        place=_place(),
        touches=ibis.literal(1.0),
        linear=1.0 / _.n,
        between=1.0 / (_.n - 2).nullif(0),
        rest=1.0 / (_.n - 3).nullif(0),
        unique=_.is_new / _.is_new.sum().over(whole),
        journeys=_.is_new,
    )
    sums: dict[str, Any] = {part: parts[part].sum() for part in PARTS}
    values: dict[str, Any] = {f"{part}_value": (parts[part] * parts.value).sum() for part in PARTS}
    return parts.group_by(["group", "code", "place"]).aggregate(**sums, **values)


def _of_conversions(journeys: Stitched) -> ir.Table:
    return journeys.ended.filter((_.converts == 1) & (_.n > 0)).mutate(value=_.value.fill_null(0.0))


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
    in_order = ibis.window(group_by=["user_id", "journey"], order_by="rn")
    steps = journeys.ended.filter(_.n > 0).mutate(next=_.code.lead().over(in_order))
    return steps.group_by(["group", "code", "next", "converts"]).aggregate(times=_.count())


def ended_sets(journeys: Stitched) -> ir.Table:
    """(group, mask, converts) -> journeys of users who converted, by channel set."""
    sets = (
        journeys.ended.filter(_.n > 0)
        .group_by(["group", "user_id", "journey", "converts"])
        .aggregate(mask=bit_or(_.bit, journeys.ended))
    )
    return sets.group_by(["group", "mask", "converts"]).aggregate(times=_.count())


def open_steps(journeys: Stitched) -> ir.Table:
    """(group, code, next, mask) -> how often, for users who never converted; at the end next is null and mask is set.

    One pass over the window: steps and channel sets together.
    """
    in_order = ibis.window(group_by="user_id", order_by=_in_time(journeys.open_ended))
    whole = ibis.window(group_by="user_id")
    steps = journeys.open_ended.select(
        "group", "code",
        next=_.code.lead().over(in_order),
        mask=bit_or(_.bit, journeys.open_ended).over(whole),
    )  # fmt: skip
    ends = steps.mutate(mask=_.next.isnull().ifelse(_.mask, ibis.null("int64")))
    return ends.group_by(["group", "code", "next", "mask"]).aggregate(times=_.count())


def second_steps(journeys: Stitched) -> ir.Table:
    """(group, last, code, next, converts) -> how often; last is null at the start of a journey, next at its end."""
    ended = ibis.window(group_by=["user_id", "journey"], order_by="rn")
    steps = journeys.ended.filter(_.n > 0).mutate(last=_.code.lag().over(ended), next=_.code.lead().over(ended))
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
    alone = journeys.ended.filter(_.n == 0).mutate(value=_.value.fill_null(0.0))
    return alone.group_by("group").aggregate(conversions=_.count(), conversions_value=_.value.sum())
