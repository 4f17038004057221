"""The lines of a readout: each metric of each arm beside the control, at the level that the plan leaves it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

from martech_lib.core.arms import Arm
from martech_lib.core.many_arms import dunnett_p, holm
from martech_lib.core.sequential import sequence_z
from martech_lib.core.stats import Difference, normal_cdf, normal_quantile
from martech_lib.experiments.looks import (
    MOST,
    Ends,
    Look,
    at_ends,
    ends_at,
    level_of,
    level_of_one,
    sequence_p,
    stages_of,
    z_of,
)
from martech_lib.experiments.measured import Beside, beside
from martech_lib.experiments.metrics import Metric, metric_of, ways_of, what_of
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.sizes import has_looks

Role = Literal["primary", "downstream", "guardrail", "exploratory"]
Roles = dict[Role, tuple[Metric, ...]]


@dataclass(frozen=True)
class Line:
    """One metric of one arm beside the control, as it may be read.

    Attributes:
        role: primary, downstream, guardrail; exploratory where the metric was not declared.
        beside: The comparison; difference and lift as the look and the number of arms leave them.
        level: Confidence level of its intervals.
        p: p-value, held to alpha over all arms and looks; None where refused.
        is_rejected: Whether there is an effect by the declared rule.
        better: 1 where more is better, -1 where less is, 0 where nobody knows: then it is neither gain nor loss.
    """

    role: Role
    beside: Beside
    level: float
    p: float | None
    is_rejected: bool
    better: int

    @property
    def name(self) -> str:
        """The metric."""
        return self.beside.metric.name

    @property
    def is_gain(self) -> bool:
        """An effect in the good direction."""
        return self.is_rejected and self._sign * self.better > 0

    @property
    def is_loss(self) -> bool:
        """An effect in the bad direction."""
        return self._sign * self.better < 0 and (self.is_rejected or self.is_far_off)

    @property
    def is_far_off(self) -> bool:
        """Whether the declared metric's interval leaves no effect out, also where a one-sided test looks away."""
        told = self.beside.difference
        return self.role == "primary" and told is not None and (told.lower > 0 or told.upper < 0)

    @property
    def _sign(self) -> int:
        told = self.beside.difference
        return 0 if told is None or told.estimate == 0 else 1 if told.estimate > 0 else -1


def roles_of(plan: Plan, exploratory: Sequence[str]) -> Roles:
    """The metrics to be read, by role; one that is named twice keeps its first role.

    Its direction is the one that a name of the plan has, also where the name in the first role leaves it open.

    Raises:
        UserError: One is to be higher by one name and lower by another.
    """
    named: dict[Role, Sequence[str]] = {
        "primary": [plan.primary_metric],
        "downstream": [plan.downstream_metric] if plan.downstream_metric else [],
        "guardrail": plan.guardrail_metrics,
        "exploratory": exploratory,
    }
    every = ways_of([*plan.metric_names, *exploratory])
    # What is only read beside the plan cannot say afterwards what is harm to it.
    declared = ways_of(plan.metric_names)
    seen: set[Metric] = set()
    found: Roles = {}
    for role, names in named.items():
        first = {what_of(name): metric_of(name) for name in reversed(names) if what_of(name) not in seen}
        ways = every if role == "exploratory" else declared
        found[role] = tuple(one._replace(better=ways.get(what, one.better)) for what, one in reversed(first.items()))
        seen |= {*first}
    return found


def lines_of(plan: Plan, look: Look, arms: Sequence[Arm], roles: Roles) -> tuple[Line, ...]:
    """Every line, the primary metric's first."""
    primary = [_primary(plan, look, roles["primary"][0], arms)]
    others = [
        _side(plan, look, metric, (arms[0], arm), role=role)
        for role in ("downstream", "guardrail", "exploratory")
        for metric in roles[role]
        for arm in arms[1:]
    ]
    return (*(line for part in primary for line in part), *others)


def _primary(plan: Plan, look: Look, metric: Metric, arms: Sequence[Arm]) -> Iterator[Line]:
    level = level_of_one(plan)

    def again(arm: Arm, at: float) -> Beside:
        return _heard(beside(metric, arms[0], arm, level=at, is_paired=bool(plan.correlation)), arms)

    told = [again(arm, level) for arm in arms[1:]]
    p = _together(plan, [one.difference for one in told])
    for arm, one, adjusted in zip(arms[1:], told, p, strict=True):
        is_rejected = _rejects(plan, look, one.difference, adjusted)
        if has_looks(plan) and look.number:
            one = _read_at(plan, look, one, partial(again, arm), is_rejected=is_rejected)
            adjusted = None if one.difference is None else min(1.0, one.difference.p * len(told))
        yield Line("primary", one, level, adjusted, is_rejected, better_of(plan))


