"""Planning and reading held against published figures: calculators, engines, papers; and exact sums beside formulae."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from martech_lib import experiments
from martech_lib.core.means import compared
from martech_lib.core.power import (
    exact_power,
    least_lift_seen,
    least_rate_seen,
    power_of_lift,
    spread_of_means,
    units_for,
)
from martech_lib.core.rates import Count, wald
from martech_lib.core.sample_ratio import sample_ratio
from martech_lib.core.sequential import boundaries, peeked, sequence_z, walk
from martech_lib.core.stats import lift, lift_by_difference, normal_quantile, of_sums, uneven_split, welch

Z = normal_quantile(0.975)
EVERY_WEEK = range(1, 10)

# --- sizes -----------------------------------------------------------------------------------------------------------

# 20 % against 25 %: Evan Miller's page 1,030; Fleiss 1,094; without pooling 1,091; statsmodels (Cohen's h) 1,092.
CONVENTIONS = {"evan_miller": 1_030, "pooled": 1_094, "unpooled": 1_091, "cohen_h": 1_092}


@pytest.mark.parametrize(("method", "units"), CONVENTIONS.items())
def test_the_size_by_every_convention(method: str, units: int) -> None:
    assert experiments.sample_size(baseline=0.2, mde=0.05, method=method) == units
    relative = experiments.plan(
        name="t", primary_metric="sign-up", baseline=0.2, mde=0.25, relative=True, method=method
    )
    assert relative.sample_size == units


def enumerated(control: float, treated: float, n: int, m: int) -> float:
    """Power of the pooled two-sided z-test, over every pair of counts."""
    a, b = np.arange(n + 1)[:, None], np.arange(m + 1)[None, :]
    common = (a + b) / (n + m)
    spread = np.sqrt(common * (1 - common) * (1 / n + 1 / m))
    rejects = np.abs(b / m - a / n) > norm.isf(0.025) * spread
    return float(binom.pmf(a[:, 0], n, control) @ rejects @ binom.pmf(b[0], m, treated))


# The reference table: .776 at Evan Miller's 1,030 (.77654, cut and not rounded), .801 at 1,094.
@pytest.mark.parametrize(("units", "power"), [(1_030, 0.776), (1_094, 0.801)])
def test_exact_power_beside_the_formula(units: int, power: float) -> None:
    told = enumerated(0.2, 0.25, units, units)
    assert power <= told < power + 1e-3
    assert exact_power(0.2, 0.25, (units, units), alpha=0.05) == pytest.approx(told, abs=1e-12)


@pytest.mark.parametrize(("method", "least"), [("pooled", 0.8), ("unpooled", 0.799), ("cohen_h", 0.799), ("evan_miller", 0.77)])  # fmt: skip
def test_exact_power_of_every_convention(method: str, least: float) -> None:
    units = experiments.sample_size(baseline=0.2, mde=0.05, method=method)
    assert least <= enumerated(0.2, 0.25, units, units) <= 0.805


@pytest.mark.parametrize(
    ("control", "treated", "ratio"), [(0.1, 0.13, 1.0), (0.05, 0.08, 4.0), (0.3, 0.36, 0.25), (0.02, 0.035, 1.0)]
)
def test_exact_power_of_other_plans(control: float, treated: float, ratio: float) -> None:
    """The pooled size has its planned power within two points, and both enumerations agree where a tail is cut."""
    units = experiments.sample_size(baseline=control, mde=treated - control, ratio=ratio)
    other = math.ceil(units * ratio)
    told = enumerated(control, treated, units, other)
    assert exact_power(control, treated, (units, other), alpha=0.05) == pytest.approx(told, abs=1e-12)
    assert told == pytest.approx(0.8, abs=0.02)


# The sizes of Udacity's A/B testing project, read from Evan Miller's page (which turns p into 1 - p above one half).
@pytest.mark.parametrize(
    ("baseline", "mde", "units"), [(0.20625, 0.01, 25_835), (0.53, 0.01, 39_115), (0.1093125, 0.0075, 27_413)]
)
def test_sizes_of_udacity(baseline: float, mde: float, units: int) -> None:
    assert experiments.sample_size(baseline=baseline, mde=mde, method="evan_miller") == units


# G*Power, two independent means: 394, 64, 26 by t; one fewer by the normal approximation.
@pytest.mark.parametrize(("d", "units"), [(0.2, 393), (0.5, 63), (0.8, 25)])
def test_sizes_of_means(d: float, units: int) -> None:
    assert math.ceil(units_for(d, spread_of_means(1.0), critical=Z, power=0.8)) == units
    plan = experiments.plan(name="t", primary_metric="orders per user", baseline=3, mde=d, sd=1)
    assert plan.sample_size == units


def test_total_size_of_spotify_confidence() -> None:
    """Its test says 39,906; the z formula 39,904."""
    plan = experiments.plan(name="t", primary_metric="minutes per user", baseline=50, mde=0.3, sd=10, power=0.85)
    assert plan.total_units == 39_904


# The pooled formula, 5 % to 5.5 %: the traffic that a holdout needs over that of 50/50.
@pytest.mark.parametrize(("holdout", "times"), [(0.2, 1.58), (0.1, 2.82), (0.05, 5.35)])
def test_traffic_of_a_holdout(holdout: float, times: float) -> None:
    even, held = (
        experiments.plan(name="t", primary_metric="sign-up", baseline=0.05, mde=0.005, split=split).total_units
        for split in ((0.5, 0.5), (holdout, 1 - holdout))
    )
    assert held / even == pytest.approx(times, abs=0.005)


# Base 5 %, 10,000 users a day. Unique users of a holdout grow like days ** .7.
@pytest.mark.parametrize(
    ("split", "growth", "seen"), [((0.5, 0.5), 1.0, 0.047), ((0.1, 0.9), 0.7, 0.132)], ids=["even", "holdout"]
)
def test_what_week_four_sees(split: tuple[float, ...], growth: float, seen: float) -> None:
    plan = experiments.plan(
        name="t", primary_metric="sign-up", baseline=0.05, mde=0.1, relative=True, split=split, growth=growth,
        weekly_units=10_000 * 7**growth,
    )  # fmt: skip
    told = experiments.by_week(plan).set_index("week").loc[4]
    assert told["units"] == pytest.approx(10_000 * 28**growth)
    assert told["mde_relative"] == pytest.approx(seen, abs=5e-4)
    _, rise = least_rate_seen(0.05, told["units"] * split[0], ratio=split[1] / split[0], critical=Z, power=0.8)
    assert told["mde"] == pytest.approx(rise, rel=1e-6)


# --- GrowthBook's planner: rate .1, variance .09, 1,500 users a week and arm -------------------------------------------

POWER_BY_WEEK = (0.073, 0.0965, 0.1204, 0.14458, 0.16895, 0.19342, 0.21791, 0.24235, 0.26666)
MDE_BY_WEEK = (0.36767, 0.24505, 0.19525, 0.16673, 0.14774, 0.13394, 0.12336, 0.11491, 0.10796)


@pytest.mark.parametrize(("week", "power"), [*zip(EVERY_WEEK, POWER_BY_WEEK, strict=True)])
def test_power_by_week_of_growthbook(week: int, power: float) -> None:
    told = power_of_lift(0.05, mean=0.1, var=0.09, units=1_500 * week, critical=Z)
    assert told == pytest.approx(power, abs=5e-5 if week in (1, 2, 3) else 5e-6)  # digits as published


@pytest.mark.parametrize(("week", "mde"), [*zip(EVERY_WEEK, MDE_BY_WEEK, strict=True)])
def test_least_lift_by_week_of_growthbook(week: int, mde: float) -> None:
    told = least_lift_seen(mean=0.1, var=0.09, units=1_500 * week, critical=Z, power=0.8)
    assert told == pytest.approx(mde, abs=5e-6)
    other_side = norm.cdf(-told / math.sqrt(0.09 / (1_500 * week) / 0.01 * (1 + (1 + told) ** 2)) - Z)
    assert power_of_lift(told, mean=0.1, var=0.09, units=1_500 * week, critical=Z) == pytest.approx(0.8 + other_side)


def test_no_lift_is_seen_by_too_few() -> None:
    assert math.isnan(least_lift_seen(mean=0.1, var=0.09, units=50, critical=Z, power=0.8))


# --- reading ---------------------------------------------------------------------------------------------------------

# GrowthBook gbstats: revenue by user of two variations.
CONTROL, TREATED = of_sums(3_407, 1_396.87, 52_377.9767), of_sums(3_461, 2_422.7, 134_698.29)


def test_welch_of_gbstats() -> None:
    told = welch(CONTROL, TREATED, level=0.95)
    assert told == pytest.approx((0.29, 0.12478, 0.04538, 0.53462, 0.02016), abs=5e-6)
    assert compared(CONTROL, TREATED, level=0.95).difference == told


def test_the_same_data_as_a_lift_has_two_verdicts() -> None:
    """The log-ratio interval (tea-tasting) leaves 0 out; gbstats' linearised one holds it."""
    by_log = lift(CONTROL, TREATED, level=0.95)
    assert (by_log.estimate, by_log.lower, by_log.upper) == pytest.approx((0.707, 0.105, 1.638), abs=5e-4)
    linear = lift_by_difference(CONTROL, TREATED, level=0.95)
    assert (linear.lower, linear.upper) == pytest.approx((-0.035, 1.45), abs=5e-3)
    assert linear.p == pytest.approx(0.0619, abs=5e-5)


