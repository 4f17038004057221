"""The pictures of triangulation; each is built from one of the frames here, so that its marks are rows of a table."""

from __future__ import annotations

import altair as alt
import pandas as pd

from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.attribution.triangulation.priors import LENSES, LIFT_TEST
from martech_lib.attribution.triangulation.seen import Seen
from martech_lib.core import charts as draw
from martech_lib.core.palette import BLUE, GREEN, GREY, INK, MUTED, ORANGE, PURPLE, SKY, YELLOW
from martech_lib.core.spoken import count, money, number

COLOURS = {
    "last touch": ORANGE,
    "multi-touch": SKY,
    "platform": PURPLE,
    "survey": YELLOW,
    "media mix": GREEN,
    "lift test": INK,
}
SHAPES = {
    "last touch": "circle",
    "multi-touch": "circle",
    "platform": "square",
    "survey": "diamond",
    "media mix": "triangle-up",
    "lift test": "cross",
}
VENDOR_COLOURS = (GREY, "#7a5c00", "#8b1a1a")
IN_LINES = "split(replace(datum.label, ' (', '|('), '|')"  # a vendor's basis below its name, so that a phone has room


def range_rows(reading: TriangulationReading) -> pd.DataFrame:
    """One row a channel: channel, estimate, lower, upper, verdict, truth (blank where unknown)."""
    rows = [(r.channel, r.estimate, r.lower, r.upper, r.verdict, reading.truth.get(r.channel)) for r in reading.ranges]
    frame = pd.DataFrame(rows, columns=["channel", "estimate", "lower", "upper", "verdict", "truth"])
    return frame.astype(dict.fromkeys(("estimate", "lower", "upper", "truth"), "float64"))


def lens_rows(reading: TriangulationReading) -> pd.DataFrame:
    """One row a lens and channel with a range, those switched off left out: channel, lens, conversions; of lift tests
    low and high too, the ends of their interval."""
    with_range = {r.channel for r in reading.ranges}
    most = max([s.estimate for s in reading.seen] + [r.upper or 0.0 for r in reading.ranges], default=0.0)
    rows = [
        (s.channel, s.lens, s.estimate, *_ends(s, most))
        for s in reading.seen
        if s.channel in with_range and s.lens not in reading.asked.without
    ]
    return pd.DataFrame(rows, columns=["channel", "lens", "conversions", "low", "high"])


def _ends(seen: Seen, most: float) -> tuple[float | None, float | None]:
    """The interval of a lift test as far as the picture goes; none of other lenses, whose errors are mostly bias."""
    if seen.lens != LIFT_TEST or seen.lower is None or seen.upper is None:
        return None, None
    return min(max(seen.lower, 0.0), most), min(max(seen.upper, 0.0), most)


def ranges(reading: TriangulationReading) -> alt.LayerChart:
    """The pooled range of each channel as a bar, every lens around it as a mark."""
    frame, lenses = range_rows(reading).drop(columns="truth"), lens_rows(reading)
    intervals = lenses.dropna(subset=["low"])[["channel", "low", "high"]]
    lenses = lenses.drop(columns=["low", "high"])
    frame["said"] = [
        f"{number(e)} ({number(low)} to {number(high)})"
        for e, low, high in zip(frame["estimate"], frame["lower"], frame["upper"], strict=True)
    ]
    lenses["said"] = [number(n) for n in lenses["conversions"]]
    y = _rows_of(frame)
    x = alt.X("lower:Q", title="Incremental conversions", axis=alt.Axis(tickCount=6))
    bars = alt.Chart().mark_bar(height=16, color=BLUE, opacity=0.35, cornerRadius=3).encode(
        x=x, x2=alt.X2("upper:Q"), y=y, tooltip=draw.tooltip(channel="Channel", said="Range", verdict="Verdict")
    )  # fmt: skip
    middles = alt.Chart().mark_tick(color=BLUE, thickness=4, height=24).encode(x=alt.X("estimate:Q"), y=y)
    shown = [name for name in (*LENSES, *sorted({*lenses["lens"]} - {*LENSES})) if name in set(lenses["lens"])]
    colour, shape = _lens_scales(shown)
    marks = alt.Chart(alt.NamedData("lenses")).mark_point(filled=True, size=62, opacity=0.95).encode(
        x=alt.X("conversions:Q"), y=y, color=colour, shape=shape,
        tooltip=draw.tooltip(channel="Channel", lens="Lens", said="Conversions"),
    )  # fmt: skip
    tests = alt.Chart(alt.NamedData("intervals")).mark_rule(
        color=INK, strokeWidth=1.2
    ).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"), y=y)  # fmt: skip
    level = f"{reading.asked.level:.0%}".replace("%", " %")
    text = (
        f"Bars are the {level} ranges of all lenses together for {count(len(frame), 'channel')}, the blue tick their "
        f"middle; marks are what single lenses say, a line through a lift test its own interval."
    )
    return draw.finished(
        [bars, middles, tests, marks], {"rows": frame, "lenses": lenses, "intervals": intervals}, text, rows=len(frame)
    )


