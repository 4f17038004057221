"""Where the pooled model has no closed form: tests on their own scale, and no more than the conversions there were.

Weighted draws (importance sampling) from the closed form of everything else, half of them led by a stand-in for the
tests on the scale of the logarithm; where the cap leaves too few, a t distribution is fitted to those that it left and
drawn from instead. Seeded: the same lenses give the same ranges.

Source: Owen and Zhou (2000), Safe and effective importance sampling, JASA 95(449); Cappe et al. (2004), Population
Monte Carlo, Journal of Computational and Graphical Statistics 13(4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, ndtr, ndtri

from martech_lib.attribution.triangulation.pooling import Pooled, pool
from martech_lib.attribution.triangulation.sights import OwnScale, Sights
from martech_lib.core.errors import UserError
from martech_lib.core.stats import Array

Flags = npt.NDArray[np.bool_]

SEED = 20_260
FEWEST, MOST = 2**15, 2**18
ACCURACY = 0.007  # of a range's end, relative: one Monte-Carlo standard error
DENSITY_AT_END = 0.175  # of a standard normal at its 10 % point
ROUNDS, FREEDOM = 10, 6
LEAST_TO_FIT = 60  # draws a channel that a fit rests on
FAR, FEW = 3.0, 0.01  # lenses whose lowest readings need so many times what there was speak of something else
ROOM = 0.9  # where no draw keeps the cap, the fit begins with channels that fill so much of it


class Draws(NamedTuple):
    """Weighted draws of the channels' conversions.

    Attributes:
        effects: (K, J): incremental conversions.
        weights: (K,): they add up to 1.
    """

    effects: Array
    weights: Array

    @property
    def worth(self) -> float:
        """How many unweighted draws these are worth."""
        return float(1 / (self.weights**2).sum())

    def quantiles(self, shares: Sequence[float]) -> Array:
        """(S, J): the numbers of conversions that a channel is below with these probabilities."""
        ends = np.empty((len(shares), self.effects.shape[1]))
        kept = self.weights > 0
        weights = self.weights[kept]
        for place, effect in enumerate(self.effects[kept].T):
            order = np.argsort(effect)
            reached = np.cumsum(weights[order]) - weights[order] / 2
            ends[:, place] = np.interp(shares, reached, effect[order])
        return ends

    def equal(self, count: int) -> Array:
        """(count, J): so many draws of equal weight, systematically resampled."""
        places = np.searchsorted(np.cumsum(self.weights), (np.arange(count) + 0.5) / count)
        return np.asarray(self.effects[np.minimum(places, len(self.weights) - 1)])


def sample(sights: Sights, conversions: float) -> Draws:
    """Draw the channels' conversions, heeding tests on their own scale and the conversions there were.

    Args:
        sights: What the lenses see.
        conversions: All conversions there were.

    Raises:
        UserError: The lenses cannot be reconciled with so few conversions.
    """
    target = _Target(sights, conversions)
    rng, count = np.random.default_rng(SEED), FEWEST
    while True:
        draws = target.draws(rng, count)
        if draws.worth >= min(target.wanted(draws), MOST / 4) or count >= MOST:
            break
        count *= 2
    if draws.worth < count / 64 or target.is_far_beyond:
        told = f"The lenses cannot be reconciled with {conversions:,.0f} conversions"
        raise UserError(f"{told}: nearly every reading of them needs more. Check the number, its period and the units.")
    return draws


class _Target:
    """The density that is drawn from: channels that others speak of, and those that a test alone speaks of."""

    def __init__(self, sights: Sights, conversions: float) -> None:
        self.conversions = conversions
        on_log: Flags = np.asarray(~np.isnan(sights.estimate).all(axis=0))
        self.known, self.alone = np.flatnonzero(on_log), np.flatnonzero(~on_log)
        own = [
            _together([t for t in sights.own_scale if t.place == p])
            for p in sorted({t.place for t in sights.own_scale})
        ]
        self.lonely = [test for test in own if not on_log[test.place]]
        rest = sights.only(self.known)
        moved = {int(p): at for at, p in enumerate(self.known)}
        self.tests = [test._replace(place=moved[test.place]) for test in own if on_log[test.place]]
        self.plain = pool(rest) if len(self.known) else None
        self.is_far_beyond = False
        self.led = pool(_with_stand_ins(rest, self.tests)) if self.tests else None

    def wanted(self, draws: Draws) -> float:
        """How many equal draws make the ends of the widest range so accurate."""
        logs = np.log(np.maximum(draws.effects, 1e-300))
        mean = draws.weights @ logs
        width = np.sqrt(draws.weights @ (logs - mean) ** 2)
        known = width[self.known] if len(self.known) else np.array([0.5])
        return float(0.09 * (known.max() / DENSITY_AT_END / ACCURACY) ** 2)

    def draws(self, rng: np.random.Generator, count: int) -> Draws:
        """Weighted draws, from the closed form where it does and from a fitted t where the cap cuts deep."""
        lone = self._lone(rng, count)
        if self.plain is None:
            return self._weighed(np.empty((count, 0)), np.zeros(count), lone)
        theta, log_weights = self._led(rng, count)
        total = np.exp(np.minimum(theta, 700.0)).sum(axis=1) + lone.sum(axis=1)
        self.is_far_beyond = bool(np.quantile(total, FEW) > FAR * self.conversions)
        found = self._weighed(theta, log_weights, lone)
        for _ in range(ROUNDS):
            if found.worth >= count / 8:
                break
            theta, log_weights = self._fitted(rng, found, theta, lone)
            found = self._weighed(theta, log_weights, lone)
        return found

    def _led(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Draws of theta, half of them led by the stand-ins, with the logarithm of their weight but for the cap."""
        assert self.plain is not None
        if self.led is None:
            return self.plain.draw(rng, count), np.zeros(count)
        theta = np.concatenate([self.plain.draw(rng, count // 2), self.led.draw(rng, count - count // 2)])
        ratio = self.plain.evidence - self.led.evidence + self._log_stand_ins(theta)
        return theta, self._log_tests(theta) - np.logaddexp(0.0, ratio) + np.log(2)

    def _fitted(self, rng: np.random.Generator, found: Draws, theta: Array, lone: Array) -> tuple[Array, Array]:
        """Draws of theta from a t distribution fitted to the draws so far."""
        assert self.plain is not None
        weights = found.weights
        if found.worth <= 1:
            total = np.exp(theta).sum(axis=1) + lone.sum(axis=1)
            theta = theta - np.log(np.maximum(total / (ROOM * self.conversions), 1.0))[:, None]
            weights = np.full(len(theta), 1 / len(theta))
        weights = _evened(weights, LEAST_TO_FIT * theta.shape[1])
        mean = np.asarray(weights @ theta)
        covariance = np.cov(theta.T, aweights=weights).reshape(theta.shape[1], -1) + 1e-9 * np.eye(theta.shape[1])
        root = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
        stretch = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, len(theta)))[:, None]
        drawn: Array = mean + stretch * rng.standard_normal(theta.shape) @ root.T
        return drawn, self.plain.density(drawn) + self._log_tests(drawn) - _log_t(drawn, mean, root)

    def _weighed(self, theta: Array, log_weights: Array, lone: Array) -> Draws:
        effects = np.empty((len(theta), len(self.known) + len(self.alone)))
        effects[:, self.known], effects[:, self.alone] = np.exp(np.minimum(theta, 700.0)), lone
        fits = effects.sum(axis=1) <= self.conversions
        if not fits.any():
            return Draws(effects, np.full(len(theta), 1.0) * (np.arange(len(theta)) == 0))
        weights = np.where(fits, np.exp(log_weights - log_weights[fits].max()), 0.0)
        return Draws(effects, weights / weights.sum())

    def _lone(self, rng: np.random.Generator, count: int) -> Array:
        """Draws of channels that a test alone speaks of: normal, above zero, as nothing else is known of them."""
        columns = []
        for test in self.lonely:
            below = ndtr(-test.estimate / test.error)
            columns.append(test.estimate + test.error * ndtri(below + (1 - below) * rng.random(count)))
        return np.maximum(np.column_stack(columns), 0.0) if columns else np.empty((count, 0))

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


def _log_t(at: Array, mean: Array, root: Array) -> Array:
    """Logarithm of the density of a multivariate t."""
    wide = at.shape[1]
    squares = (np.linalg.solve(root, (at - mean).T) ** 2).sum(axis=0)
    size = gammaln((FREEDOM + wide) / 2) - gammaln(FREEDOM / 2) - wide / 2 * np.log(FREEDOM * np.pi)
    return np.asarray(size - np.log(np.diag(root)).sum() - (FREEDOM + wide) / 2 * np.log1p(squares / FREEDOM))


def capped(pooled: Pooled, conversions: float, *, rng: np.random.Generator, count: int) -> float:
    """The probability that channels together exceed the conversions there were."""
    return float((np.exp(pooled.draw(rng, count)).sum(axis=1) > conversions).mean())
