"""The studentised permutation test: exact where all deals can be told, the same in any money, at odds with nothing."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from martech_lib.core.permutation import Permuted, Worth, permuted


def worth(n: int, *values: float) -> Worth:
    return Worth(n, np.array(values, dtype=np.float64))


def studentised(control: np.ndarray, treated: np.ndarray) -> float:
    """Difference of two means over its standard error; 0 where nothing differs."""
    error = control.var(ddof=1) / len(control) + treated.var(ddof=1) / len(treated)
    return float((treated.mean() - control.mean()) / math.sqrt(error)) if error > 1e-18 else 0.0


def exact_p(control: Worth, treated: Worth) -> float:
    """Both tails held to half, over every way in which the users could have been dealt."""
    arms = [np.concatenate([of.values, np.zeros(of.n - len(of.values))]) for of in (control, treated)]
    everybody, seen = np.concatenate(arms), studentised(*arms)
    fell = []
    for held in combinations(range(len(everybody)), control.n):
        is_held = np.isin(np.arange(len(everybody)), held)
        fell.append(studentised(everybody[is_held], everybody[~is_held]))
    low, high = (np.mean(np.array(fell) * sign <= seen * sign + 1e-9) for sign in (1, -1))
    return min(1.0, 2 * min(low, high))


TINY = (
    (worth(4, 5.0, 9.0), worth(7, 8.0, 3.0, 12.0, 7.0, 1.0)),
    (worth(7, 8.0, 3.0), worth(4, 5.0, 9.0, 30.0)),
    (worth(5, 1.0, 2.0, 3.0), worth(5, 9.0, 8.0, 7.0, 6.0)),
    (worth(5, 0.1), worth(10, 0.1, 0.1)),
    (worth(5, 50.0, -20.0), worth(6, 10.0, 10.0, 10.0)),
    (worth(3, 2.0, 2.0, 2.0), worth(8, 2.0, 2.0, 4.0, 4.0)),
)


@pytest.mark.parametrize("arms", TINY)
def test_its_p_is_that_of_all_deals(arms: tuple[Worth, Worth]) -> None:
    """60,000 deals: p is twice a share whose standard error is at most .002; four of them."""
    wanted, found = exact_p(*arms), permuted(*arms, level=0.95, draws=60_000).difference.p
    assert found == pytest.approx(wanted, abs=2 * 4 * math.sqrt(wanted / 2 * (1 - wanted / 2) / 60_000) + 1e-4)


def test_no_effect_is_called_one_as_often_as_it_should() -> None:
    """Where nothing differs the test is exact: 600 worlds of a small holdout and skewed revenue, 10 % allowed."""
    rng, runs, called = np.random.default_rng(20261127), 600, []
    for seed in range(runs):
        arms = [Worth(n, rng.lognormal(3.5, 1.2, rng.binomial(n, 0.1))) for n in (100, 900)]
        if min(len(arm.values) for arm in arms):
            p = permuted(*arms, level=0.9, draws=399, seed=seed).difference.p
            called.append(p <= 0.1)
    assert np.mean(called) == pytest.approx(0.1, abs=3 * math.sqrt(0.1 * 0.9 / runs))


some = st.lists(st.floats(0.01, 1_000) | st.sampled_from([1.0, 10.0, 19.99]), min_size=2, max_size=12)
arms_of = st.tuples(some, some, st.integers(0, 60), st.integers(0, 60)).map(
    lambda told: (Worth(len(told[0]) + told[2] + 1, np.array(told[0])), Worth(len(told[1]) + told[3] + 1, np.array(told[1])))
)  # fmt: skip


prices = st.floats(0.01, 1_000) | st.sampled_from([1.0, 10.0, 19.99])
many = st.lists(prices, min_size=8, max_size=20)  # of fewer no interval is asked for
enough = st.tuples(many, many, st.integers(1, 300), st.integers(1, 300)).map(
    lambda told: (Worth(len(told[0]) + told[2], np.array(told[0])), Worth(len(told[1]) + told[3], np.array(told[1])))
)  # fmt: skip


def ends(found: Permuted) -> tuple[float, ...]:
    return found.difference.lower, found.difference.upper, found.lift.lower, found.lift.upper


@settings(max_examples=60)
@given(arms_of, st.sampled_from([1e-6, 0.1, 1 / 3, 100.0, 1e9]))
def test_the_unit_of_money_changes_nothing(arms: tuple[Worth, Worth], scale: float) -> None:
    found = permuted(*arms, level=0.9, draws=199)
    other = permuted(*(arm._replace(values=arm.values * scale) for arm in arms), level=0.9, draws=199)
    assert other.difference.p == other.lift.p == found.difference.p == found.lift.p
    assert other.lift[:4] == pytest.approx(found.lift[:4], rel=1e-6, abs=1e-9)
    near = 1e-9 * scale * max(arm.mean for arm in arms)
    assert other.difference[:4] == pytest.approx([end * scale for end in found.difference[:4]], rel=1e-6, abs=near)


def test_ties_that_rounding_hides_are_ties_in_any_money() -> None:
    """Both means are a hundredth of a unit; 0.1 * 3 / 30 and 0.1 / 10 differ in the last digit."""
    found = {
        scale: permuted(worth(30, *[scale] * 3), worth(10, scale), level=0.9, draws=999).lift.p
        for scale in (0.1, 0.7, 1, 19.99, 1e6)
    }
    assert set(found.values()) == {1.0}


@settings(max_examples=100)
@given(enough, st.sampled_from([0.8, 0.9, 0.95]), st.sampled_from([200, 500]))
def test_p_and_both_intervals_say_the_same(arms: tuple[Worth, Worth], level: float, draws: int) -> None:
    """The interval leaves no effect out exactly when p is below the error (which no count of deals hits), and lies on the side of the estimate."""
    found = permuted(*arms, level=level, draws=draws)
    is_seen = found.lift.p < 1 - level
    for of in (found.difference, found.lift):
        near = 1e-9 * max(1.0, abs(of.estimate))
        assert of.lower <= of.estimate + near and of.upper >= of.estimate - near
        assert (of.lower > 0 or of.upper < 0) is is_seen, of
        assert not is_seen or (of.lower > 0) is (of.estimate > 0)
    assert 1 / (draws + 1) <= found.lift.p <= 1


@settings(max_examples=40)
@given(arms_of)
def test_a_higher_level_has_a_wider_interval(arms: tuple[Worth, Worth]) -> None:
    narrow, wide = (permuted(*arms, level=level, draws=299) for level in (0.8, 0.95))
    assert narrow.lift.p == wide.lift.p
    for a, b in ((narrow.difference, wide.difference), (narrow.lift, wide.lift)):
        assert b.lower <= a.lower + 1e-9 and b.upper >= a.upper - 1e-9


def test_swapped_arms_swap_the_signs_and_the_ends() -> None:
    """Other deals come of it, so ends are the same within what 20,000 deals tell: a tail of .025 to .0033 (3 sd)."""
    rng = np.random.default_rng(2)
    arms = Worth(200, rng.lognormal(3, 1, 30)), Worth(500, rng.lognormal(3.3, 1, 60))
    one, other = permuted(*arms, level=0.95, draws=20_000), permuted(*arms[::-1], level=0.95, draws=20_000)
    assert other.difference.estimate == -one.difference.estimate and other.difference.se == one.difference.se
    assert 1 + other.lift.estimate == pytest.approx(1 / (1 + one.lift.estimate), rel=1e-12)
    assert other.lift.p == pytest.approx(one.lift.p, abs=6 * math.sqrt(one.lift.p / 2 / 20_000) * 2)
    inner, outer = (permuted(*arms, level=level, draws=20_000).lift for level in (0.9434, 0.9566))
    lower, upper = 1 / (1 + other.lift.upper) - 1, 1 / (1 + other.lift.lower) - 1
    assert outer.lower <= lower <= inner.lower and inner.upper <= upper <= outer.upper


def test_the_same_deals_come_of_the_same_seed_and_others_of_another() -> None:
    rng = np.random.default_rng(4)
    arms = Worth(100, rng.lognormal(3, 1, 20)), Worth(300, rng.lognormal(3, 1, 60))
    assert permuted(*arms, level=0.95, draws=500, seed=7) == permuted(*arms, level=0.95, draws=500, seed=7)
    assert ends(permuted(*arms, level=0.95, draws=500, seed=7)) != ends(permuted(*arms, level=0.95, draws=500, seed=8))


def test_a_last_digit_changes_nothing_that_can_be_seen() -> None:
    """Engines add in different orders: values differ in the sixteenth digit, and not in their rank."""
    rng = np.random.default_rng(5)
    arms = [Worth(n, np.sort(rng.lognormal(3, 1.2, n // 10).round(2))) for n in (300, 2_700)]
    dusty = [arm._replace(values=np.sort(arm.values * (1 + 2e-16 * rng.integers(-2, 3, len(arm.values))))) for arm in arms]  # fmt: skip
    found, other = (permuted(*told, level=0.95, draws=2_000) for told in (arms, dusty))
    assert found.lift.p == other.lift.p
    assert ends(other) == pytest.approx(ends(found), rel=1e-9, abs=1e-10)


def test_few_deals_that_allow_and_refuse_by_turns_do_not_part_test_and_interval() -> None:
    """Found by search: no effect is refused, and a ratio beyond it is allowed again."""
    arms = (
        worth(9, 1, 1, 1, 0.0625, 0.03125, 0.03125, 0.125, 0.125),
        worth(9, 1, 0.0625, 0.0625, 0.0625, 0.03125, 0.015625, 0.01171875, 0.125),
    )
    found = permuted(*arms, level=0.8, draws=200)
    assert found.lift.p < 0.2 and found.difference.upper < 0 and found.lift.upper < 0


@pytest.mark.parametrize("n", [(10, 90), (90, 10), (50, 50)])
@pytest.mark.parametrize("value", [0.1, 19.99, 1 / 3, 1e12])
def test_users_who_are_all_worth_the_same_do_not_differ(n: tuple[int, int], value: float) -> None:
    found = permuted(*(Worth(of, np.full(of, value)) for of in n), level=0.95, draws=200)
    assert found.lift.p == 1.0
    assert ends(found) == pytest.approx([0, 0, 0, 0], abs=1e-6 * max(1, value))


def test_arms_without_spread_that_lie_apart_differ_for_certain() -> None:
    found = permuted(worth(20, *[10.0] * 20), worth(80, *[12.0] * 80), level=0.95, draws=499)
    assert found.lift.p == 2 / 500 and found.lift.estimate == pytest.approx(0.2)
    assert (found.lift.lower, found.lift.upper) == pytest.approx((0.2, 0.2), rel=1e-6)
    fell = permuted(worth(20, *[12.0] * 20), worth(80, *[10.0] * 80), level=0.95, draws=499)
    assert fell.lift.p == 2 / 500 and fell.lift.upper < 0


def test_one_value_an_arm_has_no_end() -> None:
    found = permuted(worth(100, 50.0), worth(900, 50.0), level=0.95, draws=999)
    assert found.lift.p > 0.05
    assert (found.lift.lower, found.lift.upper, found.difference.upper) == (-1.0, math.inf, math.inf)


def test_values_as_large_as_can_be_and_refunds() -> None:
    rng = np.random.default_rng(6)
    values = [rng.lognormal(3, 1, 40), rng.lognormal(3, 1, 200)]
    small = permuted(*(Worth(10 * len(v), v) for v in values), level=0.95, draws=499)
    large = permuted(*(Worth(10 * len(v), v * 1e12) for v in values), level=0.95, draws=499)
    assert large.lift.p == small.lift.p and ends(large)[2:] == pytest.approx(ends(small)[2:], rel=1e-9)
    refunded = permuted(*(Worth(10 * len(v), np.append(v, -v[:3])) for v in values), level=0.95, draws=499)
    assert refunded.difference.estimate == pytest.approx(values[1][3:].sum() / 2_000 - values[0][3:].sum() / 400)
    assert refunded.difference.lower < refunded.difference.estimate < refunded.difference.upper


@pytest.mark.parametrize("values", [(0.0, 0.0), (5.0, -5.0), (1.0, -9.0)])
def test_means_that_are_not_above_nothing_are_refused(values: tuple[float, ...]) -> None:
    for arms in ((worth(20, *values), worth(20, 3.0)), (worth(20, 3.0), worth(20, *values))):
        with pytest.raises(ValueError, match="both must be above 0"):
            permuted(*arms, level=0.95)
