"""Whom to personalize from here on, and what it costs to keep knowing: policies, the size of a holdout, its price."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from martech_lib.core.errors import UserError
from martech_lib.core.power import units_for_rates
from martech_lib.core.stats import normal_cdf, normal_quantile
from martech_lib.personalization.endpoints import Endpoint
from martech_lib.personalization.money import Range
from martech_lib.personalization.segments import Segments

SHARES = (0.5, 0.2, 0.1, 0.05)  # holdouts that are laid side by side
POWER = 0.8
EVERYONE, EVIDENCE, NOBODY = "everyone", "segments with evidence", "nobody"


class Policy(NamedTuple):
    """One way to go on, over as many users and as much time as the holdout had.

    Attributes:
        policy: everyone, segments with evidence, or nobody.
        users: How many would be personalized.
        gain: Expected conversions more than with nobody, and their interval.
        net: Their value less the cost; None where either is not known.
        harm: Probability that it loses: money where it is known, else conversions.
        segments: Which ones.
    """

    policy: str
    users: int
    gain: Range
    net: Range | None
    harm: float
    segments: tuple[str, ...] = ()


class Size(NamedTuple):
    """A holdout of some share.

    Attributes:
        share: Of all users.
        users: In all, for the lift to be seen.
        held: Of them in the holdout.
        times: Users in all over those of a half-and-half split.
        weeks: Until so many have come; None where the users of a week are not known.
        forgone: Conversions that the holdout does without, if the lift is there.
    """

    share: float
    users: int
    held: int
    times: float
    weeks: int | None
    forgone: float


def holdout_sizes(
    *, baseline: float, lift: float, weekly_users: float | None = None, level: float = 0.95, power: float = POWER,
    shares: Sequence[float] = SHARES,
) -> tuple[Size, ...]:  # fmt: skip
    """How many users a holdout of each share needs to see a lift of the conversion rate, by the pooled formula.

    Args:
        baseline: Conversion rate without personalization, a fraction.
        lift: Relative lift to be seen.
        weekly_users: New users in a week, personalized or held out.
        level: Confidence level.
        power: Chance to see the lift.
        shares: Shares of the holdout.

    Raises:
        UserError: A rate, lift, share, level or power is none.
    """
    _refuse(baseline, lift, weekly_users, shares)
    _refuse_odds(level, power)
    critical = normal_quantile((1 + level) / 2)

    def held_of(share: float) -> float:
        return units_for_rates(
            baseline, baseline * (1 + lift), ratio=(1 - share) / share, critical=critical, power=power
        )

    half = held_of(0.5) / 0.5
    found = []
    for share in shares:
        held = held_of(share)
        users = held / share
        weeks = math.ceil(users / weekly_users) if weekly_users else None
        size = Size(share, math.ceil(users), math.ceil(held), users / half, weeks, held * baseline * lift)
        found.append(size)
    return tuple(found)


def _refuse(baseline: float, lift: float, weekly_users: float | None, shares: Sequence[float]) -> None:
    if not 0 < baseline < 1:
        raise UserError(f"baseline came as {baseline}; allowed is a rate above 0 and below 1, such as 0.05.")
    if not (lift > -1 and lift and 0 < baseline * (1 + lift) < 1):
        raise UserError(f"lift came as {lift}; allowed is a relative change that leaves a rate below 1, such as 0.1.")
    if weekly_users is not None and not 0 < weekly_users < math.inf:
        raise UserError(f"weekly_users came as {weekly_users}; allowed are users above 0.")
    if wrong := [share for share in shares if not 0 < share < 1]:
        raise UserError(f"A holdout came as {wrong[0]}; allowed is a share above 0 and below 1, such as 0.1.")


def _refuse_odds(level: float, power: float) -> None:
    for name, odds in (("level", level), ("power", power)):
        if not 0.5 <= odds < 1:
            raise UserError(f"{name} came as {odds}; allowed is a share from 0.5 to below 1, such as 0.8.")


def policies_of(
    conversions: Endpoint,
    segments: Segments,
    *,
    users: int,
    value: float | None,
    cost: float | None,
    level: float = 0.95,
) -> tuple[Policy, ...]:
    """Everyone, only segments with evidence, nobody.

    Args:
        conversions: The reading of all.
        segments: By segment; the shrunken lifts are what is expected of them.
        users: All users of the programme, personalized or held out.
        value: What a conversion is worth; None where it is not known.
        cost: What it costs to personalize all of them; None where it is not known.
        level: Confidence level of both.
    """
    if conversions.difference is None:
        return ()
    far = normal_quantile((1 + level) / 2)
    found = [_policy(_Priced(value, cost, far), EVERYONE, users, _gain(conversions, users))]
    chosen = [line for line in segments.compared if line.is_found and line.shrunk and line.shrunk.estimate > 0]
    if segments.compared:
        parts = [(line, line.holdout.rate * (line.holdout.n + line.treated.n)) for line in chosen]
        mean = sum(line.shrunk.estimate * base for line, base in parts if line.shrunk)
        spread = math.sqrt(sum((_half(line.shrunk) * base) ** 2 for line, base in parts if line.shrunk))
        reached = int(sum(line.holdout.n + line.treated.n for line in chosen))
        own = None if cost is None else cost * reached / users
        gain = Range(mean, mean - spread, mean + spread)
        found.append(_policy(_Priced(value, own, far), EVIDENCE, reached, gain))
        found[-1] = found[-1]._replace(segments=tuple(line.segment for line in chosen))
    nothing = Range(0.0, 0.0, 0.0)
    return (*found, Policy(NOBODY, 0, nothing, nothing if value is not None and cost is not None else None, 0.0))


def _gain(conversions: Endpoint, users: int) -> Range:
    of = conversions.difference
    assert of is not None
    return Range(*(end * users for end in (of.estimate, of.lower, of.upper)))


def _half(of: Range) -> float:
    return (of.upper - of.lower) / 2


class _Priced(NamedTuple):
    """What a conversion is worth, what reaching these users costs, and the standard deviations of an interval."""

    value: float | None
    cost: float | None
    far: float


def _policy(by: _Priced, name: str, users: int, gain: Range) -> Policy:
    net = None if by.value is None or by.cost is None else Range(*(end * by.value - by.cost for end in gain))
    at_stake = net or gain
    spread = _half(at_stake) / by.far
    harm = normal_cdf(-at_stake.estimate / spread) if spread > 0 else float(at_stake.estimate < 0)
    return Policy(name, users, gain, net, harm if users else 0.0)


def best_of(policies: Sequence[Policy]) -> Policy | None:
    """The policy of the largest expected net gain, of conversions where money is not known."""
    return max(policies, key=lambda one: ((one.net or one.gain).estimate, not one.users), default=None)
