"""A typed table against its declaration: pandera finds the faults, our own words tell them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from martech_lib.core.errors import did_you_mean, nearest, shown
from martech_lib.core.parse import folded, row_mark
from martech_lib.core.tables import Column, Table

if TYPE_CHECKING:
    import pandera.pandas as pa

IS_BLANK = "is blank"
BLANK = f"{IS_BLANK}; a value is required"
STANDS = "stands in"
REPEATED = "multiple_fields_uniqueness"
FAILURE = ("check", "column", "failure_case", "index")  # what pandera says of a failure
HINTED = 200  # so many problems of a column name the nearest value, which is slow to find
QUARTER = re.compile(r"[0-9]{4}-Q[1-4]")
CURRENCY = re.compile(r"[A-Za-z]{3}")
WHOLE_STACK = "stack"


class Breach(NamedTuple):
    """One breach of a declaration: the position of the row (None: the header), the column, and what is allowed."""

    position: int | None
    column: str
    message: str


def breaches(table: Table, frame: pd.DataFrame) -> list[Breach]:
    """All breaches of a typed frame, whose index is 0, 1, 2, ...; unreadable cells count as blank here."""
    from pandera.errors import SchemaErrors

    try:
        _schema(table, tuple(frame.columns)).validate(frame, lazy=True)
    except SchemaErrors as error:
        return list(_told(table, frame, error.failure_cases))
    return []


OF_ANY_BASIS = "media mix"  # one lens, whatever its basis
ONE_A_MONTH = "keep one row a channel, lens and month: leave one out, or add parts of a month up"
INTERVALS = {"lenses": "estimate", "lift_tests": "incremental_conversions"}  # what their lower and upper are about


def interval_breaches(frame: pd.DataFrame, middle: str) -> Iterator[Breach]:
    """Intervals that are none: half of one, the wrong way round, without a level, or beside their own estimate."""
    level = frame["level"] if "level" in frame else [float("nan")] * len(frame)
    rows = zip(frame[middle], frame["lower"], frame["upper"], level, strict=True)
    for position, (estimate, lower, upper, sure) in enumerate(rows):
        if pd.isna(lower) and pd.isna(upper):
            continue
        if pd.isna(lower) or pd.isna(upper):
            yield Breach(
                position, "lower" if pd.isna(lower) else "upper", f"{IS_BLANK} beside the other bound; give both"
            )
        elif lower > upper:
            yield Breach(position, "lower", f"is above upper, {upper:g}: the bounds stand the wrong way round")
        elif lower == upper:
            yield Breach(position, "lower", "is the same as upper; an interval has a width")
        elif not pd.isna(estimate) and not lower <= estimate <= upper:
            yield Breach(position, middle, f"lies outside its own interval, {lower:g} to {upper:g}")
        if sure in (0, 1):
            yield Breach(position, "level", "is no level of an interval; it lies between 0 and 1, such as 0.9")
        elif "level" not in frame:
            yield Breach(position, "lower", "has no level beside it; add the column level, such as 0.9")
        elif pd.isna(sure):
            yield Breach(position, "level", f"{IS_BLANK}; an interval needs its level, such as 0.9")


def test_breaches(frame: pd.DataFrame) -> Iterator[Breach]:
    """Lift tests that end before they begin, or cover none of the market."""
    for position, (start, end) in enumerate(zip(frame["start"], frame["end"], strict=True)):
        if start > end:
            yield Breach(position, "end", f"is before the start, {start:%Y-%m-%d}")
    for position, share in enumerate(frame.get("scope_share", ())):
        if share == 0:
            yield Breach(position, "scope_share", "is none of the market; leave it blank for all of it")


def lens_breaches(frame: pd.DataFrame) -> Iterator[Breach]:
    """Estimates of one lens for one channel and month that stand there twice, which would be added up: by capitals and
    spaces of the name, by another day of the month, or, of media mix, by another basis."""
    bases = frame["basis"] if "basis" in frame else [None] * len(frame)
    first: dict[tuple[str, ...], tuple[int, dict[str, Any]]] = {}
    cells = zip(frame["channel"], frame["lens"], frame["month"], bases, strict=True)
    for position, (channel, lens, month, basis) in enumerate(cells):
        if pd.isna(channel) or pd.isna(lens) or pd.isna(month):
            continue
        name = folded(str(lens))
        of = "" if name == OF_ANY_BASIS or pd.isna(basis) else str(basis)
        written = {"lens": lens, "month": month, "basis": basis}
        earlier, before = first.setdefault((str(channel), name, f"{month:%Y-%m}", of), (position, written))
        if earlier != position:
            column = next((c for c in written if c in frame and str(written[c]) != str(before[c])), "lens")
            told = f"gives {shown(channel)} a second estimate by {shown(lens)} for {month:%Y-%m}"
            yield Breach(position, column, f"{told}, after {row_mark(earlier)}; {ONE_A_MONTH}")


def tool_breaches(frame: pd.DataFrame) -> Iterator[Breach]:
    """Names that would make two tools of one, or a tool of the stack as a whole."""
    first: dict[str, tuple[int, str]] = {}
    for position, name in enumerate(frame["tool"].tolist()):
        if not isinstance(name, str):
            continue
        plain = folded(name)
        if plain == WHOLE_STACK:
            yield Breach(position, "tool", "is how findings call the stack as a whole; give the tool another name")
        earlier, written = first.setdefault(plain, (position, name))
        if earlier != position and written != name:
            yield Breach(position, "tool", f"{STANDS} {row_mark(earlier)} already, written '{shown(written)}'")


def misspelt(table: Table, header: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(column of the file, optional column it may mean) for columns that are not declared."""
    absent = [c.name for c in table.columns if not c.required and c.name not in header]
    for name in header:
        if name and name not in table.names and (meant := nearest(name, absent)):
            yield name, meant


