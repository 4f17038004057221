"""A segment's credit is that of its own journeys, picked from those of everybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import brute_force as brute
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_attribution_credit import EXAMPLES, START, close, credited, halves, tables, worlds

from martech_lib import attribution
from martech_lib.attribution import Segment
from martech_lib.core.errors import UserError

LOOKBACK = 6.0


def by_user(touches: Any, conversions: Any) -> list[list[Any]]:
    users = {row[0] for row in (*touches, *conversions)}
    one = [([t for t in touches if t[0] == user], [c for c in conversions if c[0] == user]) for user in sorted(users)]
    return [brute.journeys_of(halves(t), halves(c), lookback_days=LOOKBACK) for t, c in one]


def same(journeys: attribution.Journeys, listed: list[Any]) -> None:
    none = {"(none)": float(sum(converted and not touched for touched, converted, *_ in listed))}
    assert credited(journeys, "linear") == close(brute.by_rule(listed, brute.linear)[0])
    assert credited(journeys, "markov") == close({**brute.markov(listed), **none})


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(worlds)
def test_new_customers_end_at_their_first_conversion(world: Any) -> None:
    touches, conversions, _ = world
    everyone = by_user(touches, conversions)
    for customers, picked in (("new", slice(0, 1)), ("returning", slice(1, None))):
        journeys = attribution.journeys(*tables(touches, conversions), lookback_days=LOOKBACK, segment=customers)
        same(journeys, [journey for user in everyone for journey in user[picked]])


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(worlds, st.integers(0, 40), st.integers(1, 20))
def test_a_period_credits_its_own_conversions(world: Any, since: int, length: int) -> None:
    touches, conversions, _ = world
    until = since + length
    early = [row for row in touches if row[1] < until], [row for row in conversions if row[1] < until]
    listed = []
    for touched, converted, value, end in (j for user in by_user(*early) for j in user):
        within = touched if converted else [t for t in touched if t[0] >= since / 2]
        if end >= since / 2:
            listed.append((within, converted, value, end))
    start, stop = (START.to_pydatetime() + timedelta(days=when / 2) for when in (since, until))
    period = Segment(since=start, until=stop)
    same(attribution.journeys(*tables(touches, conversions), lookback_days=LOOKBACK, segment=period), listed)


def test_a_column_cuts_the_tables_that_have_it_and_every_row_is_told() -> None:
    touches = pd.DataFrame(
        {"user_id": [1, 1, 2], "ts": [START] * 3, "channel": ["a", "b", "a"], "country": list("DFD")}
    )
    conversions = pd.DataFrame({"user_id": [1, 2, 3], "ts": [START] * 3, "country": list("DFD")})
    journeys = attribution.journeys(touches, conversions, segment="country=D")
    assert credited(journeys, "last") == {"a": 1, "(none)": 1}
    told = journeys.ledger.groupby("what")["rows"].sum()
    assert told["left out: not of the period or segment"] == 2


def test_a_channel_set_aside_is_counted_and_takes_no_credit() -> None:
    touches = pd.DataFrame({"user_id": [1, 1, 2], "ts": [START] * 3, "channel": ["a", "b", "b"]})
    conversions = pd.DataFrame({"user_id": [1, 2], "ts": [START] * 2})
    journeys = attribution.journeys(touches, conversions, segment=Segment(without=("b",)))
    assert credited(journeys, "linear") == {"a": 1, "(none)": 1}
    assert journeys.ledger.set_index("what")["rows"]["left out: channel set aside"] == 2


@pytest.mark.parametrize(
    ("segment", "words"),
    [
        ("old", "segment came as 'old'; allowed are new, returning, or a column and its value such as country=DE"),
        ("land=DE", "There is no column 'land' to cut by. There are: "),
        (Segment(since=START.to_pydatetime(), until=START.to_pydatetime()), "has no time in it"),
    ],
)
def test_a_segment_that_is_none_is_told(segment: Any, words: str) -> None:
    touches, conversions = tables([(1, 0, 1, "email")], [(1, 1, 1, 5)])
    with pytest.raises(UserError) as told:
        attribution.journeys(touches, conversions, segment=segment)
    assert words in str(told.value)
