"""The rows of a typed frame as plain records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

Row = Mapping[str, Any]


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """One dictionary a row: a blank is None, a day is a `date`; a column that is absent is no key."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(key): _day(cell) for key, cell in row.items()} for row in plain.to_dict("records")]


def _day(cell: Any) -> Any:
    return cell.date() if isinstance(cell, pd.Timestamp) else cell
