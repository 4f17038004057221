"""The one Altair theme of the workbook: large type, quiet axes, colours that colour-blind eyes tell apart."""

from __future__ import annotations

from typing import Any, cast

import altair as alt

from martech_lib.core.palette import BLUE, GREEN, INK, LINE, MUTED, ORANGE, PURPLE, SKY, YELLOW

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif'


def enable() -> None:
    """Use the workbook's theme for every chart of this process."""
    alt.theme.register("martech", enable=True)(_theme)
    alt.data_transformers.disable_max_rows()


def _theme() -> alt.theme.ThemeConfig:
    config: dict[str, Any] = {
        "background": "white",
        "aria": False,  # a figure is one image with its text; marks would read out raw column names
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": INK, "titleColor": MUTED, "labelFontSize": 13, "titleFontSize": 13,
            "titleFontWeight": "normal", "gridColor": LINE, "domainColor": LINE, "tickColor": LINE,
            "labelPadding": 6, "titlePadding": 10,
        },
        "axisY": {"domain": False, "ticks": False},
        "axisBand": {"grid": False},
        "legend": {
            "orient": "top", "labelFontSize": 13, "labelColor": INK, "symbolType": "square",
            "columns": 2, "title": None,
        },
        "bar": {"color": BLUE},
        "text": {"color": INK, "fontSize": 13},
        "range": {"category": [BLUE, ORANGE, GREEN, YELLOW, SKY, PURPLE, MUTED]},
    }  # fmt: skip
    return cast(alt.theme.ThemeConfig, {"config": config})
