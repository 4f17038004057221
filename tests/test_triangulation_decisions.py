"""The next budget and the next test: against brute force that shares none of their code."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from martech_lib.attribution.triangulation.budget import Limits, Plan, best_shares, move, plan_of
from martech_lib.attribution.triangulation.carry import Lift, is_too_small, lift_of_all
from martech_lib.attribution.triangulation.testing import Stakes, error_of, ranked, saved, wrong_budget
from martech_lib.core.errors import UserError


def small_plan(seed: int = 0, *, channels: int = 3, draws: int = 4096, spread: float = 0.8) -> Plan:
    rng = np.random.default_rng(seed)
    effects = np.exp(rng.normal(np.linspace(4.5, 5.0, channels), spread, (draws, channels)))
    names = tuple(f"c{place}" for place in range(channels))
    spend = dict.fromkeys(names, 1000.0)
    return plan_of(names, effects, spend, curves={}, limits=Limits(step=0.5))


@settings(max_examples=12)
@given(st.integers(0, 1000))
def test_the_best_shares_are_those_of_a_general_optimiser(seed: int) -> None:
    plan = small_plan(seed, channels=4, draws=64)
    expected = plan.effects.mean(axis=0)
    found = best_shares(plan, expected[None])[0]
    assert found @ plan.spend == pytest.approx(plan.budget, rel=1e-6)
    other = minimize(
        lambda x: -(expected @ x**0.6),
        np.ones(4),
        bounds=[(0.5, 1.5)] * 4,
        constraints={"type": "eq", "fun": lambda x: x @ plan.spend - plan.budget},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert expected @ found**0.6 >= -other.fun * (1 - 1e-6)


def nested(seed: int, place: int, error: float) -> tuple[float, float]:
    """The worth of a test by brute force on two channels: every result simulated, every budget tried; and its error."""
    rng = np.random.default_rng(seed)
    plan = small_plan(5, channels=2)
    shares = np.linspace(0.5, 1.5, 401)
    gain_a, gain_b = shares**0.6 - 1, (2 - shares) ** 0.6 - 1
    now = plan.effects.mean(axis=0)
    best_now = int(np.argmax(now[0] * gain_a + now[1] * gain_b))
    worth = []
    for _ in range(3000):
        truth = plan.effects[rng.integers(len(plan.effects))]
        result = truth[place] + error * rng.normal()
        likely = np.exp(-(((result - plan.effects[:, place]) / error) ** 2) / 2)
        after = likely @ plan.effects / likely.sum()
        value = after[0] * gain_a + after[1] * gain_b
        worth.append(value.max() - value[best_now])
    return float(np.mean(worth)), float(np.std(worth) / np.sqrt(len(worth)))


@pytest.mark.parametrize(("place", "error"), [(0, 30.0), (1, 60.0), (1, 200.0)])
def test_the_worth_of_a_test_is_that_of_brute_force(place: int, error: float) -> None:
    by_force, noise = nested(place, place, error)
    # Beside the noise of brute force: strata of the effect, and a quarter of the draws.
    assert saved(small_plan(5, channels=2), [(place, error)])[0] == pytest.approx(
        by_force, abs=4 * noise + 0.08 * by_force
    )


def test_a_surer_test_is_worth_more_and_none_more_than_knowing_all() -> None:
    plan = small_plan(3)
    worths = saved(plan, [(2, error) for error in (5.0, 50.0, 200.0, 2000.0)]).tolist()
    assert worths == sorted(worths, reverse=True)
    assert worths[0] <= wrong_budget(plan)
    assert worths[-1] < 0.05 * worths[0]


def stakes(**changes: object) -> Stakes:
    usual = {
        "conversions": 2000.0, "days": 31, "value": 40.0, "cost_per_week": {"c0": 100.0, "c1": 1e6, "c2": 100.0},
        "last_test": {"c0": date(2026, 10, 1)}, "as_of": date(2026, 10, 31),
    }  # fmt: skip
    return Stakes(**{**usual, **changes})  # type: ignore[arg-type]


def test_tests_are_ranked_by_worth_less_cost_and_the_quarter_is_watched() -> None:
    found = ranked(small_plan(3), stakes())
    assert found[-1].channel == "c1"
    nets = [option.net for option in found]
    assert nets == sorted(nets, key=lambda net: -(net or 0.0))
    assert {option.channel: option.is_overdue for option in found} == {"c0": False, "c1": True, "c2": True}
    assert {option.net for option in ranked(small_plan(3), stakes(value=None))} == {None}


def test_the_error_of_a_test_is_that_of_simulated_halves() -> None:
    rng = np.random.default_rng(1)
    asked = stakes()
    weeks, periods = 8, 8 * 7 / 31
    halves = rng.poisson(asked.conversions * periods / 2, (20_000, 2))
    results = (halves[:, 0] - halves[:, 1]) * 2 / periods
    assert error_of(asked, weeks) == pytest.approx(results.std(), rel=0.02)


def test_hold_where_the_move_is_unsure() -> None:
    rng = np.random.default_rng(2)
    effects = np.exp(rng.normal(5, 1.5, (4096, 2)))
    plan = plan_of(("a", "b"), effects, {"a": 1000.0, "b": 1000.0}, curves={}, limits=Limits())
    found = move(plan, Limits(), level=0.8)
    assert found is not None and found.is_hold and found.better < 0.8
    sure = plan_of(("a", "b"), effects * [9, 0.05], {"a": 1000.0, "b": 1000.0}, curves={}, limits=Limits())
    moved = move(sure, Limits(), level=0.8)
    assert moved is not None and not moved.is_hold
    assert [round(m.then) for m in moved.moves] == [1200, 800]
    assert moved.lower < moved.gain < moved.upper


def test_the_gain_is_as_unsure_as_the_elasticities() -> None:
    effects = np.full((4096, 2), [500.0, 10.0])
    spend, curves = {"a": 1000.0, "b": 1000.0}, {"a": 0.5}
    found = move(plan_of(("a", "b"), effects, spend, curves=curves, limits=Limits()), Limits(), level=0.8)
    assert found is not None and [round(m.then) for m in found.moves] == [1200, 800]
    rng = np.random.default_rng(8)
    supplied, assumed = rng.normal(0.5, 0.1, 200_000), rng.normal(0.6, 0.15, 200_000)
    gained = 500 * (1.2**supplied - 1) + 10 * (0.8 ** np.clip(assumed, 0.05, 0.95) - 1)
    low, high = np.quantile(gained, [0.1, 0.9])
    assert (found.lower, found.gain, found.upper) == pytest.approx((low, gained.mean(), high), rel=0.02)


def test_floors_and_ceilings_hold_and_a_budget_out_of_reach_is_refused() -> None:
    effects = np.full((16, 2), [500.0, 10.0])
    limits = Limits(step=0.5, floors={"b": 900.0}, ceilings={"a": 1050.0})
    plan = plan_of(("a", "b"), effects, {"a": 1000.0, "b": 1000.0}, curves={"a": 0.3}, limits=limits)
    found = move(plan, limits, level=0.8)
    assert found is not None
    assert [round(m.then) for m in found.moves] == [1050, 950]
    assert [m.is_supplied for m in found.moves] == [True, False]
    with pytest.raises(UserError, match="cannot be reached"):
        plan_of(("a", "b"), effects, {"a": 1000.0, "b": 1000.0}, curves={}, limits=Limits(budget=9000.0))


@pytest.mark.parametrize(
    "change", [{"step": 2.0}, {"elasticity": 1.2}, {"sure": 0.1}, {"floors": {"a": 5.0}, "ceilings": {"a": 1.0}}]
)
def test_limits_that_make_no_sense_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(UserError):
        Limits(**change).checked()  # type: ignore[arg-type]


def lift(**changes: object) -> Lift:
    usual = {
        "estimate": 100.0, "lower": 60.0, "upper": 140.0, "level": 0.8, "start": date(2026, 10, 4),
        "end": date(2026, 10, 31), "method": "geo holdout", "share": 0.5, "spend_change": -1000.0, "baseline_spend": 1000.0,
    }  # fmt: skip
    return Lift(**{**usual, **changes})  # type: ignore[arg-type]


def test_a_test_is_scaled_to_the_market_and_the_period() -> None:
    found = lift_of_all(lift(), days=28, spend=2000.0, until=date(2026, 10, 31))
    assert (found.estimate, found.lower, found.upper) == pytest.approx((200, 120, 280))
    assert "50 % of the market" in found.how


def test_age_and_other_spend_widen_a_test_and_say_so() -> None:
    fresh = lift_of_all(lift(), days=28, spend=2000.0, until=date(2026, 10, 31))
    old = lift_of_all(lift(), days=28, spend=2000.0, until=date(2027, 10, 31))
    more = lift_of_all(lift(), days=28, spend=4000.0, until=date(2026, 10, 31))
    assert old.estimate == fresh.estimate
    assert old.upper - old.lower > 1.2 * (fresh.upper - fresh.lower)
    assert more.estimate == pytest.approx(200 * 2**0.6)
    assert (more.upper - more.lower) / more.estimate > (fresh.upper - fresh.lower) / fresh.estimate
    assert "spend 100 % higher now" in more.how


def test_a_test_that_found_nothing_ages_too_and_one_that_hardly_changed_spend_is_left_out() -> None:
    nothing = lift(estimate=0.0, lower=-50.0, upper=50.0)
    fresh = lift_of_all(nothing, days=28, spend=2000.0, until=date(2026, 10, 31))
    old = lift_of_all(nothing, days=28, spend=2000.0, until=date(2031, 10, 31))
    assert old.upper > 1.3 * fresh.upper
    assert [is_too_small(lift(spend_change=change)) for change in (-1.0, 50.0, -100.0, -1000.0)] == [
        True, True, False, False,
    ]  # fmt: skip
    part = lift_of_all(lift(spend_change=200.0), days=28, spend=2000.0, until=date(2026, 10, 31))
    dark = lift_of_all(lift(), days=28, spend=2000.0, until=date(2026, 10, 31))
    assert (part.upper - part.lower) / part.estimate > 1.3 * (dark.upper - dark.lower) / dark.estimate


def test_half_the_spend_taken_off_is_not_the_whole_effect() -> None:
    half = lift_of_all(lift(spend_change=-500.0), days=28, spend=2000.0, until=date(2026, 10, 31))
    assert half.estimate == pytest.approx(200 / (1 - 0.5**0.6))
    exposed = lift_of_all(lift(method="conversion lift", spend_change=1000.0), days=28, spend=2000.0, until=None)
    assert exposed.estimate == pytest.approx(200)
