"""One register: bytes -> typed frame, problems, notes. The same way for a folder, a database and an upload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from martech_lib.core.check import (
    INTERVALS,
    IS_BLANK,
    STANDS,
    Breach,
    breaches,
    interval_breaches,
    lens_breaches,
    misspelt,
    test_breaches,
    tool_breaches,
)
from martech_lib.core.errors import Problem, shown
from martech_lib.core.files import RawTable, Unreadable, read_raw
from martech_lib.core.grid import gaps
from martech_lib.core.limits import limit_breaches
from martech_lib.core.numbers import read_number
from martech_lib.core.parse import Parsed, parse_column, rows_named
from martech_lib.core.profile import marked_amounts, profile_breaches
from martech_lib.core.tables import Column, Table, table


class Mark(NamedTuple):
    """The first amount of a column that bears a currency: where it stands, and the code of the currency."""

    column: str
    code: str
    row: int
    value: str


class Register(NamedTuple):
    """A register as read.

    Attributes:
        frame: Typed columns, those of the file alone: the declared ones first, then the others as text.
        problems: What must be put right; while there is any, the frame is not to be used.
        notes: What was assumed in reading.
        marks: Where amounts bear a currency.
    """

    frame: pd.DataFrame
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()


def parse_register(name: str, data: bytes, filename: str) -> Register:
    """Read and check the bytes of a register, as from an upload; no rows when there are none or they cannot be read."""
    return read_register(table(name), data, filename)


def in_one_currency(
    found: Register, home: str, *, name: str, file: str, said: str = "profile.csv says that amounts are in"
) -> Register:
    """The register, with a problem for each column whose amounts bear another currency than `home`, the profile's.

    Args:
        home: Code of the currency; "" when the profile names none, which stands for USD.
        said: Who says that it is this one.
    """
    others = [mark for mark in found.marks if mark.code != (home or "USD")]
    unnamed = "profile.csv names no currency, which stands for USD: add a row currency there"
    reason = f"{said} {home}" if home else unnamed
    told = (Problem(name, file, m.row, m.column, m.value, f"is in {m.code}; {reason}") for m in others)
    return found._replace(problems=(*found.problems, *told))


def read_register(declared: Table, data: bytes, filename: str) -> Register:
    """Read and check the bytes of one register. Never raises for what the bytes hold."""
    try:
        raw = read_raw(data, filename=filename, expects=declared.names)
    except Unreadable as error:
        problem = Problem(declared.name, filename, error.row, "", "", str(error))
        return Register(empty_frame(declared), (problem,))
    return check_register(declared, raw, filename)


def check_register(declared: Table, raw: RawTable, filename: str) -> Register:
    """Type and check the cells of one register."""
    if not raw.lines and not raw.faults:
        return Register(empty_frame(declared), notes=raw.notes)
    parsed = {name: parse_column(_declaration(declared, name), raw.cells[name]) for name in _order(declared, raw)}
    frame = pd.DataFrame({name: p.values for name, p in parsed.items()}, index=range(len(raw.lines)))
    problems = [
        *(Problem(declared.name, filename, f.row, f.column, f.value, f.message) for f in raw.faults),
        *_problems(declared, raw, filename, _all_breaches(declared, raw, parsed, frame)),
    ]
    notes = [*raw.notes, *(note for p in parsed.values() for note in p.notes), *_strangers(declared, raw)]
    return Register(frame, tuple(problems), tuple(notes), tuple(_marks(declared, raw, parsed, frame)))


def _marks(declared: Table, raw: RawTable, parsed: Mapping[str, Parsed], frame: pd.DataFrame) -> Iterator[Mark]:
    for name, column in parsed.items():
        if column.currency:
            first = next(i for i, text in enumerate(raw.cells[name]) if (n := read_number(text)) and n.currency)
            yield Mark(name, column.currency, raw.lines[first], shown(raw.cells[name][first]))
    if declared.name == "profile" and {"key", "value"} <= set(frame):
        for position, code in marked_amounts(frame):
            yield Mark("value", code, raw.lines[position], shown(raw.cells["value"][position]))


def empty_frame(declared: Table) -> pd.DataFrame:
    """A frame of all declared columns without rows."""
    return pd.DataFrame({c.name: parse_column(c, []).values for c in declared.columns})


def _order(declared: Table, raw: RawTable) -> list[str]:
    known = [name for name in raw.header if name in declared.names]
    return known + [name for name in raw.header if name not in declared.names]


def _declaration(declared: Table, name: str) -> Column:
    return declared.column(name) if name in declared.names else Column(name, "text")


def _all_breaches(
    declared: Table, raw: RawTable, parsed: Mapping[str, Parsed], frame: pd.DataFrame
) -> Iterable[Breach]:
    unread = [Breach(f.position, name, f.message) for name, p in parsed.items() for f in p.faults]
    without_key = _without_key(declared, frame)
    found = [b for b in breaches(declared, frame) if not _explained(b, raw, without_key)]
    if declared.name == "profile" and {"key", "value"} <= set(frame):
        found += profile_breaches(frame)
    if declared.name.startswith("inventory") and "tool" in frame:
        found += tool_breaches(frame)
    if declared.name == "thresholds" and {"rule_id", "threshold"} <= set(frame):
        found += limit_breaches(frame)
    middle = INTERVALS.get(declared.name, "")
    if {middle, "lower", "upper"} <= set(frame):
        found += [b for b in interval_breaches(frame, middle) if not _explained(b, raw, without_key)]
    if declared.name == "lenses" and {"channel", "lens", "month"} <= set(frame):
        repeated = {b.position for b in found if b.message.startswith(STANDS)}
        found += [b for b in lens_breaches(frame) if b.position not in repeated]
    if declared.name == "lift_tests" and {"start", "end"} <= set(frame):
        found += test_breaches(frame)
    named = [name for name in declared.grid if name in frame]
    if declared.grid and len(named) == len(declared.grid) and len(frame) and frame[named].notna().to_numpy().all():
        found += gaps(declared, frame)
    return unread + found


def _without_key(declared: Table, frame: pd.DataFrame) -> set[int]:
    """Positions of the rows whose key is blank or unreadable."""
    required = [c for c in declared.key if c in frame and declared.column(c).required]
    return set(frame.index[frame[required].isna().any(axis=1)]) if required else set()


def _explained(breach: Breach, raw: RawTable, without_key: set[int]) -> bool:
    """Whether a breach only follows from a cell that is told already as unreadable or blank."""
    if breach.position is None:
        return False
    if breach.message.startswith(IS_BLANK):
        return bool(raw.cells[breach.column][breach.position])
    return breach.position in without_key and breach.message.startswith(STANDS)


def _problems(declared: Table, raw: RawTable, filename: str, found: Iterable[Breach]) -> list[Problem]:
    order = {name: place for place, name in enumerate(raw.header)}
    lines = raw.lines
    problems = []
    for breach in sorted(found, key=lambda b: (_place(b.position), order.get(b.column, -1))):
        line = raw.header_line if breach.position is None else lines[breach.position]
        value = "" if breach.position is None else shown(raw.cells[breach.column][breach.position])
        message = rows_named(breach.message, lambda position: lines[position])
        row = None if breach.position is None and breach.column in raw.cells else line
        problems.append(Problem(declared.name, filename, row, breach.column, value, message))
    return problems


def _place(position: int | None) -> int:
    return -1 if position is None else position


def _strangers(declared: Table, raw: RawTable) -> Iterable[str]:
    for name, meant in misspelt(declared, raw.header):
        yield f"column '{shown(name)}' is not known and was not used; did you mean {meant}?"
