"""What makes no sense as a plan or as a log is refused, with what came, what is allowed and what to do."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from experiment_frames import START, a_plan, read, with_events, world
from hypothesis import given, settings
from hypothesis import strategies as st

from martech_lib import experiments
from martech_lib.core.errors import UserError
from martech_lib.experiments.duration import by_week
from martech_lib.experiments.plan import Plan

MEAN = {"primary_metric": "revenue per user", "baseline": 20.0, "sd": 40.0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"baseline": 0}, "baseline came as 0; allowed is a rate between 0 and 1"),
        ({"baseline": 1}, "baseline came as 1; allowed is a rate between 0 and 1"),
        ({"baseline": 1.2}, "It is 120 %; a rate of 1.2 % is 0.012"),
        ({"baseline": "120 %"}, "baseline came as 1.2"),
        ({"baseline": math.nan}, "baseline"),
        ({"baseline": "many"}, "baseline came as 'many'; allowed is a number"),
        ({"baseline": None}, "baseline"),
        ({"mde": 0}, "mde came as 0"),
        ({"mde": 4.0}, "mde leads from 0.2 to 1, which is no rate"),
        ({"mde": -1.0}, "mde leads from 0.2 to 0, which is no rate"),
        ({"mde": math.inf}, "mde"),
        ({"power": 1}, "power came as 1"),
        ({"power": 0}, "power came as 0"),
        ({"power": 1.2}, "power came as 1.2"),
        ({"alpha": 0}, "alpha came as 0"),
        ({"alpha": 1}, "alpha came as 1"),
        ({"split": (0.5, 0.4)}, "split"),
        ({"split": "60/50"}, "split"),
        ({"split": (1.0,)}, "split"),
        ({"split": (1.0, 0.0)}, "split"),
        ({"split": (1.5, -0.5)}, "split"),
        ({"split": "half and half"}, "split"),
        ({"looks": 0, "rule": "pocock"}, "looks came as 0"),
        ({"looks": 2.5, "rule": "pocock"}, "looks came as 2.5"),
        ({"looks": 10_000, "rule": "pocock"}, "looks came as 10"),
        ({"rule": "pockock", "looks": 3}, "rule came as 'pockock'"),
        ({"tails": 3}, "tails came as 3"),
        ({"correlation": 1}, "correlation came as 1"),
        ({"correlation": -2}, "correlation came as -2"),
        ({"weekly_units": 0}, "weekly_units came as 0"),
        ({"weekly_units": -5}, "weekly_units came as -5"),
        ({"growth": 0}, "growth came as 0"),
        ({"growth": 2}, "growth came as 2"),
        ({"many": "bonferroni"}, "many came as 'bonferroni'"),
        ({"power_of": "any"}, "power_of came as 'any'"),
        ({"method": "exact"}, "method came as 'exact'"),
        ({"window_days": -1}, "window_days came as -1"),
        ({"planned_units": 0}, "planned_units came as 0"),
        ({"variables_changed": -1}, "variables_changed came as -1"),
        ({"primary_metric": " "}, "primary_metric is blank"),
        ({"name": ""}, "name"),
        ({**MEAN, "sd": None}, "needs sd"),
        ({**MEAN, "sd": 0}, "sd came as 0"),
        ({**MEAN, "sd": -3}, "sd came as -3"),
        ({**MEAN, "sd": math.inf}, "sd"),
        ({**MEAN, "baseline": 0.0}, "baseline came as 0"),
    ],
)  # fmt: skip
def test_a_plan_that_makes_no_sense(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as refusal:
        a_plan(**changes)
    assert said in str(refusal.value)


ANYTHING: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10), st.floats(), st.text(max_size=6), st.just((0.5, 0.5)), st.just([])
)
FIELDS = sorted(set(Plan.__dataclass_fields__) - {"name", "primary_metric"})


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4))
def test_whatever_comes_is_a_plan_or_a_refusal_in_words(changes: dict[str, Any]) -> None:
    try:
        plan = a_plan(**changes)
    except UserError as refusal:
        assert len(str(refusal)) > 20
        return
    assert plan.total_units >= 2 and 0 < plan.power < 1
    assert plan.weeks is None or plan.weeks >= 1


def test_the_spread_of_a_rate_follows_from_its_baseline() -> None:
    plan = a_plan(sd=31, skew=9)
    assert (plan.sample_size, plan.weeks) == (1094, 2)
    assert by_week(plan).equals(by_week(a_plan()))


@pytest.mark.parametrize(
    "changes",
    [{"primary_metric": "a rate; b rate"}, {"name": "../../etc"}, {"name": "=cmd()"}, {"surface": "<script>"}],
)
def test_odd_names_are_names(changes: dict[str, Any]) -> None:
    assert a_plan(**changes).sample_size == 1094


@pytest.mark.parametrize(
    ("changes", "rule"), [({"looks": 3}, "Declared looks"), ({"tails": 1}, "Two tails"), ({"weekly_units": 20}, "")]
)
def test_what_can_be_counted_and_not_registered_is_said_by_the_gate(changes: dict[str, Any], rule: str) -> None:
    gate = a_plan(**changes).gate
    assert (rule in set(gate.loc[~gate["passed"], "rule"])) == bool(rule)


def logs() -> tuple[pd.DataFrame, pd.DataFrame]:
    return world(with_events({"conversion": 219}, {"conversion": 262}))


@pytest.mark.parametrize("missing", ["user_id", "arm", "assigned_at"])
def test_assignments_without_a_column(missing: str) -> None:
    assignments, outcomes = logs()
    with pytest.raises(UserError, match=missing):
        experiments.read(a_plan(), assignments.drop(columns=missing), outcomes)


@pytest.mark.parametrize("missing", ["user_id", "ts", "event"])
def test_outcomes_without_a_column(missing: str) -> None:
    assignments, outcomes = logs()
    with pytest.raises(UserError, match=missing):
        experiments.read(a_plan(), assignments, outcomes.drop(columns=missing))


def test_logs_without_rows() -> None:
    assignments, outcomes = logs()
    with pytest.raises(UserError, match="no rows"):
        experiments.read(a_plan(), assignments.head(0), outcomes)
    nothing = experiments.read(a_plan(), assignments, outcomes.head(0))
    assert nothing.decision == "refused"
    assert nothing.readings.loc[nothing.readings["metric"] == "experiments.lift", "status"].tolist() == ["refused"]


def test_times_that_are_none_and_an_unknown_program() -> None:
    assignments, outcomes = logs()
    with pytest.raises(UserError, match="assigned_at"):
        experiments.read(a_plan(), assignments.assign(assigned_at="soon"), outcomes)
    with pytest.raises(UserError, match="has no program 'other'|have no program 'other'"):
        experiments.read(a_plan(), assignments, outcomes, program="other")


def test_an_arm_without_users_and_all_users_in_two_arms() -> None:
    assignments, outcomes = logs()
    one = assignments[assignments["arm"] == "control"]
    empty = experiments.read(a_plan(), one, outcomes)
    assert empty.decision == "refused" and "without users" in empty.sentence
    both = pd.concat([assignments, assignments.assign(arm=assignments["arm"].map({"control": "treated", "treated": "control"}))])  # fmt: skip
    with pytest.raises(UserError, match="arms came as none"):
        experiments.read(a_plan(), both, outcomes)


def test_an_undeclared_metric_that_is_no_metric() -> None:
    with pytest.raises(UserError, match="metric"):
        read(with_events({"conversion": 219}, {"conversion": 262}), exploratory=[" "])


def test_times_far_away_change_nothing() -> None:
    assignments, outcomes = logs()
    late = outcomes.assign(ts=outcomes["ts"] + pd.Timedelta(days=80_000))
    assert experiments.read(a_plan(), assignments, late).sentence == experiments.read(a_plan(), assignments, outcomes).sentence  # fmt: skip
    early = outcomes.assign(ts=START - pd.Timedelta(days=80_000))
    found = experiments.read(a_plan(), assignments, early)
    assert (found.decision, found.counted.early) == ("refused", len(outcomes))
