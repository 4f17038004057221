"""The attribution page's charts; each is built from one of the frames here, so that its marks are rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from martech_lib.attribution.comparisons import Gap
from martech_lib.attribution.names import MODEL_NAMES
from martech_lib.attribution.reading import AttributionReading
from martech_lib.core import charts as draw
from martech_lib.core.palette import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, YELLOW
from martech_lib.core.spoken import count, money, number

MOST_CHANNELS = 25
LONGEST_WALK = 12  # touches; longer journeys share the last bar
LONGEST = 40
MODEL_COLOURS = {
    "Last touch": ORANGE,
    "Last non-direct": "#8b1a1a",
    "First touch": YELLOW,
    "Linear": SKY,
    "Time decay": PURPLE,
    "Position-based": "#7a5c00",
    "W-shaped": GREY,
    "Markov": BLUE,
    "Shapley, by set": GREEN,
    "Shapley, by rate": INK,
}
CAUSED = "Truly caused"


def credit_rows(reading: AttributionReading) -> pd.DataFrame:
    """One row a shown model and channel: channel, model, conversions, lower, upper (blank where refused)."""
    names = _names(reading)
    rows = [
        (names[row.channel], MODEL_NAMES[row.model], row.conversions, row.conversions_lower, row.conversions_upper)
        for row in reading.credit_records
        if row.model in reading.question.shown and row.channel in _drawn(reading) and row.conversions is not None
    ]
    return pd.DataFrame(rows, columns=["channel", "model", "conversions", "lower", "upper"])


def credit_by_model(reading: AttributionReading) -> alt.LayerChart:
    """Credited conversions by channel, a dot a model with its interval as a line."""
    frame = credit_rows(reading)
    frame["said"] = [number(n, 1) for n in frame["conversions"]]
    frame["between"] = [_between(low, high) for low, high in zip(frame["lower"], frame["upper"], strict=True)]
    dots, y, colour = _dots(frame, reading, "conversions", "Credited conversions")
    dots = dots.encode(tooltip=draw.tooltip(channel="Channel", model="Model", said="Conversions", between="Interval"))
    lines = (
        alt.Chart(alt.NamedData("intervals"))
        .mark_rule(strokeWidth=2, opacity=0.55)
        .encode(x=alt.X("lower:Q"), x2=alt.X2("upper:Q"), y=y, yOffset=_offset(reading), color=colour)
    )
    text = (
        f"Credited conversions of {_channels_told(reading)} by {count(len(reading.question.shown), 'model')}; "
        f"lines are intervals where there are enough conversions.{_widest(frame)}"
    )
    tables = {"rows": frame, "intervals": frame.dropna(subset=["lower", "upper"])}
    return draw.finished([lines, dots], tables, text, rows=frame["channel"].nunique(), row_height=56)


def pair_rows(reading: AttributionReading) -> pd.DataFrame:
    """One row an ordered pair of models: one, other, tau."""
    names = [(MODEL_NAMES[p.one], MODEL_NAMES[p.other], p.tau) for p in reading.beside.model_pairs]
    both = [*names, *((other, one, tau) for one, other, tau in names)]
    return pd.DataFrame(both, columns=["one", "other", "tau"]).dropna()


def model_pairs(reading: AttributionReading) -> alt.LayerChart:
    """How alike each two models rank the channels."""
    frame = pair_rows(reading)
    frame["label"] = [f"{tau:.2f}".replace("0.", ".") if tau < 1 else "1" for tau in frame["tau"]]
    order = [name for name in MODEL_NAMES.values() if name in set(frame["one"])]
    x = alt.X("other:N", sort=order, title=None, axis=alt.Axis(labelAngle=-60, labelLimit=120))
    y = alt.Y("one:N", sort=order, title=None, axis=alt.Axis(labelLimit=125))
    scale = alt.Scale(domain=[0, 1], range=["#f5f7f9", BLUE], clamp=True)
    cells = alt.Chart().mark_rect(stroke="white", strokeWidth=1.5).encode(
        x=x, y=y, color=alt.Color("tau:Q", scale=scale, legend=None),
        tooltip=draw.tooltip(one="Model", other="Against", label="Kendall's tau"),
    )  # fmt: skip
    labels = alt.Chart().mark_text(fontSize=10).encode(
        x=x, y=y, text=alt.Text("label:N"), color=alt.condition("datum.tau > 0.6", alt.value("white"), alt.value(INK))
    )  # fmt: skip
    least = frame.iloc[int(frame["tau"].argmin())]
    text = (
        f"Kendall's tau of every two models: 1 where they rank the channels alike. The least alike are {least['one']} "
        f"and {least['other']}, {least['tau']:.2f}."
    )
    return draw.finished([cells, labels], {"rows": frame}, text, rows=len(order), row_height=34)


def assist_rows(reading: AttributionReading) -> pd.DataFrame:
    """Two rows a channel: channel, kind (closed, helped), conversions."""
    names = _names(reading)
    rows = [
        (names[a.channel], kind, amount)
        for a in sorted(reading.beside.assists, key=lambda a: -a.last - a.assisted)
        if a.channel in _drawn(reading)
        for kind, amount in (("closed", a.last), ("helped", a.assisted))
    ]
    return pd.DataFrame(rows, columns=["channel", "kind", "conversions"])


def assists(reading: AttributionReading) -> alt.LayerChart:
    """How many conversions each channel closed, and how many it helped along without closing."""
    frame = assist_rows(reading)
    closed = frame[frame["kind"] == "closed"].set_index("channel")["conversions"]
    helped = frame[frame["kind"] == "helped"].set_index("channel")["conversions"]
    labels = [f"{c}: closed {number(closed[c])}, helped {number(helped[c])}" for c in closed.index]
    most = str(closed.index[int((helped / closed.clip(lower=0.5)).argmax())])
    text = (
        f"Conversions that each of {_channels_told(reading)} closed and helped. "
        f"{most} helped most for each it closed: {number(helped[most])} to {number(closed[most])}."
    )
    return _paired(frame, dict(zip(closed.index, labels, strict=True)), "Conversions", ("closed", "helped"), text)


def claim_rows(reading: AttributionReading) -> pd.DataFrame:
    """Two rows a channel whose platform makes claims: channel, kind (claimed, credited), conversions."""
    names = _names(reading)
    rows = [
        (names[c.channel], kind, amount)
        for c in reading.beside.claims
        if c.model == reading.question.model
        for kind, amount in (("claimed", c.claimed), ("credited", c.credited))
    ]
    return pd.DataFrame(rows, columns=["channel", "kind", "conversions"])


def claims(reading: AttributionReading) -> alt.LayerChart:
    """What each platform claims for itself against what the leading model credits."""
    frame = claim_rows(reading)
    names = _names(reading)
    factors = {names[c.channel]: c.factor for c in reading.beside.claims if c.model == reading.question.model}
    labels = {c: f"{c}: {'no credit' if f is None else f'{f:.1f} times its credit'}" for c, f in factors.items()}
    told = [label for channel, label in labels.items() if factors[channel] is not None]
    compared = f"{'; '.join(told)}." if told else "None of these channels has credit."
    text = f"Conversions claimed by platforms, and credited by {MODEL_NAMES[reading.question.model]}. {compared}"
    return _paired(frame, labels, "Conversions", ("claimed", "credited"), text)


def _paired(
    frame: pd.DataFrame, labels: dict[str, str], title: str, kinds: tuple[str, str], text: str
) -> alt.LayerChart:
    """Two thin bars a channel below its label."""
    order = list(labels)
    heads = pd.DataFrame({"channel": order, "label": list(labels.values())})
    frame["said"] = [number(n) for n in frame["conversions"]]
    y = alt.Y("channel:N", sort=order, title=None, axis=None)
    colour = alt.Color("kind:N", title=None, scale=alt.Scale(domain=list(kinds), range=[BLUE, SKY]))
    layers = [
        alt.Chart()
        .mark_bar(height=9, yOffset=shift)
        .transform_filter(alt.datum.kind == kind)
        .encode(
            x=alt.X("conversions:Q", title=title, axis=alt.Axis(tickCount=5)),
            y=y,
            color=colour,
            tooltip=draw.tooltip(channel="Channel", kind="What", said=title),
        )
        for kind, shift in zip(kinds, (5, 15), strict=True)
    ]
    names = draw.row_labels(alt.NamedData("heads")).encode(y=y, text=alt.Text("label:N"))
    return draw.finished([*layers, names], {"rows": frame, "heads": heads}, text, rows=len(order))


def length_rows(reading: AttributionReading) -> pd.DataFrame:
    """One row a length: touches (from `LONGEST_WALK` on in one), conversions."""
    assert reading.beside.walks is not None
    lengths = reading.beside.walks.lengths.copy()
    lengths["touches"] = lengths["touches"].clip(upper=LONGEST_WALK)
    return lengths.groupby("touches").agg({"conversions": "sum"}).reset_index()


def path_lengths(reading: AttributionReading) -> alt.LayerChart:
    """How many touches a converting journey has."""
    frame = length_rows(reading)
    frame["name"] = [f"{n}+" if n == LONGEST_WALK else str(n) for n in frame["touches"]]
    alone = frame.loc[frame["touches"] == 1, "conversions"].sum() / frame["conversions"].sum()
    text = f"Touches of converting journeys: {alone * 100:.0f} % have a single one."
    return _counted(frame, "Touches before the conversion", text)


def day_rows(reading: AttributionReading) -> pd.DataFrame:
    """One row a day: days from first touch to conversion, conversions."""
    assert reading.beside.walks is not None and reading.beside.walks.days is not None
    return reading.beside.walks.days.copy()


def days_to_convert(reading: AttributionReading) -> alt.LayerChart:
    """How many days lie between the first touch and the conversion."""
    frame = day_rows(reading)
    width = max(1, -(-int(frame["days"].max() + 1) // 31))
    frame["days"] = frame["days"] // width * width
    there = frame.groupby("days")["conversions"].sum()
    # A day without a conversion has its place too: bars side by side would lie about the time between them.
    frame = there.reindex(range(0, int(there.index.max()) + 1, width), fill_value=0).reset_index()
    frame["name"] = [f"{d}-{d + width - 1}" if width > 1 else str(d) for d in frame["days"]]
    at_once = frame.loc[frame["days"] == 0, "conversions"].sum() / frame["conversions"].sum()
    text = f"Days from first touch to conversion: {at_once * 100:.0f} % convert within {count(width, 'day')}."
    return _counted(frame, "Days from first touch to conversion", text)


def _counted(frame: pd.DataFrame, title: str, text: str) -> alt.LayerChart:
    frame["said"] = [number(n) for n in frame["conversions"]]
    axis = alt.Axis(labelAngle=0, labelOverlap=True)
    bars = alt.Chart().mark_bar(color=BLUE).encode(
        x=alt.X("name:N", sort=frame["name"].tolist(), title=title, axis=axis),
        y=alt.Y("conversions:Q", title="Conversions", axis=alt.Axis(tickCount=4)),
        tooltip=draw.tooltip(name=title, said="Conversions"),
    )  # fmt: skip
    return draw.finished([bars], {"rows": frame}, text, height=220)


def cost_rows(reading: AttributionReading) -> pd.DataFrame:
    """One row a shown model and channel with spend and credit: channel, model, cost."""
    names = _names(reading)
    rows = [
        (names[c.channel], MODEL_NAMES[c.model], c.per_conversion)
        for c in reading.beside.costs
        if c.model in reading.question.shown and c.per_conversion is not None
    ]
    return pd.DataFrame(rows, columns=["channel", "model", "cost"])


def cost_per_conversion(reading: AttributionReading) -> alt.LayerChart:
    """What a credited conversion costs, by channel and model."""
    frame = cost_rows(reading)
    frame["said"] = [money(c, reading.currency) for c in frame["cost"]]
    dots, _, _ = _dots(frame, reading, "cost", "Cost per credited conversion", draw.money_axis(reading.currency))
    dots = dots.encode(tooltip=draw.tooltip(channel="Channel", model="Model", said="Cost per conversion"))
    least, most = (frame.iloc[int(place)] for place in (frame["cost"].argmin(), frame["cost"].argmax()))
    text = (
        f"Spend divided by credited conversions. From {least['said']} ({least['channel']}, {least['model']}) "
        f"to {most['said']} ({most['channel']}, {most['model']})."
    )
    return draw.finished([dots], {"rows": frame}, text, rows=frame["channel"].nunique())


def truth_rows(reading: AttributionReading) -> pd.DataFrame:
    """One row a shown model and channel, and one a channel of what it truly caused: channel, model, conversions."""
    shown = [g for g in reading.beside.gaps if g.model in reading.question.shown]
    names = _names(reading)
    rows = [(names[g.channel], MODEL_NAMES[g.model], g.credited) for g in shown]
    caused = {g.channel: g.caused for g in shown}
    rows += [(names[channel], CAUSED, amount) for channel, amount in caused.items()]
    return pd.DataFrame(rows, columns=["channel", "model", "conversions"])


def against_truth(reading: AttributionReading) -> alt.LayerChart:
    """Each model's credit of the whole log beside what each channel truly caused."""
    frame = truth_rows(reading)
    frame["said"] = [number(n, 1) for n in frame["conversions"]]
    is_caused = frame["model"] == CAUSED
    dots, y, _ = _dots(frame, reading, "conversions", "Conversions of the whole log")
    dots = dots.encode(tooltip=draw.tooltip(channel="Channel", model="Model", said="Conversions"))
    ticks = (
        alt.Chart(alt.NamedData("caused"))
        .mark_tick(thickness=4, color=INK, height=34)
        .encode(
            x=alt.X("conversions:Q"), y=y, tooltip=draw.tooltip(channel="Channel", model="What", said="Conversions")
        )
    )
    text = f"Credit of the whole log against what was truly caused (the dark tick). {_furthest(reading.beside.gaps)}"
    tables = {"rows": frame[~is_caused], "caused": frame[is_caused]}
    return draw.finished([dots, ticks], tables, text, rows=frame["channel"].nunique())


