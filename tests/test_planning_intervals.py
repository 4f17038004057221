"""Intervals, several arms and looks: what must hold of each, and each beside an independent computation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, multivariate_normal, norm, ttest_ind_from_stats
from scipy.stats import t as student

from martech_lib.core.many_arms import chance_of_all, chance_of_all_in_steps, dunnett_critical, dunnett_p
from martech_lib.core.means import Compared, compared
from martech_lib.core.rates import Count, score_difference, score_lift, wilson
from martech_lib.core.sequential import boundaries, drift_for, sequence_z, walk
from martech_lib.core.stats import Difference, Sample, lift, of_count, welch

SAME = 1e-9
ENDS = 1e-7  # near 0 and 1 the root of a cubic loses half of its digits
NEAR = 1e-6  # of a p-value to alpha, where floating point decides
TOO_FEW_DIGITS = 2e-6  # of scipy's multivariate normal, which integrates at random
levels = st.floats(0.5, 0.999)


@st.composite
def counts(draw: st.DrawFn) -> Count:
    n = draw(st.integers(1, 10_000))
    return Count(draw(st.integers(0, n)), n)


samples = st.builds(
    Sample, n=st.integers(2, 10**6), mean=st.floats(0.01, 1e4), var=st.floats(1e-4, 1e6), skew=st.just(0.0)
)
odd_means = st.floats(-1e3, 1e3).map(lambda mean: round(mean, 6))
odd_samples = st.builds(Sample, n=st.integers(2, 10**6), mean=odd_means, var=st.floats(1e-4, 1e6))


def holds(told: Difference, value: float) -> bool:
    return told.lower <= value <= told.upper


# ---- two rates ----


@given(control=counts(), treated=counts(), level=levels)
def test_an_interval_of_rates_holds_its_estimate_and_says_what_its_test_says(
    control: Count, treated: Count, level: float
) -> None:
    told = score_difference(control, treated, level=level)
    assert -1 <= told.lower <= told.estimate <= told.upper <= 1
    table = [[arm.hits, arm.n - arm.hits] for arm in (control, treated)]
    is_even = 0 in np.sum(table, axis=0)
    p = 1.0 if is_even else chi2_contingency(table, correction=False).pvalue
    assert told.p == pytest.approx(p, abs=1e-12)
    assume(abs(p - (1 - level)) > NEAR)
    assert holds(told, 0) == (p > 1 - level)
    if control.hits:
        relative = score_lift(control, treated, level=level)
        assert -1 <= relative.lower <= relative.estimate <= relative.upper
        assert relative.estimate == pytest.approx(treated.rate / control.rate - 1, abs=SAME)
        assert holds(relative, 0) == holds(told, 0) and relative.p == told.p


@given(control=counts(), treated=counts(), level=levels)
def test_arms_that_change_places_turn_an_interval_of_rates(control: Count, treated: Count, level: float) -> None:
    told, turned = score_difference(control, treated, level=level), score_difference(treated, control, level=level)
    assert (turned.estimate, turned.lower, turned.upper) == pytest.approx(
        (-told.estimate, -told.upper, -told.lower), abs=ENDS
    )
    assert (turned.se, turned.p) == pytest.approx((told.se, told.p))
    assume(control.hits and treated.hits)
    up, down = score_lift(control, treated, level=level), score_lift(treated, control, level=level)
    assert 1 + down.estimate == pytest.approx(1 / (1 + up.estimate))
    assert 1 + down.lower == pytest.approx(1 / (1 + up.upper), rel=1e-6)
    assert 1 + down.upper == pytest.approx(1 / (1 + up.lower), rel=1e-6)


@given(control=counts(), treated=counts(), level=levels)
def test_who_does_and_who_does_not_are_one_difference(control: Count, treated: Count, level: float) -> None:
    told = score_difference(control, treated, level=level)
    other = score_difference(*(Count(arm.n - arm.hits, arm.n) for arm in (control, treated)), level=level)
    assert (other.estimate, other.lower, other.upper) == pytest.approx(
        (-told.estimate, -told.upper, -told.lower), abs=ENDS
    )


def score_at(control: Count, treated: Count, gap: float) -> float:
    """Z of a supposed difference, its variance by the likeliest rates on a fine grid."""
    base = np.linspace(max(0.0, -gap), min(1.0, 1 - gap), 400_001)[1:-1]
    fits = control.hits * np.log(base) + (control.n - control.hits) * np.log1p(-base)
    fits += treated.hits * np.log(base + gap) + (treated.n - treated.hits) * np.log1p(-base - gap)
    best = base[fits.argmax()]
    error = best * (1 - best) / control.n + (best + gap) * (1 - best - gap) / treated.n
    return float((treated.rate - control.rate - gap) / math.sqrt(error))


@pytest.mark.parametrize(("control", "treated"), [((20, 100), (31, 110)), ((3, 40), (9, 400)), ((150, 160), (20, 30))])
def test_the_ends_are_where_the_score_test_just_rejects(control: tuple[int, int], treated: tuple[int, int]) -> None:
    first, second = Count(*control), Count(*treated)
    told = score_difference(first, second, level=0.95)
    assert score_at(first, second, told.lower) == pytest.approx(norm.isf(0.025), abs=2e-4)
    assert score_at(first, second, told.upper) == pytest.approx(-norm.isf(0.025), abs=2e-4)


@given(count=counts(), level=levels)
def test_an_interval_of_one_share_is_where_its_score_test_just_rejects(count: Count, level: float) -> None:
    lower, upper = wilson(count, level=level)
    assert 0 <= lower <= count.rate <= upper + SAME and upper <= 1
    for end in (lower, upper):
        if 1e-6 < end < 1 - 1e-6:
            z = (count.rate - end) / math.sqrt(end * (1 - end) / count.n)
            assert abs(z) == pytest.approx(norm.ppf((1 + level) / 2), rel=1e-6)


# ---- two means ----


def critical(control: Sample, treated: Sample, level: float) -> float:
    """Student's t of Welch and Satterthwaite."""
    parts = [arm.var / arm.n for arm in (control, treated)]
    freedom = sum(parts) ** 2 / sum(p * p / (arm.n - 1) for p, arm in zip(parts, (control, treated), strict=True))
    return float(student.ppf((1 + level) / 2, freedom))


