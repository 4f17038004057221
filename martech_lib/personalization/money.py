"""What a programme brought in all, beside what it cost."""

from __future__ import annotations

import math
from typing import NamedTuple

from martech_lib.core.spoken import money as in_money
from martech_lib.core.stats import Difference
from martech_lib.personalization.endpoints import Endpoint


class Range(NamedTuple):
    """A number and the ends of its interval; an end that is not there is infinite."""

    estimate: float
    lower: float
    upper: float


class Brought(NamedTuple):
    """Everything that those who were personalized brought beyond what they would have.

    Attributes:
        conversions: Incremental conversions.
        revenue: Incremental revenue; None where it is refused or not measured.
        profit: Incremental revenue less the cost; None where either is missing.
        cost_per_conversion: Cost of one incremental conversion; None where it is not given, or where it cannot be told
            that there were any.
        cost: What it cost; None where it is not known.
        reason: Why there is no cost per conversion; "" where there is one, or no cost.
        taken: What revenue was taken to be; "" where it was measured.
    """

    conversions: Range | None
    revenue: Range | None
    profit: Range | None
    cost_per_conversion: Range | None
    cost: float | None
    reason: str = ""
    taken: str = ""


def brought(
    conversions: Endpoint, revenue: Endpoint | None, *, treated: int, cost: float | None, value: float | None,
    currency: str = "USD",
) -> Brought:  # fmt: skip
    """Add up over those who were personalized.

    Args:
        conversions: Conversions by user.
        revenue: Revenue by user.
        treated: Users who were personalized.
        cost: What the programme cost in that time.
        value: What a conversion is worth, for programmes whose outcomes have no value.
        currency: Of all money.
    """
    more = None if conversions.difference is None else _whole(conversions.difference, treated)
    money = None if revenue is None or revenue.difference is None else _whole(revenue.difference, treated)
    taken = ""
    if revenue is None and value is not None and more is not None:
        money = Range(*(end * value for end in more))
        taken = f"outcomes have no value; a conversion was taken as {in_money(value, currency)}"
    profit = None if money is None or cost is None else Range(*(end - cost for end in money))
    if more is None or cost is None:
        return Brought(more, money, profit, None, cost, taken=taken)
    if more.lower <= 0:
        return Brought(more, money, profit, None, cost, _no_price(cost, more, currency), taken)
    each = Range(cost / more.estimate, cost / more.upper, cost / more.lower)
    return Brought(more, money, profit, each, cost, taken=taken)


def _no_price(cost: float, more: Range, currency: str) -> str:
    if more.upper <= 0:
        return "it brought no conversions, so that none has a price"
    if not cost:
        return "it cost nothing"
    return f"it may have brought none; at best one cost {in_money(cost / more.upper, currency)}"


def _whole(difference: Difference, treated: int) -> Range:
    ends = (end * treated for end in (difference.estimate, difference.lower, difference.upper))
    return Range(*(end if math.isfinite(end) else math.copysign(math.inf, end) for end in ends))
