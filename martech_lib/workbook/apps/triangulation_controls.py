"""The controls of triangulation: lenses on and off, what a budget may do, priors, an upload, files to take away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import ipywidgets as widgets
import pandas as pd

from martech_lib.attribution import usual_priors
from martech_lib.attribution.triangulation import charts
from martech_lib.attribution.triangulation.laid import Asked
from martech_lib.attribution.triangulation.priors import checked_priors
from martech_lib.core.errors import UserError, shown
from martech_lib.core.numbers import read_number
from martech_lib.workbook.apps import fields
from martech_lib.workbook.apps.attribution_state import AttributionState
from martech_lib.workbook.apps.files import upload
from martech_lib.workbook.views import picture, told
from martech_lib.workbook.widgets import Download, Grid

PRIOR_COLUMNS = (
    ("lens", "Lens", 185), ("role", "Role", 190), ("remembered", "Recalled", 110),
    ("walled_garden", "Walled garden", 170), ("mean", "Usual error", 130), ("sd", "Lens sd", 100),
    ("spread", "Channel sd", 130), ("why", "Why", 400),
)  # fmt: skip
EDITABLE = ("mean", "sd", "spread")
FIELDS = {
    "budget": ("Budget of the period", "as now"),
    "floors": ("Floors", "such as video=2000; display=500"),
    "ceilings": ("Ceilings", "such as video=6000"),
    "conversion_value": ("Worth of a conversion", "as in the period"),
}

Changed = Callable[[], None]


class PoolingControls:
    """How lenses are pooled and money moved, as controls; a refused one goes back when the page is brought in step.

    Attributes:
        view: The controls.
        faults: What is wrong with the last move, in words.
    """

    def __init__(self, state: AttributionState, changed: Changed) -> None:
        self._state, self._changed = state, changed
        self._following = False
        self.faults: list[str] = []
        self._lenses = widgets.Box().add_class("wb-choices")
        self._sliders = {
            "step": fields.slider("Largest change of a channel's spend", 0.0, 0.5, 0.05, shown=".0%"),
            "elasticity": fields.slider("Conversions go with spend to the power of", 0.1, 0.9, 0.05, shown=".2f"),
            "sure": fields.slider("Hold unless better with a probability of", 0.5, 0.99, 0.01, shown=".0%"),
        }
        self._fields = {name: fields.text(*words) for name, words in FIELDS.items()}
        self._grid = self._prior_grid()
        self.follow()
        for name, control in {**self._sliders, **self._fields}.items():
            control.observe(lambda change, name=name: self._ask(**{name: change["new"]}), "value")
        controls = [*self._sliders.values(), *self._fields.values()]
        self.view = widgets.VBox(
            [
                fields.headed("Lenses heard", self._lenses),
                widgets.VBox(controls).add_class("wb-controls"),
                fields.headed("What is believed of each lens (log scale)", self._grid),
                upload(state.upload_lenses, changed, what="lenses"),
                self._downloads(),
            ]
        )

    def follow(self) -> None:
        """Show the way of pooling as it stands."""
        self._following = True
        try:
            limits = self._state.asked.limits
            for name, slider in self._sliders.items():
                fields.show(slider, getattr(limits, name))
            texts = {
                "budget": _amount(limits.budget),
                "floors": _amounts(limits.floors),
                "ceilings": _amounts(limits.ceilings),
                "conversion_value": _amount(self._state.asked.value),
            }
            for name, field in self._fields.items():
                field.value = texts[name]
            self._follow_lenses()
        finally:
            self._following = False

    def _follow_lenses(self) -> None:
        reading = self._state.reading.triangulated if self._state.reading else None
        names = sorted({seen.lens for seen in reading.seen}) if reading else []
        if [box.description for box in self._lenses.children] != [_titled(name) for name in names]:
            boxes = [fields.box(_titled(name), value=True) for name in names]
            for box in boxes:
                box.observe(self._switch, "value")
            self._lenses.children = boxes
        self._names = names
        for box, name in zip(self._lenses.children, names, strict=True):
            box.value = name not in self._state.asked.without

    def _switch(self, _: object) -> None:
        if self._following:
            return
        off = [name for box, name in zip(self._lenses.children, self._names, strict=True) if not box.value]
        # A lens that speaks of other periods alone has no box here, and stays as it was.
        unseen = [name for name in self._state.asked.without if name not in self._names]
        self._take(lambda: self._state.pool(without=(*off, *unseen)))

    def _ask(self, **values: Any) -> None:
        if not self._following:
            asked = self._state.asked
            self._take(lambda: self._state.pool(**asked_of(values, asked)._asdict()))

    def _take(self, change: Changed) -> None:
        self.faults = []
        try:
            change()
        except Exception as error:
            self.faults = told(error)
        self._changed()

    def _prior_grid(self) -> Grid:
        columns = [
            {"name": name, "label": words, "width": width, "read_only": name not in EDITABLE}
            | ({"kind": "number"} if name in EDITABLE else {})
            for name, words, width in PRIOR_COLUMNS
        ]
        table = usual_priors()
        rows = [
            {name: "" if pd.isna(row[name]) else f"{row[name]}" for name, _, _ in PRIOR_COLUMNS}
            for row in table.to_dict("records")
        ]
        grid = Grid(
            columns=columns, rows=rows, label="Priors, one row a lens and kind of channel", fixed=True, height=300
        )

        def take(rows: list[dict[str, str]]) -> None:
            own = pd.DataFrame({name: [_number(row[name], name) for row in rows] for name in EDITABLE})
            edited = table.drop(columns=[*EDITABLE]).join(own)
            checked_priors(edited)  # what is refused here goes back, with the reason at the table
            self._take(lambda: self._state.pool(priors=edited))

        grid.on_edit(take)
        return grid

    def _downloads(self) -> widgets.Widget:
        state = self._state
        files = [
            Download(state.ranges_csv, label="Download ranges", filename="ranges.csv"),
            Download(state.lenses_csv, label="Download all lenses", filename="all-lenses.csv"),
            Download(lambda: self._picture("svg"), label="Picture (SVG)", filename="ranges.svg", mime="image/svg+xml"),
            Download(lambda: self._picture("png"), label="Picture (PNG)", filename="ranges.png", mime="image/png"),
        ]
        return widgets.HBox(files).add_class("wb-downloads")

    def _picture(self, kind: Literal["svg", "png"]) -> bytes:
        reading = self._state.reading.triangulated if self._state.reading else None
        if reading is None or not reading.ranges:
            raise UserError("There is no picture yet: see above what is missing.")
        return picture(charts.ranges(reading), kind=kind)


def asked_of(values: Mapping[str, Any], base: Asked | None = None) -> Asked:
    """The way of pooling that a notebook's parameters or a link ask; what they do not name stays. Raises UserError."""
    asked = base or Asked()
    limits: dict[str, Any] = {n: float(values[n]) for n in ("step", "elasticity", "sure") if n in values}
    if "budget" in values:
        limits["budget"] = _number(values["budget"], "budget")
    limits |= {name: _pairs(values[name], name) for name in ("floors", "ceilings") if name in values}
    changes: dict[str, Any] = {"limits": replace(asked.limits, **limits).checked()}
    if "conversion_value" in values:
        changes["value"] = _number(values["conversion_value"], "conversion_value")
        if (changes["value"] or 0.0) < 0:
            raise UserError(f"conversion_value came as {changes['value']:g}; allowed is money from 0 on.")
    if "lenses_off" in values:
        changes["without"] = tuple(part.strip() for part in values["lenses_off"].split(";") if part.strip())
    return asked._replace(**changes)


def _number(text: str, name: str) -> float | None:
    """An amount as typed; None when blank."""
    if not str(text).strip():
        return None
    written = read_number(str(text).strip())
    if written is None or written.point is None:
        raise UserError(f"{name} came as '{shown(text)}', which is not a number; write it like 1234.5.")
    return written.point


def _pairs(text: str, name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        channel, sign, amount = (piece.strip() for piece in part.partition("="))
        value = _number(amount, name) if sign else None
        if not channel or value is None:
            raise UserError(f"{name} came as '{shown(part)}'; write a channel, an equals sign and an amount.")
        found[channel] = value
    return found


def _amount(value: float | None) -> str:
    """Money as it can be read again, with every digit that was asked: 1,234,570, or 0.5."""
    if value is None:
        return ""
    amount = float(value)
    return f"{amount:,.0f}" if amount.is_integer() else f"{amount:,}"


def _amounts(values: Mapping[str, float]) -> str:
    return "; ".join(f"{channel}={_amount(amount)}" for channel, amount in values.items())


def _titled(lens: str) -> str:
    return lens[:1].upper() + lens[1:]
