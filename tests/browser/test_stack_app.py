"""A marketer's path through the stack app, end to end, in a browser that is cut off from the network."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from workspaces import tool, write_workspace

from martech_lib.core.places import sample_dir

NOTEBOOK = "1-stack-audit"
PAGE = f"/voila/render/{NOTEBOOK}.ipynb"
CHARTS = 6  # the waterfall stands twice: beside the settings, and where it is explained
WAIT = 60_000


@pytest.fixture(scope="module")
def address(serve: Callable[..., Any]) -> Iterator[str]:
    with serve(data=sample_dir() / "saas") as address:
        yield address


def opened(page: SimpleNamespace, address: str, query: str = "", *, charts: int = CHARTS) -> Any:
    """The app's page, once its last chart is drawn."""
    shown = page.page
    shown.goto(f"{address}{PAGE}{query}")
    shown.wait_for_function(f"() => document.querySelectorAll('.vega-embed svg').length >= {charts}", timeout=WAIT)
    shown.wait_for_selector("[role=grid][aria-label^='Inventory']", timeout=WAIT)
    return shown


def says(shown: Any, words: str) -> None:
    shown.wait_for_function(
        "words => document.querySelector('.wb-view .wb-say')?.textContent.includes(words)", arg=words, timeout=WAIT
    )


def downloaded(shown: Any, label: str) -> bytes:
    with shown.expect_download() as download:
        shown.get_by_role("button", name=label).click()
    return Path(download.value.path()).read_bytes()


def upload(shown: Any, name: str, data: bytes) -> None:
    shown.set_input_files("input[type=file]", {"name": name, "mimeType": "text/csv", "buffer": data})


def choose(shown: Any, tool_name: str, decision: str) -> None:
    """Set a decision by keyboard alone, as the grid's help line says."""
    grid = shown.get_by_role("grid", name="Decisions")
    grid.scroll_into_view_if_needed()
    row = grid.get_by_role("row").filter(has_text=re.compile(f"^{re.escape(tool_name)}"))
    row.locator("[data-column='1']").click()
    shown.keyboard.press("Enter")
    grid.locator("select").select_option(decision)
    shown.keyboard.press("Enter")


def test_the_path_of_a_marketer(visit: Callable[..., SimpleNamespace], address: str) -> None:
    page, second = visit(), visit()
    shown = opened(page, address)
    says(shown, "leave 16 tools at $410k")
    assert shown.locator(".vega-embed svg .mark-rect path, .vega-embed svg .mark-symbol path").count() > 40

    handle = shown.locator(".noUi-handle").first
    handle.focus()
    for _ in range(30):
        shown.keyboard.press("ArrowLeft")
    says(shown, "leave 18 tools at $460k")

    choose(shown, "Heap", "Keep")
    says(shown, "leave 19 tools at $474k")

    decisions = list(csv.DictReader(io.StringIO(downloaded(shown, "Download decisions").decode())))
    heap = next(row for row in decisions if row["tool"] == "Heap")
    assert (heap["decision"], heap["suggested"], heap["decided_by"]) == ("Keep", "Consolidate", "analyst")
    findings = list(csv.DictReader(io.StringIO(downloaded(shown, "Download findings").decode())))
    assert {row["subject"] for row in findings if row["rule"] == "SA01"} == {"Airship"}
    inventory = downloaded(shown, "Download inventory")

    again = opened(second, address)
    says(again, "leave 16 tools at $410k")
    upload(again, "inventory.csv", inventory)
    says(again, "leave 19 tools at $474k")
    assert page.outside == second.outside == []
    assert page.errors == second.errors == []


def test_the_chart_beside_the_settings_follows(page: SimpleNamespace, address: str) -> None:
    shown = opened(page, address)
    waterfall = shown.locator(".wb-live").first
    assert "16 tools at $410k" in (waterfall.get_attribute("aria-label") or "")
    field = shown.get_by_role("textbox", name="Marketing FTE")
    field.fill("30")
    field.press("Enter")
    shown.wait_for_function("() => document.querySelector('.wb-view .wb-tiles').textContent.includes('0.80')")
    shown.locator(".noUi-handle").first.focus()
    shown.keyboard.press("Home")
    says(shown, "leave 19 tools")
    waterfall.scroll_into_view_if_needed()
    shown.wait_for_function("() => document.querySelector('.wb-live svg').textContent.includes('19 tools')")
    assert "19 tools" in (waterfall.get_attribute("aria-label") or "")


