"""Every number of the triangulation that is not there says why, under the status that the contract gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from martech_lib import Workspace, attribution
from martech_lib.attribution import AttributionReading, Evidence
from martech_lib.attribution import words as page_words
from martech_lib.attribution.triangulation import words
from martech_lib.attribution.triangulation.laid import Asked
from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.core.places import sample_dir
from martech_lib.workbook.apps.triangulation_tables import ranges_table


def lenses_of(reading: AttributionReading) -> TriangulationReading:
    assert reading.triangulated is not None
    return reading.triangulated


def half_blank(conversions: pd.DataFrame) -> pd.DataFrame:
    return conversions.assign(value=conversions["value"].where(conversions.index % 2 == 0))


@pytest.mark.parametrize("touches", [{}, {"touches": None}])
def test_a_blank_value_is_unknown_and_not_nothing(opened: Callable[..., AttributionReading], touches: Any) -> None:
    found = lenses_of(opened(conversions=half_blank, **touches))
    assert found.laid is not None
    october = pd.read_parquet(sample_dir() / "fitness" / "conversions.parquet")
    october = half_blank(october)[october["ts"].astype(str).str.startswith("2026-10")]
    assert found.value == pytest.approx(october["value"].mean(), rel=0.02)
    without = round(found.laid.total.conversions - found.laid.total.valued)
    told = f"{without} of {found.laid.conversions:,.0f} conversions have no value: a conversion's worth is the mean of the others."
    assert 0 < without < found.laid.conversions
    assert told in words.notes(found)


def test_where_every_conversion_has_a_value_nothing_is_said(opened: Callable[..., AttributionReading]) -> None:
    assert not any("no value" in note for note in words.notes(lenses_of(opened())))


def test_a_path_without_a_value_is_not_worth_nothing(tmp_path: Path) -> None:
    for name in ("channels", "profile"):
        (tmp_path / f"{name}.csv").write_bytes((sample_dir() / "fitness" / f"{name}.csv").read_bytes())
    (tmp_path / "paths.csv").write_text("path,conversions,value\nvideo > email,300,3000\nemail,100,\n")
    found = lenses_of(attribution.read(Workspace.open(tmp_path)))
    assert found.value == 10
    assert "100 of 400 conversions have no value: a conversion's worth is the mean of the others." in words.notes(found)


TRIANGULATED = {
    "lenses", "lenses_agreement_w", "incremental", "platform_overcount", "wrong_budget", "test_saves", "budget_gain",
    "budget_better",
}  # fmt: skip
OF_MONEY = {"wrong_budget", "test_saves", "budget_gain", "budget_better"}


def lacking(reading: AttributionReading | TriangulationReading) -> dict[str, tuple[str, str]]:
    """Metric of the triangulation -> status and reason, of those that are not there as a whole."""
    return {
        name: (r.status, r.reason)
        for r in reading.reading_records
        if (name := r.metric.removeprefix("attribution.")) in TRIANGULATED and r.value is None and not r.segment
    }


def test_a_refusal_stands_as_refused_with_its_reason(opened: Callable[..., AttributionReading]) -> None:
    def far_too_much(lenses: pd.DataFrame) -> pd.DataFrame:
        return lenses.assign(estimate=1e6, lower=0.99e6, upper=1.01e6, level=0.9)

    whole = opened(lenses=far_too_much, touches=None, platform_reported=None, survey=None, lift_tests=None)
    found = lenses_of(whole)
    assert found.is_refused and not found.lacks.endswith(".")
    assert set(lacking(whole)) == TRIANGULATED
    assert set(lacking(whole).values()) == {("refused", found.lacks)}
    assert words.next_test(found).startswith("Refused: the lenses")
    assert {r.period for r in found.reading_records} == {"2026-10"}


def test_a_part_of_the_customers_is_refused(opened: Callable[..., AttributionReading]) -> None:
    page = opened(attribution.Question(segment=attribution.Segment(customers="new")))
    why = "asked of new customers alone, while the other lenses speak of everybody"
    assert set(lacking(page).values()) == {("refused", why)}
    assert words.headline(lenses_of(page)) == f"There are no ranges: {why}."


def test_what_is_not_there_is_not_measured(opened: Callable[..., AttributionReading]) -> None:
    told = lacking(opened(channels=None))
    assert set(told) == TRIANGULATED
    assert set(told.values()) == {("not measured", "needs channels.csv with the role of each channel")}


def test_a_month_without_conversions_has_rows_and_a_true_headline(opened: Callable[..., AttributionReading]) -> None:
    page = opened(attribution.Question(month="2019-01"), touches=None)
    assert lacking(page) == dict.fromkeys(TRIANGULATED, ("not measured", "needs conversions in the period"))
    assert page_words.headline(page) == (
        "There is no conversion in January 2019: ask for another month, or for the whole log. There are no journeys "
        "either: supply touches.csv too, one row a touch."
    )
    assert page.summary["attribution.conversions"] == 0


def test_without_logs_there_are_rows_too(opened: Callable[..., AttributionReading]) -> None:
    page = opened(touches=None, conversions=None)
    why = "needs conversions.csv, or paths.csv, with conversions to hold the lenses against"
    assert page.triangulated is None
    assert lacking(page) == dict.fromkeys(TRIANGULATED, ("not measured", why))
    assert {r.status for r in page.reading_records} == {"not measured"}


def test_without_spend_money_is_not_measured(opened: Callable[..., AttributionReading]) -> None:
    page = opened(spend=None)
    why = "needs spend.csv with at least two channels that have a range"
    assert lacking(page) == dict.fromkeys(OF_MONEY, ("not measured", why))
    assert words.budget(lenses_of(page)) == words.next_test(lenses_of(page)) == f"Not measured: {why}."


def test_without_claims_overcount_is_not_measured(opened: Callable[..., AttributionReading]) -> None:
    page = opened(platform_reported=None)
    why = "needs platform_reported.csv with claims of the period for a channel that has a range"
    assert lacking(page) == {"platform_overcount": ("not measured", why)}
    assert words.overcounts(lenses_of(page)) == f"Not measured: {why}."


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("media mix", ("not measured", "needs the lens platform, which is switched off")),
        ("platform", ("refused", "with the platforms alone there is nothing to hold their claims against")),
    ],
)
def test_claims_that_are_switched_off_or_stand_alone_are_told(on: str, told: tuple[str, str], sample: Evidence) -> None:
    question = attribution.Question()
    page = attribution.compare(sample, question, sample.journeys(question))
    without = tuple(set(lenses_of(attribution.triangulated(sample, page)).lenses) - {on})
    found = lenses_of(attribution.triangulated(sample, page, asked=Asked(without=without)))
    assert lacking(found)["platform_overcount"] == told
    assert words.overcounts(found).lower() == f"{told[0]}: {told[1]}."


def test_paths_have_no_months_for_claims_and_no_days_for_tests(tmp_path: Path) -> None:
    for name in ("channels", "profile", "platform_reported", "spend"):
        (tmp_path / f"{name}.csv").write_bytes((sample_dir() / "fitness" / f"{name}.csv").read_bytes())
    (tmp_path / "paths.csv").write_text("path,conversions,value\nvideo > paid social,300,3000\nvideo,100,900\n")
    told = lacking(attribution.read(Workspace.open(tmp_path)))
    assert (told["platform_overcount"][0], told["test_saves"][0]) == ("refused", "refused")
    assert not {"wrong_budget", "budget_gain", "budget_better"} & set(told)
    assert "no months to hold platform_reported.csv against" in told["platform_overcount"][1]
    assert told["test_saves"][1].startswith("a table of paths has no days")


@pytest.fixture(scope="module")
def sample() -> Evidence:
    return attribution.gather(Workspace.open(sample_dir() / "fitness"))


def silent(reading: AttributionReading | TriangulationReading) -> dict[str, str]:
    """Channel without a range -> why."""
    return {
        r.segment: r.reason
        for r in reading.reading_records
        if r.metric == "attribution.incremental" and r.status == "refused"
    }


def test_a_channel_without_a_range_says_why(opened: Callable[..., AttributionReading]) -> None:
    question = attribution.Question(segment=attribution.Segment(without=("video",)))
    assert silent(opened(question)) == {"direct": "people came by themselves", "video": "it was set aside"}


def test_a_channel_whose_lenses_are_left_out_says_for_what(opened: Callable[..., AttributionReading]) -> None:
    def of_video(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["channel"] == "video"].tail(1).assign(start="2027-03-01", end="2027-04-01")

    def others(frame: pd.DataFrame) -> pd.DataFrame:
        kept = frame[frame["channel"] != "video"]
        acme = frame[frame["channel"] == "video"].tail(1).assign(lens="Acme", basis=None)
        return pd.concat([kept, acme])

    def not_video(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["channel"] != "video"]

    page = opened(touches=None, lift_tests=of_video, lenses=others, platform_reported=not_video, survey=not_video)
    told = silent(page)["video"]
    assert "left out: Acme, whose basis says neither attributed nor incremental; the test" in told
    assert "of video, which ends after the audit date" in told


def test_a_channel_whose_lens_is_switched_off_says_so(sample: Evidence) -> None:
    question = attribution.Question()
    page = attribution.compare(sample, question, sample.journeys(question))
    without = ("last touch", "multi-touch", "survey", "platform", "attribution vendor (attributed)")
    found = lenses_of(attribution.triangulated(sample, page, asked=Asked(without=without)))
    assert silent(found)["email"] == "what speaks of it is switched off: last touch, multi-touch and survey"


@pytest.mark.parametrize("given", [half_blank, lambda frame: frame.drop(columns="value")])
def test_conversions_are_counted_without_touches(opened: Callable[..., AttributionReading], given: Any) -> None:
    page = opened(touches=None, conversions=given)
    of = {r.metric: r for r in page.reading_records}
    counted = lenses_of(page).laid
    assert counted is not None
    assert of["attribution.conversions"].value == counted.conversions
    assert (of["attribution.conversions"].status, of["attribution.conversions"].source) == ("info", "conversions")
    worth = of["attribution.value"]
    if given is half_blank:
        assert worth.value == counted.total.value and "of them have no value" in worth.reason
    else:
        assert (worth.status, worth.reason) == ("not measured", "needs value of the conversions")


def test_the_ledger_without_touches_tells_what_was_read(opened: Callable[..., AttributionReading]) -> None:
    page = opened(touches=None)
    used = f"{page.summary['attribution.conversions']:,.0f}"
    assert f"rows of conversions, {used} were used and" in page_words.journeys_read(page)
    lines = page.ledger.set_index("what")["rows"]
    assert lines["read"] == lines.drop("read").sum()


def test_of_a_part_without_touches_nothing_is_counted(opened: Callable[..., AttributionReading]) -> None:
    page = opened(attribution.Question(segment=attribution.Segment(customers="new")), touches=None)
    assert page.summary["attribution.conversions"] is None
    assert ", 0 were used" in page_words.journeys_read(page)
    assert "left out: whose they are takes touches to tell" in set(page.ledger["what"])
    assert "not of the period" not in " ".join(page.ledger["what"])
    assert words.of_the_year(lenses_of(page)) == "Refused"


def test_repeated_conversions_are_told_without_touches_too(opened: Callable[..., AttributionReading]) -> None:
    page = opened(touches=None, conversions=lambda frame: pd.concat([frame, frame.tail(300)]))
    assert any("300 rows of conversions repeat a conversion_id" in note for note in page.notes)


def test_a_lift_test_alone_is_not_said_to_err_as_usual(sample: Evidence) -> None:
    question = attribution.Question()
    page = attribution.compare(sample, question, sample.journeys(question))
    without = tuple(set(lenses_of(attribution.triangulated(sample, page)).lenses) - {"lift test"})
    found = lenses_of(attribution.triangulated(sample, page, asked=Asked(without=without)))
    assert words.headline(found).startswith(
        "Red flag: attribution from a single source. Only lift tests speak of the channels, so each range is as sure as "
        "its test and nothing else checks it."
    )


def test_a_channel_without_a_range_is_on_the_page_with_the_reason(opened: Callable[..., AttributionReading]) -> None:
    def vague(tests: pd.DataFrame) -> pd.DataFrame:
        return tests.assign(lower=-9e9, upper=9e9)

    page = opened(**dict.fromkeys(("touches", "survey", "lenses", "platform_reported")), lift_tests=vague)
    assert not lenses_of(page).ranges
    page = opened(touches=None, survey=None, lenses=None, platform_reported=drop_video, lift_tests=vague)
    told = ranges_table(lenses_of(page))
    assert "No range: what is said of it is too vague to tell anything: lift test" in told
    assert "No range: people came by themselves" in told


def drop_video(claims: pd.DataFrame) -> pd.DataFrame:
    return claims[claims["channel"] != "video"]
