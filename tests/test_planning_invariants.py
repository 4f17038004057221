"""What holds of every plan: how its size answers to what is declared, what its weeks bring, what a card and a row keep."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from experiment_frames import PASSING, a_plan, workspace_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from martech_lib import Workspace, experiments
from martech_lib.experiments.declared import split_of
from martech_lib.experiments.plan import NOT_IN_FINGERPRINT, Plan
from martech_lib.experiments.sizes import power_with, units_at

RULES = ("fixed", "obrien_fleming", "pocock", "confidence_sequence")
METHODS = ("pooled", "unpooled", "cohen_h", "evan_miller")
LIKE = 1e-9  # by which floating point may part what is the same
shares = st.floats(0.05, 0.95)
seldom = settings(max_examples=40)


@st.composite
def rates(draw: st.DrawFn) -> dict[str, Any]:
    """A baseline and a change that leaves it between 0 and 1."""
    baseline, part = draw(st.floats(0.01, 0.99)), draw(st.floats(0.05, 0.9))
    room = draw(st.sampled_from([1 - baseline, -baseline]))
    return {"primary_metric": "conversion rate", "baseline": baseline, "mde": part * room}


@st.composite
def means(draw: st.DrawFn) -> dict[str, Any]:
    sd, deviations = draw(st.floats(0.01, 1e4)), draw(st.floats(0.01, 1.0))
    sign, baseline = draw(st.sampled_from([1, -1])), draw(st.floats(0.1, 1e4))
    return {"primary_metric": "revenue per user", "baseline": baseline, "mde": sign * sd * deviations, "sd": sd}


@st.composite
def designs(draw: st.DrawFn) -> dict[str, Any]:
    """How it is tested: error rates, tails, looks, two arms of any shares or several even ones."""
    arms, share = draw(st.integers(2, 5)), draw(shares)
    return {
        "alpha": draw(st.floats(0.001, 0.3)),
        "power": draw(st.floats(0.5, 0.99)),
        "tails": draw(st.sampled_from([1, 2])),
        "rule": draw(st.sampled_from(RULES)),
        "looks": draw(st.integers(1, 4)),
        "split": (share, 1 - share) if arms == 2 else (1 / arms,) * arms,
        "many": draw(st.sampled_from(["dunnett", "holm"])),
        "correlation": draw(st.floats(-0.9, 0.9)),
    }


metrics = st.one_of(rates(), means())
ways = st.sampled_from(METHODS)


def planned(*declared: dict[str, Any], **more: Any) -> Plan:
    told: dict[str, Any] = {"name": "T"}
    for part in (*declared, more):
        told |= part
    return experiments.plan(**told)


def units(plan: Plan) -> float:
    """Units of the control arm before they are rounded, where one arm has to be found."""
    return units_at(plan, plan.effect, alpha=plan.size.alpha) * plan.size.inflation


# ---- size ----


@given(metric=metrics, how=designs(), method=ways, more=st.floats(1.01, 3))
@seldom
def test_a_larger_change_needs_fewer(metric: dict[str, Any], how: dict[str, Any], method: str, more: float) -> None:
    room = math.inf if "sd" in metric else (1 - metric["baseline"] if metric["mde"] > 0 else metric["baseline"])
    larger = math.copysign(min(more * abs(metric["mde"]), 0.99 * room), metric["mde"])
    few, many = (planned(metric, how, method=method, mde=mde) for mde in (larger, metric["mde"]))
    assert few.sample_size <= many.sample_size and few.total_units <= many.total_units


@given(metric=metrics, how=designs(), method=ways, powers=st.tuples(*[st.floats(0.5, 0.99)] * 2), alphas=st.tuples(*[st.floats(0.001, 0.3)] * 2))  # fmt: skip
@seldom
def test_more_power_and_fewer_false_alarms_need_more(
    metric: dict[str, Any], how: dict[str, Any], method: str, powers: tuple[float, ...], alphas: tuple[float, ...]
) -> None:
    weak, strong = (planned(metric, how, method=method, power=power) for power in sorted(powers))
    assert weak.sample_size <= strong.sample_size
    strict, lax = (planned(metric, how, method=method, alpha=alpha) for alpha in sorted(alphas))
    assert strict.sample_size >= lax.sample_size


@given(metric=rates(), how=designs(), method=st.sampled_from(["pooled", "unpooled", "cohen_h"]))
@seldom
def test_those_who_do_and_those_who_do_not_are_one_question(
    metric: dict[str, Any], how: dict[str, Any], method: str
) -> None:
    plan = planned(metric, how, method=method)
    other = planned(metric, how, method=method, baseline=1 - metric["baseline"], mde=-metric["mde"])
    assert units(other) == pytest.approx(units(plan), rel=LIKE)
    assert abs(other.sample_size - plan.sample_size) <= 1, "rounded from either side of a whole number"


@given(metric=metrics, how=designs(), method=ways)
@seldom
def test_a_relative_change_is_the_absolute_one(metric: dict[str, Any], how: dict[str, Any], method: str) -> None:
    plan = planned(metric, how, method=method)
    other = planned(metric, how, method=method, mde=metric["mde"] / metric["baseline"], relative=True)
    assert (other.effect, units(other)) == pytest.approx((plan.effect, units(plan)), rel=LIKE)


@given(metric=rates(), method=ways, share=shares, tails=st.sampled_from([1, 2]), power=st.floats(0.5, 0.99))
def test_the_calculator_says_what_the_plan_says(
    metric: dict[str, Any], method: str, share: float, tails: int, power: float
) -> None:
    plan = planned(metric, method=method, split=(share, 1 - share), tails=tails, power=power)
    told = experiments.sample_size(
        baseline=plan.baseline, mde=plan.mde, ratio=(1 - share) / share, tails=tails, power=power, method=method
    )
    assert abs(told - plan.sample_size) <= 1, "rounded from either side of a whole number"


@given(metric=metrics, how=designs(), method=ways, correlation=st.floats(-0.99, 0.99))
@seldom
def test_the_past_takes_out_what_it_explains(
    metric: dict[str, Any], how: dict[str, Any], method: str, correlation: float
) -> None:
    plain, known = (planned(metric, how, method=method, correlation=r) for r in (0.0, correlation))
    assert units(known) == pytest.approx((1 - correlation**2) * units(plain), rel=LIKE)
    assert known.sample_size == max(1, (round if method == "evan_miller" else math.ceil)(units(known)))


@given(metric=metrics, how=designs(), share=shares)
@seldom
def test_uneven_arms_never_need_fewer_in_all(metric: dict[str, Any], how: dict[str, Any], share: float) -> None:
    """Means exactly; rates where the change is small beside both shares, so that both arms vary alike."""
    if "sd" not in metric:
        share = min(share, 0.45) if share < 0.5 else max(share, 0.55)
        small = 0.01 * min(metric["baseline"], 1 - metric["baseline"])
        metric = metric | {"mde": math.copysign(small, metric["mde"])}
    even, uneven = (planned(metric, how, split=(s, 1 - s)) for s in (0.5, share))
    assert units(uneven) / share >= units(even) / 0.5 * (1 - LIKE)
    assert uneven.total_units >= even.total_units - 2, "each arm is rounded up"


@given(metric=metrics, how=designs(), arms=st.integers(2, 7), power_of=st.sampled_from(["best", "every"]))
@seldom
def test_more_arms_never_need_a_smaller_control(
    metric: dict[str, Any], how: dict[str, Any], arms: int, power_of: str
) -> None:
    few, many = (planned(metric, how, split=(1 / n,) * n, power_of=power_of) for n in (arms, arms + 1))
    assert few.sample_size <= many.sample_size
    even = {"split": (1 / arms,) * arms, "many": "dunnett"}
    best, every = (planned(metric, how, even, power_of=one).sample_size for one in ("best", "every"))
    assert every >= best, "at one critical value every arm is harder to find than one"


def fixed_power(plan: Plan, n: int) -> float:
    """Chance that the smallest arm's pooled z, or z of means, lies beyond the critical value on the side of the effect."""
    ratio, left = min(plan.split[1:]) / plan.split[0], math.sqrt(1 - plan.correlation**2)
    if plan.sd is None:
        p, q = plan.baseline, plan.baseline + plan.effect
        both = (p + ratio * q) / (1 + ratio)
        null, real = both * (1 - both) * (1 + 1 / ratio), p * (1 - p) + q * (1 - q) / ratio
    else:
        null = real = plan.sd**2 * (1 + 1 / ratio)
    critical = norm.isf(plan.size.alpha / plan.tails) * math.sqrt(null)
    return float(norm.cdf((abs(plan.effect) * math.sqrt(n) / left - critical) / math.sqrt(real)))


