"""A live chart, and the one copy of Vega that all charts of a page share."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bool, Dict, Unicode

from martech_lib.workbook.widgets.panel import script

VEGA_LITE = "6.4"
SHARE_VEGA = (
    "globalThis.martechVega = vegaEmbed; globalThis.dispatchEvent(new Event('martech-vega')); "
    "export default { render() {} };"
)


class Figure(anywidget.AnyWidget):
    """A Vega-Lite chart that follows its specification; it takes the width of its place.

    Altair's own chart widget carries a copy of Vega each; a page of five is then slow to open, and on a busy machine
    some of them give up. Here Vega is sent once.

    Attributes:
        spec: The Vega-Lite specification as a dictionary; {} shows nothing.
        text: What the chart shows, in words, for a screen reader.
        in_view: Whether it is on screen now; told by the page.
    """

    _esm = script("figure.js")
    _css = ".wb-live { width: 100%; min-width: 0; } .wb-live .vega-embed { width: 100%; }"

    spec = Dict().tag(sync=True)
    text = Unicode("").tag(sync=True)
    in_view = Bool(False).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        shared_vega()
        super().__init__(**traits)


@cache
def shared_vega() -> anywidget.AnyWidget:
    """The widget that brings Vega to the page: one a kernel."""
    return type("Vega", (anywidget.AnyWidget,), {"_esm": _bundle(), "__module__": __name__})()


def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; made once a machine and version, for making it takes seconds."""
    import vl_convert

    place = _cache_folder() / f"vega-{version('vl-convert-python')}-{VEGA_LITE}.js"
    if place.is_file():
        return place.read_text(encoding="utf-8")
    made: str = vl_convert.javascript_bundle(SHARE_VEGA, vl_version=VEGA_LITE)
    _keep(place, made)
    return made


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("martech-workbook")


def _keep(place: Path, text: str) -> None:
    """Write whole or not at all; a machine whose cache cannot be written makes the script each time."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, place)
    except OSError:
        return