def test_the_lift_that_is_read_agrees_with_its_test() -> None:
    told = compared(CONTROL, TREATED, level=0.95)
    assert told.lift.p == told.difference.p < 0.05
    assert told.lift.lower > 0


def test_half_width_of_a_confidence_sequence() -> None:
    """gbstats, after Waudby-Smith et al., eq. 9: standard error .0338602, 6,461 users, tightest at 5,000.

    The published figure is the difference of two rounded ends, so that its last digit may be off by one.
    """
    assert 0.0338602 * sequence_z(6_461 / 5_000, alpha=0.05) == pytest.approx(0.10289, abs=1e-5)


# gbstats; Cookie Cats.
@pytest.mark.parametrize(("counts", "p"), [((1_000, 1_100), 0.0290963), ((45_489, 44_700), 0.0086080)])
def test_uneven_arms(counts: tuple[int, int], p: float) -> None:
    assert uneven_split(np.array(counts, dtype=float), np.array([0.5, 0.5])) == pytest.approx(p, abs=5e-8)
    told = sample_ratio(dict(zip("ab", counts, strict=True)), (0.5, 0.5), pd.DataFrame())
    assert told.passed and told.p_value == pytest.approx(p, abs=5e-8)


def test_wald_of_newcombe() -> None:
    """Newcombe (1998), Statistics in Medicine 17, example (a), method 1: 56/70 against 48/80."""
    told = wald(Count(48, 80), Count(56, 70), level=0.95)
    assert (told.lower, told.upper) == pytest.approx((0.0575, 0.3425), abs=5e-5)