@given(metric=metrics, how=designs())
@seldom
def test_the_planned_size_is_the_smallest_with_the_planned_power(metric: dict[str, Any], how: dict[str, Any]) -> None:
    plan = planned(metric, how)
    n = plan.sample_size
    assert power_with(plan, n) >= plan.power - LIKE
    if plan.rule == "fixed" and plan.looks == 1:
        assert fixed_power(plan, n) >= plan.power - LIKE
        assert fixed_power(plan, n - 1) < plan.power
        wrong_side = power_with(plan, n) - fixed_power(plan, n)
        assert -LIKE <= wrong_side <= (plan.size.alpha / 2 if plan.tails == 2 else LIKE)
    else:
        assert power_with(plan, max(n - 1, 1e-6)) < plan.power


# ---- weeks ----


@given(metric=metrics, how=designs(), growth=st.floats(0.3, 1), weeks=st.floats(0.2, 30))
@seldom
def test_weeks_are_whole_enough_and_no_more(
    metric: dict[str, Any], how: dict[str, Any], growth: float, weeks: float
) -> None:
    total = planned(metric, how).total_units
    plan = planned(metric, how, growth=growth, weekly_units=total / weeks**growth)
    assert plan.weeks is not None and plan.weekly_units is not None and isinstance(plan.weeks, int)
    assert plan.weekly_units * plan.weeks**growth >= total * (1 - 1e-8)
    assert plan.weeks == 1 or plan.weekly_units * (plan.weeks - 1) ** growth < total
    assert plan.weeks == max(1, math.ceil(weeks - 1e-6)) or abs(plan.weeks - weeks) < 1 + 1e-6


