"""Where the pooled model has no closed form: tests on their own scale, and no more than the conversions there were.

Weighted draws (importance sampling) from the closed form of everything else, half of them led by a stand-in for the
tests on the scale of the logarithm; where the cap leaves too few, a t distribution is fitted to those that it left and
drawn from instead. Seeded: the same lenses give the same ranges.

Source: Owen and Zhou (2000), Safe and effective importance sampling, JASA 95(449); Cappe et al. (2004), Population
Monte Carlo, Journal of Computational and Graphical Statistics 13(4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv, gammaln, ndtr, ndtri

from martech_lib.attribution.triangulation.draws import Draws
from martech_lib.attribution.triangulation.points import SIZE, Points, points
from martech_lib.attribution.triangulation.pooling import Board, Pooled
from martech_lib.attribution.triangulation.sights import Sights
from martech_lib.attribution.triangulation.stand_ins import (
    StandIn,
    about,
    log_likelihood,
    middle_of,
    together,
    with_stand_ins,
)
from martech_lib.core.errors import UserError
from martech_lib.core.stats import Array

SETS, MOST_SETS, MOST_FITTED_SETS = 16, 512, 128  # of points, to begin with and at most; each set stands alone
ACCURACY = 0.01  # of a range's end, relative: one Monte-Carlo standard error
STEPS = (1.5, 2.0, 2.5, 3.0, 4.0)  # times the draws there are
CHECKED_SETS = 8
ROUNDS, LED_ROUNDS, FREEDOM = 12, 4, 6
LEAST_TO_FIT = 60  # draws a channel that a fit rests on
FAR, FEW = 3.0, 0.01  # lenses whose lowest readings need so many times what there was speak of something else
LOWEST = -30.0  # standard errors below zero: beyond that a normal has no tail left to draw from
ROOM = 0.9  # where no draw keeps the cap, the fit begins with channels that fill so much of it


def sample(sights: Sights, conversions: float, laid: Board | None, *, shares: Sequence[float]) -> Draws:
    """Draw the channels' conversions, heeding tests on their own scale and the conversions there were.

    Args:
        sights: What the lenses see.
        conversions: All conversions there were.
        laid: What is read on the scale of the logarithm; None where there is nothing.
        shares: Probabilities whose quantiles are to be accurate.

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
        if target.tests and turn <= LED_ROUNDS:
            target.lead_about(cloud, draws)
            cloud = target.led(_points(target, turn))
        else:
            fit = _fit(target, cloud, draws)
            cloud = target.fitted(_points(target, turn), fit)
        draws = target.weighed(cloud)
    if is_far_beyond:
        told = f"The lenses cannot be reconciled with {conversions:,.0f} conversions"
        raise UserError(f"{told}: nearly every reading of them needs more. Check the number, its period and the units.")
    if draws.worth < len(draws.weights) / 64:
        told = f"The lenses together need so nearly all of the {conversions:,.0f} conversions there were"
        raise UserError(f"{told} that no range can be told. Check the number, its period and the units.")
    most = (MOST_SETS if fit is None else MOST_FITTED_SETS) * SIZE
    start = _first_set(ROUNDS + 1)
    while (error := draws.error(shares)) > ACCURACY and len(draws.weights) < most:
        have = len(draws.weights) // SIZE
        # In coarse steps, so that the last digits of the error do not tell how many are drawn.
        times = next((step for step in STEPS if step >= (error / ACCURACY) ** 2), STEPS[-1])
        more = points(target.width, range(start + have, start + min(int(have * times), most // SIZE)))
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
        own = together(sights.own_scale)
        moved = {int(p): at for at, p in enumerate(self.known)}
        alone = [test for test in own if test.place not in moved]
        self.lonely = [test._replace(estimate=max(test.estimate, LOWEST * test.error)) for test in alone]
        self.tests = [test._replace(place=moved[test.place]) for test in own if test.place in moved]
        self.width = len(self.known) + len(self.alone)
        self.laid, self.plain = laid, laid.pooled() if laid is not None else None
        self.stand_ins: list[StandIn] = []
        self.leader: Pooled | None = None
        if self.plain is not None and self.tests:
            self._lead([middle_of(test, self.plain) for test in self.tests])

    def lead_about(self, cloud: _Cloud, draws: Draws) -> None:
        """Lead by stand-ins that are like the tests where the draws so far have them."""
        weights = _evened(draws.weights, LEAST_TO_FIT)
        self._lead([float(weights @ cloud.theta[:, test.place]) for test in self.tests])

    def _lead(self, middles: Sequence[float]) -> None:
        assert self.laid is not None
        self.stand_ins = [about(test, middle) for test, middle in zip(self.tests, middles, strict=True)]
        self.leader = self.laid.again(with_stand_ins(self.laid.sights, self.tests, self.stand_ins)).pooled()

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
            above = ndtr((test.estimate - ends[:, place]) / test.error)
            found[:, place] = 1 - above / ndtr(test.estimate / test.error)
        return found

    def _cloud(self, theta: Array, log_weights: Array, at: Points, *, is_fitted: bool = False) -> _Cloud:
        effects = np.empty((len(theta), self.width))
        effects[:, self.known], effects[:, self.alone] = np.exp(np.minimum(theta, 700.0)), self._lone(at)
        return _Cloud(effects, theta, log_weights, is_fitted)

    def _lone(self, at: Points) -> Array:
        """Draws of channels that a test alone speaks of: normal, above zero, as nothing else is known of them."""
        columns = np.empty((len(at.share), len(self.lonely)))
        for column, test in enumerate(self.lonely):
            above = ndtr(-at.normal[:, len(self.known) + column]) * ndtr(test.estimate / test.error)
            columns[:, column] = test.estimate - test.error * ndtri(above)
        return np.maximum(columns, 0.0)

    def _log_tests(self, theta: Array) -> Array:
        """Logarithm of the likelihood of the tests on their own scale."""
        return sum((log_likelihood(test, theta[:, test.place]) for test in self.tests), np.zeros(len(theta)))

    def _log_stand_ins(self, theta: Array) -> Array:
        pairs = zip(self.tests, self.stand_ins, strict=True)
        return sum((stand_in.log_density(theta[:, test.place]) for test, stand_in in pairs), np.zeros(len(theta)))


def _fit(target: _Target, cloud: _Cloud, draws: Draws) -> _Fit:
    """A t distribution like the draws so far; where none keeps the cap, like them brought below it."""
    theta, weights = cloud.theta, draws.weights
    if draws.worth <= 1:
        over = cloud.effects.sum(axis=1) / (ROOM * target.conversions)
        theta, weights = theta - np.log(np.maximum(over, 1.0))[:, None], np.full(len(theta), 1 / len(theta))
    weights = _evened(weights, LEAST_TO_FIT * theta.shape[1])
    covariance = np.cov(theta.T, aweights=weights).reshape(theta.shape[1], -1) + 1e-9 * np.eye(theta.shape[1])
    return _Fit(np.asarray(weights @ theta), np.asarray(np.linalg.cholesky(covariance), dtype=np.float64))


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
