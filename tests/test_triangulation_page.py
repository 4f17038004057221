"""The lenses of a workspace, and the page made of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from shutil import copyfile, copytree

import numpy as np
import pytest

from martech_lib import Workspace, attribution
from martech_lib.attribution import AttributionReading, Evidence, Question
from martech_lib.attribution import words as page_words
from martech_lib.attribution.triangulation import charts, words
from martech_lib.attribution.triangulation.backlog import backlog_row
from martech_lib.attribution.triangulation.laid import Asked
from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.core.errors import TableError, UserError
from martech_lib.core.places import sample_dir
from martech_lib.workbook.apps.attribution_state import AttributionState
from martech_lib.workbook.apps.triangulation_controls import asked_of

ALL = {"last touch", "multi-touch", "platform", "survey", "media mix", "lift test", "attribution vendor (attributed)"}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return attribution.gather(Workspace.open(sample_dir() / "fitness"))


@pytest.fixture(scope="module")
def page(evidence: Evidence) -> AttributionReading:
    question = Question()
    journeys = evidence.journeys(question)
    whole = evidence.journeys(question.of_whole_log())
    return attribution.triangulated(evidence, attribution.compare(evidence, question, journeys, whole_log=whole))


@pytest.fixture(scope="module")
def reading(page: AttributionReading) -> TriangulationReading:
    assert page.triangulated is not None
    return page.triangulated


def test_every_lens_of_the_sample_is_heard(reading: TriangulationReading) -> None:
    assert set(reading.lenses) == ALL
    assert {r.channel for r in reading.ranges} >= {"paid social", "email", "referral"}
    assert all(seen.how for seen in reading.seen)


def test_a_channel_of_which_only_sharing_lenses_speak_is_called_a_guess(reading: TriangulationReading) -> None:
    assert reading.triangulation is not None
    assert reading.triangulation.sights.shared_out == {"organic", "email", "referral"}
    told = {r.channel: words.verdict(r, reading) for r in reading.ranges}
    assert "rough guess" in told["email"] and "rough guess" not in told["influencer"] + told["brand search"]


def test_a_channel_that_creates_demand_is_called_a_guess_too(evidence: Evidence, page: AttributionReading) -> None:
    kinds = evidence.registers["channels"]
    role = kinds["role"].where(kinds["channel"] != "referral", "demand creation")
    changed = replace(evidence, registers={**evidence.registers, "channels": kinds.assign(role=role)})
    found = attribution.triangulated(changed, page).triangulated
    assert found is not None and found.triangulation is not None
    assert "referral" in found.triangulation.sights.shared_out
    assert "Nothing incremental speaks of email, organic and referral" in words.headline(found)


def test_coming_by_oneself_has_no_range(reading: TriangulationReading) -> None:
    assert "direct" not in {r.channel for r in reading.ranges}
    refused = [r for r in reading.reading_records if r.segment == "direct" and r.metric == "attribution.incremental"]
    assert [(r.status, r.value) for r in refused] == [("refused", None)]


def test_the_whole_log_lies_beside_its_truth(page: AttributionReading) -> None:
    whole = page.triangulated_whole
    assert whole is not None
    held = [r.lower <= whole.truth[r.channel] <= r.upper for r in whole.ranges if r.lower is not None and r.upper]  # type: ignore[operator]
    assert len(held) == 11
    assert sum(held) >= 7
    assert f"{sum(held)} of 11 ranges hold it" in words.truth(whole)


def test_readings_of_the_page_hold_the_ranges(page: AttributionReading) -> None:
    by_channel = {r.segment: r for r in page.reading_records if r.metric == "attribution.incremental"}
    told = {r.channel: r for r in page.triangulated.ranges} if page.triangulated else {}
    assert by_channel["video"].value == told["video"].estimate
    assert by_channel["video"].level == 0.8


def test_sentences_bear_the_numbers(reading: TriangulationReading) -> None:
    first = reading.ranges[0]
    assert f"{first.channel} brought {first.estimate:,.0f}" in words.headline(reading)
    assert reading.tests[0].channel in words.next_test(reading)
    assert words.budget(reading).startswith(("Move budget", "Hold the budget"))
    assert words.pulls(reading) and words.overcounts(reading) and words.agreement(reading)
    assert all(words.verdict(r, reading) for r in reading.ranges)


def test_a_single_lens_is_the_red_flag(evidence: Evidence, page: AttributionReading) -> None:
    alone = attribution.triangulated(evidence, page, asked=Asked(without=tuple(ALL - {"media mix"}))).triangulated
    assert alone is not None
    assert words.headline(alone).startswith("Red flag: attribution from a single source")
    assert next(r for r in alone.reading_records if r.metric == "attribution.lenses").status == "fail"
    nobody = attribution.triangulated(evidence, page, asked=Asked(without=tuple(ALL))).triangulated
    assert (
        nobody is not None
        and words.headline(nobody) == "There are no ranges: needs at least one lens that is switched on."
    )


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample without its touches."""
    folder = tmp_path_factory.mktemp("untouched") / "fitness"
    copytree(sample_dir() / "fitness", folder)
    for file in folder.glob("touches*"):
        file.unlink()
    return folder


