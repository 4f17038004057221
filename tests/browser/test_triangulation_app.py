"""The lenses' half of the attribution app in a browser: what is switched, typed, uploaded, taken away, written down."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect

from martech_lib import Workspace, attribution
from martech_lib.attribution import Question
from martech_lib.attribution.triangulation.laid import Asked
from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.attribution.triangulation.priors import usual_priors
from martech_lib.core.places import sample_dir
from martech_lib.core.spoken import number

NOTEBOOK = "2-attribution-triangulation"
PAGE = f"/voila/render/{NOTEBOOK}.ipynb"
WAIT, SOON = 90_000, 30_000
LENSES = b"channel,lens,month,estimate,lower,upper,level,basis\nvideo,Acme,2026-10,400,300,500,0.9,incremental\n"
WRONG = b"channel,lens,month,estimate,lower,upper,level,basis\nvidoe,Acme,2026-10,400,500,300,0.9,incremental\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample in a folder that may be written to."""
    return Path(copytree(sample_dir() / "fitness", tmp_path_factory.mktemp("lenses") / "fitness"))


@pytest.fixture(scope="module")
def address(serve_one: Callable[..., Any], folder: Path) -> Iterator[str]:
    with serve_one(NOTEBOOK, data=folder) as address:
        yield address


@pytest.fixture(scope="module")
def pooled() -> Callable[..., TriangulationReading]:
    """`pooled(without=...)`: what the library says when asked the same."""
    evidence = attribution.gather(Workspace.open(sample_dir() / "fitness"))
    page = attribution.compare(evidence, Question(), evidence.journeys(Question()))

    def ask(**asked: Any) -> TriangulationReading:
        found = attribution.triangulated(evidence, page, asked=Asked(**asked)).triangulated
        assert found is not None
        return found

    return ask


def opened(page: SimpleNamespace, address: str, query: str = "") -> Any:
    shown = page.page
    shown.goto(f"{address}{PAGE}{query}")
    expect(shown.get_by_role("checkbox", name="Media mix", exact=True)).to_be_visible(timeout=WAIT)
    return shown


def has_ranges(shown: Any, reading: TriangulationReading) -> None:
    """Wait until the table shows the ranges of a reading, every one, and the channels without."""
    ranges = {r.channel: f"{number(r.lower)} to {number(r.upper)}" for r in reading.ranges}
    ranges |= {r.channel: "" for r in reading.silent}
    shown.wait_for_function(
        """ranges => {
          const table = [...document.querySelectorAll('.wb-view table')]
            .find(e => e.caption?.textContent.startsWith('Conversions each channel brought'));
          const found = Object.fromEntries([...(table?.tBodies[0].rows || [])].map(r => [r.cells[0].textContent, r.cells[2].textContent]));
          return JSON.stringify(Object.entries(found).sort()) === JSON.stringify(Object.entries(JSON.parse(ranges)).sort());
        }""",
        arg=json.dumps(ranges),
        timeout=SOON,
    )


def says(shown: Any, words: str) -> None:
    shown.wait_for_function(
        "words => [...document.querySelectorAll('.wb-say, [role=alert], [role=status]')]"
        ".some(e => e.textContent.includes(words))",
        arg=words,
        timeout=SOON,
    )


def typed(shown: Any, label: str, text: str) -> None:
    field = shown.locator(".widget-text", has_text=label).locator("input")
    field.fill(text)
    field.press("Enter")


def taken(shown: Any, label: str, filename: str) -> bytes:
    with shown.expect_download() as download:
        shown.get_by_role("button", name=label, exact=True).click()
    assert download.value.suggested_filename == filename
    return Path(download.value.path()).read_bytes()


def test_lenses_priors_and_limits_are_followed(
    page: SimpleNamespace, address: str, pooled: Callable[..., TriangulationReading]
) -> None:
    shown = opened(page, address)
    has_ranges(shown, pooled())
    shown.get_by_role("checkbox", name="Media mix", exact=True).uncheck()
    has_ranges(shown, pooled(without=("media mix",)))
    says(shown, "6 lenses speak of October 2026")
    shown.get_by_role("checkbox", name="Media mix", exact=True).check()
    has_ranges(shown, pooled())

    grid = shown.get_by_role("grid", name="Priors")
    grid.scroll_into_view_if_needed()
    grid.locator("[data-row='6'][data-column='4']").click()
    shown.keyboard.press("Enter")
    shown.keyboard.press("Control+a")
    shown.keyboard.type("2.5")
    shown.keyboard.press("Enter")
    priors = usual_priors()
    assert priors.loc[6, "lens"] == "platform"
    priors.loc[6, "mean"] = 2.5
    has_ranges(shown, pooled(priors=priors))

    typed(shown, "Budget of the period", "1")
    says(shown, "a budget of 1 cannot be reached; with these limits it can be")
    has_ranges(shown, pooled(priors=priors))
    typed(shown, "Floors", "video")
    says(shown, "floors came as 'video'; write a channel, an equals sign and an amount.")
    assert page.errors == []
    assert page.outside == []


