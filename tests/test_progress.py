"""Long work says how far it has come, to whoever listens."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from martech_lib import attribution
from martech_lib.core.progress import Work, told_to
from martech_lib.workbook import progress

START = pd.Timestamp("2026-01-01")


def test_reading_journeys_tells_every_step_and_ends_with_the_last() -> None:
    heard: list[tuple[str, int, int]] = []
    touches = pd.DataFrame({"user_id": [1], "ts": [START], "channel": ["a"]})
    with told_to(lambda *step: heard.append(step)):
        attribution.journeys(touches, touches[["user_id", "ts"]])
    steps = heard[0][2]
    assert heard == [("Reading the journeys", done, steps) for done in range(steps + 1)]
    attribution.journeys(touches, touches[["user_id", "ts"]])
    assert len(heard) == steps + 1


class Handle:
    """What IPython's display gives back."""

    def __init__(self, shown: list[str]) -> None:
        self.shown = shown

    def update(self, drawn: Any) -> None:
        self.shown.append(drawn._repr_html_())


def test_a_bar_appears_when_work_takes_long_and_goes_when_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    clock = iter(range(100))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))

    def display(drawn: Any, **_: Any) -> Handle:
        shown.append(drawn._repr_html_())
        return Handle(shown)

    monkeypatch.setattr(progress, "display", display)
    with progress.Bar():
        work = Work("Counting <sheep>", 3)
        for _ in range(3):
            work.step()
    assert ["step 2 of 3" in shown[0], shown[-1]] == [True, ""]
    assert "Counting &lt;sheep&gt;" in shown[0]


def test_a_bar_goes_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(progress, "display", lambda *_, **__: Handle(shown))
    with pytest.raises(ZeroDivisionError), progress.Bar():
        Work("Dividing", 2).step()
        raise ZeroDivisionError
    assert shown[-1] == ""


def test_work_that_is_quick_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "display", lambda *_, **__: pytest.fail("a bar was shown"))
    with progress.Bar():
        Work("Blinking", 1).step()
