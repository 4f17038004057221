"""What was known of users before: arms that were others then are not read, and a past that explains too much is not used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from experiment_frames import a_plan, line, refused_rows, with_events, world
from scipy.stats import norm

from martech_lib import experiments
from martech_lib.core.arms import Arm, Sums
from martech_lib.core.sample_ratio import APART, apart_before
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.readout import Readout

N = 300
PLAN = a_plan(planned_units=2 * N)
ASSIGNMENTS, OUTCOMES = world(with_events({"conversion": 60}, {"conversion": 80}, N))


def read(put: Any = ASSIGNMENTS, happened: Any = OUTCOMES, *, plan: Plan = PLAN) -> Readout:
    return experiments.read(plan, put, happened)


def test_a_past_that_would_turn_a_rate_below_0_is_not_used() -> None:
    rare = world(with_events({"conversion": 1}, {"conversion": 20}, N))
    ranks = norm.ppf((np.arange(N, 0, -1) - 0.5) / N)  # who converts had more before
    before = np.concatenate([ranks + 0.2, ranks])
    told = line(
        read(rare[0].assign(pre_value=before), rare[1], plan=a_plan(correlation=0.5, planned_units=2 * N))
    ).beside
    assert told.reason == "the arms lay too far apart before it began for the past to be taken out"
    assert told.control.mean == pytest.approx(1 / N) and told.lift is not None and "CUPED" not in told.method


def test_arms_of_other_users_are_not_read() -> None:
    before = np.random.default_rng(2).normal(10, 3, size=2 * N)
    apart = np.repeat([0.0, 2.0], N)
    found = read(ASSIGNMENTS.assign(pre_value=before + apart))
    assert found.decision == "refused" and "the users of arm treated were others before it began" in found.sentence
    assert len([*refused_rows(found.readings)]) == 3
    assert read(ASSIGNMENTS.assign(pre_value=before)).decision != "refused"
    for every, is_read in ((16, True), (25, False)):  # where it lacks of more than 5 %, chance need not have its say
        some = np.where(np.arange(2 * N) % every, before + apart, np.nan)
        assert (read(ASSIGNMENTS.assign(pre_value=some)).decision != "refused") == is_read


def arms_with(*pasts: np.ndarray) -> list[Arm]:
    sums = [Sums(0, 0, 0, 0, 0, 0, p.sum(), (p**2).sum(), 0, p.size, 0, 0) for p in pasts]
    return [Arm(name, s.n_p, {"": s}) for name, s in zip("ctuv", sums, strict=False)]


def at(z: float) -> np.ndarray:
    """A past of N users that lies so many standard errors above that of N users at(0)."""
    around = np.resize([-1.0, 1.0], N)
    spread = 1 / np.sqrt(1 - z**2 / (2 * N))  # the variance of both holds half of the gap squared
    return around + z * np.sqrt(2 / N) * spread


@pytest.mark.parametrize("place", [1, 2])
def test_every_arm_is_held_to_the_control(place: int) -> None:
    pasts = [at(0.0)] * 3
    assert not apart_before(arms_with(*pasts))
    pasts[place] = at(6.0)
    assert f"arm {'ctu'[place]} were others" in apart_before(arms_with(*pasts))


def test_more_arms_are_allowed_to_lie_further_off() -> None:
    just = at(norm.isf(0.8 * APART / 2))
    assert apart_before(arms_with(at(0.0), just))
    assert not apart_before(arms_with(at(0.0), just, at(0.0)))


PASTS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "few pay": lambda rng, n: (rng.random(n) < 0.05) * rng.lognormal(3.5, 1.2, size=n),
    "few pay, below 0": lambda rng, n: (rng.random(n) < 0.05) * rng.lognormal(3.5, 1.2, size=n) - 5,
    "rare": lambda rng, n: (rng.random(n) < 0.01) * 1.0,
    "heavy": lambda rng, n: rng.pareto(2, size=n),
}


@pytest.mark.parametrize("share", [0.5, 0.1, 0.02, 0.98])
@pytest.mark.parametrize("past", PASTS)
def test_arms_by_chance_are_hardly_ever_refused_for_their_past(past: str, share: float) -> None:
    rng, refusals, runs, n = np.random.default_rng(3), 0, 2_000, 2_000
    for _ in range(runs):
        drawn = PASTS[past](rng, n)
        refusals += bool(apart_before(arms_with(drawn[: int(n * share)], drawn[int(n * share) :])))
    assert refusals / runs < 0.001 + 3 * (0.001 / runs) ** 0.5
