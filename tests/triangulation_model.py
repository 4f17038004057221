"""The pooled model by its definition, written down a second time, and a sampler that knows nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from tests.triangulation_worlds import ERROR, SD, SPREAD, Drawn, means_of


class Term(NamedTuple):
    """One point of the grid.

    Attributes:
        log_weight: Of its prior, and what of its normal density depends on nothing that is seen.
        usual: What is taken off what is seen: (rows,).
        whiten: Makes of what is left standard normals: (rows, rows).
    """

    log_weight: float
    usual: np.ndarray
    whiten: np.ndarray


class Model:
    """The model by its definition: a dense covariance of all that is seen, averaged over the grid."""

    def __init__(self, of: Drawn, own: dict[int, tuple[float, float]], cap: float) -> None:
        seen = of.log_seen.copy()
        seen[5, list(own)] = np.nan
        self.own, self.cap = own, cap
        lens, self.place = np.nonzero(~np.isnan(seen))
        # In these worlds the bias's mean is what is left of the numbers once truth, common and own bias are taken out.
        means = np.array([means_of(of.channels)[at, j] for at, j in zip(lens, self.place, strict=True)])
        self.seen = seen[lens, self.place] - means
        self.terms = [*_terms(of, lens, self.place)]

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Of points (K, J)."""
        off = self.seen - theta[:, self.place]
        whites = ((off - term.usual) @ term.whiten.T for term in self.terms)
        each = [term.log_weight - (white**2).sum(axis=1) / 2 for term, white in zip(self.terms, whites, strict=True)]
        density = np.logaddexp.reduce(np.array(each), axis=0)
        for at, (estimate, se) in self.own.items():
            density = density - ((np.exp(theta[:, at]) - estimate) / se) ** 2 / 2
        return np.where(np.exp(theta).sum(axis=1) <= self.cap, density, -np.inf)


def _terms(of: Drawn, lens: np.ndarray, place: np.ndarray) -> Iterator[Term]:
    reads, error = lens < 3, np.asarray(ERROR)[lens]
    spread = np.asarray(SPREAD)[lens].copy()
    spread[(lens == 3) & (of.channels["remembered"].to_numpy()[place] == "no")] = 0.5
    role = of.channels["role"].to_numpy()[place]
    shares_out, same_channel = lens < 4, place[:, None] == place
    kinds = (("demand capture", 1.2, 0.7, 0.8), ("both", 0.0, 0.5, 0.7), ("demand creation", 0.0, 0.0, 0.25))
    usual, anyway = np.zeros(len(lens)), np.zeros((len(lens), len(lens)))
    for kind, mean, sd, alone in kinds:
        of_kind = shares_out & (role == kind)
        usual += mean * of_kind
        anyway += np.outer(of_kind, of_kind) * (sd**2 + alone**2 * same_channel)
    likeness = ((0, 0, 0.45), (0.4, 0, 0.15), (0.8, 0, 0.15), (0.8, 0.8, 0.25))
    grids = product((0.75, 1.1, 1.6, 2.4), likeness, ((0, 0.4), (1, 0.6)), range(-1, 5))
    for wide, (readers, everyone, weight), (base, base_weight), lost in grids:
        if lost >= 0 and lost not in lens:
            continue
        alike = np.where(reads[:, None] & reads, max(readers, everyone), everyone)
        alike = np.where(lens[:, None] == lens, 1.0, alike)
        alike = np.where((lens[:, None] == 5) ^ (lens == 5), 0.0, alike)
        mine = wide * spread * np.where(lens == lost, 3.0, 1.0)
        common = wide**2 * np.outer(np.asarray(SD)[lens], np.asarray(SD)[lens]) * alike
        own_part = np.outer(mine, mine) * alike * same_channel
        root = np.linalg.cholesky(common + own_part + base * anyway + np.diag(error**2))
        prior = weight * base_weight * np.exp(-0.5 * (np.log(wide / 0.95) / 0.45) ** 2) * (0.04 if lost >= 0 else 1.0)
        log_weight = float(np.log(prior) - np.log(np.diag(root)).sum())
        yield Term(log_weight, base * usual, np.linalg.inv(root))


def metropolis(
    of: Drawn, own: dict[int, tuple[float, float]], cap: float, start: np.ndarray, walk: tuple[int, int, int]
) -> np.ndarray:
    """(chains, steps, J): a random walk of many chains, warmed up; steps as wide as the chains lie apart.

    Args:
        of: The world.
        own: Place of a channel -> its test on its own scale: estimate, standard error.
        cap: All conversions there were.
        start: (J,): where the chains begin, roughly.
        walk: Number of chains, of steps, of steps to warm up.
    """
    rng = np.random.default_rng(11)
    chains, steps, warm = walk
    at = start + 0.3 * rng.normal(size=(chains, len(start)))
    at -= np.maximum(np.log(np.exp(at).sum(axis=1) / (0.9 * cap)), 0)[:, None]
    model = Model(of, own, cap)
    density, kept = model.log_density(at), []
    root = 0.4 * np.eye(len(start))
    for step in range(steps):
        if step in (100, 200, warm):
            root = 2.4 / np.sqrt(len(start)) * np.linalg.cholesky(np.cov(at.T))
        tried = at + rng.normal(size=at.shape) @ root.T
        new = model.log_density(tried)
        taken = np.log(rng.random(chains)) < new - density
        at, density = np.where(taken[:, None], tried, at), np.where(taken, new, density)
        if step >= warm:
            kept.append(at)
    return np.array(kept).transpose(1, 0, 2)