def is_time_zone(name: str) -> bool:
    """Whether this is the name of a time zone, such as Europe/Berlin."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


FORMS: dict[str, tuple[Callable[[str], bool], str]] = {
    "quarter": (lambda text: bool(QUARTER.fullmatch(text)), "is not a quarter; write it like 2026-Q3"),
    "time zone": (is_time_zone, "is not the name of a time zone; write it like Europe/Berlin"),
    "ISO 4217": (lambda text: bool(CURRENCY.fullmatch(text)), "is not the code of a currency; write it like USD"),
}


@lru_cache(maxsize=64)
def _schema(table: Table, header: tuple[str, ...]) -> pa.DataFrameSchema:
    import pandera.pandas as pa

    key = [name for name in table.key if name in header]
    whole = all(name in header for name in table.key if table.column(name).required)
    return pa.DataFrameSchema(
        {c.name: _column(c) for c in table.columns},
        unique=key if key and whole else None,
        report_duplicates="exclude_first",
    )


def _column(column: Column) -> pa.Column:
    import pandera.pandas as pa

    filled = column.required and not column.blank_ok
    return pa.Column(nullable=not filled, required=column.required, checks=_checks(column))


def _checks(column: Column) -> list[pa.Check]:
    import pandera.pandas as pa

    found: list[pa.Check] = []
    if column.kind == "choice":
        found.append(pa.Check.isin(column.allowed))
    elif column.kind == "list" and column.allowed:
        found.append(pa.Check(lambda items: set(items) <= set(column.allowed), element_wise=True))
    elif column.unit in FORMS:
        found.append(pa.Check(FORMS[column.unit][0], element_wise=True))
    if column.low is not None:
        found.append(pa.Check.ge(column.low))
    if column.high is not None:
        found.append(pa.Check.le(column.high))
    return found


def _told(table: Table, frame: pd.DataFrame, cases: pd.DataFrame) -> Iterator[Breach]:
    columns = {name: frame[name].tolist() for name in table.names if name in frame}
    told: Counter[str] = Counter()
    for kind, name, found, index in zip(*(cases[c] for c in FAILURE), strict=True):
        told[name] += 1
        if kind == "column_in_dataframe":
            yield _absent(table, frame, str(found))
        elif kind == "not_nullable":
            yield Breach(int(index), name, BLANK)
        elif kind != REPEATED:
            message = _not_allowed(table.column(name), columns[name][int(index)], told[name] <= HINTED)
            yield Breach(int(index), name, message)
    if (cases["check"] == REPEATED).any():
        yield from _repeated(table, frame)


def _absent(table: Table, frame: pd.DataFrame, name: str) -> Breach:
    strangers = [str(c) for c in frame.columns if c not in table.names]
    meant = nearest(name, strangers)
    hint = f"; the nearest column of the file is '{shown(meant)}'" if meant else ""
    return Breach(None, name, f"is missing; this column is required{hint}")


def allowed_in_words(column: Column) -> str:
    """What is wrong with a readable value that is not allowed in this column."""
    if column.unit in FORMS:
        return FORMS[column.unit][1]
    if column.allowed:
        return f"is not one of {', '.join(column.allowed)}"
    return f"is not allowed; {_range(column)}"


@lru_cache(maxsize=4096)
def _not_allowed(column: Column, value: Any, hint: bool) -> str:
    if not column.allowed:
        return allowed_in_words(column)
    strangers = [item for item in value if item not in column.allowed] if isinstance(value, tuple) else [str(value)]
    named = f"'{shown(strangers[0])}' " if isinstance(value, tuple) else ""
    meant = did_you_mean(strangers[0], column.allowed) if hint else ""
    return f"{named}{allowed_in_words(column)}{meant}"


def _range(column: Column) -> str:
    low, high = (None if limit is None else f"{limit:g}" for limit in (column.low, column.high))
    if low and high:
        percent = ", or a percentage such as 14 %" if column.kind == "share" else ""
        return f"it must be from {low} to {high}{percent}"
    return f"it must be {low} or more" if low else f"it must be {high} or less"


def _repeated(table: Table, frame: pd.DataFrame) -> Iterator[Breach]:
    """Each row whose key stood in an earlier row; the message bears its mark."""
    keys = [name for name in table.key if name in frame]
    groups = frame.groupby(keys, dropna=False, sort=False).ngroup()
    first = pd.Series(range(len(frame))).groupby(groups.to_numpy()).transform("first")
    named = " and ".join(keys)
    for position, earlier in enumerate(first.tolist()):
        if earlier != position:
            yield Breach(position, keys[0], f"{STANDS} {row_mark(earlier)} already; {named} must be unique")
