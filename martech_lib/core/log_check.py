"""Checks of a log, done by its engine: one query counts the faults of every kind, more fetch the first rows of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from martech_lib.core.check import BLANK, allowed_in_words, misspelt
from martech_lib.core.errors import SHOWN_PER_TABLE, Problem, did_you_mean, nearest, shown
from martech_lib.core.logs import WRITTEN, Log, engine_errors, unreadable
from martech_lib.core.parse import DATES_ARE, EXPECTED
from martech_lib.core.spoken import count, fitting
from martech_lib.core.tables import NUMERIC, Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

ROW = "row of the file"
OFFSET = r"([Zz]|[+-]\d\d:?\d\d)\s*$"
EXPECTED_HERE = {
    "timestamp": "is not a time; write it like 2026-03-31T14:05:00+02:00",
    "date": f"is not a date; {DATES_ARE}",
    "money": "is not an amount of money; logs hold plain numbers, like 1234.5",
}


class Rule(NamedTuple):
    """One thing a column must satisfy: the rows that breach it, and what to say of them."""

    column: Column
    breach: ir.BooleanValue
    message: str


def check_log(log: Log, file: str) -> tuple[int, list[Problem]]:
    """Rows of the log, and its problems: the first of each kind, then their count. Reads the log once or twice.

    Raises:
        Unreadable: The engine cannot read the log to its end.
    """
    try:
        return _checked(log, file)
    except engine_errors() as error:
        raise unreadable(error) from error


def _checked(log: Log, file: str) -> tuple[int, list[Problem]]:
    header = tuple(c for c in log.cells.columns if not c.endswith(WRITTEN))
    problems = [*_absent(log, header, file), *_mistyped(log, file)]
    rules = list(_rules(log, header))
    counts = _counts(log, rules)
    for number, rule in enumerate(rules):
        if counts[f"rule {number}"]:
            problems += _told(log, rule, int(counts[f"rule {number}"]), file)
    return int(counts["rows"]), problems


def log_notes(log: Log) -> Iterator[str]:
    """Columns that may be misspelt, rows that share an identifier, times of two clocks."""
    header = tuple(c for c in log.table.columns)
    for name, meant in misspelt(log.form, header):
        yield f"column '{shown(name)}' is not known and was not used; did you mean {meant}?"
    if log.form.key and set(log.form.key) <= set(header):
        key = log.table[log.form.key[0]]
        repeated = int((key.count() - key.nunique()).execute())
        if repeated:
            words = f"{count(repeated, 'row')} {fitting(repeated, 'repeats', 'repeat')}"
            yield f"{words} a {log.form.key[0]} that another row has"
    yield from clock_notes(log)


def clock_notes(log: Log) -> Iterator[str]:
    """Columns of times of which some have an offset and some have none: both are read, and how is told."""
    for column in log.form.columns:
        if column.kind == "timestamp" and column.name + WRITTEN in log.cells.columns:
            yield from _two_clocks(log, column.name)


def _two_clocks(log: Log, name: str) -> Iterator[str]:
    written: Any = _as_written(log, name)
    if not written.type().is_string():
        return
    zoned = written.re_search(OFFSET).ifelse(1, 0).sum()
    found = log.cells.aggregate(zoned=zoned, all=written.count()).to_pyarrow().to_pylist()[0]
    with_offset, without = int(found["zoned"] or 0), int(found["all"]) - int(found["zoned"] or 0)
    if with_offset and without:
        yield (
            f"{name}: {count(with_offset, 'time')} with an offset and {without:,} without; those without were read in "
            "the time zone of the profile"
        )


def _absent(log: Log, header: tuple[str, ...], file: str) -> Iterator[Problem]:
    strangers = [name for name in header if name not in log.form.names]
    for name in log.form.required:
        if name not in header:
            meant = nearest(name, strangers)
            hint = f"; the nearest column of the file is '{shown(meant)}'" if meant else ""
            message = f"is missing; this column is required{hint}"
            yield Problem(log.name, file, log.header_line, name, "", message)


def _mistyped(log: Log, file: str) -> Iterator[Problem]:
    """Columns of a database that are of another type than declared (those of a file have been cast)."""
    for column in log.form.columns:
        if column.name not in log.table.columns:
            continue
        found = log.table[column.name].type()
        fits = found.is_timestamp() or found.is_date() if column.kind in ("timestamp", "date") else found.is_numeric()
        if column.kind in (*NUMERIC, "timestamp", "date") and not fits:
            message = f"is of type {found}; it must be a {'number' if column.kind in NUMERIC else column.kind}"
            yield Problem(log.name, file, None, column.name, "", message)


def _rules(log: Log, header: tuple[str, ...]) -> Iterator[Rule]:
    for column in log.form.columns:
        if column.name not in header:
            continue
        value, text = log.cells[column.name], _as_written(log, column.name)
        if column.required and not column.blank_ok:
            yield Rule(column, text.isnull(), BLANK)
        if column.name + WRITTEN in log.cells.columns:
            yield Rule(column, value.isnull() & text.notnull(), EXPECTED_HERE.get(column.kind) or EXPECTED[column.kind])
        if column.kind == "choice":
            yield Rule(column, value.notnull() & ~value.isin(column.allowed), allowed_in_words(column))
        if value.type().is_numeric() and column.low is not None:
            yield Rule(column, value < column.low, allowed_in_words(column))
        if value.type().is_numeric() and column.high is not None:
            yield Rule(column, value > column.high, allowed_in_words(column))


def _as_written(log: Log, name: str) -> ir.Value:
    return log.cells[name + WRITTEN if name + WRITTEN in log.cells.columns else name]


def _counts(log: Log, rules: list[Rule]) -> dict[str, Any]:
    faulty = (rule.breach.fill_null(False).ifelse(1, 0) for rule in rules)
    sums: dict[str, Any] = {f"rule {i}": column.sum() for i, column in enumerate(faulty)}
    found = log.cells.aggregate(rows=log.cells.count(), **sums).to_pyarrow().to_pylist()[0]
    return {name: value or 0 for name, value in found.items()}


def _told(log: Log, rule: Rule, count: int, file: str) -> Iterator[Problem]:
    name = rule.column.name
    written = _as_written(log, name).cast("string")
    numbered = log.cells.mutate(**{ROW: _row_number(), "breach": rule.breach, "text": written})
    first = numbered.filter(numbered["breach"])[[ROW, "text"]].limit(SHOWN_PER_TABLE).to_pyarrow().to_pylist()
    for found in first:
        row = None if log.header_line is None else log.header_line + 1 + int(found[ROW])
        value = shown(found["text"] or "")
        hint = did_you_mean(value, rule.column.allowed) if rule.column.kind == "choice" else ""
        yield Problem(log.name, file, row, name, value, rule.message + hint)
    if count > len(first):
        rest = f"and {count - len(first):,} more rows where it {rule.message} ({count:,} in all)"
        yield Problem(log.name, file, None, name, "", rest)


def _row_number() -> Any:
    import ibis

    return ibis.row_number()
