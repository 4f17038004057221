"""The declarations themselves, the data dictionary made of them, and a fresh workspace."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from martech_lib.core import blank, dictionary
from martech_lib.core.errors import UnknownTable, WorkspaceError
from martech_lib.core.register import parse_register
from martech_lib.core.tables import categories, form_for, profile_facts, table, tables
from martech_lib.core.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
REGISTERS = set(
    "profile inventory inventory_previous attributes dsar vendors consent_scan email_lists ai_uses ai_checklist "
    "experiments roadmap checklists spend platform_reported survey lift_tests media_weekly outcome_weekly "
    "controls_weekly geo_panel channels templates backlog lenses programs thresholds event_names truth".split()
)
LOGS = set("events sync_runs touches conversions paths assignments outcomes messages extracts".split())


def own_tables():
    return [t for t in tables().values() if not t.form_of]


def test_registers_and_logs_are_those_of_the_contract():
    assert {t.name for t in own_tables() if not t.log} == REGISTERS
    assert {t.name for t in own_tables() if t.log} == LOGS


def test_every_column_is_declared_in_full():
    for declared in tables().values():
        assert declared.meaning and declared.switches_on
        assert set(declared.key) | set(declared.grid) <= set(declared.names)
        for column in declared.columns:
            assert column.meaning.endswith("."), (declared.name, column.name)
            assert (column.kind == "choice") <= bool(column.allowed), (declared.name, column.name)


@pytest.mark.parametrize("name", sorted(REGISTERS - {"profile"}))
def test_the_example_of_every_register_passes_its_own_check(name):
    declared = table(name)
    cells = [f'"{c.example}"' for c in declared.columns]
    text = ",".join(declared.names) + "\n" + ",".join(cells) + "\n"
    frame, problems, *_ = parse_register(name, text.encode(), f"{name}.csv")
    assert [str(p) for p in problems] == []
    assert len(frame) == 1


def test_the_example_of_the_profile_passes_its_own_check():
    text = "key,value\n" + "".join(f'{c.name},"{c.example}"\n' for c in profile_facts().values())
    problems = parse_register("profile", text.encode(), "profile.csv").problems
    assert [str(p) for p in problems] == []


def test_required_columns_of_the_main_tables():
    assert table("inventory").required == ("tool", "layer", "category", "annual_cost", "pays_back")
    required = {name for name, fact in profile_facts().items() if fact.required}
    assert required == {"business_model", "marketing_fte", "marketing_budget_excl_labor", "as_of_date"}
    assert table("inventory_previous").columns == table("inventory").columns


def test_categories_come_from_the_taxonomy():
    assert table("inventory").column("category").allowed == categories()
    assert "consent management" in categories()


def test_an_unknown_table_is_told_with_the_nearest_one():
    with pytest.raises(UnknownTable, match="'inventry' is not a table of the workbook; did you mean inventory"):
        table("inventry")


def test_an_unknown_column_is_told_with_the_nearest_one():
    with pytest.raises(KeyError, match="inventory has no column anual_cost; did you mean annual_cost"):
        table("inventory").column("anual_cost")


def test_extracts_and_daily_events_have_their_forms():
    assert table("extracts/crm").name == "extracts/crm"
    assert form_for("events", ("date", "source", "events")).name == "events_by_day"
    assert form_for("events", ("event_ts", "loaded_ts")).name == "events"


def test_the_data_dictionary_is_current_and_names_every_column():
    text = (ROOT / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert text == dictionary.render(), "run: python -m martech_lib.core.dictionary > docs/data-dictionary.md"
    for declared in tables().values():
        for column in declared.columns:
            assert f"| `{column.name}` | {column.kind} |" in text


def test_importing_the_declarations_loads_nothing_heavy():
    heavy = "{'numpy', 'pandas', 'pandera', 'ibis', 'duckdb'}"
    code = f"import sys, martech_lib.core.tables; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_importing_the_workspace_loads_no_engine():
    heavy = "{'pandera', 'ibis', 'duckdb', 'openpyxl'}"
    code = f"import sys, martech_lib.core.workspace; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_fresh_workspace_has_every_table_and_nothing_in_it(tmp_path):
    written = blank.new_workspace(tmp_path / "mine")
    names = {p.stem for p in written if p.suffix == ".csv"}
    assert names == (REGISTERS | LOGS) - {"extracts"}
    first, header = (tmp_path / "mine" / "inventory.csv").read_text().splitlines()
    assert first.startswith("# for example: Segment,Twilio,Collection,cdp,")
    assert header.split(",") == list(table("inventory").names)
    ws = Workspace.open(tmp_path / "mine")
    assert ws.check() == []
    assert {s.status for s in ws.status()} == {"missing"}


def test_a_fresh_workspace_passes_once_profile_and_inventory_have_rows(tmp_path):
    blank.new_workspace(tmp_path)
    with (tmp_path / "profile.csv").open("a") as profile:
        profile.write("business_model,B2B\nmarketing_fte,8\nmarketing_budget_excl_labor,$2M\nas_of_date,2026-09-30\n")
    with (tmp_path / "inventory.csv").open("a", newline="") as inventory:
        row = {"tool": "Segment", "layer": "Collection", "category": "cdp", "annual_cost": "$24k", "pays_back": "Yes"}
        csv.DictWriter(inventory, table("inventory").names).writerow(row)
    ws = Workspace.open(tmp_path)
    assert ws.check() == []
    assert ws.tables == ("profile", "inventory")


def test_a_fresh_workspace_overwrites_nothing(tmp_path):
    (tmp_path / "inventory.csv").write_text("mine")
    with pytest.raises(WorkspaceError, match="holds inventory.csv already; choose another folder, nothing was written"):
        blank.new_workspace(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["inventory.csv"]


def test_a_fresh_workspace_in_a_place_that_is_a_file(tmp_path):
    (tmp_path / "here").write_text("")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        blank.new_workspace(tmp_path / "here")


def test_the_example_begins_with_the_starter_company(tmp_path, monkeypatch):
    starter = tmp_path / "sample" / "starter"
    starter.mkdir(parents=True)
    (starter / "inventory.csv").write_text("tool\nSegment\n")
    (starter / "README.md").write_text("of the sample")
    monkeypatch.setattr(blank, "sample_dir", lambda: tmp_path / "sample")
    blank.new_workspace(tmp_path / "mine", example=True)
    assert (tmp_path / "mine" / "inventory.csv").read_text() == "tool\nSegment\n"
    assert (tmp_path / "mine" / "README.md").read_text().startswith("# A workspace")
    assert (tmp_path / "mine" / "touches.csv").read_text().startswith("# for example: u_1001,")
