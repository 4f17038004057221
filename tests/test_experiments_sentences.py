"""What a readout's sentence says beside its decision: other directions, harm that is not ruled out, late ends, programs."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from experiment_frames import PASSING, a_plan, line, read, with_events, workspace_of, world

from martech_lib import experiments
from martech_lib.core.errors import UserError
from martech_lib.experiments.metrics import metric_of, refuse_both_ways

N = 1094
EVENTS = {"conversion": 219, "paid": 100, "unsubscribe": 50}
BETTER = {**EVENTS, "conversion": 280}
GUARDED = {"guardrail_metrics": ["unsubscribe rate"], "downstream_metric": "paid rate"}


# ---- direction ----


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("churn rate", -1), ("conversion rate", 1), ("return visit rate", 1), ("opt-out rate", -1),
        ("returned visitors rate (higher is better)", 1), ("time on page per user (Lower is better)", -1),
        ("optout rate", -1), ("unsub rate", -1), ("unsubs per user", -1), ("time outs per user", -1), ("timeout rate", -1),
        ("card declined rate", -1), ("declines per user", -1), ("failed_payment rate", -1), ("no-show rate", -1),
        ("Opted-out rate", -1), ("support tickets per user", -1), ("churned rate", -1), ("bounces per visit", -1),
        ("costume purchase rate", 1), ("terror film rate", 1), ("mirror click rate", 1), ("failover demo rate", 1),
        ("cartAbandoned rate", -1), ("PaymentFailed rate", -1), ("checkoutError rate", -1), ("serverErrors per user", -1),
        ("emailUnsubscribe rate", -1), ("hardbounce rate", -1), ("spammed rate", -1), ("errored rate", -1),
        ("failedpayments per user", -1), ("free trial cancel rate", -1), ("free plan churn rate", -1), ("prefund rate", 1),
        ("cart recovery failed rate", 0), ("no code error rate", 0), ("password recovery failed rate", 0),
        ("saved card declined rate", -1), ("non-payment churn rate", -1), ("free trial start rate", 1),
        ("crash-free rate", 0), ("no-error rate", 0), ("error free session rate", 0), ("churn save rate", 0),
        ("failed payment recovery rate", 0), ("cart abandonment recovery rate", 0), ("cost saving per user", 0),
        ("churned user reactivation rate", 0), ("prevented churn rate", 0), ("lowered costs rate", -1),
        ("crash-free rate (higher is better)", 1), ("recovery of failed payments", 0), ("no payment errors", 0),
        ("sessions without a crash", 0), ("reactivation of churned users", 0), ("avoid churn", 0), ("undisputed orders", 0),
        ("abandoned cart email click rate", 0), ("returned visitors rate", 0), ("returned per user", -1), ("anti-spam rate", 0),
        ("errors not seen", 0), ("win-back of churned users", 0), ("announcement click rate", 1),
        ("unsubscribes per email", -1), ("Spam complaints per e-mail", -1), ("bounces per email", -1), ("cost per click", -1),
        ("cost-per-click", -1), ("refunds per offer", -1), ("errors per click", -1), ("refund value per click per user", -1),
        ("emails bounced per email sent", -1), ("support tickets per open", -1), ("orders per complaint", 0), ("average per-user refunds", 0), ("users per week that churn", 0),
        ("cost savings per click", 0), ("recovered carts per email", 1), ("abandoned carts recovered per email", 0),
        ("per user", 1), ("un-subscribe rate", -1), ("first run install rate", 1), ("trial-run subscription rate", 1), ("un_subscribed rate", -1), ("charge-back rate", -1), ("crashfree rate", 0),
        ("down-grade rate", -1), ("un-install rate", -1), ("unsubstantiated claims rate", 1), ("errorfree sessions rate", 0),
    ],
)  # fmt: skip
def test_a_metric_tells_its_direction_by_name_or_declares_it(name: str, better: int) -> None:
    assert metric_of(name).better == better
    assert metric_of(name).name == name.split(" (")[0]


def test_a_plan_for_the_worse_does_not_pass_the_gate() -> None:
    def missing(metric: str, mde: float) -> str:
        gate = a_plan(**PASSING, primary_metric=metric, mde=mde).gate
        return " ".join(gate.loc[~gate["passed"], "missing"])

    assert missing("churn rate", -0.25) == missing("churn rate (higher is better)", 0.25) == ""
    told = missing("churn rate", 0.25)
    assert told.startswith("the plan hopes for a rise of churn rate, of which less is better; turn the sign of mde")
    assert "'churn rate (higher is better)'" in told
    assert "a fall of conversion rate, of which more is better" in missing("conversion rate", -0.25)


def test_a_declared_direction_decides_what_is_harm() -> None:
    more = with_events({**EVENTS, "visit": 300}, {**EVENTS, "visit": 420})
    worse = read(more, {"guardrail_metrics": ["visit rate (lower is better)"]})
    assert worse.decision == "do not ship" and "raises visit rate by 40.0 %" in worse.sentence
    assert read(more, {"guardrail_metrics": ["visit rate"]}).decision == "inconclusive"


def test_a_name_that_leaves_its_direction_open_is_asked_for_it_and_decides_nothing() -> None:
    for place in ("primary_metric", "downstream_metric", "guardrail_metrics"):
        gate = a_plan(**{**PASSING, place: "crash-free rate"}).gate
        (told,) = gate.loc[~gate["passed"], "missing"]
        assert "which way of crash-free rate is better; write 'crash-free rate (higher is better)' or" in told
        assert a_plan(**{**PASSING, place: "crash-free rate (higher is better)"}).passes
    more = with_events({**EVENTS, "crash-free": 900}, {**BETTER, "crash-free": 300})
    found = read(more, {"downstream_metric": "crash-free rate", "guardrail_metrics": "unsubscribe rate"})
    assert found.decision == "ship", "nobody can say that this is harm"
    assert "Before that look at crash-free rate, whose name leaves open which way is better." in found.sentence
    by_sign = read(more, {"primary_metric": "crash-free rate", "baseline": 0.8, "mde": 0.1, "planned_units": 2 * N})
    assert by_sign.decision == "do not ship", "a primary metric is hoped for in the direction of its planned change"
    said = read(more, {"downstream_metric": "crash-free rate (higher is better)"})
    assert said.decision == "do not ship" and "it lowers crash-free rate" in said.sentence


def test_a_harm_by_email_stops_what_won() -> None:
    guarded = {**GUARDED, "guardrail_metrics": ["unsubscribe per email"]}
    found = read(with_events({**EVENTS, "email": 1000}, {**BETTER, "email": 1000, "unsubscribe": 400}), guarded)
    assert found.decision == "do not ship" and "raises unsubscribe per email" in found.sentence
    assert a_plan(**{**PASSING, "guardrail_metrics": "unsubscribes per email"}).passes


@pytest.mark.parametrize("is_first", [True, False])
def test_a_direction_declared_in_one_role_holds_in_the_other(tmp_path: Path, is_first: bool) -> None:
    names = ["crash-free rate", "crash-free rate (higher is better)"][:: 1 if is_first else -1]
    roles = {"downstream_metric": names[0], "guardrail_metrics": f"unsubscribe rate; {names[1]}"}
    logs = world(with_events({**EVENTS, "crash-free": 900}, {**BETTER, "crash-free": 300}))
    found = experiments.read(a_plan(**roles), *logs)
    assert found.decision == "do not ship" and "it lowers crash-free rate" in found.sentence
    told = {"id": "T", "primary_metric": "conversion rate", "mde": 0.25, "planned_n": 2 * N, **roles}
    tables = {"experiments": pd.DataFrame([told]), "assignments": logs[0], "outcomes": logs[1]}
    by_row = experiments.read_registered(workspace_of(tmp_path, **tables), "T")
    assert by_row.decision == "do not ship" and "it lowers crash-free rate" in by_row.sentence


@pytest.mark.parametrize("open_role", ["primary_metric", "downstream_metric"])
def test_the_gate_and_a_row_hear_a_direction_that_a_guardrail_declares(tmp_path: Path, open_role: str) -> None:
    said = {open_role: "crash-free rate", "guardrail_metrics": "crash-free rate (higher is better); unsubscribe rate"}
    gate = a_plan(**{**PASSING, **said}).gate
    told = "; ".join(gate.loc[~gate["passed"], "missing"])
    stands_guard = "the primary metric stands guard over itself; name others that must not suffer"
    assert told == (stands_guard if open_role == "primary_metric" else "")
    put, happened = world(with_events({**EVENTS, "crash-free": 300}, {**BETTER, "crash-free": 900}))
    row = {"id": "T", "primary_metric": "conversion rate", "mde": 0.25, "planned_n": 2 * N, **said}
    ws = workspace_of(tmp_path, experiments=pd.DataFrame([row]), assignments=put, outcomes=happened)
    found = experiments.read_registered(ws, "T")
    assert line(found, "crash-free rate").better == 1 and found.decision == "ship"


def test_a_direction_given_at_the_reading_makes_no_harm_of_a_planned_metric() -> None:
    more = with_events({**EVENTS, "crash-free": 900, "error-free": 9}, {**BETTER, "crash-free": 300, "error-free": 9})
    asked = ["crash-free rate (higher is better)", "error-free", "error-free (higher is better)"]
    found = read(more, {**GUARDED, "downstream_metric": "crash-free rate"}, exploratory=asked)
    assert line(found, "crash-free rate").better == 0 and found.decision == "ship"
    assert line(found, "error-free").better == 1


@pytest.mark.parametrize("names", [*permutations(("", " (higher is better)", " (lower is better)"))])
def test_both_ways_are_refused_in_any_order(names: tuple[str, ...]) -> None:
    ways = [name for name in names if name]
    said = rf"'crash-free rate{re.escape(ways[0])}' and as 'crash-free rate{re.escape(ways[1])}'"
    with pytest.raises(UserError, match=said):
        refuse_both_ways([f"crash-free rate{name}" for name in names])


@pytest.mark.parametrize(
    ("metric", "mde", "events", "said"),
    [
        ("conversion rate", -0.25, BETTER, "a fall of conversion rate, of which more is better; turn"),
        ("conversion rate (lower is better)", 0.25, BETTER, "do not ship"),
        ("conversion rate (lower is better)", -0.25, BETTER, "do not ship"),
        ("unsubscribe rate", 0.8, {**EVENTS, "unsubscribe": 10}, "ship"),
        ("unsubscribe rate", -0.8, {**EVENTS, "unsubscribe": 10}, "ship"),
    ],
)
def test_a_row_that_hopes_for_a_fall_of_what_should_rise_is_not_read(
    tmp_path: Path, metric: str, mde: float, events: dict[str, int], said: str
) -> None:
    put, happened = world(with_events(EVENTS, events))
    told = {"id": "T", "primary_metric": metric, "mde": mde, "planned_n": 2 * N, "downstream_metric": "paid rate"}
    ws = workspace_of(tmp_path, experiments=pd.DataFrame([told]), assignments=put, outcomes=happened)
    if said.endswith("ship"):
        assert experiments.read_registered(ws, "T").decision == said
        return
    with pytest.raises(UserError, match=f"T cannot be read: the plan hopes for {said}"):
        experiments.read_registered(ws, "T")


def test_one_metric_is_not_declared_both_ways() -> None:
    both = {"downstream_metric": "visit rate", "guardrail_metrics": ["Visit rate (lower is better)"]}
    with pytest.raises(
        UserError, match=r"came as 'visit rate' and as 'Visit rate \(lower is better\)'.* name it one way"
    ):
        a_plan(**both)
    with pytest.raises(UserError, match="name it one way"):
        read(
            with_events(EVENTS, EVENTS), {"downstream_metric": "visit rate"}, exploratory="visit rate (lower is better)"
        )


# ---- harm that is not ruled out ----


def test_a_winner_is_told_with_the_harm_that_is_not_ruled_out() -> None:
    found = read(with_events(EVENTS, {**BETTER, "paid": 96}), GUARDED)
    lift = line(found, "paid rate").beside.lift
    assert lift is not None and found.decision == "ship"
    other = line(found, "unsubscribe rate").beside.lift
    assert other is not None
    told = f"paid rate lower by up to {-100 * lift.lower:.1f} % and unsubscribe rate higher by up to"
    assert f"Not ruled out: {told} {100 * other.upper:.1f} %." in found.sentence


def test_harm_goes_by_the_harmful_end_and_not_by_the_sign_of_the_estimate() -> None:
    even = read(with_events(EVENTS, {**BETTER, "paid": 104, "unsubscribe": 46}), GUARDED)
    lift = line(even, "paid rate").beside.lift
    assert lift is not None and lift.estimate > 0 > lift.lower, "better, and not surely so"
    assert f"paid rate lower by up to {-100 * lift.lower:.1f} %" in even.sentence
    surely = read(with_events(EVENTS, {**BETTER, "paid": 160, "unsubscribe": 10}), GUARDED)
    assert surely.decision == "ship" and "Not ruled out" not in surely.sentence


def test_harm_without_a_relative_difference_is_told_in_points() -> None:
    found = read(with_events({**EVENTS, "unsubscribe": 0}, {**BETTER, "unsubscribe": 3}), GUARDED)
    told = line(found, "unsubscribe rate").beside
    assert found.decision == "ship" and told.lift is None and told.difference is not None
    assert f"unsubscribe rate higher by up to {100 * told.difference.upper:.2f} points" in found.sentence


# ---- the end ----


@pytest.mark.parametrize(
    ("part", "said"),
    [(0.89, "this look was not declared"), (0.92, "It was read with 92 % of the planned units: its power is less"),
     (0.96, ""), (1.04, ""), (1.07, "Before its last day it has 107 % of the planned units.")],
)  # fmt: skip
def test_an_end_of_another_size_is_told_and_one_nearly_of_the_planned_size_is_not(part: float, said: str) -> None:
    n = round(N * part)
    told = experiments.read(a_plan(), *world(with_events({"conversion": n // 5}, {"conversion": n // 5}, n), days=7))
    assert said in told.sentence and told.look is not None and told.look.reason.casefold() in told.sentence.casefold()
    assert bool(told.look.reason) == bool(said) and told.look.is_last == (part >= 0.9)


def test_a_test_that_ran_on_says_what_daily_readings_cost() -> None:
    n, more = 2 * N, {name: 2 * hits for name, hits in EVENTS.items()}
    logs = world(with_events(more, {**more, "conversion": 600}, n), days=28)
    found = experiments.read(a_plan(), *logs)
    assert found.decision == "ship"
    assert "It ran on to 200 % of the planned units: read once that holds;" in found.sentence
    said = float(found.sentence.rsplit("until an effect shows it has ", 1)[1].split(" %")[0])
    early = experiments.read(a_plan(weekly_units=547, growth=1.0), *logs).sentence  # four weeks, and twice the traffic
    assert "ran on" not in early and "before its last day" not in early, "it ended on its day"
    assert "Before its last day it has 200 %" in experiments.read(a_plan(weekly_units=400), *logs).sentence
    unknown = experiments.read(a_plan(weekly_units=None), *logs).sentence
    assert unknown == found.sentence, "without weeks it could have ended when the planned units had come"
    # World: 28 days, the planned units after 14 of them; then read at the end of every day.
    rng = np.random.default_rng(5)
    paths = rng.normal(size=(100_000, 28)).cumsum(axis=1) / np.sqrt(np.arange(1, 29))
    alarms = (np.abs(paths[:, 13:]) > 1.959964).any(axis=1).mean()
    assert said == pytest.approx(100 * alarms, abs=0.5)


@pytest.mark.parametrize(("end", "says"), [("2026-09-14", ""), ("2026-09-10", "It ran on to 120 %"), ("2026-09-30", "Before its last day it has 120 %")])  # fmt: skip
def test_a_row_without_a_card_ends_on_its_planned_day(tmp_path: Path, end: str, says: str) -> None:
    told = {"id": "T", "primary_metric": "conversion rate", "mde": 0.25, "planned_n": 2188, "start": "2026-09-01"}
    put, happened = world(with_events({"conversion": 260}, {"conversion": 265}, round(1.2 * N)))
    ws = workspace_of(
        tmp_path, experiments=pd.DataFrame([{**told, "planned_end": end}]), assignments=put, outcomes=happened
    )
    found = experiments.read_registered(ws, "T")
    assert found.decision == "inconclusive" and says in found.sentence
    assert bool(says) == ("of the planned units" in found.sentence)


def test_of_several_arms_that_ran_on_the_false_alarms_of_any_are_told() -> None:
    plan = a_plan(split=(0.25,) * 4, weekly_units=None)
    n = plan.total_units // 4 * 2
    arms = {name: (n, {"conversion": n // 5}) for name in ("control", "a", "b", "c")}
    told = experiments.read(plan, *world(arms)).sentence.split("until an effect shows it has up to ")[1]
    said, planned = (float(part.split(" %")[0]) for part in (told, told.split("in place of ")[1]))
    assert planned == 5.0
    rng = np.random.default_rng(6)
    paths = rng.normal(size=(40_000, 4, 14)).cumsum(axis=2) / np.sqrt(np.arange(1, 15))
    z = (paths[:, 1:] - paths[:, :1]) / np.sqrt(2)
    alarms = 100 * (np.abs(z[:, :, 6:]) > plan.boundaries[-1]).any(axis=(1, 2)).mean()
    assert alarms - 0.5 < said < alarms + 3


def test_a_test_that_ran_on_for_years_is_told_with_a_floor() -> None:
    more = {name: 2 * hits for name, hits in EVENTS.items()}
    found = experiments.read(a_plan(weekly_units=None), *world(with_events(more, more, 2 * N), days=1_400))
    said = float(found.sentence.split("until an effect shows it has at least ")[1].split(" %")[0])
    rng = np.random.default_rng(7)
    steps = np.linspace(1, 2, 701)  # the end, and every day of as many again
    moves = rng.normal(size=(4_000, 701)) * np.sqrt(np.diff(steps, prepend=0))
    alarms = 100 * (np.abs(moves.cumsum(axis=1) / np.sqrt(steps)) > 1.959964).any(axis=1).mean()
    assert alarms - 3 < said < alarms + 1.8
    arms = dict.fromkeys(("control", "a", "b"), (3 * N, {"conversion": 600}))
    many = experiments.read(a_plan(split=(1 / 3,) * 3, weekly_units=None), *world(arms, days=2_000))
    assert "until an effect shows it has about " in many.sentence, "a bound of some of the readings is none of all"


# ---- arms and programs ----


@pytest.mark.parametrize("names", [("b", "c"), ("c", "b")])
def test_arms_are_those_of_their_shares_whatever_they_are_called(names: tuple[str, str]) -> None:
    larger, smaller = names
    arms = {
        "control": (1000, {"conversion": 200}),
        larger: (600, {"conversion": 120}),
        smaller: (400, {"conversion": 80}),
    }
    found = read(arms, {"split": (0.5, 0.3, 0.2), "planned_units": 2000})
    assert found.srm.passed and found.srm.planned == {"control": 0.5, larger: 0.3, smaller: 0.2}
    assert not read({**arms, smaller: (250, {"conversion": 50})}, {"split": (0.5, 0.3, 0.2)}).srm.passed


def test_arms_of_nearly_equal_shares_are_those_that_the_log_says() -> None:
    arms = {name: (n, {"conversion": n // 5}) for name, n in (("control", 1000), ("a", 495), ("b", 505))}
    put, happened = world(arms)
    plan = a_plan(split=(0.5, 0.26, 0.24), planned_units=2000)
    told = put.assign(planned_share=put["arm"].map({"control": 0.5, "a": 0.26, "b": 0.24}))
    assert experiments.read(plan, told, happened).srm.planned == {"control": 0.5, "a": 0.26, "b": 0.24}
    assert experiments.read(plan, put, happened).srm.planned == {"control": 0.5, "b": 0.26, "a": 0.24}
    rounded = told.assign(planned_share=told["planned_share"].clip(0.25, 0.25).where(put["arm"] != "control", 0.5))
    assert experiments.read(plan, rounded, happened).srm.planned == {"control": 0.5, "b": 0.26, "a": 0.24}


def test_a_program_of_another_name_is_told() -> None:
    logs = world(with_events(EVENTS, BETTER), program="Spring test")
    told = experiments.read(a_plan(), *logs).sentence
    assert told.endswith("Read from Spring test, the only program in the log.")
    assert "the only program" not in experiments.read(a_plan(), *logs, program="Spring test").sentence
    with pytest.raises(UserError, match="program came as 'Spring test', and the assignments have no column program"):
        experiments.read(a_plan(), logs[0].drop(columns="program"), logs[1], program="Spring test")
