"""Experiments read as they were planned: arms first, then the declared metrics, then a decision; each world by hand."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import pandas as pd
import pytest
from experiment_frames import START, a_plan, hits_for, line, pooled_z, read, refused_rows, two_sided, with_events, world

from martech_lib import experiments
from martech_lib.core.errors import UserError
from martech_lib.core.metrics import metrics
from martech_lib.experiments.readout import Readout

N = 1094
WIN = {"control": (N, {"conversion": 219}), "treated": (N, {"conversion": 274})}


def test_a_win_by_hand() -> None:
    found = read(WIN)
    told = line(found)
    assert told.beside.difference is not None and told.beside.lift is not None
    assert told.beside.difference.estimate == pytest.approx((274 - 219) / N)
    assert told.beside.lift.estimate == pytest.approx(274 / 219 - 1)
    z = pooled_z((219, N), (274, N))
    assert told.p == pytest.approx(two_sided(z), rel=1e-9) and told.p < 0.05
    assert told.beside.lift.lower > 0
    assert found.decision == "ship" and found.srm.passed and found.srm.p_value == 1.0
    assert found.sentence.startswith("Ship treated: conversion rate rose from 20.0 % to 25.0 %, by 25.1 % (")
    assert found.look is not None and found.look.is_last and found.look.number == 1
    assert found.counted.by_day["n"].sum() == 2 * N


@pytest.mark.parametrize(
    ("treated", "decision", "said"),
    [
        (274, "ship", "Ship treated"),
        (219, "inconclusive", "An effect of 25.0 %, for which it was planned, is ruled out."),
        (245, "inconclusive", "The effect it was planned for can neither be seen nor ruled out."),
        (160, "do not ship", "Do not ship it: conversion rate fell from 20.0 % to 14.6 %"),
    ],
)
def test_decisions_at_the_end(treated: int, decision: str, said: str) -> None:
    found = read(with_events({"conversion": 219}, {"conversion": treated}))
    assert (found.decision, said in found.sentence) == (decision, True), found.sentence


@pytest.mark.parametrize("role", ["downstream_metric", "guardrail_metrics"])
def test_a_win_with_a_harmed_later_metric_is_not_shipped(role: str) -> None:
    arms = with_events({"conversion": 219, "paid": 200}, {"conversion": 274, "paid": 120})
    found = read(arms, {role: "paid rate"})
    assert found.decision == "do not ship"
    assert "but it lowers paid rate by 40.0 %: that is a regression, do not ship it." in found.sentence
    assert read(arms).decision == "ship", "without having declared it nobody would know"


def test_a_guardrail_that_rises_is_harm_when_less_is_better() -> None:
    arms = with_events({"conversion": 219, "unsubscribe": 60}, {"conversion": 240, "unsubscribe": 120})
    found = read(arms, {"guardrail_metrics": "unsubscribe rate"})
    assert (found.decision, line(found, "unsubscribe rate").is_loss) == ("do not ship", True)
    assert "it raises unsubscribe rate by 100.0 %" in found.sentence
    falls = with_events({"conversion": 219, "unsubscribe": 120}, {"conversion": 274, "unsubscribe": 60})
    assert read(falls, {"guardrail_metrics": "unsubscribe rate"}).decision == "ship"


def test_what_was_declared_and_cannot_be_read_is_named() -> None:
    found = read(WIN, {"downstream_metric": "paid rate", "guardrail_metrics": "refund value per user"})
    assert found.decision == "ship"
    assert "Before that look at paid rate and refund value per user, which was declared" in found.sentence
    refused = {row.segment: row.reason for row in refused_rows(found.readings)}
    assert refused == {
        "paid rate: treated": "no outcome of these users is named 'paid'",
        "refund value per user: treated": "no outcome of these users is named 'refund', with a value",
    }


def test_uneven_arms_stop_the_reading() -> None:
    assignments, outcomes = world({"control": (1400, {"conversion": 280}), "treated": (1400, {"conversion": 400})})
    is_lost = (assignments["arm"] == "treated") & (assignments["assigned_at"] == START + pd.Timedelta(days=5))
    assert is_lost.sum() == 100
    even = experiments.read(a_plan(), assignments, outcomes)
    assert even.srm.passed and even.decision == "ship"
    found = experiments.read(a_plan(), assignments[~is_lost], outcomes)
    # 1,400 and 1,300 of 2,700: chi-square (50² + 50²) / 1350 = 3.70, which chance allows.
    assert found.srm.passed and found.srm.p_value == pytest.approx(two_sided(math.sqrt(2 * 50**2 / 1350)), rel=1e-9)
    is_lost |= (assignments["arm"] == "treated") & (assignments["assigned_at"] == START + pd.Timedelta(days=6))
    found = experiments.read(a_plan(), assignments[~is_lost], outcomes)
    assert (found.decision, found.srm.arm, found.lines, found.look) == ("refused", "treated", (), None)
    assert found.srm.day == date(2026, 9, 6) and "most uneven on 6 Sep 2026" in found.sentence
    assert found.srm.p_value == pytest.approx(two_sided(math.sqrt(2 * 100**2 / 1300)), rel=1e-9)
    rows = list(refused_rows(found.readings))
    assert {row.metric for row in rows} == {"experiments.difference", "experiments.lift", "experiments.p_value"}
    check = found.readings.set_index("metric").loc["experiments.srm_p"]
    assert (check["status"], check["reason"]) == ("fail", found.srm.reason)


def test_more_or_fewer_arms_than_planned_are_not_read() -> None:
    third = read({"control": (800, {}), "a": (800, {}), "b": (588, {})})
    assert third.decision == "refused"
    assert "control (800 users), a (800 users) and b (588 users), and the plan declares 2" in third.sentence
    alone = read({"control": (2188, {"conversion": 400})})
    assert alone.decision == "refused" and "arm 2 (without users)" in alone.srm.arms
    missing = read(WIN, {"split": "34/33/33"})
    assert missing.decision == "refused" and missing.srm.arms["arm 3 (without users)"] == 0


def test_a_planned_uneven_split_passes() -> None:
    plan = a_plan(split="80/20")
    control, treated = plan.size.arms
    found = experiments.read(
        plan, *world({"control": (control, {"conversion": control // 5}), "treated": (treated, {"conversion": 1})})
    )
    assert found.srm.passed and found.srm.planned == {"control": 0.8, "treated": 0.2}


def test_users_in_two_arms_and_outcomes_before_the_assignment_are_left_out() -> None:
    assignments, outcomes = world(WIN)
    crossing = assignments.iloc[:3].assign(arm="treated")
    again = assignments.iloc[10:12].assign(assigned_at=START + pd.Timedelta(days=30))
    early = outcomes.iloc[20:25].assign(ts=START - pd.Timedelta(days=1))
    nameless = assignments.iloc[:1].assign(user_id=None)
    found = experiments.read(
        a_plan(), pd.concat([assignments, crossing, again, nameless]), pd.concat([outcomes, early])
    )
    counted = found.counted
    assert (counted.crossed, counted.repeated, counted.early, counted.unusable) == (3, 2, 5, 1)
    assert found.srm.arms == {"control": N - 3, "treated": N}
    assert line(found).beside.control.mean == pytest.approx((219 - 3) / (N - 3))
    aside = found.readings[found.readings["metric"] == "experiments.set_aside"].set_index("segment")["value"]
    assert aside["users in two arms"] == 3 and aside["outcomes before the assignment"] == 5


def stranger(days: int) -> pd.DataFrame:
    """An outcome of somebody else: so far the log reaches."""
    return pd.DataFrame({"user_id": ["nobody"], "ts": [START + pd.Timedelta(days=days)], "event": ["conversion"]})


def test_users_whose_window_is_open_are_waited_for() -> None:
    assignments, outcomes = world(WIN)  # the last users come on day 14
    waits = experiments.read(a_plan(window_days=14), assignments, pd.concat([outcomes, stranger(20)]))
    assert waits.decision == "keep running"
    assert "of its users came less than 14 days before the log ends" in waits.sentence
    assert "refused" in set(waits.readings["status"])
    assert experiments.read(a_plan(window_days=14), assignments, pd.concat([outcomes, stranger(28)])).decision == "ship"


def test_outcomes_after_the_window_are_left_out() -> None:
    assignments, outcomes = world(WIN)
    late = outcomes.assign(ts=outcomes["ts"] + pd.Timedelta(days=7))
    happened = pd.concat([outcomes.iloc[:400], late.iloc[400:], stranger(21)])
    found = experiments.read(a_plan(window_days=7), assignments, happened)
    assert found.counted.late == 219 + 274 - 400
    assert line(found).beside.treated.mean == pytest.approx((400 - 219) / N)


def test_which_program_is_read() -> None:
    assignments, outcomes = world(WIN)
    for other in ("another", 17):
        alone = assignments.assign(program=other)
        assert experiments.read(a_plan(), alone, outcomes).decision == "ship", "the only one there is"
        assert experiments.read(a_plan(), alone, outcomes, program=str(other)).decision == "ship"
    with pytest.raises(UserError, match=r"no program 'anther'; did you mean another\? They hold another"):
        experiments.read(a_plan(), assignments.assign(program="another"), outcomes, program="anther")
    both = pd.concat([assignments.assign(program="one"), assignments.assign(program="two")])
    with pytest.raises(UserError, match=r"no program 'T'\. They hold one and two; name one of them with `program`"):
        experiments.read(a_plan(), both, outcomes)
    with pytest.raises(UserError, match="The assignments have no rows"):
        experiments.read(a_plan(), assignments.iloc[:0], outcomes)
    assert experiments.read(a_plan(), assignments.drop(columns="program"), outcomes).decision == "ship"


@pytest.mark.parametrize("arms", [("a", "b"), ("control", "holdout")])
def test_one_arm_has_to_be_the_control(arms: tuple[str, str]) -> None:
    with pytest.raises(UserError, match=f"came as {arms[0]} and {arms[1]}; allowed is one named control or holdout"):
        read(dict.fromkeys(arms, (N, {"conversion": 219})))


def test_a_column_that_is_missing_is_named() -> None:
    assignments, outcomes = world(WIN)
    with pytest.raises(UserError, match="assigned_at"):
        experiments.read(a_plan(), assignments.drop(columns="assigned_at"), outcomes)


def test_a_bandit_is_refused() -> None:
    assignments, outcomes = world(WIN)
    share = 0.5 + 0.2 * (assignments["assigned_at"] > START + pd.Timedelta(days=7)) * (
        1 - 2.0 * (assignments["arm"] == "control")
    )
    found = experiments.read(a_plan(), assignments.assign(planned_share=share), outcomes)
    assert found.decision == "refused"
    assert "the share of arm control moved from 30 % to 50 %: it is a bandit" in found.sentence
    assert list(refused_rows(found.readings))
    assert experiments.read(a_plan(), assignments.assign(planned_share=0.5), outcomes).decision == "ship"


def test_nobody_and_too_few() -> None:
    nobody = read(with_events({}, {}))
    assert nobody.decision == "refused" and "no outcome of these users is named 'conversion'" in nobody.sentence
    few = read(with_events({"conversion": 219}, {"conversion": 12}))
    assert line(few).beside.reason.startswith("only 12 users with the event in an arm: intervals hold less often")
    assert few.decision == "do not ship"
    of_control = read(with_events({}, {"conversion": 50}))
    assert line(of_control).beside.lift is None and line(of_control).beside.difference is not None
    assert {row.metric for row in refused_rows(of_control.readings)} == {"experiments.lift"}


# ---- looks before the end ----


def at_half(z: float, rule: str, looks: int = 2, **changes: Any) -> Readout:
    """A plan read at half of its units, where the arm lies z above the control, within its first days."""
    plan = a_plan(rule=rule, looks=looks, weekly_units=500, **changes)
    users = round(plan.total_units / 4)
    hits = hits_for(z, control=users // 5, users=users)
    arms = {"control": (users, {"conversion": users // 5}), "treated": (users, {"conversion": hits})}
    return experiments.read(plan, *world(arms, days=7))


@pytest.mark.parametrize(
    ("rule", "z", "decision"),
    [
        # Lan-DeMets at half of the information, two looks, 5 %: 2.963 (O'Brien-Fleming type), 2.157 (Pocock type).
        ("obrien_fleming", 2.9, "keep running"),
        ("obrien_fleming", 3.02, "ship"),
        ("pocock", 2.1, "keep running"),
        ("pocock", 2.2, "ship"),
        ("confidence_sequence", 2.2, "keep running"),
        ("confidence_sequence", 5.0, "ship"),
    ],
)
def test_an_early_look_stops_by_its_rule(rule: str, z: float, decision: str) -> None:
    found = at_half(z, rule)
    assert found.look is not None and (found.look.number, found.look.is_last) == (1, False)
    assert found.decision == decision, found.sentence
    told = line(found)
    assert told.is_rejected == (decision == "ship")
    assert told.beside.lift is not None and (told.beside.lift.lower > 0) == told.is_rejected
    assert (told.p is not None and told.p < 0.05) or not told.is_rejected


@pytest.mark.parametrize(("rule", "looks"), [("fixed", 1), ("obrien_fleming", 5)])
def test_a_look_that_was_not_declared_is_exploratory(rule: str, looks: int) -> None:
    found = at_half(5.0, rule, looks)
    assert found.look is not None and found.look.number == 0
    assert found.decision == "keep running" and "this look was not declared" in found.sentence
    rows = found.readings[found.readings["segment"] == "conversion rate: treated"]
    assert set(rows["status"]) == {"info"}
    assert rows["method"].str.startswith("exploratory").all()
    assert rows["reason"].str.contains("exploratory and decides nothing").all()


def test_an_early_guardrail_stops_it() -> None:
    plan = a_plan(rule="obrien_fleming", looks=2, weekly_units=500, guardrail_metrics="unsubscribe rate")
    users = round(plan.total_units / 4)
    arms = with_events({"conversion": 100, "unsubscribe": 20}, {"conversion": 100, "unsubscribe": 80}, users)
    found = experiments.read(plan, *world(arms, days=7))
    assert found.decision == "do not ship" and found.sentence.startswith("Stop it: it raises unsubscribe rate by")


def test_an_early_stop_believes_less_than_it_saw() -> None:
    found = at_half(3.1, "obrien_fleming")
    told = line(found).beside
    assert told.lift is not None
    assert 0 < told.lift.estimate <= told.treated.mean / told.control.mean - 1 + 1e-9, (
        "a first look is read as one look"
    )
    assert found.readings.set_index("metric").loc["experiments.win_overstates", "value"] > 1


def test_a_test_that_ran_out_of_weeks_says_so() -> None:
    arms = with_events({"conversion": 60}, {"conversion": 61}, 300)
    found = experiments.read(a_plan(), *world(arms, days=15))
    assert found.look is not None and found.look.is_last
    assert found.look.reason == "its weeks are over with 27 % of the planned units: its power is less than planned"
    assert found.decision == "inconclusive"


def test_further_metrics_are_exploratory_and_decide_nothing() -> None:
    arms = with_events({"conversion": 219, "refund": 20}, {"conversion": 274, "refund": 200})
    found = read(arms, exploratory=["refund rate", "conversion rate"])
    assert found.decision == "ship"
    assert [one.role for one in found.lines] == ["primary", "exploratory"], "a declared one keeps its role"
    rows = found.readings[found.readings["segment"] == "refund rate: treated"]
    assert set(rows["status"]) == {"info"} and rows["method"].str.startswith("exploratory").all()


def test_every_reading_is_declared_and_goes_into_json() -> None:
    early = at_half(2.0, "obrien_fleming", looks=2)
    for found in (read(WIN), read({"control": (2188, {})}), early, read(WIN, {"downstream_metric": "paid rate"})):
        assert {row.metric for row in found.reading_records} <= set(metrics())
        told = json.dumps(found.to_dict(), allow_nan=False)
        assert json.loads(told)["readings"]
        assert {(row.period, row.source) for row in found.reading_records} == {("T", "assignments, outcomes")}


def test_a_readout_is_frozen_and_reads_twice_alike() -> None:
    found = read(WIN)
    with pytest.raises(AttributeError):
        found.decision = "ship"  # type: ignore[misc]
    assert found.reading_records == read(WIN).reading_records
