"""Every input table, declared once: its columns, their kinds, units, allowed values and meaning.

The declarations are data beside this file: tables.csv (one row a table), columns.csv (one row a column; the
rows of `profile.value` are the facts that profile.csv may hold) and taxonomy.csv (the categories of tools).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

from martech_lib.core.errors import UnknownTable, did_you_mean

HERE = Path(__file__).resolve().parent
EXTRACTS = "extracts"
PROFILE_FACTS = "profile.value"
Kind = Literal[
    "text", "choice", "list", "number", "integer", "money", "share", "percent", "date", "timestamp", "boolean"
]
NUMERIC: frozenset[str] = frozenset({"number", "integer", "money", "share", "percent"})


@dataclass(frozen=True)
class Column:
    """One column of a table, or one fact of the profile.

    Attributes:
        name: Its name in the header.
        kind: What its cells hold. A share is a fraction (0.14, "14 %" is read as 0.14); a percent runs 0 to 100;
            a list has ";" between its items.
        required: It must be there; its cells must be filled unless `blank_ok`.
        blank_ok: A required column whose blanks mean something.
        unit: What is counted, or a form the text must have ("quarter", "time zone").
        allowed: The values it may take; empty when any.
        low: Smallest value, itself allowed.
        high: Largest value, itself allowed.
        example: A cell as it could be written.
        meaning: What it says.
    """

    name: str
    kind: Kind
    required: bool = False
    blank_ok: bool = False
    unit: str = ""
    allowed: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    example: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Table:
    """One input table.

    Attributes:
        name: Its name; the file is `name`.csv, .xlsx or .parquet.
        log: True for large tables written by systems, False for registers kept by people.
        key: Columns that together name a row; no two rows of a register share them.
        grid: Columns whose every combination must be present, the date first.
        columns: Its columns, in order.
        meaning: What one row is.
        switches_on: What is not measured without it.
        form_of: The table of which this is another accepted form, "" for a table of its own.
        number: Its number in the data dictionary.
    """

    name: str
    log: bool
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    meaning: str
    switches_on: str
    grid: tuple[str, ...] = ()
    form_of: str = ""
    number: str = ""

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""
        return tuple(c.name for c in self.columns if c.required)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all declared columns."""
        return tuple(c.name for c in self.columns)

    def column(self, name: str) -> Column:
        """The declaration of a column. Raises KeyError when there is none of this name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}{did_you_mean(name, self.names)}")


@cache
def tables() -> Mapping[str, Table]:
    """All tables by name, in the order of the data dictionary."""
    columns = _columns()
    found = {row["name"]: _table(row, columns) for row in _records("tables.csv")}
    return MappingProxyType(found)


def table(name: str) -> Table:
    """The declaration of a table; `extracts/<system>` is one of the extracts. Raises UnknownTable."""
    if name.startswith(f"{EXTRACTS}/"):
        return replace(tables()[EXTRACTS], name=name)
    if name in tables():
        return tables()[name]
    raise UnknownTable(f"{name!r} is not a table of the workbook{did_you_mean(name, tables())}")


def profile_facts() -> Mapping[str, Column]:
    """The facts that profile.csv may hold, by key."""
    return MappingProxyType({c.name: c for c in _columns()[PROFILE_FACTS]})


def categories() -> tuple[str, ...]:
    """The categories a tool may have."""
    return tuple(row["category"] for row in _records("taxonomy.csv"))


def form_for(name: str, header: tuple[str, ...]) -> Table:
    """The form of this table whose required columns the header covers best."""
    forms = [table(name), *(t for t in tables().values() if t.form_of == name)]
    return max(forms, key=lambda t: sum(c in header for c in t.required) / len(t.required))


def _table(row: dict[str, str], columns: Mapping[str, tuple[Column, ...]]) -> Table:
    return Table(
        name=row["name"],
        log=row["log"] == "yes",
        key=_items(row["key"]),
        columns=columns[row["columns_of"] or row["name"]],
        meaning=row["meaning"],
        switches_on=row["switches_on"],
        grid=_items(row["grid"]),
        form_of=row["form_of"],
        number=row["number"],
    )


@cache
def _columns() -> Mapping[str, tuple[Column, ...]]:
    grouped: dict[str, list[Column]] = {}
    for row in _records("columns.csv"):
        grouped.setdefault(row["table"], []).append(_column(row))
    return {name: tuple(members) for name, members in grouped.items()}


def _column(row: dict[str, str]) -> Column:
    return Column(
        name=row["name"],
        kind=cast(Kind, row["kind"]),
        required=row["required"] != "no",
        blank_ok=row["required"] == "column",
        unit=row["unit"],
        allowed=categories() if row["allowed"] == "@taxonomy" else _items(row["allowed"]),
        low=float(row["low"]) if row["low"] else None,
        high=float(row["high"]) if row["high"] else None,
        example=row["example"],
        meaning=row["meaning"],
    )


def _items(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(";") if item.strip())


@cache
def _records(file: str) -> list[dict[str, str]]:
    with (HERE / file).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))
