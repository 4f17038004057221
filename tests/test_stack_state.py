"""What the stack app knows: edits, settings and uploads are audited, told when wrong, and open again as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspaces import tool, write_workspace

from martech_lib import Workspace
from martech_lib.core.errors import UserError
from martech_lib.core.places import sample_dir
from martech_lib.core.spreadsheet import escape_cell, unescape_cell
from martech_lib.workbook.apps.stack_controls import apply_link, decision_rows
from martech_lib.workbook.apps.stack_state import StackState


@pytest.fixture
def state() -> StackState:
    return StackState(Workspace.open(sample_dir() / "saas"))


def changed(state: StackState, name: str, **cells: str) -> list[dict[str, str]]:
    return [{**row, **cells} if row["tool"] == name else row for row in state.rows]


def test_a_threshold_moves_findings_and_saving(state: StackState) -> None:
    state.set_threshold("SA01", [0.2])
    assert state.audit is not None
    assert {f.subject for f in state.audit.finding_records if f.rule == "SA01"} == {"Airship"}
    assert state.audit.overrides[0].why == "set for this run"


def test_a_figure_of_the_profile_moves_the_ratio(state: StackState) -> None:
    state.set_figure("marketing_fte", 24.0)
    assert state.audit is not None
    assert state.audit.summary["stack.tools_per_fte"] == 1


def test_an_edit_is_audited(state: StackState) -> None:
    state.set_rows(changed(state, "Jasper", annual_cost="$20k", seats_active_90d="30", pays_back="Yes"))
    assert state.faults == []
    assert state.audit is not None
    assert state.audit.summary["stack.annual_cost"] == 522_000


def test_a_decision_can_be_chosen_and_taken_back(state: StackState) -> None:
    state.decide("Heap", "Keep")
    row = next(r for r in decision_rows(state) if r["tool"] == "Heap")
    assert (row["decision"], row["suggested"]) == ("Keep", "Consolidate")
    state.decide("Heap", "")
    assert state.audit is not None
    assert state.audit.summary["stack.tools_after"] == 16


def test_an_edit_that_cannot_be_read_is_marked_and_the_last_audit_stands(state: StackState) -> None:
    before = state.audit
    state.set_rows(changed(state, "Jasper", annual_cost="about 20", layer="Storge"))
    assert state.audit is before
    marked = {(p["row"], p["column"]) for p in state.problems}
    jasper = [r["tool"] for r in state.rows].index("Jasper")
    assert marked == {(jasper, "annual_cost"), (jasper, "layer")}
    assert any("'Storge'" in fault and "Storage" in fault for fault in state.faults)
    state.set_rows(changed(state, "Jasper", annual_cost="18000", layer="AI / automation"))
    assert (state.faults, state.problems) == ([], [])


def test_a_half_typed_new_row_is_marked_and_loses_nothing(state: StackState) -> None:
    blank = dict.fromkeys(state.rows[0], "")
    state.set_rows([*state.rows, blank])
    assert state.faults == []
    state.set_rows([*state.rows[:-1], {**blank, "tool": "Notion"}])
    assert {p["column"] for p in state.problems} == {"layer", "category", "annual_cost", "pays_back"}
    assert len(state.rows) == 25


def test_the_download_opens_in_the_same_state(state: StackState) -> None:
    state.set_threshold("SA01", [0.33])
    state.set_threshold("BU01", [1.2, 1.9])
    state.set_figure("marketing_fte", 12.5)
    state.set_rows(changed(state, "Heap", tool="=cmd()", decision="Keep", owner="<script>alert(1)</script>"))
    saved = state.inventory_csv()
    again = StackState(Workspace.open(sample_dir() / "saas"))
    again.upload("inventory.csv", saved)
    assert again.rows == state.rows
    assert (again.thresholds, again.figures) == (state.thresholds, state.figures)
    assert again.audit is not None and state.audit is not None
    assert again.audit.decisions.equals(state.audit.decisions)
    assert b"\n'=cmd()," in saved


def test_an_upload_that_cannot_be_read_changes_nothing(state: StackState) -> None:
    before = (state.audit, state.rows)
    for data, words in ((b"", "zero bytes|empty"), (b"tool,layer\nA,Storage\n", "annual_cost"), (b"\xff\xfe\x00", ".")):
        with pytest.raises(UserError, match=words):
            state.upload("inventory.csv", data)
        assert (state.audit, state.rows) == before


def test_a_workspace_that_cannot_be_read_is_told_and_nothing_breaks(tmp_path: Path) -> None:
    write_workspace(tmp_path, [tool(annual_cost="-5")])
    state = StackState(Workspace.open(tmp_path))
    assert state.audit is None
    assert "inventory.csv, row 2, column annual_cost" in state.faults[0]
    with pytest.raises(UserError, match="martech check"):
        state.upload("inventory.csv", b"tool,layer,category,annual_cost,pays_back\nA,Storage,crm,1,Yes\n")


def test_a_deep_link_sets_what_it_names_and_tells_what_it_cannot(state: StackState) -> None:
    faults = apply_link(
        state, {"low_adoption": 0.2, "marketing_fte": 20.0, "notice_window_days": 9999.0, "tools_per_fte_watch": 0.0}
    )
    assert state.threshold("SA01") == (0.2,)
    assert state.figure("marketing_fte") == 20
    assert state.threshold("SA11") == (90,)
    assert faults == [
        "notice_window_days came as 9999; allowed is 0 to 365 (renewal notice: look this many days ahead)."
    ]


def test_thresholds_that_contradict_each_other_are_told(state: StackState) -> None:
    state.set_threshold("BU01", [3.0, 2.0])
    assert "the first must not exceed the second" in state.faults[0]
    assert state.audit is not None


@pytest.mark.parametrize("text", ["=cmd()", "+1+1", "-1-1", "@SUM(A1)", "\tx", "'=cmd()", "''=x"])
def test_what_a_spreadsheet_would_run_is_made_inert_and_comes_back(text: str) -> None:
    assert escape_cell(text).startswith("'")
    assert unescape_cell(escape_cell(text)) == text


@pytest.mark.parametrize("text", ["-12", "+3.5", "1e5", "plain", "", "'quoted'", "a=b"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert unescape_cell(escape_cell(text)) == escape_cell(text) == text
