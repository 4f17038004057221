"""How soon ranges, next test and next budget follow a control, beside the least that NumPy needs for the same model.

The sample `fitness` has seven lenses on eleven channels, tests on their own scale, and a known truth, so that a lens
switched off pools two tables of lenses again: the month's and that of the whole log.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")

import numpy as np
from timing import REPEATS, ROOT, Row, publish, seconds

from martech_lib import Workspace
from martech_lib.attribution.triangulation.pooling import grid
from martech_lib.workbook.apps.attribution_state import AttributionState

FLOOR = "NumPy alone: inverses of the same covariances, as many draws, sorted"


def main() -> None:
    """Measure every lens off and every step of the budget in turn, beside the floor."""
    state = AttributionState(Workspace.open(ROOT / "data" / "sample" / "fitness"))
    lenses = answered(state).lenses
    switch = [lambda lens=lens: moved(state, without=(lens,)) for lens in lenses]
    step = [lambda s=s: moved(state, limits=replace(state.asked.limits, step=s)) for s in (0.1, 0.15, 0.25, 0.3)]
    lens_ms, floor_ms = in_turns(switch, floor_of(state))
    moved(state, without=())
    step_ms, _ = in_turns(step, floor_of(state))
    slowest = max(range(len(lenses)), key=lens_ms.__getitem__)
    real = without_truth()
    real_ms, real_floor_ms = in_turns(
        [lambda lens=lens: moved(real, without=(lens,)) for lens in lenses], floor_of(real)
    )
    worst = lenses[max(range(len(lenses)), key=real_ms.__getitem__)]
    told, each = f"median of {REPEATS}", f"median lens of {len(lenses)}, each the median of {REPEATS}"
    publish(
        "triangulation",
        [
            Row("A lens switched off (`fitness`)", statistics.median(lens_ms), "ms", 100, FLOOR, floor_ms, each),
            Row(f"The slowest of these, {lenses[slowest]}", lens_ms[slowest], "ms", 100, FLOOR, floor_ms, told),
            Row(
                "A lens switched off, no truth beside it",
                statistics.median(real_ms),
                "ms",
                100,
                FLOOR,
                real_floor_ms,
                each,
            ),
            Row(f"The slowest of these, {worst}", max(real_ms), "ms", 100, FLOOR, real_floor_ms, told),
            Row("A limit of the budget moved", statistics.median(step_ms), "ms", 100, "", None, told),
        ],
    )


def without_truth() -> AttributionState:
    """The sample as a company's own workspace is: nobody knows the truth, so that one table of lenses is pooled."""
    folder = Path(mkdtemp()) / "fitness"
    copytree(ROOT / "data" / "sample" / "fitness", folder)
    (folder / "truth.csv").unlink()
    return AttributionState(Workspace.open(folder))


def answered(state: AttributionState) -> Any:
    """The reading of all lenses. Ends the run when there is none."""
    reading = state.reading.triangulated if state.reading else None
    if reading is None or reading.triangulation is None or state.faults:
        raise SystemExit(f"no ranges to measure: {state.faults}")
    return reading


def moved(state: AttributionState, **asked: Any) -> None:
    """One move of a control, with everything that the page reads of the answer."""
    state.pool(**asked)
    reading = answered(state)
    assert reading.pulls or len(reading.lenses) < 2


def floor_of(state: AttributionState) -> Callable[[], None]:
    """What no program in NumPy can do without, for the month and for the whole log."""
    rng = np.random.default_rng(1)
    parts = []
    for reading in (answered(state), state.reading.triangulated_whole if state.reading else None):
        if reading is not None and reading.triangulation is not None:
            sights, draws = reading.triangulation.sights, reading.triangulation.draws
            lenses, channels = sights.estimate.shape
            root = rng.standard_normal((len(grid(sights)), channels, lenses, lenses))
            covariance = root @ root.swapaxes(-1, -2) + np.eye(lenses)
            parts.append((covariance, (len(draws.weights) if draws else 4096, channels)))

    def least() -> None:
        for covariance, shape in parts:
            np.linalg.inv(covariance)
            np.linalg.slogdet(covariance)
            np.sort(np.exp(rng.standard_normal(shape)), axis=0)

    return least


def in_turns(calls: list[Callable[[], None]], floor: Callable[[], None]) -> tuple[list[float], float]:
    """Milliseconds of each call and of the floor, taken in turns: medians of the rounds."""
    for call in calls:
        call()
    floor()
    rounds = [[(seconds(call), seconds(floor)) for call in calls] for _ in range(REPEATS)]
    ours = [statistics.median(turn[at][0] for turn in rounds) * 1000 for at in range(len(calls))]
    return ours, statistics.median(least for turn in rounds for _, least in turn) * 1000


if __name__ == "__main__":
    main()
