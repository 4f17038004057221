"""The planner in a browser: three numbers in, a sentence and a curve out, the plan as card, as link and registered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect
from scipy.stats import norm

from martech_lib import Workspace, experiments
from martech_lib.core.places import sample_dir

NOTEBOOK = "3-experiment-planner"
PAGE = f"/voila/render/{NOTEBOOK}.ipynb"
WAIT, SOON = 90_000, 30_000
COMPANIES = ("saas", "fitness")
CUT = "all => all.filter(e => e.scrollWidth > e.clientWidth + 2).map(e => e.textContent)"
HYPOTHESIS = "We believe fewer fields for new visitors will raise trials because each field costs some."


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The samples in folders that may be written to."""
    into = tmp_path_factory.mktemp("planned")
    return {name: Path(copytree(sample_dir() / name, into / name)) for name in COMPANIES}


@pytest.fixture(scope="module")
def addresses(serve_one: Callable[..., Any], folders: dict[str, Path]) -> Iterator[dict[str, str]]:
    saas, fitness = folders.values()
    with serve_one(NOTEBOOK, data=saas) as one, serve_one(NOTEBOOK, data=fitness) as other:
        yield {"saas": one, "fitness": other}


def opened(page: SimpleNamespace, address: str, query: str = "") -> Any:
    shown = page.page
    shown.goto(f"{address}{PAGE}{query}", timeout=WAIT)
    expect(shown.locator(".widget-text", has_text="The metric today")).to_be_visible(timeout=WAIT)
    return shown


def typed(shown: Any, label: str, text: str) -> None:
    field = shown.locator(".widget-text", has_text=label).locator("input")
    field.fill(text)
    field.press("Enter")


def says(shown: Any, words: str) -> None:
    shown.wait_for_function(
        "words => [...document.querySelectorAll('.wb-say, [role=alert], [role=status]')]"
        ".some(e => e.textContent.includes(words))",
        arg=words,
        timeout=SOON,
    )


def headline(shown: Any) -> str:
    return str(shown.locator(".wb-say").first.inner_text())


def curve(shown: Any) -> str:
    """The curve of what is seen by each week, as it is drawn."""
    drawn = shown.locator(".wb-live").first.locator(".mark-line path").first
    return str(drawn.get_attribute("d"))


