"""Where the pooled model has no closed form: tests on their own scale, and no more than the conversions there were.

Weighted draws (importance sampling): from the closed form of everything else, bent by the tests; where the cap leaves
too few of them, a t distribution is fitted to those that it left and drawn from instead. Seeded: the same lenses give
the same ranges.

Source: Owen and Zhou (2000), Safe and effective importance sampling, JASA 95(449); Cappe et al. (2004), Population
Monte Carlo, Journal of Computational and Graphical Statistics 13(4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaincinv, gammaln, log_ndtr, ndtr, ndtri, ndtri_exp

from martech_lib.attribution.triangulation.draws import Draws
from martech_lib.attribution.triangulation.points import SIZE, Points, points
from martech_lib.attribution.triangulation.pooling import Pooled
from martech_lib.attribution.triangulation.sights import OwnScale, Sights
from martech_lib.attribution.triangulation.stand_ins import together
from martech_lib.attribution.triangulation.tilting import HIGHEST, draw, log_likelihood
from martech_lib.core.errors import UserError
from martech_lib.core.stats import Array

SETS, MOST_SETS, MOST_FITTED_SETS = 16, 512, 128  # of points, to begin with and at most; each set stands alone
ACCURACY = 0.01  # of a range's end, relative: one Monte-Carlo standard error
STEPS = (1.5, 2.0, 2.5, 3.0, 4.0)  # times the draws there are
CHECKED_SETS, USUAL_TAIL = 8, 0.1  # sets that tell whether the cap matters to such a tail; more to a smaller one
SLACK = 0.005  # of a tail: the cap is heeded where it is broken more often
ROUNDS, PATIENCE, FREEDOM = 8, 3, 6  # so many rounds without a gain are the last
LEAST_DRAWS = 400  # equal draws that a range needs
SPARED = 0.25  # of the draws from a t distribution are from the closed form instead
LEAST_TO_FIT = 60  # draws a channel that a fit rests on
FAR, FEW = 3.0, 0.01  # lenses whose lowest readings need so many times what there was speak of something else
LOWEST = -1e4  # standard errors below zero: beyond that numbers do not tell a normal's tail apart
LONG_TAIL = 50.0  # standard deviations: beyond, the tail of a normal is an exponential's
ROOM = 0.9  # where no draw keeps the cap, the fit begins with channels that fill so much of it


def sample(
    sights: Sights, conversions: float, pooled: Pooled | None, *, shares: Sequence[float]
) -> tuple[Draws, float]:
    """Draw the channels' conversions, heeding tests on their own scale and the conversions there were; with them the
    relative error of the least certain quantile.

    Args:
        sights: What the lenses see.
        conversions: All conversions there were.
        pooled: What is read on the scale of the logarithm; None where there is nothing.
        shares: Probabilities whose quantiles are to be accurate.

    Raises:
        UserError: The lenses cannot be reconciled with so few conversions.
    """
    target = _Target(sights, conversions, pooled)
    cloud, fit = target.drawn(_points(target, 0)), None
    _refuse_far_beyond(target, cloud)
    keeps_cap = float((cloud.log_weights > -np.inf).mean())
    draws = target.weighed(cloud)
    if pooled is not None and draws.worth < len(draws.weights) / 8:
        cloud, draws, fit = _fitted(target, cloud, draws)
    _refuse_too_few(draws, keeps_cap, conversions)
    most = (MOST_SETS if fit is None else MOST_FITTED_SETS) * SIZE
    start = _first_set(ROUNDS + 1)
    while (error := draws.error(shares)) > ACCURACY and len(draws.weights) < most:
        have = len(draws.weights) // SIZE
        # In coarse steps, so that the last digits of the error do not tell how many are drawn.
        times = next((step for step in STEPS if step >= (error / ACCURACY) ** 2), STEPS[-1])
        more = points(target.width, range(start + have, start + min(int(have * times), most // SIZE)))
        cloud = cloud.and_also(target.drawn(more) if fit is None else target.fitted(more, fit))
        draws = target.weighed(cloud)
    return draws, error


def _fitted(target: _Target, cloud: _Cloud, draws: Draws) -> tuple[_Cloud, Draws, _Fit | None]:
    """The draws that are worth most: those there are, or of a t distribution fitted to them in several rounds."""
    best: tuple[_Cloud, Draws, _Fit | None] = cloud, draws, None
    lean, since = target.lean, 0
    for turn in range(1, ROUNDS + 1):
        fit = _fit(target, cloud, draws)
        target.lean_about(cloud, draws)
        cloud = target.fitted(_points(target, turn), fit)
        draws = target.weighed(cloud)
        since += 1
        if draws.worth > best[1].worth:
            best, lean, since = (cloud, draws, fit), target.lean, 0
        if draws.worth >= len(draws.weights) / 8 or since == PATIENCE:
            break
    target.lean = lean
    return best


def _refuse_too_few(draws: Draws, keeps_cap: float, conversions: float) -> None:
    """Raise UserError where so few draws count that more of them would tell no range either."""
    if draws.worth >= len(draws.weights) / 64:
        return
    if keeps_cap < 1 / 64:
        told = f"The lenses together need so nearly all of the {conversions:,.0f} conversions there were"
        raise UserError(f"{told} that no range can be told. Check the number, its period and the units.")
    if draws.worth * MOST_SETS / SETS < LEAST_DRAWS:
        raise UserError(
            "So many lift tests that found little bear on one another that no range can be told from draws. "
            "Triangulate fewer channels at a time."
        )


def _refuse_far_beyond(target: _Target, cloud: _Cloud) -> None:
    """Raise UserError where next to no reading of the lenses leaves room."""
    by_known = float(np.quantile(np.exp(np.minimum(cloud.theta, HIGHEST)).sum(axis=1), FEW))
    errors = sum(test.error**2 for test in target.lonely) ** 0.5
    by_tests = sum(test.estimate for test in target.lonely) + float(ndtri(FEW)) * errors
    if by_known > FAR * target.conversions or by_tests > target.conversions:
        told = f"The lenses cannot be reconciled with {target.conversions:,.0f} conversions"
        raise UserError(f"{told}: nearly every reading of them needs more. Check the number, its period and the units.")


def _first_set(turn: int) -> int:
    return turn * SETS


def _points(target: _Target, turn: int) -> Points:
    return points(target.width, range(_first_set(turn), _first_set(turn + 1)))


class _Cloud(NamedTuple):
    """Draws: effects (K, J), theta (K, .) of channels that others speak of, log weights, none where the cap breaks, and
    what each effect is expected to be, see `Draws.expected`."""

    effects: Array
    theta: Array
    log_weights: Array
    expected: Array

    def and_also(self, other: _Cloud) -> _Cloud:
        """More draws of the same kind."""
        return _Cloud(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


class _Fit(NamedTuple):
    """A multivariate t."""

    mean: Array
    root: Array


class _Target:
    """The density that is drawn from: channels that others speak of, and those that a test alone speaks of."""

    def __init__(self, sights: Sights, conversions: float, pooled: Pooled | None) -> None:
        self.conversions = conversions
        self.known = sights.on_log
        self.alone = np.setdiff1d(np.arange(len(sights.channels)), self.known)
        own = together(sights.own_scale)
        moved = {int(p): at for at, p in enumerate(self.known)}
        lonely = [test for test in own if test.place not in moved]
        self.lonely = [test._replace(estimate=max(test.estimate, LOWEST * test.error)) for test in lonely]
        self.tests = [test._replace(place=moved[test.place]) for test in own if test.place in moved]
        self.width = len(self.known) + len(self.alone)
        self.pooled = pooled
        self.lean = _lean(self.lonely, ROOM * conversions)

    def lean_about(self, cloud: _Cloud, draws: Draws) -> None:
        """Leave channels that a test alone speaks of the room that they have in the draws so far."""
        taken = float(draws.weights @ cloud.effects[:, self.known].sum(axis=1))
        self.lean = _lean(self.lonely, max(ROOM * (self.conversions - taken), (1 - ROOM) * self.conversions))

    def drawn(self, at: Points) -> _Cloud:
        """Draws from the closed form, each bent by the tests on their own scale."""
        if self.pooled is None:
            return self._cloud(np.empty((len(at.share), 0)), np.zeros(len(at.share)), at)
        bent = draw(self.pooled, self.tests, at)
        cloud = self._cloud(bent.theta, bent.log_weights, at)
        cloud.expected[:, self.known] = np.stack([bent.mean, bent.sd], axis=-1)
        return cloud

    def fitted(self, at: Points, fit: _Fit) -> _Cloud:
        """Draws from a t distribution, a quarter of each set from the closed form, so that weights are bounded."""
        assert self.pooled is not None
        theta = self.pooled.draw(at)
        is_fit = np.arange(len(at.share)) % SIZE >= SIZE * SPARED
        stretch = np.sqrt(FREEDOM / (2 * gammaincinv(FREEDOM / 2, at.share[is_fit])))[:, None]
        theta[is_fit] = fit.mean + stretch * at.normal[is_fit, : len(self.known)] @ fit.root.T
        plain = self.pooled.density(theta)
        proposed = np.logaddexp(np.log(SPARED) + plain, np.log(1 - SPARED) + _log_t(theta, fit))
        cloud = self._cloud(theta, plain - proposed, at)
        for test in self.tests:
            cloud.log_weights[:] += log_likelihood(test, cloud.effects[:, self.known[test.place]])
        return cloud

    def weighed(self, cloud: _Cloud) -> Draws:
        """The draws with their weights; those that break the cap have none."""
        fits = cloud.log_weights > -np.inf
        if not fits.any():
            return Draws(cloud.effects, np.full(len(fits), 1.0) * (np.arange(len(fits)) == 0))
        weights = np.exp(cloud.log_weights - cloud.log_weights.max())
        is_known = not np.isnan(cloud.expected).all()
        return Draws(cloud.effects, weights / weights.sum(), cloud.expected if is_known else None)

    def _cloud(self, theta: Array, log_weights: Array, at: Points) -> _Cloud:
        effects = np.empty((len(theta), self.width))
        effects[:, self.known] = np.exp(np.minimum(theta, HIGHEST))
        room = self.conversions - effects[:, self.known].sum(axis=1)
        log_weights = np.where(room >= 0, log_weights, -np.inf)
        for at_normal, (place, test) in enumerate(zip(self.alone, self.lonely, strict=True), start=len(self.known)):
            leaning = test._replace(estimate=test.estimate - self.lean * test.error**2)
            effects[:, place], log_share = _between(leaning, np.maximum(room, 0.0), at.normal[:, at_normal])
            log_weights = log_weights + log_share + self.lean * effects[:, place]
            room = room - effects[:, place]
        return _Cloud(effects, theta, log_weights, np.full((*effects.shape, 2), np.nan))


def _lean(tests: Sequence[OwnScale], room: float) -> float:
    """By how much the logarithm of the density falls with each further conversion, so that draws of these channels
    leave room for one another; 0 where they do anyway."""

    def filled(lean: float) -> float:
        return sum(test.error * _above_zero(test.estimate / test.error - lean * test.error) for test in tests)

    if not tests or filled(0.0) <= room:
        return 0.0
    steepest = max(test.estimate / test.error**2 for test in tests) + 2 * len(tests) / room
    return float(brentq(lambda lean: filled(lean) - room, 0.0, steepest))


def _above_zero(mean: float) -> float:
    """The mean of what lies above zero of a normal of this mean and standard deviation 1."""
    if mean < -LONG_TAIL:
        return -1 / mean
    return mean + float(np.exp(-(mean**2) / 2 - log_ndtr(mean))) / float(np.sqrt(2 * np.pi))


def _between(test: OwnScale, room: Array, normal: Array) -> tuple[Array, Array]:
    """Draws of a channel that a test alone speaks of: normal, between nothing and the room that is left, as nothing
    else is known of it; and the logarithm of how likely the test finds that."""
    zero, full = -test.estimate / test.error, (room - test.estimate) / test.error
    # Tails are told apart on the left of a normal only.
    is_right = zero + full > 0
    log_high = log_ndtr(np.where(is_right, -zero, full))
    part = np.exp(log_ndtr(np.where(is_right, -full, zero)) - log_high)
    share = ndtr(np.where(is_right, -normal, normal))
    found = ndtri_exp(np.minimum(log_high + np.log(part + share * (1 - part)), 0.0))
    found = test.estimate + test.error * np.where(is_right, -found, found)
    return np.clip(found, 0.0, room), log_high + np.log(np.maximum(1 - part, 1e-300))


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


def is_capped(pooled: Pooled, conversions: float, level: float) -> bool:
    """Whether channels together exceed the conversions there were so often that an end of a range hangs on it."""
    tail = (1 - level) / 2
    sets = int(np.clip(np.ceil(CHECKED_SETS * USUAL_TAIL / tail), CHECKED_SETS, MOST_SETS))
    drawn = pooled.draw(points(pooled.mean.shape[1], range(sets)))
    return float((np.exp(drawn).sum(axis=1) > conversions).mean()) > SLACK * tail
