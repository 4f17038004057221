"""What the stack app knows: edits, settings and uploads are audited, told when wrong, and open again as they were."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from workspaces import tool, write_table, write_workspace

from martech_lib import Workspace
from martech_lib.core.errors import TableError, UserError
from martech_lib.core.places import sample_dir
from martech_lib.core.spreadsheet import escape_cell, unescape_cell
from martech_lib.workbook import html
from martech_lib.workbook.apps.home import HomeApp
from martech_lib.workbook.apps.stack import StackApp
from martech_lib.workbook.apps.stack_controls import Settings, apply_link, decision_rows, inventory_grid
from martech_lib.workbook.apps.stack_state import StackState
from martech_lib.workbook.notebook import Book
from martech_lib.workbook.views import Screen


@pytest.fixture
def state() -> StackState:
    return StackState(Workspace.open(sample_dir() / "saas"))


@pytest.fixture
def starter() -> StackState:
    return StackState(Workspace.open(sample_dir() / "starter"))


OWN = b"tool,layer,category,annual_cost,pays_back\nAcme CRM,Storage,crm,1000,Yes\n"


def book_of(folder: Path, mode: Any = "lab", **values: Any) -> Book:
    return Book("1-stack-audit", mode, Workspace.open(folder), values, Screen(mode))


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
    state.set_rows(changed(state, "Heap", decision="Keep"))
    row = next(r for r in decision_rows(state) if r["tool"] == "Heap")
    assert (row["decision"], row["suggested"]) == ("Keep", "Consolidate")
    state.set_rows(changed(state, "Heap", decision=""))
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
    for data, words in (
        (b"", "zero bytes|empty"),
        (b"tool,layer\nA,Storage\n", "annual_cost"),
        (b"\xff\xfe\x00", "UTF-16; save it as 'CSV UTF-8'"),
    ):
        with pytest.raises(UserError, match=words):
            state.upload("inventory.csv", data)
        assert (state.audit, state.rows) == before


def test_amounts_are_in_the_currency_of_the_company(tmp_path: Path) -> None:
    state = StackState(Workspace.open(write_workspace(tmp_path, [tool()], {"currency": "USD"})))
    before = (state.audit, state.rows)
    euros = b"tool,layer,category,annual_cost,pays_back\nA,Storage,warehouse,EUR 500,Yes\n"
    told = "inventory.csv, row 2, column annual_cost: 'EUR 500' is in EUR; the company's amounts are in USD"
    with pytest.raises(TableError, match=told):
        state.upload("inventory.csv", euros)
    assert (state.audit, state.rows) == before
    state.set_rows(changed(state, "Mixpanel", annual_cost="EUR 500"))
    assert state.faults == [told]
    assert state.audit is before[0]


def test_an_inventory_of_someone_else_brings_its_own_currency(state: StackState) -> None:
    state.upload("own.csv", b"tool,layer,category,annual_cost,pays_back\nA,Storage,warehouse,EUR 500,Yes\n")
    assert state.audit is not None
    assert (state.audit.currency, state.audit.summary["stack.annual_cost"]) == ("EUR", 500.0)
    assert state.audit.summary["stack.share_of_budget"] is None
    again = StackState(Workspace.open(sample_dir() / "saas"))
    again.upload("inventory.csv", state.inventory_csv())
    assert again.audit is not None
    assert (again.audit.currency, again.audit.summary["stack.annual_cost"]) == ("EUR", 500.0)
    mixed = b"tool,layer,category,annual_cost,replacement_cost,pays_back\nA,Storage,warehouse,EUR 5,GBP 3,Yes\n"
    with pytest.raises(
        TableError, match="column replacement_cost: 'GBP 3' is in GBP; the company's amounts are in EUR"
    ):
        state.upload("own.csv", mixed)


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
    assert state.threshold("BU01") == (1.5, 2.0)
    state.set_figure("marketing_fte", 24.0)
    assert (state.faults, state.figure("marketing_fte")) == ([], 24.0)


@pytest.mark.parametrize("text", ["=cmd()", "+1+1", "-1-1", "@SUM(A1)", "\tx", "'=cmd()", "''=x"])
def test_what_a_spreadsheet_would_run_is_made_inert_and_comes_back(text: str) -> None:
    assert escape_cell(text).startswith("'")
    assert unescape_cell(escape_cell(text)) == text


@pytest.mark.parametrize("text", ["-12", "+3.5", "1e5", "plain", "", "'quoted'", "a=b"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert unescape_cell(escape_cell(text)) == escape_cell(text) == text


def findings(state: StackState) -> list[Any]:
    assert state.audit is not None
    return list(state.audit.finding_records)


def in_grid(state: StackState) -> list[dict[str, str]]:
    """The rows as the page's grid sends them after "add a row": the new one has every column there is."""
    blank = {column["name"]: "" for column in inventory_grid(state, lambda: None).columns}
    return [*state.rows, blank]


