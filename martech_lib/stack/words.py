"""The audit in sentences; every number in them is read from the audit."""

from __future__ import annotations

from collections.abc import Sequence

from martech_lib.core.results import Reading
from martech_lib.core.spoken import count, day, in_unit, listed, money, number, percent
from martech_lib.stack.stack_audit import StackAudit
from martech_lib.stack.thresholds import Rule, shipped_rules

NOTHING = (
    "There is no inventory yet. Supply inventory.csv with one row per tool: "
    "`martech new DIR` writes the file with its header."
)


def headline(audit: StackAudit) -> str:
    """The whole audit in two sentences."""
    if not audit.tools:
        return NOTHING
    saved, cost = audit.savings, _value(audit, "stack.annual_cost")
    if not saved.run_rate and saved.tools_after == len(audit.tools):
        return f"{_now(audit)} Nothing in it asks to be cut{_at_stake(audit)}."
    verb = "cut" if saved.run_rate >= 0 else "raise"
    share = f", {percent(abs(saved.run_rate) / cost, 0)} of today's spend" if cost else ""
    return (
        f"{_now(audit)} The decisions below leave {count(saved.tools_after, 'tool')} "
        f"at {_money(audit, saved.annual_cost_after)} "
        f"and {verb} {_money(audit, abs(saved.run_rate))} a year{share}{_at_stake(audit)}."
    )


def spending(audit: StackAudit) -> str:
    """What the stack costs against budget, team and layers."""
    if not audit.tools:
        return ""
    layers = sorted(
        (r for r in audit.reading_records if r.metric == "stack.annual_cost" and r.segment),
        key=lambda r: -(r.value or 0),
    )
    total = _value(audit, "stack.annual_cost") or 0.0
    parts = [
        f"{layers[0].segment} takes the largest part, {_money(audit, layers[0].value)} of {_money(audit, total)} a year"
        if total
        else "Every tool is free",
        _against_budget(audit),
        _per_fte(audit),
        _revenue(audit),
    ]
    return " ".join(f"{part}." for part in parts if part)


def worth(audit: StackAudit) -> str:
    """Stack ROI, and how well tools are documented."""
    roi = _reading(audit, "stack.roi")
    if roi is None or not audit.tools:
        return ""
    if roi.value is None:
        return f"Stack ROI is not measured: {roi.reason}."
    named = [
        _share_named(audit, "stack.tools_with_owner", "named owner"),
        _share_named(audit, "stack.tools_with_job", "written job"),
    ]
    return f"Stack ROI is {percent(roi.value)}: the {roi.method}. {' '.join(filter(None, named))}".strip()


def findings(audit: StackAudit) -> str:
    """How many findings, on how many tools, and the worst of them."""
    if not audit.tools:
        return ""
    if not audit.finding_records:
        return f"No rule found a fault. {_unmeasured(audit)}".strip()
    tools = {tool.tool for tool in audit.tools}
    flagged = {f.subject for f in audit.finding_records if f.subject in tools and f.severity in ("critical", "high")}
    severe = sum(f.severity in ("critical", "high") for f in audit.finding_records)
    worst = audit.finding_records[0]
    return (
        f"{count(len(audit.finding_records), 'finding')}, {severe} of them critical or high; those concern "
        f"{count(len(flagged), 'tool')}. The gravest is {worst.rule}, {shipped_rules()[worst.rule].title.lower()}: "
        f"{worst.subject} - {worst.evidence}. {_unmeasured(audit)}"
    ).strip()


def groups(audit: StackAudit) -> str:
    """The headline counts of distinct tools: adoption, duplicates, ownership, consent, agreements."""
    named = (
        ("SA01", "low adoption"),
        ("SA02", "duplicate function"),
        ("SA03 or SA04", "no clear owner or job"),
        ("CO02 or CO03", "consent not enforced"),
        ("CO05", "no signed DPA"),
    )
    told = []
    for segment, words in named:
        reading = _reading(audit, "stack.findings", segment)
        if reading is not None and reading.value is not None:
            told.append(f"{words}: {number(reading.value)}")
    return f"Distinct tools by kind of fault - {'; '.join(told)}." if told else ""


