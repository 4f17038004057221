"""The pages of the report in a browser without a network: figures are drawn, nothing is asked for or overflows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from martech_lib.core import places
from martech_lib.workbook.report import report

MARKS = """() => [...document.querySelectorAll('figure.wb-fig')].map(figure =>
    [...figure.querySelectorAll('svg')].filter(svg => svg.getClientRects().length)
        .map(svg => svg.querySelectorAll('.mark-rect path, .mark-text text, .mark-rule line, .mark-symbol path, ' +
                                         '.mark-area path, .mark-line path').length))"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Path:
    """The report of the sample company, with its PDF."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARTECH_CHROMIUM", chromium)
        return report(str(places.sample_dir() / "saas"), out=tmp_path_factory.mktemp("reports"), pdf=True)


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The attribution page of a company with logs."""
    out = tmp_path_factory.mktemp("attributed")
    return report(
        str(places.sample_dir() / "fitness"), out=out, only=["2-attribution-triangulation", "4-personalization-holdout"]
    )


def pages(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.html"))


@pytest.mark.parametrize("width", [1200, 390])
def test_pages_draw_everything_and_ask_for_nothing(
    made: Path, attributed: Path, visit: Callable[..., SimpleNamespace], width: int
) -> None:
    seen = visit(width=width)
    asked: list[str] = []
    seen.page.on("request", lambda request: asked.append(request.url))
    for page in (*pages(made), *pages(attributed)):
        seen.page.goto(page.as_uri())
        for marks in seen.page.evaluate(MARKS):
            assert len(marks) == 1, f"{page.name}: a figure shows {len(marks)} charts at {width} px"
            assert marks[0] > 0, f"{page.name}: a chart without marks"
        assert seen.page.evaluate(OVERFLOW) <= 0, f"{page.name} scrolls sideways at {width} px"
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert seen.outside == []
    assert seen.errors == []


@pytest.mark.parametrize(
    ("folder", "name", "figures"),
    [
        ("made", "1-stack-audit", 5),
        ("made", "3-experiment-planner", 7),
        ("attributed", "2-attribution-triangulation", 11),
        ("attributed", "4-personalization-holdout", 7),
    ],
)
def test_every_figure_says_in_words_what_it_shows(
    request: pytest.FixtureRequest, page: SimpleNamespace, folder: str, name: str, figures: int
) -> None:
    page.page.goto((request.getfixturevalue(folder) / f"{name}.html").as_uri())
    labels = page.page.eval_on_selector_all(
        "figure.wb-fig", "all => all.map(f => f.querySelector('[role=img]')?.getAttribute('aria-label') || '')"
    )
    assert len(labels) == figures
    assert all(len(label) > 20 for label in labels)


def test_one_gets_from_page_to_page(made: Path, page: SimpleNamespace) -> None:
    page.page.goto((made / "index.html").as_uri())
    names = page.page.locator("nav a").all_inner_texts()
    assert names[0] == "Overview"
    assert len(names) == len(pages(made))
    page.page.get_by_role("navigation").get_by_role("link", name="Stack audit").click()
    assert page.page.url.endswith("/1-stack-audit.html")
    assert page.page.locator("h1").inner_text() == "Stack audit"
    assert page.page.locator("nav [aria-current=page]").inner_text() == "Stack audit"


def test_the_first_tab_skips_to_the_content(made: Path, page: SimpleNamespace) -> None:
    page.page.goto((made / "index.html").as_uri())
    page.page.keyboard.press("Tab")
    assert page.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.page.keyboard.press("Enter")
    assert page.page.evaluate("document.activeElement.id") == "content"


def test_pages_are_small_and_the_pdf_is_whole(made: Path, attributed: Path) -> None:
    assert all(page.stat().st_size < 1_000_000 for page in (*pages(made), *pages(attributed)))
    pdf = (made / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert b"file://" not in pdf, "a link of the PDF leads into this machine"
    assert 'href="report.pdf"' in (made / "index.html").read_text(encoding="utf-8")
