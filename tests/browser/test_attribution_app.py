"""A marketer's path through the attribution app, end to end, in a browser that is cut off from the network."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect
from workspaces import NAMED_IDS, write_journeys

from martech_lib import Workspace, attribution
from martech_lib.attribution import Evidence, Question, Segment
from martech_lib.core.places import sample_dir

NOTEBOOK = "2-attribution-triangulation"
PAGE = f"/voila/render/{NOTEBOOK}.ipynb"
CHARTS = 11
WAIT = 60_000
SOON = 30_000
MARKS = ".mark-rect path, .mark-symbol path, .mark-rule line"
USUAL = "had 1,975 conversions worth $71.3k"
SCRIPT = "<script>window.stolen=1</script>"
HOSTILE = (SCRIPT, "<img src=x onerror='window.stolen=1'>", "=cmd()", "n" * 299 + "a", "n" * 299 + "b")
CHANNELS = [*HOSTILE, *(f"channel {n:02d}" for n in range(60 - len(HOSTILE)))]
PATHS = b"path,conversions,value,nulls\nsearch > email,3,30,1\nemail > direct,2,20,0\nemail,1,10,5\n"
LONG_JOURNEY = [
    {
        "user_id": "user-7f3a-000001",
        "ts": f"2026-10-20T10:{n:02d}:00",
        "channel": CHANNELS[n],
        "kind": "click",
        "touch_id": f"touch-9c1e-9{n:05d}",
    }
    for n in range(30)
]


@pytest.fixture(scope="module")
def address(serve_one: Callable[..., Any]) -> Iterator[str]:
    with serve_one(NOTEBOOK, data=sample_dir() / "fitness") as address:
        yield address


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """What the page reads, for asking the library the same."""
    return attribution.gather(Workspace.open(sample_dir() / "fitness"))


def opened(page: SimpleNamespace, address: str, query: str = "", *, charts: int = CHARTS) -> Any:
    """The app's page, once its last chart is drawn and its controls are there."""
    shown = page.page
    shown.goto(f"{address}{PAGE}{query}")
    shown.wait_for_function(f"() => document.querySelectorAll('.vega-embed svg').length >= {charts}", timeout=WAIT)
    expect(shown.locator(".wb-choices input[type=checkbox]").nth(9)).to_be_visible(timeout=WAIT)
    return shown


def says(shown: Any, words: str) -> None:
    """Wait until one of the page's sentences holds the words."""
    shown.wait_for_function(
        "words => [...document.querySelectorAll('.wb-view .wb-say')].some(e => e.textContent.includes(words))",
        arg=words,
        timeout=SOON,
    )


def tells(shown: Any, words: str) -> None:
    """Wait until an alert or a control's message holds the words."""
    shown.wait_for_function(
        "words => [...document.querySelectorAll('[role=alert], [role=status], .mt-message')]"
        ".some(e => e.textContent.includes(words))",
        arg=words,
        timeout=SOON,
    )


def handle(shown: Any, label: str) -> Any:
    return shown.locator(".widget-slider", has_text=label).locator(".noUi-handle").first


def press(shown: Any, label: str, key: str, times: int) -> None:
    """Move a slider by keyboard."""
    handle(shown, label).focus()
    for _ in range(times):
        shown.keyboard.press(key)


def choose(shown: Any, label: str, option: str) -> None:
    shown.locator(".widget-dropdown", has_text=label).locator("select").select_option(label=option)


def box(shown: Any, heading: str, name: str) -> Any:
    """A checkbox among those below a heading."""
    group = shown.locator(".widget-vbox", has=shown.locator(".wb-choices-head", has_text=heading)).last
    return group.get_by_role("checkbox", name=name, exact=True)


def credit(shown: Any) -> pd.DataFrame:
    """The table of credit as it stands in the live page."""
    (table,) = shown.locator(".wb-view table", has_text="Credited conversions by channel and model").all()
    rows = [row.split("\t") for row in table.locator("tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent).join('\\t'))")]  # fmt: skip
    return pd.DataFrame(rows[1:], columns=rows[0]).set_index("Channel")


