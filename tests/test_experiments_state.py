"""The planner's state: what is asked is planned, what cannot be is told and changes nothing, a link carries it all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pandas as pd
import pytest
from experiment_frames import PASSING, TWENTY_TO_25, a_plan, workspace_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from martech_lib import Workspace, experiments
from martech_lib.core.errors import UserError
from martech_lib.core.places import sample_dir
from martech_lib.experiments.plan import Plan
from martech_lib.workbook.apps.experiments_state import ASKED, ExperimentsState
from martech_lib.workbook.notebook import _asked, _declared

NOTEBOOK = "3-experiment-planner"


def defaults() -> dict[str, Any]:
    """The notebook's parameters as they stand in it."""
    return {name: parameter.default for name, parameter in _declared(NOTEBOOK).items()}


def linked(query: str) -> dict[str, Any]:
    """What a page takes from the query of its link; every name of it must be one of the page's."""
    kept = os.environ.get("QUERY_STRING")
    os.environ["QUERY_STRING"] = query
    try:
        link = _asked(_declared(NOTEBOOK))
    finally:
        del os.environ["QUERY_STRING"]
        if kept is not None:
            os.environ["QUERY_STRING"] = kept
    assert link.faults == ()
    return dict(link.values)


@pytest.fixture(scope="module")
def saas() -> Workspace:
    return Workspace.open(sample_dir() / "saas")


@pytest.fixture
def state(saas: Workspace) -> ExperimentsState:
    return ExperimentsState(saas, defaults())


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A profile and nothing else."""
    return workspace_of(tmp_path_factory.mktemp("bare"))


@pytest.fixture
def example(bare: Workspace) -> ExperimentsState:
    """The textbook's plan, 20 % to 25 %."""
    return ExperimentsState(bare, defaults())


def planned(bare: Workspace, **asked: Any) -> Plan:
    return ExperimentsState(bare, {**defaults(), **asked}).plan


def test_blank_parameters_plan_the_first_idea_that_fits(state: ExperimentsState, saas: Workspace) -> None:
    idea = experiments.backlog(saas).fitting[0]
    plan = state.plan
    assert (plan.name, plan.baseline, plan.mde, plan.weekly_units) == (
        idea.idea, idea.baseline, idea.mde_relative, idea.weekly_units,
    )  # fmt: skip
    assert (plan.surface, plan.owner, plan.weeks) == (idea.surface, idea.owner, idea.weeks)
    assert state.faults == [] and state.page is not None and state.page.plan == plan


def test_the_last_decided_experiment_is_read(state: ExperimentsState) -> None:
    assert state.experiment == "X-037" and state.readable[-1] == "X-040"
    assert state.page is not None and state.page.readout is not None
    assert state.page.readout.plan.name == "X-037"
    state.choose("X-031")
    assert state.page.readout.decision == "refused"
    with pytest.raises(UserError, match="The register has no 'X-99'"):
        state.choose("X-99")
    assert (state.experiment, state.page.readout.plan.name) == ("X-031", "X-031")


def test_parameters_are_asked_for(saas: Workspace) -> None:
    found = ExperimentsState(saas, {**defaults(), "mde": 0.3, "alpha": 0.1, "guardrail_metrics": "a; b"})
    assert (found.plan.mde, found.plan.alpha, found.plan.guardrail_metrics) == (0.3, 0.1, ("a", "b"))
    assert found.plan.baseline == 0.14, "the rest is the idea's"
    own = ExperimentsState(saas, {**defaults(), **TWENTY_TO_25, "weekly_units": 0.0}).plan
    assert own == experiments.plan(**{**TWENTY_TO_25, "weekly_units": None}), "another plan takes nothing of the idea"
    absolute = ExperimentsState(saas, {**defaults(), "mde": 0.02, "relative": False}).plan
    assert (absolute.mde, absolute.relative) == (0.02, False)


