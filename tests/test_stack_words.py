"""The sentences of the audit, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspaces import audit_of, tool

from martech_lib import Workspace, stack
from martech_lib.core.places import sample_dir
from martech_lib.core.spoken import count, in_unit, listed, money, percent
from martech_lib.stack import StackAudit, words


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


def test_the_headline(saas: StackAudit) -> None:
    assert words.headline(saas) == (
        "Workspace SaaS (sample) runs 24 tools for $520k a year. The decisions below leave 16 tools at $410k and cut $110k a year, "
        "21 % of today's spend; $22k more is to be re-evaluated."
    )


def test_spending(saas: StackAudit) -> None:
    assert words.spending(saas) == (
        "Storage takes the largest part, $170k of $520k a year. That is 17.3 % of the marketing budget without labor, inside the "
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
        "29 findings, 20 of them critical or high; those concern 14 tools. The gravest is CO02, cookie scan below target: OneTrust - "
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
    said = words.saving(saas)
    assert said.startswith("The run-rate saving is $110k a year; the twelve months from 31 Oct 2026 bring $37.6k of it")
    assert "$22k is at stake in tools to re-evaluate and counted nowhere as saved" in said


def test_what_changed(saas: StackAudit) -> None:
    assert (
        words.changed(saas)
        == "Since the last audit the stack costs $7.8k a year more; new: Coefficient; gone: Typeform."
    )


def test_a_stack_with_nothing_to_cut(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool()])
    assert words.headline(audit) == "Test company runs 1 tool for $10k a year. Nothing in it asks to be cut."
    assert words.changed(audit).startswith("Not measured: supply inventory_previous.csv")


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
