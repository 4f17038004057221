"""The planner's pictures; each is built from one of the frames here, so that its marks are rows of a table."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from martech_lib.core import charts as draw
from martech_lib.core.palette import BLUE, GREEN, GREY, INK, LINE, ORANGE, PURPLE, SKY, YELLOW
from martech_lib.core.spoken import count, number, percent
from martech_lib.experiments.backlog import Backlog
from martech_lib.experiments.duration import by_week, power_curve
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.readout import Readout
from martech_lib.experiments.record import Record
from martech_lib.experiments.rules import peeking

PERCENT = alt.Axis(format="%", tickCount=5)
LOW = 0.12  # of a picture's height, below which a line has no room for words beneath it
VERDICTS = {"pass": "#b9e3d5", "fail": ORANGE, "unknown": GREY, "not applicable": LINE}
SHORT = {
    "Hypothesis first": "Hypo-|thesis",
    "Sample size first": "Sample|size",
    "One variable": "One|variable",
    "Declared looks": "Declared|looks",
    "Two tails": "Two|tails",
    "Downstream and guardrails": "Down-|stream",
}
SURFACES = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, GREY, INK)
ROLES = {"primary": BLUE, "downstream": PURPLE, "guardrail": ORANGE, "exploratory": GREY}


def week_rows(plan: Plan) -> pd.DataFrame:
    """One row a week: week, seen (smallest relative change, without sign), units, is_end."""
    found = by_week(plan).dropna(subset=["mde_relative"])
    frame = pd.DataFrame({"week": found["week"], "seen": found["mde_relative"].abs(), "units": found["units"]})
    frame["is_end"] = frame["week"] == plan.weeks
    frame["said"] = [percent(seen) for seen in frame["seen"]]
    frame["users"] = [number(n) for n in frame["units"]]
    return frame


def seen_by_week(plan: Plan) -> alt.LayerChart:
    """The smallest change seen by each week, and the change the plan is after."""
    frame = week_rows(plan)
    change = percent(abs(plan.relative_effect))
    wanted = pd.DataFrame({"wanted": [abs(plan.relative_effect)], "said": [f"planned {change}"]})
    x = alt.X("week:Q", title="Week", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("seen:Q", title="Smallest change seen", axis=PERCENT, scale=alt.Scale(zero=True))
    tip = draw.tooltip(week="Week", said="Smallest change", users="Users in all")
    line = alt.Chart().mark_line(color=BLUE, strokeWidth=2.5).encode(x=x, y=y)
    points = alt.Chart().mark_point(filled=True, size=55, color=BLUE, opacity=1).encode(x=x, y=y, tooltip=tip)
    end = (
        alt.Chart()
        .mark_point(size=220, strokeWidth=2.5, color=ORANGE)
        .encode(x=x, y=y)
        .transform_filter("datum.is_end")
    )
    rule = alt.Chart(alt.NamedData("wanted")).mark_rule(color=ORANGE, strokeDash=[5, 4]).encode(y=alt.Y("wanted:Q"))
    # Where the curve is not: above the line once it has been reached, below it until then, if there is room below.
    is_early = bool(frame["is_end"].any()) and 2 * (plan.weeks or 0) <= frame["week"].max()
    is_low = abs(plan.relative_effect) < LOW * frame["seen"].max()
    side: dict[str, Any] = {"align": "right", "dx": -4, "dy": -8} if is_early else {"align": "left", "dx": 4}
    side.setdefault("dy", -8 if is_low else 12)
    label = alt.Chart(alt.NamedData("wanted")).mark_text(color=ORANGE, **side).encode(
        y=alt.Y("wanted:Q"), x=alt.XValue("width" if is_early else 0), text="said:N"
    )  # fmt: skip
    where = f", reached in week {plan.weeks}" if plan.weeks and frame["is_end"].any() else ""
    text = (
        f"The smallest change of {plan.metric.name} that is seen by each week, relative to today; the dashed line "
        f"is the planned {change}{where}."
    )
    return draw.finished([line, points, end, rule, label], {"rows": frame, "wanted": wanted}, text, height=260)


def power_rows(plan: Plan) -> pd.DataFrame:
    """effect (relative), power, said."""
    found = power_curve(plan)
    frame = pd.DataFrame({"effect": found["effect_relative"], "power": found["power"]})
    frame["said"] = [percent(p, 0) for p in frame["power"]]
    frame["change"] = [percent(e) for e in frame["effect"]]
    return frame


def power_by_effect(plan: Plan) -> alt.LayerChart:
    """Chance to see effects of other sizes with the planned users."""
    frame = power_rows(plan)
    marks = pd.DataFrame({"effect": [plan.relative_effect], "power": [plan.power]})
    x = alt.X("effect:Q", title="True change", axis=alt.Axis(format="%", tickCount=6))
    y = alt.Y("power:Q", title="Chance to see it", axis=PERCENT, scale=alt.Scale(domain=[0, 1]))
    line = alt.Chart().mark_line(color=BLUE, strokeWidth=2.5).encode(x=x, y=y)
    points = alt.Chart().mark_point(opacity=0, size=90).encode(
        x=x, y=y, tooltip=draw.tooltip(change="True change", said="Chance to see it")
    )  # fmt: skip
    here = alt.Chart(alt.NamedData("here")).mark_point(size=220, strokeWidth=2.5, color=ORANGE).encode(
        x=alt.X("effect:Q"), y=alt.Y("power:Q")
    )  # fmt: skip
    text = (
        f"Chance to see a true change with {number(plan.total_units)} users; the ring is what was planned. Where "
        f"nothing is changed it is the rate of false alarms, {percent(plan.alpha, 0)}."
    )
    return draw.finished([line, points, here], {"rows": frame, "here": marks}, text, height=240)


def peek_rows(plan: Plan) -> pd.DataFrame:
    """day, false_alarms, said."""
    frame = peeking(plan)
    frame["said"] = [percent(rate) for rate in frame["false_alarms"]]
    return frame


def daily_peeks(plan: Plan) -> alt.LayerChart:
    """What daily looks with a stop at the first p below alpha do to the false alarms."""
    frame = peek_rows(plan)
    meant = pd.DataFrame({"alpha": [plan.alpha], "said": [f"meant: {percent(plan.alpha, 0)}"]})
    last = frame.iloc[-1]
    days = alt.Scale(domain=[1, int(frame["day"].max())], nice=False)
    x = alt.X("day:Q", title="Daily looks", axis=alt.Axis(tickMinStep=1, format="d"), scale=days)
    y = alt.Y("false_alarms:Q", title="False alarms", axis=PERCENT, scale=alt.Scale(zero=True))
    area = alt.Chart().mark_area(color=ORANGE, opacity=0.25, line={"color": ORANGE, "strokeWidth": 2.5}).encode(
        x=x, y=y, tooltip=draw.tooltip(day="Looks", said="False alarms")
    )  # fmt: skip
    rule = alt.Chart(alt.NamedData("meant")).mark_rule(color=INK, strokeDash=[5, 4]).encode(y=alt.Y("alpha:Q"))
    label = alt.Chart(alt.NamedData("meant")).mark_text(align="left", dy=12, dx=4).encode(
        y=alt.Y("alpha:Q"), x=alt.XValue(0), text="said:N"
    )  # fmt: skip
    text = (
        f"False alarms of this plan when it is looked at every day and stopped at the first p below "
        f"{number(plan.alpha, 2)}: {last['said']} after {count(int(last['day']), 'look')}."
    )
    return draw.finished([area, rule, label], {"rows": frame, "meant": meant}, text, height=220)


def readout_rows(readout: Readout) -> pd.DataFrame:
    """One row a metric and arm: what, lift, lower, upper, role, said; refused ones left out."""
    rows = [
        (f"{line.name}, {line.beside.arm}", line.beside.lift, line.role)
        for line in readout.lines
        if line.beside.lift is not None
    ]
    frame = pd.DataFrame(
        [(what, lift.estimate, lift.lower, lift.upper, role) for what, lift, role in rows if lift is not None],
        columns=["what", "lift", "lower", "upper", "role"],
    )
    triples = zip(frame["lift"], frame["lower"], frame["upper"], strict=True)
    frame["said"] = [f"{percent(e)} ({percent(low)} to {percent(high)})" for e, low, high in triples]
    return frame


def lifts(readout: Readout) -> alt.LayerChart:
    """Each metric's change with its interval."""
    frame = readout_rows(readout)
    order = frame["what"].tolist()
    y = alt.Y("what:N", sort=order, title=None, axis=None)
    scale = alt.Scale(domain=list(ROLES), range=list(ROLES.values()))
    colour = alt.Color("role:N", title=None, scale=scale)
    zero = alt.Chart(alt.NamedData("zero")).mark_rule(color=INK, strokeDash=[4, 4]).encode(x=alt.X("at:Q"))
    bars = alt.Chart().mark_rule(strokeWidth=3, yOffset=10).encode(
        x=alt.X("lower:Q", title="Change against the control", axis=alt.Axis(format="%", tickCount=5)),
        x2=alt.X2("upper:Q"), y=y, color=colour, tooltip=draw.tooltip(what="Metric", said="Change", role="Role"),
    )  # fmt: skip
    points = alt.Chart().mark_point(filled=True, size=90, opacity=1, yOffset=10).encode(
        x=alt.X("lift:Q"), y=y, color=colour
    )  # fmt: skip
    labels = draw.row_labels().encode(y=y, text="what:N")
    text = f"Change of each metric in {readout.plan.name} with its interval; the dashed line is no change."
    zero_row = pd.DataFrame({"at": [0.0]})
    layers = [zero, bars, points, *draw.cleared(labels)]
    return draw.finished(layers, {"rows": frame, "zero": zero_row}, text, rows=len(frame))


