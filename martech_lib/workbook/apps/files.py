"""A file that someone gives an app."""

from __future__ import annotations

from collections.abc import Callable

from martech_lib.workbook.widgets import Upload

UPLOAD_BYTES = 50_000_000


def upload(take: Callable[[str, bytes], list[str]], changed: Callable[[], None], *, what: str) -> Upload:
    """A control that hands a file to `take`, which says what it assumed; one over the limit is refused in the page."""
    control = Upload(
        label=f"Upload {what} (CSV, Excel or Parquet)", accept=".csv,.xlsx,.parquet", max_bytes=UPLOAD_BYTES
    )

    def arrived(name: str, data: bytes) -> None:
        notes = take(name, data)
        changed()
        control.say(f"{name} was read.", messages=notes)

    control.on_file(arrived)
    return control
