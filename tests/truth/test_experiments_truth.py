"""Experiments on rates read as planned: false alarms, power and intervals are what the plan says.

The worlds are drawn by numpy, and rejections are counted from the plan's boundaries by arithmetic of their own; what the
library reads is held against that run by run. `make truth` draws 10,000 to 40,000 runs a cell.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from martech_lib.core.rates import Count, wald
from martech_lib.experiments.sizes import power_with
from tests.experiment_worlds import (
    IS_FULL,
    draw,
    error_of,
    rate_plan,
    read_look,
    read_run,
    rejected,
    stops,
    z_of_counts,
)

RUNS = 40_000 if IS_FULL else 10_000  # of cells that numpy counts alone
READ = 10_000 if IS_FULL else 150  # of cells whose intervals the library reads, run by run
BESIDE = 100 if IS_FULL else 4  # runs that are counted both ways
RULES = ("fixed", "obrien_fleming", "pocock", "confidence_sequence")
LOOKS = {"fixed": 1, "obrien_fleming": 5, "pocock": 5, "confidence_sequence": 5}


def counted(plan: Any, rates: tuple[float, ...], seed: int, runs: int = RUNS) -> np.ndarray:
    """(runs, arms - 1): whether each arm was seen; the first runs are held against what the library reads."""
    users, hits = draw(plan, rates, runs, seed)
    z = z_of_counts(users, hits)
    for run in range(BESIDE):
        look, lines = read_run(plan, users, hits[run])
        assert [line.is_rejected for line in lines] == list(rejected_by(plan, z[run : run + 1, : look + 1])[0])
    return rejected(plan, z)


def rejected_by(plan: Any, z: np.ndarray) -> np.ndarray:
    """What is seen at the last of these looks."""
    if plan.rule == "fixed":
        return rejected(plan, z)
    return np.abs(z[:, -1]) > plan.boundaries[z.shape[1] - 1]


@pytest.mark.parametrize("rule", RULES)
def test_false_alarms_of_a_rule(rule: str) -> None:
    plan = rate_plan(rule=rule, looks=LOOKS[rule])
    found = float(counted(plan, (0.1, 0.1), seed=1).mean())
    error = error_of(plan.alpha, RUNS)
    print(f"false alarms, {rule}, {plan.looks} looks: {found:.4f} ({error:.4f}), nominal {plan.alpha}")
    assert found <= plan.alpha + 3 * error
    if rule != "confidence_sequence":
        assert found >= plan.alpha - 3 * error


def test_a_confidence_sequence_sees_something() -> None:
    fixed = rate_plan()
    sequence = rate_plan(rule="confidence_sequence", looks=5)
    users, hits = draw(sequence, (0.1, 0.115), RUNS, 2)
    scale = fixed.total_units / sequence.total_units
    found = {
        "fixed, at its own size": counted(fixed, (0.1, 0.115), seed=3).mean(),
        "confidence sequence, at the size of the fixed test": at_size(sequence, scale, seed=4),
        "confidence sequence, at its own size": rejected(sequence, z_of_counts(users, hits)).mean(),
    }
    for what, power in found.items():
        print(f"power, {what}: {power:.3f} ({error_of(power, RUNS):.4f})")
    planned = power_with(sequence, sequence.sample_size * scale)
    print(f"the plan says {planned:.3f} at the size of the fixed test, whose units are {scale:.3f} of its own")
    assert abs(found["confidence sequence, at the size of the fixed test"] - planned) < 0.02
    assert found["confidence sequence, at its own size"] > 0.78


def at_size(plan: Any, scale: float, seed: int) -> float:
    """Power of a plan's boundaries with fewer units."""
    users, _ = draw(plan, (0.1, 0.115), 1, seed)
    fewer = np.rint(users * scale).astype(np.int64)
    new = np.diff(fewer, axis=0, prepend=0)
    hits = np.random.default_rng(seed).binomial(new, (0.1, 0.115), size=(RUNS, *new.shape)).cumsum(axis=1)
    return float(rejected(plan, z_of_counts(fewer, hits)).mean())


BASELINES, SPLITS = (0.02, 0.1, 0.3), ((0.5, 0.5), (0.1, 0.9), (0.8, 0.2))


@pytest.mark.parametrize(("baseline", "split", "rule"), [*product(BASELINES, SPLITS, RULES)])
def test_power_of_two_arms(baseline: float, split: tuple[float, ...], rule: str) -> None:
    plan = rate_plan(baseline=baseline, split=split, rule=rule, looks=LOOKS[rule])
    assert min(plan.size.arms) * plan.size.shares[0] * baseline >= 30
    found = float(counted(plan, (baseline, baseline + plan.effect), seed=5).mean())
    print(f"power, {baseline} {split} {rule}: {found:.4f} ({error_of(found, RUNS):.4f}), planned {plan.power}")
    assert abs(found - plan.power) <= 0.02


MANY = [("dunnett", "fixed"), ("holm", "fixed"), ("holm", "obrien_fleming"), ("holm", "pocock")]