def follows(shown: Any, channel: str, model: str, amount: float | None) -> None:
    """Wait until the table credits so much to a channel; None: until the channel is gone."""
    shown.wait_for_function(
        """([channel, model, amount]) => {
          const table = [...document.querySelectorAll('.wb-view table')].find(e => e.caption?.textContent.startsWith('Credited conversions by'));
          if (!table) return false;
          const column = [...table.rows[0].cells].findIndex(cell => cell.textContent === model);
          const row = [...table.rows].find(row => row.cells[0].textContent === channel);
          return amount === null ? !row : row?.cells[column].textContent === amount;
        }""",
        arg=[channel, model, None if amount is None else f"{amount:,.1f}"],
        timeout=SOON,
    )


def upload(shown: Any, data: bytes, name: str = "paths.csv") -> None:
    shown.set_input_files("input[type=file]", {"name": name, "mimeType": "text/csv", "buffer": data})


def downloaded(shown: Any) -> pd.DataFrame:
    with shown.expect_download() as download:
        shown.get_by_role("button", name="Download credit").click()
    assert download.value.suggested_filename == "credit.csv"
    return pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()))


def credited(evidence: Evidence, channel: str, model: str, **question: Any) -> float | None:
    """What the library credits for the same question."""
    asked = Question(**question)
    rows = attribution.credit(evidence.journeys(asked), model, **asked.options).rows
    return next(row.conversions for row in rows if row.channel == channel)


def test_the_path_of_a_marketer(page: SimpleNamespace, address: str, evidence: Evidence) -> None:
    shown = opened(page, address)
    says(shown, USUAL)
    marks = shown.evaluate(
        "marks => [...document.querySelectorAll('.wb-live')].map(e => e.querySelectorAll(marks).length)", MARKS
    )
    assert len(marks) == CHARTS
    assert min(marks) > 8

    press(shown, "Lookback, days", "PageDown", 3)
    says(shown, "a touch counts up to 15 days before its conversion")
    question: dict[str, Any] = {"lookback_days": 15.0}
    follows(shown, "direct", "Linear", credited(evidence, "direct", "linear", **question))
    says(shown, f"{100 * (credited(evidence, '(none)', 'last', **question) or 0) / 1_975:.1f} % of them had no touch")

    press(shown, "Position-based: first touch", "ArrowRight", 2)
    says(shown, "position-based gives 50 %, 10 % and 40 %")
    question["position"] = (0.5, 0.1, 0.4)
    follows(shown, "direct", "Position-based", credited(evidence, "direct", "position", **question))

    box(shown, "Channels counted", "direct").uncheck()
    says(shown, "October 2026: without direct;")
    follows(shown, "direct", "Last touch", None)

    choose(shown, "Journeys of", "New customers")
    says(shown, "new customers and without direct")
    question["segment"] = Segment("new", without=("direct",))
    follows(shown, "email", "Markov", credited(evidence, "email", "markov", **question))

    chart = shown.locator(".wb-live").first
    dots = chart.locator(".mark-symbol.role-mark path")
    box(shown, "Models drawn", "Time decay").check()
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".role-legend")).to_contain_text("Time decay", timeout=SOON)
    expect(dots).to_have_count(11 * 5)
    assert page.outside == []
    assert page.errors == []


