"""profile.csv: facts in rows. Turned on its side it is a table of one row, checked like every other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd

from martech_lib.core.check import Breach, breaches
from martech_lib.core.errors import did_you_mean
from martech_lib.core.parse import parse_column
from martech_lib.core.tables import Table, profile_facts

FACTS = "profile facts"


def profile_breaches(frame: pd.DataFrame) -> list[Breach]:
    """What is wrong with the facts of a frame (key, value): unknown and missing keys, unfit values."""
    facts, rows = profile_facts(), _rows(frame)
    found = [
        Breach(position, "key", f"is not a fact of the profile{did_you_mean(key, facts)}")
        for key, position in rows.items()
        if key and key not in facts
    ]
    wide, unreadable = _wide(frame, rows)
    faulty = {b.position for b in unreadable}
    told = [_told(breach, rows) for breach in breaches(_table(), wide)]
    return [*found, *unreadable, *(b for b in told if b.position is None or b.position not in faulty)]


def profile_facts_of(frame: pd.DataFrame) -> dict[str, Any]:
    """The known facts that are filled and readable: float, int for whole numbers, str, bool, tuple, date."""
    wide, _ = _wide(frame, _rows(frame))
    found = {str(name): _plain(wide[name].iloc[0]) for name in wide.columns}
    return {name: value for name, value in found.items() if value is not None and value != ()}


def _told(breach: Breach, rows: dict[str, int]) -> Breach:
    """A breach of the table turned on its side, told of the row of profile.csv."""
    if breach.column not in rows:
        return Breach(None, "key", f"{breach.column} is missing; a row with this key is required")
    given = "" if "is blank" in breach.message else "given for "
    return Breach(rows[breach.column], "value", f"{given}{breach.column} {breach.message}")


def _table() -> Table:
    columns = tuple(profile_facts().values())
    return Table(FACTS, log=False, key=(), columns=columns, meaning="", switches_on="")


def _rows(frame: pd.DataFrame) -> dict[str, int]:
    """Key (in its declared spelling) -> position of its first row."""
    known = {name.casefold(): name for name in profile_facts()}
    rows: dict[str, int] = {}
    for position, key in enumerate(frame["key"].fillna("")):
        rows.setdefault(known.get(key.casefold(), key), position)
    return rows


def _wide(frame: pd.DataFrame, rows: dict[str, int]) -> tuple[pd.DataFrame, list[Breach]]:
    """One typed row with a column for each known key that is there, and the values that cannot be read."""
    columns: dict[str, pd.Series] = {}
    unreadable: list[Breach] = []
    values = _values(frame)
    for name, column in profile_facts().items():
        if name not in rows:
            continue
        parsed = parse_column(column, [values.iloc[rows[name]]])
        columns[name] = parsed.values
        unreadable += [Breach(rows[name], "value", f"given for {name} {fault.message}") for fault in parsed.faults]
    return pd.DataFrame(columns, index=[0]), unreadable


def marked_amounts(frame: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """(position, currency) of each amount that bears a currency."""
    rows = _rows(frame)
    for name, column in profile_facts().items():
        if column.kind == "money" and name in rows:
            parsed = parse_column(column, [_values(frame).iloc[rows[name]]])
            if parsed.currency:
                yield rows[name], parsed.currency


def _values(frame: pd.DataFrame) -> pd.Series:
    return frame["value"].fillna("") if "value" in frame else pd.Series("", index=frame.index)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | bool | str):
        return value
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return date(value.year, value.month, value.day)
    return float(value)
