"""The holdouts' controls: which programme and how it is read, the calculator, files to give and to take away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from martech_lib.core.errors import shown
from martech_lib.experiments.declared import number_of
from martech_lib.workbook.apps import fields
from martech_lib.workbook.apps.files import UPLOAD_BYTES
from martech_lib.workbook.apps.personalization_state import LOGS, PersonalizationState
from martech_lib.workbook.widgets import Download, Press, Upload

READ = {
    "window_days": ("Days after assignment that count", "as the register says"),
    "cost": ("Cost over that time", "as the register says"),
    "cost_per_send": ("Or cost of one send", "such as 0.02"),
}
CALCULATED = {
    "baseline": ("Conversion rate without it", "such as 5 %"),
    "lift": ("Lift worth finding", "such as 10 %"),
    "weekly_users": ("New users a week", "such as 5,000"),
}
SHARES = ("baseline", "lift")
POINT_TO_IT = (
    "Larger logs need no upload: put assignments and outcomes (CSV or Parquet) into a folder and start "
    "`martech apps --data FOLDER`, or name a database in place of the folder."
)

Changed = Callable[[], None]


class Controls:
    """Every control of the page; one that is refused goes back when the page is brought in step.

    Attributes:
        reading: Programme, window, cost.
        calculator: Three numbers.
        faults: What is wrong with the last move, in words.
    """

    def __init__(self, state: PersonalizationState, changed: Changed) -> None:
        self._state, self._changed = state, changed
        self._following = False
        self.faults: list[str] = []
        self._program = fields.choice("Programme", [])
        self._texts = {name: fields.text(*words) for name, words in {**READ, **CALCULATED}.items()}
        self.follow()
        self._program.observe(lambda change: self._do(lambda: state.choose(change["new"])), "value")
        for name in READ:
            self._texts[name].observe(lambda change, name=name: self._ask(state.ask, name, change["new"]), "value")
        for name in CALCULATED:
            box = self._texts[name]
            box.observe(lambda change, name=name: self._ask(state.calculate, name, change["new"]), "value")
        own = [self._program, *(self._texts[name] for name in READ)]
        self.reading = widgets.VBox(own).add_class("wb-controls")
        self.calculator = widgets.HBox([self._texts[name] for name in CALCULATED]).add_class("wb-calculator")

    def follow(self) -> None:
        """Show the state as it stands."""
        self._following = True
        try:
            self._program.options = self._state.programs
            self._program.value = self._state.chosen or None
            values = {**self._state.asked._asdict(), **self._state.question._asdict()}
            for name, box in self._texts.items():
                box.value = _shown(name, values[name])
        finally:
            self._following = False

    def _ask(self, act: Callable[..., None], name: str, text: str) -> None:
        self._do(lambda: act(**{name: _number(name, text)}))

    def _do(self, act: Callable[[], None]) -> None:
        if self._following:
            return
        self.faults = self._state.change(act)
        self._changed()


def downloads(state: PersonalizationState) -> widgets.Widget:
    """The readings and the segments as files."""
    readings = Download(state.readings_csv, label="Download the readings", filename="holdout.csv")
    segments = Download(state.segments_csv, label="Download the segments", filename="segments.csv")
    return widgets.HBox([readings, segments]).add_class("wb-downloads")


def uploads(state: PersonalizationState, changed: Changed) -> widgets.Widget:
    """Assignments and outcomes as files."""
    return widgets.VBox([_upload(state, changed, table) for table in LOGS])


def register(state: PersonalizationState, changed: Changed) -> widgets.Widget:
    """The next holdout into the experiment register."""

    def done() -> str:
        said = state.register()
        changed()
        return said

    return widgets.HBox([Press(done, label="Write the next holdout into the register")]).add_class("wb-downloads")


def _upload(state: PersonalizationState, changed: Changed, table: str) -> Upload:
    control = Upload(
        label=f"Upload {table} (CSV or Parquet)", accept=".csv,.parquet", max_bytes=UPLOAD_BYTES, instead=POINT_TO_IT
    )

    def arrived(name: str, data: bytes) -> None:
        notes = state.upload(table, name, data)
        changed()
        control.say(f"{shown(name)} was read.", messages=notes)

    control.on_file(arrived)
    return control


def _number(name: str, text: str) -> float | None:
    """A number as people write it; None where nothing is written. Raises UserError."""
    return number_of(name, text) if text.strip() else None


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{100 * value:.4g} %" if name in SHARES else f"{value:,.6g}"
