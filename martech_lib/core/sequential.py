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
REACH = 13.0  # standard deviations of a step beyond which a node has no part in what it leads to
PANEL = 12  # nodes of one panel of an integral
PANELS, PANELS_PER_STEP = 4, 0.5  # at least, and for each standard deviation of one look's step
PLACES = 2_048  # that are kept: those of a few plans of a year's daily looks
NEAR, LEAST = 1e-6, 1e-16  # standard deviations of slack; chance that has a place on their scale


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
        """Probability of a result further up than a stop at this look, or than an end without one.

        Stops upwards are further up than ends, these than stops downwards. Stops are ordered among each other by how
        many standard deviations they lie above what the drift lets expect, so by likelihood ratio: Rosner, Tsiatis
        (1988), Biometrika 75(4); Chang (1989), Biometrics 45(1).
        """
        if self.tails == 2 and z < -self.z[look]:
            return 1 - self.beyond(look, -z, -drift)
        if z > self.z[look]:
            roots = [math.sqrt(share) for share in self.shares]
            edges = [max(least, z + drift * (root - roots[look])) for least, root in zip(self.z, roots, strict=True)]
        else:
            edges = [*self.z[:-1], z]
        return float(sum(self._beyond(at, edge, np.array([drift]))[0] for at, edge in enumerate(edges)))

    def _at(self, look: int, drifts: Array) -> tuple[Array, Array, Array]:
        step = self.shares[look] - _since(self.shares, self.z, look)
        room, edge, nodes = math.sqrt(step), self.z[look] * math.sqrt(self.shares[look]), self.places[look][0]
        near_top = np.searchsorted(nodes, edge - drifts.max(initial=-math.inf) * step - REACH * room)
        moved, weights = self._before(look, drifts, slice(near_top, None))
        above = (edge - moved) / room
        beyond = _upper(above)
        up = (weights * beyond).sum(axis=1)
        seen = (weights * (moved * beyond + room * _height(above))).sum(axis=1) / self.shares[look]
        if self.tails == 1:
            return up, np.zeros_like(up), seen
        near_bottom = np.searchsorted(nodes, -edge - drifts.min(initial=math.inf) * step + REACH * room)
        moved, weights = self._before(look, drifts, slice(near_bottom))
        return up, (weights * _upper((edge + moved) / room)).sum(axis=1), seen

    def _beyond(self, look: int, z: float, drifts: Array) -> Array:
        moved, weights = self._before(look, drifts, slice(None))
        room = math.sqrt(self.shares[look] - _since(self.shares, self.z, look))
        return np.asarray((weights * _upper((z * math.sqrt(self.shares[look]) - moved) / room)).sum(axis=1))

    def _before(self, look: int, drifts: Array, part: slice) -> tuple[Array, Array]:
        """Where a drift takes some nodes by a look, and what they weigh under it, (D, n) each."""
        nodes, weights = (of[part] for of in self.places[look])
        since, by_row = _since(self.shares, self.z, look), drifts[:, None]
        # Under a drift every path is as likely as without one, times a factor that its end alone decides.
        tilt = np.exp(by_row * nodes - by_row**2 * since / 2)
        return nodes + by_row * (self.shares[look] - since), weights * tilt


@lru_cache(maxsize=256)
def walk(shares: tuple[float, ...], z: tuple[float, ...], *, tails: int = 2) -> Walk:
    """The walk between given boundaries."""
    return Walk(shares, z, tails, tuple(_place(shares[: look + 1], z[:look], tails) for look in range(len(z))))


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


@lru_cache(maxsize=256)
def drift_for(power: float, shares: tuple[float, ...], z: tuple[float, ...], *, tails: int = 2) -> float:
    """Mean of Z at the end with which a rule rejects with this power."""
    from scipy.optimize import brentq

    of, target = walk(shares, z, tails=tails), normal_quantile(power)

    def lacks(drift: float) -> float:
        """On the scale of standard deviations, where the chance is nearly a straight line of the drift."""
        return normal_quantile(min(max(float(of.stopping(drift).rejects[0]), LEAST), 1 - LEAST)) - target

    # The last look alone has the power with this much.
    return float(brentq(lacks, 0.0, z[-1] + target + NEAR, xtol=1e-10))


