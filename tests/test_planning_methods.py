"""What a week sees by the plan's own way of counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from experiment_frames import a_plan

from martech_lib.core.power import METHODS
from martech_lib.experiments.duration import in_weeks, least_seen
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.sizes import units_at

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
