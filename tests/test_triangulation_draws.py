"""Weighted draws: quantiles, and how far chance has moved them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from martech_lib.attribution.triangulation.draws import Draws
from martech_lib.attribution.triangulation.points import SIZE

SHARES = (0.1, 0.5, 0.9)
WIDE_SHARES = (0.005, *SHARES, 0.995)


@pytest.mark.parametrize("sd", [0.05, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
def test_quantiles_are_where_the_weights_reach_the_share(sd: float, unit: float) -> None:
    rng = np.random.default_rng(3)
    effects = unit * np.exp(sd * rng.normal(size=(32 * SIZE, 4)) + [0, 1, 3, 9])
    weights = rng.exponential(size=len(effects))
    weights /= weights.sum()
    for share, ends in zip(WIDE_SHARES, Draws(effects, weights).quantiles(WIDE_SHARES), strict=True):
        reached = ((effects <= ends) * weights[:, None]).sum(axis=0)
        np.testing.assert_allclose(reached, share, atol=2 * weights.max())


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


def test_what_is_known_of_the_draws_takes_chance_out_of_ends_and_of_the_claim() -> None:
    def below(ends: np.ndarray) -> np.ndarray:
        return np.asarray(ndtr(np.log(np.maximum(ends, 1e-300))))

    claimed, ends, plain = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        effects, weights = np.exp(rng.normal(size=(16 * SIZE, 1))), rng.uniform(0.8, 1.2, size=16 * SIZE)
        draws = Draws(effects, weights / weights.sum(), below)
        claimed.append(draws.error((0.9,)))
        ends.append(draws.quantiles((0.9,))[0, 0])
        plain.append(Draws(effects, draws.weights).quantiles((0.9,))[0, 0])
    assert np.std(ends) < 0.5 * np.std(plain)
    assert np.mean(claimed) < 0.5 * np.std(plain) / np.mean(plain)
