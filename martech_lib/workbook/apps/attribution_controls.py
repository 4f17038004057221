"""The attribution app's controls: period and journeys, weights, models, channels, upload and download."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from martech_lib.attribution import MODELS
from martech_lib.attribution.intake import KINDS
from martech_lib.attribution.names import MODEL_NAMES
from martech_lib.workbook.apps import fields
from martech_lib.workbook.apps.attribution_state import AttributionState, question_of
from martech_lib.workbook.views import told
from martech_lib.workbook.widgets import Download

CUSTOMERS = (("All customers", ""), ("New customers", "new"), ("Returning customers", "returning"))
TOUCHES = (("Clicks and views", "; ".join(KINDS)), ("Clicks", "click"), ("Views", "view"))
PERIODS = (("One month", False), ("The whole log", True))

Changed = Callable[[], None]


class Settings:
    """Every part of the question as a control; a refused one goes back when the page is brought in step.

    Attributes:
        view: The controls.
        faults: What is wrong with the last move, in words.
    """

    def __init__(self, state: AttributionState, changed: Changed) -> None:
        self._state, self._changed = state, changed
        self._following = False
        self.faults: list[str] = []
        self._controls = self._made()
        self._models = {model: fields.box(MODEL_NAMES[model]) for model in MODELS}
        self._channel_boxes = widgets.Box().add_class("wb-choices")
        self.follow()
        for name, control in self._controls.items():
            control.observe(lambda change, name=name: self._ask(**{name: change["new"]}), "value")
        for box in self._models.values():
            box.observe(lambda _: self._ask(shown="; ".join(m for m, b in self._models.items() if b.value)), "value")
        models = widgets.Box([*self._models.values()]).add_class("wb-choices")
        self.view = widgets.VBox(
            [
                widgets.VBox([*self._controls.values()]).add_class("wb-controls"),
                fields.headed("Models drawn", models),
                fields.headed("Channels counted", self._channel_boxes),
            ]
        )

    def follow(self) -> None:
        """Show the question as it stands."""
        self._following = True
        try:
            for name, value in _values(self._state).items():
                fields.show(self._controls[name], value)
            for model, box in self._models.items():
                box.value = model in self._state.question.shown
            self._follow_channels()
        finally:
            self._following = False

    def _follow_channels(self) -> None:
        without = self._state.question.segment.without
        if [box.description for box in self._channel_boxes.children] != list(self._state.channels):
            boxes = [fields.box(channel, value=channel not in without) for channel in self._state.channels]
            for box in boxes:
                box.observe(self._set_aside, "value")
            self._channel_boxes.children = boxes
        for box in self._channel_boxes.children:
            box.value = box.description not in without

    def _set_aside(self, _: object) -> None:
        left = tuple(box.description for box in self._channel_boxes.children if not box.value)
        if not self._following:
            self._take(lambda: self._state.ask(segment=self._state.question.segment._replace(without=left)))

    def _ask(self, **values: Any) -> None:
        if not self._following:
            self._take(lambda: self._state.ask(**question_of(values, self._state.question)._asdict()))

    def _take(self, change: Changed) -> None:
        self.faults = []
        try:
            change()
        except Exception as error:
            self.faults = told(error)
        self._changed()

    def _made(self) -> dict[str, Any]:
        """Notebook parameter -> its control."""
        names = [(MODEL_NAMES[model], model) for model in MODELS]
        return {
            "whole_log": fields.choice("Conversions of", PERIODS),
            "customers": fields.choice("Journeys of", CUSTOMERS),
            "kinds": fields.choice("Touches that count", TOUCHES),
            "only": fields.text("Only rows with", "such as campaign=spring"),
            "lookback_days": fields.slider("Lookback, days", 1, 90, 1, shown=".0f"),
            "half_life_days": fields.slider("Half-life of time decay, days", 0.5, 30, 0.5, shown=".1f"),
            "position_first": fields.slider("Position-based: first touch", 0, 1, 0.05, shown=".0%"),
            "position_last": fields.slider("Position-based: last touch", 0, 1, 0.05, shown=".0%"),
            "model": fields.choice("Leading model", names),
        }


def downloads(state: AttributionState) -> widgets.Widget:
    """The credit of every model as a file."""
    button = Download(state.credit_csv, label="Download credit", filename="credit.csv")
    return widgets.HBox([button]).add_class("wb-downloads")


def _values(state: AttributionState) -> dict[str, Any]:
    """Notebook parameter -> its value in the question as it stands."""
    asked = state.question
    return {
        "whole_log": asked.whole_log,
        "customers": asked.segment.customers,
        "kinds": "; ".join(kind for kind in KINDS if kind in asked.kinds),
        "only": f"{asked.segment.column}={asked.segment.value}" if asked.segment.column else "",
        "lookback_days": asked.lookback_days,
        "half_life_days": asked.half_life_days,
        "position_first": asked.position[0],
        "position_last": asked.position[2],
        "model": asked.model,
    }