def test_a_blank_row_in_the_grid_changes_nothing(starter: StackState) -> None:
    before = findings(starter)
    starter.set_rows(in_grid(starter))
    assert starter.faults == []
    assert findings(starter) == before
    assert b"owner" not in starter.inventory_csv()


def test_a_column_that_holds_a_value_now_is_measured_from_then_on(starter: StackState) -> None:
    starter.set_rows([{**row, "owner": "Ana"} if row["tool"] == "Segment" else row for row in in_grid(starter)])
    assert b"owner" in starter.inventory_csv()
    without_owner = {f.subject for f in findings(starter) if f.rule == "SA03"}
    assert "HubSpot" in without_owner and "Segment" not in without_owner


def test_a_problem_below_blank_rows_and_line_breaks_points_to_its_row(starter: StackState) -> None:
    blank, *_ = reversed(in_grid(starter))
    first, second, *others = starter.rows
    starter.set_rows([blank, {**first, "job": "two\nlines"}, blank, {**second, "annual_cost": "lots"}, *others])
    assert [(p["row"], p["column"]) for p in starter.problems] == [(3, "annual_cost")]
    assert "inventory.csv, row 5, column annual_cost: 'lots'" in starter.faults[0]


def test_when_every_row_is_deleted_it_says_what_to_do(starter: StackState) -> None:
    before = starter.audit
    starter.set_rows([])
    assert starter.faults == [
        "The inventory has no tools left, so the last audit stands: add a tool, or upload an inventory."
    ]
    assert starter.audit is before
    with pytest.raises(UserError, match="has a header and no tools below it"):
        starter.upload("inventory.csv", OWN.splitlines(keepends=True)[0])


def test_a_first_tool_can_be_typed_into_an_empty_workspace(tmp_path: Path) -> None:
    state = StackState(Workspace.open(tmp_path))
    state.set_rows(in_grid(state))
    assert state.faults == []
    state.set_rows([{**state.rows[0], "tool": "Notion"}])
    assert {(p["row"], p["column"]) for p in state.problems} == {
        (0, name) for name in ("layer", "category", "annual_cost", "pays_back")
    }


