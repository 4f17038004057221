"""The order of results after looks, and the intervals that it gives."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from experiment_worlds import rate_plan

from martech_lib.core.sequential import boundaries, walk
from martech_lib.experiments.looks import ends_at, look_of

PATHS = 100_000
TWO_SIDED = 2
RULES = ("obrien_fleming", "pocock")


def stopped(shares: tuple[float, ...], z: tuple[float, ...], tails: int, drift: float) -> tuple[np.ndarray, ...]:
    """(PATHS,) each: the look at which a score stops, its Z there, and 1, 0 or -1 by where it went out."""
    steps = np.diff(shares, prepend=0)
    rng = np.random.default_rng([20261126, 31])
    score = (drift * steps + rng.standard_normal((PATHS, len(shares))) * np.sqrt(steps)).cumsum(axis=1)
    reached = score / np.sqrt(shares)
    way = (reached > z).astype(int) - (reached < -np.array(z)) * (tails == TWO_SIDED)
    look = np.where(way.any(axis=1), (way != 0).argmax(axis=1), len(z) - 1)
    runs = np.arange(PATHS)
    return look, reached[runs, look], way[runs, look]


@pytest.mark.parametrize(("rule", "tails"), [*product(RULES, (1, 2))])
@pytest.mark.parametrize("drift", [-2.0, 0.0, 1.5, 3.0])
def test_the_chance_of_a_result_further_up(rule: str, tails: int, drift: float) -> None:
    shares = (0.2, 0.45, 0.7, 1.0)
    z = boundaries(shares, rule=rule, alpha=0.1, tails=tails)
    look, reached, way = stopped(shares, z, tails, drift)
    above_meant = reached - drift * np.sqrt(shares)[look]
    of = walk(shares, z, tails=tails)
    for at, room in product(range(4), (0.05, 0.6)):
        found = z[at] + room
        is_above = (way == 1) & (above_meant > found - drift * math.sqrt(shares[at]))
        assert of.beyond(at, found, drift) == pytest.approx(is_above.mean(), abs=4 / math.sqrt(4 * PATHS))
        if tails == TWO_SIDED:
            is_below = (way == -1) & (above_meant < -found - drift * math.sqrt(shares[at]))
            assert of.beyond(at, -found, drift) == pytest.approx(1 - is_below.mean(), abs=4 / math.sqrt(4 * PATHS))
    for found in (-0.5, z[-1] - 0.2):
        is_above = (way == 1) | ((way == 0) & (reached > found))
        assert of.beyond(3, found, drift) == pytest.approx(is_above.mean(), abs=4 / math.sqrt(4 * PATHS))


@pytest.mark.parametrize(("rule", "looks", "tails", "alpha"), [*product(RULES, (3, 20), (1, 2), (0.0125, 0.2))])
def test_an_end_is_found_once(rule: str, looks: int, tails: int, alpha: float) -> None:
    """The chance may fall a little with the drift where it is small, but takes the values that ends go by only once."""
    shares = tuple((look + 1) / looks for look in range(looks))
    of = walk(shares, boundaries(shares, rule=rule, alpha=alpha, tails=tails), tails=tails)
    for look, room in product((0, looks // 2, looks - 1), (0.01, 1.0)):
        z, root = of.z[look] + room, math.sqrt(shares[look])
        chances = np.array([of.beyond(look, z, drift) for drift in np.linspace((z - 5) / root, (z + 5) / root, 60)])
        for chance in (alpha / tails, 0.5, 1 - alpha / tails):
            assert np.count_nonzero(np.diff(np.sign(chances - chance))) == 1


@pytest.mark.parametrize(("rule", "looks", "tails"), [*product(RULES, (2, 5, 12), (1, 2))])
def test_ends_say_what_the_rule_says(rule: str, looks: int, tails: int) -> None:
    plan = rate_plan(rule=rule, looks=looks, tails=tails, weekly_units=5_000)
    assert plan.weeks is not None
    for share, days in product((1 / looks, 0.35, 0.9, 1.0, 1.5, 30.0), (None, plan.weeks * 7.0)):
        look = look_of(plan, round(share * plan.total_units), days)
        if not look.number:
            continue
        for z in (-300, -40, -13, -5, -look.z - 1e-6, 0, 1, look.z - 1e-6, look.z + 1e-6, 5, 8, 9, 12, 13, 20, 40, 300):
            is_seen = (abs(z) if tails == TWO_SIDED else z) > look.z
            ends = ends_at(plan, look, z, has_stopped=is_seen)
            lower, middle, upper = z - ends.lower, z - ends.middle, z + ends.upper
            assert lower <= z <= upper and lower <= middle + 1e-9 and middle <= upper + 1e-9
            assert 0 <= ends.p <= 1
            if look.is_last or is_seen:
                assert (lower > 0 or (tails == TWO_SIDED and upper < 0)) == is_seen
                assert (ends.p <= plan.alpha) == is_seen
