"""The audit in sentences; every number in them is read from the audit."""

from __future__ import annotations

from martech_lib.core.results import Reading
from martech_lib.core.spoken import (
    count,
    day,
    fitting,
    in_full,
    in_unit,
    listed,
    mid_sentence,
    money,
    number,
    percent,
    told_apart,
)
from martech_lib.stack.decisions import DECISIONS, LEAVING
from martech_lib.stack.saving_words import saving
from martech_lib.stack.stack_audit import StackAudit
from martech_lib.stack.thresholds import Rule, shipped_rules

__all__ = [
    "build_order", "changed", "decisions", "findings", "groups", "headline", "reviews", "road", "saving", "spending",
    "thresholds", "unmeasured", "worth",
]  # fmt: skip

NOTHING = (
    "There is no inventory yet. Supply inventory.csv with one row per tool: "
    "`martech new DIR` writes the file with its header."
)
RETIRED = "Every row of inventory.csv is retired: there is no active tool to audit."


def headline(audit: StackAudit) -> str:
    """The whole audit in two sentences."""
    if not audit.tools:
        return RETIRED if "retired" in audit.no_tools else NOTHING
    saved, at_stake = audit.savings, audit.savings.at_stake
    open_end = f"; {_money(audit, at_stake)} {{}} is to be re-evaluated." if at_stake else "."
    if not round(saved.run_rate, 2) and saved.tools_after == len(audit.tools):
        return f"{_now(audit)} Nothing in it asks to be cut{open_end.format('of it')}"
    return f"{_now(audit)} The decisions below {_left(audit)} and {_moved(audit)}{open_end.format('more')}"


def spending(audit: StackAudit) -> str:
    """What the stack costs against budget, team and layers."""
    if not audit.tools:
        return ""
    costs = [r for r in audit.reading_records if r.metric == "stack.annual_cost" and r.segment]
    largest = max(costs, key=lambda r: r.value or 0.0)
    total = audit.summary.get("stack.annual_cost") or 0.0
    if not total:
        return " ".join(f"{part}." for part in ("Nothing in the stack costs money", _per_fte(audit)) if part)
    lead = "all of the" if largest.value == total else f"the largest part, {_money(audit, largest.value)} of"
    first = f"{largest.segment} takes {lead} {_money(audit, total)} a year"
    return " ".join(f"{part}." for part in (first, _against_budget(audit), _per_fte(audit), _revenue(audit)) if part)


def worth(audit: StackAudit) -> str:
    """Stack ROI, and how well tools are documented."""
    roi = _reading(audit, "stack.roi")
    if roi is None or not audit.tools:
        return ""
    if roi.value is None:
        return f"Stack ROI is not measured ({roi.reason})."
    owners = _share_named(audit, "stack.tools_with_owner", "named owner")
    jobs = _share_named(audit, "stack.tools_with_job", "written job")
    return f"Stack ROI is {percent(roi.value)}: the {roi.method}.{owners}{jobs}"


def findings(audit: StackAudit) -> str:
    """How many findings, on how many tools, and the worst of them."""
    if not audit.finding_records:
        return "No rule that could be judged found a fault." if audit.tools else ""
    total = len(audit.finding_records)
    severe = [f.subject for f in audit.finding_records if f.severity in ("critical", "high")]
    words = f"{count(total, 'finding')}, {len(severe)} of them critical or high"
    if total == 1:
        words = f"1 finding, {'critical or high' if severe else 'neither critical nor high'}"
    if severe:
        words += f"; {fitting(len(severe), 'it concerns', 'those concern')} {_concerned(audit, set(severe))}"
    worst = audit.finding_records[0]
    title = mid_sentence(shipped_rules()[worst.rule].title)
    about = "" if worst.subject == "stack" else f"{worst.subject} - "
    lead = "It" if total == 1 else "The gravest"
    return f"{words}. {lead} is {worst.rule}, {title}: {about}{worst.evidence}."


def unmeasured(audit: StackAudit) -> str:
    """How many rules could not be judged; "" when all were."""
    gaps = audit.rules_not_measured
    if not gaps:
        return ""
    stands = fitting(len(gaps), "it is", "they are")
    return f"{count(len(gaps), 'rule')} could not be judged for want of data; {stands} neither passed nor failed:"


def groups(audit: StackAudit) -> str:
    """The headline counts of distinct tools: adoption, duplicates, ownership, consent, agreements."""
    named = (
        ("SA01", "low adoption"),
        ("SA02", "duplicate function"),
        ("SA03 or SA04", "no clear owner or job"),
        ("CO02 or CO03", "consent not enforced"),
        ("CO05", "no signed DPA"),
    )
    readings = [(words, _reading(audit, "stack.findings", segment)) for segment, words in named]
    told = [f"{words}: {number(r.value)}" for words, r in readings if r and r.value is not None]
    return f"Distinct tools by kind of fault - {'; '.join(told)}." if told else ""


