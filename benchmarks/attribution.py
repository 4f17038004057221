"""Time of all models with their intervals from raw touches, beside one window over the same file and beside peers.

Each measurement is a process of its own, so that its peak memory is its own and nothing is warm but the files and the
library. Peers are installed into benchmarks/.peers by this script alone.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from timing import REPEATS, ROOT, Row, publish, run, seconds
from touches import CHANNELS, make

THREADS = 2
SMALL, MIDDLE, LARGE, VAST = 1_000_000, 2_500_000, 10_000_000, 25_000_000  # journeys; four times as many touches
LIMIT = "4GB"
WINDOW = """SELECT count(*) FROM (
    SELECT lead(channel) OVER (PARTITION BY user_id ORDER BY ts) AS following FROM read_parquet('{touches}/*.parquet')
) WHERE following = 'email'"""
# What any answer needs of every touch: steps and channel sets by user group, in the engine's own SQL.
BARE = """SELECT user_id % 50, code, following, CASE WHEN following IS NULL THEN mask END, count(*) FROM (
    SELECT user_id, code, lead(code) OVER (PARTITION BY user_id ORDER BY ts) AS following,
        bit_or(1::BIGINT << code) OVER (PARTITION BY user_id) AS mask
    FROM (SELECT user_id, ts, list_position({channels}, channel)::SMALLINT AS code
        FROM read_parquet('{touches}/*.parquet'))
) GROUP BY ALL"""
PEERS = ROOT / "benchmarks" / ".peers"
BESIDE = {  # how the peer is asked for -> what it is, and how many times as fast we mean to be
    "mam": ("Markov alone in `mam` 2.1.1 (Polars)", 10),
    "pandas": ("Markov alone in ChannelAttribution 2.2.5, paths by pandas", 3),
    "polars": ("the same, paths by Polars", None),
}
PINNED = (
    "marketing-attribution-models==2.1.1", "ChannelAttribution==2.2.5", "matplotlib==3.11.2", "pandas==3.1.1",
    "polars==2.1.0", "pyarrow==26.0.1", "numpy==2.4.6",
)  # fmt: skip


def main() -> None:
    """Make the workloads and measure every claim."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        publish("attribution", [*against_the_window(folder), *against_peers(folder), *larger(folder)])


def against_the_window(folder: Path) -> list[Row]:
    """10M touches: time beside one window over the same file, and beside bare SQL, taken in turns; peak memory."""
    ten = folder / "ten"
    make(MIDDLE, ten)
    ours, floors, bare = in_turns(*(lambda what=what: measured(what, ten) for what in ("ours", "window", "bare")))
    taken, floor, least = (median(found, "seconds") for found in (ours, floors, bare))
    what, named = "All ten models with intervals, 10M touches", "one `lead()` window by user"
    sets = "steps and channel sets by user group, bare SQL"
    return [
        Row(what, taken, "s", 2 * floor, named, floor),
        Row(what, taken, "s", None, sets, least),
        Row("The same, peak memory", median(ours, "peak_mb"), "MB", 1_500, named, median(floors, "peak_mb")),
    ]


def against_peers(folder: Path) -> list[Row]:
    """1M journeys from events: all models beside the Markov model alone of two peers."""
    four = folder / "four"
    make(SMALL, four)
    python = installed_peers()
    rows = []
    for peer, (beside, times) in BESIDE.items():
        ours, theirs = in_turns(lambda: measured("ours", four), lambda peer=peer: asked(python, peer, four), times=3)
        taken, floor = median(ours, "seconds"), median(theirs, "seconds")
        target = floor / times if times else None
        rows.append(Row("All ten models, 1M journeys from events", taken, "s", target, beside, floor, "median of 3"))
    return rows