def _dots(
    frame: pd.DataFrame, reading: AttributionReading, x: str, title: str, axis: alt.Axis | None = None
) -> tuple[alt.Chart, alt.Y, alt.Color]:
    """A dot a row, those of one channel below one another by model."""
    order = [name for name in _names(reading).values() if name in set(frame["channel"])]
    shown = [MODEL_NAMES[model] for model in MODEL_NAMES if MODEL_NAMES[model] in set(frame["model"])]
    y = alt.Y("channel:N", sort=order, title=None, axis=alt.Axis(labelLimit=140, grid=True, bandPosition=0))
    colour = alt.Color(
        "model:N", title=None, scale=alt.Scale(domain=shown, range=[MODEL_COLOURS[name] for name in shown])
    )
    value = alt.X(f"{x}:Q", title=title, axis=axis or alt.Axis(tickCount=5))
    points = alt.Chart().mark_point(filled=True, size=70, opacity=1)
    return points.encode(x=value, y=y, yOffset=_offset(reading), color=colour), y, colour


def _offset(reading: AttributionReading) -> alt.YOffset:
    names = [MODEL_NAMES[model] for model in MODEL_NAMES if model in reading.question.shown]
    return alt.YOffset("model:N", sort=names)


def _drawn(reading: AttributionReading) -> Sequence[str]:
    return reading.channels[:MOST_CHANNELS]


