"""How many findings each rule made, of how many it could judge; a rule that could judge nothing says why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from martech_lib.core.results import Finding, Reading, Status, not_measured
from martech_lib.stack.build_order import server_side_gap
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.thresholds import Rule

GROUPS = {"SA03 or SA04": ("SA03", "SA04"), "CO02 or CO03": ("CO02", "CO03")}


def finding_readings(evidence: Evidence, findings: Sequence[Finding]) -> Iterator[Reading]:
    """How many findings there are, in all and by rule; a rule that cannot be measured says what it needs."""
    gaps = {rule.id: gap(rule, evidence) for rule in evidence.rules.values()}
    if all(gaps.values()):
        yield not_measured("stack.findings", needs=gaps["SA02"], unit="findings")
    else:
        yield _total(evidence, findings)
    for rule in evidence.rules.values():
        if gaps[rule.id]:
            yield not_measured("stack.findings", needs=gaps[rule.id], unit="subjects", segment=rule.id)
        else:
            yield _segment(evidence, findings, (rule.id,), rule.id)._replace(
                method=rule.title, n=judged(rule, evidence)
            )
    for name, ids in GROUPS.items():
        missing = "; ".join(dict.fromkeys(gaps[i] for i in ids if gaps[i]))
        reading = _segment(evidence, findings, ids, name)._replace(method="distinct tools with either finding")
        if missing and not reading.value:
            yield not_measured("stack.findings", needs=missing, unit="subjects", segment=name)
        else:
            yield reading._replace(reason=f"in part: {missing}" if missing else "")


def gap(rule: Rule, evidence: Evidence) -> str:
    """Why a rule cannot be measured, in words; "" when it can."""
    if rule.id == "BO04":
        return server_side_gap(evidence)
    missing = evidence.lacks(rule.needs)
    if missing:
        return missing
    if rule.id in ("CO02", "CO03") and not evidence.consent.checks:
        return "needs a check made before the choice, after a rejection or after an opt-out in consent_scan.csv"
    if rule.id == "SA01" and not judged(rule, evidence):
        return "needs seats or usage of some tool in inventory.csv"
    return ""


def judged(rule: Rule, evidence: Evidence) -> int | None:
    """How many subjects a rule looked at; None for the rules about the stack as a whole."""
    if rule.id == "SA01":
        return sum(tool.adoption is not None for tool in evidence.tools)
    if rule.id in ("CO02", "CO03"):
        return evidence.consent.checks
    if rule.id == "CO05":
        return len(evidence.rows("vendors"))
    return len(evidence.tools) if rule.id.startswith("SA") and rule.id != "SA09" else None


def _total(evidence: Evidence, findings: Sequence[Finding]) -> Reading:
    severe = [f for f in findings if f.severity in ("critical", "high")]
    status: Status = "fail" if severe else "watch" if findings else "pass"
    return _reading(evidence, len(findings), "findings", "")._replace(target="0 critical or high", status=status)


def _segment(evidence: Evidence, findings: Sequence[Finding], ids: Sequence[str], segment: str) -> Reading:
    """Distinct tools; about the stack as a whole each finding counts."""
    found = [f for f in findings if f.rule in ids]
    n = len({f.subject for f in found if f.subject != "stack"}) + sum(f.subject == "stack" for f in found)
    status: Status = "fail" if n else "pass"
    return _reading(evidence, n, "subjects", segment)._replace(target="0", status=status, source=_source(evidence, ids))


def _source(evidence: Evidence, ids: Sequence[str]) -> str:
    parts = (part for i in ids for part in evidence.rules[i].needs.replace("|", "+").split("+"))
    return ", ".join(dict.fromkeys(part.partition(".")[0] for part in parts))


def _reading(evidence: Evidence, value: int, unit: str, segment: str) -> Reading:
    period = evidence.as_of.isoformat() if evidence.as_of else ""
    return Reading("stack.findings", float(value), unit, segment=segment, period=period, source="inventory")
