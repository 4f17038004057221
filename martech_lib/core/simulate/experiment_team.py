"""How a team reads its A/B tests: when it looks and stops, what it decides, and the row of the register.

The readings are the plain ones of a team: of two means, or of two ratios by the delta method, by the normal law, with
Fieller's interval of the relative effect. They take the logs as they are, so a fault in them is read as an effect.
"""

from __future__ import annotations

from datetime import date, timedelta
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from martech_lib.core.simulate.experiment_settings import ALPHA, POWER, Experiment
from martech_lib.core.simulate.experiment_users import Trial
from martech_lib.core.simulate.settings import AS_OF, Flags, Floats

NORMAL = NormalDist()
OBRIEN_FLEMING = 2.004  # c of 3 looks, two sides of 5 % in all: Jennison and Turnbull (2000), table 2.3; c sqrt(3 / k)
STOPPED_EARLY = 0.45  # of the days planned
RIPENING = 8  # days until what comes later is known
FOLLOWED = 0.75  # share of the winners that are measured again
FOLLOW_UP_WAIT = 14  # days from the decision until a follow-up begins
EVENTS_LEAST = 5  # in each arm: below, nobody speaks of a difference


class Compared(NamedTuple):
    """A treated arm beside the control: relative effect with its interval, and the difference in standard errors."""

    effect: float
    low: float
    high: float
    z: float


class Reading(NamedTuple):
    """What was read of a test.

    Attributes:
        arm: Place of the arm it speaks of.
        of: The comparison.
        p: Its p-value, for the tails and the arms planned.
        is_seen: Whether it counts as significant at this look.
    """

    arm: int
    of: Compared
    p: float
    is_seen: bool


class Stop(NamedTuple):
    """Days it ran, looks that were taken, and why it stopped."""

    days: int
    looks: int
    reason: str

    def last(self, test: Experiment) -> date:
        """Its last day."""
        return test.start + timedelta(days=self.days - 1)


def compare(made: Floats, over: Floats, treated: Flags, *, level: float) -> Compared:
    """Relative effect of a ratio of two sums; `over` is 1 for a mean, and the treated are the rest of the control.

    Fieller's limits are the r that solve (m1 - r m0)^2 = z^2 (v1 + r^2 v0), so they hold 0 just when the difference is
    not significant. NaN where the control is too near zero for them.
    """
    (m0, v0), (m1, v1) = (_mean(made[rows], over[rows]) for rows in (~treated, treated))
    z2 = NORMAL.inv_cdf((1 + level) / 2) ** 2
    a, b, c = m0**2 - z2 * v0, m0 * m1, m1**2 - z2 * v1
    few = min(np.count_nonzero(made[rows]) for rows in (~treated, treated)) < EVENTS_LEAST
    if few or a <= 0:
        return Compared(m1 / m0 - 1 if m0 else np.nan, np.nan, np.nan, 0.0)
    half = sqrt(max(b * b - a * c, 0.0))
    return Compared(m1 / m0 - 1, (b - half) / a - 1, (b + half) / a - 1, (m1 - m0) / sqrt(v0 + v1))


def read(test: Experiment, seen: Trial, *, look: int = 0) -> Reading:
    """Read a test as it was planned; of several arms the one with the smallest p, Holm's first step.

    Args:
        test: The test.
        seen: Its users so far.
        look: Which of the declared looks it is, from 1, where there are several; 0 for a reading on its own.
    """
    arms = range(1, len(test.arms))
    return min((_read_arm(test, seen, arm, look) for arm in arms), key=lambda reading: reading.p)


def stop(test: Experiment, drawn: Trial, *, planned: int) -> Stop:
    """When the team stopped."""
    if test.habit == "peeked":
        return _peek(test, drawn)
    if test.habit == "three looks":
        return _three_looks(test, drawn, planned)
    if test.habit == "stopped early":
        return Stop(round(STOPPED_EARLY * test.days), 1, "other")
    return Stop(test.days, 1, "planned")


def decide(test: Experiment, reading: Reading, later: Compared, *, mde: float) -> str:
    """Ship a winner unless it harms what comes later; an effect that is surely below the smallest wanted is no ship."""
    harmed = test.habit != "no downstream" and later.z < -NORMAL.inv_cdf(1 - ALPHA / 2)
    if reading.is_seen:
        return "ship" if test.good * reading.of.effect > 0 and not harmed else "no ship"
    best = max(test.good * reading.of.low, test.good * reading.of.high)
    return "no ship" if best < mde else "inconclusive"