def _channels_told(reading: AttributionReading) -> str:
    drawn, there = len(_drawn(reading)), len(reading.channels)
    return count(there, "channel") if drawn == there else f"the {drawn} most credited of {there} channels"


def _widest(frame: pd.DataFrame) -> str:
    """On which channel the models differ most; "" where they do not."""
    spread = frame.groupby("channel")["conversions"].agg(["min", "max"])
    widest = int((spread["max"] - spread["min"]).argmax())
    low, high = spread.iloc[widest]
    if number(low) == number(high):
        return ""
    return f" They differ most on {spread.index[widest]}: {number(low)} to {number(high)}."


def _furthest(gaps: Sequence[Gap]) -> str:
    furthest = max(gaps, key=lambda g: abs(g.gap))
    told = f"{MODEL_NAMES[furthest.model]} credits {furthest.channel} with {number(furthest.credited)}"
    return f"Furthest off: {told}; it caused {number(furthest.caused)}."


def _between(low: float | None, high: float | None) -> str:
    return "refused" if low is None or pd.isna(low) else f"{number(low, 1)} to {number(high, 1)}"


def _names(reading: AttributionReading) -> dict[str, str]:
    """Channel -> its name in a chart: a long one is cut, and those that are alike up to the cut are numbered."""
    names: dict[str, str] = {}
    seen: dict[str, int] = {}
    for channel in dict.fromkeys([*reading.channels, *(gap.channel for gap in reading.beside.gaps)]):
        cut = _cut(channel)
        seen[cut] = seen.get(cut, 0) + 1
        names[channel] = cut if seen[cut] == 1 else f"{cut} ({seen[cut]})"
    return names


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
