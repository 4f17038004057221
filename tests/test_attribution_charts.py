"""Every chart of the attribution page is drawn, says what it shows, and its marks are the rows of the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_attribution_reading import write

from martech_lib import Workspace, attribution
from martech_lib.attribution import AttributionReading, charts
from martech_lib.attribution.names import MODEL_NAMES
from martech_lib.core.places import sample_dir
from martech_lib.workbook import theme
from martech_lib.workbook.views import figure_html

ALL = (
    charts.credit_by_model,
    charts.model_pairs,
    charts.assists,
    charts.path_lengths,
    charts.days_to_convert,
    charts.cost_per_conversion,
    charts.claims,
    charts.against_truth,
)


@pytest.fixture(scope="module")
def reading() -> AttributionReading:
    theme.enable()
    return attribution.read(Workspace.open(sample_dir() / "fitness"))


def drawn(chart: Any, name: str = "rows") -> pd.DataFrame:
    """The rows that a finished chart holds."""
    return pd.DataFrame(chart.to_dict()["datasets"][name])


def held(frame: pd.DataFrame, value: str) -> dict[tuple[str, str], float]:
    return {(c, m): v for c, m, v in zip(frame["channel"], frame["model"], frame[value], strict=True)}


@pytest.mark.parametrize("draw", ALL)
def test_every_chart_is_drawn_and_says_what_it_shows(reading: AttributionReading, draw: Any) -> None:
    assert len(draw(reading).to_dict()["description"]) > 40
    assert figure_html(draw(reading), width=350).count("<path") > 5


def test_credit_draws_every_shown_model_with_its_interval(reading: AttributionReading) -> None:
    shown = reading.credit.query("model in @reading.question.shown and channel != '(none)'")
    expected = {(r.channel, MODEL_NAMES[r.model]): r.conversions for r in shown.itertuples()}
    assert held(drawn(charts.credit_by_model(reading)), "conversions") == pytest.approx(expected)
    intervals = drawn(charts.credit_by_model(reading), "intervals")
    assert len(intervals) == shown["conversions_lower"].notna().sum()
    told = shown[shown["conversions_lower"].notna()]
    limits = {(r.channel, MODEL_NAMES[r.model]): r.conversions_lower for r in told.itertuples()}
    assert held(intervals, "lower") == pytest.approx(limits)


def test_pairs_draw_each_pair_twice(reading: AttributionReading) -> None:
    rows = drawn(charts.model_pairs(reading))
    assert len(rows) == 2 * len([p for p in reading.beside.model_pairs if p.tau is not None])


def test_assists_draw_what_was_closed_and_helped(reading: AttributionReading) -> None:
    rows = drawn(charts.assists(reading))
    told = {(r.channel, r.kind): r.conversions for r in rows.itertuples()}
    assert told == {(a.channel, "closed"): a.last for a in reading.beside.assists} | {
        (a.channel, "helped"): a.assisted for a in reading.beside.assists
    }


def test_walks_draw_every_converting_journey(reading: AttributionReading) -> None:
    walks = reading.beside.walks
    assert walks is not None
    for chart in (charts.path_lengths, charts.days_to_convert):
        assert drawn(chart(reading))["conversions"].sum() == walks.lengths["conversions"].sum()


def test_costs_claims_and_truth_draw_their_rows(reading: AttributionReading) -> None:
    costs = {(c.channel, MODEL_NAMES[c.model]): c.per_conversion for c in reading.beside.costs}
    shown = {MODEL_NAMES[m] for m in reading.question.shown}
    expected = {key: cost for key, cost in costs.items() if key[1] in shown}
    assert held(drawn(charts.cost_per_conversion(reading)), "cost") == pytest.approx(expected)
    claimed = drawn(charts.claims(reading)).query("kind == 'claimed'")
    assert dict(zip(claimed["channel"], claimed["conversions"], strict=True)) == {
        c.channel: c.claimed for c in reading.beside.claims if c.model == "markov"
    }
    caused = drawn(charts.against_truth(reading), "caused")
    assert dict(zip(caused["channel"], caused["conversions"], strict=True)) == {
        g.channel: g.caused for g in reading.beside.gaps
    }


def test_of_many_channels_the_most_credited_are_drawn_and_the_rest_is_counted() -> None:
    start = pd.Timestamp("2026-09-01")
    users = range(60)
    touches = pd.DataFrame({"user_id": users, "ts": start, "channel": [f"channel {n:02}" for n in users]})
    conversions = pd.DataFrame({"user_id": users, "ts": start})
    evidence = attribution.Evidence(touches=touches, conversions=conversions)
    question = attribution.Question(whole_log=True)
    reading = attribution.compare(evidence, question, evidence.journeys(question))
    chart = charts.credit_by_model(reading)
    assert drawn(chart)["channel"].nunique() == charts.MOST_CHANNELS
    assert "the 25 most credited of 60 channels" in chart.to_dict()["description"]


def test_long_names_that_begin_alike_stay_apart(tmp_path: Path) -> None:
    """Campaign names are often the same up to their end."""
    long = [f"{'google / cpc / brand / germany / autumn sale / '}{n}" for n in range(3)]
    paths = pd.DataFrame({"path": [f"{long[0]} > {long[1]}", long[2]], "conversions": [6, 2]})
    reading = attribution.read(write(tmp_path, paths=paths))
    for draw in (charts.credit_by_model, charts.assists):
        names = drawn(draw(reading))["channel"]
        assert names.nunique() == 3
        assert names.str.len().max() <= charts.LONGEST + len(" (3)")
    assert sorted(drawn(charts.assists(reading))["conversions"]) == [0, 0, 0, 2, 6, 6]


def test_what_does_not_differ_is_not_said_to(tmp_path: Path) -> None:
    paths = pd.DataFrame({"path": ["a", "b"], "conversions": [3, 2]})
    text = charts.credit_by_model(attribution.read(write(tmp_path, paths=paths))).to_dict()["description"]
    assert "They differ" not in text


def test_only_conversions_of_the_first_day_convert_within_a_day(tmp_path: Path) -> None:
    times = pd.to_datetime(["2026-09-03", "2026-09-08"])
    touches = pd.DataFrame({"user_id": [1, 2], "ts": times, "channel": "a"})
    conversions = pd.DataFrame({"user_id": [1, 2], "ts": pd.to_datetime(["2026-09-09", "2026-09-09"])})
    text = charts.days_to_convert(attribution.read(write(tmp_path, touches=touches, conversions=conversions)))
    assert "0 % convert within 1 day" in text.to_dict()["description"]
