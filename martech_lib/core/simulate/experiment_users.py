"""The users of one A/B test: when they come, which arm they fall into, and what they do there.

Every user is drawn with what would happen in the control arm; the treatment adds to it or takes from it with the same
random numbers. So what it truly caused can be counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from martech_lib.core.simulate.experiment_settings import GROWTH, IMPRESSIONS, KEENNESS, WORTH, Experiment
from martech_lib.core.simulate.settings import Flags, Floats, Whole

CENTRE, SCALE, TAILS, MOST = 0.01, 0.06, 3, 0.25  # true relative effects: most near zero, few large, some negative
LESS_KEEN, LATER_SD, GUARD_SD = -0.35, 0.04, 0.08  # extra conversions go on less often
DRIFT = 0.2  # who come first come often and convert more; who come last, less
SURE = 0.8  # no user converts more surely than this without a change, so that no effect meets a ceiling
LEAST_SHARE = 0.1  # a bandit never starves an arm
LOST_DAYS, LOST = range(4, 8), 0.7  # of a sample-ratio fault: its days, and the share of the treated who are lost


class Effects(NamedTuple):
    """True relative effects by arm, control (0) first: on the primary metric, what comes after it, the guardrail."""

    primary: Floats
    later: Floats
    guard: Floats


class People(NamedTuple):
    """Users in the order they come, before they have an arm.

    Attributes:
        day: Day of the test, from 0.
        keenness: How readily they do what is counted, 1 on average.
        luck: The number drawn against a probability.
        amount: What an event of theirs is worth.
        usual: What one is worth to them before the test.
    """

    day: Whole
    keenness: Floats
    luck: Floats
    amount: Floats
    usual: Floats


@dataclass(frozen=True)
class Trial:
    """Users of a test and what they did, in the order they came.

    Attributes:
        day: Day of the test, from 0.
        arm: Place of the arm.
        share: Probability of that arm when they came.
        made: What they add to the metric: events, or their value.
        base: What they would have added in the control arm.
        over: For a ratio, what it is divided by; else 1.
        later: Who goes on to the downstream event.
        guard: Who does what the guardrail counts.
        pre_value: The same value before the test; NaN where the metric is not of value.
    """

    day: Whole
    arm: Whole
    share: Floats
    made: Floats
    base: Floats
    over: Floats
    later: Flags
    guard: Flags
    pre_value: Floats

    def where(self, chosen: Flags) -> Trial:
        """Some of the users."""
        return Trial(**{name: column[chosen] for name, column in vars(self).items()})

    def until(self, days: int) -> Trial:
        """The users of the first days."""
        return self.where(self.day < days)


def effects_of(test: Experiment, rng: np.random.Generator) -> Effects:
    """Draw the true effects of a test."""
    arms = len(test.arms) - 1
    primary = test.good * np.clip(CENTRE + SCALE * rng.standard_t(TAILS, arms), -MOST, MOST)
    later = LESS_KEEN * np.maximum(primary, 0) + LATER_SD * rng.standard_normal(arms)
    guard = np.clip(GUARD_SD * rng.standard_normal(arms), -MOST, MOST)
    return Effects(*(np.append(0.0, column) for column in (primary, later, guard)))


def trial(test: Experiment, effects: Effects, rng: np.random.Generator, *, scale: float) -> Trial:
    """Draw the users of a test, to its planned end."""
    people = _people(test, rng, scale)
    arm, share = _bandit(test, people, effects, rng) if test.habit == "bandit" else _assigned(test, people, rng)
    made, base, over = _outcome(test, people, effects.primary[arm], rng)
    found = made > 0 if not test.on.lower_is_better else np.ones(len(arm), dtype=bool)
    later = found & (rng.random(len(arm)) < test.on.downstream * (1 + effects.later[arm]))
    guard = rng.random(len(arm)) < test.on.guardrail * (1 + effects.guard[arm])
    drawn = Trial(people.day, arm, share, made, base, over, later, guard, _before(test, people, rng))
    return _with_fault(drawn, people) if test.habit == "sample-ratio fault" else drawn


def _people(test: Experiment, rng: np.random.Generator, scale: float) -> People:
    count = rng.poisson(test.units(scale))
    passed = np.sort(rng.random(count) ** (1 / GROWTH))
    keen = np.exp(KEENNESS * rng.standard_normal(count) - KEENNESS**2 / 2)
    person, now, then = WORTH * rng.standard_normal((3, count))
    mean = test.on.value
    return People(
        day=(passed * test.days).astype(np.int64),
        keenness=keen * (1 + DRIFT * (1 / (1 + 1 / GROWTH) - passed)),
        luck=rng.random(count),
        amount=np.maximum(np.round(mean * np.exp(person + now - WORTH**2), 2), 0.01),
        usual=mean * np.exp(person + then - WORTH**2),
    )


def _assigned(test: Experiment, people: People, rng: np.random.Generator) -> tuple[Whole, Floats]:
    split = np.array(test.split)
    arm = np.searchsorted(np.cumsum(split)[:-1], rng.random(len(people.day)), side="right")
    return arm, split[arm]


def _bandit(test: Experiment, people: People, effects: Effects, rng: np.random.Generator) -> tuple[Whole, Floats]:
    """Thompson sampling by day: an arm is given with the probability that it is the better one, as known that morning.

    Two arms, a rate. The posteriors are Beta(1 + events, 1 + others), their difference taken as normal.
    """
    luck, arm = rng.random(len(people.day)), np.zeros(len(people.day), dtype=np.int64)
    share = np.zeros(len(people.day))
    events, users = np.zeros(2), np.zeros(2)
    for day in range(test.days):
        a, b = 1 + events, 1 + users - events
        mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
        better = NormalDist().cdf(test.good * (mean[1] - mean[0]) / np.sqrt(variance.sum()))
        treated = round(min(max(better, LEAST_SHARE), 1 - LEAST_SHARE), 4)
        today = np.flatnonzero(people.day == day)
        arm[today] = luck[today] < treated
        share[today] = np.where(arm[today] == 1, treated, round(1 - treated, 4))
        converts = _converts(test, people, effects.primary[arm])[today]
        events += np.bincount(arm[today], weights=converts, minlength=2)
        users += np.bincount(arm[today], minlength=2)
    return arm, share


def _converts(test: Experiment, people: People, effect: Floats | float) -> Flags:
    return np.asarray(people.luck < np.minimum(test.on.baseline * people.keenness, SURE) * (1 + effect))


def _outcome(
    test: Experiment, people: People, effect: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """What is made, what would be made in the control arm, and what the metric is divided by."""
    kind = test.on.counted.kind
    if kind in ("rate", "value"):
        ones = np.ones(len(people.day))
        worth = people.amount if kind == "value" else ones
        return _converts(test, people, effect) * worth, _converts(test, people, 0.0) * worth, ones
    mean, more, less = test.on.baseline * people.keenness, np.maximum(effect, 0), np.minimum(effect, 0)
    if kind == "count":
        over, base = np.ones(len(mean), dtype=np.int64), rng.poisson(mean)
        extra = rng.poisson(mean * more)
    else:
        chance, over = np.minimum(mean, SURE), 1 + rng.poisson(IMPRESSIONS - 1, len(mean))
        base = rng.binomial(over, chance)
        extra = rng.binomial(over - base, np.minimum(chance * more / (1 - chance), 1))
    kept = rng.binomial(base, 1 + less)
    return (kept + extra).astype(float), base.astype(float), over.astype(float)


def _before(test: Experiment, people: People, rng: np.random.Generator) -> Floats:
    if test.on.counted.kind != "value":
        return np.full(len(people.day), np.nan)
    return np.round(rng.poisson(2 * test.on.baseline * people.keenness) * people.usual, 2)


def _with_fault(drawn: Trial, people: People) -> Trial:
    """For some days the treatment breaks on slow devices: those of its users who are least keen are never seen."""
    slow = people.keenness < np.quantile(people.keenness, LOST)
    return drawn.where(~((drawn.arm == 1) & np.isin(drawn.day, LOST_DAYS) & slow))
