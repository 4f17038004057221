"""The app of triangulation: what is refused leaves what was, and nothing that is set gets in the way of something else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from martech_lib import attribution
from martech_lib.attribution import triangulated, usual_priors
from martech_lib.attribution.question import Question
from martech_lib.attribution.segment import Segment
from martech_lib.attribution.triangulation.budget import Limits
from martech_lib.attribution.triangulation.laid import Asked
from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.attribution.triangulation.words import budget, next_test, verdict, verdicts
from martech_lib.core.errors import UserError
from martech_lib.core.workspace import Workspace
from martech_lib.workbook.apps import triangulation_tables
from martech_lib.workbook.apps.attribution_state import AttributionState
from martech_lib.workbook.apps.triangulation_controls import PoolingControls, asked_of

ROOT = Path(__file__).parents[1]
FITNESS = ROOT / "data" / "sample" / "fitness"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The sample as lenses without touches, which opens at once; one channel had no spend in an earlier month."""
    folder = tmp_path_factory.mktemp("app") / "fitness"
    shutil.copytree(FITNESS, folder, ignore=shutil.ignore_patterns("touches*", "truth*"))
    spend = pd.read_csv(folder / "spend.csv")
    is_gone = (spend["channel"] == "video") & (spend["date"] < "2026-09-01")
    spend[~is_gone].to_csv(folder / "spend.csv", index=False)
    return Workspace.open(folder)


@pytest.fixture
def state(workspace: Workspace) -> AttributionState:
    return AttributionState(workspace)


def pooled(state: AttributionState) -> TriangulationReading:
    assert state.reading is not None and state.reading.triangulated is not None
    return state.reading.triangulated


@pytest.mark.parametrize(
    ("question", "asked", "why"),
    [
        (Question(month="October"), None, "October"),
        (None, Asked(without=("nonsense",)), "lenses_off names 'nonsense', which is no lens."),
        (None, Asked(limits=Limits(floors={"nonsense": 1.0})), "'nonsense', which is no channel. They are affiliate"),
    ],
)
def test_what_is_refused_at_opening_is_told_beside_the_usual_answer(
    workspace: Workspace, question: Question | None, asked: Asked | None, why: str
) -> None:
    state = AttributionState(workspace, question, asked=asked)
    assert any(why in fault for fault in state.faults)
    assert pooled(state).ranges
    assert state.asked == Asked() and state.question == Question()
    state.pool(without=("survey",))
    assert not state.faults


def test_a_refused_way_of_pooling_leaves_the_last_one_standing(state: AttributionState) -> None:
    before = state.reading
    state.ask(asked=state.asked._replace(without=("nonsense",)))
    assert state.faults and state.asked == Asked() and state.reading is before


def test_a_mistyped_belief_leaves_the_ranges(state: AttributionState) -> None:
    before = state.reading
    priors = usual_priors()
    priors.loc[0, "sd"] = -1.0
    state.pool(priors=priors)
    assert "sd came as '-1.0'" in state.faults[0]
    assert state.reading is before and state.asked.priors is None


def test_a_mistyped_belief_goes_back_in_the_table(state: AttributionState) -> None:
    controls = PoolingControls(state, lambda: None)
    grid = controls._grid
    before = [dict(row) for row in grid.rows]
    edit = {"kind": "edit", "row": 0, "column": "sd", "client": "page", "seq": 1, "structure": grid.structure}
    grid._on_message(grid, {**edit, "value": "-1"}, [])
    assert grid.rows == before and state.asked.priors is None
    grid._on_message(grid, {**edit, "value": "0.9", "seq": 2}, [])
    assert grid.rows[0]["sd"] == "0.9" and state.asked.priors is not None and not state.faults


def test_limits_of_another_period_refuse_the_budget_and_not_the_ranges(state: AttributionState) -> None:
    state.pool(**asked_of({"floors": "video=1"}, state.asked)._asdict())
    assert not state.faults and pooled(state).budget is not None
    state.ask(month="2026-08")
    reading = pooled(state)
    assert not state.faults and reading.ranges and reading.budget is None and not reading.tests
    assert budget(reading).startswith("Refused") and "'video', which has no spend in the period" in budget(reading)
    assert next_test(reading).startswith("Refused")
    state.pool(without=("survey",))
    assert not state.faults and "survey" not in pooled(state).lenses
    state.pool(**asked_of({"sure": 0.9}, state.asked)._asdict())
    assert not state.faults and state.asked.limits.sure == 0.9
    assert "'video', which has no spend in the period" in budget(pooled(state))
    state.pool(**asked_of({"floors": ""}, state.asked)._asdict())
    assert not state.faults and pooled(state).budget is not None


def test_both_of_two_bad_settings_at_opening_are_told(workspace: Workspace) -> None:
    state = AttributionState(workspace, Question(month="October"), asked=Asked(without=("nonsense",)))
    assert "October" in state.faults[0] and "nonsense" in state.faults[0] and pooled(state).ranges


