"""The stack app's controls: thresholds and figures, the inventory grid, decisions, upload and downloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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
GRID_KINDS = {
    "choice": "choice",
    "number": "number",
    "integer": "number",
    "percent": "number",
    "money": "money",
    "date": "date",
    "boolean": "boolean",
}


class Slider(NamedTuple):
    """A threshold that can be moved: its notebook parameter, its rule and which of the rule's numbers it is."""

    parameter: str
    rule: str
    place: int
    words: str
    low: float
    high: float
    step: float


class Field(NamedTuple):
    """A figure of the profile that can be typed: its key, which is also the notebook parameter."""

    parameter: str
    words: str
    low: float
    high: float
    step: float


SLIDERS = (
    Slider("low_adoption", "SA01", 0, "Low adoption: below this share of paid seats in use", 0.0, 1.0, 0.01),
    Slider("notice_window_days", "SA11", 0, "Renewal notice: look this many days ahead", 0, 365, 5),
    Slider("tools_per_fte_watch", "BU01", 0, "Tools per FTE: watch above", 0.5, 5.0, 0.1),
    Slider("tools_per_fte_fail", "BU01", 1, "Tools per FTE: too many above", 0.5, 6.0, 0.1),
)
FIELDS = (
    Field("marketing_fte", "Marketing FTE", 0.1, 100_000.0, 0.5),
    Field("marketing_budget_excl_labor", "Marketing budget a year, without labor", 0.0, 1e12, 50_000.0),
)
Changed = Callable[[], None]


class Settings:
    """Sliders for the thresholds and fields for team and budget.

    Attributes:
        view: The controls.
    """

    def __init__(self, state: StackState, changed: Changed) -> None:
        self._state, self._changed = state, changed
        self._following = False
        self._sliders = {slider: self._slider(slider) for slider in SLIDERS}
        self._fields = {field: self._field(field) for field in FIELDS}
        self.view = widgets.VBox([*self._sliders.values(), *self._fields.values()]).add_class("wb-controls")

    def follow(self) -> None:
        """Show the state as it is, after an upload or a link changed it."""
        self._following = True
        for slider, control in self._sliders.items():
            control.value = self._state.threshold(slider.rule)[slider.place]
        for field, control in self._fields.items():
            control.value = self._state.figure(field.parameter) or field.low
        self._following = False

    def _slider(self, slider: Slider) -> widgets.FloatSlider:
        control = widgets.FloatSlider(
            value=self._state.threshold(slider.rule)[slider.place],
            min=slider.low,
            max=slider.high,
            step=slider.step,
            description=slider.words,
            readout_format=SHOWN_DIGITS[shipped_rules()[slider.rule].unit],
            style={"description_width": "initial"},
        )

        def moved(change: dict[str, Any]) -> None:
            if not self._following:
                self._state.set_threshold(slider.rule, _moved(self._state, slider, change["new"]))
                self._changed()

        control.observe(moved, "value")
        return control

    def _field(self, field: Field) -> widgets.BoundedFloatText:
        control = widgets.BoundedFloatText(
            value=self._state.figure(field.parameter) or field.low,
            min=field.low,
            max=field.high,
            step=field.step,
            description=field.words,
            style={"description_width": "initial"},
        )

        def typed(change: dict[str, Any]) -> None:
            if not self._following:
                self._state.set_figure(field.parameter, change["new"])
                self._changed()

        control.observe(typed, "value")
        return control


def inventory_grid(state: StackState, changed: Changed) -> Grid:
    """The inventory as an editable table; what cannot be read is marked at its cell."""
    grid = Grid(
        columns=[_grid_column(column) for column in table("inventory").columns],
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
        state.set_rows(
            [{**row, "decision": own.get(row.get("tool", ""), row.get("decision", ""))} for row in state.rows]
        )
        changed()

    grid.on_edit(edited)
    return grid


def decision_rows(state: StackState) -> list[dict[str, str]]:
    """The rows of the decision grid as the state is now; the analyst's column is blank where the rules decide."""
    return [
        {
            "tool": d.tool,
            "suggested": d.suggested,
            "reason": d.reason,
            "decision": d.decision if d.decided_by == "analyst" else "",
        }
        for d in (state.audit.decision_records if state.audit else ())
    ]


def upload(state: StackState, changed: Changed) -> Upload:
    """Takes an inventory file; a file over the limit is refused in the page."""
    control = Upload(
        label="Upload an inventory (CSV, Excel or Parquet)", accept=".csv,.xlsx,.parquet", max_bytes=UPLOAD_BYTES
    )

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
    for control in (*SLIDERS, *FIELDS):
        value = values.get(control.parameter)
        if not value:
            continue
        if not control.low <= value <= control.high:
            allowed = f"{control.low:g} to {control.high:g} ({control.words.lower()})"
            faults.append(f"{control.parameter} came as {value:g}; allowed is {allowed}.")
        elif isinstance(control, Slider):
            state.set_threshold(control.rule, _moved(state, control, value))
        else:
            state.set_figure(control.parameter, float(value))
    return faults


def _moved(state: StackState, slider: Slider, value: float) -> list[float]:
    """A rule's numbers with the slider's one replaced."""
    return [value if place == slider.place else n for place, n in enumerate(state.threshold(slider.rule))]


def _audit(state: StackState) -> StackAudit:
    if state.audit is None:
        raise UserError("There is no audit yet to download: mend what the message above names, or upload an inventory.")
    return state.audit


def _grid_column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "label": column.name.replace("_", " ").capitalize(),
        "kind": GRID_KINDS.get(column.kind, "text"),
        "choices": list(column.allowed),
        "help": column.meaning,
        "width": 190 if column.name in ("tool", "job", "category") else 130,
    }
