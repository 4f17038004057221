"""Weighted draws: their quantiles without sorting are those of sorting."""

from __future__ import annotations

import numpy as np
import pytest

from martech_lib.attribution.triangulation.draws import Draws
from martech_lib.attribution.triangulation.points import SIZE

SHARES = (0.1, 0.5, 0.9)


def by_sorting(effects: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(shares, channels): where the weights of the draws in order reach each share."""
    order = np.argsort(effects, axis=0)
    sorted_effects = np.take_along_axis(effects, order, axis=0)
    reached = np.cumsum(weights[order], axis=0) - weights[order] / 2
    return np.array([[np.interp(s, r, e) for r, e in zip(reached.T, sorted_effects.T, strict=True)] for s in SHARES])


@pytest.mark.parametrize("sd", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
def test_quantiles_are_those_of_sorting(sd: float, unit: float) -> None:
    rng = np.random.default_rng(3)
    effects = unit * np.exp(sd * rng.normal(size=(32 * SIZE, 4)) + [0, 1, 3, 9])
    weights = rng.exponential(size=len(effects))
    weights /= weights.sum()
    found = Draws(effects, weights).quantiles(SHARES)
    np.testing.assert_allclose(found, by_sorting(effects, weights), rtol=4e-3)


def test_draws_of_nothing_and_of_one_number_have_quantiles() -> None:
    effects = np.column_stack([np.zeros(SIZE), np.full(SIZE, 7.0), np.arange(SIZE) % 2 * 5.0])
    found = Draws(effects, np.full(SIZE, 1 / SIZE)).quantiles(SHARES)
    np.testing.assert_allclose(found[[0, 2]], [[0, 7, 0], [0, 7, 5]], atol=0.01)
    np.testing.assert_allclose(found[1, :2], [0, 7], atol=0.01)
    assert 0 <= found[1, 2] <= 5  # any number between is a median of the two


def test_draws_without_weight_count_for_nothing() -> None:
    effects = np.concatenate([np.full((SIZE, 1), 3.0), np.full((SIZE, 1), 1e12)])
    weights = np.concatenate([np.full(SIZE, 1 / SIZE), np.zeros(SIZE)])
    assert Draws(effects, weights).quantiles((0.99,))[0, 0] == pytest.approx(3.0)


def test_the_claimed_error_is_how_far_quantiles_lie_apart() -> None:
    claimed, ends = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        effects, weights = np.exp(rng.normal(size=(16 * SIZE, 1))), rng.exponential(size=16 * SIZE)
        draws = Draws(effects, weights / weights.sum())
        claimed.append(draws.error((0.9,)))
        ends.append(draws.quantiles((0.9,))[0, 0])
    assert np.mean(claimed) == pytest.approx(np.std(ends) / np.mean(ends), rel=0.35)