def test_parameters_that_are_not_allowed_are_told(saas: Workspace) -> None:
    found = ExperimentsState(saas, {**defaults(), "baseline": 5.0}, experiment="X-9")
    assert found.plan.baseline == 0.14
    assert any("baseline came as 5" in fault for fault in found.faults)
    assert any("no 'X-9'" in fault for fault in found.faults)
    assert found.page is not None and found.page.readout is None
    found.ask(baseline=0.5)
    assert len(found.faults) == 1


# ---- links ----


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"baseline": 1 / 7, "mde": 0.1 + 0.2, "weekly_units": 1234.56789012345},
        {"relative": False, "mde": -0.03},
        {"weekly_units": None},
        {**PASSING, "surface": "sign-up page & more", "owner": "Zoë; Ben"},
        {"split": (1 / 3, 1 / 3, 1 / 3), "many": "holm", "power_of": "every"},
        {"rule": "obrien_fleming", "looks": 4, "alpha": 0.01, "power": 0.9},
        {"tails": 1, "one_sided_reason": "50 % + more = ?", "method": "cohen_h"},
        {"primary_metric": "order value per user", "baseline": 12.0, "sd": 31.4159265358979, "skew": 6.2, "growth": 0.71},
        {"correlation": 0.35, "window_days": 14.0, "planned_units": 9000, "variables_changed": 2},
        {"name": "Names in \"quotes\", 日本 <b>&amp;", "guardrail_metrics": ("a rate", "b per user")},
        {"name": "007", "weekly_units": 9e11},
    ],
)  # fmt: skip
def test_a_link_opens_the_same_plan(
    example: ExperimentsState, bare: Workspace, saas: Workspace, changes: dict[str, Any]
) -> None:
    plan = a_plan(**changes)
    example.upload_card("plan.yaml", experiments.card_of(plan, "X-001").encode())
    assert example.plan == plan
    for workspace in (bare, saas):
        other = ExperimentsState(workspace, defaults())
        other.ask(**linked(example.link()))
        assert other.faults == []
        assert other.plan == plan and other.plan.fingerprint == plan.fingerprint


@given(
    baseline=st.floats(0.001, 0.5), mde=st.floats(-0.9, 0.9).filter(lambda mde: abs(mde) > 1e-3),
    weekly=st.none() | st.floats(1, 1e9), share=st.floats(0.01, 0.99), growth=st.floats(0.01, 1.0),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip),
)  # fmt: skip
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_plan_goes_through_a_link(bare: Workspace, weekly: float | None, share: float, **told: Any) -> None:
    plan = experiments.plan(
        primary_metric="sign-up rate", relative=True, weekly_units=weekly, split=(share, 1 - share), **told
    )
    first, other = (ExperimentsState(bare, {}) for _ in range(2))
    first._take(plan)
    other.ask(**linked(first.link()))
    assert other.plan.fingerprint == plan.fingerprint


def test_a_link_of_one_name_leaves_the_rest(state: ExperimentsState) -> None:
    state.ask(**linked("mde=0.2&relative=true"))
    assert (state.plan.mde, state.plan.name) == (0.2, "Comparison with others")


def test_every_field_that_is_asked_is_a_parameter() -> None:
    declared = set(_declared(NOTEBOOK))
    assert set(ASKED) <= declared
    assert declared - set(ASKED) == {"data", "month", "experiment"}
    assert set(ASKED) == set(a_plan().declared)


