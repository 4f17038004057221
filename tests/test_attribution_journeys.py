"""What was read, used and left out adds up; what cannot be used is told; the same expressions run elsewhere."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from test_attribution_credit import EXAMPLES, START, tables, worlds

from martech_lib import attribution
from martech_lib.attribution import Segment, stitch, walks
from martech_lib.attribution.intake import take
from martech_lib.attribution.segment import cut
from martech_lib.core.errors import UserError
from martech_lib.core.stats import jackknife, without_each

DIALECTS = ("duckdb", "postgres", "bigquery", "snowflake", "databricks", "clickhouse", "trino")


def lines(journeys: attribution.Journeys, table: str) -> dict[str, int]:
    of_table = journeys.ledger[journeys.ledger["table"] == table]
    return dict(zip(of_table["what"], of_table["rows"], strict=True))


def log(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1, 2], "ts": [START, START], "channel": ["a", "b"], **columns})


CONVERTED = pd.DataFrame({"user_id": [1], "ts": [START], "value": [5.0]})


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(worlds)
def test_every_row_is_in_one_line(world: Any) -> None:
    touches, conversions, lookback = world
    journeys = attribution.journeys(*tables(touches, conversions), lookback_days=lookback)
    for table, rows in (("touches", touches), ("conversions", conversions)):
        counted = lines(journeys, table)
        assert counted.pop("read") == len(rows)
        assert sum(counted.values()) == len(rows)
        assert min(counted.values()) >= 0


def test_a_row_that_cannot_be_used_is_counted_with_its_reason() -> None:
    touches = log(
        user_id=["1", None, "3", " ", "1", "1"],
        ts=[START, START, None, START, START, START - pd.Timedelta(days=40)],
        channel=["a", "a", "a", "a", "  ", "a"],
    )
    counted = lines(attribution.journeys(touches, CONVERTED.astype({"user_id": "str"})), "touches")
    assert {what: n for what, n in counted.items() if n} == {
        "read": 6,
        "used: before a conversion": 1,
        "left out: older than the lookback of the conversion that follows": 1,
        "left out: no user": 2,
        "left out: no time": 1,
        "left out: no channel": 1,
    }


def test_views_can_be_left_out() -> None:
    touches = log(user_id=[1, 1, 1], ts=[START] * 3, channel=["a", "b", "c"], kind=["click", "view", None])
    journeys = attribution.journeys(touches, CONVERTED, kinds=("click",))
    assert journeys.channels == ("a", "c")
    assert lines(journeys, "touches")["left out: of a kind not asked for"] == 1


@pytest.mark.parametrize(
    ("touches", "words"),
    [
        (
            log(channel=["Paid Search", "paid_search"]),
            "'Paid Search' (1 touch) and 'paid_search' (1 touch) look like one",
        ),
        (log(touch_id=[7, 7]), "1 row of touches repeats a touch_id; each was counted"),
        (log(user_id=["1", "2"]), "user_id is string in touches and int64 in conversions; both were read as text"),
        (log(user_id=[8, 9]), "do both tables call the users by the same ids?"),
    ],
)
def test_what_to_know_is_remarked(touches: pd.DataFrame, words: str) -> None:
    assert any(words in note for note in attribution.journeys(touches, CONVERTED).notes)


def test_numbers_as_text_meet_numbers() -> None:
    journeys = attribution.journeys(log(user_id=["1", "2"]), CONVERTED)
    assert attribution.credit(journeys, "last").to_frame()["conversions"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("touches", "options", "words"),
    [
        (log().rename(columns={"channel": "chanel"}), {}, "touches has no column channel; did you mean chanel?"),
        (log(ts=["2026-01-01T10:00:00Z", "2026-01-01 10:00"]), {}, "1 with an offset and 1 without"),
        (log(ts=["2026-02-31", "2026-01-01"]), {}, "1 text in ts of touches is no time, such as '2026-02-31'"),
        (log(ts=pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True)), {}, "give both tables one clock"),
        (log(ts=[1, 2]), {}, "allowed are timestamps"),
        (log(), {"lookback_days": 0}, "lookback_days came as 0; allowed is more than 0"),
        (log(), {"kinds": ("clicks",)}, "kinds came as clicks; allowed are click and view"),
        ([1, 2], {}, "allowed is an Ibis table or a pandas frame"),
    ],
)
def test_what_cannot_be_read_is_told(touches: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as told:
        attribution.journeys(touches, CONVERTED, **options)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("markow", {}, "did you mean markov?"),
        ("position", {"position": (0.5, 0.5, 0.5)}, "3 weights from 0 on that add up to 1"),
        ("w_shaped", {"w_shape": (0.5, 0.5)}, "4 weights from 0 on"),
        ("time_decay", {"half_life_days": 0}, "half_life_days came as 0"),
        ("markov", {"order": 3}, "order came as 3; allowed are 1 and 2"),
    ],
)
def test_what_a_model_cannot_be_told(model: str, options: dict[str, Any], words: str) -> None:
    journeys = attribution.journeys(log(), CONVERTED)
    with pytest.raises(UserError) as told:
        attribution.credit(journeys, model, **options)
    assert words in str(told.value)


def test_an_empty_log_credits_no_channel() -> None:
    journeys = attribution.journeys(log().iloc[:0].astype({"user_id": "int64"}), CONVERTED)
    frame = attribution.credit(journeys, "markov").to_frame()
    assert frame[["channel", "conversions", "value"]].to_numpy().tolist() == [["(none)", 1.0, 5.0]]


def test_a_journey_of_more_than_twenty_channels_is_refused_by_name() -> None:
    names = [f"channel {i:02}" for i in range(60)]
    touches = log(user_id=[1] * 23 + [2] * 60, ts=[START] * 83, channel=names[:23] + names)
    journeys = attribution.journeys(touches, CONVERTED)
    frame = attribution.credit(journeys, "shapley_rate").to_frame()
    assert set(frame["reason"]) == {
        "1 channel set that converted hold more than 20 channels, up to 23: too many subsets"
    }
    assert frame["conversions"].isna().all()
    assert attribution.credit(journeys, "markov").to_frame()["conversions"].sum() == pytest.approx(1)


UNBOUND = (
    ibis.table(
        {"user_id": "int64", "ts": "timestamp", "channel": "string", "kind": "string", "touch_id": "int64",
         "country": "string"},
        name="touches",
    ),
    ibis.table({"user_id": "int64", "ts": "timestamp", "value": "float64", "conversion_id": "int64"}, name="conversions"),
)  # fmt: skip
SEGMENTS = {
    "everything": Segment(),
    "new customers": Segment(customers="new"),
    "returning customers": Segment(customers="returning"),
    "a column": Segment(column="country", value="DE"),
    "a period": Segment(since=datetime(2026, 4, 1), until=datetime(2026, 5, 1)),
}


def asked_of(
    segment: Segment, tables: tuple[ibis.Table, ibis.Table] = UNBOUND
) -> tuple[stitch.Stitched, list[ibis.Table]]:
    """Every question that an engine is asked for a segment, of tables that are in none."""
    taken = take(*tables, kinds=("click", "view"), segment=segment)
    touches, conversions = cut(taken.touches, taken.conversions, segment, lookback_days=30)
    coded = touches.mutate(code=ibis.literal(1, "int16"), bit=ibis.literal(2, "int64")).drop("channel")
    whole = stitch.stitched(coded, conversions, lookback_days=30)
    parts = (
        stitch.credited, stitch.met, stitch.ended_steps, stitch.ended_sets, stitch.second_steps, stitch.untouched,
    )  # fmt: skip
    return whole, [
        taken.touches_read, taken.conversions_read, *(part(whole) for part in parts), *walks.questions(whole, 10),
        stitch.decayed(whole, half_life_days=7), stitch.last_pairs(whole, 10),
    ]  # fmt: skip


@pytest.mark.parametrize("segment", SEGMENTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_expression_compiles_elsewhere(dialect: str, segment: str) -> None:
    whole, questions = asked_of(SEGMENTS[segment])
    steps, sets = stitch.open_steps(whole, with_sets=dialect != "bigquery"), stitch.open_sets(whole)
    for expression in (*questions, steps, sets):
        assert "SELECT" in str(ibis.to_sql(expression, dialect=dialect)).upper()


NEVER_NULL = (
    ibis.table({"user_id": "!int64", "ts": "!timestamp('UTC', 3)", "channel": "!string"}, name="touches"),
    ibis.table({"user_id": "!int64", "ts": "!timestamp('UTC')", "value": "!float64"}, name="conversions"),
)


@pytest.mark.parametrize("segment", ["everything", "new customers", "a period"])
def test_in_clickhouse_no_joined_time_or_value_is_asked_whether_it_is_there(segment: str) -> None:
    """There what is joined to nothing is 0, and a time 1970; both tables' times are told to the microsecond."""
    whole, questions = asked_of(SEGMENTS[segment], NEVER_NULL)
    for question in (*questions, whole.ended):
        sql = str(ibis.to_sql(question, dialect="clickhouse"))
        assert not re.search(r'isNull\((?:"\w+"\.)?"(?:end|ended|first)"\)', sql)
        assert "DateTime64(3" not in sql and "DateTime(" not in sql