@given(control=odd_samples, treated=odd_samples, level=levels)
def test_welch_is_that_of_scipy(control: Sample, treated: Sample, level: float) -> None:
    told = welch(control, treated, level=level)
    arms = [(arm.mean, math.sqrt(arm.var), arm.n) for arm in (treated, control)]
    theirs = ttest_ind_from_stats(*arms[0], *arms[1], equal_var=False)
    assert told.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    half = critical(control, treated, level) * math.sqrt(control.var / control.n + treated.var / treated.n)
    assert (told.estimate - told.lower, told.upper - told.estimate) == pytest.approx((half, half), rel=1e-5)


@given(control=odd_samples, treated=odd_samples, level=levels)
def test_arms_that_change_places_turn_a_difference_of_means(control: Sample, treated: Sample, level: float) -> None:
    for told, other in (
        (welch(control, treated, level=level), welch(treated, control, level=level)),
        (compared(control, treated, level=level).difference, compared(treated, control, level=level).difference),
    ):
        turned = (-told.estimate, told.se, -told.upper, -told.lower, told.p)
        assert tuple(other) == pytest.approx(turned, rel=1e-5, abs=SAME * max(1, told.se))


@given(control=samples, treated=samples, level=levels)
def test_a_lift_of_means_from_the_other_side_is_the_reciprocal(control: Sample, treated: Sample, level: float) -> None:
    log_up, log_down = lift(control, treated, level=level), lift(treated, control, level=level)
    read_up, read_down = (
        compared(control, treated, level=level).lift, compared(treated, control, level=level).lift,
    )  # fmt: skip
    for up, down in ((log_up, log_down), (read_up, read_down)):
        assert 1 + down.estimate == pytest.approx(1 / (1 + up.estimate))
        assert down.p == pytest.approx(up.p)
        if min(1 + up.lower, 1 + down.lower) > 1e-6 and max(up.upper, down.upper) < 1e6:
            assert 1 + down.lower == pytest.approx(1 / (1 + up.upper), rel=1e-5)
            assert 1 + down.upper == pytest.approx(1 / (1 + up.lower), rel=1e-5)


def ends_of(told: Compared) -> list[Difference]:
    """The difference, and the lift where it has ends."""
    return [told.difference, *([told.lift] if math.isfinite(told.lift.lower) else [])]


@given(control=samples, treated=samples, level=levels)
def test_test_difference_and_lift_of_means_say_the_same(control: Sample, treated: Sample, level: float) -> None:
    told = compared(control, treated, level=level)
    assert told.lift.p == told.difference.p
    assert told.lift.estimate == pytest.approx(treated.mean / control.mean - 1, rel=1e-6, abs=SAME)
    assume(abs(told.difference.p - (1 - level)) > NEAR)
    for one in ends_of(told):
        assert one.lower <= one.estimate <= one.upper
        assert holds(one, 0) == (one.p > 1 - level)
    if not math.isfinite(told.lift.lower):
        half = critical(control, treated, level) * math.sqrt(control.var / control.n)
        assert half >= control.mean * (1 - SAME), "only where the control's mean itself is not told from 0"


