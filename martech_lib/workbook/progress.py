"""A bar in the page for work that takes longer than a moment."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from IPython.display import display

from martech_lib.workbook.views import Drawn

PATIENCE = 1.5  # seconds before a bar appears


class Bar:
    """Listens to `core.progress` and shows a bar where the notebook's cell stands; it goes when the work is done."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._shown: Any = None

    def __call__(self, work: str, done: int, of: int) -> None:
        """Show that so many steps of some work are done."""
        if done == 0:
            self._since = time.monotonic()
        if self._shown is None and (done == of or time.monotonic() - self._since < PATIENCE):
            return
        drawn = Drawn("" if done == of else _bar(work, done, of))
        if self._shown is None:
            self._shown = display(drawn, display_id=True)
        else:
            self._shown.update(drawn)


def _bar(work: str, done: int, of: int) -> str:
    said = f"{escape(work)}: step {done + 1} of {of}"
    return f'<p class="wb-note" role="status"><progress max="{of}" value="{done}"></progress> {said}</p>'
