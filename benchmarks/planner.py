"""How soon the planner's sentence and curve follow a control, beside the drawing of a curve whose rows are ready.

Everything that the page shows of a plan is made anew at each move: sentences, tables, three curves.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from timing import REPEATS, ROOT, Row, publish, seconds

from martech_lib import Workspace
from martech_lib.experiments import charts, words
from martech_lib.workbook.apps import experiments_tables as tables
from martech_lib.workbook.apps.experiments_state import ExperimentsState

MOVES = (
    {"baseline": "11 %"}, {"baseline": "12 %"}, {"mde": "9 %"}, {"mde": "14 %"}, {"weekly_units": "6,000"},
    {"weekly_units": "9,000"}, {"power": 0.9}, {"alpha": 0.1}, {"growth": 0.7}, {"split": "20/80"},
    {"split": "34/33/33"},
    {"rule": "obrien_fleming", "looks": 4}, {"rule": "pocock", "looks": 5}, {"rule": "confidence_sequence", "looks": 6},
)  # fmt: skip
FLOOR = "Altair alone: the same curve of rows that are ready"
SPOKEN = ("headline", "advice", "waiting", "looking", "gate", "arms")
SHOWN = ("plan_tiles", "weeks_table", "rules_table", "gate_table")
DRAWN = ("seen_by_week", "power_by_effect", "daily_peeks")


def main() -> None:
    """Measure every move to the curve beside it, and to the whole page."""
    state = ExperimentsState(Workspace.open(ROOT / "data" / "sample" / "saas"), {})
    whole(state)
    ready = charts.seen_by_week(state.plan)
    curve, page, floor = [], [], []
    to_curve_of = "A planner's control to its sentence and curve"
    for move in MOVES:
        to_curve, to_page, drawing = [], [], []
        for _ in range(REPEATS):
            state.change(**{**dict.fromkeys(move), "baseline": "14 %", "mde": "12 %", "weekly_units": "2,600"})
            to_curve.append(seconds(lambda move=move: moved(state, move)) * 1_000)
            to_page.append(seconds(lambda: whole(state)) * 1_000)
            drawing.append(seconds(lambda: ready.to_dict(validate=False)) * 1_000)
        curve.append(statistics.median(to_curve))
        page.append(statistics.median(to_page))
        floor.append(statistics.median(drawing))
    beside, told = statistics.median(floor), f"median move of {len(MOVES)}, each the median of {REPEATS}"
    publish(
        "planner",
        [
            Row(to_curve_of, statistics.median(curve), "ms", 100, FLOOR, beside, told),
            Row("The slowest of these", max(curve), "ms", 100, FLOOR, beside, f"median of {REPEATS}"),
            Row("Everything else of the page that follows", statistics.median(page), "ms", None, "", None, told),
        ],
    )  # fmt: skip


def moved(state: ExperimentsState, move: dict[str, Any]) -> Any:
    """A control, its sentence and its curve."""
    faults = state.change(**move)
    assert not faults, faults
    return words.headline(state.plan), charts.seen_by_week(state.plan).to_dict(validate=False)


def whole(state: ExperimentsState) -> list[Any]:
    """All that the page shows of a plan."""
    of_plan: list[Callable[[Any], Any]] = [*(getattr(words, name) for name in SPOKEN)]
    drawn = [getattr(charts, name)(state.plan).to_dict(validate=False) for name in DRAWN]
    shown = [getattr(tables, name)(state.page) for name in SHOWN]
    return [*(speak(state.plan) for speak in of_plan), *drawn, *shown]


if __name__ == "__main__":
    main()
