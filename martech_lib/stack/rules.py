"""The rules about a single tool: small predicates over one inventory row, each with its evidence in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date

from martech_lib.core.results import Finding
from martech_lib.core.spoken import count, day, listed, money, number, percent
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import Tool
from martech_lib.stack.renewals import renewal_of
from martech_lib.stack.taxonomy import layers_of
from martech_lib.stack.thresholds import Rule

FREE_OR_OWN = re.compile(r"\bfree\b|open[- ]?source|self[- ]?hosted|in[- ]?house", re.IGNORECASE)

Predicate = Callable[[Tool, Rule, Evidence], Finding | None]


def tool_findings(evidence: Evidence) -> Iterator[Finding]:
    """Every finding of the rules about a single tool, for the rules that can be measured."""
    for rule_id, predicate in TOOL_RULES.items():
        rule = evidence.rules[rule_id]
        if evidence.lacks(rule.needs):
            continue
        found = (predicate(tool, rule, evidence) for tool in evidence.tools)
        yield from (finding for finding in found if finding)


def about(
    tool: Tool, rule: Rule, evidence: Evidence, words: str, *, decision: str = "", due: date | None = None
) -> Finding:
    """A finding about a tool; its amount at stake is what the tool costs a year."""
    return Finding(
        rule=rule.id,
        subject=tool.tool,
        severity=rule.severity,
        evidence=words,
        decision=decision or rule.decision,
        amount=tool.annual_cost,
        unit=f"{evidence.currency}/year",
        owner=tool.owner or "",
        due=due,
        source="inventory",
    )


def _low_adoption(tool: Tool, rule: Rule, evidence: Evidence) -> Finding | None:
    adoption, floor = tool.adoption, rule.threshold[0]
    if adoption is None or adoption >= floor:
        return None
    seen = f"{percent(tool.usage_pct / 100, 0)} of the committed volume used" if tool.usage_pct is not None else ""
    if tool.seats_paid and tool.seats_active_90d is not None:
        seen = f"{number(tool.seats_active_90d)} of {number(tool.seats_paid)} paid seats active in 90 days"
    words = f"{seen}: {percent(adoption, 0)} adoption, below {percent(floor, 0)}; payback: {tool.pays_back}"
    return about(tool, rule, evidence, words, decision="Re-evaluate" if tool.pays else "Drop")


def _no_owner(tool: Tool, rule: Rule, evidence: Evidence) -> Finding | None:
    return None if tool.owner else _undocumented(tool, rule, evidence, "no owner is named", "job")


def _no_job(tool: Tool, rule: Rule, evidence: Evidence) -> Finding | None:
    return None if tool.job else _undocumented(tool, rule, evidence, "no job is written down", "owner")


def _undocumented(tool: Tool, rule: Rule, evidence: Evidence, gap: str, other: str) -> Finding:
    """Without owner and job nobody would miss the tool: drop it; with one of them, the other can be filled in."""
    known = getattr(tool, other)
    if other in evidence.inventory.columns and not known:
        both = "no owner is named and no job is written down"
        return about(tool, rule, evidence, both, decision="Drop")
    return about(tool, rule, evidence, f"{gap}; {other}: {known or 'not given'}", decision="Fix")


def _marginal_payback(tool: Tool, rule: Rule, evidence: Evidence) -> Finding | None:
    if tool.pays_back not in ("Marginal", "No"):
        return None
    words = f"payback is given as {tool.pays_back} for {money(tool.annual_cost, evidence.currency)} a year"
    return about(tool, rule, evidence, words, decision="Drop" if tool.pays_back == "No" else "Re-evaluate")


def _pending_too_long(tool: Tool, rule: Rule, evidence: Evidence) -> Finding | None:
    if tool.pays_back != "Pending Y1" or tool.contract_start is None or evidence.as_of is None:
        return None
    age = (evidence.as_of - tool.contract_start).days
    if age <= rule.threshold[0]:
        return None
    words = f"payback still pending {number(age)} days after the contract began on {day(tool.contract_start)}"
    return about(tool, rule, evidence, words)


def _no_outcome(tool: Tool, rule: Rule, evidence: Evidence) -> Finding | None:
    return None if tool.outcome_metric else about(tool, rule, evidence, "no outcome metric is named")


def _not_reviewed(tool: Tool, rule: Rule, evidence: Evidence) -> Finding | None:
    if tool.last_reviewed is None:
        return about(tool, rule, evidence, "no review is on record")
    assert evidence.as_of is not None
    age = (evidence.as_of - tool.last_reviewed).days
    if age <= rule.threshold[0]:
        return None
    words = f"last reviewed {day(tool.last_reviewed)}, {number(age)} days ago; due every {number(rule.threshold[0])}"
    return about(tool, rule, evidence, words)


def _other_layer(tool: Tool, rule: Rule, evidence: Evidence) -> Finding | None:
    expected = layers_of(tool.tool, tool.category)
    if not expected or tool.layer in expected:
        return None
    words = f"sits in {tool.layer}; the taxonomy has it in {listed(sorted(expected))}"
    return about(tool, rule, evidence, words)._replace(amount=None, unit="")


def _notice_due(tool: Tool, rule: Rule, evidence: Evidence) -> Finding | None:
    assert evidence.as_of is not None
    renewal = renewal_of(tool, evidence.as_of)
    if renewal is None:
        return None
    left = (renewal.notice_by - evidence.as_of).days
    if not 0 <= left <= rule.threshold[0]:
        return None
    notice = "no notice period on record, read as 0 days"
    if tool.notice_days is not None:
        notice = f"{count(int(tool.notice_days), 'day')} notice"
    turn, act = ("ends", "decide") if renewal.ends else ("renews", "give notice")
    words = f"{turn} {day(renewal.renews)} ({notice}): {act} by {day(renewal.notice_by)}, in {count(left, 'day')}"
    return about(tool, rule, evidence, words, due=renewal.notice_by)


def _free_option(tool: Tool, rule: Rule, evidence: Evidence) -> Finding | None:
    if not FREE_OR_OWN.search(tool.replacement_option or ""):
        return None
    words = f"replacement option {tool.replacement_option} against {money(tool.annual_cost, evidence.currency)} a year"
    return about(tool, rule, evidence, words)


TOOL_RULES: Mapping[str, Predicate] = {
    "SA01": _low_adoption,
    "SA03": _no_owner,
    "SA04": _no_job,
    "SA05": _marginal_payback,
    "SA06": _pending_too_long,
    "SA07": _no_outcome,
    "SA08": _not_reviewed,
    "SA10": _other_layer,
    "SA11": _notice_due,
    "SA12": _free_option,
}
