"""The audit's charts; each is built from one of the frames here, so that its marks are the rows of a table."""

from __future__ import annotations

import altair as alt
import pandas as pd

from martech_lib.core import charts as draw
from martech_lib.core.palette import BLUE, DECISION_COLOURS, GREEN, INK, MUTED, ORANGE, SEVERITY_COLOURS
from martech_lib.core.results import SEVERITIES
from martech_lib.core.spoken import count, day, listed, money
from martech_lib.stack.decisions import DECISIONS
from martech_lib.stack.stack_audit import StackAudit
from martech_lib.stack.taxonomy import LAYERS
from martech_lib.stack.thresholds import shipped_rules

MOST_ROWS = 40
MOST_SEGMENTS = 400
LONGEST = 60
SEVERITY_ORDER = list(SEVERITIES)
PLANNED = "planned work"
POINTS = {"renewal": "diamond", "contract end": "square", "notice deadline": "triangle-down"}
ROADMAP_COLOURS = {
    "drop": ORANGE,
    "consolidate": DECISION_COLOURS["Consolidate"],
    "replace": DECISION_COLOURS["Replace"],
    "fix": GREEN,
    PLANNED: BLUE,
    "renewal": INK,
    "contract end": MUTED,
    "notice deadline": DECISION_COLOURS["Re-evaluate"],
}


def layer_costs(audit: StackAudit) -> pd.DataFrame:
    """One row a tool that costs something: layer, tool, annual_cost, decision; dearest first within a layer."""
    rows = [
        (tool.layer, _cut(tool.tool), tool.annual_cost, d.decision)
        for tool, d in zip(audit.tools, audit.decision_records, strict=True)
        if tool.annual_cost
    ]
    frame = pd.DataFrame(rows, columns=["layer", "tool", "annual_cost", "decision"])
    return frame.sort_values(["layer", "annual_cost"], ascending=[True, False], kind="stable", ignore_index=True)


def cost_by_layer(audit: StackAudit) -> alt.LayerChart:
    """Annual cost by layer, one segment a tool in the colour of its decision."""
    frame = layer_costs(audit)
    if len(frame) > MOST_SEGMENTS:
        frame = frame.groupby(["layer", "decision"], as_index=False)["annual_cost"].sum().assign(tool="all tools")
    totals = pd.DataFrame(frame.groupby("layer")["annual_cost"].sum()).reset_index()
    totals["label"] = [
        f"{layer}: {money(v, audit.currency)}" for layer, v in zip(totals["layer"], totals["annual_cost"], strict=True)
    ]
    frame["cost"] = [money(v, audit.currency) for v in frame["annual_cost"]]
    frame["rank"] = range(len(frame))
    y = alt.Y("layer:N", sort=list(LAYERS), title=None, axis=None)
    bars = draw.bars().encode(
        x=alt.X("annual_cost:Q", title="Annual cost", axis=draw.money_axis(audit.currency)),
        y=y,
        color=draw.colours("decision", DECISIONS, DECISION_COLOURS, frame["decision"]),
        order=alt.Order("rank:Q"),
        tooltip=draw.tooltip(tool="Tool", cost="Annual cost", decision="Decision"),
    )
    labels = draw.row_labels(alt.NamedData("totals")).encode(y=y, text=alt.Text("label:N"))
    largest = totals.iloc[int(totals["annual_cost"].argmax())]
    text = f"Annual cost by layer and tool. The largest is {largest['label']}; colours show each tool's decision."
    return draw.finished([bars, labels], {"rows": frame, "totals": totals}, text, rows=len(totals))


def finding_totals(audit: StackAudit) -> pd.DataFrame:
    """One row a rule that fired: rule, title, severity, findings, amount (known money a year, each subject once)."""
    frame = audit.findings
    frame["rank"] = frame["severity"].map(SEVERITY_ORDER.index)
    grouped = frame.groupby("rule", as_index=False).agg(
        findings=("subject", "size"), amount=("amount", "sum"), known=("amount", "count"), rank=("rank", "min")
    )
    grouped["severity"] = [SEVERITY_ORDER[i] for i in grouped["rank"]]
    grouped["title"] = [shipped_rules()[rule].title for rule in grouped["rule"]]
    ordered = grouped.sort_values(["rank", "amount"], ascending=[True, False], ignore_index=True)
    return ordered[["rule", "title", "severity", "findings", "amount", "known"]]


