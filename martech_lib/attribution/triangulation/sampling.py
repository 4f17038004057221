"""Where the pooled model has no closed form: tests on their own scale, and no more than the conversions there were.

Weighted draws (importance sampling) from the closed form of everything else, half of them led by a stand-in for the
tests on the scale of the logarithm; where the cap leaves too few, a t distribution is fitted to those that it left and
drawn from instead. Seeded: the same lenses give the same ranges.

Source: Owen and Zhou (2000), Safe and effective importance sampling, JASA 95(449); Cappe et al. (2004), Population
Monte Carlo, Journal of Computational and Graphical Statistics 13(4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, gammaln, ndtr, ndtri

from martech_lib.attribution.triangulation.points import SIZE, Points, points
from martech_lib.attribution.triangulation.pooling import Board, Pooled
from martech_lib.attribution.triangulation.sights import OwnScale, Sights
from martech_lib.core.errors import UserError
from martech_lib.core.stats import Array

Flags = npt.NDArray[np.bool_]

SETS, MOST_SETS = 8, 256  # of points, to begin with and at most; each set's draws stand alone, which tells their error
ACCURACY = 0.01  # of a range's end, relative: one Monte-Carlo standard error
AROUND = 0.02  # of probability, about an end: how dense draws are there
ENDS = (0.1, 0.5, 0.9)
LITTLE = 0.05  # of the middle
LEAST_SHARE = 1e-3
CHECKED_SETS = 4
ROUNDS, FREEDOM = 10, 6
LEAST_TO_FIT = 60  # draws a channel that a fit rests on
FAR, FEW = 3.0, 0.01  # lenses whose lowest readings need so many times what there was speak of something else
ROOM = 0.9  # where no draw keeps the cap, the fit begins with channels that fill so much of it


@dataclass(frozen=True)
class Draws:
    """Weighted draws of the channels' conversions.

    Attributes:
        effects: (K, J): incremental conversions.
        weights: (K,): they add up to 1.
        below: What is known of the draws without their weights: (S, J) conversions -> the probability of less; None
            where nothing is. As far as weights are even, chance in the draws is told by it and taken out.
    """

    effects: Array
    weights: Array
    below: Callable[[Array], Array] | None = None

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
        if self.below is None:
            return ends
        seen = (self.effects[:, None, :] <= ends).mean(axis=0)
        return self._plain_quantiles(np.clip(wanted + _leaning(wanted, seen) * (seen - self.below(ends)), 0.0, 1.0))

    def error(self) -> float:
        """Relative Monte-Carlo standard error of the least certain end of a range, told by how the sets differ."""
        shares = np.array([share + way for share in ENDS for way in (-AROUND, 0.0, AROUND)])
        around = self._plain_quantiles(np.repeat(shares[:, None], self.effects.shape[1], axis=1))
        ends, wanted = around[1::3], np.array(ENDS)[:, None]
        is_below = self.effects.reshape(-1, SIZE, 1, ends.shape[1]) <= ends
        off = np.einsum("ks,ksej->kej", self.weights.reshape(-1, SIZE), is_below - wanted)
        sets = len(off)
        if self.below is not None:
            by_set = is_below.mean(axis=1)
            seen = by_set.mean(axis=0)
            off -= _leaning(wanted, seen) * (by_set - seen) / sets
        of_share = np.sqrt((off**2).sum(axis=0) * sets / (sets - 1))
        # An end of almost nothing has no relative error worth the name: it is held against the middle.
        slope = (around[2::3] - around[0::3]) / (2 * AROUND) / np.maximum(ends, LITTLE * ends[1])
        return float((of_share * slope).max())

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


def sample(sights: Sights, conversions: float, laid: Board | None) -> Draws:
    """Draw the channels' conversions, heeding tests on their own scale and the conversions there were.

    Args:
        sights: What the lenses see.
        conversions: All conversions there were.
        laid: What is read on the scale of the logarithm; None where there is nothing.

    Raises:
        UserError: The lenses cannot be reconciled with so few conversions.
    """
    target = _Target(sights, conversions, laid)
    cloud = target.led(_points(target, 0))
    is_far_beyond = float(np.quantile(cloud.effects.sum(axis=1), FEW)) > FAR * conversions
    draws, fit = target.weighed(cloud), None
    for turn in range(1, ROUNDS + 1):
        if target.plain is None or draws.worth >= len(draws.weights) / 8:
            break
        fit = _fit(target, cloud, draws)
        cloud = target.fitted(_points(target, turn), fit)
        draws = target.weighed(cloud)
    if draws.worth < len(draws.weights) / 64 or is_far_beyond:
        told = f"The lenses cannot be reconciled with {conversions:,.0f} conversions"
        raise UserError(f"{told}: nearly every reading of them needs more. Check the number, its period and the units.")
    while draws.error() > ACCURACY and len(draws.weights) < MOST_SETS * SIZE:
        have = len(draws.weights) // SIZE
        more = points(target.width, range(_first_set(ROUNDS + 1) + have, _first_set(ROUNDS + 1) + 2 * have))
        cloud = cloud.and_also(target.led(more) if fit is None else target.fitted(more, fit))
        draws = target.weighed(cloud)
    return draws


def _first_set(turn: int) -> int:
    return turn * SETS


def _points(target: _Target, turn: int) -> Points:
    return points(target.width, range(_first_set(turn), _first_set(turn + 1)))


class _Cloud(NamedTuple):
    """Draws before the cap: effects (K, J), theta (K, .) of channels that others speak of, log weights, their kind."""

    effects: Array
    theta: Array
    log_weights: Array
    is_fitted: bool

    def and_also(self, other: _Cloud) -> _Cloud:
        """More draws of the same kind."""
        effects, theta, log_weights = (np.concatenate(pair) for pair in zip(self[:3], other[:3], strict=True))
        return _Cloud(effects, theta, log_weights, self.is_fitted)


class _Fit(NamedTuple):
    """A multivariate t."""

    mean: Array
    root: Array


class _Target:
    """The density that is drawn from: channels that others speak of, and those that a test alone speaks of."""

    def __init__(self, sights: Sights, conversions: float, laid: Board | None) -> None:
        self.conversions = conversions
        self.known = sights.on_log
        self.alone = np.setdiff1d(np.arange(len(sights.channels)), self.known)
        own = [
            _together([t for t in sights.own_scale if t.place == p])
            for p in sorted({t.place for t in sights.own_scale})
        ]
        moved = {int(p): at for at, p in enumerate(self.known)}
        self.lonely = [test for test in own if test.place not in moved]
        self.tests = [test._replace(place=moved[test.place]) for test in own if test.place in moved]
        self.plain = laid.pooled() if laid is not None else None
        self.leader = laid.again(_with_stand_ins(laid.sights, self.tests)).pooled() if laid and self.tests else None
        self.width = len(self.known) + len(self.alone)

    def led(self, at: Points) -> _Cloud:
        """Draws from the closed form, half of them led by the stand-ins for tests on their own scale."""
        if self.plain is None:
            return self._cloud(np.empty((len(at.share), 0)), np.zeros(len(at.share)), at)
        if self.leader is None:
            return self._cloud(self.plain.draw(at), np.zeros(len(at.share)), at)
        theta = np.empty((len(at.share), len(self.known)))
        is_led = np.arange(len(at.share)) % SIZE >= SIZE // 2  # half a set is as evenly spread as the whole
        for rows, source in ((~is_led, self.plain), (is_led, self.leader)):
            theta[rows] = source.draw(Points(at.share[rows], at.normal[rows]))
        ratio = self.plain.evidence - self.leader.evidence + self._log_stand_ins(theta)
        return self._cloud(theta, self._log_tests(theta) - np.logaddexp(0.0, ratio) + np.log(2), at)

    def fitted(self, at: Points, fit: _Fit) -> _Cloud:
        """Draws from a t distribution."""
        assert self.plain is not None
        stretch = np.sqrt(FREEDOM / (2 * gammaincinv(FREEDOM / 2, at.share)))[:, None]
        theta: Array = fit.mean + stretch * at.normal[:, : len(self.known)] @ fit.root.T
        log_weights = self.plain.density(theta) + self._log_tests(theta) - _log_t(theta, fit)
        return self._cloud(theta, log_weights, at, is_fitted=True)

    def weighed(self, cloud: _Cloud) -> Draws:
        """The draws with their weights; those that break the cap have none."""
        fits = cloud.effects.sum(axis=1) <= self.conversions
        if not fits.any():
            return Draws(cloud.effects, np.full(len(fits), 1.0) * (np.arange(len(fits)) == 0))
        weights = np.where(fits, np.exp(cloud.log_weights - cloud.log_weights[fits].max()), 0.0)
        return Draws(cloud.effects, weights / weights.sum(), None if cloud.is_fitted else self._below)

    def _below(self, ends: Array) -> Array:
        """(S, J): the probability that a draw led by the closed form lies below these conversions, (S, J)."""
        found = np.empty_like(ends)
        sources = [source for source in (self.plain, self.leader) if source is not None]
        if sources:
            logs = np.log(np.maximum(ends[:, self.known], 1e-300))
            found[:, self.known] = np.mean([source.below(logs) for source in sources], axis=0)
        for place, test in zip(self.alone, self.lonely, strict=True):
            none = ndtr(-test.estimate / test.error)
            found[:, place] = (ndtr((ends[:, place] - test.estimate) / test.error) - none) / (1 - none)
        return found

    def _cloud(self, theta: Array, log_weights: Array, at: Points, *, is_fitted: bool = False) -> _Cloud:
        effects = np.empty((len(theta), self.width))
        effects[:, self.known], effects[:, self.alone] = np.exp(np.minimum(theta, 700.0)), self._lone(at)
        return _Cloud(effects, theta, log_weights, is_fitted)

    def _lone(self, at: Points) -> Array:
        """Draws of channels that a test alone speaks of: normal, above zero, as nothing else is known of them."""
        columns = np.empty((len(at.share), len(self.lonely)))
        for column, test in enumerate(self.lonely):
            below = ndtr(-test.estimate / test.error)
            share = ndtr(at.normal[:, len(self.known) + column])
            columns[:, column] = test.estimate + test.error * ndtri(below + (1 - below) * share)
        return np.maximum(columns, 0.0)

    def _log_tests(self, theta: Array) -> Array:
        """Logarithm of the likelihood of the tests on their own scale."""
        found = np.zeros(len(theta))
        for test in self.tests:
            found -= ((np.exp(np.minimum(theta[:, test.place], 300.0)) - test.estimate) / test.error) ** 2 / 2
            found -= np.log(test.error * np.sqrt(2 * np.pi))
        return found

    def _log_stand_ins(self, theta: Array) -> Array:
        found = np.zeros(len(theta))
        for test in self.tests:
            centre, error = _stand_in(test)
            found -= ((theta[:, test.place] - centre) / error) ** 2 / 2 + np.log(error)
        return found


def _fit(target: _Target, cloud: _Cloud, draws: Draws) -> _Fit:
    """A t distribution like the draws so far; where none keeps the cap, like them brought below it."""
    theta, weights = cloud.theta, draws.weights
    if draws.worth <= 1:
        over = cloud.effects.sum(axis=1) / (ROOM * target.conversions)
        theta, weights = theta - np.log(np.maximum(over, 1.0))[:, None], np.full(len(theta), 1 / len(theta))
    weights = _evened(weights, LEAST_TO_FIT * theta.shape[1])
    covariance = np.cov(theta.T, aweights=weights).reshape(theta.shape[1], -1) + 1e-9 * np.eye(theta.shape[1])
    return _Fit(np.asarray(weights @ theta), np.asarray(np.linalg.cholesky(covariance), dtype=np.float64))


def _together(tests: list[OwnScale]) -> OwnScale:
    """Tests of one channel as one, weighed by precision."""
    precision = np.array([test.error**-2.0 for test in tests])
    estimate = float(precision @ [test.estimate for test in tests] / precision.sum())
    return OwnScale(tests[0].place, estimate, float(precision.sum() ** -0.5))


def _stand_in(test: OwnScale) -> tuple[float, float]:
    """A normal on the scale of the logarithm that is near the test's likelihood where it is high: centre, error."""
    centre = max(test.estimate, 0.6 * test.error)
    return float(np.log(centre)), float(min(1.2 * test.error / centre, 1.5))


