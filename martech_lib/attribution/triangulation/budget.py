"""The next budget: which moves between channels gain most, how surely, and whether to move at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from martech_lib.attribution.triangulation.carry import ELASTICITY, ELASTICITY_SD
from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.spoken import in_full
from martech_lib.core.stats import Array

STEP = 0.2
SURE = 0.8
BISECTIONS = 30
LEAST_ELASTICITY, MOST_ELASTICITY = 0.05, 0.95
SUPPLIED_SD = 0.1  # of the power of a supplied curve; an assumed one is less sure
SEED = 20_261
LEAST_MOVE = 0.01  # of a channel's spend: less is no move


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a budget may do.

    Attributes:
        step: Largest change of a channel's spend, as a share of it, 0 to 1.
        budget: Money to spend in all; None for what is spent now.
        floors: Channel -> least money.
        ceilings: Channel -> most money.
        elasticity: Conversions go with spend to this power where no curve is supplied; between 0 and 1.
        sure: Probability of being better than now below which it is better to hold.
    """

    step: float = STEP
    budget: float | None = None
    floors: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    elasticity: float = ELASTICITY
    sure: float = SURE

    def checked(self) -> Limits:
        """Itself. Raises UserError for what makes no sense."""
        for name, low, high in (("step", 0, 1), ("elasticity", LEAST_ELASTICITY, MOST_ELASTICITY), ("sure", 0.5, 1)):
            if not low <= getattr(self, name) <= high:
                raise UserError(f"{name} came as {in_full(getattr(self, name))}; allowed is from {low:g} to {high:g}.")
        for words, amounts in (("floor", self.floors), ("ceiling", self.ceilings)):
            for channel, amount in amounts.items():
                if not amount >= 0:
                    raise UserError(f"the {words} of {channel} came as {in_full(amount)}; allowed is money from 0 on.")
        for channel, floor in self.floors.items():
            if floor > self.ceilings.get(channel, np.inf):
                raise UserError(f"the floor of {channel}, {floor:,.0f}, is above its ceiling.")
        return self


class Move(NamedTuple):
    """One channel's spend now and next.

    Attributes:
        channel: As written.
        now: Money in the period.
        then: Money that is suggested.
        elasticity: Power by which its conversions go with spend.
        is_supplied: Whether that comes from a supplied response curve.
        gain: Expected change of its conversions.
    """

    channel: str
    now: float
    then: float
    elasticity: float
    is_supplied: bool
    gain: float


@dataclass(frozen=True)
class BudgetMove:
    """What to do with the budget.

    Attributes:
        moves: One a channel with spend.
        gain: Expected conversions gained in such a period, beside today's mix at the same total.
        lower: Lower end of that gain.
        upper: Upper end.
        level: Probability that it lies between.
        better: Probability that the move is better than today's budget.
        is_hold: Whether to leave the budget as it is.
        reason: Why.
        by_total: Expected conversions gained or lost by another total at today's mix; 0 with today's total.
    """

    moves: tuple[Move, ...]
    gain: float
    lower: float
    upper: float
    level: float
    better: float
    is_hold: bool
    reason: str
    by_total: float

    @property
    def is_still(self) -> bool:
        """Whether the mix stays as it is: there is no move to be sure or unsure of."""
        return _is_still(np.array([m.then for m in self.moves]), np.array([m.now for m in self.moves]))


class Plan(NamedTuple):
    """What a budget is decided from: channels with spend and an effect.

    Attributes:
        channels: J names.
        effects: (K, J): equally likely conversions at today's spend.
        spend: (J,): money in the period.
        elasticity: (J,): power by which conversions go with spend.
        is_supplied: (J,): whether it comes from a supplied curve.
        low: (J,): least spend allowed, as a share of today's.
        high: (J,): most spend allowed.
        budget: Money in all.
    """

    channels: tuple[str, ...]
    effects: Array
    spend: Array
    elasticity: Array
    is_supplied: tuple[bool, ...]
    low: Array
    high: Array
    budget: float


