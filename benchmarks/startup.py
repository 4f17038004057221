"""How long `import martech_lib` and `martech --help` take, beside the least that Python can do."""

from __future__ import annotations

import statistics
import subprocess
import sys

from timing import REPEATS, Row, martech, median_beside_floor, publish, run


def main() -> None:
    """Time the import inside fresh processes, the command as a whole process."""
    helped, bare = median_beside_floor(lambda: run(martech(), "--help"), lambda: run(sys.executable, "-c", "pass"))
    rows = [
        Row("`import martech_lib`", importing("martech_lib"), "s", 0.1, "`import json`", importing("json")),
        Row("`martech --help`, the whole process", helped, "s", 0.5, "`python -c pass`", bare),
    ]
    publish("startup", rows)


def importing(module: str) -> float:
    """Median time of the import alone, each in a process of its own, the first left out."""
    ask = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    command = [sys.executable, "-c", ask]
    told = [
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(REPEATS + 1)
    ]
    return statistics.median(told[1:])


if __name__ == "__main__":
    main()
