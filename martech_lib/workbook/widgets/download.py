"""A download whose content is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from traitlets import Unicode

from martech_lib.workbook.widgets.panel import Panel, script, style


class Download(Panel):
    """A button that saves a file.

    Attributes:
        label: What the button says.
        filename: The name the file is saved under; `provide` may set it.
        mime: Its media type.
    """

    _esm = script("dom.js", "download.js")
    _css = style()

    label = Unicode("Download").tag(sync=True)
    filename = Unicode("download.csv").tag(sync=True)
    mime = Unicode("text/csv;charset=utf-8").tag(sync=True)

    def __init__(self, provide: Callable[[], bytes], **traits: Any) -> None:
        """`provide()` makes the content at each click; raising UserError tells why there is none."""
        self._provide = provide
        super().__init__(**traits)

    def _on_message(self, _widget: object, content: Mapping[str, Any], _buffers: Sequence[memoryview]) -> None:
        if content.get("kind") != "want":
            return
        made: list[bytes] = []
        self.say("")
        went_well = self.attempt(lambda: made.append(memoryview(self._provide()).tobytes()))
        answer = {"kind": "content" if went_well else "failed", "asked": content.get("asked")}
        self.send({**answer, "filename": self.filename, "mime": self.mime}, buffers=made)
