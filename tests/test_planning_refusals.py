"""What cannot be planned or read is told in words: what came, what is allowed, what to do; never another exception."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiment_frames import a_plan, line, refused_rows, valued, with_events, workspace_of, world
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from martech_lib import experiments
from martech_lib.core.errors import UserError
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.readout import Readout

REVENUE = {"primary_metric": "order value per user", "baseline": 20.0, "mde": 0.1, "sd": 40.0}
NAN, INF = math.nan, math.inf

# ---- plans ----

# Field -> its bad values; what is allowed, or what to do, in words.
REFUSED: dict[str, tuple[list[Any], str]] = {
    "baseline": ([0, 1, 1.2, "120 %", -0.1, "0"], "allowed is a rate between 0 and 1, such as 0.05"),
    "baseline ": (["a fifth", [0.2], {}, Decimal("NaN"), INF, True, np.array([0.1, 0.2])], "allowed is a"),
    "baseline  ": ([None, NAN, "", "  "], "baseline is blank; a plan needs name, primary_metric, baseline and mde"),
    "mde": ([0, "0 %", -0.0], "no test is large enough to find no change"),
    "mde ": ([-1, -1.5, 4, 4.1, "500 %"], "allowed is a change that stays between 0 and 1, here above -0.2 and below 0.8"),
    "mde  ": ([1e-7, 1e-9, 1e-200, 1e-300], ": give a larger change"),
    "power": ([0, 1, 1.2, -0.1, "80"], "allowed is between 0 and 1, such as 0.8; no finite test finds every effect"),
    "power ": ([0.05, 0.01, 1e-9], "allowed is above alpha, 0.05"),
    "alpha": ([0, 1, 0.5, -0.05, "5", 1e-17, 1e-300], "0.5, such as 0.05 (a share, not a percent)"),
    "split": ([(0.5, 0.6), (0.5, 0.5, 0.5), "50/60", (50, 49)], "shares of all arms add up to 1"),
    "split ": ([(1, 0), (1.2, -0.2), "100/0", (1e-9, 1 - 1e-9)], "every arm needs a share above 0"),
    "split  ": ([(1,), [], "100", (1 / 21,) * 21], "allowed are 2 to 20 arms, control first"),
    "split   ": ([("a", "b"), (0.5, None), (0.5, NAN), (INF, 0.5), {"a": 1}, "half/half"], "allowed is a"),
    "split    ": ([5, True], "allowed are shares of the arms, control first, such as 50/50"),
    "looks": ([0, 1.5, 1000, -1, 366], "allowed is a whole number from 1 to 365"),
    "looks ": (["often", True, [1]], "allowed is a"),
    "correlation": ([1, -1, -2, "120 %"], "allowed is between -1 and 1: of the metric with its own past by user"),
    "weekly_units": ([0, -5, 1e12], "allowed is above 0: unique users in a week"),
    "growth": ([0, 2, -1], "allowed is above 0 and up to 1"),
    "tails": ([0, 3, 1.5], "allowed is a whole number from 1 to 2"),
    "sd": ([0, -1], "allowed is above 0: the standard deviation by user"),
    "window_days": ([0, -1, 4000], "allowed is above 0: days after the assignment"),
    "skew": ([1e7, -1e7], "the skewness by user"),
    "planned_units": ([0, 3, 1e13, 10.5], "allowed is a whole number from 4 to 1,000,000,000,000"),
    "variables_changed": ([-1, 1.5, 1001], "allowed is a whole number from 0 to 1,000"),
    "rule": (["daily", 5, "OBF"], "allowed is fixed, obrien_fleming, pocock, confidence_sequence"),
    "many": (["bonferroni", 1], "allowed is dunnett, holm"),
    "power_of": (["any", 2], "allowed is best, every"),
    "method": (["bayes", 0], "allowed is pooled, unpooled, cohen_h, evan_miller"),
    "relative": (["perhaps", 2], "allowed is true or false"),
    "primary_metric": ([None, "", " \t"], "primary_metric is blank"),
    "name": ([None, "", " ", NAN], "name is blank; a plan needs name"),
    "name ": (["a\x00b", "half \ud83d", "\x1b[2J"], "with a character that no file keeps; allowed is plain text"),
    "guardrail_metrics": ([5, {"a": 1}], "allowed are metrics with ';' between them"),
    "basline": ([0.2], "'basline' is no field of a plan; did you mean baseline?"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, (values, _) in REFUSED.items() for value in values]
)
def test_what_cannot_be_planned_is_told(field: str, value: Any) -> None:
    with pytest.raises(UserError) as told:
        assert a_plan(**{field.strip(): value}).size
    assert REFUSED[field][1] in str(told.value)
    assert field.strip() in str(told.value), "it says which field is meant"


@pytest.mark.parametrize("field", ["sd", "skew", "weekly_units", "growth", "correlation", "window_days", "planned_units", "alpha", "power", "tails"])  # fmt: skip
@pytest.mark.parametrize("value", ["many", INF, [1], True, b"x", object])
def test_what_is_no_number_is_told(field: str, value: Any) -> None:
    with pytest.raises(UserError, match=f"^{field} came as '.*'; allowed is a (finite )?number"):
        a_plan(**{field: value})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sd": None}, "order value per user is a mean, whose size needs sd, the standard deviation by user; give it"),
        ({"sd": NAN}, "whose size needs sd"),
        ({"sd": 0}, "sd came as 0; allowed is above 0"),
        ({"sd": -3}, "sd came as -3; allowed is above 0"),
        ({"sd": INF}, "sd came as 'inf'; allowed is a finite number"),
        ({"baseline": 0}, "baseline came as 0; allowed is any other number"),
        ({"baseline": -5, "relative": True}, "a relative mde needs a baseline above 0"),
        ({"mde": 0}, "mde came as 0"),
        ({"mde": 1e-6}, "units an arm: give a larger change"),
        ({"mde": 1e-200}, "which no test is large enough to find: give a larger change"),
        ({"sd": 1e-300}, "allowed is up to 1,000 standard deviations: give both in the metric's unit"),
        ({"baseline": 1e300, "relative": True}, "allowed is up to 1,000 standard deviations"),
        ({"skew": 1e6}, "units an arm: give a larger change"),
        ({"primary_metric": "click per view", "sd": None}, "click per view is a ratio, whose size needs sd"),
        ({"primary_metric": "order rate"}, "allowed is a rate between 0 and 1"),
    ],
)
def test_what_cannot_be_planned_of_a_mean_is_told(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as told:
        assert a_plan(**{**REVENUE, "relative": False, **changes}).size
    assert said in str(told.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"baseline": 0.0}, {"baseline": 1.2}, {"baseline": NAN}, {"baseline": "a"}, {"baseline": None}, {"mde": 0},
        {"mde": 0.8}, {"mde": -0.2}, {"mde": NAN}, {"mde": INF}, {"mde": 1e-200}, {"mde": 1e-9}, {"alpha": 0},
        {"alpha": 1e-17}, {"alpha": "x"}, {"power": 1}, {"power": 1.2}, {"power": 0.05}, {"power": 1e-9}, {"ratio": 0},
        {"ratio": -1}, {"ratio": INF}, {"ratio": 1e-300}, {"ratio": "x"}, {"tails": 3}, {"tails": "x"},
        {"method": "bayes"}, {"method": None}, {"relative": "perhaps"},
    ],
)  # fmt: skip
def test_the_calculator_refuses_what_the_plan_refuses(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="came as|mde came to|mde leads from"):
        experiments.sample_size(**{"baseline": 0.2, "mde": 0.05, **changes})


def test_a_one_sided_test_without_a_reason_does_not_pass() -> None:
    gate = a_plan(tails=1).gate.set_index("rule").loc["Two tails"]
    assert not gate["passed"] and gate["missing"].startswith("a one-sided test needs a written reason")
    assert a_plan(tails=1, one_sided_reason="it costs nothing").gate.set_index("rule").loc["Two tails", "passed"]


def test_looks_without_a_rule_do_not_pass() -> None:
    assert "5 looks at a test of one look" in a_plan(looks=5).gate.set_index("rule").loc["Declared looks", "missing"]


odd = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=8), st.binary(max_size=4),
    st.sampled_from([0, 1, 2, 0.5, -0.5, 1e-9, 1e-300, 1e300, "5 %", "0,2", "50/50", "1e999", "-", "∞", "１２"]),
    st.lists(st.floats() | st.text(max_size=3), max_size=4), st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)  # fmt: skip
FIELDS = sorted(set(a_plan().declared))


def worked_through(plan: Plan) -> None:
    """All that follows from a plan."""
    assert 1 <= plan.sample_size <= plan.total_units and (plan.weeks is None or plan.weeks >= 1)
    assert len(plan.gate) == 6 and len(plan.boundaries) == plan.looks
    experiments.by_week(plan, weeks=3), experiments.power_curve(plan, points=5), experiments.reach_of(plan)
    card = experiments.read_card(experiments.card_of(plan, "X-001"))
    assert card.plan == plan and card.is_as_registered


@given(changes=st.dictionaries(st.sampled_from(FIELDS), odd, min_size=1, max_size=3), is_mean=st.booleans())
@settings(max_examples=250)
def test_whatever_comes_is_planned_or_refused(changes: dict[str, Any], is_mean: bool) -> None:
    kept = REVENUE if is_mean else {}
    if isinstance(changes.get("looks"), (int, float, str)):
        changes["looks"] = 3 if changes["looks"] not in (0, -0.5) else changes["looks"]  # hundreds take long
    try:
        worked_through(a_plan(**{**kept, **changes}))
    except UserError as told:
        assert len(str(told)) > 20


@pytest.mark.parametrize("thirds", ["33.33/33.33/33.33", "33.3 %; 33.3 %; 33.3 %", (0.333, 0.333, 0.333)])
def test_thirds_may_be_written_with_few_digits(thirds: Any) -> None:
    assert a_plan(split=thirds).split == pytest.approx((1 / 3,) * 3, rel=1e-12)
    assert a_plan(split=a_plan(split=thirds).split).fingerprint == a_plan(split=thirds).fingerprint


# ---- readouts ----

N = 300
ARMS = with_events({"conversion": 60}, {"conversion": 80}, N)
PLAN = a_plan(planned_units=2 * N)
ASSIGNMENTS, OUTCOMES = world(ARMS)


def read(put: Any = ASSIGNMENTS, happened: Any = OUTCOMES, *, plan: Plan = PLAN, **asked: Any) -> Readout:
    return experiments.read(plan, put, happened, **asked)


def refuses(found: Readout, said: str) -> None:
    """Nothing is read, the sentence says why, and every figure is a row with that reason."""
    assert found.decision == "refused" and said in found.sentence
    rows = list(refused_rows(found.readings))
    assert {row.metric for row in rows} >= {"experiments.difference", "experiments.lift", "experiments.p_value"}
    assert all(said in row.reason for row in rows)


@pytest.mark.parametrize("wrong", [None, [], {}, "assignments.csv", 5, ASSIGNMENTS["arm"], ASSIGNMENTS.to_numpy()], ids=type)  # fmt: skip
def test_what_is_no_table_is_told(wrong: Any) -> None:
    with pytest.raises(UserError, match=r"^assignments came as \w+; allowed is an Ibis table or a pandas frame"):
        read(wrong)
    with pytest.raises(UserError, match=r"^outcomes came as \w+; allowed is an Ibis table or a pandas frame"):
        read(ASSIGNMENTS, wrong)


@pytest.mark.parametrize("column", ["user_id", "arm", "assigned_at"])
def test_a_column_that_assignments_lack_is_named(column: str) -> None:
    with pytest.raises(UserError, match=rf"^assignments has no column {column}\. It has program"):
        read(ASSIGNMENTS.drop(columns=column))
    with pytest.raises(UserError, match=f"^assignments has no column {column}; did you mean {column}s"):
        read(ASSIGNMENTS.rename(columns={column: f"{column}s"}))


@pytest.mark.parametrize(
    ("put", "happened", "said"),
    [
        ({"assigned_at": 5}, {}, "assigned_at of assignments came as int64; allowed are timestamps"),
        (
            {"assigned_at": "soon"},
            {},
            "texts in assigned_at of assignments are no time, such as 'soon'; write times like",
        ),
        ({}, {"ts": 1.5}, "ts of outcomes came as float64; allowed are timestamps"),
        ({}, {"ts": "then"}, "texts in ts of outcomes are no time, such as 'then'"),
        ({"planned_share": "half"}, {}, "planned_share of assignments came as string; allowed are numbers"),
        ({"pre_value": "much"}, {}, "pre_value of assignments came as string; allowed are numbers"),
        ({}, {"value": "much"}, "value of outcomes came as string; allowed are numbers"),
        ({}, {"value": [1.0, *["much"] * 139]}, "value of outcomes came as string; allowed are numbers"),
        ({"arm": 1}, {}, "The arms came as 1; allowed is one named control or holdout, and others beside it"),
        ({"arm": None}, {}, "The arms came as none"),
        ({"user_id": None}, {}, "The arms came as none"),
        ({"assigned_at": pd.NaT}, {}, "The arms came as none"),
    ],
)
def test_columns_of_the_wrong_type_are_told(put: dict[str, Any], happened: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as told:
        read(ASSIGNMENTS.assign(**put), OUTCOMES.assign(**happened))
    assert said in str(told.value)


def test_columns_of_several_kinds_are_read_as_text() -> None:
    plain = line(read()).beside
    arms = ASSIGNMENTS["arm"].astype(object).where(ASSIGNMENTS["arm"] == "control", 7)
    found = read(ASSIGNMENTS.assign(arm=arms, note=[1, "a"] * N))
    assert line(found, arm="7").beside.difference == plain.difference
    events = OUTCOMES["event"].astype(object).where(OUTCOMES.index > 0, 5)
    assert line(read(happened=OUTCOMES.assign(event=events))).beside.control.mean == pytest.approx(59 / N)


def test_a_column_that_comes_twice_is_told() -> None:
    with pytest.raises(UserError, match="assignments has two columns of one name: .*arm"):
        read(pd.concat([ASSIGNMENTS, ASSIGNMENTS[["arm"]]], axis=1))


def test_empty_logs() -> None:
    for put in (ASSIGNMENTS.iloc[:0], pd.DataFrame(columns=list(ASSIGNMENTS))):
        with pytest.raises(
            UserError, match=r"^The assignments have no rows, or their program is blank; supply the users"
        ):
            read(put)
        with pytest.raises(UserError, match="^The arms came as none; allowed is one named control or holdout"):
            read(put.drop(columns="program"))
    for happened in (OUTCOMES.iloc[:0], pd.DataFrame(columns=list(OUTCOMES))):
        refuses(read(happened=happened), "no outcome of these users is named 'conversion'")
    for nothing in ({"put": pd.DataFrame()}, {"happened": pd.DataFrame()}):
        with pytest.raises(UserError, match="has no column user_id"):
            read(**nothing)


def test_an_unknown_program() -> None:
    for program in ("Z", 5):
        with pytest.raises(UserError, match=rf"no program '{program}'\. They hold T; name one of them with `program`"):
            read(program=program)


def test_a_metric_that_was_not_declared_is_exploratory_and_one_without_a_name_is_refused() -> None:
    found = read(exploratory="nonsense rate")
    assert [(one.role, one.name) for one in found.lines] == [
        ("primary", "conversion rate"),
        ("exploratory", "nonsense rate"),
    ]
    assert {row.reason for row in refused_rows(found.readings)} == {"no outcome of these users is named 'nonsense'"}
    with pytest.raises(UserError, match="A metric has no name; allowed is"):
        read(exploratory=[" "])
    for wrong in (None, 1, [1], {"paid rate": 1}):
        with pytest.raises(UserError, match="exploratory came as .*; allowed is the name of a metric, or a list"):
            read(exploratory=wrong)


@pytest.mark.parametrize(
    "arms", [{"control": 1, "treated": 1}, {"control": 1, "treated": 3}, {"control": 2, "treated": 1}]
)
@pytest.mark.parametrize("metric", [{}, REVENUE, {"correlation": 0.5}])
def test_an_arm_of_one_user_is_not_read(arms: dict[str, int], metric: dict[str, Any]) -> None:
    logs = world({arm: (n, {"conversion": n}) for arm, n in arms.items()})
    few = [arm for arm, n in arms.items() if n == 1]
    found = read(logs[0].assign(pre_value=1.0), logs[1], plan=a_plan(**metric))
    refuses(found, f"{' and '.join(few)} {'have' if len(few) > 1 else 'has'} fewer than 2 users")


# ---- outcomes that say nothing ----


def test_values_that_are_not_there_are_no_values_of_0() -> None:
    plan = a_plan(**{**REVENUE, "primary_metric": "conversion value per user"}, planned_units=2 * N)
    for happened in (OUTCOMES, OUTCOMES.assign(value=None), OUTCOMES.assign(value=NAN)):
        refuses(read(happened=happened, plan=plan), "no outcome of these users is named 'conversion', with a value")


def test_a_ratio_whose_lower_event_never_came_says_which() -> None:
    plan = a_plan(**{**REVENUE, "primary_metric": "conversion per view"}, planned_units=2 * N)
    refuses(read(plan=plan), "no outcome of these users is named 'view'")


@pytest.mark.parametrize("size", [1e-79, 1.0, 1e79])
def test_values_of_any_size_are_compared_alike(size: float) -> None:
    arms = {"control": [size, 0.0] * 150, "treated": [1.5 * size, size, 0.0] * 100}  # means 1/2 and 5/6
    told = line(read(*valued(arms), plan=a_plan(**REVENUE, planned_units=2 * N)), "order value per user")
    assert told.beside.lift is not None and told.beside.lift.estimate == pytest.approx(5 / 3 - 1)
    by_one = [np.array(values) / size for values in (arms["treated"], arms["control"])]
    assert told.p == pytest.approx(ttest_ind(*by_one, equal_var=False).pvalue, rel=1e-6, abs=0)


def test_a_register_without_the_experiment_says_so(tmp_path: Any) -> None:
    ws = workspace_of(tmp_path, experiments=pd.DataFrame({"id": ["X-001"], "name": ["T"]}))
    with pytest.raises(UserError, match=r"The register has no 'X-002'; did you mean X-001\?"):
        experiments.read_registered(ws, "X-002")