def test_a_link_opens_the_lenses_it_names(
    page: SimpleNamespace, address: str, pooled: Callable[..., TriangulationReading]
) -> None:
    shown = opened(page, address, "?lenses_off=survey;platform&step=0.1")
    has_ranges(shown, pooled(without=("survey", "platform")))
    expect(shown.get_by_role("checkbox", name="Survey", exact=True)).not_to_be_checked()
    assert page.errors == []


def test_lenses_are_uploaded_and_a_wrong_file_changes_nothing(
    page: SimpleNamespace, address: str, pooled: Callable[..., TriangulationReading]
) -> None:
    shown = opened(page, address)
    files = shown.locator(".mw-upload", has_text="Upload lenses").locator("input[type=file]")
    files.set_input_files({"name": "mine.csv", "mimeType": "text/csv", "buffer": WRONG})
    says(shown, "the bounds stand the wrong way round")
    has_ranges(shown, pooled())
    files.set_input_files({"name": "mine.csv", "mimeType": "text/csv", "buffer": LENSES})
    says(shown, "mine.csv was read.")
    expect(shown.get_by_role("checkbox", name="Acme (incremental)", exact=True)).to_be_checked(timeout=SOON)
    expect(shown.get_by_role("checkbox", name="Media mix", exact=True)).to_have_count(0)
    told = pd.read_csv(io.BytesIO(taken(shown, "Download all lenses", "all-lenses.csv")))
    assert told.loc[told["lens"] == "Acme (incremental)", "estimate"].tolist() == [400]
    assert page.errors == []


def test_what_is_taken_away_holds_the_librarys_numbers(
    page: SimpleNamespace, address: str, pooled: Callable[..., TriangulationReading]
) -> None:
    shown = opened(page, address)
    found = pooled().triangulation
    assert found is not None
    held = pd.read_csv(io.BytesIO(taken(shown, "Download ranges", "ranges.csv")))
    pd.testing.assert_frame_equal(held, found.to_frame(), check_dtype=False, rtol=1e-9)
    svg = taken(shown, "Picture (SVG)", "ranges.svg").decode()
    assert svg.startswith("<svg") and all(r.channel in svg for r in pooled().ranges)
    assert taken(shown, "Picture (PNG)", "ranges.png").startswith(b"\x89PNG")
    row = pd.read_csv(io.BytesIO(taken(shown, "Download it as a row", "backlog.csv")))
    assert row["idea"].tolist() == [f"Lift test of {pooled().tests[0].channel}"]


def test_the_next_test_is_written_into_the_backlog(
    page: SimpleNamespace, address: str, folder: Path, pooled: Callable[..., TriangulationReading]
) -> None:
    shown = opened(page, address)
    idea = f"Lift test of {pooled().tests[0].channel}"
    before = list(Workspace.open(folder).register("backlog")["idea"])
    row = len(before) + 2  # the first is the header
    write = shown.get_by_role("button", name="Write this test into the backlog", exact=True)
    write.click()
    says(shown, f"'{idea}' was written to backlog.csv, row {row}.")
    assert list(Workspace.open(folder).register("backlog")["idea"]) == [*before, idea]
    write.click()
    says(shown, f"backlog.csv has '{idea}' already, in row {row}.")
    assert page.errors == []


def test_the_lenses_fit_a_phone(visit: Callable[..., SimpleNamespace], address: str) -> None:
    phone = visit(width=390, height=844)
    shown = opened(phone, address)
    assert shown.evaluate("() => document.documentElement.scrollWidth") <= 390
    heads = shown.locator(".wb-choices-head")
    for head in heads.all():
        cut = head.evaluate("e => e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2")
        assert not cut, head.inner_text()
    assert phone.errors == []
