"""Lift tests that are read on their own scale: several as one, and what stands for them on the logarithm's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from martech_lib.attribution.triangulation.sights import OwnScale, Sights


class StandIn(NamedTuple):
    """A normal on the scale of the logarithm: its centre and standard deviation."""

    centre: float
    error: float


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
