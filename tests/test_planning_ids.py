"""Users are the same in both logs however their ids are typed, and no two of them become one."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from martech_lib import attribution
from martech_lib.core.arms import Measure, counted
from martech_lib.core.errors import UserError

AT = pd.Timestamp("2026-09-01")
DAY = "TIMESTAMP '2026-09-01'"
USERS = (Measure("m", ("e",), "users"),)


def objects(*values: Any) -> pd.Series:
    return pd.Series(values, dtype=object)


def joined(put: Any, happened: Any) -> tuple[list[int], list[float], int, int]:
    """Users by arm a, b, a, b ... and how many of them are found among the outcomes; crossed and unusable users."""
    assignments = pd.DataFrame({"user_id": put, "assigned_at": AT})
    assignments["arm"] = ["a", "b"] * (len(assignments) // 2)
    outcomes = pd.DataFrame({"user_id": happened, "ts": AT, "event": "e"})
    found = counted(assignments, outcomes, USERS)
    return [arm.n for arm in found.arms], [arm.sums["m"].y for arm in found.arms], found.crossed, found.unusable


@pytest.mark.parametrize(
    ("strange", "written"),
    [(float("inf"), "inf"), (Decimal("Infinity"), "inf"), (Decimal("-Infinity"), "-inf"), (1.5, "1.5"), (Decimal("1.50"), "1.5"), (Decimal(10**30), str(10**30)),
     (2**70, str(2**70)), (10**16, str(10**16)), (2**63, str(2**63)), (-(2**63), str(-(2**63))),
     (10**400, str(10**400)), (Decimal(10**400), str(10**400)), (Decimal("0.0000001"), "0.0000001")],
    ids=lambda one: repr(one)[:25],
)  # fmt: skip
def test_an_id_that_is_no_common_number_is_its_digits_and_the_others_stay_whole(strange: Any, written: str) -> None:
    users = objects(strange, 1.0, 2, 3.0)
    assert joined(users, [written, "1", "2"]) == ([2, 2], [2.0, 1.0], 0, 0)
    assert joined(users, objects(strange, 1, 2)) == ([2, 2], [2.0, 1.0], 0, 0)
    assert joined(users, [1, 2]) == ([2, 2], [1.0, 1.0], 0, 0)


@pytest.mark.parametrize("blank", [None, float("nan"), pd.NA, Decimal("NaN"), Decimal("sNaN")], ids=repr)
def test_blank_ids_are_set_aside_and_the_others_lose_no_digit(blank: Any) -> None:
    assert joined(objects(blank, 1.0, 2, 3.0), [1, 2]) == ([1, 2], [1.0, 1.0], 0, 1)
    assert joined(objects(blank, 2**60 + 1, 2**60, 3.0), [2**60]) == ([1, 2], [1.0, 0.0], 0, 1)
    decimals = pd.array([None, 1, 2, 3], dtype=pd.ArrowDtype(pa.decimal128(20, 2)))
    assert joined(decimals, [1, 2]) == ([1, 2], [1.0, 1.0], 0, 1)


@pytest.mark.parametrize("kind", [float, "Float64", "double[pyarrow]", Decimal])
def test_ids_with_fractions_are_users_of_their_own(kind: Any) -> None:
    numbers = ["7.2", "7.4", "8.1", "8"]
    users = objects(*map(Decimal, numbers)) if kind is Decimal else pd.Series(list(map(float, numbers)), dtype=kind)
    assert joined(users, ["7.2", "8"]) == ([2, 2], [1.0, 1.0], 0, 0)
    assert joined(users, [7, 8]) == ([2, 2], [0.0, 1.0], 0, 0)


@pytest.mark.parametrize("other", ["bob", True], ids=repr)
def test_numbers_beside_ids_that_are_none_are_written_as_everywhere(other: Any) -> None:
    codes = pd.Series(pd.Categorical([str(other), 2.0, 2.5, None]))
    assert joined(codes, [str(other), "2", "2.5"]) == ([2, 1], [2.0, 1.0], 0, 1)
    users = objects(other, 2.0, Decimal("2.50"), np.float32(7))
    assert joined(users, [str(other), "2", "2.5", "7"]) == ([2, 2], [2.0, 2.0], 0, 0)
    assert joined(users, [2, 7]) == ([2, 2], [0.0, 2.0], 0, 0)
    assert joined(users, [2.0, 2.5]) == ([2, 2], [1.0, 1.0], 0, 0)


def test_ids_of_rows_that_share_an_index_are_their_own() -> None:
    users = pd.concat([objects(2.0, Decimal("2.50")), objects(None, Decimal("3.0"))])
    assert joined(users, ["2", "2.5", "3"]) == ([1, 2], [1.0, 2.0], 0, 1)


def test_a_fraction_of_many_digits_keeps_them_all() -> None:
    users = objects(*(Decimal(f"{10**30 + n}.50") for n in range(4)))
    assert joined(users, [f"{10**30}.5", f"{10**30 + 3}.5"]) == ([2, 2], [1.0, 1.0], 0, 0)


def of_a_database(put: str, happened: str) -> tuple[Any, Any]:
    """Assignments of users (user, arm) and outcomes of users, each by the values and types of SQL."""
    con = ibis.duckdb.connect()
    con.raw_sql(f"CREATE TABLE put AS SELECT u user_id, a arm, {DAY} assigned_at FROM (VALUES {put}) t(u, a)")
    con.raw_sql(f"CREATE TABLE happened AS SELECT unnest([{happened}]) user_id, {DAY} ts, 'e' event, 'c' channel")
    return con.table("put"), con.table("happened")


def test_ids_of_a_database_are_whole_where_they_are_and_never_break_the_count() -> None:
    rows = "(1, 'a'), (2.5, 'b'), ('inf'::double, 'a'), (9e15, 'b'), ('nan'::double, 'a'), (NULL, 'b')"
    found = counted(*of_a_database(rows, "1.00::DECIMAL(20, 2), 2.50"), USERS)
    assert [(arm.n, arm.sums["m"].y) for arm in found.arms] == [(2, 1.0), (2, 1.0)]
    assert found.unusable == 2


@pytest.mark.parametrize("other", ["VARCHAR", "DOUBLE", "REAL", "DECIMAL(12, 4)", "DECIMAL(7, 3)"])
def test_fractions_of_a_database_are_the_same_users_in_every_type(other: str) -> None:
    fractions = ("2.5", "2", "100", "0", "-10.05", "0.5", "1000.1")
    put = ", ".join(f"({number}::DECIMAL(10, 2), '{'ab'[place % 2]}')" for place, number in enumerate(fractions))
    found = counted(*of_a_database(put, ", ".join(f"'{number}'::{other}" for number in fractions)), USERS)
    assert [(arm.n, arm.sums["m"].y) for arm in found.arms] == [(4, 4.0), (3, 3.0)]


def test_whole_decimals_and_text_lose_no_zero() -> None:
    assignments, outcomes = of_a_database("(100::DECIMAL(9, 0), 'a'), (20, 'b')", "'100', '2.50', '20.', '2.0'")
    assert [arm.sums["m"].y for arm in counted(assignments, outcomes, USERS).arms] == [1.0, 0.0]
    assignments, outcomes = of_a_database("('2.50', 'a'), ('100', 'a'), ('2.0', 'b')", "2.5::DECIMAL(9, 3), 100, 2")
    assert [arm.sums["m"].y for arm in counted(assignments, outcomes, USERS).arms] == [1.0, 0.0]


LIMITS = {"float16": (11, 2048.0), "float32": (24, 2.0**24), "float64": (53, 2.0**53), "longdouble": (53, 2.0**53)}
KINDS = {
    "float16": "float16", "float32": "float32", "float64": "float64", "longdouble": "longdouble", "Float32": "float32",
    "Float64": "float64", "halffloat[pyarrow]": "float16", "float[pyarrow]": "float32", "double[pyarrow]": "float64",
    "Sparse[float32]": "float32", "category": "float32", "object": "float32",
}  # fmt: skip


def floats_of(kind: str, *numbers: float) -> pd.Series:
    values = np.array(numbers, KINDS[kind])
    return objects(*values) if kind == "object" else pd.Series(values).astype(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_floats_are_ids_as_far_as_their_kind_holds_every_whole_number(kind: str) -> None:
    digits, limit = LIMITS[KINDS[kind]]
    assert joined(floats_of(kind, limit - 1, 1, 2, np.nan), [int(limit) - 1, 2]) == ([2, 1], [2.0, 0.0], 0, 1)
    bits = {11: 16, 24: 32, 53: 64}[digits]
    for sign in (1, -1):
        ids = floats_of(kind, sign * limit, 1, np.nan, 3)
        told = rf"user_id of assignments has 1 float from 2\*\*{digits} on, such as {sign * limit!r}, where floats of {bits} bits"
        with pytest.raises(UserError, match=told + ".* in pandas with dtype=.*'string'"):
            joined(ids, [1, 2])


def test_floats_beyond_those_of_64_bits_are_told() -> None:
    largest = np.finfo(np.longdouble).max
    for ids in (pd.Series(np.array([largest, 1])), objects(largest, 1)):
        with pytest.raises(UserError, match=r"1 float from 2\*\*53 on"):
            joined(ids, [1, 2])


def test_each_kind_of_floats_has_its_own_limit() -> None:
    assert joined(objects(2.0**24, np.float32(2), "x", 1), [2**24, 2, 1]) == ([2, 2], [1.0, 2.0], 0, 0)
    with pytest.raises(UserError, match=r"2 floats from 2\*\*24 on, such as 16777216.0, where floats of 32 bits"):
        joined(objects(2.0**24, np.float32(2**24), np.float32(-(2**25)), "x"), [1, 2])


@pytest.mark.parametrize("rounded", [2.0**53, 2.0**60, 1e19, 1e300, -1e19])
@pytest.mark.parametrize("others", [[1, 2, 3], [1.0, 2.0, 3.0]], ids=["whole", "floats"])
def test_floats_that_may_stand_for_several_users_are_told(rounded: float, others: list[Any]) -> None:
    for ids in (objects(rounded, *others), pd.Series([rounded, *others], dtype=float)):
        with pytest.raises(UserError, match=r"user_id of assignments has 1 float from 2\*\*53 on, such as .*'string'"):
            joined(ids, [1, 2])
        with pytest.raises(UserError, match="user_id of outcomes has 1 float from"):
            joined([1, 2], ids)


class Asked:
    """How often an engine was asked for anything, from now on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.times = 0
        ask = ibis.Table.to_pyarrow
        patch.setattr(ibis.Table, "to_pyarrow", lambda *args, **options: [ask(*args, **options), self._count()][0])

    def _count(self) -> None:
        self.times += 1


