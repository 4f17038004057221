"""The workbook's own widgets: an editable table, an upload, a download, a button and a live chart.

Each is a small script beside its Python file, read from the package, so that it works offline and from a
wheel. Python stays the source of truth; a callback that fails is told in the page and changes nothing.
"""

from __future__ import annotations

from martech_lib.workbook.widgets.download import Download
from martech_lib.workbook.widgets.figure import Figure
from martech_lib.workbook.widgets.grid import Grid
from martech_lib.workbook.widgets.press import Press
from martech_lib.workbook.widgets.upload import Upload

__all__ = ["Download", "Figure", "Grid", "Press", "Upload"]