def against_truth(reading: TriangulationReading) -> alt.LayerChart:
    """The ranges of the whole log beside what each channel truly caused."""
    frame = range_rows(reading).dropna(subset=["truth"])
    frame["said"] = [number(n) for n in frame["truth"]]
    y = _rows_of(frame)
    bars = alt.Chart().mark_bar(height=16, color=BLUE, opacity=0.35, cornerRadius=3).encode(
        x=alt.X("lower:Q", title="Conversions of the whole log", axis=alt.Axis(tickCount=6)),
        x2=alt.X2("upper:Q"), y=y,
    )  # fmt: skip
    middles = alt.Chart().mark_tick(color=BLUE, thickness=4, height=24).encode(x=alt.X("estimate:Q"), y=y)
    truths = alt.Chart().mark_point(filled=True, size=110, color=ORANGE, shape="diamond", opacity=1).encode(
        x=alt.X("truth:Q"), y=y, tooltip=draw.tooltip(channel="Channel", said="Truly caused")
    )  # fmt: skip
    held = int(((frame["lower"] <= frame["truth"]) & (frame["truth"] <= frame["upper"])).sum())
    text = (
        f"Ranges of the whole log; the orange diamond is what the channel truly caused. {held} of {len(frame)} hold it."
    )
    return draw.finished([bars, middles, truths], {"rows": frame}, text, rows=len(frame))


def budget_rows(reading: TriangulationReading) -> pd.DataFrame:
    """Two rows a channel with spend: channel, kind (now, next), money."""
    moves = sorted(reading.budget.moves if reading.budget else (), key=lambda m: -m.now)
    rows = [(m.channel, kind, amount) for m in moves for kind, amount in (("Now", m.now), ("Next", m.then))]
    return pd.DataFrame(rows, columns=["channel", "kind", "money"])


def budget(reading: TriangulationReading) -> alt.LayerChart:
    """Each channel's spend now and as suggested."""
    frame = budget_rows(reading)
    frame["said"] = [money(m, reading.currency) for m in frame["money"]]
    order = list(dict.fromkeys(frame["channel"]))
    y = alt.Y("channel:N", sort=order, title=None, axis=alt.Axis(labelLimit=140))
    scale = alt.Scale(domain=["Now", "Next"], range=[GREY, BLUE])
    bars = alt.Chart().mark_bar(height=12).encode(
        x=alt.X("money:Q", title="Spend of the period", axis=draw.money_axis(reading.currency)), y=y,
        yOffset=alt.YOffset("kind:N", sort=["Now", "Next"]), color=alt.Color("kind:N", title=None, scale=scale),
        tooltip=draw.tooltip(channel="Channel", kind="When", said="Spend"),
    )  # fmt: skip
    found = reading.budget
    text = "Spend by channel now and after the best move within the limits."
    if found is not None and found.is_hold:
        text += f" There is none: {found.reason}." if found.is_still else " It is too unsure to be made."
    return draw.finished([bars], {"rows": frame}, text, rows=len(order))


def _rows_of(frame: pd.DataFrame) -> alt.Y:
    return alt.Y(
        "channel:N",
        sort=frame["channel"].tolist(),
        title=None,
        axis=alt.Axis(labelLimit=140, grid=True, gridColor=MUTED, gridOpacity=0.15),
    )


def _lens_scales(shown: list[str]) -> tuple[alt.Color, alt.Shape]:
    vendors = [name for name in shown if name not in COLOURS]
    extra = {name: VENDOR_COLOURS[at % len(VENDOR_COLOURS)] for at, name in enumerate(vendors)}
    colours = [{**COLOURS, **extra}[name] for name in shown]
    shapes = [SHAPES.get(name, "triangle-down") for name in shown]
    legend = alt.Legend(columns=2, labelLimit=130, symbolOpacity=1, labelExpr=IN_LINES)
    return (
        alt.Color("lens:N", title=None, scale=alt.Scale(domain=shown, range=colours), legend=legend),
        alt.Shape("lens:N", title=None, scale=alt.Scale(domain=shown, range=shapes), legend=legend),
    )
