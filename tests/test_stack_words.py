"""The sentences of the audit, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspaces import audit_of, tool

from martech_lib import Workspace, stack
from martech_lib.core.places import sample_dir
from martech_lib.core.results import Reading
from martech_lib.core.spoken import count, fitting, in_full, in_unit, listed, mid_sentence, money, percent, told_apart
from martech_lib.stack import StackAudit, words
from martech_lib.workbook.apps.home import _headline


@pytest.fixture(scope="module")
def saas() -> StackAudit:
    return stack.audit(Workspace.open(sample_dir() / "saas"))


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (410_000, "$410k"), (2_950_000, "$2.95M"), (7_200, "$7.2k"), (7_250, "$7,250"), (999, "$999"), (0.03, "$0.03"), (0, "$0"),
        (-38_000, "-$38k"), (999_999, "$1M"), (1.2e9, "$1.2B"), (None, "unknown"), (float("nan"), "unknown"), (-0.001, "$0"), (999.9999999, "$1k"),
    ],
)  # fmt: skip
def test_money(amount: float | None, said: str) -> None:
    assert money(amount) == said


def test_numbers_as_people_write_them() -> None:
    assert money(1500, "EUR") == "€1.5k"
    assert money(1500, "CHF") == "CHF 1.5k"
    assert percent(0.14) == "14.0 %"
    assert percent(0.8402) == "84.0 %"
    assert (count(1, "tool"), count(24, "tool")) == ("1 tool", "24 tools")
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([*"abcdefgh"], 3) == "a, b, c and 5 more"
    assert in_unit(0.14, "share") == "14.0 %"
    assert in_unit(520_000, "USD/year") == "$520k"


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Low adoption", "low adoption"), ("No signed DPA", "no signed DPA"), ("DPA register", "DPA register"), ("AI use review", "AI use review"),
        ("Stack ROI", "stack ROI"), ("Tools per marketing FTE", "tools per marketing FTE"), ("B2C company", "B2C company"), ("HubSpot seats", "HubSpot seats"),
        ("Media-mix model", "media-mix model"), ("A tool", "a tool"), ("", ""),
    ],
)  # fmt: skip
def test_a_title_inside_a_sentence(title: str, said: str) -> None:
    assert mid_sentence(title) == said


@pytest.mark.parametrize(
    ("value", "limit", "said"),
    [
        (0.4, 0.5, ("40 %", "50 %")), (0.497, 0.5, ("49.7 %", "50.0 %")), (0.9799, 0.98, ("97.99 %", "98.00 %")), (0.5, 0.5, ("50 %", "50 %")),
        (0.1, 0.125, ("10.0 %", "12.5 %")), (0.4999999, 0.5, ("50.000 %", "50.000 %")),
    ],
)  # fmt: skip
def test_a_share_next_to_its_limit(value: float, limit: float, said: tuple[str, str]) -> None:
    assert told_apart(value, limit) == said


def test_limits_keep_their_digits() -> None:
    assert [in_full(n) for n in (1.25, 1.5, 2.0, 5_000, 1_234_567, None)] == [
        "1.25",
        "1.5",
        "2",
        "5,000",
        "1,234,567",
        "unknown",
    ]
    assert [in_full(n, unit="share") for n in (0.1, 0.125, 0.07)] == ["10 %", "12.5 %", "7 %"]
    assert in_full(0.2, unit="share", least=1) == "20.0 %"


def test_verbs_agree() -> None:
    assert [fitting(n, "renews", "renew") for n in (0, 1, 2)] == ["renew", "renews", "renew"]
    met, missed = Reading("stack.roi", 1.0, status="pass"), Reading("stack.tools_per_fte", 3.0, status="fail")
    assert _headline([met]) == "1 reading has a target; 1 meets it."
    assert _headline([met, missed]) == "2 readings have a target; 1 meets it. Off target: tools per marketing FTE."
    assert _headline([missed]) == "1 reading has a target; 0 meet it. Off target: tools per marketing FTE."


def test_the_headline(saas: StackAudit) -> None:
    assert words.headline(saas) == (
        "Workspace SaaS (sample) runs 24 tools for $520k a year. The decisions below leave 16 tools at $410k and cut $110k a year, "
        "21 % of today's spend; $22k more is to be re-evaluated."
    )


def test_spending(saas: StackAudit) -> None:
    assert words.spending(saas) == (
        "Storage takes the largest part, $170k of $520k a year. The stack takes 17.3 % of the marketing budget without labor, inside the "
        "usual 10 % to 25 %. Each marketing FTE carries 2.18 tools against a target of at most 1.5, 1.45 after the decisions. It "
        "comes to 2.2 % of revenue and $0.71 per monthly active user and month."
    )


def test_worth(saas: StackAudit) -> None:
    assert words.worth(saas) == (
        "Stack ROI is 98.8 %: the share of spend with a documented job and a named outcome metric. Of the tools, 83 % have a named "
        "owner. Of the tools, 88 % have a written job."
    )


def test_findings(saas: StackAudit) -> None:
    assert words.findings(saas).startswith(
        "29 findings, 20 of them critical or high; those concern 14 tools and the stack as a whole. The gravest is CO02, cookie scan below target: OneTrust - "
        "46 checks of 50 passed, 92.0 %, below 98 %"
    )
    assert words.groups(saas) == (
        "Distinct tools by kind of fault - low adoption: 5; duplicate function: 3; no clear owner or job: 4; consent not enforced: 1; "
        "no signed DPA: 1."
    )


def test_decisions(saas: StackAudit) -> None:
    assert words.decisions(saas) == (
        "Of 24 tools: 11 Keep, 2 Re-evaluate, 2 Consolidate, 6 Drop, 1 Replace and 2 Fix. The analyst decided otherwise than the "
        "rules for Looker (Keep, not Consolidate)."
    )


def test_saving(saas: StackAudit) -> None:
    assert words.saving(saas) == (
        "The run-rate saving is $110k a year; in the twelve months from 31 Oct 2026 that comes to $37.6k net, since each contract "
        "runs to its renewal and $19.5k of one-off costs fall due; unused seats in what stays cost $22.8k a year, which right-sizing "
        "could save on top; $22k a year is at stake in 2 tools to re-evaluate and counted nowhere as saved."
    )


def test_what_changed(saas: StackAudit) -> None:
    assert words.changed(saas) == (
        "Since the last audit the stack costs $7.8k a year more; new: Coefficient; gone: Typeform; 2 tools have another cost; "
        "1 tool has another owner."
    )


def test_the_year_ahead(saas: StackAudit) -> None:
    assert words.build_order(saas) == "All 8 steps are done."
    assert words.road(saas).startswith(
        "19 contracts worth $466k a year renew and 3 contracts worth $28.2k a year end in the twelve months ahead. "
        "The next notice deadline is 15 Nov 2026, for Jasper and Make."
    )


def test_a_stack_with_nothing_to_cut(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool()])
    assert words.headline(audit) == "Test company runs 1 tool for $10k a year. Nothing in it asks to be cut."
    assert words.changed(audit).startswith("Not measured: supply inventory_previous.csv")


def test_one_tool_with_one_contract(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool()])
    assert words.spending(audit) == (
        "Measurement takes all of the $10k a year. The stack takes 1.0 % of the marketing budget without labor, outside the usual "
        "10 % to 25 %. Each marketing FTE carries 0.10 tools against a target of at most 1.5."
    )
    assert words.worth(audit).endswith("Every tool has a named owner. Every tool has a written job.")
    assert words.findings(audit).startswith(
        "4 findings, 0 of them critical or high. The gravest is BU02, budget share outside the band: $10k is"
    )
    assert words.decisions(audit) == "The decision for Mixpanel: Keep."
    assert words.saving(audit) == (
        "No decision saves money yet; unused seats in what stays cost $1k a year, which right-sizing could save."
    )
    assert words.build_order(audit).startswith("1 of 8 steps is done. Next: Lifecycle messaging.")
    assert words.road(audit) == (
        "1 contract worth $10k a year renews in the twelve months ahead. The next notice deadline is 31 Aug 2027, for Mixpanel."
    )


def test_a_contract_that_ends(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool(auto_renew="no")])
    assert words.road(audit).startswith("1 contract worth $10k a year ends in the twelve months ahead.")


def test_decisions_that_cost_more(tmp_path: Path) -> None:
    dearer = {"decision": "Replace", "replacement_cost": "15000", "renewal_date": "2027-04-30"}
    audit = audit_of(tmp_path, [tool(**dearer)])
    assert words.headline(audit) == (
        "Test company runs 1 tool for $10k a year. The decisions below leave 1 tool at $15k and cost $5k a year more than today."
    )
    assert words.saving(audit) == (
        "The decisions raise the cost by $5k a year; in the twelve months from 31 Oct 2026 that comes to $2,521, since each contract "
        "runs to its renewal."
    )


def test_one_off_costs_above_the_saving(tmp_path: Path) -> None:
    cheaper = {"decision": "Replace", "replacement_cost": "9000", "renewal_date": "2027-04-30", "one_off_cost": "1000"}
    assert words.saving(audit_of(tmp_path, [tool(**cheaper)])) == (
        "The run-rate saving is $1k a year; in the twelve months from 31 Oct 2026 the decisions cost $495.89 more than they save, "
        "since each contract runs to its renewal and $1k of one-off costs fall due."
    )


def test_a_stack_that_costs_nothing(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool(annual_cost="0")])
    assert words.headline(audit) == "Test company runs 1 free tool. Nothing in it asks to be cut."
    assert words.spending(audit) == (
        "Nothing in the stack costs money. Each marketing FTE carries 0.10 tools against a target of at most 1.5."
    )
    assert words.worth(audit) == "Stack ROI is not measured (all tools are free: there is no spend to judge)."
    assert words.saving(audit) == "No decision saves money yet."


def test_free_tools_that_go(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool(annual_cost="0", decision="Drop"), tool("Typeform", category="survey")])
    assert words.headline(audit) == (
        "Test company runs 2 tools for $10k a year. The decisions below leave 1 tool at $10k and save nothing, as what goes is free."
    )


def test_all_tools_go(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool(decision="Drop"), tool("Typeform", category="survey", decision="Drop")])
    assert words.headline(audit) == (
        "Test company runs 2 tools for $20k a year. The decisions below leave no tool and cut $20k a year, all of today's spend."
    )
    assert words.decisions(audit).startswith("The decision for both tools: Drop.")
    assert words.saving(audit) == (
        "The run-rate saving is $20k a year; in the twelve months from 31 Oct 2026 that comes to $1,699, since each contract runs to "
        "its renewal."
    )


def test_only_an_owner_changed(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool()], inventory_previous=[tool(owner="Ben")])
    assert words.changed(audit) == "Since the last audit the stack costs the same; 1 tool has another owner."


def test_severe_findings_on_the_stack_alone(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool()], {"marketing_fte": "0.25"})
    assert words.findings(audit).startswith(
        "5 findings, 1 of them critical or high; it concerns the stack as a whole. The gravest is BU01, tools per marketing FTE: 1 tool for"
    )


def test_steps_that_are_due_and_wait(tmp_path: Path) -> None:
    profile = {"channels": "paid", "wau": "100", "paid_spend_month": "2000"}
    audit = audit_of(tmp_path, [tool("Snowflake", layer="Storage", category="warehouse")], profile)
    assert words.build_order(audit) == (
        "1 of 8 steps is done. Next: CDP or reverse ETL. Then: CRM (after step 2), Analytics (after step 2), Lifecycle messaging (after "
        "step 2) and Server-side ad tracking (after step 2; paid media runs). Not yet due: Experimentation (100 weekly active users: "
        "4,900 short of 5,000) and Attribution or media mix ($2k paid media a month: $98k short of $100k)."
    )


def test_only_real_overrides_are_told(tmp_path: Path) -> None:
    rows = [
        {"rule_id": "SA01", "threshold": "50 %", "why": "as shipped"},
        {"rule_id": "BU01", "threshold": "1.25", "why": "small team"},
    ]
    said = words.thresholds(audit_of(tmp_path, [tool()], thresholds=rows))
    assert (
        said
        == "Thresholds set otherwise than shipped: BU01 tools per marketing FTE 1.25 / 2 instead of 1.5 / 2 (small team)."
    )


def test_an_empty_workspace_says_what_to_supply(tmp_path: Path) -> None:
    audit = stack.audit(Workspace.open(tmp_path))
    assert words.headline(audit).startswith("There is no inventory yet. Supply inventory.csv")
    assert [
        words.spending(audit),
        words.findings(audit),
        words.decisions(audit),
        words.saving(audit),
        words.road(audit),
    ] == [""] * 5
    assert audit.summary["stack.tools"] is None
    assert {r.status for r in audit.reading_records} == {"not measured"}
