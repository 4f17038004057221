"""The pooled model in closed form: lenses with biases, averaged over how far and how alike they may err.

log y[lens, channel] = theta[channel] + mean[lens, channel] + g sd[lens, channel] u[lens] + k (base_mean[channel] +
base_sd[role] v[role] + base_own[channel] w[channel]) + d[lens, channel] + e, with u ~ N(0, C), v, w ~ N(0, 1),
d[., channel] ~ N(0, g^2 S C S) for the lenses' spreads S, and e ~ N(0, error^2); theta is flat. What k stands before is
what lenses that share out conversions give alike, though it would have come anyway; other lenses have none. Given g
(how much wider than believed biases are), C (how alike lenses err), k (whether there is such a part, 0 or 1) and which
lens, if any, has lost the thread, everything is normal. These are averaged over a grid, each point weighed by its prior
times the likelihood of what the lenses say.

Source: additive bias models, Turner et al. (2009), Journal of the Royal Statistical Society A 172(1); weights of a
grid, Rue, Martino and Chopin (2009), Journal of the Royal Statistical Society B 71(2). The terms: docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, ndtr

from martech_lib.attribution.triangulation.points import Points
from martech_lib.attribution.triangulation.sights import Flags, Sights
from martech_lib.core.stats import Array

WIDER = (0.75, 1.1, 1.6, 2.4)  # times the believed sd and spread
USUAL_WIDTH, WIDTH_SD = 0.95, 0.45  # of the logarithm of that factor, before anything is seen
ALIKE = ((0.0, 0.0, 0.45), (0.4, 0.0, 0.15), (0.8, 0.0, 0.15), (0.8, 0.8, 0.25))  # readers of touches, all, weight
LIKELY_BASE = 0.6  # that what would have come anyway is given to channels, before anything is seen
HAS_BASE = ((0.0, 1 - LIKELY_BASE), (1.0, LIKELY_BASE))
LOST, LOST_WEIGHT = 3.0, 0.04  # a lens that lost the thread is so much wider, and that is so likely beside none
NEGLIGIBLE = 1e-7
PROBED = 512  # thetas that tell which settings matter
BISECTIONS = 32


class Settings(NamedTuple):
    """One point of the grid.

    Attributes:
        wider: Factor of all sds and spreads.
        readers_alike: Correlation of the biases of lenses that read the touches.
        all_alike: Correlation of the biases of any two lenses but tests.
        base: 1 where lenses that share out conversions give what would have come anyway, 0 where they do not.
        lost: Place of the lens that lost the thread; -1 for none.
        weight: Prior weight, not normalised.
    """

    wider: float
    readers_alike: float
    all_alike: float
    base: float
    lost: int
    weight: float


class Pooled(NamedTuple):
    """A mixture of normal distributions of theta, one a point of the grid.

    Attributes:
        weights: (N,): posterior weight of each point.
        mean: (N, J): posterior mean of theta.
        own: (N, J): variance of theta where the lens-wide biases are known.
        loading: (N, J, M): how theta moves with the biases that channels share: one a lens, and one a role of what
            is given though it would have come anyway.
        bias_root: (N, M, M): a root R of their posterior covariance, R R'.
        settings: The points.
        evidence: Logarithm of the density of what was seen, but for a constant that hangs on its size alone.
    """

    weights: Array
    mean: Array
    own: Array
    loading: Array
    bias_root: Array
    settings: tuple[Settings, ...]
    evidence: float

    @property
    def sd(self) -> Array:
        """(N, J): posterior standard deviation of theta."""
        return np.sqrt(self.own + ((self.loading @ self.bias_root) ** 2).sum(axis=-1))

    def quantile(self, share: float) -> Array:
        """(J,): the value below which theta lies with this probability."""
        kept = self.weights > NEGLIGIBLE
        weights, mean, sd = self.weights[kept, None], self.mean[kept], self.sd[kept]
        low, high = (mean - 9 * sd).min(axis=0), (mean + 9 * sd).max(axis=0)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            is_below = (weights * ndtr((middle - mean) / sd)).sum(axis=0) < share * weights.sum()
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        return np.asarray((low + high) / 2)

    def below(self, theta: Array) -> Array:
        """(S, J): the probability of less than these thetas, (S, J)."""
        kept = self.weights > NEGLIGIBLE
        weights, mean, sd = self.weights[kept, None, None], self.mean[kept, None], self.sd[kept, None]
        return np.asarray((weights * ndtr((theta - mean) / sd)).sum(axis=0) / weights.sum())

    def density(self, theta: Array) -> Array:
        """(count,): logarithm of the density of these thetas, (count, J); but for points that weigh next to nothing."""
        kept = np.flatnonzero(self.weights > NEGLIGIBLE)
        some = self._each_density(theta[:: max(len(theta) // PROBED, 1)], kept)
        # Where these thetas lie most settings give next to nothing.
        share = np.exp(some - logsumexp(some, axis=0)).max(axis=1)
        each = self._each_density(theta, kept[share > NEGLIGIBLE])
        return np.asarray(logsumexp(each, axis=0) - theta.shape[1] * np.log(2 * np.pi) / 2)

    def _each_density(self, theta: Array, kept: npt.NDArray[np.intp]) -> Array:
        inverse_root = np.linalg.inv(self.roots(kept))
        sizes = np.log(np.diagonal(inverse_root, axis1=1, axis2=2)).sum(axis=1) + np.log(self.weights[kept])
        pairs = zip(sizes, self.mean[kept], inverse_root, strict=True)
        return np.array([size - (((theta - mean) @ root.T) ** 2).sum(axis=1) / 2 for size, mean, root in pairs])

    def ordered(self, places: npt.NDArray[np.intp]) -> Pooled:
        """The same with its channels in another order."""
        return self._replace(mean=self.mean[:, places], own=self.own[:, places], loading=self.loading[:, places])

    def draw(self, at: Points) -> Array:
        """(K, J): thetas of all channels together, from points with at least as many normals as channels."""
        kept, chosen = self.chosen(at.share)
        roots, order = self.roots(kept), np.argsort(chosen, kind="stable")
        shaken = np.empty((len(chosen), self.mean.shape[1]))
        ends = np.searchsorted(chosen[order], np.arange(len(kept) + 1))
        for root, start, end in zip(roots, ends, ends[1:], strict=False):
            rows = order[start:end]
            shaken[rows] = at.normal[rows, : len(root)] @ root.T
        return np.asarray(self.mean[kept[chosen]] + shaken)

    def draw_one(self, place: int, at: Points) -> Array:
        """(K,): thetas of one channel, from points with at least one normal."""
        kept, chosen = self.chosen(at.share)
        return np.asarray(self.mean[kept[chosen], place] + self.sd[kept[chosen], place] * at.normal[:, 0])

    def chosen(self, share: Array) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Settings that weigh anything, those with low middles first, and which of these every point falls to."""
        kept = np.flatnonzero(self.weights > NEGLIGIBLE)
        kept = kept[np.argsort(self.mean[kept].sum(axis=1), kind="stable")]
        reached = np.cumsum(self.weights[kept])
        return kept, np.minimum(np.searchsorted(reached / reached[-1], share), len(kept) - 1)

    def roots(self, kept: npt.NDArray[np.intp]) -> Array:
        """(kept, J, J): roots of the covariance of theta."""
        shared = self.loading[kept] @ self.bias_root[kept]
        covariance = shared @ shared.transpose(0, 2, 1)
        channels = np.arange(self.mean.shape[1])
        covariance[:, channels, channels] += self.own[kept]
        return np.asarray(np.linalg.cholesky(covariance))


