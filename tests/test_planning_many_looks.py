"""Daily looks for a year: the same boundaries as node by node, soon enough to follow a control."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from experiment_frames import a_plan
from scipy.stats import norm

from martech_lib import experiments
from martech_lib.core.sequential import RULES, boundaries, drift_for, walk
from martech_lib.experiments import words


def plain_walk(shares: tuple[float, ...], z: tuple[float, ...], drift: float) -> float:
    """Probability to reject, the density carried from look to look under the drift itself, every node to every other."""
    inner, heights = np.polynomial.legendre.leggauss(16)
    nodes, mass, before, rejects = np.zeros(1), np.ones(1), 0.0, 0.0
    for share, bound in zip(shares, z, strict=True):
        room, edge = math.sqrt(share - before), min(bound, 30.0) * math.sqrt(share)
        moved = nodes + drift * (share - before)
        rejects += mass @ (norm.sf((edge - moved) / room) + norm.cdf((-edge - moved) / room))
        panels = max(4, math.ceil(edge / room))
        half, middles = edge / panels, -edge + edge / panels * (2 * np.arange(panels) + 1)
        reached = (middles[:, None] + half * inner).ravel()
        mass = norm.pdf((reached[:, None] - moved) / room) / room @ mass * np.tile(half * heights, panels)
        nodes, before = reached, share
    return float(rejects)


@pytest.mark.parametrize("looks", [2, 9, 40])
@pytest.mark.parametrize("rule", ["obrien_fleming", "pocock", "confidence_sequence"])
@pytest.mark.parametrize("drift", [0.0, 1.5, 4.0])
def test_looks_by_a_plain_walk(looks: int, rule: str, drift: float) -> None:
    shares = tuple((look + 1) / looks for look in range(looks))
    z = boundaries(shares, rule=rule, alpha=0.05)
    assert walk(shares, z).stopping(drift).rejects[0] == pytest.approx(plain_walk(shares, z, drift), abs=1e-8)


# The boundaries of 365 daily looks at .05 before nodes out of reach were left out: looks 1, 92, 183, 274, 365.
OF_A_YEAR = {
    "obrien_fleming": (9.000000000, 4.409756231, 3.124407863, 2.552787728, 2.211527495),
    "pocock": (3.678261903, 2.925451469, 2.768384932, 2.686588368, 2.634489769),
}


@pytest.mark.parametrize(("rule", "told"), OF_A_YEAR.items())
def test_boundaries_of_a_year(rule: str, told: tuple[float, ...]) -> None:
    shares = tuple((look + 1) / 365 for look in range(365))
    z = boundaries(shares, rule=rule, alpha=0.05)
    assert [z[look] for look in (0, 91, 182, 273, 364)] == pytest.approx(told, abs=1e-8)
    assert walk(shares, z).stopping(0.0).rejects[0] == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize("tails", [1, 2])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("power", [0.06, 0.5, 0.8, 1 - 1e-6])
def test_the_drift_of_a_rule_gives_its_power(tails: int, rule: str, power: float) -> None:
    for looks in (1, 3, 12):
        shares = tuple((look + 1) / looks for look in range(looks))
        z = boundaries(shares, rule=rule, alpha=0.05, tails=tails)
        drift = drift_for(power, shares, z, tails=tails)
        assert walk(shares, z, tails=tails).stopping(drift).rejects[0] == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize("rule", ["obrien_fleming", "pocock", "confidence_sequence"])
def test_a_large_drift_is_always_seen(rule: str) -> None:
    shares = tuple((look + 1) / 365 for look in range(365))
    z = boundaries(shares, rule=rule, alpha=0.05)
    rejects = walk(shares, z).stopping([6.0, 20.0, 60.0, 150.0, 1e4]).rejects
    assert (rejects <= 1 + 1e-9).all() and (rejects[1:] >= 1 - 1e-7).all()


def test_a_year_of_daily_looks_follows_a_control() -> None:
    """Processor time, not the clock's: about one second, and more than six when every node was led to every other."""
    begun = time.process_time()
    plan = a_plan(rule="obrien_fleming", looks=365, alpha=0.047)
    experiments.power_curve(plan), experiments.by_week(plan)
    _ = [speak(plan) for speak in (words.headline, words.advice, words.waiting, words.looking, words.gate)]
    assert time.process_time() - begun < 4


def test_no_drift_at_all_and_no_weeks() -> None:
    assert walk((0.5, 1.0), (2.0, 2.0)).stopping([]).rejects.shape == (0,)
    assert experiments.by_week(a_plan(rule="pocock", looks=3, weekly_units=None)).empty
