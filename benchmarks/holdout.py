"""Time of reading a holdout, beside the bare join with per-user sums in SQL over the same files, taken in turns.

The SQL adds up each user's outcomes within the window, and these by arm and segment: what a reading cannot do without.
Behind a left join, grouped by user, arm and segment, it goes to disk and takes half as long again; so it is not.
The reading says more: the sample ratio, what came early, late and of strangers, days, weeks, each user's value. Users
are numbered without gaps, as tables number them; whether each comes once is asked of text, or of numbers far apart, in
some nine tenths of a second more. Each
measurement is a process of its own, so that its peak memory is its own and nothing is warm but the files and the
library. Both have two threads and a memory limit.

The permutation test is timed apart, where its values are many: a holdout of a tenth, and an even split.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from held_out import PER_USER, PROGRAM, SEGMENTS, WINDOW, make
from timing import Row, publish, seconds

THREADS = 2
LIMIT = "1.5GB"
REPEATS = 5
STATISTIC = f"median of {REPEATS}"
USERS = 10_000_000
BARE = f"""WITH put AS (SELECT * FROM read_parquet('{{folder}}/assignments/*.parquet') WHERE program = '{PROGRAM}'),
users AS (
    SELECT a.user_id, sum(o.value) AS y,
        count(*) FILTER (o.event = 'conversion') > 0 AS converted, count(*) FILTER (o.event = 'click') > 0 AS clicked
    FROM put a JOIN read_parquet('{{folder}}/outcomes/*.parquet') o
        ON o.user_id = a.user_id AND o.ts >= a.assigned_at AND o.ts <= a.assigned_at + INTERVAL {WINDOW} DAY
    GROUP BY a.user_id)
SELECT arm, segment, count(*), count(*) FILTER (converted), count(*) FILTER (clicked), sum(y), sum(y * y)
FROM put LEFT JOIN users USING (user_id) GROUP BY arm, segment"""
DEALT, CONVERTING, DEALS = 1_000_000, 0.03, 10_000
SPLITS = {"a holdout of 10 %": 0.1, "an even split": 0.5}


def main() -> None:
    """Make the workload and measure the claims."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(USERS, folder)
        measured("ours", folder)  # the files are warm from here on
        rounds = [{who: measured(who, folder) for who in ("ours", "bare", *SPLITS)} for _ in range(REPEATS)]

    def median(figure: str, who: str) -> float:
        return statistics.median(each[who][figure] for each in rounds)

    ours, bare = (median("seconds", who) for who in ("ours", "bare"))
    peak, least = (median("peak_mb", who) for who in ("ours", "bare"))
    size = f"{USERS // 10**6}M assignments and {USERS * PER_USER // 10**6}M outcomes, {len(SEGMENTS)} segments"
    floor = "bare SQL: join and per-user sums"
    rows = [
        Row(f"Reading a holdout of {size}", ours, "s", 1.5 * bare, floor, bare, STATISTIC),
        Row(f"The same, peak memory ({LIMIT[:-2]} GB for the engine)", peak, "MB", None, "the SQL's", least, STATISTIC),
    ]
    what = f"{DEALS:,} deals of {DEALT // 10**6}M users, {CONVERTING:.0%} of whom convert"
    for split in SPLITS:
        taken = median("seconds", split)
        rows.append(Row(f"Permutation test, {what}, {split}", taken, "s", 5, statistic=STATISTIC))
    publish("holdout", rows)


def measured(who: str, folder: Path) -> dict[str, float]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, who, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(who: str, folder: Path) -> None:
    """Inside that process."""
    taken = permuting(SPLITS[who]) if who in SPLITS else reading(who, folder)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": taken, "peak_mb": kilobytes / 1024}))


def reading(who: str, folder: Path) -> float:
    """The engine is open and the library is loaded and used once before the clock starts."""
    import ibis
    import numpy as np
    import pandas as pd

    from martech_lib import personalization

    engine = ibis.duckdb.connect(threads=THREADS, memory_limit=LIMIT, temp_directory=str(folder / "spill"))
    start = pd.Timestamp("2026-01-01")
    few = pd.DataFrame({"user_id": np.arange(400), "arm": ["holdout", "treatment"] * 200, "assigned_at": start})
    few = few.assign(program="few", segment=["a", "a", "b", "b"] * 100, planned_share=0.5)
    happened = few.iloc[:100].assign(ts=start, event="conversion", value=np.arange(100.0))
    personalization.read_holdout(few, happened, program="few", window_days=WINDOW)

    def ours() -> None:
        put, outcomes = (engine.read_parquet(folder / name / "*.parquet") for name in ("assignments", "outcomes"))
        found = personalization.read_holdout(put, outcomes, program=PROGRAM, window_days=WINDOW)
        cells = found.cells
        is_whole = cells.by_day["n"].sum() == USERS and cells.early and cells.late
        if not is_whole or found.headline.verdict == "refused" or len(found.segments) < len(SEGMENTS):
            sys.exit("not every user was read")

    def bare() -> None:
        if len(engine.raw_sql(BARE.format(folder=folder)).fetchall()) != 2 * len(SEGMENTS):
            sys.exit("not every segment was counted")

    return seconds({"ours": ours, "bare": bare}[who])


def permuting(held: float) -> float:
    """Lognormal values of those who convert, in both arms; the library is loaded and used once before."""
    import numpy as np

    from martech_lib.core.permutation import Worth, permuted

    rng = np.random.default_rng(4)
    sizes = round(DEALT * held), DEALT - round(DEALT * held)
    arms = [Worth(n, rng.lognormal(3.5, 1.2, round(n * CONVERTING))) for n in sizes]
    few = [Worth(100, rng.lognormal(3.5, 1.2, 10)) for _ in range(2)]
    permuted(*few, level=0.95, draws=100)

    return seconds(lambda: permuted(*arms, level=0.95, draws=DEALS))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