def test_a_link_to_another_month_with_a_limit_it_does_not_allow_is_answered(state: AttributionState) -> None:
    asked = asked_of({"floors": "video=1", "lenses_off": "survey"}, state.asked)
    state.ask(asked=asked, month="2026-08")
    assert not state.faults and pooled(state).ranges and "survey" not in pooled(state).lenses
    assert budget(pooled(state)).startswith("Refused")


@pytest.mark.parametrize("question", [{"month": "2019-01"}, {"segment": Segment(customers="new")}])
@pytest.mark.parametrize("asked", [{"lenses_off": "surveyy"}, {"floors": "vidoe=5"}])
def test_a_mistyped_name_is_refused_whatever_the_page_shows(
    state: AttributionState, question: dict[str, Any], asked: dict[str, str]
) -> None:
    state.ask(**question)
    state.pool(**asked_of(asked, state.asked)._asdict())
    assert "surveyy" in state.faults[0] or "vidoe" in state.faults[0]
    assert state.asked == Asked()


def test_what_is_wrong_with_a_workspace_stays_told(tmp_path: Path) -> None:
    folder = tmp_path / "fitness"
    shutil.copytree(FITNESS, folder, ignore=shutil.ignore_patterns("touches*", "truth*"))
    spend = pd.read_csv(folder / "spend.csv")
    spend.assign(date="31/02/x").to_csv(folder / "spend.csv", index=False)
    state = AttributionState(Workspace.open(folder))
    assert state.faults
    before = list(state.faults)
    state.ask(half_life_days=5.0)
    state.pool(without=("survey",))
    assert state.faults == before and state.reading is None


def test_a_test_alone_is_not_said_to_agree(tmp_path: Path) -> None:
    kept = ("conversions.parquet", "profile.csv", "channels.csv", "lift_tests.csv", "spend.csv")
    for name in kept:
        shutil.copy(FITNESS / name, tmp_path / name)
    reading = pooled(AttributionState(Workspace.open(tmp_path)))
    said = verdicts(reading) + " ".join(verdict(told, reading) for told in reading.ranges)
    assert reading.ranges and "agree" not in said.lower() and "nothing else speaks of" in said


def test_a_media_mix_that_is_off_supplies_no_curves(state: AttributionState) -> None:
    assert any(move.is_supplied for move in (pooled(state).budget or pytest.fail("no budget")).moves)
    state.pool(without=("media mix",))
    assert not any(move.is_supplied for move in (pooled(state).budget or pytest.fail("no budget")).moves)


def test_a_limit_of_the_notebook_that_a_month_does_not_allow_refuses_its_budget_alone(workspace: Workspace) -> None:
    state = AttributionState(workspace, Question(month="2026-08"), asked=Asked(limits=Limits(floors={"video": 1.0})))
    assert not state.faults and pooled(state).ranges
    assert budget(pooled(state)).startswith("Refused")
    metrics = {row.metric: row for row in pooled(state).reading_records}
    assert metrics["attribution.budget_gain"].status == "refused"
    assert "'video', which has no spend in the period" in metrics["attribution.budget_gain"].reason


def test_a_lens_that_is_off_and_then_gone_blocks_nothing(state: AttributionState) -> None:
    mine = "channel,lens,month,estimate,basis\nvideo,Acme,2026-10,40,attributed\ndisplay,Acme,2026-10,30,attributed\n"
    other = "channel,lens,month,estimate\nvideo,media mix,2026-10,40\ndisplay,media mix,2026-10,60\n"
    state.upload_lenses("mine.csv", mine.encode())
    acme = next(seen.lens for seen in pooled(state).seen if "acme" in seen.lens.lower())
    state.pool(without=(acme, "survey"))
    assert not state.faults
    state.upload_lenses("other.csv", other.encode())
    assert state.asked.without == ("survey",) and not state.faults
    state.pool(without=())
    assert not state.faults and "survey" in pooled(state).lenses
    state.pool(without=("media mix", "survey"))
    state.upload("paths.csv", b"path,conversions\nvideo > email,40\nemail,30\n")
    assert not state.faults and state.reading is not None and state.reading.channels == ("email", "video")


def test_priors_without_a_row_for_a_lens_take_no_ranges_away(state: AttributionState) -> None:
    usual, before = usual_priors(), state.reading
    state.pool(priors=usual[usual["lens"] != "survey"])
    assert "no row of the lens 'survey'" in state.faults[0]
    assert state.reading is before and state.asked.priors is None


def test_floors_and_ceilings_that_pin_the_mix_are_told_as_such(state: AttributionState) -> None:
    spend = pooled(state).laid.spend if pooled(state).laid else {}
    pinned = "; ".join(f"{name}={amount}" for name, amount in spend.items())
    state.pool(**asked_of({"floors": pinned, "ceilings": pinned}, state.asked)._asdict())
    assert "the floors and ceilings allow no move" in budget(pooled(state)) and not state.faults


def test_platforms_alone_have_no_table_of_overcounts(state: AttributionState) -> None:
    assert triangulation_tables.overcounts_table(pooled(state))
    state.pool(without=tuple(name for name in pooled(state).lenses if name != "platform"))
    assert pooled(state).ranges and triangulation_tables.overcounts_table(pooled(state)) == ""


