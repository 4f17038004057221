"""How soon ranges, next test and next budget follow a control, beside the least that NumPy needs for the same model.

The sample `fitness` has seven lenses on eleven channels, tests on their own scale, and a known truth, so that a lens
switched off pools two tables of lenses again: the month's and that of the whole log.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from dataclasses import replace
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
    told = f"median of {REPEATS} rounds"
    publish(
        "triangulation",
        [
            Row("A lens switched off or on, all pooled again (`fitness`)", lens_ms, "ms", 100, FLOOR, floor_ms, told),
            Row("A limit of the budget moved", step_ms, "ms", 100, "", None, told),
        ],
    )


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


def in_turns(calls: list[Callable[[], None]], floor: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds of a call and of the floor: each round's mean over all calls, the median of the rounds."""
    for call in calls:
        call()
    floor()
    rounds = [
        (statistics.fmean(seconds(call) for call in calls), statistics.fmean(seconds(floor) for _ in calls))
        for _ in range(REPEATS)
    ]
    ours, least = (statistics.median(times) * 1000 for times in zip(*rounds, strict=True))
    return ours, least


if __name__ == "__main__":
    main()
