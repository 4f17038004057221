"""The three controls in a real browser: Voilà on loopback, Chromium, a keyboard."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

MARKUP = "<script>document.title='hit'</script><img src=x onerror=\"document.title='hit'\">"
LONG = "Customer data platform " * 14

CELLS = {
    "table": f"""
import json
import ipywidgets
from martech_lib.core.errors import UserError
from martech_lib.workbook.widgets import Download, Grid, Upload

columns = [
    {{"name": "tool", "label": "Tool", "help": "The name the team uses."}},
    {{"name": "layer", "label": "Layer", "kind": "choice", "choices": ["Collection", "Storage", "Activation"]}},
    {{"name": "annual_cost", "label": "Annual cost", "kind": "money", "help": "A year, in USD."}},
    {{"name": "seats", "label": "Seats", "kind": "number"}},
    {{"name": "renewal_date", "label": "Renewal", "kind": "date"}},
    {{"name": "auto_renew", "label": "Renews itself", "kind": "boolean"}},
    {{"name": "found", "label": "Found by", "read_only": True}},
    {{"name": "job", "label": "Job", "width": 320}},
]
import time

names = ["HubSpot", {MARKUP!r}, {LONG!r}, "GA4", "Segment", "Snowflake", "Braze", "Amplitude"]
start = [dict.fromkeys([c["name"] for c in columns], "") | {{"tool": n, "layer": "Storage", "annual_cost": "56000",
        "found": "import"}} for n in names]
grid = Grid(columns=columns, rows=start, label="Inventory", height=420)
fixed = Grid(columns=columns[:2], rows=start[:2], label="Fixed", fixed=True)
echo = ipywidgets.Label()
echo.add_class("echo")

def check(rows):
    if rows and rows[0]["tool"].startswith("slow"):
        time.sleep(0.4)
    if rows and rows[0]["tool"] == "slow and refused":
        raise UserError("Refused late.")
    if rows and rows[0]["tool"] == "refuse me":
        raise UserError("That name is taken.")
    if rows and rows[0]["tool"] == "break":
        rows[99]
    grid.problems = [{{"row": i, "column": "annual_cost", "message": f"annual_cost: '{{r['annual_cost']}}' is below 0"}}
                     for i, r in enumerate(rows) if r["annual_cost"].startswith("-")]
    echo.value = json.dumps([[r["tool"][:20], r["layer"], r["annual_cost"], r["auto_renew"]] for r in rows])

grid.on_edit(check)
reset = ipywidgets.Button(description="Reset")

def set_back(_):
    grid.rows = start
    made.clear(), count.clear()
    got.value = ""
    check(start)

reset.on_click(set_back)
ipywidgets.VBox([reset, grid, echo, fixed])
""",
    "files": """
upload = Upload(label="Inventory file", accept=".csv", max_bytes=200_000)
got = ipywidgets.Label()
got.add_class("got")
count = []

def take(name, data):
    count.append(name)
    got.value = f"{len(count)}: {name} {len(data)} {data[:6]!r}"
    if not data:
        raise UserError(f"{name} is empty: it has zero bytes.\\nGive it a header row.")
    if data.startswith(b"broken"):
        1 / 0

upload.on_file(take)
made = []

def provide():
    made.append(1)
    if len(made) == 3:
        raise UserError("There is nothing to export yet.")
    return "tool,cost\\r\\nCafé,1\\r\\n".encode()

download = Download(provide, label="Download the inventory", filename="inventory.csv")
ipywidgets.VBox([upload, got, download])
""",
    "many": """
many = Grid(columns=columns, label="Many rows",
            rows=[start[0] | {"tool": f"Tool {i}", "annual_cost": str(i)} for i in range(5000)])
many
""",
}


def notebook(sources: list[str]) -> str:
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for i, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module")
def app(serve: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the notebook of this file, served by a bare Voilà."""
    folder = tmp_path_factory.mktemp("widgets")
    (folder / "widgets.ipynb").write_text(notebook(list(CELLS.values())), encoding="utf-8")
    options = ["--port={port}", "--no-browser", "--Voila.ip=127.0.0.1"]
    with serve(command=[sys.executable, "-m", "voila", str(folder), *options]) as address:
        yield f"{address}/voila/render/widgets.ipynb"


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh page of the app; requests to the outside and script errors fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.frames_sent = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda frame: page.frames_sent.append(frame)))
    context.route("**/*", lambda route: route.continue_() if is_local(route.request.url) else route.abort())
    page.goto(address)
    expect(page.get_by_role("grid", name="Many rows")).to_be_visible(timeout=60_000)
    yield page
    context.close()
    assert errors == []