@pytest.mark.parametrize("mangle", [
    lambda text: b"\xef\xbb\xbf" + text,
    lambda text: text.replace(b"\n", b"\r\n"),
    lambda text: b"\n".join(line + b",,,," if line.startswith(b"#") else line for line in text.split(b"\n")),
    lambda text: b"\n".join(b'"' + line + b'",,' if line.startswith(b"#") else line for line in text.split(b"\n")),
])  # fmt: skip
def test_a_download_that_a_spreadsheet_saved_again_keeps_its_settings(state: StackState, mangle: Any) -> None:
    state.set_threshold("BU01", [1.2, 1.9])
    state.set_figure("marketing_fte", 12.5)
    again = StackState(Workspace.open(sample_dir() / "saas"))
    assert again.upload("inventory.csv", mangle(state.inventory_csv())) == []
    assert (again.thresholds, again.figures) == ({"BU01": (1.2, 1.9)}, {"marketing_fte": 12.5})
    assert findings(again) == findings(state)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"# set SA01 = 40", "line 2: .*SA01.*40.* 0 (and|to) 1"),
        (b"# set SA11 = 9999", "line 2: notice_window_days came as 9999; allowed is 0 to 365"),
        (b"# set BU01 = 3; 2", "line 2: .*BU01.* the first must not exceed the second"),
        (b"# set marketing_fte = -1", "line 2: marketing_fte came as -1; allowed is 0.1 to 100000"),
        (b"# set marketing_fte = nan", "line 2: marketing_fte came as nan; allowed is 0.1"),
        (b"# set marketing_fte = many", "line 2: `# set marketing_fte` came as 'many'; allowed is a number"),
        (b"# set marketing_ftes = 3", "line 2: `# set marketing_ftes` is not known; did you mean marketing_fte"),
        (b"# set SA01 = 1-2", "line 2: `# set SA01` came as '1-2'; allowed is a number"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told_by_its_line(state: StackState, line: bytes, words: str) -> None:
    state.set_threshold("SA01", [0.3])
    before = (state.audit, state.rows, state.thresholds, state.figures)
    with pytest.raises(UserError, match=f"inventory.csv, {words}"):
        state.upload("inventory.csv", b"# mine\n" + line + b"\n" + OWN)
    assert (state.audit, state.rows, state.thresholds, state.figures) == before


def test_what_looks_like_a_setting_below_the_header_is_data(state: StackState) -> None:
    state.upload("inventory.csv", OWN + b"# set SA01 = 0.9,Storage,warehouse,5,Yes\n")
    assert state.thresholds == {}


def test_a_budget_is_in_the_companys_currency_and_has_one_reading(state: StackState) -> None:
    for text, words in (("EUR 3,000,000", "allowed is a number in USD"), ("24.000", "which is 24 or 24,000")):
        state.set_figure("marketing_budget_excl_labor", text)
        assert words in state.faults[0]
        assert state.figures == {}


def test_a_download_sets_the_whole_state(state: StackState) -> None:
    untouched = state.inventory_csv()
    state.set_threshold("SA01", [0.9])
    state.set_figure("marketing_fte", 3)
    state.upload("inventory.csv", untouched)
    assert (state.thresholds, state.figures) == ({}, {})


def test_an_upload_without_settings_keeps_those_already_set(state: StackState) -> None:
    state.set_threshold("SA01", [0.3])
    state.upload("inventory.csv", OWN)
    assert state.thresholds == {"SA01": (0.3,)}


def test_a_fault_of_ours_in_an_upload_changes_nothing(state: StackState, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (state.audit, state.rows, state.thresholds)
    monkeypatch.setattr("martech_lib.stack.assess", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        state.upload("inventory.csv", b"# set SA01 = 0.2\n" + OWN)
    state.set_threshold("SA01", [0.2])
    assert state.faults == ["Something of ours broke: ZeroDivisionError. The rest of the page stands."]
    assert (state.audit, state.rows, state.thresholds) == before


def test_each_fault_stays_until_its_own_source_is_mended(state: StackState, tmp_path: Path) -> None:
    state.set_rows(changed(state, "Jasper", annual_cost="lots"))
    state.set_threshold("BU01", [3.0, 2.0])
    assert len(state.faults) == 2
    state.set_threshold("SA01", [0.3])
    assert len(state.faults) == 1 and "'lots'" in state.faults[0]
    assert len(state.problems) == 1
    write_workspace(tmp_path, [tool(annual_cost="-5")])
    state.open(Workspace.open(tmp_path))
    state.set_threshold("SA01", [0.3])
    assert "column annual_cost" in state.faults[0]


def test_an_own_inventory_is_not_mixed_with_the_sample_companys_tables(state: StackState) -> None:
    assert state.upload("mine.csv", OWN) == [
        "The sample company's own tables and figures were set aside: type in your team and budget."
    ]
    assert state.audit is not None
    assert {f.rule for f in findings(state)}.isdisjoint({"CO02", "CO03", "CO05"})
    assert not state.audit.changes
    assert state.figure("marketing_fte") is None
    assert not {"vendors", "consent_scan", "roadmap", "inventory_previous"} & set(state.audit.inputs)
    saved = state.inventory_csv()
    assert b"Workspace SaaS" not in saved
    again = StackState(Workspace.open(sample_dir() / "saas"))
    again.upload("inventory.csv", saved)
    assert findings(again) == findings(state)


def test_the_samples_own_download_keeps_its_tables(state: StackState) -> None:
    saved = state.inventory_csv()
    assert saved.startswith(b"# martech inventory of Workspace SaaS (sample)\n")
    before = findings(state)
    state.upload("mine.csv", OWN)
    assert state.upload("inventory.csv", saved) == []
    assert findings(state) == before


def test_a_users_own_workspace_keeps_its_tables(tmp_path: Path) -> None:
    plan = {
        "item": "Move",
        "type": "fix",
        "start": "2026-11-01",
        "end": "2026-12-01",
        "owner": "Ana",
        "status": "planned",
    }
    state = StackState(Workspace.open(write_workspace(tmp_path, [tool()], roadmap=[plan])))
    assert state.upload("inventory.csv", OWN) == []
    assert state.audit is not None and "roadmap" in state.audit.inputs


def test_a_slider_reaches_what_the_workspace_says(tmp_path: Path) -> None:
    write_table(tmp_path, "inventory", [tool()])
    write_table(tmp_path, "thresholds", [{"rule_id": "SA11", "threshold": "500"}, {"rule_id": "BU01", "threshold": "1.5; 8"}])  # fmt: skip
    state = StackState(Workspace.open(tmp_path))
    _, window, _, fail, fte, budget = Settings(state, lambda: None).view.children
    assert (window.value, window.max, fail.value, fail.max) == (500, 500, 8, 8)
    assert (fte.value, budget.value) == ("", "")
    assert state.thresholds == {} and state.figures == {}
    window.value = 90
    window.value = 500
    assert (state.threshold("SA11"), state.faults) == ((500,), [])


def test_a_typed_figure_is_taken_told_or_taken_back(state: StackState) -> None:
    fte = Settings(state, lambda: None).view.children[4]
    fte.value = "12,5"
    assert state.figure("marketing_fte") == 12.5
    fte.value = "a dozen"
    assert state.faults == ["marketing_fte came as 'a dozen'; allowed is a number such as 12.5."]
    fte.value = "$12"
    assert state.faults == ["marketing_fte came as '$12'; allowed is a number such as 12.5."]
    fte.value = "0"
    assert state.faults == ["marketing_fte came as 0; allowed is 0.1 to 100000 (marketing fte)."]
    assert state.figure("marketing_fte") == 12.5
    fte.value = ""
    assert (state.faults, state.figure("marketing_fte")) == ([], 11)


def test_settings_listen_again_after_following_failed(state: StackState, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(state, lambda: None)
    with monkeypatch.context() as patch:
        patch.setattr(state, "threshold", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            settings.follow()
    settings.view.children[0].value = 0.2
    assert state.threshold("SA01") == (0.2,)


def test_a_link_may_name_zero_and_both_numbers_of_a_rule(state: StackState) -> None:
    asked = {"low_adoption": 0.0, "notice_window_days": 0, "tools_per_fte_watch": 3.0, "tools_per_fte_fail": 4.0}
    assert apply_link(state, {"low_adoption": 0.0}) == []
    assert state.thresholds == {}
    assert apply_link(state, asked, explicit=True) == []
    assert state.thresholds == {"SA01": (0.0,), "SA11": (0.0,), "BU01": (3.0, 4.0)}
    faults = apply_link(state, {"marketing_fte": 0.0, "tools_per_fte_watch": 4.5}, explicit=True)
    assert "marketing_fte came as 0; allowed is 0.1" in faults[0]
    assert "the first must not exceed the second" in faults[1]


def test_a_decision_the_rules_overrule_is_still_the_analysts(state: StackState) -> None:
    state.set_rows(changed(state, "OneTrust", decision="Keep"))
    assert next(r for r in decision_rows(state) if r["tool"] == "OneTrust")["decision"] == "Keep"


@pytest.mark.parametrize(
    ("values", "words"),
    [({"notice_window_days": 9999.0}, "9999; allowed is 0 to 365"), ({"tools_per_fte_watch": 4.0}, "must not exceed")],
)
def test_a_report_refuses_a_parameter_that_is_not_allowed(values: dict[str, float], words: str) -> None:
    with pytest.raises(UserError, match=words):
        StackApp(book_of(sample_dir() / "saas", "report", **values))


def test_a_report_refuses_an_inventory_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="column annual_cost"):
        StackApp(book_of(write_workspace(tmp_path, [tool(annual_cost="-5")]), "report", low_adoption=0.2))


def test_the_grid_is_marked_and_unmarked_by_every_change(state: StackState) -> None:
    app = StackApp(book_of(sample_dir() / "saas"))
    grid = app.edit_inventory()
    app.state.set_rows(changed(app.state, "Jasper", annual_cost="lots"))
    app._changed()
    assert [p["column"] for p in grid.problems] == ["annual_cost"]
    app.state.upload("inventory.csv", state.inventory_csv())
    app._changed()
    assert grid.problems == []


def test_a_refused_slider_goes_back_and_the_page_says_why() -> None:
    app = StackApp(book_of(sample_dir() / "saas"))
    alert, sliders = app.faults(), app.settings().children
    sliders[2].value = 3.0
    assert sliders[2].value == 1.5
    assert 'role="alert"' in alert.value and "the first must not exceed the second" in alert.value


def test_a_view_that_fails_is_told_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = StackApp(book_of(sample_dir() / "saas"))
    chart, headline = app.waterfall(), app.say("headline")
    view, words = chart.children
    view.in_view = True
    drawn = view.spec
    with monkeypatch.context() as patch:
        patch.setattr("martech_lib.workbook.views._specification", lambda _: 1 / 0)
        with caplog.at_level(logging.ERROR):
            app.settings().children[0].value = 0.2
    assert "leave 18 tools" in headline.value
    assert (view.spec, view.text) == ({}, "")
    assert 'role="alert"' in words.value and "Something of ours broke: ZeroDivisionError." in words.value
    assert "Traceback" not in words.value and "division by zero" in caplog.text
    app._changed()
    assert view.spec and view.spec != drawn
    assert 'aria-hidden="true"' in words.value and 'role="alert"' not in words.value


def test_a_grid_that_cannot_follow_is_told_in_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    app = StackApp(book_of(sample_dir() / "saas"))
    alert, _ = app.faults(), app.edit_inventory()
    monkeypatch.setattr(app, "_follow_rows", lambda *_: 1 / 0)
    app._changed()
    assert "Something of ours broke: ZeroDivisionError." in alert.value


def test_what_stands_instead_of_a_chart_follows_the_state(tmp_path: Path) -> None:
    app = StackApp(book_of(write_workspace(tmp_path, [tool(annual_cost="0")])))
    _, words = app.cost_chart().children
    assert "Every tool is free." in words.value
    app.state.open(Workspace.open(sample_dir() / "saas"))
    app.state.open(Workspace.open(tmp_path.joinpath("empty") if tmp_path.joinpath("empty").mkdir() else tmp_path / "empty"))  # fmt: skip
    for view, redraw in app.book.screen._figures:
        assert isinstance(view, ipywidgets.DOMWidget)
        redraw()
    assert "supply inventory.csv" in words.value


def test_a_table_names_its_rows_and_shows_long_text_whole() -> None:
    columns = [html.Column("tool", "Tool"), html.Column("why", "Why")]
    markup = html.table([{"tool": "<b>", "why": "w" * 1500}, {"tool": "A", "why": "w" * 2500}], columns, caption="c")
    assert '<th scope="row">&lt;b&gt;</th>' in markup
    assert "w" * 1500 + "</td>" in markup
    assert "w" * 1999 + "…" in markup
    chip = html.stack_map({"Storage": [("n" * 300, "free", "Keep")]}, most=5)
    assert f"<b>{'n' * 79}…</b>" in chip and f'title="{"n" * 300}"' in chip


def test_what_needs_no_inventory_is_shown_without_one(tmp_path: Path) -> None:
    vendor = {"vendor": "Zap", "processes_personal_data": "yes", "dpa_status": "none"}
    write_table(tmp_path, "vendors", [vendor])
    app = StackApp(book_of(tmp_path, "report"))
    assert "Zap processes personal data" in app.table("findings").html
    assert "supply inventory.csv" in app.table("decisions").html


def test_the_page_lists_the_rules_that_could_not_be_judged(tmp_path: Path) -> None:
    app = StackApp(book_of(write_workspace(tmp_path, [tool()]), "report"))
    assert "could not be judged for want of data" in app.say("unmeasured").html
    assert "No signed DPA (CO05)" in app.table("unmeasured").html
    assert "Needs vendors.csv" in app.table("unmeasured").html


def test_home_says_that_nothing_is_missing_only_when_it_could_read(tmp_path: Path) -> None:
    write_workspace(tmp_path, [tool(annual_cost="-5")])
    home = HomeApp(book_of(tmp_path, "lab"))
    assert "annual_cost" in home.faults().value
    assert home.headline().value == ""
    assert "Nothing is missing" not in home.not_measured().value
