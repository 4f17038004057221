"""What the controls share: their script and style, a place for messages, no failure unseen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import anywidget
from traitlets import Enum, List, Unicode

from martech_lib.core.errors import UserError

log = logging.getLogger(__name__)
HERE = Path(__file__).parent


def script(*names: str) -> str:
    """These files of the package as one ES module: later files use what earlier ones define."""
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


def style() -> str:
    """The style sheet of all three controls."""
    return (HERE / "widgets.css").read_text(encoding="utf-8")


class Panel(anywidget.AnyWidget):
    """A control with a message area that screen readers announce.

    Attributes:
        message: One line under the control, shown as text; "" shows nothing.
        message_kind: "info" or "error".
        messages: Further lines, shown as a list under the first.
    """

    message = Unicode("").tag(sync=True)
    message_kind = Enum(("info", "error"), default_value="info").tag(sync=True)
    messages = List(Unicode()).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._on_message)

    def say(self, message: str, *, kind: Literal["info", "error"] = "info", messages: Sequence[str] = ()) -> None:
        """Show a message, and further lines under it."""
        with self.hold_sync():
            self.message, self.message_kind, self.messages = message, kind, list(messages)

    def attempt(self, action: Callable[[], object]) -> bool:
        """Run `action`; whether it went well. What went wrong is told in the page, never with source code."""
        try:
            action()
        except UserError as error:
            first, *more = str(error).splitlines() or ["This could not be done."]
            self.say(first, kind="error", messages=[line for line in more if line.strip()])
            return False
        except Exception as error:
            log.exception("A callback of %s failed", type(self).__name__)
            self.say(f"Something of ours broke: {type(error).__name__}. Nothing was changed.", kind="error")
            return False
        return True

    def _on_message(self, _widget: object, content: Mapping[str, Any], buffers: Sequence[memoryview]) -> None:
        raise NotImplementedError