def test_means_of_the_largest_values_are_still_compared() -> None:
    """Values up to 1e80 count: neither their squares nor their fourth powers may stop a reading."""
    control, treated = Sample(300, 5e78, 2.5e157), Sample(310, 6e78, 2.5e157)
    told, small = (
        compared(a, b, level=0.95) for a, b in ((control, treated), (Sample(300, 5.0, 25.0), Sample(310, 6.0, 25.0)))
    )
    assert tuple(told.lift) == pytest.approx(tuple(small.lift))
    assert told.difference.lower == pytest.approx(1e78 * small.difference.lower)


@given(count=counts())
def test_a_rate_is_a_mean_of_zeros_and_ones(count: Count) -> None:
    assume(count.n > 1)
    values = np.repeat([1.0, 0.0], [count.hits, count.n - count.hits])
    assert tuple(of_count(count.n, count.hits)[:3]) == pytest.approx((count.n, values.mean(), values.var(ddof=1)))


# ---- several arms ----


def shape(shares: Sequence[float]) -> np.ndarray:
    """Correlations of the arms' comparisons: of X_i / sqrt(n_i) - X_0 / sqrt(n_0), from their covariance."""
    n = np.array(shares)
    covariance = np.full((len(n) - 1,) * 2, 1 / n[0]) + np.diag(1 / n[1:])
    spread = np.sqrt(np.diag(covariance))
    return covariance / np.outer(spread, spread)


def within(low: float, high: float, correlations: np.ndarray, *, mean: float = 0.0) -> float:
    """Chance that every comparison lies between, by scipy's integration."""
    arms = len(correlations)
    law = multivariate_normal(
        np.full(arms, mean), correlations, allow_singular=True, abseps=1e-7, releps=0, maxpts=400_000 * arms, seed=1
    )
    return float(law.cdf(np.full(arms, high), lower_limit=np.full(arms, low)))


@given(parts=st.lists(st.floats(0.02, 1), min_size=3, max_size=4), alpha=st.floats(0.001, 0.3), tails=st.sampled_from([1, 2]))  # fmt: skip
@example(parts=[0.02, 1, 1], alpha=0.05, tails=2)
@example(parts=[0.01, 1, 1, 1], alpha=0.05, tails=1)
@example(parts=[1e-6, 1, 1], alpha=0.05, tails=2)
@settings(max_examples=15)
def test_dunnetts_critical_value_is_exceeded_as_often_as_it_says(parts: list[float], alpha: float, tails: int) -> None:
    shares = tuple(part / sum(parts) for part in parts)
    critical = dunnett_critical(shares, alpha=alpha, tails=tails)
    low = -critical if tails == 2 else -np.inf
    assert 1 - within(low, critical, shape(shares)) == pytest.approx(alpha, abs=TOO_FEW_DIGITS)
    assert norm.isf(alpha / tails) <= critical <= norm.isf(alpha / tails / (len(shares) - 1))
    assert dunnett_p([critical, 0.0], shares[:3], tails=tails)[0] <= alpha + SAME
    assert dunnett_p([-critical] * (len(shares) - 1), shares, tails=2)[0] == pytest.approx(
        1 - within(-critical, critical, shape(shares)), abs=TOO_FEW_DIGITS
    )


# Dunnett (1964), Biometrics 20, tables II and III: 5 %, infinite degrees of freedom, arms of one size.
DUNNETT = {2: (1.92, 2.21), 3: (2.06, 2.35), 4: (2.16, 2.44), 5: (2.23, 2.51), 6: (2.29, 2.57), 9: (2.42, 2.69)}


@pytest.mark.parametrize(("arms", "told"), DUNNETT.items())
def test_dunnetts_own_table(arms: int, told: tuple[float, float]) -> None:
    shares = (1 / (arms + 1),) * (arms + 1)
    found = [dunnett_critical(shares, alpha=0.05, tails=tails) for tails in (1, 2)]
    assert found == pytest.approx(told, abs=0.0051)


@pytest.mark.parametrize("shares", [(0.25,) * 4, (0.4, 0.3, 0.2, 0.1), (0.02, 0.5, 0.48)])
@pytest.mark.parametrize("drift", [0.0, 1.5, 3.0])
def test_the_chance_that_every_arm_is_found(shares: tuple[float, ...], drift: float) -> None:
    told = chance_of_all([drift] * (len(shares) - 1), shares, critical=2.2, tails=1)
    assert told == pytest.approx(within(2.2, np.inf, shape(shares), mean=drift), abs=TOO_FEW_DIGITS)


def test_the_chance_that_every_arm_is_found_in_holms_steps() -> None:
    """Three like arms, drawn a million times: at least k of them beyond the k-th critical value, for every k."""
    steps, rng = [norm.isf(0.025 / left) for left in (3, 2, 1)], np.random.default_rng(20261123)
    z = np.sort(rng.multivariate_normal(np.full(3, 2.5), shape((0.25,) * 4), size=1_000_000))[:, ::-1]
    drawn = float((z > steps).all(axis=1).mean())
    told = chance_of_all_in_steps(2.5, (0.25,) * 4, criticals=steps, tails=1)
    assert told == pytest.approx(drawn, abs=3 * math.sqrt(drawn * (1 - drawn) / 1_000_000))


