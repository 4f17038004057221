"""Weighted draws: quantiles of them, and how far chance has moved these.

Source: Owen and Zhou (2000), Safe and effective importance sampling, JASA 95(449), for the control variate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from martech_lib.attribution.triangulation.points import SIZE
from martech_lib.core.stats import Array

AROUND = 0.2  # of the probability beyond an end, to either side: how dense draws are there
LITTLE = 0.025  # of the largest end
LEAST_SHARE = 1e-6
LEAST_CONVERSIONS = 1e-300


@dataclass(frozen=True)
class Draws:
    """Weighted draws of the channels' conversions.

    Attributes:
        effects: (K, J): incremental conversions.
        weights: (K,): they add up to 1.
        expected: (K, J, 2): mean and standard deviation of the logarithm of each draw's conversions by all of it but
            the channel's own chance; NaN where that is not known; None where it is of no channel. As far as weights
            are even, chance in the draws is told by it and taken out.
    """

    effects: Array
    weights: Array
    expected: Array | None = None

    @property
    def worth(self) -> float:
        """How many unweighted draws these are worth."""
        return float(1 / (self.weights**2).sum())

    @cached_property
    def _in_order(self) -> list[tuple[Array, Array]]:
        """Of each channel its conversions in rising order, and the probability of less."""
        kept = self.weights > 0
        effects, weights = self.effects[kept].T.copy(), self.weights[kept]
        orders = np.argsort(effects, axis=1)
        return [
            (effect[order], np.cumsum(weights[order]) - weights[order] / 2)
            for effect, order in zip(effects, orders, strict=True)
        ]

    def quantiles(self, shares: Sequence[float]) -> Array:
        """(S, J): the numbers of conversions that a channel is below with these probabilities."""
        wanted = np.repeat(np.array(shares)[:, None], self.effects.shape[1], axis=1)
        ends = self._plain_quantiles(wanted)
        if self.expected is None:
            return ends
        seen = (self.effects[:, None, :] <= ends).mean(axis=0)
        off = seen - self._expected_below(ends).mean(axis=0)
        return self._plain_quantiles(np.clip(wanted + _leaning(wanted, seen) * off, 0.0, 1.0))

    def error(self, shares: Sequence[float]) -> float:
        """Relative Monte-Carlo standard error of the least certain of these quantiles, told by how the sets differ."""
        beside = [AROUND * min(share, 1 - share) for share in shares]
        asked = [share + way for share, by in zip(shares, beside, strict=True) for way in (-by, 0.0, by)]
        around = self._plain_quantiles(np.repeat(np.array(asked)[:, None], self.effects.shape[1], axis=1))
        ends, wanted = around[1::3], np.array(shares)[:, None]
        sets = len(self.weights) // SIZE
        by_set, weights = self.effects.reshape(sets, SIZE, 1, -1) <= ends, self.weights.reshape(sets, 1, SIZE)
        is_below = by_set.reshape(sets, SIZE, -1).astype("float64")
        off = (weights @ is_below).reshape(sets, *ends.shape) - wanted * weights.sum(axis=2, keepdims=True)
        if self.expected is not None:
            unweighed = is_below.mean(axis=1).reshape(off.shape)
            off -= _leaning(wanted, unweighed.mean(axis=0)) * (unweighed - self._expected_below(ends)) / sets
        of_share = np.sqrt((off**2).sum(axis=0) * sets / (sets - 1))
        # An end of almost nothing has no relative error worth the name: it is held against the largest.
        width = 2 * np.array(beside)[:, None]
        slope = (around[2::3] - around[0::3]) / width / np.maximum(ends, LITTLE * ends.max(axis=0))
        return float((of_share * slope).max())

    def _expected_below(self, ends: Array) -> Array:
        """(sets, S, J): the share of draws that is expected below these conversions, (S, J); where nothing is known,
        the share that is."""
        assert self.expected is not None
        mean, sd = np.moveaxis(self.expected, -1, 0)
        logs, sets = np.log(np.maximum(ends, LEAST_CONVERSIONS)), len(self.weights) // SIZE
        told = ~np.isnan(mean[0])
        each = np.empty((sets, *ends.shape))
        for at, end in enumerate(ends):
            each[:, at, told] = (
                ndtr((logs[at, told] - mean[:, told]) / sd[:, told]).reshape(sets, SIZE, -1).mean(axis=1)
            )
            each[:, at, ~told] = (self.effects[:, ~told] <= end[~told]).reshape(sets, SIZE, -1).mean(axis=1)
        return each

    def _plain_quantiles(self, shares: Array) -> Array:
        """(S, J): the same by the weights alone, for shares (S, J)."""
        columns = zip(shares.T, self._in_order, strict=True)
        return np.column_stack([np.interp(wanted, reached, effect) for wanted, (effect, reached) in columns])

    def equal(self, count: int) -> Array:
        """(count, J): so many draws of equal weight, systematically resampled."""
        places = np.searchsorted(np.cumsum(self.weights), (np.arange(count) + 0.5) / count)
        return np.asarray(self.effects[np.minimum(places, len(self.weights) - 1)])


def _leaning(wanted: Array, seen: Array) -> Array:
    """How chance in the share of weighted draws goes with chance in that of all draws: a regression's slope.

    The indicator of a draw below an end has variance seen (1 - seen), and covariance wanted (1 - wanted) with itself
    times its weight.
    """
    return np.asarray(wanted * (1 - wanted) / np.maximum(seen * (1 - seen), LEAST_SHARE))
