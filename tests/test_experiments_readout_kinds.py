"""Experiments read: several arms, values, ratios, the past taken out, one direction; each answer by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from experiment_frames import a_plan, line, pooled_z, read, refused_rows, two_sided, valued, with_events, world

from martech_lib import experiments

N = 1094

THREE = {
    "control": (N, {"conversion": 219}),
    "a": (N, {"conversion": 262}),
    "b": (N, {"conversion": 240}),
}


def test_three_arms_by_holm() -> None:
    plan = a_plan(split="34/33/33", many="holm", planned_units=3 * N)
    found = experiments.read(plan, *world(THREE))
    p_a, p_b = (two_sided(pooled_z((219, N), (hits, N))) for hits in (262, 240))
    assert line(found, arm="a").p == pytest.approx(2 * p_a, rel=1e-9)
    assert line(found, arm="b").p == pytest.approx(max(2 * p_a, p_b), rel=1e-9)
    assert [one.level for one in found.lines] == pytest.approx([0.975, 0.975])


def test_a_later_step_of_holm_says_that_its_interval_holds_for_all_arms() -> None:
    plan = a_plan(split="34/33/33", many="holm", planned_units=3 * N, guardrail_metrics="unsubscribe rate")
    rise = 258  # p between .025, the interval's alpha, and .05, that of the second step
    assert 0.025 < two_sided(pooled_z((219, N), (rise, N))) < 0.05
    arms = {
        "control": (N, {"conversion": 219}),
        "a": (N, {"conversion": 290, "unsubscribe": 90}),
        "b": (N, {"conversion": rise}),
    }
    found = experiments.read(plan, *world(arms))
    lift = line(found, arm="b").beside.lift
    assert lift is not None and lift.lower < 0 and line(found, arm="b").is_rejected
    assert found.decision == "ship" and found.sentence.startswith("Ship b: ")
    assert "; for all arms together, wider than Holm's test of this one)" in found.sentence
    assert found.sentence.count("for all arms together") == 1


def test_of_several_arms_the_one_that_is_not_to_be_shipped_is_named() -> None:
    plan = a_plan(split="34/33/33", planned_units=3 * N, guardrail_metrics="unsubscribe rate")
    arms = {**THREE, "a": (N, {"conversion": 290, "unsubscribe": 90})}
    found = experiments.read(plan, *world(arms))
    assert found.decision == "do not ship"
    assert found.sentence.endswith("but it raises unsubscribe rate: that is a regression, do not ship a.")


def test_three_arms_by_dunnett() -> None:
    plan = a_plan(split="34/33/33", many="dunnett", planned_units=3 * N)
    found = experiments.read(plan, *world(THREE))
    p_a = two_sided(pooled_z((219, N), (262, N)))
    adjusted = line(found, arm="a").p
    assert adjusted is not None and p_a < adjusted < 2 * p_a, "dearer than one arm, cheaper than two apart"
    assert 0.95 < found.lines[0].level < 0.975
    winner = {**THREE, "a": (N, {"conversion": 290})}
    assert experiments.read(plan, *world(winner)).sentence.startswith("Ship a: ")


def test_a_value_per_user_by_welch() -> None:
    plan = a_plan(primary_metric="order value per user", baseline=5.0, mde=0.2, sd=5.0, planned_units=200)
    found = experiments.read(plan, *valued({"control": [0.0, 10.0] * 50, "treated": [2.0, 12.0] * 50}))
    told = line(found, "order value per user").beside
    assert told.difference is not None and told.lift is not None
    # Each arm: mean 5 or 7, sum of squares 100 x 25, variance 2500 / 99.
    assert told.difference.estimate == pytest.approx(2.0)
    assert told.difference.se == pytest.approx(math.sqrt(2 * 2500 / 99 / 100))
    assert told.lift.estimate == pytest.approx(0.4)
    assert (told.method, found.decision) == ("Welch's t-test", "ship")
    assert "order value per user rose from 5.00 to 7.00, by 40.0 %" in found.sentence
    unit = found.readings.set_index("metric").loc["experiments.difference", "unit"]
    assert unit == "per user"


def test_too_few_buyers_have_no_interval() -> None:
    plan = a_plan(primary_metric="order value per user", baseline=5.0, mde=0.2, sd=5.0, planned_units=200)
    assignments, outcomes = valued({"control": [0.0, 10.0] * 50, "treated": [2.0, 12.0] * 50})
    is_kept = outcomes["user_id"].str.startswith("control") | outcomes["user_id"].isin(["treated-1", "treated-2"])
    found = experiments.read(plan, assignments, outcomes[is_kept])
    assert found.decision == "refused"
    assert "2 users with the event in an arm; at least 5 are needed for an interval" in found.sentence
    assert len(list(refused_rows(found.readings))) == 3


def test_a_control_that_is_not_told_from_none_has_no_lift() -> None:
    """One large order among small ones: Fieller's set of ratios has no end."""
    plan = a_plan(primary_metric="order value per user", baseline=1.0, mde=0.5, sd=5.0, planned_units=400)
    few = [190.0, *[1.0] * 5, *[0.0] * 194]
    found = experiments.read(plan, *valued({"control": few, "treated": [3.0] * 190 + [0.0] * 10}))
    told = line(found, "order value per user").beside
    assert told.lift is None and told.difference is not None and told.difference.lower > -1
    assert told.reason == "the control's value cannot be told from none, so that there is no relative difference"
    assert found.sentence == "Inconclusive: the change of order value per user lies between 0.00 and 3.75."