@pytest.mark.parametrize(("baseline", "many"), [*product(BASELINES, MANY)])
@pytest.mark.parametrize("power_of", ["best", "every"])
def test_power_of_three_arms(baseline: float, many: tuple[str, str], power_of: str) -> None:
    method, rule = many
    plan = rate_plan(baseline=baseline, split=(1 / 3, 1 / 3, 1 / 3), many=method, rule=rule, power_of=power_of, looks=LOOKS[rule])  # fmt: skip
    better = baseline + plan.effect
    seen = counted(plan, (baseline, better, better if power_of == "every" else baseline), seed=6)
    found = float(seen.all(axis=1).mean() if power_of == "every" else seen[:, 0].mean())
    print(f"power of {power_of}, 3 arms, {baseline} {method} {rule}: {found:.4f} ({error_of(found, RUNS):.4f})")
    assert abs(found - plan.power) <= 0.02


@pytest.mark.parametrize("many", MANY)
@pytest.mark.parametrize("is_partial", [False, True])
def test_false_alarms_of_all_arms_together(many: tuple[str, str], is_partial: bool) -> None:
    method, rule = many
    plan = rate_plan(split=(1 / 3, 1 / 3, 1 / 3), many=method, rule=rule, looks=LOOKS[rule])
    rates = (0.1, 0.115 if is_partial else 0.1, 0.1)
    seen = counted(plan, rates, seed=7)
    found = float(seen[:, 1].mean() if is_partial else seen.any(axis=1).mean())
    what = "the arm without effect" if is_partial else "any arm"
    print(f"false alarms of {what}, {method} {rule}: {found:.4f} ({error_of(plan.alpha, RUNS):.4f})")
    assert found <= plan.alpha + 3 * error_of(plan.alpha, RUNS)


FIXED = [
    *product(("fixed",), BASELINES, SPLITS, (1.0,)),
    ("fixed", 0.1, (0.5, 0.5), 0.0),
    ("fixed", 0.1, (0.1, 0.9), 0.0),
]
LOOKED = [*product(("obrien_fleming", "pocock"), (0.1,), SPLITS, (0.0, 1.0))]
ANYTIME = [("confidence_sequence", 0.1, (0.5, 0.5), times) for times in (0.0, 1.0)]


@pytest.mark.parametrize(("rule", "baseline", "split", "times"), [*FIXED, *LOOKED, *ANYTIME])
def test_intervals_of_a_readout(rule: str, baseline: float, split: tuple[float, ...], times: float) -> None:
    plan = rate_plan(baseline=baseline, split=split, rule=rule, looks=LOOKS[rule])
    effect = times * plan.effect
    users, hits = draw(plan, (baseline, baseline + effect), READ, 8)
    looks = stops(plan, z_of_counts(users, hits))
    held = np.array([interval(plan, users[look], hits[run, look], effect) for run, look in enumerate(looks)])
    (of_difference, of_lift, width) = held.mean(axis=0)
    level, error = 1 - plan.alpha, error_of(plan.alpha, READ)
    print(
        f"intervals, {rule} {baseline} {split}, effect {times:g} of planned: difference {of_difference:.4f}, lift "
        f"{of_lift:.4f} ({error:.4f}), width over the textbook's {width:.3f}"
    )
    assert min(of_difference, of_lift) >= level - 3 * error
    if rule != "confidence_sequence":
        assert max(of_difference, of_lift) <= level + 3 * error
    if rule == "fixed":
        assert width <= 1.05


def interval(plan: Any, users: np.ndarray, hits: np.ndarray, effect: float) -> tuple[bool, bool, float]:
    """Whether difference and lift hold the truth at the look that stops, and the width over that of Wald's interval."""
    (line,) = read_look(plan, users, hits)
    told, lift = line.beside.difference, line.beside.lift
    control, treated = (Count(h, n) for h, n in zip(hits, users, strict=True))
    plain = wald(control, treated, level=1 - plan.alpha)
    width = (told.upper - told.lower) / (plain.upper - plain.lower)
    relative = effect / plan.baseline
    return told.lower <= effect <= told.upper, lift.lower <= relative <= lift.upper, width


@pytest.mark.parametrize("method", ["dunnett", "holm"])
def test_intervals_of_all_arms_hold_together(method: str) -> None:
    plan = rate_plan(split=(1 / 3, 1 / 3, 1 / 3), many=method)
    users, hits = draw(plan, (0.1, 0.115, 0.1), READ, 9)
    held = [together(plan, users, hits[run]) for run in range(READ)]
    found, error = float(np.mean(held)), error_of(plan.alpha, READ)
    print(f"intervals of both arms hold together, {method}: {found:.4f} ({error:.4f})")
    assert found >= 1 - plan.alpha - 3 * error


def together(plan: Any, users: np.ndarray, hits: np.ndarray) -> bool:
    _, lines = read_run(plan, users, hits)
    told = [line.beside.difference for line in lines]
    return all(one.lower <= truth <= one.upper for one, truth in zip(told, (plan.effect, 0.0), strict=True))
