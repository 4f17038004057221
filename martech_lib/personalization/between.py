"""Several ways of one programme: each against the holdout, and those for one person against the one for many."""

from __future__ import annotations

from typing import NamedTuple

from martech_lib.core.many_arms import holm
from martech_lib.core.rates import Count, score_difference, score_lift
from martech_lib.core.stats import Difference
from martech_lib.personalization.arms import Sides
from martech_lib.personalization.cells import Cells
from martech_lib.personalization.totals import total_of

FOR_MANY = "segment"  # in the name of an arm that is made for many


class Between(NamedTuple):
    """One arm against another, by conversions.

    Attributes:
        arm: The arm.
        against: The holdout, or the arm that is made for a segment.
        difference: Of their conversion rates.
        lift: Relative; None where nobody converted in the other.
        p: Two-sided p-value, held to one error over all that are told (Holm).
    """

    arm: str
    against: str
    difference: Difference
    lift: Difference | None
    p: float


def between_arms(cells: Cells, sides: Sides, *, level: float) -> tuple[Between, ...]:
    """Compare the arms of a programme that has several; () where it has one."""
    if len(sides.treated) < 2:
        return ()
    counts = {arm: total_of(cells, (arm,)).conversions for arm in (sides.holdout, *sides.treated)}
    base = next((arm for arm in sides.treated if FOR_MANY in arm.casefold()), "")
    pairs = [(arm, sides.holdout) for arm in sides.treated]
    pairs += [(arm, base) for arm in sides.treated if base and arm != base]
    told = [_against(arm, other, counts[other], counts[arm], level) for arm, other in pairs]
    adjusted = holm([one.p for one in told])
    return tuple(one._replace(p=p) for one, p in zip(told, adjusted, strict=True))


def _against(arm: str, against: str, first: Count, second: Count, level: float) -> Between:
    difference = score_difference(first, second, level=level)
    lift = score_lift(first, second, level=level) if first.hits else None
    return Between(arm, against, difference, lift, difference.p)