def grid(sights: Sights) -> tuple[Settings, ...]:
    """The points over which the model is averaged."""
    widths = [(g, float(np.exp(-0.5 * (np.log(g / USUAL_WIDTH) / WIDTH_SD) ** 2))) for g in WIDER]
    lost = [(-1, 1.0), *((int(place), LOST_WEIGHT) for place in np.flatnonzero(~sights.is_test))]
    return tuple(
        Settings(g, readers, everyone, base, place, by_width * by_likeness * by_base * by_place)
        for (g, by_width), (readers, everyone, by_likeness), (base, by_base), (place, by_place) in product(
            widths, ALIKE, HAS_BASE, lost
        )
    )


class Terms(NamedTuple):
    """What each channel adds at each point of the grid, whatever the others say: N points, J channels, M biases.

    Attributes:
        own: (N, J): variance of theta where the shared biases are known.
        middle: (N, J): theta where they are zero.
        loading: (N, J, M): how theta moves with them.
        tells: (N, J, M, M): how sharply the channel's lenses tell the shared biases, as precision.
        pull: (N, J, M): where they pull them, times that precision.
        misfit: (N, J): how far its lenses lie apart, as a square.
        size: (N, J): logarithm of the size of all this.
    """

    own: Array
    middle: Array
    loading: Array
    tells: Array
    pull: Array
    misfit: Array
    size: Array