def test_a_ratio_of_two_events() -> None:
    plan = a_plan(primary_metric="click per impression", baseline=0.25, mde=0.2, sd=0.25, planned_units=400)
    assignments, _ = world({"control": (200, {}), "treated": (200, {})})
    seen = pd.DataFrame({"user_id": assignments["user_id"], "ts": assignments["assigned_at"]})
    # Every user sees 2 or 4; in the control who sees 2 clicks once; in the arm everyone does.
    is_odd = seen["user_id"].str[-1].isin(list("13579"))
    is_treated = seen["user_id"].str.startswith("treated")
    impressions = pd.concat([seen, seen, seen[is_odd], seen[is_odd]]).assign(event="impression")
    clicks = seen[is_treated | ~is_odd].assign(event="click")
    found = experiments.read(plan, assignments, pd.concat([impressions, clicks]))
    told = line(found, "click per impression").beside
    assert (told.control.mean, told.treated.mean) == pytest.approx((100 / 600, 200 / 600))
    assert told.difference is not None and told.difference.estimate == pytest.approx(100 / 600)
    # Delta method: the mean square of (y - R x) over the users, by the square of the mean impressions.
    residuals = [1 - 2 / 6] * 100 + [0 - 4 / 6] * 100, [1 - 2 / 3] * 100 + [1 - 4 / 3] * 100
    variance = sum(sum(r * r for r in of) / 199 / 9 / 200 for of in residuals)
    assert told.difference.se == pytest.approx(math.sqrt(variance), rel=1e-9)


def test_the_past_is_taken_out_only_where_it_is_known_of_all() -> None:
    plan = a_plan(
        primary_metric="order value per user", baseline=5.0, mde=0.2, sd=3.0, planned_units=400, correlation=0.9
    )
    values = [float(n % 10) for n in range(200)]
    assignments, outcomes = valued({"control": values, "treated": [v + 0.5 + (n % 2) for n, v in enumerate(values)]})
    plain = line(experiments.read(plan, assignments, outcomes), "order value per user").beside
    assert plain.reason == "the past is unknown of 400 users, so that it is not used"
    known = assignments.assign(pre_value=values + values)
    paired = line(experiments.read(plan, known, outcomes), "order value per user").beside
    assert plain.difference is not None and paired.difference is not None
    assert paired.method == "Welch's t-test after CUPED" and paired.difference.se < plain.difference.se / 3
    assert paired.difference.estimate == pytest.approx(1.0) == plain.difference.estimate
    known.loc[0, "pre_value"] = None
    partly = line(experiments.read(plan, known, outcomes), "order value per user").beside
    assert partly.reason == "the past is unknown of 1 users, so that it is not used"
    assert partly.difference == plain.difference and "CUPED" not in partly.method
    dated = line(
        experiments.read(plan, known.assign(pre_value=1.7e9 + np.array(values + values)), outcomes),
        "order value per user",
    ).beside
    assert dated.difference == plain.difference and "hardly differs" in dated.reason


def test_a_past_that_lacks_for_light_users_of_one_arm_invents_no_effect() -> None:
    """No effect, and a past that says nearly all: the light users of one arm have none."""
    past = np.random.default_rng(7).normal(100, 30, (2, 1000))
    plan = a_plan(
        primary_metric="order value per user", baseline=100.0, mde=5.0, relative=False, sd=33.0, planned_units=2000,
        correlation=0.9,
    )  # fmt: skip
    assignments, outcomes = valued({"control": sorted(past[0]), "treated": sorted(past[0])})
    known = np.concatenate([sorted(past[0]), [np.nan] * 200, sorted(past[0])[200:]])
    found = line(experiments.read(plan, assignments.assign(pre_value=known), outcomes), "order value per user")
    assert found.beside.difference is not None and found.beside.difference.estimate == pytest.approx(0)
    assert not found.is_rejected and "unknown of 200 users" in found.beside.reason


def test_one_sided_plans_look_one_way() -> None:
    arms = with_events({"conversion": 219}, {"conversion": 252})
    z = pooled_z((219, N), (252, N))
    one = read(arms, {"tails": 1, "one_sided_reason": "a fall would not be built either"})
    assert line(one).p == pytest.approx(two_sided(z) / 2, rel=1e-9)
    assert (one.decision, read(arms).decision) == ("ship", "inconclusive")
    worse = read(with_events({"conversion": 274}, {"conversion": 219}), {"tails": 1})
    assert line(worse).p == pytest.approx(1 - two_sided(pooled_z((219, N), (274, N))) / 2, rel=1e-9)
    assert worse.decision != "ship" and not line(worse).is_rejected


def test_a_fall_can_be_what_is_hoped_for() -> None:
    arms = with_events({"unsubscribe": 274}, {"unsubscribe": 219})
    found = read(arms, {"primary_metric": "unsubscribe rate", "baseline": 0.25, "mde": -0.2})
    assert found.decision == "ship" and "unsubscribe rate fell from 25.0 % to 20.0 %, by 20.1 %" in found.sentence
