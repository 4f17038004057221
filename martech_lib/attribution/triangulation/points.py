"""Evenly spread points to draw from: scrambled Sobol sets, so that few draws lie as the distribution does.

Source: Owen (1997), Annals of Statistics 25(4), Scrambled net variance for integrals of smooth functions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from martech_lib.core.stats import Array

SEED = 20_260
SIZE = 512  # points of one set
KEPT = 512  # sets that stay in memory: the next move of a control draws from the same
CLEAR = 1e-12  # of zero and one, which have no normal quantile


class Points(NamedTuple):
    """Points of several independent sets, one set after another.

    Attributes:
        share: (K,): uniform between 0 and 1.
        normal: (K, W): standard normal.
    """

    share: Array
    normal: Array


def points(width: int, sets: range) -> Points:
    """The points of these sets, `SIZE` each; the same number gives the same set."""
    several = [_points(width, number) for number in sets]
    return Points(np.concatenate([one.share for one in several]), np.concatenate([one.normal for one in several]))


@lru_cache(maxsize=KEPT)
def _points(width: int, number: int) -> Points:
    uniform = qmc.Sobol(width + 1, rng=np.random.default_rng([SEED, number])).random(SIZE)
    found = Points(uniform[:, 0].copy(), ndtri(np.clip(uniform[:, 1:], CLEAR, 1 - CLEAR)))
    for part in found:
        part.flags.writeable = False
    return found