class Board(NamedTuple):
    """Lenses laid out channel by channel, so that a change to one leaves the others' terms as they are.

    Attributes:
        sights: What the lenses see.
        settings: The points of the grid.
        alike: (N, L, L): correlation of the lenses' biases.
        terms: What each channel adds.
    """

    sights: Sights
    settings: tuple[Settings, ...]
    alike: Array
    terms: Terms

    def again(self, sights: Sights) -> Board:
        """The same lenses with some channels seen otherwise or left out."""
        kept = [self.sights.channels.index(name) for name in sights.channels]
        terms = Terms(*(part[:, kept] for part in self.terms))
        ways = [(sights.estimate, self.sights.estimate[:, kept]), (sights.error, self.sights.error[:, kept])]
        changed = np.flatnonzero(
            sum(((now != then) & ~(np.isnan(now) & np.isnan(then))).any(axis=0) for now, then in ways)
        )
        if len(changed):
            for part, new in zip(terms, _terms(sights.only(changed), self.settings, self.alike), strict=True):
                part[:, changed] = new
        return Board(sights, self.settings, self.alike, terms)

    def pooled(self) -> Pooled:
        """The posterior of theta."""
        terms = self.terms
        inner = _prior_precision(self.alike, terms.loading.shape[-1]) + terms.tells.sum(axis=1)
        pull = terms.pull.sum(axis=1)
        covariance = np.linalg.inv(inner)
        bias = np.einsum("nlm,nm->nl", covariance, pull)
        misfit = terms.misfit.sum(axis=1) - (pull * bias).sum(axis=-1)
        sizes = terms.size.sum(axis=1) + _log_det(self.alike) + _log_det(inner)
        mean = terms.middle - np.einsum("njm,nm->nj", terms.loading, bias)
        log_weights = -(misfit + sizes) / 2 + np.log([p.weight for p in self.settings])
        evidence = float(logsumexp(log_weights))
        root = np.linalg.cholesky(covariance)
        return Pooled(np.exp(log_weights - evidence), mean, terms.own, terms.loading, root, self.settings, evidence)


def board(sights: Sights, settings: Sequence[Settings] | None = None) -> Board:
    """Lay out what is read on the scale of the logarithm.

    Args:
        sights: At least one lens a channel.
        settings: Points of the grid; all of `grid` when None.
    """
    settings = grid(sights) if settings is None else tuple(settings)
    alike = _alike(sights, settings)
    return Board(sights, settings, alike, _terms(sights, settings, alike))


def pool(sights: Sights, settings: Sequence[Settings] | None = None) -> Pooled:
    """The posterior of theta from what is read on the scale of the logarithm; arguments as for `board`."""
    return board(sights, settings).pooled()