@given(metric=metrics, how=designs(), growth=st.floats(0.3, 1), weeks=st.floats(0.2, 30))
@seldom
def test_each_week_sees_less_and_the_last_what_was_planned(
    metric: dict[str, Any], how: dict[str, Any], growth: float, weeks: float
) -> None:
    total = planned(metric, how).total_units
    plan = planned(metric, how, growth=growth, weekly_units=total / weeks**growth)
    told = experiments.by_week(plan, weeks=(plan.weeks or 0) + 2)
    seen, power = told["mde"].to_numpy(), told["power"].to_numpy()
    known = seen[~np.isnan(seen)]
    assert np.isnan(seen[: len(seen) - len(known)]).all(), "once a change is seen, it is seen in every later week"
    assert (np.diff(known) < 0).all() and (np.diff(power) > -LIKE).all() and (np.diff(told["units"]) > 0).all()
    end = (plan.weeks or 0) - 1
    assert seen[end] <= abs(plan.effect) * (1 + 1e-6) and power[end] >= plan.power - 1e-6


# ---- card and register ----

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=30)


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, Any]:
    """Every field of a plan that passes the gate."""
    return {
        **draw(metrics), **draw(designs()), **PASSING,
        "name": draw(st.sampled_from(["", "=", "+", "-", "@"])) + "A" + draw(words),
        "relative": False,
        "weekly_units": draw(st.floats(1, 1e9)),
        "rule": "pocock",
        "growth": draw(st.floats(0.3, 1)),
        "method": draw(ways),
        "skew": draw(st.floats(-10, 10)),
        "power_of": draw(st.sampled_from(["best", "every"])),
        "planned_units": draw(st.none() | st.integers(10**10, 10**12)),
        "window_days": draw(st.none() | st.floats(0.5, 90)),
        "guardrail_metrics": draw(st.sampled_from(["unsubscribe rate", "a; b per user", ("refund rate", "c;d")])),
        "one_sided_reason": "nobody would build a fall either; " + draw(words),
        "surface": draw(words),
        "owner": draw(words),
    }  # fmt: skip


