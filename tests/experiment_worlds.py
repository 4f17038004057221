"""Experiments whose truth is known, drawn by numpy: counts of arms look by look, values by user, and their readings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from martech_lib import experiments
from martech_lib.core.arms import Arm, Sums
from martech_lib.experiments.lines import Line, lines_of, roles_of
from martech_lib.experiments.looks import look_of
from martech_lib.experiments.plan import Plan

IS_FULL = os.environ.get("MARTECH_TRUTH") == "full"
RATE = "conversion rate"
MEAN = "revenue per user"
RATIO = "clicks per impression"


def rate_plan(**declared: Any) -> Plan:
    """A plan of a conversion rate, one relative MDE."""
    told = {"name": "t", "primary_metric": RATE, "baseline": 0.1, "mde": 0.15, "relative": True}
    return experiments.plan(**{**told, **declared})


def error_of(share: float, runs: int) -> float:
    """Monte-Carlo standard error of a share."""
    return float(np.sqrt(share * (1 - share) / runs))


def draw(plan: Plan, rates: Sequence[float], runs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Users (looks, arms) and those who convert (runs, looks, arms), both since the start."""
    arms, shares = np.array(plan.size.arms), np.array(plan.size.shares)
    users = np.rint(shares[:, None] * arms).astype(np.int64)
    new = np.diff(users, axis=0, prepend=0)
    hits = np.random.default_rng([20261126, seed]).binomial(new, rates, size=(runs, *new.shape))
    return users, hits.cumsum(axis=1)


def z_of_counts(users: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """(runs, looks, arms - 1): pooled z of every arm beside the first."""
    first, others = hits[..., :1], hits[..., 1:]
    n, m = users[..., :1], users[..., 1:]
    common = (first + others) / (n + m)
    return (others / m - first / n) / np.sqrt(common * (1 - common) * (1 / n + 1 / m))


def rejected(plan: Plan, z: np.ndarray) -> np.ndarray:
    """(runs, arms - 1): whether the plan's rule, read from its boundaries, sees each arm at any look."""
    if z.shape[2] > 1 and plan.rule == "fixed" and plan.many == "holm":
        return by_holm(np.abs(z[:, -1]), plan.alpha)
    beyond = np.abs(z) if plan.tails == 2 else z
    return (beyond > np.array(plan.boundaries)[:, None]).any(axis=1)


def by_holm(size: np.ndarray, alpha: float) -> np.ndarray:
    """Holm's steps for two comparisons, of |Z| (runs, 2): the larger at alpha / 2, then the other at alpha."""
    from scipy.stats import norm

    strict, plain = norm.isf(alpha / 4), norm.isf(alpha / 2)
    return (size > plain) & (size.max(axis=1, keepdims=True) > strict)


def arm_of_count(name: str, users: int, hits: int) -> Arm:
    """An arm as the engine counts it: so many of its users convert."""
    y = float(hits)
    return Arm(name, int(users), {RATE: Sums(y, y, y, 0, 0, 0, 0, 0, 0, 0, 0, hits)})


def arm_of_values(
    name: str, metric: str, y: np.ndarray, *, x: np.ndarray | None = None, past: np.ndarray | None = None, n: int = 0
) -> Arm:
    """An arm from the values of its users; those beyond len(y), up to n, have none."""
    below = np.zeros_like(y) if x is None else x
    p = np.zeros_like(y) if past is None else past
    known = 0 if past is None else len(y)
    sums = Sums(
        y.sum(), (y**2).sum(), (y**3).sum(), below.sum(), (below**2).sum(), (below * y).sum(),
        p.sum(), (p**2).sum(), (p * y).sum(), known, y.sum() if known else 0.0,
        int((y > 0).sum()),
    )  # fmt: skip
    return Arm(name, n or len(y), {metric: sums})


def read_arms(plan: Plan, arms: Sequence[Arm]) -> tuple[Line, ...]:
    """The primary metric's lines at the look that these arms are."""
    return lines_of(plan, look_of(plan, sum(arm.n for arm in arms), None), arms, roles_of(plan, ()))


def read_look(plan: Plan, users: np.ndarray, hits: np.ndarray) -> tuple[Line, ...]:
    """The lines of arms with so many users, (arms,), of whom so many convert."""
    names = ["control", *(f"arm {place}" for place in range(1, len(users)))]
    return read_arms(plan, [arm_of_count(*arm) for arm in zip(names, users, hits, strict=True)])


def read_run(plan: Plan, users: np.ndarray, hits: np.ndarray) -> tuple[int, tuple[Line, ...]]:
    """One run read look after look, (looks, arms) each, until an arm is seen or it ends: the look, and its lines."""
    for look in range(len(users)):
        lines = read_look(plan, users[look], hits[look])
        if any(line.is_rejected for line in lines):
            break
    return look, lines


def stops(plan: Plan, z: np.ndarray) -> np.ndarray:
    """(runs,): the look at which a test of two arms stops, the last where nothing is seen."""
    beyond = np.abs(z[..., 0]) > np.array(plan.boundaries)
    return np.where(beyond.any(axis=1), beyond.argmax(axis=1), z.shape[1] - 1)
