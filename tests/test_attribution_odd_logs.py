"""Logs as databases and people really have them: odd types, odd names, odd numbers. Each is read right or refused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest
from test_attribution_reading import tiny

from martech_lib import Workspace, attribution
from martech_lib.attribution import Question, Segment, words
from martech_lib.attribution.agreement import agreement
from martech_lib.attribution.engine import hashed
from martech_lib.core.errors import UserError

START = pd.Timestamp("2026-01-01")


def log(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1, 1, 2], "ts": [START] * 3, "channel": ["a", "b", "b"], **columns})


def bought(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1, 2], "ts": [START] * 2, "value": [10.0, 20.0], **columns})


def last(touches: Any, conversions: Any, **options: Any) -> pd.DataFrame:
    return attribution.credit(attribution.journeys(touches, conversions, **options), "last").to_frame()


@pytest.mark.parametrize(
    ("touched", "converted"),
    [
        ("user_id: integer", "user_id: bigint"),
        ("user_id: ubigint", "user_id: bigint"),
        ("ts: timestamp_ns", "ts: timestamp"),
        ("ts: timestamp_s", "ts: timestamp_ms"),
        ("channel: varchar", "value: decimal(12, 2)"),
        ("channel: varchar", "value: integer"),
    ],
)
def test_columns_of_a_database_may_be_of_any_fitting_type(touched: str, converted: str) -> None:
    connection = duckdb.connect()
    for name, frame, change in (("touches", log(), touched), ("conversions", bought(), converted)):
        column, kind = change.split(": ")
        connection.execute(f"CREATE TABLE {name} AS SELECT * REPLACE (CAST({column} AS {kind}) AS {column}) FROM frame")
        assert len(frame)
    tables = ibis.duckdb.from_connection(connection)
    credit = last(tables.table("touches"), tables.table("conversions"))
    assert credit["value"].tolist() == [0, 30]


def test_two_zones_are_one_clock() -> None:
    touches = log(ts=pd.DatetimeIndex([START] * 3, tz="UTC").tz_convert("America/New_York"))
    credit = last(touches, bought(ts=pd.DatetimeIndex([START] * 2, tz="UTC")))
    assert credit["conversions"].tolist() == [0, 2]


def test_ids_of_several_kinds_and_channels_that_are_numbers_are_text() -> None:
    credit = last(log(user_id=[1, 1, "bob"], channel=[7, 8, 8]), bought(user_id=[1, "bob"]))
    assert credit[["channel", "conversions"]].values.tolist() == [["7", 0], ["8", 2]]


def test_what_is_no_number_is_a_blank_value_and_takes_no_other_with_it() -> None:
    journeys = attribution.journeys(log(), bought(value=[np.inf, 20.0]))
    assert attribution.credit(journeys, "last").to_frame()["value"].sum() == 20
    assert "1 conversion without a value count as conversions, not as value" in journeys.notes


def test_conversions_without_any_value_are_worth_nothing_known() -> None:
    frame = last(log(), bought().drop(columns="value"))
    assert frame["conversions"].tolist() == [0, 2] and frame["value"].isna().all()
    evidence = attribution.Evidence(touches=log(), conversions=bought().drop(columns="value"))
    question = Question(whole_log=True)
    reading = attribution.compare(evidence, question, evidence.journeys(question))
    assert reading.readings.set_index("metric").loc["attribution.value", "status"] == "not measured"


def test_a_channel_called_none_is_no_channel() -> None:
    journeys = attribution.journeys(log(channel=["(none)", "(none)", "b"]), bought())
    frame = attribution.credit(journeys, "last").to_frame()
    assert frame[["channel", "conversions"]].values.tolist() == [["b", 1], ["(none)", 1]]
    assert journeys.ledger.set_index("what")["rows"]["left out: no channel"] == 2
    assert any("2 touches of a channel called '(none)'" in note for note in journeys.notes)
    with pytest.raises(UserError, match="has a step '\\(none\\)'"):
        attribution.journeys_from_paths(pd.DataFrame({"path": ["(none) > a"], "conversions": [1]}))
    alone = attribution.journeys_from_paths(pd.DataFrame({"path": ["(none)", "a"], "conversions": [3, 1]}))
    assert attribution.credit(alone, "last").to_frame()["conversions"].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("touches", "conversions", "options", "said"),
    [
        (log(), bought(value=["x", "y"]), {}, "value of conversions came as string; allowed are numbers"),
        (log(), bought(), {"lookback_days": float("inf")}, "allowed is more than 0 and up to 3,650"),
        (
            log(),
            bought(),
            {"segment": "group=3"},
            "There is no column 'group' to cut by. There are: channel, ts, user_id",
        ),
        (log(country="D"), bought(), {"segment": "contry=D"}, "to cut by; did you mean country? There are"),
    ],
)
def test_what_cannot_be_meant_is_told(touches: Any, conversions: Any, options: Any, said: str) -> None:
    with pytest.raises(UserError) as told:
        attribution.journeys(touches, conversions, **options)
    assert said in str(told.value)


def test_thousands_of_channels_are_addresses() -> None:
    many = pd.DataFrame({"user_id": range(600), "ts": START, "channel": [f"page {n}" for n in range(600)]})
    with pytest.raises(UserError, match="There are 600 channels, such as 'page 0'; allowed are 500"):
        attribution.journeys(many, bought())


@pytest.mark.parametrize("column", ["channel", "user_id", "ts", "touch_id"])
def test_a_log_may_be_cut_by_its_own_columns(column: str) -> None:
    touches = log(touch_id=[1, 2, 3])
    value = str(ibis.memtable(touches)[column].cast("string").to_pandas().iloc[2])
    found = attribution.journeys(touches, bought(), segment=Segment(column=column, value=value))
    assert found.ledger.query("table == 'touches'").set_index("what")["rows"]["read"] == 3


def test_a_logs_own_group_column_is_left_alone() -> None:
    assert last(log(group="x", code=1, bit=2), bought(group="x"))["conversions"].tolist() == [0, 2]


def test_of_two_conversions_at_one_instant_new_and_all_agree_on_the_first() -> None:
    touches = pd.DataFrame({"user_id": [1], "ts": [START], "channel": ["a"]})
    conversions = pd.DataFrame({"user_id": [1, 1], "ts": [START] * 2, "value": [100.0, 10.0]})
    everyone = last(touches, conversions).set_index("channel")["value"]
    new = last(touches, conversions, segment="new").set_index("channel")["value"]
    assert everyone["a"] == new["a"] == 10


def test_noise_of_the_arithmetic_is_no_order() -> None:
    credited = pd.DataFrame({"one": [1.0, 1.0, 3.0], "other": [1.0, 1.0 + 4e-16, 3.0]})
    assert agreement(credited).w == pytest.approx(1)


@pytest.mark.parametrize("column", ["value", "nulls", "conversions"])
def test_a_number_of_paths_that_cannot_be_read_is_refused(column: str) -> None:
    paths = pd.DataFrame({"path": ["a"], "conversions": ["1"], "value": ["2"], "nulls": ["3"]})
    with pytest.raises(UserError, match=f"{column} of paths came as '1,234'; allowed is a number"):
        attribution.journeys_from_paths(paths.assign(**{column: ["1,234"]}))
    with pytest.raises(UserError, match="paths has no rows"):
        attribution.journeys_from_paths(paths.head(0))


def test_paths_in_two_spellings_are_told() -> None:
    found = attribution.journeys_from_paths(
        pd.DataFrame({"path": ["Paid Search > a", "paid_search"], "conversions": 1})
    )
    assert found.notes == (
        "'Paid Search' (1 touch) and 'paid_search' (1 touch) look like one channel; they were not merged",
    )


def test_spend_and_claims_of_channels_the_log_does_not_name_are_told(tmp_path: Path) -> None:
    spend = pd.DataFrame({"date": "2026-09-06", "channel": ["b", "B ", "TV"], "spend": [100, 9000, 5000]})
    claims = pd.DataFrame({"month": "2026-09", "channel": ["b", "radio"], "conversions": [20, 500]})
    reading = attribution.read(tiny(tmp_path, spend=spend, platform_reported=claims))
    assert "Left out: $14k of spend, of channels the log does not name (B and TV)" in words.cost(reading)
    assert "Left out: 500 claimed conversions, of channels the log does not name (radio)" in words.claimed(reading)


def test_the_credit_of_a_part_is_not_held_against_what_everybody_cost(tmp_path: Path) -> None:
    spend = pd.DataFrame({"date": ["2026-09-06"], "channel": ["b"], "spend": [100]})
    reading = attribution.read(tiny(tmp_path, spend=spend), Question(segment=Segment(customers="new")))
    assert reading.beside.costs == ()
    assert words.cost(reading).startswith("Cost per conversion is refused for new customers alone")
    assert words.headline(reading).startswith("Tiny's September 2026 had 4 conversions of new customers")
    row = reading.readings.set_index("metric").loc["attribution.conversions"]
    assert row["reason"] == "of new customers alone"


def test_a_whole_log_is_held_against_its_own_time_alone(tmp_path: Path) -> None:
    spend = pd.DataFrame({"date": ["2026-08-30", "2026-09-06", "2026-10-04"], "channel": "b", "spend": [1, 100, 1]})
    reading = attribution.read(tiny(tmp_path, spend=spend), Question(whole_log=True))
    assert {c.spend for c in reading.beside.costs} == {100}


def test_paths_beside_logs_are_told_as_unread(tmp_path: Path) -> None:
    workspace = tiny(tmp_path, paths=pd.DataFrame({"path": ["z"], "conversions": [9]}))
    reading = attribution.read(workspace)
    assert "paths were not read, as touches and conversions are there" in reading.notes


def test_a_direct_channel_in_other_letters_is_suggested() -> None:
    evidence = attribution.Evidence(touches=log(channel=["Direct", "b", "b"]), conversions=bought())
    question = Question(whole_log=True)
    reading = attribution.compare(evidence, question, evidence.journeys(question))
    assert any("so last non-direct is last touch; did you mean Direct?" in note for note in words.notes(reading))


def test_trino_hashes_texts_by_its_own_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("martech_lib.attribution.engine.engine_of", lambda _: "trino")
    users = ibis.table({"user_id": "string"}, name="users")
    sql = str(ibis.to_sql(users.select(n=hashed(users.user_id)), dialect="trino")).lower()
    assert "from_big_endian_64(xxhash64(to_utf8(" in sql


def test_a_database_with_a_damaged_touches_and_conversions_tells_of_both(tmp_path: Path) -> None:
    (tmp_path / "touches.csv").write_text("user_id,ts,channel\n1,never,a\n")
    (tmp_path / "conversions.csv").write_text("user_id,ts\n1,never\n")
    with pytest.raises(UserError) as told:
        attribution.read(Workspace.open(tmp_path))
    assert "touches.csv" in str(told.value) and "conversions.csv" in str(told.value)


@pytest.mark.parametrize(
    "segment", [Segment(since=datetime(2026, 1, 1), until=datetime(2026, 2, 1)), "new", "returning"]
)
def test_columns_that_a_database_says_are_never_null_are_read_alike(segment: Segment | str) -> None:
    connection = ibis.duckdb.connect()
    connection.raw_sql("create table touches (user_id bigint not null, ts timestamp not null, channel text not null)")
    connection.raw_sql(
        "create table conversions (user_id bigint not null, ts timestamp not null, value double not null)"
    )
    days = {1: ("2025-12-20", "2026-01-03", "2026-01-05"), 2: ("2025-12-30", "2026-01-02", "2026-01-02")}
    for user, (first, second, bought_on) in days.items():
        connection.raw_sql(f"insert into touches values ({user}, '{first}', 'a'), ({user}, '{second}', 'b')")
        connection.raw_sql(f"insert into conversions values ({user}, '{bought_on}', 10), ({user}, '2026-01-09', 5)")
    tables = connection.table("touches"), connection.table("conversions")
    frames = [table.to_pandas() for table in tables]
    pd.testing.assert_frame_equal(last(*tables, segment=segment), last(*frames, segment=segment))


def test_a_query_that_fails_is_not_told_as_a_missing_right() -> None:
    connection = ibis.duckdb.connect()
    at = "select 1 as user_id, timestamp '2026-01-01' as ts"
    connection.raw_sql(f"create view touches as {at}, 'a' as channel")
    connection.raw_sql(f"create view conversions as {at}, cast('x' || random() as double) as value")
    with pytest.raises(duckdb.ConversionException):
        attribution.journeys(connection.table("touches"), connection.table("conversions"))