def decisions(audit: StackAudit) -> str:
    """How many tools get which decision, and where analyst and rules differ."""
    if not audit.tools:
        return ""
    kinds = [d.decision for d in audit.decision_records]
    parts = [f"{kinds.count(kind)} {kind}" for kind in DECISIONS if kind in kinds]
    own = [d for d in audit.decision_records if d.decided_by == "analyst" and d.decision != d.suggested]
    words = f"Of {len(kinds)} tools: {listed(parts, 9)}."
    if len(parts) == 1:
        whole = {1: audit.decision_records[0].tool, 2: "both tools"}.get(len(kinds), f"all {len(kinds)} tools")
        words = f"The decision for {whole}: {kinds[0]}."
    if own:
        changes = [f"{d.tool} ({d.decision}, not {d.suggested})" for d in own]
        words += f" The analyst decided otherwise than the rules for {listed(changes)}."
    open_on = [d.tool for d in audit.decision_records if d.conflict]
    stays = fitting(len(open_on), "A critical compliance finding stays", "Critical compliance findings stay")
    return words + (f" {stays} open on {listed(open_on)}." if open_on else "")


def build_order(audit: StackAudit) -> str:
    """Where the company stands in the build order, and what is next."""
    if not audit.tools:
        return ""
    done, total = sum(step.status == "Done" for step in audit.steps), len(audit.steps)
    words = f"{f'All {total}' if done == total else f'{done} of {total}'} steps {fitting(done, 'is', 'are')} done."
    for lead, status, is_due in (
        ("Next", "Next", True),
        ("Then", "Not yet", True),
        ("Left out on the way", "Gap", True),
        ("Bought too early", "Bought too early", False),
        ("Not yet due", "Not yet", False),
    ):
        steps = [step for step in audit.steps if step.status == status and bool(step.due) == is_due]
        words += f" {lead}: {listed([f'{s.name}{_because(s.reason)}' for s in steps])}." if steps else ""
    unknown = [step.name for step in audit.steps if step.status == "Not measured"]
    return words + (f" Not measured: {listed(unknown)}." if unknown else "")


def road(audit: StackAudit) -> str:
    """What the twelve months ahead hold: renewals, the next deadline, and exits that came too late."""
    if not audit.roadmap:
        return "" if not audit.tools else "No renewal date and no planned row lies in the twelve months ahead."
    words = _contracts_ahead(audit)
    deadlines = [item for item in audit.roadmap if item.kind == "notice deadline"]
    if deadlines:
        first = [item.tool for item in deadlines if item.start == deadlines[0].start]
        words += f" The next notice deadline is {day(deadlines[0].start)}, for {listed(first)}."
    late = [f for f in audit.finding_records if f.rule == "RM02"]
    return words + "".join(f" Too late this time: {finding.evidence}." for finding in late[:3])


def changed(audit: StackAudit) -> str:
    """What moved since the last audit."""
    if audit.changes is None:
        return "Not measured: supply inventory_previous.csv, the inventory as it stood at the last audit."
    if not audit.changes:
        return "Nothing changed since the last audit."
    of_kind = {kind: [c.tool for c in audit.changes if c.change == kind] for kind in ("new", "gone", "cost", "owner")}
    delta = round(sum(c.cost_delta for c in audit.changes), 2)
    costs = f"{_money(audit, abs(delta))} a year {'more' if delta > 0 else 'less'}" if delta else "the same"
    parts = [f"Since the last audit the stack costs {costs}"]
    parts += [f"{kind}: {listed(of_kind[kind])}" for kind in ("new", "gone") if of_kind[kind]]
    for kind in ("cost", "owner"):
        n = len(of_kind[kind])
        parts += [f"{count(n, 'tool')} {fitting(n, 'has', 'have')} another {kind}"] if n else []
    return "; ".join(parts) + "."


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
    changed_ones = [rule for rule in audit.overrides if _shown(rule) != _shown(shipped_rules()[rule.id])]
    if not changed_ones:
        return "All thresholds are those the workbook ships."
    return "Thresholds set otherwise than shipped: " + "; ".join(map(_override, changed_ones)) + "."


def _override(rule: Rule) -> str:
    shipped, title = shipped_rules()[rule.id], mid_sentence(rule.title)
    return f"{rule.id} {title} {_shown(rule)} instead of {_shown(shipped)}{_because(rule.why)}"