def test_lenses_are_pooled_without_touches(untouched: Path, reading: TriangulationReading) -> None:
    page = attribution.read(Workspace.open(untouched))
    found = page.triangulated
    assert page.lacks and found is not None and found.laid is not None and reading.laid is not None
    assert set(found.lenses) == ALL - {"last touch", "multi-touch"}
    assert page_words.headline(page).endswith("What the other lenses say of the channels is pooled below.")
    assert found.laid.conversions == reading.laid.conversions
    assert found.value == pytest.approx(reading.value)
    assert {r.channel for r in found.ranges} == {r.channel for r in reading.ranges}
    whole = page.triangulated_whole
    assert whole is not None and "of 11 ranges hold it" in words.truth(whole)
    assert len([r for r in page.reading_records if r.metric == "attribution.lenses"]) == 1


def test_the_app_pools_lenses_without_touches(untouched: Path) -> None:
    state = AttributionState(Workspace.open(untouched))
    before = state.reading
    state.pool(without=("survey",))
    assert not state.faults and state.reading is not None and state.reading.triangulated is not None
    assert "survey" not in state.reading.triangulated.lenses
    assert before is not None and before.triangulated is not None
    assert state.reading.triangulated.laid is before.triangulated.laid
    state.upload_lenses("lenses.csv", b"channel,lens,month,estimate\nvideo,media mix,2026-10-01,50\n")
    assert [s.estimate for s in state.reading.triangulated.seen if s.lens == "media mix"] == [50.0]
    state.ask(month="2019-01")
    assert state.reading.triangulated.lacks == "needs conversions in the period"


def test_conversions_and_channels_alone_say_which_lenses_there_could_be(untouched: Path, tmp_path: Path) -> None:
    for name in ("profile.csv", "channels.csv", "conversions.parquet"):
        copyfile(untouched / name, tmp_path / name)
    page = attribution.read(Workspace.open(tmp_path))
    found = page.triangulated
    assert found is not None and "pooled below" not in page_words.headline(page)
    assert found.lacks.startswith("needs a lens: touches, platform_reported, survey, lift_tests or lenses")