@pytest.mark.parametrize(
    ("kind", "digits", "rounded"),
    [
        ("DOUBLE", 53, 2.0**53),
        ("DOUBLE", 53, -1e19),
        ("DOUBLE", 53, 1e300),
        ("REAL", 24, 2.0**24),
        ("REAL", 24, -(2.0**60)),
    ],
)
def test_floats_of_a_database_that_may_stand_for_several_users_are_told(kind: str, digits: int, rounded: float) -> None:
    numbers = f"{rounded}::{kind}, 1, 2.5, NULL, 'nan', 'inf'"
    put = ", ".join(f"({number}, 'a')" for number in numbers.split(", "))
    told = rf"has 1 float from 2\*\*{digits} on, such as {re.escape(repr(rounded))}, where .* as BIGINT or VARCHAR\.$"
    with pytest.raises(UserError, match=f"^user_id of assignments {told}"):
        counted(*of_a_database(put, "1"), USERS)
    _, outcomes = of_a_database("(1, 'a')", numbers)
    with pytest.raises(UserError, match=f"^user_id of outcomes {told}"):
        counted(of_a_database("(1, 'a')", "1")[0], outcomes, USERS)
    for touches, conversions, name in ((outcomes, frame(), "touches"), (frame(), outcomes, "conversions")):
        with pytest.raises(UserError, match=f"^user_id of {name} {told}"):
            attribution.journeys(touches, conversions)