# --- looks -----------------------------------------------------------------------------------------------------------

FIVE = tuple((look + 1) / 5 for look in range(5))


def test_boundaries_of_lan_and_demets() -> None:
    """Five looks, .025 a side, as their program and gsDesign print them."""
    early = boundaries(FIVE, rule="obrien_fleming", alpha=0.05)
    assert early == pytest.approx((4.877, 3.357, 2.680, 2.290, 2.031), abs=5e-4)
    even = boundaries(FIVE, rule="pocock", alpha=0.05)
    assert (even[0], even[-1]) == pytest.approx((2.438, 2.386), abs=5e-4)


# The reference table, simulated to a tenth of a point: rounding .05, and three Monte-Carlo errors of 100,000 runs, .46.
PEEKED = {1: 0.050, 2: 0.084, 5: 0.142, 7: 0.167, 10: 0.193, 14: 0.221, 20: 0.247, 28: 0.275, 50: 0.319, 100: 0.376}
# McPherson (1974), NEJM 290, and Armitage, McPherson, Rowe (1969), table 2: computed, to a tenth of a point.
REPEATED = {2: 0.083, 3: 0.107, 4: 0.126, 5: 0.142, 10: 0.193, 20: 0.248, 50: 0.320}


@pytest.mark.parametrize(("looks", "rate"), PEEKED.items())
def test_false_alarms_of_peeking_as_simulated(looks: int, rate: float) -> None:
    assert peeked(looks, alpha=0.05) == pytest.approx(rate, abs=0.0051)


@pytest.mark.parametrize(("looks", "rate"), REPEATED.items())
def test_false_alarms_of_peeking_as_computed(looks: int, rate: float) -> None:
    assert peeked(looks, alpha=0.05) == pytest.approx(rate, abs=5.1e-4)


# 14 daily looks at a rate of 5 %, simulated; the effect gives "about 77 %" at the end. False alarms, power, winner's curse.
# The table tells neither its runs nor the exact power: tolerances are half a point for false alarms, one and a half for
# power (both hold the rounding and some thousand runs), a twentieth for the curse.
BY_RULE = {
    "fixed": (0.049, 0.77, 1.14),
    "peek": (0.217, 0.85, 1.64),
    "obrien_fleming": (0.050, 0.75, 1.33),
    "pocock": (0.050, 0.67, 1.61),
    "early sequence": (0.012, 0.41, 1.78),
}
FOURTEEN = tuple((look + 1) / 14 for look in range(14))
DRIFT = Z + normal_quantile(0.77)
EARLY = 5.0  # the end of the test over where the table's confidence sequence is tightest: found by trying 1 to 7


def what_looks_do(rule: str) -> tuple[float, float, float]:
    """False alarms, power, winner's curse of 14 looks."""
    if rule == "peek":
        z = (Z,) * 14
    elif rule == "early sequence":
        z = tuple(sequence_z(EARLY * share, alpha=0.05) for share in FOURTEEN)
    else:
        z = boundaries(FOURTEEN, rule=rule, alpha=0.05)
    found = walk(FOURTEEN, z).stopping([0.0, DRIFT])
    return found.rejects[0], found.rejects[1], found.believed[1] / DRIFT


@pytest.mark.parametrize(("rule", "told"), BY_RULE.items())
def test_what_fourteen_looks_do(rule: str, told: tuple[float, float, float]) -> None:
    alarms, power, curse = what_looks_do(rule)
    assert alarms == pytest.approx(told[0], abs=0.005)
    assert power == pytest.approx(told[1], abs=0.015)
    assert curse == pytest.approx(told[2], abs=0.05)


def test_our_confidence_sequence_is_tightest_at_the_end() -> None:
    """So it sees more than the table's and overstates less, at no more false alarms than are allowed."""
    alarms, power, curse = what_looks_do("confidence_sequence")
    _, early, early_curse = what_looks_do("early sequence")
    assert alarms <= 0.05 and power > early and curse < early_curse