def _together(plan: Plan, told: Sequence[Difference | None]) -> list[float | None]:
    """p-values held to one alpha over all arms, the refused apart; in the declared direction where one-sided."""
    known = [one for one in told if one is not None]
    z = [z_of(one) * (better_of(plan) if plan.tails == 1 else 1) for one in known]
    if len(told) == 1 or has_looks(plan):
        adjusted = [min(1.0, _tail(one, plan.tails) * len(told)) for one in z]
    elif plan.many == "dunnett" and len(known) == len(told):
        adjusted = list(dunnett_p(z, plan.split, tails=plan.tails))
    else:
        adjusted = list(holm([_tail(one, plan.tails) for one in z]))
    left = iter(adjusted)
    return [None if one is None else next(left) for one in told]


def _tail(z: float, tails: int) -> float:
    return 2 * normal_cdf(-abs(z)) if tails == 2 else normal_cdf(-z)


def _rejects(plan: Plan, look: Look, plain: Difference | None, p: float | None) -> bool:
    if plain is None or p is None or not look.number:
        return False
    if not has_looks(plan):
        return p < plan.alpha
    z = z_of(plain) * (better_of(plan) if plan.tails == 1 else 1)
    return (abs(z) if plan.tails == 2 else z) > look.z


def _read_at(plan: Plan, look: Look, told: Beside, again: Callable[[float], Beside], *, is_rejected: bool) -> Beside:
    """The comparison with its intervals as wide as the plan's looks make them; `again` reads it at another level."""
    if told.difference is None:
        return told
    way = better_of(plan) if plan.tails == 1 else 1
    ends = ends_at(plan, look, way * z_of(told.difference), has_stopped=is_rejected)
    if way < 0:
        ends = Ends(ends.upper, ends.lower, -ends.middle, ends.p)
    read = cache(again)
    difference = at_ends(ends, told.difference, lambda level: _known(read(level).difference))
    widest = read(level_of(max(ends.lower, ends.upper)))
    if told.lift is None or widest.lift is None:  # a ratio may have ends at one level and none at a higher one
        return told._replace(difference=difference, lift=None, reason=widest.reason)
    lift = at_ends(ends, told.lift, lambda level: _known(read(level).lift))
    return told._replace(difference=difference, lift=lift)


def _known(told: Difference | None) -> Difference:
    assert told is not None  # what is known at the widest level is known at every other
    return told


def _side(plan: Plan, look: Look, metric: Metric, pair: tuple[Arm, Arm], *, role: Role) -> Line:
    """A metric that does not decide alone: at the plan's alpha, not corrected, so that harm is not overlooked.

    Before the end harm may be looked for at any time, so that it is held to a confidence sequence.
    """
    is_watched = role in ("downstream", "guardrail") and not look.is_last
    far = min(sequence_z(look.share, alpha=plan.alpha), MOST) if is_watched else normal_quantile(1 - plan.alpha / 2)
    level = 1 - 2 * normal_cdf(-far)
    told = _heard(beside(metric, *pair, level=level), pair)
    if told.difference is None:
        return Line(role, told, level, None, False, metric.better)
    z = abs(z_of(told.difference))
    p = sequence_p(look.share, z) if is_watched else told.difference.p
    return Line(role, told, level, p, z > far, metric.better)


def _heard(told: Beside, arms: Sequence[Arm]) -> Beside:
    """Refused where nobody of these arms has the event: more likely it goes by another name than that it never came."""
    metric, sums = told.metric, [arm.sums[told.metric.name] for arm in arms]
    if not any(one.actors for one in sums):
        named = _unheard(metric.above) if metric.above else "these users have no outcome"
        reason = f"{named}, with a value" if metric.is_value else named
    elif metric.below and not any(one.x for one in sums):
        reason = _unheard(metric.below)
    else:
        return told
    return told._replace(difference=None, lift=None, reason=reason)


def _unheard(event: str) -> str:
    return f"no outcome of these users is named '{event}'"


def better_of(plan: Plan) -> int:
    """1 where the plan hopes for a rise of its primary metric, -1 for a fall."""
    return 1 if plan.effect > 0 else -1


def curse_of(plan: Plan, look: Look) -> float:
    """How much a win by the plan's rule overstates the effect, on average, when the effect is the planned one."""
    drift = plan.size.drift * (math.sqrt(look.share) if look.is_last else 1)
    return float(stages_of(plan).stopping(drift).believed[0] / drift)
