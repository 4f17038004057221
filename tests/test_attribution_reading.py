"""The attribution page's result: agreement, assists, costs, claims and truth, against other ways of getting them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare

from martech_lib import Workspace, attribution
from martech_lib.attribution import AttributionReading, Question, Segment, words
from martech_lib.attribution.agreement import agreement, pairs
from martech_lib.attribution.question import period_of
from martech_lib.core.errors import UserError
from martech_lib.core.places import sample_dir

START = pd.Timestamp("2026-09-01")


def write(folder: Path, **tables: pd.DataFrame) -> Workspace:
    profile = pd.DataFrame(
        {
            "key": ["company", "business_model", "marketing_fte", "marketing_budget_excl_labor", "as_of_date"],
            "value": ["Tiny", "B2C", "2", "1000", "2026-09-30"],
        }
    )
    for name, frame in {"profile": profile, **tables}.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return Workspace.open(folder)


def tiny(folder: Path, **more: pd.DataFrame) -> Workspace:
    """Four conversions: a>b, a>b, b, and one without a touch; one user who never converts."""
    touched = [(1, 1, "a"), (1, 2, "b"), (2, 1, "a"), (2, 3, "b"), (3, 1, "b"), (5, 1, "c")]
    touches = pd.DataFrame(touched, columns=["user_id", "day", "channel"])
    touches["ts"] = START + pd.to_timedelta(touches.pop("day"), unit="D")
    conversions = pd.DataFrame({"user_id": [1, 2, 3, 4], "ts": START + pd.Timedelta(days=5), "value": [10, 20, 30, 40]})
    return write(folder, touches=touches, conversions=conversions, **more)


@pytest.fixture(scope="module")
def fitness() -> AttributionReading:
    return attribution.read(Workspace.open(sample_dir() / "fitness"))


@pytest.mark.parametrize("ties", [False, True])
def test_kendalls_w_is_friedmans_statistic_rescaled(ties: bool) -> None:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.integers(0, 4, (8, 5)) if ties else rng.random((8, 5)), columns=list("abcde"))
    found = agreement(table)
    expected = friedmanchisquare(*table.to_numpy()).statistic / (5 * 7)
    assert found.w == pytest.approx(expected, rel=1e-12)
    assert (found.judges, found.channels) == (tuple("abcde"), 8)


def test_agreement_at_its_ends_and_beyond() -> None:
    same = pd.DataFrame({"x": [1, 2, 3], "y": [10, 20, 30]})
    assert agreement(same).w == pytest.approx(1)
    assert agreement(same.assign(y=[3, 2, 1])).w == pytest.approx(0)
    assert agreement(same[["x"]]).reason == "agreement needs 2 judges of 3 channels; there are 1 judge of 3 channels"
    assert agreement(same.head(2)).w is None
    assert agreement(same.assign(x=1, y=1)).reason == "every judge gives all channels the same"
    assert [p.tau for p in pairs(same.assign(z=[3, 2, 1]))] == pytest.approx([1, -1, -1])


def test_it_reads_a_small_world(tmp_path: Path) -> None:
    spend = pd.DataFrame({"date": ["2026-09-06", "2026-08-30"], "channel": ["b", "b"], "spend": [300, 999]})
    claimed = pd.DataFrame({"month": ["2026-09", "2026-08"], "channel": ["b", "b"], "conversions": [12, 99]})
    reading = attribution.read(tiny(tmp_path, spend=spend, platform_reported=claimed))
    assert reading.period.words == "September 2026"
    assert reading.summary["attribution.conversions"] == 4
    assert reading.summary["attribution.value"] == 100
    assert reading.summary["attribution.untouched"] == 0.25
    assert reading.summary["attribution.touches_per_conversion"] == pytest.approx(5 / 3)
    assert reading.summary["attribution.days_to_convert"] == 4
    assert reading.summary["attribution.mean_days_to_convert"] == pytest.approx(4)
    assists = {a.channel: (a.last, a.assisted, a.ratio) for a in reading.beside.assists}
    assert assists == {"a": (0, 2, None), "b": (3, 0, 0.0), "c": (0, 0, None)}
    cost = next(c for c in reading.beside.costs if c.model == "last")
    assert (cost.channel, cost.per_conversion, cost.per_spend) == ("b", 100, 0.2)
    claim = next(c for c in reading.beside.claims if c.model == "last")
    assert (claim.claimed, claim.factor, claim.verdict) == (12, 4.0, "above")
    walks = reading.beside.walks
    assert walks is not None and walks.days is not None
    assert walks.top.to_dict("list") == {"path": ["a > b", "b"], "conversions": [2, 1], "value": [30, 30]}
    assert walks.lengths.to_dict("list") == {"touches": [1, 2], "conversions": [1, 2]}


def test_paths_give_the_same_walks_and_say_what_they_lack(tmp_path: Path) -> None:
    paths = pd.DataFrame(
        {"path": ["a > b", "b", "c"], "conversions": [2, 1, 0], "value": [30, 30, 0], "nulls": [0, 0, 1]}
    )
    reading = attribution.read(write(tmp_path, paths=paths))
    walks = reading.beside.walks
    assert walks is not None and walks.days is None
    assert walks.top.to_dict("list") == {"path": ["a > b", "b"], "conversions": [2, 1], "value": [30, 30]}
    assert reading.refused == {"time_decay": "a table of paths has no times"}
    assert "Time decay is refused: a table of paths has no times." in words.refusals(reading)
    assert words.intervals(reading).startswith("There are no intervals")


def test_without_logs_every_reading_says_what_it_needs(tmp_path: Path) -> None:
    reading = attribution.read(write(tmp_path))
    assert reading.readings["status"].unique().tolist() == ["not measured"]
    assert reading.readings["reason"].unique().tolist() == [
        "needs touches.csv and conversions.csv, or paths.csv",
        "needs conversions.csv, or paths.csv, with conversions to hold the lenses against",
    ]
    assert words.journeys_read(reading) == "No row of touches, conversions or paths was read."
    assert words.headline(reading).startswith("There are no journeys yet.")


def test_a_month_without_a_conversion_is_said_not_shown_as_zero_credit(tmp_path: Path) -> None:
    reading = attribution.read(tiny(tmp_path), Question(month="2026-12"))
    assert words.headline(reading).startswith("There is no conversion in December 2026: ask for another month")


def test_lenses_are_compared_over_the_channels_they_share(fitness: AttributionReading) -> None:
    found = fitness.beside.lenses
    assert found.judges == ("last touch", "multi-touch", "media mix")
    row = next(r for r in fitness.reading_records if r.metric == "attribution.agreement_w")
    assert row.value == found.w and row.n == found.channels
    assert f"m = 3 (last touch, multi-touch and media mix), n = {found.channels} channels" in row.method


def test_truth_is_laid_beside_every_model(fitness: AttributionReading) -> None:
    gaps = fitness.beside.gaps
    assert {g.model for g in gaps} == set(attribution.MODELS)
    truth = Workspace.open(sample_dir() / "fitness").register("truth").set_index("name")["incremental_conversions"]
    assert all(g.caused == truth[g.channel] and g.gap == g.credited - g.caused for g in gaps)


def test_readings_add_up(fitness: AttributionReading) -> None:
    credit = fitness.readings.query("metric == 'attribution.credit'")
    total = fitness.summary["attribution.conversions"]
    by_model = credit.assign(model=credit["segment"].str.split(":").str[0]).groupby("model")["value"].sum()
    assert by_model.to_numpy() == pytest.approx(np.full(len(attribution.MODELS), total), abs=1e-6)
    assert (credit["lower"].isna() == (credit["reason"] != "")).all()


def test_months_are_those_of_the_companys_zone() -> None:
    period = period_of(Question(month="2026-10"), as_of=None, zone="Europe/Berlin")
    assert (str(period.since), str(period.until)) == ("2026-09-30 22:00:00", "2026-10-31 23:00:00")
    assert period_of(Question(month="2026-12"), as_of=None, zone="UTC").until == pd.Timestamp("2027-01-01")
    assert period_of(Question(), as_of=None, zone="UTC").words == "the whole log"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (Question(month="2026-13"), "month came as '2026-13'; allowed is a month such as 2026-10"),
        (Question(model="markow"), "A model came as 'markow'; did you mean markov?"),
        (Question(lookback_days=0), "lookback_days came as 0; allowed is more than 0 and up to 365 days"),
        (Question(half_life_days=float("nan")), "half_life_days came as nan"),
        (Question(segment=Segment(column="planet", value="x")), "There is no column 'planet' to cut by"),
    ],
)
def test_a_question_that_makes_no_sense_is_told(tmp_path: Path, question: Question, said: str) -> None:
    with pytest.raises(UserError) as told:
        attribution.read(tiny(tmp_path), question)
    assert said in str(told.value)


def test_every_sentence_is_whole(fitness: AttributionReading) -> None:
    for topic in words.__all__:
        said = getattr(words, topic)(fitness)
        lines = [said] if isinstance(said, str) else list(said)
        assert all(line.endswith((".", "?")) and "None" not in line and "nan" not in line for line in lines if line)


def test_a_channel_that_only_helps_is_named_among_the_helpers(tmp_path: Path) -> None:
    paths = pd.DataFrame({"path": ["search > email", "email"], "conversions": [3, 1]})
    reading = attribution.read(write(tmp_path, paths=paths))
    assert words.assisted(reading) == (
        "1 channel helps more conversions than it closes: search (3 helped, none closed). "
        "Last touch gives nothing for helping."
    )
    assert words.headline(reading).endswith("Last touch credits email most, with 4; so does Markov, with 2.3.")


def test_of_paths_the_settings_claim_no_times_and_no_users(tmp_path: Path) -> None:
    reading = attribution.read(write(tmp_path, paths=pd.DataFrame({"path": ["a > b"], "conversions": [3]})))
    assert words.settings(reading) == (
        "Asked of the whole table of paths, which has no times and no users: all of it; "
        "position-based gives 40 %, 20 % and 40 % to the first, middle and last touch."
    )


def test_spend_on_a_channel_without_credit_is_told(tmp_path: Path) -> None:
    spend = pd.DataFrame({"date": "2026-09-06", "channel": ["a", "b", "c"], "spend": [100, 300, 50]})
    reading = attribution.read(tiny(tmp_path, spend=spend), Question(model="last"))
    assert words.cost(reading) == "$450 was spent on 3 channels. 2 channels with spend have no credit."
