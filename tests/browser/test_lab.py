"""JupyterLab: Run All without an error, every chart with marks, a slider that moves one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

WAIT = 90_000
SERVER = """
import sys
from martech_lib.workbook import serve
options = ["--no-browser", f"--ServerApp.port={sys.argv[1]}", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.port_retries=0"]
sys.exit(serve.lab(sys.argv[2], options=options))
"""


@pytest.fixture(scope="module")
def lab(serve: Callable[..., Any]) -> Any:
    from martech_lib.core.places import sample_dir

    with serve(command=[sys.executable, "-c", SERVER, "{port}", str(sample_dir() / "saas")]) as address:
        yield address


@pytest.fixture(scope="module")
def lab_of_journeys(serve: Callable[..., Any]) -> Any:
    from martech_lib.core.places import sample_dir

    with serve(command=[sys.executable, "-c", SERVER, "{port}", str(sample_dir() / "fitness")]) as address:
        yield address


def run_all(shown: Any, address: str, notebook: str) -> None:
    shown.goto(f"{address}/lab/tree/{notebook}.ipynb?reset")
    shown.wait_for_selector(".jp-Notebook", timeout=WAIT)
    shown.wait_for_selector("text=| Idle", timeout=WAIT)
    shown.get_by_role("menuitem", name="Run", exact=True).click()
    shown.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    shown.wait_for_function(
        """() => { const text = document.querySelector('.jp-Notebook').innerText;
          return /\\[\\d+\\]/.test(text) && !text.includes('[*]') && document.body.innerText.includes('| Idle') }""",
        timeout=WAIT,
    )


def scrolled(shown: Any) -> int:
    """Scroll through the notebook as a reader would; the number of charts that were drawn with marks."""
    seen = shown.evaluate(
        """async () => {
          const box = document.querySelector('.jp-WindowedPanel-outer'), seen = new Set();
          for (let y = 0; y <= box.scrollHeight; y += 600) {
            box.scrollTop = y;
            await new Promise(done => setTimeout(done, 250));
            for (const live of document.querySelectorAll('.wb-live'))
              if (live.querySelector('svg .mark-rect path, svg .mark-symbol path, svg .mark-line path')) seen.add(live.getAttribute('aria-label'));
          }
          return seen.size;
        }"""
    )
    return int(seen)


def test_run_all_shows_every_chart_and_a_slider_moves_one(visit: Callable[..., SimpleNamespace], lab: str) -> None:
    page = visit(width=1280, height=1600)
    shown = page.page
    run_all(shown, lab, "1-stack-audit")
    assert (
        shown.locator(
            ".jp-RenderedText[data-mime-type='application/vnd.jupyter.error'], .jp-OutputArea-output.jp-mod-error"
        ).count()
        == 0
    )
    assert scrolled(shown) == 5
    assert not shown.get_by_text("notified about official Jupyter news").is_visible()
    handle = shown.locator(".noUi-handle").first
    shown.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 900 }")
    handle.scroll_into_view_if_needed()
    assert shown.locator(".wb-controls .noUi-target").first.evaluate("track => track.clientWidth") > 150
    handle.focus()
    shown.keyboard.press("Home")
    shown.wait_for_function(
        "() => [...document.querySelectorAll('.wb-live')].some(e => e.querySelector('svg')?.textContent.includes('19 tools'))",
        timeout=WAIT,
    )
    assert page.outside == []


def test_the_attribution_notebook_shows_every_chart_and_a_slider_moves_one(
    visit: Callable[..., SimpleNamespace], lab_of_journeys: str
) -> None:
    page = visit(width=1280, height=1600)
    shown = page.page
    run_all(shown, lab_of_journeys, "2-attribution-triangulation")
    assert shown.locator(".jp-mod-error").count() == 0
    assert scrolled(shown) == 11
    shown.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 900 }")
    handle = shown.locator(".widget-slider", has_text="Lookback, days").locator(".noUi-handle")
    handle.scroll_into_view_if_needed()
    handle.focus()
    chart = shown.locator(".wb-live[aria-label^='Credited conversions of 12 channels']")
    before = chart.get_attribute("aria-label")
    shown.keyboard.press("Home")
    chart.scroll_into_view_if_needed()
    shown.wait_for_function(
        "before => [...document.querySelectorAll('.wb-live')].some(e => e.querySelector('svg')"
        " && e.getAttribute('aria-label').startsWith('Credited conv') && e.getAttribute('aria-label') !== before)",
        arg=before,
        timeout=WAIT,
    )
    assert page.outside == []


def test_the_planner_shows_every_chart_and_three_numbers_move_one(
    visit: Callable[..., SimpleNamespace], lab_of_journeys: str
) -> None:
    page = visit(width=1280, height=1600)
    shown = page.page
    run_all(shown, lab_of_journeys, "3-experiment-planner")
    assert shown.locator(".jp-mod-error").count() == 0
    assert scrolled(shown) == 7
    shown.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 300 }")
    field = shown.locator(".widget-text", has_text="Unique users a week").locator("input")
    field.scroll_into_view_if_needed()
    field.fill("7,000")
    field.press("Enter")
    shown.wait_for_function(
        "() => [...document.querySelectorAll('.wb-say')].some(e => e.textContent.includes('at 7,000 unique users a week'))",
        timeout=WAIT,
    )
    assert page.outside == []


def test_the_holdouts_show_every_chart_and_another_programme_is_read(
    visit: Callable[..., SimpleNamespace], lab_of_journeys: str
) -> None:
    page = visit(width=1280, height=1600)
    shown = page.page
    run_all(shown, lab_of_journeys, "4-personalization-holdout")
    assert shown.locator(".jp-mod-error").count() == 0
    assert scrolled(shown) == 7
    shown.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 2600 }")
    chosen = shown.locator(".widget-dropdown", has_text="Programme").locator("select")
    chosen.scroll_into_view_if_needed()
    chosen.select_option("push copy")
    shown.wait_for_function(
        "() => [...document.querySelectorAll('.wb-say')].filter(e => e.textContent.startsWith('Push copy')).length > 1",
        timeout=30_000,
    )
    assert page.outside == []


def test_the_home_notebook_runs(visit: Callable[..., SimpleNamespace], lab: str) -> None:
    page = visit(width=1280, height=1200)
    run_all(page.page, lab, "0-home")
    page.page.wait_for_selector(".wb-table", timeout=WAIT)
    assert page.page.locator(".jp-mod-error").count() == 0
    assert page.outside == []


def test_the_notebooks_are_left_as_they_were() -> None:
    from martech_lib.core.places import notebooks_dir

    assert not [
        p for p in Path(notebooks_dir()).glob("*.ipynb") if '"execution_count": 1' in p.read_text(encoding="utf-8")
    ]
