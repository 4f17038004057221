"""Text cells -> typed columns. Each distinct text is read once, so a column of 5,000 rows takes milliseconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.numbers import TwoReadings, Written, decimal_mark, read_number
from martech_lib.core.tables import NUMERIC, Column

ISO_DATE = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
MOST_MONEY = 1e15  # ten times what the world earns in a year
MARK = "\ue000"
ISO_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})")
DAY_NUMBER = re.compile(r"[1-7][0-9]{4}")  # how Excel stores 1927 to 2119
DAY_ZERO = date(1899, 12, 30)
YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
EXPECTED = {
    "number": "is not a number; write it like 1234.5",
    "integer": "is not a whole number; write it like 12",
    "money": "is not an amount of money; write it like 24000, 24,000 or $24k",
    "share": "is not a share; write it like 0.14 or 14 %",
    "percent": "is not a percentage; write it like 14 or 14 %",
}
FIRST_YEAR, LAST_YEAR = 1970, 2199
DATES_ARE = "dates are written YYYY-MM-DD, like 2026-03-31"


class CellFault(NamedTuple):
    """A cell that cannot be read: its position among the rows, and what is wrong with it."""

    position: int
    message: str


class Parsed(NamedTuple):
    """A typed column.

    Attributes:
        values: Series; text and choice are `str`, numbers float64, dates datetime64[us], booleans True, False or
            None, lists tuples. Blank and unreadable cells are missing (a list: empty).
        faults: Cells that cannot be read.
        notes: What was assumed in reading.
        currency: Code of the currency written in the column, "" when none is.
    """

    values: pd.Series
    faults: tuple[CellFault, ...] = ()
    notes: tuple[str, ...] = ()
    currency: str = ""


def parse_column(column: Column, cells: Sequence[str]) -> Parsed:
    """Type the cells of one column as declared. Never raises: what cannot be read is among the faults."""
    if column.kind in NUMERIC:
        return _numbers(column, cells)
    if column.kind == "date":
        return _dates(column, cells)
    if column.kind == "boolean":
        return _booleans(cells)
    if column.kind == "list":
        lists = {cell: _list(column, cell) for cell in set(cells)}
        return Parsed(pd.Series([lists[cell] for cell in cells], dtype="object"))
    if column.kind == "choice":
        meant = {cell: canonical(column, cell) for cell in set(cells)}
        cells = [meant[cell] for cell in cells]
    return Parsed(pd.Series([cell or None for cell in cells], dtype="str"))


def canonical(column: Column, text: str) -> str:
    """The allowed value that this text means, capitals and spaces aside; else the text itself."""
    plain = folded(text)
    known = {value.casefold(): value for value in column.allowed}
    if plain in YES_NO and {"yes", "no"} <= set(known):
        plain = "yes" if YES_NO[plain] else "no"
    return known.get(plain, text)


def folded(text: str) -> str:
    """The text without capitals and superfluous spaces: what is the same so is one name."""
    return " ".join(text.casefold().split())


def read_date(text: str, *, months: bool = False) -> date | str:
    """A date, or what is wrong with the text; with `months`, 2026-03 is the first of March."""
    found = ISO_DATE.fullmatch(text) or (ISO_MONTH.fullmatch(text) if months else None)
    if found is None:
        return f"is not a date; {'months are written YYYY-MM, like 2026-03' if months else DATES_ARE}"
    parts = found.groupdict()
    try:
        found_day = date(int(parts["year"]), int(parts["month"]), int(parts.get("day") or 1))
    except ValueError:
        return f"is a day that does not exist; {DATES_ARE}"
    if not FIRST_YEAR <= found_day.year <= LAST_YEAR:
        return f"is no year for a contract or a log; years from {FIRST_YEAR} to {LAST_YEAR} are read"
    return found_day


def _list(column: Column, cell: str) -> tuple[str, ...]:
    return tuple(canonical(column, item.strip()) for item in cell.split(";") if item.strip())


def _booleans(cells: Sequence[str]) -> Parsed:
    known: dict[str, bool | None] = {cell: YES_NO.get(cell.casefold()) for cell in set(cells)}
    wrong = {c: "is neither yes nor no; write yes, no, or leave it blank" for c in known if c and known[c] is None}
    return Parsed(pd.Series([known[cell] for cell in cells], dtype="object"), _faults(cells, wrong))


def _dates(column: Column, cells: Sequence[str]) -> Parsed:
    found: dict[str, date | None] = {"": None}
    wrong: dict[str, str] = {}
    stored = sorted({cell for cell in cells if DAY_NUMBER.fullmatch(cell)})
    for cell in set(cells) - {""}:
        day = _day_number(cell) if cell in stored else read_date(cell, months=column.unit == "month")
        found[cell] = None if isinstance(day, str) else day
        if isinstance(day, str):
            wrong[cell] = day
    values = pd.Series(np.array([found[cell] for cell in cells], dtype="datetime64[us]"))
    notes = [f"{column.name}: {stored[0]} was read as Excel's day number, {found[stored[0]]}"] if stored else []
    return Parsed(values, _faults(cells, wrong), tuple(notes))


def _day_number(text: str) -> date:
    return DAY_ZERO + timedelta(days=int(text))


def _numbers(column: Column, cells: Sequence[str]) -> Parsed:
    texts = {cell: read_number(cell) for cell in dict.fromkeys(cells) if cell}
    wrong = {cell: message for cell, w in texts.items() if (message := _unfit(column, w))}
    numbers = {cell: w for cell, w in texts.items() if w is not None and cell not in wrong}
    mark = decimal_mark(numbers, strict=column.kind == "money")
    if isinstance(mark, TwoReadings):
        return _two_readings(cells, mark, wrong)
    values = {cell: _value(column, w, mark) for cell, w in numbers.items()}
    if column.kind == "integer":
        wrong |= {cell: EXPECTED["integer"] for cell, value in values.items() if value != int(value)}
    if column.kind == "money":
        wrong |= {cell: "is more than money there is" for cell, value in values.items() if abs(value) > MOST_MONEY}
    currency, mixed = _one_currency(cells, numbers)
    wrong |= mixed
    series = pd.Series([np.nan if cell in wrong else values.get(cell, np.nan) for cell in cells], dtype="float64")
    notes = (f"{column.name} was read with a decimal comma",) if mark == "," else ()
    return Parsed(series, _faults(cells, wrong), notes, currency)


def _unfit(column: Column, written: Written | None) -> str:
    if written is None:
        return EXPECTED[column.kind]
    if written.percent and column.kind not in ("share", "percent"):
        return f"{EXPECTED[column.kind]}, without a percent sign"
    if written.currency and column.kind != "money":
        return f"{EXPECTED[column.kind]}, without a currency"
    return ""


def _value(column: Column, written: Written, mark: str) -> float:
    value = written.comma if mark == "," else written.point
    assert value is not None  # decimal_mark has made sure of it
    return value / 100 if column.kind == "share" and written.percent else value


def _two_readings(cells: Sequence[str], mark: TwoReadings, wrong: Mapping[str, str]) -> Parsed:
    first, second = cells.index(mark.first), cells.index(mark.second)
    other, position = sorted((first, second))
    where = "" if other == position else f" (the other is {row_mark(other)})"
    faults = [CellFault(position, f"{mark.message}{where}"), *_faults(cells, wrong)]
    return Parsed(pd.Series(np.full(len(cells), np.nan)), tuple(sorted(faults)))


def _one_currency(cells: Sequence[str], numbers: Mapping[str, Written]) -> tuple[str, dict[str, str]]:
    """The currency of the column, and a message for each text that bears another one."""
    first = next((cell for cell, w in numbers.items() if w.currency), None)
    if first is None:
        return "", {}
    code = numbers[first].currency
    said = f"'{first}' ({row_mark(cells.index(first))}) is in {code}"
    others = {c: w.currency for c, w in numbers.items() if w.currency not in ("", code)}
    return code, {
        c: f"is in {other}, {said}; a column has one currency, that of profile.csv" for c, other in others.items()
    }


def _faults(cells: Sequence[str], wrong: Mapping[str, str]) -> tuple[CellFault, ...]:
    if not wrong:
        return ()
    return tuple(CellFault(i, wrong[cell]) for i, cell in enumerate(cells) if cell in wrong)


def row_mark(position: int) -> str:
    """Stands in a message for the line of a row; `shown` takes the sign out of all that users write."""
    return f"{MARK}{position}{MARK}"


def rows_named(message: str, line_of: Callable[[int], int]) -> str:
    """The message with every row mark replaced by the line of the file."""
    return re.sub(f"{MARK}([0-9]+){MARK}", lambda found: f"row {line_of(int(found[1]))}", message)