def test_a_lens_of_another_month_can_stay_off(state: AttributionState) -> None:
    mine = "channel,lens,month,estimate,basis\nvideo,Acme,2026-10,40,attributed\ndisplay,Acme,2026-10,30,attributed\n"
    state.upload_lenses("mine.csv", mine.encode())
    acme = next(seen.lens for seen in pooled(state).seen if "acme" in seen.lens.lower())
    state.pool(without=(acme,))
    state.ask(month="2026-08")
    assert not state.faults and state.question.month == "2026-08" and pooled(state).ranges
    box = next(box for box in PoolingControls(state, lambda: None)._lenses.children if box.description == "Survey")
    box.value = False
    assert set(state.asked.without) == {acme, "survey"}


def test_of_two_settings_at_opening_the_good_one_is_kept(workspace: Workspace) -> None:
    state = AttributionState(workspace, Question(month="2026-08"), asked=Asked(without=("nonsense",)))
    assert state.faults and state.question.month == "2026-08" and pooled(state).ranges


def test_an_upload_that_cannot_be_answered_leaves_no_journeys_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise UserError("not today")

    folder = tmp_path / "fitness"
    shutil.copytree(FITNESS, folder, ignore=shutil.ignore_patterns("truth*"))
    state = AttributionState(Workspace.open(folder))
    assert state.reading is not None
    before = state.reading.credit["conversions"].to_numpy(dtype="float64")
    with monkeypatch.context() as patch, pytest.raises(UserError, match="not today"):
        patch.setattr(attribution, "triangulated", refused)
        state.upload("paths.csv", b"path,conversions\nvideo > email,40\nemail,30\nvideo,10\n")
    state.ask(half_life_days=3.0)
    state.ask(half_life_days=Question().half_life_days)
    np.testing.assert_allclose(state.reading.credit["conversions"].to_numpy(dtype="float64"), before, rtol=1e-9)


def test_lenses_beside_a_table_of_paths_are_refused_with_the_reason(state: AttributionState) -> None:
    state.upload("paths.csv", b"path,conversions\nvideo > email,40\nemail,30\nvideo,10\n")
    before = state.reading
    with pytest.raises(UserError, match="table of paths has no months"):
        state.upload_lenses("lenses.csv", b"channel,lens,month,estimate\nvideo,media mix,2026-10,40\n")
    assert state.reading is before


def test_controls_show_what_a_link_asks_to_the_last_digit(state: AttributionState) -> None:
    asked = {"budget": "1234567.5", "ceilings": "video=7654321", "step": 0.9, "elasticity": 0.93}
    state.asked = asked_of(asked, state.asked)
    controls = PoolingControls(state, lambda: None)
    assert controls._fields["budget"].value == "1,234,567.5"
    assert controls._fields["ceilings"].value == "video=7,654,321"
    assert controls._sliders["step"].value == 0.9 and controls._sliders["elasticity"].value == 0.93
    assert state.asked.limits.step == 0.9


def test_no_step_is_told_as_such(state: AttributionState) -> None:
    state.pool(**asked_of({"step": 0.0}, state.asked)._asdict())
    said = budget(pooled(state))
    assert said.startswith("Hold the mix") and "of a channel's spend allows no move" in said and "unsure" not in said


def test_beliefs_that_make_no_sense_are_refused_and_leave_no_table(state: AttributionState) -> None:
    assert state.reading is not None
    priors = usual_priors().assign(sd=-1.0)
    with pytest.raises(UserError, match="sd came as '-1.0'"):
        triangulated(state._evidence, state.reading, asked=Asked(priors=priors))
    state.pool(without=tuple(pooled(state).lenses))
    assert triangulation_tables.priors_table(pooled(state)) == ""


def test_of_two_limits_that_do_not_fit_a_period_one_is_mended_at_a_time(state: AttributionState) -> None:
    state.pool(**asked_of({"floors": "video=100", "budget": "26000"}, state.asked)._asdict())
    assert not state.faults
    state.ask(month="2026-08")
    with pytest.raises(UserError, match="There is no test to write down: a floor or ceiling names 'video'"):
        state.next_test_csv()
    state.pool(**asked_of({"floors": ""}, state.asked)._asdict())
    assert not state.faults and "a budget of 26,000 cannot be reached" in pooled(state).no_budget
    state.pool(**asked_of({"budget": ""}, state.asked)._asdict())
    assert not state.faults and pooled(state).budget is not None


def test_money_is_shown_in_full_and_read_again_as_it_was(workspace: Workspace) -> None:
    values = {"floors": "video=1.5; display=0.25", "ceilings": "video=1234570", "conversion_value": "1234567.891"}
    asked = asked_of(values)
    fields = PoolingControls(AttributionState(workspace, asked=asked), lambda: None)._fields
    assert fields["ceilings"].value == "video=1,234,570" and fields["conversion_value"].value == "1,234,567.891"
    again = asked_of({name: field.value for name, field in fields.items()})
    assert again.limits == asked.limits and again.value == asked.value
