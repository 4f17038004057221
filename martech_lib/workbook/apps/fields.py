"""The controls that apps share: each with its words in full, answering when it is left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ipywidgets as widgets

STYLE = {"description_width": "initial"}


def slider(words: str, low: float, high: float, step: float, *, shown: str) -> widgets.FloatSlider:
    """A number between two ends, written as `shown` says (".0%")."""
    return widgets.FloatSlider(
        min=low, max=high, step=step, description=words, readout_format=shown, continuous_update=False, style=STYLE
    )


def show(control: widgets.ValueWidget, value: Any) -> None:
    """Set a control to a value; a slider reaches as far as that, where it would show its end instead."""
    if isinstance(control, widgets.FloatSlider):
        control.min, control.max = min(control.min, value), max(control.max, value)
    control.value = value


def text(words: str, placeholder: str) -> widgets.Text:
    """One line of text; the placeholder is an example."""
    return widgets.Text(description=words, placeholder=placeholder, continuous_update=False, style=STYLE)


def day(words: str) -> widgets.DatePicker:
    """A day, or none."""
    return widgets.DatePicker(description=words, style=STYLE)


def choice(words: str, options: Iterable[Any]) -> widgets.Dropdown:
    """One of several."""
    return widgets.Dropdown(options=list(options), description=words, style=STYLE)


def box(words: str, *, value: bool = False) -> widgets.Checkbox:
    """Something that is on or off."""
    return widgets.Checkbox(value=value, description=words, indent=False)


def headed(words: str, *below: widgets.Widget) -> widgets.Widget:
    """Controls below a short heading."""
    return widgets.VBox([widgets.Label(words).add_class("wb-choices-head"), *below])
