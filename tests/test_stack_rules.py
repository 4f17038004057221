"""Each rule fires where its fault is, says what it saw, and is not measured where its data is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspaces import CLEAN, audit_of, rules_on, tool, write_workspace

from martech_lib import Workspace, stack
from martech_lib.core.errors import UserError
from martech_lib.core.results import Finding
from martech_lib.stack import StackAudit

VENDOR = {
    "vendor": "Acme",
    "tools": "Mixpanel",
    "processes_personal_data": "yes",
    "dpa_status": "signed",
    "dpa_expiry": "",
}
SCAN = {
    "scan_date": "2026-10-01",
    "page": "/",
    "region": "EU",
    "scenario": "before_choice",
    "name": "_ga",
    "vendor": "",
    "category": "Analytics",
    "essential_override": "no",
}


def found(audit: StackAudit, rule: str) -> list[Finding]:
    return [f for f in audit.finding_records if f.rule == rule]


def gap(audit: StackAudit, rule: str) -> str:
    return next(
        r.reason
        for r in audit.reading_records
        if r.metric == "stack.findings" and r.segment == rule and r.status == "not measured"
    )


def test_a_clean_tool_has_no_finding(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool()])
    assert rules_on(audit, "Mixpanel") == set()
    assert audit.decision_records[0].suggested == "Keep"


@pytest.mark.parametrize(
    ("changes", "rule", "words", "decision"),
    [
        ({"seats_active_90d": "4"}, "SA01", "4 of 10 paid seats active in 90 days: 40 % adoption, below 50 %; payback: Yes", "Re-evaluate"),
        ({"seats_active_90d": "4", "pays_back": "Marginal"}, "SA01", "payback: Marginal", "Drop"),
        ({"seats_paid": "", "seats_active_90d": "", "usage_pct": "30", "pays_back": "No"}, "SA01", "30 % of the committed volume used", "Drop"),
        ({"owner": ""}, "SA03", "no owner is named; job: product analytics", "Fix"),
        ({"job": ""}, "SA04", "no job is written down; owner: Ana", "Fix"),
        ({"job": "", "owner": ""}, "SA03", "no owner is named and no job is written down", "Drop"),
        ({"pays_back": "Marginal"}, "SA05", "payback is given as Marginal for $10k a year", "Re-evaluate"),
        ({"pays_back": "No"}, "SA05", "payback is given as No", "Drop"),
        ({"pays_back": "Pending Y1", "contract_start": "2025-10-30"}, "SA06", "366 days after the contract began on 30 Oct 2025", "Re-evaluate"),
        ({"outcome_metric": ""}, "SA07", "no outcome metric is named", "Re-evaluate"),
        ({"last_reviewed": "2026-07-30"}, "SA08", "93 days ago; due every 92", "Fix"),
        ({"last_reviewed": ""}, "SA08", "no review is on record", "Fix"),
        ({"layer": "Storage"}, "SA10", "sits in Storage; the taxonomy has it in Collection and Measurement", "Keep"),
        ({"renewal_date": "2027-02-28", "notice_days": "30"}, "SA11", "give notice by 29 Jan 2027, in 90 days", "Re-evaluate"),
        ({"renewal_date": "2026-12-01", "notice_days": ""}, "SA11", "no notice period on record, read as 0 days", "Re-evaluate"),
        ({"replacement_option": "PostHog (open-source)"}, "SA12", "replacement option PostHog (open-source) against $10k", "Re-evaluate"),
    ],
)  # fmt: skip
def test_a_rule_fires_with_its_evidence(
    tmp_path: Path, changes: dict[str, str], rule: str, words: str, decision: str
) -> None:
    finding = found(audit_of(tmp_path, [tool(**changes)]), rule)[0]
    assert words in finding.evidence
    assert finding.decision == decision
    assert finding.subject == "Mixpanel"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"seats_active_90d": "5"}, "SA01"),
        ({"seats_paid": "", "seats_active_90d": "", "usage_pct": ""}, "SA01"),
        ({"seats_paid": "0", "seats_active_90d": "0"}, "SA01"),
        ({"pays_back": "Pending Y1", "contract_start": "2025-10-31"}, "SA06"),
        ({"pays_back": "Pending Y1", "contract_start": ""}, "SA06"),
        ({"last_reviewed": "2026-07-31"}, "SA08"),
        ({"renewal_date": "2027-03-01", "notice_days": "30"}, "SA11"),
        ({"renewal_date": "2026-11-05", "notice_days": "30"}, "SA11"),
        ({"replacement_option": "Amplitude, freely chosen"}, "SA12"),
        ({"status": "retired", "owner": ""}, "SA03"),
    ],
)
def test_a_rule_keeps_still_at_its_edge(tmp_path: Path, changes: dict[str, str], rule: str) -> None:
    assert not found(
        audit_of(tmp_path, [tool(**changes), tool("Snowflake", layer="Storage", category="warehouse")]), rule
    )


@pytest.mark.parametrize(("status", "fires"), [("", True), ("trial", True), ("active", True), ("retired", False)])
def test_only_a_retired_tool_is_skipped(tmp_path: Path, status: str, fires: bool) -> None:
    audit = audit_of(
        tmp_path, [tool(owner="", status=status), tool("Snowflake", layer="Storage", category="warehouse")]
    )
    assert bool(found(audit, "SA03")) is fires


@pytest.mark.parametrize(
    ("column", "rule", "reason"),
    [
        ("owner", "SA03", "needs the column owner in inventory.csv"),
        ("last_reviewed", "SA08", "needs the column last_reviewed in inventory.csv"),
        ("auto_renew", "RM02", "needs the column auto_renew in inventory.csv"),
    ],
)
def test_an_absent_column_is_not_measured(tmp_path: Path, column: str, rule: str, reason: str) -> None:
    audit = audit_of(tmp_path, [{k: v for k, v in CLEAN.items() if k != column}])
    assert gap(audit, rule) == reason
    assert not found(audit, rule)


class TestDuplicates:
    def kept(self, folder: Path, *tools: dict[str, str]) -> set[str]:
        audit = audit_of(folder, tools)
        return {t["tool"] for t in tools} - {f.subject for f in found(audit, "SA02")}

    def test_higher_adoption_is_kept(self, tmp_path: Path) -> None:
        assert self.kept(tmp_path, tool("Heap", seats_active_90d="6"), tool("Mixpanel")) == {"Mixpanel"}

    def test_unknown_adoption_comes_last(self, tmp_path: Path) -> None:
        unknown = tool("Amplitude", seats_paid="", seats_active_90d="", annual_cost="1")
        assert self.kept(tmp_path, unknown, tool("Heap", seats_active_90d="6")) == {"Heap"}

    def test_then_the_cheaper_one_then_the_name(self, tmp_path: Path) -> None:
        assert self.kept(tmp_path / "a", tool("Heap", annual_cost="9000"), tool("Mixpanel")) == {"Heap"}
        assert self.kept(tmp_path / "b", tool("Mixpanel"), tool("Heap")) == {"Heap"}

    def test_a_preferred_one_is_kept(self, tmp_path: Path) -> None:
        assert self.kept(tmp_path, tool("Heap", preferred="yes", seats_active_90d="6"), tool("Mixpanel")) == {"Heap"}

    def test_an_accepted_overlap_is_neither_duplicate_nor_keeper(self, tmp_path: Path) -> None:
        excused = tool("Amplitude", overlap_ok_reason="mobile only", seats_active_90d="10")
        assert self.kept(tmp_path, excused, tool("Heap", seats_active_90d="6"), tool("Mixpanel")) == {
            "Amplitude",
            "Mixpanel",
        }

    def test_the_finding_says_which_to_keep_and_why(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [tool("Heap", seats_active_90d="6"), tool("Mixpanel")])
        assert (
            found(audit, "SA02")[0].evidence
            == "analytics is also done by Mixpanel, the one to keep: 90 % adoption against 60 %"
        )


class TestOutside:
    def test_an_alias_is_known_and_a_stranger_is_not(self, tmp_path: Path) -> None:
        attributes = [
            {"attribute": "email", "system_of_record": "CRM (HubSpot)", "synced_to": "MP; ads", "editable_in": "all systems", "kind": "identity", "match_key": "email"}
        ]  # fmt: skip
        tools = [tool(alias="MP"), tool("HubSpot", layer="Storage", category="crm", alias="CRM")]
        audit = audit_of(tmp_path, tools, attributes=attributes)
        assert {f.subject for f in found(audit, "SA09")} == {"ads"}

    def test_every_source_is_named_once(self, tmp_path: Path) -> None:
        scan = [{**SCAN, "vendor": "Hotjar", "category": "Necessary"}]
        roadmap = [{"item": "leave", "tool": "Hotjar", "type": "drop", "start": "2026-11-01", "end": "2026-12-01"}]
        audit = audit_of(tmp_path, [tool()], consent_scan=scan, roadmap=roadmap)
        (finding,) = found(audit, "SA09")
        assert "named in consent_scan.csv (tracker) and roadmap.csv (tool)" in finding.evidence
        assert finding.amount is None

    def test_not_measured_without_any_source(self, tmp_path: Path) -> None:
        assert (
            gap(audit_of(tmp_path, [tool()]), "SA09")
            == "needs attributes.csv or vendors.csv or consent_scan.csv or roadmap.csv"
        )


class TestCompany:
    @pytest.mark.parametrize(("fte", "severity"), [("1", None), ("0.6", "medium"), ("0.4", "high")])
    def test_tools_per_fte(self, tmp_path: Path, fte: str, severity: str | None) -> None:
        findings = found(audit_of(tmp_path, [tool()], {"marketing_fte": fte}), "BU01")
        assert [f.severity for f in findings] == ([severity] if severity else [])
        assert all(f.subject == "stack" for f in findings)

    @pytest.mark.parametrize(
        ("budget", "words"), [("100000", ""), ("40000", ""), ("39000", "above the band"), ("101000", "below the band")]
    )
    def test_share_of_budget(self, tmp_path: Path, budget: str, words: str) -> None:
        findings = found(audit_of(tmp_path, [tool()], {"marketing_budget_excl_labor": budget}), "BU02")
        assert bool(findings) is bool(words)
        assert all(words in f.evidence for f in findings)

    def test_a_roadmap_counts_only_inside_the_year(self, tmp_path: Path) -> None:
        row = {"item": "x", "type": "review", "start": "2028-01-01", "end": "2028-02-01"}
        assert gap(audit_of(tmp_path / "a", [tool()]), "RM01") == "needs roadmap.csv"
        assert found(audit_of(tmp_path / "b", [tool()], roadmap=[row]), "RM01")
        inside = {**row, "start": "2026-09-01", "end": "2026-11-01"}
        assert not found(audit_of(tmp_path / "c", [tool()], roadmap=[inside]), "RM01")

    def test_leaving_after_the_notice_deadline(self, tmp_path: Path) -> None:
        late = tool(pays_back="No", renewal_date="2026-11-10", notice_days="30", auto_renew="yes")
        (finding,) = found(audit_of(tmp_path / "a", [late]), "RM02")
        assert finding.subject == "stack"
        assert "Mixpanel is to go (Drop), but notice was due on 11 Oct 2026" in finding.evidence
        assert "left on 10 Nov 2027 at the earliest" in finding.evidence
        assert not found(audit_of(tmp_path / "b", [{**late, "auto_renew": "no"}]), "RM02")
        assert not found(audit_of(tmp_path / "c", [{**late, "pays_back": "Yes"}]), "RM02")


class TestBuildOrder:
    def statuses(self, folder: Path, tools: list[dict[str, str]], **profile: str) -> dict[int, str]:
        return {s.step: s.status for s in audit_of(folder, tools, profile).steps}

    def test_the_first_missing_step_is_next(self, tmp_path: Path) -> None:
        steps = self.statuses(
            tmp_path,
            [tool("Snowflake", layer="Storage", category="warehouse")],
            wau="100",
            paid_spend_month="0",
            channels="email",
        )
        assert steps == {
            1: "Done",
            2: "Next",
            3: "Not yet",
            4: "Not yet",
            5: "Not yet",
            6: "Not yet",
            7: "Not yet",
            8: "Not yet",
        }

    def test_a_step_left_out_is_a_gap(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [tool("Braze", layer="Activation", category="lifecycle messaging")])
        assert {s.step for s in audit.steps if s.status == "Gap"} == {1, 2, 3, 4}
        assert len(found(audit, "BO01")) == 4

    @pytest.mark.parametrize(("wau", "status"), [("4999", "Bought too early"), ("5000", "Done")])
    def test_experimentation_needs_about_five_thousand(self, tmp_path: Path, wau: str, status: str) -> None:
        audit = audit_of(tmp_path, [tool("Statsig", category="experimentation")], {"wau": wau})
        assert audit.steps[6].status == status
        early = status == "Bought too early"
        assert [f.subject for f in found(audit, "BO02")] == (["stack"] if early else [])
        assert audit.decision_records[0].suggested == ("Re-evaluate" if early else "Keep")

    @pytest.mark.parametrize(("paid", "status"), [("100000", "Bought too early"), ("100001", "Done")])
    def test_attribution_needs_more_than_a_hundred_thousand(self, tmp_path: Path, paid: str, status: str) -> None:
        audit = audit_of(tmp_path, [tool("Recast", category="marketing-mix modeling")], {"paid_spend_month": paid})
        assert audit.steps[7].status == status

    def test_how_far_off_a_step_is(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [tool()], {"wau": "1200"})
        assert audit.steps[6].reason == "1,200 weekly active users: 3,800 short of 5,000"

    def test_a_size_that_is_reached_and_unserved_is_a_finding_of_the_stack(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [tool()], {"wau": "9000", "paid_spend_month": "250000"})
        assert [f.decision for f in [*found(audit, "BO02"), *found(audit, "BO03")]] == ["Fix", "Fix"]

    def test_b2c_usually_skips_the_crm(self, tmp_path: Path) -> None:
        audit = audit_of(
            tmp_path, [tool("Braze", layer="Activation", category="lifecycle messaging")], {"business_model": "B2C"}
        )
        assert audit.steps[2].status == "Not yet"
        assert "CDP is its system of record" in audit.steps[2].reason

    def test_server_side_tracking(self, tmp_path: Path) -> None:
        paid = {"channels": "paid;email"}
        assert found(audit_of(tmp_path / "a", [tool()], paid), "BO04")
        assert not found(audit_of(tmp_path / "b", [tool(is_server_side="yes")], paid), "BO04")
        assert not found(audit_of(tmp_path / "c", [tool()], {"channels": "email"}), "BO04")

    def test_a_warehouse_needs_a_way_back(self, tmp_path: Path) -> None:
        warehouse = tool("Snowflake", layer="Storage", category="warehouse")
        assert found(audit_of(tmp_path / "a", [warehouse]), "BO05")
        census = tool("Census", layer="Storage", category="cdp")
        assert not found(audit_of(tmp_path / "b", [warehouse, census]), "BO05")


class TestPrivacy:
    cmp = tool("OneTrust", layer="Collection", category="consent management")

    def test_what_fires_before_consent_is_about_the_consent_tool(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [self.cmp], consent_scan=[SCAN])
        assert rules_on(audit, "OneTrust") == {"CO02", "CO03"}
        assert (
            "1 non-essential item set before consent or after a refusal: _ga, on / (EU, before choice)"
            in found(audit, "CO03")[0].evidence
        )
        assert audit.decision_records[0].decision == "Fix"

    @pytest.mark.parametrize(
        "row",
        [
            {**SCAN, "scenario": "after_accept"},
            {**SCAN, "category": "Necessary"},
            {**SCAN, "essential_override": "yes"},
            {**SCAN, "region": "US-CA", "scenario": "before_choice"},
        ],
    )
    def test_what_is_allowed_passes(self, tmp_path: Path, row: dict[str, str]) -> None:
        assert not rules_on(audit_of(tmp_path, [self.cmp], consent_scan=[row]), "OneTrust")

    def test_an_opt_out_region_is_checked_after_the_opt_out(self, tmp_path: Path) -> None:
        row = {**SCAN, "region": "US-CA", "scenario": "gpc_optout"}
        assert "CO03" in rules_on(audit_of(tmp_path, [self.cmp], consent_scan=[row]), "OneTrust")

    def test_the_pass_rate_counts_pages_by_scenario_and_region(self, tmp_path: Path) -> None:
        clean = [{**SCAN, "page": f"/{i}", "category": "Necessary"} for i in range(49)]
        audit = audit_of(tmp_path, [self.cmp], consent_scan=[SCAN, {**SCAN, "name": "_fbp"}, *clean])
        assert rules_on(audit, "OneTrust") == {"CO03"}  # 49 of 50 is 98 %: not below the target

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"dpa_status": "none"}, "no DPA is signed"),
            ({"dpa_status": "pending"}, "not signed yet"),
            ({"dpa_expiry": "2026-10-30"}, "its DPA expired on 30 Oct 2026"),
            ({"dpa_status": "none", "processes_personal_data": "unknown"}, "may process personal data (unknown)"),
        ],
    )
    def test_no_agreement_in_force(self, tmp_path: Path, changes: dict[str, str], words: str) -> None:
        audit = audit_of(tmp_path, [tool()], vendors=[{**VENDOR, **changes}])
        assert words in found(audit, "CO05")[0].evidence
        assert audit.decision_records[0].suggested == "Replace"

    @pytest.mark.parametrize(
        "changes", [{}, {"dpa_expiry": "2026-10-31"}, {"dpa_status": "none", "processes_personal_data": "no"}]
    )
    def test_an_agreement_in_force(self, tmp_path: Path, changes: dict[str, str]) -> None:
        assert not found(audit_of(tmp_path, [tool()], vendors=[{**VENDOR, **changes}]), "CO05")


class TestThresholds:
    def audited(self, folder: Path, text: str) -> StackAudit:
        write_workspace(folder, [tool(seats_active_90d="6")])
        (folder / "thresholds.csv").write_text(f"rule_id,threshold,why\n{text}\n", encoding="utf-8")
        return stack.audit(Workspace.open(folder))

    def test_percent_and_fraction_are_the_same(self, tmp_path: Path) -> None:
        assert found(self.audited(tmp_path / "a", "SA01,65 %,"), "SA01")
        assert found(self.audited(tmp_path / "b", "SA01,0.65,"), "SA01")

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ("SA99,1,", "row 2, column rule_id: 'SA99' is not a rule; did you mean SA09"),
            ("SA03,1,", r"'SA03' \(No owner\) has no threshold; those that do: SA01, "),
            ("SA01,50,", r"column threshold: '50' is not allowed for SA01 \(Low adoption\): one number from 0 to 1"),
            ("SA01,half,", "'half' is not a number; write 0.4, 40 % or 92"),
            ("RM01,1e12,", "from 0 to 36500"),
            ("BU01,nan,", "two numbers with ';' between them not below 0"),
            ("BU01,3;2,", "the first must not exceed the second"),
        ],
    )
    def test_a_wrong_one_is_told(self, tmp_path: Path, row: str, words: str) -> None:
        with pytest.raises(UserError, match=words):
            self.audited(tmp_path, row)


class TestNothingGreenOnNoData:
    """A rule that could not look says so: never zero, never passed."""

    def test_without_a_date_no_dated_rule_passes(self, tmp_path: Path) -> None:
        write_workspace(tmp_path, [tool(last_reviewed="2020-01-01")])
        (tmp_path / "profile.csv").unlink()
        audit = stack.audit(Workspace.open(tmp_path))
        for rule in ("SA06", "SA08", "SA11", "RM02"):
            assert "as_of_date in profile.csv" in gap(audit, rule)

    def test_server_side_tracking_that_cannot_be_judged(self) -> None:
        from martech_lib.core.places import sample_dir

        audit = stack.audit(Workspace.open(sample_dir() / "starter"))
        assert gap(audit, "BO04") == "needs the column is_server_side in inventory.csv"
        assert "owner" in gap(audit, "SA03 or SA04")

    def test_adoption_that_nobody_filled_in(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path, [tool(seats_paid="", seats_active_90d="", usage_pct="")])
        assert gap(audit, "SA01") == "needs seats or usage of some tool in inventory.csv"
        assert audit.summary["stack.right_sizing"] is None

    def test_a_scan_without_a_check_or_without_categories(self, tmp_path: Path) -> None:
        audit = audit_of(tmp_path / "a", [tool()], consent_scan=[{**SCAN, "scenario": "after_accept"}])
        assert "needs a check made before the choice" in gap(audit, "CO02")
        bare = {key: value for key, value in SCAN.items() if key != "category"}
        assert (
            gap(audit_of(tmp_path / "b", [tool()], consent_scan=[bare]), "CO03")
            == "needs the column category in consent_scan.csv"
        )

    def test_money_nobody_wrote_down_is_not_zero(self, tmp_path: Path) -> None:
        bare = {k: v for k, v in tool(pays_back="No").items() if k not in ("renewal_date", "one_off_cost")}
        audit = audit_of(tmp_path, [bare])
        assert audit.summary["stack.saving_run_rate"] == 10_000
        assert audit.summary["stack.saving_in_year"] is audit.summary["stack.one_off_cost"] is None
        assert not [r for r in audit.reading_records if r.metric == "stack.saving_by_quarter"]

    def test_a_profile_alone_is_no_stack(self, tmp_path: Path) -> None:
        write_workspace(tmp_path, [tool()], vendors=[VENDOR])
        (tmp_path / "inventory.csv").unlink()
        audit = stack.audit(Workspace.open(tmp_path))
        assert {f.rule for f in audit.finding_records} <= {"CO05"}
        measured = {r.metric for r in audit.reading_records if r.value is not None} - {"stack.findings"}
        assert measured <= {"stack.reviews_overdue"}
        assert set(audit.rules_not_measured) >= {"BU01", "BU02", "BO02", "BO03", "SA09"}

    def test_rules_not_measured_say_what_they_lack(self, tmp_path: Path) -> None:
        row = tool()
        del row["seats_paid"], row["usage_pct"]
        gaps = audit_of(tmp_path, [row]).rules_not_measured
        assert gaps["SA01"].startswith("needs the column seats_paid in inventory.csv")
        assert gaps["CO05"] == "needs vendors.csv"
        assert "SA03" not in gaps

    def test_vendors_are_read_without_an_inventory(self, tmp_path: Path) -> None:
        write_workspace(tmp_path, [tool()], vendors=[{**VENDOR, "dpa_status": "none"}])
        (tmp_path / "inventory.csv").unlink()
        audit = stack.audit(Workspace.open(tmp_path))
        assert [f.subject for f in found(audit, "CO05")] == ["Acme"]
        assert audit.summary["stack.tools"] is None

    def test_every_late_exit_counts(self, tmp_path: Path) -> None:
        late = {"pays_back": "No", "renewal_date": "2026-11-10", "notice_days": "30"}
        audit = audit_of(tmp_path, [tool("Heap", **late), tool("Hotjar", category="survey", **late)])
        reading = next(r for r in audit.reading_records if r.segment == "RM02")
        assert reading.value == 2


@pytest.mark.parametrize(
    "said", ["TBD", "n/a", "N.A.", "#N/A", " - ", "???", "(none)", "Not assigned", "Nobody", "\u200b", "unknown."]
)
def test_a_word_that_stands_for_a_blank_names_no_owner(tmp_path: Path, said: str) -> None:
    assert "SA03" in rules_on(audit_of(tmp_path, [tool(owner=said)]), "Mixpanel")


def test_a_newer_clean_scan_heals(tmp_path: Path) -> None:
    clean = {**SCAN, "scan_date": "2026-10-20", "category": "Necessary"}
    assert not found(audit_of(tmp_path, [tool()], consent_scan=[SCAN, clean]), "CO03")


def test_a_contract_that_renewed_itself_after_its_date_on_record(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool(pays_back="No", renewal_date="2026-10-15", notice_days="60")])
    assert "renewed by itself on 15 Oct 2026: it can be left on 15 Oct 2027" in found(audit, "RM02")[0].evidence


def test_server_side_loss_in_money(tmp_path: Path) -> None:
    reported = [{"month": "2026-09", "channel": "search", "conversions": "100", "value": "10000"}]
    (finding,) = found(audit_of(tmp_path, [tool()], {"channels": "paid"}, platform_reported=reported), "BO04")
    assert finding.amount == pytest.approx(0.15 * 10_000 * 12)
    assert "worth $18k to $36k a year" in finding.evidence


def test_the_analyst_may_drop_the_keeper_and_is_told(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool("Heap", seats_active_90d="6"), tool(decision="Drop")])
    assert "but Mixpanel is itself to go" in next(d.reason for d in audit.decision_records if d.tool == "Heap")