def calendar_rows(found: Backlog) -> pd.DataFrame:
    """One row a test with a place: idea, surface, start, end (the day after its last), weeks."""
    rows = [
        (idea.idea, idea.surface, pd.Timestamp(idea.start), pd.Timestamp(idea.end) + pd.Timedelta(days=1), idea.weeks)
        for idea in found.fitting
        if idea.start and idea.end
    ]
    frame = pd.DataFrame(rows, columns=["idea", "surface", "start", "end", "weeks"])
    frame = frame.sort_values(["surface", "start"], ignore_index=True)
    frame["said"] = [f"{start:%-d %b} to {end:%-d %b}" for start, end in zip(frame["start"], frame["end"], strict=True)]
    return frame


def calendar(found: Backlog) -> alt.LayerChart:
    """The quarter: one row a test, coloured by its surface."""
    frame = calendar_rows(found)
    order, surfaces = frame["idea"].tolist(), list(dict.fromkeys(frame["surface"]))
    frame["start"], frame["end"] = (frame[c].dt.strftime("%Y-%m-%dT00:00:00") for c in ("start", "end"))
    y = alt.Y("idea:N", sort=order, title=None, axis=None)
    scale = alt.Scale(domain=surfaces, range=[SURFACES[i % len(SURFACES)] for i in range(len(surfaces))])
    weeks = alt.Axis(format="%-d %b", tickCount={"interval": "week", "step": 2}, labelOverlap=True)
    bars = draw.bars().encode(
        x=alt.X("start:T", title=None, axis=weeks), x2=alt.X2("end:T"), y=y,
        color=alt.Color("surface:N", title=None, scale=scale),
        tooltip=draw.tooltip(idea="Test", surface="Surface", said="When"),
    )  # fmt: skip
    labels = draw.row_labels().encode(y=y, text="idea:N")
    text = f"{count(len(frame), 'test')} of the quarter by surface; one surface runs one test at a time."
    return draw.finished([bars, labels], {"rows": frame}, text, rows=len(frame))


