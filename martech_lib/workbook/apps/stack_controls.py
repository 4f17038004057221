"""The stack app's controls: thresholds and figures, the inventory grid, decisions, upload and downloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from martech_lib.core.errors import UserError
from martech_lib.core.spreadsheet import to_csv
from martech_lib.core.tables import Column, table
from martech_lib.stack import StackAudit
from martech_lib.stack.decisions import DECISIONS
from martech_lib.stack.thresholds import shipped_rules
from martech_lib.workbook.apps.stack_state import StackState
from martech_lib.workbook.widgets import Download, Grid, Upload

UPLOAD_BYTES = 50_000_000
SHOWN_DIGITS = {"share": ".0%", "ratio": ".1f", "days": ".0f"}
GRID_KINDS = {"choice": "choice", "number": "number", "integer": "number", "percent": "number", "money": "money", "date": "date", "boolean": "boolean"}
SLIDERS = (
    ("low_adoption", "SA01", 0, "Low adoption: below this share of paid seats in use", 0.0, 1.0, 0.01),
    ("notice_window_days", "SA11", 0, "Renewal notice: look this many days ahead", 0, 365, 5),
    ("tools_per_fte_watch", "BU01", 0, "Tools per FTE: watch above", 0.5, 5.0, 0.1),
    ("tools_per_fte_fail", "BU01", 1, "Tools per FTE: too many above", 0.5, 6.0, 0.1),
)
FIELDS = (
    ("marketing_fte", "Marketing FTE", 0.1, 100_000.0, 0.5),
    ("marketing_budget_excl_labor", "Marketing budget a year, without labor", 0.0, 1e12, 50_000.0),
)
Changed = Callable[[], None]


def settings(state: StackState, changed: Changed) -> widgets.Widget:
    """Sliders for the thresholds and fields for team and budget."""
    sliders = [_slider(state, changed, *entry[1:]) for entry in SLIDERS]
    fields = [_field(state, changed, *entry) for entry in FIELDS]
    return widgets.VBox([*sliders, *fields]).add_class("wb-controls")


def inventory_grid(state: StackState, changed: Changed) -> Grid:
    """The inventory as an editable table; what cannot be read is marked at its cell."""
    grid = Grid(
        columns=[_grid_column(column, state) for column in table("inventory").columns],
        rows=state.rows,
        label="Inventory, one row a tool",
    )

    def edited(rows: list[dict[str, str]]) -> None:
        state.set_rows(rows)
        grid.problems = state.problems
        changed()

    grid.on_edit(edited)
    return grid


def decision_grid(state: StackState, changed: Changed) -> Grid:
    """Each tool with what the rules suggest, why, and the analyst's own decision."""
    columns = [
        {"name": "tool", "label": "Tool", "read_only": True, "width": 190},
        {"name": "decision", "label": "Your decision", "kind": "choice", "choices": list(DECISIONS), "width": 170},
        {"name": "suggested", "label": "Rules suggest", "read_only": True, "width": 160},
        {"name": "reason", "label": "Why", "read_only": True, "width": 550},
    ]
    grid = Grid(columns=columns, rows=decision_rows(state), label="Decisions, one row a tool", fixed=True)

    def edited(rows: list[dict[str, str]]) -> None:
        own = {row["tool"]: row["decision"] for row in rows}
        state.set_rows([{**row, "decision": own.get(row.get("tool", ""), row.get("decision", ""))} for row in state.rows])
        changed()

    grid.on_edit(edited)
    return grid


def decision_rows(state: StackState) -> list[dict[str, str]]:
    """The rows of the decision grid as the state is now; the analyst's column is blank where the rules decide."""
    return [
        {"tool": d.tool, "suggested": d.suggested, "reason": d.reason, "decision": d.decision if d.decided_by == "analyst" else ""}
        for d in (state.audit.decision_records if state.audit else ())
    ]


def upload(state: StackState, changed: Changed) -> Upload:
    """Takes an inventory file; a file over the limit is refused in the page."""
    control = Upload(label="Upload an inventory (CSV, Excel or Parquet)", accept=".csv,.xlsx,.parquet", max_bytes=UPLOAD_BYTES)

    def arrived(name: str, data: bytes) -> None:
        state.upload(name, data)
        changed()

    control.on_file(arrived)
    return control


def downloads(state: StackState) -> widgets.Widget:
    """Decisions, findings and the edited inventory as files."""
    buttons = [
        Download(lambda: to_csv(_audit(state).decisions), label="Download decisions", filename="decisions.csv"),
        Download(lambda: to_csv(_audit(state).findings), label="Download findings", filename="findings.csv"),
        Download(state.inventory_csv, label="Download inventory", filename="inventory.csv"),
    ]
    return widgets.HBox(buttons).add_class("wb-downloads")


def apply_link(state: StackState, values: Mapping[str, Any]) -> list[str]:
    """Set what a notebook's parameters or a deep link ask for; what cannot be set is said and left as it was.

    A parameter of 0 leaves the workspace's own figure.
    """
    faults = []
    for name, rule, place, words, low, high, _ in SLIDERS:
        value = values.get(name)
        if value and not low <= value <= high:
            faults.append(f"{name} came as {value:g}; allowed is {low:g} to {high:g} ({words.lower()}).")
        elif value:
            state.set_threshold(rule, [value if i == place else n for i, n in enumerate(state.threshold(rule))])
    for key, words, low, high, _ in FIELDS:
        value = values.get(key)
        if value and not low <= value <= high:
            faults.append(f"{key} came as {value:g}; allowed is {low:g} to {high:g} ({words.lower()}).")
        elif value:
            state.set_figure(key, float(value))
    return faults


def _audit(state: StackState) -> StackAudit:
    if state.audit is None:
        raise UserError("There is no audit yet to download: mend what the message above names, or upload an inventory.")
    return state.audit


def _slider(
    state: StackState, changed: Changed, rule: str, place: int, words: str, low: float, high: float, step: float
) -> widgets.Widget:
    slider = widgets.FloatSlider(
        value=state.threshold(rule)[place],
        min=low,
        max=high,
        step=step,
        description=words,
        readout_format=SHOWN_DIGITS[shipped_rules()[rule].unit],
        style={"description_width": "initial"},
        continuous_update=True,
    )

    def moved(change: dict[str, Any]) -> None:
        numbers: Sequence[float] = [change["new"] if i == place else n for i, n in enumerate(state.threshold(rule))]
        state.set_threshold(rule, numbers)
        changed()

    slider.observe(moved, "value")
    return slider


def _field(state: StackState, changed: Changed, key: str, words: str, low: float, high: float, step: float) -> widgets.Widget:
    field = widgets.BoundedFloatText(
        value=state.figure(key) or low, min=low, max=high, step=step, description=words, style={"description_width": "initial"}
    )

    def typed(change: dict[str, Any]) -> None:
        state.set_figure(key, change["new"])
        changed()

    field.observe(typed, "value")
    return field


def _grid_column(column: Column, state: StackState) -> dict[str, Any]:
    return {
        "name": column.name,
        "label": column.name.replace("_", " ").capitalize(),
        "kind": GRID_KINDS.get(column.kind, "text"),
        "choices": list(column.allowed),
        "help": column.meaning,
        "width": 190 if column.name in ("tool", "job", "category") else 130,
    }
