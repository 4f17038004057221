"""The Markov removal effect, exact: what share of conversions would be lost without a channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from martech_lib.core.stats import Array


def removal_shares(transitions: Array, states_of: Sequence[npt.NDArray[np.intp]]) -> Array:
    """Each channel's part of all removal effects.

    A channel's removal effect is the share of conversions whose journeys pass through it under the chain: with
    N = (I - Q)^-1 and a = N r, the conversions that reach the set A of a channel's states are N[0, A] N[A, A]^-1 a[A].
    Nothing is simulated; a state that follows itself changes nothing.

    Args:
        transitions: (B, S + 1, S + 2) counts for each of B samples, from the start (row 0) or a state, to a state, to a
            conversion (second last column) or to the end without one (last).
        states_of: For each channel the numbers of its states, 0 to S - 1.

    Returns:
        (B, K) shares that add up to 1; zeros for a sample without a conversion.

    Source: Anderl, Becker, von Wangenheim, Schumann (2016), Mapping the customer journey, IJRM 33(3).
    """
    out = transitions.sum(axis=2, keepdims=True)
    chain = np.divide(transitions, out, out=np.zeros_like(transitions), where=out > 0)
    size = transitions.shape[1]
    moves = np.zeros((len(transitions), size, size))
    moves[:, :, 1:] = chain[:, :, : size - 1]
    visits = np.asarray(np.linalg.inv(np.eye(size) - moves), dtype=np.float64)
    converts = np.einsum("bij,bj->bi", visits, chain[:, :, -2])
    reached = [_reached(visits, converts, states + 1) for states in states_of]
    effects = np.array(reached).reshape(len(states_of), len(visits)).T
    total = effects.sum(axis=1, keepdims=True)
    return np.divide(effects, total, out=np.zeros_like(effects), where=total > 0)


def _reached(visits: Array, converts: Array, states: npt.NDArray[np.intp]) -> Array:
    """Probability, for each sample, to reach one of the states and to convert."""
    if len(states) == 0:
        return np.zeros(len(visits))
    inside = visits[:, states[:, None], states[None, :]]
    first = np.linalg.solve(np.swapaxes(inside, 1, 2), visits[:, 0, states][:, :, None])[:, :, 0]
    return np.einsum("bs,bs->b", first, converts[:, states])
