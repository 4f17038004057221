"""A holdout read: its verdict from exact counts, what is refused and in which words, and what leaves the library."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from holdout_worlds import START, Group, logs, read, values_of
from scipy.stats import norm

from martech_lib import personalization
from martech_lib.core.errors import UserError
from martech_lib.core.rates import Count, score_difference, score_lift
from martech_lib.core.stats import freedom_of, lift, of_sums, student_quantile, welch
from martech_lib.personalization import Terms, words
from martech_lib.personalization.rollout import Prices, policies_of

PAIR = (Group("holdout", 200, 20, 40, 10.0, share=0.2), Group("on", 800, 90, 200, 10.0, share=0.8))
EVEN = (Group("holdout", 500, 50, 0, 10.0, share=0.5), Group("on", 500, 60, 0, 10.0, share=0.5))


def pair(first: Any, second: Any, n: int = 1_000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Halves of so many users, of whom (converted, clicked, value) do."""
    return logs(*(Group(arm, n, *did, share=0.5) for arm, did in (("holdout", first), ("on", second))))


VERDICTS = {
    "more convert and click": ((100, 200, 9.0), (150, 300, 9.0), "real win", "a real win. The conversion rate rose by 50 %"),
    "more convert, nobody clicks": ((100, 0, None), (150, 0, None), "real win", "50 conversions more"),
    "more convert, as many click": ((100, 200, 9.0), (150, 201, 9.0), "hidden win", "a report of clicks would have missed it"),
    "more convert, fewer click": ((100, 300, 9.0), (150, 200, 9.0), "hidden win", "Clicks fell"),
    "more click, as many convert": ((100, 200, 9.0), (101, 300, 9.0), "click-only", "clicks only. The share of users who click rose by 50 %"),
    "all alike": ((100, 200, 9.0), (101, 201, 9.0), "nothing", "no effect was found"),
    "more money alone": ((100, 200, 9.0), (101, 201, 90.0), "nothing", "without a change in conversions it decides nothing"),
    "fewer convert": ((150, 200, 9.0), (100, 300, 9.0), "harm", "it does harm. The conversion rate fell by 33 %"),
    "more convert and bring less": ((100, 200, 90.0), (150, 300, 9.0), "harm", "and yet revenue fell"),
    "nobody in the holdout converts": ((0, 0, None), (50, 0, None), "real win", "rose by 5.00 points"),
    "nobody personalized converts": ((50, 0, None), (0, 0, None), "harm", "fell by 100 % ("),
    "everybody converts": ((1_000, 0, 9.0), (1_000, 0, 9.0), "nothing", "cannot be told from the holdout's (0.0 %"),
}  # fmt: skip


@pytest.mark.parametrize("case", VERDICTS)
def test_the_verdict_goes_by_conversions_first(case: str) -> None:
    first, second, verdict, words = VERDICTS[case]
    told = read(*pair(first, second))
    assert (told.headline.verdict, told.headline.reason) == (verdict, "")
    assert told.headline.sentence.startswith("Win-back: ") and words in told.headline.sentence
    assert "unknown" not in told.headline.sentence and "nan" not in told.headline.sentence
    status = {"real win": "pass", "hidden win": "pass", "harm": "fail"}.get(verdict, "watch")
    rows = told.readings.set_index(["metric", "segment"])
    assert rows.loc[("personalization.win-back.diff_conversion", ""), "status"] == status
    json.dumps(told.to_dict(), allow_nan=False)


def test_rates_are_those_of_the_score_test() -> None:
    told = read(*logs(*PAIR))
    for name, counts in (
        ("conversion", (Count(20, 200), Count(90, 800))),
        ("click", (Count(40, 200), Count(200, 800))),
    ):
        of = told.endpoint(name)
        assert of is not None and of.hits == tuple(int(count.hits) for count in counts)
        assert of.difference == score_difference(*counts, level=0.95)
        assert of.lift == score_lift(*counts, level=0.95)
    found = values_of(told)
    assert found["lift_conversion", ""] == pytest.approx(0.1125 / 0.1 - 1)
    assert found["incremental_conversions", ""] == pytest.approx(0.0125 * 800)
    assert (found["users", "holdout"], found["users", "on"]) == (200, 800)


