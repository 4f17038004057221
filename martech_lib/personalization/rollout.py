"""Whom to personalize from here on, and what it costs to keep knowing: policies, the size of a holdout, its price."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from martech_lib.core.errors import UserError
from martech_lib.core.power import units_for_rates
from martech_lib.core.stats import Difference, normal_cdf, normal_quantile
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
        weeks: Until so many have come, after which the window of the last begins; None where the users of a week are
            not known.
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


class Prices(NamedTuple):
    """What a conversion is worth, and what it costs to personalize all users; None where that is not known."""

    value: float | None
    cost: float | None


def policies_of(
    conversions: Endpoint, revenue: Endpoint | None, segments: Segments, *, users: int, prices: Prices, level: float
) -> tuple[Policy, ...]:
    """Everyone, only segments with evidence, nobody.

    Args:
        conversions: The reading of all.
        revenue: Of all; what everyone is expected to gain, where it was read.
        segments: By segment; the shrunken lifts are what is expected of them.
        users: All users of the programme, personalized or held out.
        prices: For what revenue does not say.
        level: Confidence level of all.
    """
    if conversions.difference is None:
        return ()
    far = normal_quantile((1 + level) / 2)
    read = None if revenue is None else revenue.difference
    gain, money = _times(conversions.difference, users), None if read is None else _times(read, users)
    net = _less(money or _worth(gain, prices.value), prices.cost)
    error = _error(net or gain, far)
    if conversions.is_any_time:  # its interval is wider than its error, to hold at every look
        error = conversions.difference.se * users * (1.0 if net is None else prices.value or 0.0)
    found = [_policy(EVERYONE, users, gain, net, error)]
    if segments.compared:
        some = _evidence(segments, users, prices if read is None or read.upper >= 0 else Prices(None, None), far)
        found.append(some if some.users < users else found[0]._replace(policy=EVIDENCE, segments=some.segments))
    nothing = Range(0.0, 0.0, 0.0)
    return (*found, Policy(NOBODY, 0, nothing, None if net is None else nothing, 0.0))


def advised(verdict: str, policies: Sequence[Policy]) -> Policy | None:
    """The way that the evidence speaks for; None where it leaves that open.

    After a win the one of the largest expected gain, after harm nobody, else only segments whose gain is above none.
    """
    is_priced = bool(policies) and policies[0].net is not None
    policies = [one for one in policies if one.net is not None or not is_priced]  # money beside money
    by = {one.policy: one for one in policies}
    if verdict == "harm":
        return by.get(NOBODY)
    if verdict in ("real win", "hidden win"):
        return max(policies, key=lambda one: ((one.net or one.gain).estimate, not one.users), default=None)
    some = by.get(EVIDENCE)
    return some if some is not None and some.segments and (some.net or some.gain).lower > 0 else None


def _evidence(segments: Segments, users: int, prices: Prices, far: float) -> Policy:
    """Only the segments that were found to gain; their errors are added up, for what they share errs in all at once."""
    chosen = [line for line in segments.compared if line.is_found and line.shrunk and line.shrunk.estimate > 0]
    parts = [(line.shrunk, line.holdout.rate * (line.holdout.n + line.treated.n)) for line in chosen if line.shrunk]
    mean = sum(shrunk.estimate * base for shrunk, base in parts)
    spread = sum(_half(shrunk) * base for shrunk, base in parts)
    reached = int(sum(line.holdout.n + line.treated.n for line in chosen))
    gain = Range(mean, mean - spread, mean + spread)
    own = None if prices.cost is None else prices.cost * reached / users
    net = _less(_worth(gain, prices.value), own)
    told = _policy(EVIDENCE, reached, gain, net, _error(net or gain, far))
    return told._replace(segments=tuple(line.segment for line in chosen))


def _times(of: Difference, users: int) -> Range:
    return Range(*(end * users for end in (of.estimate, of.lower, of.upper)))


def _worth(gain: Range, value: float | None) -> Range | None:
    return None if value is None else Range(*(end * value for end in gain))


def _less(money: Range | None, cost: float | None) -> Range | None:
    return None if money is None or cost is None else Range(*(end - cost for end in money))


def _half(of: Range) -> float:
    return (of.upper - of.lower) / 2


def _error(at_stake: Range, far: float) -> float:
    """Standard deviation on the side of a loss; an interval reaches `far` of them."""
    towards = at_stake.lower if at_stake.estimate > 0 else at_stake.upper
    return abs(at_stake.estimate - towards) / far


def _policy(name: str, users: int, gain: Range, net: Range | None, error: float) -> Policy:
    """One way; `error` is the standard deviation of what is at stake."""
    at_stake = net or gain
    harm = normal_cdf(-at_stake.estimate / error) if error > 0 else float(at_stake.estimate < 0)
    return Policy(name, users, gain, net, harm if users else 0.0)
