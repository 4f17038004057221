"""The backlog: scored and sized by hand, packed like the best of all orders, odd rows with a reason, never an error."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workspaces import write_table

from martech_lib import Workspace, experiments
from martech_lib.core.errors import TableError, UserError
from martech_lib.core.limits import limits_of
from martech_lib.core.results import Reading
from martech_lib.experiments.backlog import Backlog
from martech_lib.experiments.ideas import Idea
from martech_lib.experiments.packing import Job, packed

MONDAY = date(2026, 11, 2)
IDEA: dict[str, Any] = {
    "idea": "Shorter form",
    "surface": "sign-up page",
    "primary_metric": "sign-up rate",
    "audience": "new visitors",
    "baseline": 0.2,
    "mde_relative": 0.25,
    "direction": "up",
    "impact": 7,
    "confidence": 6,
    "ease": 8,
    "weekly_units": 1100,
    "earliest_start": None,
    "value_per_unit_lift": 100_000,
}


def an_idea(name: str = "Shorter form", **changes: Any) -> dict[str, Any]:
    return {**IDEA, "idea": name, **changes}


def laid(*rows: dict[str, Any], **asked: Any) -> Backlog:
    return experiments.backlog(pd.DataFrame(list(rows)), **{"start": MONDAY, **asked})


def only(*rows: dict[str, Any], **asked: Any) -> Idea:
    return laid(*rows, **asked).ideas[0]


def reading(found: Backlog, name: str, segment: str = "") -> Reading:
    metric = f"experiments.backlog_{name}"
    return next(r for r in found.reading_records if (r.metric, r.segment) == (metric, segment))


def folder_with(tmp_path: Path, rows: list[dict[str, Any]], **tables: list[dict[str, str]]) -> Workspace:
    facts = {"business_model": "B2B", "marketing_fte": "10", "marketing_budget_excl_labor": "1000000",
             "as_of_date": "2026-10-31", "currency": "EUR"}  # fmt: skip
    write_table(tmp_path, "profile", [{"key": key, "value": value} for key, value in facts.items()])
    written = [{key: "" if cell is None else str(cell) for key, cell in row.items()} for row in rows]
    if written:
        write_table(tmp_path, "backlog", written)
    for name, others in tables.items():
        write_table(tmp_path, name, others)
    return Workspace.open(tmp_path)


def test_an_idea_by_hand() -> None:
    found = only(an_idea())
    # 20 % to 25 %: 1,094 an arm; 2,188 users at 1,100 a week are two weeks.
    assert (found.units, found.weeks) == (2188, 2)
    assert found.ice == pytest.approx(7 * 6 * 8 / 100)
    assert found.value == pytest.approx(0.6 * 0.25 * 100_000)
    assert found.value_per_week == pytest.approx(7_500)
    assert (found.state, found.start, found.end) == ("fits", MONDAY, date(2026, 11, 15))
    assert found.blank == ()


def test_returning_visitors_take_longer() -> None:
    assert only(an_idea(), growth=0.7).weeks == 3  # (2188 / 1100) ** (1 / 0.7) = 2.67


def test_down_is_a_fall_and_worth_as_much() -> None:
    up, down = only(an_idea()), only(an_idea(direction="down"))
    assert down.mde_relative == -0.25
    assert down.value == up.value
    # 20 % to 15 % needs fewer: 906 an arm.
    assert down.units == 2 * experiments.sample_size(baseline=0.2, mde=-0.25, relative=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"weekly_units": None}, "needs weekly users"),
        ({"weekly_units": None, "baseline": None}, "needs a baseline and weekly users"),
        ({"mde_relative": None}, "needs a change worth finding"),
        ({"weekly_units": 0}, "weekly_units came as 0; allowed is above 0"),
        ({"baseline": 0}, "baseline came as 0; allowed is a rate between 0 and 1"),
        ({"baseline": 1}, "baseline came as 1; allowed is a rate between 0 and 1"),
        ({"baseline": 1.2}, "baseline came as 1.2; allowed is a rate between 0 and 1"),
        ({"mde_relative": 4.5}, "mde leads from 0.2 to 1.1, which is no rate"),
        ({"mde_relative": 1.0, "direction": "down"}, "mde leads from 0.2 to 0, which is no rate"),
        ({"mde_relative": 0}, "mde came as 0"),
        ({"direction": "sideways"}, "direction came as 'sideways'; allowed is up or down"),
        ({"mde_relative": -0.2}, "direction is up, and mde_relative is -20.0 %"),
        ({"primary_metric": "revenue per user"}, "revenue per user is a mean, whose size needs sd"),
    ],
)
def test_a_row_without_a_size_says_why(changes: dict[str, Any], reason: str) -> None:
    found = only(an_idea(**changes))
    assert found.state == "unknown"
    assert found.weeks is None and found.start is None
    assert found.reason.startswith(reason)


def test_blank_is_unknown_never_zero() -> None:
    found = only(an_idea(impact=None, confidence=None, value_per_unit_lift=None))
    assert (found.ice, found.chance, found.value, found.value_per_week) == (None, None, None, None)
    assert found.blank == ("impact", "confidence", "value_per_unit_lift")
    assert found.state == "fits"


def test_what_cannot_be_powered_says_what_could_be_seen() -> None:
    found = laid(an_idea(weekly_units=200))
    idea = found.ideas[0]
    assert (idea.state, idea.weeks) == ("too long", 11)
    assert idea.reason == "needs 11 weeks, more than 8; 8 weeks see a change of 29.4 %, not of 25.0 %"
    # 800 users an arm see that change with a power of 80 %, and no smaller one.
    assert experiments.sample_size(baseline=0.2, mde=idea.seen_relative or 0, relative=True) in (800, 801)
    assert (reading(found, "unpowered").value, reading(found, "unpowered").status) == (1.0, "watch")
    assert (reading(found, "fits").value, reading(found, "fits").status) == (0.0, "fail")
    assert reading(found, "value").status == "not measured"


def test_even_the_largest_change_is_not_seen() -> None:
    assert only(an_idea(weekly_units=1)).reason.endswith("in 8 weeks even the largest change is not seen")


def test_a_surface_runs_one_test_at_a_time_and_the_most_valuable_first() -> None:
    found = laid(an_idea("A"), an_idea("B", confidence=9), an_idea("C", surface="Sign-up  Page"))
    assert [(i.idea, i.start) for i in found.ideas] == [
        ("B", MONDAY), ("A", MONDAY + timedelta(weeks=2)), ("C", MONDAY + timedelta(weeks=4)),
    ]  # fmt: skip
    assert len({idea.surface for idea in found.ideas}) == 1


def test_value_goes_before_score_and_score_before_number() -> None:
    valued = an_idea("Valued", weekly_units=550, confidence=1, value_per_unit_lift=10)
    scored = [an_idea(f"Scored {n}", weekly_units=1100, value_per_unit_lift=None) for n in (1, 2)]
    found = laid(valued, *scored, weeks=4)
    assert [idea.idea for idea in found.fitting] == ["Valued"]
    assert found.ideas[-1].reason == "its surface goes to Valued, worth at least as much together"


def test_nothing_starts_before_its_day() -> None:
    assert only(an_idea(earliest_start=date(2026, 11, 3))).start == date(2026, 11, 9)
    assert only(an_idea(earliest_start=date(2026, 11, 9))).start == date(2026, 11, 9)
    assert (
        only(an_idea(earliest_start=date(2027, 1, 25))).reason == "needs 2 weeks; the quarter has 1 from 25 Jan 2027 on"
    )
    assert only(an_idea(earliest_start=date(2027, 3, 1))).reason == "may start on 1 Mar 2027, after the quarter"


def test_interactions_are_named() -> None:
    found = laid(
        an_idea("A"),
        an_idea("B", surface="pricing page", audience="everybody"),
        an_idea("C", surface="e-mail", primary_metric="open rate", audience=None),
        an_idea("D", surface="blog", primary_metric="read rate", audience=None),
    )
    assert found.pairs["words"].tolist() == [
        "may interact: A and B share the metric sign-up rate from 2 Nov 2026 to 15 Nov 2026"
    ]
    assert reading(found, "interactions").value == 1.0


@st.composite
def jobs(draw: st.DrawFn) -> list[Job]:
    n = draw(st.integers(1, 5))
    small = st.integers(0, 4)
    return [
        Job(f"t{k}", draw(st.sampled_from("xy")), draw(st.integers(1, 5)), draw(st.integers(0, 7)), (draw(small), draw(small), 1))
        for k in range(n)
    ]  # fmt: skip


def best_by_trying(members: list[Job], weeks: int) -> tuple[int, ...]:
    """The highest worth of any set in any order that ends in time."""
    best = (0, 0, 0)
    for size in range(len(members) + 1):
        for order in permutations(members, size):
            now = 0
            for job in order:
                now = max(now, job.release) + job.weeks
            if now <= weeks:
                best = max(best, tuple(sum(job.worth[k] for job in order) for k in range(3)))
    return best


@settings(max_examples=150)
@given(jobs(), st.integers(1, 9))
def test_packed_like_the_best_of_all_orders(members: list[Job], weeks: int) -> None:
    starts = packed(members, weeks=weeks)
    assert starts == packed(members[::-1], weeks=weeks)
    for surface in "xy":
        own = [job for job in members if job.surface == surface]
        taken = sorted((starts[job.name], starts[job.name] + job.weeks) for job in own if job.name in starts)
        assert all(end <= start for (_, end), (start, _) in zip(taken, taken[1:], strict=False))
        assert all(end <= weeks for _, end in taken)
        found = tuple(sum(job.worth[k] for job in own if job.name in starts) for k in range(3))
        assert found == best_by_trying(own, weeks)
    assert all(starts[job.name] >= job.release for job in members if job.name in starts)


def test_ties_go_by_name() -> None:
    same = [Job(name, "x", 3, 0, (1, 0, 1)) for name in ("b", "a", "c")]
    assert packed(same, weeks=3) == {"a": 0}
    assert packed([], weeks=3) == {}


def test_a_workspace_begins_on_the_next_monday_and_keeps_busy_surfaces_free(tmp_path: Path) -> None:
    running = {"id": "X-1", "surface": "Sign-up page", "start": "2026-10-20", "planned_end": "2026-11-10", "stopped": "",
               "decision": "", "is_holdout": "no"}  # fmt: skip
    open_end = {**running, "id": "X-2", "surface": "blog", "planned_end": ""}
    holdout = {**running, "id": "X-3", "surface": "e-mail", "is_holdout": "yes"}
    done = {**running, "id": "X-4", "surface": "e-mail", "stopped": "2026-10-25", "decision": "ship"}
    rows = [an_idea("A"), an_idea("B", surface="e-mail", value_per_unit_lift="€100k")]
    found = experiments.backlog(folder_with(tmp_path, rows, experiments=[running, open_end, holdout, done]))
    assert (found.start, found.end) == (MONDAY, date(2027, 1, 31))
    assert {idea.idea: idea.start for idea in found.ideas} == {"A": date(2026, 11, 16), "B": MONDAY}
    assert found.taken == {"sign-up page": date(2026, 11, 10)}
    assert found.notes == ("X-2 is not over on blog; without planned_end its surface counts as free",)
    assert set(found.inputs) == {"profile", "backlog", "experiments"}
    assert (reading(found, "value").value, reading(found, "value").unit) == (pytest.approx(30_000), "EUR")
    assert reading(found, "fits").period == "2026-11-02 to 2027-01-31"


def test_the_band_is_a_rule_that_a_workspace_may_set(tmp_path: Path) -> None:
    rows = [an_idea(name) for name in ("A", "B")]
    assert reading(laid(*rows), "fits")[7:9] == ("8 to 15", "watch")
    ws = folder_with(tmp_path, rows, thresholds=[{"rule_id": "HM05", "threshold": "1; 3", "why": "small team"}])
    assert reading(experiments.backlog(ws), "fits")[7:9] == ("1 to 3", "pass")
    assert limits_of(ws)["HM05"].why == "small team"
    assert reading(laid(*rows, weeks=6), "fits").reason == "the target is of a quarter, this of 6 weeks"


@pytest.mark.parametrize("has_header", [True, False])
def test_without_a_backlog_nothing_is_measured(tmp_path: Path, has_header: bool) -> None:
    ws = folder_with(tmp_path, [])
    if has_header:
        (tmp_path / "backlog.csv").write_text("idea,surface\n", encoding="utf-8")
        ws = Workspace.open(tmp_path)
    found = experiments.backlog(ws)
    assert {r.status for r in found.reading_records} == {"not measured"}
    assert {r.reason for r in found.reading_records} == {"no backlog: supply backlog.csv"}
    assert found.to_frame().empty and found.pairs.empty
    assert {r.metric for r in found.reading_records} == {r.metric for r in laid(an_idea()).reading_records}


def test_without_a_day_ideas_are_sized_and_not_placed() -> None:
    found = experiments.backlog(pd.DataFrame([an_idea()]))
    assert (found.ideas[0].weeks, found.ideas[0].state) == (2, "no room")
    assert found.ideas[0].reason.startswith("needs the day the quarter begins")
    assert reading(found, "fits").status == "not measured"


def test_a_test_proposed_by_the_triangulation_enters() -> None:
    row = {"idea": "Lift test of Meta", "surface": "Meta", "primary_metric": "conversions", "mde_relative": 0.04,
           "direction": "up", "earliest_start": date(2026, 11, 7), "value_per_unit_lift": 90.0}  # fmt: skip
    found = only(row)
    assert (found.state, found.reason) == ("unknown", "needs a baseline and weekly users")


def test_a_frame_is_checked_like_the_file() -> None:
    with pytest.raises(TableError, match=r"backlog.csv, row 3, column idea: .*Shorter form"):
        laid(an_idea(), an_idea())
    with pytest.raises(TableError, match="impact"):
        laid(an_idea(impact=11))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"alpha": 0}, "alpha came as 0"),
        ({"power": 1}, "power came as 1"),
        ({"growth": 0}, "growth came as 0"),
        ({"weeks": 0}, "weeks came as '0'; allowed is a whole number from 1 to 52"),
        ({"weeks": 6.5}, "weeks came as '6.5'"),
        ({"start": "2026-11-02"}, "start came as '2026-11-02'; allowed is a date"),
    ],
)
def test_settings_that_make_no_sense(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        laid(an_idea(), **asked)


def test_a_growth_near_zero_never_ends() -> None:
    assert only(an_idea(), growth=1e-6).reason.startswith("needs 52,000 weeks, more than 8;")