def test_an_uploaded_table_of_paths_takes_the_place_of_the_logs_and_a_bad_one_changes_nothing(
    page: SimpleNamespace, address: str
) -> None:
    shown = opened(page, address)
    for data, words in (
        (b"", "zero bytes"),
        (b"way,conversions\nsearch,1\n", "column path: is missing"),
        (b"path,conversions\na >  > b,1\n", "The path 'a >  > b' has a blank step"),
    ):
        upload(shown, data)
        tells(shown, words)
        says(shown, USUAL)
    assert credit(shown).loc["direct", "Last touch"] == "1,027.0"

    upload(shown, PATHS)
    says(shown, "The whole table of paths had 6 conversions worth $60.")
    tells(shown, "paths.csv was read.")
    follows(shown, "email", "Linear", 3.5)
    assert credit(shown)["Last touch"].to_dict() == {"email": "4.0", "direct": "2.0", "search": "0.0"}
    assert set(credit(shown)["Time decay"]) == {"refused"}
    says(shown, "Time decay is refused: a table of paths has no times.")
    says(shown, "Of 3 rows of paths, 3 were used and 0 left out.")

    box(shown, "Channels counted", "email").click()
    tells(shown, "A table of paths has no users and no times, so it is read whole")
    expect(box(shown, "Channels counted", "email")).to_be_checked()
    assert "Traceback" not in shown.inner_text("body")
    assert page.errors == []


def test_a_deep_link_opens_what_it_names_and_tells_what_it_cannot(
    page: SimpleNamespace, address: str, evidence: Evidence
) -> None:
    shown = opened(page, address, "?lookback_days=14&customers=new&modell=x")
    says(shown, "Asked of October 2026: new customers; a touch counts up to 14 days before its conversion")
    tells(shown, "The link names 'modell'; did you mean model?")
    question = {"lookback_days": 14.0, "segment": Segment("new")}
    follows(shown, "email", "Markov", credited(evidence, "email", "markov", **question))
    assert shown.locator(".widget-slider", has_text="Lookback, days").inner_text().split()[-1] == "14"
    assert shown.locator(".widget-dropdown", has_text="Journeys of").locator("select").input_value() == "New customers"


def test_after_a_link_that_makes_no_sense_the_usual_page_stands_and_the_download_holds_the_librarys_numbers(
    page: SimpleNamespace, address: str, evidence: Evidence
) -> None:
    shown = opened(page, address, "?lookback_days=0")
    tells(shown, "lookback_days came as 0; allowed is more than 0 and up to 365 days.")
    says(shown, USUAL)
    says(shown, "a touch counts up to 30 days before its conversion")
    held = downloaded(shown).fillna({"reason": ""})
    expected = attribution.all_credit(evidence.journeys(Question()))
    pd.testing.assert_frame_equal(held, expected, check_dtype=False, rtol=1e-9)


def test_on_a_phone_weights_of_more_than_the_whole_are_told_and_go_back(
    visit: Callable[..., SimpleNamespace], address: str
) -> None:
    phone = visit(width=390, height=844)
    shown = opened(phone, address)
    fits(shown)
    before = credit(shown)
    press(shown, "Position-based: last touch", "End", 1)
    tells(
        shown, "position_first and position_last came as 0.4 and 1; allowed are numbers from 0 on that make at most 1"
    )
    expect(shown.locator(".widget-slider", has_text="Position-based: last touch")).to_contain_text("40%")
    says(shown, "position-based gives 40 %, 20 % and 40 %")
    assert credit(shown).equals(before)
    press(shown, "Position-based: last touch", "ArrowRight", 1)
    says(shown, "position-based gives 40 %, 15 % and 45 %")
    expect(shown.locator("[role=alert]")).to_have_count(0)

    for model in ("Last touch", "First touch", "Linear", "Markov"):
        box(shown, "Models drawn", model).uncheck()
    shown.locator(".wb-figure").first.scroll_into_view_if_needed()
    says_instead = shown.locator(".wb-figure").first.get_by_text(
        "There is nothing to draw: tick a model among those drawn."
    )
    expect(says_instead).to_be_visible(timeout=SOON)
    assert phone.outside == []
    assert phone.errors == []


def fits(shown: Any) -> None:
    """Nothing scrolls sideways or is cut off at 390 px, and a broad table's rows are cards."""
    assert shown.evaluate("() => document.documentElement.scrollWidth") <= 390
    beyond = shown.evaluate(
        "() => [...document.querySelectorAll('.wb-live svg, .wb-tile, .wb-choices label, .wb-controls > *, .wb-say')]"
        ".filter(e => e.getBoundingClientRect().right > 391).length"
    )
    assert beyond == 0
    card = shown.locator(".wb-view .wb-broad tbody tr").first
    assert card.evaluate("row => getComputedStyle(row).display") == "block"