def is_local(address: str) -> bool:
    return address.startswith(("http://127.0.0.1", "data:", "blob:"))


@pytest.fixture(scope="module")
def only_page(browser: Browser, app: str) -> Iterator[Page]:
    with opened(browser, app) as fresh:
        yield fresh


@pytest.fixture
def page(only_page: Page) -> Page:
    """The one page, as it was at the start: a page of its own for each test would cost a kernel each."""
    only_page.set_viewport_size({"width": 1280, "height": 1400})
    only_page.keyboard.press("Escape")
    only_page.get_by_role("button", name="Reset").click()
    expect(only_page.locator(".echo")).to_contain_text('[["HubSpot", "Storage", "56000", ""], ["<script')
    expect(cell(only_page, 0, 0)).to_have_text("HubSpot")
    expect(table(only_page)).to_have_attribute("aria-rowcount", "9")
    only_page.frames_sent.clear()
    return only_page


def table(page: Page) -> Locator:
    return page.get_by_role("grid", name="Inventory")


def cell(page: Page, row: int, column: int) -> Locator:
    return table(page).locator(f'[data-row="{row}"][data-column="{column}"]')


def in_python(page: Page) -> list[list[str]]:
    """The rows as the kernel has them: tool, layer, annual cost, renews itself."""
    return json.loads(page.locator(".echo").inner_text())


