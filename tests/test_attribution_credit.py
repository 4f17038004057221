"""Credit equals enumeration, whatever the world: ties, windows, repeated conversions, users who never convert."""

from __future__ import annotations

import os
from typing import Any

import brute_force as brute
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from martech_lib import attribution

START = pd.Timestamp("2026-01-01")
CHANNELS = ("direct", "email", "search", "social")
touch = st.tuples(st.integers(1, 5), st.integers(0, 40), st.integers(0, 999), st.sampled_from(CHANNELS))
conversion = st.tuples(st.integers(1, 6), st.integers(0, 40), st.integers(0, 999), st.integers(0, 50))
worlds = st.tuples(
    st.lists(touch, min_size=1, max_size=25, unique_by=lambda t: t[2]),
    st.lists(conversion, max_size=8, unique_by=lambda c: c[2]),
    st.sampled_from((1, 2.5, 10, 60)),
)
# Hundreds of worlds in `make truth`; a few with every change.
EXAMPLES = 400 if os.environ.get("MARTECH_TRUTH") == "full" else 8
RULES: dict[str, Any] = {
    "last": brute.last,
    "first": brute.first,
    "last_non_direct": brute.last_non_direct,
    "linear": brute.linear,
    "time_decay": brute.time_decay(7),
    "position": brute.position(0.4, 0.2, 0.4),
    "w_shaped": brute.w_shaped(0.3, 0.3, 0.3, 0.1),
}


def tables(touches: Any, conversions: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Half days since the start of 2026 as frames."""
    touched = pd.DataFrame(touches, columns=["user_id", "ts", "touch_id", "channel"])
    converted = pd.DataFrame(conversions, columns=["user_id", "ts", "conversion_id", "value"])
    for frame in (touched, converted):
        frame["ts"] = START + pd.to_timedelta(frame["ts"].astype("float64") / 2, unit="D")
    return touched, converted.astype({"user_id": "int64", "conversion_id": "int64", "value": "float64"})


def halves(rows: Any) -> list[tuple[Any, ...]]:
    return [(user, when / 2, *rest) for user, when, *rest in rows]


def credited(journeys: attribution.Journeys, model: str, column: str = "conversions") -> dict[str, float]:
    frame = attribution.credit(journeys, model).to_frame()
    return {channel: amount for channel, amount in zip(frame["channel"], frame[column], strict=True) if amount}


def close(expected: Any) -> Any:
    return pytest.approx({channel: amount for channel, amount in expected.items() if amount}, rel=1e-9, abs=1e-9)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(worlds)
def test_credit_equals_enumeration(world: Any) -> None:
    touches, conversions, lookback = world
    journeys = attribution.journeys(*tables(touches, conversions), lookback_days=lookback)
    listed = brute.journeys_of(halves(touches), halves(conversions), lookback_days=lookback)
    none = {"(none)": float(sum(converted and not touched for touched, converted, *_ in listed))}
    for model, weights in RULES.items():
        by_conversion, by_value = brute.by_rule(listed, weights)
        assert credited(journeys, model) == close(by_conversion), model
        assert credited(journeys, model, "value") == close(by_value), model
    for model, enumerate_all in (
        ("markov", brute.markov),
        ("shapley", brute.shapley_set),
        ("shapley_rate", brute.shapley_rate),
    ):
        assert credited(journeys, model) == close({**enumerate_all(listed), **none}), model
    frame = attribution.credit(journeys, "markov", order=2).to_frame()
    second = {c: n for c, n in zip(frame["channel"], frame["conversions"], strict=True) if n}
    assert second == close({**brute.markov(listed, order=2), **none})
    for model in attribution.MODELS:
        assert sum(credited(journeys, model).values()) == pytest.approx(len(conversions), abs=1e-9), model
