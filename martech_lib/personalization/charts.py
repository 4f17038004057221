"""Pictures of holdouts; each is built from one of the frames here, so that its marks are rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import altair as alt
import pandas as pd

from martech_lib.core import charts as draw
from martech_lib.core.palette import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, YELLOW
from martech_lib.core.spoken import count, listed, number, percent
from martech_lib.core.stats import Difference
from martech_lib.personalization.money import Range
from martech_lib.personalization.programmes import Programmes
from martech_lib.personalization.reading import HoldoutReading
from martech_lib.personalization.words import chance_in_words

VERDICT_COLOURS = {
    "real win": GREEN, "hidden win": BLUE, "click-only": YELLOW, "nothing": GREY, "harm": ORANGE,
}  # fmt: skip
ENDPOINTS = {"conversion": "Conversions", "click": "Clicks", "revenue": "Revenue"}
ENDPOINT_COLOURS = {"Conversions": BLUE, "Clicks": YELLOW, "Revenue": PURPLE}
FOREST = {"as measured": GREY, "shrunken": BLUE}
CLAIMS = {"claimed": YELLOW, "brought": GREEN}
PERCENT = alt.Axis(labelExpr="datum.value == 0 ? '0 %' : format(100 * datum.value, '+.0f') + ' %'", tickCount=5)
WIDEST = 1.5  # lift beyond which a picture of several is not stretched
FARTHEST = 0.75  # lift of a programme beyond which it is named below the picture in place of drawn in it


def lift_rows(told: HoldoutReading) -> pd.DataFrame:
    """One row an endpoint: what, lift, lower, upper, said; refused ones left out."""
    rows = [(ENDPOINTS[of.name], of.lift) for of in told.endpoints if of.lift is not None]
    return _intervals(rows)


def lifts(told: HoldoutReading) -> alt.LayerChart:
    """Clicks against conversions, and revenue, each with its interval."""
    frame = lift_rows(told)
    scale = alt.Scale(domain=frame["what"].tolist(), range=[ENDPOINT_COLOURS[what] for what in frame["what"]])
    colour = alt.Color("what:N", title=None, scale=scale, legend=None)
    text = (
        f"Lift of each outcome of {told.program} against its holdout, with its {percent(told.level, 0)} interval; the "
        "dashed line is no effect."
    )
    return _interval_chart(frame, colour, text, title="Lift against the holdout")


def both_rows(found: Programmes) -> pd.DataFrame:
    """One row a programme: program, verdict, click and conversion lift with their ends, said."""
    rows = []
    for row in found.every:
        clicks, conversions = (row.reading.endpoint(name) if row.reading else None for name in ("click", "conversion"))
        if clicks and conversions and clicks.lift and conversions.lift:
            ends = [*_three(clicks.lift), *_three(conversions.lift)]
            rows.append((row.program, row.verdict, *ends, f"{_said(clicks.lift)}", f"{_said(conversions.lift)}"))
    columns = ["program", "verdict", "click", "click_lower", "click_upper", "lift", "lower", "upper", "clicks", "said"]
    return pd.DataFrame(rows, columns=columns)


def clicks_and_conversions(found: Programmes) -> alt.LayerChart:
    """Every programme by both lifts: right of the upright line clicks rose, above the level one conversions did."""
    frame = both_rows(found)
    ends = ["click_lower", "click_upper", "lower", "upper"]
    is_near = (frame["click"].abs() <= FARTHEST) & (frame["lift"].abs() <= FARTHEST)
    shown, far = frame[is_near].copy(), frame.loc[~is_near, "program"].tolist()
    shown[ends] = shown[ends].clip(-FARTHEST, FARTHEST)
    shown["is_right"] = shown["click"] > (shown["click_lower"].min() + shown["click_upper"].max()) / 2
    present = [verdict for verdict in VERDICT_COLOURS if verdict in set(shown["verdict"])]
    colour = alt.Color(
        "verdict:N", title=None, scale=alt.Scale(domain=present, range=[VERDICT_COLOURS[v] for v in present])
    )
    x, y = (
        alt.X("click:Q", title="Lift of clicks", axis=PERCENT),
        alt.Y("lift:Q", title="Lift of conversions", axis=PERCENT),
    )
    tip = draw.tooltip(program="Programme", verdict="Verdict", clicks="Clicks", said="Conversions")
    zero = pd.DataFrame({"at": [0.0]})
    upright = alt.Chart(alt.NamedData("zero")).mark_rule(color=INK, strokeDash=[4, 4]).encode(x=alt.X("at:Q"))
    level = alt.Chart(alt.NamedData("zero")).mark_rule(color=INK, strokeDash=[4, 4]).encode(y=alt.Y("at:Q"))
    across = alt.Chart().mark_rule(strokeWidth=2, opacity=0.6).encode(
        x=alt.X("click_lower:Q"), x2=alt.X2("click_upper:Q"), y=y, color=colour
    )  # fmt: skip
    along = alt.Chart().mark_rule(strokeWidth=2, opacity=0.6).encode(
        x=x, y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q"), color=colour
    )  # fmt: skip
    points = alt.Chart().mark_point(filled=True, size=110, opacity=1).encode(x=x, y=y, color=colour, tooltip=tip)
    names = alt.Chart().encode(x=x, y=y, text="program:N")
    left = names.transform_filter("!datum.is_right").mark_text(align="left", dx=8, dy=-9, fontWeight=500)
    right = names.transform_filter("datum.is_right").mark_text(align="right", dx=-8, dy=-9, fontWeight=500)
    labels = [*draw.cleared(left), *draw.cleared(right)]
    left_out = f" Too uncertain to be drawn: {listed(far)}." if far else ""
    text = (
        f"{count(len(shown), 'programme')} by lift of clicks and of conversions, each with its intervals. Right of the "
        f"upright line more users click; only above the level line do more convert.{left_out}"
    )
    layers = [upright, level, across, along, points, *labels]
    return draw.finished(layers, {"rows": shown, "zero": zero}, text, height=360)


def forest_rows(told: HoldoutReading) -> pd.DataFrame:
    """Up to two rows a segment: what (its name and users), kind (a key of FOREST), lift, lower, upper, said."""
    rows = []
    for line in told.by_segment.compared:
        what = f"{line.segment} ({number(line.holdout.n + line.treated.n)} users)"
        for kind, of in zip(FOREST, (line.lift, line.shrunk), strict=True):
            if of is not None:
                rows.append((what, kind, *_three(of), _said(of)))
    return pd.DataFrame(rows, columns=["what", "kind", "lift", "lower", "upper", "said"])


def forest(told: HoldoutReading) -> alt.LayerChart:
    """Segments with their lifts as measured, and drawn to what all share."""
    frame = forest_rows(told)
    frame[["lower", "upper"]] = frame[["lower", "upper"]].clip(-1, WIDEST)
    order = list(dict.fromkeys(frame["what"]))
    y = alt.Y("what:N", sort=order, title=None, axis=None)
    colour = alt.Color("kind:N", title=None, scale=alt.Scale(domain=list(FOREST), range=list(FOREST.values())))
    layers: list[Any] = [_zero()]
    for place, kind in enumerate(FOREST):
        here = alt.Chart().transform_filter(f"datum.kind == '{kind}'")
        offset = 4 + 12 * place
        layers.append(
            here.mark_rule(strokeWidth=3, yOffset=offset).encode(
                x=alt.X("lower:Q", title="Lift of conversions", axis=PERCENT), x2=alt.X2("upper:Q"), y=y, color=colour,
                tooltip=draw.tooltip(what="Segment", kind="Lift", said="Range"),
            )
        )  # fmt: skip
        layers.append(
            here.mark_point(filled=True, size=80, opacity=1, yOffset=offset).encode(
                x=alt.X("lift:Q"), y=y, color=colour
            )
        )
    labels = draw.row_labels().transform_filter("datum.kind == 'as measured'").encode(y=y, text="what:N")
    labels.mark.dy = -14
    text = (
        f"Lift of conversions by segment of {told.program}: as measured, and drawn to what all segments share, which "
        "is the better guess where a segment is small. The dashed line is no effect."
    )
    tables = {"rows": frame, "zero": pd.DataFrame({"at": [0.0]})}
    return draw.finished([*layers, *draw.cleared(labels)], tables, text, rows=len(order), row_height=58)


def week_rows(told: HoldoutReading) -> pd.DataFrame:
    """One row a week since assignment that could be compared: week, lift, lower, upper, said."""
    weeks = told.course.weeks if told.course else ()
    rows = [(week.week, *_three(week.lift), _said(week.lift)) for week in weeks if week.lift is not None]
    frame = pd.DataFrame(rows, columns=["week", "lift", "lower", "upper", "said"])
    frame["upper"] = frame["upper"].clip(upper=2 * WIDEST)
    return frame


def by_week(told: HoldoutReading) -> alt.LayerChart:
    """Lift by week since assignment."""
    frame = week_rows(told)
    x = alt.X("week:O", title="Week since assignment", axis=alt.Axis(labelAngle=0))
    bars = alt.Chart().mark_rule(strokeWidth=6, color=SKY).encode(
        x=x, y=alt.Y("lower:Q", title="Lift of conversions", axis=PERCENT), y2=alt.Y2("upper:Q"),
        tooltip=draw.tooltip(week="Week", said="Lift"),
    )  # fmt: skip
    points = alt.Chart().mark_point(filled=True, size=90, opacity=1, color=BLUE).encode(x=x, y=alt.Y("lift:Q"))
    zero = alt.Chart(alt.NamedData("zero")).mark_rule(color=INK, strokeDash=[4, 4]).encode(y=alt.Y("at:Q"))
    text = (
        "Lift of first conversions by week since assignment; the bars hold over all weeks at once, and the dashed line "
        "is no effect."
    )
    tables = {"rows": frame, "zero": pd.DataFrame({"at": [0.0]})}
    return draw.finished([zero, bars, points], tables, text, height=240)


def look_rows(told: HoldoutReading) -> pd.DataFrame:
    """One row a calendar look that is read: day (ISO), lift, lower, upper, said."""
    looks = told.course.looks if told.course else ()
    rows = [
        (f"{look.day.isoformat()}T00:00:00", f"{look.day:%-d %b}", *_three(look.lift), _said(look.lift))
        for look in looks
        if look.lift is not None
    ]
    return pd.DataFrame(rows, columns=["day", "date", "lift", "lower", "upper", "said"])


def by_look(told: HoldoutReading) -> alt.LayerChart:
    """The cumulative lift as it stood week by week, in a band that holds however often it is looked at."""
    frame = look_rows(told)
    axis = alt.Axis(format="%-d %b", labelOverlap=True, tickCount=6)
    x = alt.X("day:T", title=None, axis=axis)
    y = alt.Y("lift:Q", title="Lift so far", axis=PERCENT)
    band = alt.Chart().mark_area(opacity=0.3, color=SKY).encode(x=x, y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q"))
    line = alt.Chart().mark_line(color=BLUE, strokeWidth=2.5).encode(x=x, y=y)
    points = alt.Chart().mark_point(filled=True, size=60, opacity=1, color=BLUE).encode(
        x=x, y=y, tooltip=draw.tooltip(date="Until", said="Lift")
    )  # fmt: skip
    zero = alt.Chart(alt.NamedData("zero")).mark_rule(color=INK, strokeDash=[4, 4]).encode(y=alt.Y("at:Q"))
    text = (
        "Lift of conversions as it stood at the end of each week, from a hundred converters in the holdout on; the "
        "band holds however often one looks."
    )
    tables = {"rows": frame, "zero": pd.DataFrame({"at": [0.0]})}
    return draw.finished([zero, band, line, points], tables, text, height=240)


def claim_rows(found: Programmes) -> pd.DataFrame:
    """Up to two rows a programme: program, kind (claimed, brought), conversions, lower, upper, said."""
    rows: list[tuple[Any, ...]] = []
    for row in found.rows:
        if row.claimed_conversions is not None:
            claimed = row.claimed_conversions
            rows.append((row.program, "claimed", claimed, None, None, number(claimed)))
        if row.brought is not None:
            ends = _three(row.brought)
            rows.append((row.program, "brought", *ends, f"{number(ends[0])} ({number(ends[1])} to {number(ends[2])})"))
    return pd.DataFrame(rows, columns=["program", "kind", "conversions", "lower", "upper", "said"])


def claims(found: Programmes) -> alt.LayerChart:
    """What each dashboard claims beside what the holdout shows."""
    frame = claim_rows(found)
    order = list(dict.fromkeys(frame["program"]))
    y = alt.Y("program:N", sort=order, title=None, axis=None)
    colour = alt.Color("kind:N", title=None, scale=alt.Scale(domain=list(CLAIMS), range=list(CLAIMS.values())))
    axis = alt.Axis(format=",.0f", tickCount=5)
    x = alt.X("conversions:Q", title="Conversions", axis=axis)
    tip = draw.tooltip(program="Programme", kind="Conversions", said="How many")
    bars = [
        alt.Chart().transform_filter(f"datum.kind == '{kind}'").mark_bar(height=11, yOffset=2 + 12 * place).encode(
            x=x, y=y, color=colour, tooltip=tip
        )
        for place, kind in enumerate(CLAIMS)
    ]  # fmt: skip
    ends = alt.Chart().transform_filter("datum.kind == 'brought'").mark_rule(color=INK, yOffset=14).encode(
        x=alt.X("lower:Q"), x2=alt.X2("upper:Q"), y=y
    )  # fmt: skip
    labels = draw.row_labels(alt.NamedData("names")).encode(y=y, text="program:N")
    labels.mark.dy = -13
    text = "Conversions that each dashboard claims, and those that the holdout shows it brought, with the interval."
    tables = {"rows": frame, "names": pd.DataFrame({"program": order})}
    return draw.finished([*bars, ends, *draw.cleared(labels)], tables, text, rows=len(order), row_height=58)


def policy_rows(told: HoldoutReading) -> pd.DataFrame:
    """One row a way to go on: policy, gain, lower, upper, said; in money where it is known, else conversions."""
    rows = []
    for one in told.policies:
        of = one.net or one.gain
        rows.append((_policy_name(one.policy, one.segments), *_three(of), f"risk of loss {chance_in_words(one.harm)}"))
    return pd.DataFrame(rows, columns=["policy", "gain", "lower", "upper", "said"])


def policies(told: HoldoutReading) -> alt.LayerChart:
    """Expected gain of personalizing everyone, only segments with evidence, or nobody."""
    frame = policy_rows(told)
    has_money = any(one.net is not None for one in told.policies)
    axis = draw.money_axis(told.terms.currency) if has_money else alt.Axis(format=",.0f", tickCount=5)
    y = alt.Y("policy:N", sort=frame["policy"].tolist(), title=None, axis=None)
    title = "Expected gain less cost" if has_money else "Expected conversions"
    tip = draw.tooltip(policy="Who", said="Risk")
    ends = alt.Chart().mark_rule(strokeWidth=3, color=BLUE, yOffset=10).encode(
        x=alt.X("lower:Q", title=title, axis=axis), x2=alt.X2("upper:Q"), y=y, tooltip=tip
    )  # fmt: skip
    points = alt.Chart().mark_point(filled=True, size=90, opacity=1, color=BLUE, yOffset=10).encode(
        x=alt.X("gain:Q"), y=y, tooltip=tip
    )  # fmt: skip
    labels = draw.row_labels().encode(y=y, text="policy:N")
    text = (
        f"{title} over as many users and as much time as the holdout of {told.program} had, by who is personalized; "
        "the dashed line is nobody."
    )
    tables = {"rows": frame, "zero": pd.DataFrame({"at": [0.0]})}
    return draw.finished([_zero(), ends, points, *draw.cleared(labels)], tables, text, rows=len(frame))


def _policy_name(policy: str, segments: tuple[str, ...]) -> str:
    if not segments:
        return policy.capitalize()
    return f"Only {', '.join(segments[:3])}{' and more' if len(segments) > 3 else ''}"


def _intervals(rows: list[tuple[str, Difference]]) -> pd.DataFrame:
    found = [(what, *_three(of), f"{what}: {_said(of)}") for what, of in rows]
    return pd.DataFrame(found, columns=["what", "lift", "lower", "upper", "said"])


def _interval_chart(frame: pd.DataFrame, colour: alt.Color, text: str, *, title: str) -> alt.LayerChart:
    y = alt.Y("what:N", sort=frame["what"].tolist(), title=None, axis=None)
    bars = alt.Chart().mark_rule(strokeWidth=3, yOffset=10).encode(
        x=alt.X("lower:Q", title=title, axis=PERCENT), x2=alt.X2("upper:Q"), y=y, color=colour,
        tooltip=draw.tooltip(said="Lift"),
    )  # fmt: skip
    points = alt.Chart().mark_point(filled=True, size=90, opacity=1, yOffset=10).encode(
        x=alt.X("lift:Q"), y=y, color=colour
    )  # fmt: skip
    labels = draw.row_labels().encode(y=y, text="said:N")
    tables = {"rows": frame, "zero": pd.DataFrame({"at": [0.0]})}
    return draw.finished([_zero(), bars, points, *draw.cleared(labels)], tables, text, rows=len(frame))


def _zero() -> alt.Chart:
    return alt.Chart(alt.NamedData("zero")).mark_rule(color=INK, strokeDash=[4, 4]).encode(x=alt.X("at:Q"))


def _three(of: Difference | Range) -> tuple[float, float, float]:
    return of.estimate, of.lower, of.upper


def _said(of: Difference | Range) -> str:
    return f"{percent(of.estimate)} ({percent(of.lower)} to {percent(of.upper)})"


ROWS: Mapping[str, Callable[[Any], pd.DataFrame]] = {
    "lifts": lift_rows,
    "clicks_and_conversions": both_rows,
    "forest": forest_rows,
    "by_week": week_rows,
    "by_look": look_rows,
    "claims": claim_rows,
    "policies": policy_rows,
}  # what each picture is built from