def expect_in_python(page: Page, row: int, column: int, value: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        text = page.locator(".echo").inner_text()
        if text and len(json.loads(text)) > row and json.loads(text)[row][column] == value:
            return
        page.wait_for_timeout(30)
    raise AssertionError(f"row {row}, column {column} never became {value!r}: {text}")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def paste(page: Page, text: str) -> None:
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("Control+v")


def test_cells_are_edited_by_keyboard_alone(page: Page) -> None:
    cell(page, 0, 0).click()
    page.keyboard.type("Sales Hub")
    press(page, "Enter")
    expect(cell(page, 0, 0)).to_have_text("Sales Hub")
    expect(cell(page, 1, 0)).to_be_focused()
    expect_in_python(page, 0, 0, "Sales Hub")
    press(page, "ArrowUp", "ArrowRight", "ArrowRight", "F2", "End", "Backspace", "Tab")
    expect(cell(page, 0, 2)).to_have_text("5,600")
    expect(cell(page, 0, 3)).to_be_focused()
    expect_in_python(page, 0, 2, "5600")
    press(page, "ArrowLeft", "Delete")
    expect_in_python(page, 0, 2, "")
    press(page, "Control+z", "Control+z", "Control+z")
    expect(cell(page, 0, 0)).to_have_text("HubSpot")
    expect_in_python(page, 0, 0, "HubSpot")


def test_escape_cancels_and_then_lets_tab_leave(page: Page) -> None:
    cell(page, 3, 0).click()
    page.keyboard.type("nonsense")
    press(page, "Escape")
    expect(cell(page, 3, 0)).to_have_text("GA4")
    expect(cell(page, 3, 0)).to_be_focused()
    press(page, "Tab")
    expect(cell(page, 3, 1)).to_be_focused()
    press(page, "Escape", "Tab")
    assert page.evaluate("!document.activeElement.closest('[role=grid][aria-label=Inventory]')")


def test_keys_move_the_one_active_cell(page: Page) -> None:
    cell(page, 0, 0).click()
    places = {"End": (0, 7), "Control+End": (7, 7), "Home": (7, 0), "PageUp": (0, 0), "Control+ArrowDown": (7, 0)}
    for key, place in places.items():
        press(page, key)
        expect(cell(page, *place)).to_be_focused()
    assert table(page).locator('[tabindex="0"]').count() == 1


def test_a_choice_and_a_yes_or_no_are_lists_while_editing(page: Page) -> None:
    cell(page, 0, 1).click()
    press(page, "Enter")
    editor = page.get_by_label("Layer, row 1")
    expect(editor).to_have_value("Storage")
    assert editor.locator("option").all_inner_texts() == ["(blank)", "Collection", "Storage", "Activation"]
    press(page, "ArrowDown", "Enter")
    expect_in_python(page, 0, 1, "Activation")
    cell(page, 0, 5).click()
    press(page, "y", "Enter")
    expect_in_python(page, 0, 3, "yes")


def test_a_spreadsheet_block_is_pasted_and_grows_the_table(page: Page) -> None:
    cell(page, 7, 0).click()
    paste(page, 'Klaviyo\tActivation\t12000\r\n"Mix\npanel"\tStorage\t9000\r\n')
    expect_in_python(page, 8, 0, "Mix panel")
    assert in_python(page)[7:] == [["Klaviyo", "Activation", "12000", ""], ["Mix panel", "Storage", "9000", ""]]
    expect(page.get_by_text("Pasted 2 rows.")).to_be_visible()
    press(page, "Control+z")
    expect(table(page)).to_have_attribute("aria-rowcount", "9")
    expect_in_python(page, 7, 0, "Amplitude")


def test_a_block_says_what_found_no_place(page: Page) -> None:
    cell(page, 0, 5).click()
    paste(page, "no\tby hand\ta job\ttoo far")
    expect(page.get_by_text("2 cells found no place")).to_be_visible()
    expect(cell(page, 0, 6)).to_have_text("import")


def test_a_table_of_given_rows_neither_grows_nor_shrinks(page: Page) -> None:
    fixed = page.get_by_role("grid", name="Fixed")
    panel = page.locator(".mw-panel", has=fixed)
    assert [name.strip() for name in panel.get_by_role("button").all_inner_texts()] == ["Undo"]
    fixed.locator('[data-row="1"][data-column="1"]').click()
    paste(page, "Activation\nStorage\nStorage\n")
    expect(panel.get_by_text("Pasted 1 row. 2 cells found no place")).to_be_visible()
    expect(fixed).to_have_attribute("aria-rowcount", "3")


def test_rows_are_added_and_removed(page: Page) -> None:
    page.get_by_role("button", name="Add row").first.click()
    expect(cell(page, 8, 0)).to_be_focused()
    page.keyboard.type("Iterable")
    press(page, "Enter")
    expect_in_python(page, 8, 0, "Iterable")
    cell(page, 3, 0).click()
    page.get_by_role("button", name="Remove row 4 (GA4)").click()
    expect_in_python(page, 3, 0, "Segment")
    page.get_by_role("button", name="Undo").first.click()
    expect_in_python(page, 3, 0, "GA4")


def test_a_problem_is_marked_listed_and_found_again(page: Page) -> None:
    cell(page, 0, 2).click()
    page.keyboard.type("-5")
    press(page, "Enter")
    expect(cell(page, 0, 2)).to_have_attribute("aria-invalid", "true")
    expect(cell(page, 0, 2)).to_have_attribute("title", "annual_cost: '-5' is below 0")
    press(page, "ArrowDown")
    page.get_by_role("button", name="Row 1, Annual cost: annual_cost: '-5' is below 0").click()
    expect(cell(page, 0, 2)).to_be_focused()


def test_a_refused_edit_goes_back_and_says_why_each_time(page: Page) -> None:
    for _ in range(2):
        cell(page, 0, 0).click()
        page.keyboard.type("refuse me")
        press(page, "Enter")
        expect(page.get_by_text("That name is taken.")).to_be_visible()
        expect(cell(page, 0, 0)).to_have_text("HubSpot")
    page.keyboard.type("Other")
    press(page, "Enter")
    expect_in_python(page, 1, 0, "Other")
    expect(page.get_by_text("That name is taken.")).to_have_count(0)
    cell(page, 0, 0).click()
    page.keyboard.type("break")
    press(page, "Enter")
    expect(page.get_by_text("Something of ours broke: IndexError.")).to_be_visible()
    assert "Traceback" not in page.inner_text("body")


def test_typing_goes_on_while_python_is_busy(page: Page) -> None:
    cell(page, 0, 0).click()
    page.keyboard.type("slow")
    press(page, "Enter")
    page.keyboard.type("Second")
    press(page, "Enter")
    page.get_by_role("button", name="Remove row 3").click()
    cell(page, 2, 0).click()
    page.keyboard.type("Was Analytics")
    press(page, "Enter")
    shown = ["slow", "Second", "Was Analytics", "Segment"]
    assert [cell(page, row, 0).inner_text() for row in range(4)] == shown
    expect_in_python(page, 2, 0, "Was Analytics")
    assert [row[0] for row in in_python(page)[:4]] == shown
    assert [cell(page, row, 0).inner_text() for row in range(4)] == shown


def test_a_late_refusal_takes_back_that_edit_alone(page: Page) -> None:
    cell(page, 0, 0).click()
    page.keyboard.type("slow and refused")
    press(page, "Enter")
    page.keyboard.type("Kept")
    press(page, "Enter")
    page.keyboard.type("half")
    expect(cell(page, 0, 0)).to_have_text("HubSpot")
    page.keyboard.type(" typed")
    press(page, "Enter")
    expect_in_python(page, 2, 0, "half typed")
    assert [cell(page, row, 0).inner_text() for row in range(3)] == ["HubSpot", "Kept", "half typed"]


def test_rows_that_python_replaces_are_shown_and_nothing_old_is_undone(page: Page) -> None:
    cell(page, 0, 0).click()
    page.keyboard.type("Old")
    press(page, "Enter")
    expect_in_python(page, 0, 0, "Old")
    page.get_by_role("button", name="Reset").click()
    expect(cell(page, 0, 0)).to_have_text("HubSpot")
    expect(page.get_by_role("button", name="Undo").first).to_be_disabled()


def test_markup_and_long_names_are_text(page: Page) -> None:
    expect(cell(page, 1, 0)).to_have_text(MARKUP)
    assert cell(page, 1, 0).locator("*").count() == 0
    expect(cell(page, 2, 0)).to_have_attribute("title", LONG)
    cell(page, 1, 0).click()
    expect(page.get_by_role("button", name="Remove row 2 (<script>")).to_be_visible()
    assert page.title() != "hit"
    box = cell(page, 2, 0).bounding_box()
    assert box["height"] == 36
    assert box["width"] < 300


def test_thousands_of_rows_draw_only_those_in_sight(page: Page) -> None:
    many = page.get_by_role("grid", name="Many rows")
    expect(many).to_have_attribute("aria-rowcount", "5001")
    many.locator('[data-row="0"][data-column="0"]').click()
    press(page, "Control+End", "Home")
    last = many.locator('[data-row="4999"][data-column="0"]')
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()
    assert many.get_by_role("row").count() < 60
    assert last.locator("..").get_attribute("aria-rowindex") == "5001"
    page.keyboard.type("Last")
    press(page, "Tab")
    expect(last).to_have_text("Last")
    press(page, "Control+z")
    expect(last).to_have_text("Tool 4999")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_does_not_scroll_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1400})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cell(page, 0, 0).click()
    press(page, "End")
    expect(cell(page, 0, 7)).to_be_in_viewport()
    expect(cell(page, 0, 0)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth + window.scrollX") <= width
    for control in page.locator(".mw-panel :is(button, .mw-button):visible").all():
        assert control.bounding_box()["height"] >= 36


def give(page: Page, *files: tuple[str, bytes]) -> None:
    payload = [{"name": name, "mimeType": "text/csv", "buffer": data} for name, data in files]
    page.get_by_label("Inventory file").set_input_files(payload)


def test_a_file_over_the_limit_is_refused_before_it_is_sent(page: Page) -> None:
    give(page, ("big.csv", b"x" * 200_001))
    expect(page.get_by_text("big.csv is 200,001 bytes; the limit is 200,000 bytes. Nothing was sent.")).to_be_visible()
    page.wait_for_timeout(500)
    assert sum(len(frame) for frame in page.frames_sent) < 5_000
    assert page.locator(".got").inner_text() == ""


def test_a_file_arrives_whole_and_twice_if_given_twice(page: Page) -> None:
    data = b"tool,\n" + bytes(range(256)) * 700
    for times in (1, 2):
        give(page, ("tools.csv", data))
        expect(page.locator(".got")).to_have_text(f"{times}: tools.csv {len(data)} {data[:6]!r}")
        expect(page.get_by_text("tools.csv was read.")).to_be_visible()


def test_an_empty_file_is_told_by_python_with_every_line(page: Page) -> None:
    give(page, ("empty.csv", b""))
    expect(page.get_by_text("empty.csv is empty: it has zero bytes.")).to_be_visible()
    expect(page.locator(".mw-message.mw-error li")).to_have_text("Give it a header row.")
    give(page, ("bad.csv", b"broken"))
    expect(page.get_by_text("Something of ours broke: ZeroDivisionError.")).to_be_visible()


def test_of_several_dropped_files_the_first_is_read_and_the_page_says_so(page: Page) -> None:
    page.locator(".mw-drop").evaluate("""zone => {
        const data = new DataTransfer();
        data.items.add(new File(["first"], "a.csv"));
        data.items.add(new File(["second"], "b.csv"));
        zone.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
    }""")
    expect(page.get_by_text("2 files were given; only the first, a.csv, is read.")).to_be_visible()
    expect(page.locator(".got")).to_have_text("1: a.csv 5 b'first'")


def test_a_download_is_what_python_made_and_a_failure_is_told(page: Page) -> None:
    press_me = page.get_by_role("button", name="Download the inventory")
    for _ in range(2):
        with page.expect_download() as started:
            press_me.click()
        assert started.value.suggested_filename == "inventory.csv"
        assert Path(started.value.path()).read_bytes() == "tool,cost\r\nCafé,1\r\n".encode()
    press_me.click()
    expect(page.get_by_text("There is nothing to export yet.")).to_be_visible()
    with page.expect_download():
        press_me.click()
    expect(page.get_by_text("There is nothing to export yet.")).to_have_count(0)
