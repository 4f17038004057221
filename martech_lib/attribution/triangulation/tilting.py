"""Draws of the pooled model that heed lift tests on their own scale.

Tested channels come first, one after another: given those before it, what the other lenses say of a channel is normal,
and the test bends that normal. The bent density is laid out as a broken line and drawn from; a weight mends what the
line leaves out, and holds what later tests say of earlier draws. With one test, weights are all but even.

Source: the sequential sampler of Geweke, Hajivassiliou and Keane, here for a smooth likelihood instead of bounds:
Hajivassiliou, McFadden and Ruud (1996), Journal of Econometrics 72.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from martech_lib.attribution.triangulation.points import Points
from martech_lib.attribution.triangulation.pooling import Pooled
from martech_lib.attribution.triangulation.sights import OwnScale
from martech_lib.core.stats import Array

NODES = 32  # of the broken line
REACH = 14.0  # below its height, as a logarithm, a density is passed over
HIGHEST = 200.0  # a logarithm of conversions beyond which any test has nothing to say but no
HALF_LOG_TURN = float(np.log(2 * np.pi) / 2)
TINY = float(np.finfo("float64").tiny)
AT_ONCE = 4_096  # draws that are laid out together, so that they fit the processor's memory


class Bent(NamedTuple):
    """Draws that heed tests: K of them, J channels.

    Attributes:
        theta: (K, J): logarithms of the channels' conversions.
        log_weights: (K,): logarithms of their weights.
        mean: (K, J): what theta is expected to be by the setting and the tested channels of the same draw; NaN for
            tested channels.
        sd: (K, J): its standard deviation about that.
    """

    theta: Array
    log_weights: Array
    mean: Array
    sd: Array


def draw(pooled: Pooled, tests: Sequence[OwnScale], at: Points) -> Bent:
    """Thetas of all channels together.

    Args:
        pooled: What is read on the scale of the logarithm.
        tests: One a channel at most.
        at: Points with at least as many normals as channels.
    """
    tested = [test.place for test in tests]
    order = np.array([*tested, *(p for p in range(pooled.mean.shape[1]) if p not in tested)])
    likely, back = _with_tests(pooled.ordered(order), tests), np.argsort(order)
    starts = range(0, len(at.share), AT_ONCE)
    parts = [slice(start, start + AT_ONCE) for start in starts]
    drawn = [_drawn(likely, tests, Points(at.share[rows], at.normal[rows])) for rows in parts]
    theta, log_weights, mean, sd = (np.concatenate(several) for several in zip(*drawn, strict=True))
    return Bent(theta[:, back], log_weights, mean[:, back], sd[:, back])


class _Likely(NamedTuple):
    """Settings weighed by the tests too.

    Attributes:
        pooled: Tested channels first; weights as they are to be drawn with.
        log_ratio: (N,): logarithm of the weight of each setting by the other lenses, over that.
        lines: Each test's bent density at each setting.
    """

    pooled: Pooled
    log_ratio: Array
    lines: tuple[_Line, ...]


def _with_tests(pooled: Pooled, tests: Sequence[OwnScale]) -> _Likely:
    lines = tuple(_line(pooled.mean[:, k], pooled.sd[:, k], test) for k, test in enumerate(tests))
    log_prior = np.log(np.maximum(pooled.weights, TINY))
    log_likely = log_prior + sum((line.log_area for line in lines), np.zeros(len(log_prior)))
    weights = np.exp(log_likely - log_likely.max())
    weights /= weights.sum()
    return _Likely(pooled._replace(weights=weights), log_prior - np.log(np.maximum(weights, TINY)), lines)


def _drawn(likely: _Likely, tests: Sequence[OwnScale], at: Points) -> Bent:
    """The same, tested channels first."""
    pooled, normal, count = likely.pooled, at.normal.copy(), len(tests)
    kept, chosen = pooled.chosen(at.share)
    means, roots, which = pooled.mean[kept], pooled.roots(kept), kept[chosen]
    log_weights = likely.log_ratio[which]
    for k, test in enumerate(tests):
        moved = means[chosen, k] + (roots[chosen, k, :k] * normal[:, :k]).sum(axis=1)
        sd, share = roots[chosen, k, k], ndtr(normal[:, k])
        line, rows = (likely.lines[0], which) if k == 0 else (_line(moved, sd, test), np.arange(len(moved)))
        normal[:, k], log_proposed = line.drawn(rows, share)
        log_weights += _log_height(normal[:, k], (moved, sd), test) - log_proposed
    mean = means[chosen] + (roots[chosen, :, :count] @ normal[:, :count, None])[..., 0]
    sds = np.sqrt((roots[..., count:] ** 2).sum(axis=-1))[chosen]
    mean[:, :count] = np.nan
    return Bent(pooled.draw(Points(at.share, normal)), log_weights, mean, sds)


class _Line(NamedTuple):
    """Densities of standard normals that a test bends, as broken lines over evenly spaced nodes: R of them, G nodes.

    Attributes:
        low: (R,): where it begins.
        step: (R,): from node to node.
        height: (R, G): at the nodes, 1 at the highest.
        reached: (R, G - 1): area to the end of each cell, in steps.
        top: (R,): logarithm of the true height where it is 1.
    """

    low: Array
    step: Array
    height: Array
    reached: Array
    top: Array

    @property
    def log_area(self) -> Array:
        """(R,): logarithm of the area below it."""
        return self.top + np.log(self.reached[:, -1] * self.step)

    def drawn(self, rows: npt.NDArray[np.intp], share: Array) -> tuple[Array, Array]:
        """(K,) twice: where these lines have so much of their area to the left, and the logarithm of the density."""
        wanted = share * self.reached[rows, -1]
        cell = np.minimum((self.reached[rows] < wanted[:, None]).sum(axis=1), NODES - 2)
        start, end = self.height[rows, cell], self.height[rows, cell + 1]
        rest = np.clip(wanted - self.reached[rows, cell] + (start + end) / 2, 0.0, (start + end) / 2)
        # Across a cell the density is a straight line, so that its area is a square function.
        part = 2 * rest / np.maximum(start + np.sqrt(np.maximum(start**2 + 2 * (end - start) * rest, 0.0)), 1e-300)
        density = np.maximum(start + (end - start) * part, 1e-300) / (self.reached[rows, -1] * self.step[rows])
        return self.low[rows] + self.step[rows] * (cell + part), np.log(density)


def _line(mean: Array, sd: Array, test: OwnScale) -> _Line:
    """Lay out the densities of normals of these means and deviations of theta, bent by a test."""
    low, high = _window(mean, sd, test)
    step = (high - low) / (NODES - 1)
    # Evenly spread logarithms are powers of one number: an exponential a row instead of one a node.
    found = np.repeat(np.exp(sd * step)[:, None], NODES, axis=1)
    found[:, 0] = np.exp(mean + sd * low)
    np.multiply.accumulate(found, axis=1, out=found)
    height = log_likelihood(test, found) - (low[:, None] + step[:, None] * np.arange(NODES)) ** 2 / 2
    top = height.max(axis=1)
    height = np.exp(height - top[:, None])
    area = np.cumsum((height[:, 1:] + height[:, :-1]) / 2, axis=1)
    return _Line(low, step, height, area, top - HALF_LOG_TURN)


def _window(mean: Array, sd: Array, test: OwnScale) -> tuple[Array, Array]:
    """(R,) twice: between what a bent density is worth laying out."""
    peaks = np.stack([np.zeros_like(mean), (np.log(_above(test, 0.5)) - mean) / sd])
    depth = REACH - _log_height(peaks, (mean, sd), test).max(axis=0) - HALF_LOG_TURN
    wide = np.sqrt(2 * depth)
    high = np.minimum(wide, (np.log(_above(test, depth)) - mean) / sd)
    least = np.maximum(test.estimate - test.error * wide, 0.0)
    low = np.where(least > 0, (np.log(np.maximum(least, 1e-300)) - mean) / sd, -np.inf)
    return np.maximum(-wide, low), high


def _above(test: OwnScale, depth: Array | float) -> Array:
    """Conversions above which the likelihood of a test is so much lower than anywhere, as a logarithm."""
    a, spread = test.estimate, 2 * test.error**2 * np.asarray(depth)
    if a >= 0:
        return np.asarray(a + np.sqrt(spread))
    return np.asarray(spread / (np.sqrt(a**2 + spread) - a))


def _log_height(z: Array, normal: tuple[Array, Array], test: OwnScale) -> Array:
    """Logarithm of a standard normal's density times the test's likelihood, which is 1 where it is highest."""
    mean, sd = normal
    return np.asarray(log_likelihood(test, np.exp(np.minimum(mean + sd * z, HIGHEST))) - z**2 / 2 - HALF_LOG_TURN)


def log_likelihood(test: OwnScale, effects: Array) -> Array:
    """Logarithm of a test's likelihood at these numbers of conversions; 0 where it is highest."""
    # A test below zero is likeliest at nothing: the square of how far it lies below cancels.
    off = (effects - max(test.estimate, 0.0)) / test.error
    return np.asarray(-off * (off - 2 * min(test.estimate, 0.0) / test.error) / 2)