def matrix_rows(found: Record) -> pd.DataFrame:
    """One row an experiment and rule: experiment, rule, verdict, why."""
    return found.matrix[["experiment", "name", "rule", "verdict", "why"]].copy()


def matrix(found: Record) -> alt.LayerChart:
    """The six rules against every experiment."""
    frame = matrix_rows(found)
    rules, ids = list(dict.fromkeys(frame["rule"])), list(dict.fromkeys(frame["experiment"]))
    scale = alt.Scale(domain=list(VERDICTS), range=list(VERDICTS.values()))
    frame["short"] = frame["rule"].map(SHORT)
    axis = alt.Axis(labelAngle=0, labelExpr="split(datum.label, '|')", orient="top", labelFontSize=10)
    cells = alt.Chart().mark_rect(stroke="white", strokeWidth=1.5).encode(
        x=alt.X("short:N", sort=[SHORT[rule] for rule in rules], title=None, axis=axis),
        y=alt.Y("experiment:N", sort=ids, title=None),
        color=alt.Color("verdict:N", title=None, scale=scale),
        tooltip=draw.tooltip(experiment="Experiment", name="Name", rule="Rule", verdict="Verdict", why="Why"),
    )  # fmt: skip
    broken = frame[frame["verdict"] == "fail"]["experiment"].nunique()
    text = f"Six rules against {count(len(ids), 'experiment')}, oldest first; {broken} break at least one."
    return draw.finished([cells], {"rows": frame}, text, rows=len(ids), row_height=15)


def quarter_rows(found: Record) -> pd.DataFrame:
    """One row a quarter: quarter, decided, is_over."""
    told = found.quarters
    frame = pd.DataFrame({"quarter": told["segment"], "decided": told["value"]})
    frame["state"] = ["still running" if str(reason).startswith("not over") else "over" for reason in told["reason"]]
    frame["said"] = [count(int(n), "experiment") for n in frame["decided"]]
    return frame


def throughput(found: Record) -> alt.LayerChart:
    """Experiments decided by quarter, beside what is healthy."""
    frame = quarter_rows(found)
    low, high = found.band
    band = pd.DataFrame({"low": [low], "high": [high]})
    scale = alt.Scale(domain=["over", "still running"], range=[BLUE, SKY])
    healthy = alt.Chart(alt.NamedData("band")).mark_rect(color=GREEN, opacity=0.12).encode(
        y=alt.Y("low:Q", title="Experiments decided"), y2=alt.Y2("high:Q")
    )  # fmt: skip
    bars = alt.Chart().mark_bar(size=34).encode(
        x=alt.X("quarter:N", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelExpr="split(datum.label, '-')")),
        y=alt.Y("decided:Q"), color=alt.Color("state:N", title=None, scale=scale),
        tooltip=draw.tooltip(quarter="Quarter", said="Decided", state="Quarter is"),
    )  # fmt: skip
    text = (
        "Experiments decided by quarter; the green band is what a healthy programme decides, "
        f"{number(low)} to {number(high)}."
    )
    return draw.finished([healthy, bars], {"rows": frame, "band": band}, text, height=220)
