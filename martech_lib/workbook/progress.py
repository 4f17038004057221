"""A bar in the page for work that takes longer than a moment."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from IPython.display import display

from martech_lib.core.progress import told_to
from martech_lib.workbook.views import Drawn

PATIENCE = 1.5  # seconds before a bar appears


class Bar:
    """Inside it, long work shows a bar where the notebook's cell stands; at its end the bar is gone."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._shown: Any = None
        self._listening = told_to(self._told)

    def __enter__(self) -> None:
        self._listening.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._listening.__exit__(*error)
        if self._shown is not None:
            self._shown.update(Drawn(""))

    def _told(self, work: str, done: int, of: int) -> None:
        """Show that so many steps of some work are done."""
        if done == 0:
            self._since = time.monotonic()
        if done == of or (self._shown is None and time.monotonic() - self._since < PATIENCE):
            return
        drawn = Drawn(_bar(work, done, of))
        if self._shown is None:
            self._shown = display(drawn, display_id=True)
        else:
            self._shown.update(drawn)


def _bar(work: str, done: int, of: int) -> str:
    said = f"{escape(work)}: step {done + 1} of {of}"
    return f'<p class="wb-note" role="status"><progress max="{of}" value="{done}"></progress> {said}</p>'
