"""One decision per tool, with its reason: the first that applies, an analyst's own before all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from martech_lib.core.results import Finding
from martech_lib.core.spoken import day
from martech_lib.stack.build_order import bought_too_early
from martech_lib.stack.duplicates import duplicates
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import Tool
from martech_lib.stack.renewals import renewal_of

DECISIONS = ("Keep", "Re-evaluate", "Consolidate", "Drop", "Replace", "Fix")
LEAVING = ("Drop", "Consolidate")
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
    """

    tool: str
    decision: str
    suggested: str
    decided_by: Literal["analyst", "rules"]
    reason: str
    annual_cost: float
    saving: float


class Suggestion(NamedTuple):
    """What the rules suggest for a tool, and why."""

    decision: str
    reason: str


def decide(evidence: Evidence, findings: Iterable[Finding]) -> tuple[Decision, ...]:
    """One Decision for each active tool, in the order of the inventory."""
    by_tool: dict[str, list[Finding]] = {tool.tool: [] for tool in evidence.tools}
    for finding in findings:
        by_tool.get(finding.subject, []).append(finding)
    early = bought_too_early(evidence)
    suggestions = {t.tool: _suggest(by_tool[t.tool], early.get(t.tool, "")) for t in evidence.tools}
    for spare, keeper in duplicates(evidence.tools):
        suggestions[spare.tool] = _with_lost_keeper(suggestions[spare.tool], keeper.tool, suggestions[keeper.tool])
    return tuple(_decision(tool, suggestions[tool.tool], by_tool[tool.tool]) for tool in evidence.tools)


def late_exits(evidence: Evidence, decisions: Sequence[Decision]) -> Iterator[Finding]:
    """RM02: a tool that is to go, whose notice deadline has passed on a contract that renews by itself."""
    rule = evidence.rules["RM02"]
    if evidence.lacks(rule.needs) or evidence.as_of is None:
        return
    for tool, decision in zip(evidence.tools, decisions, strict=True):
        renewal = renewal_of(tool, evidence.as_of)
        if decision.decision in (*LEAVING, "Replace") and renewal and renewal.is_late:
            words = (
                f"{tool.tool} is to go ({decision.decision}), but notice was due on {day(renewal.notice_by)} and the "
                f"contract renews by itself on {day(renewal.renews)}: "
                f"it can be left on {day(renewal.leaves)} at the earliest"
            )
            unit = f"{evidence.currency}/year"
            yield Finding(
                rule.id,
                "stack",
                rule.severity,
                words,
                rule.decision,
                tool.annual_cost,
                unit,
                tool.owner or "",
                renewal.renews,
                "inventory",
            )


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
    return (
        Suggestion("Re-evaluate", "; ".join(doubts)) if doubts else Suggestion("Keep", "no finding asks for a change")
    )


def _with_lost_keeper(suggestion: Suggestion, keeper: str, of_keeper: Suggestion) -> Suggestion:
    """A category must not end empty: say so when the tool to consolidate into is itself to go."""
    if suggestion.decision != "Consolidate" or of_keeper.decision not in LEAVING:
        return suggestion
    words = f"{suggestion.reason}; but {keeper} is itself suggested to go: settle which of them stays first"
    return Suggestion("Consolidate", words)


def _decision(tool: Tool, suggestion: Suggestion, findings: Sequence[Finding]) -> Decision:
    suggested, words = suggestion
    decision = tool.decision or suggested
    if tool.decision and tool.decision != suggested:
        words = f"the analyst's own; the rules suggest {suggested} ({words}){_open_compliance(decision, findings)}"
    elif tool.decision:
        words = f"the analyst and the rules agree ({words})"
    return Decision(
        tool=tool.tool,
        decision=decision,
        suggested=suggested,
        decided_by="analyst" if tool.decision else "rules",
        reason=words,
        annual_cost=tool.annual_cost,
        saving=saving_of(tool, decision),
    )


def _open_compliance(decision: str, findings: Sequence[Finding]) -> str:
    open_rules = sorted({f.rule for f in findings if f.rule in COMPLIANCE})
    if decision not in ("Keep", "Re-evaluate") or not open_rules:
        return ""
    return f" - conflict: the critical compliance finding {' and '.join(open_rules)} stays open"
