"""Time of counting an A/B test, beside the bare join with per-user sums in SQL over the same files, taken in turns.

Each measurement is a process of its own, so that its peak memory is its own and nothing is warm but the files and the
library. Both have two threads and a memory limit, which the bare join too goes beyond, onto the disk.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from assigned import PER_USER, make
from timing import REPEATS, Row, publish, seconds

THREADS = 2
LIMIT = "1.5GB"
USERS = 10_000_000
BARE = """SELECT arm, count(*), sum(y), sum(y * y) FROM (
    SELECT a.user_id, a.arm, sum(o.value) AS y FROM read_parquet('{folder}/assignments/*.parquet') a
    LEFT JOIN read_parquet('{folder}/outcomes/*.parquet') o ON o.user_id = a.user_id AND o.ts >= a.assigned_at
    GROUP BY 1, 2
) GROUP BY 1"""


def main() -> None:
    """Make the workload and measure the claim."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(USERS, folder)
        measured("ours", folder)  # the files are warm from here on
        rounds = [{what: measured(what, folder) for what in ("ours", "bare")} for _ in range(REPEATS)]
    ours, bare, peak, least = (
        statistics.median(each[what][figure] for each in rounds)
        for figure in ("seconds", "peak_mb")
        for what in ("ours", "bare")
    )
    size = f"{USERS // 10**6}M assignments and {USERS * PER_USER // 10**6}M outcomes"
    what, floor = f"Counting a test of {size}, three measures and pre_value", "join and per-user sums of one, bare SQL"
    rows = [
        Row(what, ours, "s", 1.3 * bare, floor, bare),
        Row(f"The same, peak memory of the process ({LIMIT[:-2]} GB for the engine)", peak, "MB", None, floor, least),
    ]
    publish("readout", rows)


def measured(what: str, folder: Path) -> dict[str, float]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, what, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(what: str, folder: Path) -> None:
    """Inside that process: the engine is open and the library is loaded and used once before the clock starts."""
    import ibis
    import pandas as pd

    from martech_lib.core.arms import Measure, counted

    engine = ibis.duckdb.connect(threads=THREADS, memory_limit=LIMIT, temp_directory=str(folder / "spill"))
    measures = (
        Measure("conversion rate", ("conversion",), "users"),
        Measure("revenue a user", (), "value"),
        Measure("clicks a view", ("click",), "events", ("view",)),
    )
    start = pd.Timestamp("2026-01-01")
    few = pd.DataFrame({"user_id": range(100), "arm": "control", "assigned_at": start})
    counted(few, few.assign(ts=start, event="click"), measures)

    def ours() -> None:
        found = counted(
            *(engine.read_parquet(folder / name / "*.parquet") for name in ("assignments", "outcomes")), measures
        )
        if sum(arm.n for arm in found.arms) != USERS or not found.early:
            sys.exit("not every user was counted")

    def bare() -> None:
        engine.raw_sql(BARE.format(folder=folder)).fetchall()

    taken = seconds({"ours": ours, "bare": bare}[what])
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": taken, "peak_mb": kilobytes / 1024}))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
