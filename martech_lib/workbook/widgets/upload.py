"""An upload that refuses a file over its limit in the page, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from traitlets import Int, Unicode

from martech_lib.core.errors import UserError
from martech_lib.workbook.widgets.panel import Panel, script, style


class Upload(Panel):
    """A labelled file input with a drop zone.

    Attributes:
        label: What to upload, in words.
        accept: What the file chooser offers, as in HTML: ".csv,.xlsx".
        max_bytes: The largest file that is taken, in bytes. The server must let messages of that size
            through: tornado's own limit is 10 MiB, just above the default here.
        instead: What to do with a file over the limit, in words.
        answered: How many files of a page were dealt with; counted by the page.
    """

    _esm = script("dom.js", "upload.js")
    _css = style()

    label = Unicode("Upload a file").tag(sync=True)
    accept = Unicode("").tag(sync=True)
    max_bytes = Int(9_000_000).tag(sync=True)
    instead = Unicode("Take out columns or rows that are not needed, or split the file, and try again.").tag(sync=True)
    answered = Int(0).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._callbacks: list[Callable[[str, bytes], object]] = []
        super().__init__(**traits)

    def on_file(self, callback: Callable[[str, bytes], object]) -> None:
        """Call `callback(name, data)` for each file; raising UserError refuses it with that message."""
        self._callbacks.append(callback)

    def _on_message(self, _widget: object, content: Mapping[str, Any], buffers: Sequence[memoryview]) -> None:
        if content.get("kind") != "file":
            return
        with self.hold_sync():
            self.say("")
            self.attempt(lambda: self._take(str(content.get("name", "")), buffers))
            self.answered += 1

    def _take(self, name: str, buffers: Sequence[memoryview]) -> None:
        # A name is for showing and for its ending: no path of the sender's comes along.
        name = name.replace("\\", "/").rsplit("/", 1)[-1] or "file"
        data = b"".join(bytes(part) for part in buffers)
        if len(data) > self.max_bytes:
            raise UserError(f"{name} has {len(data):,} bytes; the limit is {self.max_bytes:,}.")
        for callback in self._callbacks:
            callback(name, data)
        if not self.message:
            self.say(f"{name} was read.")
