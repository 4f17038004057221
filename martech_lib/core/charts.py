"""Pieces that every theme's charts are made of: bars with their labels above, axes of money, the finished chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from martech_lib.core.spoken import money


def bars() -> alt.Chart:
    """Bars in the lower half of their row; the upper half is for its label, which fits a phone that way."""
    return alt.Chart().mark_bar(height=18, yOffset=10, stroke="white", strokeWidth=1.5)


def row_labels(data: alt.NamedData | alt.UndefinedType = alt.Undefined) -> alt.Chart:
    """What a row is and how large, above its bar."""
    return alt.Chart(data).mark_text(align="left", dy=-9, fontWeight=500).encode(x=alt.XValue(0))


def cleared(labels: alt.Chart) -> list[alt.Chart]:
    """Labels on white, for charts whose lines would run through them."""
    beneath = labels.copy()
    beneath.mark.stroke, beneath.mark.strokeWidth = "white", 5
    return [beneath, labels]


def tooltip(**titles: str) -> list[alt.Tooltip]:
    """What a mark says when it is pointed at: column -> its title."""
    return [alt.Tooltip(f"{column}:N", title=title) for column, title in titles.items()]


def colours(column: str, order: Sequence[str], palette: Mapping[str, str], present: pd.Series) -> alt.Color:
    """The palette's colours for the values that occur, in their order."""
    shown = [value for value in order if value in set(present)]
    # The legend stands above the plot, which on a phone leaves no room for the word "deadline".
    legend = alt.Legend(labelExpr="replace(datum.label, 'notice deadline', 'notice by')")
    scale = alt.Scale(domain=shown, range=[palette[v] for v in shown])
    return alt.Color(f"{column}:N", title=None, scale=scale, legend=legend)


def money_axis(currency: str) -> alt.Axis:
    """An axis of amounts in short: $20k."""
    prefix = money(0, currency).removesuffix("0")
    shown = "replace(format(datum.value, '~s'), 'G', 'B')"
    return alt.Axis(labelExpr=f"(datum.value < 0 ? '-' : '') + '{prefix}' + replace({shown}, '−', '')", tickCount=5)


def two_lines() -> alt.Axis:
    """Labels broken at the blank, so that "FY27 Q1" fits a phone."""
    return alt.Axis(labelAngle=0, labelExpr="split(datum.label, ' ')")


def _without_nan(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with None for what is missing: JSON knows no NaN, and the lab warns of it in red."""
    return frame.astype(object).where(frame.notna(), None)


def finished(
    layers: Sequence[alt.Chart],
    tables: Mapping[str, pd.DataFrame],
    text: str,
    *,
    rows: int = 0,
    row_height: int = 46,
    height: int = 0,
) -> alt.LayerChart:
    """The layers over their tables, as wide as their place, with the words that say what they show.

    The rows stand apart from the form, by name: a live chart puts new rows into a drawing that stands. So the order of
    marks is written into their encodings, never left to the order of the rows: rows put in later would stand last.

    Args:
        tables: Name -> rows; layers that name none draw "rows".
    """
    return alt.LayerChart(
        layer=layers,
        data=alt.NamedData("rows") if "rows" in tables else alt.Undefined,
        datasets={name: _without_nan(frame).to_dict("records") for name, frame in tables.items()},
        width="container",
        height=height or max(120, rows * row_height),
        description=text,
    )