def findings_by_money(audit: StackAudit) -> alt.LayerChart:
    """Findings by rule: the bar is the money they put in question, the colour their severity."""
    frame = finding_totals(audit)
    frame["size"] = [
        f"{count(n, 'finding')}, {money(amount, audit.currency) if known else 'no amount'}"
        for n, amount, known in zip(frame["findings"], frame["amount"], frame["known"], strict=True)
    ]
    frame["label"] = frame["title"] + ": " + frame["size"]
    y = alt.Y("title:N", sort=frame["title"].tolist(), title=None, axis=None)
    colour = draw.colours("severity", SEVERITIES, SEVERITY_COLOURS, frame["severity"])
    # A finding without an amount has no bar: the tick shows its severity all the same.
    ticks = (
        alt.Chart().mark_tick(thickness=6, height=18, yOffset=10, opacity=1).encode(x=alt.XValue(3), y=y, color=colour)
    )
    bars = draw.bars().encode(
        x=alt.X("amount:Q", title="Cost of what is in question", axis=draw.money_axis(audit.currency)),
        y=y,
        color=colour,
        tooltip=draw.tooltip(rule="Rule", title="What", severity="Severity", size="Size"),
    )
    labels = draw.row_labels().encode(y=y, text=alt.Text("label:N"))
    fired = count(len(frame), "rule")
    text = f"Findings by rule and severity. {fired} fired; the gravest is {frame['label'].iloc[0]}."
    return draw.finished([bars, ticks, labels], {"rows": frame}, text, rows=len(frame))


def saving_steps(audit: StackAudit) -> pd.DataFrame:
    """The walk from today's cost to the cost after: step, start, end, amount (signed), tools (left after the step)."""
    cost, tools = sum(tool.annual_cost for tool in audit.tools), len(audit.tools)
    rows: list[tuple[str, float, float, float, int]] = [("Today", 0.0, cost, cost, tools)]
    for kind in ("Drop", "Consolidate", "Replace"):
        chosen = [d for d in audit.decision_records if d.decision == kind]
        if not chosen:
            continue
        saved = sum(d.saving for d in chosen)
        tools -= 0 if kind == "Replace" else len(chosen)
        rows.append((kind, rows[-1][2], rows[-1][2] - saved, -saved, tools))
    rows.append(("After", 0.0, audit.savings.annual_cost_after, audit.savings.annual_cost_after, tools))
    return pd.DataFrame(rows, columns=["step", "start", "end", "amount", "tools"])


def before_and_after(audit: StackAudit) -> alt.LayerChart:
    """The waterfall from today's annual cost to the cost after the decisions, with the tools left at each step."""
    frame = saving_steps(audit)
    frame["size"] = [money(v, audit.currency) for v in frame["amount"]]
    frame["left"] = [count(n, "tool") for n in frame["tools"]]
    frame["label"] = frame["step"] + ": " + frame["size"] + ", " + frame["left"]
    is_total = frame["step"].isin(["Today", "After"])
    frame["kind"] = (frame["amount"] <= 0).map({True: "saving", False: "extra"}).mask(is_total, "total")
    y = alt.Y("step:N", sort=frame["step"].tolist(), title=None, axis=None)
    bars = draw.bars().encode(
        x=alt.X("start:Q", title="Annual cost", axis=draw.money_axis(audit.currency)),
        x2=alt.X2("end:Q"),
        y=y,
        color=alt.Color(
            "kind:N", legend=None, scale=alt.Scale(domain=["total", "saving", "extra"], range=[BLUE, GREEN, ORANGE])
        ),
        tooltip=draw.tooltip(step="Step", size="Money a year", left="Tools left"),
    )
    labels = draw.row_labels().encode(y=y, text=alt.Text("label:N"))
    first, last = frame.iloc[0], frame.iloc[-1]
    text = (
        f"From {first['left']} at {first['size']} a year today to {last['left']} at {last['size']} after the decisions."
    )
    return draw.finished([bars, labels], {"rows": frame}, text, rows=len(frame))


def quarter_savings(audit: StackAudit) -> pd.DataFrame:
    """One row a fiscal quarter of the twelve months ahead: quarter, saving, one_off, net."""
    rows = [(q.quarter, q.saving, q.one_off, q.net) for q in audit.savings.quarters]
    return pd.DataFrame(rows, columns=["quarter", "saving", "one_off", "net"])


