"""The sample companies give the figures they were made to show, from the rules alone."""

from __future__ import annotations

import csv
import random
import shutil
from pathlib import Path

import pytest

from martech_lib import Workspace, stack
from martech_lib.core.places import sample_dir
from martech_lib.stack import StackAudit

GROUPS = {"SA01": 5, "SA02": 3, "SA03 or SA04": 4, "CO02 or CO03": 1, "CO05": 1}


@pytest.fixture(scope="module")
def saas() -> StackAudit:
    return stack.audit(Workspace.open(sample_dir() / "saas"))


@pytest.fixture(scope="module")
def starter() -> StackAudit:
    return stack.audit(Workspace.open(sample_dir() / "starter"))


def copied(folder: Path, change) -> StackAudit:
    """The audit of a copy of saas whose inventory and vendor rows went through `change(table, row)`."""
    shutil.copytree(sample_dir() / "saas", folder, dirs_exist_ok=True)
    for name in ("inventory", "inventory_previous", "vendors", "roadmap", "consent_scan"):
        path = folder / f"{name}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            rows = [change(name, dict(row)) for row in csv.DictReader(file)]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return stack.audit(Workspace.open(folder))


def groups(audit: StackAudit) -> dict[str, float]:
    by_segment = {r.segment: r.value for r in audit.reading_records if r.metric == "stack.findings"}
    return {segment: by_segment[segment] for segment in GROUPS}


def test_saas_ends_where_the_case_study_does(saas: StackAudit) -> None:
    # Case study: 24 tools at $520k become 16 at $410k, a 21 % reduction.
    assert saas.summary["stack.tools"] == 24
    assert saas.summary["stack.annual_cost"] == 520_000
    assert saas.summary["stack.tools_after"] == 16
    assert saas.summary["stack.annual_cost_after"] == 410_000
    assert saas.summary["stack.saving_share"] == pytest.approx(0.21, abs=0.005)


def test_saas_has_fourteen_disjoint_faulty_tools(saas: StackAudit) -> None:
    assert groups(saas) == GROUPS
    kinds = [{"SA01"}, {"SA02"}, {"SA03", "SA04"}, {"CO02", "CO03"}, {"CO05"}]
    flagged = [{f.subject for f in saas.finding_records if f.rule in rules} for rules in kinds]
    assert sum(map(len, flagged)) == len(set.union(*flagged)) == 14


def test_saas_saves_72k_on_three_little_used_tools(saas: StackAudit) -> None:
    little_used = {f.subject for f in saas.finding_records if f.rule == "SA01"}
    dropped = [d for d in saas.decision_records if d.decision == "Drop" and d.tool in little_used]
    assert len(dropped) == 3
    assert sum(d.saving for d in dropped) == 72_000


def test_saas_decides_as_the_case_study_did(saas: StackAudit) -> None:
    decided = {d.tool: d.decision for d in saas.decision_records}
    assert (decided["Mixpanel"], decided["Heap"]) == ("Keep", "Consolidate")
    assert (decided["Statsig"], decided["Optimizely"]) == ("Keep", "Consolidate")
    assert decided["OneTrust"] == "Fix"
    assert decided["Rockerbox"] == "Replace"
    looker = next(d for d in saas.decision_records if d.tool == "Looker")
    assert (looker.decision, looker.suggested, looker.decided_by) == ("Keep", "Consolidate", "analyst")
    assert [d.decision for d in saas.decision_records].count("Keep") == 11


def test_ten_clean_tools_have_no_finding_that_asks_for_a_change(saas: StackAudit) -> None:
    clean = [d for d in saas.decision_records if d.decision == d.suggested == "Keep"]
    assert len(clean) == 10
    assert not {d.tool for d in clean} & {f.subject for f in saas.finding_records}


def test_the_rules_fire_whatever_the_tools_are_called_and_cost(tmp_path: Path) -> None:
    dice = random.Random(7)

    def renamed(table: str, row: dict[str, str]) -> dict[str, str]:
        for column in ("tool", "tools", "consolidate_into"):
            if row.get(column):
                row[column] = ";".join(f"X-{name.strip()[::-1]}" for name in row[column].split(";"))
        if table == "inventory" and float(row["annual_cost"]):
            row["annual_cost"] = str(dice.randint(1, 90_000))
        row["vendor"] = "" if table == "consent_scan" else f"V-{row.get('vendor', '')}" if "vendor" in row else ""
        if table == "roadmap":
            del row["vendor"]
        return row

    audit = copied(tmp_path, renamed)
    assert groups(audit) == GROUPS
    assert audit.summary["stack.tools_after"] == 16
    kept = sum(d.annual_cost - d.saving for d in audit.decision_records if d.decision not in ("Drop", "Consolidate"))
    assert audit.summary["stack.annual_cost_after"] == pytest.approx(kept)


def test_one_tool_put_to_use_changes_finding_decision_and_saving(tmp_path: Path, saas: StackAudit) -> None:
    def used(table: str, row: dict[str, str]) -> dict[str, str]:
        if table == "inventory" and row["tool"] == "Jasper":
            row.update(seats_active_90d="28", pays_back="Yes")
        return row

    audit = copied(tmp_path, used)
    assert groups(audit)["SA01"] == 4
    before, after = (next(d for d in a.decision_records if d.tool == "Jasper") for a in (saas, audit))
    assert (before.decision, before.saving) == ("Drop", 18_000)
    # Its renewal notice is still due, so it is to be looked at again, not dropped.
    assert (after.decision, after.saving) == ("Re-evaluate", 0)
    assert audit.summary["stack.annual_cost_after"] == 428_000
    assert audit.summary["stack.tools_after"] == 17


def test_a_threshold_of_the_workspace_is_used_and_told(tmp_path: Path, saas: StackAudit) -> None:
    from martech_lib.stack import words

    shutil.copytree(sample_dir() / "saas", tmp_path, dirs_exist_ok=True)
    (tmp_path / "thresholds.csv").write_text("rule_id,threshold,why\nSA01,20 %,seasonal team\n", encoding="utf-8")
    audit = stack.audit(Workspace.open(tmp_path))
    assert groups(audit)["SA01"] == 1
    assert "SA01 low adoption 20.0 % instead of 50.0 % (seasonal team)" in words.thresholds(audit)
    assert words.thresholds(saas) == "All thresholds are those the workbook ships."


def test_starter_gives_the_figures_of_the_page(starter: StackAudit) -> None:
    layers = {r.segment: r.value for r in starter.reading_records if r.metric == "stack.annual_cost" and r.segment}
    assert starter.summary["stack.annual_cost"] == 413_000
    assert list(layers.values()) == [42_000, 116_000, 26_000, 40_000, 138_000, 51_000]
    assert round(starter.summary["stack.share_of_budget"], 3) == 0.140
    assert round(starter.summary["stack.roi"], 3) == 0.840
    assert starter.summary["stack.at_stake"] == 66_000


def test_starter_says_what_its_inventory_cannot_tell(starter: StackAudit) -> None:
    gaps = {
        r.segment: r.reason
        for r in starter.reading_records
        if r.metric == "stack.findings" and r.status == "not measured"
    }
    assert gaps["SA03"] == "needs the column owner in inventory.csv"
    assert gaps["CO05"] == "needs vendors.csv"
    roi = next(r for r in starter.reading_records if r.metric == "stack.roi")
    assert 'payback "Yes", as the inventory has no outcome_metric column' in roi.method
