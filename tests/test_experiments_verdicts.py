"""What a readout decides of several arms, of harm at any look, of one direction, and of tests that ended otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiment_frames import PASSING, a_plan, hits_for, line, read, with_events, workspace_of, world

from martech_lib import Workspace, experiments
from martech_lib.core.places import sample_dir
from martech_lib.experiments import words

N = 1094
GUARDED = {"guardrail_metrics": ["unsubscribe rate"], "downstream_metric": "paid rate"}


def of_three(a: dict[str, int], b: dict[str, int], n: int = N) -> Any:
    """Three arms whose control converts 219 times."""
    arms = {"control": (n, {"conversion": 219, "unsubscribe": 40}), "a": (n, a), "b": (n, b)}
    return read(arms, {"split": (1 / 3,) * 3, "planned_units": 3 * N, **GUARDED})


def test_an_arm_that_wins_cleanly_comes_before_one_that_wins_with_harm() -> None:
    found = of_three({"conversion": 300, "unsubscribe": 120}, {"conversion": 280, "unsubscribe": 40})
    assert found.decision == "ship" and found.sentence.startswith("Ship b: ")
    assert " Do not ship a: it raises unsubscribe rate by 200.0 %." in found.sentence


def test_an_open_arm_is_named_beside_one_that_loses() -> None:
    found = of_three({"conversion": 150, "unsubscribe": 40}, {"conversion": 225, "unsubscribe": 40})
    assert found.decision == "inconclusive"
    assert found.sentence.startswith("Inconclusive: the change of conversion rate in b lies between ")
    assert "Do not ship a: conversion rate fell from 20.0 % to 13.7 %" in found.sentence


@pytest.mark.parametrize("rule", ["fixed", "obrien_fleming", "confidence_sequence"])
def test_a_catastrophe_stops_a_test_at_any_look(rule: str) -> None:
    plan = {"rule": rule, "looks": 1 if rule == "fixed" else 4, "planned_units": 4 * N, "weekly_units": None, **GUARDED}
    events = {"conversion": 219, "unsubscribe": 40}
    harmed = read(with_events(events, {**events, "unsubscribe": 400}), plan)
    assert harmed.decision == "do not ship"
    assert harmed.sentence == "Stop it: it raises unsubscribe rate by 900.0 %."
    little = read(with_events(events, {**events, "unsubscribe": 60}), plan)  # p .04 of one look, of any no harm yet
    assert little.decision == "keep running"
    assert line(little, "unsubscribe rate").p == pytest.approx(1, abs=0.6)


@pytest.mark.parametrize("rule", ["obrien_fleming", "pocock"])
def test_one_sided_plans_for_a_fall_mirror_those_for_a_rise(rule: str) -> None:
    """Of n users, those who do and those who do not: a rise of one is the fall of the other."""
    asked = {"rule": rule, "looks": 3, "tails": 1, "one_sided_reason": "x", "weekly_units": None, "relative": False}
    for share, better in ((2 / 3, 60), (1, 10), (1, 45)):
        n = round(share * 1200)
        half = n // 2
        up = read(
            with_events({"conversion": half}, {"conversion": half + better}, n),
            {**asked, "baseline": 0.5, "mde": 0.05, "planned_units": 2400},
        )
        down = read(
            with_events({"conversion": n - half}, {"conversion": n - half - better}, n),
            {**asked, "baseline": 0.5, "mde": -0.05, "planned_units": 2400},
        )
        one, other = line(up), line(down)
        assert up.decision == down.decision
        assert one.p == pytest.approx(other.p, abs=1e-6)
        first, second = one.beside.difference, other.beside.difference
        assert first is not None and second is not None
        ends = (-second.upper, -second.estimate, -second.lower)
        assert (first.lower, first.estimate, first.upper) == pytest.approx(ends, abs=1e-6)


@pytest.mark.parametrize("rule", ["obrien_fleming", "pocock", "confidence_sequence"])
@pytest.mark.parametrize("look", [1, 2, 3, 4])
@pytest.mark.parametrize("z", [0.4, 1.8, 2.2, 2.6, 3.4, 4.6])
def test_p_and_interval_of_a_look_say_the_same(rule: str, look: int, z: float) -> None:
    n = 600 * look
    hits = hits_for(z, control=n // 5, users=n)
    plan = {"rule": rule, "looks": 4, "planned_units": 4800, "weekly_units": None}
    told = line(read(with_events({"conversion": n // 5}, {"conversion": hits}, n), plan))
    difference = told.beside.difference
    assert difference is not None and told.p is not None
    assert told.is_rejected == (difference.lower > 0 or difference.upper < 0) == (told.p < 0.05)


def test_a_one_sided_test_does_not_keep_quiet_about_a_loss() -> None:
    plan = {"tails": 1, "one_sided_reason": "only a rise pays"}
    found = read(with_events({"conversion": 219}, {"conversion": 120}), plan)
    assert found.decision == "do not ship"
    assert found.sentence.startswith("Do not ship it: conversion rate fell from 20.0 % to 11.0 %")


def test_a_test_that_ended_short_says_so() -> None:
    arms = with_events({"conversion": 60}, {"conversion": 110}, 300)
    found = experiments.read(a_plan(), *world(arms, days=15))
    assert found.decision == "ship"
    assert found.sentence.endswith("Its weeks are over with 27 % of the planned units: its power is less than planned.")


def test_one_user_in_an_arm_is_too_few() -> None:
    found = read({"control": (1, {"conversion": 1}), "treated": (1, {})}, {"primary_metric": "revenue per user", "sd": 1, "baseline": 1})  # fmt: skip
    assert (found.decision, found.sentence) == ("refused", "Not read: control and treated have fewer than 2 users.")


def test_many_users_in_two_arms_stop_the_reading() -> None:
    assignments, outcomes = world(with_events({"conversion": 219}, {"conversion": 274}))
    both = assignments.groupby("arm").head(150)
    crossed = both.assign(arm=both["arm"].map({"control": "treated", "treated": "control"}))
    found = experiments.read(a_plan(), pd.concat([assignments, crossed]), outcomes)
    assert found.decision == "refused"
    assert found.sentence.startswith("Not read: 14 % of the users were put into two arms")
    assert experiments.read(a_plan(), pd.concat([assignments, crossed.head(20)]), outcomes).decision == "ship"


# ---- the gate ----


def missing(**changes: Any) -> str:
    gate = a_plan(**{**PASSING, **changes}).gate
    return " ".join(gate.loc[~gate["passed"], "missing"])


def test_planned_users_that_see_too_little_do_not_pass_and_are_told_with_their_power() -> None:
    assert missing(planned_units=2200) == ""
    assert (
        missing(planned_units=1000)
        == "the 1,000 planned users see the effect less often than planned; 2,188 are needed"
    )
    told = words.headline(a_plan(planned_units=1000))
    # By the pooled formula 500 users an arm see 20 % against 25 % in 47 % of cases.
    assert told.startswith(
        "To see conversion rate rise from 20.0 % to 25.0 %, by 25.0 %, you have planned 500 users an arm"
    )
    assert "sees it in 47 % of cases" in told


@pytest.mark.parametrize(
    "changes", [{"downstream_metric": "Conversion rate"}, {"guardrail_metrics": ["conversion"]}], ids=str
)
def test_a_metric_does_not_stand_guard_over_itself(changes: dict[str, Any]) -> None:
    assert missing(**changes) == "the primary metric stands guard over itself; name others that must not suffer"


# ---- the register ----


def test_peeked_rows_and_bandits_of_the_register_are_not_read(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sample_dir() / "saas", tmp_path / "saas"))
    one = experiments.readable(Workspace.open(folder))[0]
    rows = pd.read_csv(folder / "experiments.csv", dtype="string")
    for column, value, said in (("stop_reason", "peek", "it was stopped by a peek after "), ("allocation", "bandit", "has it as a bandit")):  # fmt: skip
        changed = rows.copy()
        changed.loc[changed["id"] == one, column] = value
        changed.to_csv(folder / "experiments.csv", index=False)
        found = experiments.read_registered(Workspace.open(folder), one)
        assert found.decision == "refused" and said in found.sentence


def test_a_changed_card_is_told_where_the_register_is(tmp_path: Path) -> None:
    ws = workspace_of(tmp_path)
    done = experiments.register(ws, a_plan(**PASSING))
    assert "changed" not in words.record(experiments.record(Workspace.open(tmp_path)))
    card = tmp_path / "plans" / f"{done.id}.yaml"
    card.write_text(card.read_text(encoding="utf-8").replace("mde: 0.25", "mde: 0.15"), encoding="utf-8")
    told = words.record(experiments.record(Workspace.open(tmp_path)))
    assert f"Plans and register do not fit: {done.id} was changed after it was registered." in told
    shutil.copy(card, card.with_name("copy.yaml"))
    assert "has another card" in words.record(experiments.record(Workspace.open(tmp_path)))


def test_the_direction_of_harm_goes_by_whole_names() -> None:
    events = {"conversion": 219, "return visit": 300, "opt_out": 100}
    more = read(
        with_events(events, {**events, "return visit": 400, "opt_out": 100}),
        {"guardrail_metrics": ["return visit rate"]},
    )
    assert more.decision == "inconclusive"
    worse = read(with_events(events, {**events, "opt_out": 200}), {"guardrail_metrics": ["opt_out rate"]})
    assert worse.decision == "do not ship"


@pytest.mark.parametrize("per_user", [1, 2])
def test_the_first_users_of_a_large_test_are_read(per_user: int) -> None:
    """So early a guardrail's boundary lies beyond all confidence levels, and values that are all alike have no spread."""
    logs = world({arm: (50, {"click": 50, "conversion": 10}) for arm in ("control", "treated")})
    clicks = pd.concat([logs[1]] * per_user)
    found = experiments.read(a_plan(planned_units=10_000_000, guardrail_metrics=["click per user"]), logs[0], clicks)
    guarded = line(found, "click per user")
    assert found.decision == "keep running" and not guarded.is_rejected
    assert guarded.beside.difference is not None and guarded.beside.difference.lower == 0