def test_bigquery_is_asked_for_no_bits_in_a_window() -> None:
    whole, _ = asked_of(Segment())
    steps, sets = stitch.open_steps(whole, with_sets=False), stitch.open_sets(whole)
    assert "BIT_OR" not in str(ibis.to_sql(steps, dialect="bigquery"))
    assert "OVER" not in str(ibis.to_sql(sets, dialect="bigquery"))


@pytest.mark.parametrize("channels", [5, 62])
def test_channel_sets_are_the_same_without_bits_in_a_window(monkeypatch: pytest.MonkeyPatch, channels: int) -> None:
    rng = np.random.default_rng(7)
    touches = pd.DataFrame(
        {
            "user_id": rng.integers(0, 400, 2_000),
            "ts": START + pd.to_timedelta(rng.integers(0, 10**6, 2_000), unit="s"),
            "channel": rng.choice([f"channel {i:02}" for i in range(channels)], 2_000),
        }
    )
    conversions = touches.sample(120, random_state=1).assign(value=1.0)[["user_id", "ts", "value"]]
    in_window = attribution.journeys(touches, conversions).sums
    monkeypatch.setattr("martech_lib.attribution.engine.BIGQUERY", "duckdb")
    grouped = attribution.journeys(touches, conversions).sums
    assert in_window.journeys.sum() > in_window.conversions.sum() > 0
    assert int(in_window.masks.max()).bit_length() == channels
    for part in ("masks", "journeys", "conversions", "transitions"):
        np.testing.assert_array_equal(getattr(in_window, part), getattr(grouped, part))


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    groups = np.array([[3.0], [5.0], [4.0], [8.0], [1.0]])
    interval = jackknife(without_each(groups), level=0.9)
    # For a sum over groups the jackknife is the classical standard error of a total of five draws.
    assert interval.se[0] == pytest.approx(np.sqrt(5 * groups.var(ddof=1)))
    assert interval.upper[0] - 21 == pytest.approx(2.1318 * interval.se[0], rel=1e-4)  # t, 4 degrees of freedom


