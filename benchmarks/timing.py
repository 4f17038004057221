"""What the benchmarks share: medians of several runs beside a floor of the same run, a table, a JSON file."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
REPEATS = 5


@dataclass(frozen=True)
class Row:
    """One claim: what was measured, in which unit, what it should be at most, and the floor it stands beside.

    `floor` names the least that could be measured in its place (in the same run); "" when there is none. A row without
    a target is there to be known.
    """

    what: str
    value: float
    unit: str
    target: float | None
    floor: str = ""
    floor_value: float | None = None
    statistic: str = f"median of {REPEATS}"

    @property
    def ratio(self) -> float | None:
        """How many times the floor the measured value is."""
        return self.value / self.floor_value if self.floor_value else None


def seconds(call: Callable[[], Any]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def median_beside_floor(call: Callable[[], Any], floor: Callable[[], Any]) -> tuple[float, float]:
    """Median wall times of both, taken in turns so that a busy minute falls on both; one warm-up each."""
    call()
    floor()
    pairs = [(seconds(call), seconds(floor)) for _ in range(REPEATS)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command to its end, quietly; its own words are shown when it fails."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def martech() -> Path:
    """The command of this environment."""
    return Path(sys.executable).with_name("martech.exe" if os.name == "nt" else "martech")


def machine() -> dict[str, Any]:
    """Cores and memory, which are what the figures depend on, and the Python; nothing that names the machine."""
    known = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
    memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30) if known else None
    return {"cores": os.cpu_count(), "memory_gb": memory, "python": platform.python_version()}


def publish(name: str, rows: Sequence[Row]) -> None:
    """Print the rows as a table and keep them in results/<name>.json."""
    print(markdown([{**asdict(row), "ratio": row.ratio} for row in rows]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    kept = {"machine": machine(), "rows": [{**asdict(row), "ratio": row.ratio} for row in rows]}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    head = "| What | Measured | At most | Beside it, in the same run | Times that |\n|---|---|---|---|---|"
    return "\n".join([head, *map(_line, rows)])


def _line(row: dict[str, Any]) -> str:
    measured = f"{_shown(row['value'], row['unit'])} ({row['statistic']})"
    beside = f"{row['floor']}: {_shown(row['floor_value'], row['unit'])}" if row["floor"] else "-"
    ratio = f"{row['ratio']:.{1 if row['ratio'] >= 0.95 else 2}f}" if row["ratio"] else "-"
    target = _shown(row["target"], row["unit"]) if row["target"] else "-"
    return f"| {row['what']} | {measured} | {target} | {beside} | {ratio} |"


def _shown(value: float, unit: str) -> str:
    digits = 0 if value >= 100 or value == round(value) else 1 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:,.{digits}f} {unit}".rstrip()
