"""What a notebook shows: drawn once in a report, kept in step with the state in the lab and in an app."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape
from typing import Any, Literal

import altair as alt
import ipywidgets as widgets
from altair.utils.schemapi import debug_mode
from IPython.display import display

from martech_lib.core.errors import UserError
from martech_lib.workbook.html import alert, note
from martech_lib.workbook.widgets import Figure
from martech_lib.workbook.widgets.figure import VEGA_LITE

Mode = Literal["lab", "app", "report"]
Chart = alt.TopLevelMixin
log = logging.getLogger(__name__)
WIDE, NARROW = 1080, 350


class Drawn:
    """HTML for a report's page, or a page that is not live."""

    def __init__(self, html: str) -> None:
        self.html = html

    def _repr_html_(self) -> str:
        return self.html


class Screen:
    """The views of one notebook; `refresh` redraws all that are live.

    A live view that cannot be drawn says so in its place, and the others follow all the same; in a report it raises.

    Args:
        mode: report draws each view once; lab and app give widgets.
    """

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self._texts: list[Callable[[], None]] = []
        self._figures: list[tuple[Figure, Callable[[], None]]] = []
        self._stale: set[Figure] = set()

    def html(self, render: Callable[[], str]) -> Any:
        """A view of markup made by `workbook.html`, where all data is escaped."""
        if self.mode == "report":
            return Drawn(render())
        view = widgets.HTML()
        view.add_class("wb-view")

        def redraw() -> None:
            try:
                view.value = render()
            except Exception as error:
                view.value = alert(told(error))

        redraw()
        self._snapshot(view.value)
        self._texts.append(redraw)
        return view

    def figure(self, draw: Callable[[], Chart | None], *, otherwise: str | Callable[[], str]) -> Any:
        """A view of a chart; where there is nothing to draw it says `otherwise`, asked anew each time."""
        instead = otherwise if callable(otherwise) else lambda: otherwise
        if self.mode == "report":
            chart = draw()
            return Drawn(_figures({} if chart is None else chart.to_dict(), instead()))
        return self._live_figure(draw, instead)

    def refresh(self) -> None:
        """Bring every live view in step; a chart that is off screen follows when it comes into view."""
        for view, redraw in self._figures:
            if view.in_view:
                redraw()
            else:
                self._stale.add(view)
        for redraw in self._texts:
            redraw()

    def _snapshot(self, html: str) -> None:
        """Put what a view shows into an app's page itself, to be seen until the view has come to life."""
        if self.mode == "app":
            display(Drawn(f'<div class="wb-snapshot">{html}</div>'))

    def _live_figure(self, draw: Callable[[], Chart | None], instead: Callable[[], str]) -> Any:
        view, words = Figure(), widgets.HTML()
        box = widgets.VBox([view, words])
        box.add_class("wb-figure")

        def redraw() -> None:
            self._stale.discard(view)
            try:
                spec = _specification(draw)
                text, below = str(spec.get("description", "")), "" if spec else note(instead())
            except Exception as error:
                spec, text, below = {}, "", alert(told(error))
            with view.hold_sync():
                view.text, view.spec = text, spec
            # The chart's own label tells a screen reader what this line tells the eye.
            words.value = below or note(text, is_spoken=False)

        def seen(_: object) -> None:
            if view.in_view and view in self._stale:
                redraw()

        redraw()
        if self.mode == "app":
            self._snapshot(_first_sight(view.spec, words.value) if view.spec else words.value)
        view.observe(seen, "in_view")
        self._figures.append((view, redraw))
        return box


def told(error: Exception) -> list[str]:
    """An error in words for the page; one that is ours is told by its type alone and logged whole."""
    if isinstance(error, UserError):
        return str(error).splitlines()
    log.error("A part of the page failed", exc_info=error)
    return [f"Something of ours broke: {type(error).__name__}. The rest of the page stands."]


def picture(chart: Chart, *, kind: Literal["svg", "png"]) -> bytes:
    """A chart as a file to take away, as wide as in a report."""
    import vl_convert

    if kind == "svg":
        return figure_html(chart, width=WIDE).encode()
    spec = {**chart.to_dict(), "width": WIDE, "background": "white"}
    return bytes(vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=2))


def figure_html(chart: Chart, *, width: int) -> str:
    """A chart as inline SVG at a width in pixels: no script, no request."""
    return _svg(chart.to_dict(), width=width)


def _svg(spec: dict[str, Any], *, width: int) -> str:
    import vl_convert

    at_width = {**spec, "width": width, "autosize": {"type": "fit-x", "contains": "padding"}}
    svg: str = vl_convert.vegalite_to_svg(at_width, vl_version=VEGA_LITE)
    return svg


def _specification(draw: Callable[[], Chart | None]) -> dict[str, Any]:
    """A chart as Vega-Lite; {} for none."""
    # The tests check every property of every chart; checking again costs a slider its pace.
    with debug_mode(False):
        chart = draw()
        return {} if chart is None else chart.to_dict(validate=False)


def _first_sight(spec: dict[str, Any], otherwise: str) -> str:
    """The figure as it stands in the page before the live one; its words alone when it cannot be drawn so."""
    try:
        return _figures(spec, otherwise)
    except Exception as error:
        told(error)
        return otherwise


def _figures(spec: dict[str, Any], otherwise: str) -> str:
    """The figure for wide and for narrow screens; the stylesheet shows one of them."""
    if not spec:
        return note(otherwise)
    text = escape(str(spec["description"]), quote=True)
    drawn = "".join(
        f'<div class="wb-{size}" role="img" aria-label="{text}">{_svg(spec, width=width)}</div>'
        for size, width in (("wide", WIDE), ("narrow", NARROW))
    )
    return f'<figure class="wb-fig">{drawn}<figcaption>{text}</figcaption></figure>'