def test_revenue_of_halves_is_read_by_welch() -> None:
    """sums 1396.87 of 3407, sum of squares 52377.9767 beside 2422.7 of 3461 and 134698.29 (growthbook gbstats)."""
    samples = of_sums(3_407, 1396.87, 52_377.9767), of_sums(3_461, 2422.7, 134_698.29)
    assert welch(*samples, level=0.95) == pytest.approx((0.29, 0.12478, 0.04538, 0.53462, 0.02016), abs=5e-5)
    rng = np.random.default_rng(8)
    groups = [Group(arm, 1_000, 400, 0, rng.normal(50, 10, 400).round(2), share=0.5) for arm in ("holdout", "on")]
    of = read(*logs(*groups)).endpoint("revenue")
    arms = [np.append(group.values, np.zeros(600)) for group in groups]
    from scipy.stats import ttest_ind

    wanted = ttest_ind(arms[1], arms[0], equal_var=False)
    assert of is not None and of.method == "Welch's t-test"
    assert of.difference == pytest.approx(
        (
            arms[1].mean() - arms[0].mean(),
            math.sqrt(sum(arm.var(ddof=1) / len(arm) for arm in arms)),
            *wanted.confidence_interval(),
            wanted.pvalue,
        ),
        rel=1e-9,
    )


def users_of(n: int, total: float, squares: float, *, buyers: int) -> np.ndarray:
    """Values of buyers, all but one alike, that add up to these."""
    m = buyers - 1
    one = (total - math.sqrt(m * (buyers * squares - total**2))) / buyers
    rest = (total - one) / m
    assert n > buyers and one > 0 and math.isclose(m * rest**2 + one**2, squares)
    return np.array([one] + [rest] * m)


def test_the_published_sums_are_read_as_published() -> None:
    """The same sums (growthbook gbstats); the lift is Fieller's, by the logarithm of the ratio it is tea-tasting's."""
    values = users_of(3_407, 1396.87, 52_377.9767, buyers=38), users_of(3_461, 2422.7, 134_698.29, buyers=44)
    groups = [
        Group(arm, n, len(v), 0, v, share=0.5)
        for arm, n, v in zip(("holdout", "on"), (3_407, 3_461), values, strict=True)
    ]
    of = read(*logs(*groups)).endpoint("revenue")
    assert of is not None and of.method == "Welch's t-test"
    assert of.difference == pytest.approx((0.29, 0.12478, 0.04538, 0.53462, 0.02016), abs=5e-5)
    by_log = lift(of.holdout, of.treated, level=0.95)
    assert (by_log.estimate, by_log.lower, by_log.upper) == pytest.approx((0.707, 0.105, 1.638), abs=5e-4)
    far = student_quantile(0.975, freedom_of(of.holdout, of.treated))
    for end in (of.lift.lower, of.lift.upper):  # where Welch's test just rejects this ratio
        ratio = 1 + end
        error = of.treated.error + ratio**2 * of.holdout.error
        assert abs(of.treated.mean - ratio * of.holdout.mean) == pytest.approx(far * math.sqrt(error), rel=1e-9)


