"""Intervals where looks come other than planned: early, late, after the end, or not at all.

Scores are drawn by numpy; the library says where they stop and which effects it leaves in. A reading knows when it
comes itself, and takes the looks before and after it to come as planned: that, and nothing else, costs cover here, as
the test shows in which every look is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from martech_lib.core.sequential import Walk, boundaries, walk
from martech_lib.experiments.looks import Look, ends_at, look_of
from martech_lib.experiments.plan import Plan
from tests.experiment_worlds import IS_FULL, error_of, rate_plan

PATHS = 40_000 if IS_FULL else 8_000
PLACES = 240 if IS_FULL else 30  # of Z at each look that the library reads; between them its ends are nearly straight
LOOKS, LEVEL = 5, 0.95
LEAST, MOST = 0.94, 0.96  # the price of not knowing when the other looks came; a late one spends less than it could
OFF = {"late": (0.24,), "early": (-0.24,), "by turns": (0.24, -0.24), "as planned": (0.0,)}  # of a step
TIMES = (0.0, 0.5, 1.0, 1.5)  # of the planned effect
RULES = ("obrien_fleming", "pocock")
LEAST_UNTAKEN = 0.92  # measured .928 and more: the end is read as if the looks had been taken


def holding(plan: Plan, look: Look, z: np.ndarray, drift: float) -> np.ndarray:
    """Whether the intervals at a look hold a drift."""
    edges = np.array([-look.z, look.z])
    places = np.sort(np.concatenate([np.linspace(z.min(), z.max(), PLACES), edges - 1e-9, edges + 1e-9]))
    ends = [ends_at(plan, look, float(place), has_stopped=abs(place) > look.z) for place in places]
    lower = np.interp(z, places, places - np.array([one.lower for one in ends]))
    upper = np.interp(z, places, places + np.array([one.upper for one in ends]))
    meant = drift * np.sqrt(look.shares[-1])
    return np.asarray((lower <= meant) & (meant <= upper))


def inside(of: Walk, look: int, z: np.ndarray, drift: float, tail: float) -> np.ndarray:
    """Whether a drift leaves each result a chance to be passed on both sides; it falls as Z rises."""
    edges = np.array([-of.z[look], of.z[look]])
    places = np.sort(np.concatenate([np.linspace(z.min(), z.max(), PLACES), edges - 1e-9, edges + 1e-9]))
    above = np.interp(z, places, [of.beyond(look, float(place), drift) for place in places])
    return np.asarray((tail <= above) & (above <= 1 - tail))


def held(plan: Plan, shares: np.ndarray, times: float) -> float:
    """How often the interval holds the effect, of paths that are read at these shares until they stop."""
    units = np.rint(shares * plan.total_units).astype(int)
    looks, drift = [look_of(plan, int(n), None) for n in units], times * plan.size.drift
    parts = stopped(units / plan.total_units, [look.z for look in looks], drift)
    found = [holding(plan, look, z, drift) for look, z in zip(looks, parts, strict=True) if len(z)]
    return float(np.concatenate(found).mean())


def stopped(shares: np.ndarray, bounds: Sequence[float], drift: float) -> list[np.ndarray]:
    """Z of the paths that end at each look."""
    steps = np.diff(shares, prepend=0)
    rng = np.random.default_rng([20261126, 41])
    score = (drift * steps + rng.standard_normal((PATHS, len(steps))) * np.sqrt(steps)).cumsum(axis=1)
    z = score / np.sqrt(shares)
    beyond = np.abs(z) > np.array(bounds)
    stop = np.where(beyond.any(axis=1), beyond.argmax(axis=1), len(steps) - 1)
    return [z[stop == k, k] for k in range(len(steps))]


def shares_of(off: str, end: float) -> np.ndarray:
    parts = OFF[off]
    return np.array([*((k + 1 + parts[k % len(parts)]) / LOOKS for k in range(LOOKS - 1)), end])


@pytest.mark.parametrize(("rule", "off", "end"), [*product(RULES, OFF, (0.91, 1.0, 1.5))])
def test_intervals_hold_where_looks_come_early_or_late(rule: str, off: str, end: float) -> None:
    plan = rate_plan(rule=rule, looks=LOOKS)
    for times in TIMES:
        found, error = held(plan, shares_of(off, end), times), error_of(LEVEL, PATHS)
        print(
            f"intervals of {rule}, looks {off}, end at {end:.0%}, effect {times:g} of planned: {found:.4f} ({error:.4f})"
        )
        assert LEAST - 3 * error <= found <= MOST + 3 * error


@pytest.mark.parametrize(("rule", "off", "end"), [*product(RULES, OFF, (0.91, 1.0, 1.5))])
def test_intervals_hold_exactly_where_every_look_is_known(rule: str, off: str, end: float) -> None:
    plan, shares = rate_plan(rule=rule, looks=LOOKS), tuple(shares_of(off, end))
    bounds = boundaries(shares, rule=rule, alpha=1 - LEVEL, spends=(*shares[:-1], 1.0))
    of, tail, error = walk(shares, bounds), (1 - LEVEL) / 2, error_of(LEVEL, PATHS)
    for times in TIMES:
        drift = times * plan.size.drift
        found = [
            inside(of, k, z, drift, tail) for k, z in enumerate(stopped(np.array(shares), bounds, drift)) if len(z)
        ]
        held_in = np.concatenate(found).mean()
        print(
            f"intervals of {rule}, looks {off} and known, end at {end:.0%}, effect {times:g}: {held_in:.4f} ({error:.4f})"
        )
        assert abs(held_in - LEVEL) <= 3 * error


@pytest.mark.parametrize(("rule", "end"), [*product(RULES, (0.91, 1.0, 1.5))])
def test_intervals_where_nobody_took_the_earlier_looks(rule: str, end: float) -> None:
    plan = rate_plan(rule=rule, looks=LOOKS)
    for times in (*TIMES, 2.0, 3.0):
        found, error = held(plan, np.array([end]), times), error_of(LEVEL, PATHS)
        print(
            f"intervals of {rule}, the end at {end:.0%} alone, effect {times:g} of planned: {found:.4f} ({error:.4f})"
        )
        assert found >= LEAST_UNTAKEN
