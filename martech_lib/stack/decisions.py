"""One decision per tool, with its reason: the first that applies, an analyst's own before all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Literal, NamedTuple

from martech_lib.core.results import Finding
from martech_lib.core.spoken import day
from martech_lib.stack.build_order import StepReading, bought_too_early
from martech_lib.stack.duplicates import duplicates
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import Tool
from martech_lib.stack.renewals import Renewal, is_too_late, renewal_of

DECISIONS = ("Keep", "Re-evaluate", "Consolidate", "Drop", "Replace", "Fix")
LEAVING = ("Drop", "Consolidate")
ABOUT_TOOLS = ("SA", "CO")
NOTHING_FOUND = "no finding asks for a change"
COMPLIANCE = ("CO05", "CO02", "CO03")
PRECEDENCE = (
    (COMPLIANCE[:1], "Replace"),
    (COMPLIANCE[1:], "Fix"),
    (("SA05", "SA01"), "Drop"),
    (("SA02",), "Consolidate"),
    (("SA03", "SA04"), "Drop"),
    (("SA03", "SA04"), "Fix"),
)


class Decision(NamedTuple):
    """What is to become of a tool.

    Attributes:
        tool: Its name in the inventory.
        decision: The decision that stands.
        suggested: What the rules suggest.
        decided_by: analyst or rules.
        reason: Why, in words; a conflict between the two is told.
        annual_cost: Today's cost a year.
        saving: Run-rate saving a year of the standing decision; negative when a replacement costs more.
        conflict: The critical compliance rules that stay open against the analyst's decision, "" for none.
    """

    tool: str
    decision: str
    suggested: str
    decided_by: Literal["analyst", "rules"]
    reason: str
    annual_cost: float
    saving: float
    conflict: str = ""


class Suggestion(NamedTuple):
    """What the rules suggest for a tool, and why."""

    decision: str
    reason: str


def decide(evidence: Evidence, findings: Iterable[Finding], steps: Sequence[StepReading]) -> tuple[Decision, ...]:
    """One Decision for each active tool, in the order of the inventory."""
    by_tool: dict[str, list[Finding]] = {tool.tool: [] for tool in evidence.tools}
    for finding in findings:
        if finding.rule.startswith(ABOUT_TOOLS):
            by_tool.get(finding.subject, []).append(finding)
    early = bought_too_early(steps)
    suggestions = {t.tool: _suggest(by_tool[t.tool], early.get(t.tool, "")) for t in evidence.tools}
    standing = {t.tool.lower(): t.decision or suggestions[t.tool].decision for t in evidence.tools}
    keepers = {spare.tool: keeper.tool for spare, keeper in duplicates(evidence.tools)}
    for tool in evidence.tools:
        if standing[tool.tool.lower()] == "Consolidate":
            target = tool.consolidate_into or keepers.get(tool.tool, "")
            suggestions[tool.tool] = _with_target(suggestions[tool.tool], target, standing)
    return tuple(_decision(tool, suggestions[tool.tool], by_tool[tool.tool]) for tool in evidence.tools)


def late_exits(evidence: Evidence, decisions: Sequence[Decision]) -> Iterator[Finding]:
    """RM02: a tool that is to go after its contract renewed by itself, or too late to stop that."""
    rule = evidence.rules["RM02"]
    if evidence.lacks(rule.needs):
        return
    assert evidence.as_of is not None
    for tool, decision in zip(evidence.tools, decisions, strict=True):
        renewal = renewal_of(tool, evidence.as_of)
        if decision.decision in (*LEAVING, "Replace") and renewal and is_too_late(tool, renewal, evidence.as_of):
            yield Finding(
                rule=rule.id,
                subject="stack",
                severity=rule.severity,
                evidence=_too_late(tool, decision, renewal, evidence.as_of),
                decision=rule.decision,
                amount=tool.annual_cost,
                unit=f"{evidence.currency}/year",
                owner=tool.owner or "",
                due=renewal.renews,
                source="inventory",
            )


def _too_late(tool: Tool, decision: Decision, renewal: Renewal, as_of: date) -> str:
    when = f"notice was due on {day(renewal.notice_by)} and the contract renews by itself on {day(renewal.renews)}"
    if renewal.notice_by >= as_of and renewal.renewed:
        when = f"the contract renewed by itself on {day(renewal.renewed)}"
    earliest = f"it can be left on {day(renewal.leaves)} at the earliest"
    return f"{tool.tool} is to go ({decision.decision}), but {when}: {earliest}"


def saving_of(tool: Tool, decision: str) -> float:
    """Run-rate saving a year; a replacement of unknown cost is taken to cost what the tool costs."""
    if decision in LEAVING:
        return tool.annual_cost
    if decision == "Replace" and tool.replacement_cost is not None:
        return tool.annual_cost - tool.replacement_cost
    return 0.0


def _suggest(findings: Sequence[Finding], early: str) -> Suggestion:
    for rules, decision in PRECEDENCE:
        deciding = [f for f in findings if f.rule in rules and (f.decision == decision or f.rule in COMPLIANCE)]
        if deciding:
            return Suggestion(decision, f"{deciding[0].rule}: {deciding[0].evidence}")
    doubts = [f"{f.rule}: {f.evidence}" for f in findings if f.decision == "Re-evaluate"] + ([early] if early else [])
    if doubts:
        return Suggestion("Re-evaluate", "; ".join(doubts))
    open_points = [f"{f.rule}: {f.evidence}" for f in findings if f.severity != "info"]
    return Suggestion("Keep", "; ".join(["keep, and put right", *open_points]) if open_points else NOTHING_FOUND)


def _with_target(suggestion: Suggestion, target: str, standing: Mapping[str, str]) -> Suggestion:
    """A category must not end empty: say so when the tool to consolidate into is itself to go, or unknown."""
    if not target:
        return suggestion
    words = suggestion.reason
    if target.lower() not in standing:
        words += f"; to be consolidated into {target}, which is no active tool of the inventory"
    elif standing[target.lower()] in LEAVING:
        words += f"; but {target} is itself to go: settle which of them stays first"
    return Suggestion(suggestion.decision, words)


def _decision(tool: Tool, suggestion: Suggestion, findings: Sequence[Finding]) -> Decision:
    suggested, words = suggestion
    decision = tool.decision or suggested
    conflict = _open_compliance(decision, findings) if tool.decision else ""
    if tool.decision and tool.decision != suggested:
        words = f"the analyst's own; the rules suggest {suggested} ({words})"
    elif tool.decision:
        words = f"the analyst and the rules agree ({words})"
    if decision == "Replace" and tool.replacement_cost is None:
        words += "; the replacement's cost is unknown, taken to be the same"
    if conflict:
        words += f" - conflict: the critical compliance finding {conflict} stays open"
    return Decision(
        tool=tool.tool,
        decision=decision,
        suggested=suggested,
        decided_by="analyst" if tool.decision else "rules",
        reason=words,
        annual_cost=tool.annual_cost,
        saving=saving_of(tool, decision),
        conflict=conflict,
    )


def _open_compliance(decision: str, findings: Sequence[Finding]) -> str:
    open_rules = sorted({f.rule for f in findings if f.rule in COMPLIANCE})
    return " and ".join(open_rules) if decision in ("Keep", "Re-evaluate") else ""
