"""CSV files that a spreadsheet opens without running anything in them, and that read back as they were."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

ACTIVE = re.compile(r"^'*[=+\-@\t\r]")
PLAIN_NUMBER = re.compile(r"^[+-]?[\d,]*\.?\d+(e[+-]?\d+)?$", re.IGNORECASE)


def escape_cell(text: str) -> str:
    """Prefix with ' what a spreadsheet would run as a formula; a plain number stays a number."""
    return f"'{text}" if ACTIVE.match(text) and not PLAIN_NUMBER.match(text) else text


def unescape_cell(text: str) -> str:
    """The cell as it was before `escape_cell`."""
    return text[1:] if text.startswith("'") and ACTIVE.match(text[1:]) else text


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Every cell of a typed frame as a person would write it: ISO dates, yes/no, 24000, "" for blank."""
    return frame.map(cell_text)


def cell_text(value: Any) -> str:
    """One typed value as text."""
    if isinstance(value, (tuple, list)):
        return "; ".join(map(str, value))
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value == value.normalize() and value.tzinfo is None else value.isoformat()
    if isinstance(value, float):
        return f"{value:.10g}" if abs(value) < 1e9 else repr(value).removesuffix(".0")
    return str(value)


def to_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV with a header row; blank cells stay blank, text that looks like a formula is made inert."""
    safe = as_text(frame).map(escape_cell).rename(columns=lambda name: escape_cell(str(name)))
    return safe.to_csv(index=False, lineterminator="\n").encode("utf-8")
