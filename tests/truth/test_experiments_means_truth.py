"""Experiments on means read as planned: skewed revenue, what the past takes out (CUPED), ratios.

Values are drawn by user with numpy. `make truth` draws 10,000 runs a cell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from martech_lib import experiments
from martech_lib.core.arms import Arm
from martech_lib.experiments.lines import Line
from martech_lib.experiments.plan import Plan
from tests.experiment_worlds import IS_FULL, MEAN, RATIO, arm_of_values, error_of, read_arms

RUNS = 10_000 if IS_FULL else 600
LEVEL = 0.95


def any_plan(metric: str, split: tuple[float, ...], **declared: Any) -> Plan:
    """A plan whose end every reading is: the runs are larger than it."""
    told = {"baseline": 2.0, "mde": 2.0, "sd": 1.0, "relative": False}
    return experiments.plan(name="t", primary_metric=metric, split=split, **{**told, **declared})


def read_all(plan: Plan, world: Callable[[np.random.Generator], tuple[Arm, Arm]], seed: int, runs: int) -> list[Line]:
    rng = np.random.default_rng([20261126, seed])
    return [read_arms(plan, world(rng))[0] for _ in range(runs)]


def held(lines: list[Line], difference: float, lift: float) -> tuple[float, float]:
    """Shares of the intervals that hold the truth: of the difference, of the lift.

    A lift is refused where one huge order hides the control's mean; that may happen once in a thousand runs.
    """
    told = [line.beside for line in lines]
    of_difference = [one.difference.lower <= difference <= one.difference.upper for one in told]
    lifts = [one.lift for one in told if one.lift is not None]
    assert len(lifts) >= 0.999 * len(told)
    return float(np.mean(of_difference)), float(np.mean([one.lower <= lift <= one.upper for one in lifts]))


def revenue(rng: np.random.Generator, n: int, *, rate: float, sigma: float, times: float = 1.0) -> np.ndarray:
    """Orders of those of n users who buy."""
    return times * rng.lognormal(3.5, sigma, rng.binomial(n, rate))


SIZES = [(5_000, 5_000), (1_000, 9_000), (9_000, 1_000)]


@pytest.mark.parametrize("sizes", SIZES)
def test_no_wins_are_made_of_skewed_revenue(sizes: tuple[int, int]) -> None:
    """5 % buy for lognormal(3.5, 1.2) and nothing has an effect: Welch rejects 9.2 % at 1,000 against 9,000."""
    plan = any_plan(MEAN, tuple(n / sum(sizes) for n in sizes))

    def world(rng: np.random.Generator) -> tuple[Arm, Arm]:
        control, treated = (arm_of_values(name, MEAN, revenue(rng, n, rate=0.05, sigma=1.2), n=n) for name, n in zip(("control", "t"), sizes, strict=True))  # fmt: skip
        return control, treated

    lines = read_all(plan, world, seed=sum(sizes) + sizes[0], runs=RUNS)
    wins, losses = (float(np.mean([getattr(line, what) for line in lines])) for what in ("is_gain", "is_loss"))
    error = error_of(0.05, RUNS)
    print(f"skewed revenue without effect, {sizes}: wins {wins:.4f}, losses {losses:.4f}, both {wins + losses:.4f} ({error:.4f})")  # fmt: skip
    assert wins + losses <= 0.05 + 3 * error
    assert max(wins, losses) <= 0.045 + 3 * error  # and not all on one side


COVERED = [
    ((5_000, 5_000), 0.05, 1.2),
    ((1_000, 9_000), 0.05, 1.2),
    ((1_000, 9_000), 0.03, 1.0),
    ((2_000, 18_000), 0.05, 1.0),
]


@pytest.mark.parametrize(("sizes", "rate", "sigma"), COVERED)
def test_intervals_of_skewed_revenue(sizes: tuple[int, int], rate: float, sigma: float) -> None:
    plan = any_plan(MEAN, tuple(n / sum(sizes) for n in sizes))
    mean = rate * float(np.exp(3.5 + sigma**2 / 2))

    def world(rng: np.random.Generator) -> tuple[Arm, Arm]:
        control = arm_of_values("control", MEAN, revenue(rng, sizes[0], rate=rate, sigma=sigma), n=sizes[0])
        return control, arm_of_values("t", MEAN, revenue(rng, sizes[1], rate=rate, sigma=sigma, times=1.2), n=sizes[1])

    lines = read_all(plan, world, seed=sizes[0], runs=RUNS)
    of_difference, of_lift = held(lines, 0.2 * mean, 0.2)
    error = error_of(LEVEL, RUNS)
    print(f"intervals of revenue, {sizes}, {rate} buy, sigma {sigma}: difference {of_difference:.4f}, lift {of_lift:.4f} ({error:.4f})")  # fmt: skip
    assert min(of_difference, of_lift) >= LEVEL - 3 * error


RHO = 0.6


def with_past(rng: np.random.Generator, name: str, n: int, effect: float) -> Arm:
    """Users whose past and outcome are normal and correlate by RHO; outcome of mean 10 and standard deviation 3."""
    past = rng.normal(size=n)
    y = 10 + effect + 3 * (RHO * past + np.sqrt(1 - RHO**2) * rng.normal(size=n))
    return arm_of_values(name, MEAN, y, past=50 + 8 * past)


@pytest.mark.parametrize("split", [(0.5, 0.5), (0.2, 0.8)])
def test_the_past_takes_its_part_of_the_variance_out(split: tuple[float, ...]) -> None:
    plan = any_plan(MEAN, split, baseline=10.0, mde=0.5, sd=3.0, correlation=RHO)
    plain = any_plan(MEAN, split, baseline=10.0, mde=0.5, sd=3.0)
    assert plan.sample_size / plain.sample_size == pytest.approx(1 - RHO**2, abs=0.005)

    def world(rng: np.random.Generator) -> tuple[Arm, Arm]:
        first, second = plan.size.arms
        return with_past(rng, "control", first, 0.0), with_past(rng, "t", second, 0.5)

    arms = [world(np.random.default_rng(seed)) for seed in range(50)]
    pairs = [(read_arms(plan, two)[0].beside.difference.se, read_arms(plain, two)[0].beside.difference.se) for two in arms]  # fmt: skip
    left = float(np.mean([(one / other) ** 2 for one, other in pairs]))
    lines = read_all(plan, world, seed=3, runs=RUNS)
    of_difference, of_lift = held(lines, 0.5, 0.05)
    power, error = float(np.mean([line.is_rejected for line in lines])), error_of(LEVEL, RUNS)
    print(
        f"CUPED, {split}: variance left {left:.4f}, 1 - rho^2 {1 - RHO**2:.4f}; difference {of_difference:.4f}, lift "
        f"{of_lift:.4f} ({error:.4f}); power {power:.4f} ({error_of(power, RUNS):.4f})"
    )
    assert left == pytest.approx(1 - RHO**2, abs=0.02)
    assert min(of_difference, of_lift) >= LEVEL - 3 * error
    assert abs(power - plan.power) <= 0.02 + (0.0 if IS_FULL else 3 * error_of(0.8, RUNS))


def clicks(rng: np.random.Generator, name: str, n: int, times: float) -> Arm:
    """Users who see more or less and click more or less often, the two not alike from user to user."""
    seen = 1 + rng.poisson(rng.gamma(2.0, 2.0, n))
    return arm_of_values(name, RATIO, rng.binomial(seen, times * rng.beta(2, 18, n)).astype(float), x=seen.astype(float))  # fmt: skip


@pytest.mark.parametrize("sizes", [(2_000, 2_000), (1_000, 4_000)])
@pytest.mark.parametrize("times", [1.0, 1.1])
def test_intervals_of_a_ratio(sizes: tuple[int, int], times: float) -> None:
    """The ratio is .1: clicking does not depend on how much a user sees."""
    plan = any_plan(RATIO, tuple(n / sum(sizes) for n in sizes), baseline=0.1)

    def world(rng: np.random.Generator) -> tuple[Arm, Arm]:
        return clicks(rng, "control", sizes[0], 1.0), clicks(rng, "t", sizes[1], times)

    lines = read_all(plan, world, seed=4, runs=RUNS)
    of_difference, of_lift = held(lines, 0.1 * (times - 1), times - 1)
    error = error_of(LEVEL, RUNS)
    print(f"intervals of a ratio, {sizes}, x{times}: difference {of_difference:.4f}, lift {of_lift:.4f} ({error:.4f})")
    assert min(of_difference, of_lift) >= LEVEL - 3 * error
