"""Intervals where looks come other than planned: early, late, after the end, or not at all.

Scores are drawn by numpy; the library says where they stop and which effects it leaves in.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from martech_lib.experiments.looks import Look, ends_at, look_of
from martech_lib.experiments.plan import Plan
from tests.experiment_worlds import IS_FULL, error_of, rate_plan

PATHS = 40_000 if IS_FULL else 8_000
PLACES = 240 if IS_FULL else 30  # of Z at each look that the library reads; between them its ends are nearly straight
LOOKS, LEVEL = 5, 0.95
MOST = 0.96  # a late look spends less alpha than it could
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


def held(plan: Plan, shares: np.ndarray, times: float) -> float:
    """How often the interval holds the effect, of paths that are read at these shares until they stop."""
    units = np.rint(shares * plan.total_units).astype(int)
    looks = [look_of(plan, int(n), None) for n in units]
    reached = units / plan.total_units
    steps = np.diff(reached, prepend=0)
    drift = times * plan.size.drift
    rng = np.random.default_rng([20261126, 41])
    score = (drift * steps + rng.standard_normal((PATHS, len(steps))) * np.sqrt(steps)).cumsum(axis=1)
    z = score / np.sqrt(reached)
    beyond = np.abs(z) > np.array([look.z for look in looks])
    stop = np.where(beyond.any(axis=1), beyond.argmax(axis=1), len(looks) - 1)
    parts = [(look, z[stop == k, k]) for k, look in enumerate(looks) if (stop == k).any()]
    return float(sum(holding(plan, look, part, drift).sum() for look, part in parts) / PATHS)


@pytest.mark.parametrize(("rule", "off", "end"), [*product(RULES, OFF, (0.91, 1.0, 1.5))])
def test_intervals_hold_where_looks_come_early_or_late(rule: str, off: str, end: float) -> None:
    plan, parts = rate_plan(rule=rule, looks=LOOKS), OFF[off]
    shares = np.array([*((k + 1 + parts[k % len(parts)]) / LOOKS for k in range(LOOKS - 1)), end])
    for times in TIMES:
        found, error = held(plan, shares, times), error_of(LEVEL, PATHS)
        print(
            f"intervals of {rule}, looks {off}, end at {end:.0%}, effect {times:g} of planned: {found:.4f} ({error:.4f})"
        )
        assert LEVEL - 3 * error <= found <= MOST + 3 * error


@pytest.mark.parametrize(("rule", "end"), [*product(RULES, (0.91, 1.0, 1.5))])
def test_intervals_where_nobody_took_the_earlier_looks(rule: str, end: float) -> None:
    plan = rate_plan(rule=rule, looks=LOOKS)
    for times in (*TIMES, 2.0, 3.0):
        found, error = held(plan, np.array([end]), times), error_of(LEVEL, PATHS)
        print(
            f"intervals of {rule}, the end at {end:.0%} alone, effect {times:g} of planned: {found:.4f} ({error:.4f})"
        )
        assert found >= LEAST_UNTAKEN