def _terms(sights: Sights, settings: Sequence[Settings], alike: Array) -> Terms:
    seen: Flags = np.asarray(~np.isnan(sights.estimate)).T  # (J, L), as everything below: settings, channels, lenses
    loading = _loading(sights, settings)
    precision, log_sizes = _precision(sights, settings, alike, seen)
    has_base = np.array([p.base for p in settings])[:, None, None]
    off = np.where(seen, (sights.estimate - sights.mean).T - has_base * sights.base_mean.T, 0.0)
    by_lens = precision.sum(axis=-1)
    total = by_lens.sum(axis=-1)
    own = 1 / total
    # Theta is flat: what all lenses of a channel share says nothing of their biases.
    contrast = precision - by_lens[..., :, None] * by_lens[..., None, :] * own[..., None, None]
    weighed = contrast @ loading
    apart = np.einsum("njlm,njm->njl", contrast, off)
    return Terms(
        own=own,
        middle=own * np.einsum("njl,njl->nj", by_lens, off),
        loading=own[..., None] * (by_lens[..., None, :] @ loading)[..., 0, :],
        tells=loading.swapaxes(-1, -2) @ weighed,
        pull=np.einsum("njlm,njl->njm", weighed, off),
        misfit=np.einsum("njl,njl->nj", apart, off),
        size=log_sizes + np.log(total),
    )


def _loading(sights: Sights, settings: Sequence[Settings]) -> Array:
    """(N, J, L, M): how what each lens says of each channel moves with the biases that channels share."""
    lenses = len(sights.lenses)
    found = np.zeros((len(settings), len(sights.channels), lenses, lenses + sights.base_sd.shape[-1]))
    places = np.arange(lenses)
    found[..., places, places] = np.array([p.wider for p in settings])[:, None, None] * sights.sd.T
    has_base = np.array([p.base for p in settings])[:, None, None, None]
    found[..., lenses:] = has_base * sights.base_sd.swapaxes(0, 1)
    return found


def _prior_precision(alike: Array, biases: int) -> Array:
    """(N, M, M): of the biases that channels share; what is given though it would have come stands alone."""
    lenses, rest = alike.shape[-1], np.arange(alike.shape[-1], biases)
    found = np.zeros((len(alike), biases, biases))
    found[:, :lenses, :lenses] = np.linalg.inv(alike)
    found[:, rest, rest] = 1.0
    return found


def _alike(sights: Sights, settings: Sequence[Settings]) -> Array:
    """(N, L, L): correlation of lenses' biases: readers of touches among themselves, the others, tests with none."""
    biased = ~sights.is_test
    readers = sights.reads_touches & biased
    everyone = np.array([p.all_alike for p in settings])[:, None, None]
    among_readers = np.array([max(p.readers_alike, p.all_alike) for p in settings])[:, None, None]
    found = np.where(readers[:, None] & readers, among_readers, np.where(biased[:, None] & biased, everyone, 0.0))
    places = np.arange(len(sights.lenses))
    found[:, places, places] = 1.0
    return found


def _precision(sights: Sights, settings: Sequence[Settings], alike: Array, seen: Flags) -> tuple[Array, Array]:
    """Inverse covariance of channels' own biases and errors, (N, J, L, L), and the logarithm of its size, (N, J)."""
    places = np.arange(len(sights.lenses))
    lost = np.where(np.array([[p.lost] for p in settings]) == places, LOST, 1.0)
    spread = np.array([p.wider for p in settings])[:, None, None] * lost[:, None, :] * sights.spread.T
    both = seen[:, :, None] & seen[:, None, :]
    base = np.array([p.base for p in settings])[:, None, None] * sights.base_own.T
    covariance = spread[..., :, None] * alike[:, None] * spread[..., None, :] + base[..., :, None] * base[..., None, :]
    covariance = np.where(both, covariance, 0.0)
    error = np.where(seen, sights.error.T, 1.0)
    covariance[..., places, places] = np.where(seen, spread**2 + base**2 + error**2, 1.0)
    return np.where(both, np.linalg.inv(covariance), 0.0), _log_det(covariance)


def _log_det(matrices: Array) -> Array:
    return np.asarray(np.linalg.slogdet(matrices)[1])