def textbook(p: float, q: float) -> int:
    """Users an arm by the pooled formula, typed from the textbook: two-sided 5 %, power 80 %."""
    alpha, beta, mean = norm.ppf(0.975), norm.ppf(0.8), (p + q) / 2
    root = alpha * (2 * mean * (1 - mean)) ** 0.5 + beta * (p * (1 - p) + q * (1 - q)) ** 0.5
    return int(-((-(root**2)) // (q - p) ** 2))


def taken(shown: Any, label: str) -> Any:
    with shown.expect_download() as download:
        shown.get_by_role("button", name=label, exact=True).click()
    return download.value


@pytest.mark.parametrize("company", COMPANIES)
def test_three_numbers_a_sentence_a_curve_a_card_and_a_link(
    visit: Callable[..., SimpleNamespace], addresses: dict[str, str], company: str
) -> None:
    page, second = visit(width=1280), visit(width=1280)
    shown = opened(page, addresses[company])
    expect(shown.locator(".wb-live").first.locator(".mark-line path").first).to_be_attached(timeout=SOON)
    before = curve(shown)
    for label, text in (
        ("The metric today", "12.5%"), ("Change worth finding", "14 %"), ("Unique users a week", "9,000")
    ):  # fmt: skip
        typed(shown, label, text)
    n = textbook(0.125, 0.125 * 1.14)
    weeks = -(-2 * n // 9_000)
    says(shown, f"you need {n:,} users an arm, {2 * n:,} in all: {weeks} weeks at 9,000 unique users a week.")
    shown.wait_for_function(
        "d => document.querySelector('.wb-live .mark-line path').getAttribute('d') !== d", arg=before, timeout=SOON
    )

    card = taken(shown, "Download the card")
    assert card.suggested_filename == "plan.yaml"
    plan = experiments.read_card(Path(card.path()).read_text(encoding="utf-8")).plan
    assert (plan.baseline, plan.mde, plan.weekly_units, plan.sample_size) == (0.125, 0.14, 9_000, n)

    link = shown.get_by_role("link", name="Link to this plan").get_attribute("href")
    linked = opened(second, addresses[company], link)
    says(linked, headline(shown))
    again = taken(linked, "Download the card")
    assert experiments.read_card(Path(again.path()).read_text(encoding="utf-8")).plan == plan
    for seen in (page, second):
        assert seen.errors == []
        assert seen.outside == []


def test_what_makes_no_sense_is_told_and_goes_back(page: SimpleNamespace, addresses: dict[str, str]) -> None:
    shown = opened(page, addresses["saas"])
    stood = headline(shown)
    for text, told in (("120 %", "120 %"), ("0", "came as 0;"), ("a lot", "came as 'a lot'")):
        typed(shown, "The metric today", text)
        expect(shown.get_by_role("alert").filter(has_text=told).first).to_be_visible(timeout=SOON)
        assert headline(shown) == stood
    typed(shown, "Change worth finding", "2000 %")
    expect(shown.get_by_role("alert").first).to_be_visible(timeout=SOON)
    assert headline(shown) == stood
    typed(shown, "Unique users a week", "700")
    says(shown, "With fewer than about 5,000 users a week a programme of tests decides little")
    expect(shown.get_by_role("alert")).to_have_count(0, timeout=SOON)
    assert page.errors == []


def test_a_plan_that_passes_is_registered_and_its_card_comes_back(
    page: SimpleNamespace, addresses: dict[str, str], folders: dict[str, Path]
) -> None:
    shown = opened(page, addresses["fitness"])
    write = shown.get_by_role("button", name="Write it into the register", exact=True)
    before = Workspace.open(folders["fitness"]).register("experiments")
    write.click()
    says(shown, "The plan does not pass the gate. There is no hypothesis; write: We believe")
    shown.get_by_text("Name, hypothesis and metrics", exact=True).click()
    for label, text in (
        ("Name", "Fewer fields"), ("Hypothesis", HYPOTHESIS), ("Later metric that must not suffer", "paid rate"),
        ("Guardrails", "unsubscribe rate"), ("How many things differ", "1"),
    ):  # fmt: skip
        field = shown.locator(".widget-text", has=shown.get_by_text(re.compile(f"^{label}"))).locator("input")
        field.fill(text)
        field.press("Enter")
    says(shown, "The plan passes all six rules and can be registered.")
    write.click()
    says(shown, "Registered as ")
    rows = Workspace.open(folders["fitness"]).register("experiments")
    new = rows[~rows["id"].isin(before["id"])]
    assert new["name"].tolist() == ["Fewer fields"]
    assert new["hypothesis"].tolist() == [HYPOTHESIS]
    card = folders["fitness"] / "plans" / f"{new['id'].iloc[0]}.yaml"
    files = shown.locator(".mw-upload", has_text="Upload a card").locator("input[type=file]")
    files.set_input_files({"name": "mine.yaml", "mimeType": "application/yaml", "buffer": card.read_bytes()})
    says(shown, "mine.yaml was read.")
    edited = card.read_text(encoding="utf-8").replace("Fewer fields", "More fields")
    files.set_input_files({"name": "mine.yaml", "mimeType": "application/yaml", "buffer": edited.encode()})
    says(shown, "mine.yaml was changed after it was registered.")
    files.set_input_files({"name": "no.yaml", "mimeType": "application/yaml", "buffer": b"!!python/object:os.system"})
    says(shown, "The card is no YAML: could not determine a constructor")
    assert page.errors == []


def test_a_winner_is_followed_up_and_a_page_opened_later_knows(
    visit: Callable[..., SimpleNamespace], addresses: dict[str, str], folders: dict[str, Path]
) -> None:
    page, later = visit(width=1280), visit(width=1280)
    shown = opened(page, addresses["fitness"])
    before = experiments.record(Workspace.open(folders["fitness"]))
    followed = sum(winner.held is not None for winner in before.winners)
    says(shown, f"of {followed} winners that were followed up held")
    shown.get_by_role("button", name="Write the decision into the register").click()
    says(shown, "already, and it is not written over")
    shown.get_by_text("Found again after launch", exact=True).click()
    for label, text in (("Effect after", "1.5 %"), ("Lower end of its", "0.2 %"), ("Upper end of its", "2.8 %")):
        typed(shown, label, text)
    shown.get_by_role("button", name="Write the follow-up into the register").click()
    says(shown, "was written down: experiments.csv, row ")
    says(shown, f"of {followed + 1} winners that were followed up held")
    says(opened(later, addresses["fitness"]), f"of {followed + 1} winners that were followed up held")
    assert page.errors == later.errors == []


def test_another_experiment_is_read(page: SimpleNamespace, addresses: dict[str, str]) -> None:
    shown = opened(page, addresses["saas"])
    ws = Workspace.open(sample_dir() / "saas")
    choice = shown.locator(".widget-dropdown", has=shown.get_by_text("Experiment", exact=True)).locator("select")
    for one in experiments.readable(ws)[:2]:
        found = experiments.read_registered(ws, one)
        choice.select_option(one)
        says(shown, found.sentence)
        held = pd.read_csv(taken(shown, "Download the readings").path(), keep_default_na=False)
        assert held["metric"].tolist() == found.readings["metric"].tolist()
        assert pd.to_numeric(held["value"]).tolist() == pytest.approx(found.readings["value"].tolist(), nan_ok=True)
    assert page.errors == []


@pytest.mark.parametrize("company", COMPANIES)
def test_the_planner_fits_a_phone(
    visit: Callable[..., SimpleNamespace], addresses: dict[str, str], company: str
) -> None:
    phone = visit(width=390, height=844)
    shown = opened(phone, addresses[company])
    assert shown.evaluate("() => document.documentElement.scrollWidth") <= 390
    shown.get_by_text("Errors, arms and the formula", exact=True).click()
    expect(shown.locator(".widget-text", has_text="Arms, control first")).to_be_visible(timeout=SOON)
    assert shown.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert shown.eval_on_selector_all(".widget-label", CUT) == []
    assert phone.errors == []


def test_a_slow_browser_loses_no_widget(page: SimpleNamespace, addresses: dict[str, str]) -> None:
    """A quarter of this machine's pace, as of a phone: what blocks the page for seconds must not cost its widgets."""
    page.page.context.new_cdp_session(page.page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    shown = opened(page, addresses["saas"])
    expect(shown.get_by_role("button", name="Write the decision into the register")).to_be_visible(timeout=WAIT)
    expect(shown.get_by_text("Error displaying widget")).to_have_count(0)
    assert page.errors == []
