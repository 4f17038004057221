"""Time of reading an A/B test, beside the join with the same per-user sums in SQL over the same files, taken in turns.

One declared metric is read beside the barest SQL, and three, with pre_value, beside SQL that adds up the same sums.
Each measurement is a process of its own, so that its peak memory is its own and nothing is warm but the files and the
library. All have two threads and a memory limit.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from assigned import PER_USER, make
from timing import REPEATS, Row, publish, seconds

THREADS = 2
LIMIT = "1.5GB"
USERS = 10_000_000
JOINED = """FROM read_parquet('{folder}/assignments/*.parquet') a
    LEFT JOIN read_parquet('{folder}/outcomes/*.parquet') o ON o.user_id = a.user_id AND o.ts >= a.assigned_at
    GROUP BY a.user_id, a.arm"""
BARE = {
    "one": f"SELECT arm, count(*), sum(y), sum(y * y) FROM (SELECT a.arm, sum(o.value) AS y {JOINED}) GROUP BY arm",
    "three": f"""SELECT arm, count(*), sum(c), sum(y), sum(y * y), sum(k), sum(k * k), sum(v), sum(v * v), sum(k * v),
        sum(p), sum(p * p), sum(c * p), sum(y * p), sum(k * p)
        FROM (SELECT a.arm, any_value(a.pre_value) AS p, sum(o.value) AS y,
            CASE WHEN count(*) FILTER (o.event = 'conversion') > 0 THEN 1 ELSE 0 END AS c,
            count(*) FILTER (o.event = 'click') AS k, count(*) FILTER (o.event = 'view') AS v {JOINED}) GROUP BY arm""",
}
PLANS: dict[str, dict[str, Any]] = {
    "one": {"primary_metric": "revenue per user", "baseline": 25, "sd": 50},
    "three": {
        "primary_metric": "conversion rate", "baseline": 0.3,
        "downstream_metric": "revenue per user", "guardrail_metrics": ["clicks per view"],
    },
}  # fmt: skip
ASKED = [(who, what) for what in PLANS for who in ("ours", "bare")]


def main() -> None:
    """Make the workload and measure the claims."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(USERS, folder)
        measured("ours", "one", folder)  # the files are warm from here on
        rounds = [{asked: measured(*asked, folder) for asked in ASKED} for _ in range(REPEATS)]

    def median(figure: str, *asked: str) -> float:
        return statistics.median(each[asked][figure] for each in rounds)

    size = f"{USERS // 10**6}M assignments and {USERS * PER_USER // 10**6}M outcomes"
    floors = {"one": "bare SQL: join and per-user sums", "three": "SQL: the same sums of the same users"}
    texts = {"one": "one metric", "three": "three metrics and pre_value"}
    rows = []
    for what, floor in floors.items():
        ours, bare = (median("seconds", who, what) for who in ("ours", "bare"))
        rows.append(Row(f"Reading a test of {size}, {texts[what]}", ours, "s", 1.3 * bare, floor, bare))
    peak, least = (max(median("peak_mb", who, what) for what in PLANS) for who in ("ours", "bare"))
    limit = f"{LIMIT[:-2]} GB for the engine"
    rows.append(Row(f"The larger peak memory of the two processes ({limit})", peak, "MB", None, "the SQL's", least))
    publish("readout", rows)


def measured(who: str, what: str, folder: Path) -> dict[str, float]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, who, what, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(who: str, what: str, folder: Path) -> None:
    """Inside that process: the engine is open and the library is loaded and used once before the clock starts."""
    import ibis
    import pandas as pd

    from martech_lib import experiments

    engine = ibis.duckdb.connect(threads=THREADS, memory_limit=LIMIT, temp_directory=str(folder / "spill"))
    plan = experiments.plan(name="checkout", hypothesis="", mde=0.05, relative=True, **PLANS[what])
    start = pd.Timestamp("2026-01-01")
    few = pd.DataFrame({"user_id": range(100), "arm": ["control", "treatment"] * 50, "assigned_at": start})
    experiments.read(plan, few, few.assign(ts=start, event="click", value=1.0))

    def ours() -> None:
        put, happened = (engine.read_parquet(folder / name / "*.parquet") for name in ("assignments", "outcomes"))
        found = experiments.read(plan, put.drop("pre_value") if what == "one" else put, happened)
        if sum(arm.n for arm in found.counted.arms) != USERS or not found.counted.early or found.decision == "refused":
            sys.exit("not every user was read")

    def bare() -> None:
        engine.raw_sql(BARE[what].format(folder=folder)).fetchall()

    taken = seconds({"ours": ours, "bare": bare}[who])
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": taken, "peak_mb": kilobytes / 1024}))


if __name__ == "__main__":
    if len(sys.argv) > 3:
        measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    else:
        main()