@given(told=declarations())
@settings(max_examples=30)
def test_a_plan_comes_back_from_its_card_and_the_register(told: dict[str, Any]) -> None:
    way = "lower" if told["mde"] < 0 else "higher"
    plan = planned(told, primary_metric=f"{told['primary_metric']} ({way} is better)")
    with TemporaryDirectory() as folder:
        done = experiments.register(workspace_of(Path(folder)), plan)
        ws = Workspace.open(folder)
        card = experiments.read_card((Path(folder) / "plans" / f"{done.id}.yaml").read_text(encoding="utf-8"))
        row = ws.register("experiments").iloc[0]
        matrix = experiments.record(ws).matrix
    assert card.plan == plan and card.is_as_registered and card.plan.size == plan.size
    assert card.fingerprint == row["fingerprint"] == done.fingerprint == plan.fingerprint
    assert experiments.plan_of_card(done.card) == plan
    assert row["name"] == plan.name
    assert split_of(str(row["split"])) == pytest.approx(plan.split, abs=1e-8), "a row is read without its card, too"
    assert (row["planned_n"], row["looks_planned"]) == (plan.total_units, plan.looks)
    assert not (matrix["verdict"] == "fail").any() or plan.tails == 1


PLAN = a_plan(**PASSING, split="34/33/33", surface="sign-up page", owner="Ana")
OTHERWISE: dict[str, Any] = {
    "name": "Another", "hypothesis": "We hope so", "primary_metric": "trial rate", "baseline": 0.2000001, "mde": 0.26,
    "relative": False, "weekly_units": 1101.0, "split": (0.33, 0.34, 0.33), "looks": 2, "rule": "pocock", "tails": 1,
    "alpha": 0.04, "power": 0.9, "downstream_metric": "", "guardrail_metrics": ("unsubscribe rate", "refund rate"),
    "variables_changed": 2, "growth": 0.7, "method": "unpooled", "sd": 0.4, "skew": 0.1, "correlation": 0.2,
    "many": "holm", "power_of": "every", "planned_units": 9000, "window_days": 7.0, "one_sided_reason": "so",
}  # fmt: skip


def test_every_field_is_tried() -> None:
    assert {*OTHERWISE, *NOT_IN_FINGERPRINT} == {field.name for field in fields(Plan)}


@pytest.mark.parametrize("name", OTHERWISE)
def test_another_value_is_another_fingerprint(name: str) -> None:
    other = replace(PLAN, **{name: OTHERWISE[name]})
    assert other != PLAN and other.fingerprint != PLAN.fingerprint
    forged = experiments.card_of(other, "X-001").replace(other.fingerprint, PLAN.fingerprint)
    card = experiments.read_card(forged)
    assert card.plan == other and not card.is_as_registered


def test_where_and_who_are_no_part_of_it() -> None:
    assert replace(PLAN, surface="pricing page", owner="Ben").fingerprint == PLAN.fingerprint


@given(first=declarations(), second=declarations(), name=st.sampled_from(sorted(OTHERWISE)))
@settings(max_examples=60)
def test_a_fingerprint_is_of_one_plan(first: dict[str, Any], second: dict[str, Any], name: str) -> None:
    plan = planned(first)
    other = replace(plan, **{name: getattr(planned(second), name)})
    assert (other.fingerprint == plan.fingerprint) == (other == plan)


def test_minus_nothing_is_nothing() -> None:
    assert a_plan(skew="-0", correlation=-0.0).fingerprint == a_plan().fingerprint
