"""Arithmetic from sufficient statistics: what group totals say of the uncertainty of a number."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """Standard errors and confidence limits, one an estimate, all in the estimate's unit."""

    se: Array
    lower: Array
    upper: Array


def normal_quantile(share: float) -> float:
    """The number of standard deviations below which a normal variable lies with this probability, 0 to 1."""
    return NormalDist().inv_cdf(share)


def without_each(groups: npt.NDArray[Any]) -> Array:
    """The whole, then the whole without each group, of sums that stand along axis 0 by group: (G, ...) -> (1 + G, ...).

    Sums without a group are differences, so whole numbers stay exact.
    """
    whole = np.asarray(groups, dtype=np.float64).sum(axis=0)
    return np.concatenate([whole[None], whole[None] - groups])


def jackknife(estimates: Array, *, level: float) -> Interval:
    """Delete-a-group jackknife of totals.

    Args:
        estimates: (1 + G, ...): the estimate from everything, then from everything but each group. A total without a
            group is raised by G / (G - 1), for it lacks that group's part.
        level: Confidence level, 0 to 1.

    Source: Kott (2001), The delete-a-group jackknife, Journal of Official Statistics 17(4): Student's t with G - 1
    degrees of freedom.
    """
    from scipy.special import stdtrit

    groups = len(estimates) - 1
    whole, left = estimates[0], estimates[1:] * (groups / (groups - 1))
    se = np.sqrt((groups - 1) / groups * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    half = stdtrit(groups - 1, (1 + level) / 2) * se
    return Interval(se, whole - half, whole + half)


def jackknife_ratio(above: Array, below: Array, *, level: float) -> Interval:
    """Delete-a-group jackknife of a ratio of two totals, which needs no raising: see `jackknife`."""
    groups = len(above) - 1
    raised = np.concatenate([[1.0], np.full(groups, (groups - 1) / groups)])
    return jackknife(above / below * raised, level=level)
