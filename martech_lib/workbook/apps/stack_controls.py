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
from martech_lib.workbook.apps.stack_settings import FIELDS, SLIDERS, Field, Slider
from martech_lib.workbook.apps.stack_state import StackState
from martech_lib.workbook.views import told
from martech_lib.workbook.widgets import Download, Grid
from martech_lib.workbook.widgets.grid import Row

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


Changed = Callable[[], None]


class Settings:
    """Sliders for the thresholds and fields for team and budget; a field is blank while its figure is unknown.

    `changed` brings the page in step, these controls too (`follow`): a number that was refused goes back.

    Attributes:
        view: The controls.
    """

    def __init__(self, state: StackState, changed: Changed) -> None:
        self._state, self._changed = state, changed
        self._following = False
        self._sliders = {slider: self._slider(slider) for slider in SLIDERS}
        self._fields = {field: self._field(field) for field in FIELDS}
        self.follow()
        self.view = widgets.VBox([*self._sliders.values(), *self._fields.values()]).add_class("wb-controls")

    def follow(self) -> None:
        """Show the state as it is, after an upload, a link or a refused number changed it."""
        self._following = True
        try:
            for slider, control in self._sliders.items():
                value = self._state.threshold(slider.rule)[slider.place]
                low, high = self._state.bounds(slider)
                control.min, control.max = min(low, control.min), max(high, control.max)
                control.value = value
            for field, text in self._fields.items():
                text.value = _figure_text(self._state.figure(field.parameter))
        finally:
            self._following = False

    def _slider(self, slider: Slider) -> widgets.FloatSlider:
        control = widgets.FloatSlider(
            min=slider.low,
            max=slider.high,
            step=slider.step,
            description=slider.words,
            readout_format=SHOWN_DIGITS[shipped_rules()[slider.rule].unit],
            style={"description_width": "initial"},
        )

        def moved(change: dict[str, Any]) -> None:
            self._take(lambda: self._state.set_threshold(slider.rule, _moved(self._state, slider, change["new"])))

        control.observe(moved, "value")
        return control

    def _field(self, field: Field) -> widgets.Text:
        control = widgets.Text(
            placeholder="not known",
            continuous_update=False,
            description=field.words,
            style={"description_width": "initial"},
        )

        def typed(change: dict[str, Any]) -> None:
            self._take(lambda: self._state.set_figure(field.parameter, change["new"]))

        control.observe(typed, "value")
        return control

    def _take(self, change: Changed) -> None:
        if not self._following:
            change()
            self._changed()


def inventory_grid(state: StackState, changed: Changed) -> Grid:
    """The inventory as an editable table; what cannot be read is marked at its cell."""
    grid = Grid(
        columns=[_grid_column(column) for column in table("inventory").columns],
        rows=state.rows,
        label="Inventory, one row a tool",
    )

    def edited(rows: list[dict[str, str]]) -> None:
        state.set_rows(rows)
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
            [
                {**row, "decision": own.get(_tool(row), row.get("decision", ""))} if _tool(row) else row
                for row in state.rows
            ]
        )
        changed()

    grid.on_edit(edited)
    return grid


def decision_rows(state: StackState) -> list[dict[str, str]]:
    """The rows of the decision grid as the state is now; the analyst's column holds what the inventory says."""
    own = {_tool(row): row.get("decision", "") for row in state.rows}
    return [
        {"tool": d.tool, "suggested": d.suggested, "reason": d.reason, "decision": own.get(d.tool, "")}
        for d in (state.audit.decision_records if state.audit else ())
    ]


def downloads(state: StackState) -> widgets.Widget:
    """Decisions, findings and the edited inventory as files."""
    buttons = [
        Download(lambda: to_csv(_audit(state).decisions), label="Download decisions", filename="decisions.csv"),
        Download(lambda: to_csv(_audit(state).findings), label="Download findings", filename="findings.csv"),
        Download(state.inventory_csv, label="Download inventory", filename="inventory.csv"),
    ]
    return widgets.HBox(buttons).add_class("wb-downloads")


def apply_link(state: StackState, values: Mapping[str, Any], *, explicit: bool = False) -> list[str]:
    """Set what a notebook's parameters or a deep link ask for; what cannot be set is said and left as it was.

    A notebook's parameter of 0 leaves the workspace's own figure; a deep link is `explicit`: what it names, it sets.
    """
    faults: list[str] = []
    thresholds: dict[str, list[float]] = {}
    for control in (*SLIDERS, *FIELDS):
        value = values.get(control.parameter)
        if value is None or (value == 0 and not explicit):
            continue
        if fault := state.fault_of(control, value):
            faults.append(fault)
        elif isinstance(control, Slider):
            thresholds.setdefault(control.rule, list(state.threshold(control.rule)))[control.place] = float(value)
        else:
            faults += _refused(state, {}, {control.parameter: float(value)})
    for rule, numbers in thresholds.items():
        faults += _refused(state, {rule: numbers}, {})
    return faults


def _refused(
    state: StackState, thresholds: Mapping[str, Sequence[float]], figures: Mapping[str, float | None]
) -> list[str]:
    try:
        state.take(thresholds, figures)
    except Exception as error:
        return told(error)
    return []


def _figure_text(value: float | None) -> str:
    return "" if value is None else f"{value:,.10g}"


def _tool(row: Row) -> str:
    return row.get("tool", "").strip()


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