def decisions(audit: StackAudit) -> str:
    """How many tools get which decision, and where analyst and rules differ."""
    if not audit.tools:
        return ""
    kinds = [d.decision for d in audit.decision_records]
    parts = [
        f"{kinds.count(kind)} {kind}"
        for kind in ("Keep", "Re-evaluate", "Consolidate", "Drop", "Replace", "Fix")
        if kind in kinds
    ]
    own = [d for d in audit.decision_records if d.decided_by == "analyst" and d.decision != d.suggested]
    words = f"Of {count(len(kinds), 'tool')}: {listed(parts, 9)}."
    if own:
        changes = [f"{d.tool} ({d.decision}, not {d.suggested})" for d in own]
        words += f" The analyst decided otherwise than the rules for {listed(changes)}."
    conflicts = [d.tool for d in own if "conflict:" in d.reason]
    return words + (f" A critical compliance finding stays open on {listed(conflicts)}." if conflicts else "")


def saving(audit: StackAudit) -> str:
    """Run-rate and in-year saving, one-off costs, right-sizing, what is at stake."""
    saved = audit.savings
    if not audit.tools:
        return ""
    parts = [f"The run-rate saving is {_money(audit, saved.run_rate)} a year"]
    if saved.in_year is not None:
        one_off = _money(audit, sum(q.one_off for q in saved.quarters))
        parts.append(
            f"the twelve months from {day(audit.as_of)} bring {_money(audit, saved.in_year)} of it, "
            f"since each contract runs to its renewal and {one_off} of one-off costs fall due"
        )
    if saved.undated:
        parts.append(
            f"{_money(audit, saved.undated)} a year hangs on contracts without a renewal date and is left out of that"
        )
    if saved.right_sizing:
        parts.append(
            f"unused seats of the tools that stay cost {_money(audit, saved.right_sizing)} more, "
            "which right-sizing could save on top"
        )
    if saved.at_stake:
        parts.append(
            f"{_money(audit, saved.at_stake)} is at stake in tools to re-evaluate and counted nowhere as saved"
        )
    return "; ".join(parts) + "."


def build_order(audit: StackAudit) -> str:
    """Where the company stands in the build order, and what is next."""
    if not audit.tools:
        return ""
    done = [step for step in audit.steps if step.status == "Done"]
    words = f"{len(done)} of {len(audit.steps)} steps are done."
    for status, lead in (
        ("Next", "Next"),
        ("Gap", "Left out on the way"),
        ("Bought too early", "Bought too early"),
        ("Not yet", "Not yet due"),
    ):
        named = [f"{step.name}{_because(step.reason)}" for step in audit.steps if step.status == status]
        words += f" {lead}: {listed(named)}." if named else ""
    unknown = [step.name for step in audit.steps if step.status == "Not measured"]
    return words + (f" Not measured: {listed(unknown)}." if unknown else "")


def road(audit: StackAudit) -> str:
    """What the twelve months ahead hold: renewals, the next deadline, and exits that came too late."""
    if not audit.roadmap:
        return "" if not audit.tools else "No renewal date and no planned row lies in the twelve months ahead."
    renewals = [item for item in audit.roadmap if item.kind == "renewal"]
    deadlines = [item for item in audit.roadmap if item.kind == "notice deadline"]
    late = [f for f in audit.finding_records if f.rule == "RM02"]
    value = _money(audit, sum(i.contract or 0 for i in renewals))
    words = f"{count(len(renewals), 'contract')} worth {value} a year renew in the twelve months ahead."
    if deadlines:
        words += f" The next notice deadline is {day(deadlines[0].start)}, for {deadlines[0].tool}."
    return words + "".join(f" Too late this time: {finding.evidence}." for finding in late[:3])


