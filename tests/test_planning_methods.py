"""What a week sees by the plan's own way of counting, and which power no way of counting can promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from experiment_frames import a_plan
from scipy.stats import binom, norm

from martech_lib import experiments
from martech_lib.core.errors import UserError
from martech_lib.core.power import METHODS
from martech_lib.experiments.duration import in_weeks, least_seen, power_curve
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.sizes import power_with, units_at

DESIGNS: tuple[dict[str, Any], ...] = (
    {},
    {"split": "10/90", "tails": 1},
    {"split": "90/10", "power": 0.95},
    {"rule": "pocock", "looks": 3, "correlation": 0.5},
    {"split": "34/33/33", "power_of": "every"},
)


def unrounded(plan: Plan) -> float:
    return units_at(plan, plan.effect, alpha=plan.size.alpha) * plan.size.inflation * plan.size.for_every


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("baseline", "mde"), [(0.2, 0.05), (0.2, -0.05), (0.7, 0.2), (0.7, -0.4), (0.02, 0.3)])
@pytest.mark.parametrize("design", DESIGNS)
def test_the_planned_units_see_the_planned_change(
    method: str, baseline: float, mde: float, design: dict[str, Any]
) -> None:
    plan = a_plan(method=method, baseline=baseline, mde=mde, relative=False, **design)
    assert least_seen(plan, np.array([unrounded(plan)])) == pytest.approx(abs(mde), rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_week_that_brings_the_planned_units_sees_the_planned_change(method: str) -> None:
    counted = a_plan(method=method, mde=0.02, relative=False)
    plan = a_plan(method=method, mde=0.02, relative=False, weekly_units=counted.total_units / 4)
    told = in_weeks(plan, np.array([4])).iloc[0]
    assert plan.weeks == 4
    assert told["mde"] == pytest.approx(0.02, rel=1e-3)
    assert told["power"] == pytest.approx(0.8, abs=1e-3)


def test_ways_of_counting_see_different_changes() -> None:
    """Their differences are those of their sizes: Evan Miller's page asks for 1,030 units an arm, the pooled for 1,094."""
    seen = {method: float(least_seen(a_plan(method=method), np.array([200.0]))[0]) for method in METHODS}
    assert len({round(change, 5) for change in seen.values()}) == len(METHODS)
    assert seen["evan_miller"] < seen["pooled"]


@pytest.mark.parametrize("method", METHODS)
def test_no_rise_is_seen_by_too_few(method: str) -> None:
    plan = a_plan(method=method, baseline=0.9, mde=0.05, relative=False)
    assert np.isnan(least_seen(plan, np.array([0.5]))[0])


# ---- low power ----


def enumerated(control: float, treated: float, n: int, m: int) -> float:
    """Power of the pooled two-sided z-test at 5 %, over all pairs of counts that are not next to impossible."""
    a, b = (np.arange(binom.ppf(1e-9, u, p), binom.ppf(1 - 1e-9, u, p) + 1) for u, p in ((n, control), (m, treated)))
    common = (a[:, None] + b) / (n + m)
    spread = np.sqrt(common * (1 - common) * (1 / n + 1 / m))
    rejects = np.abs(b / m - a[:, None] / n) > norm.isf(0.025) * spread
    return float(binom.pmf(a, n, control) @ rejects @ binom.pmf(b, m, treated))


def size_at(power: float, baseline: float, change: float, **more: Any) -> int | None:
    """Units of the control arm; None where they are refused for the power."""
    try:
        return experiments.sample_size(baseline=baseline, mde=change, relative=True, power=power, **more)
    except UserError as refusal:
        assert f"power came as {power:g}; no formula holds for it" in str(refusal)
        return None


POWERS = (0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.8)


@pytest.mark.parametrize("ratio", [99.0, 9.0, 1.0, 1 / 9, 1 / 99])
@pytest.mark.parametrize("baseline", [0.01, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("change", [0.5, 0.1, -0.1, -0.5, -0.9])
@pytest.mark.parametrize("tails", [1, 2])
def test_more_power_needs_more_or_the_lower_is_refused(
    ratio: float, baseline: float, change: float, tails: int
) -> None:
    for method in METHODS:
        sizes = [size_at(power, baseline, change, ratio=ratio, tails=tails, method=method) for power in POWERS]
        told = [units for units in sizes if units is not None]
        assert sizes[: len(sizes) - len(told)] == [None] * (len(sizes) - len(told)), "the lowest are refused"
        assert told == sorted(told) and sizes[-1] is not None and sizes[-2] is not None


@pytest.mark.parametrize("power", [0.06, 0.1, 0.2, 0.3])
def test_a_power_that_would_need_nobody_is_refused(power: float) -> None:
    """From 1 % to .1 % in 99 % of the users the formula asked for 100 users at 6 %, 5 at 20 % and 3 at 30 %.

    By all pairs of counts the test of three controls sees it in 3 % of cases.
    """
    assert enumerated(0.01, 0.001, 3, 297) == pytest.approx(0.03, abs=0.001)
    with pytest.raises(UserError, match=r"arms as uneven .* allowed is 0\.5 or more, such as 0\.8\."):
        a_plan(baseline=0.01, mde=-0.9, power=power, split="1/99")
    assert a_plan(baseline=0.01, mde=-0.9, power=0.8, split="1/99").sample_size == 274


@pytest.mark.parametrize(
    ("power", "baseline", "change", "ratio"),
    [(0.2, 0.05, -0.2, 99), (0.3, 0.05, -0.2, 99), (0.3, 0.01, -0.5, 99), (0.2, 0.01, 0.5, 99), (0.3, 0.2, 0.5, 1 / 99),
     (0.1, 0.05, 0.2, 1), (0.06, 0.2, 0.2, 1)],
)  # fmt: skip
def test_a_low_power_that_is_not_refused_is_about_what_all_pairs_of_counts_say(
    power: float, baseline: float, change: float, ratio: float
) -> None:
    units = size_at(power, baseline, change, ratio=ratio)
    assert units is not None
    told = enumerated(baseline, baseline * (1 + change), units, math.ceil(units * ratio))
    assert told == pytest.approx(power, abs=0.02)


def test_a_curve_of_low_power_rises_on_either_side() -> None:
    """Beyond the planned fall, where the formula would ask for nothing, no effect is seen less often than a smaller one."""
    plan = a_plan(baseline=0.05, mde=-0.45, power=0.25, split="1/99", rule="pocock", looks=3)
    power = power_curve(plan)
    falls = power.loc[power["effect"] < 0, "power"].to_numpy()
    assert (np.diff(falls) <= 1e-9).all()
    assert power_with(plan, unrounded(plan)) == pytest.approx(0.25, abs=1e-6)
