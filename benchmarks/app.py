"""How soon a warm app shows its charts and how soon they follow a slider, beside a bare Voilà page with one chart.

Both are served by stand-alone Voilà with one preheated kernel and looked at in the same headless Chromium, cut off from
the network. The time of a move is taken inside the page, from the key to the marks, once the page is at rest.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from timing import REPEATS, Row, martech, publish

MOVES = 40
REHEAT_SECONDS = 6  # until Voilà has the next visitor's kernel ready, which takes a core as long
FLOOR = "bare Voilà page, one slider, one chart"

BARE = """
import altair as alt, ipywidgets as widgets, pandas as pd
alt.JupyterChart.enable_offline()
slider = widgets.FloatSlider(value=0.5, min=0, max=1, step=0.01)
rows = pd.DataFrame({"x": ["a", "b", "c"], "y": [1.0, 2.0, 3.0]})
def draw():
    shown = rows.assign(y=rows.y * (1 + slider.value))
    return alt.Chart(shown).mark_bar().encode(x="x", y=alt.Y("y", scale=alt.Scale(domain=[0, 6])))
view = alt.JupyterChart(draw(), embed_options={"renderer": "svg"})
def moved(change):
    view.spec = draw().to_dict()
slider.observe(moved, "value")
widgets.VBox([slider, view])
"""

# Content is there when every chart is to be seen: as the picture that comes with the page, or live.
SEEN = """charts => [...document.querySelectorAll('.wb-snapshot .wb-wide svg, .vega-embed svg.marks')]
  .filter(chart => chart.getBoundingClientRect().height > 20).length >= charts"""

# Notes when a key goes down and when each chart was last changed after it. Only marks count: what is put into a chart,
# or changed inside it, while it holds an SVG.
WATCH = """() => {
  window.pressed = 0; window.redrawn = new Map();
  addEventListener("keydown", () => { pressed = performance.now(); redrawn.clear(); }, true);
  for (const chart of document.querySelectorAll(".vega-embed"))
    new MutationObserver(changes => {
      const marks = change => change.type === "attributes" ? change.target !== chart : change.addedNodes.length;
      if (changes.some(marks) && chart.querySelector("svg")) redrawn.set(chart, performance.now());
    }).observe(chart, {subtree: true, childList: true, attributes: true});
}"""
TAKEN = "() => Math.max(...redrawn.values()) - pressed"


def main() -> None:
    """Measure the app, then the bare page, in one browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        with serving(martech(), "apps", "--port", "{port}") as address:
            app = measured(browser, f"{address}/voila/render/1-stack-audit.ipynb")
        with serving(*bare_voila(Path(folder))) as address:
            bare = measured(browser, f"{address}/voila/render/bare.ipynb")
        browser.close()
    slowest = f"p95 of {MOVES}"
    publish(
        "app",
        [
            Row(
                "Warm app `1-stack-audit`, until its charts are drawn", app["content"], "s", 2.5, FLOOR, bare["content"]
            ),
            Row("Warm app, until its controls answer", app["live"], "s", None, FLOOR, bare["live"]),
            Row("Slider to the chart beside it, page at rest", app["moved"], "ms", 100, FLOOR, bare["moved"], slowest),
            Row("App page, its HTML", app["page"], "MB", None, FLOOR, bare["page"], "as sent"),
        ],
    )


def chromium() -> str:
    """The installed Chromium or Chrome."""
    named = os.environ.get("MARTECH_CHROMIUM", "")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    found = [path for name in names if (path := shutil.which(name))]
    return found[0] if found else sys.exit("benchmarks/app.py needs Chromium or Chrome")


def bare_voila(folder: Path) -> list[str | Path]:
    """The command that serves the floor."""
    import nbformat

    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(BARE)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / "bare.ipynb")
    preheated = ["--preheat_kernel=True", "--pool_size=1"]
    return [sys.executable, "-m", "voila", "--no-browser", "--port={port}", *preheated, folder]


@contextmanager
def serving(*command: str | Path) -> Iterator[str]:
    """The address of a server that answers; `{port}` in the command becomes a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [str(part).replace("{port}", str(port)) for part in command]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_it_answers(address: str) -> None:
    """Return once anything at all comes back."""
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    sys.exit(f"nothing answers at {address}")


def measured(browser: Any, address: str) -> dict[str, float]:
    """Seconds to content (median of visits), milliseconds from key to chart (p95), megabytes of the page."""
    charts = visited(browser, address, charts=1)["charts"]  # warms up, and says how many there are
    visits = [visited(browser, address, charts=charts) for _ in range(REPEATS)]
    moves = [move for visit in visits for move in visit["moves"]]
    return {
        "content": statistics.median(visit["content"] for visit in visits),
        "live": statistics.median(visit["live"] for visit in visits),
        "moved": p95(moves),
        "page": visits[-1]["page"],
    }


def p95(values: list[float]) -> float:
    """The value that 95 of 100 do not pass."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def visited(browser: Any, address: str, *, charts: int) -> dict[str, Any]:
    """One visit by a new browser profile whose cache is empty; its content is there when `charts` are drawn."""
    time.sleep(REHEAT_SECONDS)
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    context.route("**/*", lambda route: route.continue_() if "127.0.0.1" in route.request.url else route.abort())
    page = context.new_page()
    start = time.perf_counter()
    answer = page.goto(address, wait_until="commit")
    page.wait_for_function(SEEN, arg=charts, polling=20, timeout=60_000)
    content = time.perf_counter() - start
    drawn = "charts => document.querySelectorAll('.vega-embed svg.marks').length >= charts"
    page.wait_for_function(drawn, arg=charts, polling=20, timeout=60_000)
    live = time.perf_counter() - start
    page.wait_for_timeout(REHEAT_SECONDS * 1_000)  # moves are timed on a page at rest
    seen = {
        "content": content,
        "live": live,
        "charts": page.locator(".vega-embed svg.marks").count(),
        "page": len(answer.body()) / 1e6,
        "moves": moved(page),
    }
    context.close()
    return seen


def moved(page: Any) -> list[float]:
    """Milliseconds from each key until every chart in view stands redrawn; those out of view follow when seen.

    Home and End move the slider from one end to the other, the largest change it can make.
    """
    page.evaluate(WATCH)
    page.locator(".noUi-handle").first.focus()
    taken = []
    for move in range(MOVES // REPEATS + 1):
        page.keyboard.press("End" if move % 2 else "Home")
        page.wait_for_function("() => redrawn.size > 0", polling=5, timeout=10_000)
        page.wait_for_timeout(500)
        taken.append(page.evaluate(TAKEN))
    return taken[1:]


if __name__ == "__main__":
    main()
