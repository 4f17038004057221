"""Every chart of the planner is drawn, says what it shows, and its marks are rows of the library's frames."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from experiment_frames import a_plan, read, with_events

from martech_lib import Workspace, experiments
from martech_lib.core.places import sample_dir
from martech_lib.core.sequential import peeked
from martech_lib.experiments import Backlog, Readout, Record, charts
from martech_lib.experiments.gate import RULES
from martech_lib.workbook import theme
from martech_lib.workbook.views import figure_html

OF_PLAN = (charts.seen_by_week, charts.power_by_effect, charts.daily_peeks)
PLANS: tuple[dict[str, Any], ...] = (
    {}, {"mde": -0.25}, {"mde": 0.01, "weekly_units": 300}, {"split": "34/33/33"}, {"rule": "pocock", "looks": 3},
    {"primary_metric": "order value per user", "baseline": 12, "sd": 30}, {"baseline": 0.99, "mde": 0.005},
    {"primary_metric": "order value per user", "baseline": -2, "mde": 1, "relative": False, "sd": 30},
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _theme() -> None:
    theme.enable()


@pytest.fixture(scope="module")
def backlog() -> Backlog:
    return experiments.backlog(Workspace.open(sample_dir() / "fitness"))


@pytest.fixture(scope="module")
def record() -> Record:
    return experiments.record(Workspace.open(sample_dir() / "fitness"))


@pytest.fixture(scope="module")
def readout() -> Readout:
    arms = with_events({"conversion": 219, "paid": 100}, {"conversion": 274, "paid": 90})
    return read(
        arms, {"downstream_metric": "paid rate", "guardrail_metrics": "refund rate"}, exploratory=["paid per user"]
    )


def drawn(chart: Any, name: str = "rows") -> pd.DataFrame:
    """The rows that a finished chart holds."""
    return pd.DataFrame(chart.to_dict()["datasets"][name])


def checked(chart: Any, *, paths: int = 3) -> str:
    """Its description, once it has been drawn."""
    said = chart.to_dict()["description"]
    assert len(said) > 40 and not any(word in said for word in ("unknown", "nan", "None"))
    assert figure_html(chart, width=350).count("<path") > paths
    return str(said)


@pytest.mark.parametrize("changes", PLANS)
@pytest.mark.parametrize("draw", OF_PLAN)
def test_every_chart_of_a_plan_is_drawn(draw: Any, changes: dict[str, Any]) -> None:
    checked(draw(a_plan(**changes)))


def test_the_curve_is_what_each_week_sees() -> None:
    plan = a_plan()
    rows, found = drawn(charts.seen_by_week(plan)), experiments.by_week(plan)
    assert rows["seen"].tolist() == pytest.approx(found["mde_relative"].tolist())
    assert rows["units"].tolist() == [1100.0 * week for week in rows["week"]]
    assert rows.loc[rows["is_end"], "week"].tolist() == [plan.weeks] == [2]
    assert drawn(charts.seen_by_week(plan), "wanted")["wanted"].tolist() == [0.25]
    before, at = (float(rows.loc[rows["week"] == week, "seen"].iloc[0]) for week in (1, 2))
    assert at <= 0.25 < before, "the ring is the first week that sees the planned change"
    assert "the planned 25.0 %, reached in week 2." in checked(charts.seen_by_week(plan))


def test_the_power_curve_goes_through_the_plan() -> None:
    plan = a_plan()
    rows = drawn(charts.power_by_effect(plan))
    at_plan = rows.iloc[(rows["effect"] - plan.relative_effect).abs().argmin()]
    assert at_plan["effect"] == pytest.approx(0.25) and at_plan["power"] == pytest.approx(0.8, abs=0.001)
    at_nothing = rows.iloc[rows["effect"].abs().argmin()]
    assert at_nothing["effect"] == pytest.approx(0, abs=1e-9) and at_nothing["power"] == pytest.approx(0.05, abs=0.001)
    assert drawn(charts.power_by_effect(plan), "here")[["effect", "power"]].iloc[0].tolist() == [0.25, 0.8]
    assert f"with {plan.total_units:,} users" in checked(charts.power_by_effect(plan))


def test_peeks_are_the_false_alarms_of_each_day() -> None:
    plan = a_plan()
    rows = drawn(charts.daily_peeks(plan))
    assert rows["day"].tolist() == list(range(1, 15))
    for day in (1, 7, 14):
        assert rows.loc[rows["day"] == day, "false_alarms"].iloc[0] == pytest.approx(peeked(day, alpha=0.05))
    assert rows["false_alarms"].iloc[0] == pytest.approx(0.05) and rows["false_alarms"].is_monotonic_increasing
    assert "after 14 looks." in checked(charts.daily_peeks(plan))


def test_lifts_are_the_lines_that_were_read(readout: Readout) -> None:
    rows = drawn(charts.lifts(readout))
    told = [line for line in readout.lines if line.beside.lift is not None]
    assert rows["what"].tolist() == ["conversion rate, treated", "paid rate, treated", "paid per user, treated"]
    for name in ("estimate", "lower", "upper"):
        column = rows["lift" if name == "estimate" else name]
        assert column.tolist() == pytest.approx([getattr(line.beside.lift, name) for line in told])
    assert rows["role"].tolist() == ["primary", "downstream", "exploratory"]
    checked(charts.lifts(readout))


def test_the_calendar_has_every_test_with_a_place(backlog: Backlog) -> None:
    rows = drawn(charts.calendar(backlog))
    assert set(rows["idea"]) == {idea.idea for idea in backlog.fitting}
    for idea in backlog.fitting:
        row = rows[rows["idea"] == idea.idea].iloc[0]
        assert idea.start is not None and idea.weeks is not None
        assert row["start"] == f"{idea.start}T00:00:00" and row["weeks"] == idea.weeks
        assert (pd.Timestamp(row["end"]) - pd.Timestamp(row["start"])).days == 7 * idea.weeks
    assert checked(charts.calendar(backlog)).startswith(f"{len(backlog.fitting)} tests of the quarter by surface")


def test_the_matrix_has_every_experiment_and_rule(record: Record) -> None:
    rows = drawn(charts.matrix(record))
    assert len(rows) == len(record.ids) * len(RULES) == len(record.verdicts)
    told = {(v.experiment, v.rule): v.verdict for v in record.verdicts}
    assert dict(zip(zip(rows["experiment"], rows["rule"], strict=True), rows["verdict"], strict=True)) == told
    assert rows["short"].notna().all() and set(rows["verdict"]) <= set(charts.VERDICTS)
    broken = {experiment for (experiment, _), verdict in told.items() if verdict == "fail"}
    assert f"{len(broken)} break at least one." in checked(charts.matrix(record))


def test_quarters_are_the_readings_of_the_register(record: Record) -> None:
    rows = drawn(charts.throughput(record))
    told = [r for r in record.reading_records if r.metric == "experiments.shipped_per_quarter" and r.segment]
    assert dict(zip(rows["quarter"], rows["decided"], strict=True)) == {r.segment: r.value for r in told}
    assert sum(rows["state"] == "still running") == 1
    assert not any(math.isnan(n) for n in rows["decided"])
    assert "8 to 15." in checked(charts.throughput(record))
    assert "2 to 4." in checked(charts.throughput(replace(record, band=(2.0, 4.0))))


def test_the_words_of_a_line_at_the_bottom_stand_above_it() -> None:
    def below(**plan: float) -> int:
        spec = charts.seen_by_week(a_plan(weekly_units=100, **plan)).to_dict()
        (label,) = (layer["mark"] for layer in spec["layer"] if layer["mark"].get("type") == "text")
        return int(label["dy"])

    assert below(mde=0.001) < 0 < below(mde=0.25)
