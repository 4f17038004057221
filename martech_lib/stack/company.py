"""BU01, BU02 and RM01: the stack against the size of the team, the budget and the plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from martech_lib.core.results import Finding, Severity
from martech_lib.core.spoken import count, money, number, percent
from martech_lib.stack.evidence import Evidence


def company_findings(evidence: Evidence) -> Iterator[Finding]:
    """BU01, BU02 and RM01, each about the stack as a whole, where they can be measured."""
    for rule_id, look in (("BU01", _too_many_tools), ("BU02", _outside_band), ("RM01", _no_roadmap)):
        if not evidence.lacks(evidence.rules[rule_id].needs):
            yield from look(evidence)


def _too_many_tools(evidence: Evidence) -> Iterator[Finding]:
    watch, fail = evidence.rules["BU01"].threshold
    fte, tools = float(evidence.profile["marketing_fte"]), len(evidence.tools)
    ratio = tools / fte
    if ratio <= watch:
        return
    severity: Severity = "high" if ratio > fail else "medium"
    over = tools - watch * fte
    words = (
        f"{count(tools, 'tool')} for {number(fte, 1 if fte % 1 else 0)} marketing FTE: {number(ratio, 2)} tools "
        f"per FTE, above {number(fail if severity == 'high' else watch, 1)}; the amount is the {number(over, 1)} tools "
        f"over {number(watch, 1)} per FTE at the average cost"
    )
    yield _finding(evidence, "BU01", words, amount=over * evidence.inventory.annual_cost / tools, severity=severity)


def _outside_band(evidence: Evidence) -> Iterator[Finding]:
    low, high = evidence.rules["BU02"].threshold
    budget, cost = float(evidence.profile["marketing_budget_excl_labor"]), evidence.inventory.annual_cost
    share = cost / budget if budget else float("inf")
    if low <= share <= high:
        return
    edge, side = (low * budget, "below") if share < low else (high * budget, "above")
    words = (
        f"{money(cost, evidence.currency)} is {percent(share)} of the marketing budget without labor, {side} the band "
        f"of {percent(low, 0)} to {percent(high, 0)}: {money(abs(cost - edge), evidence.currency)} {side} its edge"
    )
    yield _finding(evidence, "BU02", words, amount=abs(cost - edge))


def _no_roadmap(evidence: Evidence) -> Iterator[Finding]:
    assert evidence.as_of is not None
    last = evidence.as_of + timedelta(days=int(evidence.rules["RM01"].threshold[0]))
    typed = [row for row in evidence.rows("roadmap") if row["end"] >= evidence.as_of and row["start"] <= last]
    if typed:
        return
    ahead = [t for t in evidence.tools if t.renewal_date and evidence.as_of <= t.renewal_date <= last]
    words = (
        f"no row of roadmap.csv lies in the twelve months ahead, while {count(len(ahead), 'contract')} renew in them"
    )
    yield _finding(evidence, "RM01", words, amount=sum(tool.annual_cost for tool in ahead), source="roadmap")


def _finding(
    evidence: Evidence,
    rule_id: str,
    words: str,
    *,
    amount: float,
    severity: Severity | None = None,
    source: str = "profile",
) -> Finding:
    rule = evidence.rules[rule_id]
    unit = f"{evidence.currency}/year"
    return Finding(rule_id, "stack", severity or rule.severity, words, rule.decision, amount, unit, source=source)
