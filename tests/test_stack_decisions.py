"""One decision a tool and money counted once, whatever the inventory: invariants on generated stacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workspaces import audit_of, tool

from martech_lib import stack
from martech_lib.stack import Evidence, StackAudit
from martech_lib.stack.decisions import DECISIONS
from martech_lib.stack.inventory import Inventory, Tool
from martech_lib.stack.renewals import renewal_of
from martech_lib.stack.taxonomy import LAYERS, categories
from martech_lib.stack.thresholds import shipped_rules

AS_OF = date(2026, 10, 31)
COLUMNS = frozenset(field.name for field in fields(Tool))
MONEY = st.integers(0, 500_000).map(float)
DAYS = st.dates(date(2024, 1, 1), date(2029, 12, 31))
TOOLS = st.builds(
    Tool,
    tool=st.uuids().map(str),
    layer=st.sampled_from(LAYERS),
    category=st.sampled_from(list(categories())),
    annual_cost=MONEY,
    pays_back=st.sampled_from(["Yes", "Yes (compl.)", "Marginal", "Pending Y1", "No", "Unknown"]),
    job=st.sampled_from([None, "a job"]),
    owner=st.sampled_from([None, "Ana"]),
    seats_paid=st.none() | st.integers(0, 100).map(float),
    seats_active_90d=st.none() | st.integers(0, 120).map(float),
    outcome_metric=st.sampled_from([None, "an outcome"]),
    decision=st.none() | st.sampled_from(DECISIONS),
    replacement_cost=st.none() | MONEY,
    one_off_cost=st.none() | MONEY,
    renewal_date=st.none() | DAYS,
    notice_days=st.none() | st.integers(0, 400).map(float),
    auto_renew=st.sampled_from([None, True, False]),
    overlap_ok_reason=st.sampled_from([None, None, "agreed"]),
    preferred=st.sampled_from([None, True, False]),
    last_reviewed=st.none() | DAYS,
)
VENDOR: Mapping[str, Any] = {"vendor": "V", "processes_personal_data": "yes", "dpa_status": "none"}


def evidence(tools: list[Tool], *, first_month: int = 1, unsigned: tuple[str, ...] = ()) -> Evidence:
    profile = {
        "as_of_date": AS_OF,
        "marketing_fte": 5.0,
        "marketing_budget_excl_labor": 1e6,
        "wau": 100.0,
        "paid_spend_month": 1.0,
        "fiscal_year_start_month": first_month,
    }
    registers = {"vendors": [{**VENDOR, "tools": unsigned}]} if unsigned else {}
    return Evidence(Inventory(tuple(tools), COLUMNS), profile, shipped_rules(), registers)


@settings(max_examples=150)
@given(st.lists(TOOLS, min_size=1, max_size=12), st.integers(1, 12))
def test_money_is_counted_once(tools: list[Tool], first_month: int) -> None:
    audit = stack.assess(evidence(tools, first_month=first_month))
    saved, decisions = audit.savings, audit.decision_records
    assert [d.tool for d in decisions] == [t.tool for t in tools]
    assert all(d.decision in DECISIONS and d.suggested in DECISIONS for d in decisions)
    gone = [d for d in decisions if d.decision in ("Drop", "Consolidate")]
    assert saved.tools_after == len(tools) - len(gone)
    assert saved.annual_cost_after == pytest.approx(
        sum(t.annual_cost for t in tools) - sum(d.saving for d in decisions)
    )
    assert all(d.saving == d.annual_cost for d in gone)
    assert all(d.saving == 0 for d in decisions if d.decision in ("Keep", "Fix", "Re-evaluate"))
    assert saved.at_stake == sum(d.annual_cost for d in decisions if d.decision == "Re-evaluate")
    if saved.in_year is None:
        assert saved.undated == saved.run_rate != 0
        return
    assert saved.in_year == pytest.approx(sum(q.saving - q.one_off for q in saved.quarters))
    assert sum((q.end - q.start).days for q in saved.quarters) == 365
    assert 4 <= len(saved.quarters) <= 5


@settings(max_examples=150)
@given(st.lists(TOOLS, min_size=1, max_size=8))
def test_the_year_ahead_pays_by_the_day_from_each_exit(tools: list[Tool]) -> None:
    audit = stack.assess(evidence(tools))
    expected = 0.0
    for t, d in zip(tools, audit.decision_records, strict=True):
        if d.decision in ("Drop", "Consolidate", "Replace") and t.renewal_date:
            left = exit_by_hand(t)
            days = max(0, (AS_OF + timedelta(days=365) - left).days)
            expected += d.saving * days / 365 - ((t.one_off_cost or 0) if days else 0)
        elif d.decision == "Fix":
            expected -= t.one_off_cost or 0
    if audit.savings.in_year is not None:
        assert audit.savings.in_year == pytest.approx(expected, abs=1e-6)


def exit_by_hand(t: Tool) -> date:
    """The first day on which the contract turns and notice can still be given, found by walking day by day."""
    assert t.renewal_date is not None
    first, notice = t.renewal_date, timedelta(days=int(t.notice_days or 0))
    if t.auto_renew is False:
        return max(first, AS_OF)
    day = max(first, AS_OF)
    while not (turns_on(first, day) and day - notice >= AS_OF):
        day += timedelta(days=1)
    return day


def turns_on(first: date, day: date) -> bool:
    """Whether a yearly contract that first renews on `first` renews on `day`."""
    if (first.month, first.day) == (2, 29):
        last_of_february = (day + timedelta(days=1)).month == 3 and day.month == 2
        return last_of_february and day >= first
    return (day.month, day.day) == (first.month, first.day) and day >= first


@settings(max_examples=100)
@given(st.lists(TOOLS.filter(lambda t: t.renewal_date is not None), min_size=1, max_size=5))
def test_a_renewal_is_never_in_the_past_and_notice_never_after_it(tools: list[Tool]) -> None:
    for t in tools:
        renewal = renewal_of(t, AS_OF)
        assert renewal is not None
        assert renewal.notice_by <= renewal.renews
        assert renewal.renews >= AS_OF
        assert renewal.leaves >= AS_OF
        assert renewal.leaves == exit_by_hand(t)


@settings(max_examples=100)
@given(st.lists(TOOLS, min_size=1, max_size=8), st.data())
def test_an_unsigned_vendor_is_never_suggested_to_be_kept(tools: list[Tool], data: st.DataObject) -> None:
    chosen = data.draw(st.sampled_from(tools))
    audit = stack.assess(evidence(tools, unsigned=(chosen.tool,)))
    decision = next(d for d in audit.decision_records if d.tool == chosen.tool)
    assert decision.suggested == "Replace"
    assert decision.decision == (chosen.decision or "Replace")
    if chosen.decision in ("Keep", "Re-evaluate"):
        assert decision.conflict == "CO05"
        assert "conflict: the critical compliance finding CO05 stays open" in decision.reason


@settings(max_examples=100)
@given(st.lists(TOOLS, min_size=1, max_size=12))
def test_each_category_keeps_exactly_one_of_its_unexcused_tools(tools: list[Tool]) -> None:
    audit = stack.assess(evidence(tools))
    spare = {f.subject for f in audit.finding_records if f.rule == "SA02"}
    for category in {t.category for t in tools}:
        group = [t for t in tools if t.category == category and not t.overlap_ok_reason]
        kept = [t for t in group if t.tool not in spare]
        assert len(kept) == min(1, len(group))
        best = max((t.adoption if t.adoption is not None else -1,) for t in group) if group else None
        if kept and not any(t.preferred for t in group):
            assert (kept[0].adoption if kept[0].adoption is not None else -1,) == best
    assert not {t.tool for t in tools if t.overlap_ok_reason} & spare


class TestPrecedence:
    """Reading 20: the first that applies."""

    faulty = tool(seats_active_90d="1", pays_back="No", owner="", job="", outcome_metric="")

    def decision(self, audit: StackAudit, name: str = "Mixpanel") -> tuple[str, str, str]:
        d = next(d for d in audit.decision_records if d.tool == name)
        return d.decision, d.suggested, d.decided_by

    def test_the_analyst_comes_first_and_both_are_shown(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [{**self.faulty, "decision": "Keep"}])
        assert self.decision(audit) == ("Keep", "Drop", "analyst")
        assert "the analyst's own; the rules suggest Drop" in audit.decision_records[0].reason

    def test_then_compliance(self, tmp_path: Path) -> None:
        vendors = [{"vendor": "Acme", "tools": "Mixpanel", "processes_personal_data": "yes", "dpa_status": "none"}]
        assert self.decision(audit_of(tmp_path, [self.faulty], vendors=vendors)) == ("Replace", "Replace", "rules")

    def test_then_no_payback_then_duplicates_then_ownership(self, tmp_path: Path) -> None:
        better = tool("Amplitude")
        assert self.decision(audit_of(tmp_path / "a", [self.faulty, better]))[1] == "Drop"
        spare = tool(owner="", job="", seats_active_90d="8")
        assert self.decision(audit_of(tmp_path / "b", [spare, better]))[1] == "Consolidate"
        assert self.decision(audit_of(tmp_path / "c", [spare]))[1] == "Drop"
        assert self.decision(audit_of(tmp_path / "d", [tool(owner="", outcome_metric="")]))[1] == "Fix"

    def test_low_adoption_that_pays_is_looked_at_again(self, tmp_path: Path) -> None:
        assert self.decision(audit_of(tmp_path, [tool(seats_active_90d="1")]))[1] == "Re-evaluate"

    def test_a_category_that_would_end_empty_is_told(self, tmp_path: Path) -> None:
        keeper = tool("Heap", preferred="yes", pays_back="No")
        audit = audit_of(tmp_path, [tool(), keeper])
        reason = next(d.reason for d in audit.decision_records if d.tool == "Mixpanel")
        assert "Heap is itself to go: settle which of them stays first" in reason


class TestSavings:
    def test_a_replacement_of_unknown_cost_saves_nothing(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [tool(decision="Replace")])
        assert (audit.savings.run_rate, audit.savings.tools_after) == (0, 1)

    def test_a_dearer_replacement_raises_the_cost(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [tool(decision="Replace", replacement_cost="15000")])
        assert audit.savings.annual_cost_after == 15_000
        assert audit.decision_records[0].saving == -5_000

    def test_a_missed_notice_costs_another_year(self, tmp_path: Path) -> None:
        late = tool(decision="Drop", renewal_date="2026-11-10", notice_days="30")
        assert audit_of(tmp_path / "a", [late]).savings.in_year == 0
        in_time = {**late, "notice_days": "10"}
        assert audit_of(tmp_path / "b", [in_time]).savings.in_year == pytest.approx(10_000 * 355 / 365)

    def test_without_a_renewal_date_the_saving_is_left_out_and_told(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [tool(decision="Drop", renewal_date="")])
        reading = next(r for r in audit.reading_records if r.metric == "stack.saving_in_year")
        assert (reading.value, reading.status, audit.savings.undated) == (None, "not measured", 10_000)
        dated = tool("Heap", category="survey", decision="Drop", renewal_date="2026-10-31", notice_days="")
        audit = audit_of(tmp_path, [tool(decision="Drop", renewal_date=""), dated])
        reading = next(r for r in audit.reading_records if r.metric == "stack.saving_in_year")
        assert reading.value == pytest.approx(10_000)
        assert reading.reason == "$10k a year without a renewal date is left out"

    def test_unused_seats_are_a_line_of_their_own(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [tool(seats_active_90d="6")])
        assert (audit.savings.right_sizing, audit.savings.run_rate) == (pytest.approx(4_000), 0)

    def test_re_evaluate_is_at_stake_and_never_right_sized_too(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [tool(seats_active_90d="4")])
        assert (audit.savings.at_stake, audit.savings.right_sizing, audit.savings.run_rate) == (10_000, 0, 0)