@pytest.mark.parametrize(("rule", "looks"), [("confidence_sequence", 5), ("obrien_fleming", 8)])
def test_a_lift_without_ends_so_early_is_none(rule: str, looks: int) -> None:
    """The first users' values are so uneven that at the level of an early look any ratio may be true."""
    plan = a_plan(primary_metric="revenue per user", baseline=2.0, sd=10.0, mde=0.25, rule=rule, looks=looks)
    n = plan.total_units // (2 * looks) if rule == "obrien_fleming" else 344
    put, _ = world({arm: (n, {}) for arm in ("control", "treated")}, days=7)
    rng = np.random.default_rng(1)
    who = rng.random(2 * n) < 0.1
    ts = put["assigned_at"][who] + pd.Timedelta(hours=1)
    orders = pd.DataFrame({"user_id": put["user_id"][who], "ts": ts, "event": "order"})
    found = experiments.read(plan, put, orders.assign(value=rng.lognormal(2.5, 1, size=len(orders))))
    told = line(found, "revenue per user").beside
    assert found.decision == "keep running" and told.difference is not None and told.lift is None
    assert told.reason == "the control's value cannot be told from none, so that there is no relative difference"


def test_an_arm_that_wins_by_harm_does_not_end_a_test_whose_other_arm_is_open() -> None:
    plan = a_plan(**{**PASSING, "rule": "pocock", "looks": 2}, split=(1 / 3,) * 3)
    n = plan.total_units // 6
    events = {"conversion": n // 5, "paid": n // 10, "unsubscribe": n // 50}
    arms = {
        "control": (n, events),
        "a": (n, {**events, "conversion": n // 3, "unsubscribe": n // 4}),
        "b": (n, {**events, "conversion": n // 5 + n // 50}),
    }
    found = experiments.read(plan, *world(arms, days=7))
    assert (found.decision, found.arm, found.stop_reason) == ("keep running", "b", "")
    assert "Stop a: it raises unsubscribe rate" in found.sentence


def test_harm_stops_a_test_whose_outcomes_are_still_to_come() -> None:
    events = {"conversion": 200, "paid": 100, "unsubscribe": 50}
    for worse, decision in ((400, "do not ship"), (55, "keep running")):
        found = read(with_events(events, {**events, "unsubscribe": worse}), {**PASSING, "window_days": 7})
        assert found.decision == decision
        assert (found.stop_reason, bool(found.lines)) == (("guardrail", True) if worse > 55 else ("", False))
    many = {"control": (N, events), "a": (N, {**events, "unsubscribe": 400}), "b": (N, events)}
    found = read(many, {**PASSING, "split": (1 / 3,) * 3, "planned_units": 3 * N, "window_days": 7})
    assert found.decision == "keep running" and " Stop a: it raises unsubscribe rate by 700.0 %." in found.sentence


def test_harm_while_outcomes_of_a_primary_metric_are_still_to_come() -> None:
    revenue = {**PASSING, "primary_metric": "revenue per user", "baseline": 2.0, "sd": 10.0, "mde": 0.25}
    events = {"paid": 100, "unsubscribe": 50}
    harmed = {"control": (N, events), "a": (N, {**events, "unsubscribe": 400})}
    for arms, decision in ((harmed, "do not ship"), (harmed | {"b": (N, events)}, "keep running")):
        split, units = (1 / len(arms),) * len(arms), len(arms) * N
        found = read(arms, {**revenue, "split": split, "planned_units": units, "window_days": 7})
        assert found.decision == decision and "came less than 7 days before the log ends" in found.sentence
        assert "Stop a: it raises unsubscribe rate by 700.0 %." in found.sentence


def test_harm_stops_a_test_whose_primary_metric_cannot_be_read() -> None:
    revenue = {**PASSING, "primary_metric": "revenue per user", "baseline": 2.0, "sd": 10.0, "mde": 0.25}
    events = {"paid": 100, "unsubscribe": 50}
    for arms, planned in ((2, N), (2, 10 * N), (3, N)):
        of_arms = {"control": (N, events), "a": (N, {**events, "unsubscribe": 400})}
        many = of_arms | ({"b": (N, events)} if arms == 3 else {})
        found = read(many, {**revenue, "split": (1 / arms,) * arms, "planned_units": arms * planned})
        stop = "Do not ship" if planned == N else "Stop"
        assert f"{stop} a: it raises unsubscribe rate by 700.0 %." in found.sentence
        assert (found.decision, found.arm) == (("do not ship", "a") if arms == 2 else ("refused", ""))
        assert found.stop_reason == ("" if arms == 3 else "planned" if planned == N else "guardrail")


@pytest.mark.parametrize("rule", ["fixed", "confidence_sequence"])
def test_an_end_with_few_users_is_told_whatever_the_rule(rule: str) -> None:
    events = {"conversion": 90, "paid": 40, "unsubscribe": 10}
    plan = {
        **PASSING,
        "rule": rule,
        "looks": 5 if rule != "fixed" else 1,
        "planned_units": 2 * N,
        "weekly_units": 2 * N,
    }
    found = read(with_events(events, events, n=450), plan)
    assert "Its weeks are over with 41 % of the planned units: its power is less than planned." in found.sentence
