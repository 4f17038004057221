"""Lenses as people really supply them: doubled, misspelt, of other months; and logs and paths beside each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import pandas as pd
import pytest

from martech_lib import Workspace, attribution
from martech_lib.attribution import Evidence
from martech_lib.attribution import words as page_words
from martech_lib.attribution.triangulation import words
from martech_lib.attribution.triangulation.backlog import backlog_row
from martech_lib.attribution.triangulation.elsewhere import elsewhere, left_out
from martech_lib.core.errors import TableError, UserError
from martech_lib.core.places import sample_dir
from martech_lib.core.register import parse_register
from martech_lib.workbook.apps.attribution_state import AttributionState

HEADER = "channel,lens,month,estimate,basis\n"


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return attribution.gather(Workspace.open(sample_dir() / "fitness"))


def lenses_as(evidence: Evidence, rows: str) -> Evidence:
    """The workspace with this table of lenses."""
    found = parse_register("lenses", (HEADER + rows).encode(), "lenses.csv")
    assert not found.problems
    return replace(evidence, registers={**evidence.registers, "lenses": found.frame})


DOUBLED = {
    "capitals": ("video,media mix,2026-10,40,\nvideo,Media  Mix,2026-10,60,\n", "column lens: 'Media  Mix' "),
    "another day": ("video,media mix,2026-10-01,40,\nvideo,media mix,2026-10-15,60,\n", "column month: '2026-10-15' "),
    "another basis": ("video,media mix,2026-10,40,\nvideo,media mix,2026-10,60,incremental\n", "column basis: 'incre"),
    "a vendor": ("video,Acme,2026-10,40,attributed\nvideo,ACME,2026-10,60,attributed\n", "column lens: 'ACME' "),
}


@pytest.mark.parametrize("case", DOUBLED)
def test_a_lens_twice_for_one_channel_and_month_is_a_problem_and_not_a_sum(case: str, evidence: Evidence) -> None:
    rows, where = DOUBLED[case]
    found = parse_register("lenses", (HEADER + rows).encode(), "lenses.csv")
    told = [str(problem) for problem in found.problems]
    assert len(told) == 1
    assert told[0].startswith(f"lenses.csv, row 3, {where}")
    assert "gives video a second estimate by" in told[0] and "for 2026-10, after row 2" in told[0]
    assert "leave one out, or add parts of a month up" in told[0]
    unchecked = replace(evidence, registers={**evidence.registers, "lenses": found.frame})
    with pytest.raises(TableError, match="a second estimate"):
        list(elsewhere(unchecked, evidence.period(attribution.Question())))


def test_an_exact_repetition_is_told_once() -> None:
    row = "video,media mix,2026-10,40,incremental\n"
    found = parse_register("lenses", (HEADER + row * 2).encode(), "lenses.csv")
    assert [problem.message.split(";")[0] for problem in found.problems] == ["stands in row 2 already"]


def test_other_channels_months_and_bases_of_a_vendor_are_no_repetition() -> None:
    rows = ("video,Acme,2026-10,4,attributed", "video,acme,2026-10,4,incremental", "video,Acme,2026-09,4,attributed",
            "display,Acme,2026-10,4,attributed", "video,media mix,2026-10,4,incremental")  # fmt: skip
    assert not parse_register("lenses", (HEADER + "\n".join(rows)).encode(), "lenses.csv").problems


def test_an_upload_with_a_doubled_lens_is_refused() -> None:
    state = AttributionState(Workspace.open(sample_dir() / "fitness"))
    before = state.reading
    with pytest.raises(TableError, match="row 3, column lens"):
        state.upload_lenses("mine.csv", (HEADER + DOUBLED["capitals"][0]).encode())
    assert state.reading is before


def test_months_of_a_whole_log_are_still_added_up_under_one_name(evidence: Evidence) -> None:
    rows = "video,Acme  MMM,2026-08,4,attributed\nvideo,acme mmm,2026-09,5,attributed\nvideo,ACME MMM,2026-10,6,attributed\n"
    told = lenses_as(evidence, rows)
    whole = told.period(attribution.Question(whole_log=True))
    found = list(elsewhere(told, whole))
    assert [(seen.lens, seen.channel) for seen in found] == [("Acme MMM (attributed)", "video")]
    assert found[0].how.startswith("3 months added up")


def test_a_vendors_rows_without_a_basis_are_named_where_others_have_one(evidence: Evidence) -> None:
    told = lenses_as(evidence, "video,Acme,2026-10,4,attributed\ndisplay,Acme,2026-10,4,\n")
    notes = left_out(told, told.period(attribution.Question()))
    assert notes == ["left out of lenses: Acme of display, whose basis says neither attributed nor incremental"]


def test_a_lens_of_another_month_is_told_why_it_is_not_carried_over(evidence: Evidence) -> None:
    register = evidence.registers["spend"]
    unspent = register["spend"].where((register["channel"] != "video") | (register["date"] < "2026-10-01"), 0.0)
    rows = "video,media mix,2026-09,40,\ndisplay,media mix,2024-09,40,\nemail,media mix,2027-01,40,\n"
    told = lenses_as(evidence, rows)
    told = replace(told, registers={**told.registers, "spend": register.assign(spend=unspent)})
    assert left_out(told, told.period(attribution.Question())) == [
        "left out of lenses: media mix of video, as the channel had no spend in October 2026 to carry an earlier month over to",
        "left out of lenses: media mix of display, which speaks of 2024-09",
        "left out of lenses: media mix of email, which speaks of 2027-01",
    ]


PATHS = "path,conversions,value\nvideo > email,300,3000\nemail > paid social,90,900\nvideo,40,400\n"


@pytest.fixture
def of_paths(tmp_path: Path) -> Callable[..., Path]:
    """`of_paths("spend", ...)`: a folder with a table of paths and these tables of the sample."""

    def written(*names: str) -> Path:
        for name in names:
            file = next((sample_dir() / "fitness").glob(f"{name}.*"))
            copyfile(file, tmp_path / file.name)
        (tmp_path / "paths.csv").write_text(PATHS)
        return tmp_path

    return written


def test_beside_a_table_of_paths_no_test_is_weighed_and_the_budget_stands(of_paths: Callable[..., Path]) -> None:
    found = attribution.read(Workspace.open(of_paths("profile", "channels", "spend", "lenses"))).triangulated
    assert found is not None and found.budget is not None and found.stakes is not None
    assert found.tests == ()
    said = words.next_test(found)
    assert "a period that the best budget would gain. What a test is worth is refused: a table of paths" in said
    assert "$" not in said
    with pytest.raises(UserError, match="There is no test to write down: a table of paths has no days"):
        backlog_row(found)
    assert any(note.endswith("and spend is that of all of spend.csv") for note in found.notes)


def test_beside_a_table_of_paths_no_response_curve_is_called_supplied(of_paths: Callable[..., Path]) -> None:
    found = attribution.read(Workspace.open(of_paths("profile", "channels", "spend", "lenses"))).triangulated
    assert found is not None and found.budget is not None
    assert "Without a supplied curve, conversions are taken to go with spend" in words.budget(found)
    assert not any(move.is_supplied for move in found.budget.moves)


@pytest.mark.parametrize(("name", "other"), [("conversions", "touches"), ("touches", "conversions")])
def test_a_log_beside_paths_that_is_not_read_is_told(of_paths: Callable[..., Path], name: str, other: str) -> None:
    page = attribution.read(Workspace.open(of_paths("profile", name)))
    told = f"{name.capitalize()} were not read, as {other} are not there to make journeys with, and paths are there."
    assert told in page_words.notes(page)
    assert page.beside.walks is not None and page.credit_records


def test_logs_go_before_paths_in_evidence_made_by_hand(evidence: Evidence) -> None:
    paths = pd.DataFrame({"path": ["video"], "conversions": [5.0]})
    both, question = replace(evidence, paths=paths), attribution.Question(month="2026-09")
    assert both.period(question) == evidence.period(question)
    credit = attribution.compare(both, question, both.journeys(question))
    found = attribution.triangulated(both, credit).triangulated
    assert found is not None and {"lift test", "media mix"} <= set(found.lenses)
    assert next(r for r in credit.reading_records if r.metric == "attribution.conversions").value > 5


def by_hand(times: list[object]) -> Evidence:
    return Evidence(conversions=pd.DataFrame({"user_id": range(len(times)), "ts": times, "country": "DE"}))


@pytest.mark.parametrize("whole_log", [True, False])
def test_times_that_are_none_are_told_and_no_crash(whole_log: bool) -> None:
    question = attribution.Question(month="2026-10", whole_log=whole_log)
    with pytest.raises(UserError, match="1 text in ts of conversions is no time, such as 'yesterday'"):
        attribution.unread(by_hand(["2026-10-03T10:00:00", "yesterday"]), question)


def test_times_as_text_are_read_as_everywhere() -> None:
    told = by_hand(["2026-10-03T10:00:00", None, "2026-09-01T10:00:00"])
    period = told.period(attribution.Question(whole_log=True))
    assert (str(period.first), str(period.last)) == ("2026-09-01", "2026-10-03")


@pytest.mark.parametrize(
    ("segment", "why"),
    [
        (attribution.Segment(column="county", value="DE"), "no column 'county' to cut by; did you mean country"),
        (attribution.Segment(customers="loyal"), "segment came as 'loyal'; allowed are new, returning"),
    ],
)
def test_a_segment_that_is_none_is_refused_without_touches_too(segment: attribution.Segment, why: str) -> None:
    told = by_hand(["2026-10-03T10:00:00"])
    with pytest.raises(UserError, match=why):
        attribution.unread(told, attribution.Question(month="2026-10", segment=segment))
    real = attribution.Question(month="2026-10", segment=attribution.Segment(column="country", value="DE"))
    assert attribution.triangulated(told, attribution.unread(told, real)).triangulated is not None


@pytest.mark.parametrize(
    "segment", [attribution.Segment(customers="new"), attribution.Segment(without=("video",))]
)  # fmt: skip
def test_a_table_of_paths_is_not_cut(of_paths: Callable[..., Path], segment: attribution.Segment) -> None:
    with pytest.raises(UserError, match="A table of paths has no users and no times, so it is read whole"):
        attribution.read(Workspace.open(of_paths("profile")), attribution.Question(segment=segment))
