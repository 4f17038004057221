"""One peer's Markov from raw events, run by the Python the peers are installed in: prints the seconds it took."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pandas as pd
import polars as pl


def main() -> None:
    """Read the events, do what this peer asks of its user, run its Markov model."""
    peer, folder = sys.argv[1], Path(sys.argv[2])
    run = {"mam": mam, "pandas": channel_attribution, "polars": channel_attribution_fed_by_polars}[peer]
    start = time.perf_counter()
    run(pl.read_parquet(folder / "touches"), pl.read_parquet(folder / "conversions"))
    print(time.perf_counter() - start)


def mam(touches: pl.DataFrame, conversions: pl.DataFrame) -> None:
    """Sessions, the last one of a buyer marked, one journey a user; the package makes journeys of them."""
    from mam.core import MAM

    is_last = pl.col("ts") == pl.col("ts").max().over("user_id")
    buys = pl.col("user_id").is_in(conversions["user_id"].implode())
    sessions = touches.with_columns(converts=is_last & buys)
    read = MAM(
        sessions,
        "session",
        channels_colname="channel",
        journey_with_conv_colname="converts",
        datetime_colname="ts",
        user_id_colname="user_id",
    )
    credited(read.run_markov(transition_to_same_state=True).to_polars()["attribution"].sum(), conversions)


def channel_attribution(touches: pl.DataFrame, conversions: pl.DataFrame) -> None:
    """Paths as text with their counts, which is what the package takes, built by the library it is fed from."""
    log = touches.select("user_id", "ts", "channel").to_pandas().sort_values(["user_id", "ts"])
    paths = log.groupby("user_id")["channel"].agg(" > ".join).rename("path").reset_index()
    buys = paths["user_id"].isin(conversions["user_id"].to_pandas())
    counted = paths.assign(conversions=buys.astype(int), nulls=(~buys).astype(int))
    modelled(counted.groupby("path", as_index=False)[["conversions", "nulls"]].sum(), conversions)


def channel_attribution_fed_by_polars(touches: pl.DataFrame, conversions: pl.DataFrame) -> None:
    """The same paths, built faster."""
    paths = touches.sort("user_id", "ts").group_by("user_id").agg(path=pl.col("channel").str.join(" > "))
    bought = paths.with_columns(buys=pl.col("user_id").is_in(conversions["user_id"].implode()))
    counted = bought.group_by("path").agg(conversions=pl.col("buys").sum(), nulls=(~pl.col("buys")).sum())
    modelled(counted.to_pandas(), conversions)


def modelled(paths: pd.DataFrame, conversions: pl.DataFrame) -> None:
    """ChannelAttribution's Markov of some paths."""
    from ChannelAttribution import markov_model

    result = markov_model(paths, "path", "conversions", var_null="nulls", ncore=2, verbose=False, flg_pro=False)
    credited(result["total_conversions"].sum(), conversions)


def credited(total: float, conversions: pl.DataFrame) -> None:
    """A peer that was fed wrongly would be no peer."""
    if abs(total / len(conversions) - 1) > 0.01:
        sys.exit(f"credited {total:,.0f} of {len(conversions):,} conversions")


if __name__ == "__main__":
    main()
