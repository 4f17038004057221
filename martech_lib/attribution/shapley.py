"""Rate-based Shapley values: a channel set is worth the conversion rate of the journeys with exactly these channels."""

from __future__ import annotations

from math import factorial

import numpy as np
import numpy.typing as npt

from martech_lib.core.stats import Array

MOST_CHANNELS = 20  # in one journey: its 2^n subsets are enumerated
CHUNK = 8_000_000  # numbers held at a time


def rate_credits(masks: npt.NDArray[np.int64], journeys: Array, conversions: Array, channels: int) -> Array:
    """The conversions of each observed channel set, shared among its channels by their Shapley values.

    Args:
        masks: (M,) channel sets, bit k for channel k, each once.
        journeys: (B, M) journeys with exactly that set, in each of B samples.
        conversions: (B, M) those that converted.
        channels: K.

    Returns:
        (B, K) credited conversions. A credit may be below zero where adding a channel goes with a lower rate.

    Source: Shapley (1953); as attribution: the definition of the Python package MAM.
    """
    order = np.argsort(masks)
    masks, journeys, conversions = masks[order], journeys[:, order], conversions[:, order]
    rates = np.divide(conversions, journeys, out=np.zeros_like(conversions), where=journeys > 0)
    # A set's Shapley values add up to its rate, so times its journeys they add up to its conversions.
    weights = np.where(conversions > 0, journeys, 0.0)
    bits = (masks[:, None] >> np.arange(channels)) & 1
    sizes = bits.sum(axis=1)
    credits = np.zeros((len(journeys), channels))
    counted = weights.any(axis=0)
    for size in np.unique(sizes[counted]):
        chosen = np.flatnonzero((sizes == size) & counted)
        step = max(1, CHUNK // (len(journeys) << int(size)))
        for start in range(0, len(chosen), step):
            sets = chosen[start : start + step]
            members = np.nonzero(bits[sets])[1].reshape(len(sets), size)
            shared = _values(members, masks, rates) * weights[:, sets, None]
            np.add.at(credits.T, members.ravel(), shared.reshape(len(credits), -1).T)
    return credits


def _values(members: npt.NDArray[np.intp], masks: npt.NDArray[np.int64], rates: Array) -> Array:
    """(B, sets, size) Shapley values of the members of some channel sets of one size.

    Args:
        members: (sets, size) channels.
        masks: (M,) observed channel sets, in order.
        rates: (B, M) their conversion rates; a set that was not observed is worth nothing.
    """
    size = members.shape[1]
    inside = (np.arange(1 << size)[:, None] >> np.arange(size)) & 1
    subsets = (np.int64(1) << members) @ inside.T
    place = np.searchsorted(masks, subsets).clip(max=len(masks) - 1)
    worth = np.where(masks[place] == subsets, rates[:, place], 0.0)
    return np.asarray(worth @ _weights(inside))


def _weights(inside: npt.NDArray[np.int64]) -> Array:
    """(subsets, size): by how much a member's value grows with the worth of each subset."""
    size = inside.shape[1]
    joins = np.array([factorial(q) * factorial(size - q - 1) / factorial(size) for q in range(size)] + [0.0])
    held = inside.sum(axis=1)
    return np.where(inside == 1, joins[held - 1][:, None], -joins[held][:, None])