@lru_cache(maxsize=1024)
def peeked(looks: int, *, alpha: float, tails: int = 2) -> float:
    """False positives when a test is read at so many evenly spaced looks and stops at the first p < alpha."""
    shares = tuple(float(look + 1) for look in range(looks))  # of the first look: one more look leaves the others alone
    return float(walk(shares, (normal_quantile(1 - alpha / tails),) * looks, tails=tails).stopping(0.0).rejects[0])


_START = (np.zeros(1), np.ones(1))


def _spent(shares: tuple[float, ...], allowed: Sequence[float], *, tails: int) -> tuple[float, ...]:
    """Boundaries that have spent, look after look, what is allowed of one side."""
    z: tuple[float, ...] = ()
    used = 0.0
    for look, most in enumerate(allowed):
        place = _place(shares[: look + 1], z, tails)
        z, used = (*z, _boundary(place, shares, look, chance=max(most - used, 0.0))), most
    return z


@lru_cache(maxsize=PLACES)
def _place(shares: tuple[float, ...], z: tuple[float, ...], tails: int) -> tuple[Array, Array]:
    """Nodes of the score that has passed looks with these boundaries without a stop, with weights by its density.

    Args:
        shares: Share of the information at these looks, and at the one that follows.
        z: The boundaries.
        tails: 1 or 2.
    """
    if min(z, default=math.inf) == math.inf:
        return _START
    nodes, weights = _place(shares[:-1], z[:-1], tails)
    look = len(z) - 1
    step = shares[look] - _since(shares, z, look)
    high = min(z[-1], FAR) * math.sqrt(shares[look])
    low = -high if tails == 2 else -FAR * math.sqrt(shares[look])
    narrow = math.sqrt(min(step, shares[look + 1] - shares[look]))
    panels = 2 * max(PANELS // 2, math.ceil(PANELS_PER_STEP * (high - low) / narrow / 2))
    reached, heights = _nodes(low, high, panels)
    if tails == 1:
        return reached, _density(reached, nodes, weights, math.sqrt(step)) * heights
    half = _density(reached[: len(reached) // 2], nodes, weights, math.sqrt(step))
    return reached, np.concatenate([half, half[::-1]]) * heights


def _density(reached: Array, nodes: Array, weights: Array, room: float) -> Array:
    """Density at nodes, in whole panels, one step from where the score was; of each panel only what is in its REACH."""
    panels = reached.reshape(-1, PANEL)
    first = np.searchsorted(nodes, panels[:, 0] - REACH * room)
    width = max(1, int((np.searchsorted(nodes, panels[:, -1] + REACH * room) - first).max()))
    near = np.minimum(first, len(nodes) - width)[:, None] + np.arange(width)
    heights = _height((panels[:, :, None] - nodes[near][:, None, :]) / room) / room
    return np.asarray((heights @ weights[near][:, :, None]).ravel())


def _boundary(place: tuple[Array, Array], shares: Sequence[float], look: int, *, chance: float) -> float:
    """Z beyond which a look stops with this probability when there is no effect; at most WIDE."""
    from scipy.optimize import brentq

    nodes, weights = place
    room = math.sqrt(shares[look] - (shares[look - 1] if look else 0.0))
    root = math.sqrt(shares[look])

    def excess(z: float) -> float:
        return float(weights @ _upper((z * root - nodes) / room)) - chance

    return WIDE if excess(WIDE) >= 0 else float(brentq(excess, -WIDE, WIDE, xtol=1e-12))


def _since(shares: Sequence[float], z: Sequence[float], look: int) -> float:
    """Share of the information from which a look's step is counted: looks that stop nothing yet are stepped over.

    Else nodes within WIDE would lose the paths that a large drift carries beyond them.
    """
    has_stopped_some = look > 0 and (z[look - 1] < math.inf or min(z[:look]) < math.inf)
    return shares[look - 1] if has_stopped_some else 0.0


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