def plan_of(
    channels: tuple[str, ...],
    effects: Array,
    spend: Mapping[str, float],
    *,
    curves: Mapping[str, float],
    limits: Limits,
) -> Plan:
    """The channels whose money can be moved.

    Args:
        channels: Names of the columns of `effects`.
        effects: (K, J): equally likely conversions.
        spend: Channel -> money in the period.
        curves: Channel -> elasticity of a supplied response curve.
        limits: What the budget may do.

    Raises:
        UserError: The limits leave no budget.
    """
    limits.checked()
    paid = sorted(name for name, amount in spend.items() if amount > 0)
    for name in (*limits.floors, *limits.ceilings):
        if name not in paid:
            told = f"a floor or ceiling names '{shown(name)}', which has no spend in the period"
            there = f" Those with spend are {', '.join(paid)}." if paid else ""
            raise UserError(f"{told}{did_you_mean(name, paid) or '.'}{there}")
    places = [at for at, name in enumerate(channels) if spend.get(name, 0.0) > 0]
    names = tuple(channels[at] for at in places)
    now = np.array([spend[name] for name in names])
    low = np.array([max(limits.floors.get(n, 0.0) / spend[n], 1 - limits.step) for n in names])
    high = np.array([min(limits.ceilings.get(n, np.inf) / spend[n], 1 + limits.step) for n in names])
    # Money of channels without a range stays where it is.
    elsewhere = sum(spend.values()) - float(now.sum())
    budget = float(now.sum()) if limits.budget is None else limits.budget - elsewhere
    # A floor or a ceiling beyond the step moves as far as the step lets it.
    low, high = np.minimum(low, 1 + limits.step), np.maximum(high, 1 - limits.step)
    if len(names) and not (low * now).sum() - 1e-6 <= budget <= (high * now).sum() + 1e-6:
        reach = f"{(low * now).sum() + elsewhere:,.0f} to {(high * now).sum() + elsewhere:,.0f}"
        raise UserError(
            f"a budget of {budget + elsewhere:,.0f} cannot be reached; with these limits it can be {reach}."
        )
    elasticity = np.clip([curves.get(n, limits.elasticity) for n in names], LEAST_ELASTICITY, MOST_ELASTICITY)
    return Plan(names, effects[:, places], now, elasticity, tuple(name in curves for name in names), low, high, budget)


def best_shares(plan: Plan, expected: Array) -> Array:
    """(M, J): spend as shares of today's that gain most, for M sets of expected conversions (M, J).

    Gains are concave in spend, so the last unit of money brings the same everywhere but at a limit; the common worth
    of that unit is found by bisection.
    """
    power = 1 / (1 - plan.elasticity)
    steep = np.log(np.maximum(expected, 1e-12) * plan.elasticity / plan.spend)
    low, high = steep.min(axis=1) - 40.0, steep.max(axis=1) + 40.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        shares = np.clip(np.exp(np.clip((steep - middle[:, None]) * power, -60, 60)), plan.low, plan.high)
        is_over = shares @ plan.spend > plan.budget
        low, high = np.where(is_over, middle, low), np.where(is_over, high, middle)
    return np.asarray(shares)


def gains(plan: Plan, shares: Array) -> Array:
    """Change of each channel's conversions per conversion now, for shares of today's spend."""
    return np.asarray(shares**plan.elasticity - 1)


def move(plan: Plan, limits: Limits, *, level: float) -> BudgetMove | None:
    """The budget that gains most in expectation, how surely, and whether to hold; None with fewer than two channels.

    The best shares are those at the middle elasticities; gain and probability are over what both effects and
    elasticities may be.
    """
    if len(plan.channels) < 2:
        return None
    shares = best_shares(plan, plan.effects.mean(axis=0)[None])[0]
    powers = _powers(plan)
    # Another total is held against today's mix at that total, so that only what the mix gains is called a gain.
    of_total = plan.effects * ((plan.budget / plan.spend.sum()) ** powers - 1)
    gained = plan.effects * (shares**powers - 1)
    drawn = (gained - of_total).sum(axis=1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    better, gain = float((drawn > 0).mean()), float(drawn.mean())
    is_still = _is_still(shares * plan.spend, plan.spend)
    total = plan.budget / plan.spend.sum()
    is_allowed = bool(np.all((plan.low <= total + 1e-9) & (total - 1e-9 <= plan.high)))  # today's mix at that total
    is_hold = is_still or (is_allowed and better < limits.sure)
    reason = (
        _why_still(plan, limits)
        if is_still
        else f"the best move would be better than today's budget with a probability of {better:.0%}"
    )
    expected = gained.mean(axis=0)
    rows = zip(plan.channels, plan.spend, shares, plan.elasticity, plan.is_supplied, expected, strict=True)
    moves = tuple(Move(n, float(s), float(s * x), float(e), told, float(g)) for n, s, x, e, told, g in rows)
    by_total = float(of_total.sum(axis=1).mean())
    return BudgetMove(moves, gain, float(low), float(high), level, better, is_hold, reason, by_total)


def _is_still(then: Array, now: Array) -> bool:
    """Whether no channel's share of all money moves by more than a trifle."""
    total = then.sum() / now.sum()
    return bool(np.all(np.abs(then / now / (total or 1.0) - 1) < LEAST_MOVE))


def _why_still(plan: Plan, limits: Limits) -> str:
    """Why the mix stays as it is."""
    if limits.step < LEAST_MOVE:
        return f"a largest change of {in_full(limits.step, unit='share')} of a channel's spend allows no move"
    if bool(np.all(plan.high - plan.low < LEAST_MOVE)):
        return "the floors and ceilings allow no move"
    return "no move within the limits gains anything"


def _powers(plan: Plan) -> Array:
    """(K, J): what the elasticities may be, drawn for each channel by itself; seeded."""
    sd = np.where(plan.is_supplied, SUPPLIED_SD, ELASTICITY_SD)
    drawn = plan.elasticity + sd * np.random.default_rng(SEED).standard_normal(plan.effects.shape)
    return np.clip(drawn, LEAST_ELASTICITY, MOST_ELASTICITY)
