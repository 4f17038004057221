"""Arms that are other people, in a segment or in time, are not compared; money is laid beside money."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from holdout_worlds import Group, logs, read

from martech_lib.core.errors import UserError
from martech_lib.personalization import holdout_sizes, words
from martech_lib.personalization.reading import Terms
from martech_lib.personalization.rollout import EVERYONE, EVIDENCE


def halves(segment: str, converted: tuple[int, int], values: tuple[float, float], n: int = 5_000) -> list[Group]:
    """A segment of both arms, as large in each."""
    return [
        Group(arm, n, of, 0, value, segment=segment, share=0.5)
        for arm, of, value in zip(("holdout", "on"), converted, values, strict=True)
    ]


def test_a_split_that_is_another_in_each_segment_is_refused_though_it_is_as_planned_in_all() -> None:
    """Simpson: the rates are the same in each segment, and the pooled one is three times as high."""
    arms = (
        Group("holdout", 1_000, 200, segment="high", share=0.5), Group("on", 4_000, 800, segment="high", share=0.5),
        Group("holdout", 4_000, 80, segment="low", share=0.5), Group("on", 1_000, 20, segment="low", share=0.5),
    )  # fmt: skip
    told = read(*logs(*arms), window_days=30)
    assert told.srm.passed and told.headline.verdict == "refused"
    assert "the holdout has 20.0 % of the users of segment high and 50.0 % of all" in told.headline.sentence
    assert "read each segment as a programme of its own" in told.headline.sentence


def test_segments_that_chance_makes_unlike_are_read() -> None:
    arms = [
        Group(arm, n, n // 20, segment=segment, share=0.5)
        for segment, pair in {"a": (1_000, 1_060), "b": (500, 470), "c": (40, 28)}.items()
        for arm, n in zip(("holdout", "on"), pair, strict=True)
    ]
    assert read(*logs(*arms), window_days=30).headline.verdict != "refused"


def test_a_segment_of_one_arm_is_told_and_does_not_stop_the_reading() -> None:
    arms = [*halves("a", (200, 200), (20, 20)), *halves("b", (200, 200), (20, 20)), Group("on", 50, 2, segment="vip")]
    told = read(*logs(*arms), window_days=30)
    assert told.headline.verdict != "refused"
    assert "1 segment has users in one arm alone." in told.notes
    assert told.segments.set_index("segment").loc["vip", "reason"].startswith("it has no users in the holdout")


@pytest.mark.parametrize("window", [None, 30])
def test_arms_of_other_times_are_refused_without_a_window_and_noted_with_one(window: int | None) -> None:
    arms = [
        Group("holdout" if day % 2 else "on", 1_000, 60, share=0.5, day=day + 30 * (day % 2), after=2.0)
        for day in range(8)
    ]
    put, happened = logs(*arms)
    told = read(put, happened, window_days=window)
    season = "The arms came at other times, so that a season may look like an effect."
    if window is None:
        assert told.headline.verdict == "refused"
        assert "had more time to convert: set a window of days after the assignment" in told.headline.sentence
    else:
        assert season in told.notes


def test_a_small_segment_of_one_arm_is_named_nowhere() -> None:
    arms = [*halves("a", (200, 200), (20, 20)), *halves("b", (200, 200), (20, 20)), Group("on", 3, 1, segment="board")]
    told = read(*logs(*arms), window_days=30)
    said = [*told.notes, repr(told), told.readings.to_csv(), told.segments.to_csv(), words.segments(told)]
    assert "1 segment has users in one arm alone." in told.notes and not any("board" in one for one in said)


def test_all_segments_together_are_everyone_and_are_told_by_the_same_figures() -> None:
    """Orders of the personalized are a quarter smaller, which conversions times their worth would not see."""
    arms = [*halves("a", (200, 290), (40, 30)), *halves("b", (200, 290), (40, 30))]
    told = read(*logs(*arms), window_days=30, cost=2_000)
    by = {one.policy: one for one in told.policies}
    assert by[EVIDENCE].segments == ("a", "b")
    assert by[EVIDENCE][1:5] == by[EVERYONE][1:5]


def test_what_others_than_converters_bring_is_not_the_worth_of_a_conversion() -> None:
    put, happened = logs(*halves("a", (200, 290), (5, 5)), *halves("b", (200, 200), (5, 5)))
    fee = happened.assign(event="subscription", value=50.0, user_id=happened["user_id"].max() - happened["user_id"])
    assert read(put, happened, window_days=30).value == pytest.approx(5)
    assert read(put, pd.concat([happened, fee]), window_days=30).value is None


@pytest.mark.parametrize("seed", range(3))
def test_the_chance_of_a_loss_is_that_of_the_end_that_lies_beside_it(seed: int) -> None:
    """Half the p-value, nearly. The interval reaches further down than up; half its width would say half as much."""
    rng = np.random.default_rng(seed)
    held, others = rng.lognormal(3.5, 1.5, 50), rng.lognormal(3.6, 1.5, 620)
    told = read(*logs(Group("holdout", 1_000, 50, 0, held), Group("on", 9_000, 620, 0, others)), window_days=30, cost=0)
    revenue = told.endpoint("revenue")
    assert revenue is not None and revenue.difference is not None and "permutation" in revenue.method
    of = revenue.difference
    assert of.estimate - of.lower > 1.5 * (of.upper - of.estimate) > 0
    assert told.policies[0].harm == pytest.approx(of.p / 2, rel=0.2)


def test_one_segment_that_can_be_compared_is_taken_as_it_is() -> None:
    arms = [
        *halves("a", (100, 180), (20, 20), n=2_000),
        Group("holdout", 5, 1, segment="t"),
        Group("on", 9, 1, segment="t"),
    ]
    told = read(*logs(*arms), window_days=30)
    some = {one.policy: one for one in told.policies}[EVIDENCE]
    assert some.segments == ("a",) and some.users == 4_000 and some.gain.estimate == pytest.approx(160)
    assert words.segments(told).startswith("Evidence of a gain: a")


def test_money_is_of_the_currency_of_the_register_and_what_it_was_taken_as_is_told() -> None:
    terms = Terms(value=20, currency="EUR")
    told = read(*logs(Group("holdout", 2_000, 100), Group("on", 2_000, 110)), window_days=30, cost=1_000, terms=terms)
    said = words.brought(told)
    assert "€" in said and "$" not in said
    assert "Outcomes have no value; a conversion was taken as €20." in said
    assert "What one conversion more cost cannot be told: it may have brought none" in said


def test_a_holdout_is_laid_beside_the_largest_that_was_asked_for() -> None:
    sizes = holdout_sizes(baseline=0.05, lift=0.2, shares=(0.1, 0.2))
    said = words.holdout_size(sizes)
    assert said.startswith(f"A holdout of 20 % needs {sizes[1].users:,} users.")
    assert f"10 % x {sizes[0].users / sizes[1].users:.2f}" in said
    assert words.holdout_size(sizes[:1]) == f"A holdout of 10 % needs {sizes[0].users:,} users."


def test_a_seed_in_parts_is_told() -> None:
    with pytest.raises(UserError, match="seed came as 1.5; allowed are whole numbers"):
        read(*logs(Group("holdout", 100, 20), Group("on", 100, 20)), seed=1.5)
