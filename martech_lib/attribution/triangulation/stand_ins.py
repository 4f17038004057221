"""Stand-ins on the scale of the logarithm for lift tests that are read on their own scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from martech_lib.attribution.triangulation.pooling import NEGLIGIBLE, Pooled
from martech_lib.attribution.triangulation.sights import OwnScale, Sights
from martech_lib.core.stats import Array

SPAN, NODES = 8.0, 400  # standard deviations about what the other lenses believe
LEAST_PRECISION = 0.1
WIDEST = 2.0


class StandIn(NamedTuple):
    """A normal on the scale of the logarithm: its centre and standard deviation."""

    centre: float
    error: float

    def log_density(self, theta: Array) -> Array:
        """(K,): logarithm of its density, but for a constant."""
        return np.asarray(-(((theta - self.centre) / self.error) ** 2) / 2 - np.log(self.error))


def log_likelihood(test: OwnScale, theta: Array) -> Array:
    """(K,): logarithm of a test's likelihood, but for a constant."""
    return np.asarray(
        -(((np.exp(np.minimum(theta, 300.0)) - test.estimate) / test.error) ** 2) / 2 - np.log(test.error)
    )


def together(tests: Sequence[OwnScale]) -> list[OwnScale]:
    """Tests of one channel as one, weighed by precision."""
    found = []
    for place in sorted({test.place for test in tests}):
        of_one = [test for test in tests if test.place == place]
        precision = np.array([test.error**-2.0 for test in of_one])
        estimate = float(precision @ [test.estimate for test in of_one] / precision.sum())
        found.append(OwnScale(place, estimate, float(precision.sum() ** -0.5)))
    return found


def rough(test: OwnScale) -> StandIn:
    """One that is near the test where its likelihood is high."""
    centre = max(test.estimate, 0.6 * test.error)
    return StandIn(float(np.log(centre)), float(min(1.2 * test.error / centre, 1.5)))


def about(test: OwnScale, middle: float) -> StandIn:
    """One that is like the test near a logarithm of conversions: by the second-order expansion of its likelihood, or,
    where that bends the other way, of the same height there."""
    size = float(np.exp(middle))
    precision = size * (2 * size - test.estimate) / test.error**2
    if precision >= LEAST_PRECISION:
        return StandIn(middle - size * (size - test.estimate) / test.error**2 / precision, float(precision**-0.5))
    peak = rough(test)
    off = abs(size - test.estimate) / test.error
    return StandIn(peak.centre, float(np.clip(abs(middle - peak.centre) / max(off, 0.1), peak.error, WIDEST)))


def middle_of(test: OwnScale, others: Pooled) -> float:
    """Mean of a tested channel's logarithm, by the other lenses and the test."""
    kept = others.weights > NEGLIGIBLE
    weights, mean, sd = others.weights[kept], others.mean[kept, test.place], others.sd[kept, test.place]
    theta = np.linspace(float((mean - SPAN * sd).min()), float((mean + SPAN * sd).max()), NODES)
    believed = logsumexp(np.log(weights / sd) - ((theta[:, None] - mean) / sd) ** 2 / 2, axis=1)
    log_density = believed + log_likelihood(test, theta)
    mass = np.exp(log_density - log_density.max())
    return float(mass @ theta / mass.sum())


def with_stand_ins(sights: Sights, tests: Sequence[OwnScale], stand_ins: Sequence[StandIn]) -> Sights:
    """The same with tests on the scale of the logarithm, as their stand-ins."""
    at = int(np.flatnonzero(sights.is_test)[0])
    estimate, error = sights.estimate.copy(), sights.error.copy()
    for test, stand_in in zip(tests, stand_ins, strict=True):
        estimate[at, test.place], error[at, test.place] = stand_in
    return replace(sights, estimate=estimate, error=error)


def on_log_alone(sights: Sights) -> Sights:
    """The same with every test on its own scale replaced by its stand-in: the closed form of this is near the draws."""
    tests = together(sights.own_scale)
    return replace(with_stand_ins(sights, tests, [rough(t) for t in tests]), own_scale=()) if tests else sights
