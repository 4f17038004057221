"""The live chart in a real browser: it takes new rows over, is drawn anew, empties, says its faults, follows its width."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

CELL = """
import ipywidgets
from martech_lib.workbook.widgets import Figure

def spec(rows, *, order=("a", "b", "c"), colour="teal", words="Three bars"):
    bars = {"mark": {"type": "bar", "color": colour}, "encoding": {
        "y": {"field": "name", "type": "nominal", "sort": list(order)}, "x": {"field": "value", "type": "quantitative"}}}
    return {"layer": [bars], "data": {"name": "rows"}, "width": "container", "height": 120, "description": words,
            "datasets": {"rows": [{"name": name, "value": value} for name, value in rows.items()]}}

start = spec({"a": 1, "b": 2, "c": 3})
figure = Figure(spec=start, text="Three bars")

def button(label, new, text):
    made = ipywidgets.Button(description=label)
    def pressed(_):
        with figure.hold_sync():
            figure.text, figure.spec = text, new
    made.on_click(pressed)
    return made

told = ipywidgets.Label("not told yet")
figure.observe(lambda change: setattr(told, "value", f"in view: {change['new']}"), "in_view")

ipywidgets.VBox([
    told,
    button("Start", start, "Three bars"),
    button("Other rows", spec({"c": 30, "a": 10}, words="Two bars"), "Two bars"),
    button("Other form", spec({"a": 1, "b": 2, "c": 3}, colour="black"), "Three black bars"),
    button("Nothing", {}, ""),
    button("Broken", {"mark": "no such mark", "datasets": {}}, "A broken chart"),
    figure,
])
"""
BARS = ".wb-live svg.marks .mark-rect.role-mark path"


@pytest.fixture(scope="module")
def address(serve: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("figure")
    cell = {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": None, "outputs": [], "source": CELL}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / "figure.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    options = ["--port={port}", "--no-browser", "--Voila.ip=127.0.0.1"]
    with serve(command=[sys.executable, "-m", "voila", str(folder), *options]) as served:
        yield f"{served}/voila/render/figure.ipynb"


@pytest.fixture(scope="module")
def only_page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    shown = context.new_page()
    shown.goto(address)
    expect(shown.locator(BARS)).to_have_count(3, timeout=60_000)
    yield shown
    context.close()


@pytest.fixture
def page(only_page: Page) -> Page:
    """The one page, drawn anew as at the start: a page of its own for each test would cost a kernel each."""
    only_page.set_viewport_size({"width": 1200, "height": 800})
    press(only_page, "Nothing")
    expect(only_page.locator(".wb-live svg")).to_have_count(0)
    press(only_page, "Start")
    expect(only_page.locator(BARS)).to_have_count(3)
    only_page.locator(".wb-live svg").evaluate("svg => { svg.kept = true; }")
    return only_page


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def is_kept(page: Page) -> bool:
    """Whether the drawing on the page is the one that stood there first."""
    return bool(page.locator(".wb-live svg").evaluate("svg => svg.kept === true"))


def lengths(page: Page) -> list[float]:
    """Lengths of the bars from the top down, as shares of the longest."""
    places: Locator = page.locator(BARS)
    boxes = sorted((box["y"], box["width"]) for box in (bar.bounding_box() for bar in places.all()) if box)
    longest = max(width for _, width in boxes)
    return [round(width / longest, 2) for _, width in boxes]


LATE = """
const Real = IntersectionObserver;
globalThis.IntersectionObserver = class extends Real {
  constructor(tell) { super((changes, all) => tell([{ isIntersecting: false }, ...changes], all)); }
};
"""


def test_a_busy_page_tells_two_changes_at_once_and_the_last_one_counts(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.add_init_script(LATE)
    shown = context.new_page()
    shown.goto(address)
    expect(shown.locator(BARS)).to_have_count(3, timeout=60_000)
    expect(shown.get_by_text("in view: True", exact=True)).to_be_visible(timeout=15_000)
    context.close()


def test_new_rows_go_into_the_drawing_that_stands(page: Page) -> None:
    assert lengths(page) == [0.33, 0.67, 1.0]
    press(page, "Other rows")
    expect(page.locator(BARS)).to_have_count(2)
    assert lengths(page) == [0.33, 1.0]
    assert is_kept(page)
    expect(page.locator(".wb-live")).to_have_attribute("aria-label", "Two bars")


def test_another_form_is_drawn_anew(page: Page) -> None:
    press(page, "Other form")
    expect(page.locator(f'{BARS}[fill="black"]')).to_have_count(3)
    assert not is_kept(page)
    press(page, "Other rows")
    expect(page.locator(f'{BARS}[fill="teal"]')).to_have_count(2)


def test_nothing_to_draw_leaves_nothing(page: Page) -> None:
    press(page, "Nothing")
    expect(page.locator(".wb-live svg")).to_have_count(0)
    expect(page.locator(".wb-live[role=img]")).to_have_count(0)
    press(page, "Other rows")
    expect(page.locator(BARS)).to_have_count(2)


def test_a_chart_that_cannot_be_drawn_says_so_until_it_can(page: Page) -> None:
    press(page, "Broken")
    expect(page.get_by_role("alert")).to_contain_text("This chart could not be drawn")
    expect(page.locator(".wb-live svg")).to_have_count(0)
    press(page, "Other rows")
    expect(page.locator(BARS)).to_have_count(2)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_it_is_as_wide_as_its_place(page: Page) -> None:
    for width in (500, 1000):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(
            """() => { const place = document.querySelector('.wb-live');
            const drawn = place.querySelector('svg').getBoundingClientRect().width;
            return drawn <= place.clientWidth + 1 && drawn > place.clientWidth * 0.9; }"""
        )
    press(page, "Other rows")
    expect(page.locator(BARS)).to_have_count(2)
    assert is_kept(page)
