"""One small company's touches and conversions with everything that engines may read differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

Put = Callable[[Mapping[str, pa.Table]], Any]  # tables -> the connection that they are in
START = np.datetime64("2026-03-01T00:00:00", "us")  # clocks change within
USERS, TOUCHES, CONVERSIONS = 3_000, 12_000, 1_500
CHANNELS = np.array(["direct", "Email", "paid search", "social", "été", "Paid_Search"])
HALF_HOURS = 48 * 75  # longer than the lookback, and few enough for ties


def world(*, text_ids: bool, seed: int = 11) -> Mapping[str, pa.Table]:
    """Touches and conversions; ids are whole numbers, some below zero, or text that languages sort differently."""
    rng = np.random.default_rng(seed)
    touches = pd.DataFrame(
        {
            "user_id": _users(rng, TOUCHES),
            "ts": START + (rng.integers(0, HALF_HOURS, TOUCHES) * 30).astype("timedelta64[m]"),
            "channel": rng.choice(CHANNELS, TOUCHES, p=[0.3, 0.2, 0.2, 0.15, 0.1, 0.05]),
            "touch_id": rng.permutation(TOUCHES),
            "kind": rng.choice(["click", "view"], TOUCHES, p=[0.7, 0.3]),
        }
    )
    conversions = pd.DataFrame(
        {
            "user_id": _users(rng, CONVERSIONS),
            "ts": START + (rng.integers(0, HALF_HOURS, CONVERSIONS) * 30).astype("timedelta64[m]"),
            "conversion_id": rng.permutation(CONVERSIONS),
            "value": rng.gamma(2, 40, CONVERSIONS).round(2),
        }
    )
    tables = _made_alike(touches, conversions)
    ids = [("user_id", "user"), ("touch_id", "t"), ("conversion_id", "c")] if text_ids else []
    return {name: pa.Table.from_pandas(_with_text(frame, ids), preserve_index=False) for name, frame in tables.items()}


def _users(rng: np.random.Generator, rows: int) -> pd.Series:
    """Users of whom some come often and some are never seen to convert."""
    return pd.Series((USERS * rng.random(rows) ** 1.5).astype("int64") - 40, dtype="Int64")


def _made_alike(touches: pd.DataFrame, conversions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Ties, blanks and rows that come again."""
    touches.loc[5:400, "ts"] = touches["ts"].iloc[:4].to_list() * 99
    touches.loc[5:400, "user_id"] = np.repeat(np.arange(33), 12)  # twelve touches of one user at few instants
    touches.loc[500:520, "touch_id"] = 499
    touches.loc[500:520, ["user_id", "ts"]] = touches.loc[499, ["user_id", "ts"]].to_list()
    for column, rows in {"user_id": slice(600, 640), "ts": slice(700, 730), "channel": slice(800, 840)}.items():
        touches.loc[rows, column] = None
    touches.loc[830:850, "channel"] = "  "
    touches.loc[900:960, "kind"] = None
    conversions.loc[:60, ["user_id", "ts"]] = touches.loc[5:65, ["user_id", "ts"]].to_numpy()  # at one instant
    conversions.loc[30:60, ["user_id", "ts"]] = conversions.loc[:30, ["user_id", "ts"]].to_numpy()
    conversions.loc[100:110, "user_id"] = None
    conversions.loc[120:125, "ts"] = None
    conversions.loc[130:160, "value"] = None
    conversions.loc[170:172, "conversion_id"] = 170_000
    return {"touches": touches, "conversions": conversions}


def _with_text(frame: pd.DataFrame, ids: list[tuple[str, str]]) -> pd.DataFrame:
    """Numbers as texts in capitals, small letters and signs, so that their order depends on who sorts."""
    given = [(column, stem) for column, stem in ids if column in frame]
    return frame.assign(**{column: [_text(number, stem) for number in frame[column]] for column, stem in given})


def _text(number: int | None, stem: str) -> str | None:
    if pd.isna(number):
        return None
    forms = (f"{stem}_{number}", f"{stem.upper()}-{number}", f"{stem} {number}", f"é{stem}{number}", f"{stem}{number}Z")
    return forms[int(number) % len(forms)]


def in_duckdb(tables: Mapping[str, pa.Table]) -> Any:
    """A new DuckDB that has these tables."""
    connection = ibis.duckdb.connect()
    for name, table in tables.items():
        connection.create_table(name, table)
    return connection