def _shown(rule: Rule) -> str:
    return " / ".join(in_full(value, unit=rule.unit, least=int(rule.unit == "share")) for value in rule.threshold)


def _now(audit: StackAudit) -> str:
    company = audit.company or "The company"
    cost = audit.summary.get("stack.annual_cost")
    if not cost:
        return f"{company} runs {count(len(audit.tools), 'free tool')}."
    return f"{company} runs {count(len(audit.tools), 'tool')} for {_money(audit, cost)} a year."


def _left(audit: StackAudit) -> str:
    n, cost = audit.savings.tools_after, round(audit.savings.annual_cost_after, 2)
    if not n:
        return "leave no tool"
    return f"leave {count(n, 'tool')} at {_money(audit, cost)}" if cost else f"leave {count(n, 'free tool')}"


def _moved(audit: StackAudit) -> str:
    """What the decisions do to the yearly cost, as a verb with its object."""
    run_rate = round(audit.savings.run_rate, 2)
    if run_rate > 0:
        share = run_rate / (audit.summary.get("stack.annual_cost") or run_rate)
        part = "all" if share >= 1 else "under 1 %" if share < 0.01 else told_apart(share, 1)[0]
        return f"cut {_money(audit, run_rate)} a year, {part} of today's spend"
    if run_rate < 0:
        return f"cost {_money(audit, -run_rate)} a year more than today"
    goes_free = all(d.annual_cost == 0 for d in audit.decision_records if d.decision in LEAVING)
    return "save nothing, as what goes is free" if goes_free else "save nothing in all"


def _concerned(audit: StackAudit, subjects: set[str]) -> str:
    """Tools, names outside the inventory and the stack, each where there are any."""
    tools = len(subjects & {tool.tool for tool in audit.tools})
    outside = len(subjects - {"stack"}) - tools
    told = [count(tools, "tool")] if tools else []
    told += [f"{count(outside, 'name')} outside the inventory"] if outside else []
    return listed([*told, "the stack as a whole"] if "stack" in subjects else told)


def _contracts_ahead(audit: StackAudit) -> str:
    told = []
    for kind, one, many in (("renewal", "renews", "renew"), ("contract end", "ends", "end")):
        costs = [item.contract or 0.0 for item in audit.roadmap if item.kind == kind]
        value = f" worth {_money(audit, sum(costs))} a year" if any(costs) else ""
        told += [f"{count(len(costs), 'contract')}{value} {fitting(len(costs), one, many)}"] if costs else []
    return f"{listed(told) or 'No contract renews'} in the twelve months ahead."


def _against_budget(audit: StackAudit) -> str:
    reading = _reading(audit, "stack.share_of_budget")
    if reading is None or reading.value is None:
        return ""
    rule = next((rule for rule in audit.overrides if rule.id == "BU02"), shipped_rules()["BU02"])
    edge = min(rule.threshold, key=lambda limit: abs(limit - (reading.value or 0.0)))
    share = max(percent(reading.value), told_apart(reading.value, edge)[0], key=len)
    place = "inside" if reading.status == "pass" else "outside"
    return f"The stack takes {share} of the marketing budget without labor, {place} the usual {reading.target}"


def _per_fte(audit: StackAudit) -> str:
    reading = _reading(audit, "stack.tools_per_fte")
    after = audit.summary.get("stack.tools_per_fte_after")
    if reading is None or reading.value is None:
        return ""
    words = f"Each marketing FTE carries {number(reading.value, 2)} tools against a target of {reading.target}"
    moved = after is not None and round(after, 2) != round(reading.value, 2)
    return words + (f", {number(after, 2)} after the decisions" if moved else "")


def _revenue(audit: StackAudit) -> str:
    named = (("stack.share_of_revenue", "of revenue"), ("stack.cost_per_mau", "per monthly active user and month"))
    readings = [(_reading(audit, metric), words) for metric, words in named]
    told = [f"{in_unit(r.value, r.unit)} {words}" for r, words in readings if r and r.value is not None]
    return f"It comes to {listed(told)}" if told else ""


def _share_named(audit: StackAudit, metric: str, what: str) -> str:
    reading = _reading(audit, metric)
    if reading is None or reading.value is None:
        return ""
    if reading.value in (0, 1):
        return f" {'Every' if reading.value else 'No'} tool has a {what}."
    return f" Of the tools, {told_apart(reading.value, 1)[0]} have a {what}."


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _money(audit: StackAudit, amount: float | None) -> str:
    return money(amount, audit.currency)


def _reading(audit: StackAudit, metric: str, segment: str = "") -> Reading | None:
    return next((r for r in audit.reading_records if (r.metric, r.segment) == (metric, segment)), None)
