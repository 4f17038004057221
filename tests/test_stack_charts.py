"""Every chart is built, says what it shows, and its marks are the rows of the table behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import pytest
from workspaces import audit_of, tool

from martech_lib import Workspace, stack
from martech_lib.core.places import sample_dir
from martech_lib.stack import StackAudit, charts
from martech_lib.workbook import theme
from martech_lib.workbook.views import figure_html

ALL = (
    charts.cost_by_layer,
    charts.findings_by_money,
    charts.before_and_after,
    charts.saving_by_quarter,
    charts.roadmap_gantt,
)


@pytest.fixture(scope="module")
def saas() -> StackAudit:
    theme.enable()
    return stack.audit(Workspace.open(sample_dir() / "saas"))


def marks(chart: alt.LayerChart, layer: int = 0) -> pd.DataFrame:
    """The rows a layer draws, read back from the finished specification."""
    spec: dict[str, Any] = chart.to_dict()
    data = spec["layer"][layer].get("data") or spec["data"]
    values = spec["datasets"][data["name"]] if "name" in data else data["values"]
    return pd.DataFrame(values)


@pytest.mark.parametrize("draw", ALL)
def test_every_chart_is_drawn_and_says_what_it_shows(saas: StackAudit, draw: Any) -> None:
    spec = draw(saas).to_dict()
    assert len(spec["description"]) > 30
    assert figure_html(draw(saas), width=350).startswith("<svg")


def test_cost_by_layer_draws_every_tool_that_costs_something(saas: StackAudit) -> None:
    drawn = marks(charts.cost_by_layer(saas))
    paid = {t.tool: t.annual_cost for t in saas.tools if t.annual_cost}
    assert dict(zip(drawn["tool"], drawn["annual_cost"], strict=True)) == paid
    layers = {r.segment: r.value for r in saas.reading_records if r.metric == "stack.annual_cost" and r.segment}
    labels = marks(charts.cost_by_layer(saas), 1)
    assert dict(zip(labels["layer"], labels["annual_cost"], strict=True)) == {k: v for k, v in layers.items() if v}


def test_findings_by_money_draws_every_rule_that_fired(saas: StackAudit) -> None:
    drawn = marks(charts.findings_by_money(saas))
    table = saas.findings.groupby("rule")
    assert dict(zip(drawn["rule"], drawn["findings"], strict=True)) == table.size().to_dict()
    assert dict(zip(drawn["rule"], drawn["amount"], strict=True)) == table["amount"].sum().to_dict()


def test_the_waterfall_walks_from_today_to_after(saas: StackAudit) -> None:
    drawn = marks(charts.before_and_after(saas)).set_index("step")
    assert drawn.loc["Today", "amount"] == saas.summary["stack.annual_cost"]
    assert drawn.loc["After", "amount"] == saas.summary["stack.annual_cost_after"]
    assert drawn.loc[["Today", "Drop", "Consolidate", "Replace"], "amount"].sum() == drawn.loc["After", "amount"]
    assert drawn["tools"].tolist() == [24, 18, 16, 16, 16]
    by_decision = saas.decisions.groupby("decision")["saving"].sum()
    assert all(drawn.loc[kind, "amount"] == -by_decision[kind] for kind in ("Drop", "Consolidate", "Replace"))


def test_quarters_add_up_to_the_year(saas: StackAudit) -> None:
    drawn = marks(charts.saving_by_quarter(saas))
    assert drawn["net"].sum() == pytest.approx(saas.summary["stack.saving_in_year"])
    readings = [r.value for r in saas.reading_records if r.metric == "stack.saving_by_quarter"]
    assert drawn["net"].tolist() == readings


def test_the_roadmap_draws_every_item(saas: StackAudit) -> None:
    chart = charts.roadmap_gantt(saas)
    assert len(marks(chart, 0)) + len(marks(chart, 1)) == len(saas.roadmap)
    assert sorted([*marks(chart, 0)["item"], *marks(chart, 1)["item"]]) == sorted(i.item for i in saas.roadmap)


def test_many_tools_stay_readable(tmp_path: Path) -> None:
    tools = [tool(f"tool {i}", renewal_date="2027-03-01", annual_cost=str(1000 + i)) for i in range(500)]
    audit = audit_of(tmp_path, tools)
    assert marks(charts.roadmap_gantt(audit), 1)["row"].nunique() == charts.MOST_ROWS
    assert marks(charts.cost_by_layer(audit))["annual_cost"].sum() == audit.summary["stack.annual_cost"]


def test_a_hostile_name_is_text_in_the_drawing(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [tool("<script>alert(1)</script>", renewal_date="2027-01-01"), tool("x" * 300)])
    for draw in ALL:
        assert "<script" not in figure_html(draw(audit), width=900)
    assert max(map(len, marks(charts.roadmap_gantt(audit), 1)["row"])) <= charts.LONGEST


def test_specifications_are_plain_json(saas: StackAudit) -> None:
    for draw in ALL:
        json.dumps(draw(saas).to_dict(), allow_nan=False)


def test_no_order_is_left_to_the_order_of_the_rows(saas: StackAudit) -> None:
    """New rows that a live chart takes over would stand last."""
    for draw in ALL:
        for layer in draw(saas).to_dict()["layer"]:
            for channel in ("x", "y"):
                encoding = layer["encoding"].get(channel, {})
                assert encoding.get("type") != "nominal" or encoding["sort"], (draw.__name__, channel)
