"""The audit's tables, tiles and map as markup, each from one audit."""

from __future__ import annotations

from datetime import date
from functools import partial

from martech_lib.core.metrics import label
from martech_lib.core.results import Reading
from martech_lib.core.spoken import day, in_unit, money
from martech_lib.stack import StackAudit
from martech_lib.stack.taxonomy import LAYERS
from martech_lib.stack.thresholds import shipped_rules
from martech_lib.workbook import html
from martech_lib.workbook.html import Column

KEY_METRICS = (
    "stack.tools", "stack.annual_cost", "stack.share_of_budget", "stack.tools_per_fte", "stack.roi", "stack.findings",
    "stack.tools_after", "stack.annual_cost_after", "stack.saving_run_rate", "stack.saving_in_year",
    "stack.right_sizing", "stack.at_stake",
)  # fmt: skip
BEFORE_AND_AFTER = (
    ("stack.tools", "stack.tools_after"),
    ("stack.annual_cost", "stack.annual_cost_after"),
    ("stack.tools_per_fte", "stack.tools_per_fte_after"),
    ("stack.share_of_budget", "stack.share_of_budget_after"),
)
MAP_CHIPS = 40


def key_tiles(audit: StackAudit) -> str:
    """The key readings as tiles."""
    totals = _totals(audit)
    return html.tiles(totals[metric] for metric in KEY_METRICS if metric in totals)


def stack_map(audit: StackAudit) -> str:
    """Tools by layer, each with its cost and decision."""
    layers: dict[str, list[tuple[str, str, str]]] = {layer: [] for layer in LAYERS}
    for tool, decision in zip(audit.tools, audit.decision_records, strict=True):
        cost = money(tool.annual_cost, audit.currency) if tool.annual_cost else "free"
        layers[tool.layer].append((tool.tool, cost, decision.decision))
    return html.stack_map(layers, most=MAP_CHIPS)


def findings_table(audit: StackAudit) -> str:
    """Every finding, worst first."""
    columns = [
        Column("subject", "About", lambda s: "The stack" if s == "stack" else s),
        Column("severity", "Severity", str.capitalize),
        Column("rule", "Finding", lambda rule: f"{shipped_rules()[rule].title} ({rule})"),
        Column("evidence", "Evidence"),
        Column("amount", "In question", partial(money, currency=audit.currency), True),
        Column("decision", "Rule suggests"),
        Column("owner", "Owner"),
        Column("due", "Due", _date),
    ]
    return html.table((f._asdict() for f in audit.finding_records), columns, caption="Findings, the gravest first")


def unmeasured_table(audit: StackAudit) -> str:
    """The rules that could not be judged, and what each lacks; nothing when all were."""
    gaps = audit.rules_not_measured
    if not gaps:
        return ""
    rules = [{"rule": f"{shipped_rules()[rule].title} ({rule})", "gap": gap} for rule, gap in gaps.items()]
    columns = [Column("rule", "Rule"), Column("gap", "Not measured", lambda gap: gap[:1].upper() + gap[1:])]
    return html.table(rules, columns, caption="Rules that could not be judged")


def decisions_table(audit: StackAudit) -> str:
    """Every decision with its reason and saving; what leaves first."""
    columns = [
        Column("tool", "Tool"),
        Column("decision", "Decision"),
        Column("suggested", "Rules suggest"),
        Column("decided_by", "Decided by", str.capitalize),
        Column("reason", "Why"),
        Column("annual_cost", "Cost a year", partial(money, currency=audit.currency), True),
        Column("saving", "Saving a year", partial(money, currency=audit.currency), True),
    ]
    rows = sorted(
        (d._asdict() for d in audit.decision_records),
        key=lambda row: (-abs(row["saving"]), row["decision"] == "Keep", -row["annual_cost"]),
    )
    return html.table(rows, columns, caption="Decisions, the largest saving first")


def before_and_after_table(audit: StackAudit) -> str:
    """Tools, spend and ratios before and after."""
    totals = _totals(audit)
    rows = [
        {
            "what": label(before),
            "before": _shown(totals.get(before)),
            "after": _shown(totals.get(after)),
            "target": totals[before].target if before in totals else "",
        }
        for before, after in BEFORE_AND_AFTER
    ]
    for metric in ("stack.cost_per_head", "stack.share_of_revenue", "stack.cost_per_mau"):
        reading = totals.get(metric)
        if reading is not None and reading.value is not None:
            rows.append({"what": label(metric), "before": _shown(reading), "after": "", "target": reading.target})
    columns = [
        Column("what", "Measure"),
        Column("before", "Today", str, True),
        Column("after", "After", str, True),
        Column("target", "Usual"),
    ]
    return html.table(rows, columns, caption="Before and after the decisions")


def build_order_table(audit: StackAudit) -> str:
    """The eight steps and where this company stands."""
    columns = [
        Column("name", "Step"),
        Column("status", "Status"),
        Column("tools", "Tools", ", ".join),
        Column("reason", "Why"),
        Column("pick", "Usual pick for this profile"),
    ]
    steps = ({**step._asdict(), "name": f"{step.step}. {step.name}"} for step in audit.steps)
    return html.table(steps, columns, caption="Build order, eight steps")


def reviews_table(audit: StackAudit) -> str:
    """Recurring reviews and which are overdue."""
    columns = [
        Column("name", "Review"),
        Column("every_days", "Every", lambda d: f"{d} days"),
        Column("last", "Oldest on record", _date),
        Column("status", "Status", str.capitalize),
        Column("reason", "Note"),
    ]
    return html.table((c._asdict() for c in audit.cadences), columns, caption="Recurring reviews")


def changes_table(audit: StackAudit) -> str:
    """What changed since the last audit; nothing when nothing did."""
    if not audit.changes:
        return ""
    told = partial(_money_or_name, currency=audit.currency)
    columns = [
        Column("tool", "Tool"),
        Column("change", "What changed", str.capitalize),
        Column("before", "Before", told),
        Column("after", "Now", told),
        Column("cost_delta", "Change in cost a year", lambda v: money(v, audit.currency) if v else "", True),
    ]
    return html.table((c._asdict() for c in audit.changes), columns, caption="Changes since the last audit")


def roadmap_table(audit: StackAudit) -> str:
    """The items of the roadmap, soonest first."""
    columns = [
        Column("start", "From", _date),
        Column("end", "To", _date),
        Column("item", "Item"),
        Column("kind", "Kind", str.capitalize),
        Column("owner", "Owner"),
        Column("contract", "Contract a year", lambda v: money(v, audit.currency), True),
        Column("change", "Change in cost a year", lambda v: money(v, audit.currency) if v else "", True),
    ]
    return html.table((i._asdict() for i in audit.roadmap), columns, caption="Twelve months ahead, soonest first")


def _money_or_name(value: str | float, *, currency: str) -> str:
    return value if isinstance(value, str) else money(value, currency)


def _date(when: date) -> str:
    """A date that keeps to one line."""
    return day(when).replace(" ", "\N{NO-BREAK SPACE}")


def _totals(audit: StackAudit) -> dict[str, Reading]:
    return {r.metric: r for r in audit.reading_records if not r.segment}


def _shown(reading: Reading | None) -> str:
    return "not measured" if reading is None or reading.value is None else in_unit(reading.value, reading.unit)
