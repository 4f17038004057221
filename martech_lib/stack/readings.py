"""The stack's numbers as Readings: before, after, and how well the money is spent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from martech_lib.core.results import Reading, Status, not_measured
from martech_lib.core.spoken import count, money, number, percent
from martech_lib.stack.build_order import StepReading
from martech_lib.stack.cadences import Cadence
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import by_category
from martech_lib.stack.savings import Savings
from martech_lib.stack.taxonomy import LAYERS

UNDATED = "needs renewal_date in inventory.csv for the tools that are to go"
HEAD_LOW, HEAD_HIGH = 4_000.0, 10_000.0


def before_readings(evidence: Evidence) -> Iterator[Reading]:
    """Tools, cost and their ratios to team, budget, revenue and users, today."""
    tools, cost, unit = evidence.tools, evidence.inventory.annual_cost, f"{evidence.currency}/year"
    if not tools:
        needs = evidence.no_tools
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


def after_readings(evidence: Evidence, saved: Savings) -> Iterator[Reading]:
    """Tools, cost and ratios once the decisions are carried out, and what they save."""
    if not evidence.tools:
        for metric in ("stack.tools_after", "stack.annual_cost_after", "stack.saving_run_rate", "stack.saving_in_year"):
            yield not_measured(metric, needs=evidence.no_tools)
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
    yield _one_off(evidence, saved)
    if saved.right_sizing is None:
        needs = "needs seats_paid and seats_active_90d in inventory.csv, filled in for some tool"
        yield not_measured("stack.right_sizing", needs=needs, unit=unit)
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
    gap = evidence.lacks(f"inventory.annual_cost+profile.{key}")
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
    share = sum(t.annual_cost for t in tied) / cost
    how = "a named outcome metric" if has_outcomes else 'payback "Yes", as the inventory has no outcome_metric column'
    return _reading(
        evidence, "stack.roi", share, "share", n=len(tied), target="100 %",
        status="pass" if share == 1 else "watch",
        method=f"share of spend with a documented job and {how}",
    )  # fmt: skip


def _in_year(evidence: Evidence, saved: Savings) -> Reading:
    if saved.in_year is None:
        needs = "needs as_of_date in profile.csv" if evidence.as_of is None else UNDATED
        return not_measured("stack.saving_in_year", needs=needs, unit=evidence.currency)
    left_out = ""
    if saved.undated:
        left_out = f"{money(saved.undated, evidence.currency)} a year without a renewal date is left out"
    method = "twelve months from the audit date, each tool from its renewal on, less one-off costs"
    return _reading(evidence, "stack.saving_in_year", saved.in_year, evidence.currency, method=method, reason=left_out)


def _one_off(evidence: Evidence, saved: Savings) -> Reading:
    if saved.one_off is None:
        needs = "needs the column one_off_cost in inventory.csv"
        return not_measured("stack.one_off_cost", needs=needs, unit=evidence.currency)
    blank = (
        f"{count(saved.one_off_blank, 'tool')} acted on without a one-off cost on record" if saved.one_off_blank else ""
    )
    method = "migration and termination costs on record"
    return _reading(evidence, "stack.one_off_cost", saved.one_off, evidence.currency, method=method, reason=blank)


def _reading(
    evidence: Evidence,
    metric: str,
    value: float,
    unit: str,
    **rest: Any,
) -> Reading:
    period = evidence.as_of.isoformat() if evidence.as_of else ""
    return Reading(metric, float(value), unit, period=period, source="inventory")._replace(**rest)
