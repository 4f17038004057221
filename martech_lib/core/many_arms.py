"""Several arms beside one control: Dunnett's critical value, and Holm's order of p-values.

Sources: Dunnett (1955), JASA 50(272); Holm (1979), Scandinavian Journal of Statistics 6(2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from martech_lib.core.stats import Array, normal_quantile

NODES = 64  # of one panel
REACH = 8.5  # standard deviations over which the shared arm is integrated
MOST_PANELS = 512  # enough where the control has a millionth of an arm's units


@lru_cache(maxsize=128)
def dunnett_critical(shares: tuple[float, ...], *, alpha: float, tails: int = 2) -> float:
    """|Z| which the largest of all arms' comparisons with the control exceeds with probability alpha under no effect.

    Args:
        shares: Share of the units of each arm, control first.
        alpha: Error rate of all comparisons together.
        tails: 1 or 2.
    """
    from scipy.optimize import brentq

    if len(shares) == 2:
        return normal_quantile(1 - alpha / tails)
    together = _common_parts(shares)
    return float(brentq(lambda z: 1 - _all_within(z, together, tails) - alpha, 0.0, 10.0, xtol=1e-12))


def dunnett_p(z: Sequence[float], shares: tuple[float, ...], *, tails: int = 2) -> tuple[float, ...]:
    """Each comparison's p-value adjusted for all of them."""
    together = _common_parts(shares)
    size = [abs(each) if tails == 2 else each for each in z]
    return tuple(1 - _all_within(each, together, tails) for each in size)


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """p-values adjusted by Holm's order."""
    order, highest, found = np.argsort(p, kind="stable"), 0.0, [0.0] * len(p)
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - place) * p[index]))
        found[index] = highest
    return tuple(found)


def chance_of_all(drifts: Sequence[float], shares: tuple[float, ...], *, critical: float, tails: int = 2) -> float:
    """Probability that every comparison rejects, where Z of each has this mean."""
    common = _common_parts(shares)
    nodes, weights = _shared(common)
    passed = np.ones_like(nodes)
    for mean, part in zip(drifts, common, strict=True):
        own = math.sqrt(1 - part * part)
        above = _below((mean + part * nodes - critical) / own)
        passed *= above + (_below((-critical - mean - part * nodes) / own) if tails == 2 else 0.0)
    return float(weights @ passed)


def chance_of_all_in_steps(
    drift: float, shares: tuple[float, ...], *, criticals: Sequence[float], tails: int = 2
) -> float:
    """Probability that every comparison rejects by Holm's steps, where Z of each has this mean.

    All do where, for every k, at least k of them exceed the k-th critical value. Comparisons count as alike, each like
    that of the smallest arm.

    Args:
        drift: Mean of Z of each comparison.
        shares: Share of the units of each arm, control first.
        criticals: |Z| that each step asks for, falling, one a comparison.
        tails: 1 or 2.
    """
    arms, part = len(shares) - 1, min(_common_parts(shares))
    nodes, weights = _shared((part,))
    own = math.sqrt(1 - part * part)
    ways = [np.ones_like(nodes)] + [np.zeros_like(nodes)] * arms  # by how many have exceeded a critical value so far
    passed = np.zeros_like(nodes)
    for step, critical in enumerate(criticals, start=1):
        beyond = _below((drift + part * nodes - critical) / own)
        beyond += _below((-critical - drift - part * nodes) / own) if tails == 2 else 0.0
        more, passed = beyond - passed, beyond
        moved = [
            sum(
                (ways[j] * math.comb(arms - j, now - j) * more ** (now - j) for j in range(now + 1)),
                np.zeros_like(nodes),
            )
            for now in range(arms + 1)
        ]
        ways = [found if now >= step else np.zeros_like(nodes) for now, found in enumerate(moved)]
    return float(weights @ ways[arms])


def _common_parts(shares: tuple[float, ...]) -> tuple[float, ...]:
    """How far each comparison's Z follows the control arm: two of them correlate by the product."""
    return tuple(math.sqrt(share / (shares[0] + share)) for share in shares[1:])


def _all_within(critical: float, common: tuple[float, ...], tails: int) -> float:
    nodes, weights = _shared(common)
    held = np.ones_like(nodes)
    for part in common:
        own = math.sqrt(1 - part * part)
        above = _below((critical - part * nodes) / own)
        held *= above - (_below((-critical - part * nodes) / own) if tails == 2 else 0.0)
    return float(weights @ held)


def _shared(common: tuple[float, ...]) -> tuple[Array, Array]:
    """Nodes of the control arm's normal, and their weights.

    A control much smaller than an arm leaves that comparison little of its own: seen from the control it turns within
    a small part of a standard deviation, and needs panels as narrow.
    """
    own = math.sqrt(1 - max(common) ** 2)
    return _in_panels(min(math.ceil(1 / own), MOST_PANELS))


@lru_cache(maxsize=32)
def _in_panels(panels: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes in even panels, and their weights by the normal density."""
    inner, heights = np.polynomial.legendre.leggauss(NODES)
    half = REACH / panels
    middles = -REACH + half * (2 * np.arange(panels) + 1)
    nodes = (middles[:, None] + half * inner).ravel()
    weights = np.tile(half * heights, panels) * np.exp(-nodes * nodes / 2) / math.sqrt(2 * math.pi)
    return np.asarray(nodes), np.asarray(weights)


def _below(deviations: Array) -> Array:
    from scipy.special import ndtr

    return np.asarray(ndtr(deviations))
