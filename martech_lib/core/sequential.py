"""Looks: when a test that is read more than once may stop, and what that costs.

The score S(t) = Z * sqrt(t) at the share t of the planned information is a Brownian motion whose drift is the mean of Z
at the end. Chances to stop at each look are integrals over one look after the other.

Sources: Armitage, McPherson, Rowe (1969), JRSS A 132(2) (the recursion); Lan, DeMets (1983), Biometrika 70(3)
(spending); Jennison, Turnbull (2000), Group Sequential Methods, ch. 8 and 19; Waudby-Smith, Arbour, Sinha, Kennedy,
Ramdas (2024), Annals of Statistics 52(6), eq. 9 (asymptotic confidence sequence).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from martech_lib.core.stats import Array, normal_quantile

RULES = ("fixed", "obrien_fleming", "pocock", "confidence_sequence")
WIDE = 9.0  # |Z| that no look is asked to go beyond
FAR = 16.0  # standard deviations that stand for no boundary, also where there is a large effect
PANEL = 12  # nodes of one panel of an integral
PANELS, PANELS_PER_STEP = 4, 0.5  # at least, and for each standard deviation of one look's step


class Stopping(NamedTuple):
    """What a rule does at one drift or more, (D, K) by look where not said otherwise.

    Attributes:
        up: Probability to stop at the look for an effect upwards.
        down: The same downwards.
        seen: Mean of Z / sqrt(t) over the stops upwards, times their probability: the drift that is then believed.
    """

    up: Array
    down: Array
    seen: Array

    @property
    def rejects(self) -> Array:
        """(D,): probability to stop at any look, in either direction."""
        return np.asarray((self.up + self.down).sum(axis=1))

    @property
    def believed(self) -> Array:
        """(D,): mean drift that is believed after a stop upwards."""
        return np.asarray(self.seen.sum(axis=1) / self.up.sum(axis=1))


class Walk(NamedTuple):
    """A rule's looks, and where the score stands before each when there is no drift and nothing has stopped it.

    Attributes:
        shares: Share of the information at each look, rising, the last usually 1.
        z: Boundary of |Z| (of Z where one-sided) at each.
        tails: 1 or 2.
        places: Before each look, nodes of the score and their weights; the first is the start.
    """

    shares: tuple[float, ...]
    z: tuple[float, ...]
    tails: int
    places: tuple[tuple[Array, Array], ...]

    def stopping(self, drift: Array | float) -> Stopping:
        """Chances to stop, by drift and look."""
        drifts = np.atleast_1d(np.asarray(drift, dtype=np.float64))
        found = [self._at(look, drifts) for look in range(len(self.z))]
        up, down, seen = (np.stack(part, axis=1) for part in zip(*found, strict=True))
        return Stopping(up, down, seen)

    def beyond(self, look: int, z: float, drift: float) -> float:
        """Probability of a result further up than this one, stops at earlier looks being further than later ones.

        The order of stages: Tsiatis, Rosner, Mehta (1984), Biometrics 40(3).
        """
        drifts = np.array([drift])
        edges = (*self.z[:look], z)
        return float(sum(self._beyond(earlier, edge, drifts)[0] for earlier, edge in enumerate(edges)))

    def _at(self, look: int, drifts: Array) -> tuple[Array, Array, Array]:
        nodes, weights, step, far = self._before(look, drifts)
        room = math.sqrt(step)
        edge = self.z[look] * math.sqrt(self.shares[look])
        moved = nodes + drifts[:, None] * step
        above = (edge - moved) / room
        up = (weights * _upper(above)).sum(axis=1)
        seen = (weights * (moved * _upper(above) + room * _height(above))).sum(axis=1) / self.shares[look]
        below = (-edge - moved) / room
        down = (weights * _upper(-below)).sum(axis=1) if self.tails == 2 else np.zeros(far)
        return up, down, seen

    def _beyond(self, look: int, z: float, drifts: Array) -> Array:
        nodes, weights, step, _ = self._before(look, drifts)
        edge = z * math.sqrt(self.shares[look])
        return np.asarray((weights * _upper((edge - nodes - drifts[:, None] * step) / math.sqrt(step))).sum(axis=1))

    def _before(self, look: int, drifts: Array) -> tuple[Array, Array, float, int]:
        """Nodes before a look, their weights under each drift (D, n), the information to come, and D."""
        nodes, weights = self.places[look]
        since = _since(self.shares, self.z, look)
        # Under a drift every path is as likely as without one, times a factor that its end alone decides.
        tilt = np.exp(drifts[:, None] * nodes - drifts[:, None] ** 2 * since / 2)
        return nodes, weights * tilt, self.shares[look] - since, len(drifts)


@lru_cache(maxsize=256)
def walk(shares: tuple[float, ...], z: tuple[float, ...], *, tails: int = 2) -> Walk:
    """The walk between given boundaries."""
    places = [_START]
    for look in range(len(z) - 1):
        is_open = min(z[: look + 1]) == math.inf
        places.append(_START if is_open else _moved_on(places[-1], shares, look, edge=z[look], tails=tails))
    return Walk(shares, z, tails, tuple(places))


@lru_cache(maxsize=256)
def boundaries(
    shares: tuple[float, ...], *, rule: str, alpha: float, tails: int = 2, spends: tuple[float, ...] = ()
) -> tuple[float, ...]:
    """|Z| beyond which each look stops (Z beyond which it does, where one-sided).

    Args:
        shares: Share of the planned information at each look, rising.
        spends: The shares by which alpha is spent, where these are others.
        rule: One of RULES. `fixed` stops at the last look alone: the others have no boundary (infinity).
        alpha: Error rate of all looks together; half of it a side where two-sided.
        tails: 1 or 2.
    """
    if rule == "fixed":
        return (*(math.inf for _ in shares[1:]), normal_quantile(1 - alpha / tails))
    if rule == "confidence_sequence":
        return tuple(sequence_z(share, alpha=alpha * 2 / tails) for share in shares)
    allowed = [spent(share, rule=rule, alpha=alpha / tails) for share in spends or shares]
    return _spent(shares, allowed, tails=tails)


def sequence_z(share: float, *, alpha: float) -> float:
    """Half-width of a confidence sequence in standard errors, tightest near the share 1 of its information."""
    shortest = -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))
    grown = share * shortest
    return math.sqrt(2 * (grown + 1) / grown * math.log(math.sqrt(grown + 1) / alpha))


def spent(share: float, *, rule: str, alpha: float) -> float:
    """Error of one side that may be spent up to a share of the information."""
    if share >= 1:
        return alpha
    if rule == "pocock":
        return alpha * math.log(1 + (math.e - 1) * share)
    deviations = normal_quantile(1 - alpha / 2) / math.sqrt(share)
    return 2 * float(_upper(np.array(deviations)))


def drift_for(power: float, shares: tuple[float, ...], z: tuple[float, ...], *, tails: int = 2) -> float:
    """Mean of Z at the end with which a rule rejects with this power."""
    from scipy.optimize import brentq

    of = walk(shares, z, tails=tails)

    def lacks(drift: float) -> float:
        return float(of.stopping(drift).rejects[0]) - power

    high = 1.0
    while lacks(high) < 0:
        high *= 1.5
    return float(brentq(lacks, 0.0, high, xtol=1e-10))


@lru_cache(maxsize=1024)
def peeked(looks: int, *, alpha: float, tails: int = 2) -> float:
    """False positives when a test is read at so many evenly spaced looks and stops at the first p < alpha."""
    shares = tuple((k + 1) / looks for k in range(looks))
    return float(walk(shares, (normal_quantile(1 - alpha / tails),) * looks, tails=tails).stopping(0.0).rejects[0])


_START = (np.zeros(1), np.ones(1))


def _spent(shares: Sequence[float], allowed: Sequence[float], *, tails: int) -> tuple[float, ...]:
    """Boundaries that have spent, look after look, what is allowed of one side."""
    z: list[float] = []
    place, used = _START, 0.0
    for look, most in enumerate(allowed):
        z.append(_boundary(place, shares, look, chance=max(most - used, 0.0)))
        used = most
        if look + 1 < len(shares):
            place = _moved_on(place, shares, look, edge=z[-1], tails=tails)
    return tuple(z)


def _boundary(place: tuple[Array, Array], shares: Sequence[float], look: int, *, chance: float) -> float:
    """Z beyond which a look stops with this probability when there is no effect; at most WIDE."""
    from scipy.optimize import brentq

    nodes, weights = place
    room = math.sqrt(shares[look] - (shares[look - 1] if look else 0.0))
    root = math.sqrt(shares[look])

    def excess(z: float) -> float:
        return float(weights @ _upper((z * root - nodes) / room)) - chance

    return WIDE if excess(WIDE) >= 0 else float(brentq(excess, -WIDE, WIDE, xtol=1e-12))


def _moved_on(
    place: tuple[Array, Array], shares: Sequence[float], look: int, *, edge: float, tails: int
) -> tuple[Array, Array]:
    """Nodes of the score that has passed a look without a stop, with weights by its density."""
    nodes, weights = place
    step = shares[look] - (shares[look - 1] if look else 0.0)
    room, root = math.sqrt(step), math.sqrt(shares[look])
    high = min(edge, FAR) * root
    low = -high if tails == 2 else -FAR * root
    panels = max(PANELS, math.ceil(PANELS_PER_STEP * (high - low) / _least_step(shares, look)))
    reached, heights = _nodes(low, high, panels)
    density = _height((reached[:, None] - nodes) / room) / room
    return reached, (density @ weights) * heights


def _since(shares: Sequence[float], z: Sequence[float], look: int) -> float:
    """Share of the information from which a look's step is counted: looks that stop nothing yet are stepped over.

    Else nodes within WIDE would lose the paths that a large drift carries beyond them.
    """
    return shares[look - 1] if look and min(z[:look]) < math.inf else 0.0


def _least_step(shares: Sequence[float], look: int) -> float:
    """The narrower of the step that led to a look and the one that follows, as a standard deviation."""
    steps = np.diff([0.0, *shares])
    return math.sqrt(min(steps[look], steps[look + 1]))


def _nodes(low: float, high: float, panels: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights in even panels."""
    inner, heights = _gauss()
    half = (high - low) / panels / 2
    middles = low + half * (2 * np.arange(panels) + 1)
    return (middles[:, None] + half * inner).ravel(), np.tile(half * heights, panels)


@cache
def _gauss() -> tuple[Array, Array]:
    nodes, heights = np.polynomial.legendre.leggauss(PANEL)
    return np.asarray(nodes), np.asarray(heights)


def _upper(deviations: Array) -> Array:
    from scipy.special import ndtr

    return np.asarray(ndtr(-deviations))


def _height(deviations: Array) -> Array:
    return np.exp(-deviations * deviations / 2) / math.sqrt(2 * math.pi)