# ---- controls ----


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"baseline": "120 %"}, "baseline came as 1.2"),
        ({"baseline": "0"}, "baseline came as 0; allowed is a rate between 0 and 1"),
        ({"baseline": ""}, "baseline is blank; a plan needs name"),
        ({"baseline": "soon"}, "baseline came as 'soon'; allowed is a number"),
        ({"baseline": "5"}, "It is 500 %; a rate of 5 % is 0.05."),
        ({"mde": "0"}, "mde came as 0"),
        ({"mde": "900 %"}, "which is no rate"),
        ({"weekly_units": "-5"}, "weekly_units came as -5; allowed is above 0"),
        ({"power": 1.0}, "power came as 1"),
        ({"split": "50/60"}, "shares of all arms add up to 1"),
        ({"split": "100"}, "allowed are 2 to 20 arms"),
        ({"looks": "2.5"}, "looks came as 2.5; allowed is a whole number"),
        ({"primary_metric": ""}, "primary_metric is blank"),
        ({"primary_metric": "order value per user"}, "whose size needs sd"),
        ({"rule": "daily"}, "rule came as 'daily'"),
    ],
)  # fmt: skip
def test_a_refused_value_keeps_the_last_plan_and_is_told(
    example: ExperimentsState, change: dict[str, Any], said: str
) -> None:
    before, page = example.plan, example.page
    told = example.change(**change)
    assert len(told) == 1 and said in told[0]
    assert example.plan is before and example.page is page


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12 %", 0.12), ("0.12", 0.12), ("12.5%", 0.125), ("0,125", 0.125), ("12,5 %", 0.125), (" 12 % ", 0.12),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(example: ExperimentsState, written: str, value: float) -> None:
    assert example.change(baseline=written) == [] and example.plan.baseline == pytest.approx(value)


@pytest.mark.parametrize(
    ("written", "value"), [("20,000", 20_000), ("20k", 20_000), ("20 000", 20_000), ("1.5e4", 15_000)]
)
def test_traffic_is_read_with_its_thousands(example: ExperimentsState, written: str, value: float) -> None:
    assert example.change(weekly_units=written) == [] and example.plan.weekly_units == value


def test_a_control_left_blank_clears_its_field(example: ExperimentsState) -> None:
    assert example.change(weekly_units="") == [] and example.plan.weeks is None
    assert example.change(looks="3", rule="pocock") == [] and example.plan.looks == 3
    assert example.change(looks="") == [] and example.plan.looks == 1


def test_the_spread_of_a_value_is_not_left_to_a_rate(example: ExperimentsState) -> None:
    assert example.change(sd="31") == [] and example.change(primary_metric="order value per user") == []
    assert example.plan.sd == 31
    assert example.change(primary_metric="conversion rate") == []
    assert example.plan.sd is None and example.plan.sample_size == a_plan().sample_size


# ---- taken from elsewhere ----


def test_an_idea_is_taken_and_nothing_of_the_plan_before_it(state: ExperimentsState) -> None:
    state.ask(**{**PASSING, "primary_metric": "order value per user", "baseline": 20.0, "mde": 0.1, "sd": 40.0})
    state.change(alpha=0.1, window_days=7, planned_units=100)
    state.take_idea("Mail from the founder")
    ideas = {idea.idea: idea for idea in state.page.backlog.ideas} if state.page else {}
    idea, plan = ideas["Mail from the founder"], state.plan
    assert (plan.name, plan.primary_metric, plan.baseline) == (idea.idea, idea.primary_metric, idea.baseline)
    assert (plan.sd, plan.hypothesis, plan.guardrail_metrics, plan.variables_changed) == (None, "", (), None)
    assert (plan.window_days, plan.planned_units) == (None, None)
    assert plan.alpha == 0.1, "how it is tested stays"
    for name, said in (
        ("Money back for thirty days", "needs a baseline; fill it in backlog.csv first"),
        ("Nonsense", "The backlog has no idea 'Nonsense'"),
    ):
        with pytest.raises(UserError, match=said):
            state.take_idea(name)
        assert state.plan is plan


def test_an_idea_that_hopes_for_a_fall_is_planned_as_one() -> None:
    ws = Workspace.open(sample_dir() / "fitness")
    found = ExperimentsState(ws, {})
    found.take_idea("Fewer pushes a week")
    ideas = {idea.idea: idea for idea in experiments.backlog(ws).ideas}
    assert found.plan.effect == pytest.approx(-0.005)
    assert found.plan.weeks == ideas["Fewer pushes a week"].weeks