def on_log_alone(sights: Sights) -> Sights:
    """The same with every test on its own scale replaced by its stand-in: the closed form of this is near the draws."""
    places = sorted({test.place for test in sights.own_scale})
    tests = [_together([test for test in sights.own_scale if test.place == place]) for place in places]
    return replace(_with_stand_ins(sights, tests), own_scale=()) if tests else sights


def _with_stand_ins(sights: Sights, tests: list[OwnScale]) -> Sights:
    at = int(np.flatnonzero(sights.is_test)[0])
    estimate, error = sights.estimate.copy(), sights.error.copy()
    for test in tests:
        estimate[at, test.place], error[at, test.place] = _stand_in(test)
    return replace(sights, estimate=estimate, error=error)


def _evened(weights: Array, worth: float) -> Array:
    """Weights raised to the power, 1 at most, at which they are worth so many equal draws: a fit to a few collapses."""
    if 1 / (weights**2).sum() >= worth:
        return weights
    low, high = 0.0, 1.0
    logs = np.log(np.maximum(weights, 1e-300))
    for _ in range(20):
        power = (low + high) / 2
        evened = np.where(weights > 0, np.exp(power * (logs - logs.max())), 0.0)
        evened /= evened.sum()
        low, high = (power, high) if 1 / (evened**2).sum() >= worth else (low, power)
    return np.asarray(evened)


def _log_t(at: Array, fit: _Fit) -> Array:
    """Logarithm of the density of a multivariate t."""
    wide = at.shape[1]
    squares = (np.linalg.solve(fit.root, (at - fit.mean).T) ** 2).sum(axis=0)
    size = gammaln((FREEDOM + wide) / 2) - gammaln(FREEDOM / 2) - wide / 2 * np.log(FREEDOM * np.pi)
    return np.asarray(size - np.log(np.diag(fit.root)).sum() - (FREEDOM + wide) / 2 * np.log1p(squares / FREEDOM))


def capped(pooled: Pooled, conversions: float) -> float:
    """The probability that channels together exceed the conversions there were."""
    drawn = pooled.draw(points(pooled.mean.shape[1], range(CHECKED_SETS)))
    return float((np.exp(drawn).sum(axis=1) > conversions).mean())