def saving_by_quarter(audit: StackAudit) -> alt.LayerChart:
    """What each quarter of the twelve months ahead brings, less its one-off costs."""
    frame = quarter_savings(audit)
    frame["label"] = [money(v, audit.currency) for v in frame["net"]]
    x = alt.X("quarter:N", sort=frame["quarter"].tolist(), title=None, axis=draw.two_lines())
    room = alt.Scale(padding=22, nice=False)  # beyond the bars, for the labels at their ends
    base = alt.Chart()
    bars = base.mark_bar().encode(
        x=x,
        y=alt.Y("net:Q", title="Saving less one-off costs", axis=draw.money_axis(audit.currency), scale=room),
        color=alt.condition("datum.net < 0", alt.value(ORANGE), alt.value(GREEN)),
        tooltip=draw.tooltip(quarter="Quarter", label="Net saving"),
    )
    labels = base.mark_text(dy=alt.expr("datum.net < 0 ? 14 : -10"), fontWeight="bold").encode(
        x=x, y=alt.Y("net:Q"), text=alt.Text("label:N")
    )
    quarters = [f"{q} {label}" for q, label in zip(frame["quarter"], frame["label"], strict=True)]
    text = f"Net saving by quarter: {', '.join(quarters)}."
    return draw.finished([bars, labels], {"rows": frame}, text, height=240)


def roadmap_rows(audit: StackAudit) -> pd.DataFrame:
    """One row a roadmap item: row (its tool or own name), item, kind, start, end, owner; the dearest rows when many."""
    rows = [
        (
            _cut(i.tool or i.item),
            _cut(i.item),
            _kind(i.kind, i.source),
            i.start,
            i.end,
            i.owner,
            abs(i.contract or i.change or 0.0),
        )
        for i in audit.roadmap
    ]
    frame = pd.DataFrame(rows, columns=["row", "item", "kind", "start", "end", "owner", "weight"])
    if frame["row"].nunique() > MOST_ROWS:
        keep = frame.groupby("row")["weight"].max().nlargest(MOST_ROWS).index
        frame = frame[frame["row"].isin(keep)].reset_index(drop=True)
    return frame.astype({"start": "datetime64[ns]", "end": "datetime64[ns]"})


def roadmap_gantt(audit: StackAudit) -> alt.LayerChart:
    """The twelve months ahead, a row a tool: bars for what is to be done, points for renewals and notice deadlines."""
    frame = roadmap_rows(audit)
    frame["from"], frame["until"] = frame["start"].map(day), frame["end"].map(day)
    frame["start"], frame["end"] = frame["start"].map(_milliseconds), frame["end"].map(_milliseconds)
    is_point = frame["kind"].isin(POINTS)
    order = frame.groupby("row")["start"].min().sort_values(kind="stable").index.tolist()
    colour = draw.colours("kind", list(ROADMAP_COLOURS), ROADMAP_COLOURS, frame["kind"])
    y = alt.Y("row:N", sort=order, title=None, axis=alt.Axis(labelLimit=125, grid=True))
    first = pd.Timestamp(str(audit.as_of))
    x_scale = alt.Scale(type="utc", domain=[_milliseconds(first), _milliseconds(first + pd.Timedelta(days=365))])
    tooltip = draw.tooltip(item="Item", kind="Kind", **{"from": "From"}, until="To", owner="Owner")
    months = alt.Axis(
        format="%b %y", tickCount="month", labelOverlap=True, labelSeparation=8, labelFlush=True, labelBound=True
    )
    x = alt.X("start:T", title=None, scale=x_scale, axis=months)
    bars = (
        alt.Chart(alt.NamedData("bars"))
        .mark_bar(height=11, cornerRadius=3, clip=True, opacity=0.9)
        .encode(x=x, x2=alt.X2("end:T"), y=y, color=colour, tooltip=tooltip)
    )
    points = (
        alt.Chart(alt.NamedData("points"))
        .mark_point(filled=True, size=80, opacity=1)
        .encode(
            x=x,
            y=y,
            color=colour,
            shape=alt.Shape(
                "kind:N",
                legend=None,
                scale=alt.Scale(domain=list(POINTS), range=list(POINTS.values())),
            ),
            tooltip=tooltip,
        )
    )
    kinds_told = [f"{n} {kind}" for kind, n in frame["kind"].value_counts().items()]
    text = f"Roadmap of the twelve months from {day(audit.as_of)}, {count(len(order), 'row')}: {listed(kinds_told)}."
    return draw.finished(
        [bars, points],
        {"bars": frame[~is_point], "points": frame[is_point]},
        text,
        rows=len(order),
        row_height=22,
    )


def _kind(kind: str, source: str) -> str:
    return PLANNED if source == "roadmap" else kind


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _milliseconds(when: pd.Timestamp) -> int:
    """Milliseconds since 1970 in UTC: a day is the same day wherever the chart is drawn."""
    return int(when.timestamp() * 1000)