def test_history_is_taken(state: ExperimentsState, saas: Workspace) -> None:
    state.change(primary_metric="invitation rate")
    state.take_history("X-037")
    told = experiments.history(saas, "invitation rate", program="X-037")
    assert (state.plan.baseline, state.plan.weekly_units, state.plan.growth) == (
        told.baseline, told.weekly_units, told.growth,
    )  # fmt: skip
    before = state.plan
    state.change(primary_metric="nonsense rate")
    with pytest.raises(UserError, match="Nobody in the control arm of X-037 has 'nonsense'"):
        state.take_history("X-037")
    assert state.plan.baseline == before.baseline


def test_a_card_is_taken_back(state: ExperimentsState, saas: Workspace) -> None:
    text = state.card().decode()
    assert "A draft, in no register" in text and "id:" not in text
    other = ExperimentsState(saas, {"mde": 0.5})
    assert other.upload_card("plan.yaml", text.encode()) == [] and other.plan == state.plan
    changed = text.replace("mde: 0.12", "mde: 0.13")
    assert other.upload_card("plan.yaml", changed.encode()) == ["plan.yaml was changed after it was registered."]
    assert other.plan.mde == 0.13
    for data in (b"", b"\xff\xfe", b"a: ["):
        with pytest.raises(UserError, match="card"):
            other.upload_card("plan.yaml", data)
    assert other.plan.mde == 0.13


def test_the_readings_are_taken_away(state: ExperimentsState) -> None:
    told = pd.read_csv(io.BytesIO(state.readout_csv()))
    assert state.page is not None and state.page.readout is not None
    assert len(told) == len(state.page.readout.reading_records)
    assert set(told["period"]) == {"X-037"}


# ---- workspaces that lack something ----


def test_a_workspace_with_nothing_shows_the_textbooks_example(bare: Workspace) -> None:
    state = ExperimentsState(bare, defaults())
    assert state.faults == [] and state.page is not None
    assert (state.plan.name, state.plan.sample_size, state.readable, state.experiment) == ("Example", 1094, (), "")
    assert state.page.readout is None and not state.page.backlog.ideas and not state.page.record.ids
    with pytest.raises(UserError, match="There is no experiment to be read"):
        state.readout_csv()
    assert planned(bare, **TWENTY_TO_25) == a_plan()
    assert b"A draft, in no register" in state.card()


def test_a_broken_register_is_told_and_the_calculator_still_answers(tmp_path: Path) -> None:
    folder = Path(copytree(sample_dir() / "saas", tmp_path / "saas", ignore=ignore_patterns("outcomes*", "assign*")))
    text = (folder / "experiments.csv").read_text(encoding="utf-8")
    (folder / "experiments.csv").write_text(text.replace(",ship,", ",shipp,"), encoding="utf-8")
    state = ExperimentsState(Workspace.open(folder), defaults())
    assert "'shipp'" in state.faults[0] and "did you mean ship" in state.faults[0]
    assert state.plan.sample_size == 1094
    assert state.change(baseline="10 %") == [] and state.plan.baseline == 0.1
    state.ask(**TWENTY_TO_25, **PASSING)
    with pytest.raises(UserError, match="shipp"):
        state.register()
    assert not (folder / "plans").exists()


def test_the_plan_is_registered_and_the_page_follows(tmp_path: Path) -> None:
    folder = Path(copytree(sample_dir() / "saas", tmp_path / "saas"))
    state = ExperimentsState(Workspace.open(folder), {**defaults(), **TWENTY_TO_25})
    with pytest.raises(UserError, match="The plan does not pass the gate"):
        state.register()
    state.ask(**PASSING)
    said = state.register()
    assert said.startswith("Registered as X-041: experiments.csv, row 42, and plans/X-041.yaml. Fingerprint ")
    assert state.plan.fingerprint[:12] in said
    assert state.page is not None and state.page.record.ids[-1] == "X-041"
    with pytest.raises(UserError, match="The register has 'T' already"):
        state.register()
    assert b"A draft, in no register" in state.card()