def frame() -> pd.DataFrame:
    return pd.DataFrame({"user_id": [1], "ts": AT, "channel": "c"})


def test_floats_below_their_limit_and_infinity_are_read() -> None:
    found = counted(*of_a_database("(16777215::REAL, 'a'), ('inf', 'b')", "16777215"), USERS)
    assert [(arm.n, arm.sums["m"].y) for arm in found.arms] == [(1, 1.0), (1, 0.0)]


def test_an_engine_is_asked_about_floats_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {}
    for kind in ("BIGINT", "VARCHAR", "DECIMAL(9, 2)", "DOUBLE"):
        tables = of_a_database(f"(1::{kind}, 'a'), (2::{kind}, 'b')", f"1::{kind}")
        with monkeypatch.context() as patch:
            asked = Asked(patch)
            counted(*tables, USERS)
        times[kind] = asked.times
    assert times["BIGINT"] == times["VARCHAR"] == times["DECIMAL(9, 2)"] == times["DOUBLE"] - 2


@pytest.mark.parametrize("duration", [np.timedelta64(1, "D"), pd.Timedelta(1), timedelta(1)], ids=repr)
def test_durations_are_no_ids(duration: Any) -> None:
    for ids in (objects(duration, 2, 3, 4), pd.Series([duration] * 4)):
        with pytest.raises(
            UserError, match="user_id of assignments has durations .*; allowed are whole numbers and text"
        ):
            joined(ids, [1, 2])