# ---- looks ----


def stopped_by(z: Sequence[float], shares: Sequence[float], *, tails: int, drift: float = 0.0) -> float:
    """Chance to have stopped by the last of these looks, by scipy's integration of the Zs together."""
    t = np.array(shares)
    law = multivariate_normal(
        drift * np.sqrt(t), np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t)),
        abseps=1e-7, releps=0, maxpts=1_000_000, seed=1,
    )  # fmt: skip
    low = -np.array(z) if tails == 2 else np.full(len(t), -np.inf)
    return float(1 - law.cdf(np.array(z), lower_limit=low))


def allowed(share: float, *, rule: str, alpha: float) -> float:
    """Lan and DeMets (1983): of one side, up to a share of the information."""
    if rule == "pocock":
        return alpha * math.log(1 + (math.e - 1) * share)
    return 2 * float(norm.sf(norm.isf(alpha / 2) / math.sqrt(share)))


@given(
    steps=st.lists(st.floats(0.15, 1), min_size=2, max_size=4), rule=st.sampled_from(["pocock", "obrien_fleming"]),
    alpha=st.floats(0.005, 0.2), tails=st.sampled_from([1, 2]),
)  # fmt: skip
@settings(max_examples=12)
def test_boundaries_spend_what_is_allowed_at_every_look_and_alpha_in_all(
    steps: list[float], rule: str, alpha: float, tails: int
) -> None:
    shares = tuple(float(at) for at in (np.cumsum(steps) / sum(steps)).round(12))
    z = boundaries(shares, rule=rule, alpha=alpha, tails=tails)
    side = alpha / tails
    for look in range(1, len(z) + 1):
        so_far = tails * allowed(shares[look - 1], rule=rule, alpha=side)
        assert stopped_by(z[:look], shares[:look], tails=tails) == pytest.approx(so_far, abs=2 * TOO_FEW_DIGITS)
    assert tails * allowed(1.0, rule=rule, alpha=side) == pytest.approx(alpha)
    drift = drift_for(0.8, shares, z, tails=tails)
    assert stopped_by(z, shares, tails=tails, drift=drift) == pytest.approx(0.8, abs=1e-5)


@given(looks=st.integers(2, 30), alpha=st.floats(0.001, 0.3), tails=st.sampled_from([1, 2]))
@settings(max_examples=25)
def test_boundaries_by_their_kind(looks: int, alpha: float, tails: int) -> None:
    shares = tuple((look + 1) / looks for look in range(looks))
    early, even = (boundaries(shares, rule=rule, alpha=alpha, tails=tails) for rule in ("obrien_fleming", "pocock"))
    once = norm.isf(alpha / tails)
    assert (np.diff(early) <= 1e-9).all(), "O'Brien and Fleming ask for less from look to look"
    assert once < early[-1] < even[-1] and early[0] > even[0]
    assert (np.array(even) > once).all(), "no look of several is as cheap as one look"
    assert boundaries(shares, rule="fixed", alpha=alpha, tails=tails) == (math.inf,) * (looks - 1) + (
        pytest.approx(once),
    )
    for z in (early, even):
        assert walk(shares, z, tails=tails).stopping(0.0).rejects[0] == pytest.approx(alpha, rel=1e-6)


@given(share=st.floats(1e-4, 1e4), alpha=st.floats(1e-6, 0.49), tails=st.sampled_from([1, 2]))
def test_a_confidence_sequence_is_wider_than_a_fixed_interval_at_every_size(
    share: float, alpha: float, tails: int
) -> None:
    assert sequence_z(share, alpha=alpha) > norm.isf(alpha / 2)
    (z,) = boundaries((share,), rule="confidence_sequence", alpha=alpha, tails=tails)
    assert z > norm.isf(alpha / tails)
    # And yet every user makes it narrower: its width is that of the root of the users that z is divided by.
    assert z / math.sqrt(share) > sequence_z(share * 1.01, alpha=2 * alpha / tails) / math.sqrt(share * 1.01)


@pytest.mark.parametrize("looks", [5, 28, 100])
def test_a_confidence_sequence_keeps_its_promise_at_all_looks_together(looks: int) -> None:
    shares = tuple(3 * (look + 1) / looks for look in range(looks))  # three times as long as it was planned for
    z = boundaries(shares, rule="confidence_sequence", alpha=0.05)
    assert 0.001 < walk(shares, z).stopping(0.0).rejects[0] <= 0.05