REFUSED = {
    "no holdout": ([Group("a", 50, 5), Group("b", 50, 5)], "the arms came as a and b, and none is named holdout or control"),
    "two holdouts": ([Group("Holdout", 50, 5), Group("control ", 50, 5)], "Holdout and control could each be the holdout"),
    "everybody held out": ([Group("holdout", 50, 5)], "everybody is in the arm holdout: nobody was personalized"),
    "a holdout of one": ([Group("holdout", 1, 1), Group("on", 99, 5)], "holdout has fewer than 10 users"),
    "few personalized": ([Group("holdout", 99, 1), Group("on", 9, 5)], "personalized has fewer than 10 users"),
    "both few": ([Group("holdout", 9, 1), Group("on", 9, 5)], "holdout and personalized have fewer than 10 users"),
    "nobody converts": ([Group("holdout", 50, 0, 9), Group("on", 50, 0, 9)], "nobody converted after the assignment: no outcome's event is 'conversion'"),
    "a broken split": ([Group("holdout", 300, 5, share=0.5), Group("on", 500, 9, share=0.5)], r"arm on has 500 users, 62.5 % in place of 50.0 % (p is below 0.001); the arms are most uneven on 1 Mar 2026: find the fault"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_says_why(case: str) -> None:
    groups, words = REFUSED[case]
    told = read(*logs(*groups))
    assert told.headline.verdict == "refused" and words in told.headline.reason
    assert told.headline.sentence == f"Win-back cannot be read: {told.headline.reason}."
    assert (told.endpoints, told.brought, told.course, told.policies, len(told.segments)) == ((), None, None, (), 0)
    rows = told.readings[told.readings["status"] == "refused"]
    names = {name.split(".", 2)[2] for name in rows["metric"]}
    assert names >= {"lift_conversion", "lift_revenue", "diff_conversion", "diff_click", "diff_revenue"}
    assert rows[["value", "lower", "upper", "level"]].isna().all(axis=None)
    assert set(rows["reason"]) == {told.headline.reason}
    json.dumps(told.to_dict(), allow_nan=False)


def test_users_who_are_all_in_two_arms_or_nowhere_are_counted_in_the_reason() -> None:
    put, happened = logs(*PAIR)
    told = read(pd.concat([put, put.assign(arm="other")]), happened)
    assert told.headline.reason == "no user is in one arm: 1,000 users were put into two arms"
    told = read(put.assign(arm=[" "] * 999 + [None]), happened)
    assert told.headline.reason == "no user is in one arm: 1,000 assignments lack a user, an arm or a time"


def test_some_users_in_two_arms_are_set_aside_and_many_stop_the_reading() -> None:
    put, happened = logs(*PAIR)
    told = read(pd.concat([put, put[100:110].assign(arm="on", planned_share=0.8)]), happened)
    assert told.headline.verdict != "refused" and "10 users in two arms were set aside." in told.notes[-1]
    assert values_of(told)["set_aside", "users in two arms"] == 10
    told = read(pd.concat([put, put[150:210].assign(arm="other", planned_share=0.0)]), happened)
    assert "6 % of the users were put into two arms: find the fault" in told.headline.reason


def test_shares_that_are_not_known_are_said_to_be() -> None:
    told = read(*logs(*(group._replace(share=None) for group in PAIR)))
    assert told.headline.verdict == "nothing" and told.srm.passed is None and math.isnan(told.srm.p_value)
    assert told.notes == ("The planned share of the arms is not known, so that a broken split would not be seen.",)
    row = told.readings.set_index("metric").loc["personalization.win-back.srm_p"]
    assert row["status"] == "not measured" and math.isnan(row["value"]) and "not known" in row["reason"]


@pytest.mark.parametrize("shares", [(0.2, 0.2), (0.2, None), (None, 0.8), (0.2, 0.8), (0.205, 0.805)])
def test_the_share_of_the_holdout_may_stand_in_every_row_or_in_one_arm(shares: Any) -> None:
    told = read(*logs(*(group._replace(share=share) for group, share in zip(PAIR, shares, strict=True))))
    assert told.srm.passed and told.srm.p_value > 0.5
    broken = (PAIR[0]._replace(n=320, share=shares[0]), PAIR[1]._replace(share=shares[1]))
    assert read(*logs(*broken)).srm.passed is False


def test_the_share_of_the_register_is_taken_where_the_log_has_none() -> None:
    tables = logs(*(group._replace(share=None) for group in PAIR))
    assert read(*tables, terms=Terms(held=0.2)).srm.passed
    assert read(*tables, terms=Terms(held=0.4)).headline.verdict == "refused"


@pytest.mark.parametrize("shares", [(0.2, 0.5), (20.0, 80.0), (0.0, 1.0), (0.6, 0.6), (-0.2, 1.2)])
def test_shares_that_make_no_whole_are_said_to(shares: Any) -> None:
    told = read(*logs(*(group._replace(share=share) for group, share in zip(PAIR, shares, strict=True))))
    assert told.srm.passed is None and told.headline.verdict == "nothing"
    assert re.match(r"The planned shares came as holdout .* and on .*, which do not make a whole", told.notes[0])


def test_the_published_split_is_refused_only_far_out() -> None:
    """[1000, 1100] of halves: p .0290963 (growthbook gbstats)."""
    told = read(*logs(Group("holdout", 1_000, 50, share=0.5), Group("on", 1_100, 50, share=0.5)))
    assert told.srm.passed and told.srm.p_value == pytest.approx(0.0290963, abs=5e-8)


def test_a_bandit_is_refused() -> None:
    put, happened = logs(*PAIR)
    put["planned_share"] = np.where(put["arm"] == "on", np.linspace(0.5, 0.9, 1_000), np.linspace(0.5, 0.1, 1_000))
    assert re.search(r"the share of arm .* moved from .* %: it is a bandit", read(put, happened).headline.reason)


def test_arms_that_differed_before_are_refused() -> None:
    put, happened = logs(*EVEN)
    put["pre_value"] = np.where(put["arm"] == "on", 20.0, 10.0) + put["user_id"] % 3
    assert "the users of arm personalized were others before it began" in read(put, happened).headline.reason


def test_three_arms_are_read_together_and_it_is_said() -> None:
    told = read(*logs(PAIR[0], Group("a", 400, 45, share=0.4), Group("b", 400, 45, share=0.4)))
    assert told.endpoint("conversion").hits == (20, 90)
    assert "A and b were personalized in different ways and are read together." in told.notes


def test_refunds_are_kept_and_said() -> None:
    put, happened = logs(*EVEN)
    back = pd.DataFrame(
        {"user_id": [0, 510], "ts": START + timedelta(days=2), "event": "refund", "value": [-10.0, -4.0]}
    )
    told = read(put, pd.concat([happened, back]))
    assert "2 outcomes below 0 are kept as refunds." in told.notes
    of = told.endpoint("revenue")
    assert of.holdout.mean == pytest.approx(490 / 500) and of.treated.mean == pytest.approx(596 / 500)
    assert of.hits == (49, 60)  # nobody is worth anything whose sale was taken back
    ruined = read(put, pd.concat([happened, back.assign(value=[-600.0, -4.0])]))
    assert "refunds outweigh sales in an arm" in ruined.endpoint("revenue").reason
    assert ruined.endpoint("revenue").lift is None and ruined.endpoint("revenue").difference is not None


def test_one_user_who_brings_much_is_read_with_and_without() -> None:
    """One user of 60 brings 40 % of an arm's revenue."""
    put, happened = logs(EVEN[0], EVEN[1]._replace(values=[*[10.0] * 59, 590 / 1.5]))
    told = read(put, happened)
    assert (
        "One user brought 40 % of the revenue of the personalized arm: it is read with and without that user."
        in told.notes
    )
    found, without = values_of(told), "without the largest user"
    assert found["diff_revenue", ""] == pytest.approx((590 / 0.6 - 500) / 500)
    assert found["diff_revenue", without] == pytest.approx(590 / 499 - 1)
    plain = read(put[put["user_id"] != 559], happened[happened["user_id"] != 559])
    assert told.without_largest.difference == pytest.approx(plain.endpoint("revenue").difference, rel=1e-9)
    assert plain.without_largest is None and not any("One user" in note for note in plain.notes)


def test_users_who_bring_much_in_both_arms_are_both_taken_out() -> None:
    arms = EVEN[0]._replace(values=[*[10.0] * 49, 400.0]), EVEN[1]._replace(values=[*[10.0] * 59, 500.0])
    put, happened = logs(*arms)
    told = read(put, happened)
    assert sum("it is read with and without that user" in note for note in told.notes) == 2
    plain = read(*(table[~table["user_id"].isin([49, 559])] for table in (put, happened)))
    assert told.without_largest.difference == pytest.approx(plain.endpoint("revenue").difference, rel=1e-9)


def test_without_the_largest_user_the_past_of_that_user_is_not_used() -> None:
    rng = np.random.default_rng(1)
    before = rng.normal(50, 10, 1_000).round(2)
    values = [(before[part][:400] + rng.normal(0, 1, 400)).round(2) for part in (slice(500), slice(500, None))]
    values[1][-1] = 20_000.0
    groups = [Group(arm, 500, 400, 0, of, share=0.5) for arm, of in zip(("holdout", "on"), values, strict=True)]
    put, happened = logs(*groups)
    told = read(put.assign(pre_value=before), happened)
    arms = [np.append(of, np.zeros(100)) for of in (values[0], values[1][:-1])]
    wanted = of_sums(500, arms[0].sum(), arms[0] @ arms[0]), of_sums(499, arms[1].sum(), arms[1] @ arms[1])
    assert told.without_largest.difference == pytest.approx(welch(*wanted, level=0.95), rel=1e-9)


def test_revenue_of_few_is_refused_with_its_count() -> None:
    told = read(*logs(Group("holdout", 200, 7, 0, 10.0, share=0.2), Group("on", 800, 40, 0, 10.0, share=0.8)))
    assert told.endpoint("revenue").reason == "revenue rests on 7 users in the holdout; at least 8 are needed"
    rows = told.readings.set_index("metric").loc["personalization.win-back.diff_revenue"]
    assert rows["status"] == "refused" and rows[["value", "lower", "upper", "level"]].isna().all()
    assert "Revenue is refused: revenue rests on 7 users" in told.headline.sentence


def test_outcomes_of_strangers_are_set_aside_and_said() -> None:
    put, happened = logs(*PAIR)
    strangers = pd.DataFrame({"user_id": [7_777] * 3, "ts": START, "event": "conversion", "value": 1e6})
    told, plain = read(put, pd.concat([happened, strangers])), read(put, happened)
    assert "3 outcomes of the log are of users who were never assigned: set aside." in told.notes
    assert told.endpoints == plain.endpoints


def test_a_conversion_rate_without_conversions_in_the_holdout_has_no_lift() -> None:
    told = read(*pair((0, 0, None), (50, 0, None)))
    rows = told.readings.set_index(["metric", "segment"])
    lift = rows.loc[("personalization.win-back.lift_conversion", "")]
    assert lift["status"] == "refused" and lift[["value", "lower", "upper", "level"]].isna().all()
    assert lift["reason"] == "nobody in the holdout did it (conversion), so that there is no relative difference"
    assert rows.loc[("personalization.win-back.diff_conversion", ""), "value"] == 0.05
    assert "Nobody in the holdout converted, so that there is no relative difference." in told.notes


ARGUMENTS = {
    "level 1": ({"level": 1}, "level came as 1; allowed is a share from 0.5 to below 1"),
    "level in percent": ({"level": 95}, "level came as 95;"),
    "level nan": ({"level": math.nan}, "level came as nan;"),
    "a word for a cost": ({"cost": "ten"}, "cost came as 'ten'; allowed is a number"),
    "a truth for a level": ({"level": True}, "level came as True; allowed is a number"),
    "a word for a window": ({"window_days": "30"}, "window_days came as '30'; allowed is a number"),
    "no seed": ({"seed": None}, "seed came as None; allowed is a number"),
    "a negative cost": ({"cost": -1}, "cost came as -1; allowed is money from 0 up"),
    "a cost that is none": ({"cost": math.nan}, "cost came as nan;"),
    "no window": ({"window_days": 0}, "window_days came as 0; allowed are days above 0"),
    "a negative window": ({"window_days": -3}, "window_days came as -3;"),
    "a window that is none": ({"window_days": math.nan}, "window_days came as nan;"),
    "a seed below 0": ({"seed": -1}, "seed came as -1; allowed are whole numbers from 0 up"),
    "another program": ({"program": "Win-bakc"}, "The assignments have no program 'Win-bakc'; did you mean Win-back? They hold Win-back"),
}  # fmt: skip


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments_that_cannot_be_are_told(case: str) -> None:
    options, words = ARGUMENTS[case]
    with pytest.raises(UserError) as error:
        read(*logs(*PAIR), **options)
    assert words in str(error.value)


def test_a_log_without_programs_is_one_program() -> None:
    put, happened = logs(*PAIR)
    assert read(put.drop(columns="program"), happened).headline == read(put, happened).headline


@pytest.mark.parametrize("column", ["segment", "planned_share", "value"])
def test_columns_that_may_be_missing_may(column: str) -> None:
    told = read(*(table.drop(columns=column, errors="ignore") for table in logs(*PAIR)))
    assert told.headline.verdict == "nothing" and (told.endpoint("revenue") is None) is (column == "value")


@pytest.mark.parametrize("column", ["user_id", "arm", "assigned_at"])
def test_columns_that_may_not_be_missing_are_named(column: str) -> None:
    put, happened = logs(*PAIR)
    with pytest.raises(UserError, match=f"assignments has no column {column}"):
        read(put.drop(columns=column), happened)


def test_times_of_two_clocks_are_refused() -> None:
    put, happened = logs(*PAIR)
    with pytest.raises(UserError, match="assigned_at of assignments has a time zone and ts of outcomes has none"):
        read(put.assign(assigned_at=put["assigned_at"].dt.tz_localize("UTC")), happened)


def test_ids_and_spellings_of_other_kinds_change_nothing() -> None:
    put, happened = logs(*PAIR)
    plain = read(put, happened)
    told = read(put.assign(user_id=put["user_id"].astype(str)), happened)
    assert told.endpoints == plain.endpoints
    told = read(put.assign(arm=put["arm"].replace({"holdout": " Control"})), happened)
    assert told.endpoints == plain.endpoints and told.sides.holdout == " Control"
    told = read(put, happened.assign(event=happened["event"].replace({"conversion": "Conversion", "click": "Clicks"})))
    assert told.endpoints == plain.endpoints


def cut(held: int, treated: int, values: Any = 9.0) -> tuple[Group, ...]:
    """A log that ends while users still come: the first 500 had 25 days, the other 1,500 of the day before have one."""
    early = [
        Group(arm, 250, n // 2, 0, values, share=0.5, after=np.linspace(1, 25, n // 2))
        for arm, n in (("holdout", held), ("on", treated))
    ]
    late = [
        Group(arm, 750, n - n // 2, 0, 9.0, share=0.5, day=24, after=0.5)
        for arm, n in (("holdout", held), ("on", treated))
    ]
    return (*early, *late)


def test_the_risk_of_loss_before_the_end_is_that_of_the_error_and_not_of_the_wider_interval() -> None:
    for n, m in ((120, 140), (140, 120)):
        told = read(*logs(*cut(n, m)), window_days=30, cost=100.0, terms=Terms(value=20.0))
        assert told.is_interim
        everyone = told.policies[0]
        error = math.sqrt(sum(k / 1_000 * (1 - k / 1_000) / 999 for k in (n, m)))
        gain = (m - n) / 1_000 * 2_000 * 20.0 - 200.0  # of all 2,000; the 1,000 personalized cost 100
        assert everyone.net.estimate == pytest.approx(gain)
        assert everyone.harm == pytest.approx(norm.cdf(-gain / (error * 2_000 * 20.0)))
    everybody = [  # converted, so that there is no error
        group
        for arm in ("holdout", "on")
        for group in (
            Group(arm, 250, 250, 0, 9.0, share=0.5, after=np.linspace(1, 25, 250)),
            Group(arm, 750, 750, 0, 9.0, share=0.5, day=24, after=0.5),
        )
    ]
    told = read(*logs(*everybody), window_days=30)
    assert told.is_interim and told.policies[0].harm == 0.0 and told.policies[0].gain.estimate == 0.0


def test_a_look_before_the_end_waits_for_a_hundred_converters_in_both_arms() -> None:
    late = cut(120, 200)
    told = read(*logs(*late), window_days=30)
    assert told.is_interim and told.headline.verdict == "real win"
    assert told.notes[0] == (
        "This is a look before the end, so that the intervals of conversions and clicks are wider, to hold at every look; "
        "those by week, and the probability of loss, are of this look alone."
    )
    assert read(*logs(*late)).is_interim  # without a window, too
    of = told.endpoint("conversion")
    plain = score_lift(Count(120, 1_000), Count(200, 1_000), level=0.95)
    assert of.lift.lower < plain.lower and of.lift.upper > plain.upper and of.difference.p > plain.p
    for n, m, where in ((98, 160, "in the holdout"), (160, 98, "among the personalized")):
        told = read(*logs(*cut(n, m)), window_days=30)
        words = (
            f"a look before the end needs 100 converters {where}, of which there are 98: read it when they have come"
        )
        assert told.headline.verdict == "refused" and words in told.headline.reason
        assert told.headline.reason.startswith(
            "75 % of its users came so late that outcomes of theirs are still to come"
        )


def test_outcomes_that_come_soon_are_waited_for_no_longer() -> None:
    """A window of 30 days, all users at once, nothing after the fifth day: cut or over, no log can tell."""
    pair_of = [Group("holdout", 500, 45, after=np.linspace(0.1, 5, 45), share=0.5)]
    pair_of += [Group("on", 500, 50, after=np.linspace(0.1, 5, 50), share=0.5)]
    told = read(*logs(*pair_of), window_days=30)
    assert told.headline.verdict == "nothing" and not told.is_interim
    assert told.notes[0].startswith(
        "The log ends 5 days after the last assignment, before 30 days are over: if it was cut"
    )


def test_clicks_too_few_for_a_look_before_the_end_are_no_flat_ones() -> None:
    arms = [group._replace(clicked=3 if group.arm == "holdout" else 90) for group in cut(140, 240)]
    told = read(*logs(*arms), window_days=30)
    assert (
        told.headline.verdict == "real win" and "a report of clicks would have missed it" not in told.headline.sentence
    )
    assert told.endpoint("click").reason == "a look before the end needs 100 users in each arm"


def test_a_look_before_the_end_shows_no_revenue_in_any_form() -> None:
    told = read(*logs(*cut(120, 200, values=900.0)), window_days=30)
    rows = told.readings[told.readings["metric"].str.endswith(("diff_revenue", "lift_revenue", "p_revenue"))]
    assert set(rows["status"]) == {"refused"} and rows["value"].isna().all()
    assert set(rows["reason"]) == {"revenue is read when the windows are over"}
    assert told.brought.revenue is None


def test_the_ways_to_go_on_follow_the_verdict_and_the_money() -> None:
    """More convert, and each for much less: harm, whatever conversions are worth on average."""
    told = read(*pair((100, 0, 90.0), (160, 0, 20.0)), cost=100)
    assert told.headline.verdict == "harm"
    everyone = told.policies[0]
    assert everyone.net.estimate < 0 and told.brought.profit.estimate < 0 and everyone.harm > 0.99
    assert words.rollout(told).startswith("Personalize nobody for now. With everyone it would be -$")
    flat = read(*pair((100, 0, 9.0), (108, 0, 9.0)))
    assert flat.headline.verdict == "nothing" and words.rollout(flat).startswith("Nothing says that it pays: ")


def test_what_the_log_does_not_hold_is_not_measured() -> None:
    rows = read(*pair((100, 0, None), (150, 0, None))).readings.set_index("metric")
    for name, needs in (("click", "no outcome is a click"), ("revenue", "no outcome has a value")):
        for kind in ("diff", "lift"):
            row = rows.loc[f"personalization.win-back.{kind}_{name}"]
            assert row["status"] == "not measured" and row["reason"] == needs and math.isnan(row["value"])


def test_a_holdout_in_which_hardly_anybody_would_convert_is_refused() -> None:
    told = read(*logs(Group("holdout", 50, 4, share=0.005), Group("on", 9_950, 298, share=0.995)))
    words_of = "the holdout is too small: at the rate of all it has 1.5 converters; 5 are needed"
    assert (told.headline.verdict, told.headline.reason) == ("refused", words_of)


def test_what_it_brought_and_what_one_conversion_cost() -> None:
    of = read(*pair((100, 0, 9.0), (150, 0, 9.0)), cost=1_000).brought
    difference = score_difference(Count(100, 1_000), Count(150, 1_000), level=0.95)
    assert of.conversions == pytest.approx([end * 1_000 for end in (0.05, difference.lower, difference.upper)])
    ends = (20, 1 / difference.upper, 1 / difference.lower)
    assert of.cost_per_conversion == pytest.approx(ends)
    assert of.profit == pytest.approx([end - 1_000 for end in of.revenue])
    unsure = read(*pair((100, 0, 9.0), (101, 0, 9.0)), cost=1_000)
    assert unsure.brought.cost_per_conversion is None
    row = unsure.readings.set_index("metric").loc["personalization.win-back.cost_per_incremental"]
    assert row["status"] == "refused" and row["reason"].startswith("it may have brought none; at best one cost $")
    harm = read(*pair((150, 0, None), (100, 0, None)), cost=1_000, terms=Terms(value=20.0)).brought
    assert harm.reason == "it brought no conversions, so that none has a price"
    assert harm.revenue == pytest.approx([end * 20 for end in harm.conversions])


def test_the_chance_of_harm_does_not_hang_on_the_level() -> None:
    """The same difference with ends of 80 % and of 95 %."""
    told = read(*pair((100, 0, 9.0), (110, 0, 9.0)))
    found = []
    for level, far in ((0.8, 1.2815515655446004), (0.95, 1.959963984540054)):
        difference = told.endpoint("conversion").difference._replace(lower=0.01 - far * 0.01, upper=0.01 + far * 0.01)
        conversions = told.endpoint("conversion")._replace(difference=difference)
        policies = policies_of(conversions, None, told.by_segment, users=2_000, prices=Prices(None, None), level=level)
        found.append(policies[0].harm)
    assert found == pytest.approx([0.15865525393145707] * 2, rel=1e-9)


@pytest.mark.parametrize(
    ("program", "slug"),
    [("Win-back", "win-back"), ("Cart 2_Reminder!", "cart-2-reminder"), ("  ", "program"), ("Été", "t")],
)
def test_the_programme_is_part_of_every_metric(program: str, slug: str) -> None:
    told = read(*logs(*PAIR, program=program), program=program, cost=5)
    assert all(re.fullmatch(rf"personalization\.{slug}\.[a-z_]+", metric) for metric in told.readings["metric"])
    names = {metric.rsplit(".", 1)[1] for metric in told.readings["metric"]}
    assert names >= {"lift_conversion", "lift_revenue", "diff_conversion", "diff_click", "diff_revenue"}


def test_what_leaves_the_library_is_json() -> None:
    told = read(*logs(*(group._replace(segment="a") for group in PAIR)), cost=0)
    plain = json.loads(json.dumps(told.to_dict(), allow_nan=False))
    assert len(plain["readings"]) == len(told.readings)
    assert not any(row["status"] == "refused" and row["value"] is not None for row in plain["readings"])
    assert replace(told, reading_records=()).readings.empty


def test_the_same_seed_reads_the_same_and_the_order_of_rows_is_nothing() -> None:
    rng = np.random.default_rng(2)
    groups = [Group("holdout", 300, 30, 0, rng.lognormal(3, 1.2, 30).round(2), share=0.1)]
    groups += [Group("on", 2_700, 300, 0, rng.lognormal(3, 1.2, 300).round(2), share=0.9)]
    put, happened = logs(*groups)
    told = read(put, happened)
    assert told.endpoint("revenue").method.startswith("studentised permutation test")
    shuffled = read(put.sample(frac=1, random_state=1), happened.sample(frac=1, random_state=2))
    assert shuffled.reading_records == told.reading_records
    assert read(put, happened, seed=1).endpoint("revenue").difference != told.endpoint("revenue").difference


@pytest.mark.parametrize(("arms", "value"), [((100, 900), 19.99), ((100, 900), 0.1), ((10, 90), 1e79)])
def test_users_who_are_all_worth_the_same_are_read(arms: tuple[int, int], value: float) -> None:
    groups = [Group(arm, n, n, 0, value, share=n / sum(arms)) for arm, n in zip(("holdout", "on"), arms, strict=True)]
    told = read(*logs(*groups))
    assert told.headline.verdict == "nothing"
    assert told.endpoint("revenue").sign == 0  # a variance is rounded in its 16th digit, an error in its 8th
    assert told.endpoint("revenue").difference[:4] == pytest.approx((0, 0, 0, 0), abs=1e-7 * value)


SIZES = {0.5: 1.0, 0.2: 1.58, 0.1: 2.82, 0.05: 5.35}  # traffic for equal power, 5 % to 5.5 %, pooled formula


def test_a_smaller_holdout_needs_more_users() -> None:
    found = personalization.holdout_sizes(baseline=0.05, lift=0.1, weekly_users=10_000)
    assert {size.share: round(size.times, 2) for size in found} == SIZES
    for size in found:
        assert size.held == pytest.approx(size.users * size.share, abs=1)
        assert size.weeks == math.ceil(size.users / 10_000)
        assert size.forgone == pytest.approx(size.held * 0.005, rel=1e-3)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"baseline": 0}, "baseline came as 0"),
        ({"baseline": math.nan}, "baseline came as nan"),
        ({"lift": 0}, "lift came as 0"),
        ({"lift": 19}, "lift came as 19"),
        ({"lift": -1}, "lift came as -1"),
        ({"weekly_users": 0}, "weekly_users came as 0"),
        ({"shares": (0.5, 1)}, "A holdout came as 1"),
        ({"level": 95}, "level came as 95"),
        ({"power": 1}, "power came as 1"),
    ],
)
def test_sizes_of_what_cannot_be_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        personalization.holdout_sizes(**{"baseline": 0.05, "lift": 0.1, **wrong})
