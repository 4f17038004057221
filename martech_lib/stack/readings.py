"""The stack's numbers as Readings: before, after, and how well the money is spent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from martech_lib.core.results import Finding, Reading, Status, not_measured
from martech_lib.core.spoken import money, number, percent
from martech_lib.stack.build_order import StepReading
from martech_lib.stack.cadences import Cadence
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import by_category
from martech_lib.stack.savings import Savings
from martech_lib.stack.taxonomy import LAYERS

HEAD_LOW, HEAD_HIGH = 4_000.0, 10_000.0
GROUPS = {"SA03 or SA04": ("SA03", "SA04"), "CO02 or CO03": ("CO02", "CO03")}


def before_readings(evidence: Evidence) -> Iterator[Reading]:
    """Tools, cost and their ratios to team, budget, revenue and users, today."""
    tools, cost, unit = evidence.tools, evidence.inventory.annual_cost, f"{evidence.currency}/year"
    if not tools:
        needs = "no inventory: supply inventory.csv"
        yield not_measured("stack.tools", needs=needs, unit="tools")
        yield not_measured("stack.annual_cost", needs=needs, unit=unit)
    else:
        yield _reading(
            evidence, "stack.tools", len(tools), "tools", method="active contracts, free ones and trials included"
        )
        paid = sum(t.annual_cost > 0 for t in tools)
        yield _reading(evidence, "stack.tools_paid", paid, "tools", method="active contracts that cost something")
        yield _reading(evidence, "stack.annual_cost", cost, unit, method="sum of annual cost")
    for layer in LAYERS if tools else ():
        layer_cost = sum(t.annual_cost for t in tools if t.layer == layer)
        n = sum(t.layer == layer for t in tools)
        yield _reading(evidence, "stack.annual_cost", layer_cost, unit, n=n, segment=layer)
    yield from _ratios(evidence, len(tools), cost, "")
    yield _per_head(evidence, cost)
    yield _against(evidence, "stack.share_of_revenue", cost, "annual_revenue", "share")
    yield _against(evidence, "stack.cost_per_mau", cost / 12, "mau", f"{evidence.currency}/month")


def spending_readings(evidence: Evidence) -> Iterator[Reading]:
    """Stack ROI and how well each tool is documented."""
    yield _stack_roi(evidence)
    for metric, column in (("stack.tools_with_owner", "owner"), ("stack.tools_with_job", "job")):
        gap = evidence.lacks(f"inventory.{column}")
        if gap:
            yield not_measured(metric, needs=gap, unit="share")
            continue
        named = sum(bool(getattr(tool, column)) for tool in evidence.tools)
        share = named / len(evidence.tools)
        status: Status = "pass" if share == 1 else "fail"
        yield _reading(
            evidence, metric, share, "share", n=len(evidence.tools), target="100 %", status=status,
            method=f"active tools with {column} filled in",
        )  # fmt: skip
    if evidence.tools:
        crowded = sum(
            len([t for t in group if not t.overlap_ok_reason]) > 1 for group in by_category(evidence.tools).values()
        )
        yield _reading(
            evidence, "stack.crowded_categories", crowded, "categories", target="0",
            status="fail" if crowded else "pass",
            method="categories with more than one active tool, accepted overlaps aside",
        )  # fmt: skip


def finding_readings(evidence: Evidence, findings: Sequence[Finding]) -> Iterator[Reading]:
    """How many findings there are, in all and by rule; a rule that cannot be measured says what it needs."""
    if not evidence.tools:
        yield not_measured("stack.findings", needs="no inventory: supply inventory.csv", unit="findings")
        return
    severe = [f for f in findings if f.severity in ("critical", "high")]
    status: Status = "fail" if severe else "watch" if findings else "pass"
    yield _reading(evidence, "stack.findings", len(findings), "findings", target="0 critical or high", status=status)
    for rule in evidence.rules.values():
        gap = evidence.lacks(rule.needs)
        if gap:
            yield not_measured("stack.findings", needs=gap, unit="subjects", segment=rule.id)
        else:
            yield _subjects(evidence, findings, rule.id, (rule.id,), rule.title)
    for name, ids in GROUPS.items():
        if not all(evidence.lacks(evidence.rules[i].needs) for i in ids):
            yield _subjects(evidence, findings, name, ids, "distinct tools with either finding")


def after_readings(evidence: Evidence, saved: Savings) -> Iterator[Reading]:
    """Tools, cost and ratios once the decisions are carried out, and what they save."""
    if not evidence.tools:
        for metric in ("stack.tools_after", "stack.annual_cost_after", "stack.saving_run_rate", "stack.saving_in_year"):
            yield not_measured(metric, needs="no inventory: supply inventory.csv")
        return
    unit = f"{evidence.currency}/year"
    yield _reading(
        evidence,
        "stack.tools_after",
        saved.tools_after,
        "tools",
        method="Drop and Consolidate leave, Replace stays one",
    )
    yield _reading(evidence, "stack.annual_cost_after", saved.annual_cost_after, unit)
    yield _reading(
        evidence, "stack.saving_run_rate", saved.run_rate, unit, method="a year with every decision in force"
    )
    cost = evidence.inventory.annual_cost
    if cost:
        yield _reading(
            evidence, "stack.saving_share", saved.run_rate / cost, "share", method="run-rate saving / annual cost"
        )
    yield _in_year(evidence, saved)
    yield _reading(
        evidence,
        "stack.one_off_cost",
        saved.one_off,
        evidence.currency,
        method="migration and termination costs on record",
    )
    if saved.right_sizing is None:
        yield not_measured(
            "stack.right_sizing", needs="needs seats_paid and seats_active_90d in inventory.csv", unit=unit
        )
    else:
        method = "cost of the unused seats of tools kept or fixed; not part of the saving"
        yield _reading(evidence, "stack.right_sizing", saved.right_sizing, unit, method=method)
    yield _reading(
        evidence, "stack.at_stake", saved.at_stake, unit, method="cost of tools to re-evaluate; not counted as saved"
    )
    for quarter in saved.quarters:
        yield _reading(evidence, "stack.saving_by_quarter", quarter.net, evidence.currency, segment=quarter.quarter)
    yield from _ratios(evidence, saved.tools_after, saved.annual_cost_after, "_after")


def upkeep_readings(evidence: Evidence, steps: Iterable[StepReading], reviews: Iterable[Cadence]) -> Iterator[Reading]:
    """Reviews that are overdue, and how much of the build order is done."""
    measured = [review for review in reviews if review.status != "not measured"]
    overdue = sum(review.status == "overdue" for review in measured)
    if measured:
        yield _reading(
            evidence, "stack.reviews_overdue", overdue, "reviews", n=len(measured), target="0",
            status="fail" if overdue else "pass", method="recurring reviews past their date, of those measured",
        )  # fmt: skip
    else:
        yield not_measured(
            "stack.reviews_overdue", needs="needs a table with review dates and as_of_date", unit="reviews"
        )
    if evidence.tools:
        done = sum(step.status == "Done" for step in steps)
        yield _reading(
            evidence, "stack.build_steps_done", done, "steps", n=8, method="steps of the build order that are done"
        )


def _ratios(evidence: Evidence, tools: int, cost: float, suffix: str) -> Iterator[Reading]:
    watch, fail = evidence.rules["BU01"].threshold
    per_fte = _against(
        evidence, f"stack.tools_per_fte{suffix}", tools, "marketing_fte", "ratio", target=f"at most {number(watch, 1)}"
    )
    if per_fte.value is not None:
        status: Status = "pass" if per_fte.value <= watch else "watch" if per_fte.value <= fail else "fail"
        per_fte = per_fte._replace(status=status, method="active tools / marketing FTE")
    yield per_fte
    low, high = evidence.rules["BU02"].threshold
    target = f"{percent(low, 0)} to {percent(high, 0)}"
    share = _against(
        evidence, f"stack.share_of_budget{suffix}", cost, "marketing_budget_excl_labor", "share", target=target
    )
    if share.value is not None:
        share = share._replace(
            status="pass" if low <= share.value <= high else "watch",
            method="stack cost / marketing budget, both without labor",
        )
    yield share


def _per_head(evidence: Evidence, cost: float) -> Reading:
    symbol = evidence.currency
    target = f"{money(HEAD_LOW, symbol)} to {money(HEAD_HIGH, symbol)} in an organisation of a hundred, as context"
    return _against(evidence, "stack.cost_per_head", cost, "marketing_fte", f"{symbol}/year", target=target)


def _against(evidence: Evidence, metric: str, value: float, key: str, unit: str, *, target: str = "") -> Reading:
    gap = evidence.lacks(f"profile.{key}")
    base = evidence.profile.get(key)
    if gap or not base:
        return not_measured(metric, needs=gap or f"{key} in profile.csv is zero", unit=unit, target=target)
    return _reading(evidence, metric, value / float(base), unit, target=target, method=f"divided by {key}")


def _stack_roi(evidence: Evidence) -> Reading:
    gap = evidence.lacks("inventory.job")
    if gap:
        return not_measured("stack.roi", needs=gap, unit="share")
    cost = evidence.inventory.annual_cost
    if not cost:
        return not_measured("stack.roi", needs="all tools are free: there is no spend to judge", unit="share")
    has_outcomes = "outcome_metric" in evidence.inventory.columns
    tied = [t for t in evidence.tools if t.job and (t.outcome_metric if has_outcomes else t.pays)]
    how = "a named outcome metric" if has_outcomes else 'payback "Yes", as the inventory has no outcome_metric column'
    return _reading(
        evidence, "stack.roi", sum(t.annual_cost for t in tied) / cost, "share", n=len(tied), target="100 %",
        status="pass" if len(tied) == len(evidence.tools) else "watch",
        method=f"share of spend with a documented job and {how}",
    )  # fmt: skip


def _in_year(evidence: Evidence, saved: Savings) -> Reading:
    if saved.in_year is None:
        return not_measured("stack.saving_in_year", needs="needs as_of_date in profile.csv", unit=evidence.currency)
    left_out = (
        f"{money(saved.undated, evidence.currency)} a year without a renewal date is left out" if saved.undated else ""
    )
    method = "twelve months from the audit date, each tool from its renewal on, less one-off costs"
    return _reading(evidence, "stack.saving_in_year", saved.in_year, evidence.currency, method=method)._replace(
        reason=left_out
    )


def _subjects(evidence: Evidence, findings: Sequence[Finding], segment: str, ids: Sequence[str], title: str) -> Reading:
    n = len({f.subject for f in findings if f.rule in ids})
    return _reading(
        evidence,
        "stack.findings",
        n,
        "subjects",
        segment=segment,
        target="0",
        status="fail" if n else "pass",
        method=title,
    )


def _reading(
    evidence: Evidence,
    metric: str,
    value: float,
    unit: str,
    **rest: Any,
) -> Reading:
    period = evidence.as_of.isoformat() if evidence.as_of else ""
    return Reading(metric, float(value), unit, period=period, source="inventory")._replace(**rest)