def changed(audit: StackAudit) -> str:
    """What moved since the last audit."""
    if audit.changes is None:
        return "Not measured: supply inventory_previous.csv, the inventory as it stood at the last audit."
    if not audit.changes:
        return "Nothing changed since the last audit."
    new = [c.tool for c in audit.changes if c.change == "new"]
    gone = [c.tool for c in audit.changes if c.change == "gone"]
    delta = sum(c.cost_delta for c in audit.changes)
    words = (
        f"Since the last audit the stack costs {_money(audit, abs(delta))} a year {'more' if delta >= 0 else 'less'}"
    )
    words += f"; new: {listed(new)}" if new else ""
    return words + (f"; gone: {listed(gone)}" if gone else "") + "."


def reviews(audit: StackAudit) -> str:
    """Which recurring reviews are overdue."""
    overdue = [c.name for c in audit.cadences if c.status == "overdue"]
    unknown = [c.name for c in audit.cadences if c.status == "not measured"]
    if len(unknown) == len(audit.cadences):
        return "No review date is on record."
    words = f"Overdue: {listed(overdue)}." if overdue else "Every review on record is on time."
    return words + (f" Not measured: {listed(unknown)}." if unknown else "")


def thresholds(audit: StackAudit) -> str:
    """Which thresholds were changed, from what to what, and why."""
    if not audit.overrides:
        return "All thresholds are those the workbook ships."
    return "Thresholds set otherwise than shipped: " + "; ".join(map(_override, audit.overrides)) + "."


def _override(rule: Rule) -> str:
    shipped = shipped_rules()[rule.id]
    return f"{rule.id} {rule.title.lower()} {_shown(rule)} instead of {_shown(shipped)} ({rule.why})"


def _shown(rule: Rule) -> str:
    as_text = percent if rule.unit == "share" else lambda v: f"{v:,g}"
    return " / ".join(as_text(value) for value in rule.threshold)


def _now(audit: StackAudit) -> str:
    company = audit.company or "The company"
    cost = _money(audit, _value(audit, "stack.annual_cost"))
    return f"{company} runs {count(len(audit.tools), 'tool')} for {cost} a year."


def _at_stake(audit: StackAudit) -> str:
    at_stake = audit.savings.at_stake
    return f"; {_money(audit, at_stake)} more is to be re-evaluated" if at_stake else ""


def _against_budget(audit: StackAudit) -> str:
    reading = _reading(audit, "stack.share_of_budget")
    if reading is None or reading.value is None:
        return ""
    place = "inside" if reading.status == "pass" else "outside"
    return f"That is {percent(reading.value)} of the marketing budget without labor, {place} the usual {reading.target}"


def _per_fte(audit: StackAudit) -> str:
    reading = _reading(audit, "stack.tools_per_fte")
    after = _value(audit, "stack.tools_per_fte_after")
    if reading is None or reading.value is None:
        return ""
    words = f"Each marketing FTE carries {number(reading.value, 2)} tools against a target of {reading.target}"
    moved = after is not None and round(after, 2) != round(reading.value, 2)
    return words + (f", {number(after, 2)} after the decisions" if moved else "")


def _revenue(audit: StackAudit) -> str:
    told = []
    for metric, words in (
        ("stack.share_of_revenue", "{} of revenue"),
        ("stack.cost_per_mau", "{} per monthly active user and month"),
    ):
        reading = _reading(audit, metric)
        if reading is not None and reading.value is not None:
            told.append(words.format(in_unit(reading.value, reading.unit)))
    return f"It comes to {listed(told)}" if told else ""


def _share_named(audit: StackAudit, metric: str, what: str) -> str:
    reading = _reading(audit, metric)
    if reading is None or reading.value is None:
        return ""
    return f"Of the tools, {percent(reading.value, 0)} have a {what}."


def _unmeasured(audit: StackAudit) -> str:
    gaps = [r for r in audit.reading_records if r.metric == "stack.findings" and r.status == "not measured"]
    return f"{count(len(gaps), 'rule')} could not be measured for want of data." if gaps else ""


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _money(audit: StackAudit, amount: float | None) -> str:
    return money(amount, audit.currency)


def _value(audit: StackAudit, metric: str) -> float | None:
    return audit.summary.get(metric)


def _reading(audit: StackAudit, metric: str, segment: str = "") -> Reading | None:
    matching: Sequence[Reading] = [r for r in audit.reading_records if r.metric == metric and r.segment == segment]
    return matching[0] if matching else None
