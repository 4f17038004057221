"""The stack audit: inventory -> findings, decisions, savings, build order, roadmap, as one frozen result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from martech_lib.core.results import SEVERITIES, Finding, Reading, Result, frame_of, plain_records
from martech_lib.core.workspace import Workspace
from martech_lib.stack.build_order import StepReading, build_order, build_order_findings
from martech_lib.stack.cadences import Cadence, cadences
from martech_lib.stack.changes import Change, changes
from martech_lib.stack.company import company_findings
from martech_lib.stack.decisions import Decision, decide, late_exits
from martech_lib.stack.duplicates import duplicate_findings
from martech_lib.stack.evidence import Evidence, gather
from martech_lib.stack.inventory import Tool
from martech_lib.stack.outside import outside_findings
from martech_lib.stack.privacy import consent_findings, vendor_findings
from martech_lib.stack.readings import after_readings, before_readings, spending_readings, upkeep_readings
from martech_lib.stack.roadmap import RoadmapItem, roadmap
from martech_lib.stack.rule_readings import finding_readings
from martech_lib.stack.rules import tool_findings
from martech_lib.stack.savings import Savings, savings
from martech_lib.stack.thresholds import Rule, shipped_rules


@dataclass(frozen=True, kw_only=True)
class StackAudit(Result):
    """What the audit of a stack says.

    Attributes:
        company: The company's name, "" when the profile has none.
        currency: Three letters.
        as_of: The day the audit speaks of; None without one in the profile.
        tools: The active tools, in the order of the inventory.
        decision_records: One decision a tool, in the same order.
        savings: What the decisions bring, before and after.
        steps: The build order for this company.
        roadmap: The twelve months ahead.
        cadences: Recurring reviews.
        changes: What changed since the last audit; None when there was none.
        overrides: The rules whose thresholds are not the shipped ones.
    """

    company: str
    currency: str
    as_of: date | None
    tools: tuple[Tool, ...]
    decision_records: tuple[Decision, ...]
    savings: Savings
    steps: tuple[StepReading, ...]
    roadmap: tuple[RoadmapItem, ...]
    cadences: tuple[Cadence, ...]
    changes: tuple[Change, ...] | None
    overrides: tuple[Rule, ...]

    @property
    def decisions(self) -> pd.DataFrame:
        """One row a tool: tool, decision, suggested, decided_by, reason, annual_cost, saving."""
        return frame_of(self.decision_records, Decision._fields).drop(columns="conflict")

    @property
    def no_tools(self) -> str:
        """Why there is no active tool; "" when there is one."""
        return next((r.reason for r in self.reading_records if r.metric == "stack.tools" and r.value is None), "")

    @property
    def rules_not_measured(self) -> dict[str, str]:
        """Rule id -> what it lacks, for the rules that could not be judged."""
        rules = [r for r in self.reading_records if r.metric == "stack.findings" and r.segment in shipped_rules()]
        return {r.segment: r.reason for r in rules if r.status == "not measured"}

    def to_dict(self) -> dict[str, Any]:
        """Readings, findings, decisions and inputs, ready for JSON."""
        return {**super().to_dict(), "decisions": plain_records(self.decision_records)}


def audit(ws: Workspace, *, thresholds: Mapping[str, Sequence[float]] | None = None) -> StackAudit:
    """Audit a workspace's stack.

    Args:
        ws: The workspace. Without an inventory every reading is "not measured" and says what to supply.
        thresholds: Rule id -> its numbers in the rule's unit (a share is a fraction), before the workspace's own.

    Raises:
        TableError: A table is there and wrong; all its problems are listed.
        UserError: A threshold that makes no sense.
    """
    return assess(gather(ws).with_thresholds(thresholds or {}))


def assess(evidence: Evidence) -> StackAudit:
    """The audit of evidence that is already gathered: what an app repeats at every move of a slider."""
    steps = build_order(evidence)
    found = tuple(_found(evidence, steps))
    decisions = decide(evidence, found, steps)
    findings = _worst_first([*found, *late_exits(evidence, decisions)])
    saved, reviews = savings(evidence, decisions), cadences(evidence)
    return StackAudit(
        reading_records=_readings(evidence, findings, saved, steps, reviews),
        finding_records=findings,
        inputs=evidence.inputs,
        company=str(evidence.profile.get("company", "")),
        currency=evidence.currency,
        as_of=evidence.as_of,
        tools=evidence.tools,
        decision_records=decisions,
        savings=saved,
        steps=steps,
        roadmap=roadmap(evidence, decisions),
        cadences=reviews,
        changes=changes(evidence),
        overrides=tuple(rule for rule in evidence.rules.values() if rule.why),
    )


def _found(evidence: Evidence, steps: Sequence[StepReading]) -> list[Finding]:
    return [
        *tool_findings(evidence),
        *duplicate_findings(evidence),
        *outside_findings(evidence),
        *consent_findings(evidence),
        *vendor_findings(evidence),
        *company_findings(evidence),
        *build_order_findings(evidence, steps),
    ]


def _worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -(f.amount or 0.0), f.rule, f.subject)))


def _readings(
    evidence: Evidence,
    findings: Sequence[Finding],
    saved: Savings,
    steps: Sequence[StepReading],
    reviews: Sequence[Cadence],
) -> tuple[Reading, ...]:
    return (
        *before_readings(evidence),
        *spending_readings(evidence),
        *finding_readings(evidence, findings),
        *after_readings(evidence, saved),
        *upkeep_readings(evidence, steps, reviews),
    )