def test_a_workspace_without_logs_says_what_to_supply_and_shows_no_empty_chart(
    page: SimpleNamespace, address: str
) -> None:
    """Opened by a link, so that no further server has to start."""
    shown = opened(page, address, f"?data={sample_dir() / 'starter'}", charts=0)
    says(shown, "There are no journeys yet. Supply touches.csv and conversions.csv")
    figures = shown.locator(".wb-figure")
    expect(figures).to_have_count(CHARTS)
    for figure in figures.all():
        figure.scroll_into_view_if_needed()
        expect(figure).to_have_text("Not measured: needs touches.csv and conversions.csv, or paths.csv.", timeout=SOON)
    assert shown.locator(".vega-embed svg:visible, .wb-fig svg:visible").count() == 0
    assert shown.locator(".wb-view caption").all_inner_texts() == ["The lens for each decision"]
    shown.get_by_role("button", name="Download credit").click()
    tells(shown, "There is no credit yet to download")
    upload(shown, PATHS)
    says(shown, "The whole table of paths had 6 conversions")
    follows(shown, "email", "Linear", 3.5)
    assert page.errors == []


def test_60_channels_with_hostile_names_are_text_and_no_id_of_a_user_reaches_the_page(
    visit: Callable[..., SimpleNamespace], serve_one: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit(width=390, height=844)
    frames: list[bytes] = []
    responses: list[Any] = []
    page.page.on("response", lambda response: responses.append(response))
    page.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(as_bytes(frame))))
    with serve_one(NOTEBOOK, data=write_journeys(tmp_path, CHANNELS, more=LONG_JOURNEY)) as address:
        shown = opened(page, address, charts=5)
        look_at_60_channels(shown)
        set_channels_aside(shown)
        received = [shown.content().encode(), *frames, *(body_of(response) for response in responses)]
    assert sum(b"channel 03" in part for part in received) > 2, "the page, its parts and what the kernel sends are seen"
    assert any(b"channel 03" in frame for frame in frames)
    assert [found for part in received if (found := NAMED_IDS.search(part))] == []
    assert page.outside == []
    assert page.errors == []


def look_at_60_channels(shown: Any) -> None:
    fits(shown)
    says(shown, "Test company's October 2026 had 200 conversions")
    says(shown, "Shapley, by rate is refused: 1 channel set")
    body = shown.inner_text("body")
    assert all(name in body for name in HOSTILE)
    assert len(credit(shown)) == 60
    labels = shown.eval_on_selector_all(".wb-live", "all => all.map(e => e.getAttribute('aria-label') || '')")
    assert labels[0].startswith("Credited conversions of the 25 most credited of 60 channels by 4 models")
    assert shown.locator(".wb-choices").nth(1).get_by_role("checkbox").count() == 60


def set_channels_aside(shown: Any) -> None:
    """Those with hostile names, one after another, with a download between."""
    box(shown, "Channels counted", SCRIPT).uncheck()
    says(shown, f"without {SCRIPT};")
    follows(shown, SCRIPT, "Last touch", None)
    held = set(downloaded(shown)["channel"])
    assert len(held) == 59
    assert "'=cmd()" in held, "a spreadsheet runs nothing"
    box(shown, "Channels counted", "=cmd()").uncheck()
    says(shown, f"without {SCRIPT} and =cmd();")
    follows(shown, "=cmd()", "Last touch", None)
    assert shown.evaluate("() => window.stolen") is None


def as_bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


def body_of(response: Any) -> bytes:
    """What came, or nothing where a response has no body."""
    is_bodiless = response.status in (101, 204, 304) or 300 <= response.status < 400
    return b"" if is_bodiless else bytes(response.body())
