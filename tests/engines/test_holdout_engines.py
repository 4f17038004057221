"""A holdout is read alike from frames, DuckDB, PostgreSQL and Spark, from its counts to its sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from recount_holdout import by_hand
from small_world import START, Put

from martech_lib import personalization
from martech_lib.personalization import HoldoutReading
from martech_lib.personalization.cells import Cells

ENGINES = ("duckdb", "postgres", "spark")
USERS, OUTCOMES = 4_000, 12_000
HALF_HOURS = 48 * 40  # clocks change within
DAYS = 10.5
COUNTS = ("crossed", "repeated", "early", "late", "unusable", "undated", "unknown")
SEGMENTS = ["new", "Old", "alt", "Été", " new ", None]


@cache
def world(ids: str) -> Mapping[str, pa.Table]:
    """A small holdout with skewed revenue; users in two arms, again, of two segments at one instant, blanks, refunds."""
    rng = np.random.default_rng(5)
    who = np.append(np.arange(USERS), rng.integers(0, USERS, 300))
    arm = np.where(who % 10 == 0, "Holdout", "on")
    put = pd.DataFrame(
        {
            "program": np.where(rng.random(len(who)) < 0.03, "other", "win-back"),
            "user_id": pd.array(who, dtype="Int64"),
            "arm": np.where((np.arange(len(who)) >= USERS), "on", arm),
            "assigned_at": START + (rng.integers(0, HALF_HOURS // 4, len(who)) * 30).astype("timedelta64[m]"),
            "segment": rng.choice(np.array(SEGMENTS, dtype=object), len(who)),
            "pre_value": rng.gamma(1, 20, len(who)).round(2),
        }
    )
    put.loc[USERS : USERS + 99, ["user_id", "assigned_at"]] = put.loc[:99, ["user_id", "assigned_at"]].to_numpy()
    put.loc[USERS : USERS + 99, "arm"] = put.loc[:99, "arm"].to_numpy()  # another segment at the same instant
    happened = pd.DataFrame(
        {
            "user_id": pd.array(rng.integers(0, USERS + 200, OUTCOMES), dtype="Int64"),
            "ts": START + (rng.integers(0, HALF_HOURS, OUTCOMES) * 30).astype("timedelta64[m]"),
            "event": rng.choice(
                ["impression", "click", "conversion", "Conversion"], OUTCOMES, p=[0.4, 0.3, 0.25, 0.05]
            ),
            "value": np.where(rng.random(OUTCOMES) < 0.7, np.nan, rng.lognormal(3, 1.2, OUTCOMES).round(2)),
        }
    )
    happened.loc[:1_000, "value"] = -happened.loc[:1_000, "value"] / 10
    happened.loc[5:8, "value"] = [float("inf"), float("-inf"), 1e300, float("nan")]
    back = pd.DataFrame({"user_id": np.repeat(np.arange(0, 600, 2), 3), "ts": START + np.timedelta64(11, "D")})
    back = back.assign(event="refund", value=np.tile([0.1, 0.2, -0.3], 300))  # nothing, but for the last digit
    happened = pd.concat([happened, back.astype({"user_id": "Int64"})], ignore_index=True)
    for frame, columns in ((put, ("user_id", "arm", "assigned_at", "pre_value")), (happened, happened.columns)):
        for place, column in enumerate(columns):
            frame.loc[3_000 + 8 * place : 3_006 + 8 * place, column] = None
    put["planned_share"] = put["arm"].map({"Holdout": 0.1, "on": 0.9}).astype("float64")
    if ids == "text":
        put, happened = (f.assign(user_id="u-" + f["user_id"].astype("string")) for f in (put, happened))
    return {
        name: pa.Table.from_pandas(frame, preserve_index=False)
        for name, frame in (("assignments", put), ("outcomes", happened))
    }


def read(assignments: Any, outcomes: Any, **options: Any) -> HoldoutReading:
    terms = {"program": "win-back", "window_days": DAYS, "cost": 500, **options}
    return personalization.read_holdout(assignments, outcomes, **terms)


@cache
def expected(ids: str) -> HoldoutReading:
    """From frames."""
    tables = world(ids)
    return read(*(tables[name].to_pandas() for name in ("assignments", "outcomes")))


def same_cells(found: Cells, wanted: Cells) -> None:
    """Every count is the same, and every sum to the ninth digit."""
    assert [getattr(found, name) for name in COUNTS] == [getattr(wanted, name) for name in COUNTS]
    pd.testing.assert_frame_equal(found.by_day, wanted.by_day, check_dtype=False)
    keys = ["arm", "segment", "day", "converted_on"]
    sums = [frame.set_index(keys).astype("float64").sort_index() for frame in (found.grid, wanted.grid)]
    pd.testing.assert_frame_equal(*sums, rtol=1e-9, check_index_type=False)
    assert [*found.values] == [*wanted.values]
    for arm, values in wanted.values.items():
        np.testing.assert_allclose(found.values[arm], values, rtol=1e-9)


def same(found: HoldoutReading, wanted: HoldoutReading) -> None:
    """What a reader sees is the same to the letter, and every number to the ninth digit."""
    assert found.headline == wanted.headline and found.notes == wanted.notes
    assert found.srm == wanted.srm and found.sides == wanted.sides
    pd.testing.assert_frame_equal(found.readings, wanted.readings, rtol=1e-9, atol=1e-12)
    pd.testing.assert_frame_equal(found.segments, wanted.segments, rtol=1e-9, atol=1e-12)
    for one, other in zip(found.endpoints, wanted.endpoints, strict=True):
        assert (one.hits, one.method, one.reason) == (other.hits, other.method, other.reason)
        assert one.difference is None or one.difference.p == pytest.approx(other.difference.p, rel=1e-9)
    assert [(w.week, w.holdout, w.treated, w.reason) for w in found.course.weeks] == [
        (w.week, w.holdout, w.treated, w.reason) for w in wanted.course.weeks
    ]
    assert [(look.day, look.holdout, look.treated) for look in found.course.looks] == [
        (look.day, look.holdout, look.treated) for look in wanted.course.looks
    ]


@pytest.mark.parametrize("ids", ["whole", "text"])
def test_the_world_holds_what_engines_may_read_differently_and_is_counted_right(ids: str) -> None:
    told = expected(ids)
    assert told.headline.verdict != "refused" and len(told.segments) > 3
    assert told.endpoint("revenue").method.startswith("studentised permutation test")
    assert min(getattr(told.cells, name) for name in COUNTS) > 2
    rows = {name: table.to_pylist() for name, table in world(ids).items()}
    wanted = by_hand(*rows.values(), endpoints={"conversion", "Conversion"}, program="win-back", days=DAYS)
    assert [getattr(told.cells, name) for name in COUNTS] == [getattr(wanted, name) for name in COUNTS]
    assert [*told.cells.values] == [*wanted.values]
    for arm, values in wanted.values.items():
        np.testing.assert_allclose(told.cells.values[arm], values, rtol=1e-9)


@pytest.mark.parametrize("ids", ["whole", "text"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_holdout_is_read_alike_in_every_engine(engine: str, ids: str, put: Callable[[str], Put]) -> None:
    connection = put(engine)(world(ids))
    found = read(connection.table("assignments"), connection.table("outcomes"))
    same_cells(found.cells, expected(ids).cells)
    same(found, expected(ids))


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_refused_is_refused_alike(engine: str, put: Callable[[str], Put]) -> None:
    tables = dict(world("whole"))
    at = tables["assignments"].column_names.index("planned_share")
    moving = pa.array(np.linspace(0.2, 0.8, len(tables["assignments"])))
    bandit = {**tables, "assignments": tables["assignments"].set_column(at, "planned_share", moving)}
    renamed = pa.array([{"Holdout": "off"}.get(arm, arm) for arm in tables["assignments"].column("arm").to_pylist()])
    nameless = {**tables, "assignments": tables["assignments"].set_column(2, "arm", renamed)}
    for changed, words in ((bandit, "it is a bandit"), (nameless, "none is named holdout or control")):
        connection = put(engine)(changed)
        found = read(connection.table("assignments"), connection.table("outcomes"))
        wanted = read(*(changed[name].to_pandas() for name in ("assignments", "outcomes")))
        assert words in found.headline.reason and found.headline == wanted.headline
        pd.testing.assert_frame_equal(found.readings, wanted.readings, rtol=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_log_with_the_least_columns_is_read_in_every_engine(engine: str, put: Callable[[str], Put]) -> None:
    """No segment, no pre_value, no share and no value."""
    tables = {
        "assignments": world("whole")["assignments"].select(["user_id", "arm", "assigned_at"]),
        "outcomes": world("whole")["outcomes"].select(["user_id", "ts", "event"]),
    }
    connection = put(engine)(tables)
    found = read(connection.table("assignments"), connection.table("outcomes"))
    wanted = read(*(tables[name].to_pandas() for name in ("assignments", "outcomes")))
    same(found, wanted)
    assert found.headline.verdict != "refused" and found.endpoint("revenue") is None