def larger(folder: Path) -> list[Row]:
    """How time grows from 4M to 40M touches, and 100M touches within a memory limit."""
    forty = folder / "forty"
    make(LARGE, forty)
    short, long = (
        statistics.median(measured("ours", where)["seconds"] for _ in range(3)) for where in (folder / "four", forty)
    )
    shutil.rmtree(forty)
    hundred = folder / "hundred"
    make(VAST, hundred)
    limited = measured("ours", hundred, LIMIT)
    slope = math.log(long / short) / math.log(LARGE / SMALL)
    return [
        Row("Growth from 4M to 40M touches, log-log slope", slope, "", 1.15, statistic="medians of 3"),
        Row("40M touches", long, "s", None, statistic="median of 3"),
        Row(f"100M touches within {LIMIT[:-2]} GB for the engine", limited["seconds"], "s", None, statistic="one run"),
        Row("The same, peak memory of the process", limited["peak_mb"], "MB", None, statistic="one run"),
    ]


def in_turns(*calls: Callable[[], Any], times: int = REPEATS) -> list[list[Any]]:
    """What each gives, one after the other, so that a busy minute falls on all; the first round warms the files."""
    rounds = [[call() for call in calls] for _ in range(times + 1)][1:]
    return [list(found) for found in zip(*rounds, strict=True)]


def median(found: list[dict[str, float]], what: str) -> float:
    """The median of one figure."""
    return statistics.median(each[what] for each in found)


def measured(what: str, folder: Path, limit: str = "") -> dict[str, float]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, what, str(folder), *([limit] if limit else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(what: str, folder: Path, limit: str = "") -> None:
    """Inside that process: the engine is open and the library is loaded and used once before the clock starts."""
    import ibis
    import pandas as pd

    from martech_lib import attribution

    options = {"memory_limit": limit, "temp_directory": str(folder / "spill")} if limit else {}
    engine = ibis.duckdb.connect(threads=THREADS, **options)
    few = pd.DataFrame({"user_id": range(100), "ts": pd.Timestamp("2026-01-01"), "channel": "a"})
    attribution.all_credit(attribution.journeys(few, few))

    def ours() -> None:
        touches, conversions = (engine.read_parquet(folder / name / "*.parquet") for name in ("touches", "conversions"))
        frame = attribution.all_credit(attribution.journeys(touches, conversions))
        if set(frame["model"]) != set(attribution.MODELS) or frame["conversions"].isna().any():
            sys.exit("a model gave no credit")

    def asked(sql: str) -> None:
        engine.raw_sql(sql.format(touches=folder / "touches", channels=CHANNELS)).fetchall()

    calls = {"ours": ours, "window": lambda: asked(WINDOW), "bare": lambda: asked(BARE)}
    taken = seconds(calls[what])
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": taken, "peak_mb": kilobytes / 1024}))


def asked(python: Path, peer: str, folder: Path) -> dict[str, float]:
    """One run of a peer."""
    script = ROOT / "benchmarks" / "attribution_peers.py"
    threads = {**os.environ, "POLARS_MAX_THREADS": str(THREADS)}
    done = subprocess.run([python, script, peer, folder], capture_output=True, text=True, env=threads)
    if done.returncode:
        sys.exit(f"{peer} failed:\n{done.stdout}{done.stderr}")
    return {"seconds": float(done.stdout.splitlines()[-1])}


def installed_peers() -> Path:
    """The Python that has the peers, installed anew when the pins have changed; one of them is built from source."""
    python, pins = PEERS / "bin" / "python", PEERS / "pins.txt"
    if not pins.exists() or pins.read_text() != "\n".join(PINNED):
        run(sys.executable, "-m", "venv", "--clear", PEERS)
        command = [python, "-m", "pip", "install", "--quiet", *PINNED]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            needs = f"{', '.join(PINNED)}; one of them needs a C++ compiler"
            sys.exit(f"The peers could not be installed ({needs}):\n{done.stderr}")
        pins.write_text("\n".join(PINNED))
    return python


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
    else:
        main()