def test_few_conversions_have_no_interval() -> None:
    users = np.arange(400)
    touches = pd.DataFrame({"user_id": users, "ts": START, "channel": np.where(users % 25 == 0, "small", "big")})
    conversions = pd.DataFrame({"user_id": users, "ts": START, "value": 1.0})
    frame = attribution.credit(attribution.journeys(touches, conversions), "last").to_frame().set_index("channel")
    big, small = frame.loc["big"], frame.loc["small"]
    assert big["conversions_lower"] < big["conversions"] == 384 < big["conversions_upper"]
    assert big["reason"] == ""
    assert small["conversions"] == 16 and pd.isna(small["conversions_lower"])
    assert small["reason"] == "an interval needs 20 credited conversions; there are 16.0"


@pytest.mark.parametrize("first", [0, 10**9, 10**15, -(10**8)])
@pytest.mark.parametrize("step", [1, 2, 3, 10, 50, 64, 100, 1_000, 4_096, 10**6, 2**22, 2**28, 2**32, 2**40])
def test_whole_ids_fall_into_all_groups_alike_however_they_are_numbered(step: int, first: int) -> None:
    rows, least = 5_000, 50
    frame = pd.DataFrame({"user_id": first + step * np.arange(rows), "ts": START, "channel": "a"})
    taken = take(ibis.memtable(frame), CONVERTED, kinds=("click", "view"), segment=Segment())
    sizes = taken.touches.group_by("group").aggregate(n=ibis._.count()).to_pandas().set_index("group")["n"]
    assert sorted(sizes.index) == list(range(50))
    assert sizes.min() >= least and sizes.max() <= 2 * rows / 50, sizes.describe()
