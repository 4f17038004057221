"""A button that has something done, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from traitlets import Unicode

from martech_lib.workbook.widgets.panel import Panel, script, style


class Press(Panel):
    """A button that has something done.

    Attributes:
        label: What the button says.
    """

    _esm = script("dom.js", "download.js")
    _css = style()

    label = Unicode("").tag(sync=True)

    def __init__(self, act: Callable[[], str], **traits: Any) -> None:
        """`act()` does it at each click and tells in words what came of it; raising UserError tells why nothing did."""
        self._act = act
        super().__init__(**traits)

    def _on_message(self, _widget: object, content: Mapping[str, Any], _buffers: Sequence[memoryview]) -> None:
        if content.get("kind") != "want":
            return
        went_well = self.attempt(lambda: self.say(self._act()))
        self.send({"kind": "done" if went_well else "failed", "asked": content.get("asked")})
