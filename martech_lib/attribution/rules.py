"""Position rules: what each touch of a converting journey is credited by its place, from sums by place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from martech_lib.attribution.sums import Sums
from martech_lib.core.stats import Array

FIRST = ("only", "pair_first", "three_first", "first")
LAST = ("only", "pair_last", "three_last", "last")


def first(sums: Sums, *, value: bool) -> Array:
    """All to the first touch."""
    return sums.of("touches", *FIRST, value=value)


def last(sums: Sums, *, value: bool) -> Array:
    """All to the last touch."""
    return sums.of("touches", *LAST, value=value)


def last_non_direct(sums: Sums, direct: str, *, value: bool) -> Array:
    """All to the last touch that is not direct; to direct where there is no other."""
    before = sums.before_values if value else sums.before
    if direct not in sums.channels:
        return before.sum(axis=2)
    k = sums.channels.index(direct)
    credited = before.sum(axis=2)
    credited[:, k] = before[:, k, -1]
    credited += np.where(np.arange(len(sums.channels)) == k, 0.0, before[:, k, :-1])
    return credited


def linear(sums: Sums, *, value: bool) -> Array:
    """An equal part to each touch."""
    return sums.of("linear", value=value)


def set_based(sums: Sums, *, value: bool) -> Array:
    """An equal part to each channel of the journey, once: set-based Shapley in closed form.

    Source: Zhao, Mahboobi, Bagheri (2018), Shapley value methods for attribution modeling, arXiv:1804.05327.
    """
    return sums.met_by("shared", value=value)


def position(sums: Sums, weights: Sequence[float], *, value: bool) -> Array:
    """The first and the last touch their weight, those between share theirs; of two, by both ends."""
    start, middle, end = weights
    return (
        _one_or_two(sums, start, end, value)
        + start * sums.of("touches", "three_first", "first", value=value)
        + middle * sums.of("between", "three_middle", "milestone", "inner", value=value)
        + end * sums.of("touches", "three_last", "last", value=value)
    )


def w_shaped(sums: Sums, weights: Sequence[float], *, value: bool) -> Array:
    """First, milestone and last their weight, the others share the rest; of three, by the three weights."""
    start, milestone, end, rest = weights
    whole = start + milestone + end
    three = (start / whole, milestone / whole, end / whole) if whole else (1 / 3, 1 / 3, 1 / 3)
    return (
        _one_or_two(sums, start, end, value)
        + three[0] * sums.of("touches", "three_first", value=value)
        + three[1] * sums.of("touches", "three_middle", value=value)
        + three[2] * sums.of("touches", "three_last", value=value)
        + start * sums.of("touches", "first", value=value)
        + milestone * sums.of("touches", "milestone", value=value)
        + end * sums.of("touches", "last", value=value)
        + rest * sums.of("rest", "inner", value=value)
    )


def _one_or_two(sums: Sums, start: float, end: float, value: bool) -> Array:
    """Journeys of one touch, and of two, which the weights of first and last share."""
    to_first = start / (start + end) if start + end else 0.5
    return (
        sums.of("touches", "only", value=value)
        + to_first * sums.of("touches", "pair_first", value=value)
        + (1 - to_first) * sums.of("touches", "pair_last", value=value)
    )
