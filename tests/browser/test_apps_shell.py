"""What surrounds every app: landing page, navigation, deep links, tokens, friendly errors, no outside request."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_notebooks import write_notebook

SAY = """
import os
from IPython.display import HTML, display
if os.environ["VOILA_PREHEAT"] == "True":
    from voila.utils import wait_for_request
    wait_for_request()
told = " ".join(os.environ[name] for name in ("MARTECH_MODE", "MARTECH_DATA", "QUERY_STRING"))
display(HTML(f"<p class='said'>{told}</p>"))
"""
SLIDER = """
import ipywidgets
slider = ipywidgets.IntSlider(3, description="Full-time people in marketing")
seen = ipywidgets.Label("3")
seen.add_class("echo")
slider.observe(lambda change: setattr(seen, "value", f"now {change.new}"), "value")
ipywidgets.VBox([slider, seen, ipywidgets.HBox([ipywidgets.Text(description="Name of the tool") for _ in range(4)])])
"""
SERVER = """
import sys
from pathlib import Path
from martech_lib.workbook import serve
serve.IDLE_SECONDS, serve.CULL_EVERY_SECONDS = 10, 1
serve.apps_from(Path(sys.argv[1]), sys.argv[2], port=int(sys.argv[3]), token=sys.argv[4], say=print)
"""
Serve = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("apps")
    write_notebook(root / "notebooks", "0-first", [SAY, SLIDER])
    write_notebook(root / "notebooks", "1-broken", ["wages = 90210\nwages / 0"])
    (root / "data").mkdir()
    return root


def start(serve: Serve, folder: Path, token: str = "") -> AbstractContextManager[str]:
    arguments = [str(folder / "notebooks"), str(folder / "data"), "{port}", token]
    return serve(command=[sys.executable, "-c", SERVER, *arguments])


@pytest.fixture(scope="module")
def address(serve: Serve, folder: Path) -> Iterator[str]:
    with start(serve, folder) as address:
        yield address


def test_the_landing_page_lists_the_apps_by_title(address: str, page: SimpleNamespace) -> None:
    page.page.goto(address)
    assert page.page.locator("main h2").all_inner_texts() == ["First", "Broken"]
    page.page.locator("main").get_by_role("link", name="First").click()
    page.page.wait_for_selector(".said")
    assert page.page.locator("nav [aria-current=page]").inner_text() == "First"
    assert page.page.title() == "First · Martech workbook"


def test_a_deep_link_reaches_a_warm_kernel(address: str, folder: Path, page: SimpleNamespace) -> None:
    for month in ("2026-09", "2026-10"):
        page.page.goto(f"{address}/voila/render/0-first.ipynb?month={month}&x=a%20b")
        page.page.wait_for_selector(".said")
        assert page.page.inner_text(".said") == f"app {folder / 'data'} month={month}&x=a%20b"


@pytest.mark.parametrize("width", [1200, 390])
def test_controls_work_and_fit_without_any_request(
    address: str, visit: Callable[..., SimpleNamespace], width: int
) -> None:
    seen = visit(width=width)
    seen.page.goto(f"{address}/voila/render/0-first.ipynb")
    handle = seen.page.locator(".noUi-handle").first
    handle.wait_for()
    handle.focus()
    seen.page.keyboard.press("ArrowRight")
    seen.page.wait_for_function("document.querySelector('.echo').textContent.includes('now 4')")
    assert seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    cut = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
    assert seen.page.eval_on_selector_all(".widget-label", cut) == []
    assert seen.outside == []
    assert seen.errors == []


def test_source_and_traceback_stay_on_the_server(address: str, page: SimpleNamespace) -> None:
    page.page.goto(f"{address}/voila/render/1-broken.ipynb")
    page.page.get_by_text("This page could not be computed").wait_for()
    text = page.page.content()
    assert "90210" not in text
    assert "ZeroDivisionError" not in text


def test_a_page_that_is_not_there_offers_those_that_are(address: str, page: SimpleNamespace) -> None:
    for path in ("/nope", "/voila/render/nope.ipynb"):
        page.page.goto(address + path)
        assert page.page.locator("h1").inner_text() == "There is no such page"
        assert page.page.locator("main li").all_inner_texts() == ["First", "Broken"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/voila/files/0-first.ipynb", {}), ("/voila/files/x.png", {}), ("/", {"Host": "evil.example"})],
)
def test_it_serves_no_files_and_no_strangers(address: str, path: str, headers: dict[str, str]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(address + path, headers=headers))
    assert refused.value.code == 403


def test_a_kernel_dies_after_its_page_is_left(address: str, folder: Path, visit: Callable[..., Any]) -> None:
    beat = folder / "beat"
    code = f"import pathlib, threading, time\nbeat = pathlib.Path({str(beat)!r})\n" + (
        "def tick():\n    while True:\n        beat.write_text(str(time.time()))\n        time.sleep(0.3)\n"
        "threading.Thread(target=tick, daemon=True).start()\nprint('ticking')"
    )
    write_notebook(folder / "notebooks", "2-beat", [code])
    seen = visit()
    seen.page.goto(f"{address}/voila/render/2-beat.ipynb")
    seen.page.get_by_text("ticking").wait_for()
    # Longer than an unconnected kernel may idle, and that is longer than a page takes to connect on a busy machine.
    seen.page.wait_for_timeout(13_000)
    alive = beat.read_text()
    seen.page.wait_for_timeout(3000)
    assert beat.read_text() != alive, "an open page keeps its kernel"
    seen.page.goto("about:blank")
    seen.page.wait_for_timeout(15_000)
    last = beat.read_text()
    seen.page.wait_for_timeout(3000)
    assert beat.read_text() == last, "the kernel outlived its page"
    (folder / "notebooks" / "2-beat.ipynb").unlink()


def test_a_token_closes_the_pages(serve: Serve, folder: Path, page: SimpleNamespace) -> None:
    with start(serve, folder, token="sesame") as address:
        page.page.goto(f"{address}/voila/render/0-first.ipynb")
        assert page.page.locator("h1").inner_text() == "These apps ask for a token"
        page.page.fill("#password_input", "wrong")
        page.page.click("#login_submit")
        assert page.page.locator("[role=alert]").is_visible()
        page.page.fill("#password_input", "sesame")
        page.page.click("#login_submit")
        page.page.wait_for_selector(".said")
        assert page.outside == []