def planned_row(test: Experiment, *, mde: float, planned: int) -> dict[str, object]:
    """What stands in the register before a test begins."""
    return {
        "id": test.id,
        "name": test.name,
        "surface": test.on.name,
        "hypothesis": test.hypothesis,
        "primary_metric": test.on.metric,
        "downstream_metric": "" if test.habit == "no downstream" else test.on.downstream_metric,
        "variables_changed": 3 if test.habit == "three changes" else 1,
        "tails": test.tails,
        "alpha": ALPHA,
        "power": POWER,
        "mde": mde,
        "method": _method(test),
        "split": "/".join(f"{100 * share:.0f}" for share in test.split),
        "looks_planned": test.looks_planned,
        "guardrail_metrics": test.on.guardrail_metric,
        "allocation": "bandit" if test.habit == "bandit" else "fixed",
        "planned_n": planned,
        "planned_end": test.planned_end,
        "start": test.start,
        "is_holdout": "yes" if test.habit == "holdout" else "no",
    }


def read_row(test: Experiment, seen: Trial, stopped: Stop, *, reading: Reading, mde: float) -> dict[str, object]:
    """What stands there once it was read."""
    later = _downstream(seen, reading.arm)
    last = stopped.last(test)
    row = {
        "actual_n": len(seen.day),
        "stopped": last,
        "stop_reason": stopped.reason,
        "looks": stopped.looks,
        **_figures(reading.of, ("effect", "ci_low", "ci_high")),
        "p_value": float(f"{reading.p:.4g}"),
        "decision": decide(test, reading, later, mde=mde),
        "decided_on": decided_on(last),
    }
    return row if test.habit == "no downstream" else {**row, "downstream_effect": round(later.effect, 4)}


def followed_row(test: Experiment, fresh: Trial, *, arm: int) -> dict[str, object]:
    """What a winner brought when it was measured again with fresh users, beside a control group kept for it."""
    again = _read_arm(test, fresh, arm, 0)
    return _figures(again.of, ("followup_effect", "followup_ci_low", "followup_ci_high"))


def decided_on(last: date) -> date:
    """The first working day on which what came later is known."""
    day = last + timedelta(days=RIPENING)
    return day + timedelta(days=(0, 0, 0, 0, 0, 2, 1)[day.weekday()])


def is_followed(test: Experiment, stopped: Stop, luck: float) -> bool:
    """Whether a winner was measured again, and the measurement has ended."""
    again = decided_on(stopped.last(test)) + timedelta(days=FOLLOW_UP_WAIT + test.days + RIPENING)
    return luck < FOLLOWED and again <= AS_OF


def _read_arm(test: Experiment, seen: Trial, arm: int, look: int) -> Reading:
    many = len(test.arms) - 1
    rows = (seen.arm == 0) | (seen.arm == arm)
    of = compare(seen.made[rows], seen.over[rows], seen.arm[rows] == arm, level=1 - ALPHA / many)
    one_side = NORMAL.cdf(-test.good * of.z)
    p = min((one_side if test.tails == 1 else 2 * NORMAL.cdf(-abs(of.z))) * many, 1.0)
    declared = abs(of.z) >= OBRIEN_FLEMING * sqrt(test.looks_planned / look) if look else p < ALPHA
    return Reading(arm, of, p, declared)


def _downstream(seen: Trial, arm: int) -> Compared:
    rows = (seen.arm == 0) | (seen.arm == arm)
    return compare(seen.later[rows].astype(float), np.ones(rows.sum()), seen.arm[rows] == arm, level=1 - ALPHA)


def _peek(test: Experiment, drawn: Trial) -> Stop:
    """A look every evening, and a stop at the first that seems significant."""
    for day in range(1, test.days):
        if read(test, drawn.until(day)).is_seen:
            return Stop(day, day, "peek")
    return Stop(test.days, test.days, "planned")


def _three_looks(test: Experiment, drawn: Trial, planned: int) -> Stop:
    """A look when a third and two thirds of the users planned are there, the last at the end."""
    come = np.searchsorted(drawn.day, np.arange(1, test.days + 1))
    for look in (1, 2):
        day = min(int(np.searchsorted(come, planned * look / 3)) + 1, test.days)
        if read(test, drawn.until(day), look=look).is_seen:
            return Stop(day, look, "planned")
    return Stop(test.days, 3, "planned")


def _method(test: Experiment) -> str:
    kind = {"rate": "two proportions", "ratio": "ratio by the delta method"}.get(test.on.counted.kind, "Welch")
    if test.habit == "bandit":
        return f"{kind}, Thompson sampling"
    ways = {"three looks": "O'Brien-Fleming, 3 looks", "three arms": "Holm, fixed horizon"}
    return f"{kind}, {ways.get(test.habit, 'fixed horizon')}"


def _figures(of: Compared, names: tuple[str, str, str]) -> dict[str, object]:
    return {name: round(figure, 4) for name, figure in zip(names, of[:3], strict=True)}


def _mean(made: Floats, over: Floats) -> tuple[float, float]:
    """A ratio of two sums and its variance."""
    if not len(made):
        return 0.0, 0.0
    ratio = made.sum() / over.sum()
    rest = made - ratio * over
    return float(ratio), float((rest**2).mean() / len(made) / over.mean() ** 2)