def test_an_edit_in_the_grid_is_marked_until_it_can_be_read(page: SimpleNamespace, address: str) -> None:
    shown = opened(page, address)
    grid = shown.get_by_role("grid", name="Inventory")
    grid.scroll_into_view_if_needed()
    cost = grid.locator("[data-row='0'][data-column='6']")
    name = shown.evaluate(
        '() => document.querySelector(\'[aria-label^=Inventory] [data-row="0"][data-column="6"]\').textContent'
    )
    assert name == "18,000"
    cost.click()
    shown.keyboard.type("lots")
    shown.keyboard.press("Enter")
    shown.wait_for_selector("[aria-invalid=true]")
    assert "lots" in shown.locator("[role=alert]").first.inner_text()
    says(shown, "leave 16 tools at $410k")
    cost.click()
    shown.keyboard.type("28000")
    shown.keyboard.press("Enter")
    says(shown, "leave 16 tools at $420k")
    assert shown.locator("[role=alert]").count() == 0


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("inventory.csv", b"", "zero bytes"),
        ("inventory.csv", b"tool,layer,category,cost,pays_back\nA,Storage,crm,1,Yes\n", "annual_cost"),
        ("inventory.csv", b"tool,layer,category,annual_cost,pays_back\nA,Storage,crm,-1,Yes\n", "row 2"),
        ("inventory.xlsx", b"not a workbook", "cannot be read"),
    ],
)
def test_an_upload_that_cannot_be_read_is_told_and_changes_nothing(
    page: SimpleNamespace, address: str, name: str, data: bytes, words: str
) -> None:
    shown = opened(page, address)
    upload(shown, name, data)
    shown.wait_for_function("words => document.body.innerText.includes(words)", arg=words, timeout=WAIT)
    says(shown, "leave 16 tools at $410k")
    assert "Traceback" not in shown.inner_text("body")


def test_a_file_over_the_limit_is_refused_before_it_is_sent(
    page: SimpleNamespace, address: str, tmp_path: Path
) -> None:
    sent: list[int] = []
    page.page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(len(frame))))
    shown = opened(page, address)
    sent.clear()
    large = tmp_path / "inventory.csv"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    shown.set_input_files("input[type=file]", large)
    shown.wait_for_function("() => /200 MB/.test(document.body.innerText) && /50 MB/.test(document.body.innerText)")
    shown.wait_for_timeout(500)
    assert sum(sent) < 100_000


def test_a_deep_link_opens_what_it_names(page: SimpleNamespace, address: str) -> None:
    shown = opened(page, address, "?low_adoption=0.2&marketing_fte=24&notice_window_days=soon")
    says(shown, "leave 18 tools at $460k")
    assert "1.00" in shown.locator(".wb-view .wb-tiles").first.inner_text()
    assert "notice_window_days came as 'soon'; allowed is a number" in shown.locator("[role=alert]").first.inner_text()


def test_hostile_names_are_text(page: SimpleNamespace, serve_one: Callable[..., Any], tmp_path: Path) -> None:
    names = ["<script>window.stolen=1</script>", "<img src=x onerror='window.stolen=1'>", "=cmd()", "n" * 300]
    tools = [tool(name, category=c, renewal_date="2027-01-01", owner="") for name, c in zip(names, ("analytics", "bi", "survey", "experimentation"), strict=True)]  # fmt: skip
    with serve_one(NOTEBOOK, data=write_workspace(tmp_path, tools)) as address:
        shown = opened(page, address)
        assert shown.evaluate("() => window.stolen") is None
        assert names[0] in shown.inner_text("body")
        inventory = downloaded(shown, "Download inventory").decode()
    assert "\n'=cmd()," in inventory
    assert page.errors == []


def test_an_empty_workspace_says_what_to_supply(
    page: SimpleNamespace, serve_one: Callable[..., Any], tmp_path: Path
) -> None:
    with serve_one(NOTEBOOK, data=tmp_path) as address:
        shown = opened(page, address, charts=0)
        says(shown, "There is no inventory yet. Supply inventory.csv")
    assert page.errors == []


def test_the_page_fits_a_phone(visit: Callable[..., SimpleNamespace], address: str) -> None:
    phone = visit(width=390, height=844)
    shown = opened(phone, address)
    assert shown.evaluate("() => document.documentElement.scrollWidth") <= 390
    wide = shown.evaluate(
        "() => [...document.querySelectorAll('.wb-live svg, .wb-tile, .wb-chip')].filter(e => e.getBoundingClientRect().right > 391).length"
    )
    assert wide == 0
    card = shown.locator(".wb-broad tbody tr").first
    assert card.evaluate("row => getComputedStyle(row).display") == "block"
    assert card.locator("td").first.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Severity"'
    assert phone.outside == []


def test_home_shows_every_reading(page: SimpleNamespace, address: str) -> None:
    page.page.goto(f"{address}/voila/render/0-home.ipynb")
    page.page.wait_for_selector(".wb-table", timeout=WAIT)
    text = page.page.inner_text("body")
    assert "Stack cost a year" in text
    assert "$520k" in text
    assert "needs touches.csv and conversions.csv, or paths.csv" in text
    assert json.dumps(page.outside) == "[]"