def test_without_conversions_there_is_nothing_to_hold_lenses_against(untouched: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    copytree(untouched, folder)
    for file in folder.glob("conversions*"):
        file.unlink()
    state = AttributionState(Workspace.open(folder))
    assert state.reading is not None and state.reading.triangulated is None
    with pytest.raises(UserError, match=r"supply conversions\.csv first"):
        state.upload_lenses("lenses.csv", b"channel,lens,month,estimate\nvideo,media mix,2026-10-01,50\n")


def test_lenses_that_all_share_out_say_that_nothing_checks_them(evidence: Evidence, page: AttributionReading) -> None:
    asked = Asked(without=("media mix", "lift test"))
    found = attribution.triangulated(evidence, page, asked=asked).triangulated
    assert found is not None
    assert words.headline(found).endswith(
        "Nothing incremental checks them: the ranges rest on how far such lenses usually err."
    )
    assert words.budget(found).endswith("All this rests on what is believed of the lenses alone.")


def test_a_part_of_the_customers_has_no_ranges(evidence: Evidence) -> None:
    question = Question()._replace(segment=Question().segment._replace(customers="new"))
    found = attribution.triangulated(evidence, attribution.compare(evidence, question, evidence.journeys(question)))
    assert found.triangulated is not None and "the other lenses speak of everybody" in found.triangulated.lacks


def test_pooling_anew_leaves_the_credit_as_it_is(evidence: Evidence, page: AttributionReading) -> None:
    again = attribution.triangulated(evidence, page, asked=Asked(without=("platform",)))
    own = [r for r in page.reading_records if r.metric == "attribution.credit"]
    assert [r for r in again.reading_records if r.metric == "attribution.credit"] == own
    assert len([r for r in again.reading_records if r.metric == "attribution.lenses"]) == 1


@pytest.mark.parametrize("name", ["ranges", "budget"])
def test_every_chart_is_whole(reading: TriangulationReading, name: str) -> None:
    chart = getattr(charts, name)(reading).to_dict()
    assert chart["description"]
    assert all(rows for rows in chart["datasets"].values())


def test_the_truth_is_drawn(page: AttributionReading) -> None:
    assert page.triangulated_whole is not None
    assert len(charts.against_truth(page.triangulated_whole).to_dict()["datasets"]["rows"]) == 11


def test_the_recommended_test_is_a_row_of_the_backlog(reading: TriangulationReading) -> None:
    row = backlog_row(reading)
    assert row["idea"] == f"Lift test of {reading.tests[0].channel}"
    assert row["earliest_start"] == date(2026, 11, 7)
    assert row["value_per_unit_lift"] == pytest.approx(reading.value * reading.triangulation.conversions, abs=0.01)
    # 1.96 + 0.84 standard errors is what a two-sided test at 5 % finds with 80 % power.
    found = row["mde_relative"] * reading.triangulation.conversions / reading.tests[0].error  # type: ignore[union-attr]
    assert found == pytest.approx(1.96 + 0.8416, rel=2e-3)


@pytest.fixture(scope="module")
def state() -> AttributionState:
    return AttributionState(Workspace.open(sample_dir() / "fitness"))


HEADER = "channel,lens,month,estimate,lower,upper,level,basis\n"
UPLOADS = {
    "an unknown channel": (
        "vidoe,media mix,2026-10,10,5,20,0.9,incremental",
        "is no channel of channels.csv; did you mean video?",
    ),
    "negative values": ("video,media mix,2026-10,-10,-20,-5,0.9,incremental", "-10"),
    "bounds the wrong way round": (
        "video,media mix,2026-10,10,20,5,0.9,incremental",
        "the bounds stand the wrong way round",
    ),
    "another period": ("video,media mix,2027-03,10,5,20,0.9,incremental", "speaks of 2027-03 and not of October 2026"),
    "text for numbers": ("video,media mix,2026-10,many,5,20,0.9,incremental", "is not a number"),
}


@pytest.mark.parametrize("case", UPLOADS)
def test_a_wrong_file_of_lenses_is_told_and_changes_nothing(state: AttributionState, case: str) -> None:
    row, told = UPLOADS[case]
    before = state.reading
    with pytest.raises((TableError, UserError)) as error:
        state.upload_lenses("mine.csv", (HEADER + row + "\n").encode())
    assert told in str(error.value)
    assert state.reading is before


def test_a_file_of_lenses_takes_the_place_of_the_workspaces() -> None:
    state = AttributionState(Workspace.open(sample_dir() / "fitness"))
    row = "video,Acme,2026-10,400,300,500,0.9,incremental\n"
    state.upload_lenses("mine.csv", (HEADER + row).encode())
    assert state.reading is not None and state.reading.triangulated is not None
    assert "Acme (incremental)" in state.reading.triangulated.lenses
    assert "media mix" not in state.reading.triangulated.lenses
    assert state.ranges_csv().startswith(b"\xef\xbb\xbfchannel") or b"channel,estimate" in state.ranges_csv()
    assert b"Lift test of" in state.next_test_csv()
    assert b"Acme" in state.lenses_csv() and b"last touch" in state.lenses_csv()


def test_the_next_test_is_written_once_into_the_backlog_and_read_again(tmp_path: Path) -> None:
    copied = copytree(sample_dir() / "fitness", tmp_path / "fitness")
    (copied / "backlog.csv").write_bytes(b"\xef\xbb\xbfidea;surface\r\nShorter page;web\r\n")
    state = AttributionState(Workspace.open(copied))
    assert state.reading is not None and state.reading.triangulated is not None
    channel = state.reading.triangulated.tests[0].channel
    assert state.write_next_test() == f"'Lift test of {channel}' was written to backlog.csv, row 3."
    found = Workspace.open(copied).register("backlog")
    assert list(found["idea"]) == ["Shorter page", f"Lift test of {channel}"]
    assert found["mde_relative"].iloc[1] > 0
    with pytest.raises(UserError, match="already, in row 3"):
        state.write_next_test()


def test_only_what_a_move_touches_is_pooled_again() -> None:
    state = AttributionState(Workspace.open(sample_dir() / "fitness"))

    def pooled() -> TriangulationReading:
        assert state.reading is not None and state.reading.triangulated is not None
        return state.reading.triangulated

    first = pooled()
    state.pool(**asked_of({"step": 0.1})._asdict())
    moved = pooled()
    assert moved.triangulation is first.triangulation and moved.budget != first.budget
    state.pool(without=("survey",))
    assert pooled().laid is first.laid and pooled().triangulation is not first.triangulation
    state.pool(without=())
    again = pooled()
    assert again.ranges == first.ranges and again.budget == moved.budget


def test_a_pooling_by_steps_equals_one_from_scratch(evidence: Evidence) -> None:
    state = AttributionState(Workspace.open(sample_dir() / "fitness"))
    for off in (("media mix",), ("media mix", "lift test"), ("platform",)):
        state.pool(without=off)
        assert state.reading is not None
        alone = attribution.triangulated(
            evidence, replace(state.reading, triangulated=None, triangulated_whole=None), asked=Asked(without=off)
        )
        found, fresh = state.reading.triangulated, alone.triangulated
        assert found is not None and fresh is not None
        assert (found.ranges, found.tests, found.budget) == (fresh.ranges, fresh.tests, fresh.budget)
        assert found.overcounts == fresh.overcounts and found.agreement == fresh.agreement


def test_a_refused_limit_leaves_the_last_good_answer(state: AttributionState) -> None:
    before = state.reading
    state.pool(**asked_of({"budget": "9,000,000"}, state.asked)._asdict())
    assert "cannot be reached" in state.faults[0]
    assert state.reading is before
    state.pool(without=("platform",))
    assert not state.faults
    state.pool(without=())


@pytest.mark.parametrize(
    "values",
    [{"floors": "video"}, {"ceilings": "video=much"}, {"budget": "lots"}, {"step": 3.0}, {"conversion_value": "x"}],
)
def test_settings_that_cannot_be_read_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(UserError):
        asked_of(values)


def test_settings_are_read() -> None:
    found = asked_of({"floors": "video=2000; display=500", "budget": "$24k", "lenses_off": "platform; survey"})
    assert dict(found.limits.floors) == {"video": 2000.0, "display": 500.0}
    assert found.limits.budget == 24_000
    assert found.without == ("platform", "survey")
    assert np.isclose(found.limits.step, 0.2)


def test_no_picture_holds_what_json_cannot(page: AttributionReading, reading: TriangulationReading) -> None:
    assert page.triangulated_whole is not None
    drawn = [charts.ranges(reading), charts.budget(reading), charts.against_truth(page.triangulated_whole)]
    for chart in drawn:
        json.dumps(chart.to_dict()["datasets"], allow_nan=False)
