"""What the decisions save: run-rate, in the year ahead, one-off costs, right-sizing, and what is merely at stake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from martech_lib.core.quarters import quarter_of
from martech_lib.stack.decisions import LEAVING, Decision
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import Tool
from martech_lib.stack.renewals import renewal_of

YEAR = 365
ACTED_ON = (*LEAVING, "Replace", "Fix")


class QuarterSaving(NamedTuple):
    """What one fiscal quarter of the twelve months ahead brings: gross saving, one-off costs, and their difference."""

    quarter: str
    start: date
    end: date
    saving: float
    one_off: float

    @property
    def net(self) -> float:
        """Saving less one-off costs."""
        return self.saving - self.one_off


@dataclass(frozen=True)
class Savings:
    """The money side of the decisions; each tool is counted once.

    Attributes:
        tools_after: Tools left when the decisions are carried out (a replacement counts as one).
        annual_cost_after: What they cost a year.
        run_rate: Saving a year once every decision is in force.
        in_year: Saving in the twelve months from the audit date, from each renewal on, less one-off costs in them;
            None without an audit date, or when no saving has a renewal date.
        one_off: One-off costs of all decisions that are acted on; None when the inventory does not have them.
        one_off_blank: Tools acted on whose one-off cost is blank.
        right_sizing: Cost of unused seats of the tools that stay as they are; not part of the saving.
        at_stake: Cost of the tools to re-evaluate; never counted as saved.
        undated: Run-rate saving without a renewal date, left out of `in_year`.
        quarters: The twelve months by fiscal quarter.
    """

    tools_after: int
    annual_cost_after: float
    run_rate: float
    in_year: float | None
    one_off: float | None
    one_off_blank: int
    right_sizing: float | None
    at_stake: float
    undated: float
    quarters: tuple[QuarterSaving, ...]


class _Step(NamedTuple):
    """One decision's money in time."""

    start: date
    run_rate: float
    one_off: float


def savings(evidence: Evidence, decisions: Sequence[Decision]) -> Savings:
    """Add up what the decisions bring."""
    pairs = list(zip(evidence.tools, decisions, strict=True))
    run_rate = sum(d.saving for d in decisions)
    undated = sum(d.saving for tool, d in pairs if tool.renewal_date is None)
    is_dated = evidence.as_of is not None and (undated != run_rate or not run_rate)
    quarters = _by_quarter(evidence, pairs) if is_dated else ()
    acted_on = [tool for tool, d in pairs if d.decision in ACTED_ON]
    has_one_off = "one_off_cost" in evidence.inventory.columns
    return Savings(
        tools_after=sum(d.decision not in LEAVING for d in decisions),
        annual_cost_after=sum(d.annual_cost for d in decisions) - run_rate,
        run_rate=run_rate,
        in_year=sum(q.net for q in quarters) if is_dated else None,
        one_off=sum(tool.one_off_cost or 0.0 for tool in acted_on) if has_one_off or not acted_on else None,
        one_off_blank=sum(tool.one_off_cost is None for tool in acted_on),
        right_sizing=_right_sizing(evidence, pairs),
        at_stake=sum(d.annual_cost for d in decisions if d.decision == "Re-evaluate"),
        undated=undated,
        quarters=quarters,
    )


def unused_seats_cost(tool: Tool) -> float:
    """What the seats cost that nobody used in 90 days; nothing when seats are unknown or all used."""
    if not tool.seats_paid or tool.seats_active_90d is None or tool.pricing not in (None, "seat"):
        return 0.0
    return tool.annual_cost * max(0.0, 1 - tool.seats_active_90d / tool.seats_paid)


def _right_sizing(evidence: Evidence, pairs: Sequence[tuple[Tool, Decision]]) -> float | None:
    if not any(tool.seats_paid and tool.seats_active_90d is not None for tool in evidence.tools):
        return None
    return sum(unused_seats_cost(tool) for tool, d in pairs if d.decision in ("Keep", "Fix"))


def _by_quarter(evidence: Evidence, pairs: Sequence[tuple[Tool, Decision]]) -> tuple[QuarterSaving, ...]:
    if evidence.as_of is None:
        return ()
    steps = [step for tool, d in pairs if (step := _step(tool, d, evidence.as_of))]
    first_month = int(evidence.profile.get("fiscal_year_start_month") or 1)
    return tuple(_quarter(start, end, steps, first_month) for start, end in _quarters(evidence.as_of, first_month))


def _step(tool: Tool, decision: Decision, as_of: date) -> _Step | None:
    one_off = tool.one_off_cost or 0.0
    if decision.decision == "Fix":
        return _Step(as_of, 0.0, one_off) if one_off else None
    renewal = renewal_of(tool, as_of)
    if renewal is None or decision.decision not in ACTED_ON:
        return None
    return _Step(renewal.leaves, decision.saving, one_off)


def _quarter(start: date, end: date, steps: Sequence[_Step], first_month: int) -> QuarterSaving:
    """Savings accrue by the day from each step's start; its one-off cost falls on that day."""
    saving = sum(s.run_rate * max(0, (end - max(start, s.start)).days) / YEAR for s in steps)
    one_off = sum(s.one_off for s in steps if start <= s.start < end)
    return QuarterSaving(_label(start, first_month), start, end, saving, one_off)


def _quarters(as_of: date, first_month: int) -> list[tuple[date, date]]:
    """The 365 days from the audit date, cut at the ends of fiscal quarters: four or five pieces."""
    stop = as_of + timedelta(days=YEAR)
    cuts = [as_of]
    while cuts[-1] < stop:
        cuts.append(min(stop, quarter_of(cuts[-1], first_month=first_month).stop))
    return list(zip(cuts, cuts[1:], strict=False))


def _label(when: date, first_month: int) -> str:
    quarter = quarter_of(when, first_month=first_month)
    return f"Q{quarter.number} {quarter.year}"
