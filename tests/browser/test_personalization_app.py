"""The holdouts in a browser: programmes to choose, a window and a cost to set, logs to upload, a table to take away."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from martech_lib.core.places import sample_dir

NOTEBOOK = "4-personalization-holdout"
PAGE = f"/voila/render/{NOTEBOOK}.ipynb"
WAIT, SOON = 90_000, 60_000
USERS = 200_000
OVER = 51_000_000  # bytes, above the limit of an upload
CUT = "all => all.filter(e => e.scrollWidth > e.clientWidth + 2).map(e => e.textContent)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(copytree(sample_dir() / "fitness", tmp_path_factory.mktemp("held") / "fitness"))


@pytest.fixture(scope="module")
def address(serve_one: Callable[..., Any], folder: Path) -> Iterator[str]:
    with serve_one(NOTEBOOK, data=folder) as served:
        yield served


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """200,000 assignments and more outcomes, in which a fifth more of the personalized convert."""
    into, rng = tmp_path_factory.mktemp("logs"), np.random.default_rng(11)
    is_held = rng.random(USERS) < 0.1
    at = pd.Timestamp("2026-08-01") + pd.to_timedelta(rng.integers(0, 40 * 86_400, USERS), unit="s")
    converts = rng.random(USERS) < 0.05 * np.where(is_held, 1.0, 1.2)
    frames = {
        "assignments": pd.DataFrame(
            {
                "program": "big push", "user_id": np.arange(USERS), "arm": np.where(is_held, "holdout", "treatment"),
                "assigned_at": at, "planned_share": np.where(is_held, 0.1, 0.9),
            }
        ),
        "outcomes": pd.concat(
            [
                pd.DataFrame({"user_id": np.arange(USERS), "ts": at + pd.Timedelta(days=1), "event": "impression"}),
                pd.DataFrame(
                    {
                        "user_id": np.flatnonzero(converts), "ts": at[converts] + pd.Timedelta(days=2),
                        "event": "conversion", "value": rng.lognormal(3, 1, converts.sum()).round(2),
                    }
                ),
            ]
        ),
    }  # fmt: skip
    for name, frame in frames.items():
        frame.to_csv(into / f"{name}.csv", index=False)
    return {name: into / f"{name}.csv" for name in frames}


def opened(page: SimpleNamespace, address: str, query: str = "") -> Any:
    shown = page.page
    shown.goto(f"{address}{PAGE}{query}", timeout=WAIT)
    expect(shown.locator(".widget-dropdown", has_text="Programme")).to_be_visible(timeout=WAIT)
    return shown


def says(shown: Any, words: str) -> None:
    shown.wait_for_function(
        "words => [...document.querySelectorAll('.wb-say, [role=alert], [role=status]')]"
        ".some(e => e.textContent.includes(words))",
        arg=words,
        timeout=SOON,
    )


def given(shown: Any, table: str) -> Any:
    return shown.locator(".mw-upload").filter(has=shown.locator(f"input[aria-label^='Upload {table}']"))


def test_each_programme_is_told_for_what_it_is(visit: Callable[..., SimpleNamespace], address: str) -> None:
    page = visit(width=1280)
    shown = opened(page, address)
    for words in (
        "Win-back journey: a real win.", "Push copy: clicks only.", "Streak reminders: it does harm.",
        "Class suggestions cannot be read: arm holdout has", "'come back by name' of win-back journey",
    ):  # fmt: skip
        says(shown, words)
    chosen = shown.locator(".widget-dropdown", has_text="Programme").locator("select")
    chosen.select_option("streak reminders")
    says(shown, "Evidence of harm:")
    window = shown.locator(".widget-text", has_text="Days after assignment").locator("input")
    window.fill("none")
    window.press("Enter")
    says(shown, "window_days came as 'none'; allowed is a number.")
    sent = shown.locator(".widget-text", has_text="Or cost of one send").locator("input")
    sent.fill("0.5")
    sent.press("Enter")
    says(shown, "less its cost of")
    assert page.outside == [] and page.errors == []


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut(visit: Callable[..., SimpleNamespace], address: str, width: int) -> None:
    shown = opened(visit(width=width), address)
    shown.wait_for_timeout(3_000)
    assert shown.eval_on_selector_all(".widget-label, .wb-tile p, .wb-say", CUT) == []
    assert shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_a_link_opens_the_programme_that_was_read(visit: Callable[..., SimpleNamespace], address: str) -> None:
    shown = opened(visit(width=1280), address, "?program=push+copy&baseline=0.04&lift=0.2&weekly_users=4000")
    says(shown, "Push copy: clicks only.")
    assert shown.locator(".widget-text", has_text="New users a week").locator("input").input_value() == "4,000"


def test_large_logs_are_uploaded_read_and_taken_away(
    visit: Callable[..., SimpleNamespace], address: str, logs: dict[str, Path]
) -> None:
    page = visit(width=1280)
    shown = opened(page, address)
    given(shown, "assignments").locator("input[type=file]").set_input_files(logs["assignments"])
    expect(given(shown, "assignments")).to_contain_text("Now upload outcomes, too", timeout=SOON)
    given(shown, "outcomes").locator("input[type=file]").set_input_files(logs["outcomes"])
    expect(given(shown, "outcomes")).to_contain_text("Reading outcomes.csv", timeout=5_000)
    expect(given(shown, "outcomes")).to_contain_text("outcomes.csv was read", timeout=SOON)
    says(shown, "Big push: a real win.")
    with shown.expect_download() as download:
        shown.get_by_role("button", name="Download the readings", exact=True).click()
    frame = pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()))
    lift = frame[(frame["metric"] == "personalization.big-push.lift_conversion") & frame["segment"].isna()].iloc[0]
    assert lift["lower"] < 0.2 < lift["upper"] and lift["n"] == USERS
    assert page.errors == []


def test_a_file_over_the_limit_is_refused_before_it_is_sent(
    visit: Callable[..., SimpleNamespace], address: str, tmp_path: Path
) -> None:
    shown = opened(visit(width=1280), address)
    large = tmp_path / "assignments.csv"
    large.write_bytes(b"x" * OVER)
    given(shown, "assignments").locator("input[type=file]").set_input_files(large)
    told = given(shown, "assignments")
    expect(told).to_contain_text("Nothing was sent.", timeout=SOON)
    expect(told).to_contain_text("martech apps --data FOLDER")
