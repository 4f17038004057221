"""What must hold for any plan and any counts: of sizes, of weeks, of tests and their intervals, of looks and of arms."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from experiment_frames import a_plan
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from martech_lib.core.many_arms import dunnett_critical, dunnett_p, holm
from martech_lib.core.means import compared
from martech_lib.core.power import METHODS
from martech_lib.core.rates import Count, pooled_z, score_difference, score_lift
from martech_lib.core.sequential import boundaries, peeked, sequence_z
from martech_lib.core.stats import Sample, of_sums, uneven_split, welch
from martech_lib.experiments import sample_size
from martech_lib.experiments.duration import by_week, in_weeks, least_seen, power_curve, units_after
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.sizes import power_with

rates = st.floats(0.01, 0.6)
changes = st.floats(0.02, 0.5)
alphas = st.sampled_from([0.01, 0.05, 0.1])
powers = st.sampled_from([0.7, 0.8, 0.9, 0.95])
splits = st.sampled_from([(0.5, 0.5), (0.1, 0.9), (0.8, 0.2), (0.6, 0.4)])
several = st.sampled_from([(1 / 3,) * 3, (0.5, 0.25, 0.25), (0.25,) * 4])
traffic = st.floats(100, 50_000)
growths = st.sampled_from([0.5, 0.7, 1.0])


@st.composite
def plans(draw: Any) -> Plan:
    """Plans on rates, with looks or without, of two arms."""
    rule = draw(st.sampled_from(["fixed", "obrien_fleming", "pocock", "confidence_sequence"]))
    return a_plan(
        baseline=draw(rates), mde=draw(changes), alpha=draw(alphas), power=draw(powers), split=draw(splits), rule=rule,
        weekly_units=draw(traffic), growth=draw(growths), looks=1 if rule == "fixed" else draw(st.integers(2, 6)),
    )  # fmt: skip


@given(rates, changes, alphas, powers)
def test_a_size_grows_with_what_is_asked_of_it(baseline: float, change: float, alpha: float, power: float) -> None:
    asked: dict[str, Any] = {"baseline": baseline, "mde": change, "relative": True, "alpha": alpha, "power": power}
    size = sample_size(**asked)
    assert sample_size(**{**asked, "mde": change / 1.1}) >= size
    assert sample_size(**{**asked, "power": power + 0.04}) >= size
    assert sample_size(**{**asked, "alpha": alpha / 2}) >= size
    assert sample_size(**{**asked, "tails": 1}) <= size
    absolute = {**asked, "mde": baseline * change, "relative": False}
    assert abs(sample_size(**absolute) - size) <= 1, "by rounding alone"
    failures = {**absolute, "baseline": 1 - baseline, "mde": -baseline * change}
    assert abs(sample_size(**failures) - size) <= 1, "those who do not convert, mirrored"


@given(st.floats(0.05, 2), st.floats(0.2, 5), st.floats(0, 0.95), st.floats(1, 9))
def test_a_size_of_means_by_the_textbook(mde: float, sd: float, correlation: float, ratio: float) -> None:
    plan = a_plan(
        primary_metric="order value per user", baseline=10.0, mde=mde, relative=False, sd=sd, correlation=correlation,
        split=(1 / (1 + ratio), ratio / (1 + ratio)),
    )  # fmt: skip
    units = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2 * sd**2 * (1 + 1 / ratio) * (1 - correlation**2) / mde**2
    assume(units > 30)
    assert plan.sample_size == pytest.approx(units, abs=2, rel=1e-3)


@given(plans())
def test_weeks_are_enough_and_not_one_too_many(plan: Plan) -> None:
    weeks = plan.weeks
    assert weeks is not None and weeks == int(weeks) >= 1
    assume(weeks < 5_000)
    assert units_after(weeks, plan) >= plan.total_units * (1 - 1e-9)
    if weeks > 1:
        assert units_after(weeks - 1, plan) < plan.total_units
    at_end = in_weeks(plan, np.array([weeks])).iloc[0]
    assert at_end["mde"] <= plan.effect * (1 + 1e-3)
    assert at_end["power"] >= plan.power - 1e-3


@given(plans(), st.sampled_from(METHODS), st.sampled_from([1, -1]))
def test_at_the_planned_units_the_planned_change_is_seen_by_every_formula(plan: Plan, method: str, way: int) -> None:
    of = replace(plan, method=method, mde=way * plan.mde)
    assume(plan.baseline + abs(plan.effect) < 1 and plan.baseline > abs(plan.effect) and of.size.control > 500)
    # A unit more is seen by its part; so is that of the plan's rounding.
    assert least_seen(of, np.array([of.size.control / 1.0]))[0] == pytest.approx(
        abs(of.effect), rel=2 / of.size.control
    )


@given(plans())
def test_each_week_sees_more(plan: Plan) -> None:
    weeks = by_week(plan)
    seen, power = weeks["mde"].dropna().to_numpy(), weeks["power"].to_numpy()
    assert (np.diff(seen) <= 1e-9).all()
    assert (np.diff(power) >= -1e-6).all()
    assert (np.diff(weeks["units"]) > 0).all()
    assert ((power >= 0) & (power <= 1 + 1e-12)).all()


@settings(max_examples=40)
@given(plans())
def test_a_power_curve_is_lowest_where_nothing_is_changed(plan: Plan) -> None:
    curve = power_curve(plan).dropna()
    right = curve[curve["effect"] > 1e-9]
    assert (np.diff(right["power"]) >= -1e-6).all()
    nothing = power_with(plan, plan.size.control, effect=1e-6 * plan.effect)
    assert nothing <= plan.alpha + 1e-3
    assert curve["power"].min() >= nothing - 1e-3
    assume(plan.size.control > 100)  # below that one unit more or less is seen in the power
    assert np.interp(plan.effect, curve["effect"], curve["power"]) == pytest.approx(plan.power, abs=0.02)


@given(rates, st.floats(0.05, 0.5), st.sampled_from(["fixed", "pocock"]), st.sampled_from([1, -1]))
def test_a_one_sided_plan_does_not_see_the_other_side(rate: float, change: float, rule: str, way: int) -> None:
    plan = a_plan(
        baseline=rate, mde=way * change, tails=1, one_sided_reason="x", rule=rule, looks=1 if rule == "fixed" else 3
    )
    curve = power_curve(plan).dropna()
    assert (curve.loc[way * curve["effect"] < -1e-9, "power"] < plan.alpha).all()
    assert np.interp(plan.effect, curve["effect"], curve["power"]) == pytest.approx(plan.power, abs=0.02)


@given(rates, changes, several, st.sampled_from(["dunnett", "holm"]))
def test_every_arm_is_seen_in_the_weeks_that_are_planned(
    rate: float, change: float, split: tuple[float, ...], many: str
) -> None:
    plan = a_plan(baseline=rate, mde=change, split=split, many=many, power_of="every")
    assert plan.weeks is not None
    seen = in_weeks(plan, np.array([max(1, plan.weeks - 1), plan.weeks]))["mde"].to_numpy()
    assert seen[-1] <= plan.effect * (1 + 1e-3)
    if plan.weeks > 1:
        assert seen[0] > plan.effect * (1 - 1e-3)


def test_weeks_that_are_too_short_for_a_skewed_mean_see_nothing() -> None:
    plan = a_plan(primary_metric="revenue per user", baseline=20.0, mde=0.2, sd=40.0, skew=10, weekly_units=20_000)
    assert plan.sample_size == 355 * 10**2
    weeks = in_weeks(plan, np.array([1, 3, 4]))
    assert weeks["mde"].isna().tolist() == [True, True, False]


@given(rates, changes, several)
def test_more_arms_need_no_fewer_users(baseline: float, change: float, split: tuple[float, ...]) -> None:
    two = a_plan(baseline=baseline, mde=change)
    for many in ("dunnett", "holm"):
        for power_of in ("best", "every"):
            more = a_plan(baseline=baseline, mde=change, split=split, many=many, power_of=power_of)
            assert more.total_units > two.total_units
    every = a_plan(baseline=baseline, mde=change, split=split, power_of="every")
    assert every.total_units >= a_plan(baseline=baseline, mde=change, split=split, power_of="best").total_units


@st.composite
def counts(draw: Any) -> tuple[Count, Count]:
    users = draw(st.integers(20, 5_000)), draw(st.integers(20, 5_000))
    hits = [draw(st.integers(0, n)) for n in users]
    return Count(hits[0], users[0]), Count(hits[1], users[1])


@given(counts(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_a_difference_of_rates_and_its_test_say_the_same(pair: tuple[Count, Count], level: float) -> None:
    control, treated = pair
    found = score_difference(control, treated, level=level)
    assert -1 <= found.lower <= found.estimate <= found.upper <= 1
    swapped = score_difference(treated, control, level=level)
    assert (-swapped.upper, -swapped.lower) == pytest.approx((found.lower, found.upper), abs=1e-6)
    assume(0 < control.hits + treated.hits < control.n + treated.n)
    p = 2 * stats.norm.sf(abs(z_by_hand(control, treated)))
    assume(abs(p - (1 - level)) > 1e-6)
    assert (found.lower > 0 or found.upper < 0) == (p < 1 - level)


def z_by_hand(control: Count, treated: Count) -> float:
    share = (control.hits + treated.hits) / (control.n + treated.n)
    error = math.sqrt(share * (1 - share) * (1 / control.n + 1 / treated.n))
    return (treated.hits / treated.n - control.hits / control.n) / error


@given(counts())
def test_a_lift_of_rates_and_its_difference_have_one_verdict(pair: tuple[Count, Count]) -> None:
    control, treated = pair
    assume(control.hits and treated.hits and control.hits + treated.hits < control.n + treated.n)
    found = score_lift(control, treated, level=0.95)
    assert -1 <= found.lower <= found.estimate <= found.upper
    back = score_lift(treated, control, level=0.95)
    if math.isfinite(back.upper) and back.lower > -1:
        assert (1 / (1 + back.upper), 1 / (1 + back.lower)) == pytest.approx(
            (1 + found.lower, 1 + found.upper), rel=1e-4, abs=1e-6
        )
    z = z_by_hand(control, treated)
    assert pooled_z(control, treated) == pytest.approx(z)
    assume(abs(abs(z) - stats.norm.ppf(0.975)) > 1e-4)
    assert (found.lower > 0 or found.upper < 0) == (abs(z) > stats.norm.ppf(0.975))


values = st.lists(st.floats(0, 100), min_size=5, max_size=40)


@given(values, values)
def test_welch_is_that_of_scipy(first: list[float], second: list[float]) -> None:
    assume(np.var(first) > 1e-3 and np.var(second) > 1e-3)
    one, other = (of_sums(len(v), sum(v), sum(x * x for x in v)) for v in (first, second))
    wanted = stats.ttest_ind(second, first, equal_var=False)
    interval = wanted.confidence_interval(0.9)
    found = welch(one, other, level=0.9)
    assert found.p == pytest.approx(wanted.pvalue, rel=1e-6, abs=1e-9)
    assert (found.lower, found.upper) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-6)


@given(st.floats(1, 100), st.floats(1, 100), st.floats(1, 400), st.floats(1, 400), st.integers(200, 9_000))
def test_a_lift_of_means_and_its_test_say_the_same(a: float, b: float, va: float, vb: float, n: int) -> None:
    for units in ((n, n), (n, 9 * n), (9 * n, n)):
        told = compared(Sample(units[0], a, va, 3.0), Sample(units[1], b, vb, 3.0), level=0.95)
        p = told.difference.p
        assert p is not None and 0 <= p <= 1
        assume(abs(p - 0.05) > 1e-6)
        for found in (told.difference, told.lift):
            assert found.lower <= found.estimate <= found.upper
            if math.isfinite(found.upper):  # without an end where the control's mean is not told from none
                assert (found.lower > 0 or found.upper < 0) == (p < 0.05)
        assert math.isfinite(told.difference.lower + told.difference.upper)


@settings(max_examples=15)
@given(st.sampled_from(["obrien_fleming", "pocock"]), st.integers(2, 8), alphas, st.integers(0, 99))
def test_boundaries_spend_alpha_and_no_more(rule: str, looks: int, alpha: float, seed: int) -> None:
    shares = tuple(np.arange(1, looks + 1) / looks)
    bounds = np.array(boundaries(shares, rule=rule, alpha=alpha))
    if rule == "obrien_fleming":
        assert (np.diff(bounds) < 0).all()
    runs = 40_000
    steps = np.random.default_rng(seed).normal(size=(runs, looks)).cumsum(axis=1)
    crossed = (np.abs(steps / np.sqrt(np.arange(1, looks + 1))) > bounds).any(axis=1).mean()
    assert abs(crossed - alpha) < 4 * math.sqrt(alpha * (1 - alpha) / runs)
    assert bounds[-1] >= stats.norm.isf(alpha / 2) - 1e-9


@given(st.floats(0.01, 1), alphas)
def test_a_confidence_sequence_is_never_narrower_than_one_look(share: float, alpha: float) -> None:
    assert sequence_z(share, alpha=alpha) > stats.norm.isf(alpha / 2)


@given(st.integers(1, 30), alphas)
def test_peeking_only_ever_adds_false_alarms(looks: int, alpha: float) -> None:
    assert (
        alpha - 1e-9 <= peeked(looks, alpha=alpha) <= peeked(looks + 1, alpha=alpha) <= 1 - (1 - alpha) ** (looks + 1)
    )


@settings(max_examples=20)
@given(several, alphas, st.integers(0, 99))
def test_dunnett_lets_all_comparisons_together_err_by_alpha(split: tuple[float, ...], alpha: float, seed: int) -> None:
    critical = dunnett_critical(split, alpha=alpha)
    runs, rng = 40_000, np.random.default_rng(seed)
    means = rng.normal(size=(runs, len(split))) / np.sqrt(split)
    z = (means[:, 1:] - means[:, :1]) / np.sqrt(1 / np.array(split[1:]) + 1 / split[0])
    worst = np.abs(z).max(axis=1)
    assert abs((worst > critical).mean() - alpha) < 4 * math.sqrt(alpha * (1 - alpha) / runs)
    adjusted = dunnett_p([critical, *([0.0] * (len(split) - 2))], split)
    assert adjusted[0] == pytest.approx(alpha, abs=1e-4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_by_a_plain_loop(p: list[float]) -> None:
    adjusted, most = {}, 0.0
    for place, at in enumerate(sorted(range(len(p)), key=lambda one: p[one])):
        most = max(most, min(1.0, (len(p) - place) * p[at]))
        adjusted[at] = most
    assert holm(p) == pytest.approx([adjusted[at] for at in range(len(p))])


@given(st.lists(st.integers(1, 5_000), min_size=2, max_size=5))
def test_a_sample_ratio_by_scipy(arms: list[int]) -> None:
    found = uneven_split(np.array(arms, float), np.full(len(arms), 1 / len(arms)))
    assert found == pytest.approx(stats.chisquare(arms).pvalue, rel=1e-6, abs=1e-12)
