"""CO02, CO03 and CO05: what the consent scan and the vendor register say about the stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from martech_lib.core.results import Finding
from martech_lib.core.spoken import count, day, listed, percent
from martech_lib.stack.consent_scan import ConsentScan
from martech_lib.stack.duplicates import duplicates
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import Tool


def consent_findings(evidence: Evidence) -> Iterator[Finding]:
    """CO02 and CO03, about the consent-management tool (about the stack when there is none)."""
    if evidence.lacks(evidence.rules["CO02"].needs):
        return
    scan = evidence.consent
    target, allowed = evidence.rules["CO02"].threshold[0], evidence.rules["CO03"].threshold[0]
    if scan.pass_rate is not None and scan.pass_rate < target:
        words = (
            f"{count(scan.checks - len(scan.failed), 'check')} of {scan.checks} passed, {percent(scan.pass_rate)}, "
            f"below {percent(target, 0)}; failed on {listed(_where(scan), 3)}"
        )
        yield _consent_finding(evidence, "CO02", words)
    if scan.fires > allowed:
        words = (
            f"{count(scan.fires, 'non-essential item')} set before consent or after a refusal: "
            f"{listed(scan.items, 4)}, on {listed(_where(scan), 3)}; the exposure has no upper limit"
        )
        yield _consent_finding(evidence, "CO03", words)


def vendor_findings(evidence: Evidence) -> Iterator[Finding]:
    """CO05: each tool whose vendor may process personal data without a data-processing agreement in force."""
    rule = evidence.rules["CO05"]
    if evidence.lacks(rule.needs):
        return
    for row in evidence.rows("vendors"):
        gap = _dpa_gap(row, evidence)
        if gap:
            for subject, owner in _subjects(row, evidence):
                words = f"{row['vendor']} {_processing(row)} and {gap}; the exposure has no upper limit"
                yield Finding(rule.id, subject, rule.severity, words, rule.decision, owner=owner, source="vendors")


def _consent_finding(evidence: Evidence, rule_id: str, words: str) -> Finding:
    rule, tool = evidence.rules[rule_id], _consent_tool(evidence)
    subject, owner = (tool.tool, tool.owner or "") if tool else ("stack", "")
    return Finding(rule_id, subject, rule.severity, words, rule.decision, owner=owner, source="consent_scan")


def _consent_tool(evidence: Evidence) -> Tool | None:
    tools = [tool for tool in evidence.tools if tool.category == "consent management"]
    spare = {duplicate.tool for duplicate, _ in duplicates(tools)}
    return next((tool for tool in tools if tool.tool not in spare), None)


def _where(scan: ConsentScan) -> list[str]:
    return [f"{page} ({region}, {scenario.replace('_', ' ')})" for page, scenario, region in scan.failed]


def _dpa_gap(row: Mapping[str, Any], evidence: Evidence) -> str:
    if row["processes_personal_data"] == "no":
        return ""
    expiry = row.get("dpa_expiry")
    if row["dpa_status"] == "signed":
        lapsed = expiry is not None and evidence.as_of is not None and expiry < evidence.as_of
        return f"its DPA expired on {day(expiry)}" if lapsed else ""
    return {
        "expired": "its DPA has expired",
        "pending": "its DPA is not signed yet",
        "none": "no DPA is signed",
        "not needed": "no DPA is signed: the register says none is needed",
    }[row["dpa_status"]]


def _processing(row: Mapping[str, Any]) -> str:
    return (
        "processes personal data" if row["processes_personal_data"] == "yes" else "may process personal data (unknown)"
    )


def _subjects(row: Mapping[str, Any], evidence: Evidence) -> list[tuple[str, str]]:
    """The inventory's tools of a vendor row with their owners; the vendor itself when the inventory has none."""
    called = {name.strip().lower() for name in (row.get("tools") or ())}
    vendor = row["vendor"].strip().lower()
    if called:
        tools = [tool for tool in evidence.tools if called & set(tool.names)]
    else:
        tools = [tool for tool in evidence.tools if vendor in (*tool.names, (tool.vendor or "").strip().lower())]
    retired = any(called & set(tool.names) or vendor in tool.names for tool in evidence.inventory.retired)
    if not tools and retired:
        return []
    return [(tool.tool, tool.owner or "") for tool in tools] or [(row["vendor"], "")]
